//! The only module that talks to a store: fetch, ask a decision, store.
//!
//! | module | question it answers |
//! |---|---|
//! | [`store`] | what are the requests that a log needs? |
//! | `load` | how is a version opened cold? |
//! | `tail` | what has been committed since? |
//! | `commit` | how does a transaction become a version? |
//! | `publish` | how is a checkpoint written? |
//! | [`history`] | which versions are there, and when were they committed? |
//! | `error` | what does a store's failure mean to a caller? |

mod commit;
mod error;
pub mod history;
mod load;
mod publish;
pub mod store;
mod tail;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use commit::CommitOptions;
pub use error::{file_error, store_error};
pub use store::{Landing, LogStore};

use crate::commit::Outcome;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::replay::Commit;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;
use crate::version::Version;

/// How long a handle may go on without listing: past it, the log may have been cleaned up below a checkpoint that the
/// handle doesn't know, and a put could land in the hole (pitfall C14).
pub const MAX_HANDLE_AGE: Duration = Duration::from_secs(60 * 60);
/// Log retention must be at least this many times the age of a handle.
const LEASES_IN_RETENTION: u32 = 4;

/// A handle on a table's log: the newest version that it knows, and the way to go on from there. Share it by `Arc`.
#[derive(Debug)]
pub struct Log {
    store: LogStore,
    env: Arc<dyn Env>,
    tip: Mutex<Tip>,
}

#[derive(Clone, Debug)]
struct Tip {
    snapshot: Snapshot,
    /// When a listing last proved that the snapshot is reachable, by the monotonic clock.
    proved: Duration,
    /// The newest checkpoint that this handle has read, written or been told of.
    checkpoint: Option<Version>,
}

impl Tip {
    fn new(snapshot: Snapshot, proved: Duration) -> Tip {
        Tip { checkpoint: snapshot.replayed().checkpoint, snapshot, proved }
    }
}

impl Log {
    /// Opens the newest version: the hint, one listing, the checkpoint, the commits after it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is no table; [`Corrupt`](crate::ErrorKind::Corrupt) where
    /// the log has a gap or can't be read; [`Unsupported`](crate::ErrorKind::Unsupported) where the table asks readers
    /// for what isn't implemented; those of the store.
    pub async fn open(store: LogStore, env: Arc<dyn Env>) -> Result<Log> {
        let proved = env.monotonic();
        let snapshot = load::load(&store, None).await?;
        Ok(Log { store, env, tip: Mutex::new(Tip::new(snapshot, proved)) })
    }

    /// Creates a table: commits version 0, in one put, and tries to create it once more, which has to be refused.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where version 0 is there;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the store creates it twice (pitfall C5);
    /// [`Indeterminate`](crate::ErrorKind::Indeterminate) when it can't be found out whether it was written; those of
    /// the store.
    pub async fn create(store: LogStore, env: Arc<dyn Env>, transaction: &Transaction) -> Result<Log> {
        let proved = env.monotonic();
        let snapshot = commit::create(&store, &env, transaction).await?;
        Ok(Log { store, env, tip: Mutex::new(Tip::new(snapshot, proved)) })
    }

