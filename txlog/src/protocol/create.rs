//! Which protocol and properties a new table gets.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{TABLE_FEATURES_READER_VERSION, TABLE_FEATURES_WRITER_VERSION, check_write, is_supported};
use super::feature::{Kind, Table};
use super::properties::{FEATURE_PREFIX, TableProperties, is_settable};
use super::registry::{FEATURES, STANDARD_FEATURES, STANDARD_PROPERTIES, feature};
use crate::action::{Metadata, Protocol};
use crate::error::{Error, Result};
use crate::schema::StructType;
use crate::stats::indexed_columns;

/// What a new table is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Every feature of ours that writers profit from: deletion vectors, in-commit timestamps, domain metadata.
    /// Readers need deletion vectors.
    #[default]
    Standard,
    /// Reader version 1, writer version 2: every reader and writer of Delta there is.
    Compat,
}

/// The protocol of a new table of this schema, and its properties: those given, and those of the profile that aren't.
/// Every feature in use is named. A property `delta.feature.NAME = supported` asks for a feature, as in Spark, and
/// doesn't stay.
///
/// # Errors
/// `InvalidRequest` for a `delta.…` property that isn't known, a value that it doesn't take, column names that clash,
/// or a schema that the `compat` profile can't hold; `Unsupported` for a feature that isn't implemented.
pub fn for_new_table(
    profile: Profile,
    schema: &StructType,
    properties: &BTreeMap<String, String>,
) -> Result<(Protocol, BTreeMap<String, String>)> {
    schema.check_unique_names()?;
    let (mut properties, mut used) = split_requests(properties)?;
    if profile == Profile::Standard {
        used.extend(STANDARD_FEATURES);
        for (key, value) in STANDARD_PROPERTIES {
            properties.entry((*key).to_owned()).or_insert_with(|| (*value).to_owned());
        }
    }
    let table = Table { properties: TableProperties::new(&properties), schema };
    table.properties.check().map_err(|e| wrong_property(&e))?;
    indexed_columns(&schema.to_arrow()?, &properties)?;
    for feature in FEATURES {
        // A feature whose use metadata doesn't tell is used on request only.
        if feature.active.is_some() && feature.is_active(&table)? {
            used.insert(feature.name);
        }
    }
    let protocol = match profile {
        Profile::Standard => of_features(&with_required(used)),
        Profile::Compat => compat(&used)?,
    };
    let metadata =
        Metadata { schema_string: schema.to_json(), configuration: properties.clone(), ..Metadata::default() };
    check_write(&protocol, &metadata)?;
    Ok((protocol, properties))
}

/// The protocol that a table needs to have `after` for its metadata in place of `before`: its own with the features that
/// `after` makes use of first; `None` where its own has them (pitfall L16).
///
/// # Errors
/// `InvalidRequest` where the protocol's versions have no room for them; `Corrupt` when a property that decides can't be read.
pub fn extended(protocol: &Protocol, before: &Metadata, after: &Metadata) -> Result<Option<Protocol>> {
    let schemas = [StructType::from_json(&before.schema_string)?, StructType::from_json(&after.schema_string)?];
    let [before, after] = [(before, &schemas[0]), (after, &schemas[1])]
        .map(|(metadata, schema)| Table { properties: TableProperties::new(&metadata.configuration), schema });
    let mut lacking = BTreeSet::new();
    for feature in FEATURES.iter().filter(|feature| feature.active.is_some() && !is_supported(protocol, feature)) {
        if feature.is_active(&after)? && !feature.is_active(&before)? {
            lacking.insert(feature.name);
        }
    }
    if lacking.is_empty() {
        return Ok(None);
    }
    let named = |names: &BTreeSet<&'static str>| names.iter().copied().collect::<Vec<_>>().join(", ");
    if protocol.min_writer_version < TABLE_FEATURES_WRITER_VERSION {
        return Err(Error::invalid(format!("the table's protocol can't have {}", named(&lacking))).hint(
            "leave out or give another type to the columns that need it, or use a table of the standard profile",
        ));
    }
    let mut extended = protocol.clone();
    let lacking = with_required(lacking);
    let writers = extended.writer_features.get_or_insert_default();
    let added =
        lacking.iter().filter(|name| !writers.iter().any(|there| there == *name)).map(|name| (*name).to_owned());
    let added: Vec<String> = added.collect();
    writers.extend(added);
    if lacking.iter().any(|name| binds_readers(name)) {
        let mut readers = extended.reader_features.take().unwrap_or_default();
        let all = writers.iter().filter(|name| binds_readers(name) && !readers.contains(name)).cloned();
        let all: Vec<String> = all.collect();
        readers.extend(all);
        extended.min_reader_version = TABLE_FEATURES_READER_VERSION;
        extended.reader_features = Some(readers);
    }
    Ok(Some(extended))
}

fn binds_readers(name: &str) -> bool {
    feature(name).is_some_and(|feature| feature.kind == Kind::ReaderWriter)
}

