//! The columns of a checkpoint, as Arrow. Protocol section "Checkpoint Schema".

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

/// Root columns that hold file actions.
pub const FILE_ACTIONS: [&str; 2] = ["add", "remove"];
/// Root columns that hold the other actions.
pub const OTHER_ACTIONS: [&str; 6] = ["protocol", "metaData", "txn", "domainMetadata", "sidecar", "checkpointMetadata"];

/// Root columns that hold the actions of the table as a whole, each with a field that every such action has.
pub const TABLE_ACTIONS: [(&str, &str); 5] = [
    ("protocol", "minReaderVersion"),
    ("metaData", "id"),
    ("txn", "appId"),
    ("domainMetadata", "domain"),
    ("checkpointMetadata", "version"),
];

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

/// The fields of `add` that we write.
#[must_use]
pub fn add_fields() -> Fields {
    vec![
        text("path"),
        map("partitionValues"),
        long("size"),
        long("modificationTime"),
        boolean("dataChange"),
        text("stats"),
        map("tags"),
        deletion_vector(),
        long("baseRowId"),
        long("defaultRowCommitVersion"),
        text("clusteringProvider"),
    ]
    .into()
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

/// The columns of a classic checkpoint of the V1 spec.
#[must_use]
pub fn classic() -> SchemaRef {
    Arc::new(Schema::new(vec![
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
        Field::new("add", DataType::Struct(add_fields()), true),
        Field::new("remove", DataType::Struct(remove_fields()), true),
    ]))
}
