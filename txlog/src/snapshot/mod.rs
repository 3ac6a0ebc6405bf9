//! What the table is at one version: immutable, complete, cheap to clone.

mod partition;
mod prune;

use std::sync::Arc;

pub use prune::Pruned;

use crate::action::{CommitInfo, DomainMetadata, Metadata, Protocol, Txn};
use crate::error::{Error, Result};
use crate::files::{FileColumns, FileRef, Files};
use crate::head::Understood;
use crate::protocol::{in_commit_timestamps_enabled, properties::TableProperties};
use crate::replay::{Commit, State};
use crate::schema::{ColumnMappingMode, StructType};
use crate::version::{TimestampMs, Version};

/// The table at one version.
#[derive(Clone, Debug)]
pub struct Snapshot(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    version: Version,
    protocol: Arc<Protocol>,
    metadata: Arc<Metadata>,
    schema: Arc<StructType>,
    mapping: ColumnMappingMode,
    state: State,
    commit_info: Option<CommitInfo>,
    last_modified: Option<TimestampMs>,
    replayed: Replayed,
}

/// What was replayed on top of a checkpoint: the cost that the next reader saves by a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// The checkpoint's version, where there is one.
    pub checkpoint: Option<Version>,
    /// How many commits follow it.
    pub commits: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

impl Snapshot {
    /// The snapshot of a checkpoint's contents.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when protocol or metadata is missing or malformed;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the table demands of readers what isn't implemented.
    pub fn from_checkpoint(version: Version, state: State) -> Result<Snapshot> {
        let replayed = Replayed { checkpoint: Some(version), ..Replayed::default() };
        Snapshot::build(version, state, None, None, replayed)
    }

    /// The snapshot after `commits` on top of `base`, or from version 0 on where there is none.
    ///
    /// # Errors
    /// As [`from_checkpoint`](Self::from_checkpoint); [`Corrupt`](crate::ErrorKind::Corrupt) when the commits aren't
    /// the ones that follow, or contradict the state.
    pub fn follow(base: Option<&Snapshot>, commits: &[Commit]) -> Result<Snapshot> {
        let mut state = base.map(|base| base.0.state.clone()).unwrap_or_default();
        let mut replayed = base.map(|base| base.0.replayed).unwrap_or_default();
        let mut next = base.map_or(Version::ZERO, |base| base.version().next());
        for commit in commits {
            if commit.first_version() != next {
                return Err(Error::corrupt(format!("version {next} is missing before version {}", commit.version)));
            }
            state.apply(commit)?;
            replayed.commits += commit.version.0 - next.0 + 1;
            replayed.bytes += commit.size_in_bytes;
            next = commit.version.next();
        }
        match (commits.last(), base) {
            (Some(last), _) => {
                Snapshot::build(last.version, state, last.commit_info.clone(), last.last_modified, replayed)
            }
            (None, Some(base)) => Ok(base.clone()),
            (None, None) => Err(Error::bug("a snapshot of no commits")),
        }
    }

    fn build(
        version: Version,
        state: State,
        commit_info: Option<CommitInfo>,
        last_modified: Option<TimestampMs>,
        replayed: Replayed,
    ) -> Result<Snapshot> {
        let (protocol, metadata) = state.agreed(version)?;
        let Understood { schema, mapping } = Understood::of(version, &protocol, &metadata)?;
        Ok(Snapshot(Arc::new(Inner {
            version,
            protocol,
            metadata,
            schema,
            mapping,
            state,
            commit_info,
            last_modified,
            replayed,
        })))
    }

    /// The same snapshot with the `commitInfo` and file time of its own commit, where only a checkpoint was read.
    #[must_use]
    pub fn with_commit(&self, commit: &Commit) -> Snapshot {
        assert_eq!(commit.version, self.version(), "the snapshot's own commit");
        Snapshot(Arc::new(Inner {
            version: self.0.version,
            protocol: Arc::clone(&self.0.protocol),
            metadata: Arc::clone(&self.0.metadata),
            schema: Arc::clone(&self.0.schema),
            mapping: self.0.mapping,
            state: self.0.state.clone(),
            commit_info: commit.commit_info.clone(),
            last_modified: commit.last_modified,
            replayed: self.0.replayed,
        }))
    }

