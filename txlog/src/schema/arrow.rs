//! A schema as Arrow has it.
//!
//! | Delta | Arrow |
//! |---|---|
//! | `string` | `Utf8` |
//! | `byte`, `short`, `integer`, `long` | `Int8`, `Int16`, `Int32`, `Int64` |
//! | `float`, `double` | `Float32`, `Float64` |
//! | `decimal(p,s)` | `Decimal128(p, s)` |
//! | `boolean`, `binary`, `date` | `Boolean`, `Binary`, `Date32` |
//! | `timestamp`, `timestamp_ntz` | `Timestamp(µs, "UTC")`, `Timestamp(µs)` |
//! | `void` | `Null` |
//! | `variant` | `Struct<metadata: Binary, value: Binary>`, the field carrying the extension `arrow.parquet.variant` |
//! | array | `List` of `element` |
//! | map | `Map` of `key_value {key, value}` |
//!
//! Field metadata goes both ways. A text stands in Arrow's metadata as it is, unless it reads as JSON; everything else
//! stands as JSON text. Back, what reads as JSON is JSON and the rest is text; `comment` is text always.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{
    DataType as ArrowType, Field as ArrowField, Fields as ArrowFields, Schema as ArrowSchema, TimeUnit,
};
use serde_json::Value;

use super::data_type::{DataType, PrimitiveType};
use super::field::{ColumnPath, StructField, StructType};
use super::metadata::{FieldMetadata, key};
use crate::error::{Error, Result};

/// Arrow's key for the name of an extension type.
pub const EXTENSION_NAME: &str = "ARROW:extension:name";
/// Arrow's key for the parameters of an extension type.
const EXTENSION_METADATA: &str = "ARROW:extension:metadata";
/// The extension type of a variant, as Arrow's Parquet reader and writer know it.
pub const VARIANT_EXTENSION: &str = "arrow.parquet.variant";
/// Whether a column has variants.
#[must_use]
pub fn is_variant(field: &ArrowField) -> bool {
    field.metadata().get(EXTENSION_NAME).is_some_and(|name| name == VARIANT_EXTENSION)
}

/// The zone of every `timestamp`.
pub const UTC: &str = "UTC";

impl StructType {
    /// The schema as Arrow has it, under the names that people see, field metadata included.
    ///
    /// # Errors
    /// `Unsupported`, naming column and type, for a type that this release doesn't know.
    pub fn to_arrow(&self) -> Result<ArrowSchema> {
        let mut path = ColumnPath::default();
        Ok(ArrowSchema::new(fields_to_arrow(self, &mut path)?))
    }
}

impl StructField {
    /// The column as Arrow has it, field metadata included.
    ///
    /// # Errors
    /// As [`StructType::to_arrow`].
    pub fn to_arrow(&self) -> Result<ArrowField> {
        field_to_arrow(self, &mut ColumnPath::default())
    }
}

impl DataType {
    /// The type as Arrow has it.
    ///
    /// # Errors
    /// As [`StructType::to_arrow`]; the column isn't known here.
    pub fn to_arrow(&self) -> Result<ArrowType> {
        type_to_arrow(self, &mut ColumnPath::default())
    }
}

impl PrimitiveType {
    /// The type as Arrow has it.
    #[must_use]
    pub fn to_arrow(self) -> ArrowType {
        match self {
            PrimitiveType::String => ArrowType::Utf8,
            PrimitiveType::Long => ArrowType::Int64,
            PrimitiveType::Integer => ArrowType::Int32,
            PrimitiveType::Short => ArrowType::Int16,
            PrimitiveType::Byte => ArrowType::Int8,
            PrimitiveType::Float => ArrowType::Float32,
            PrimitiveType::Double => ArrowType::Float64,
            // At most 38: fits `i8`.
            PrimitiveType::Decimal { precision, scale } => ArrowType::Decimal128(precision, scale.cast_signed()),
            PrimitiveType::Boolean => ArrowType::Boolean,
            PrimitiveType::Binary => ArrowType::Binary,
            PrimitiveType::Date => ArrowType::Date32,
            PrimitiveType::Timestamp => ArrowType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            PrimitiveType::TimestampNtz => ArrowType::Timestamp(TimeUnit::Microsecond, None),
            PrimitiveType::Variant => ArrowType::Struct(ArrowFields::from(vec![
                ArrowField::new("metadata", ArrowType::Binary, false),
                ArrowField::new("value", ArrowType::Binary, false),
            ])),
            PrimitiveType::Void => ArrowType::Null,
        }
    }
}

