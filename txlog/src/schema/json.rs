//! A schema as the JSON text of `metaData.schemaString`.
//!
//! Reading is lenient where leaving something out has one safe meaning (`nullable`, `containsNull` and
//! `valueContainsNull` are `true`, `metadata` is empty), keeps type names that it doesn't know, and names the column
//! in every error. Writing gives what Spark writes, without spaces.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::data_type::{DataType, PrimitiveType};
use super::field::{ArrayType, ColumnPath, MapType, StructField, StructType};
use super::metadata::FieldMetadata;
use crate::error::{Error, Result};
use crate::limits::{MAX_SCHEMA_DEPTH, MAX_SCHEMA_FIELDS};

#[derive(Deserialize)]
struct StructJson<'a> {
    #[serde(borrow)]
    fields: Vec<FieldJson<'a>>,
}

#[derive(Deserialize)]
struct FieldJson<'a> {
    name: String,
    #[serde(borrow, rename = "type")]
    data_type: &'a RawValue,
    #[serde(default = "yes")]
    nullable: bool,
    #[serde(default)]
    metadata: Option<BTreeMap<String, Box<RawValue>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArrayJson<'a> {
    #[serde(borrow)]
    element_type: &'a RawValue,
    #[serde(default = "yes")]
    contains_null: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MapJson<'a> {
    #[serde(borrow)]
    key_type: &'a RawValue,
    #[serde(borrow)]
    value_type: &'a RawValue,
    #[serde(default = "yes")]
    value_contains_null: bool,
}

#[derive(Deserialize)]
struct KindJson {
    #[serde(rename = "type")]
    kind: String,
}

fn yes() -> bool {
    true
}

impl StructType {
    /// The schema that `json`, the text of `metaData.schemaString`, stands for.
    ///
    /// # Errors
    /// `Corrupt` when it isn't a schema, `Exhausted` beyond [`MAX_SCHEMA_DEPTH`] or [`MAX_SCHEMA_FIELDS`]; both name the
    /// column.
    pub fn from_json(json: &str) -> Result<StructType> {
        let raw: &RawValue =
            serde_json::from_str(json).map_err(|e| Error::corrupt("the table's schema isn't JSON").because(e))?;
        let mut reader = Reader { path: ColumnPath::default(), fields: 0 };
        match reader.data_type(raw)? {
            DataType::Struct(schema) => Ok(schema),
            other => Err(Error::corrupt(format!("the table's schema is of type {other}, not a struct"))),
        }
    }

    /// The text of `metaData.schemaString`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(96 * self.len() + 32);
        write_struct(&mut json, self);
        json
    }
}

impl DataType {
    /// The type as a schema's JSON has it: a name in quotes, or an object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        write_type(&mut json, self);
        json
    }

    /// The type that JSON text of a schema stands for.
    ///
    /// # Errors
    /// As [`StructType::from_json`].
    pub fn from_json(json: &str) -> Result<DataType> {
        let raw: &RawValue = serde_json::from_str(json).map_err(|e| Error::corrupt("a type isn't JSON").because(e))?;
        Reader { path: ColumnPath::default(), fields: 0 }.data_type(raw)
    }
}

struct Reader {
    path: ColumnPath,
    fields: usize,
}

impl Reader {
    fn data_type(&mut self, raw: &RawValue) -> Result<DataType> {
        let json = raw.get();
        if self.path.names().len() > MAX_SCHEMA_DEPTH {
            return Err(Error::exhausted(format!("column {} is nested deeper than {MAX_SCHEMA_DEPTH}", self.path)));
        }
        if json.starts_with('"') {
            let name: String = self.parse(json)?;
            return self.named(name);
        }
        let kind: KindJson = self.parse(json)?;
        match kind.kind.as_str() {
            "struct" => Ok(DataType::Struct(self.structure(json)?)),
            "array" => {
                let array: ArrayJson<'_> = self.parse(json)?;
                let element_type = self.inside("element", array.element_type)?;
                Ok(DataType::Array(Box::new(ArrayType { element_type, contains_null: array.contains_null })))
            }
            "map" => {
                let map: MapJson<'_> = self.parse(json)?;
                let key_type = self.inside("key", map.key_type)?;
                let value_type = self.inside("value", map.value_type)?;
                let value_contains_null = map.value_contains_null;
                Ok(DataType::Map(Box::new(MapType { key_type, value_type, value_contains_null })))
            }
            // The protocol's section "Variant Data Type" shows a name inside an object.
            name => match PrimitiveType::from_name(name) {
                Some(primitive) => Ok(DataType::Primitive(primitive)),
                None => Ok(DataType::Unknown(json.to_owned())),
            },
        }
    }

