//! File actions as Arrow columns: one row per `add` or per tombstone.
//!
//! A table has millions of files; a struct for each would cost a kilobyte. Columns that no row uses aren't there at all.

use std::borrow::Cow;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Int32Array, Int64Array, MapArray, MapBuilder, MapFieldNames, StringArray,
    StringBuilder,
};
use arrow::buffer::NullBuffer;

use super::stats::FileStats;
use crate::action::{Add, DeletionVectorDescriptor, PartitionValues, Remove, Tags};

/// Rows of file actions. All columns have the same length; an absent optional column is NULL throughout.
#[derive(Clone, Debug)]
pub struct FileColumns {
    /// `path`, URI-encoded as in the log.
    pub path: StringArray,
    /// `partitionValues`: string → string.
    pub partition_values: Option<MapArray>,
    /// `size` in bytes.
    pub size: Int64Array,
    /// `modificationTime` in ms; tombstones have none.
    pub modification_time: Option<Int64Array>,
    /// `stats` and `stats_parsed`, compressed or not read yet where they are many.
    pub stats: FileStats,
    /// `tags`: string → string.
    pub tags: Option<MapArray>,
    /// `deletionVector`.
    pub deletion_vector: Option<DeletionVectorColumns>,
    /// `baseRowId`.
    pub base_row_id: Option<Int64Array>,
    /// `defaultRowCommitVersion`.
    pub default_row_commit_version: Option<Int64Array>,
    /// `clusteringProvider`.
    pub clustering_provider: Option<StringArray>,
    /// Tombstones: `deletionTimestamp` in ms.
    pub deletion_timestamp: Option<Int64Array>,
    /// Tombstones: `dataChange`.
    pub data_change: Option<BooleanArray>,
}

/// The fields of `deletionVector`, NULL together where a file has none.
#[derive(Clone, Debug)]
pub struct DeletionVectorColumns {
    /// `storageType`; its validity is the descriptor's.
    pub storage_type: StringArray,
    /// `pathOrInlineDv`.
    pub path_or_inline_dv: StringArray,
    /// `offset` in bytes; NULL inline.
    pub offset: Int32Array,
    /// `sizeInBytes`.
    pub size_in_bytes: Int32Array,
    /// `cardinality` in rows.
    pub cardinality: Int64Array,
}

impl FileColumns {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.path.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.path.is_empty()
    }

    /// The columns of `adds`.
    #[must_use]
    pub fn from_adds(adds: &[Add]) -> FileColumns {
        FileColumns {
            path: StringArray::from_iter_values(adds.iter().map(|add| &add.path)),
            partition_values: map_column(adds.iter().map(|add| Some(&add.partition_values))),
            size: adds.iter().map(|add| Some(add.size)).collect(),
            modification_time: Some(adds.iter().map(|add| Some(add.modification_time)).collect()),
            stats: FileStats::from_texts(Some(adds.iter().map(|add| add.stats.as_deref()).collect())),
            tags: map_column(adds.iter().map(|add| add.tags.as_ref())),
            deletion_vector: deletion_vector_columns(adds.iter().map(|add| add.deletion_vector.as_ref())),
            base_row_id: long_column(adds.iter().map(|add| add.base_row_id)),
            default_row_commit_version: long_column(adds.iter().map(|add| add.default_row_commit_version)),
            clustering_provider: string_column(adds.iter().map(|add| add.clustering_provider.as_deref())),
            deletion_timestamp: None,
            data_change: None,
        }
    }

    /// The columns of `removes`, as tombstones: without `stats` and `tags`, which only commits keep.
    #[must_use]
    pub fn from_removes(removes: &[Remove]) -> FileColumns {
        FileColumns {
            path: StringArray::from_iter_values(removes.iter().map(|remove| &remove.path)),
            partition_values: map_column(removes.iter().map(|remove| remove.partition_values.as_ref())),
            size: removes.iter().map(|remove| remove.size).collect(),
            modification_time: None,
            stats: FileStats::absent(),
            tags: None,
            deletion_vector: deletion_vector_columns(removes.iter().map(|remove| remove.deletion_vector.as_ref())),
            base_row_id: long_column(removes.iter().map(|remove| remove.base_row_id)),
            default_row_commit_version: long_column(removes.iter().map(|remove| remove.default_row_commit_version)),
            clustering_provider: None,
            deletion_timestamp: long_column(removes.iter().map(|remove| remove.deletion_timestamp)),
            data_change: Some(removes.iter().map(|remove| Some(remove.data_change)).collect()),
        }
    }

    /// One row.
    #[must_use]
    pub fn row(&self, row: usize) -> FileRef<'_> {
        assert!(row < self.len(), "row {row} of {} file rows", self.len());
        FileRef { columns: self, row }
    }
}

/// One row of [`FileColumns`], borrowed.
#[derive(Clone, Copy, Debug)]
pub struct FileRef<'a> {
    columns: &'a FileColumns,
    row: usize,
}

