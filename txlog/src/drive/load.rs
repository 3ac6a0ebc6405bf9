//! How is a version opened cold?
//!
//! | round trip | what is asked for |
//! |---|---|
//! | 1 | the hint |
//! | 2 | one listing from the hint on; with it, what the hint leads to (`ahead`) |
//! | 3 | what the listing shows to be missing: commits, columns or sidecars of the checkpoint, the version's checksum |
//!
//! A hint that leads nowhere costs a listing of the whole log; a damaged checkpoint, or one that contradicts its version's
//! checksum, costs an older one and more commits (pitfalls L4, L5); a damaged log compaction file costs its commits.
//!
//! Streams of requests are boxed: rustc can't see otherwise that a future around them is `Send`, and a runtime needs that.

use std::collections::{BTreeMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};

use super::ahead::Ahead;
use super::opened::Opened;
use super::part::{self, Begun};
use super::store::LogStore;
use super::{PARALLEL_COMMITS, PARALLEL_GETS};
use crate::action::Action;
use crate::checkpoint::{Contents, Wanted, sidecar_file};
use crate::error::{Error, ErrorKind, Result};
use crate::name::LogName;
use crate::replay::Commit;
use crate::segment::{Checkpoint, CompactedFile, LastCheckpointHint, ListedFile, Segment, Step, plan};
use crate::version::{TimestampMs, Version};

/// Why a segment did not make a version that can be believed.
enum Failure<T> {
    /// Its checkpoint, or what stands for several commits, is damaged: another way to the version may do.
    Base(Error),
    /// It contradicts the version's checksum: a second opinion is needed.
    Contradicted(Box<T>, Error),
    /// Anything else.
    Other(Error),
}

/// What has been found out on other ways to the same version.
struct Doubts<T> {
    /// A checkpoint that isn't tried again.
    damaged: Option<LogName>,
    compaction: Compaction,
    /// What contradicts the version's checksum, and the checkpoint that it was made of.
    contradicted: Option<(Option<LogName>, Box<T>)>,
    /// What is wrong with the damaged checkpoint, for when there is no other.
    error: Option<Error>,
}

impl<T: Opened> Doubts<T> {
    /// Takes in what came of a segment: the version, where it is settled; an error, where nothing else will help.
    ///
    /// A version that contradicts its checksum is believed when it was replayed from commits alone, which are the table,
    /// or when a second way comes to the same: then it is the checksum that is wrong.
    fn settle(&mut self, store: &LogStore, segment: &Segment, built: Result<T, Failure<T>>) -> Result<Option<T>> {
        let used = self.compaction == Compaction::Used
            && segment.steps().iter().any(|step| matches!(step, Step::Compacted(_)));
        let error = match built {
            Ok(opened) => return Ok(Some(opened)),
            Err(Failure::Other(e)) => return Err(e),
            Err(Failure::Base(e)) => e,
            Err(Failure::Contradicted(opened, e)) => {
                let base = segment.checkpoint().map(|checkpoint| checkpoint.name().clone());
                let commits_alone = base.is_none() && !used;
                let like = |(other, found): &(Option<LogName>, Box<T>)| *other != base && found.is_like(&opened);
                if commits_alone || self.contradicted.as_ref().is_some_and(like) {
                    let table = store.table();
                    tracing::error!(table, error = %e, "a version checksum is wrong: the log itself says otherwise");
                    return Ok(Some(*opened));
                }
                self.contradicted = Some((base, opened));
                e
            }
        };
        warn(store, &error);
        self.compaction = Compaction::Ignored;
        // A compaction is the first to be doubted, then the checkpoint.
        self.damaged = segment.checkpoint().filter(|_| !used).map(|checkpoint| checkpoint.name().clone());
        if !used && segment.fallback().is_none() { Err(error) } else { Ok(None) }
    }
}

/// Opens `target`, or the newest version.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) where it isn't there; [`Corrupt`](ErrorKind::Corrupt) where the log has a gap, or no
/// way to the version is undamaged; [`Unsupported`](ErrorKind::Unsupported); those of the store.
pub(super) async fn load<T: Opened>(store: &LogStore, target: Option<Version>) -> Result<T> {
    open(store, target).await.map_err(|e| store.named(e))
}

