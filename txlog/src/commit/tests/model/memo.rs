//! Which production values do the numbers of a state stand for?
//!
//! Each is made once, by the production code, however many states name it. Number 0 is nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::rules::{FileKind, Rules};
use super::state::NONE;
use super::table::{Author, Naive, Op, Row};
use crate::action::{Action, Add, DeletionVectorDescriptor, to_lines};
use crate::commit::machine::{Event, Machine, Step};
use crate::dv::{DeletionVector, DeletionVectorFile, Stored, locate};
use crate::protocol::check_actions;
use crate::replay::Commit;
use crate::snapshot::Snapshot;
use crate::transaction::{Isolation, Stamp, Transaction};
use crate::version::{TimestampMs, Version};

/// A transaction as it is to be committed.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) transaction: Transaction,
    pub(super) op: Op,
    pub(super) by: Author,
    /// The day on which its files were uploaded.
    pub(super) day: u8,
    /// The rows that it chose to delete by vectors.
    pub(super) chosen: BTreeSet<Row>,
    /// The files that it wrote.
    pub(super) files: BTreeSet<u32>,
    /// How it was changed to follow others.
    pub(super) change: Change,
}

/// How a transaction was changed to follow others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    #[default]
    None,
    /// Vectors of the same files are united.
    United,
    /// What is deleted, by it or by others, stands elsewhere since.
    Moved,
}

/// A commit as its file has it.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) commit: Commit,
    pub(super) by: Author,
    /// The transaction; [`NONE`] for a fence.
    pub(super) txn: u32,
    pub(super) nonce: u8,
}

/// A version, by the commits that led to it.
#[derive(Clone, Debug)]
pub(super) struct TableAt {
    pub(super) snapshot: Snapshot,
    pub(super) parent: u32,
    pub(super) commit: u32,
    /// The same, without files.
    pub(super) naive: Naive,
    /// Transactions in it, in order; fences aren't.
    pub(super) history: Vec<(Author, Op)>,
    /// Rows that were there and then weren't.
    pub(super) gone: BTreeSet<Row>,
    /// Rows that its transactions chose to delete by vectors, wherever they stand.
    pub(super) chosen: BTreeSet<Row>,
    /// The files that it names, vectors' files included.
    pub(super) live: BTreeSet<u32>,
    /// Files of its tombstones, and when they were removed.
    pub(super) tombstones: Vec<(u32, i64)>,
    /// The files that its own commit names.
    pub(super) named: BTreeSet<u32>,
    /// Invariants that it breaks.
    pub(super) broken: u16,
}

/// Machine and step, and what followed.
#[derive(Clone, Debug)]
struct Loop {
    machine: Machine,
    step: Step,
    next: Vec<(Event, Duration, u32)>,
}

/// What became of following one winner.
#[derive(Clone, Debug)]
pub(super) enum Resolved {
    /// The transaction that follows, after these files of vectors were read.
    Follows {
        txn: u32,
        read: Vec<u32>,
    },
    AlreadyApplied,
    Conflicts,
}

/// Everything that a state's numbers stand for, and what is known of them.
pub(super) struct Memo {
    pub(super) rules: Rules,
    pub(super) isolation: Isolation,
    pub(super) planned: Vec<Planned>,
    pub(super) written: Vec<Written>,
    pub(super) versions: Vec<TableAt>,
    loops: Vec<Loop>,
    pub(super) files: Vec<(String, FileKind)>,
    files_by: HashMap<String, u32>,
    /// What is in each data file.
    pub(super) contents: HashMap<String, Vec<Row>>,
    /// What is in each vector.
    vectors: BTreeMap<String, DeletionVector>,
    pub(super) plans: HashMap<(Op, Author, u32, u8), u32>,
    written_by: HashMap<(u32, Author, u64, u8), u32>,
    pub(super) followed: HashMap<(u32, u32), u32>,
    pub(super) resolved: HashMap<(u32, u32, u32), Resolved>,
    pub(super) live: HashMap<(u32, u32, u32), bool>,
    pub(super) segments: HashMap<(u16, Option<u64>), Option<super::follow::Plan>>,
}

impl Memo {
    pub(super) fn new(rules: Rules, isolation: Isolation) -> Memo {
        let mut memo = Memo {
            rules,
            isolation,
            planned: Vec::new(),
            written: Vec::new(),
            versions: Vec::new(),
            loops: Vec::new(),
            files: vec![(String::new(), FileKind::Rows)],
            files_by: HashMap::new(),
            contents: HashMap::new(),
            vectors: BTreeMap::new(),
            plans: HashMap::new(),
            written_by: HashMap::new(),
            followed: HashMap::new(),
            resolved: HashMap::new(),
            live: HashMap::new(),
            segments: HashMap::new(),
        };
        let machine = Machine::new(Version::ZERO, Duration::ZERO, Duration::ZERO);
        memo.loops.push(Loop { step: machine.start(), machine, next: Vec::new() });
        memo
    }

    pub(super) fn planned(&self, txn: u32) -> &Planned {
        &self.planned[txn as usize - 1]
    }

    pub(super) fn written(&self, commit: u32) -> &Written {
        &self.written[commit as usize - 1]
    }

    pub(super) fn version(&self, version: u32) -> &TableAt {
        &self.versions[version as usize - 1]
    }

    /// The version's number in the log.
    pub(super) fn number(&self, version: u32) -> u8 {
        u8::try_from(self.version(version).snapshot.version().0).unwrap_or(u8::MAX)
    }

