//! The columns without fields of their own.

use super::data_type::DataType;
use super::field::{ColumnPath, StructField, StructType};
use super::mapping::ColumnMappingMode;
use crate::error::Result;

/// A column without fields of its own: the end of a path through structs. Arrays and maps are leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf<'a> {
    /// Where it is, by the names that people see.
    pub path: ColumnPath,
    /// Where it is in statistics and data files, by physical names.
    pub physical_path: ColumnPath,
    /// The column itself.
    pub field: &'a StructField,
}

impl StructType {
    /// Every leaf column, in schema order.
    ///
    /// # Errors
    /// `Corrupt` when a column has no physical name though the mode asks for one.
    pub fn leaves(&self, mode: ColumnMappingMode) -> Result<Vec<Leaf<'_>>> {
        let mut leaves = Vec::new();
        collect(self, mode, &ColumnPath::default(), &ColumnPath::default(), &mut leaves)?;
        Ok(leaves)
    }
}

fn collect<'a>(
    structure: &'a StructType,
    mode: ColumnMappingMode,
    path: &ColumnPath,
    physical_path: &ColumnPath,
    leaves: &mut Vec<Leaf<'a>>,
) -> Result<()> {
    for field in structure.fields() {
        let path = path.child(&field.name);
        let physical_path = physical_path.child(&field.physical_name(mode)?);
        match &field.data_type {
            DataType::Struct(inner) => collect(inner, mode, &path, &physical_path, leaves)?,
            _ => leaves.push(Leaf { path, physical_path, field }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_end_the_paths_through_structs() {
        let json = r#"{"type":"struct","fields":[
            {"name":"b","type":{"type":"struct","fields":[
                {"name":"c","type":"long","nullable":true,"metadata":{"delta.columnMapping.physicalName":"c2"}},
                {"name":"d.e","type":"long","nullable":true,"metadata":{"delta.columnMapping.physicalName":"c3"}}]},
             "nullable":true,"metadata":{"delta.columnMapping.physicalName":"c1"}},
            {"name":"f","type":{"type":"array","elementType":"long"},"nullable":true,
             "metadata":{"delta.columnMapping.physicalName":"c4"}}]}"#;
        let schema = StructType::from_json(json).unwrap();
        let paths = |mode| {
            let leaves = schema.leaves(mode).unwrap();
            leaves.iter().map(|leaf| format!("{}={}", leaf.path, leaf.physical_path)).collect::<Vec<_>>()
        };
        assert_eq!(paths(ColumnMappingMode::None), ["b.c=b.c", "b.`d.e`=b.`d.e`", "f=f"]);
        assert_eq!(paths(ColumnMappingMode::Id), ["b.c=c1.c2", "b.`d.e`=c1.c3", "f=c4"]);
    }

    #[test]
    fn a_mapped_column_without_a_physical_name_is_an_error() {
        let schema = StructType::new([StructField::nullable("a", DataType::LONG)]);
        assert!(schema.leaves(ColumnMappingMode::Name).is_err());
        assert!(schema.physical_schema(ColumnMappingMode::Id).is_err());
    }
}
