//! Did everybody get what they were told, and nobody anything else?
//!
//! | what is checked | against |
//! |---|---|
//! | acknowledged is durable: it is the version that its caller was told, once | the marks in the log |
//! | what failed is nowhere, now and after everything that was on its way has landed | the marks in the log |
//! | what isn't known is there once, or not | the marks in the log |
//! | every commit changes the rows that its operation meant to, and no other | the difference of two versions, read naively |
//! | a row is there once, and stays away once it is deleted | every version, read naively |
//! | what was read was there | the version, read naively |
//! | there is an order | the graph of `history` |
//! | the table as it is opened cold | the newest version, read naively |
//! | versions follow each other, and in-commit times rise | the log |
//! | no commit is replaced | the store |

use std::collections::{BTreeMap, BTreeSet};

use lakebed_txlog::snapshot::Snapshot;
use object_store::path::Path;

use super::history::{Operation, Row, Told, anomalies, marker};
use super::naive::{self, Rows, Version};
use super::objects::Objects;

/// The history of a run, as its log tells it.
pub struct Seen {
    /// Every version there ever was.
    pub versions: Vec<Version>,
    /// What was done, with the versions that it is.
    pub operations: Vec<Operation>,
    /// The rows of the newest version.
    pub rows: BTreeSet<Row>,
}

/// Judges a run by what its store holds in the end.
///
/// # Errors
/// Everything that must not be.
pub fn judge(
    objects: &Objects,
    root: &Path,
    mut operations: Vec<Operation>,
    files: &Rows,
) -> Result<Seen, Vec<String>> {
    let mut wrong: Vec<String> = objects.broken().to_vec();
    let versions = match naive::versions(objects, root) {
        Ok(versions) => versions,
        Err(e) => {
            wrong.push(e);
            return Err(wrong);
        }
    };
    for (id, operation) in operations.iter_mut().enumerate() {
        let mark = marker(id);
        let found: Vec<u64> =
            (0..).zip(&versions).filter(|(_, v)| v.marker.as_ref() == Some(&mark)).map(|(at, _)| at).collect();
        operation.version = found.first().copied();
        let is_right = match operation.told {
            Told::Committed(version) => found == [version],
            Told::Nothing => found.is_empty(),
            Told::Unknown => found.len() <= 1,
        };
        if !is_right {
            wrong.push(format!("{mark}, {}, was told {:?} and is {found:?}", operation.what, operation.told));
        }
    }
    let by_version: BTreeMap<u64, &Operation> =
        operations.iter().filter_map(|operation| Some((operation.version?, operation))).collect();
    let mut states: Vec<BTreeSet<Row>> = Vec::new();
    for (at, version) in (0..).zip(&versions) {
        match naive::rows(&version.live, files) {
            Ok(rows) => states.push(rows.into_keys().collect()),
            Err(e) => {
                wrong.push(format!("version {at}: {e}"));
                return Err(wrong);
            }
        }
        wrong.extend(changes(at, &states, by_version.get(&at).copied()));
    }
    for (id, operation) in operations.iter().enumerate() {
        wrong.extend(reads(id, operation, &versions, files));
    }
    wrong.extend(anomalies(&operations).iter().map(ToString::to_string));
    let rows = states.pop().unwrap_or_default();
    if wrong.is_empty() { Ok(Seen { versions, operations, rows }) } else { Err(wrong) }
}

/// Whether a version changes what its operation meant to change.
fn changes(at: u64, states: &[BTreeSet<Row>], operation: Option<&Operation>) -> Option<String> {
    let empty = BTreeSet::new();
    let after = states.last()?;
    let before = if states.len() > 1 { &states[states.len() - 2] } else { &empty };
    let (came, went): (BTreeSet<Row>, BTreeSet<Row>) =
        (after.difference(before).copied().collect(), before.difference(after).copied().collect());
    let (inserts, deletes): (BTreeSet<Row>, BTreeSet<Row>) = match operation {
        Some(operation) => {
            (operation.inserts.iter().map(|(row, _)| *row).collect(), operation.deletes.iter().copied().collect())
        }
        None => (BTreeSet::new(), BTreeSet::new()),
    };
    let said = || format!("version {at} adds {came:?} and deletes {went:?}, meant were {inserts:?} and {deletes:?}");
    (came != inserts || went != deletes).then(said)
}

/// Whether what was read is what was there.
fn reads(id: usize, operation: &Operation, versions: &[Version], files: &Rows) -> Option<String> {
    let read = operation.read.as_ref()?;
    let Some(version) = versions.get(usize::try_from(read.at).ok()?) else {
        return Some(format!("{} read version {}, which isn't there", marker(id), read.at));
    };
    let rows = naive::rows(&version.live, files).ok()?;
    let wanted = |key: &u8| read.keys.as_ref().is_none_or(|keys| keys.contains(key));
    let there: BTreeSet<Row> = rows.iter().filter(|(_, key)| wanted(key)).map(|(row, _)| *row).collect();
    (there != read.seen)
        .then(|| format!("{} saw {:?} in version {}, there were {there:?}", marker(id), read.seen, read.at))
}

/// Whether a table that was opened is the newest version.
///
/// # Errors
/// Where it isn't.
pub fn is_newest(snapshot: &Snapshot, versions: &[Version]) -> Result<(), String> {
    let newest = versions.len() as u64 - 1;
    if snapshot.version().0 != newest {
        return Err(format!("opened at version {}, the newest is {newest}", snapshot.version()));
    }
    let opened: BTreeMap<String, u64> = snapshot
        .files()
        .iter()
        .map(|file| file.to_add())
        .map(|add| (add.path, add.deletion_vector.map_or(0, |vector| vector.cardinality.unsigned_abs())))
        .collect();
    let there: BTreeMap<String, u64> =
        versions[versions.len() - 1].live.iter().map(|(path, deleted)| (path.clone(), deleted.len() as u64)).collect();
    if opened == there { Ok(()) } else { Err(format!("opened with {opened:?}, there is {there:?}")) }
}
