//! What files say about a column, and the one type that goes with all of it.

use arrow::datatypes::{DataType, FieldRef};

use super::json::Shape;
use super::kind::{Kinds, type_name};
use super::parquet::widens;

/// What was seen of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Evidence {
    /// The caller says its type.
    Declared(FieldRef),
    /// Texts of CSV: every type left holds all of them, and so does a string.
    Texts(Kinds),
    /// Values of JSON.
    Json(Shape),
    /// A type that files state.
    Type(DataType),
}

impl Default for Evidence {
    fn default() -> Evidence {
        Evidence::Type(DataType::Null)
    }
}

impl Evidence {
    /// Both together.
    ///
    /// # Errors
    /// Why no type goes with both.
    pub(super) fn and(self, other: Evidence) -> Result<Evidence, String> {
        Ok(match (self, other) {
            (Evidence::Declared(field), _) | (_, Evidence::Declared(field)) => Evidence::Declared(field),
            (Evidence::Texts(a), Evidence::Texts(b)) => Evidence::Texts(a.and(b)),
            (Evidence::Json(a), Evidence::Json(b)) => Evidence::Json(a.and(b)?),
            // A JSON string is no number or date, but every CSV text is a string.
            (Evidence::Texts(_), Evidence::Json(Shape::Text)) | (Evidence::Json(Shape::Text), Evidence::Texts(_)) => {
                Evidence::Type(DataType::Utf8)
            }
            (Evidence::Texts(texts), Evidence::Json(Shape::Number(numbers)))
            | (Evidence::Json(Shape::Number(numbers)), Evidence::Texts(texts))
                if !texts.and(numbers).is_empty() =>
            {
                Evidence::Texts(texts.and(numbers))
            }
            (Evidence::Texts(_), Evidence::Type(DataType::Utf8))
            | (Evidence::Type(DataType::Utf8), Evidence::Texts(_)) => Evidence::Type(DataType::Utf8),
            (a, b) => {
                let (a, b) = (a.data_type()?, b.data_type()?);
                if widens(&a, &b) {
                    Evidence::Type(b)
                } else if widens(&b, &a) {
                    Evidence::Type(a)
                } else {
                    return Err(format!("{} here, {} there", type_name(&b), type_name(&a)));
                }
            }
        })
    }

    /// The type of the column; `Null` where nothing was seen.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn data_type(&self) -> Result<DataType, String> {
        match self {
            Evidence::Declared(field) => Ok(field.data_type().clone()),
            Evidence::Texts(kinds) => Ok(kinds.narrowest()),
            Evidence::Json(shape) => shape.data_type(),
            Evidence::Type(data_type) => Ok(data_type.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Evidence {
        let mut kinds = Kinds::any();
        values.iter().for_each(|value| kinds.see(value));
        Evidence::Texts(kinds)
    }

    fn type_of(a: Evidence, b: Evidence) -> Result<DataType, String> {
        a.and(b)?.data_type()
    }

    #[test]
    fn files_of_several_formats_agree_where_nothing_is_lost() {
        let number = |digits: &str| {
            let mut kinds = Kinds::any();
            kinds.see(digits);
            Evidence::Json(Shape::Number(kinds))
        };
        assert_eq!(type_of(texts(&["1"]), texts(&["1.5"])), Ok(DataType::Float64));
        assert_eq!(type_of(texts(&["1"]), number("1.5")), Ok(DataType::Float64));
        assert_eq!(type_of(texts(&["1"]), Evidence::Json(Shape::Text)), Ok(DataType::Utf8));
        assert_eq!(type_of(texts(&[]), Evidence::Type(DataType::Int32)), Ok(DataType::Int32));
        assert_eq!(type_of(Evidence::Type(DataType::Int32), Evidence::Type(DataType::Int64)), Ok(DataType::Int64));
        assert!(type_of(texts(&["x"]), number("1")).is_err());
        assert!(type_of(Evidence::Type(DataType::Int64), Evidence::Type(DataType::Float64)).is_err());
    }
}
