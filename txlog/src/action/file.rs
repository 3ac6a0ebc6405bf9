//! Actions about files: `add`, `remove`, `cdc`, and the checkpoint's `sidecar`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Partition column → value in the protocol's string form; `None` is NULL.
pub type PartitionValues = BTreeMap<String, Option<String>>;
/// Free-form metadata of a file.
pub type Tags = BTreeMap<String, Option<String>>;

/// A file, with the deletion vector that belongs to it, becomes part of the table.
///
/// Its key is (`path`, deletion vector's unique id). Protocol section "Add File and Remove File".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Add {
    /// URI-encoded path, relative to the table's root or absolute, as it stands in the log.
    pub path: String,
    /// A value for each partition column.
    #[serde(default)]
    pub partition_values: PartitionValues,
    /// Bytes of the file.
    pub size: i64,
    /// When the file was made, in ms since the epoch.
    #[serde(default)]
    pub modification_time: i64,
    /// `false` when the rows were in the table before.
    #[serde(default = "yes")]
    pub data_change: bool,
    /// Statistics as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<String>,
    /// Free-form metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
    /// Which rows of the file are deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_vector: Option<DeletionVectorDescriptor>,
    /// Row id of the file's first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_row_id: Option<i64>,
    /// The version that first added this path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_row_commit_version: Option<i64>,
    /// Who clustered the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clustering_provider: Option<String>,
}

/// A file, with the deletion vector that belonged to it, is no longer part of the table.
///
/// It stays in the table's state as a tombstone until it expires, so that vacuum spares what older versions need.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remove {
    /// URI-encoded path, as in the [`Add`] that it ends.
    pub path: String,
    /// When, in ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<i64>,
    /// `false` when the rows stay in the table through other files.
    #[serde(default = "yes")]
    pub data_change: bool,
    /// Whether `partitionValues` and `size` are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_file_metadata: Option<bool>,
    /// A value for each partition column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_values: Option<PartitionValues>,
    /// Bytes of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// Statistics as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<String>,
    /// Free-form metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
    /// The vector that belonged to the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_vector: Option<DeletionVectorDescriptor>,
    /// Row id of the file's first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_row_id: Option<i64>,
    /// The version that first added this path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_row_commit_version: Option<i64>,
}

/// A file that holds changed rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddCdcFile {
    /// URI-encoded path, usually under `_change_data/`.
    pub path: String,
    /// A value for each partition column.
    #[serde(default)]
    pub partition_values: PartitionValues,
    /// Bytes of the file.
    pub size: i64,
    /// Always `false`.
    #[serde(default)]
    pub data_change: bool,
    /// Free-form metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
}

/// Where a deletion vector is kept, and how many rows it deletes.
///
/// Protocol section "Deletion Vector Descriptor Schema".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletionVectorDescriptor {
    /// `u`: a file of the table, named by a UUID; `p`: an absolute path; `i`: inline.
    pub storage_type: String,
    /// What `storageType` says: prefix and Z85-encoded UUID, path, or Z85-encoded bytes.
    pub path_or_inline_dv: String,
    /// Where the vector starts in its file, in bytes; absent inline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i32>,
    /// Bytes of the serialised vector (before Z85, without the file's length and checksum).
    pub size_in_bytes: i32,
    /// How many rows are deleted.
    pub cardinality: i64,
}

impl DeletionVectorDescriptor {
    /// The id that, with a file's path, makes the key of a logical file. Protocol section "Derived Fields".
    #[must_use]
    pub fn unique_id(&self) -> String {
        match self.offset {
            Some(offset) => format!("{}{}@{offset}", self.storage_type, self.path_or_inline_dv),
            None => format!("{}{}", self.storage_type, self.path_or_inline_dv),
        }
    }
}

impl Add {
    /// The deletion vector's part of the file's key.
    #[must_use]
    pub fn dv_id(&self) -> Option<String> {
        self.deletion_vector.as_ref().map(DeletionVectorDescriptor::unique_id)
    }

    /// The removal of this logical file.
    #[must_use]
    pub fn removed(&self, deletion_timestamp: i64, data_change: bool) -> Remove {
        Remove {
            path: self.path.clone(),
            deletion_timestamp: Some(deletion_timestamp),
            data_change,
            extended_file_metadata: Some(true),
            partition_values: Some(self.partition_values.clone()),
            size: Some(self.size),
            stats: None,
            tags: self.tags.clone(),
            deletion_vector: self.deletion_vector.clone(),
            base_row_id: self.base_row_id,
            default_row_commit_version: self.default_row_commit_version,
        }
    }
}

impl Remove {
    /// The deletion vector's part of the file's key.
    #[must_use]
    pub fn dv_id(&self) -> Option<String> {
        self.deletion_vector.as_ref().map(DeletionVectorDescriptor::unique_id)
    }
}

/// V2 checkpoints: a file under `_delta_log/_sidecars` that holds file actions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sidecar {
    /// URI-encoded name of the file.
    pub path: String,
    /// Bytes of the file.
    pub size_in_bytes: i64,
    /// When the file was made, in ms since the epoch.
    #[serde(default)]
    pub modification_time: i64,
    /// Free-form metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
}

fn yes() -> bool {
    true
}
