//! Is a table what its writers were told? Every version of it is explained by exactly one operation.

use std::collections::{BTreeMap, BTreeSet};

use lakebed::ErrorKind;

use crate::commit::reader::Reader;

/// What a writer did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// It appended these rows, which nobody else ever appends.
    Append(Vec<i64>),
    /// It deleted this row, which nobody else ever deletes.
    Delete(i64),
    /// It compacted.
    Compact,
}

/// What it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is these versions: one, but for a compaction.
    Committed(Vec<u64>),
    /// It isn't in the table, nor will it be.
    Failed(ErrorKind),
    /// It may be in the table, now or later.
    Unknown,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) act: Act,
    pub(super) told: Told,
}

/// How a version is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Explained {
    /// The table's creation.
    Creation,
    /// An operation that was acknowledged.
    Acknowledged,
    /// One of which the writer was told that nobody knows.
    Unknown,
    /// A compaction of which the writer wasn't told. It changes no row.
    Rearranged,
    /// A fence.
    Fence,
}

/// A table's versions, explained.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) versions: Vec<Option<Explained>>,
    /// The rows of the newest version.
    pub(super) ids: BTreeSet<i64>,
    /// Operations whose outcome wasn't known, that are there.
    pub(super) unknown_landed: usize,
    /// And those that aren't.
    pub(super) unknown_absent: usize,
}

impl History {
    pub(super) fn of(&self, version: u64) -> Explained {
        let found = self.versions.get(version as usize).copied().flatten();
        found.unwrap_or_else(|| panic!("version {version} isn't explained"))
    }
}

/// What the operations did, by what names each.
struct Claims<'a> {
    done: &'a [Done],
    appends: BTreeMap<i64, usize>,
    deletes: BTreeMap<i64, usize>,
    compactions: BTreeSet<u64>,
    landed: Vec<Vec<u64>>,
}

impl<'a> Claims<'a> {
    fn of(done: &'a [Done]) -> Claims<'a> {
        let mut claims = Claims {
            done,
            appends: BTreeMap::new(),
            deletes: BTreeMap::new(),
            compactions: BTreeSet::new(),
            landed: vec![Vec::new(); done.len()],
        };
        for (at, done) in done.iter().enumerate() {
            match (&done.act, &done.told) {
                (Act::Append(ids), _) => assert!(claims.appends.insert(ids[0], at).is_none(), "ids are used once"),
                (Act::Delete(id), _) => assert!(claims.deletes.insert(*id, at).is_none(), "ids are used once"),
                (Act::Compact, Told::Committed(versions)) => {
                    for version in versions {
                        assert!(claims.compactions.insert(*version), "two compactions were told {version}");
                    }
                }
                (Act::Compact, _) => {}
            }
        }
        claims
    }

    /// The operation that a version is, by what it changed.
    fn explain(&mut self, version: u64, operation: &str, brought: &[i64], took: &[i64]) -> Explained {
        let at = match (operation, brought, took) {
            ("WRITE", [first, ..], []) => {
                let at = self.appends.get(first).copied();
                let at = at.unwrap_or_else(|| panic!("version {version} appends what nobody appended: {brought:?}"));
                assert_eq!(self.done[at].act, Act::Append(brought.to_vec()), "version {version}");
                at
            }
            ("DELETE", [], [id]) => {
                let at = self.deletes.get(id).copied();
                at.unwrap_or_else(|| panic!("version {version} deletes what nobody deleted: {id}"))
            }
            ("OPTIMIZE", [], []) if self.compactions.contains(&version) => return Explained::Acknowledged,
            ("OPTIMIZE", [], []) => return Explained::Rearranged,
            ("FENCE", [], []) => return Explained::Fence,
            _ => panic!("version {version}, {operation}, brings {brought:?} and takes {took:?}"),
        };
        self.landed[at].push(version);
        match self.done[at].told {
            Told::Committed(_) => Explained::Acknowledged,
            Told::Unknown => Explained::Unknown,
            Told::Failed(kind) => panic!("version {version} was said to have failed ({kind:?}): {:?}", self.done[at]),
        }
    }
}

/// Reads every version of a table and compares it with what its writers were told:
///
/// - acknowledged: at that version, and at no other
/// - failed: at none
/// - unknown: at one at most
/// - no version is anything else, no transaction is there twice, and the rows are those of the operations that are there
pub(super) async fn check(reader: &mut Reader, done: &[Done]) -> History {
    let tip = reader.refresh().await;
    let mut claims = Claims::of(done);
    let mut history = History { versions: vec![Some(Explained::Creation)], ..History::default() };
    let transactions: BTreeSet<String> = (0..=tip).map(|version| reader.txn_id(version).to_owned()).collect();
    assert_eq!(transactions.len() as u64, tip + 1, "a transaction is there twice");
    for version in 1..=tip {
        let (brought, took) = reader.change(version).await;
        let explained = claims.explain(version, reader.operation(version), &brought, &took);
        history.versions.push(Some(explained));
        for id in &took {
            assert!(history.ids.remove(id), "version {version} takes row {id}, which isn't there");
        }
        for id in brought {
            assert!(history.ids.insert(id), "version {version} brings row {id}, which is there");
        }
    }
    for (done, landed) in done.iter().zip(&claims.landed) {
        match (&done.act, &done.told) {
            (Act::Compact, Told::Committed(versions)) => {
                let there = versions.iter().all(|v| history.versions.get(*v as usize).is_some());
                assert!(there, "{versions:?}: acknowledged, and not there");
            }
            (Act::Compact, _) => {}
            (_, Told::Committed(told)) => assert_eq!(landed, told, "{done:?}: acknowledged, at {told:?}"),
            (_, Told::Failed(_)) => assert!(landed.is_empty(), "{done:?}: failed, and there at {landed:?}"),
            (_, Told::Unknown) => {
                assert!(landed.len() <= 1, "{done:?}: there twice, at {landed:?}");
                history.unknown_landed += landed.len();
                history.unknown_absent += 1 - landed.len();
            }
        }
    }
    for version in &claims.compactions {
        assert_eq!(reader.operation(*version), "OPTIMIZE", "version {version} was said to be a compaction");
    }
    let ids: Vec<i64> = history.ids.iter().copied().collect();
    assert_eq!(reader.ids().await, ids, "the newest version holds what the versions before it come to");
    history
}
