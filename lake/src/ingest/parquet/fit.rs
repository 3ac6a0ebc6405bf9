//! Whether a column of a Parquet file can become a column of a table, and how its values do, without loss.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use lakebed_txlog::schema::StructField;

/// The field of a table that holds what `field` of a file holds.
///
/// # Errors
/// Why no table can.
pub(super) fn table_field(field: &Field) -> Result<FieldRef, String> {
    let roomy = match field.data_type() {
        // No integer of a table holds its upper half.
        DataType::UInt64 => field.clone().with_data_type(DataType::Decimal128(20, 0)),
        _ => field.clone(),
    };
    let made = StructField::from_arrow(&roomy).and_then(|field| field.to_arrow());
    made.map(|field| Arc::new(field.with_nullable(true))).map_err(|error| error.message().to_owned())
}

/// Whether every value of the type `from`, as a table has it, is a value of the type `to`.
pub(in crate::ingest) fn widens(from: &DataType, to: &DataType) -> bool {
    use DataType::{Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Timestamp};
    match (from, to) {
        (DataType::Null, _) => true,
        (Int8, Int16 | Int32 | Int64) | (Int16, Int32 | Int64) | (Int32, Int64) => true,
        (Int8 | Int16, Float32) | (Int8 | Int16 | Int32 | Float32, Float64) => true,
        (Decimal128(p, s), Decimal128(wider, scale)) => {
            scale >= s && i16::from(*wider) - i16::from(*scale) >= i16::from(*p) - i16::from(*s)
        }
        (Int8, Decimal128(p, s)) => i16::from(*p) - i16::from(*s) >= 3,
        (Int16, Decimal128(p, s)) => i16::from(*p) - i16::from(*s) >= 5,
        (Int32, Decimal128(p, s)) => i16::from(*p) - i16::from(*s) >= 10,
        (Int64, Decimal128(p, s)) => i16::from(*p) - i16::from(*s) >= 19,
        (Date32, Timestamp(TimeUnit::Microsecond, None)) => true,
        (from, to) => same_but_for_nulls(from, to),
    }
}

fn same_but_for_nulls(a: &DataType, b: &DataType) -> bool {
    match (a, b) {
        (DataType::Struct(a), DataType::Struct(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| a.name() == b.name() && same_but_for_nulls(a.data_type(), b.data_type()))
        }
        (DataType::List(a), DataType::List(b)) | (DataType::Map(a, _), DataType::Map(b, _)) => {
            same_but_for_nulls(a.data_type(), b.data_type())
        }
        (a, b) => a == b,
    }
}

/// `array` as `to`.
///
/// # Errors
/// A value that `to` can't hold exactly: nanoseconds that aren't whole microseconds, a null where none may be.
pub(super) fn cast(array: &ArrayRef, to: &Field) -> Result<ArrayRef, String> {
    if !to.is_nullable() && array.logical_null_count() > 0 {
        return Err("a value is missing and the column may not be null".to_owned());
    }
    if array.data_type() == to.data_type() {
        return Ok(Arc::clone(array));
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let made = cast_with_options(array, to.data_type(), &strict).map_err(|error| error.to_string())?;
    if holds_nanoseconds(array.data_type()) {
        let back = cast_with_options(&made, array.data_type(), &strict).map_err(|error| error.to_string())?;
        if &back != array {
            return Err("a timestamp has nanoseconds, of which a table keeps whole microseconds only".to_owned());
        }
    }
    Ok(made)
}

fn holds_nanoseconds(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => true,
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            holds_nanoseconds(field.data_type())
        }
        DataType::Map(field, _) => holds_nanoseconds(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_nanoseconds(field.data_type())),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array};

    use super::*;

    #[test]
    fn only_what_loses_nothing_widens() {
        assert!(widens(&DataType::Int32, &DataType::Int64));
        assert!(widens(&DataType::Int32, &DataType::Float64));
        assert!(!widens(&DataType::Int64, &DataType::Float64));
        assert!(!widens(&DataType::Int64, &DataType::Int32));
        assert!(!widens(&DataType::Utf8, &DataType::Int32));
        assert!(widens(&DataType::Decimal128(5, 2), &DataType::Decimal128(6, 3)));
        assert!(!widens(&DataType::Decimal128(5, 2), &DataType::Decimal128(6, 1)));
        assert!(!widens(&DataType::Decimal128(5, 2), &DataType::Decimal128(5, 3)));
    }

    #[test]
    fn nanoseconds_are_kept_or_refused() {
        let to = Field::new("t", DataType::Timestamp(TimeUnit::Microsecond, None), true);
        let whole: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![Some(5_000), None]));
        let expected: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![Some(5), None]));
        assert_eq!(&cast(&whole, &to).unwrap(), &expected);
        let part: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![5_001]));
        assert!(cast(&part, &to).unwrap_err().contains("nanoseconds"));
    }

    #[test]
    fn unsigned_numbers_get_room() {
        let field = table_field(&Field::new("u", DataType::UInt64, true)).unwrap();
        let array: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
        let made = cast(&array, &field).unwrap();
        assert_eq!(made.data_type(), &DataType::Decimal128(20, 0));
    }
}
