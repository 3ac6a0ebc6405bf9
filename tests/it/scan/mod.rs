//! Which bytes of data files does a scan fetch, and when? A file's end once, with footer and page indexes, and the pages that
//! may hold what is asked for; no more in advance than may wait in memory.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use futures::TryStreamExt;
use lakebed::query::ScanRequest;
use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed::{AppendOptions, CreateTable, Table};
use lakebed_tests::requests::{Kind, Requests, recorded};
use lakebed_tests::sim::Rng;
use lakebed_txlog::env::SystemEnv;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

const ROWS: i64 = 300_000;
/// Ranges no further apart are fetched in one request: reading what is between costs less than another.
const COALESCED_BYTES: u64 = 1 << 20;
/// Rows decoded at a time. Of a column that a condition names and that is asked for as well, the reader keeps what it
/// decoded for the condition, and so fetches the page that may match and what fills its batches.
const BATCH_ROWS: i64 = 8 * 1024;
/// What the reader fetches in the hope that it holds the footer.
const FOOTER_GUESS_BYTES: u64 = 64 << 10;

/// Ids that ascend, and a hundred digits for each that hardly compress: pages of both columns are far from one another.
fn rows() -> RecordBatch {
    let digits = |id: i64| {
        let word = |n: u64| (id.cast_unsigned() * 7 + n).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
        (0..6).map(|n| format!("{:016x}", word(n).wrapping_mul(0xD1B5_4A32_D192_ED03))).collect::<String>()
    };
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("payload", DataType::Utf8, false),
        Field::new("other", DataType::Int64, false),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(0..ROWS)),
        Arc::new(StringArray::from_iter_values((0..ROWS).map(digits))),
        Arc::new(Int64Array::from_iter_values((0..ROWS).map(|id| id * 31 % 1_000_003))),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

/// Where the bytes of a column chunk are of which these rows of the group need some: its dictionary, and pages.
fn needed(metadata: &ParquetMetaData, (group, column): (usize, usize), rows: Range<i64>) -> Vec<Range<u64>> {
    let pages = metadata.offset_index().unwrap()[group][column].page_locations();
    let at = |offset: i64| u64::try_from(offset).unwrap();
    let ends = pages.iter().skip(1).map(|page| page.first_row_index).chain([i64::MAX]);
    let overlapping = pages.iter().zip(ends).filter(|(page, end)| page.first_row_index < rows.end && rows.start < *end);
    let pages_of = overlapping.map(|(page, _)| at(page.offset)..at(page.offset + i64::from(page.compressed_page_size)));
    let dictionary = metadata.row_group(group).column(column).dictionary_page_offset();
    dictionary.map(|offset| at(offset)..at(pages[0].offset)).into_iter().chain(pages_of).collect()
}

/// The requests that fetch these ranges of one column.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut out: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match out.last_mut().filter(|last| last.end + COALESCED_BYTES >= range.start) {
            Some(last) => last.end = last.end.max(range.end),
            None => out.push(range),
        }
    }
    out
}

