//! Are files judged together as each is alone, whatever their statistics look like?

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use proptest::prelude::*;

use super::*;
use crate::action::{Add, DeletionVectorDescriptor, Metadata, Protocol};
use crate::cases::cases;
use crate::checkpoint::{Draft, decode_parquet};
use crate::files::Files;
use crate::predicate::{Comparison, Literal, Literals};
use crate::replay::{Commit, State};
use crate::version::{TimestampMs, Version};

const SCHEMA: &str = r#"{"type":"struct","fields":[
    {"name":"long","type":"long","nullable":true,"metadata":{}},
    {"name":"double","type":"double","nullable":true,"metadata":{}},
    {"name":"text","type":"string","nullable":true,"metadata":{}},
    {"name":"day","type":"date","nullable":true,"metadata":{}},
    {"name":"at","type":"timestamp","nullable":true,"metadata":{}},
    {"name":"money","type":"decimal(10,2)","nullable":true,"metadata":{}},
    {"name":"yes","type":"boolean","nullable":true,"metadata":{}},
    {"name":"s","type":{"type":"struct","fields":[{"name":"in","type":"integer","nullable":true,"metadata":{}}]},"nullable":true,"metadata":{}},
    {"name":"p","type":"integer","nullable":true,"metadata":{}},
    {"name":"q","type":"string","nullable":true,"metadata":{}}]}"#;

/// Columns that have statistics, with JSON values that bounds may have: those of the type, and others.
const COLUMNS: [(&[&str], &[&str]); 8] = [
    (&["long"], &["-5", "0", "3", "7", "9007199254740993", "1.5", "\"3\"", "null", "{}", "1e99"]),
    (&["double"], &["-1.5", "0.0", "-0.0", "2", "1E3", "\"NaN\"", "[1]", "1e999"]),
    (
        &["text"],
        &["\"a\"", "\"ab\"", "\"abc\"", "\"b\u{fffd}\"", "\"\\u0061\"", "5", "\"abcdefghijklmnopqrstuvwxyzabcdef\""],
    ),
    (&["day"], &["\"2020-01-01\"", "\"2020-01-02\"", "\"1500-01-01\"", "\"2020-13-01\"", "18262"]),
    (&["at"], &["\"2020-01-01T00:00:00.000Z\"", "\"2020-01-01T00:00:00.001Z\"", "\"2020-01-01T00:00:00\"", "0"]),
    (&["money"], &["1.00", "1.5", "-0.01", "99999999.99", "123456789012", "\"1\""]),
    (&["yes"], &["true", "false", "0"]),
    (&["s", "in"], &["1", "2", "3", "4294967296", "true"]),
];
const WHOLE: [&str; 7] = ["", "{", "null", "{\"numRecords\":0}", "{\"numRecords\":3}", "[]", "{\"minValues\":3}"];
const PATHS: [&[&str]; 10] =
    [&["long"], &["double"], &["text"], &["day"], &["at"], &["money"], &["yes"], &["s", "in"], &["p"], &["q"]];

fn column(at: usize) -> ColumnPath {
    ColumnPath::new(PATHS[at].iter().copied())
}

fn literal(draw: u8) -> Literal {
    match draw % 16 {
        0 => Literal::from(3_i64),
        1 => Literal::from(0_i64),
        2 => Literal::from(2_i32),
        3 => Literal::from(0.0),
        4 => Literal::from(f64::NAN),
        5 => Literal::from(-1.5),
        6 => Literal::from("ab"),
        7 => Literal::from("b"),
        8 => Literal::date(18_262),
        9 => Literal::timestamp(1_577_836_800_000_500),
        10 => Literal::decimal(150, 10, 2).unwrap(),
        11 => Literal::from(true),
        12 => Literal::null(),
        13 => Literal::from(i64::MAX),
        14 => Literal::timestamp_ntz(0),
        _ => Literal::from(1_i64),
    }
}

