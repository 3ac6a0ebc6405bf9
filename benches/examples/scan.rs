//! How near is a full scan to the plain Parquet reader?
//!
//! `scan DIR [ROWS] [REPETITIONS]` appends rows (ten million by default, of five columns) to a table in DIR where there is
//! none yet, then reads all of it by turns with `Table::scan` and with parquet's own reader, as many files at a time as
//! there are cores, and prints the median milliseconds of both, and the median of the rounds' ratios: a machine whose
//! speed changes from second to second changes the two of a round alike.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use futures::{StreamExt, TryStreamExt, stream};
use lakebed::query::ScanRequest;
use lakebed::{AppendOptions, CreateTable, Table};
use lakebed_txlog::env::SystemEnv;
use parquet::arrow::ParquetRecordBatchStreamBuilder;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

const BATCH_ROWS: i64 = 8 * 1024;
const ROWS_AN_APPEND: i64 = 2_500_000;

#[tokio::main]
async fn main() -> Fallible<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let folder = words.first().ok_or("scan DIR [ROWS] [REPETITIONS]")?;
    let rows: i64 = words.get(1).map_or(Ok(10_000_000), |word| word.parse())?;
    let repetitions: usize = words.get(2).map_or(Ok(5), |word| word.parse())?;
    if !Path::new(folder).join("_delta_log").exists() {
        generate(folder, rows).await?;
    }
    let table = Table::open(folder).await?;
    let env = SystemEnv::shared();
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..=repetitions {
        let started = env.monotonic();
        let snapshot = table.snapshot();
        let mut stream = table.scan(&snapshot, &ScanRequest::default()).await?.stream;
        let mut read = 0;
        while let Some(batch) = stream.try_next().await? {
            read += batch.num_rows();
        }
        ours.push((env.monotonic() - started).as_secs_f64() * 1_000.0);
        let started = env.monotonic();
        let paths: Vec<_> = snapshot.files().iter().map(|file| Path::new(folder).join(file.path())).collect();
        let files = stream::iter(paths).map(|path| tokio::spawn(rows_of(path)));
        let counts = files.buffer_unordered(std::thread::available_parallelism()?.get());
        let all: usize = counts
            .map(|count| count.unwrap_or_else(|e| Err(e.to_string())))
            .try_fold(0, |a, b| async move { Ok(a + b) })
            .await?;
        plain.push((env.monotonic() - started).as_secs_f64() * 1_000.0);
        assert_eq!(read, all, "both read every row");
    }
    // The first round fills the page cache.
    let mut speeds: Vec<f64> = ours.iter().zip(&plain).skip(1).map(|(ours, plain)| plain / ours).collect();
    let speed = median(&mut speeds);
    let (ours, plain) = (median(&mut ours[1..]), median(&mut plain[1..]));
    println!("scan {ours:.0} ms, plain Parquet {plain:.0} ms: {speed:.3} of its speed in the median round");
    Ok(())
}

async fn rows_of(path: std::path::PathBuf) -> Result<usize, String> {
    let text = |e: &dyn std::error::Error| e.to_string();
    let file = tokio::fs::File::open(path).await.map_err(|e| text(&e))?;
    let builder = ParquetRecordBatchStreamBuilder::new(file).await.map_err(|e| text(&e))?;
    let mut stream = builder.with_batch_size(8 * 1024).build().map_err(|e| text(&e))?;
    let mut rows = 0;
    while let Some(batch) = stream.try_next().await.map_err(|e| text(&e))? {
        rows += batch.num_rows();
    }
    Ok(rows)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

async fn generate(folder: &str, rows: i64) -> Fallible<()> {
    let table = CreateTable::of_arrow(&batch(0, 1)?.schema())?.create(folder).await?;
    for from in (0..rows).step_by(ROWS_AN_APPEND.try_into()?) {
        let to = rows.min(from + ROWS_AN_APPEND);
        let starts = (from..to).step_by(BATCH_ROWS.try_into()?);
        let batches = starts.map(|start| batch(start, to.min(start + BATCH_ROWS))).collect::<Fallible<Vec<_>>>()?;
        table.append_batches(batches, &AppendOptions::default()).await?;
    }
    table.settle().await;
    Ok(())
}

fn batch(from: i64, to: i64) -> Fallible<RecordBatch> {
    let noise = |id: i64| id.wrapping_mul(0x1E37_79B9_7F4A_7C15) >> 20;
    let columns: [(&str, ArrayRef); 5] = [
        ("id", Arc::new(Int64Array::from_iter_values(from..to))),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from_iter_values((from..to).map(|id| id * 1_000)).with_timezone("UTC")),
        ),
        (
            "device",
            Arc::new(StringArray::from_iter_values((from..to).map(|id| format!("device-{}", noise(id) % 5_000)))),
        ),
        ("reading", Arc::new(Float64Array::from_iter_values((from..to).map(|id| noise(id) as f64 / 1e3)))),
        ("note", Arc::new(StringArray::from_iter_values((from..to).map(|id| format!("{:x}", noise(id)))))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}
