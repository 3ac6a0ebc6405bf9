//! A column whose statistics are asked for.

use arrow::datatypes::DataType;

use crate::schema::ColumnPath;

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
