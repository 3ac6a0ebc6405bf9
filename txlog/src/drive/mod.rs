//! The only module that talks to a store: fetch, ask a decision, store.
//!
//! | module | question it answers |
//! |---|---|
//! | [`store`] | what are the requests that a log needs? |
//! | `load` | how is a version opened cold? |
//! | `ahead` | what is asked for before the listing is there? |
//! | `part` | how are the bytes of one file of a checkpoint fetched? |
//! | `opened` | what can be made of a log's files? |
//! | `checksum` | how is a version checksum written? |
//! | `tail` | what has been committed since? |
//! | `commit` | how does a transaction become a version? |
//! | `look` | who looks into data files where statistics can't tell? |
//! | `vectors` | how are deletion vectors read and stored while a commit follows others? |
//! | `publish` | how is a checkpoint written? |
//! | `upload` | how does a large file get into the log, a part at a time and all at once? |
//! | `workers` | on which threads is a checkpoint encoded? |
//! | [`history`] | which versions are there, and when were they committed? |
//! | `error` | what does a store's failure mean to a caller? |

mod ahead;
mod checksum;
mod commit;
mod error;
pub mod history;
mod load;
mod look;
mod opened;
mod part;
mod publish;
pub mod store;
mod tail;
mod upload;
mod vectors;
mod workers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use checksum::{ChecksumFound, ChecksumWritten};
pub use commit::CommitOptions;
use commit::Known;
pub use error::{file_error, store_error};
pub use look::Look;
pub use publish::{CheckpointReport, Publication};
pub use store::{Landing, LogStore};

use crate::commit::Outcome;
pub use crate::commit::trust::MAX_HANDLE_AGE;
use crate::commit::trust::{Sightings, lease_is_over};
use crate::commit::turn::Met;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::replay::Commit;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;
use crate::version::Version;

/// Files of a checkpoint, or ranges of one, that are fetched at the same time.
const PARALLEL_GETS: usize = 16;
/// Commits fetched at the same time: they are small, and as many as follow a checkpoint should be one round trip.
const PARALLEL_COMMITS: usize = 128;

/// A handle on a table's log: the newest version that it knows, and the way to go on from there. Share it by `Arc`.
#[derive(Debug)]
pub struct Log {
    store: LogStore,
    env: Arc<dyn Env>,
    tip: Mutex<Tip>,
    /// What the last commits met.
    met: Mutex<Option<Met>>,
}

#[derive(Clone, Debug)]
struct Tip {
    snapshot: Snapshot,
    /// When a listing last proved that the snapshot is reachable, by the monotonic clock.
    proved: Duration,
    /// The newest checkpoint that this handle has read, written or been told of.
    checkpoint: Option<Version>,
    /// When which version was the newest.
    seen: Sightings,
}

impl Tip {
    fn new(snapshot: Snapshot, proved: Duration) -> Tip {
        let seen = Sightings::new(snapshot.version(), proved);
        Tip { checkpoint: snapshot.replayed().checkpoint, snapshot, proved, seen }
    }
}

/// How a handle came to know of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// A listing reached it.
    Listing,
    /// It follows the one that the handle knew.
    Following,
}

impl Log {
    /// Opens the newest version: the hint, one listing, the checkpoint, the commits after it. Two or three round trips
    /// (`load` says when which). Where a checksum of what was read is at hand, it must agree.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is no table; [`Corrupt`](crate::ErrorKind::Corrupt) where
    /// the log has a gap or can't be read; [`Unsupported`](crate::ErrorKind::Unsupported) where the table asks readers
    /// for what isn't implemented; those of the store.
    pub async fn open(store: LogStore, env: Arc<dyn Env>) -> Result<Log> {
        let proved = env.monotonic();
        let snapshot = load::load(&store, None).await?;
        Ok(Log { store, env, tip: Mutex::new(Tip::new(snapshot, proved)), met: Mutex::default() })
    }

