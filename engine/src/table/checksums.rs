//! How are version checksums written behind commits?
//!
//! One put if nothing is there a commit, after it and never awaited by it. Of concurrent writers the first wins. One that
//! isn't written is missed by nobody but a reader that would have been checked by it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lakebed_txlog::drive::Log;
use lakebed_txlog::snapshot::Snapshot;
use tokio::task::JoinSet;

/// Behind a store that doesn't keep up, commits go without checksums.
const MAX_UNDER_WAY: usize = 16;

/// Whether commits are followed by version checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// Each is, in the background: one put a commit.
    #[default]
    Written,
    /// None is.
    Off,
}

/// Tasks that write checksums.
#[derive(Debug, Default)]
pub(super) struct Writing {
    off: AtomicBool,
    tasks: Mutex<JoinSet<()>>,
}

impl Writing {
    pub(super) fn set(&self, checksums: Checksums) {
        self.off.store(checksums == Checksums::Off, Ordering::Relaxed);
    }

    pub(super) fn after_commit(&self, log: &Arc<Log>, snapshot: &Snapshot) {
        if self.off.load(Ordering::Relaxed) {
            return;
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        if tasks.len() >= MAX_UNDER_WAY {
            return;
        }
        let (log, snapshot) = (Arc::clone(log), snapshot.clone());
        tasks.spawn(async move {
            if let Err(error) = log.write_checksum(&snapshot).await {
                let (table, version) = (log.store().table().to_owned(), snapshot.version());
                tracing::warn!(%table, %version, %error, "no version checksum was written");
            }
        });
    }

    pub(super) async fn settle(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
    }
}
