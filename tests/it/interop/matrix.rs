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
        out.push(written(place, folder, &sample, Profile::Standard).await);
    }
    for sample in samples::all().iter().filter(|sample| ["nested", "values"].contains(&sample.name.as_str())) {
        out.push(written(place, folder, &named("compat_", sample), Profile::Compat).await);
    }
    out.extend(history::all(place, folder).await);
    out
}

fn named(prefix: &str, sample: &Sample) -> Sample {
    Sample { name: format!("{prefix}{}", sample.name), ..sample.clone() }
}

async fn written(place: Place<'_>, folder: &Path, sample: &Sample, profile: Profile) -> Table {
    let schema = samples::schema(sample);
    let create = CreateTable::of_arrow(&schema).unwrap().partitioned_by(&sample.partition_by).profile(profile);
    let mut twin = Twin::create(place, &sample.name, &schema, create).await;
    for batch in sample.batches.iter().filter(|batch: &&RecordBatch| batch.num_rows() > 0) {
        twin.append(batch).await;
    }
    twin.newest(folder).await
}
