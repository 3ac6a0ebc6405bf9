//! The requests that a log needs, and their errors with table and path.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::ready;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::error::store_error;
use super::upload::Stored;
use crate::action::{Action, CommitInfo};
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind, Result};
use crate::name::{LOG_FOLDER, LogName, listing_offset};
use crate::replay::Commit;
use crate::segment::{LastCheckpointHint, ListedFile};
use crate::version::{TimestampMs, Version};

/// What is read of a commit for the `commitInfo` at its begin.
const COMMIT_INFO_BYTES: u64 = 64 * 1024;

/// When a put whose answer was an error can still take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// Never: the call did it all before it returned (a local folder).
    AtOnce,
    /// Any time: the request may still be under way (a store behind a network).
    Late,
}

/// The log's part of a table's stores. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogStore {
    reads: Arc<dyn ObjectStore>,
    commits: Arc<dyn ObjectStore>,
    root: Path,
    table: Arc<str>,
    landing: Landing,
}

/// How a put-if-absent was answered.
#[derive(Debug)]
pub(super) enum PutAnswer {
    Stored,
    /// Nothing was written, and the reason stays.
    Refused(Error),
    /// It may have been written.
    Unclear(Error),
}

/// Whether the store says that it won't do what was asked, and why stays so.
pub(super) fn is_refusal(error: &Error) -> bool {
    use ErrorKind::{InvalidRequest, NotFound, PermissionDenied, Unsupported};
    matches!(error.kind(), PermissionDenied | Unsupported | InvalidRequest | NotFound)
}

impl LogStore {
    /// The log below `root`. `commits` must send no request twice by itself (pitfall C19); `table` names the table in
    /// errors.
    #[must_use]
    pub fn new(
        reads: Arc<dyn ObjectStore>,
        commits: Arc<dyn ObjectStore>,
        root: Path,
        table: impl Into<Arc<str>>,
        landing: Landing,
    ) -> LogStore {
        LogStore { reads, commits, root, table: table.into(), landing }
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The table's folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn landing(&self) -> Landing {
        self.landing
    }

    pub(super) fn key(&self, name: &LogName) -> Path {
        let log = self.root.clone().join(LOG_FOLDER);
        name.to_string().split('/').fold(log, |path, part| path.join(part))
    }

    /// Where everything but commits is read and written.
    pub(super) fn reads(&self) -> &Arc<dyn ObjectStore> {
        &self.reads
    }

    /// Names table and path in a store's error.
    pub(super) fn error(&self, error: object_store::Error, attempted: &str, key: &Path) -> Error {
        store_error(error, attempted, key.as_ref()).table(&*self.table)
    }

    pub(super) fn named(&self, error: Error) -> Error {
        error.table(&*self.table)
    }

