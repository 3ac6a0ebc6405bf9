//! What does each step of a commit cost that isn't a request? `cargo bench -p lakebed-txlog --bench commit_path`.
//!
//! | group | one iteration |
//! |---|---|
//! | `serialise` | the bytes of a transaction, from its actions |
//! | `check` | our transaction against k winners, each resolved and followed, as the commit loop does |
//! | `rebase` | a delete put on top of another's of the same file: both vectors united, actions rewritten |
//! | `replay` | the table, from k commits |
//! | `advance` | one more commit, on a snapshot of n files |
//!
//! Each is linear in what changed, and none but `replay` in what the table holds.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lakebed_txlog::action::{Action, Add, DeletionVectorDescriptor, Metadata, Protocol};
use lakebed_txlog::conflict::{Known, Verdict, Winner, resolve};
use lakebed_txlog::dv::{DeletionVector, inline};
use lakebed_txlog::predicate::Predicate;
use lakebed_txlog::replay::Commit;
use lakebed_txlog::schema::{ColumnPath, DataType, StructField, StructType};
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::transaction::{Kind, Reads, RowsRead, Stamp, Transaction};
use lakebed_txlog::{TimestampMs, Version};

/// Rows of each file; file n holds the keys from n times this on.
const ROWS: i64 = 1_000;

fn file(n: i64) -> Add {
    let (first, last) = (n * ROWS, n * ROWS + ROWS - 1);
    let stats = format!(
        r#"{{"numRecords":{ROWS},"minValues":{{"k":{first}}},"maxValues":{{"k":{last}}},"nullCount":{{"k":0}}}}"#
    );
    let path = format!("part-{n:05}-1c3f8e9a-7b60-4b7e-9a58-3f4d2c1b0a99.c000.zstd.parquet");
    Add { path, size: 1 << 20, modification_time: 1, data_change: true, stats: Some(stats), ..Add::default() }
}

fn created() -> Vec<Action> {
    let schema = StructType::new([StructField::nullable("k", DataType::LONG)]);
    let features = Some(vec!["deletionVectors".to_owned()]);
    vec![
        Action::Protocol(Protocol {
            min_reader_version: 3,
            min_writer_version: 7,
            reader_features: features.clone(),
            writer_features: features,
        }),
        Action::Metadata(Metadata { id: "t".into(), schema_string: schema.to_json(), ..Metadata::default() }),
    ]
}

fn commit(version: u64, actions: Vec<Action>) -> Commit {
    Commit::from_actions(Version(version), actions).expect("a sound commit")
}

/// A table of n files at version 0.
fn table(num_files: i64) -> Snapshot {
    let mut actions = created();
    actions.extend((0..num_files).map(|n| Action::Add(file(n))));
    Snapshot::follow(None, &[commit(0, actions)]).expect("a sound table")
}

/// An append of one file, as version v.
fn append(version: u64) -> Commit {
    commit(version, vec![Action::Add(file(1_000_000 + i64::try_from(version).unwrap_or(0)))])
}

fn described(vector: &DeletionVector) -> DeletionVectorDescriptor {
    inline(vector).expect("a small vector")
}

/// A delete of rows of file 0, by a vector.
fn delete(rows: std::ops::Range<u64>) -> Transaction {
    let vector: DeletionVector = rows.collect();
    let mut reads = Reads::nothing().matching(Predicate::eq(ColumnPath::new(["k"]), 5));
    reads.depend_on(file(0).path, RowsRead::Only(vector.clone()));
    let mut transaction = Transaction::new(Kind::Delete, "DELETE");
    transaction.reads = Some(reads);
    transaction.push(Action::Remove(file(0).removed(1, true)));
    transaction.push(Action::Add(Add { deletion_vector: Some(described(&vector)), ..file(0) }));
    transaction
}

