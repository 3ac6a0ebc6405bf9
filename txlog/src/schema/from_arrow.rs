//! Which schema a table gets from Arrow's.
//!
//! Arrow has many representations of one kind of value. Each that loses nothing is accepted and *normalised* to the
//! one of [`arrow`](super::arrow): large and view layouts, dictionaries and run ends to their values; unsigned integers
//! to the next wider signed type; half floats to `float`; timestamps of any unit and zone to microseconds in UTC.
//! A value that doesn't survive (nanoseconds that aren't whole microseconds) is an error when it is written, not here.

use arrow::datatypes::{DataType as ArrowType, Field as ArrowField, Fields as ArrowFields, Schema as ArrowSchema};

use super::arrow::{is_variant, metadata_from_arrow};
use super::data_type::{DataType, PrimitiveType, decimal};
use super::field::{ArrayType, ColumnPath, MapType, StructField, StructType};
use crate::error::{Error, Result};
use crate::limits::{MAX_SCHEMA_DEPTH, MAX_SCHEMA_FIELDS};

impl StructType {
    /// The schema of a table that holds what `arrow` describes.
    ///
    /// # Errors
    /// `InvalidRequest` that names every column whose type has no counterpart; `Exhausted` beyond the limits of a
    /// schema.
    pub fn from_arrow(arrow: &ArrowSchema) -> Result<StructType> {
        let mut reader = Reader::default();
        let schema = reader.fields(arrow.fields());
        if reader.count > MAX_SCHEMA_FIELDS {
            return Err(Error::exhausted(format!("the schema has more than {MAX_SCHEMA_FIELDS} fields")));
        }
        if reader.refused.is_empty() {
            return Ok(schema);
        }
        Err(Error::invalid(format!("a Delta table can't hold these columns: {}", reader.refused.join("; ")))
            .hint("cast them to a type that the protocol has"))
    }
}

impl StructField {
    /// The column that holds what `arrow` describes.
    ///
    /// # Errors
    /// As [`StructType::from_arrow`].
    pub fn from_arrow(arrow: &ArrowField) -> Result<StructField> {
        let mut schema = StructType::from_arrow(&ArrowSchema::new(vec![arrow.clone()]))?;
        schema.fields_mut().pop().ok_or_else(|| Error::bug("a schema of one field has none"))
    }
}

#[derive(Default)]
struct Reader {
    path: ColumnPath,
    count: usize,
    refused: Vec<String>,
}

impl Reader {
    fn fields(&mut self, fields: &ArrowFields) -> StructType {
        self.count = self.count.saturating_add(fields.len());
        StructType::new(fields.iter().map(|field| StructField {
            name: field.name().clone(),
            data_type: self.inside(field.name(), field),
            nullable: field.is_nullable(),
            metadata: metadata_from_arrow(field.metadata()),
        }))
    }

    fn inside(&mut self, name: &str, field: &ArrowField) -> DataType {
        self.path.push(name);
        let data_type = if self.path.names().len() > MAX_SCHEMA_DEPTH {
            self.refuse(&format!("is nested deeper than {MAX_SCHEMA_DEPTH}"))
        } else {
            self.field_type(field)
        };
        self.path.pop();
        data_type
    }

    fn field_type(&mut self, field: &ArrowField) -> DataType {
        if is_variant(field) {
            return DataType::VARIANT;
        }
        match field.data_type() {
            ArrowType::Struct(fields) => DataType::Struct(self.fields(fields)),
            ArrowType::List(element)
            | ArrowType::LargeList(element)
            | ArrowType::ListView(element)
            | ArrowType::LargeListView(element)
            | ArrowType::FixedSizeList(element, _) => DataType::Array(Box::new(ArrayType {
                element_type: self.inside("element", element),
                contains_null: element.is_nullable(),
            })),
            ArrowType::Map(entries, _) => match entries.data_type() {
                ArrowType::Struct(fields) => match fields.as_ref() {
                    [key, value] => DataType::Map(Box::new(MapType {
                        key_type: self.inside("key", key),
                        value_type: self.inside("value", value),
                        value_contains_null: value.is_nullable(),
                    })),
                    _ => self.refuse("is a map whose entries aren't a key and a value"),
                },
                _ => self.refuse("is a map whose entries aren't a struct"),
            },
            ArrowType::Dictionary(_, values) => self.inner_type(field, values.as_ref().clone()),
            ArrowType::RunEndEncoded(_, values) => self.inner_type(field, values.data_type().clone()),
            flat => match primitive_from_arrow(flat) {
                Ok(primitive) => DataType::Primitive(primitive),
                Err(why) => self.refuse(&why),
            },
        }
    }

    /// The type of an encoded field's values.
    fn inner_type(&mut self, field: &ArrowField, values: ArrowType) -> DataType {
        self.field_type(&field.clone().with_data_type(values))
    }

    fn refuse(&mut self, why: &str) -> DataType {
        self.refused.push(format!("{} {why}", self.path));
        DataType::VOID
    }
}

