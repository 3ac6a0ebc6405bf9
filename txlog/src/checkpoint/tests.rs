//! Is a checkpoint, of either spec and in any number of files, the state that it was written of?

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, StructArray, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use proptest::prelude::*;

use super::*;
use crate::action::{Action, Add, DeletionVectorDescriptor, DomainMetadata, Metadata, Protocol, Remove, Sidecar, Txn};
use crate::cases::cases;
use crate::error::{ErrorKind, Result};
use crate::files::Files;
use crate::replay::{Commit, State};
use crate::snapshot::Snapshot;
use crate::threads::OneThread;
use crate::version::{TimestampMs, Version};

const SCHEMA: &str = r#"{"type":"struct","fields":[
    {"name":"p","type":"integer","nullable":true,"metadata":{}},
    {"name":"x","type":"long","nullable":true,"metadata":{}},
    {"name":"s","type":{"type":"struct","fields":[
        {"name":"t","type":"string","nullable":true,"metadata":{}}]},"nullable":true,"metadata":{}}]}"#;

/// All that a table comes to, by an order of its own.
#[derive(Clone, Debug, Default, PartialEq)]
struct Content {
    protocol: Protocol,
    metadata: Metadata,
    txns: BTreeMap<String, Txn>,
    domains: BTreeMap<String, DomainMetadata>,
    adds: BTreeMap<String, Add>,
    /// By path and vector.
    tombstones: BTreeMap<(String, Option<String>), Remove>,
}

impl Content {
    fn of(snapshot: &Snapshot) -> Content {
        let tombstones = snapshot.tombstones().map(|file| file.to_remove());
        Content {
            protocol: snapshot.protocol().clone(),
            metadata: snapshot.metadata().clone(),
            txns: snapshot.txns().map(|txn| (txn.app_id.clone(), txn.clone())).collect(),
            domains: snapshot.domains().map(|domain| (domain.domain.clone(), domain.clone())).collect(),
            adds: snapshot.files().iter().map(|file| (file.path().to_owned(), file.to_add())).collect(),
            tombstones: tombstones.map(|remove| ((remove.path.clone(), remove.dv_id()), remove)).collect(),
        }
    }

    /// Action reconciliation, naively: one action after the other into maps.
    fn take(&mut self, commit: &Commit, expired_before: i64) {
        if let Some(protocol) = &commit.protocol {
            self.protocol = protocol.clone();
        }
        if let Some(metadata) = &commit.metadata {
            self.metadata = metadata.clone();
        }
        self.txns.extend(commit.txns.iter().map(|txn| (txn.app_id.clone(), txn.clone())));
        for domain in &commit.domains {
            match domain.removed {
                true => self.domains.remove(&domain.domain),
                false => self.domains.insert(domain.domain.clone(), domain.clone()),
            };
        }
        for remove in &commit.removes {
            if self.adds.get(&remove.path).is_some_and(|add| add.dv_id() == remove.dv_id()) {
                self.adds.remove(&remove.path);
            }
            let key = (remove.path.clone(), remove.dv_id());
            self.tombstones.remove(&key);
            if remove.deletion_timestamp.is_none_or(|time| time >= expired_before) {
                let extended = Some(remove.size.is_some() && remove.partition_values.is_some());
                let kept = Remove { tags: None, stats: None, extended_file_metadata: extended, ..remove.clone() };
                self.tombstones.insert(key, kept);
            }
        }
        for add in &commit.adds {
            self.adds.insert(add.path.clone(), Add { data_change: true, ..add.clone() });
            self.tombstones.remove(&(add.path.clone(), add.dv_id()));
        }
    }
}

fn vector() -> impl Strategy<Value = Option<DeletionVectorDescriptor>> {
    prop::option::of((0..3_i32, any::<i64>()).prop_map(|(number, cardinality)| DeletionVectorDescriptor {
        storage_type: if number == 0 { "i".into() } else { "u".into() },
        path_or_inline_dv: format!("ab^-aqEH.-t@S}}K{{vb[*k^{number}"),
        offset: (number > 0).then_some(number),
        size_in_bytes: 40,
        cardinality,
    }))
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), 0..100_i64]
}

