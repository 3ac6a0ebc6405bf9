//! A column whose statistics are asked for.

use arrow::datatypes::DataType;
use serde::Deserialize;

use crate::Result;
use crate::schema::metadata::key;
use crate::schema::{ColumnPath, Leaf, PrimitiveType};

/// A column whose statistics are asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct StatsColumn {
    /// What the caller, and a predicate, calls the column.
    pub path: ColumnPath,
    /// What the statistics call it: the physical names under column mapping.
    pub stored: ColumnPath,
    /// The type it has today, in which the bounds come back.
    pub data_type: DataType,
    /// The types it had before it was widened (`delta.typeChanges`): statistics of older files are written in them.
    pub widened_from: Vec<DataType>,
}

impl StatsColumn {
    /// A column stored under its own name, whose type has never changed.
    #[must_use]
    pub fn new(path: ColumnPath, data_type: DataType) -> StatsColumn {
        StatsColumn { stored: path.clone(), path, data_type, widened_from: Vec::new() }
    }

    /// The column that is a leaf of the table's schema: by its logical path, stored under the physical one, with the
    /// types that `delta.typeChanges` says it had.
    ///
    /// # Errors
    /// As [`schema::DataType::to_arrow`](crate::schema::DataType::to_arrow): the type has no Arrow form.
    pub fn of_leaf(leaf: &Leaf<'_>) -> Result<StatsColumn> {
        let data_type = leaf.field.data_type.to_arrow()?;
        let widened_from = match leaf.field.metadata.json(key::TYPE_CHANGES) {
            Some(changes) => types_before(changes).unwrap_or_else(|| vec![DataType::Float32]),
            None => Vec::new(),
        };
        Ok(StatsColumn::new(leaf.path.clone(), data_type)
            .stored_as(leaf.physical_path.clone())
            .widened_from(widened_from))
    }

    /// Names what the statistics call the column.
    #[must_use]
    pub fn stored_as(mut self, stored: ColumnPath) -> StatsColumn {
        self.stored = stored;
        self
    }

    /// Names the types that the column had before.
    #[must_use]
    pub fn widened_from(mut self, types: Vec<DataType>) -> StatsColumn {
        self.widened_from = types;
        self
    }
}

/// The types that a list of changes starts from; `None` when it can't be read. Float is then assumed, the one type whose
/// statistics read differently once the column is widened.
fn types_before(changes: &str) -> Option<Vec<DataType>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct TypeChange {
        from_type: String,
    }
    let changes: Vec<TypeChange> = serde_json::from_str(changes).ok()?;
    changes.iter().map(|change| Some(PrimitiveType::from_name(&change.from_type)?.to_arrow())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ColumnMappingMode, StructType};

    #[test]
    fn a_leaf_brings_its_physical_name_and_the_types_it_had() {
        let changes = r#"[{"fromType":"float","toType":"double"}]"#;
        let json = format!(
            r#"{{"type":"struct","fields":[{{"name":"s","type":{{"type":"struct","fields":[
                {{"name":"a","type":"double","nullable":true,
                  "metadata":{{"delta.columnMapping.physicalName":"c2","delta.typeChanges":{changes}}}}},
                {{"name":"b","type":"double","nullable":true,
                  "metadata":{{"delta.columnMapping.physicalName":"c3","delta.typeChanges":"?"}}}},
                {{"name":"d","type":"date","nullable":true,
                  "metadata":{{"delta.columnMapping.physicalName":"c4"}}}}]}},
              "nullable":true,"metadata":{{"delta.columnMapping.physicalName":"c1"}}}}]}}"#
        );
        let schema = StructType::from_json(&json).unwrap();
        let leaves = schema.leaves(ColumnMappingMode::Name).unwrap();
        let columns: Vec<_> = leaves.iter().map(|leaf| StatsColumn::of_leaf(leaf).unwrap()).collect();
        let column = |name: &str, stored: &str, data_type, was: &[DataType]| {
            StatsColumn::new(ColumnPath::new(["s", name]), data_type)
                .stored_as(ColumnPath::new(["c1", stored]))
                .widened_from(was.to_vec())
        };
        assert_eq!(
            columns,
            [
                column("a", "c2", DataType::Float64, &[DataType::Float32]),
                column("b", "c3", DataType::Float64, &[DataType::Float32]),
                column("d", "c4", DataType::Date32, &[]),
            ]
        );
    }
}
