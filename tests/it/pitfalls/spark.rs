//! What becomes of a commit of ours when Spark commits at the same moment (C17)? Spark looks whether a version is there, then
//! puts its own over whatever is. Here it is stopped in between: its rename in a folder, its put on its way to S3.

use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use lakebed::fsck::{History, Kind, Missing, Options, Sample, Severity, carry_out, check, plan};
use lakebed::query::ScanRequest;
use lakebed::{AppendOptions, Table, Version};
use lakebed_tests::plan::rows;
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::protocol::Profile;

use crate::commit::place::Place;
use crate::interop::{self, Engine};
use crate::s3;

const FIRST: [i64; 3] = [1, 2, 3];
const REPLACED: [i64; 3] = [11, 12, 13];
const SPARKS: i64 = 21;

/// How long a session's first statement may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_millis(2);

async fn append(table: &Table, ids: &[i64]) -> u64 {
    let written = table.append_batches(vec![rows(ids).unwrap()], &AppendOptions::default()).await.unwrap();
    written.report().unwrap().version.0
}

/// Spark appends to a table of one append; when `is_reached` says that it has looked for version 2 and is about to put it, we
/// append; once `hold` is dropped, it goes on. Both are told that version 2 is theirs.
async fn race<H>(place: &Place, spark: &'static Engine, hold: H, is_reached: fn(&H) -> bool) -> Table {
    let ours = place.open().await;
    let insert = format!("INSERT INTO delta.`{}` VALUES ({SPARKS}, 'row {SPARKS}')", place.url);
    let sparks = tokio::task::spawn_blocking(move || spark.try_sql(&insert));
    let env = SystemEnv::shared();
    while !is_reached(&hold) {
        assert!(!sparks.is_finished() && env.monotonic() < PATIENCE, "Spark didn't come to put version 2");
        tokio::time::sleep(POLL).await;
    }
    assert_eq!(append(&ours, &REPLACED).await, 2, "we are told that version 2 is ours");
    ours.settle().await;
    drop(hold);
    sparks.await.unwrap().expect("Spark is told that its commit stands");
    ours
}

/// A table of one append, version 1.
async fn begin(place: &Place) {
    let table = place.create_as(Profile::Compat).await;
    assert_eq!(append(&table, &FIRST).await, 1);
    table.settle().await;
}

/// That version 2 is Spark's and our rows are gone; who doesn't notice, and who does.
async fn is_replaced(place: &Place, ours: &Table) {
    let mut reader = place.reader();
    assert_eq!(reader.refresh().await, 2);
    assert!(reader.writers().last().is_some_and(|writer| writer.contains("Spark")), "Spark's commit replaced ours");
    let left = [&FIRST[..], &[SPARKS]].concat();
    assert_eq!(reader.ids().await, left, "what we were told is committed is gone");
    // The handle that committed doesn't read what it wrote.
    assert_eq!((ours.refresh().await.unwrap().version(), ours.snapshot().num_files()), (Version(2), 2));
    assert_eq!(ids(ours).await, [FIRST, REPLACED].concat());

    let options = Options { history: History::Newest, sample: Sample::Full };
    let report = check(&place.store(), &options, |_| {}).await.unwrap();
    let [found] = &report.findings[..] else { panic!("{:#?}", report.findings) };
    assert_eq!((found.severity, found.kind, found.version), (Severity::Error, Kind::CommitReplaced, Some(Version(2))));
    assert_eq!(report.orphans.num_files, 1, "the rows that were lost are in a file that no version names");

    let repair = plan(&report, Missing::Keep);
    carry_out(&place.store(), &SystemEnv::shared(), &repair, |_| {}).await.unwrap();
    let after = check(&place.store(), &options, |_| {}).await.unwrap();
    assert_eq!(after.findings, []);
    assert_eq!(ids(&place.open().await).await, left);
}

/// The ids that a handle reads, sorted.
async fn ids(table: &Table) -> Vec<i64> {
    let request = ScanRequest { columns: Some(vec!["id".to_owned()]), ..ScanRequest::default() };
    let rows = table.scan(&table.snapshot(), &request).await.unwrap().collect().await.unwrap();
    let mut ids: Vec<i64> =
        rows.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c17_in_a_folder_spark_replaces_a_commit_that_came_in_between() {
    let test = "c17_in_a_folder_spark_replaces_a_commit_that_came_in_between";
    let Some(spark) = interop::spark(test) else { return };
    let place = Place::folder();
    begin(&place).await;
    let second = std::path::Path::new(&place.url).join("_delta_log/00000000000000000002.json");
    let Some(hold) = interop::hold::rename_to(test, &second) else { return };
    let ours = race(&place, spark, hold, interop::hold::Hold::is_reached).await;
    is_replaced(&place, &ours).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c17_on_s3_spark_replaces_a_commit_that_came_in_between() {
    let test = "c17_on_s3_spark_replaces_a_commit_that_came_in_between";
    let (Some(s3), Some(spark)) = (s3::server(test), interop::spark(test)) else { return };
    let place = Place::in_bucket(&s3.apart(), test);
    begin(&place).await;
    let hold = s3::hold::put_of(s3, "_delta_log/00000000000000000002.json");
    spark.sql(&format!("SET `fs.s3a.bucket.{}.endpoint`={}", s3::BUCKET_APART, hold.endpoint));
    let ours = race(&place, spark, hold, s3::hold::Hold::is_reached).await;
    is_replaced(&place, &ours).await;
}
