//! What constant a column is compared with.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array,
    Int64Array, NullArray, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::{Error, Result};

/// So many values of a list are shown.
const SHOWN_VALUES: usize = 10;

/// One typed constant, NULL included: an Arrow array of one value.
#[derive(Clone, Debug)]
pub struct Literal(ArrayRef);

impl Literal {
    /// The only value of `array`.
    ///
    /// # Errors
    /// `InvalidRequest` when it doesn't hold exactly one.
    pub fn new(array: ArrayRef) -> Result<Literal> {
        if array.len() != 1 {
            return Err(Error::invalid(format!("a literal is one value, not an array of {}", array.len())));
        }
        Ok(Literal(array))
    }

    /// NULL, of no type.
    #[must_use]
    pub fn null() -> Literal {
        Literal(Arc::new(NullArray::new(1)))
    }

    /// A date, in days since 1970-01-01.
    #[must_use]
    pub fn date(days: i32) -> Literal {
        Literal(Arc::new(Date32Array::from(vec![days])))
    }

    /// An instant, in microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn timestamp(us: i64) -> Literal {
        Literal(Arc::new(TimestampMicrosecondArray::from(vec![us]).with_timezone("UTC")))
    }

    /// A wall-clock time, in microseconds since 1970-01-01T00:00:00.
    #[must_use]
    pub fn timestamp_ntz(us: i64) -> Literal {
        Literal(Arc::new(TimestampMicrosecondArray::from(vec![us])))
    }

    /// The decimal `unscaled · 10^-scale`.
    ///
    /// # Errors
    /// `InvalidRequest` when the digits don't fit the type, or there is no such type.
    pub fn decimal(unscaled: i128, precision: u8, scale: i8) -> Result<Literal> {
        let array = Decimal128Array::from(vec![unscaled]);
        let array = array.with_precision_and_scale(precision, scale).and_then(|a| {
            a.validate_decimal_precision(precision)?;
            Ok(a)
        });
        let array = array.map_err(|e| Error::invalid("a decimal literal doesn't fit its type").because(e))?;
        Ok(Literal(Arc::new(array)))
    }

    /// Whether it is NULL.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0.logical_null_count() > 0
    }

    /// The value, as an array of one.
    #[must_use]
    pub fn array(&self) -> &ArrayRef {
        &self.0
    }
}

impl PartialEq for Literal {
    fn eq(&self, other: &Literal) -> bool {
        self.0.as_ref() == other.0.as_ref()
    }
}

macro_rules! literal_from {
    ($($native:ty => $array:ty),* $(,)?) => {
        $(
            impl From<$native> for Literal {
                fn from(value: $native) -> Literal {
                    Literal(Arc::new(<$array>::from(vec![value])))
                }
            }
        )*
    };
}

literal_from! {
    i32 => Int32Array,
    i64 => Int64Array,
    f32 => Float32Array,
    f64 => Float64Array,
    bool => BooleanArray,
    &str => StringArray,
    String => StringArray,
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_value(f, &self.0, 0)
    }
}

/// The values of a list, all of one type, NULLs included.
#[derive(Clone, Debug)]
pub struct Literals(ArrayRef);

impl Literals {
    /// The values of `array`.
    #[must_use]
    pub fn new(array: ArrayRef) -> Literals {
        Literals(array)
    }

    /// The values, in the order given.
    #[must_use]
    pub fn array(&self) -> &ArrayRef {
        &self.0
    }
}

impl PartialEq for Literals {
    fn eq(&self, other: &Literals) -> bool {
        self.0.as_ref() == other.0.as_ref()
    }
}

impl FromIterator<i64> for Literals {
    fn from_iter<I: IntoIterator<Item = i64>>(values: I) -> Literals {
        Literals(Arc::new(Int64Array::from_iter_values(values)))
    }
}

impl<'a> FromIterator<&'a str> for Literals {
    fn from_iter<I: IntoIterator<Item = &'a str>>(values: I) -> Literals {
        Literals(Arc::new(StringArray::from_iter_values(values)))
    }
}

impl fmt::Display for Literals {
    /// The first ten, and how many there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for index in 0..self.0.len().min(SHOWN_VALUES) {
            if index > 0 {
                f.write_str(", ")?;
            }
            write_value(f, &self.0, index)?;
        }
        if self.0.len() > SHOWN_VALUES {
            write!(f, ", … {} values", self.0.len())?;
        }
        f.write_str(")")
    }
}

/// A value as SQL writes it.
fn write_value(f: &mut fmt::Formatter<'_>, array: &ArrayRef, index: usize) -> fmt::Result {
    if array.is_null(index) || *array.data_type() == DataType::Null {
        return f.write_str("NULL");
    }
    // An instant is shown in UTC, whatever zone its type names.
    let shown = match array.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            let wall_clock = DataType::Timestamp(*unit, None);
            cast(array, &DataType::Int64).and_then(|ticks| cast(&ticks, &wall_clock))
        }
        _ => Ok(Arc::clone(array)),
    };
    let options = FormatOptions::default();
    let text = shown.and_then(|shown| ArrayFormatter::try_new(&shown, &options)?.value(index).try_to_string());
    let Ok(text) = text else { return f.write_str("?") };
    match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => write!(f, "'{}'", text.replace('\'', "''")),
        DataType::Date32 | DataType::Date64 => write!(f, "DATE '{text}'"),
        DataType::Timestamp(_, None) => write!(f, "TIMESTAMP_NTZ '{text}'"),
        DataType::Timestamp(_, Some(_)) => write!(f, "TIMESTAMP '{text}Z'"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => write!(f, "X'{text}'"),
        DataType::Boolean => f.write_str(if array.as_boolean().value(index) { "TRUE" } else { "FALSE" }),
        _ => f.write_str(&text),
    }
}