fn stats(draws: &[u8]) -> Option<String> {
    let mut draws = draws.iter().copied().cycle();
    let mut draw = |of: usize| usize::from(draws.next().unwrap_or(0)) % of;
    match draw(8) {
        0 => return None,
        1 => return Some(WHOLE[draw(WHOLE.len())].to_owned()),
        _ => {}
    }
    let mut bounds = |odds: usize, count: bool| {
        let mut fields: Vec<String> = Vec::new();
        for (path, values) in COLUMNS {
            if draw(odds) == 0 {
                continue;
            }
            let value = if count {
                ["0", "1", "3", "-1", "x"][draw(5)].to_owned()
            } else {
                values[draw(values.len())].to_owned()
            };
            fields.push(match path {
                [name] => format!("{name:?}:{value}"),
                _ => format!(r#""s":{{"in":{value}}}"#),
            });
        }
        format!("{{{}}}", fields.join(","))
    };
    let (min, max, nulls) = (bounds(5, false), bounds(5, false), bounds(3, true));
    let text = format!(r#"{{"numRecords":{},"minValues":{min},"maxValues":{max},"nullCount":{nulls}}}"#, draw(4));
    // Now and then it breaks off.
    let end = if draw(12) == 0 { text.len() / 2 } else { text.len() };
    Some(text.chars().take(end).collect())
}

fn add(name: usize, draws: &[u8]) -> Add {
    let draw = |at: usize| draws.get(at).copied().unwrap_or(0);
    let number = [None, Some("1"), Some("2"), Some("3"), Some("")][usize::from(draw(0)) % 5];
    let text = [None, Some("a"), Some("ab"), Some("b")][usize::from(draw(1)) % 4];
    Add {
        path: format!("f{name}"),
        partition_values: BTreeMap::from([
            ("p".to_owned(), number.map(str::to_owned)),
            ("q".to_owned(), text.map(str::to_owned)),
        ]),
        size: 1,
        data_change: true,
        stats: stats(draws),
        ..Add::default()
    }
}

fn predicate() -> impl Strategy<Value = Predicate> {
    use Comparison::{Eq, Gt, GtEq, Lt, LtEq, NotEq, NullSafeEq};
    let op = || prop::sample::select(vec![Eq, NotEq, Lt, LtEq, Gt, GtEq, NullSafeEq]);
    let of = || (0..PATHS.len()).prop_map(column);
    let leaf = prop_oneof![
        6 => (of(), op(), any::<u8>()).prop_map(|(of, op, draw)| Predicate::Compare(of, op, literal(draw))),
        1 => of().prop_map(Predicate::IsNull),
        1 => of().prop_map(Predicate::IsNotNull),
        1 => (of(), prop::collection::vec(prop::option::of(-5_i64..8), 0..4)).prop_map(|(of, values)| {
            Predicate::In(of, Literals::new(Arc::new(Int64Array::from(values)) as ArrayRef))
        }),
        1 => (of(), "[ab]{0,3}").prop_map(|(of, prefix)| Predicate::StartsWith(of, prefix)),
        1 => any::<Option<bool>>().prop_map(Predicate::Const),
        1 => Just(Predicate::Unknown),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 0..3);
        prop_oneof![
            parts().prop_map(Predicate::And),
            parts().prop_map(Predicate::Or),
            inner.clone().prop_map(Predicate::negated),
        ]
    })
}

/// What the evaluator says of one file that it is given alone: whether it may match, and whether all of it does.
fn judged_alone(snapshot: &Snapshot, predicate: &Predicate, add: &Add) -> Option<bool> {
    let named = snapshot.named(predicate).unwrap();
    let columns: Vec<StatsColumn> = named.iter().filter_map(Named::stats).cloned().collect();
    let stats = match columns.as_slice() {
        [] => ParsedStats::unknown(1, &[]),
        columns => ParsedStats::from_texts([add.stats.as_deref()].into_iter(), columns),
    };
    let partitions = named.iter().filter_map(|named| match &named.key {
        ColumnKey::Partition(name, data_type) => {
            let text = add.partition_values.get(name).and_then(Option::as_deref);
            Some((named.path.clone(), partition::to_array(data_type, [text]).unwrap()))
        }
        ColumnKey::Stats(_) => None,
    });
    let input = PruneInput::new(partitions.collect(), stats).unwrap();
    may_match(predicate, &input).value(0).then(|| must_match(predicate, &input).value(0))
}

fn pruned(snapshot: &Snapshot, predicate: &Predicate) -> BTreeMap<String, bool> {
    let pruned = snapshot.prune(predicate).unwrap();
    pruned.iter().map(|pruned| (pruned.file.path().to_owned(), pruned.all_match)).collect()
}

fn check(snapshot: &Snapshot, live: &BTreeMap<usize, Add>, predicates: &[Predicate]) {
    for predicate in predicates {
        let judged = |add: &Add| Some((add.path.clone(), judged_alone(snapshot, predicate, add)?));
        let expected: BTreeMap<String, bool> = live.values().filter_map(judged).collect();
        assert_eq!(pruned(snapshot, predicate), expected, "{predicate} over {live:#?}");
    }
}

fn first(adds: Vec<Add>) -> Commit {
    let metadata = Metadata {
        id: "id".into(),
        schema_string: SCHEMA.into(),
        partition_columns: vec!["p".into(), "q".into()],
        ..Metadata::default()
    };
    let protocol = Protocol { min_reader_version: 1, min_writer_version: 2, ..Protocol::default() };
    Commit { metadata: Some(metadata), protocol: Some(protocol), adds, ..Commit::default() }
}

/// The snapshot as the next process opens it.
fn reopened(snapshot: &Snapshot) -> Snapshot {
    let draft = Draft::of(snapshot, TimestampMs(0)).unwrap();
    let encoder = draft.encoder(draft.layout().v1().unwrap()).unwrap();
    let groups = (0..draft.num_groups()).map(|group| draft.encode_group(&encoder, group).unwrap());
    let groups = std::iter::once(draft.encode_table_actions(&encoder).unwrap()).chain(groups);
    let contents = decode_parquet(encoder.whole(groups).unwrap().0).unwrap();
    let mut state = State { files: Files::from_batches(contents.adds).unwrap(), ..State::default() };
    contents.actions.into_iter().for_each(|action| state.take(action));
    Snapshot::from_checkpoint(snapshot.version(), state).unwrap()
}

