//! What value does a partition string stand for?
//!
//! Protocol section "Partition Value Serialization". Only `add.partitionValues` is read, never the path (pitfall S8).
//!
//! | type | read | written |
//! |---|---|---|
//! | any | `''` is `null` (pitfall S5) | `null` is JSON's `null`; an empty string or binary is refused |
//! | `string` | as it is | as it is |
//! | integers | digits, of a narrower type too | digits |
//! | `float`, `double` | digits, exponents, `NaN`, `Infinity`, `-Infinity` | as Java prints them: `1.0E100` |
//! | `decimal` | digits, exponents; exact at the scale | digits at the scale |
//! | `boolean` | `true`, `false`, whatever their case | `true`, `false` |
//! | `binary` | the UTF-8 bytes of the text | the text, if the bytes are one |
//! | `date` | `y-m-d` | `yyyy-mm-dd` |
//! | `timestamp` | `y-m-d[ T]h:m[:s[.f]]`, an offset or `Z` or neither, which is UTC; `y-m-d` | `yyyy-mm-ddThh:mm:ss.ffffffZ` |
//! | `timestamp_ntz` | the same without an offset; a `Z` says nothing | `yyyy-mm-dd hh:mm:ss[.ffffff]` |
//!
//! Fractions of a second beyond microseconds are cut off, as every engine does.

mod format;
mod number;
mod time;

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Builder, PrimitiveBuilder, StringBuilder, new_null_array,
};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};

use crate::error::{Error, Result};
use crate::schema::{ColumnMappingMode, DataType, PrimitiveType, StructField, StructType, fold_case};

pub use format::format;

/// A partition value that isn't `null`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of type `string`.
    String(String),
    /// Of type `long`.
    Long(i64),
    /// Of type `integer`.
    Integer(i32),
    /// Of type `short`.
    Short(i16),
    /// Of type `byte`.
    Byte(i8),
    /// Of type `float`.
    Float(f32),
    /// Of type `double`.
    Double(f64),
    /// Of type `decimal`: the digits without the point, which stands before the last `scale` of them.
    Decimal(i128),
    /// Of type `boolean`.
    Boolean(bool),
    /// Of type `binary`.
    Binary(Vec<u8>),
    /// Of type `date`: days since 1970-01-01.
    Date(i32),
    /// Of type `timestamp`: microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Of type `timestamp_ntz`: microseconds since 1970-01-01 00:00:00.
    TimestampNtz(i64),
}

/// The value of type `data_type` that `text`, from `partitionValues`, stands for; `None` is `null`.
///
/// # Errors
/// `Corrupt` when the text is no value of the type, `Unsupported` for a type that has no partition values.
pub fn parse(data_type: PrimitiveType, text: &str) -> Result<Option<Value>> {
    if text.is_empty() {
        return Ok(None);
    }
    let value = match data_type {
        PrimitiveType::String => Some(Value::String(text.to_owned())),
        PrimitiveType::Binary => Some(Value::Binary(text.as_bytes().to_vec())),
        PrimitiveType::Long => text.parse().ok().map(Value::Long),
        PrimitiveType::Integer => text.parse().ok().map(Value::Integer),
        PrimitiveType::Short => text.parse().ok().map(Value::Short),
        PrimitiveType::Byte => text.parse().ok().map(Value::Byte),
        PrimitiveType::Float => text.parse().ok().map(Value::Float),
        PrimitiveType::Double => text.parse().ok().map(Value::Double),
        PrimitiveType::Decimal { precision, scale } => number::decimal(text, precision, scale).map(Value::Decimal),
        PrimitiveType::Boolean => boolean(text).map(Value::Boolean),
        PrimitiveType::Date => time::date(text).map(Value::Date),
        PrimitiveType::Timestamp => time::timestamp(text).map(Value::Timestamp),
        PrimitiveType::TimestampNtz => time::timestamp_ntz(text).map(Value::TimestampNtz),
        PrimitiveType::Variant | PrimitiveType::Void => return Err(no_values(&data_type.into())),
    };
    value.map(Some).ok_or_else(|| not_a(data_type, text))
}

