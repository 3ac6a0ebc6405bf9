//! A reader that travels in time: the newest version, an older one, and SQL over both.
//!
//! `cargo run -p lakebed --example reader -- /tmp/orders` after the writer's.

use std::sync::Arc;

use lakebed::query::{ScanRequest, Session};
use lakebed::{Result, Table, Version};

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "/tmp/orders".to_owned());
    let table = Table::open(&url).await?;

    // Files and row groups that can't hold a match are not read.
    let newest = table.refresh().await?;
    let request = ScanRequest { filter: Some("amount > 10".to_owned()), ..ScanRequest::default() };
    let rows: usize = table.scan(&newest, &request).await?.collect().await?.iter().map(|batch| batch.num_rows()).sum();
    println!("version {}: {rows} rows over 10", newest.version());

    let before = table.at(Version(1)).await?;
    println!("version {}: {} files", before.version(), before.num_files());

    let session = Session::new();
    session.register_log("orders", table.store(), Arc::clone(table.log()))?;
    let sql = "SELECT count(*) AS n FROM orders VERSION AS OF 1";
    for batch in session.sql(sql).await?.collect().await? {
        println!("{sql}: {:?}", batch.column(0));
    }
    Ok(())
}