fn length(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

#[tokio::test]
async fn a_filtered_scan_fetches_the_pages_that_may_match_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let url = TableUrl::parse(folder.path().join("t").to_str().unwrap()).unwrap();
    let env = SystemEnv::shared();
    let store = TableStore::create(&url, &StoreSettings::default(), &env).unwrap();
    let batch = rows();
    let table = CreateTable::of_arrow(&batch.schema()).unwrap().create_in(store, env).await.unwrap();
    table.append_batches(vec![batch], &AppendOptions::default()).await.unwrap();
    let (store, requests) = recorded(table.store());
    let table = Table::open_with(store, SystemEnv::shared()).await.unwrap();
    let snapshot = table.snapshot();
    let file = snapshot.files().iter().next().unwrap().to_add();
    assert_eq!(snapshot.num_files(), 1);
    let bytes = bytes::Bytes::from(std::fs::read(folder.path().join("t").join(&file.path)).unwrap());
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    let metadata = reader.parse_and_finish(&bytes).unwrap();
    let size = bytes.len() as u64;

    for id in [0, ROWS / 2, ROWS - 1] {
        let _ = requests.take();
        let request = ScanRequest {
            filter: Some(format!("id = {id}")),
            columns: Some(vec!["id".to_owned(), "payload".to_owned()]),
            ..ScanRequest::default()
        };
        let found = table.scan(&snapshot, &request).await.unwrap().collect().await.unwrap();
        assert_eq!(found.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);

        let mut first = 0;
        let group = metadata.row_groups().iter().position(|group| {
            first += group.num_rows();
            id < first
        });
        let group = group.unwrap();
        let row = id - (first - metadata.row_group(group).num_rows());
        let pages = metadata.offset_index().unwrap()[group][0].page_locations().iter().map(|page| page.first_row_index);
        let page = pages.clone().filter(|first| *first <= row).max().unwrap()
            ..pages.filter(|first| *first > row).min().unwrap_or(i64::MAX);
        let batches =
            page.start - page.start % BATCH_ROWS..page.end.saturating_add(BATCH_ROWS - 1) / BATCH_ROWS * BATCH_ROWS;
        let of_id = needed(&metadata, (group, 0), batches);
        let of_payload = needed(&metadata, (group, 1), row..row + 1);
        let expected = [joined(of_id), joined(of_payload)].concat();

        let made = requests.take();
        assert!(made.iter().all(|request| request.kind == Kind::Get), "{made:?}");
        let fetched: Vec<Range<u64>> = made.iter().map(|request| request.range.clone().unwrap()).collect();
        let (mut pages, beside): (Vec<_>, Vec<_>) = fetched.into_iter().partition(|range| range.end < size);
        pages.sort_by_key(|range| range.start);
        println!("id {id}: {} of {size} bytes in {pages:?}, beside {beside:?}", length(&pages));
        assert_eq!(pages, expected, "pages of id {id}");
        assert!(length(&expected) < size / 8, "the file has pages to leave out");
        assert_eq!(beside.len(), 1, "footer and page indexes come together, once: {beside:?}");
        assert_eq!(beside[0], size - FOOTER_GUESS_BYTES..size);
    }
}

/// Bytes of the files' only rows, of which no two compress.
const IMAGE_BYTES: usize = 8 << 20;
const IMAGES: u64 = 20;
/// What may wait to be taken.
const AHEAD_BYTES: u64 = 32 << 20;

/// Waits until nothing more is asked for; the bytes that were.
async fn settled(requests: &Requests) -> u64 {
    let mut read = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let more: Vec<Range<u64>> = requests.take().into_iter().filter_map(|request| request.range).collect();
        if more.is_empty() {
            return read;
        }
        read += length(&more);
    }
}

#[tokio::test]
async fn a_scan_reads_no_more_ahead_than_may_wait_and_all_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let url = TableUrl::parse(folder.path().join("t").to_str().unwrap()).unwrap();
    let env = SystemEnv::shared();
    let store = TableStore::create(&url, &StoreSettings::default(), &env).unwrap();
    let image = |number: u64| -> RecordBatch {
        let mut rng = Rng::new(number);
        let bytes: Vec<u8> = (0..IMAGE_BYTES / 8).flat_map(|_| rng.draw().to_le_bytes()).collect();
        let column: ArrayRef = Arc::new(BinaryArray::from_iter_values([bytes]));
        RecordBatch::try_from_iter([("image", column)]).unwrap()
    };
    let table = CreateTable::of_arrow(&image(0).schema()).unwrap().create_in(store, env).await.unwrap();
    for number in 0..IMAGES {
        table.append_batches(vec![image(number)], &AppendOptions::default()).await.unwrap();
    }
    let (store, requests) = recorded(table.store());
    let table = Table::open_with(store, SystemEnv::shared()).await.unwrap();
    let _ = requests.take();
    let mut rows = table.scan(&table.snapshot(), &ScanRequest::default()).await.unwrap().stream;
    let first = rows.try_next().await.unwrap().unwrap();

    let image_bytes = IMAGE_BYTES as u64;
    let read = settled(&requests).await;
    // What was taken, what waits, and a batch that each partition holds.
    let partitions = std::thread::available_parallelism().unwrap().get() as u64;
    let bound = image_bytes + AHEAD_BYTES + partitions * image_bytes + IMAGES * FOOTER_GUESS_BYTES;
    println!("read before a second batch is taken: {read} of {} bytes, {bound} at most", IMAGES * image_bytes);
    assert!(read <= bound, "{read} bytes are read ahead");
    assert!(partitions > 8 || bound < IMAGES * image_bytes, "there is more to read");

    let rest: Vec<RecordBatch> = rows.try_collect().await.unwrap();
    let all = rest.iter().chain([&first]).map(RecordBatch::num_rows).sum::<usize>();
    assert_eq!(all as u64, IMAGES);
    assert!(settled(&requests).await + read >= IMAGES * image_bytes);
}