async fn open<T: Opened>(store: &LogStore, target: Option<Version>) -> Result<T> {
    let hint = store.hint().await?;
    let mut doubts = Doubts { damaged: None, compaction: Compaction::Used, contradicted: None, error: None };
    let near =
        |hint: &&LastCheckpointHint| hint.version > Version::ZERO && target.is_none_or(|target| hint.version <= target);
    if let Some(hint) = hint.as_ref().filter(near) {
        let ahead = Ahead::ask(store, hint, target, T::WANTED);
        let (listing, ahead) = futures::join!(store.list(hint.version), ahead);
        if let Ok(segment) = plan(&listing?, Some(hint), target) {
            let built = build(store, &segment, ahead, Compaction::Used).await;
            // Where this listing leaves no other way, the whole log may.
            match doubts.settle(store, &segment, built) {
                Ok(Some(opened)) => return Ok(opened),
                Err(e) if doubts.compaction == Compaction::Used => return Err(e),
                Ok(None) => {}
                Err(e) => doubts.error = Some(e),
            }
        }
    }
    from_the_whole_log(store, hint.as_ref(), target, doubts).await
}

/// Lists the whole log, and tries every way to the version until one can be believed.
async fn from_the_whole_log<T: Opened>(
    store: &LogStore,
    hint: Option<&LastCheckpointHint>,
    target: Option<Version>,
    mut doubts: Doubts<T>,
) -> Result<T> {
    let mut listing = store.list(Version::ZERO).await?;
    let planned = match plan(&listing, hint, target) {
        // A listing isn't atomic: a gap is believed when it is seen twice.
        Err(e) if e.kind() == ErrorKind::Corrupt => {
            listing = store.list(Version::ZERO).await?;
            plan(&listing, hint, target)
        }
        planned => planned,
    };
    let mut segment = planned?;
    loop {
        let name = segment.checkpoint().map(Checkpoint::name);
        if name.is_some() && name == doubts.damaged.as_ref() {
            match (segment.fallback(), doubts.error.take()) {
                (Some(next), _) => segment = next,
                (None, Some(e)) => return Err(e),
                (None, None) => {}
            }
        }
        let built = build(store, &segment, Ahead::default(), doubts.compaction).await;
        if let Some(opened) = doubts.settle(store, &segment, built)? {
            return Ok(opened);
        }
    }
}

/// Whether log compaction files are read in place of their commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compaction {
    Used,
    Ignored,
}

fn warn(store: &LogStore, error: &Error) {
    tracing::warn!(table = store.table(), %error, "a part of the log can't be used; going on with an older checkpoint and more commits");
}

async fn build<T: Opened>(
    store: &LogStore,
    segment: &Segment,
    mut ahead: Ahead,
    compaction: Compaction,
) -> Result<T, Failure<T>> {
    let enough = ahead.is_enough_for(segment, T::WANTED);
    if !enough && let Some(opened) = by_checksum(store, segment).await {
        return Ok(opened);
    }
    let steps = steps(segment, &ahead, compaction);
    let (parts, commits) = (ahead.take_parts(), ahead.take_commits());
    let base = async {
        match segment.checkpoint() {
            Some(checkpoint) => read_checkpoint::<T>(store, checkpoint, parts).await.map(Some),
            None => Ok(None),
        }
    };
    // One more request, but no round trip of its own.
    let checksum = async {
        match segment.checksum() {
            Some(_) if !enough && T::WANTED == Wanted::All => store.checksum(segment.version()).await,
            _ => None,
        }
    };
    let known = ahead.take_info(segment.version());
    let own = async {
        let told = matches!(steps.last(), Some(Step::Commit(_))) || T::WANTED == Wanted::Table;
        let listed = segment.history().last().filter(|file| file.version == segment.version() && !told);
        match listed {
            Some(file) => {
                let info = match known {
                    Some(info) => info,
                    None => store.commit_info(file.version).await.ok().flatten(),
                };
                Some(own_commit(file.version, file.last_modified, info))
            }
            None => None,
        }
    };
    let (base, commits, checksum, own) = futures::join!(base, replayed(store, &steps, commits), checksum, own);
    let base = base?;
    if let (Some(base), Some(checkpoint)) = (&base, segment.checkpoint())
        && let Some(checksum) = ahead.take_checksum(checkpoint.version)
    {
        base.check(&checksum).map_err(Failure::Base)?;
    }
    let commits = commits.map_err(Failure::Other)?;
    let opened = T::follow(base, &commits).map_err(|e| match e.kind() {
        ErrorKind::Corrupt if commits.iter().any(|commit| commit.since.is_some()) => Failure::Base(e),
        _ => Failure::Other(e),
    })?;
    let opened = timed(store, opened, own).await.map_err(Failure::Other)?;
    match checksum.map(|checksum| opened.check(&checksum)) {
        Some(Err(e)) => Err(Failure::Contradicted(Box::new(opened), e)),
        _ => Ok(opened),
    }
}

