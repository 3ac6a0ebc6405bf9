//! What is asked of a row.

use std::collections::BTreeSet;
use std::fmt;

use super::literal::{Literal, Literals};
use crate::schema::ColumnPath;

/// A condition on the columns of one row, true, false or NULL by the rules of SQL. It says as much of a query's filter
/// as files can be judged by; the rest is [`Predicate::Unknown`]. A condition whose value may differ between two
/// evaluations of one row (`rand()`, the time of day) is `Unknown` too (pitfall C15).
///
/// As in Spark, NaN equals NaN and is above every other number, `-0.0` equals `0.0`, and strings compare by their
/// UTF-8 bytes. A boolean column that stands alone is `Compare(column, Eq, true)`.
///
/// The display form is SQL for people to read. It holds the query's constants: it doesn't belong into `commitInfo` or
/// a log that outlives an erasure.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// Every one of them; true when there is none.
    And(Vec<Predicate>),
    /// At least one of them; false when there is none.
    Or(Vec<Predicate>),
    /// The opposite; NULL stays NULL.
    Not(Box<Predicate>),
    /// A column against a constant.
    Compare(ColumnPath, Comparison, Literal),
    /// Whether the value is NULL. Never NULL itself.
    IsNull(ColumnPath),
    /// Whether the value isn't NULL. Never NULL itself.
    IsNotNull(ColumnPath),
    /// Whether the value is one of the list. A list with a NULL says true or NULL, never false.
    In(ColumnPath, Literals),
    /// Whether a string starts with these characters: `LIKE 'x%'`.
    StartsWith(ColumnPath, String),
    /// The same for every row.
    Const(Option<bool>),
    /// A condition of which nothing is known.
    Unknown,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Eq,
    /// `<>`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtEq,
    /// `>`
    Gt,
    /// `>=`
    GtEq,
    /// `<=>`: two NULLs are equal, and the answer is never NULL.
    NullSafeEq,
}

impl Predicate {
    /// `column op value`.
    pub fn compare(column: ColumnPath, op: Comparison, value: impl Into<Literal>) -> Predicate {
        Predicate::Compare(column, op, value.into())
    }

    /// `column = value`.
    pub fn eq(column: ColumnPath, value: impl Into<Literal>) -> Predicate {
        Predicate::compare(column, Comparison::Eq, value)
    }

    /// `self AND other`.
    #[must_use]
    pub fn and(self, other: Predicate) -> Predicate {
        Predicate::And(vec![self, other])
    }

    /// `self OR other`.
    #[must_use]
    pub fn or(self, other: Predicate) -> Predicate {
        Predicate::Or(vec![self, other])
    }

    /// `NOT self`.
    #[must_use]
    pub fn negated(self) -> Predicate {
        Predicate::Not(Box::new(self))
    }

    /// The columns it names: those whose statistics and partition values are worth reading.
    #[must_use]
    pub fn columns(&self) -> BTreeSet<ColumnPath> {
        let mut columns = BTreeSet::new();
        self.collect_columns(&mut columns);
        columns
    }

    fn collect_columns(&self, columns: &mut BTreeSet<ColumnPath>) {
        match self {
            Predicate::And(parts) | Predicate::Or(parts) => parts.iter().for_each(|p| p.collect_columns(columns)),
            Predicate::Not(inner) => inner.collect_columns(columns),
            Predicate::Compare(column, ..)
            | Predicate::IsNull(column)
            | Predicate::IsNotNull(column)
            | Predicate::In(column, _)
            | Predicate::StartsWith(column, _) => {
                columns.insert(column.clone());
            }
            Predicate::Const(_) | Predicate::Unknown => {}
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparison::Eq => "=",
            Comparison::NotEq => "<>",
            Comparison::Lt => "<",
            Comparison::LtEq => "<=",
            Comparison::Gt => ">",
            Comparison::GtEq => ">=",
            Comparison::NullSafeEq => "<=>",
        })
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Predicate::And(parts) => write_joined(f, parts, " AND ", "TRUE"),
            Predicate::Or(parts) => write_joined(f, parts, " OR ", "FALSE"),
            Predicate::Not(inner) => write!(f, "NOT ({inner})"),
            Predicate::Compare(column, op, value) => write!(f, "{column} {op} {value}"),
            Predicate::IsNull(column) => write!(f, "{column} IS NULL"),
            Predicate::IsNotNull(column) => write!(f, "{column} IS NOT NULL"),
            Predicate::In(column, values) => write!(f, "{column} IN {values}"),
            Predicate::StartsWith(column, prefix) => {
                write!(f, "startswith({column}, {})", Literal::from(prefix.as_str()))
            }
            Predicate::Const(Some(true)) => f.write_str("TRUE"),
            Predicate::Const(Some(false)) => f.write_str("FALSE"),
            Predicate::Const(None) => f.write_str("NULL"),
            Predicate::Unknown => f.write_str("?"),
        }
    }
}

fn write_joined(f: &mut fmt::Formatter<'_>, parts: &[Predicate], by: &str, of_none: &str) -> fmt::Result {
    if parts.is_empty() {
        return f.write_str(of_none);
    }
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(by)?;
        }
        match part {
            Predicate::And(_) | Predicate::Or(_) => write!(f, "({part})")?,
            _ => write!(f, "{part}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> ColumnPath {
        ColumnPath::new([name])
    }

    #[test]
    fn display_is_sql() {
        let nested = ColumnPath::new(["s", "odd`name"]);
        let either = Predicate::Or(vec![
            Predicate::compare(nested, Comparison::NullSafeEq, "it's"),
            Predicate::IsNull(column("b")),
        ]);
        let predicate = Predicate::And(vec![
            Predicate::eq(column("a"), 5),
            either,
            Predicate::In(column("c"), (0..12).collect()).negated(),
            Predicate::compare(column("d"), Comparison::Lt, Literal::date(0)),
            Predicate::compare(column("e"), Comparison::GtEq, Literal::decimal(-150, 5, 2).unwrap()),
            Predicate::eq(column("f"), Literal::timestamp(1)),
            Predicate::eq(column("g"), Literal::timestamp_ntz(i64::MAX)),
            Predicate::eq(column("h"), Literal::null()),
        ]);
        assert_eq!(
            predicate.to_string(),
            "a = 5 AND (s.`odd``name` <=> 'it''s' OR b IS NULL) AND \
             NOT (c IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … 12 values)) AND d < DATE '1970-01-01' AND e >= -1.50 AND \
             f = TIMESTAMP '1970-01-01T00:00:00.000001Z' AND g = ? AND h = NULL"
        );
        assert_eq!(predicate.columns().len(), 9);
        assert_eq!(Predicate::And(vec![]).to_string(), "TRUE");
    }
}
