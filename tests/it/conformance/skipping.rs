//! Does a condition find every row that it should, in as few files as it can?

use lakebed::query::{Filter, ScanRequest};
use lakebed::store::TableStore;
use lakebed_txlog::Result;
use lakebed_txlog::snapshot::Snapshot;

use super::case::{Case, Condition};
use super::check::Checked;
use super::rows::scan;

/// Files left after skipping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FilesLeft {
    /// By us.
    pub(super) ours: u64,
    /// By Spark.
    pub(super) sparks: u64,
    /// Of so many.
    pub(super) all: u64,
}

/// Asks each condition of the case.
pub(super) async fn check(case: &Case, store: &TableStore, snapshot: &Snapshot, checked: &mut Checked) {
    for condition in &case.skipping {
        match ask(store, snapshot, condition).await {
            Ok((rows, _)) if rows != condition.rows => {
                checked.wrong(format!("{} finds {rows} rows instead of {}", condition.predicate_sql, condition.rows));
            }
            Ok((_, ours)) => {
                let left = &mut checked.files_left;
                left.ours += ours;
                left.sparks += condition.files_after_pruning;
                left.all += snapshot.num_files();
            }
            Err(error) => checked.refused(&condition.predicate_sql, &error),
        }
    }
}

/// How many rows match, and in how many files they are looked for.
async fn ask(store: &TableStore, snapshot: &Snapshot, condition: &Condition) -> Result<(u64, u64)> {
    let sql = in_our_sql(&condition.predicate_sql);
    let filter = Filter::parse(snapshot, &sql)?;
    let files = snapshot.prune(filter.predicate())?.len() as u64;
    let request = ScanRequest { filter: Some(sql), ..ScanRequest::default() };
    let (_, batches) = scan(store, snapshot, &request).await?;
    Ok((batches.iter().map(|batch| batch.num_rows() as u64).sum(), files))
}

/// Spark's SQL in ours: what is spelled in another way.
fn in_our_sql(spark: &str) -> String {
    spark.replace("timestamp_ntz'", "timestamp'").replace("double('nan')", "cast('nan' as double)")
}