/// The values that `texts` stand for, as one column of [`DataType::to_arrow`]'s type. One pass, no value through
/// another type.
///
/// # Errors
/// As [`parse`].
pub fn to_array<'a>(data_type: &DataType, texts: impl IntoIterator<Item = Option<&'a str>>) -> Result<ArrayRef> {
    let DataType::Primitive(primitive) = *data_type else { return Err(no_values(data_type)) };
    // Case of every type: an empty text is `null`.
    let texts = texts.into_iter().map(|text| text.filter(|text| !text.is_empty()));
    let of = Column { primitive, texts };
    match primitive {
        PrimitiveType::String => {
            let mut array = StringBuilder::new();
            of.texts.for_each(|text| array.append_option(text));
            Ok(Arc::new(array.finish()))
        }
        PrimitiveType::Binary => {
            let mut array = BinaryBuilder::new();
            of.texts.for_each(|text| array.append_option(text));
            Ok(Arc::new(array.finish()))
        }
        PrimitiveType::Boolean => {
            let mut array = BooleanBuilder::new();
            for text in of.texts {
                array.append_option(parsed(primitive, text, boolean)?);
            }
            Ok(Arc::new(array.finish()))
        }
        PrimitiveType::Decimal { precision, scale } => {
            let mut array = Decimal128Builder::new().with_data_type(primitive.to_arrow());
            for text in of.texts {
                array.append_option(parsed(primitive, text, |text| number::decimal(text, precision, scale))?);
            }
            Ok(Arc::new(array.finish()))
        }
        PrimitiveType::Long => of.numbers::<Int64Type>(|text| text.parse().ok()),
        PrimitiveType::Integer => of.numbers::<Int32Type>(|text| text.parse().ok()),
        PrimitiveType::Short => of.numbers::<Int16Type>(|text| text.parse().ok()),
        PrimitiveType::Byte => of.numbers::<Int8Type>(|text| text.parse().ok()),
        PrimitiveType::Float => of.numbers::<Float32Type>(|text| text.parse().ok()),
        PrimitiveType::Double => of.numbers::<Float64Type>(|text| text.parse().ok()),
        PrimitiveType::Date => of.numbers::<Date32Type>(time::date),
        PrimitiveType::Timestamp => of.numbers::<TimestampMicrosecondType>(time::timestamp),
        PrimitiveType::TimestampNtz => of.numbers::<TimestampMicrosecondType>(time::timestamp_ntz),
        PrimitiveType::Variant | PrimitiveType::Void => Err(no_values(data_type)),
    }
}

/// `length` rows that all have the one value of `text`, as a scan of one file needs them.
///
/// # Errors
/// As [`parse`].
pub fn to_repeated_array(data_type: &DataType, text: Option<&str>, length: usize) -> Result<ArrayRef> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(new_null_array(&data_type.to_arrow()?, length)),
        Some(_) => to_array(data_type, std::iter::repeat_n(text, length)),
    }
}

struct Column<I> {
    primitive: PrimitiveType,
    texts: I,
}

impl<'a, I: Iterator<Item = Option<&'a str>>> Column<I> {
    fn numbers<T: ArrowPrimitiveType>(self, parse: impl Fn(&str) -> Option<T::Native>) -> Result<ArrayRef> {
        let array = PrimitiveBuilder::<T>::with_capacity(self.texts.size_hint().0);
        // The zone of a `timestamp` is in the type.
        let mut array = array.with_data_type(self.primitive.to_arrow());
        for text in self.texts {
            array.append_option(parsed(self.primitive, text, &parse)?);
        }
        Ok(Arc::new(array.finish()))
    }
}

fn parsed<T>(of: PrimitiveType, text: Option<&str>, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    text.map(|text| parse(text).ok_or_else(|| not_a(of, text))).transpose()
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn not_a(data_type: PrimitiveType, text: &str) -> Error {
    Error::corrupt(format!("the partition value {text:?} isn't of type {data_type}"))
}

fn no_values(data_type: &DataType) -> Error {
    Error::unsupported(format!("a column of type {data_type} can't be a partition column"))
}

/// A partition column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionColumn<'a> {
    /// Its key in `partitionValues`.
    pub physical_name: String,
    /// The column.
    pub field: &'a StructField,
}

