//! What is left when a write doesn't end well.

use std::time::Duration;

use arrow::array::Int64Array;
use lakebed_txlog::ErrorKind;
use lakebed_txlog::schema::DataType;

use super::*;
use crate::write::DataWriter;

fn numbers(rows: std::ops::Range<i64>) -> RecordBatch {
    let scattered = rows.map(|row| row.wrapping_mul(0x1E37_79B9_7F4A_7C15));
    batch(vec![("n", Arc::new(Int64Array::from_iter_values(scattered)))])
}

/// A table whose files are closed after every step, so that some are there when the write fails.
fn small_files(name: &str) -> Table {
    let mut table = Table::new(name, [StructField::nullable("n", DataType::LONG)], &[]);
    table.options.target_file_bytes = 1;
    table
}

#[tokio::test]
async fn a_stream_that_fails_leaves_no_file() {
    let table = small_files("failing");
    let failure = Error::invalid("line 7 isn't CSV");
    let mut batches: Vec<_> = (0..20).map(|i| Ok(numbers(i * 9000..(i + 1) * 9000))).collect();
    batches.push(Err(failure));
    let schema = numbers(0..1).schema();
    let error = table.write_results(&schema, batches).await.unwrap_err();
    assert_eq!(error.message(), "line 7 isn't CSV");
    assert!(table.objects().await.is_empty());
}

#[tokio::test]
async fn a_dropped_writer_deletes_its_files_behind_the_callers_back() {
    let table = small_files("dropped");
    let schema = numbers(0..1).schema();
    let mut writer = DataWriter::new(&table.store, &table.layout, &table.options, &table.env, &schema).unwrap();
    for i in 0..20 {
        writer.write(numbers(i * 9000..(i + 1) * 9000)).await.unwrap();
    }
    for _ in 0..1000 {
        if !table.objects().await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!table.objects().await.is_empty());
    drop(writer);
    for _ in 0..1000 {
        if table.objects().await.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("files are left: {:?}", table.objects().await);
}

#[tokio::test]
async fn discarded_files_are_gone_and_kept_ones_stay() {
    let table = small_files("discarded");
    let (kept, discarded) = (table.write(vec![numbers(0..10)]).await, table.write(vec![numbers(0..20_000)]).await);
    let kept = kept.unwrap();
    discarded.unwrap().discard().await;
    assert_eq!(table.objects().await.len(), kept.adds.len());
    drop(kept);
    tokio::task::yield_now().await;
    assert_eq!(table.objects().await.len(), 1, "only discard deletes");
}

#[tokio::test]
async fn a_file_in_parts_reaches_a_folder_whole() {
    let mut table = Table::new("folder", [StructField::nullable("n", DataType::LONG)], &[]);
    let folder = tempfile::tempdir().unwrap();
    let url = TableUrl::parse(folder.path().join("t").to_str().unwrap()).unwrap();
    table.store = TableStore::create(&url, &StoreSettings::default(), &table.env).unwrap();
    table.options.row_group_bytes = 1 << 20;
    let files = table.write((0..40).map(|i| numbers(i * 65_536..(i + 1) * 65_536)).collect()).await.unwrap();
    let [add] = &files.adds[..] else { panic!("{}", files.adds.len()) };
    assert!(add.size > 16 << 20, "several parts: {}", add.size);
    assert_eq!(table.rows(add).await.num_rows(), 40 * 65_536);
    let names: Vec<_> = std::fs::read_dir(folder.path().join("t")).unwrap().collect();
    assert_eq!(names.len(), 1, "no temporary file is left: {names:?}");
}

#[test]
fn options_out_of_range_are_refused() {
    let wrong = [
        WriteOptions { target_file_bytes: 0, ..WriteOptions::default() },
        WriteOptions { row_group_bytes: 0, ..WriteOptions::default() },
        WriteOptions { memory_bytes: 1000, ..WriteOptions::default() },
        WriteOptions { zstd_level: 0, ..WriteOptions::default() },
        WriteOptions { zstd_level: 23, ..WriteOptions::default() },
    ];
    for options in wrong {
        assert_eq!(options.check().unwrap_err().kind(), ErrorKind::InvalidRequest);
    }
}