/// What the version's checksum alone makes, where that is enough and it is this commit's: written after it.
async fn by_checksum<T: Opened>(store: &LogStore, segment: &Segment) -> Option<T> {
    let file = segment.checksum().filter(|_| T::WANTED == Wanted::Table)?;
    let commit = segment.history().last().filter(|commit| commit.version == segment.version())?;
    if file.last_modified < commit.last_modified {
        return None;
    }
    let checksum = store.checksum(segment.version()).await?;
    T::by_checksum(segment.version(), &checksum)
}

/// What is read after the checkpoint: no compaction where its commits are at hand.
fn steps(segment: &Segment, ahead: &Ahead, compaction: Compaction) -> Vec<Step> {
    let of = |file: &CompactedFile| (file.start.0..=file.end.0).map(Version);
    let apart = |step: Step| -> Vec<Step> {
        match step {
            Step::Compacted(file)
                if compaction == Compaction::Ignored || of(&file).all(|version| ahead.has_commit(version)) =>
            {
                of(&file).map(Step::Commit).collect()
            }
            step => vec![step],
        }
    };
    segment.steps().into_iter().flat_map(apart).collect()
}

/// The commits of the steps, in order.
async fn replayed(store: &LogStore, steps: &[Step], mut known: BTreeMap<Version, Commit>) -> Result<Vec<Commit>> {
    let steps: Vec<(Step, Option<Commit>)> = steps
        .iter()
        .map(|step| match step {
            Step::Commit(version) => (*step, known.remove(version)),
            Step::Compacted(_) => (*step, None),
        })
        .collect();
    let commits: Vec<Vec<Commit>> = stream::iter(steps)
        .map(|(step, known)| async move {
            match (known, step) {
                (Some(commit), _) => Ok(vec![commit]),
                (None, Step::Commit(version)) => Ok(vec![commit(store, version).await?]),
                (None, Step::Compacted(file)) => compacted(store, file).await,
            }
        })
        .buffered(PARALLEL_COMMITS)
        .boxed()
        .try_collect()
        .await?;
    Ok(commits.into_iter().flatten().collect())
}

async fn commit(store: &LogStore, version: Version) -> Result<Commit> {
    store.commit(version).await?.ok_or_else(|| {
        Error::not_found("a commit that was listed is gone")
            .version(version)
            .path(LogName::Commit { version }.path())
            .hint("log cleanup may have taken it: open the table again")
    })
}

/// A log compaction file; where it can't be used, its commits.
async fn compacted(store: &LogStore, file: CompactedFile) -> Result<Vec<Commit>> {
    let error = match store.compacted(file.start, file.end).await {
        Ok(Some(commit)) => return Ok(vec![commit]),
        Ok(None) => Error::not_found("a log compaction file that was listed is gone"),
        Err(e) if e.kind() == ErrorKind::Unavailable => return Err(e),
        Err(e) => e,
    };
    tracing::warn!(table = store.table(), %error, "a log compaction file can't be used; going on with its commits");
    stream::iter(file.start.0..=file.end.0)
        .map(|version| commit(store, Version(version)))
        .buffered(PARALLEL_GETS)
        .boxed()
        .try_collect()
        .await
}

