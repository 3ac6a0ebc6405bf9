//! Whether this release may read a table, and whether it may write to it.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::feature::{Binding, Feature, Kind, Support, Table};
use super::properties::TableProperties;
use super::registry::{FEATURES, feature};
use crate::action::{Metadata, Protocol};
use crate::error::{Error, Result};
use crate::schema::{ColumnMappingMode, DataType, StructField, StructType, metadata::key};

/// The highest reader version: from it on, features are named.
pub const TABLE_FEATURES_READER_VERSION: i32 = 3;
/// The highest writer version: from it on, features are named.
pub const TABLE_FEATURES_WRITER_VERSION: i32 = 7;

/// That a table of this protocol can be read.
///
/// Reader version 2 with writer version 7 names writer features only: normal (pitfall L14). A writer version or a
/// writer feature that isn't known doesn't keep anyone from reading.
///
/// # Errors
/// `Unsupported`, naming every reader feature that isn't known or implemented, or the reader version; `Corrupt` when
/// the protocol is none.
pub fn check_read(protocol: &Protocol) -> Result<()> {
    let version = protocol.min_reader_version;
    if version > TABLE_FEATURES_READER_VERSION {
        return Err(Error::unsupported(format!("the table needs reader version {version}, this release has 3"))
            .hint("read it with a newer release, or with the engine that wrote it"));
    }
    check_valid(protocol)?;
    let named = protocol.reader_features.iter().flatten();
    let refused: Vec<_> = named.filter_map(|name| refusal(name, feature(name).map(|feature| feature.read))).collect();
    refuse("reading", &refused)
}

/// That this release may commit to a table of this protocol and metadata.
///
/// A feature that binds writers only while the metadata makes use of it doesn't hinder a table that doesn't.
///
/// # Errors
/// `Unsupported`, naming every feature that isn't known or implemented, or the version; `Corrupt` when the protocol
/// is none, or the schema or a property that decides can't be read.
pub fn check_write(protocol: &Protocol, metadata: &Metadata) -> Result<()> {
    check_read(protocol)?;
    let version = protocol.min_writer_version;
    if version > TABLE_FEATURES_WRITER_VERSION {
        return Err(Error::unsupported(format!("the table needs writer version {version}, this release has 7"))
            .hint("write to it with a newer release, or with the engine that wrote it"));
    }
    check_named_twice(protocol)?;
    let schema = StructType::from_json(&metadata.schema_string)?;
    let table = Table { properties: TableProperties::new(&metadata.configuration), schema: &schema };
    let named = protocol.writer_features.iter().flatten();
    let mut refused: Vec<_> = named.filter(|name| feature(name).is_none()).filter_map(|n| refusal(n, None)).collect();
    for feature in FEATURES {
        let binds = match feature.binds {
            Binding::WhenSupported => is_supported(protocol, feature),
            // Whether it is supported or not: a table that uses what its protocol doesn't name was left so by a writer
            // that meant it.
            Binding::WhenActive => feature.is_active(&table)?,
        };
        if binds {
            refused.extend(refusal(feature.name, Some(feature.write)));
        }
    }
    refuse("writing to", &refused)
}

/// The features that the table supports and whose metadata makes use of them (protocol: "Active Features").
///
/// # Errors
/// `Corrupt` when the schema or a property that decides can't be read.
pub fn active_features(protocol: &Protocol, metadata: &Metadata) -> Result<Vec<&'static Feature>> {
    let schema = StructType::from_json(&metadata.schema_string)?;
    let table = Table { properties: TableProperties::new(&metadata.configuration), schema: &schema };
    let mut active = Vec::new();
    for feature in FEATURES {
        if is_supported(protocol, feature) && feature.is_active(&table)? {
            active.push(feature);
        }
    }
    Ok(active)
}

/// Whether a table of this protocol supports the feature: its lists name it, or its versions imply it.
#[must_use]
pub fn is_supported(protocol: &Protocol, feature: &Feature) -> bool {
    let named = |names: &Option<Vec<String>>| names.iter().flatten().any(|name| name == feature.name);
    if protocol.min_writer_version >= TABLE_FEATURES_WRITER_VERSION {
        return named(&protocol.writer_features) || named(&protocol.reader_features);
    }
    feature.legacy.is_some_and(|legacy| {
        protocol.min_writer_version >= legacy.writer
            && legacy.reader.is_none_or(|reader| protocol.min_reader_version >= reader)
    })
}

/// Whether a table of this protocol supports the feature of this name. `false` for one that isn't known.
#[must_use]
pub fn supports(protocol: &Protocol, name: &str) -> bool {
    feature(name).is_some_and(|feature| is_supported(protocol, feature))
}