    /// The newest version that this handle knows. No request.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.lock().snapshot.clone()
    }

    /// The requests.
    #[must_use]
    pub fn store(&self) -> &LogStore {
        &self.store
    }

    /// Clock and randomness.
    #[must_use]
    pub fn env(&self) -> &Arc<dyn Env> {
        &self.env
    }

    /// The newest version there is. One request when nothing is new; `n` missed versions cost at most `2n + 2`.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`NotFound`](crate::ErrorKind::NotFound) when another table stands in this one's place.
    pub async fn refresh(&self) -> Result<Snapshot> {
        let tip = self.lock().clone();
        let snapshot = if self.lease_is_over(&tip) {
            return self.reopen(&tip.snapshot).await;
        } else {
            match tail::follow_all(&self.store, &tip.snapshot).await? {
                tail::Tail::Followed(snapshot) => snapshot,
                tail::Tail::TooFar => return self.reopen(&tip.snapshot).await,
            }
        };
        self.advance(&snapshot, None);
        Ok(snapshot)
    }

    /// A given version.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where it isn't there, or log cleanup has taken it; as
    /// [`open`](Self::open).
    pub async fn at(&self, version: Version) -> Result<Snapshot> {
        let tip = self.snapshot();
        if tip.version() == version {
            return Ok(tip);
        }
        load::load(&self.store, Some(version)).await
    }

    /// The commit of a version, or `None` where the log doesn't have it. One request.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where it can't be parsed; those of the store.
    pub async fn commit_at(&self, version: Version) -> Result<Option<Commit>> {
        self.store.commit(version).await
    }

    /// Commits a transaction that read `read` (a blind append reads nothing: `None`).
    ///
    /// Without a race: one put, and no other request. Dropping the future before it returns leaves the table right;
    /// the transaction may or may not be in it, and its data files must be left for vacuum.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the table asks writers for what isn't implemented;
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) where the actions contradict the table; when nothing was
    /// written: those of the store, and [`Unavailable`](crate::ErrorKind::Unavailable) past the deadline.
    pub async fn commit(
        &self,
        transaction: &Transaction,
        read: Option<&Snapshot>,
        options: &CommitOptions,
    ) -> Result<Outcome> {
        let tip = self.lock().clone();
        let tip = if self.lease_is_over(&tip) { self.reopen(&tip.snapshot).await? } else { tip.snapshot };
        let attempt = commit::Attempt::new(&self.store, &self.env, transaction, options);
        let outcome = attempt.run(read.unwrap_or(&tip), tip.version()).await?;
        if let Outcome::Committed { snapshot, .. } = &outcome {
            self.advance(snapshot, None);
        }
        Ok(outcome)
    }

    /// Writes a classic checkpoint of a snapshot and points `_last_checkpoint` to it: two puts.
    ///
    /// # Errors
    /// As [`encode`](crate::checkpoint::encode); those of the store.
    pub async fn checkpoint(&self, snapshot: &Snapshot) -> Result<()> {
        publish::checkpoint(&self.store, &self.env, snapshot).await?;
        let mut tip = self.lock();
        tip.checkpoint = tip.checkpoint.max(Some(snapshot.version()));
        if tip.snapshot.version() == snapshot.version() {
            tip.snapshot = tip.snapshot.checkpointed();
        }
        Ok(())
    }

    /// The newest checkpoint that this handle has read, written or been told of. No request.
    #[must_use]
    pub fn last_checkpoint(&self) -> Option<Version> {
        self.lock().checkpoint
    }

    /// As [`last_checkpoint`](Self::last_checkpoint), after a look at what `_last_checkpoint` says of others'. One
    /// request. The hint may lie: this tells whether a checkpoint is worth writing, and nothing else.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn look_for_checkpoint(&self) -> Result<Option<Version>> {
        let hinted = self.store.hint().await?.map(|hint| hint.version);
        let mut tip = self.lock();
        tip.checkpoint = tip.checkpoint.max(hinted);
        Ok(tip.checkpoint)
    }

    async fn reopen(&self, known: &Snapshot) -> Result<Snapshot> {
        let proved = self.env.monotonic();
        let snapshot = load::load(&self.store, None).await?;
        if snapshot.metadata().id != known.metadata().id {
            return Err(Error::not_found("another table stands where this handle's was")
                .table(self.store.table())
                .hint("open it again"));
        }
        self.advance(&snapshot, Some(proved));
        Ok(snapshot)
    }

    fn lease_is_over(&self, tip: &Tip) -> bool {
        let retention = tip.snapshot.properties().log_retention().unwrap_or(MAX_HANDLE_AGE * LEASES_IN_RETENTION);
        let lease = MAX_HANDLE_AGE.min(retention / LEASES_IN_RETENTION);
        self.env.monotonic().saturating_sub(tip.proved) > lease
    }

    fn advance(&self, snapshot: &Snapshot, proved: Option<Duration>) {
        let mut tip = self.lock();
        if snapshot.version() >= tip.snapshot.version() {
            tip.snapshot = snapshot.clone();
        }
        tip.checkpoint = tip.checkpoint.max(snapshot.replayed().checkpoint);
        if let Some(proved) = proved {
            tip.proved = tip.proved.max(proved);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tip> {
        self.tip.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
