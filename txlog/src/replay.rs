//! Which actions does a commit hold, and what does the table come to after it?
//!
//! Protocol section "Action Reconciliation". Pure: from a state and a commit to the next state.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::action::{
    Action, Add, AddCdcFile, CommitInfo, DomainMetadata, Metadata, Protocol, Remove, Txn, parse_lines,
};
use crate::error::{Error, Result};
use crate::files::{FileColumns, Files};
use crate::version::{TimestampMs, Version};

/// One commit, its actions sorted by kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// The version that it makes.
    pub version: Version,
    /// Where it stands for several commits, reconciled (a log compaction file): the first version of them.
    pub since: Option<Version>,
    /// When the store says its file was written; unknown for one that this process has just put.
    pub last_modified: Option<TimestampMs>,
    /// Bytes of its file.
    pub size_in_bytes: u64,
    /// `protocol`, where the commit sets it.
    pub protocol: Option<Protocol>,
    /// `metaData`, where the commit sets it.
    pub metadata: Option<Metadata>,
    /// `commitInfo`.
    pub commit_info: Option<CommitInfo>,
    /// `txn`, at most one an application.
    pub txns: Vec<Txn>,
    /// `domainMetadata`, at most one a domain.
    pub domains: Vec<DomainMetadata>,
    /// `add`.
    pub adds: Vec<Add>,
    /// `remove`.
    pub removes: Vec<Remove>,
    /// `cdc`.
    pub cdc: Vec<AddCdcFile>,
}

impl Commit {
    /// The commit of these bytes.
    ///
    /// # Errors
    /// As [`parse_lines`], naming the version; [`Corrupt`](crate::ErrorKind::Corrupt) for actions that reconcile with
    /// each other (protocol section "Delta Log Entries"), and for no bytes at all: other engines take that for a commit
    /// that changes nothing, and rows that were acknowledged are gone without a word (ClickHouse 111738).
    pub fn parse(version: Version, bytes: &[u8], last_modified: Option<TimestampMs>) -> Result<Commit> {
        if bytes.is_empty() {
            let error = Error::corrupt(
                "a commit file of 0 bytes: whoever wrote it didn't get to write its actions, or lost them",
            );
            return Err(error.version(version).hint(
                "a machine that lost power leaves a commit that wasn't synced like this: restore the file from a backup, or \
                write {\"commitInfo\":{}} into it to go on without what it held",
            ));
        }
        let actions = parse_lines(bytes).map_err(|e| e.version(version))?;
        let mut commit = Commit::from_actions(version, actions)?;
        commit.last_modified = last_modified;
        commit.size_in_bytes = bytes.len() as u64;
        Ok(commit)
    }

    /// What these bytes of a log compaction file say of the commits `since..=version` together.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); [`Corrupt`](crate::ErrorKind::Corrupt) where actions reconcile with each other: some
    /// writers leave the commits' actions one after another, and which of them counts can't be told then.
    pub fn parse_compacted(since: Version, version: Version, bytes: &[u8]) -> Result<Commit> {
        let commit = Commit::parse(version, bytes, None)?;
        let mut seen = HashSet::new();
        let adds = commit.adds.iter().map(|add| (add.path.as_str(), add.dv_id()));
        let mut keys = adds.chain(commit.removes.iter().map(|remove| (remove.path.as_str(), remove.dv_id())));
        let mut apps = HashSet::new();
        let mut names = HashSet::new();
        let reconciled = keys.all(|key| seen.insert(key))
            && commit.txns.iter().all(|txn| apps.insert(txn.app_id.as_str()))
            && commit.domains.iter().all(|domain| names.insert(domain.domain.as_str()));
        if !reconciled {
            return Err(
                Error::corrupt("a log compaction file holds actions that reconcile with each other").version(version)
            );
        }
        Ok(Commit { since: Some(since), commit_info: None, ..commit })
    }

    /// The first version that it stands for: its own, or of a log compaction file the first of its range.
    #[must_use]
    pub fn first_version(&self) -> Version {
        self.since.unwrap_or(self.version)
    }

