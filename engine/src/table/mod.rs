//! What can be done with a table.
//!
//! | module | question it answers |
//! |---|---|
//! | [`create`] | how does a table begin? |
//! | [`mod@write`] | how are rows added, or others put in their place? |
//! | [`delete`] | how are rows removed? |
//! | [`restore`] | how does a table become again what it was? |
//! | `probe` | what else belongs to a data file? |
//! | `report` | what did a commit do? |
//! | `background` | what is done behind a commit? |
//! | [`checksums`] | how are version checksums written behind commits? |

mod background;
pub mod checksums;
pub mod create;
pub mod delete;
mod probe;
mod report;
pub mod restore;
pub mod write;

use std::sync::Arc;

use lakebed_txlog::commit::Outcome;
use lakebed_txlog::drive::history::Entry;
use lakebed_txlog::drive::{CheckpointReport, CommitOptions, Landing, Log, LogStore, Look};
use lakebed_txlog::env::{Env, SystemEnv};
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::transaction::Transaction;
use lakebed_txlog::{Error, Result, TimestampMs, Version};

pub use checksums::Checksums;
pub use create::CreateTable;
pub use delete::Deletion;
pub use probe::row_count;
pub(crate) use probe::{footer_rows, read_vector};
pub use report::{Report, Written};
pub use restore::Restored;
pub use write::{AppendOptions, OverwriteOptions, Replace, SchemaMode};

use crate::query::{Rows, ScanRequest, scan};
use crate::store::{Place, StoreSettings, TableStore, TableUrl};

/// A table, opened. Cheap to clone: clones share what they know of the log.
#[derive(Clone, Debug)]
pub struct Table(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: TableStore,
    log: Arc<Log>,
    env: Arc<dyn Env>,
    background: background::Background,
    checksums: checksums::Writing,
}

impl Table {
    /// Opens the table at a URL or path (`s3://bucket/table`, `file:///data/table`, `data/table`, `memory://name`) with
    /// the store settings of the process's environment.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with); [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for a URL that isn't one.
    pub async fn open(url: &str) -> Result<Table> {
        let url = TableUrl::parse(url)?;
        let env = SystemEnv::shared();
        let store = TableStore::open(&url, &StoreSettings::from_env(), &env)?;
        Table::open_with(store, env).await
    }

    /// Opens the table in a store.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is no table; those of [`Log::open`].
    pub async fn open_with(store: TableStore, env: Arc<dyn Env>) -> Result<Table> {
        let log = Log::open(log_store(&store), Arc::clone(&env)).await?;
        Ok(Table::over(store, log, env))
    }

    pub(crate) fn over(store: TableStore, log: Log, env: Arc<dyn Env>) -> Table {
        let background = background::Background::default();
        let checksums = checksums::Writing::default();
        Table(Arc::new(Inner { store, log: Arc::new(log), env, background, checksums }))
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &TableUrl {
        self.0.store.url()
    }

    /// Its stores.
    #[must_use]
    pub fn store(&self) -> &TableStore {
        &self.0.store
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.0.log
    }

    /// Clock and randomness.
    #[must_use]
    pub fn env(&self) -> &Arc<dyn Env> {
        &self.0.env
    }

    /// The newest version that this handle knows. No request.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.log.snapshot()
    }

    /// The newest version there is: one request when nothing is new.
    ///
    /// # Errors
    /// As [`Log::refresh`].
    pub async fn refresh(&self) -> Result<Snapshot> {
        self.0.log.refresh().await
    }

    /// A given version.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where it isn't there any more, or yet.
    pub async fn at(&self, version: Version) -> Result<Snapshot> {
        self.0.log.at(version).await
    }

    /// The version that was the newest at a time.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a time before the first commit, or after the last one.
    pub async fn as_of(&self, time: TimestampMs) -> Result<Snapshot> {
        self.0.log.as_of(time).await
    }

    /// The newest `limit` commits, newest first.
    ///
    /// # Errors
    /// As [`Log::history`].
    pub async fn history(&self, limit: usize) -> Result<Vec<Entry>> {
        self.0.log.history(limit).await
    }

    /// Reads rows of a snapshot of this table.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for a column or condition that the table doesn't know;
    /// those of the store, and of damaged files.
    pub async fn scan(&self, snapshot: &Snapshot, request: &ScanRequest) -> Result<Rows> {
        scan(&self.0.store, snapshot, request).await
    }

    /// Writes a checkpoint of the newest version that this handle knows, unless there is one. [`Log::checkpoint`] says
    /// what it costs.
    ///
    /// # Errors
    /// As [`Log::checkpoint`].
    pub async fn checkpoint(&self) -> Result<CheckpointReport> {
        self.0.log.checkpoint(&self.snapshot()).await
    }

    /// Whether commits through this handle, and through its clones, are followed by version checksums. They are unless
    /// this says otherwise.
    pub fn set_checksums(&self, checksums: Checksums) {
        self.0.checksums.set(checksums);
    }

    /// Waits for what is done behind commits: checksums and checkpoints. A process that ends without it loses nothing but
    /// them.
    pub async fn settle(&self) {
        self.0.checksums.settle().await;
        self.0.background.settle().await;
    }

    /// Commits, and begins what is to be done behind it.
    ///
    /// # Errors
    /// As [`Log::commit`].
    pub async fn commit(
        &self,
        transaction: &Transaction,
        read: Option<&Snapshot>,
        options: &CommitOptions,
    ) -> Result<Outcome> {
        self.commit_looking(transaction, read, options, None).await
    }

    /// As [`commit`](Self::commit), and `look` is asked where statistics can't tell whether files that others added hold
    /// rows which the transaction looked for. [`LookFor`](crate::query::LookFor) looks by a condition.
    ///
    /// # Errors
    /// As [`Log::commit_looking`].
    pub async fn commit_looking(
        &self,
        transaction: &Transaction,
        read: Option<&Snapshot>,
        options: &CommitOptions,
        look: Option<&dyn Look>,
    ) -> Result<Outcome> {
        let outcome = self.0.log.commit_looking(transaction, read, options, look).await?;
        if let Outcome::Committed { snapshot, .. } = &outcome {
            self.0.checksums.after_commit(&self.0.log, snapshot);
            self.0.background.after_commit(&self.0.log, snapshot);
        }
        Ok(outcome)
    }

    pub(crate) fn named(&self, error: Error) -> Error {
        error.table(self.url().to_string())
    }
}

pub(crate) fn log_store(store: &TableStore) -> LogStore {
    let landing = match store.url().place() {
        Place::Local(_) | Place::Memory { .. } => Landing::AtOnce,
        Place::S3 { .. } => Landing::Late,
    };
    let (reads, commits) = (Arc::clone(store.data()), Arc::clone(store.commits()));
    LogStore::new(reads, commits, store.root().clone(), store.url().to_string(), landing)
}
