//! What does each operation do to a table of rows? Without files, vectors, versions or a log: what the log is compared with.

use std::collections::BTreeSet;

/// A row: its identity and its key.
pub(super) type Row = (i32, i32);

/// Who made a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Author {
    pub(super) writer: u8,
    /// Which of the writer's operations.
    pub(super) seq: u8,
}

impl Author {
    /// Whoever created the table.
    pub(super) const CREATOR: Author = Author { writer: u8::MAX, seq: 0 };

    /// The identity of the row that it adds.
    fn row_id(self) -> i32 {
        100 * (i32::from(self.writer) + 1) + i32::from(self.seq)
    }
}

/// What a writer is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    /// Adds a row of this key.
    Append(i32),
    /// Deletes rows of this key, by vectors; a file of which none is left is removed.
    Delete(i32),
    /// Puts a row of key 1 in place of all.
    Overwrite,
    /// Puts the rows of all files into one, and says where each went.
    Move,
    /// The same, and says nothing.
    Compact,
    /// Adds a row of key 1 where there is one, which it only reads.
    Copy,
    /// Brings the source's rows up to this one over, from where the target says that the promotion stands.
    Promote(i64),
    /// The same, from the beginning: what a process does again that doesn't know how its first attempt ended.
    PromoteAgain(i64),
}

/// The key that is copied, overwritten with and looked for.
pub(super) const KEY: i32 = 1;
/// The key of the rows that a promotion brings.
const PROMOTED: i32 = 9;

/// The table: its rows, and how far the promotion has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Naive {
    pub(super) rows: Vec<Row>,
    pub(super) progress: i64,
}

/// What an operation does to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Effect {
    pub(super) gone: BTreeSet<Row>,
    pub(super) added: Vec<Row>,
}

impl Op {
    /// Whether it changes no row.
    pub(super) fn rearranges(self) -> bool {
        matches!(self, Op::Move | Op::Compact)
    }
}

impl Naive {
    pub(super) fn effect(&self, op: Op, by: Author) -> Effect {
        let of_key = |key: i32| self.rows.iter().copied().filter(move |row| row.1 == key);
        let (gone, added): (BTreeSet<Row>, Vec<Row>) = match op {
            Op::Append(key) => (BTreeSet::new(), vec![(by.row_id(), key)]),
            Op::Delete(key) => (of_key(key).collect(), vec![]),
            Op::Overwrite => (self.rows.iter().copied().collect(), vec![(by.row_id(), KEY)]),
            Op::Move | Op::Compact => (BTreeSet::new(), vec![]),
            Op::Copy => (BTreeSet::new(), of_key(KEY).next().map(|_| (by.row_id(), KEY)).into_iter().collect()),
            Op::Promote(to) => (BTreeSet::new(), promoted(self.progress, to)),
            Op::PromoteAgain(to) => (BTreeSet::new(), promoted(0, to)),
        };
        Effect { gone, added }
    }

    /// Runs the operation.
    pub(super) fn run(&mut self, op: Op, by: Author) {
        let effect = match op {
            Op::PromoteAgain(to) => self.effect(Op::Promote(to), by),
            op => self.effect(op, by),
        };
        self.rows.retain(|row| !effect.gone.contains(row));
        self.rows.extend(effect.added);
        self.rows.sort_unstable();
        if let Op::Promote(to) | Op::PromoteAgain(to) = op {
            self.progress = self.progress.max(to);
        }
    }
}

/// The source's rows after one of its versions, up to another.
fn promoted(after: i64, to: i64) -> Vec<Row> {
    (after + 1..=to).map(|version| (1_000 + i32::try_from(version).unwrap_or(0), PROMOTED)).collect()
}

/// The table that a model begins with: the keys of each file's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Two files: keys 1 and 2, and key 1.
    TwoFiles,
    /// One file: keys 1, 2 and 3.
    OneFile,
    /// The same, its first row deleted by a vector.
    Deleted,
}

impl Start {
    pub(super) fn files(self) -> Vec<Vec<Row>> {
        match self {
            Start::TwoFiles => vec![vec![(1, 1), (2, 2)], vec![(3, 1)]],
            Start::OneFile | Start::Deleted => vec![vec![(1, 1), (2, 2), (3, 3)]],
        }
    }

    /// Positions in the first file that are deleted.
    pub(super) fn deleted(self) -> Vec<u64> {
        if self == Start::Deleted { vec![0] } else { vec![] }
    }
}