    fn named(&self, name: String) -> Result<DataType> {
        match PrimitiveType::from_name(&name) {
            Some(primitive) => Ok(DataType::Primitive(primitive)),
            // A wrong decimal is damage: as an unknown type it would be refused only once it is read.
            None if name.starts_with("decimal") => {
                Err(Error::corrupt(format!("column {} has the type {name:?}, which isn't a decimal", self.path)))
            }
            None if name.is_empty() || name.starts_with('{') => {
                Err(Error::corrupt(format!("column {} has the type {name:?}", self.path)))
            }
            None => Ok(DataType::Unknown(name)),
        }
    }

    fn structure(&mut self, json: &str) -> Result<StructType> {
        let structure: StructJson<'_> = self.parse(json)?;
        let mut fields = Vec::with_capacity(structure.fields.len());
        for field in structure.fields {
            self.fields += 1;
            if self.fields > MAX_SCHEMA_FIELDS {
                return Err(Error::exhausted(format!("the schema has more than {MAX_SCHEMA_FIELDS} fields")));
            }
            let data_type = self.inside(&field.name, field.data_type)?;
            let metadata = FieldMetadata::from_json(field.metadata.unwrap_or_default())?;
            fields.push(StructField { name: field.name, data_type, nullable: field.nullable, metadata });
        }
        Ok(StructType::new(fields))
    }

    fn inside(&mut self, name: &str, raw: &RawValue) -> Result<DataType> {
        self.path.push(name);
        let data_type = self.data_type(raw)?;
        self.path.pop();
        Ok(data_type)
    }

    fn parse<'a, T: Deserialize<'a>>(&self, json: &'a str) -> Result<T> {
        serde_json::from_str(json).map_err(|e| {
            let place =
                if self.path.names().is_empty() { "the root".to_owned() } else { format!("column {}", self.path) };
            Error::corrupt(format!("the table's schema is damaged at {place}")).because(e)
        })
    }
}

fn write_struct(json: &mut String, structure: &StructType) {
    json.push_str("{\"type\":\"struct\",\"fields\":[");
    for (index, field) in structure.fields().iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        json.push_str("{\"name\":");
        write_text(json, &field.name);
        json.push_str(",\"type\":");
        write_type(json, &field.data_type);
        json.push_str(if field.nullable { ",\"nullable\":true" } else { ",\"nullable\":false" });
        json.push_str(",\"metadata\":{");
        for (index, (key, value)) in field.metadata.entries().iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            write_text(json, key);
            json.push(':');
            json.push_str(value.get());
        }
        json.push_str("}}");
    }
    json.push_str("]}");
}

fn write_type(json: &mut String, data_type: &DataType) {
    match data_type {
        DataType::Primitive(primitive) => {
            json.push('"');
            // Writing to a `String` can't fail.
            let _ = write!(json, "{primitive}");
            json.push('"');
        }
        // The reader keeps no name that begins with a brace: this is an object's text.
        DataType::Unknown(object) if object.starts_with('{') => json.push_str(object),
        DataType::Unknown(name) => write_text(json, name),
        DataType::Struct(inner) => write_struct(json, inner),
        DataType::Array(array) => {
            json.push_str("{\"type\":\"array\",\"elementType\":");
            write_type(json, &array.element_type);
            json.push_str(if array.contains_null { ",\"containsNull\":true}" } else { ",\"containsNull\":false}" });
        }
        DataType::Map(map) => {
            json.push_str("{\"type\":\"map\",\"keyType\":");
            write_type(json, &map.key_type);
            json.push_str(",\"valueType\":");
            write_type(json, &map.value_type);
            json.push_str(",\"valueContainsNull\":");
            json.push_str(if map.value_contains_null { "true}" } else { "false}" });
        }
    }
}

fn write_text(json: &mut String, text: &str) {
    // A string always serialises.
    json.push_str(&serde_json::Value::from(text).to_string());
}
