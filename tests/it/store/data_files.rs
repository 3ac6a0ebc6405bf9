//! Data files of several parts, and files of several vectors, on every store.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::{StreamExt, TryStreamExt, stream};
use lakebed::query::ScanRequest;
use lakebed::store::TableStore;
use lakebed::write::{DataFiles, TableLayout, WriteOptions, write_stream};
use lakebed::{AppendOptions, CommitOptions, CreateTable, Error, ErrorKind, Table};
use lakebed_txlog::action::Metadata;
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::path::DataLocation;
use lakebed_txlog::schema::{ColumnMappingMode, StructType};
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const BATCHES: u64 = 20;
const ROWS: u64 = 1 << 17;

macro_rules! on_every_store {
    ($($test:ident),* $(,)?) => {
        $(mod $test {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_a_folder() {
                let folder = tempfile::tempdir().unwrap();
                let url = folder.path().join("t");
                super::$test(&super::super::opened(url.to_str().unwrap(), &Default::default())).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_s3() {
                let Some(s3) = crate::s3::server(concat!("data_files::", stringify!($test))) else { return };
                let url = s3.url(concat!("data-files/", stringify!($test)));
                super::$test(&super::super::opened(&url, &super::super::settings_of(s3))).await;
            }
        })*
    };
}

on_every_store! {
    large_files_come_back_whole,
    a_failed_write_leaves_nothing,
    a_file_of_vectors_that_was_cut_is_damaged,
}

/// Numbers that hardly compress, so that files have several parts.
fn numbers(batch: u64) -> RecordBatch {
    let rows = batch * ROWS..(batch + 1) * ROWS;
    let numbers = rows.map(|row| row.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).cast_signed());
    RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(numbers)) as ArrayRef)]).unwrap()
}

async fn write(table: &TableStore, batches: Vec<Result<RecordBatch, Error>>) -> Result<DataFiles, Error> {
    let schema = numbers(0).schema();
    let schema_string = StructType::from_arrow(&schema).unwrap().to_json();
    let metadata = Metadata { schema_string, ..Metadata::default() };
    let layout = Arc::new(TableLayout::new(&metadata, ColumnMappingMode::None).unwrap());
    let options = WriteOptions { target_file_bytes: 12 << 20, row_group_bytes: 3 << 20, ..WriteOptions::default() };
    write_stream(table, &layout, &options, &SystemEnv::shared(), &schema, stream::iter(batches)).await
}

async fn large_files_come_back_whole(table: &TableStore) {
    let files = write(table, (0..BATCHES).map(numbers).map(Ok).collect()).await.unwrap();
    assert_eq!((files.num_rows, files.adds.len()), (BATCHES * ROWS, 2));
    let mut rows = Vec::new();
    for add in &files.adds {
        let path = DataLocation::decode(&add.path).unwrap().relative().unwrap();
        let key = table.key(path.as_str()).unwrap();
        let bytes = table.data().get(&key).await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes.len() as i64, add.size);
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap() {
            rows.extend_from_slice(batch.unwrap().column(0).as_primitive::<Int64Type>().values());
        }
    }
    let given = (0..BATCHES).map(numbers);
    let given: Vec<i64> =
        given.flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    assert!(rows == given);
}

async fn a_failed_write_leaves_nothing(table: &TableStore) {
    let batches = (0..BATCHES).map(numbers).map(Ok).chain([Err(Error::invalid("the source broke"))]);
    let error = write(table, batches.collect()).await.unwrap_err();
    assert_eq!(error.message(), "the source broke");
    // Parts that were on their way are aborted behind the caller's back.
    for _ in 0..100 {
        if table.data().list(Some(table.root())).next().await.is_none() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let left: Vec<_> = table.data().list(Some(table.root())).try_collect().await.unwrap();
    panic!("{left:?}");
}

/// Pitfall D1. Both vectors come in one request, and the file ends before the second begins.
async fn a_file_of_vectors_that_was_cut_is_damaged(store: &TableStore) {
    let rows = |from: i64| -> RecordBatch {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + 10));
        RecordBatch::try_from_iter([("id", ids)]).unwrap()
    };
    let create = CreateTable::of_arrow(&rows(0).schema()).unwrap();
    let table = create.create_in(store.clone(), SystemEnv::shared()).await.unwrap();
    for from in [0, 100] {
        table.append_batches(vec![rows(from)], &AppendOptions::default()).await.unwrap();
    }
    table.delete("id = 3 OR id = 103", &CommitOptions::default()).await.unwrap();
    table.settle().await;

    let objects: Vec<_> = store.data().list(Some(store.root())).try_collect().await.unwrap();
    let mut vectors = objects.iter().filter(|object| object.location.filename().is_some_and(|n| n.ends_with(".bin")));
    let key = &vectors.next().unwrap().location;
    assert!(vectors.next().is_none(), "one file has both");
    let bytes = store.data().get(key).await.unwrap().bytes().await.unwrap();
    store.data().put(key, bytes.slice(..8).into()).await.unwrap();

    let cold = Table::open_with(store.clone(), SystemEnv::shared()).await.unwrap();
    let error = cold.scan(&cold.snapshot(), &ScanRequest::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains(".bin"), "{error}");
}
