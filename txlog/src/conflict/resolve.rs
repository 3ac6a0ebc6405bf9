//! Which rules decide, and in which order?
//!
//! The letters are those of the [module](super)'s table. Cost: O(ours + winner) look-ups by path, and one pruning pass
//! over the winner's adds for each condition that ours read. No request.

use std::collections::BTreeSet;

use super::rebase::Rebase;
use super::touched::Theirs;
use super::why::Why;
use super::{files, table};
use crate::dv::DecodedVectors;
use crate::replay::Commit;
use crate::snapshot::Snapshot;
use crate::transaction::{Kind, Transaction};

/// A commit that ours did not see, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Winner<'a> {
    /// The commit.
    pub commit: &'a Commit,
    /// The table before it. What ours read, with every winner before this one: their changes of the table were
    /// accepted. Its files aren't looked at.
    pub before: &'a Snapshot,
    /// What has been read beyond the commit.
    pub known: &'a Known,
}

/// What has been read of a winner beyond its actions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// Contents of vectors that its actions, or ours, name.
    pub vectors: DecodedVectors,
    /// Paths of files that it added, which were read and hold no row that ours looked for: of which one of the
    /// conditions that ours read is true.
    pub without_match: BTreeSet<String>,
}

/// The answer of [`resolve`].
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Ours may follow, changed like this (mostly: not at all).
    Accept(Rebase),
    /// What ours would do has been done: its application's `txn` has come as far.
    AlreadyApplied {
        /// The application.
        app_id: String,
        /// How far it has come.
        version: i64,
    },
    /// Ours may not follow.
    Reject(Why),
}

/// Whether `ours` may follow `winner`, which it did not see.
#[must_use]
pub fn resolve(ours: &Transaction, winner: &Winner<'_>) -> Verdict {
    let commit = winner.commit;
    for update in &ours.txns {
        let Some(theirs) = commit.txns.iter().find(|theirs| theirs.app_id == update.app_id) else { continue };
        if theirs.version >= update.version {
            return Verdict::AlreadyApplied { app_id: update.app_id.clone(), version: theirs.version };
        }
        if Some(theirs.version) != update.base {
            return Verdict::Reject(Why::TxnMoved {
                app_id: update.app_id.clone(),
                base: update.base,
                found: theirs.version,
            });
        }
    }
    match decide(ours, winner) {
        Ok(rebase) => Verdict::Accept(rebase),
        Err(why) => Verdict::Reject(why),
    }
}

/// A, for the table that ours is committed on top of: whether its applications stand where it took them to be.
#[must_use]
pub(crate) fn check_progress(ours: &Transaction, read: &Snapshot) -> Verdict {
    for update in &ours.txns {
        let found = read.txn(&update.app_id).map(|txn| txn.version);
        match found {
            Some(version) if version >= update.version => {
                return Verdict::AlreadyApplied { app_id: update.app_id.clone(), version };
            }
            found if found != update.base => {
                return Verdict::Reject(Why::TxnMoved {
                    app_id: update.app_id.clone(),
                    base: update.base,
                    found: found.unwrap_or(i64::MIN),
                });
            }
            _ => {}
        }
    }
    Verdict::Accept(Rebase::default())
}

/// B to L.
fn decide(ours: &Transaction, winner: &Winner<'_>) -> Result<Rebase, Why> {
    let commit = winner.commit;
    let shared = |domain: &&str| commit.domains.iter().any(|theirs| theirs.domain == **domain);
    if let Some(domain) = ours.domains().find(shared) {
        return Err(Why::Domain(domain.to_owned()));
    }
    let kind = Kind::of(commit);
    let rewound = |txn: &crate::action::Txn| ours.rewinds.iter().any(|rewind| rewind.app_id == txn.app_id);
    if !ours.rewinds.is_empty() && (kind != Kind::Fence || commit.txns.iter().any(rewound)) {
        return Err(Why::Rewinds);
    }
    if kind == Kind::Fence {
        return Ok(Rebase::default()); // C
    }
    let Some(reads) = ours.read_set().filter(|_| ours.kind != Kind::Fence) else {
        return Err(Why::Kinds { ours: ours.kind, theirs: kind }); // D
    };
    table::check(ours, &reads, winner)?; // E, F, G
    files::check(ours, &reads, winner, &Theirs::of(commit)) // H to L
}
