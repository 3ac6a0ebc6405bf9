//! Which versions are there, and when were they committed?

use futures::{StreamExt, TryStreamExt, stream};

use super::commit::info;
use super::{Log, PARALLEL_GETS};
use crate::action::CommitInfo;
use crate::error::{Error, Result};
use crate::segment::{CommitFile, plan};
use crate::snapshot::Snapshot;
use crate::version::{TimestampMs, Version};

/// One commit, as history shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The version it made.
    pub version: Version,
    /// When: its in-commit timestamp where the table had such, else the time of its file, made monotonic.
    pub timestamp: TimestampMs,
    /// What it says of itself.
    pub info: CommitInfo,
    /// How many files it added.
    pub num_added: usize,
    /// How many files it removed.
    pub num_removed: usize,
}

/// How the commits of a table are timed: file times up to a version, in-commit timestamps from it on (pitfall L15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Regime {
    /// The first version with an in-commit timestamp that counts; `None`: no version has one.
    in_commit_since: Option<Version>,
}

impl Regime {
    fn of(snapshot: &Snapshot) -> Result<Regime> {
        if !snapshot.in_commit_timestamps()? {
            return Ok(Regime { in_commit_since: None });
        }
        let enabled = snapshot.properties().in_commit_timestamp_enablement()?;
        Ok(Regime { in_commit_since: Some(enabled.map_or(Version::ZERO, |(version, _)| version)) })
    }

    fn is_in_commit(self, version: Version) -> bool {
        self.in_commit_since.is_some_and(|since| version >= since)
    }
}

impl Log {
    /// The newest `limit` commits that the log still has, newest first: one listing and a request for each.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn history(&self, limit: usize) -> Result<Vec<Entry>> {
        let snapshot = self.refresh().await?;
        let regime = Regime::of(&snapshot)?;
        let files = self.commit_files(&snapshot).await?;
        let first = files.len().saturating_sub(limit);
        let times = monotonic(&files);
        let wanted: Vec<_> = files.iter().map(|file| file.version).zip(times).skip(first).collect();
        let entries: Vec<Option<Entry>> = stream::iter(wanted)
            .map(|(version, time)| self.entry(version, time, regime))
            .buffered(PARALLEL_GETS)
            .boxed()
            .try_collect()
            .await?;
        let mut entries: Vec<Entry> = entries.into_iter().flatten().collect();
        entries.reverse();
        Ok(entries)
    }

    async fn entry(&self, version: Version, file_time: TimestampMs, regime: Regime) -> Result<Option<Entry>> {
        let Some(commit) = self.store().commit(version).await? else { return Ok(None) };
        let in_commit = commit.in_commit_timestamp().filter(|_| regime.is_in_commit(version));
        Ok(Some(Entry {
            version,
            timestamp: in_commit.unwrap_or(file_time),
            info: info(&commit),
            num_added: commit.adds.len(),
            num_removed: commit.removes.len(),
        }))
    }

    /// The version that was the newest at `time`.
    ///
    /// One listing, and O(log n) commits where they carry their own timestamps.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a time before the first commit that is left, or after the last one.
    pub async fn version_at(&self, time: TimestampMs) -> Result<Version> {
        let snapshot = self.refresh().await?;
        let regime = Regime::of(&snapshot)?;
        let files = self.commit_files(&snapshot).await?;
        let split = files.partition_point(|file| !regime.is_in_commit(file.version));
        let (by_file, by_commit) = files.split_at(split);
        let first_in_commit = match by_commit.first() {
            Some(first) => Some(self.in_commit_time(first.version).await?),
            None => None,
        };
        let found = match first_in_commit {
            Some(first) if time >= first => self.search(by_commit, time).await?,
            _ => {
                let times = monotonic(by_file);
                let after = times.partition_point(|written| *written <= time);
                self.bounded(by_file, after, times.last().copied(), time, by_commit.is_empty())?
            }
        };
        Ok(found)
    }

    /// The snapshot that was the newest at `time`.
    ///
    /// # Errors
    /// As [`version_at`](Self::version_at) and [`at`](Self::at).
    pub async fn as_of(&self, time: TimestampMs) -> Result<Snapshot> {
        let version = self.version_at(time).await?;
        self.at(version).await
    }

    /// Binary search over commits that carry their own, strictly increasing timestamps.
    async fn search(&self, files: &[CommitFile], time: TimestampMs) -> Result<Version> {
        let (mut low, mut high) = (0, files.len());
        let mut newest = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let at = self.in_commit_time(files[middle].version).await?;
            if middle + 1 == files.len() {
                newest = Some(at);
            }
            if at <= time {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if low == files.len() && newest.is_none() {
            newest = match files.last() {
                Some(last) => Some(self.in_commit_time(last.version).await?),
                None => None,
            };
        }
        self.bounded(files, low, newest, time, true)
    }

    /// The last of the first `after` files, unless `time` lies outside of what the log knows.
    fn bounded(
        &self,
        files: &[CommitFile],
        after: usize,
        newest: Option<TimestampMs>,
        time: TimestampMs,
        ends_here: bool,
    ) -> Result<Version> {
        let outside = |what: String| Err(Error::not_found(what).table(self.store().table()));
        if after == files.len()
            && ends_here
            && let Some(newest) = newest.filter(|newest| time > *newest)
        {
            return outside(format!("{time} is after the newest commit, of {newest}"))
                .map_err(|e: Error| e.hint("leave the timestamp out for the newest version"));
        }
        match after.checked_sub(1).and_then(|at| files.get(at)) {
            Some(file) => Ok(file.version),
            None => outside(format!("{time} is before the first commit that the log still has")),
        }
    }

    async fn in_commit_time(&self, version: Version) -> Result<TimestampMs> {
        let commit = self.store().commit(version).await?;
        commit.and_then(|commit| commit.in_commit_timestamp()).ok_or_else(|| {
            Error::corrupt("a commit lacks the timestamp that the table's properties promise")
                .version(version)
                .table(self.store().table())
        })
    }

    /// The commits up to the snapshot's version that the log still has, without a gap.
    async fn commit_files(&self, snapshot: &Snapshot) -> Result<Vec<CommitFile>> {
        let listing = self.store().list(Version::ZERO).await?;
        let segment = plan(&listing, None, Some(snapshot.version())).map_err(|e| self.store().named(e))?;
        Ok(segment.history().to_vec())
    }
}

/// File times with each at least a millisecond after the one before, as other engines see them.
fn monotonic(files: &[CommitFile]) -> Vec<TimestampMs> {
    let mut last: Option<TimestampMs> = None;
    files
        .iter()
        .map(|file| {
            let time = match last {
                Some(last) if file.last_modified <= last => TimestampMs(last.0 + 1),
                _ => file.last_modified,
            };
            last = Some(time);
            time
        })
        .collect()
}
