//! May our transaction follow a commit that it did not see?
//!
//! [`resolve`] is pure. Pairs of kinds that it doesn't decide in detail are refused, never guessed; a test lists every
//! pair.
//!
//! | ours \ theirs | fence | append | delete, update, overwrite | rearrangement | metadata, protocol |
//! |---|---|---|---|---|---|
//! | append | accept | accept | accept | accept | refuse |
//! | delete | accept | refuse | refuse | refuse | refuse |
//! | overwrite | accept | refuse | refuse | refuse | refuse |
//! | rearrangement | accept | refuse | refuse | refuse | refuse |
//! | metadata | accept | refuse | refuse | refuse | refuse |
//!
//! Beside the kinds: `txn` is compare-and-set on the base that was read (pitfall C18), and two changes of one domain
//! conflict. An append reads nothing of the table, so nothing but a change of what it must look like can disturb it
//! (pitfall C8). What is refused the caller may plan again on the newer snapshot.

use std::fmt;

use crate::replay::Commit;
use crate::transaction::{Kind, Transaction};
use crate::version::Version;

/// The answer of [`resolve`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ours may follow, as it is.
    Accept,
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

/// Why a transaction can't follow a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The pair of kinds doesn't go together, or isn't implemented.
    Kinds {
        /// What we do.
        ours: Kind,
        /// What they did.
        theirs: Kind,
    },
    /// The application came further than the transaction knew, but not as far as it wants to.
    TxnMoved {
        /// The application.
        app_id: String,
        /// Where the transaction took it to stand.
        base: Option<i64>,
        /// Where it stands.
        found: i64,
    },
    /// Both change the same domain.
    Domain(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Kinds { ours, theirs } => write!(f, "{ours} can't follow {theirs} that it did not see"),
            Why::TxnMoved { app_id, base: Some(base), found } if found < base => {
                write!(f, "application {app_id:?} was rewound from {base} to {found}")
            }
            Why::TxnMoved { app_id, base, found } => {
                let base = base.map_or_else(|| "nothing".to_owned(), |base| base.to_string());
                write!(f, "application {app_id:?} went from {base} to {found} meanwhile")
            }
            Why::Domain(domain) => write!(f, "both change the domain {domain:?}"),
        }
    }
}

/// Whether `ours` may follow `winner`, which it did not see.
#[must_use]
pub fn resolve(ours: &Transaction, winner: &Commit) -> Verdict {
    for update in &ours.txns {
        let Some(theirs) = winner.txns.iter().find(|theirs| theirs.app_id == update.app_id) else { continue };
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
    let shared = |domain: &&str| winner.domains.iter().any(|theirs| theirs.domain == **domain);
    if let Some(domain) = ours.domains().find(shared) {
        return Verdict::Reject(Why::Domain(domain.to_owned()));
    }
    let theirs = Kind::of(winner);
    let goes = match (ours.kind, theirs) {
        (_, Kind::Fence) => true,
        (Kind::Append, Kind::Append | Kind::Delete | Kind::Overwrite | Kind::Rearrange) => true,
        (Kind::Fence | Kind::Append, _) => false,
        (Kind::Delete | Kind::Overwrite | Kind::Rearrange | Kind::Metadata, _) => false,
    };
    if goes { Verdict::Accept } else { Verdict::Reject(Why::Kinds { ours: ours.kind, theirs }) }
}

/// A commit that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The version of the commit.
    pub version: Version,
    /// Why the transaction can't follow it.
    pub why: Why,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Add, DomainMetadata, Metadata, Remove, Txn};
    use crate::transaction::TxnUpdate;

    fn winner(kind: Kind) -> Commit {
        let mut commit = Commit { version: Version(5), ..Commit::default() };
        let add = |data_change| Add { path: "new".into(), data_change, ..Add::default() };
        let remove = |data_change| Remove { path: "old".into(), data_change, ..Remove::default() };
        match kind {
            Kind::Fence => {}
            Kind::Append => commit.adds.push(add(true)),
            Kind::Delete => commit.removes.push(remove(true)),
            Kind::Overwrite => {
                commit.removes.push(remove(true));
                commit.adds.push(add(true));
            }
            Kind::Rearrange => {
                commit.removes.push(remove(false));
                commit.adds.push(add(false));
            }
            Kind::Metadata => commit.metadata = Some(Metadata::default()),
        }
        commit
    }

    fn ours(kind: Kind) -> Transaction {
        Transaction::new(kind, "TEST")
    }

    /// The whole matrix, written out by hand: `+` accepted, `-` refused. An overwrite looks like a delete to those who
    /// only see its actions.
    #[test]
    fn every_pair_of_kinds_is_decided_and_only_these_are_accepted() {
        let accepted = [
            (Kind::Fence, "+-----"),
            (Kind::Append, "+++++-"),
            (Kind::Delete, "+-----"),
            (Kind::Overwrite, "+-----"),
            (Kind::Rearrange, "+-----"),
            (Kind::Metadata, "+-----"),
        ];
        for (mine, row) in accepted {
            for (theirs, expected) in Kind::ALL.into_iter().zip(row.chars()) {
                let verdict = resolve(&ours(mine), &winner(theirs));
                assert_eq!(verdict == Verdict::Accept, expected == '+', "{mine:?} after {theirs:?}: {verdict:?}");
            }
        }
    }

    /// Pitfall C6: what rearranges is told from the actions' `dataChange`, and is refused beside any other removal.
    #[test]
    fn compactions_that_share_a_file_do_not_both_land() {
        assert_ne!(resolve(&ours(Kind::Rearrange), &winner(Kind::Rearrange)), Verdict::Accept);
    }

    #[test]
    fn a_commit_that_lies_about_being_a_blind_append_is_told_by_its_actions() {
        let mut commit = winner(Kind::Delete);
        commit.commit_info = Some(crate::action::CommitInfo { is_blind_append: Some(true), ..Default::default() });
        assert_eq!(Kind::of(&commit), Kind::Delete);
    }

    /// Pitfall C18: A lands 5..8, B computed 5..10 on top of 4.
    #[test]
    fn txn_is_compare_and_set_on_the_base_that_was_read() {
        let mut transaction = ours(Kind::Append);
        transaction.txns.push(TxnUpdate { app_id: "p".into(), version: 10, base: Some(4) });
        let after = |version| {
            let mut commit = winner(Kind::Append);
            commit.txns.push(Txn { app_id: "p".into(), version, last_updated: None });
            resolve(&transaction, &commit)
        };
        assert_eq!(after(10), Verdict::AlreadyApplied { app_id: "p".into(), version: 10 });
        assert_eq!(after(11), Verdict::AlreadyApplied { app_id: "p".into(), version: 11 });
        assert!(matches!(after(8), Verdict::Reject(Why::TxnMoved { found: 8, .. })));
        assert!(matches!(after(3), Verdict::Reject(Why::TxnMoved { found: 3, .. })));
        assert_eq!(after(4), Verdict::Accept);
    }

    #[test]
    fn two_changes_of_one_domain_conflict() {
        let domain = |name: &str| DomainMetadata { domain: name.into(), ..DomainMetadata::default() };
        let mut transaction = ours(Kind::Append);
        transaction.push(crate::action::Action::DomainMetadata(domain("a")));
        let mut commit = winner(Kind::Append);
        commit.domains.push(domain("b"));
        assert_eq!(resolve(&transaction, &commit), Verdict::Accept);
        commit.domains.push(domain("a"));
        assert_eq!(resolve(&transaction, &commit), Verdict::Reject(Why::Domain("a".into())));
    }
}
