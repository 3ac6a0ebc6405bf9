//! Of which type is a literal?
//!
//! | written | type, as in Spark |
//! |---|---|
//! | `1.5` | a decimal, by an option of DataFusion's parser |
//! | `1e300` | `DOUBLE`: a decimal can't hold it |
//! | `timestamp '1600-01-01'`, `cast(x AS timestamp)` | microseconds, which hold every year that a table can; not nanoseconds |

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{CastKind, DataType, ExactNumberInfo, Expr, Value, VisitMut, VisitorMut};

const MICROSECONDS: u64 = 6;

/// Gives the literals in a parsed expression or statement the types of the table above.
pub(super) fn typed(parsed: &mut impl VisitMut) {
    let _ = parsed.visit(&mut Typed);
}

struct Typed;

impl VisitorMut for Typed {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Value(found) => {
                if let Value::Number(number, _) = &found.value
                    && number.contains(['e', 'E'])
                {
                    *expr = double(number.clone());
                }
            }
            Expr::TypedString(typed) => in_micros(&mut typed.data_type),
            Expr::Cast { data_type, .. } => in_micros(data_type),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn double(number: String) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Value(Value::SingleQuotedString(number).with_empty_span())),
        data_type: DataType::Double(ExactNumberInfo::None),
        array: false,
        format: None,
    }
}

fn in_micros(data_type: &mut DataType) {
    if let DataType::Timestamp(precision @ None, _) = data_type {
        *precision = Some(MICROSECONDS);
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParserBuilder;

    use super::*;

    fn typed_sql(sql: &str) -> String {
        let mut parsed = DFParserBuilder::new(sql).build().unwrap().parse_into_expr().unwrap();
        typed(&mut parsed.expr);
        parsed.expr.to_string()
    }

    #[test]
    fn exponents_make_doubles_and_timestamps_are_in_microseconds() {
        assert_eq!(typed_sql("a > 1e300"), "a > CAST('1e300' AS DOUBLE)");
        assert_eq!(typed_sql("a > 1.5"), "a > 1.5");
        assert_eq!(typed_sql("t < timestamp '1600-01-01'"), "t < TIMESTAMP(6) '1600-01-01'");
        assert_eq!(typed_sql("t < cast(s AS timestamp(3))"), "t < CAST(s AS TIMESTAMP(3))");
    }
}
