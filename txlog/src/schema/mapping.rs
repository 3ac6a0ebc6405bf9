//! Under which names and ids columns stand in data files, partition values and statistics (protocol: "Column
//! Mapping").

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType as ArrowType, Field as ArrowField, Fields as ArrowFields, Schema as ArrowSchema};
use serde_json::Value;

use super::data_type::DataType;
use super::field::{ArrayType, ColumnPath, MapType, StructField, StructType};
use super::metadata::{FieldMetadata, key};
use crate::error::{Error, Result};

/// The table property `delta.columnMapping.mode`, where the protocol supports the feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ColumnMappingMode {
    /// Columns stand in files under the names that people see.
    #[default]
    None,
    /// Columns stand in files under their physical names.
    Name,
    /// Columns of files are found by their field ids; partition values and statistics by physical names.
    Id,
}

impl ColumnMappingMode {
    /// The mode that the property's value means (case is ignored, as Spark does).
    ///
    /// # Errors
    /// `Corrupt` for any other value.
    pub fn parse(value: &str) -> Result<ColumnMappingMode> {
        match value.to_ascii_lowercase().as_str() {
            "none" => Ok(ColumnMappingMode::None),
            "name" => Ok(ColumnMappingMode::Name),
            "id" => Ok(ColumnMappingMode::Id),
            _ => Err(Error::corrupt(format!("delta.columnMapping.mode is {value:?}, not none, name or id"))),
        }
    }
}

impl fmt::Display for ColumnMappingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ColumnMappingMode::None => "none",
            ColumnMappingMode::Name => "name",
            ColumnMappingMode::Id => "id",
        })
    }
}

impl StructField {
    /// The name of the column in data files, partition values and statistics.
    ///
    /// # Errors
    /// `Corrupt` when the mode asks for a physical name and the column has none.
    pub fn physical_name(&self, mode: ColumnMappingMode) -> Result<String> {
        match mode {
            ColumnMappingMode::None => Ok(self.name.clone()),
            ColumnMappingMode::Name | ColumnMappingMode::Id => self.metadata.physical_name().ok_or_else(|| {
                Error::corrupt(format!(
                    "column {:?} has no {} though the mode is {mode}",
                    self.name,
                    key::PHYSICAL_NAME
                ))
            }),
        }
    }
}

impl StructType {
    /// The same schema under physical names, at every depth; metadata is kept. In mode `none` it is the schema itself.
    ///
    /// # Errors
    /// `Corrupt` when a column has no physical name, or two of one level have the same.
    pub fn physical_schema(&self, mode: ColumnMappingMode) -> Result<StructType> {
        if mode == ColumnMappingMode::None {
            return Ok(self.clone());
        }
        physical_struct(self, mode, &mut ColumnPath::default())
    }

    /// The Arrow schema that data files are written with: physical names, Parquet field ids where columns are mapped,
    /// no other field metadata, and no `void` columns. Partition columns are in it if they are in `self`.
    ///
    /// # Errors
    /// `Corrupt` as [`StructType::physical_schema`], and when a mapped column has no id; `Unsupported` for a type that
    /// this release doesn't know; `InvalidRequest` for the shapes with `void` that the protocol says can't be written
    /// (section "Void Type").
    pub fn to_parquet(&self, mode: ColumnMappingMode) -> Result<ArrowSchema> {
        let written = without_void(self, &mut ColumnPath::default())?;
        let arrow = written.physical_schema(mode)?.to_arrow()?;
        let fields = arrow.fields().iter().zip(written.fields()).map(|(arrow, field)| file_field(arrow, field, mode));
        Ok(ArrowSchema::new(fields.collect::<Result<ArrowFields>>()?))
    }
}

fn physical_struct(structure: &StructType, mode: ColumnMappingMode, path: &mut ColumnPath) -> Result<StructType> {
    let mut names = HashSet::new();
    let mut fields = Vec::with_capacity(structure.len());
    for field in structure.fields() {
        path.push(&field.name);
        let name = field.physical_name(mode)?;
        if !names.insert(name.clone()) {
            return Err(Error::corrupt(format!("column {path} shares its physical name {name:?} with another")));
        }
        let data_type = physical_type(&field.data_type, mode, path)?;
        path.pop();
        fields.push(StructField { name, data_type, nullable: field.nullable, metadata: field.metadata.clone() });
    }
    Ok(StructType::new(fields))
}

