//! Which rows of files are deleted?

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use lakebed_txlog::action::Add;
use lakebed_txlog::dv::{DeletionVector, FileSlice, Stored, locate};
use lakebed_txlog::{Error, ErrorKind, Result};
use object_store::path::Path;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

use crate::store::TableStore;

const PARALLEL_FILES: usize = 16;

/// The deletion vector of each file, `None` where it has none. The action decides, never the table's properties
/// (pitfall D9); a vector that is missing or damaged is an error (pitfall D1).
///
/// Vectors of one file are fetched together: a request per vector file, where they stand close to each other.
pub(super) async fn load(store: &TableStore, adds: &[Add]) -> Result<Vec<Option<DeletionVector>>> {
    let mut vectors: Vec<Option<DeletionVector>> = vec![None; adds.len()];
    let mut by_file: BTreeMap<Path, Vec<(usize, FileSlice)>> = BTreeMap::new();
    for (at, add) in adds.iter().enumerate() {
        let Some(descriptor) = &add.deletion_vector else { continue };
        match locate(descriptor).map_err(|e| belongs_to(e, add))? {
            Stored::Inline(vector) => vectors[at] = Some(vector),
            Stored::InFile(slice) => {
                let key = store.locate(&slice.location).map_err(|e| belongs_to(e, add))?;
                by_file.entry(key).or_default().push((at, slice));
            }
        }
    }
    let fetched: Vec<Vec<(usize, DeletionVector)>> = stream::iter(by_file)
        .map(|(key, slices)| fetch(store, key, slices))
        .buffered(PARALLEL_FILES)
        .boxed()
        .try_collect()
        .await?;
    for (at, vector) in fetched.into_iter().flatten() {
        vectors[at] = Some(vector);
    }
    Ok(vectors)
}

/// Says which data file an error is about, where only its vector is named.
fn belongs_to(error: Error, add: &Add) -> Error {
    error.path(&add.path)
}

async fn fetch(store: &TableStore, key: Path, slices: Vec<(usize, FileSlice)>) -> Result<Vec<(usize, DeletionVector)>> {
    let ranges: Vec<_> = slices.iter().map(|(_, slice)| slice.range.clone()).collect();
    let fetched = store.ranges(&key, &ranges).await.map_err(|e| {
        let error = store.error(e, "reading a deletion vector", &key);
        let lost = "without it the deleted rows can't be told from the others: restore the file, or an earlier version";
        match error.kind() {
            ErrorKind::NotFound => error.hint(lost),
            _ => error,
        }
    })?;
    slices.iter().zip(fetched).map(|((at, slice), bytes)| Ok((*at, slice.decode(&bytes)?))).collect()
}

/// The live rows of a file of `num_records` rows.
///
/// # Errors
/// `Corrupt` when the vector deletes rows that the file doesn't have.
pub(super) fn selection(vector: &DeletionVector, num_records: u64) -> Result<RowSelection> {
    vector.check_rows(num_records)?;
    let count = |rows: u64| usize::try_from(rows).map_err(|e| Error::exhausted("a run of 2^63 rows").because(e));
    let mut selectors = Vec::new();
    for run in vector.live_runs(0..num_records) {
        if run.skip > 0 {
            selectors.push(RowSelector::skip(count(run.skip)?));
        }
        if run.select > 0 {
            selectors.push(RowSelector::select(count(run.select)?));
        }
    }
    Ok(RowSelection::from(selectors))
}