/// The properties that stay, and the features that the others ask for.
fn split_requests(given: &BTreeMap<String, String>) -> Result<(BTreeMap<String, String>, BTreeSet<&'static str>)> {
    let (mut properties, mut requested) = (BTreeMap::new(), BTreeSet::new());
    for (key, value) in given {
        match key.strip_prefix(FEATURE_PREFIX) {
            Some(name) => {
                let feature = feature(name)
                    .ok_or_else(|| Error::unsupported(format!("the table feature {name:?} isn't known")))?;
                if !value.eq_ignore_ascii_case("supported") {
                    return Err(Error::invalid(format!("{key} is {value:?}")).hint("it takes supported"));
                }
                requested.insert(feature.name);
            }
            None if is_settable(key) => {
                properties.insert(key.clone(), value.clone());
            }
            None => {
                return Err(Error::invalid(format!("the table property {key} isn't one that can be set"))
                    .hint("check its spelling; names that don't begin with delta. are free"));
            }
        }
    }
    Ok((properties, requested))
}

/// What is corrupt in a table is a wrong request for one.
fn wrong_property(error: &Error) -> Error {
    let request = Error::invalid(error.message());
    match error.what_to_do() {
        Some(hint) => request.hint(hint),
        None => request,
    }
}

/// The features with those that they require.
fn with_required(used: BTreeSet<&'static str>) -> BTreeSet<&'static str> {
    let mut all = BTreeSet::new();
    let mut open: Vec<&'static str> = used.into_iter().collect();
    while let Some(name) = open.pop() {
        if all.insert(name) {
            open.extend(feature(name).iter().flat_map(|feature| feature.requires));
        }
    }
    all
}

/// The protocol that names these features: readers are bound only if one of them binds readers.
fn of_features(names: &BTreeSet<&'static str>) -> Protocol {
    let owned = |names: &mut dyn Iterator<Item = &'static str>| names.map(str::to_owned).collect::<Vec<_>>();
    let reader_features = owned(&mut names.iter().copied().filter(|name| binds_readers(name)));
    let (min_reader_version, reader_features) = match reader_features.is_empty() {
        true => (1, None),
        false => (TABLE_FEATURES_READER_VERSION, Some(reader_features)),
    };
    Protocol {
        min_reader_version,
        min_writer_version: TABLE_FEATURES_WRITER_VERSION,
        reader_features,
        writer_features: Some(owned(&mut names.iter().copied())),
    }
}

/// Reader version 1, writer version 2, which has all that is used.
fn compat(used: &BTreeSet<&'static str>) -> Result<Protocol> {
    let has = |name: &&&str| {
        let legacy = feature(name).and_then(|feature| feature.legacy);
        legacy.is_some_and(|legacy| legacy.writer <= COMPAT_WRITER_VERSION && legacy.reader.is_none())
    };
    let beyond: Vec<_> = used.iter().filter(|name| !has(name)).copied().collect();
    if !beyond.is_empty() {
        return Err(Error::invalid(format!("the compat profile can't have {}", beyond.join(", ")))
            .hint("create the table with the standard profile, or without what needs them"));
    }
    Ok(Protocol { min_reader_version: 1, min_writer_version: COMPAT_WRITER_VERSION, ..Protocol::default() })
}

const COMPAT_WRITER_VERSION: i32 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::schema::{DataType, StructField};

    fn schema(data_type: DataType) -> StructType {
        StructType::new([StructField::nullable("a", data_type)])
    }

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn names(list: &[&str]) -> Option<Vec<String>> {
        Some(list.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn the_standard_profile_names_every_feature_in_use() {
        let (protocol, properties) = for_new_table(
            Profile::Standard,
            &schema(DataType::array(DataType::TIMESTAMP_NTZ)),
            &map(&[("owner", "me")]),
        )
        .unwrap();
        let expected = Protocol {
            min_reader_version: 3,
            min_writer_version: 7,
            reader_features: names(&["deletionVectors", "timestampNtz"]),
            writer_features: names(&[
                "appendOnly",
                "deletionVectors",
                "domainMetadata",
                "inCommitTimestamp",
                "invariants",
                "timestampNtz",
            ]),
        };
        assert_eq!(protocol, expected);
        let set = [
            ("delta.checkpoint.writeStatsAsStruct", "true"),
            ("delta.enableDeletionVectors", "true"),
            ("delta.enableInCommitTimestamps", "true"),
            ("owner", "me"),
        ];
        assert_eq!(properties, map(&set));
    }

    #[test]
    fn l16_a_protocol_gets_the_features_that_new_columns_need() {
        let metadata = |data_type| Metadata { schema_string: schema(data_type).to_json(), ..Metadata::default() };
        let (long, ntz) = (metadata(DataType::LONG), metadata(DataType::array(DataType::TIMESTAMP_NTZ)));
        let of = |protocol: &Protocol| extended(protocol, &long, &ntz);
        let (standard, _) = for_new_table(Profile::Standard, &schema(DataType::LONG), &map(&[])).unwrap();
        let with = of(&standard).unwrap().unwrap();
        assert_eq!(with.reader_features, names(&["deletionVectors", "timestampNtz"]));
        assert!(with.writer_features.as_ref().unwrap().contains(&"timestampNtz".to_owned()));
        assert_eq!((with.min_reader_version, with.min_writer_version), (3, 7));
        assert_eq!(of(&with).unwrap(), None, "it has them");
        assert_eq!(extended(&standard, &ntz, &ntz).unwrap(), None, "another writer has left it so");
        // Readers that weren't bound by name are now, by every feature that binds them.
        let mapped = Protocol {
            min_reader_version: 2,
            min_writer_version: 7,
            reader_features: None,
            writer_features: names(&["columnMapping", "invariants"]),
        };
        let with = of(&mapped).unwrap().unwrap();
        assert_eq!((with.min_reader_version, with.reader_features), (3, names(&["columnMapping", "timestampNtz"])));
        let (compat, _) = for_new_table(Profile::Compat, &schema(DataType::LONG), &map(&[])).unwrap();
        let refused = of(&compat).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidRequest);
        assert!(refused.to_string().contains("timestampNtz"), "{refused}");
    }

    #[test]
    fn without_vectors_readers_of_version_1_can_read_it() {
        let off = map(&[("delta.enableDeletionVectors", "false")]);
        let (protocol, _) = for_new_table(Profile::Standard, &schema(DataType::LONG), &off).unwrap();
        assert_eq!((protocol.min_reader_version, protocol.reader_features), (1, None));
        assert_eq!(
            protocol.writer_features,
            names(&["appendOnly", "domainMetadata", "inCommitTimestamp", "invariants"])
        );
    }

    #[test]
    fn the_compat_profile_is_1_2_or_a_refusal() {
        let given = map(&[("delta.appendOnly", "true")]);
        let (protocol, properties) = for_new_table(Profile::Compat, &schema(DataType::LONG), &given).unwrap();
        assert_eq!(protocol, Protocol { min_reader_version: 1, min_writer_version: 2, ..Protocol::default() });
        assert_eq!(properties, given);
        let refused = for_new_table(Profile::Compat, &schema(DataType::TIMESTAMP_NTZ), &map(&[])).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidRequest);
        assert!(refused.message().contains("timestampNtz"), "{refused}");
        let vectors = map(&[("delta.enableDeletionVectors", "true")]);
        assert!(for_new_table(Profile::Compat, &schema(DataType::LONG), &vectors).is_err());
    }

    #[test]
    fn features_are_asked_for_as_in_spark() {
        let asked = map(&[("delta.feature.vacuumProtocolCheck", "supported")]);
        let (protocol, properties) = for_new_table(Profile::Standard, &schema(DataType::LONG), &asked).unwrap();
        assert!(protocol.reader_features.unwrap().contains(&"vacuumProtocolCheck".to_owned()));
        assert!(!properties.contains_key("delta.feature.vacuumProtocolCheck"));
    }

    #[test]
    fn what_is_not_implemented_or_known_is_refused_by_name() {
        for (key, value, kind, names) in [
            ("delta.enableChangeDataFeed", "true", ErrorKind::Unsupported, "changeDataFeed"),
            ("delta.columnMapping.mode", "name", ErrorKind::Unsupported, "columnMapping"),
            ("delta.constraints.pos", "a > 0", ErrorKind::Unsupported, "checkConstraints"),
            ("delta.feature.rowTracking", "supported", ErrorKind::Unsupported, "rowTracking"),
            ("delta.feature.warpDrive", "supported", ErrorKind::Unsupported, "warpDrive"),
            ("delta.feature.appendOnly", "yes", ErrorKind::InvalidRequest, "supported"),
            ("delta.enableDeletionVector", "true", ErrorKind::InvalidRequest, "delta.enableDeletionVector"),
            ("delta.enableDeletionVectors", "1", ErrorKind::InvalidRequest, "delta.enableDeletionVectors"),
            ("delta.dataSkippingNumIndexedCols", "-2", ErrorKind::InvalidRequest, "delta.dataSkippingNumIndexedCols"),
            ("delta.isolationLevel", "WriteSerializable", ErrorKind::InvalidRequest, "delta.isolationLevel"),
        ] {
            let refused = for_new_table(Profile::Standard, &schema(DataType::LONG), &map(&[(key, value)])).unwrap_err();
            assert_eq!(refused.kind(), kind, "{refused}");
            let hint = refused.what_to_do().unwrap_or_default();
            assert!(refused.message().contains(names) || hint.contains(names), "{refused}");
        }
        let variant = for_new_table(Profile::Standard, &schema(DataType::VARIANT), &map(&[])).unwrap_err();
        assert!(variant.message().contains("variantType"), "{variant}");
        let twins = StructType::new(["a", "A"].map(|name| StructField::nullable(name, DataType::LONG)));
        assert!(for_new_table(Profile::Standard, &twins, &map(&[])).is_err());
    }
}