    /// The same snapshot, as if read from the checkpoint just written of it.
    #[must_use]
    pub fn checkpointed(&self) -> Snapshot {
        Snapshot(Arc::new(Inner {
            version: self.0.version,
            protocol: Arc::clone(&self.0.protocol),
            metadata: Arc::clone(&self.0.metadata),
            schema: Arc::clone(&self.0.schema),
            mapping: self.0.mapping,
            state: self.0.state.clone(),
            commit_info: self.0.commit_info.clone(),
            last_modified: self.0.last_modified,
            replayed: Replayed { checkpoint: Some(self.0.version), ..Replayed::default() },
        }))
    }

    /// What the log's actions come to.
    pub(crate) fn state(&self) -> &State {
        &self.0.state
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// What readers and writers must implement.
    #[must_use]
    pub fn protocol(&self) -> &Protocol {
        &self.0.protocol
    }

    /// Identity, schema, partitioning and properties as the log has them.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// The schema, logical names.
    #[must_use]
    pub fn schema(&self) -> &Arc<StructType> {
        &self.0.schema
    }

    /// Under which names columns stand in data files, statistics and partition values.
    #[must_use]
    pub fn column_mapping(&self) -> ColumnMappingMode {
        self.0.mapping
    }

    /// Logical names of the partition columns, outermost first.
    #[must_use]
    pub fn partition_columns(&self) -> &[String] {
        &self.0.metadata.partition_columns
    }

    /// The table's properties, typed.
    #[must_use]
    pub fn properties(&self) -> TableProperties<'_> {
        TableProperties::new(&self.0.metadata.configuration)
    }

    /// How far an application has come.
    #[must_use]
    pub fn txn(&self, app_id: &str) -> Option<&Txn> {
        self.0.state.txns.get(app_id)
    }

    /// Every application's progress, by id.
    pub fn txns(&self) -> impl Iterator<Item = &Txn> {
        self.0.state.txns.values()
    }

    /// The configuration of a domain.
    #[must_use]
    pub fn domain(&self, domain: &str) -> Option<&str> {
        self.0.state.domains.get(domain).map(|found| found.configuration.as_str())
    }

    /// Every domain, by name.
    pub fn domains(&self) -> impl Iterator<Item = &DomainMetadata> {
        self.0.state.domains.values()
    }

    /// The live files.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.0.state.files
    }

    /// Removed files that the log still remembers, oldest first, expired ones included. One that was added again with
    /// the same vector may stand here too.
    pub fn tombstones(&self) -> impl Iterator<Item = FileRef<'_>> {
        self.0.state.tombstones.iter().flat_map(|batch| (0..batch.len()).map(|row| batch.row(row)))
    }

    /// The batches that [`tombstones`](Self::tombstones) come from, oldest first.
    pub fn tombstone_batches(&self) -> impl Iterator<Item = &Arc<FileColumns>> {
        self.0.state.tombstones.iter()
    }

    /// How many files are live.
    #[must_use]
    pub fn num_files(&self) -> u64 {
        self.files().len()
    }

    /// Bytes of the live files.
    #[must_use]
    pub fn size_in_bytes(&self) -> i64 {
        self.files().size_in_bytes()
    }

    /// Bytes of memory that the files and the tombstones hold, statistics and what was worked out of them included. What
    /// snapshots share, each counts.
    #[must_use]
    pub fn memory_size(&self) -> usize {
        let tombstones = &self.0.state.tombstones;
        let of_tombstones: usize = tombstones.iter().map(|batch| batch.memory_size(&mut |_| {})).sum();
        self.files().memory_size() + of_tombstones
    }

    /// `commitInfo` of the snapshot's own commit; absent when only a checkpoint was read.
    #[must_use]
    pub fn commit_info(&self) -> Option<&CommitInfo> {
        self.0.commit_info.as_ref()
    }

    /// What was replayed to get here.
    #[must_use]
    pub fn replayed(&self) -> Replayed {
        self.0.replayed
    }

    /// Whether commits carry their own binding timestamps.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the property isn't a boolean.
    pub fn in_commit_timestamps(&self) -> Result<bool> {
        in_commit_timestamps_enabled(self.protocol(), self.metadata())
    }

    /// When this version was committed: its in-commit timestamp, else the time of the commit's file. `None` where only
    /// a checkpoint was read.
    #[must_use]
    pub fn timestamp(&self) -> Option<TimestampMs> {
        let in_commit = self.0.commit_info.as_ref().and_then(|info| info.in_commit_timestamp).map(TimestampMs);
        match self.in_commit_timestamps() {
            Ok(true) => in_commit,
            _ => self.0.last_modified,
        }
    }
}
