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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    /// The example of the protocol's section "Schema Serialization Format", without spaces.
    const PROTOCOL_EXAMPLE: &str = concat!(
        r#"{"type":"struct","fields":[{"name":"a","type":"integer","nullable":false,"metadata":{}},"#,
        r#"{"name":"b","type":{"type":"struct","fields":[{"name":"d","type":"integer","nullable":false,"#,
        r#""metadata":{}}]},"nullable":true,"metadata":{}},{"name":"c","type":{"type":"array","elementType":"integer","#,
        r#""containsNull":false},"nullable":true,"metadata":{}},{"name":"e","type":{"type":"array","elementType":"#,
        r#"{"type":"struct","fields":[{"name":"d","type":"integer","nullable":false,"metadata":{}}]},"#,
        r#""containsNull":true},"nullable":true,"metadata":{}},{"name":"f","type":{"type":"map","keyType":"string","#,
        r#""valueType":"string","valueContainsNull":true},"nullable":true,"metadata":{}}]}"#,
    );

    #[test]
    fn the_protocols_example_reads_and_writes_as_it_is() {
        let schema = StructType::from_json(PROTOCOL_EXAMPLE).unwrap();
        assert_eq!(
            DataType::from(schema.clone()).to_string(),
            "struct<a: integer, b: struct<d: integer>, c: array<integer>, e: array<struct<d: integer>>, \
             f: map<string,string>>"
        );
        assert!(!schema.fields()[0].nullable);
        assert_eq!(schema.to_json(), PROTOCOL_EXAMPLE);
    }

    #[test]
    fn metadata_survives_to_the_last_digit() {
        let json = concat!(
            r#"{"type":"struct","fields":[{"name":"a\"\n","type":"decimal(38,18)","nullable":true,"metadata":"#,
            r#"{"big":123456789012345678901234567890,"delta.columnMapping.id":7,"deep":{"b":[1.10,true,null],"a":"x y"},"#,
            r#""tiny":1.000000000000000000001}}]}"#
        );
        let schema = StructType::from_json(json).unwrap();
        assert_eq!(schema.fields()[0].metadata.column_id(), Some(7));
        assert_eq!(schema.fields()[0].metadata.json("big"), Some("123456789012345678901234567890"));
        assert_eq!(StructType::from_json(&schema.to_json()).unwrap(), schema);
        assert!(schema.to_json().contains(r#""deep":{"b":[1.10,true,null],"a":"x y"}"#));
        assert!(schema.to_json().contains("1.000000000000000000001"));
    }

    #[test]
    fn unknown_types_are_kept() {
        let json = concat!(
            r#"{"type":"struct","fields":[{"name":"g","type":"geometry(OGC:CRS84)","nullable":true,"metadata":{}},"#,
            r#"{"name":"u","type":{"type":"udt","class":"x.Y","sqlType":"long"},"nullable":true,"metadata":{}}]}"#
        );
        let schema = StructType::from_json(json).unwrap();
        assert_eq!(schema.fields()[0].data_type, DataType::Unknown("geometry(OGC:CRS84)".into()));
        assert_eq!(schema.to_json(), json);
        let refused = schema.to_arrow().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        assert!(refused.message().contains("geometry(OGC:CRS84) of column g"), "{refused}");
    }

    #[test]
    fn a_variant_may_stand_in_an_object_as_the_protocol_shows() {
        assert_eq!(DataType::from_json(r#"{"type":"variant"}"#).unwrap(), DataType::VARIANT);
        let spaced = r#"{ "type" : "array", "elementType" : { "type" : "variant" }, "containsNull" : false }"#;
        assert_eq!(
            DataType::from_json(spaced).unwrap().to_json(),
            r#"{"type":"array","elementType":"variant","containsNull":false}"#
        );
    }

    #[test]
    fn damage_is_an_error_that_names_the_column() {
        let schema = |data_type: &str| {
            format!(
                r#"{{"type":"struct","fields":[{{"name":"a","type":{{"type":"array","elementType":{data_type}}}}}]}}"#
            )
        };
        for wrong in [r#""decimal(39,0)""#, r#""decimal(3,4)""#, r#""decimal(x)""#, r#""""#, "7", "{}", "null"] {
            let error = StructType::from_json(&schema(wrong)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{wrong}");
            assert!(error.message().contains("column a.element"), "{error}");
        }
        for wrong in ["", "[]", "\"long\"", "{\"type\":\"struct\"}", "{\"type\":\"map\"}", "null"] {
            assert_eq!(StructType::from_json(wrong).unwrap_err().kind(), ErrorKind::Corrupt, "{wrong}");
        }
    }

    #[test]
    fn depth_and_fields_are_bounded() {
        let nested = |depth: usize| {
            let open = r#"{"type":"array","elementType":"#.repeat(depth);
            format!(r#"{{"type":"struct","fields":[{{"name":"a","type":{open}"long"{}}}]}}"#, "}".repeat(depth))
        };
        assert!(StructType::from_json(&nested(MAX_SCHEMA_DEPTH - 1)).is_ok());
        for depth in [MAX_SCHEMA_DEPTH, 10_000] {
            assert_eq!(StructType::from_json(&nested(depth)).unwrap_err().kind(), ErrorKind::Exhausted);
        }
        let wide = |count: usize| {
            let fields: Vec<_> = (0..count).map(|i| format!(r#"{{"name":"c{i}","type":"long"}}"#)).collect();
            format!(r#"{{"type":"struct","fields":[{}]}}"#, fields.join(","))
        };
        assert!(StructType::from_json(&wide(MAX_SCHEMA_FIELDS)).is_ok());
        assert_eq!(StructType::from_json(&wide(MAX_SCHEMA_FIELDS + 1)).unwrap_err().kind(), ErrorKind::Exhausted);
    }

    #[test]
    fn names_that_differ_in_case_only_are_read_and_refused_on_change() {
        let json = r#"{"type":"struct","fields":[{"name":"a","type":"long"},{"name":"s","type":{"type":"struct",
            "fields":[{"name":"Été","type":"long"},{"name":"été","type":"long"}]}},{"name":"A","type":"long"}]}"#;
        let schema = StructType::from_json(json).unwrap();
        let refused = schema.check_unique_names().unwrap_err();
        assert!(refused.message().ends_with("s.Été and s.été; a and A"), "{refused}");
        assert_eq!(schema.resolve("A").unwrap().unwrap().0, 2);
        assert_eq!(schema.resolve("S").unwrap().unwrap().0, 1);
        assert!(schema.resolve("nothing").unwrap().is_none());
        let ambiguous = StructType::new(["Ab", "AB"].map(|name| StructField::nullable(name, DataType::LONG)));
        assert_eq!(ambiguous.resolve("ab").unwrap_err().kind(), ErrorKind::InvalidRequest);
    }

    fn any_primitive() -> impl Strategy<Value = DataType> {
        prop_oneof![
            prop::sample::select(vec![
                DataType::STRING,
                DataType::LONG,
                DataType::BYTE,
                DataType::DOUBLE,
                DataType::TIMESTAMP_NTZ,
                DataType::VARIANT,
                DataType::VOID,
            ]),
            (1..=38_u8, 0..=38_u8).prop_map(|(precision, scale)| PrimitiveType::Decimal {
                precision,
                scale: scale.min(precision)
            }
            .into()),
        ]
    }

    fn any_field(data_type: impl Strategy<Value = DataType>) -> impl Strategy<Value = StructField> {
        let metadata = prop::collection::btree_map(".{0,8}", prop_oneof!["[0-9]{1,25}", ".{0,8}"], 0..3);
        (".{0,12}", data_type, any::<bool>(), metadata).prop_map(|(name, data_type, nullable, entries)| {
            let mut metadata = FieldMetadata::default();
            for (key, value) in entries {
                // Digits as a number, everything else as a text.
                if metadata.insert_json(key.as_str(), &value).is_err() {
                    metadata.insert(key, value);
                }
            }
            StructField { name, data_type, nullable, metadata }
        })
    }

    fn any_schema() -> impl Strategy<Value = StructType> {
        let data_type = any_primitive().prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                (inner.clone(), any::<bool>()).prop_map(|(element_type, contains_null)| {
                    DataType::Array(Box::new(ArrayType { element_type, contains_null }))
                }),
                (inner.clone(), inner.clone(), any::<bool>()).prop_map(
                    |(key_type, value_type, value_contains_null)| {
                        DataType::Map(Box::new(MapType { key_type, value_type, value_contains_null }))
                    }
                ),
                prop::collection::vec(any_field(inner), 0..4).prop_map(|fields| StructType::new(fields).into()),
            ]
        });
        prop::collection::vec(any_field(data_type), 0..5).prop_map(StructType::new)
    }

    proptest! {
        #[test]
        fn every_schema_comes_back_from_json_and_from_arrow(schema in any_schema()) {
            prop_assert_eq!(&StructType::from_json(&schema.to_json()).unwrap(), &schema);
            let arrow = schema.to_arrow().unwrap();
            prop_assert_eq!(&StructType::from_arrow(&arrow).unwrap(), &schema);
        }

        #[test]
        fn no_text_panics(json in ".*", middle in ".*") {
            let _ = StructType::from_json(&json);
            let _ = StructType::from_json(&format!(r#"{{"type":"struct","fields":[{middle}]}}"#));
        }
    }
}