fn physical_type(data_type: &DataType, mode: ColumnMappingMode, path: &mut ColumnPath) -> Result<DataType> {
    Ok(match data_type {
        DataType::Primitive(_) | DataType::Unknown(_) => data_type.clone(),
        DataType::Struct(inner) => DataType::Struct(physical_struct(inner, mode, path)?),
        DataType::Array(array) => DataType::Array(Box::new(ArrayType {
            element_type: physical_type(&array.element_type, mode, path)?,
            contains_null: array.contains_null,
        })),
        DataType::Map(map) => DataType::Map(Box::new(MapType {
            key_type: physical_type(&map.key_type, mode, path)?,
            value_type: physical_type(&map.value_type, mode, path)?,
            value_contains_null: map.value_contains_null,
        })),
    })
}

/// The schema without its `void` columns, or why the protocol has no data file for it.
fn without_void(structure: &StructType, path: &mut ColumnPath) -> Result<StructType> {
    let mut fields = Vec::with_capacity(structure.len());
    for field in structure.fields() {
        path.push(&field.name);
        let data_type = match &field.data_type {
            DataType::Primitive(super::PrimitiveType::Void) => None,
            DataType::Struct(inner) => Some(DataType::Struct(without_void(inner, path)?)),
            other if other.any(&mut |inner| *inner == DataType::VOID) => {
                return Err(Error::invalid(format!(
                    "no data can be written: column {path} has the type void inside an array or map"
                ))
                .hint("change the column to a type that holds values"));
            }
            other => Some(other.clone()),
        };
        path.pop();
        fields.extend(data_type.map(|data_type| StructField { data_type, ..field.clone() }));
    }
    if fields.is_empty() && !structure.is_empty() {
        let what = if path.names().is_empty() { "the table".to_owned() } else { format!("column {path}") };
        return Err(Error::invalid(format!("no data can be written: {what} has only columns of the type void"))
            .hint("change one to a type that holds values"));
    }
    Ok(StructType::new(fields))
}

/// The field of a data file: `arrow` (physical names) with the ids of `field`.
fn file_field(arrow: &ArrowField, field: &StructField, mode: ColumnMappingMode) -> Result<ArrowField> {
    let ids = FieldIds::of(field, mode)?;
    let data_type = file_type(arrow.data_type(), &field.data_type, &ids, arrow.name(), mode)?;
    let own = ids.own.map(|id| id.to_string());
    Ok(plain_field(arrow, data_type, own))
}

fn file_type(
    arrow: &ArrowType,
    data_type: &DataType,
    ids: &FieldIds,
    prefix: &str,
    mode: ColumnMappingMode,
) -> Result<ArrowType> {
    let inside = |arrow: &ArrowField, inner: &DataType, name: &str| {
        let prefix = format!("{prefix}.{name}");
        let data_type = file_type(arrow.data_type(), inner, ids, &prefix, mode)?;
        Ok::<_, Error>(plain_field(arrow, data_type, ids.nested.get(&prefix).cloned()))
    };
    Ok(match (arrow, data_type) {
        (ArrowType::Struct(fields), DataType::Struct(inner)) => {
            let fields = fields.iter().zip(inner.fields()).map(|(arrow, field)| file_field(arrow, field, mode));
            ArrowType::Struct(fields.collect::<Result<ArrowFields>>()?)
        }
        (ArrowType::List(element), DataType::Array(array)) => {
            ArrowType::List(Arc::new(inside(element, &array.element_type, "element")?))
        }
        (ArrowType::Map(entries, sorted), DataType::Map(map)) => match entries.data_type() {
            ArrowType::Struct(fields) => match fields.as_ref() {
                [key, value] => {
                    let key = inside(key, &map.key_type, "key")?;
                    let value = inside(value, &map.value_type, "value")?;
                    let entry = ArrowType::Struct(ArrowFields::from(vec![key, value]));
                    ArrowType::Map(Arc::new(ArrowField::new(entries.name(), entry, false)), *sorted)
                }
                _ => arrow.clone(),
            },
            _ => arrow.clone(),
        },
        _ => arrow.clone(),
    })
}

/// A field without metadata but for its Parquet id and an Arrow extension.
fn plain_field(arrow: &ArrowField, data_type: ArrowType, id: Option<String>) -> ArrowField {
    let mut metadata = arrow.metadata().clone();
    metadata.retain(|key, _| key.starts_with("ARROW:"));
    metadata.extend(id.map(|id| (parquet::arrow::PARQUET_FIELD_ID_META_KEY.to_owned(), id)));
    ArrowField::new(arrow.name(), data_type, arrow.is_nullable()).with_metadata(metadata)
}

/// The Parquet ids that a column's metadata gives.
struct FieldIds {
    own: Option<i32>,
    /// Ids of `element`, `key` and `value` by their path from the physical name.
    nested: HashMap<String, String>,
}