    /// What a table is at its newest version, its files left out: enough for its schema.
    ///
    /// No file action is read: from a checkpoint only the columns of the other actions, or the version's checksum where
    /// there is one and it saves a round trip. Two round trips by our own checkpoint, three by another's (`load` says how).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn head(store: &LogStore) -> Result<Head> {
        load::load(store, None).await
    }

    /// Creates a table: one listing, of a log that has to be empty, version 0 in one put, and another try to create it,
    /// which has to be refused.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where a table is, even one whose version 0 was cleaned up;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the store creates it twice (pitfall C5);
    /// [`Indeterminate`](crate::ErrorKind::Indeterminate) when it can't be found out whether it was written; those of
    /// the store.
    pub async fn create(store: LogStore, env: Arc<dyn Env>, transaction: &Transaction) -> Result<Log> {
        let proved = env.monotonic();
        commit::check_empty(&store).await?;
        let snapshot = commit::create(&store, &env, transaction).await?;
        Ok(Log { store, env, tip: Mutex::new(Tip::new(snapshot, proved)), met: Mutex::default() })
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
        let began = self.env.monotonic();
        let tip = self.lock().clone();
        let snapshot = if self.lease_is_over(&tip) {
            return self.reopen(&tip.snapshot).await;
        } else {
            match tail::follow_all(&self.store, &tip.snapshot).await? {
                tail::Tail::Followed(snapshot) => snapshot,
                tail::Tail::TooFar => return self.reopen(&tip.snapshot).await,
            }
        };
        self.advance(&snapshot, began, By::Following);
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

    /// Commits a transaction that was made for `read`, and read it but for a blind append; `None` for one that holds for any
    /// state of the table.
    ///
    /// Without a race: one put, and no other request. Behind a commit that deleted other rows of the same files it also reads
    /// their vectors and stores the united ones, in one put. Dropping the future before it returns leaves the table right;
    /// the transaction may or may not be in it, and its data files must be left for vacuum.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the table asks writers for what isn't implemented;
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) where the actions contradict the table, or it couldn't be read
    /// with them; [`Conflict`](crate::ErrorKind::Conflict) where what was read is too old to follow others, or the files were
    /// uploaded longer ago than half the retention of data files; when nothing was written: those of the store, and
    /// [`Unavailable`](crate::ErrorKind::Unavailable) past the deadline.
    pub async fn commit(
        &self,
        transaction: &Transaction,
        read: Option<&Snapshot>,
        options: &CommitOptions,
    ) -> Result<Outcome> {
        self.commit_looking(transaction, read, options, None).await
    }

    /// As [`commit`](Self::commit). Where statistics can't tell whether files that others added hold rows which the
    /// transaction looked for, `look` is asked, up to
    /// [`MAX_LOOKED_AT_BYTES`](crate::limits::MAX_LOOKED_AT_BYTES) of files and once a file; else they are taken to.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub async fn commit_looking(
        &self,
        transaction: &Transaction,
        read: Option<&Snapshot>,
        options: &CommitOptions,
        look: Option<&dyn Look>,
    ) -> Result<Outcome> {
        let since = self.env.monotonic();
        let tip = self.lock().clone();
        let tip = if self.lease_is_over(&tip) { self.reopen(&tip.snapshot).await? } else { tip.snapshot };
        let attempt = commit::Attempt::new(&self.store, &self.env, transaction, options, &self.met, look);
        let read = match read {
            // What came in between can't have been in a blind append's way: it read nothing.
            Some(read) if read.version() < tip.version() && transaction.is_as_good_after(read, &tip) => &tip,
            Some(read) => read,
            None => &tip,
        };
        let read_at = self.lock().seen.of(read.version());
        let outcome = attempt.run(read, tip.version(), Known { since, read_at }).await?;
        if let Outcome::Committed { snapshot, .. } = &outcome {
            self.advance(snapshot, since, By::Following);
        }
        Ok(outcome)
    }

    /// Writes a checkpoint of a snapshot and points `_last_checkpoint` to it, unless one of that name is there: as the
    /// table's `delta.checkpointPolicy` says a classic one (one file, put at once or in parts of 8 MiB), or one of the
    /// V2 spec (its sidecars, then the file that names them). Nothing can be seen before all of it was read back and
    /// compared with the snapshot.
    ///
    /// Requests: one look at what is there, the puts, and the hint's get and put. Memory: some 100 MiB beside the
    /// snapshot, however many files it has.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when what was encoded doesn't read back; [`Corrupt`](crate::ErrorKind::Corrupt)
    /// for a property or partition value that isn't one; those of the store. No checkpoint is there then.
    pub async fn checkpoint(&self, snapshot: &Snapshot) -> Result<CheckpointReport> {
        let report = publish::checkpoint(&self.store, &self.env, snapshot).await?;
        let mut tip = self.lock();
        tip.checkpoint = tip.checkpoint.max(Some(snapshot.version()));
        if tip.snapshot.version() == snapshot.version() {
            tip.snapshot = tip.snapshot.checkpointed();
        }
        Ok(report)
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
        let snapshot: Snapshot = load::load(&self.store, None).await?;
        if snapshot.metadata().id != known.metadata().id {
            return Err(Error::not_found("another table stands where this handle's was")
                .table(self.store.table())
                .hint("open it again"));
        }
        self.advance(&snapshot, proved, By::Listing);
        Ok(snapshot)
    }

    fn lease_is_over(&self, tip: &Tip) -> bool {
        let age = self.env.monotonic().saturating_sub(tip.proved);
        lease_is_over(age, tip.snapshot.properties().log_retention().ok())
    }

    /// The handle knows of a version that was the newest at a time.
    fn advance(&self, snapshot: &Snapshot, at: Duration, by: By) {
        let mut tip = self.lock();
        if snapshot.version() >= tip.snapshot.version() {
            tip.snapshot = snapshot.clone();
        }
        tip.checkpoint = tip.checkpoint.max(snapshot.replayed().checkpoint);
        tip.seen.add(snapshot.version(), at);
        if by == By::Listing {
            tip.proved = tip.proved.max(at);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tip> {
        self.tip.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