/// A table's partition columns, in the order of `metaData.partitionColumns`.
///
/// # Errors
/// `Corrupt` when one isn't in the schema, or has no physical name though the mode asks for one; `Unsupported` when
/// its type has no partition values.
pub fn columns<'a>(
    schema: &'a StructType,
    partition_columns: &[String],
    mode: ColumnMappingMode,
) -> Result<Vec<PartitionColumn<'a>>> {
    let column = |name: &String| {
        // Spark keeps the names in the schema's case; other writers didn't always.
        let found = schema.resolve(name).map_err(|e| Error::corrupt("a partition column is ambiguous").because(e))?;
        let (_, field) =
            found.ok_or_else(|| Error::corrupt(format!("the partition column {name:?} isn't in the schema")))?;
        match field.data_type.primitive() {
            Some(primitive) if primitive.can_partition() => {
                Ok(PartitionColumn { physical_name: field.physical_name(mode)?, field })
            }
            _ => Err(no_values(&field.data_type)),
        }
    };
    partition_columns.iter().map(column).collect()
}

/// The partition columns of a table to be created, in the schema's spelling.
///
/// # Errors
/// `InvalidRequest` when a column isn't there, is named twice or has a type without partition values, or when no
/// column would be left for the files.
pub fn check_new(schema: &StructType, partition_columns: &[String]) -> Result<Vec<String>> {
    let mut named = HashSet::new();
    let mut checked = Vec::with_capacity(partition_columns.len());
    for name in partition_columns {
        let (_, field) = schema.resolve(name)?.ok_or_else(|| {
            Error::invalid(format!("the partition column {name:?} isn't in the schema"))
                .hint("name a column of the table")
        })?;
        if !named.insert(fold_case(name)) {
            return Err(Error::invalid(format!("the partition column {name:?} is named twice")));
        }
        if !field.data_type.primitive().is_some_and(PrimitiveType::can_partition) {
            return Err(Error::invalid(format!(
                "column {name:?} of type {} can't be a partition column",
                field.data_type
            )));
        }
        checked.push(field.name.clone());
    }
    if !checked.is_empty() && checked.len() == schema.len() {
        return Err(Error::invalid("every column is a partition column: no column is left for the data files"));
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray, BinaryArray, Int64Array, StringArray};
    use arrow::datatypes::TimestampNanosecondType;
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    const DECIMAL: PrimitiveType = PrimitiveType::Decimal { precision: 10, scale: 2 };
    const ALL: [PrimitiveType; 13] = [
        PrimitiveType::String,
        PrimitiveType::Long,
        PrimitiveType::Integer,
        PrimitiveType::Short,
        PrimitiveType::Byte,
        PrimitiveType::Float,
        PrimitiveType::Double,
        DECIMAL,
        PrimitiveType::Boolean,
        PrimitiveType::Binary,
        PrimitiveType::Date,
        PrimitiveType::Timestamp,
        PrimitiveType::TimestampNtz,
    ];

    #[test]
    fn an_empty_text_is_null_for_every_type() {
        for data_type in ALL {
            assert_eq!(parse(data_type, "").unwrap(), None);
            let array = to_array(&data_type.into(), [Some(""), None]).unwrap();
            assert_eq!(array.null_count(), 2, "{data_type}");
            assert_eq!(array.data_type(), &data_type.to_arrow());
            assert_eq!(to_repeated_array(&data_type.into(), Some(""), 3).unwrap().null_count(), 3);
        }
    }

    #[test]
    fn texts_stand_for_the_values_that_spark_gave() {
        for (data_type, text, value) in [
            (PrimitiveType::String, " ", Value::String(" ".into())),
            (PrimitiveType::String, "__HIVE_DEFAULT_PARTITION__", Value::String("__HIVE_DEFAULT_PARTITION__".into())),
            (PrimitiveType::Long, "-9223372036854775808", Value::Long(i64::MIN)),
            (PrimitiveType::Long, "9007199254740993", Value::Long(9_007_199_254_740_993)),
            (PrimitiveType::Integer, "2147483647", Value::Integer(i32::MAX)),
            (PrimitiveType::Short, "-32768", Value::Short(i16::MIN)),
            (PrimitiveType::Byte, "127", Value::Byte(127)),
            (PrimitiveType::Double, "1.0E100", Value::Double(1e100)),
            (PrimitiveType::Double, "-Infinity", Value::Double(f64::NEG_INFINITY)),
            (PrimitiveType::Double, "5", Value::Double(5.0)),
            (PrimitiveType::Float, "0.1", Value::Float(0.1)),
            (DECIMAL, "-0.01", Value::Decimal(-1)),
            (DECIMAL, "7", Value::Decimal(700)),
            (PrimitiveType::Boolean, "true", Value::Boolean(true)),
            (PrimitiveType::Binary, "\u{1}\u{2}\u{3}", Value::Binary(vec![1, 2, 3])),
            (PrimitiveType::Binary, "ü", Value::Binary(vec![0xc3, 0xbc])),
            (PrimitiveType::Date, "1969-12-31", Value::Date(-1)),
            (PrimitiveType::Timestamp, "1970-01-01T00:00:01.000000Z", Value::Timestamp(1_000_000)),
            (PrimitiveType::TimestampNtz, "1970-01-01 00:00:01", Value::TimestampNtz(1_000_000)),
            (PrimitiveType::TimestampNtz, "1970-01-02", Value::TimestampNtz(86_400_000_000)),
        ] {
            assert_eq!(parse(data_type, text).unwrap(), Some(value), "{text} as {data_type}");
        }
        assert!(matches!(parse(PrimitiveType::Double, "NaN").unwrap(), Some(Value::Double(value)) if value.is_nan()));
        assert!(
            matches!(parse(PrimitiveType::Double, "-0.0").unwrap(), Some(Value::Double(v)) if v.is_sign_negative())
        );
    }

    #[test]
    fn what_is_no_value_of_the_type_is_an_error_that_shows_it() {
        for (data_type, text) in [
            (PrimitiveType::Long, "9223372036854775808"),
            (PrimitiveType::Long, "1.0"),
            (PrimitiveType::Byte, "128"),
            (PrimitiveType::Integer, " 1"),
            (PrimitiveType::Integer, "__HIVE_DEFAULT_PARTITION__"),
            (PrimitiveType::Double, "1,0"),
            (DECIMAL, "1.005"),
            (PrimitiveType::Boolean, "1"),
            (PrimitiveType::Date, "2021-02-29"),
            (PrimitiveType::Timestamp, "yesterday"),
            (PrimitiveType::TimestampNtz, "2021-01-01T00:00:00+01:00"),
        ] {
            let error = parse(data_type, text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.message().contains(text) && error.message().contains(&data_type.to_string()), "{error}");
            assert_eq!(to_array(&data_type.into(), [Some(text)]).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        for data_type in [DataType::VARIANT, DataType::VOID, DataType::Unknown("interval day to second".into())] {
            assert_eq!(to_array(&data_type, [Some("1")]).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }

    #[test]
    fn what_readers_take_for_null_is_refused_on_writing() {
        assert_eq!(format(&StringArray::from(vec![""]), 0).unwrap_err().kind(), ErrorKind::InvalidRequest);
        assert_eq!(format(&BinaryArray::from(vec![b"".as_slice()]), 0).unwrap_err().kind(), ErrorKind::InvalidRequest);
        assert_eq!(
            format(&BinaryArray::from(vec![[0xff].as_slice()]), 0).unwrap_err().kind(),
            ErrorKind::InvalidRequest
        );
        assert_eq!(format(&StringArray::from(vec![None::<&str>]), 0).unwrap(), None);
        assert!(format(&Int64Array::from(vec![1]), 1).is_err());
        let nanos = PrimitiveBuilder::<TimestampNanosecondType>::new().finish();
        assert!(format(&nanos, 0).is_err());
    }

    fn written(value: &Value, data_type: PrimitiveType) -> String {
        let array = array_of(value, data_type);
        format(&array, 0).unwrap().unwrap()
    }

    /// Builds the array without the parser.
    fn array_of(value: &Value, data_type: PrimitiveType) -> ArrayRef {
        use arrow::array::{Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array};
        match value {
            Value::String(value) => Arc::new(StringArray::from(vec![value.as_str()])),
            Value::Long(value) => Arc::new(Int64Array::from(vec![*value])),
            Value::Integer(value) => Arc::new(Int32Array::from(vec![*value])),
            Value::Short(value) => Arc::new(Int16Array::from(vec![*value])),
            Value::Byte(value) => Arc::new(Int8Array::from(vec![*value])),
            Value::Float(value) => Arc::new(Float32Array::from(vec![*value])),
            Value::Double(value) => Arc::new(Float64Array::from(vec![*value])),
            Value::Decimal(value) => Arc::new(Decimal128Array::from(vec![*value]).with_data_type(data_type.to_arrow())),
            other => panic!("{other:?} has its own test"),
        }
    }

    #[test]
    fn timestamps_are_written_in_utc_with_z() {
        let text = |data_type: PrimitiveType, text: &str| {
            format(&to_array(&data_type.into(), [Some(text)]).unwrap(), 0).unwrap().unwrap()
        };
        assert_eq!(text(PrimitiveType::Timestamp, "2024-01-01 10:00:00"), "2024-01-01T10:00:00.000000Z");
        assert_eq!(text(PrimitiveType::Timestamp, "2024-01-01T10:00:00+02:00"), "2024-01-01T08:00:00.000000Z");
        assert_eq!(text(PrimitiveType::TimestampNtz, "2024-01-01 10:00:00.5"), "2024-01-01 10:00:00.500000");
        assert_eq!(text(PrimitiveType::TimestampNtz, "2024-01-01T10:00:00"), "2024-01-01 10:00:00");
        assert_eq!(text(PrimitiveType::Date, "2024-1-1"), "2024-01-01");
        assert_eq!(text(PrimitiveType::Boolean, "TRUE"), "true");
        assert_eq!(text(PrimitiveType::Binary, "Hi😈"), "Hi😈");
    }

    proptest! {
        #[test]
        fn every_number_reads_back(long: i64, integer: i32, short: i16, byte: i8, float: f32, double: f64) {
            for (data_type, value) in [
                (PrimitiveType::Long, Value::Long(long)),
                (PrimitiveType::Integer, Value::Integer(integer)),
                (PrimitiveType::Short, Value::Short(short)),
                (PrimitiveType::Byte, Value::Byte(byte)),
                (PrimitiveType::Float, Value::Float(float)),
                (PrimitiveType::Double, Value::Double(double)),
            ] {
                prop_assert_eq!(parse(data_type, &written(&value, data_type)).unwrap(), Some(value));
            }
        }

        #[test]
        fn every_decimal_reads_back(precision in 1..=38_u8, scale in 0..=38_u8, digits: i128) {
            let (scale, limit) = (scale.min(precision), 10_i128.pow(u32::from(precision)));
            let data_type = PrimitiveType::Decimal { precision, scale };
            let value = Value::Decimal(digits % limit);
            prop_assert_eq!(parse(data_type, &written(&value, data_type)).unwrap(), Some(value));
        }

        #[test]
        fn arrays_hold_what_single_texts_stand_for(texts in prop::collection::vec(prop::option::of("[0-9]{0,4}"), 0..20)) {
            let array = to_array(&DataType::LONG, texts.iter().map(Option::as_deref)).unwrap();
            let array = array.as_primitive::<Int64Type>();
            for (row, text) in texts.iter().enumerate() {
                let expected = text.as_deref().and_then(|text| parse(PrimitiveType::Long, text).unwrap());
                let found = array.is_valid(row).then(|| Value::Long(array.value(row)));
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn no_text_panics(text in ".*") {
            for data_type in ALL {
                let _ = parse(data_type, &text);
            }
        }
    }

    #[test]
    fn partition_columns_are_found_and_checked() {
        let schema = StructType::new([
            StructField::nullable("Day", DataType::DATE),
            StructField::nullable("x", DataType::array(DataType::LONG)),
        ]);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(check_new(&schema, &names(&["day"])).unwrap(), names(&["Day"]));
        for wrong in [&["no"][..], &["x"], &["Day", "day"]] {
            assert_eq!(check_new(&schema, &names(wrong)).unwrap_err().kind(), ErrorKind::InvalidRequest);
        }
        let only = StructType::new([StructField::nullable("Day", DataType::DATE)]);
        assert!(check_new(&only, &names(&["Day"])).is_err());
        let found = columns(&schema, &names(&["Day"]), ColumnMappingMode::None).unwrap();
        assert_eq!((found[0].physical_name.as_str(), &found[0].field.data_type), ("Day", &DataType::DATE));
        assert_eq!(columns(&schema, &names(&["no"]), ColumnMappingMode::None).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
