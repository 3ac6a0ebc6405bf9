//! Actions about the table as a whole: `metaData`, `protocol`, `txn`, `domainMetadata`, and the checkpoint's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::file::Tags;

/// The table's identity, schema, partitioning and properties.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// A GUID that stays the same for the table's life.
    pub id: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A description for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How data files are encoded: Parquet.
    #[serde(default)]
    pub format: Format,
    /// The schema as JSON text.
    pub schema_string: String,
    /// Names of the partition columns, outermost first.
    pub partition_columns: Vec<String>,
    /// Table properties.
    #[serde(default)]
    pub configuration: BTreeMap<String, String>,
    /// When this action was made, in ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_time: Option<i64>,
}

/// How data files are encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// `parquet`.
    pub provider: String,
    /// Empty.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl Default for Format {
    fn default() -> Self {
        Format { provider: "parquet".to_owned(), options: BTreeMap::new() }
    }
}

/// What a reader and a writer of the table must implement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protocol {
    /// Lowest version of the read protocol.
    pub min_reader_version: i32,
    /// Lowest version of the write protocol.
    pub min_writer_version: i32,
    /// Features that a reader must implement; present when `minReaderVersion` is 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_features: Option<Vec<String>>,
    /// Features that a writer must implement; present when `minWriterVersion` is 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer_features: Option<Vec<String>>,
}

/// How far an application has come, so that it can tell what it has written already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Txn {
    /// The application.
    pub app_id: String,
    /// Its own number for what it has done.
    pub version: i64,
    /// When, in ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<i64>,
}

/// A named configuration that writers keep together with the table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainMetadata {
    /// Its name; `delta.…` belongs to the protocol.
    pub domain: String,
    /// Its text.
    pub configuration: String,
    /// Whether the domain ends here.
    #[serde(default)]
    pub removed: bool,
}

/// V2 checkpoints: what the checkpoint is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckpointMetadata {
    /// The version that it holds.
    pub version: i64,
    /// Free-form metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
}
