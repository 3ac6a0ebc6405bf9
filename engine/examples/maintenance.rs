//! A maintenance job: looks at the history, deletes what has had its time, writes a checkpoint, and undoes a mistake.
//!
//! Small files are put together by `lakebed-compaction`, and files that no version needs are swept by `lakebed-vacuum`.
//!
//! `cargo run -p lakebed --example maintenance -- /tmp/orders` after the writer's.

use lakebed::{CommitOptions, Result, Table};

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "/tmp/orders".to_owned());
    let table = Table::open(&url).await?;
    for entry in table.history(5).await? {
        println!("{} {} {}", entry.version, entry.timestamp, entry.info.operation.unwrap_or_default());
    }

    // Rows are marked in a deletion vector: no data file is written again.
    let before = table.snapshot().version();
    let deleted = table.delete("id < 2", &CommitOptions::default()).await?;
    println!("{} rows deleted, {} vectors", deleted.num_rows, deleted.num_vectors);

    println!("checkpoint of version {}", table.checkpoint().await?.version);

    let restored = table.restore(before, &CommitOptions::default()).await?;
    println!("as at version {before} again, by version {:?}", restored.version);
    Ok(())
}
