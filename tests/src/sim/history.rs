//! What did each operation of a run do, as it was told, and was there an order in which all of it makes sense?
//!
//! Every row is inserted by one operation and deleted by at most one, so an operation's reads say which others must have come
//! before it, and which after. A cycle of such edges is what no order explains. One that runs WriteSerializable may miss rows
//! that blind appends inserted meanwhile: such an edge is left out, and no other.
//!
//! | edge from T to U | because |
//! |---|---|
//! | write–read | U saw a row that T inserted, or didn't see one that T deleted |
//! | write–write | U deleted a row that T inserted |
//! | read–write | T saw a row that U deleted, or didn't see one of its keys that U inserted |
//! | time | T was acknowledged before U began |

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lakebed_txlog::transaction::Isolation;

/// A row, by its number.
pub type Row = u64;
/// What rows are looked for by.
pub type Key = u8;

/// What an operation looked for, and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Rows of these keys; `None`: of all.
    pub keys: Option<BTreeSet<Key>>,
    /// The version that it read.
    pub at: u64,
    /// What it found.
    pub seen: BTreeSet<Row>,
}

impl Read {
    fn looks_for(&self, key: Key) -> bool {
        self.keys.as_ref().is_none_or(|keys| keys.contains(&key))
    }
}

/// What the caller was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// Nothing yet, or that it isn't known.
    #[default]
    Unknown,
    /// That it is this version.
    Committed(u64),
    /// That nothing was committed.
    Nothing,
}

/// One operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Operation {
    /// What it was, for people.
    pub what: &'static str,
    /// What it read.
    pub read: Option<Read>,
    /// Rows that it inserts.
    pub inserts: Vec<(Row, Key)>,
    /// Rows that it deletes.
    pub deletes: Vec<Row>,
    /// Whether it only inserts, and read nothing.
    pub is_blind: bool,
    /// What it may miss.
    pub isolation: Isolation,
    /// When it began.
    pub began: Duration,
    /// When its caller was told.
    pub ended: Option<Duration>,
    /// What its caller was told.
    pub told: Told,
    /// The version that it is in the log.
    pub version: Option<u64>,
}

/// The operations of a run. Clones are the same history.
#[derive(Clone, Debug, Default)]
pub struct History(Arc<Mutex<Vec<Operation>>>);

/// The mark by which an operation's commit is known.
#[must_use]
pub fn marker(id: usize) -> String {
    format!("op-{id}")
}

impl History {
    fn lock(&self) -> MutexGuard<'_, Vec<Operation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An operation begins; its number.
    #[must_use]
    pub fn begin(&self, operation: Operation) -> usize {
        let mut all = self.lock();
        all.push(operation);
        all.len() - 1
    }

    /// The number that the next operation will have.
    #[must_use]
    pub fn next(&self) -> usize {
        self.lock().len()
    }

    /// Its caller is told.
    pub fn end(&self, id: usize, now: Duration, told: Told) {
        if let Some(operation) = self.lock().get_mut(id) {
            operation.ended = Some(now);
            operation.told = told;
        }
    }

    /// What there is so far.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        self.lock().clone()
    }
}

/// What must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// A row was inserted by two commits.
    InsertedTwice(Row),
    /// A row was deleted by two commits.
    DeletedTwice(Row),
    /// A row was deleted that nobody inserted, or before it was.
    DeletedUnborn(Row),
    /// The operation didn't see a row that was there.
    Missed(usize, Row),
    /// The operation saw a row that wasn't there.
    Ghost(usize, Row),
    /// No order explains what these saw of each other.
    Cycle(Vec<(usize, Edge)>),
}

/// Why one operation must come before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edge {
    /// The other saw what it wrote.
    WriteRead,
    /// The other deleted what it inserted.
    WriteWrite,
    /// The other wrote what it would have seen.
    ReadWrite,
    /// The other began after it was acknowledged.
    Time,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

type Edges = BTreeMap<usize, BTreeMap<usize, Edge>>;

/// A row's life: who inserted it, under which key, and who deleted it.
struct Life {
    row: Row,
    key: Key,
    born: usize,
    died: Option<usize>,
}

/// Everything that no serial order explains. Operations without a version count only for what they read, and only
/// where they were told that they had.
#[must_use]
pub fn anomalies(operations: &[Operation]) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let mut edges = Edges::new();
    for life in lives(operations, &mut found) {
        if let Some(died) = life.died {
            add(&mut edges, life.born, died, Edge::WriteWrite);
        }
        for (id, operation) in operations.iter().enumerate() {
            let read = operation.read.as_ref().filter(|read| counts(operation) && read.looks_for(life.key));
            if let Some(read) = read.filter(|_| life.born != id) {
                found.extend(meets(operations, id, read, &life, &mut edges));
            }
        }
    }
    in_time(operations, &mut edges);
    found.extend(cycle(&edges, operations.len()).map(Anomaly::Cycle));
    found
}

