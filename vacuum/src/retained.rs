//! Which versions are retained, and what do they name?
//!
//! The versions that the log can still make, from the one that was the newest at the cutoff on. Their files are those of
//! the oldest of them and of every commit after it. Where log cleanup left a hole, each run of versions has its own
//! oldest one.

use futures::{StreamExt, TryStreamExt, stream};
use lakebed::table::Table;
use lakebed_txlog::name::{LOG_FOLDER, LogName};
use lakebed_txlog::replay::Commit;
use lakebed_txlog::segment::{ListedFile, reachable};
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result, TimestampMs, Version};
use object_store::ObjectStoreExt;

use crate::choose::Listed;
use crate::needed::Needed;

/// Commits fetched at the same time.
const PARALLEL_GETS: usize = 16;

/// The files that the retained versions need.
pub(crate) async fn needed(
    table: &Table,
    snapshot: &Snapshot,
    listing: &[Listed],
    cutoff: TimestampMs,
) -> Result<Needed> {
    let mut needed = Needed::default();
    needed.add_live(snapshot)?;
    needed.add_tombstones(snapshot, cutoff)?;
    let log: Vec<ListedFile> = listing.iter().filter_map(log_file).collect();
    let commits = commits(&log, snapshot.version());
    let by_file = first_since(&commits, cutoff);
    let (_, since) = commits.split_at(by_file);
    let fetches = stream::iter(since).map(|(version, written)| fetch(table, *version, *written));
    let mut fetched = fetches.buffered(PARALLEL_GETS).boxed();
    while let Some(commit) = fetched.try_next().await? {
        needed.add_commit(&commit)?;
    }
    let first = match snapshot.in_commit_timestamps()? {
        true => first_by_commit(table, &commits, by_file, cutoff, &mut needed).await?,
        false => by_file,
    };
    // The newest version at the cutoff; none where the first commit came after it.
    let oldest = match commits.get(first) {
        Some((version, _)) => version.previous(),
        None => Some(snapshot.version()),
    };
    for range in reachable(&log) {
        let version = oldest.map_or(*range.start(), |oldest| oldest.max(*range.start()));
        let is_read = version == Version::ZERO && oldest.is_none();
        if version <= *range.end() && version < snapshot.version() && !is_read {
            needed.add_live(&table.at(version).await?)?;
        }
    }
    Ok(needed)
}

/// Where the retained commits begin when their own times count as well: a file's time may be before the commit's, where
/// clocks differ. Those times only grow, so the first older one ends the search.
async fn first_by_commit(
    table: &Table,
    commits: &[(Version, TimestampMs)],
    by_file: usize,
    cutoff: TimestampMs,
    needed: &mut Needed,
) -> Result<usize> {
    let mut first = by_file;
    while let Some((version, written)) = first.checked_sub(1).and_then(|before| commits.get(before)) {
        let commit = fetch(table, *version, *written).await?;
        if commit.in_commit_timestamp().is_none_or(|time| time < cutoff) {
            break;
        }
        needed.add_commit(&commit)?;
        first -= 1;
    }
    Ok(first)
}

fn log_file(listed: &Listed) -> Option<ListedFile> {
    let name = listed.path.strip_prefix(LOG_FOLDER)?.strip_prefix('/')?;
    Some(ListedFile { name: LogName::parse(name), size: listed.size_bytes, last_modified: listed.last_modified })
}

/// The listed commits up to `newest`, ascending.
fn commits(log: &[ListedFile], newest: Version) -> Vec<(Version, TimestampMs)> {
    let commit = |file: &ListedFile| match file.name {
        LogName::Commit { version } if version <= newest => Some((version, file.last_modified)),
        _ => None,
    };
    let mut commits: Vec<_> = log.iter().filter_map(commit).collect();
    commits.sort_unstable();
    commits
}

/// Where the commits begin that were written at `cutoff` or later: at the first of them, whatever follows says.
fn first_since(commits: &[(Version, TimestampMs)], cutoff: TimestampMs) -> usize {
    commits.iter().position(|(_, written)| *written >= cutoff).unwrap_or(commits.len())
}

async fn fetch(table: &Table, version: Version, written: TimestampMs) -> Result<Commit> {
    let store = table.store();
    let path = LogName::Commit { version }.path();
    let key = store.key(&path)?;
    let read = async { store.data().get(&key).await?.bytes().await };
    let bytes = read.await.map_err(|e| match e {
        object_store::Error::NotFound { .. } => {
            Error::conflict("a commit that was listed is gone: the log is being cleaned up")
                .version(version)
                .path(path.as_str())
                .hint("plan again")
                .because(e)
        }
        e => store.error(e, "reading the log", &key).version(version),
    })?;
    Commit::parse(version, &bytes, Some(written)).map_err(|e| e.path(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_begins_at_the_first_commit_since_the_cutoff_even_where_file_times_go_back() {
        let commits = [(Version(3), TimestampMs(10)), (Version(4), TimestampMs(30)), (Version(5), TimestampMs(20))];
        assert_eq!(first_since(&commits, TimestampMs(25)), 1);
        assert_eq!(first_since(&commits, TimestampMs(30)), 1);
        assert_eq!(first_since(&commits, TimestampMs(31)), 3);
        assert_eq!(first_since(&commits, TimestampMs(0)), 0);
        assert_eq!(first_since(&[], TimestampMs(0)), 0);
    }

    #[test]
    fn only_commits_of_the_log_up_to_the_newest_version_count() {
        let listed = |path: &str| Listed { path: path.into(), size_bytes: 1, last_modified: TimestampMs(1) };
        let listing = [
            listed("_delta_log/00000000000000000002.json"),
            listed("_delta_log/00000000000000000001.json"),
            listed("_delta_log/00000000000000000003.json"),
            listed("_delta_log/.00000000000000000001.json.crc"),
            listed("00000000000000000000.json"),
            listed("x/_delta_log/00000000000000000000.json"),
        ];
        let log: Vec<_> = listing.iter().filter_map(log_file).collect();
        let versions: Vec<_> = commits(&log, Version(2)).into_iter().map(|(version, _)| version.0).collect();
        assert_eq!(versions, [1, 2]);
    }
}