/// Under which names the table's columns stand in files: the property, where readers must honour it (reader version 2,
/// or 3 with the feature named, be it for writers alone), else `none`.
///
/// # Errors
/// `Corrupt` for a mode that isn't one.
pub fn column_mapping_mode(protocol: &Protocol, metadata: &Metadata) -> Result<ColumnMappingMode> {
    let honoured = match protocol.min_reader_version {
        ..2 => false,
        2 => true,
        // delta-spark 3.1 raised tables to version 3 without naming the feature for readers.
        _ => [&protocol.reader_features, &protocol.writer_features]
            .into_iter()
            .flatten()
            .flatten()
            .any(|name| name == "columnMapping"),
    };
    match honoured {
        true => TableProperties::new(&metadata.configuration).column_mapping_mode(),
        false => Ok(ColumnMappingMode::None),
    }
}

/// Whether the table's commits carry their time: the feature is supported and its property `true`.
///
/// # Errors
/// `Corrupt` when the property is neither `true` nor `false`.
pub fn in_commit_timestamps_enabled(protocol: &Protocol, metadata: &Metadata) -> Result<bool> {
    let enabled = TableProperties::new(&metadata.configuration).enable_in_commit_timestamps();
    if supports(protocol, "inCommitTimestamp") { enabled } else { Ok(false) }
}

/// Whether a writer may give files new deletion vectors: the feature is supported and its property `true`. Vectors
/// that files have already are read whatever this says (pitfall D9).
///
/// # Errors
/// `Corrupt` when the property is neither `true` nor `false`.
pub fn deletion_vectors_enabled(protocol: &Protocol, metadata: &Metadata) -> Result<bool> {
    let enabled = TableProperties::new(&metadata.configuration).enable_deletion_vectors();
    if supports(protocol, "deletionVectors") { enabled } else { Ok(false) }
}

/// That the type changes recorded in the schema are ones that a reader can follow (protocol: "Reader Requirements for
/// Type Widening").
///
/// # Errors
/// `Unsupported`, naming column and change, for one that isn't; `Corrupt` when the record can't be read.
pub fn check_type_changes(schema: &StructType) -> Result<()> {
    let mut failure = None;
    schema.any_field(&mut |field| {
        failure = check_field_changes(field).err();
        failure.is_some()
    });
    failure.map_or(Ok(()), Err)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypeChange<'a> {
    #[serde(borrow)]
    from_type: &'a RawValue,
    #[serde(borrow)]
    to_type: &'a RawValue,
}

fn check_field_changes(field: &StructField) -> Result<()> {
    let Some(json) = field.metadata.json(key::TYPE_CHANGES) else { return Ok(()) };
    let changes: Vec<TypeChange<'_>> = serde_json::from_str(json)
        .map_err(|e| Error::corrupt(format!("{} of column {:?}", key::TYPE_CHANGES, field.name)).because(e))?;
    for change in changes {
        let (from, to) = (DataType::from_json(change.from_type.get())?, DataType::from_json(change.to_type.get())?);
        let widens = from == to || matches!((from.primitive(), to.primitive()), (Some(a), Some(b)) if a.widens_to(b));
        if !widens {
            return Err(Error::unsupported(format!("column {:?} changed its type from {from} to {to}", field.name))
                .hint("read the table with the engine that changed the type"));
        }
    }
    Ok(())
}

/// That the protocol is one: versions above 0, and each list where, and only where, its version asks for it.
fn check_valid(protocol: &Protocol) -> Result<()> {
    let (reader, writer) = (protocol.min_reader_version, protocol.min_writer_version);
    let wrong = |why: &str| Error::corrupt(format!("invalid protocol ({reader},{writer}): {why}"));
    if reader < 1 || writer < 1 {
        return Err(wrong("versions begin at 1"));
    }
    let names_readers = protocol.reader_features.as_ref().is_some_and(|names| !names.is_empty());
    match (reader, writer) {
        (TABLE_FEATURES_READER_VERSION, ..TABLE_FEATURES_WRITER_VERSION) => {
            Err(wrong("reader version 3 needs writer version 7"))
        }
        (TABLE_FEATURES_READER_VERSION, _) if protocol.reader_features.is_none() => {
            Err(wrong("reader version 3 without readerFeatures"))
        }
        (..TABLE_FEATURES_READER_VERSION, _) if names_readers => Err(wrong("readerFeatures below reader version 3")),
        (_, TABLE_FEATURES_WRITER_VERSION) if protocol.writer_features.is_none() => {
            Err(wrong("writer version 7 without writerFeatures"))
        }
        _ => Ok(()),
    }
}

