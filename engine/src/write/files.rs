//! What was written, and how it is taken back.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use lakebed_txlog::action::{Add, PartitionValues};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::store::TableStore;

/// Data files that are in the store, durably, and in no commit yet.
#[derive(Debug)]
pub struct DataFiles {
    /// What a commit says about each file, in the order of their first rows; `dataChange` is `true`.
    pub adds: Vec<Add>,
    /// Rows of all files.
    pub num_rows: u64,
    /// Bytes of all files.
    pub size_bytes: u64,
    /// When the first of them was begun, by the monotonic clock; `None` where there is none.
    pub uploaded_since: Option<Duration>,
    store: TableStore,
    keys: Vec<Path>,
}

impl DataFiles {
    /// The partitions that they are of.
    pub(crate) fn touched(&self) -> BTreeSet<&PartitionValues> {
        self.adds.iter().map(|add| &add.partition_values).collect()
    }

    /// Deletes the files as far as the store lets us; what stays behind is vacuum's. Only for files that no commit has
    /// named, not even one whose outcome is unknown (pitfall C4).
    pub async fn discard(self) {
        delete(&self.store, self.keys).await;
    }
}

/// The files that one writer has begun. Dropped while it is armed, it deletes them in the background.
#[derive(Debug)]
pub(crate) struct Begun {
    store: TableStore,
    keys: Arc<Mutex<Vec<Path>>>,
    uploaded_since: Option<Duration>,
    is_armed: bool,
}

impl Begun {
    pub(crate) fn new(store: &TableStore) -> Begun {
        Begun { store: store.clone(), keys: Arc::default(), uploaded_since: None, is_armed: true }
    }

    /// Remembers a key, before anything is sent to it.
    pub(crate) fn add(&mut self, key: Path, now: Duration) {
        self.uploaded_since.get_or_insert(now);
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).push(key);
    }

    /// The files are complete: they are the caller's.
    pub(crate) fn complete(mut self, adds: Vec<Add>, num_rows: u64) -> DataFiles {
        self.is_armed = false;
        let size_bytes = adds.iter().map(|add| add.size.unsigned_abs()).sum();
        DataFiles {
            adds,
            num_rows,
            size_bytes,
            uploaded_since: self.uploaded_since,
            store: self.store.clone(),
            keys: self.take(),
        }
    }

    /// Deletes the files.
    pub(crate) async fn discard(mut self) {
        self.is_armed = false;
        delete(&self.store.clone(), self.take()).await;
    }

    fn take(&self) -> Vec<Path> {
        std::mem::take(&mut *self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.is_armed {
            return;
        }
        let (store, keys) = (self.store.clone(), self.take());
        if let (false, Ok(runtime)) = (keys.is_empty(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { delete(&store, keys).await });
        }
    }
}

async fn delete(store: &TableStore, keys: Vec<Path>) {
    let mut deleted = store.data().delete_stream(stream::iter(keys.into_iter().map(Ok)).boxed());
    while let Some(outcome) = deleted.next().await {
        match outcome {
            // Begun, and never put in its place.
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => tracing::warn!(table = %store.url(), %error, "a file of a failed write is left to vacuum"),
        }
    }
}
