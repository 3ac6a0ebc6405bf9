//! What does a condition say that files can be judged by?
//!
//! | SQL | predicate |
//! |---|---|
//! | `=`, `<>`, `<`, `<=`, `>`, `>=`, `IS [NOT] DISTINCT FROM` of column and constant | a comparison |
//! | `BETWEEN`, `IN (constants)`, `IS [NOT] NULL`, a boolean column | what they are |
//! | `LIKE 'abc%'`, `starts_with(c, 'abc')` | starts with |
//! | `LIKE 'abc%def'` | starts with `abc`, and something unknown |
//! | `AND`, `OR`, `NOT`, `IS [NOT] TRUE`, `IS [NOT] FALSE` | what they are |
//! | a column cast to a type that has all of its values in the same order | the column |
//! | everything else | unknown |

use arrow::datatypes::DataType as ArrowType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Operator, TryCast, Volatility};
use lakebed_txlog::predicate::{Comparison, Literal, Literals, Predicate};
use lakebed_txlog::schema::{ColumnPath, DataType, StructType};

/// What `expr` says of the columns of `schema`. One whose value may differ between two evaluations says nothing
/// (pitfall C15).
pub(super) fn predicate(expr: &Expr, schema: &StructType) -> Predicate {
    if is_volatile(expr) { Predicate::Unknown } else { Translation { schema }.of(expr) }
}

/// Whether two evaluations may differ: `random()`, and the time of day too.
pub(super) fn is_volatile(expr: &Expr) -> bool {
    let mut volatile = false;
    // The closure never fails.
    let _ = expr.apply(|part| {
        if let Expr::ScalarFunction(function) = part
            && function.func.signature().volatility != Volatility::Immutable
        {
            volatile = true;
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    volatile
}

struct Translation<'a> {
    schema: &'a StructType,
}

impl Translation<'_> {
    fn of(&self, expr: &Expr) -> Predicate {
        match expr {
            Expr::Alias(alias) => self.of(&alias.expr),
            Expr::Literal(ScalarValue::Boolean(value), _) => Predicate::Const(*value),
            Expr::Literal(value, _) if value.is_null() => Predicate::Const(None),
            Expr::BinaryExpr(binary) => self.of_binary(binary),
            Expr::Not(inner) => self.of(inner).negated(),
            Expr::IsNull(inner) => self.column(inner).map_or(Predicate::Unknown, Predicate::IsNull),
            Expr::IsNotNull(inner) => self.column(inner).map_or(Predicate::Unknown, Predicate::IsNotNull),
            Expr::IsTrue(inner) => certainly(self.of(inner)),
            Expr::IsNotTrue(inner) => certainly(self.of(inner)).negated(),
            Expr::IsFalse(inner) => certainly(self.of(inner).negated()),
            Expr::IsNotFalse(inner) => certainly(self.of(inner).negated()).negated(),
            Expr::Between(between) => {
                let low = self.compare(&between.expr, Comparison::GtEq, &between.low);
                let both = low.and(self.compare(&between.expr, Comparison::LtEq, &between.high));
                if between.negated { both.negated() } else { both }
            }
            Expr::InList(list) => {
                let within = self.in_list(&list.expr, &list.list);
                if list.negated { within.negated() } else { within }
            }
            Expr::Like(like) if !like.case_insensitive => {
                let (Some(column), Some(pattern)) = (self.column(&like.expr), text(&like.pattern)) else {
                    return Predicate::Unknown;
                };
                let matched = of_pattern(column, pattern, like.escape_char);
                if like.negated { matched.negated() } else { matched }
            }
            Expr::ScalarFunction(function) if function.name() == "starts_with" => match function.args.as_slice() {
                [of, prefix] => match (self.column(of), text(prefix)) {
                    (Some(column), Some(prefix)) => Predicate::StartsWith(column, prefix.to_owned()),
                    _ => Predicate::Unknown,
                },
                _ => Predicate::Unknown,
            },
            Expr::Column(_) | Expr::ScalarFunction(_) => {
                self.boolean_column(expr).map_or(Predicate::Unknown, |column| Predicate::eq(column, true))
            }
            _ => Predicate::Unknown,
        }
    }

    fn of_binary(&self, binary: &BinaryExpr) -> Predicate {
        let op = match binary.op {
            Operator::And => return self.of(&binary.left).and(self.of(&binary.right)),
            Operator::Or => return self.of(&binary.left).or(self.of(&binary.right)),
            Operator::Eq => Comparison::Eq,
            Operator::NotEq => Comparison::NotEq,
            Operator::Lt => Comparison::Lt,
            Operator::LtEq => Comparison::LtEq,
            Operator::Gt => Comparison::Gt,
            Operator::GtEq => Comparison::GtEq,
            Operator::IsNotDistinctFrom => Comparison::NullSafeEq,
            Operator::IsDistinctFrom => {
                return self.compare(&binary.left, Comparison::NullSafeEq, &binary.right).negated();
            }
            _ => return Predicate::Unknown,
        };
        self.compare(&binary.left, op, &binary.right)
    }

    fn compare(&self, left: &Expr, op: Comparison, right: &Expr) -> Predicate {
        let (of, op, value) = match (constant(left), constant(right)) {
            (None, Some(value)) => (left, op, value),
            (Some(value), None) => (right, swapped(op), value),
            _ => return Predicate::Unknown,
        };
        let (Some(column), Ok(array)) = (self.column(of), value.to_array_of_size(1)) else {
            return Predicate::Unknown;
        };
        match Literal::new(array) {
            Ok(value) => Predicate::Compare(column, op, value),
            Err(_) => Predicate::Unknown,
        }
    }

    fn in_list(&self, of: &Expr, list: &[Expr]) -> Predicate {
        let values: Option<Vec<ScalarValue>> = list.iter().map(|value| constant(value).cloned()).collect();
        let (Some(column), Some(values)) = (self.column(of), values) else { return Predicate::Unknown };
        match ScalarValue::iter_to_array(values) {
            Ok(array) => Predicate::In(column, Literals::new(array)),
            Err(_) => Predicate::Unknown,
        }
    }

    /// The column that `expr` is, through casts that keep every value and its order.
    fn column(&self, expr: &Expr) -> Option<ColumnPath> {
        match expr {
            Expr::Alias(alias) => self.column(&alias.expr),
            Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
                let column = self.column(expr)?;
                keeps_order(&self.leaf(&column)?.to_arrow().ok()?, field.data_type()).then_some(column)
            }
            _ => self.path(expr).map(ColumnPath::new).filter(|column| self.leaf(column).is_some()),
        }
    }

    fn path(&self, expr: &Expr) -> Option<Vec<String>> {
        match expr {
            Expr::Column(column) => Some(vec![column.name.clone()]),
            Expr::ScalarFunction(function) if function.name() == "get_field" => {
                let (of, names) = function.args.split_first()?;
                let mut path = self.path(of)?;
                for name in names {
                    path.push(text(name)?.to_owned());
                }
                Some(path)
            }
            _ => None,
        }
    }

    fn leaf(&self, column: &ColumnPath) -> Option<&DataType> {
        let field = self.schema.field_at(column.names())?;
        matches!(field.data_type, DataType::Primitive(_)).then_some(&field.data_type)
    }

    fn boolean_column(&self, expr: &Expr) -> Option<ColumnPath> {
        let column = self.column(expr)?;
        (self.leaf(&column)? == &DataType::BOOLEAN).then_some(column)
    }
}

