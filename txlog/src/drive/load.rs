//! How is a version opened cold?
//!
//! The hint, then one listing from it, then the checkpoint and the commits after it. A hint that leads nowhere costs a
//! listing of the whole log; a damaged checkpoint costs an older one and more commits (pitfalls L4, L5).
//!
//! Streams of requests are boxed: rustc can't see otherwise that a future around them is `Send`, and a runtime needs that.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::store::LogStore;
use crate::action::{Action, Sidecar};
use crate::checkpoint::{Contents, decode_json, decode_parquet};
use crate::error::{Error, ErrorKind, Result};
use crate::files::Files;
use crate::name::{CheckpointFormat, LogName};
use crate::replay::{Commit, State};
use crate::segment::{Checkpoint, CheckpointKind, Segment, plan};
use crate::snapshot::Snapshot;
use crate::version::Version;

/// Files of the log fetched at the same time.
const PARALLEL_GETS: usize = 16;

/// Why a segment did not make a snapshot.
enum Failure {
    /// Its checkpoint is damaged: another may do.
    Checkpoint(Error),
    /// Anything else.
    Other(Error),
}

/// Opens `target`, or the newest version.
pub(super) async fn load(store: &LogStore, target: Option<Version>) -> Result<Snapshot> {
    load_segment(store, target).await.map(|(snapshot, _)| snapshot).map_err(|e| store.named(e))
}

/// Opens `target`, or the newest version, and says which files made it.
async fn load_segment(store: &LogStore, target: Option<Version>) -> Result<(Snapshot, Segment)> {
    let hint = store.hint().await?;
    let from = hint.as_ref().map(|hint| hint.version).filter(|from| target.is_none_or(|target| *from <= target));
    if let Some(from) = from.filter(|from| *from > Version::ZERO) {
        let listing = store.list(from).await?;
        if let Ok(segment) = plan(&listing, hint.as_ref(), target) {
            match build(store, &segment).await {
                Ok(snapshot) => return Ok((snapshot, segment)),
                Err(Failure::Checkpoint(e)) => warn(store, &e),
                Err(Failure::Other(e)) => return Err(e),
            }
        }
    }
    let mut listing = store.list(Version::ZERO).await?;
    let planned = match plan(&listing, hint.as_ref(), target) {
        // A listing isn't atomic: a gap is believed when it is seen twice.
        Err(e) if e.kind() == ErrorKind::Corrupt => {
            listing = store.list(Version::ZERO).await?;
            plan(&listing, hint.as_ref(), target)
        }
        planned => planned,
    };
    let mut segment = planned?;
    loop {
        match build(store, &segment).await {
            Ok(snapshot) => return Ok((snapshot, segment)),
            Err(Failure::Checkpoint(e)) => match segment.fallback() {
                Some(next) => {
                    warn(store, &e);
                    segment = next;
                }
                None => return Err(e),
            },
            Err(Failure::Other(e)) => return Err(e),
        }
    }
}

fn warn(store: &LogStore, error: &Error) {
    tracing::warn!(table = store.table(), %error, "a checkpoint can't be used; going on with an older one and more commits");
}

async fn build(store: &LogStore, segment: &Segment) -> Result<Snapshot, Failure> {
    let base = match segment.checkpoint() {
        Some(checkpoint) => Some(read_checkpoint(store, checkpoint).await?),
        None => None,
    };
    let versions: Vec<Version> = segment.commits().iter().map(|file| file.version).collect();
    let commits: Vec<Commit> = stream::iter(versions)
        .map(|version| commit(store, version))
        .buffered(PARALLEL_GETS)
        .boxed()
        .try_collect()
        .await
        .map_err(Failure::Other)?;
    let snapshot = Snapshot::follow(base.as_ref(), &commits).map_err(Failure::Other)?;
    if !commits.is_empty() {
        return Ok(snapshot);
    }
    own_commit(store, segment, snapshot).await.map_err(Failure::Other)
}

/// What a checkpoint doesn't keep of its own version: when it was committed.
async fn own_commit(store: &LogStore, segment: &Segment, snapshot: Snapshot) -> Result<Snapshot> {
    let Some(file) = segment.history().last().filter(|file| file.version == snapshot.version()) else {
        return Ok(snapshot);
    };
    let own = if snapshot.in_commit_timestamps()? {
        store.commit(file.version).await?
    } else {
        Some(Commit { version: file.version, last_modified: Some(file.last_modified), ..Commit::default() })
    };
    Ok(match own {
        Some(own) => snapshot.with_commit(&own),
        None => snapshot,
    })
}

