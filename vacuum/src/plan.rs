//! What do log and store say?
//!
//! The folder is listed before the log is read to its end: a file that was there when it was listed, and that a commit
//! names by the time the log is read, is seen to be needed.

use futures::TryStreamExt;
use lakebed::store::TableStore;
use lakebed::table::Table;
use lakebed_txlog::protocol::check_write;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result, TimestampMs, Version, partition};
use serde::Serialize;

use crate::choose::{Candidate, Kept, Listed, Rules, choose};
use crate::links::Links;
use crate::needed::{missing, own_key};
use crate::options::VacuumOptions;
use crate::retained;

/// Most objects in a table's folder: what is known of each is held in memory.
pub const MAX_LISTED: usize = 50_000_000;
const UNIVERSAL_FORMAT: &str = "delta.universalFormat.enabledFormats";

/// What a vacuum would delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The table's id.
    pub table_id: String,
    /// The newest version when the plan was made.
    pub version: Version,
    /// Nothing written at this time or later is deleted, and versions that were the newest one at or after it stay
    /// readable.
    pub cutoff: TimestampMs,
    /// The files to be deleted, in the order of their paths.
    pub delete: Vec<Candidate>,
    /// Their bytes.
    pub size_bytes: u64,
    /// What stays, and why.
    pub kept: Kept,
}

/// Looks for files that no retained version needs. Deletes nothing.
///
/// Requests: a full listing of the table's folder; two refreshes; a GET for every commit within the retention; what it
/// takes to open the oldest retained version. Memory: a listed object's path, and the key of every needed file.
///
/// # Errors
/// [`InvalidRequest`](lakebed::ErrorKind::InvalidRequest) for a retention below the table's that isn't explicitly
/// allowed; [`Unsupported`](lakebed::ErrorKind::Unsupported) for a table that this release can't write to: it may keep
/// files in ways that aren't known here; [`Corrupt`](lakebed::ErrorKind::Corrupt) when the log names a file that
/// can't be, or a live file isn't in the folder; [`Exhausted`](lakebed::ErrorKind::Exhausted) past [`MAX_LISTED`];
/// those of the store.
pub async fn plan(table: &Table, options: &VacuumOptions) -> Result<Plan> {
    plan_all(table, options).await.map_err(|e| e.table(table.url().to_string()))
}

async fn plan_all(table: &Table, options: &VacuumOptions) -> Result<Plan> {
    let before = table.refresh().await?;
    check_write(before.protocol(), before.metadata()).map_err(|e| e.version(before.version()))?;
    let retention = options.retention_for(before.properties())?;
    let now = table.env().now();
    let listing = list(table.store()).await?;
    let snapshot = table.refresh().await?;
    check_write(snapshot.protocol(), snapshot.metadata()).map_err(|e| e.version(snapshot.version()))?;
    let folders = partition_folders(&snapshot)?;
    let rules = Rules::new(now, retention, folders.iter().map(String::as_str), is_iceberg(&snapshot));
    check_present(&before, &snapshot, &listing)?;
    let needed = retained::needed(table, &snapshot, &listing, rules.cutoff).await?;
    let (mut delete, mut kept) = choose(&listing, &needed, &rules);
    let mut links = Links::below(table.store());
    delete.retain(|file| {
        let is_behind = links.are_before(&file.path);
        if is_behind {
            kept.behind_links.add(file.size_bytes);
        }
        !is_behind
    });
    let size_bytes = delete.iter().fold(0u64, |sum, file| sum.saturating_add(file.size_bytes));
    Ok(Plan {
        table_id: snapshot.metadata().id.clone(),
        version: snapshot.version(),
        cutoff: rules.cutoff,
        delete,
        size_bytes,
        kept,
    })
}

/// Every object of the table's folder, in the order of their paths.
async fn list(store: &TableStore) -> Result<Vec<Listed>> {
    let root = store.root();
    let prefix = if root.is_root() { String::new() } else { format!("{root}/") };
    let mut objects = store.data().list((!root.is_root()).then_some(root));
    let mut listing = Vec::new();
    while let Some(meta) = objects.try_next().await.map_err(|e| store.error(e, "listing the table's folder", root))? {
        let Some(path) = meta.location.as_ref().strip_prefix(&prefix) else { continue };
        if listing.len() == MAX_LISTED {
            return Err(Error::exhausted(format!("more than {MAX_LISTED} objects in the table's folder")));
        }
        listing.push(Listed {
            path: path.to_owned(),
            size_bytes: meta.size,
            last_modified: TimestampMs(meta.last_modified.timestamp_millis()),
        });
    }
    listing.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(listing)
}

/// That every file that was live throughout was listed. Otherwise either the table is damaged, or the log's paths and
/// the store's keys don't mean the same, and live files would look like orphans (pitfall D6).
fn check_present(before: &Snapshot, after: &Snapshot, listing: &[Listed]) -> Result<()> {
    let is_listed = |path: &str| listing.binary_search_by(|listed| listed.path.as_str().cmp(path)).is_ok();
    for file in after.files().iter() {
        let Some(path) = own_key(file.path()).map_err(|e| e.version(after.version()))? else { continue };
        if !is_listed(path.as_str()) && before.files().find(file.path()).is_some() {
            return Err(missing(&path, after));
        }
    }
    Ok(())
}

/// The names of partition columns as they stand in folders: physical ones, and logical ones of before.
fn partition_folders(snapshot: &Snapshot) -> Result<Vec<String>> {
    let columns = partition::columns(snapshot.schema(), snapshot.partition_columns(), snapshot.column_mapping())?;
    let physical = columns.into_iter().map(|column| column.physical_name);
    Ok(physical.chain(snapshot.partition_columns().iter().cloned()).collect())
}

fn is_iceberg(snapshot: &Snapshot) -> bool {
    snapshot.properties().text(UNIVERSAL_FORMAT).is_some_and(|formats| formats.to_ascii_lowercase().contains("iceberg"))
}