proptest! {
    #![proptest_config(cases(1_000, 10_000, 100_000))]

    /// Whole batches, what is known of them shared and forgotten, text read through a checkpoint: each file is judged as
    /// if it stood alone.
    #[test]
    fn files_are_judged_together_as_each_alone(
        commits in prop::collection::vec(prop::collection::vec((0_usize..12, any::<[u8; 24]>()), 0..5), 1..5),
        predicates in prop::collection::vec(predicate(), 1..3),
        through_a_checkpoint in any::<prop::sample::Index>(),
    ) {
        let mut live: BTreeMap<usize, Add> = BTreeMap::new();
        let mut snapshot: Option<Snapshot> = None;
        let mut before: Option<(Snapshot, BTreeMap<usize, Add>)> = None;
        for (at, files) in commits.iter().enumerate() {
            let (mut removes, mut adds) = (Vec::new(), BTreeMap::new());
            for (name, draws) in files {
                match live.remove(name) {
                    Some(old) => removes.push(old.removed(1, true)),
                    None => {
                        adds.insert(*name, add(*name, draws));
                    }
                }
            }
            // A file that this commit adds and removes is one it adds.
            removes.retain(|remove| adds.values().all(|add| add.path != remove.path));
            live.extend(adds.clone());
            let version = Version(at as u64);
            let commit = match &snapshot {
                None => first(adds.into_values().collect()),
                Some(_) => Commit { version, removes, adds: adds.into_values().collect(), ..Commit::default() },
            };
            let mut next = Snapshot::follow(snapshot.as_ref(), &[commit]).unwrap();
            if through_a_checkpoint.index(commits.len()) == at {
                next = reopened(&next);
            }
            check(&next, &live, &predicates);
            if let Some((before, live)) = &before {
                check(before, live, &predicates);
            }
            before = Some((next.clone(), live.clone()));
            snapshot = Some(next);
        }
    }
}

#[test]
fn a_malformed_partition_value_is_an_error_only_while_its_file_is_live() {
    let mut bad = add(1, &[1, 1]);
    bad.partition_values.insert("p".into(), Some("x".into()));
    let snapshot = Snapshot::follow(None, &[first(vec![bad.clone(), add(2, &[1, 1])])]).unwrap();
    let predicate = Predicate::eq(column(8), 1);
    assert_eq!(snapshot.prune(&predicate).unwrap_err().kind(), crate::ErrorKind::Corrupt);
    let commit = Commit { version: Version(1), removes: vec![bad.removed(1, true)], ..Commit::default() };
    let next = Snapshot::follow(Some(&snapshot), &[commit]).unwrap();
    assert_eq!(next.prune(&predicate).unwrap().len(), 1);
}

#[test]
fn what_is_known_of_columns_keeps_its_budget() {
    const FILES: usize = 70_000;
    let stats = |file: usize| {
        let text = format!("{file:08}-{}", "x".repeat(20));
        format!(
            r#"{{"numRecords":9,"minValues":{{"long":{file},"text":"{text}","double":{file}.5}},"maxValues":{{"long":{file},"text":"{text}","double":{file}.5}},"nullCount":{{"long":0,"text":0,"double":0}}}}"#
        )
    };
    let adds = (0..FILES).map(|file| Add { stats: Some(stats(file)), ..add(file, &[]) }).collect();
    let snapshot = Snapshot::follow(None, &[first(adds)]).unwrap();
    let budget = KNOWN_BYTES + FILES * KNOWN_BYTES_PER_FILE;
    let known = || snapshot.files().live_batches().map(|batch| batch.known().memory_size()).sum::<usize>();
    for round in 0..3 {
        for (at, name) in ["long", "text", "double"].iter().enumerate() {
            let path = ColumnPath::new([*name]);
            let predicate = match *name {
                "text" => Predicate::eq(path, format!("{:08}-{}", 7, "x".repeat(20))),
                _ => Predicate::eq(path, if at == 0 { Literal::from(7_i64) } else { Literal::from(7.5) }),
            };
            assert_eq!(snapshot.prune(&predicate).unwrap().len(), 1, "{name} in round {round}");
            assert!(known() <= budget, "{} bytes are known of columns", known());
            assert!(known() > 0);
        }
    }
}

/// A vector doesn't change what a file's statistics say of where its rows are (pitfall S6).
#[test]
fn a_file_with_a_vector_is_judged_by_its_bounds() {
    let with_vector = Add {
        stats: Some(r#"{"numRecords":3,"minValues":{"long":5},"maxValues":{"long":7},"nullCount":{"long":0}}"#.into()),
        deletion_vector: Some(DeletionVectorDescriptor { storage_type: "u".into(), ..Default::default() }),
        ..add(1, &[])
    };
    let snapshot = Snapshot::follow(None, &[first(vec![with_vector])]).unwrap();
    assert!(snapshot.prune(&Predicate::compare(column(0), Comparison::Gt, 7_i64)).unwrap().is_empty());
    assert_eq!(snapshot.prune(&Predicate::compare(column(0), Comparison::Gt, 6_i64)).unwrap().len(), 1);
}
