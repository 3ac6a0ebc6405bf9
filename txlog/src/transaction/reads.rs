//! What of the table did a transaction depend on?
//!
//! A transaction that doesn't say has read everything. One that says names two things: conditions, so that a row which
//! another commit adds and of which one is true would have changed its outcome (a phantom, pitfall C9), and rows of
//! files, so that a commit which removes or changes one of them would have.

use std::collections::BTreeMap;

use super::moves::Positions;
use crate::dv::DeletionVector;
use crate::predicate::Predicate;

/// How far a transaction must not notice those that it did not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isolation {
    /// As if it ran alone, after every commit that comes before it in the log.
    #[default]
    Serializable,
    /// The same, but for rows that others' blind appends add: those it may miss. Not serializable, even among writers.
    WriteSerializable,
    /// It may miss whatever others add. For transactions that only put the same rows into other files (compaction,
    /// recomputed statistics), of which the outcome is the same; any other runs [`Serializable`](Self::Serializable).
    Snapshot,
}

impl Isolation {
    /// Every level.
    pub const ALL: [Isolation; 3] = [Isolation::Serializable, Isolation::WriteSerializable, Isolation::Snapshot];

    /// As `commitInfo.isolationLevel` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Isolation::Serializable => "Serializable",
            Isolation::WriteSerializable => "WriteSerializable",
            Isolation::Snapshot => "SnapshotIsolation",
        }
    }
}

/// The rows of a file that a transaction depends on.
#[derive(Clone, Debug, PartialEq)]
pub enum RowsRead {
    /// Every one, as far as it was live.
    All,
    /// Those at these positions of the physical file, all of them live when they were read: what was changed, and what
    /// was looked at and left as it is though it counted (a matched row of a MERGE). None: nothing in the file counted.
    Only(DeletionVector),
}

impl RowsRead {
    /// Whether no row counted.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, RowsRead::Only(rows) if rows.is_empty())
    }
}

/// What a transaction read. Paths are as they stand in the log, columns are logical.
///
/// The files that it removes it depends on wholly, whether they are named here or not; of a file that it gives another
/// vector, the rows have to be named for others to be allowed to do the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reads {
    predicates: Vec<Predicate>,
    files: BTreeMap<String, RowsRead>,
    every_file: bool,
    of_table: bool,
}

impl Reads {
    /// Nothing, so far.
    #[must_use]
    pub fn nothing() -> Reads {
        Reads::default()
    }

    /// Every row there is or may be.
    #[must_use]
    pub fn table() -> Reads {
        Reads { every_file: true, ..Reads::nothing().matching(Predicate::Const(Some(true))) }
    }

    /// Rows of which this is true were looked for, and all of them were found. A condition whose value may differ
    /// between two evaluations is [`Predicate::Unknown`] (pitfall C15).
    #[must_use]
    pub fn matching(mut self, predicate: Predicate) -> Reads {
        self.predicates.push(predicate);
        self
    }

    /// And schema and properties as they are: whoever changes either in any way would have had to be seen.
    #[must_use]
    pub fn and_of_table(mut self) -> Reads {
        self.of_table = true;
        self
    }

    /// Whether it depends on schema and properties as they are.
    #[must_use]
    pub fn is_of_table(&self) -> bool {
        self.of_table
    }

    /// Depends on rows of a file.
    pub fn depend_on(&mut self, path: impl Into<String>, rows: RowsRead) {
        self.files.insert(path.into(), rows);
    }

    /// The same, where rows of a file have been put into others: it is no longer named, and those others are.
    #[must_use]
    pub(crate) fn moved(mut self, path: &str, to: Positions) -> Reads {
        self.files.remove(path);
        // Who read every file reads all of the others as well.
        for (path, rows) in to.into_iter().filter(|_| !self.every_file) {
            let rows = match self.files.remove(&path) {
                Some(RowsRead::All) => RowsRead::All,
                Some(RowsRead::Only(named)) => RowsRead::Only(named.union(&rows)),
                None => RowsRead::Only(rows),
            };
            self.files.insert(path, rows);
        }
        self
    }

    /// The conditions: a new row matters when one of them is true of it.
    #[must_use]
    pub fn predicates(&self) -> &[Predicate] {
        &self.predicates
    }

    /// The rows that count of a file that was there; `None` where it isn't named.
    #[must_use]
    pub fn rows_of(&self, path: &str) -> Option<&RowsRead> {
        self.files.get(path).or(self.every_file.then_some(&RowsRead::All))
    }

    /// Whether a file is named by itself.
    #[must_use]
    pub fn names(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }
}