    /// A file of the log, or `None` where it isn't there.
    pub(super) async fn get(&self, name: &LogName) -> Result<Option<(Bytes, ObjectMeta)>> {
        let key = self.key(name);
        let attempted = "reading the log";
        let found = match self.reads.get_opts(&key, GetOptions::default()).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(self.error(e, attempted, &key)),
        };
        let meta = found.meta.clone();
        let bytes = found.bytes().await.map_err(|e| self.error(e, attempted, &key))?;
        if bytes.len() as u64 != meta.size {
            return Err(self.named(
                Error::unavailable(format!("{} bytes of {} arrived", bytes.len(), meta.size)).path(key.as_ref()),
            ));
        }
        Ok(Some((bytes, meta)))
    }

    /// A range of a file of the log, or `None` where the file isn't there; `of` pins the bytes to those of an earlier
    /// answer.
    ///
    /// # Errors
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) when the file isn't the same any more; those of the store.
    pub(super) async fn get_range(
        &self,
        name: &LogName,
        range: GetRange,
        of: Option<&str>,
    ) -> Result<Option<(Range<u64>, Bytes, ObjectMeta)>> {
        let key = self.key(name);
        let attempted = "reading a part of a file of the log";
        let options = GetOptions { range: Some(range), if_match: of.map(str::to_owned), ..GetOptions::default() };
        let found = match self.reads.get_opts(&key, options).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(self.error(e, attempted, &key)),
        };
        let (range, meta) = (found.range.clone(), found.meta.clone());
        let bytes = found.bytes().await.map_err(|e| self.error(e, attempted, &key))?;
        if bytes.len() as u64 != range.end - range.start {
            let expected = range.end - range.start;
            return Err(self
                .named(Error::unavailable(format!("{} bytes of {expected} arrived", bytes.len())).path(key.as_ref())));
        }
        Ok(Some((range, bytes, meta)))
    }

    /// The `commitInfo` that a commit begins with, as in-commit timestamps demand; `None` where there is no such commit,
    /// or it begins otherwise. One request of at most [`COMMIT_INFO_BYTES`], whatever the size of the commit.
    pub(super) async fn commit_info(&self, version: Version) -> Result<Option<CommitInfo>> {
        let name = LogName::Commit { version };
        let begin = GetRange::Bounded(0..COMMIT_INFO_BYTES);
        let Some((_, bytes, _)) = self.get_range(&name, begin, None).await? else { return Ok(None) };
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match std::str::from_utf8(line).ok().map(Action::parse) {
            Some(Ok(Some(Action::CommitInfo(info)))) => Ok(Some(info)),
            _ => Ok(None),
        }
    }

    /// The checksum of a version, or `None` where there is none that can be read: it is no part of the table.
    pub(super) async fn checksum(&self, version: Version) -> Option<Checksum> {
        let name = LogName::Crc { version };
        let found = self.get(&name).await.and_then(|found| match found {
            Some((bytes, _)) => Checksum::parse(&bytes).map(Some),
            None => Ok(None),
        });
        found.unwrap_or_else(|error| {
            tracing::warn!(table = %self.table, path = %name.path(), %error, "a version checksum says nothing");
            None
        })
    }

    /// What a log compaction file says of its commits together, or `None` where it isn't there.
    pub(super) async fn compacted(&self, start: Version, end: Version) -> Result<Option<Commit>> {
        let name = LogName::Compacted { start, end };
        let Some((bytes, _)) = self.get(&name).await? else { return Ok(None) };
        Commit::parse_compacted(start, end, &bytes).map(Some).map_err(|e| self.named(e.path(name.path())))
    }

    /// A commit, or `None` where it isn't there.
    pub(super) async fn commit(&self, version: Version) -> Result<Option<Commit>> {
        let name = LogName::Commit { version };
        let Some((bytes, meta)) = self.get(&name).await? else { return Ok(None) };
        let written = TimestampMs(meta.last_modified.timestamp_millis());
        let commit = Commit::parse(version, &bytes, Some(written));
        commit.map(Some).map_err(|e| self.named(e.path(name.path())))
    }

    /// `_last_checkpoint`; one that can't be read or parsed is no hint.
    pub(super) async fn hint(&self) -> Result<Option<LastCheckpointHint>> {
        match self.get(&LogName::LastCheckpoint).await {
            Ok(found) => Ok(found.and_then(|(bytes, _)| LastCheckpointHint::parse(&bytes))),
            Err(e) if e.kind() == ErrorKind::PermissionDenied || e.kind() == ErrorKind::NotFound => Err(e),
            Err(e) => {
                tracing::warn!(table = %self.table, error = %e, "_last_checkpoint can't be read; listing the whole log");
                Ok(None)
            }
        }
    }

    /// The files of the log from a version on.
    pub(super) async fn list(&self, from: Version) -> Result<Vec<ListedFile>> {
        let log = self.root.clone().join(LOG_FOLDER);
        let stream = if from == Version::ZERO {
            self.reads.list(Some(&log))
        } else {
            self.reads.list_with_offset(Some(&log), &log.clone().join(listing_offset(from).as_str()))
        };
        let prefix = format!("{log}/");
        // Behind a network, listings are in order, page by page: what comes after the versions (sidecars above all) isn't
        // asked for. A folder lists as it likes, at once.
        let in_order = self.landing == Landing::Late;
        let past = format!("{log}/:");
        let stream = stream.try_take_while(move |meta| ready(Ok(!in_order || meta.location.as_ref() < past.as_str())));
        let listed: Vec<ObjectMeta> = match stream.try_collect().await {
            Ok(listed) => listed,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(e) => return Err(self.error(e, "listing the log", &log)),
        };
        let file = |meta: &ObjectMeta| {
            let name = meta.location.as_ref().strip_prefix(&prefix)?;
            Some(ListedFile {
                name: LogName::parse(name),
                size: meta.size,
                last_modified: TimestampMs(meta.last_modified.timestamp_millis()),
            })
        };
        Ok(listed.iter().filter_map(file).collect())
    }

    /// Puts a commit if nothing is at its version.
    pub(super) async fn put_commit(&self, version: Version, bytes: Bytes) -> PutAnswer {
        let key = self.key(&LogName::Commit { version });
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let error = match self.commits.put_opts(&key, PutPayload::from_bytes(bytes), options).await {
            Ok(_) => return PutAnswer::Stored,
            Err(e) => e,
        };
        let error = self.error(error, "committing", &key).version(version);
        let is_full = error.kind() == ErrorKind::Exhausted && self.landing == Landing::AtOnce;
        if is_full || is_refusal(&error) { PutAnswer::Refused(error) } else { PutAnswer::Unclear(error) }
    }

    /// Puts a file of the log if none of that name is there, and says whether it did.
    pub(super) async fn create(&self, name: &LogName, bytes: Bytes) -> Result<bool> {
        let key = self.key(name);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.reads.put_opts(&key, PutPayload::from_bytes(bytes), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(e) => Err(self.error(e, "writing to the log", &key)),
        }
    }

    /// Whether a file is there.
    pub(super) async fn is_there(&self, key: &Path) -> Result<bool> {
        match self.reads.head(key).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(self.error(e, "looking into the log", key)),
        }
    }

    /// Puts a file of the log, unless one of that name is there.
    pub(super) async fn put_new(&self, key: &Path, payload: PutPayload) -> Result<Stored> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.reads.put_opts(key, payload, options).await {
            Ok(_) => Ok(Stored::New),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(Stored::AlreadyThere)
            }
            Err(e) => Err(self.error(e, "writing to the log", key)),
        }
    }

    /// Puts a file of the log, replacing one of that name.
    pub(super) async fn put(&self, name: &LogName, bytes: Bytes) -> Result<()> {
        let key = self.key(name);
        self.reads
            .put(&key, PutPayload::from_bytes(bytes))
            .await
            .map(|_| ())
            .map_err(|e| self.error(e, "writing to the log", &key))
    }
}