fn stamp() -> Stamp {
    Stamp {
        txn_id: "6f7f7b5e-2f5c-4a5e-8b7a-0d3c2b1a0f9e".into(),
        now: TimestampMs(1),
        in_commit_timestamp: Some(TimestampMs(1)),
        read_version: Some(Version(0)),
    }
}

fn serialise(c: &mut Criterion) {
    let mut group = c.benchmark_group("serialise");
    for num_files in [1, 100, 10_000] {
        let mut transaction = Transaction::new(Kind::Append, "WRITE");
        transaction.extend((0..num_files).map(|n| Action::Add(file(n))));
        group.throughput(Throughput::Elements(num_files.unsigned_abs()));
        group.bench_with_input(BenchmarkId::from_parameter(num_files), &transaction, |b, transaction| {
            b.iter(|| black_box(transaction.bytes(&stamp())));
        });
    }
    group.finish();
}

/// Resolves winners in order, following each.
fn followed(ours: &Transaction, read: &Snapshot, winners: &[Commit]) -> Snapshot {
    let known = Known::default();
    let mut before = read.clone();
    for commit in winners {
        let verdict = resolve(ours, &Winner { commit, before: &before, known: &known });
        assert!(matches!(verdict, Verdict::Accept(_)), "{verdict:?}");
        before = Snapshot::follow(Some(&before), std::slice::from_ref(commit)).expect("a sound commit");
    }
    before
}

fn check(c: &mut Criterion) {
    let mut group = c.benchmark_group("check");
    let read = table(10_000);
    let (blind, reading) = (Transaction::new(Kind::Append, "WRITE"), delete(0..10));
    for num_winners in [1, 10, 100] {
        let winners: Vec<Commit> = (1..=num_winners).map(append).collect();
        group.throughput(Throughput::Elements(num_winners));
        for (name, ours) in [("append", &blind), ("delete", &reading)] {
            group.bench_with_input(BenchmarkId::new(name, num_winners), &winners, |b, winners| {
                b.iter(|| black_box(followed(ours, &read, winners)));
            });
        }
    }
    group.finish();
}

fn rebase(c: &mut Criterion) {
    let read = table(10_000);
    let ours = delete(0..100);
    let winner = commit(1, delete(500..600).actions().to_vec());
    let known = Known::default();
    c.bench_function("rebase/united_vectors", |b| {
        b.iter(|| {
            let verdict = resolve(&ours, &Winner { commit: &winner, before: &read, known: &known });
            let Verdict::Accept(rebase) = verdict else { panic!("{verdict:?}") };
            let stored: Vec<_> = rebase.vectors().map(described).collect();
            black_box(rebase.apply(&ours, &stored).expect("the vectors that were to be stored"))
        });
    });
}

fn replay(c: &mut Criterion) {
    let mut group = c.benchmark_group("replay");
    group.sample_size(20);
    for num_commits in [10, 1_000] {
        let mut commits = vec![commit(0, created())];
        commits.extend((1..=num_commits).map(append));
        group.throughput(Throughput::Elements(num_commits));
        group.bench_with_input(BenchmarkId::from_parameter(num_commits), &commits, |b, commits| {
            b.iter(|| black_box(Snapshot::follow(None, commits)));
        });
    }
    group.finish();
}

fn advance(c: &mut Criterion) {
    let mut group = c.benchmark_group("advance");
    for num_files in [1, 1_000, 100_000] {
        let before = table(num_files);
        let appended = append(1);
        let removed = commit(1, vec![Action::Remove(file(0).removed(1, true))]);
        for (name, commit) in [("append", &appended), ("remove", &removed)] {
            group.bench_with_input(BenchmarkId::new(name, num_files), commit, |b, commit| {
                b.iter(|| black_box(Snapshot::follow(Some(&before), std::slice::from_ref(commit))));
            });
        }
    }
    group.finish();
}

criterion_group!(commit_path, serialise, check, rebase, replay, advance);
criterion_main!(commit_path);
