//! What is to be committed, and what its bytes are at a version.

pub mod moves;
pub mod reads;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::action::{Action, Add, CommitInfo, Metadata, Remove, Txn, to_lines};
use crate::dv::DecodedVectors;
use crate::error::Result;
use crate::replay::Commit;
use crate::snapshot::Snapshot;
use crate::version::{TimestampMs, Version};

pub use moves::{MOVES_TAG, MovedFrom, MovedTo, Moves};
pub use reads::{Isolation, Reads, RowsRead};

/// The engine and its version, as `commitInfo.engineInfo` has it.
pub const ENGINE_INFO: &str = concat!("Lakebed/", env!("CARGO_PKG_VERSION"));

/// What a commit does to a table, as far as conflicts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing: it occupies a version.
    Fence,
    /// Adds rows, having read none.
    Append,
    /// Removes or replaces rows that it found in the table.
    Delete,
    /// Replaces the table, or partitions of it, whatever is in them.
    Overwrite,
    /// Puts the same rows into other files.
    Rearrange,
    /// Changes schema, properties or protocol.
    Metadata,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 6] =
        [Kind::Fence, Kind::Append, Kind::Delete, Kind::Overwrite, Kind::Rearrange, Kind::Metadata];

    /// What a commit of anyone's did. Told by its actions alone: what `commitInfo` says of itself isn't trusted.
    #[must_use]
    pub fn of(commit: &Commit) -> Kind {
        if commit.protocol.is_some() || commit.metadata.is_some() {
            return Kind::Metadata;
        }
        let changes = |data_change: bool| data_change;
        if !commit.removes.is_empty() || !commit.cdc.is_empty() {
            let rearranges = !commit.removes.iter().any(|remove| changes(remove.data_change))
                && !commit.adds.iter().any(|add| changes(add.data_change))
                && commit.cdc.is_empty();
            return if rearranges { Kind::Rearrange } else { Kind::Delete };
        }
        if commit.adds.iter().any(|add| !add.data_change) {
            // Live files added again: statistics or tags anew.
            return Kind::Rearrange;
        }
        if commit.adds.is_empty() { Kind::Fence } else { Kind::Append }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Fence => "a commit without file actions",
            Kind::Append => "an append",
            Kind::Delete => "a delete or update",
            Kind::Overwrite => "an overwrite",
            Kind::Rearrange => "a compaction",
            Kind::Metadata => "a change of schema, properties or protocol",
        })
    }
}

/// A `txn` action as compare-and-set: it takes an application from `base` to `version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnUpdate {
    /// The application.
    pub app_id: String,
    /// Where it stands once this is committed.
    pub version: i64,
    /// Where it stood when the transaction read the table; `None`: nowhere.
    pub base: Option<i64>,
}

/// Actions to be committed together, and what they depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// What it does, which decides what it may follow.
    pub kind: Kind,
    /// `commitInfo.operation`: `WRITE`, `DELETE`, `OPTIMIZE`, …
    pub operation: String,
    /// `commitInfo.operationParameters`. Never a predicate over personal data.
    pub parameters: BTreeMap<String, Value>,
    /// `commitInfo.operationMetrics`.
    pub metrics: BTreeMap<String, Value>,
    /// `commitInfo.userMetadata`.
    pub user_metadata: Option<String>,
    /// Progress of applications.
    pub txns: Vec<TxnUpdate>,
    /// Applications that are set back, whatever they stand at: part of a restore, which nothing may come in between.
    pub rewinds: Vec<Txn>,
    /// How far it must not notice those that it did not see.
    pub isolation: Isolation,
    /// What it read of the table. `None`: nothing where it only adds files (a blind append), everything where it does
    /// anything else.
    pub reads: Option<Reads>,
    /// Contents of vectors that its actions name, so that they needn't be read back where they have to be united with
    /// another's.
    pub vectors: DecodedVectors,
    /// Where it puts the rows of files that it rearranges, so that deletes of them can follow it, and it them.
    pub moves: Vec<Moves>,
    /// When the first of the files that it adds was begun to be uploaded, by the monotonic clock: vacuum spares files that
    /// no commit names only for so long (pitfall D5).
    pub uploaded_since: Option<Duration>,
    actions: Vec<Action>,
}

