//! Do nine engines return the rows that we wrote? Every type, name, partition value and past, in a folder and on S3.

use std::path::Path;

use arrow::array::RecordBatch;
use lakebed::table::CreateTable;
use lakebed_txlog::protocol::Profile;

use super::samples::{self, Sample};
use super::twin::{Place, Twin};
use super::{Table, history, read_by_everyone};
use crate::s3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_reads_what_we_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let local = tables(Place::Folder(folder.path()), folder.path()).await;
    let mut complaints = read_by_everyone("local", &local);
    if let Some(s3) = s3::server("everyone_reads_what_we_wrote") {
        let remote = tables(Place::Bucket(s3, "matrix"), folder.path()).await;
        complaints.extend(read_by_everyone("s3", &remote));
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

async fn tables(place: Place<'_>, folder: &Path) -> Vec<Table> {
    let mut out = Vec::new();
    for sample in samples::all() {
        // Vectors are off where it is types that matter: Daft refuses every table that may have some.
        let create = match sample.name.starts_with("by_") {
            true => created(&sample).property("delta.enableDeletionVectors", "false"),
            false => created(&sample),
        };
        out.push(written(place, folder, &sample, create).await);
    }
    for name in ["nested", "values", "names", "types"] {
        let found = samples::all().into_iter().find(|sample| sample.name == name);
        let mut sample = found.unwrap_or_else(samples::types_without_feature);
        sample.name = format!("compat_{name}");
        out.push(written(place, folder, &sample, created(&sample).profile(Profile::Compat)).await);
    }
    out.extend(history::all(place, folder).await);
    out
}

fn created(sample: &Sample) -> CreateTable {
    CreateTable::of_arrow(&samples::schema(sample)).unwrap().partitioned_by(&sample.partition_by)
}

async fn written(place: Place<'_>, folder: &Path, sample: &Sample, create: CreateTable) -> Table {
    let mut twin = Twin::create(place, &sample.name, &samples::schema(sample), create).await;
    for batch in sample.batches.iter().filter(|batch: &&RecordBatch| batch.num_rows() > 0) {
        twin.append(batch).await;
    }
    twin.newest(folder).await
}
