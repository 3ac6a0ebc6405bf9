//! Which files did the source gain?

use futures::{StreamExt, TryStreamExt, stream};
use lakebed_txlog::action::Add;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result, Version};

use crate::table::Table;
use crate::table::row_count;

const PARALLEL_GETS: usize = 16;

/// What an append-only source gained.
pub(super) struct Gained {
    /// The files as they were added.
    pub(super) adds: Vec<Add>,
    /// Their rows.
    pub(super) num_rows: u64,
}

/// The files that the source's versions from `first` to the snapshot's added. What only rearranges rows is passed over.
pub(super) async fn gained(source: &Table, first: Version, to: &Snapshot) -> Result<Gained> {
    let log = source.log();
    let commits: Vec<_> = stream::iter(first.0..=to.version().0)
        .map(|version| async move { (Version(version), log.commit_at(Version(version)).await) })
        .buffered(PARALLEL_GETS)
        .boxed()
        .collect()
        .await;
    let mut adds = Vec::new();
    for (version, commit) in commits {
        let Some(commit) = commit? else { return Err(gap(source, version)) };
        if let Some(remove) = commit.removes.iter().find(|remove| remove.data_change) {
            return Err(source.named(
                Error::invalid("the source deleted or changed rows; only what was appended can be promoted")
                    .version(version)
                    .path(&remove.path)
                    .hint("promote from an append-only table, or rebuild the target from the source's newest version"),
            ));
        }
        adds.extend(commit.adds.into_iter().filter(|add| add.data_change));
    }
    let counts: Vec<u64> = stream::iter(&adds)
        .map(|add| row_count(source.store(), add))
        .buffered(PARALLEL_GETS)
        .boxed()
        .try_collect()
        .await?;
    Ok(Gained { num_rows: counts.iter().sum(), adds })
}

/// A gap is never skipped: rows would be missing from the target for ever.
fn gap(source: &Table, version: Version) -> Error {
    source.named(
        Error::not_found("log cleanup has taken a version of the source that isn't promoted yet").version(version).hint(
            "rebuild the target from the source's newest version under another promotion name, and promote more often than the log is kept (delta.logRetentionDuration)",
        ),
    )
}
