//! A writer that commits: creates a table, appends to it, and appends a numbered batch exactly once.
//!
//! `cargo run -p lakebed --example writer -- /tmp/orders`

use std::sync::Arc;

use arrow::array::{Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use lakebed::{AppendOptions, CreateTable, Result, TxnUpdate, Written};

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "memory://orders".to_owned());
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("amount", DataType::Float64, true),
    ]));
    let table = CreateTable::of_arrow(&schema)?.create(&url).await?;
    let batch = |first: i64| {
        let ids = Int64Array::from_iter_values(first..first + 3);
        let amounts = Float64Array::from(vec![Some(9.5), None, Some(20.0)]);
        RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(ids), Arc::new(amounts)])
            .map_err(|e| lakebed::Error::invalid("the columns don't make a batch").because(e))
    };

    table.append_batches(vec![batch(0)?], &AppendOptions::default()).await?;

    // The application's own number makes a retry harmless: the second call finds it in the table.
    let once = AppendOptions {
        txn: Some(TxnUpdate { app_id: "shop".to_owned(), version: 7, base: None }),
        ..AppendOptions::default()
    };
    for _ in 0..2 {
        match table.append_batches(vec![batch(3)?], &once).await? {
            Written::Committed(report) => println!("version {}: {} rows", report.version, report.num_rows),
            Written::AlreadyApplied { app_id, version } => println!("{app_id} has already come to {version}"),
            Written::NothingToDo { version } => println!("nothing to do at version {version}"),
        }
    }
    println!("{} files at version {}", table.snapshot().num_files(), table.snapshot().version());
    Ok(())
}