prop_compose! {
    fn add()(
        path in "[a-e]",
        size in 0..1_i64 << 40,
        modification_time in number(),
        partition in prop::option::of(-3..3_i32),
        stats in prop::option::of(prop_oneof![
            (0..9_i64, any::<i64>(), "[a-z\"\\\\é]{0,3}").prop_map(|(rows, x, t)| {
                let t = serde_json::to_string(&t).unwrap();
                format!(r#"{{"numRecords":{rows},"minValues":{{"x":{x},"s":{{"t":{t}}}}},"nullCount":{{"x":1}}}}"#)
            }),
            Just("{}".to_owned()),
            Just("not JSON".to_owned()),
        ]),
        tags in prop::option::of(prop::collection::btree_map("[a-b]", prop::option::of("[a-z]{0,2}"), 0..2)),
        deletion_vector in vector(),
        base_row_id in prop::option::of(number()),
        default_row_commit_version in prop::option::of(number()),
        clustering_provider in prop::option::of("[a-z]{0,3}"),
    ) -> Add {
        Add {
            path,
            partition_values: [("p".to_owned(), partition.map(|p| p.to_string()))].into(),
            size,
            modification_time,
            data_change: true,
            stats,
            tags,
            deletion_vector,
            base_row_id,
            default_row_commit_version,
            clustering_provider,
        }
    }
}

/// What one commit asks for: of each add and removal so much as the state allows.
#[derive(Clone, Debug)]
struct Wish {
    adds: Vec<Add>,
    foreign: Vec<(Add, Option<i64>, bool)>,
    txns: Vec<(String, i64, Option<i64>)>,
    domains: Vec<(String, String, bool)>,
    name: Option<String>,
}

fn wish() -> impl Strategy<Value = Wish> {
    let adds = prop::collection::vec(add(), 0..4);
    let foreign = prop::collection::vec((add(), prop::option::of(0..100_i64), any::<bool>()), 0..2);
    let txns = prop::collection::vec(("[a-b]", number(), prop::option::of(number())), 0..2);
    let domains = prop::collection::vec(("[c-d]", "[a-z\"]{0,3}", any::<bool>()), 0..2);
    (adds, foreign, txns, domains, prop::option::of("[a-z]{0,3}"))
        .prop_map(|(adds, foreign, txns, domains, name)| Wish { adds, foreign, txns, domains, name })
}

fn metadata(name: Option<String>, properties: &[(&str, bool)]) -> Metadata {
    Metadata {
        id: "id".into(),
        name,
        schema_string: SCHEMA.into(),
        partition_columns: vec!["p".into()],
        configuration: properties.iter().map(|(key, value)| ((*key).to_owned(), value.to_string())).collect(),
        created_time: Some(999_999_999_999_999_999),
        ..Metadata::default()
    }
}

/// The commits that the wishes come to, the first of which makes the table.
fn commits(wishes: Vec<Wish>, properties: &[(&str, bool)]) -> Vec<Commit> {
    let mut live: BTreeMap<String, Add> = BTreeMap::new();
    let mut commits = Vec::new();
    for (version, wish) in wishes.into_iter().enumerate() {
        let mut commit = Commit { version: Version(version as u64), ..Commit::default() };
        if version == 0 {
            let features = || Some(["deletionVectors", "v2Checkpoint"].map(str::to_owned).to_vec());
            commit.protocol = Some(Protocol {
                min_reader_version: 3,
                min_writer_version: 7,
                reader_features: features(),
                writer_features: features(),
            });
        }
        if version == 0 || wish.name.is_some() {
            commit.metadata = Some(metadata(wish.name, properties));
        }
        let mut named = std::collections::BTreeSet::new();
        for add in wish.adds.into_iter().filter(|add| named.insert(add.path.clone())) {
            if let Some(old) = live.insert(add.path.clone(), add.clone()) {
                commit.removes.push(old.removed(version as i64 * 10, true));
            }
            commit.adds.push(add);
        }
        for (add, time, extended) in wish.foreign {
            // Others remove what isn't there, and say less.
            let mut remove = Remove { deletion_timestamp: time, ..add.removed(0, false) };
            if !extended {
                (remove.size, remove.partition_values) = (None, None);
            }
            if !live.contains_key(&remove.path) && named.insert(remove.path.clone()) {
                commit.removes.push(remove);
            }
        }
        let txn = |(app_id, version, last_updated)| Txn { app_id, version, last_updated };
        commit.txns = wish.txns.into_iter().map(txn).collect();
        let domain = |(domain, configuration, removed)| DomainMetadata { domain, configuration, removed };
        commit.domains = wish.domains.into_iter().map(domain).collect();
        commits.push(commit);
    }
    commits
}

fn encoded(draft: &Draft, encoder: &Encoder, groups: impl IntoIterator<Item = usize>) -> (Bytes, Tally) {
    encoder.whole(groups.into_iter().map(|group| draft.encode_group(encoder, group).unwrap())).unwrap()
}

fn classic(draft: &Draft) -> Contents {
    let encoder = draft.encoder(draft.layout().v1().unwrap()).unwrap();
    let groups = (0..draft.num_groups()).map(|group| draft.encode_group(&encoder, group).unwrap());
    let groups = std::iter::once(draft.encode_table_actions(&encoder).unwrap()).chain(groups);
    let (bytes, tally) = encoder.whole(groups).unwrap();
    draft.check(&tally).unwrap();
    decode_parquet(bytes).unwrap()
}

/// A part with the table's actions, and one for each group.
fn multi_part(draft: &Draft) -> Contents {
    let encoder = draft.encoder(draft.layout().v1().unwrap()).unwrap();
    let (first, _) = encoder.whole([draft.encode_table_actions(&encoder).unwrap()]).unwrap();
    let mut contents = decode_parquet(first).unwrap();
    for group in 0..draft.num_groups() {
        contents.merge(decode_parquet(encoded(draft, &encoder, [group]).0).unwrap());
    }
    contents
}

fn v2(draft: &Draft) -> Contents {
    let encoder = draft.encoder(draft.layout().sidecar().unwrap()).unwrap();
    let (mut sidecars, mut tally, mut contents) = (Vec::new(), Tally::default(), Contents::default());
    for group in 0..draft.num_groups() {
        let (bytes, part) = encoded(draft, &encoder, [group]);
        tally.add(part);
        sidecars.push(Sidecar {
            path: format!("{group}.parquet"),
            size_in_bytes: bytes.len() as i64,
            modification_time: 7,
            tags: None,
        });
        contents.merge(decode_parquet(bytes).unwrap());
    }
    draft.check(&tally).unwrap();
    let encoder = draft.encoder(draft.layout().v2().unwrap()).unwrap();
    let (manifest, _) = encoder.whole([draft.encode_manifest(&encoder, &sidecars).unwrap()]).unwrap();
    let manifest = decode_parquet(manifest).unwrap();
    assert!(manifest.adds.is_empty() && manifest.removes.is_empty());
    let named = manifest.actions.iter().filter_map(|action| match action {
        Action::Sidecar(sidecar) => Some(sidecar.clone()),
        _ => None,
    });
    assert_eq!(named.collect::<Vec<_>>(), sidecars);
    contents.merge(manifest);
    contents
}

fn reopened(contents: Contents, version: Version) -> Snapshot {
    let mut state = State { files: Files::from_batches(contents.adds).unwrap(), ..State::default() };
    contents.actions.into_iter().for_each(|action| state.take(action));
    state.tombstones = contents.removes.into_iter().map(Arc::new).collect();
    Snapshot::from_checkpoint(version, state).unwrap()
}

const AS_JSON: &str = "delta.checkpoint.writeStatsAsJson";
const AS_STRUCT: &str = "delta.checkpoint.writeStatsAsStruct";

/// Whether a classic checkpoint of the commits is what they come to, one action after the other.
fn classic_is_the_state(
    wishes: Vec<Wish>,
    as_struct: bool,
    expired_before: i64,
) -> std::result::Result<(), TestCaseError> {
    let _alone = OneThread::begin();
    let commits = commits(wishes, &[(AS_STRUCT, as_struct)]);
    let mut expected = Content::default();
    commits.iter().for_each(|commit| expected.take(commit, expired_before));
    let snapshot = Snapshot::follow(None, &commits).unwrap();
    let draft = Draft::of(&snapshot, TimestampMs(expired_before)).unwrap();
    let again = reopened(classic(&draft), snapshot.version());
    prop_assert_eq!(again.size_in_bytes(), expected.adds.values().map(|add| add.size).sum::<i64>());
    prop_assert_eq!(Content::of(&again), expected);
    Ok(())
}

// In two, that the long form keeps two cores busy: a million cases together.
proptest! {
    #![proptest_config(cases(150, 5_000, 500_000))]

    #[test]
    fn l2_l8_a_classic_checkpoint_is_the_state_of_its_commits(
        wishes in prop::collection::vec(wish(), 1..5),
        expired_before in 0..40_i64,
    ) {
        classic_is_the_state(wishes, false, expired_before)?;
    }

    #[test]
    fn l2_l8_a_classic_checkpoint_with_parsed_statistics_is_the_state_of_its_commits(
        wishes in prop::collection::vec(wish(), 1..5),
        expired_before in 0..40_i64,
    ) {
        classic_is_the_state(wishes, true, expired_before)?;
    }
}

proptest! {
    // Five checkpoints each are written and read back, 15 ms a case.
    #![proptest_config(cases(100, 2_000, 20_000))]

    #[test]
    fn classic_multi_part_and_v2_checkpoints_are_equal(
        wishes in prop::collection::vec(wish(), 1..5),
        as_json in any::<bool>(),
        as_struct in any::<bool>(),
    ) {
        let _alone = OneThread::begin();
        let snapshot = Snapshot::follow(None, &commits(wishes, &[(AS_JSON, as_json), (AS_STRUCT, as_struct)])).unwrap();
        let draft = Draft::of(&snapshot, TimestampMs(0)).unwrap();
        let one = reopened(classic(&draft), snapshot.version());
        let expected = Content::of(&one);
        for other in [multi_part(&draft), v2(&draft)] {
            let other = reopened(other, snapshot.version());
            prop_assert_eq!(Content::of(&other), expected.clone());
            // A checkpoint of a checkpoint says the same.
            let second = Draft::of(&other, TimestampMs(0)).unwrap();
            prop_assert_eq!(Content::of(&reopened(classic(&second), snapshot.version())), expected.clone());
        }
    }
}

/// `storageType`, `pathOrInlineDv`, `sizeInBytes`, `cardinality`.
type Vector = (Option<&'static str>, Option<&'static str>, Option<i32>, Option<i64>);

/// What a checkpoint says that somebody wrote of three files.
fn read_adds(paths: [Option<&str>; 3], sizes: [Option<i64>; 3], vectors: [Option<Vector>; 3]) -> Result<Contents> {
    let text = |of: fn(&Vector) -> Option<&'static str>| -> ArrayRef {
        Arc::new(vectors.iter().map(|vector| vector.as_ref().and_then(of)).collect::<StringArray>())
    };
    let size_in_bytes: Int32Array = vectors.iter().map(|vector| vector.and_then(|vector| vector.2)).collect();
    let cardinality: Int64Array = vectors.iter().map(|vector| vector.and_then(|vector| vector.3)).collect();
    let arrays = vec![text(|vector| vector.0), text(|vector| vector.1), Arc::new(size_in_bytes), Arc::new(cardinality)];
    let names = ["storageType", "pathOrInlineDv", "sizeInBytes", "cardinality"];
    let fields: Fields =
        names.iter().zip(&arrays).map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let there = NullBuffer::from_iter(vectors.iter().map(Option::is_some));
    let vector: ArrayRef = Arc::new(StructArray::new(fields, arrays, Some(there)));
    let path: ArrayRef = Arc::new(paths.into_iter().collect::<StringArray>());
    let size: ArrayRef = Arc::new(sizes.into_iter().collect::<Int64Array>());
    let add = ["path", "size", "deletionVector"].into_iter().zip([path, size, vector]);
    let add = StructArray::try_from(add.collect::<Vec<_>>()).unwrap();
    let rows = RecordBatch::try_from_iter([("add", Arc::new(add) as ArrayRef)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    decode_parquet(writer.into_inner().unwrap().into())
}

fn assert_lacks(read: Result<Contents>, of: &str, name: &str) {
    let refused = read.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert!(refused.to_string().contains(&format!("{of} in a checkpoint has no {name}")), "{refused}");
}

/// Without it, no path and a size of no bytes would be taken for what the writer said, a vector for none, and a file for no file.
#[test]
fn what_a_file_or_vector_of_a_checkpoint_cannot_be_without_is_there_or_it_is_damaged() {
    const WHOLE: Vector = (Some("u"), Some("ab^-aqEH.-t@S}K{vb[*k^"), Some(40), Some(6));
    const NO_VECTOR: Vector = (None, None, None, None);
    let (paths, sizes) = ([Some("a"), Some("b"), Some("c")], [Some(1), Some(2), Some(3)]);
    let contents = read_adds(paths, sizes, [None, Some(NO_VECTOR), Some(WHOLE)]).unwrap();
    let found = |row| contents.adds[0].row(row).deletion_vector();
    assert!(found(0).is_none() && found(1).is_none());
    let vector = found(2).unwrap();
    let texts = (Some(&*vector.storage_type), Some(&*vector.path_or_inline_dv));
    assert_eq!((texts, Some(vector.size_in_bytes), Some(vector.cardinality)), ((WHOLE.0, WHOLE.1), WHOLE.2, WHOLE.3));
    for (name, lacking) in [
        ("storageType", (None, WHOLE.1, WHOLE.2, WHOLE.3)),
        ("pathOrInlineDv", (WHOLE.0, None, WHOLE.2, WHOLE.3)),
        ("sizeInBytes", (WHOLE.0, WHOLE.1, None, WHOLE.3)),
        ("cardinality", (WHOLE.0, WHOLE.1, WHOLE.2, None)),
    ] {
        let damaged = [[None, Some(WHOLE), Some(lacking)], [None, Some(lacking), Some(lacking)], [Some(lacking); 3]];
        damaged.into_iter().for_each(|vectors| assert_lacks(read_adds(paths, sizes, vectors), "deletionVector", name));
    }
    for sizes in [[Some(1), None, Some(3)], [None; 3]] {
        assert_lacks(read_adds(paths, sizes, [None; 3]), "add", "size");
    }
    for paths in [[Some("a"), None, Some("c")], [None; 3]] {
        assert_lacks(read_adds(paths, sizes, [None; 3]), "add", "path");
    }
    let nothing = read_adds([None; 3], [None; 3], [None; 3]).unwrap();
    assert_eq!((nothing.num_adds(), nothing.actions.len()), (0, 0));
}

/// An action that has lost the field by which it is known is damage, too: it isn't passed over.
#[test]
fn an_action_of_a_checkpoint_without_its_key_is_damage() {
    let lacks = |action: &str, key: &str, other: &str| {
        let key: (&str, ArrayRef) = (key, Arc::new(StringArray::from(vec![Some("x"), None])));
        let other: (&str, ArrayRef) = (other, Arc::new(Int64Array::from(vec![Some(7), Some(8)])));
        let modified: (&str, ArrayRef) = ("modificationTime", Arc::new(Int64Array::from(vec![Some(1), Some(1)])));
        for kept in [2, 1] {
            let from = 2 - kept;
            let columns = [&key, &other, &modified].map(|(name, array)| (*name, array.slice(from, kept)));
            let column: ArrayRef = Arc::new(StructArray::try_from(columns.to_vec()).unwrap());
            let rows = RecordBatch::try_from_iter([(action, column)]).unwrap();
            let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
            writer.write(&rows).unwrap();
            let refused = decode_parquet(writer.into_inner().unwrap().into()).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Corrupt);
            assert!(refused.to_string().contains(key.0), "{action}: {refused}");
        }
    };
    lacks("sidecar", "path", "sizeInBytes");
    lacks("txn", "appId", "version");
}

/// As kernel and Spark write them: a million files in one row group, beside which the columns that tell of the table are a few
/// bytes of NULLs. To read those alone takes no more memory than the file is good for.
#[test]
fn a_million_files_in_one_row_group_are_no_bomb() {
    const ROWS: usize = 1_100_000;
    let nothing = Wish { adds: vec![], foreign: vec![], txns: vec![], domains: vec![], name: None };
    let snapshot = Snapshot::follow(None, &commits(vec![nothing], &[])).unwrap();
    let columns = Draft::of(&snapshot, TimestampMs(0)).unwrap().layout().v1().unwrap();
    let paths: ArrayRef = Arc::new(StringArray::from_iter_values((0..ROWS).map(|file| format!("{file}.parquet"))));
    let arrays = columns.fields().iter().map(|field| match (field.name().as_str(), field.data_type()) {
        ("add", DataType::Struct(fields)) => {
            let values = fields.iter().map(|field| match field.name().as_str() {
                "path" => Arc::clone(&paths),
                _ => new_null_array(field.data_type(), ROWS),
            });
            Arc::new(StructArray::new(fields.clone(), values.collect(), None)) as ArrayRef
        }
        (_, of_type) => new_null_array(of_type, ROWS),
    });
    let rows = RecordBatch::try_new(Arc::clone(&columns), arrays.collect()).unwrap();
    // One page each where a column is NULL: were there many, their headers would be bytes enough. No statistics, which would
    // tell that there is nothing to read.
    let properties = WriterProperties::builder()
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(Some(ROWS))
        .set_data_page_row_count_limit(ROWS)
        .set_write_batch_size(ROWS);
    let mut writer = ArrowWriter::try_new(Vec::new(), columns, Some(properties.build())).unwrap();
    writer.write(&rows).unwrap();
    let pieces = Pieces::whole(writer.into_inner().unwrap().into());
    let Footer::Read(description) = footer(&pieces).unwrap() else { panic!("a whole file has its footer") };
    assert!(description.decode(pieces, Wanted::Table).unwrap().actions.is_empty());
}