impl<'a> FileRef<'a> {
    /// `path`, URI-encoded as in the log.
    #[must_use]
    pub fn path(self) -> &'a str {
        self.columns.path.value(self.row)
    }

    /// `size` in bytes, 0 for a tombstone that doesn't say.
    #[must_use]
    pub fn size(self) -> i64 {
        if self.columns.size.is_null(self.row) { 0 } else { self.columns.size.value(self.row) }
    }

    /// `modificationTime` in ms, 0 where it isn't known.
    #[must_use]
    pub fn modification_time(self) -> i64 {
        long(&self.columns.modification_time, self.row).unwrap_or(0)
    }

    /// `stats` as JSON text. Where they are kept compressed, or stand in a checkpoint still, this decodes
    /// thousands of files, which the next call finds again: cheap one after the other. What is
    /// damaged is unknown, and said in the log.
    #[must_use]
    pub fn stats(self) -> Option<Cow<'a, str>> {
        self.columns.stats.text(self.row).unwrap_or_else(|error| {
            tracing::warn!(path = self.path(), %error, "statistics can't be read; they are taken to be unknown");
            None
        })
    }

    /// `partitionValues`.
    #[must_use]
    pub fn partition_values(self) -> PartitionValues {
        map(&self.columns.partition_values, self.row).unwrap_or_default()
    }

    /// The value of one partition column; NULL and absent are both `None`.
    #[must_use]
    pub fn partition_value(self, column: &str) -> Option<&'a str> {
        let map = self.columns.partition_values.as_ref()?;
        map_lookup(map, self.row, column)
    }

    /// `tags`.
    #[must_use]
    pub fn tags(self) -> Option<Tags> {
        map(&self.columns.tags, self.row)
    }

    /// `deletionVector`.
    #[must_use]
    pub fn deletion_vector(self) -> Option<DeletionVectorDescriptor> {
        let columns = self.columns.deletion_vector.as_ref()?;
        if columns.storage_type.is_null(self.row) {
            return None;
        }
        Some(DeletionVectorDescriptor {
            storage_type: columns.storage_type.value(self.row).to_owned(),
            path_or_inline_dv: columns.path_or_inline_dv.value(self.row).to_owned(),
            offset: columns.offset.is_valid(self.row).then(|| columns.offset.value(self.row)),
            size_in_bytes: columns.size_in_bytes.value(self.row),
            cardinality: columns.cardinality.value(self.row),
        })
    }

    /// Whether the row's vector is `other` (both absent counts).
    #[must_use]
    pub fn has_dv_id(self, other: Option<&str>) -> bool {
        if self.columns.deletion_vector.is_none() {
            return other.is_none();
        }
        match (self.deletion_vector(), other) {
            (None, None) => true,
            (Some(own), Some(other)) => own.unique_id() == other,
            _ => false,
        }
    }

    /// The row as an `add`.
    #[must_use]
    pub fn to_add(self) -> Add {
        Add {
            path: self.path().to_owned(),
            partition_values: self.partition_values(),
            size: self.size(),
            modification_time: self.modification_time(),
            data_change: true,
            stats: self.stats().map(Cow::into_owned),
            tags: self.tags(),
            deletion_vector: self.deletion_vector(),
            base_row_id: long(&self.columns.base_row_id, self.row),
            default_row_commit_version: long(&self.columns.default_row_commit_version, self.row),
            clustering_provider: string(&self.columns.clustering_provider, self.row).map(str::to_owned),
        }
    }

    /// The row as a `remove`.
    #[must_use]
    pub fn to_remove(self) -> Remove {
        let size = self.columns.size.is_valid(self.row).then(|| self.size());
        let partition_values: Option<PartitionValues> = map(&self.columns.partition_values, self.row);
        Remove {
            path: self.path().to_owned(),
            deletion_timestamp: self.deletion_timestamp(),
            data_change: self.columns.data_change.as_ref().is_none_or(|c| c.is_null(self.row) || c.value(self.row)),
            extended_file_metadata: Some(size.is_some() && partition_values.is_some()),
            partition_values,
            size,
            stats: None,
            tags: None,
            deletion_vector: self.deletion_vector(),
            base_row_id: long(&self.columns.base_row_id, self.row),
            default_row_commit_version: long(&self.columns.default_row_commit_version, self.row),
        }
    }

    /// Tombstones: `deletionTimestamp` in ms.
    #[must_use]
    pub fn deletion_timestamp(self) -> Option<i64> {
        long(&self.columns.deletion_timestamp, self.row)
    }
}

