//! What is done behind a commit: checkpoints.

use std::sync::{Arc, Mutex, PoisonError};

use lakebed_txlog::Version;
use lakebed_txlog::drive::Log;
use lakebed_txlog::snapshot::Snapshot;
use tokio::task::JoinSet;

/// Checkpoints are at most this many commits apart, whatever the table's property says.
const MAX_CHECKPOINT_INTERVAL: u64 = 100;

/// Tasks that run behind a table's commits.
#[derive(Debug, Default)]
pub(super) struct Background(Mutex<JoinSet<()>>);

impl Background {
    /// Begins a checkpoint when one is due. Versions divide the work among writers: each multiple of the interval has
    /// one committer. A checkpoint that failed is made up for when the tail has grown to twice the interval and
    /// `_last_checkpoint` knows of no newer one.
    pub(super) fn after_commit(&self, log: &Arc<Log>, snapshot: &Snapshot) {
        let interval = snapshot.properties().checkpoint_interval().unwrap_or(MAX_CHECKPOINT_INTERVAL);
        let interval = interval.clamp(1, MAX_CHECKPOINT_INTERVAL);
        let version = snapshot.version().0;
        let due = version > 0 && version.is_multiple_of(interval);
        let is_behind = move |checkpoint: Option<Version>| version >= checkpoint.map_or(0, |at| at.0) + 2 * interval;
        if !due && !is_behind(log.last_checkpoint()) {
            return;
        }
        let (log, snapshot) = (Arc::clone(log), snapshot.clone());
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        if !tasks.is_empty() {
            return;
        }
        tasks.spawn(async move {
            if !due && !log.look_for_checkpoint().await.is_ok_and(is_behind) {
                return;
            }
            if let Err(error) = log.checkpoint(&snapshot).await {
                let (table, version) = (log.store().table().to_owned(), snapshot.version());
                tracing::warn!(%table, %version, %error, "no checkpoint was written; readers replay more commits");
            }
        });
    }

    pub(super) async fn settle(&self) {
        let mut tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
    }
}