    pub(super) fn add_planned(&mut self, planned: Planned) -> u32 {
        self.planned.push(planned);
        self.planned.len() as u32
    }

    /// The number of a file, by its path in the table.
    pub(super) fn file(&mut self, path: &str, kind: FileKind) -> u32 {
        if let Some(found) = self.files_by.get(path) {
            return *found;
        }
        self.files.push((path.to_owned(), kind));
        let file = self.files.len() as u32 - 1;
        self.files_by.insert(path.to_owned(), file);
        file
    }

    /// The file that a vector stands in.
    pub(super) fn vector_file(&mut self, descriptor: &DeletionVectorDescriptor) -> u32 {
        let Stored::InFile(slice) = locate(descriptor).unwrap() else { panic!("no vector stands in the log") };
        self.file(&slice.location.to_string(), FileKind::Vectors)
    }

    /// Stores vectors in one new file.
    pub(super) fn store_vectors<'a>(
        &mut self,
        vectors: impl Iterator<Item = &'a DeletionVector>,
    ) -> Vec<DeletionVectorDescriptor> {
        let mut file = DeletionVectorFile::new(uuid::Uuid::from_u128(self.vectors.len() as u128 + 1)).unwrap();
        let mut stored = Vec::new();
        for vector in vectors {
            let descriptor = file.push(vector).unwrap();
            self.vectors.insert(descriptor.unique_id(), vector.clone());
            stored.push(descriptor);
        }
        stored
    }

    pub(super) fn vector(&self, descriptor: &DeletionVectorDescriptor) -> &DeletionVector {
        &self.vectors[&descriptor.unique_id()]
    }

    /// Position and row of what is live in a file.
    pub(super) fn live_rows(&self, add: &Add) -> Vec<(u64, Row)> {
        let deleted = add.deletion_vector.as_ref().map(|descriptor| self.vector(descriptor));
        let rows = (0..).zip(self.contents[&add.path].iter().copied());
        rows.filter(|(at, _)| deleted.is_none_or(|deleted| !deleted.contains(*at))).collect()
    }

    /// The commit of a transaction at a version, by its bytes; `None` where the table, as it is `on` this, doesn't take it.
    pub(super) fn stamped(&mut self, version: Version, txn: u32, (on, read): (u32, u32), nonce: u8) -> Option<u32> {
        let planned = self.planned(txn);
        let (on, read) = (&self.version(on).snapshot, &self.version(read).snapshot);
        let (key, by) = ((txn, planned.by, version.0, nonce), planned.by);
        if let Some(found) = self.written_by.get(&key) {
            return Some(*found);
        }
        let txn_id = format!("{}-{}-{nonce}", by.writer, by.seq);
        let actions = (self.rules.stamped)(&planned.transaction, &stamp(txn_id, Some(read.version())));
        check_actions(on.protocol(), on.metadata(), &actions).ok()?;
        let commit = parsed(version, &actions);
        Some(self.add_written(key, Written { commit, by, txn, nonce }))
    }

    /// The fence of a transaction at a version.
    pub(super) fn fence(&mut self, by: Author, version: Version) -> u32 {
        let key = (NONE, by, version.0, 0);
        if let Some(found) = self.written_by.get(&key) {
            return *found;
        }
        let actions = Transaction::fence().stamped(&stamp(fence_id(by), version.previous()));
        let commit = parsed(version, &actions);
        self.add_written(key, Written { commit, by, txn: NONE, nonce: 0 })
    }

    /// The commit that creates a table.
    pub(super) fn created(&mut self, transaction: &Transaction) -> u32 {
        let commit = parsed(Version::ZERO, &transaction.stamped(&stamp("created".to_owned(), None)));
        self.written.push(Written { commit, by: Author::CREATOR, txn: NONE, nonce: 0 });
        self.written.len() as u32
    }

    fn add_written(&mut self, key: (u32, Author, u64, u8), written: Written) -> u32 {
        self.written.push(written);
        let commit = self.written.len() as u32;
        self.written_by.insert(key, commit);
        commit
    }

    /// A commit loop that begins with a version, and its first step.
    pub(super) fn begun(&mut self, machine: Machine, step: Step) -> u32 {
        let found = self.loops.iter().position(|found| found.step == step && found.machine == machine);
        let at = found.unwrap_or_else(|| {
            self.loops.push(Loop { machine, step, next: Vec::new() });
            self.loops.len() - 1
        });
        at as u32
    }

    pub(super) fn step(&self, at: u32) -> Step {
        self.loops[at as usize].step
    }

    /// The loop after an event.
    pub(super) fn next(&mut self, at: u32, event: Event, now: Duration) -> u32 {
        let known = self.loops[at as usize].next.iter().find(|(known, then, _)| *known == event && *then == now);
        if let Some((_, _, next)) = known {
            return *next;
        }
        let mut machine = self.loops[at as usize].machine.clone();
        let step = (self.rules.next)(&mut machine, event, now);
        let next = self.begun(machine, step);
        self.loops[at as usize].next.push((event, now, next));
        next
    }
}

pub(super) fn fence_id(by: Author) -> String {
    format!("fence {}-{}", by.writer, by.seq)
}

fn stamp(txn_id: String, read_version: Option<Version>) -> Stamp {
    Stamp { txn_id, now: TimestampMs(1), in_commit_timestamp: None, read_version }
}

/// The commit of actions, by way of its bytes.
fn parsed(version: Version, actions: &[Action]) -> Commit {
    Commit::parse(version, &to_lines(actions).unwrap(), Some(TimestampMs(1))).unwrap()
}