impl FieldIds {
    fn of(field: &StructField, mode: ColumnMappingMode) -> Result<FieldIds> {
        if mode == ColumnMappingMode::None {
            return Ok(FieldIds { own: None, nested: HashMap::new() });
        }
        let own = field.metadata.column_id().and_then(|id| i32::try_from(id).ok()).ok_or_else(|| {
            Error::corrupt(format!(
                "column {:?} has no {} of 32 bits though the mode is {mode}",
                field.name,
                key::COLUMN_ID
            ))
        })?;
        Ok(FieldIds { own: Some(own), nested: nested_ids(&field.metadata) })
    }
}

fn nested_ids(metadata: &FieldMetadata) -> HashMap<String, String> {
    let ids: Option<HashMap<String, Value>> = metadata.json(key::NESTED_IDS).and_then(|j| serde_json::from_str(j).ok());
    ids.unwrap_or_default().into_iter().filter_map(|(path, id)| Some((path, id.as_i64()?.to_string()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the protocol's section "Column Mapping", in a list of fields.
    fn mapped() -> StructType {
        StructType::from_json(
            r#"{"type":"struct","fields":[{"name":"e","type":{"type":"array","elementType":{"type":"struct",
            "fields":[{"name":"d","type":"integer","nullable":false,"metadata":{"delta.columnMapping.id":5,
            "delta.columnMapping.physicalName":"col-a7"}}]},"containsNull":true},"nullable":true,"metadata":{
            "delta.columnMapping.id":4,"delta.columnMapping.physicalName":"col-5f",
            "delta.columnMapping.nested.ids":{"col-5f.element":100},"comment":"x"}}]}"#,
        )
        .unwrap()
    }

    #[test]
    fn physical_names_stand_at_every_depth() {
        let physical = mapped().physical_schema(ColumnMappingMode::Name).unwrap();
        assert_eq!(DataType::from(physical).to_string(), "struct<col-5f: array<struct<col-a7: integer>>>");
        assert_eq!(mapped().physical_schema(ColumnMappingMode::None).unwrap(), mapped());
    }

    #[test]
    fn files_carry_field_ids_and_no_other_metadata() {
        let file = mapped().to_parquet(ColumnMappingMode::Id).unwrap();
        let field = file.field(0);
        assert_eq!(field.name(), "col-5f");
        let id = |field: &ArrowField| field.metadata().get(parquet::arrow::PARQUET_FIELD_ID_META_KEY).cloned();
        assert_eq!(id(field).as_deref(), Some("4"));
        assert_eq!(field.metadata().len(), 1);
        let ArrowType::List(element) = field.data_type() else { panic!("{field}") };
        assert_eq!(id(element).as_deref(), Some("100"));
        let ArrowType::Struct(inner) = element.data_type() else { panic!("{element}") };
        assert_eq!(id(&inner[0]).as_deref(), Some("5"));
        assert!(mapped().to_parquet(ColumnMappingMode::None).unwrap().field(0).metadata().is_empty());
    }

    #[test]
    fn equal_physical_names_and_missing_ids_are_errors() {
        let mut schema = mapped();
        let twin = StructField { name: "f".into(), ..schema.fields()[0].clone() };
        schema.fields_mut().push(twin);
        assert!(schema.physical_schema(ColumnMappingMode::Name).unwrap_err().message().contains("column f"));
        let mut schema = mapped();
        schema.fields_mut()[0].metadata.remove(key::COLUMN_ID);
        assert!(schema.to_parquet(ColumnMappingMode::Name).is_err());
    }

    #[test]
    fn void_columns_are_in_no_file() {
        let struct_of = |fields: Vec<StructField>| DataType::from(StructType::new(fields));
        let void = || StructField::nullable("v", DataType::VOID);
        let schema = StructType::new([
            void(),
            StructField::nullable("s", struct_of(vec![void(), StructField::nullable("x", DataType::LONG)])),
        ]);
        let file = schema.to_parquet(ColumnMappingMode::None).unwrap();
        assert_eq!(file.fields().len(), 1);
        for unwritable in [
            vec![void()],
            vec![StructField::nullable("s", struct_of(vec![void()])), StructField::nullable("x", DataType::LONG)],
            vec![StructField::nullable("a", DataType::array(DataType::VOID))],
            vec![StructField::nullable("m", DataType::map(DataType::LONG, struct_of(vec![void()])))],
        ] {
            assert!(StructType::new(unwritable).to_parquet(ColumnMappingMode::None).is_err());
        }
    }
}
