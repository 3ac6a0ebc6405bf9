//! The columns of a checkpoint, as Arrow. Protocol section "Checkpoint Schema".

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

use crate::error::Result;
use crate::schema;
use crate::stats::StatsStruct;

/// Root columns that hold file actions.
pub const FILE_ACTIONS: [&str; 2] = ["add", "remove"];
/// Root columns that hold the other actions.
pub const OTHER_ACTIONS: [&str; 6] = ["protocol", "metaData", "txn", "domainMetadata", "sidecar", "checkpointMetadata"];

/// Root columns that hold the actions of the table as a whole, each with fields that every such action has.
pub const TABLE_ACTIONS: [(&str, &[&str]); 5] = [
    ("protocol", &["minReaderVersion", "minWriterVersion"]),
    ("metaData", &["id", "schemaString"]),
    ("txn", &["appId", "version"]),
    ("domainMetadata", &["domain", "configuration"]),
    ("checkpointMetadata", &["version"]),
];
/// As [`TABLE_ACTIONS`], of those that say where files are.
pub const SIDECARS: (&str, &[&str]) = ("sidecar", &["path", "sizeInBytes"]);

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn int(name: &str) -> Field {
    Field::new(name, DataType::Int32, true)
}

fn boolean(name: &str) -> Field {
    Field::new(name, DataType::Boolean, true)
}

fn texts(name: &str) -> Field {
    Field::new(name, DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))), true)
}

fn structure(name: &str, fields: Vec<Field>) -> Field {
    Field::new(name, DataType::Struct(fields.into()), true)
}

/// The entries of a string → string map.
#[must_use]
pub fn map_entries() -> Fields {
    vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)].into()
}

/// A string → string map.
#[must_use]
pub fn map(name: &str) -> Field {
    let entries = Field::new("key_value", DataType::Struct(map_entries()), false);
    Field::new(name, DataType::Map(Arc::new(entries), false), true)
}

/// The fields of `deletionVector`.
#[must_use]
pub fn deletion_vector_fields() -> Fields {
    vec![text("storageType"), text("pathOrInlineDv"), int("offset"), int("sizeInBytes"), long("cardinality")].into()
}

fn deletion_vector() -> Field {
    Field::new("deletionVector", DataType::Struct(deletion_vector_fields()), true)
}

/// What the `add` of a checkpoint has besides what every one has: by the table's schema and properties.
#[derive(Clone, Debug)]
pub struct Layout {
    /// `stats`.
    pub stats: Presence,
    /// `stats_parsed`.
    pub stats_parsed: Presence,
    /// What `stats_parsed` holds, or would.
    pub statistics: StatsStruct,
    /// `partitionValues_parsed`: physical names and types; not there where this is empty.
    pub partition_values: Vec<(String, schema::DataType)>,
}

/// Whether a column is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    Written,
    /// It isn't.
    LeftOut,
}

impl Layout {
    /// The fields of `add`.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a partition column of a type that isn't known.
    pub fn add_fields(&self) -> Result<Fields> {
        let mut fields =
            vec![text("path"), map("partitionValues"), long("size"), long("modificationTime"), boolean("dataChange")];
        if self.stats == Presence::Written {
            fields.push(text("stats"));
        }
        fields.extend([
            map("tags"),
            deletion_vector(),
            long("baseRowId"),
            long("defaultRowCommitVersion"),
            text("clusteringProvider"),
        ]);
        if self.stats_parsed == Presence::Written {
            fields.push(structure_of("stats_parsed", self.statistics.fields().clone()));
        }
        if !self.partition_values.is_empty() {
            fields.push(structure_of("partitionValues_parsed", self.partition_fields()?));
        }
        Ok(fields.into())
    }

    /// The fields of `partitionValues_parsed`.
    ///
    /// # Errors
    /// As [`add_fields`](Self::add_fields).
    pub fn partition_fields(&self) -> Result<Fields> {
        let field = |(name, data_type): &(String, schema::DataType)| Ok(Field::new(name, data_type.to_arrow()?, true));
        self.partition_values.iter().map(field).collect()
    }

    /// The columns of a file that holds file actions alone: a sidecar.
    ///
    /// # Errors
    /// As [`add_fields`](Self::add_fields).
    pub fn sidecar(&self) -> Result<SchemaRef> {
        Ok(Arc::new(Schema::new(self.file_actions()?)))
    }

    /// The columns of a checkpoint of the V1 spec.
    ///
    /// # Errors
    /// As [`add_fields`](Self::add_fields).
    pub fn v1(&self) -> Result<SchemaRef> {
        let mut columns = table_actions();
        columns.extend(self.file_actions()?);
        Ok(Arc::new(Schema::new(columns)))
    }

    /// The columns of a checkpoint of the V2 spec, whose file actions stand in sidecars. Those columns are there all
    /// the same: readers that know only the V1 spec look for them before they have read the protocol.
    ///
    /// # Errors
    /// As [`add_fields`](Self::add_fields).
    pub fn v2(&self) -> Result<SchemaRef> {
        let mut columns = table_actions();
        columns.push(structure("checkpointMetadata", vec![long("version"), map("tags")]));
        columns
            .push(structure("sidecar", vec![text("path"), long("sizeInBytes"), long("modificationTime"), map("tags")]));
        columns.extend(self.file_actions()?);
        Ok(Arc::new(Schema::new(columns)))
    }

    fn file_actions(&self) -> Result<Vec<Field>> {
        Ok(vec![structure_of("add", self.add_fields()?), structure_of("remove", remove_fields())])
    }
}

fn structure_of(name: &str, fields: Fields) -> Field {
    Field::new(name, DataType::Struct(fields), true)
}

/// The fields of `remove` that we write: a tombstone needs no statistics and no tags.
#[must_use]
pub fn remove_fields() -> Fields {
    vec![
        text("path"),
        long("deletionTimestamp"),
        boolean("dataChange"),
        boolean("extendedFileMetadata"),
        map("partitionValues"),
        long("size"),
        deletion_vector(),
        long("baseRowId"),
        long("defaultRowCommitVersion"),
    ]
    .into()
}

/// The columns of the actions that are about the table as a whole.
fn table_actions() -> Vec<Field> {
    vec![
        structure(
            "protocol",
            vec![int("minReaderVersion"), int("minWriterVersion"), texts("readerFeatures"), texts("writerFeatures")],
        ),
        structure(
            "metaData",
            vec![
                text("id"),
                text("name"),
                text("description"),
                structure("format", vec![text("provider"), map("options")]),
                text("schemaString"),
                texts("partitionColumns"),
                map("configuration"),
                long("createdTime"),
            ],
        ),
        structure("txn", vec![text("appId"), long("version"), long("lastUpdated")]),
        structure("domainMetadata", vec![text("domain"), text("configuration"), boolean("removed")]),
    ]
}
