//! Is every deletion vector there, and one of its file?

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use lakebed_txlog::action::Add;
use lakebed_txlog::dv::{DeletionVector, FileSlice, Stored, locate};
use lakebed_txlog::path::DataLocation;
use lakebed_txlog::{Error, ErrorKind, Result};

use super::finding::{Finding, Findings, Kind, Severity};
use super::listing::Listing;
use crate::store::TableStore;
use crate::table::row_count;

/// Vector files read at the same time.
const PARALLEL_FILES: usize = 16;
const LOST: &str = "without it the deleted rows can't be told from the others: restore the file from a backup, or the \
    table to a version before it";

/// A vector that a file has, and where it stands.
struct Vector {
    add: Add,
    slice: FileSlice,
}

/// Reads and decodes every live vector: a request for each file of vectors, and a footer for each data file that doesn't
/// say how many rows it has. How many vectors there are.
///
/// # Errors
/// Those of the store but for what is missing; damage is a finding.
pub(super) async fn check(
    store: &TableStore,
    listing: &Listing,
    adds: Vec<Add>,
    findings: &mut Findings,
    told: &impl Fn(u64, u64),
) -> Result<u64> {
    let total = adds.len() as u64;
    let mut by_file: BTreeMap<String, Vec<Vector>> = BTreeMap::new();
    for add in adds {
        let Some(descriptor) = add.deletion_vector.clone() else { continue };
        match locate(&descriptor) {
            Ok(Stored::Inline(vector)) => findings.extend(fits(store, &add, &vector).await?),
            Ok(Stored::InFile(slice)) => match &slice.location {
                DataLocation::Relative(path) => {
                    by_file.entry(path.as_str().to_owned()).or_default().push(Vector { add, slice });
                }
                DataLocation::Absolute(url) => {
                    let said =
                        format!("the deletion vector of {} is outside of the table, and wasn't looked at", add.path);
                    findings.add(Finding::new(Severity::Note, Kind::NotChecked, said).path(url.as_str()));
                }
            },
            Err(e) => findings.add(damaged(&e, &add)),
        }
    }
    let mut checked = stream::iter(by_file)
        .map(|(path, vectors)| async move { (vectors.len() as u64, of_file(store, listing, &path, &vectors).await) })
        .buffer_unordered(PARALLEL_FILES)
        .boxed();
    let mut done = 0;
    while let Some((count, found)) = checked.next().await {
        findings.extend(found?);
        done += count;
        told(done, total);
    }
    Ok(total)
}

async fn of_file(store: &TableStore, listing: &Listing, path: &str, vectors: &[Vector]) -> Result<Vec<Finding>> {
    let mut out = Vec::new();
    let mut readable = Vec::new();
    for vector in vectors {
        let end = vector.slice.range.end;
        match listing.objects.get(path) {
            None => out.push(damaged(&Error::not_found("its file is gone").path(path), &vector.add)),
            Some(size) if *size < end => {
                let said = format!("it ends at byte {end} of a file of {size}");
                out.push(damaged(&Error::corrupt(said).path(path), &vector.add));
            }
            Some(_) => readable.push(vector),
        }
    }
    if readable.is_empty() {
        return Ok(out);
    }
    let key = store.key(path)?;
    let ranges: Vec<_> = readable.iter().map(|vector| vector.slice.range.clone()).collect();
    let read = store.ranges(&key, &ranges).await;
    let read = read.map_err(|e| store.error(e, "reading deletion vectors", &key))?;
    for (vector, bytes) in readable.into_iter().zip(read) {
        match vector.slice.decode(&bytes) {
            Ok(decoded) => out.extend(fits(store, &vector.add, &decoded).await?),
            Err(e) => out.push(damaged(&e, &vector.add)),
        }
    }
    Ok(out)
}

/// Whether a vector deletes only rows that the file has.
async fn fits(store: &TableStore, add: &Add, vector: &DeletionVector) -> Result<Option<Finding>> {
    let rows = match row_count(store, add).await {
        Ok(rows) => rows,
        // The data file's own finding says so, or that it is outside of the table.
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::Corrupt | ErrorKind::Unsupported) => {
            return Ok(None);
        }
        Err(e) => return Err(e),
    };
    Ok(vector.check_rows(rows).err().map(|e| damaged(&e, add)))
}

fn damaged(error: &Error, add: &Add) -> Finding {
    let mut finding = Finding::of(Kind::Vector, error);
    finding.message = format!("the deletion vector of {}: {}", add.path, finding.message);
    finding.path.get_or_insert_with(|| add.path.clone());
    finding.what_to_do = Some(LOST.to_owned());
    finding
}