impl Transaction {
    /// A transaction of this kind without actions.
    #[must_use]
    pub fn new(kind: Kind, operation: impl Into<String>) -> Transaction {
        Transaction {
            kind,
            operation: operation.into(),
            parameters: BTreeMap::new(),
            metrics: BTreeMap::new(),
            user_metadata: None,
            txns: Vec::new(),
            rewinds: Vec::new(),
            isolation: Isolation::default(),
            reads: None,
            vectors: DecodedVectors::default(),
            moves: Vec::new(),
            uploaded_since: None,
            actions: Vec::new(),
        }
    }

    /// A commit of `commitInfo` alone, which occupies a version.
    #[must_use]
    pub fn fence() -> Transaction {
        Transaction::new(Kind::Fence, "FENCE")
    }

    /// Adds an action; `commitInfo` and `txn` are made from the other fields.
    pub fn push(&mut self, action: Action) {
        debug_assert!(!matches!(action, Action::CommitInfo(_) | Action::Txn(_)), "made when the bytes are");
        self.actions.push(action);
    }

    /// Adds actions.
    pub fn extend(&mut self, actions: impl IntoIterator<Item = Action>) {
        for action in actions {
            self.push(action);
        }
    }

    /// The actions so far.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// The same transaction with other actions.
    pub(crate) fn with_actions(self, actions: Vec<Action>) -> Transaction {
        Transaction { actions, ..self }
    }

    /// The files that it adds.
    pub fn adds(&self) -> impl Iterator<Item = &Add> {
        self.actions.iter().filter_map(|action| match action {
            Action::Add(add) => Some(add),
            _ => None,
        })
    }

    /// The files that it removes.
    pub fn removes(&self) -> impl Iterator<Item = &Remove> {
        self.actions.iter().filter_map(|action| match action {
            Action::Remove(remove) => Some(remove),
            _ => None,
        })
    }

    /// The metadata that it sets.
    #[must_use]
    pub fn metadata(&self) -> Option<&Metadata> {
        self.actions.iter().rev().find_map(|action| match action {
            Action::Metadata(metadata) => Some(metadata),
            _ => None,
        })
    }

    /// Whether it sets protocol or metadata.
    #[must_use]
    pub fn sets_table(&self) -> bool {
        self.actions.iter().any(|action| matches!(action, Action::Metadata(_) | Action::Protocol(_)))
    }

    /// Whether it only adds files and read nothing, told by what it holds and not by its kind (pitfall C8).
    #[must_use]
    pub fn is_blind_append(&self) -> bool {
        let only_adds = !self.actions.iter().any(|action| {
            matches!(action, Action::Remove(_) | Action::Cdc(_) | Action::Metadata(_) | Action::Protocol(_))
        });
        self.kind == Kind::Append && only_adds && self.reads.as_ref().is_none_or(|reads| *reads == Reads::nothing())
    }

    /// Whether a blind append that was made for the table at `read` is what it would be if made for it at `tip`: the table
    /// itself is the same, and so are the domains that it changes. Of its applications the commit takes care.
    pub(crate) fn is_as_good_after(&self, read: &Snapshot, tip: &Snapshot) -> bool {
        self.is_blind_append()
            && read.protocol() == tip.protocol()
            && read.metadata() == tip.metadata()
            && self.domains().all(|domain| read.domain(domain) == tip.domain(domain))
    }

    /// Whether it only puts the same rows into other files.
    #[must_use]
    pub fn rearranges(&self) -> bool {
        self.kind == Kind::Rearrange
            && self.actions.iter().all(|action| match action {
                Action::Add(add) => !add.data_change,
                Action::Remove(remove) => !remove.data_change,
                Action::Cdc(_) | Action::Metadata(_) | Action::Protocol(_) => false,
                _ => true,
            })
    }

    /// The isolation that it runs under: [`Isolation::Snapshot`] is for those that rearrange, and who changes the table
    /// itself misses nothing.
    #[must_use]
    pub fn effective_isolation(&self) -> Isolation {
        match self.isolation {
            Isolation::Snapshot if !self.rearranges() => Isolation::Serializable,
            Isolation::WriteSerializable if self.sets_table() => Isolation::Serializable,
            isolation => isolation,
        }
    }

