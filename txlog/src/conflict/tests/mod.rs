//! Is every pair decided as it should be, and as the document says?
//!
//! One small table: partitioned by `p`, a column `k`, three files.
//!
//! | file | `p` | `k` by position | vector |
//! |---|---|---|---|
//! | `f1` | `a` | 1, 2, 3, 4 | none |
//! | `f2` | `a` | 5, 6, 7, 8 | row 3 |
//! | `f3` | `b` | 1, 2, 3, 4 | none |

mod follow;
mod matrix;
mod maximal;
mod mutants;
mod ours;
mod rules;
mod winners;

use super::{Known, Rebase, Verdict, Why, Winner, check_live, resolve};
use crate::action::{
    Action, Add, CommitInfo, DeletionVectorDescriptor, DomainMetadata, Metadata, PartitionValues, Protocol, Remove, Txn,
};
use crate::dv::{DeletionVector, inline};
use crate::predicate::{Comparison, Literals, Predicate};
use crate::replay::Commit;
use crate::schema::{ColumnPath, DataType, StructField, StructType};
use crate::snapshot::Snapshot;
use crate::transaction::{
    Isolation, Kind, MOVES_TAG, MovedFrom, MovedTo, Moves, Reads, RowsRead, Stamp, Transaction, TxnUpdate,
};
use crate::version::{TimestampMs, Version};

fn schema() -> StructType {
    StructType::new([StructField::nullable("k", DataType::INTEGER), StructField::nullable("p", DataType::STRING)])
}

fn metadata() -> Metadata {
    Metadata {
        id: "table".into(),
        schema_string: schema().to_json(),
        partition_columns: vec!["p".into()],
        configuration: [("delta.enableDeletionVectors".to_owned(), "true".to_owned())].into(),
        ..Metadata::default()
    }
}

fn protocol() -> Protocol {
    let features = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    Protocol {
        min_reader_version: 3,
        min_writer_version: 7,
        reader_features: features(&["deletionVectors"]),
        writer_features: features(&["deletionVectors", "domainMetadata"]),
    }
}

fn column(name: &str) -> ColumnPath {
    ColumnPath::new([name])
}

fn vector(rows: &[u64]) -> DeletionVector {
    rows.iter().copied().collect()
}

fn descriptor(rows: &[u64]) -> DeletionVectorDescriptor {
    inline(&vector(rows)).unwrap()
}

fn in_partition(p: &str) -> PartitionValues {
    [("p".to_owned(), Some(p.to_owned()))].into()
}

/// A file of four rows with these bounds of `k`.
fn file(path: &str, p: &str, bounds: (i32, i32)) -> Add {
    file_of(4, path, p, bounds)
}

fn file_of(num_records: u64, path: &str, p: &str, (min, max): (i32, i32)) -> Add {
    let stats = format!(
        r#"{{"numRecords":{num_records},"minValues":{{"k":{min}}},"maxValues":{{"k":{max}}},"nullCount":{{"k":0}},"tightBounds":true}}"#
    );
    Add {
        path: path.into(),
        partition_values: in_partition(p),
        size: 100,
        data_change: true,
        stats: Some(stats),
        ..Add::default()
    }
}

fn with_vector(add: Add, rows: &[u64]) -> Add {
    Add { deletion_vector: Some(descriptor(rows)), ..add }
}

fn rearranged(add: Add) -> Add {
    Add { data_change: false, ..add }
}

fn f1() -> Add {
    file("f1", "a", (1, 4))
}

fn f2() -> Add {
    with_vector(file("f2", "a", (5, 8)), &[3])
}

fn f3() -> Add {
    file("f3", "b", (1, 4))
}

fn removed(add: &Add) -> Remove {
    add.removed(7, true)
}

fn moved(add: &Add) -> Remove {
    add.removed(7, false)
}

/// What a rearrangement says of the files of four rows that it put into another.
fn moves(from: &[Add], to: (&str, u64)) -> Moves {
    let from = from.iter().map(|add| MovedFrom {
        path: add.path.clone(),
        num_records: 4,
        deletion_vector: add.deletion_vector.clone(),
    });
    Moves { from: from.collect(), to: vec![MovedTo { path: to.0.into(), num_records: to.1 }] }
}

/// A commit that says where it put rows.
fn telling(mut commit: Commit, moves: &[Moves]) -> Commit {
    let tag = serde_json::to_string(moves).unwrap();
    let tags = Some([(MOVES_TAG.to_owned(), Some(tag))].into());
    commit.commit_info = Some(CommitInfo { tags, ..CommitInfo::default() });
    commit
}

/// The table at version 0.
fn table() -> Snapshot {
    let commit = Commit {
        protocol: Some(protocol()),
        metadata: Some(metadata()),
        adds: vec![f1(), f2(), f3()],
        ..Commit::default()
    };
    Snapshot::follow(None, &[commit]).unwrap()
}

fn resolved(ours: &Transaction, winner: &Commit) -> Verdict {
    resolve(ours, &Winner { commit: winner, before: &table(), known: &Known::default() })
}

/// What the verdict is, in one letter.
fn letter(verdict: &Verdict) -> char {
    match verdict {
        Verdict::Accept(rebase) if rebase.is_empty() => '+',
        Verdict::Accept(rebase) if !rebase.carry.is_empty() => 'c',
        Verdict::Accept(rebase) if rebase.reads.is_some() => 'f',
        Verdict::Accept(rebase) if rebase.unite.is_empty() => 'm',
        Verdict::Accept(_) => 'u',
        Verdict::AlreadyApplied { .. } => '=',
        Verdict::Reject(why) => match why {
            Why::Kinds { .. } => 'K',
            Why::TxnMoved { .. } => 'X',
            Why::Rewinds => 'W',
            Why::Domain(_) => 'D',
            Why::Protocol => 'P',
            Why::BothMetadata => '2',
            Why::Metadata(_) => 'T',
            Why::Constrains(_) => 'S',
            Why::FileGone(_) => 'G',
            Why::FileMoved(_) => 'M',
            Why::FileChanged(_) => 'C',
            Why::RowsGone(_) => 'R',
            Why::RowsRestored(_) => 'B',
            Why::RowCount(_) => 'N',
            Why::Unclear(_) => 'U',
            Why::MayMatch { .. } => '?',
            Why::Unread { .. } => 'V',
        },
    }
}

/// The transaction as a driver commits it: united vectors stored in the log itself.
fn rebased(ours: &Transaction, rebase: &Rebase) -> Transaction {
    let stored: Vec<_> = rebase.vectors().map(|vector| inline(vector).unwrap()).collect();
    rebase.apply(ours, &stored).unwrap()
}

/// The commit of a transaction.
fn committed(transaction: &Transaction, version: u64) -> Commit {
    let stamp = Stamp {
        txn_id: "id".into(),
        now: TimestampMs(1),
        in_commit_timestamp: None,
        read_version: Some(Version::ZERO),
    };
    let mut commit = Commit::from_actions(Version(version), transaction.stamped(&stamp)).unwrap();
    commit.size_in_bytes = 1;
    commit
}