/// That a feature of readers is in both lists, as the protocol wants it where readers have a list.
fn check_named_twice(protocol: &Protocol) -> Result<()> {
    let Some(readers) = &protocol.reader_features else { return Ok(()) };
    let readers: BTreeSet<_> = readers.iter().collect();
    let writers: BTreeSet<_> = protocol.writer_features.iter().flatten().collect();
    let of_readers = |name: &&&String| feature(name).is_some_and(|feature| feature.kind == Kind::ReaderWriter);
    let only_readers = readers.difference(&writers);
    let only_writers = writers.difference(&readers).filter(of_readers);
    let missing: Vec<_> = only_readers.chain(only_writers).map(|name| name.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::corrupt(format!(
        "invalid protocol: only one of readerFeatures and writerFeatures names {}",
        missing.join(", ")
    )))
}

/// Why a feature is refused, if it is.
fn refusal(name: &str, support: Option<Support>) -> Option<String> {
    match support {
        Some(Support::Implemented | Support::Harmless) => None,
        Some(Support::NotYet(why)) => Some(format!("{name} ({why})")),
        None => Some(format!("{name} (an unknown feature)")),
    }
}

fn refuse(what: &str, refused: &[String]) -> Result<()> {
    if refused.is_empty() {
        return Ok(());
    }
    Err(Error::unsupported(format!("{what} the table needs {}", refused.join(", ")))
        .hint("use a newer release, or the engine that wrote the table"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn names(list: &[&str]) -> Option<Vec<String>> {
        Some(list.iter().map(|name| (*name).to_owned()).collect())
    }

    fn legacy(reader: i32, writer: i32) -> Protocol {
        Protocol { min_reader_version: reader, min_writer_version: writer, ..Protocol::default() }
    }

    fn named(readers: &[&str], writers: &[&str]) -> Protocol {
        Protocol { reader_features: names(readers), writer_features: names(writers), ..legacy(3, 7) }
    }

    fn metadata(fields: &str, properties: &[(&str, &str)]) -> Metadata {
        Metadata {
            schema_string: format!(r#"{{"type":"struct","fields":[{fields}]}}"#),
            configuration: properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..Metadata::default()
        }
    }

    fn plain() -> Metadata {
        metadata(r#"{"name":"a","type":"long","nullable":true,"metadata":{}}"#, &[])
    }

    #[test]
    fn every_legacy_protocol_is_read_and_written_while_nothing_uses_it() {
        for (reader, writer) in [(1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6), (2, 5), (2, 6)] {
            assert!(check_read(&legacy(reader, writer)).is_ok());
            assert!(check_write(&legacy(reader, writer), &plain()).is_ok(), "({reader},{writer})");
        }
    }

    #[test]
    fn what_a_legacy_table_uses_and_we_do_not_do_keeps_us_from_writing_it() {
        let field = |key: &str, value: &str| {
            metadata(&format!(r#"{{"name":"a","type":"long","nullable":true,"metadata":{{"{key}":{value}}}}}"#), &[])
        };
        let property =
            |key: &str, value: &str| Metadata { configuration: metadata("", &[(key, value)]).configuration, ..plain() };
        for (name, used) in [
            ("invariants", field("delta.invariants", r#""{}""#)),
            ("generatedColumns", field("delta.generationExpression", r#""b + 1""#)),
            ("identityColumns", field("delta.identity.start", "1")),
            ("allowColumnDefaults", field("CURRENT_DEFAULT", r#""7""#)),
            ("checkConstraints", property("delta.constraints.pos", "a > 0")),
            ("changeDataFeed", property("delta.enableChangeDataFeed", "true")),
            ("columnMapping", property("delta.columnMapping.mode", "name")),
        ] {
            let refused = check_write(&legacy(2, 6), &used).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Unsupported);
            assert!(refused.message().contains(name), "{refused}");
            assert!(check_read(&legacy(2, 6)).is_ok());
        }
        let nested = metadata(
            r#"{"name":"s","type":{"type":"array","elementType":{"type":"struct","fields":[{"name":"a","type":"long",
            "nullable":true,"metadata":{"delta.invariants":"{}"}}]}},"nullable":true,"metadata":{}}"#,
            &[],
        );
        assert!(check_write(&legacy(1, 2), &nested).is_err());
    }

    #[test]
    fn reader_version_2_with_named_writer_features_is_normal() {
        let protocol = Protocol { writer_features: names(&["columnMapping", "identityColumns"]), ..legacy(2, 7) };
        assert!(check_read(&protocol).is_ok());
        assert!(check_write(&protocol, &plain()).is_ok());
        let mapped =
            Metadata { configuration: [("delta.columnMapping.mode".to_owned(), "id".to_owned())].into(), ..plain() };
        assert_eq!(column_mapping_mode(&protocol, &mapped).unwrap(), ColumnMappingMode::Id);
        assert_eq!(column_mapping_mode(&legacy(1, 2), &mapped).unwrap(), ColumnMappingMode::None);
        assert_eq!(column_mapping_mode(&named(&[], &[]), &mapped).unwrap(), ColumnMappingMode::None);
        assert_eq!(column_mapping_mode(&named(&[], &["columnMapping"]), &mapped).unwrap(), ColumnMappingMode::Id);
        let both = named(&["columnMapping"], &["columnMapping"]);
        assert_eq!(column_mapping_mode(&both, &mapped).unwrap(), ColumnMappingMode::Id);
    }

    #[test]
    fn unknown_and_unimplemented_reader_features_are_all_named() {
        let protocol = named(&["deletionVectors", "warpDrive", "catalogManaged"], &["deletionVectors", "warpDrive"]);
        let refused = check_read(&protocol).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        for name in ["warpDrive (an unknown feature)", "catalogManaged (reading it isn't implemented)"] {
            assert!(refused.message().contains(name), "{refused}");
        }
        assert!(!refused.message().contains("deletionVectors"), "{refused}");
    }

    #[test]
    fn unknown_writer_features_are_read_and_not_written() {
        let protocol = Protocol { writer_features: names(&["warpDrive", "collations"]), ..legacy(1, 7) };
        assert!(check_read(&protocol).is_ok());
        let refused = check_write(&protocol, &plain()).unwrap_err();
        assert!(refused.message().contains("warpDrive") && refused.message().contains("collations"), "{refused}");
    }

    /// The cases of the corpus: a writer version of the future is read, a reader version isn't.
    #[test]
    fn versions_of_the_future_are_refused() {
        let future_writer = Protocol { writer_features: names(&["appendOnly"]), ..legacy(1, 8) };
        assert!(check_read(&future_writer).is_ok());
        assert_eq!(check_write(&future_writer, &plain()).unwrap_err().kind(), ErrorKind::Unsupported);
        let future_reader = Protocol { reader_features: names(&["blahabl"]), ..legacy(5, 7) };
        assert_eq!(check_read(&future_reader).unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn what_is_no_protocol_is_corrupt() {
        let without_names = legacy(3, 7);
        let old_writer = Protocol { reader_features: names(&[]), ..legacy(3, 6) };
        let names_below_3 = Protocol { reader_features: names(&["x"]), ..legacy(1, 2) };
        let unnamed_writer = legacy(1, 7);
        for protocol in [without_names, old_writer, names_below_3, unnamed_writer, legacy(0, 0), legacy(-1, 2)] {
            assert_eq!(check_read(&protocol).unwrap_err().kind(), ErrorKind::Corrupt, "{protocol:?}");
        }
        let empty_below_3 = Protocol { reader_features: names(&[]), ..legacy(1, 2) };
        assert!(check_read(&empty_below_3).is_ok());
        for once in [named(&["deletionVectors"], &[]), named(&[], &["deletionVectors"])] {
            assert!(check_read(&once).is_ok());
            assert_eq!(check_write(&once, &plain()).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn active_is_supported_and_used() {
        let protocol = named(&["deletionVectors"], &["deletionVectors", "appendOnly", "domainMetadata"]);
        let active = |metadata: &Metadata| {
            active_features(&protocol, metadata).unwrap().iter().map(|feature| feature.name).collect::<Vec<_>>()
        };
        assert_eq!(active(&plain()), ["domainMetadata"]);
        let on = [("delta.enableDeletionVectors", "true"), ("delta.enableChangeDataFeed", "true")];
        let used = Metadata { configuration: metadata("", &on).configuration, ..plain() };
        assert_eq!(active(&used), ["deletionVectors", "domainMetadata"]);
        assert!(!in_commit_timestamps_enabled(&protocol, &used).unwrap());
        assert!(deletion_vectors_enabled(&protocol, &used).unwrap());
        assert!(!deletion_vectors_enabled(&protocol, &plain()).unwrap());
        assert!(!deletion_vectors_enabled(&legacy(1, 2), &used).unwrap());
    }

    #[test]
    fn type_changes_that_no_reader_can_follow_are_refused() {
        let schema = |changes: &str| {
            let fields =
                format!(r#"{{"name":"a","type":"long","nullable":true,"metadata":{{"delta.typeChanges":{changes}}}}}"#);
            StructType::from_json(&metadata(&fields, &[]).schema_string).unwrap()
        };
        let fine = r#"[{"fromType":"short","toType":"integer"},{"fromType":"decimal(6, 2)","toType":"decimal(10, 4)",
            "fieldPath":"element.value"},{"fromType":"byte","toType":"double","tableVersion":2}]"#;
        assert!(check_type_changes(&schema(fine)).is_ok());
        let narrowed = check_type_changes(&schema(r#"[{"fromType":"long","toType":"integer"}]"#)).unwrap_err();
        assert_eq!(narrowed.kind(), ErrorKind::Unsupported);
        assert_eq!(check_type_changes(&schema("7")).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
