//! Which live files may hold a row that a predicate is true of?

use std::sync::Arc;

use arrow::array::{Array, StringArray, StructArray, UInt32Array};

use super::Snapshot;
use crate::error::Result;
use crate::files::{FileColumns, FileRef};
use crate::partition;
use crate::predicate::{Predicate, PruneInput, may_match, must_match};
use crate::schema::{DataType, Leaf, metadata::key};
use crate::stats::{ColumnPath, ParsedStats, StatsColumn};

/// A live file and what a predicate's bounds say of it.
#[derive(Clone, Copy, Debug)]
pub struct Pruned<'a> {
    /// The file.
    pub file: FileRef<'a>,
    /// Whether every row of it is known to match.
    pub all_match: bool,
}

impl Snapshot {
    /// The live files that may hold a matching row, by partition values and statistics; unknown means may.
    /// Column names are logical. O(live files), for the columns that the predicate names.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when a partition value isn't one of its column's type.
    pub fn prune(&self, predicate: &Predicate) -> Result<Vec<Pruned<'_>>> {
        let leaves = self.schema().leaves(self.column_mapping())?;
        let named: Vec<&Leaf<'_>> = {
            let columns = predicate.columns();
            leaves.iter().filter(|leaf| columns.contains(&ColumnPath::new(leaf.path.names()))).collect()
        };
        let mut kept = Vec::new();
        for (columns, live) in self.files().batches() {
            if live.is_empty() {
                continue;
            }
            let input = self.input(columns, &live, &named)?;
            let (may, must) = (may_match(predicate, &input), must_match(predicate, &input));
            for (at, row) in live.iter().enumerate() {
                if may.value(at) {
                    kept.push(Pruned { file: columns.row(*row as usize), all_match: must.value(at) });
                }
            }
        }
        Ok(kept)
    }

    /// What is known of the `live` rows of a batch, for the named columns.
    fn input(&self, columns: &Arc<FileColumns>, live: &[u32], named: &[&Leaf<'_>]) -> Result<PruneInput> {
        let is_partition = |leaf: &Leaf<'_>| match leaf.path.names() {
            [name] => self.partition_columns().contains(name),
            _ => false,
        };
        let mut partitions: Vec<(ColumnPath, _)> = Vec::new();
        let mut stats_columns = Vec::new();
        for leaf in named {
            let path = ColumnPath::new(leaf.path.names());
            if is_partition(leaf) {
                let physical = leaf.physical_path.to_string();
                let physical = leaf.physical_path.names().first().unwrap_or(&physical);
                let texts = live.iter().map(|row| columns.row(*row as usize).partition_value(physical));
                partitions.push((path, partition::to_array(&leaf.field.data_type, texts)?));
            } else if let Ok(arrow) = leaf.field.data_type.to_arrow() {
                let stored = ColumnPath::new(leaf.physical_path.names());
                let mut column = StatsColumn::new(path, arrow).stored_as(stored);
                column.widened_from = former_types(leaf);
                stats_columns.push(column);
            }
        }
        PruneInput::new(partitions, parsed(columns, live, &stats_columns)?)
    }
}

/// The types that the column had before it was widened, as far as they can be told.
fn former_types(leaf: &Leaf<'_>) -> Vec<arrow::datatypes::DataType> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Change {
        from_type: String,
    }
    let changes: Vec<Change> = leaf
        .field
        .metadata
        .json(key::TYPE_CHANGES)
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default();
    let from = |change: &Change| DataType::from_json(&format!("{:?}", change.from_type)).ok()?.to_arrow().ok();
    changes.iter().filter_map(from).collect()
}

fn parsed(columns: &FileColumns, live: &[u32], wanted: &[StatsColumn]) -> Result<ParsedStats> {
    let rows = || UInt32Array::from(live.to_vec());
    let taken = |array: &dyn Array| {
        arrow::compute::take(array, &rows(), None)
            .map_err(|e| crate::Error::bug("statistics of live files can't be gathered").because(e))
    };
    if let Some(stats) = &columns.stats {
        let stats = taken(stats)?;
        if let Some(stats) = stats.as_any().downcast_ref::<StringArray>() {
            return Ok(ParsedStats::from_json(stats, wanted));
        }
    }
    if let Some(stats) = &columns.stats_parsed {
        let stats = taken(stats)?;
        if let Some(stats) = stats.as_any().downcast_ref::<StructArray>() {
            return Ok(ParsedStats::from_parsed(stats, wanted));
        }
    }
    Ok(ParsedStats::unknown(live.len(), wanted))
}