fn version(operations: &[Operation], id: usize) -> u64 {
    operations[id].version.unwrap_or(u64::MAX)
}

fn lives(operations: &[Operation], found: &mut Vec<Anomaly>) -> Vec<Life> {
    let mut inserted: BTreeMap<Row, (usize, Key)> = BTreeMap::new();
    let mut deleted: BTreeMap<Row, usize> = BTreeMap::new();
    for (id, operation) in operations.iter().enumerate().filter(|(_, operation)| operation.version.is_some()) {
        for (row, key) in &operation.inserts {
            if inserted.insert(*row, (id, *key)).is_some() {
                found.push(Anomaly::InsertedTwice(*row));
            }
        }
        for row in &operation.deletes {
            if deleted.insert(*row, id).is_some() {
                found.push(Anomaly::DeletedTwice(*row));
            }
        }
    }
    for (row, by) in &deleted {
        let is_younger = |born: usize| version(operations, born) >= version(operations, *by);
        if inserted.get(row).is_none_or(|(born, _)| is_younger(*born)) {
            found.push(Anomaly::DeletedUnborn(*row));
        }
    }
    let life = |(row, (born, key)): (Row, (usize, Key))| Life { row, key, born, died: deleted.get(&row).copied() };
    inserted.into_iter().map(life).collect()
}

/// What an operation's read of a row says of the order.
fn meets(operations: &[Operation], id: usize, read: &Read, life: &Life, edges: &mut Edges) -> Option<Anomaly> {
    let is_born = version(operations, life.born) <= read.at;
    let is_dead = life.died.is_some_and(|died| version(operations, died) <= read.at);
    match (read.seen.contains(&life.row), is_born && !is_dead) {
        (true, false) => return Some(Anomaly::Ghost(id, life.row)),
        (false, true) => return Some(Anomaly::Missed(id, life.row)),
        (true, true) => {
            add(edges, life.born, id, Edge::WriteRead);
            if let Some(died) = life.died {
                add(edges, id, died, Edge::ReadWrite);
            }
        }
        (false, false) => match life.died.filter(|_| is_dead) {
            Some(died) => add(edges, died, id, Edge::WriteRead),
            None => {
                let may_miss = operations[id].isolation == Isolation::WriteSerializable;
                if !(may_miss && operations[life.born].is_blind) {
                    add(edges, id, life.born, Edge::ReadWrite);
                }
            }
        },
    }
    None
}

/// Whether what it read has come to anything: it is in the log, or was a read alone that its caller was told of.
fn counts(operation: &Operation) -> bool {
    let read_only = operation.inserts.is_empty() && operation.deletes.is_empty();
    operation.version.is_some() || (read_only && operation.told == Told::Nothing)
}

fn in_time(operations: &[Operation], edges: &mut Edges) {
    for (id, operation) in operations.iter().enumerate() {
        let (Some(ended), Told::Committed(_), Some(_)) = (operation.ended, operation.told, operation.version) else {
            continue;
        };
        for (after, later) in operations.iter().enumerate() {
            // What was read of an old version is as old as that.
            if later.version.is_some() && later.began > ended {
                add(edges, id, after, Edge::Time);
            }
        }
    }
}

fn add(edges: &mut Edges, from: usize, to: usize, why: Edge) {
    if from != to {
        edges.entry(from).or_default().entry(to).or_insert(why);
    }
}

/// A cycle, where there is one: of what is left when everything that nothing comes before is taken away, again and again,
/// each has something left before it; going back ends where it was.
fn cycle(edges: &Edges, count: usize) -> Option<Vec<(usize, Edge)>> {
    let mut before: Vec<BTreeMap<usize, Edge>> = vec![BTreeMap::new(); count];
    for (from, next) in edges {
        for (to, why) in next {
            before[*to].insert(*from, *why);
        }
    }
    let mut left: BTreeSet<usize> = (0..count).collect();
    let mut free: Vec<usize> = left.iter().copied().filter(|id| before[*id].is_empty()).collect();
    while let Some(id) = free.pop() {
        left.remove(&id);
        for to in edges.get(&id).into_iter().flat_map(|next| next.keys().copied()) {
            before[to].remove(&id);
            if before[to].is_empty() {
                free.push(to);
            }
        }
    }
    let mut path: Vec<(usize, Edge)> = Vec::new();
    let mut node = *left.first()?;
    loop {
        if let Some(at) = path.iter().position(|(on_path, _)| *on_path == node) {
            let mut found = path.split_off(at);
            found.reverse();
            return Some(found);
        }
        let (from, why) = before[node].iter().next()?;
        path.push((node, *why));
        node = *from;
    }
}
