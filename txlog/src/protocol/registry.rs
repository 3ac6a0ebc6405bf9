//! Every table feature of the protocol and of its RFCs, previews included.
//!
//! A feature becomes `Implemented` here in the commit that implements it, never before (pitfall H5).

use super::feature::{Binding, Feature, Kind, Legacy, Support, Table};
use super::properties::{self as property, CheckpointPolicy};
use crate::error::Result;
use crate::schema::{ColumnMappingMode, DataType, metadata::key};

/// The feature of this name; `None` for one that this release has never heard of.
#[must_use]
pub fn feature(name: &str) -> Option<&'static Feature> {
    FEATURES.iter().find(|feature| feature.name == name)
}

/// What most entries share; each says what is its own.
const WRITER: Feature = Feature {
    name: "",
    kind: Kind::Writer,
    legacy: None,
    requires: &[],
    reading: "nothing",
    writing: "",
    read: Support::Harmless,
    write: Support::NotYet("writing it isn't implemented"),
    binds: Binding::WhenSupported,
    active: None,
};

/// As [`WRITER`], of a feature that binds readers too.
const READER_WRITER: Feature =
    Feature { kind: Kind::ReaderWriter, reading: "", read: Support::NotYet("reading it isn't implemented"), ..WRITER };

/// Features in the order of the protocol's section "Valid Feature Names in Table Features", then those of the RFCs,
/// then previews and features of Spark that no text defines.
pub static FEATURES: &[Feature] = &[
    Feature {
        name: "appendOnly",
        legacy: Some(Legacy { reader: None, writer: 2 }),
        writing: "no commit removes or changes data while delta.appendOnly is true",
        write: Support::Implemented,
        binds: Binding::WhenActive,
        active: Some(|table| table.properties.append_only()),
        ..WRITER
    },
    Feature {
        name: "invariants",
        legacy: Some(Legacy { reader: None, writer: 2 }),
        writing: "every row written satisfies the delta.invariants of its columns",
        write: Support::NotYet("a column has an invariant (delta.invariants), and evaluating it isn't implemented"),
        binds: Binding::WhenActive,
        active: Some(|table| Ok(table.schema.any_field(&mut |field| field.metadata.contains(key::INVARIANTS)))),
        ..WRITER
    },
    Feature {
        name: "checkConstraints",
        legacy: Some(Legacy { reader: None, writer: 3 }),
        writing: "every row written satisfies every delta.constraints expression",
        write: Support::NotYet("the table has CHECK constraints, and evaluating them isn't implemented"),
        binds: Binding::WhenActive,
        active: Some(|table| Ok(table.properties.constraints().next().is_some())),
        ..WRITER
    },
    Feature {
        name: "generatedColumns",
        legacy: Some(Legacy { reader: None, writer: 4 }),
        writing: "every value written equals its column's delta.generationExpression",
        write: Support::NotYet("the table has generated columns, and evaluating them isn't implemented"),
        binds: Binding::WhenActive,
        active: Some(|table| {
            Ok(table.schema.any_field(&mut |field| field.metadata.contains(key::GENERATION_EXPRESSION)))
        }),
        ..WRITER
    },
    Feature {
        name: "allowColumnDefaults",
        writing: "a row that gives no value gets its column's CURRENT_DEFAULT",
        write: Support::NotYet("the table has column defaults, and evaluating them isn't implemented"),
        binds: Binding::WhenActive,
        active: Some(|table| Ok(table.schema.any_field(&mut |field| field.metadata.contains(key::CURRENT_DEFAULT)))),
        ..WRITER
    },
    Feature {
        name: "changeDataFeed",
        legacy: Some(Legacy { reader: None, writer: 4 }),
        reading: "a reader of changes prefers cdc actions; other readers pass over _change_type",
        writing: "what changes rows writes cdc files while delta.enableChangeDataFeed is true",
        write: Support::NotYet("the change data feed is on, and writing it isn't implemented"),
        binds: Binding::WhenActive,
        active: Some(|table| table.properties.enable_change_data_feed()),
        ..WRITER
    },
    Feature {
        name: "columnMapping",
        legacy: Some(Legacy { reader: Some(2), writer: 5 }),
        reading: "columns are found in files by physical name or field id, statistics and partitions by physical name",
        writing: "files, statistics and partitions carry physical names and field ids; new columns get both",
        read: Support::Implemented,
        write: Support::NotYet("column mapping is on, and writing under physical names isn't implemented"),
        binds: Binding::WhenActive,
        active: Some(|table| Ok(table.properties.column_mapping_mode()? != ColumnMappingMode::None)),
        ..READER_WRITER
    },
    Feature {
        name: "identityColumns",
        legacy: Some(Legacy { reader: None, writer: 6 }),
        writing: "identity columns get new values, and their high-water mark follows",
        write: Support::NotYet("the table has identity columns, and giving them values isn't implemented"),
        binds: Binding::WhenActive,
        active: Some(|table| Ok(table.schema.any_field(&mut |field| field.metadata.is_identity()))),
        ..WRITER
    },
    Feature {
        name: "deletionVectors",
        reading: "rows that a file's deletion vector names aren't in the table",
        writing: "new vectors only while delta.enableDeletionVectors is true; every file with one has numRecords",
        read: Support::Implemented,
        write: Support::Implemented,
        binds: Binding::WhenActive,
        active: Some(|table| table.properties.enable_deletion_vectors()),
        ..READER_WRITER
    },
    Feature {
        name: "rowTracking",
        requires: &["domainMetadata"],
        writing: "every file added has a base row id and a commit version, rewritten rows keep theirs",
        active: Some(|table| table.properties.enable_row_tracking()),
        ..WRITER
    },
    Feature {
        name: "timestampNtz",
        reading: "timestamp_ntz values have no zone",
        writing: "timestamp_ntz columns are written with isAdjustedToUTC = false",
        read: Support::Implemented,
        write: Support::Implemented,
        binds: Binding::WhenActive,
        active: Some(|table| Ok(table.schema.any_type(&mut |data_type| *data_type == DataType::TIMESTAMP_NTZ))),
        ..READER_WRITER
    },
    Feature {
        name: "domainMetadata",
        writing: "every domain is kept; delta.… domains are changed only by those who know them",
        write: Support::Implemented,
        ..WRITER
    },
    Feature {
        name: "v2Checkpoint",
        reading: "checkpoints may be UUID-named and have sidecars",
        writing: "no multi-part checkpoint",
        read: Support::Implemented,
        write: Support::Implemented,
        active: Some(|table| Ok(table.properties.checkpoint_policy()? == CheckpointPolicy::V2)),
        ..READER_WRITER
    },
    Feature {
        name: "catalogManaged",
        requires: &["inCommitTimestamp"],
        reading: "the catalog says what the latest version is and where unpublished commits are",
        writing: "the catalog ratifies every commit",
        ..READER_WRITER
    },
    Feature {
        name: "icebergCompatV1",
        requires: &["columnMapping"],
        writing: "only what converts to Iceberg: no vectors, maps, arrays; partition columns in files; numRecords",
        active: Some(|table| table.properties.boolean("delta.enableIcebergCompatV1", false)),
        ..WRITER
    },
    Feature {
        name: "icebergCompatV2",
        requires: &["columnMapping"],
        writing: "only what converts to Iceberg: no vectors; ids of nested fields; partition columns in files",
        active: Some(|table| table.properties.boolean("delta.enableIcebergCompatV2", false)),
        ..WRITER
    },
    Feature {
        name: "clustering",
        requires: &["domainMetadata"],
        writing: "clustering columns have statistics in every file; no partition columns",
        ..WRITER
    },
    Feature {
        name: "vacuumProtocolCheck",
        writing: "vacuum checks the write protocol",
        read: Support::Harmless,
        reading: "nothing but to know it",
        write: Support::Implemented,
        ..READER_WRITER
    },
    Feature {
        name: "inCommitTimestamp",
        reading: "a commit's time is in its commitInfo from the enabling version on",
        read: Support::Implemented,
        writing: "commitInfo comes first, with a time above the previous commit's",
        write: Support::Implemented,
        binds: Binding::WhenActive,
        active: Some(|table| table.properties.enable_in_commit_timestamps()),
        ..WRITER
    },
    // Defined in the text of the protocol, though not in its table of names.
    Feature {
        name: "typeWidening",
        reading: "files may hold a narrower type than the schema; values are cast up",
        writing: "type changes are recorded in delta.typeChanges, which every schema change keeps",
        read: Support::Implemented,
        active: Some(|table| table.properties.enable_type_widening()),
        ..READER_WRITER
    },
    Feature {
        name: "variantType",
        reading: "variant columns are structs of metadata and value in files",
        writing: "variant columns are written unshredded",
        read: Support::Implemented,
        active: Some(has_variant),
        ..READER_WRITER
    },
    Feature {
        name: "variantShredding",
        requires: &["variantType"],
        reading: "variant columns may be shredded into typed columns in files",
        writing: "variant columns are shredded only while delta.enableVariantShredding is true",
        read: Support::Implemented,
        active: Some(|table| table.properties.enable_variant_shredding()),
        ..READER_WRITER
    },
    // RFCs.
    Feature {
        name: "checkpointProtection",
        writing: "checkpoints below delta.requireCheckpointProtectionBeforeVersion stay, or all go at once",
        ..WRITER
    },
    Feature {
        name: "collations",
        requires: &["domainMetadata"],
        reading: "nothing: binary comparison of strings, and the statistics for it, are allowed",
        writing: "__COLLATIONS of columns is kept through schema changes",
        ..WRITER
    },
    Feature {
        name: "columnMappingUsageTracking",
        requires: &["columnMapping"],
        writing: "dropping or renaming a column is noted in delta.columnMapping.hasDroppedOrRenamed",
        ..WRITER
    },
    Feature {
        name: "icebergCompatV3",
        requires: &["columnMapping", "rowTracking"],
        writing: "only what converts to Iceberg: row ids in named fields, partition columns in files",
        active: Some(|table| table.properties.boolean("delta.enableIcebergCompatV3", false)),
        ..WRITER
    },
    Feature {
        name: "icebergWriterCompatV1",
        requires: &["icebergCompatV2"],
        writing: "only what Iceberg writers may write back: column mapping by id, allowed features and types",
        active: Some(|table| table.properties.boolean("delta.enableIcebergWriterCompatV1", false)),
        ..WRITER
    },
    Feature {
        name: "icebergWriterCompatV3",
        requires: &["icebergCompatV3"],
        writing: "only what Iceberg writers may write back: column mapping by id, allowed features and types",
        active: Some(|table| table.properties.boolean("delta.enableIcebergWriterCompatV3", false)),
        ..WRITER
    },
    Feature {
        name: "adaptiveMetadata",
        requires: &["columnMapping", "deletionVectors", "domainMetadata", "rowTracking"],
        reading: "files are listed in a tree of manifests",
        writing: "commits may write manifests; no classic or V2 checkpoints",
        ..READER_WRITER
    },
    Feature {
        name: "materializePartitionColumns",
        reading: "nothing: partition values come from add, whatever the files hold",
        writing: "data files hold the partition columns too",
        ..WRITER
    },
    Feature {
        name: "timestampNanos",
        requires: &["timestampNtz"],
        reading: "timestamps of nanoseconds",
        writing: "timestamps of nanoseconds",
        ..READER_WRITER
    },
    // Previews, earlier names, and what only Spark's sources define.
    Feature {
        name: "typeWidening-preview",
        reading: "as typeWidening",
        writing: "as typeWidening",
        read: Support::Implemented,
        ..READER_WRITER
    },
    Feature {
        name: "variantType-preview",
        reading: "as variantType",
        writing: "as variantType",
        read: Support::Implemented,
        ..READER_WRITER
    },
    Feature {
        name: "variantShredding-preview",
        reading: "as variantShredding",
        writing: "as variantShredding",
        read: Support::Implemented,
        ..READER_WRITER
    },
    Feature { name: "inCommitTimestamp-preview", reading: "nothing", writing: "as inCommitTimestamp", ..WRITER },
    Feature { name: "collations-preview", writing: "as collations", ..WRITER },
    Feature {
        name: "adaptiveMetadata-preview",
        reading: "as adaptiveMetadata",
        writing: "as adaptiveMetadata",
        ..READER_WRITER
    },
    Feature {
        name: "catalogOwned-preview",
        reading: "as catalogManaged",
        writing: "as catalogManaged",
        ..READER_WRITER
    },
    Feature {
        name: "geospatial",
        reading: "geometry and geography columns are WKB in files",
        writing: "geometry and geography columns are written as WKB, with bounds in statistics",
        ..READER_WRITER
    },
    Feature { name: "geospatial-dev", reading: "as geospatial", writing: "as geospatial", ..READER_WRITER },
    Feature {
        name: "coordinatedCommits-preview",
        requires: &["inCommitTimestamp", "vacuumProtocolCheck"],
        reading: "unbackfilled commits are known to the coordinator only; the log alone is an earlier version",
        writing: "the coordinator decides every commit",
        ..WRITER
    },
    Feature {
        name: "redirectReaderWriter-preview",
        reading: "the table is elsewhere",
        writing: "the table is elsewhere",
        ..READER_WRITER
    },
    Feature { name: "redirectWriterOnly-preview", writing: "writes go elsewhere", ..WRITER },
];

