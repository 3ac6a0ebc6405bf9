//! What does the store hold? Objects in memory, each request done at once and whole; and every commit that it ever held.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectMeta, Result};

use super::request::{Call, End, Reply, commit_version};

/// The time of day at which every run begins, in ms since the epoch.
pub(super) const BEGIN_MS: i64 = 1_700_000_000_000;

#[derive(Clone, Debug)]
struct Object {
    bytes: Bytes,
    etag: u64,
    modified: Duration,
}

#[derive(Clone, Debug, Default)]
struct Parts {
    key: Option<Path>,
    parts: BTreeMap<usize, Bytes>,
}

/// The objects. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    objects: BTreeMap<Path, Object>,
    uploads: BTreeMap<u64, Parts>,
    /// Everything that was ever put under the name of a commit, the oldest first.
    commits: BTreeMap<Path, Vec<Bytes>>,
    /// What must never happen to a commit, and did.
    broken: Vec<String>,
    next: u64,
}

impl Objects {
    /// What is there under a key.
    #[must_use]
    pub fn bytes(&self, key: &Path) -> Option<Bytes> {
        self.objects.get(key).map(|object| object.bytes.clone())
    }

    /// Every object.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &Bytes)> {
        self.objects.iter().map(|(key, object)| (key, &object.bytes))
    }

    /// The same for the same bytes under the same keys, whenever they were put.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.iter().for_each(|object| object.hash(&mut hasher));
        hasher.finish()
    }

    /// When an object was put, since the run began.
    #[must_use]
    pub fn modified(&self, key: &Path) -> Option<Duration> {
        self.objects.get(key).map(|object| object.modified)
    }

    /// What was ever put under the names of the commits of the table at `root`, by version.
    #[must_use]
    pub fn commits(&self, root: &Path) -> BTreeMap<u64, Vec<Bytes>> {
        let log = root.clone().join("_delta_log");
        let below = self.commits.iter().filter(|(key, _)| key.prefix_matches(&log));
        below.filter_map(|(key, puts)| Some((commit_version(key)?, puts.clone()))).collect()
    }

    /// What must never happen to a commit, and did.
    #[must_use]
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    /// Takes an object away, as somebody does who cleans up.
    pub fn remove(&mut self, key: &Path) {
        self.objects.remove(key);
    }

    pub(super) fn apply(&mut self, call: &Call, now: Duration) -> Result<Reply> {
        match call {
            Call::Put { key, bytes, create } => self.put(key, bytes.clone(), *create, now),
            Call::Get { key, options } => self.get(key, options),
            Call::Delete { keys } => Ok(Reply::Deleted(keys.iter().map(|key| self.delete(key)).collect())),
            Call::List { prefix, after } => Ok(self.list(prefix.as_ref(), after.as_ref())),
            Call::Begin { key } => {
                self.next += 1;
                self.uploads.insert(self.next, Parts { key: Some(key.clone()), parts: BTreeMap::new() });
                Ok(Reply::Begun(self.next))
            }
            Call::Part { upload, number, bytes } => {
                let parts = self.uploads.get_mut(upload).ok_or_else(|| missing("an upload"))?;
                parts.parts.insert(*number, bytes.clone());
                Ok(Reply::Taken)
            }
            Call::Complete { upload } => {
                let parts = self.uploads.remove(upload).ok_or_else(|| missing("an upload"))?;
                let key = parts.key.ok_or_else(|| missing("an upload's key"))?;
                let mut bytes = BytesMut::new();
                parts.parts.values().for_each(|part| bytes.extend_from_slice(part));
                self.put(&key, bytes.freeze(), false, now)
            }
            Call::Abort { upload } => {
                self.uploads.remove(upload);
                Ok(Reply::Taken)
            }
        }
    }

    fn put(&mut self, key: &Path, bytes: Bytes, create: bool, now: Duration) -> Result<Reply> {
        let is_there = self.objects.contains_key(key);
        if create && is_there {
            return Err(exists(key, "412 PreconditionFailed"));
        }
        if commit_version(key).is_some() {
            if is_there {
                self.broken.push(format!("{key} was replaced"));
            }
            self.commits.entry(key.clone()).or_default().push(bytes.clone());
        }
        self.next += 1;
        self.objects.insert(key.clone(), Object { bytes, etag: self.next, modified: now });
        Ok(Reply::Stored { etag: self.next.to_string() })
    }

    fn get(&self, key: &Path, options: &GetOptions) -> Result<Reply> {
        let object = self.objects.get(key).ok_or_else(|| missing(key.as_ref()))?;
        let meta = meta(key, object);
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => range.as_range(meta.size).map_err(|e| generic(&e.to_string()))?,
            None => 0..meta.size,
        };
        let bytes = match options.head {
            true => Bytes::new(),
            false => object.bytes.slice(range.start as usize..range.end as usize),
        };
        Ok(Reply::Found { meta, range, bytes, end: End::Whole })
    }

    /// Deletes, as S3 does, whether anything is there or not.
    pub(super) fn delete(&mut self, key: &Path) -> Result<Path> {
        self.objects.remove(key);
        Ok(key.clone())
    }

    fn list(&self, prefix: Option<&Path>, after: Option<&Path>) -> Reply {
        let wanted = |key: &Path| {
            prefix.is_none_or(|prefix| key.prefix_matches(prefix) && key != prefix)
                && after.is_none_or(|after| key > after)
        };
        let listed =
            self.objects.iter().filter(|(key, _)| wanted(key)).map(|(key, object)| meta(key, object)).collect();
        Reply::Listed(listed, End::Whole)
    }
}

fn meta(key: &Path, object: &Object) -> ObjectMeta {
    ObjectMeta {
        location: key.clone(),
        last_modified: time(object.modified),
        size: object.bytes.len() as u64,
        e_tag: Some(object.etag.to_string()),
        version: None,
    }
}

fn time(since_begin: Duration) -> DateTime<Utc> {
    let ms = BEGIN_MS + i64::try_from(since_begin.as_millis()).unwrap_or(i64::MAX / 2);
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

pub(super) fn missing(key: &str) -> Error {
    Error::NotFound { path: key.to_owned(), source: "404 NoSuchKey".into() }
}

pub(super) fn exists(key: &Path, said: &str) -> Error {
    Error::AlreadyExists { path: key.to_string(), source: said.to_owned().into() }
}

pub(super) fn generic(said: &str) -> Error {
    Error::Generic { store: "simulated", source: said.to_owned().into() }
}