fn fields_to_arrow(structure: &StructType, path: &mut ColumnPath) -> Result<ArrowFields> {
    structure.fields().iter().map(|field| field_to_arrow(field, path)).collect()
}

fn field_to_arrow(field: &StructField, path: &mut ColumnPath) -> Result<ArrowField> {
    path.push(&field.name);
    let arrow = with_extension(field.name.as_str(), &field.data_type, field.nullable, path)?;
    path.pop();
    let mut metadata = metadata_to_arrow(&field.metadata);
    metadata.extend(arrow.metadata().clone());
    Ok(arrow.with_metadata(metadata))
}

/// A field of this name and type, with the extension that the type needs.
fn with_extension(name: &str, data_type: &DataType, nullable: bool, path: &mut ColumnPath) -> Result<ArrowField> {
    let arrow = ArrowField::new(name, type_to_arrow(data_type, path)?, nullable);
    if *data_type != DataType::VARIANT {
        return Ok(arrow);
    }
    let entries = [(EXTENSION_NAME, VARIANT_EXTENSION), (EXTENSION_METADATA, "")];
    Ok(arrow.with_metadata(entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into()))
}

fn type_to_arrow(data_type: &DataType, path: &mut ColumnPath) -> Result<ArrowType> {
    let mut inside = |name: &str, inner: &DataType, nullable: bool| {
        path.push(name);
        let field = with_extension(name, inner, nullable, path)?;
        path.pop();
        Ok::<_, Error>(field)
    };
    Ok(match data_type {
        DataType::Primitive(primitive) => primitive.to_arrow(),
        DataType::Struct(inner) => ArrowType::Struct(fields_to_arrow(inner, path)?),
        DataType::Array(array) => {
            ArrowType::List(Arc::new(inside("element", &array.element_type, array.contains_null)?))
        }
        DataType::Map(map) => {
            let key = inside("key", &map.key_type, false)?;
            let value = inside("value", &map.value_type, map.value_contains_null)?;
            let entry = ArrowType::Struct(ArrowFields::from(vec![key, value]));
            ArrowType::Map(Arc::new(ArrowField::new("key_value", entry, false)), false)
        }
        DataType::Unknown(name) => {
            let of = if path.names().is_empty() { String::new() } else { format!(" of column {path}") };
            return Err(Error::unsupported(format!("the type {name}{of} isn't implemented"))
                .hint("choose other columns, or read the table with an engine that has this type"));
        }
    })
}

fn metadata_to_arrow(metadata: &FieldMetadata) -> HashMap<String, String> {
    let text_or_json = |name: &str, json: &str| match serde_json::from_str::<Value>(json) {
        Ok(Value::String(text)) if name == key::COMMENT || !is_json(&text) => text,
        _ => json.to_owned(),
    };
    metadata.iter().map(|(name, json)| (name.to_owned(), text_or_json(name, json))).collect()
}

/// Arrow's metadata as a schema keeps it. What Arrow and Parquet put there for themselves is left out.
pub(super) fn metadata_from_arrow(arrow: &HashMap<String, String>) -> FieldMetadata {
    let mut metadata = FieldMetadata::default();
    for (name, value) in arrow {
        if name.starts_with("ARROW:") || name.starts_with("PARQUET:") {
            continue;
        }
        if name == key::COMMENT || metadata.insert_json(name.as_str(), value).is_err() {
            metadata.insert(name.as_str(), value.as_str());
        }
    }
    metadata
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