    /// The commit that holds these actions.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for two actions that may stand only once in a commit.
    pub fn from_actions(version: Version, actions: Vec<Action>) -> Result<Commit> {
        let mut commit = Commit { version, ..Commit::default() };
        for action in actions {
            match action {
                Action::Add(add) => commit.adds.push(add),
                Action::Remove(remove) => commit.removes.push(remove),
                Action::Cdc(cdc) => commit.cdc.push(cdc),
                Action::Txn(txn) => commit.txns.push(txn),
                Action::DomainMetadata(domain) => commit.domains.push(domain),
                Action::Metadata(metadata) => once(&mut commit.metadata, metadata, "metaData", version)?,
                Action::Protocol(protocol) => once(&mut commit.protocol, protocol, "protocol", version)?,
                // Others may write several; the first is the one that in-commit timestamps speak of.
                Action::CommitInfo(info) => {
                    commit.commit_info.get_or_insert(info);
                }
                Action::Sidecar(_) | Action::CheckpointMetadata(_) => {
                    return Err(
                        Error::corrupt("a commit holds an action that only checkpoints may hold").version(version)
                    );
                }
            }
        }
        Ok(commit)
    }

    /// `commitInfo.txnId`, by which a writer knows its own commit.
    #[must_use]
    pub fn txn_id(&self) -> Option<&str> {
        self.commit_info.as_ref()?.txn_id.as_deref()
    }

    /// `commitInfo.inCommitTimestamp`.
    #[must_use]
    pub fn in_commit_timestamp(&self) -> Option<TimestampMs> {
        self.commit_info.as_ref()?.in_commit_timestamp.map(TimestampMs)
    }
}

fn once<T>(slot: &mut Option<T>, value: T, what: &str, version: Version) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::corrupt(format!("a commit holds two {what} actions")).version(version)),
    }
}

/// The table's state between actions: a snapshot that may still lack its protocol or metadata. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The latest `protocol`.
    pub protocol: Option<Arc<Protocol>>,
    /// The latest `metaData`.
    pub metadata: Option<Arc<Metadata>>,
    /// The latest `txn` of each application.
    pub txns: Arc<BTreeMap<String, Txn>>,
    /// The latest `domainMetadata` of each domain that isn't removed.
    pub domains: Arc<BTreeMap<String, DomainMetadata>>,
    /// Live files.
    pub files: Files,
    /// Tombstones, oldest first. A file that was added again may still stand here: whoever lists them subtracts the
    /// live files.
    pub tombstones: Vec<Arc<FileColumns>>,
}

impl State {
    /// The protocol and metadata, which every table has.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where one is missing.
    pub fn agreed(&self, version: Version) -> Result<(Arc<Protocol>, Arc<Metadata>)> {
        let missing = |what: &str| {
            Error::corrupt(format!("the log holds no {what} up to this version"))
                .version(version)
                .hint("the log is damaged, or its first commits are gone and no checkpoint holds them")
        };
        let protocol = self.protocol.clone().ok_or_else(|| missing("protocol action"))?;
        let metadata = self.metadata.clone().ok_or_else(|| missing("metaData action"))?;
        Ok((protocol, metadata))
    }

    /// Takes one action of a checkpoint that isn't about files.
    pub fn take(&mut self, action: Action) {
        match action {
            Action::Protocol(protocol) => self.protocol = Some(Arc::new(protocol)),
            Action::Metadata(metadata) => self.metadata = Some(Arc::new(metadata)),
            Action::Txn(txn) => {
                Arc::make_mut(&mut self.txns).insert(txn.app_id.clone(), txn);
            }
            Action::DomainMetadata(domain) => self.take_domain(domain),
            _ => {}
        }
    }

    fn take_domain(&mut self, domain: DomainMetadata) {
        let domains = Arc::make_mut(&mut self.domains);
        if domain.removed {
            domains.remove(&domain.domain);
        } else {
            domains.insert(domain.domain.clone(), domain);
        }
    }

    /// Applies the commit that follows. On an error the state is of no more use.
    ///
    /// # Errors
    /// As [`Files::apply`], naming the version.
    pub fn apply(&mut self, commit: &Commit) -> Result<()> {
        self.apply_to_table(commit);
        self.files.apply(&commit.removes, &commit.adds).map_err(|e| e.version(commit.version))?;
        if !commit.removes.is_empty() {
            self.tombstones.push(Arc::new(FileColumns::from_removes(&commit.removes)));
        }
        Ok(())
    }

    /// Applies what the commit that follows says of the table as a whole, and nothing of what it says of files.
    pub fn apply_to_table(&mut self, commit: &Commit) {
        if let Some(protocol) = &commit.protocol {
            self.protocol = Some(Arc::new(protocol.clone()));
        }
        if let Some(metadata) = &commit.metadata {
            self.metadata = Some(Arc::new(metadata.clone()));
        }
        if !commit.txns.is_empty() {
            let txns = Arc::make_mut(&mut self.txns);
            txns.extend(commit.txns.iter().map(|txn| (txn.app_id.clone(), txn.clone())));
        }
        for domain in &commit.domains {
            self.take_domain(domain.clone());
        }
    }
}