async fn commit(store: &LogStore, version: Version) -> Result<Commit> {
    store.commit(version).await?.ok_or_else(|| {
        Error::not_found("a commit that was listed is gone")
            .version(version)
            .path(LogName::Commit { version }.path())
            .hint("log cleanup may have taken it: open the table again")
    })
}

async fn read_checkpoint(store: &LogStore, checkpoint: &Checkpoint) -> Result<Snapshot, Failure> {
    let contents = read_contents(store, checkpoint).await.map_err(|e| match e.kind() {
        ErrorKind::Unavailable | ErrorKind::PermissionDenied => Failure::Other(e),
        _ => Failure::Checkpoint(e.version(checkpoint.version).path(checkpoint.name().path())),
    })?;
    let damaged = |e: Error| Failure::Checkpoint(e.path(checkpoint.name().path()));
    let mut state = State { files: Files::from_batches(contents.adds).map_err(damaged)?, ..State::default() };
    contents.actions.into_iter().for_each(|action| state.take(action));
    state.tombstones = contents.removes.into_iter().map(Arc::new).collect();
    Snapshot::from_checkpoint(checkpoint.version, state).map_err(|e| match e.kind() {
        ErrorKind::Corrupt => Failure::Checkpoint(e.path(checkpoint.name().path())),
        _ => Failure::Other(e),
    })
}

async fn read_contents(store: &LogStore, checkpoint: &Checkpoint) -> Result<Contents> {
    let names: Vec<LogName> = checkpoint.files.iter().map(|file| file.name.clone()).collect();
    let parts: Vec<Contents> = stream::iter(names)
        .map(|name| async move {
            let json = checkpoint.kind == CheckpointKind::Uuid(CheckpointFormat::Json);
            read_file(store, name, if json { CheckpointFormat::Json } else { CheckpointFormat::Parquet }).await
        })
        .buffered(PARALLEL_GETS)
        .boxed()
        .try_collect()
        .await?;
    let mut contents = Contents::default();
    parts.into_iter().for_each(|part| contents.merge(part));
    check_metadata(&contents, checkpoint.version)?;
    let sidecars: Vec<LogName> = contents.actions.iter().filter_map(sidecar).collect::<Result<_>>()?;
    let sidecars: Vec<Contents> = stream::iter(sidecars)
        .map(|name| read_file(store, name, CheckpointFormat::Parquet))
        .buffered(PARALLEL_GETS)
        .boxed()
        .try_collect()
        .await?;
    sidecars.into_iter().for_each(|part| contents.merge(part));
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

fn sidecar(action: &Action) -> Option<Result<LogName>> {
    let Action::Sidecar(sidecar) = action else { return None };
    Some(sidecar_name(sidecar))
}

/// Sidecars stand in the table's own folder for them, by name alone or with it in front (pitfall H1).
fn sidecar_name(sidecar: &Sidecar) -> Result<LogName> {
    let outside = || Error::corrupt("a sidecar outside _delta_log/_sidecars").path(&sidecar.path);
    let decoded = percent_encoding::percent_decode_str(&sidecar.path).decode_utf8().map_err(|_| outside())?;
    let name = decoded.rsplit('/').next().unwrap_or_default();
    match LogName::parse(&format!("_sidecars/{name}")) {
        found @ LogName::Sidecar { .. } if !name.starts_with('.') => Ok(found),
        _ => Err(outside()),
    }
}

async fn read_file(store: &LogStore, name: LogName, format: CheckpointFormat) -> Result<Contents> {
    let path = name.path();
    let Some((bytes, _)) = store.get(&name).await? else {
        return Err(Error::not_found("a file of a checkpoint is gone").path(path));
    };
    let decode = move || match format {
        CheckpointFormat::Json => decode_json(&bytes),
        CheckpointFormat::Parquet => decode_parquet(bytes),
    };
    match tokio::task::spawn_blocking(decode).await {
        Ok(contents) => contents.map_err(|e| e.path(path)),
        // A decoder that panics on damaged bytes has found damage (pitfall H2).
        Err(e) => Err(Error::corrupt("a checkpoint can't be decoded").path(path).because(e)),
    }
}