fn long(column: &Option<Int64Array>, row: usize) -> Option<i64> {
    column.as_ref().filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

fn string(column: &Option<StringArray>, row: usize) -> Option<&str> {
    column.as_ref().filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

fn entries(map: &MapArray, row: usize) -> Option<(&StringArray, &StringArray, std::ops::Range<usize>)> {
    if map.is_null(row) {
        return None;
    }
    let keys = map.keys().as_any().downcast_ref::<StringArray>()?;
    let values = map.values().as_any().downcast_ref::<StringArray>()?;
    let offsets = map.value_offsets();
    let start = usize::try_from(offsets[row]).ok()?;
    let end = usize::try_from(offsets[row + 1]).ok()?;
    Some((keys, values, start..end))
}

fn map(column: &Option<MapArray>, row: usize) -> Option<PartitionValues> {
    let (keys, values, range) = entries(column.as_ref()?, row)?;
    Some(
        range.map(|at| (keys.value(at).to_owned(), values.is_valid(at).then(|| values.value(at).to_owned()))).collect(),
    )
}

/// The value of `key` in row `row` of a string → string map.
#[must_use]
pub fn map_lookup<'a>(map: &'a MapArray, row: usize, key: &str) -> Option<&'a str> {
    let (keys, values, range) = entries(map, row)?;
    range.rev().find(|at| keys.value(*at) == key).filter(|at| values.is_valid(*at)).map(|at| values.value(at))
}

fn long_column(values: impl Iterator<Item = Option<i64>>) -> Option<Int64Array> {
    let column: Int64Array = values.collect();
    used(&column).then_some(column)
}

fn string_column<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Option<StringArray> {
    let column: StringArray = values.collect();
    used(&column).then_some(column)
}

fn used(column: &dyn Array) -> bool {
    column.null_count() < column.len()
}

fn map_column<'a>(values: impl Iterator<Item = Option<&'a PartitionValues>>) -> Option<MapArray> {
    let names = MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for value in values {
        if let Some(value) = value {
            for (key, value) in value {
                builder.keys().append_value(key);
                builder.values().append_option(value.as_deref());
            }
        }
        #[allow(clippy::expect_used, reason = "keys and values are appended in pairs just above")]
        builder.append(value.is_some()).expect("as many keys as values");
    }
    let column = builder.finish();
    used(&column).then_some(column)
}

fn deletion_vector_columns<'a>(
    values: impl Iterator<Item = Option<&'a DeletionVectorDescriptor>>,
) -> Option<DeletionVectorColumns> {
    let values: Vec<_> = values.collect();
    if values.iter().all(Option::is_none) {
        return None;
    }
    let each = || values.iter().copied();
    Some(DeletionVectorColumns {
        storage_type: each().map(|dv| dv.map(|dv| dv.storage_type.as_str())).collect(),
        path_or_inline_dv: each().map(|dv| dv.map(|dv| dv.path_or_inline_dv.as_str())).collect(),
        offset: each().map(|dv| dv.and_then(|dv| dv.offset)).collect(),
        size_in_bytes: each().map(|dv| dv.map(|dv| dv.size_in_bytes)).collect(),
        cardinality: each().map(|dv| dv.map(|dv| dv.cardinality)).collect(),
    })
}

impl DeletionVectorColumns {
    /// The fields as one struct column, in the protocol's order.
    #[must_use]
    pub fn arrays(&self) -> (Vec<ArrayRef>, Option<NullBuffer>) {
        let nulls = self.storage_type.nulls().cloned();
        let arrays: Vec<ArrayRef> = vec![
            std::sync::Arc::new(self.storage_type.clone()),
            std::sync::Arc::new(self.path_or_inline_dv.clone()),
            std::sync::Arc::new(self.offset.clone()),
            std::sync::Arc::new(self.size_in_bytes.clone()),
            std::sync::Arc::new(self.cardinality.clone()),
        ];
        (arrays, nulls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add() -> Add {
        Add {
            path: "a=1/x.parquet".into(),
            partition_values: [("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)].into(),
            size: 10,
            modification_time: 11,
            data_change: true,
            stats: Some("{\"numRecords\":3}".into()),
            tags: Some([("t".to_owned(), Some("v".to_owned()))].into()),
            deletion_vector: Some(DeletionVectorDescriptor {
                storage_type: "u".into(),
                path_or_inline_dv: "ab^-aqEH.-t@S}K{vb[*k^".into(),
                offset: Some(4),
                size_in_bytes: 40,
                cardinality: 6,
            }),
            base_row_id: Some(7),
            default_row_commit_version: Some(2),
            clustering_provider: Some("liquid".into()),
        }
    }

    #[test]
    fn adds_come_back_as_they_went_in() {
        let bare = Add { path: "y".into(), size: 1, data_change: true, ..Add::default() };
        let adds = [add(), bare];
        let columns = FileColumns::from_adds(&adds);
        assert_eq!(columns.row(0).to_add(), adds[0]);
        assert_eq!(columns.row(1).to_add(), adds[1]);
        assert_eq!(columns.row(0).partition_value("a"), Some("1"));
        assert_eq!(columns.row(0).partition_value("b"), None);
        assert_eq!(columns.row(0).partition_value("c"), None);
    }

    #[test]
    fn removes_come_back_without_tags() {
        let remove = Remove { tags: None, ..add().removed(99, false) };
        let columns = FileColumns::from_removes(std::slice::from_ref(&remove));
        assert_eq!(columns.row(0).to_remove(), remove);
    }

    #[test]
    fn a_column_that_no_row_uses_is_absent() {
        let columns = FileColumns::from_adds(&[Add { path: "y".into(), ..Add::default() }]);
        assert!(columns.tags.is_none() && !columns.stats.has_texts() && columns.deletion_vector.is_none());
    }
}