/// The type without parts that holds every value of `arrow`, or why there is none.
fn primitive_from_arrow(arrow: &ArrowType) -> Result<PrimitiveType, String> {
    Ok(match arrow {
        ArrowType::Null => PrimitiveType::Void,
        ArrowType::Boolean => PrimitiveType::Boolean,
        ArrowType::Int8 => PrimitiveType::Byte,
        ArrowType::Int16 | ArrowType::UInt8 => PrimitiveType::Short,
        ArrowType::Int32 | ArrowType::UInt16 => PrimitiveType::Integer,
        ArrowType::Int64 | ArrowType::UInt32 => PrimitiveType::Long,
        ArrowType::UInt64 => {
            return Err("is UInt64, whose upper half no Delta integer holds (decimal(20,0) does)".to_owned());
        }
        ArrowType::Float16 | ArrowType::Float32 => PrimitiveType::Float,
        ArrowType::Float64 => PrimitiveType::Double,
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => PrimitiveType::String,
        ArrowType::Binary | ArrowType::LargeBinary | ArrowType::BinaryView | ArrowType::FixedSizeBinary(_) => {
            PrimitiveType::Binary
        }
        ArrowType::Date32 | ArrowType::Date64 => PrimitiveType::Date,
        ArrowType::Timestamp(_, Some(_)) => PrimitiveType::Timestamp,
        ArrowType::Timestamp(_, None) => PrimitiveType::TimestampNtz,
        ArrowType::Decimal32(precision, scale)
        | ArrowType::Decimal64(precision, scale)
        | ArrowType::Decimal128(precision, scale)
        | ArrowType::Decimal256(precision, scale) => u8::try_from(*scale)
            .ok()
            .and_then(|scale| decimal(*precision, scale))
            .ok_or_else(|| format!("is {arrow}, beyond decimal(38,38) or with a negative scale"))?,
        other => return Err(format!("is {other}, which the protocol has no type for")),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::TimeUnit;

    use super::*;

    fn column(arrow: ArrowType) -> Result<DataType> {
        StructField::from_arrow(&ArrowField::new("c", arrow, true)).map(|field| field.data_type)
    }

    #[test]
    fn what_a_schema_gives_arrow_comes_back() {
        let json = concat!(
            r#"{"type":"struct","fields":[{"name":"m","type":{"type":"map","keyType":"string","valueType":"#,
            r#"{"type":"array","elementType":"variant","containsNull":false},"valueContainsNull":false},"#,
            r#""nullable":false,"metadata":{"comment":"123","delta.columnMapping.id":7,"text":"7","plain":"a b"}},"#,
            r#"{"name":"s","type":{"type":"struct","fields":[{"name":"t","type":"timestamp","nullable":true,"#,
            r#""metadata":{}},{"name":"n","type":"timestamp_ntz","nullable":false,"metadata":{}}]},"nullable":true,"#,
            r#""metadata":{}},{"name":"d","type":"decimal(38,38)","nullable":true,"metadata":{}},"#,
            r#"{"name":"v","type":"void","nullable":true,"metadata":{}}]}"#
        );
        let schema = StructType::from_json(json).unwrap();
        let arrow = schema.to_arrow().unwrap();
        assert_eq!(StructType::from_arrow(&arrow).unwrap().to_json(), schema.to_json());
        let metadata = arrow.field(0).metadata();
        assert_eq!(metadata.get("plain").map(String::as_str), Some("a b"));
        assert_eq!(metadata.get("delta.columnMapping.id").map(String::as_str), Some("7"));
        assert_eq!(metadata.get("comment").map(String::as_str), Some("123"));
    }

    #[test]
    fn other_representations_are_normalised() {
        let nanos = ArrowType::Timestamp(TimeUnit::Nanosecond, Some("Europe/Berlin".into()));
        for (arrow, expected) in [
            (ArrowType::UInt8, DataType::SHORT),
            (ArrowType::UInt16, DataType::INTEGER),
            (ArrowType::UInt32, DataType::LONG),
            (ArrowType::Utf8View, DataType::STRING),
            (ArrowType::Dictionary(Box::new(ArrowType::Int8), Box::new(ArrowType::LargeUtf8)), DataType::STRING),
            (ArrowType::FixedSizeBinary(16), DataType::BINARY),
            (ArrowType::Date64, DataType::DATE),
            (ArrowType::Float16, DataType::FLOAT),
            (nanos, DataType::TIMESTAMP),
            (ArrowType::Timestamp(TimeUnit::Second, None), DataType::TIMESTAMP_NTZ),
            (ArrowType::Decimal256(38, 2), DataType::Primitive(PrimitiveType::Decimal { precision: 38, scale: 2 })),
            (
                ArrowType::FixedSizeList(Arc::new(ArrowField::new("item", ArrowType::Int32, true)), 3),
                DataType::array(DataType::INTEGER),
            ),
        ] {
            assert_eq!(column(arrow.clone()).unwrap(), expected, "{arrow}");
        }
    }

    #[test]
    fn every_column_without_a_counterpart_is_named() {
        let arrow = ArrowSchema::new(vec![
            ArrowField::new("ok", ArrowType::Int64, true),
            ArrowField::new("big", ArrowType::UInt64, true),
            ArrowField::new(
                "s",
                ArrowType::Struct(vec![ArrowField::new("t", ArrowType::Time64(TimeUnit::Nanosecond), true)].into()),
                true,
            ),
            ArrowField::new("neg", ArrowType::Decimal128(10, -2), true),
            ArrowField::new("wide", ArrowType::Decimal256(39, 0), true),
        ]);
        let refused = StructType::from_arrow(&arrow).unwrap_err();
        for name in ["big is UInt64", "s.t is Time64", "neg is Decimal128(10, -2)", "wide is Decimal256(39, 0)"] {
            assert!(refused.message().contains(name), "{refused}");
        }
    }
}
