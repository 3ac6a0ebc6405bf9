//! How are the files deleted, and what if the table changed since?

use std::collections::HashMap;

use futures::{StreamExt, stream};
use lakebed::table::Table;
use lakebed_txlog::{Error, Result};
use object_store::path::Path;
use serde::Serialize;

use crate::needed::Needed;
use crate::plan::Plan;

/// How many failures a report names; it counts all.
const MAX_NAMED_FAILURES: usize = 100;

/// A deletion that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Why, with the path where the store names it.
    pub error: String,
}

/// What a vacuum deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Files deleted, those included that were gone already.
    pub num_deleted: u64,
    /// Their bytes.
    pub bytes_deleted: u64,
    /// Files of the plan that are needed again: a commit since has brought them back.
    pub num_spared: u64,
    /// Files that the store didn't delete: the next vacuum tries again.
    pub num_failed: u64,
    /// Why, for the first of them.
    pub failures: Vec<Failure>,
}

/// How far a vacuum is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Files deleted, or failed to be.
    pub done: u64,
    /// Files to be deleted.
    pub total: u64,
}

/// Deletes the files of a plan that are still not needed.
///
/// Requests: a refresh, and bulk deletions (S3: one for 1,000 files). A file that can't be deleted doesn't stop the
/// others. When the future is dropped, some are deleted and some aren't: any later vacuum goes on.
///
/// # Errors
/// [`Conflict`](lakebed::ErrorKind::Conflict) when another table stands in the place; those of the refresh. Failed
/// deletions are part of the report.
pub async fn carry_out(table: &Table, plan: &Plan, progress: impl Fn(Progress) + Send + Sync) -> Result<Report> {
    let named = |e: Error| e.table(table.url().to_string());
    let needed = needed_now(table, plan).await.map_err(named)?;
    let mut report = Report::default();
    let mut sizes: HashMap<Path, u64> = HashMap::with_capacity(plan.delete.len());
    for candidate in &plan.delete {
        if needed.contains(&candidate.path) {
            report.num_spared += 1;
        } else {
            sizes.insert(table.store().key(&candidate.path).map_err(named)?, candidate.size_bytes);
        }
    }
    let total = sizes.len() as u64;
    let mut keys: Vec<Path> = sizes.keys().cloned().collect();
    keys.sort_unstable();
    let mut outcomes = table.store().data().delete_stream(stream::iter(keys.into_iter().map(Ok)).boxed());
    let mut done = 0;
    while let Some(outcome) = outcomes.next().await {
        let gone = match outcome {
            Ok(path) => Some(path),
            Err(object_store::Error::NotFound { path, .. }) => Path::parse(path).ok(),
            Err(error) => {
                let why = table.store().error(error, "deleting a file", table.store().root()).to_string();
                tracing::warn!(table = %table.url(), error = %why, "a file isn't deleted");
                if report.failures.len() < MAX_NAMED_FAILURES {
                    report.failures.push(Failure { error: why });
                }
                None
            }
        };
        if let Some(size) = gone.and_then(|path| sizes.remove(&path)) {
            report.num_deleted += 1;
            report.bytes_deleted = report.bytes_deleted.saturating_add(size);
        }
        done += 1;
        progress(Progress { done, total });
    }
    report.num_failed = total - report.num_deleted;
    Ok(report)
}

/// What the newest version needs. A commit since the plan may have brought files back, as a restore does.
async fn needed_now(table: &Table, plan: &Plan) -> Result<Needed> {
    let snapshot = table.refresh().await?;
    if snapshot.metadata().id != plan.table_id {
        return Err(Error::conflict("the plan is of another table that stood in this place").hint("plan again"));
    }
    let mut needed = Needed::default();
    needed.add_live(&snapshot)?;
    needed.add_tombstones(&snapshot, plan.cutoff)?;
    Ok(needed)
}