fn has_variant(table: &Table<'_>) -> Result<bool> {
    Ok(table.schema.any_type(&mut |data_type| *data_type == DataType::VARIANT))
}

/// The properties that the `standard` profile of new tables sets where the user doesn't.
pub(super) const STANDARD_PROPERTIES: &[(&str, &str)] = &[
    (property::ENABLE_DELETION_VECTORS, "true"),
    (property::ENABLE_IN_COMMIT_TIMESTAMPS, "true"),
    // Beside the text, which stays for readers that know nothing else: pruning needs no parsing then.
    (property::CHECKPOINT_WRITE_STATS_AS_STRUCT, "true"),
];

/// The features of the `standard` profile that no property asks for.
pub(super) const STANDARD_FEATURES: &[&str] = &["appendOnly", "invariants", "domainMetadata"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The protocol's section "Valid Feature Names in Table Features".
    const PROTOCOL_TABLE: [(&str, Kind); 19] = [
        ("appendOnly", Kind::Writer),
        ("invariants", Kind::Writer),
        ("checkConstraints", Kind::Writer),
        ("generatedColumns", Kind::Writer),
        ("allowColumnDefaults", Kind::Writer),
        ("changeDataFeed", Kind::Writer),
        ("columnMapping", Kind::ReaderWriter),
        ("identityColumns", Kind::Writer),
        ("deletionVectors", Kind::ReaderWriter),
        ("rowTracking", Kind::Writer),
        ("timestampNtz", Kind::ReaderWriter),
        ("domainMetadata", Kind::Writer),
        ("v2Checkpoint", Kind::ReaderWriter),
        ("catalogManaged", Kind::ReaderWriter),
        ("icebergCompatV1", Kind::Writer),
        ("icebergCompatV2", Kind::Writer),
        ("clustering", Kind::Writer),
        ("vacuumProtocolCheck", Kind::ReaderWriter),
        ("inCommitTimestamp", Kind::Writer),
    ];

    #[test]
    fn the_protocols_table_of_names_is_here() {
        for (name, kind) in PROTOCOL_TABLE {
            assert_eq!(feature(name).map(|feature| feature.kind), Some(kind), "{name}");
        }
    }

    #[test]
    fn entries_are_complete_and_agree() {
        let names: BTreeSet<_> = FEATURES.iter().map(|feature| feature.name).collect();
        assert_eq!(names.len(), FEATURES.len(), "a name stands twice");
        for entry in FEATURES {
            assert!(!entry.name.is_empty() && !entry.reading.is_empty() && !entry.writing.is_empty(), "{}", entry.name);
            for required in entry.requires {
                assert!(names.contains(required), "{} requires {required}", entry.name);
            }
            // What binds readers can't be written by those who can't read it.
            if matches!(entry.read, Support::NotYet(_)) {
                assert!(matches!(entry.write, Support::NotYet(_)), "{}", entry.name);
            }
            assert!(entry.kind == Kind::ReaderWriter || !matches!(entry.read, Support::NotYet(_)), "{}", entry.name);
            assert!(entry.binds == Binding::WhenSupported || entry.active.is_some(), "{}", entry.name);
            let legacy_reader = entry.legacy.and_then(|legacy| legacy.reader);
            assert!(legacy_reader.is_none() || entry.kind == Kind::ReaderWriter, "{}", entry.name);
        }
    }

    #[test]
    fn new_tables_get_nothing_that_is_not_implemented() {
        for name in STANDARD_FEATURES {
            let entry = feature(name).unwrap();
            assert!(entry.write == Support::Implemented || entry.binds == Binding::WhenActive, "{name}");
        }
    }
}
