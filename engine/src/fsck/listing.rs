//! Which objects does a table have, and which of them are its log?

use std::collections::{BTreeMap, HashMap};

use futures::TryStreamExt;
use lakebed_txlog::name::{LOG_FOLDER, LogName};
use lakebed_txlog::segment::ListedFile;
use lakebed_txlog::{Error, Result, TimestampMs, Version};
use object_store::ObjectStoreExt;

use bytes::Bytes;

use crate::store::TableStore;

/// The objects of a table, from one listing.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The files of the log, sidecars included.
    pub(super) log: Vec<ListedFile>,
    /// The sizes of all other objects, by their paths below the table's root.
    pub(super) objects: HashMap<Box<str>, u64>,
}

/// Files that together are a checkpoint, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) version: Version,
    pub(super) files: Vec<LogName>,
    pub(super) is_complete: bool,
}

impl Candidate {
    /// The names of its files, relative to `_delta_log/`.
    pub(super) fn names(&self) -> Vec<String> {
        self.files.iter().map(LogName::to_string).collect()
    }

    /// The path of its first file.
    pub(super) fn path(&self) -> String {
        self.files.first().map(LogName::path).unwrap_or_default()
    }
}

impl Listing {
    /// One listing of everything below the root: a request for 1,000 objects. Memory: a hundred bytes an object, and its
    /// path.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn read(store: &TableStore) -> Result<Listing> {
        let root = store.root();
        let prefix = if root.is_root() { String::new() } else { format!("{root}/") };
        let log_prefix = format!("{LOG_FOLDER}/");
        let mut listing = Listing::default();
        let mut listed = store.data().list(Some(root));
        let failed = |e| store.error(e, "listing the table", root);
        while let Some(meta) = listed.try_next().await.map_err(failed)? {
            let Some(path) = meta.location.as_ref().strip_prefix(&prefix) else { continue };
            match path.strip_prefix(&log_prefix) {
                Some(name) => listing.log.push(ListedFile {
                    name: LogName::parse(name),
                    size: meta.size,
                    last_modified: TimestampMs(meta.last_modified.timestamp_millis()),
                }),
                None => {
                    listing.objects.insert(path.into(), meta.size);
                }
            }
        }
        Ok(listing)
    }

    /// The versions that have a commit.
    pub(super) fn commits(&self) -> BTreeMap<Version, &ListedFile> {
        let mut commits = BTreeMap::new();
        for file in &self.log {
            if let LogName::Commit { version } = &file.name {
                commits.insert(*version, file);
            }
        }
        commits
    }

    /// The versions that have a `.crc` file.
    pub(super) fn checksums(&self) -> Vec<Version> {
        let checksum = |file: &ListedFile| match &file.name {
            LogName::Crc { version } => Some(*version),
            _ => None,
        };
        self.log.iter().filter_map(checksum).collect()
    }

    /// Whether `_last_checkpoint` is there.
    pub(super) fn has_hint(&self) -> bool {
        self.log.iter().any(|file| file.name == LogName::LastCheckpoint)
    }

    /// The size of a file of the log.
    pub(super) fn size_of(&self, name: &LogName) -> Option<u64> {
        self.log.iter().find(|file| file.name == *name).map(|file| file.size)
    }

    /// Every checkpoint by version, multi-part ones that lack parts included.
    pub(super) fn checkpoints(&self) -> BTreeMap<Version, Vec<Candidate>> {
        let mut found: BTreeMap<Version, Vec<Candidate>> = BTreeMap::new();
        let mut parts_of: BTreeMap<(Version, u32), BTreeMap<u32, LogName>> = BTreeMap::new();
        for file in &self.log {
            let version = match &file.name {
                LogName::ClassicCheckpoint { version } | LogName::UuidCheckpoint { version, .. } => *version,
                LogName::MultiPartCheckpoint { version, part, parts } => {
                    parts_of.entry((*version, *parts)).or_default().insert(*part, file.name.clone());
                    continue;
                }
                _ => continue,
            };
            let whole = Candidate { version, files: vec![file.name.clone()], is_complete: true };
            found.entry(version).or_default().push(whole);
        }
        for ((version, parts), files) in parts_of {
            let is_complete = files.len() as u64 == u64::from(parts);
            let candidate = Candidate { version, files: files.into_values().collect(), is_complete };
            found.entry(version).or_default().push(candidate);
        }
        found
    }
}

/// The bytes of a file of the log; `None` where it isn't there.
///
/// # Errors
/// Those of the store.
pub(super) async fn read(store: &TableStore, name: &LogName) -> Result<Option<Bytes>> {
    let key = store.key(&name.path())?;
    let failed = |e| store.error(e, "reading the log", &key);
    match store.data().get(&key).await {
        Ok(found) => found.bytes().await.map(Some).map_err(failed),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(e) => Err(failed(e)),
    }
}

/// The bytes of a file of the log that was listed.
///
/// # Errors
/// `NotFound` where it is gone; those of the store.
pub(super) async fn read_listed(store: &TableStore, name: &LogName) -> Result<Bytes> {
    read(store, name).await?.ok_or_else(|| Error::not_found("a file of the log is gone").path(name.path()))
}
