//! A value as the string that `partitionValues` has for it.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType,
};

use super::{number, time};
use crate::error::{Error, Result};

/// The string for the value of `array` at `row`; `None` is `null`. The array is of a type that
/// [`DataType::to_arrow`](crate::schema::DataType::to_arrow) gives.
///
/// # Errors
/// `InvalidRequest` for an empty string or binary, which every reader takes for `null` (pitfall S5), for bytes that
/// aren't UTF-8, which the log's JSON can't hold, and for a row that isn't there; `Unsupported` for any other type.
pub fn format(array: &dyn Array, row: usize) -> Result<Option<String>> {
    if row >= array.len() {
        return Err(Error::invalid(format!("row {row} of a column of {} rows", array.len())));
    }
    if array.is_null(row) {
        return Ok(None);
    }
    let text = match array.data_type() {
        ArrowType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        ArrowType::Binary => String::from_utf8(array.as_binary::<i32>().value(row).to_vec())
            .map_err(|e| Error::invalid("a binary partition value must be UTF-8: the log is JSON").because(e))?,
        ArrowType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        ArrowType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        ArrowType::Int16 => array.as_primitive::<Int16Type>().value(row).to_string(),
        ArrowType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        ArrowType::Float32 => number::float_text(array.as_primitive::<Float32Type>().value(row)),
        ArrowType::Float64 => number::float_text(array.as_primitive::<Float64Type>().value(row)),
        ArrowType::Decimal128(_, scale) => {
            let scale = u8::try_from(*scale).map_err(|e| Error::unsupported("a negative scale").because(e))?;
            number::decimal_text(array.as_primitive::<Decimal128Type>().value(row), scale)
        }
        ArrowType::Boolean => array.as_boolean().value(row).to_string(),
        ArrowType::Date32 => time::date_text(array.as_primitive::<Date32Type>().value(row)),
        ArrowType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            match zone {
                Some(_) => time::timestamp_text(micros),
                None => time::timestamp_ntz_text(micros),
            }
        }
        other => return Err(Error::unsupported(format!("partition values of Arrow's type {other}"))),
    };
    if text.is_empty() {
        return Err(Error::invalid("an empty string can't be a partition value: every reader takes it for null")
            .hint("write null, or another value"));
    }
    Ok(Some(text))
}
