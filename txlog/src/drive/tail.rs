//! What has been committed since?
//!
//! Commits are fetched in windows that double, each in parallel, until one isn't there: `n` new ones cost at most
//! `2n + 2` requests, the last of them in O(log n) round trips. No listing.

use futures::future::try_join_all;

use super::store::LogStore;
use crate::error::Result;
use crate::replay::Commit;
use crate::snapshot::Snapshot;
use crate::version::Version;

/// Past this many, a listing from the hint is cheaper.
pub(super) const MAX_BEHIND: u64 = 64;

/// How many commits are asked for at first where it isn't known that there are any.
pub(super) const FIRST_WINDOW: u64 = 1;
/// How many where as many as [`MAX_BEHIND`] were there just before.
pub(super) const NEXT_WINDOW: u64 = 64;

/// How following ended.
pub(super) enum Tail {
    /// At the newest version.
    Followed(Snapshot),
    /// More than [`MAX_BEHIND`] versions are new.
    TooFar,
}

/// The snapshot after every commit that follows `base`.
pub(super) async fn follow_all(store: &LogStore, base: &Snapshot) -> Result<Tail> {
    let (commits, more) = fetch(store, base.version().next(), FIRST_WINDOW).await?;
    if more {
        return Ok(Tail::TooFar);
    }
    Snapshot::follow(Some(base), &commits).map(Tail::Followed).map_err(|e| store.named(e))
}

/// The commits from `from` on, in order, and whether there may be more of them than were fetched: no more than some
/// [`MAX_BEHIND`] and the window that went past it are held.
pub(super) async fn fetch(store: &LogStore, from: Version, first_window: u64) -> Result<(Vec<Commit>, bool)> {
    let mut commits: Vec<Commit> = Vec::new();
    let mut window = first_window;
    while commits.len() as u64 <= MAX_BEHIND {
        let first = from.0 + commits.len() as u64;
        let answers = try_join_all((first..first + window).map(|version| store.commit(Version(version)))).await?;
        let there = answers.iter().take_while(|commit| commit.is_some()).count() as u64;
        commits.extend(answers.into_iter().map_while(|commit| commit));
        if there < window {
            return Ok((commits, false));
        }
        window *= 2;
    }
    Ok((commits, true))
}