/// What a checkpoint doesn't keep of its own version: when it was committed.
fn own_commit(version: Version, written: TimestampMs, commit_info: Option<crate::action::CommitInfo>) -> Commit {
    Commit { version, last_modified: Some(written), commit_info, ..Commit::default() }
}

/// The version with its own commit's time, where only a checkpoint or a compaction was read.
async fn timed<T: Opened>(store: &LogStore, opened: T, own: Option<Commit>) -> Result<T> {
    let Some(own) = own else { return Ok(opened) };
    let version = own.version;
    if own.in_commit_timestamp().is_none() && opened.in_commit_timestamps()? {
        // `commitInfo` isn't its first line, as it must be.
        return Ok(opened.with_commit(&commit(store, version).await?));
    }
    Ok(opened.with_commit(&own))
}

async fn read_checkpoint<T: Opened>(
    store: &LogStore,
    checkpoint: &Checkpoint,
    begun: Vec<Begun>,
) -> Result<T, Failure<T>> {
    let named = |e: Error| e.version(checkpoint.version).path(checkpoint.name().path());
    let contents = read_contents(store, checkpoint, begun, T::WANTED).await.map_err(|e| match e.kind() {
        ErrorKind::Unavailable | ErrorKind::PermissionDenied => Failure::Other(e),
        _ => Failure::Base(named(e)),
    })?;
    T::from_checkpoint(checkpoint.version, contents).map_err(|e| match e.kind() {
        ErrorKind::Corrupt => Failure::Base(named(e)),
        _ => Failure::Other(e),
    })
}

async fn read_contents(
    store: &LogStore,
    checkpoint: &Checkpoint,
    mut begun: Vec<Begun>,
    wanted: Wanted,
) -> Result<Contents> {
    let mut files: Vec<(ListedFile, Option<Begun>)> = Vec::new();
    for file in &checkpoint.files {
        let at = begun.iter().position(|part| *part.name() == file.name);
        files.push((file.clone(), at.map(|at| begun.swap_remove(at))));
    }
    let mut contents = read_files(store, files, wanted).await?;
    check_metadata(&contents, checkpoint.version)?;
    if wanted == Wanted::Table {
        return Ok(contents);
    }
    let sidecars: Vec<_> = contents.actions.iter().filter_map(sidecar).collect::<Result<_>>()?;
    let mut names = HashSet::new();
    if let Some((twice, _)) = sidecars.iter().find(|(file, _)| !names.insert(file.name.clone())) {
        return Err(Error::corrupt("a checkpoint names a sidecar twice").path(twice.name.path()));
    }
    contents.merge(read_files(store, sidecars, wanted).await?);
    Ok(contents)
}

async fn read_files(store: &LogStore, files: Vec<(ListedFile, Option<Begun>)>, wanted: Wanted) -> Result<Contents> {
    let parts: Vec<Contents> = stream::iter(files)
        .map(|(file, begun)| async move { part::read(store, &file, begun, wanted).await })
        .buffered(PARALLEL_GETS)
        .boxed()
        .try_collect()
        .await?;
    let mut contents = Contents::default();
    parts.into_iter().for_each(|part| contents.merge(part));
    Ok(contents)
}

/// A V2 checkpoint says which version it holds.
fn check_metadata(contents: &Contents, version: Version) -> Result<()> {
    for action in &contents.actions {
        if let Action::CheckpointMetadata(metadata) = action
            && u64::try_from(metadata.version) != Ok(version.0)
        {
            return Err(Error::corrupt(format!(
                "a checkpoint of version {version} says it is of {}",
                metadata.version
            )));
        }
    }
    Ok(())
}

fn sidecar(action: &Action) -> Option<Result<(ListedFile, Option<Begun>)>> {
    let Action::Sidecar(sidecar) = action else { return None };
    let size = u64::try_from(sidecar.size_in_bytes).unwrap_or(0);
    let last_modified = TimestampMs(sidecar.modification_time);
    Some(sidecar_file(sidecar).map(|name| (ListedFile { name, size, last_modified }, None)))
}