/// True where `inner` is, else false: what follows from it for files is what follows from `inner` and something
/// unknown.
fn certainly(inner: Predicate) -> Predicate {
    inner.and(Predicate::Unknown)
}

fn constant(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        Expr::Alias(alias) => constant(&alias.expr),
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    constant(expr)?.try_as_str()?
}

fn swapped(op: Comparison) -> Comparison {
    match op {
        Comparison::Lt => Comparison::Gt,
        Comparison::LtEq => Comparison::GtEq,
        Comparison::Gt => Comparison::Lt,
        Comparison::GtEq => Comparison::LtEq,
        same @ (Comparison::Eq | Comparison::NotEq | Comparison::NullSafeEq) => same,
    }
}

/// `column LIKE pattern`.
fn of_pattern(column: ColumnPath, pattern: &str, escape: Option<char>) -> Predicate {
    if pattern.contains('\\') || escape.is_some_and(|escape| pattern.contains(escape)) {
        return Predicate::Unknown;
    }
    match pattern.find(['%', '_']) {
        None => Predicate::eq(column, pattern),
        Some(0) if pattern != "%" => Predicate::Unknown,
        Some(at) => {
            let (prefix, rest) = pattern.split_at(at);
            let starts = Predicate::StartsWith(column, prefix.to_owned());
            if rest == "%" { starts } else { starts.and(Predicate::Unknown) }
        }
    }
}

/// Whether a cast gives every value of `from` one of its own in `to`, in the same order.
fn keeps_order(from: &ArrowType, to: &ArrowType) -> bool {
    use ArrowType::{Date32, Decimal128, Decimal256, Dictionary, Float32, Float64, Timestamp};
    match (from, to) {
        (from, to) if from == to => true,
        (from, Dictionary(_, values)) => keeps_order(from, values),
        (from, to) if from.is_signed_integer() && to.is_signed_integer() => {
            from.primitive_width() <= to.primitive_width()
        }
        (Float32, Float64) => true,
        // A long beyond 2^53 rounds, in the same order; the comparison itself knows which literals that can matter to.
        (from, Float64) if from.is_signed_integer() => true,
        (from, Decimal128(precision, scale) | Decimal256(precision, scale)) => {
            let (whole, behind) = match from {
                ArrowType::Int8 => (3, 0),
                ArrowType::Int16 => (5, 0),
                ArrowType::Int32 => (10, 0),
                ArrowType::Int64 => (19, 0),
                Decimal128(p, s) => (i16::from(*p) - i16::from(*s), i16::from(*s)),
                _ => return false,
            };
            i16::from(*scale) >= behind && i16::from(*precision) - i16::from(*scale) >= whole
        }
        (Date32, Timestamp(_, None)) => true,
        (Timestamp(from, zone), Timestamp(to, other)) => zone.is_some() == other.is_some() && from <= to,
        (from, to) if from.is_string() && to.is_string() => true,
        (from, to) if from.is_binary() && to.is_binary() => true,
        _ => false,
    }
}