    /// What it read; `None`: everything.
    pub(crate) fn read_set(&self) -> Option<Cow<'_, Reads>> {
        match &self.reads {
            Some(reads) => Some(Cow::Borrowed(reads)),
            None if self.is_blind_append() => Some(Cow::Owned(Reads::nothing())),
            None => None,
        }
    }

    /// The domains that it changes.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().filter_map(|action| match action {
            Action::DomainMetadata(domain) => Some(domain.domain.as_str()),
            _ => None,
        })
    }

    /// Everything that is committed at a version, `commitInfo` first.
    #[must_use]
    pub fn stamped(&self, stamp: &Stamp) -> Vec<Action> {
        let mut actions = Vec::with_capacity(self.actions.len() + self.txns.len() + 1);
        actions.push(Action::CommitInfo(CommitInfo {
            timestamp: Some(stamp.now.0),
            in_commit_timestamp: stamp.in_commit_timestamp.map(|time| time.0),
            operation: Some(self.operation.clone()),
            operation_parameters: Some(self.parameters.clone()),
            operation_metrics: (!self.metrics.is_empty()).then(|| self.metrics.clone()),
            read_version: stamp.read_version.and_then(|version| i64::try_from(version.0).ok()),
            isolation_level: Some(self.effective_isolation().name().to_owned()),
            is_blind_append: Some(self.is_blind_append()),
            engine_info: Some(ENGINE_INFO.to_owned()),
            txn_id: Some(stamp.txn_id.clone()),
            user_metadata: self.user_metadata.clone(),
            tags: moves::to_tag(&self.moves).map(|moves| [(MOVES_TAG.to_owned(), Some(moves))].into()),
        }));
        actions.extend(self.actions.iter().filter(|a| matches!(a, Action::Protocol(_) | Action::Metadata(_))).cloned());
        actions.extend(self.txns.iter().map(|update| {
            Action::Txn(Txn { app_id: update.app_id.clone(), version: update.version, last_updated: Some(stamp.now.0) })
        }));
        actions.extend(self.rewinds.iter().cloned().map(Action::Txn));
        actions
            .extend(self.actions.iter().filter(|a| !matches!(a, Action::Protocol(_) | Action::Metadata(_))).cloned());
        actions
    }

    /// The bytes of [`stamped`](Self::stamped).
    ///
    /// # Errors
    /// As [`to_lines`].
    pub fn bytes(&self, stamp: &Stamp) -> Result<Vec<u8>> {
        to_lines(&self.stamped(stamp))
    }
}

/// What differs between attempts at one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The transaction's id, the same for all attempts.
    pub txn_id: String,
    /// The writer's clock.
    pub now: TimestampMs,
    /// The commit's binding time, where the table has such.
    pub in_commit_timestamp: Option<TimestampMs>,
    /// The version that the transaction read.
    pub read_version: Option<Version>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Add, Metadata, Protocol};

    #[test]
    fn commit_info_comes_first_then_protocol_then_txn_then_files() {
        let mut transaction = Transaction::new(Kind::Append, "WRITE");
        transaction.push(Action::Add(Add::default()));
        transaction.push(Action::Protocol(Protocol::default()));
        transaction.push(Action::Metadata(Metadata::default()));
        transaction.txns.push(TxnUpdate { app_id: "a".into(), version: 1, base: None });
        transaction.rewinds.push(Txn { app_id: "b".into(), version: -1, last_updated: None });
        let stamp = Stamp {
            txn_id: "id".into(),
            now: TimestampMs(5),
            in_commit_timestamp: Some(TimestampMs(6)),
            read_version: None,
        };
        let kinds: Vec<_> = transaction.stamped(&stamp).iter().map(std::mem::discriminant).collect();
        let expected = [
            Action::CommitInfo(CommitInfo::default()),
            Action::Protocol(Protocol::default()),
            Action::Metadata(Metadata::default()),
            Action::Txn(Txn::default()),
            Action::Txn(Txn::default()),
            Action::Add(Add::default()),
        ];
        assert_eq!(kinds, expected.iter().map(std::mem::discriminant).collect::<Vec<_>>());
        let bytes = transaction.bytes(&stamp).unwrap();
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 6);
        assert!(bytes.starts_with(b"{\"commitInfo\":{\"timestamp\":5,\"inCommitTimestamp\":6,"));
    }
}
