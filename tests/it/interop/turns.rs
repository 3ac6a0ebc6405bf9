//! Do Spark and we leave each other's tables whole, taking turns at writing them?

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt64Array};
use lakebed::query::ScanRequest;
use lakebed::table::CreateTable;
use serde_json::json;

use super::history::{Shape, create, orders};
use super::twin::{Place, Twin};
use super::{Engine, Level, checksum, everyone_reads, rows, samples, spark};

/// Rows of one kind: those of a range of ids.
type Source = fn(Range<i64>) -> RecordBatch;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spark_and_we_write_in_turns() {
    let Some(spark) = spark("spark_and_we_write_in_turns") else { return };
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path());
    let types = {
        let schema = types(0..0).schema();
        Twin::create(place, "types", &schema, CreateTable::of_arrow(&schema).unwrap()).await
    };
    let twins: [(Twin, Source); 5] = [
        (create(place, "plain", Shape::Plain).await, orders),
        (create(place, "partitioned", Shape::Partitioned).await, orders),
        (create(place, "compat", Shape::Compat).await, orders),
        (create(place, "compat_partitioned", Shape::CompatPartitioned).await, orders),
        (types, types_of),
    ];
    let mut tables = Vec::new();
    for (mut twin, source) in twins {
        for round in 0..2 {
            turn(spark, &mut twin, source, round * 100, folder.path()).await;
        }
        tables.push(twin.newest(folder.path()).await);
    }
    everyone_reads("turns", &tables);
}

fn types_of(ids: Range<i64>) -> RecordBatch {
    types(ids)
}

/// Every type, over and over, each row with an id.
fn types(ids: Range<i64>) -> RecordBatch {
    let sample = samples::every_type();
    let rows: Vec<u64> = ids.clone().map(|id| id.unsigned_abs() % sample.num_rows() as u64).collect();
    let sample = arrow::compute::take_record_batch(&sample, &UInt64Array::from(rows)).expect("rows that are there");
    let names = sample.schema();
    let mut columns: Vec<(&str, ArrayRef)> = vec![("id", Arc::new(Int64Array::from_iter_values(ids)))];
    columns.extend(names.fields().iter().map(|field| field.name().as_str()).zip(sample.columns().iter().cloned()));
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .expect("columns of one length")
}

/// We append and delete, Spark appends, deletes and optimizes; in between each reads what the other wrote.
async fn turn(spark: &Engine, twin: &mut Twin, source: Source, first: i64, folder: &Path) {
    let ids = |from: i64, to: i64| first + from..first + to;
    twin.append(&source(ids(0, 20))).await;
    twin.append(&source(ids(20, 40))).await;
    twin.delete(ids(15, 25)).await;
    spark_reads(spark, twin, folder);

    let target = format!("delta.`{}`", twin.address);
    let batch = source(ids(40, 60));
    let file = rows(folder, &format!("{}-{first}-for-spark", twin.name), std::slice::from_ref(&batch));
    spark.sql(&format!("INSERT INTO {target} SELECT * FROM parquet.`{}`", file.display()));
    twin.rows.push(batch);
    we_read(spark, twin, folder).await;
    spark.sql(&format!("DELETE FROM {target} WHERE id >= {} AND id < {}", first + 5, first + 50));
    twin.forget(ids(5, 50));
    we_read(spark, twin, folder).await;

    twin.append(&source(ids(60, 80))).await;
    twin.delete(ids(52, 65)).await;
    twin.table.checkpoint().await.unwrap();
    spark_reads(spark, twin, folder);

    spark.sql(&format!("OPTIMIZE {target}"));
    we_read(spark, twin, folder).await;
    twin.delete(ids(70, 72)).await;
    twin.append(&source(ids(80, 85))).await;
    spark_reads(spark, twin, folder);
}

fn spark_reads(spark: &Engine, twin: &Twin, folder: &Path) {
    let answer = spark.ask(&json!({"op": "read", "table": twin.address}));
    let answer = answer.unwrap_or_else(|failure| panic!("Spark reads {}: {failure}", twin.name));
    let version = twin.table.snapshot().version();
    let expected = checksum(folder, &twin.name, &twin.rows);
    assert!(
        Level::Strict.agree(&answer, &expected),
        "{} at {version}: Spark reads {answer}\nnot {expected}",
        twin.name
    );
}

/// Spark's own rows are the model's, and ours are both's.
async fn we_read(spark: &Engine, twin: &Twin, folder: &Path) {
    let snapshot = twin.table.refresh().await.unwrap();
    spark_reads(spark, twin, folder);
    let scanned = twin.table.scan(&snapshot, &ScanRequest::default()).await.unwrap();
    let schema = Arc::clone(&scanned.schema);
    let mut ours = scanned.collect().await.unwrap();
    ours.push(RecordBatch::new_empty(schema));
    let ours = checksum(folder, &twin.name, &ours);
    let expected = checksum(folder, &twin.name, &twin.rows);
    let version = snapshot.version();
    assert!(Level::Strict.agree(&ours, &expected), "{} at {version}: we read {ours}\nnot {expected}", twin.name);
}
