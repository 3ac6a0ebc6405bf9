//! Where does a probe write, and what becomes of it?
//!
//! Below `_lakebed_doctor/UUID/`: a name that readers, listings of tables and vacuum pass over. Every key that was
//! written is remembered, so that what a late listing leaves out is deleted too.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lakebed_txlog::env::Env;
use lakebed_txlog::{Error, Result};
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStoreExt, PutMode, PutOptions, PutPayload, PutResult};

use crate::store::{Place, TableStore};

/// The folder of all probes, below the place that is examined.
pub(super) const FOLDER: &str = "_lakebed_doctor";
/// Most left-over objects of earlier probes that are counted.
const MAX_LEFTOVERS: usize = 10_000;

/// A probe's own prefix. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    store: TableStore,
    env: Arc<dyn Env>,
    prefix: String,
    written: Arc<Mutex<BTreeSet<Path>>>,
}

impl Ground {
    pub(super) fn new(store: &TableStore, env: &Arc<dyn Env>) -> Ground {
        let prefix = format!("{FOLDER}/{}", env.uuid());
        Ground { store: store.clone(), env: Arc::clone(env), prefix, written: Arc::default() }
    }

    pub(super) fn store(&self) -> &TableStore {
        &self.store
    }

    pub(super) fn env(&self) -> &Arc<dyn Env> {
        &self.env
    }

    /// The prefix below the place that is examined.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The key of `name` below the probe's prefix.
    pub(super) fn key(&self, name: &str) -> Result<Path> {
        self.store.key(&format!("{}/{name}", self.prefix))
    }

    /// Puts an object if nothing is there, through the client that sends no request twice.
    pub(super) async fn create(&self, key: &Path, bytes: Bytes) -> object_store::Result<PutResult> {
        self.remember(key);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.store.commits().put_opts(key, PutPayload::from_bytes(bytes), options).await
    }

    pub(super) async fn put(&self, key: &Path, bytes: Bytes) -> object_store::Result<PutResult> {
        self.remember(key);
        self.store.data().put(key, PutPayload::from_bytes(bytes)).await
    }

    /// The object's bytes, or `None` where it isn't there.
    pub(super) async fn get(&self, key: &Path) -> object_store::Result<Option<Bytes>> {
        match self.store.data().get_opts(key, GetOptions::default()).await {
            Ok(found) => found.bytes().await.map(Some),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub(super) async fn delete(&self, key: &Path) -> object_store::Result<()> {
        match self.store.data().delete(key).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            answer => answer,
        }
    }

    pub(super) async fn list(&self, folder: &Path) -> object_store::Result<Vec<ObjectMeta>> {
        self.store.data().list(Some(folder)).try_collect().await
    }

    /// Remembers a key that is written by other means.
    pub(super) fn remember(&self, key: &Path) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
    }

    /// What a request's failure means, in a sentence.
    pub(super) fn failure(&self, error: object_store::Error, attempted: &str) -> String {
        let error = self.store.error(error, attempted, &Path::from(self.prefix.as_str()));
        match error.what_to_do() {
            Some(hint) => format!("{} ({hint})", error.message()),
            None => error.message().to_owned(),
        }
    }

    /// How many objects of other probes there are.
    pub(super) async fn leftovers(&self) -> object_store::Result<usize> {
        let own = format!("{}/", self.prefix);
        let Ok(folder) = self.store.key(FOLDER) else { return Ok(0) };
        let others = self.store.data().list(Some(&folder)).try_filter(|meta| {
            let is_other = !meta.location.as_ref().contains(&own);
            futures::future::ready(is_other)
        });
        others.take(MAX_LEFTOVERS).try_fold(0, |count, _| futures::future::ok(count + 1)).await
    }

    /// Deletes everything that the probe wrote; how many objects couldn't be deleted. Leaves no folder behind.
    ///
    /// # Errors
    /// None of the store's: what couldn't be deleted is counted.
    pub(super) async fn sweep(&self) -> Result<usize> {
        let mut keys = self.written.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let folder = self.store.key(&self.prefix)?;
        if let Ok(listed) = self.list(&folder).await {
            keys.extend(listed.into_iter().map(|meta| meta.location));
        }
        let keys: Vec<object_store::Result<Path>> = keys.into_iter().map(Ok).collect();
        let outcomes: Vec<object_store::Result<Path>> =
            self.store.data().delete_stream(stream::iter(keys).boxed()).collect().await;
        let gone =
            |outcome: &object_store::Result<Path>| matches!(outcome, Ok(_) | Err(object_store::Error::NotFound { .. }));
        let left = outcomes.iter().filter(|outcome| !gone(outcome)).count();
        self.remove_folders().await?;
        Ok(left)
    }

    /// A store keeps no folders, a file system does.
    async fn remove_folders(&self) -> Result<()> {
        let Place::Local(root) = self.store.url().place() else { return Ok(()) };
        let (own, all) = (root.join(&self.prefix), root.join(FOLDER));
        let removed = tokio::task::spawn_blocking(move || {
            // What is in use, or never was made, stays as it is: empty folders are no table's.
            let _ = std::fs::remove_dir_all(own);
            let _ = std::fs::remove_dir(all);
        });
        removed.await.map_err(|e| Error::bug("the task that removes the probe's folders ended early").because(e))
    }
}
