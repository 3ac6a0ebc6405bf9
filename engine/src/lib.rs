//! Open Delta tables, written and kept: a table's rows, versions and changes, on a folder, S3 or in memory.
//!
//! A writer that commits (`examples/writer.rs` goes on to exactly-once appends):
//!
//! ```
//! # use std::sync::Arc;
//! # use arrow::{array::{Int64Array, RecordBatch}, datatypes::{DataType, Field, Schema}};
//! # use lakebed::{AppendOptions, CreateTable, Result};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
//! let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
//! let table = CreateTable::of_arrow(&schema)?.create("memory://docs-writer").await?;
//! let ids = Arc::new(Int64Array::from(vec![1, 2, 3]));
//! let batch = RecordBatch::try_new(schema, vec![ids]).map_err(|e| lakebed::Error::invalid(e.to_string()))?;
//! table.append_batches(vec![batch], &AppendOptions::default()).await?;
//! assert_eq!(table.snapshot().version().0, 1);
//! # Ok(()) }
//! ```
//!
//! A reader that travels in time (`examples/reader.rs`):
//!
//! ```
//! # use std::sync::Arc;
//! # use arrow::{array::{Int64Array, RecordBatch}, datatypes::{DataType, Field, Schema}};
//! # use lakebed::{AppendOptions, CreateTable, Result, Table, Version, query::ScanRequest};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
//! # let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
//! # let table = CreateTable::of_arrow(&schema)?.create("memory://docs-reader").await?;
//! # for id in 0..2 {
//! #     let ids = Arc::new(Int64Array::from(vec![id]));
//! #     let batch = RecordBatch::try_new(schema.clone(), vec![ids]).map_err(|e| lakebed::Error::invalid(e.to_string()))?;
//! #     table.append_batches(vec![batch], &AppendOptions::default()).await?;
//! # }
//! let table = Table::open("memory://docs-reader").await?;
//! let before = table.at(Version(1)).await?;
//! let request = ScanRequest { filter: Some("id >= 0".to_owned()), ..ScanRequest::default() };
//! let batches = table.scan(&before, &request).await?.collect().await?;
//! assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
//! # Ok(()) }
//! ```
//!
//! A maintenance job (`examples/maintenance.rs`; compaction and vacuum are crates of their own):
//!
//! ```
//! # use std::sync::Arc;
//! # use arrow::{array::{Int64Array, RecordBatch}, datatypes::{DataType, Field, Schema}};
//! # use lakebed::{AppendOptions, CommitOptions, CreateTable, Result};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
//! # let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
//! # let table = CreateTable::of_arrow(&schema)?.create("memory://docs-maintenance").await?;
//! # let ids = Arc::new(Int64Array::from(vec![1, 2, 3]));
//! # let batch = RecordBatch::try_new(schema, vec![ids]).map_err(|e| lakebed::Error::invalid(e.to_string()))?;
//! # table.append_batches(vec![batch], &AppendOptions::default()).await?;
//! let deleted = table.delete("id = 2", &CommitOptions::default()).await?;
//! assert_eq!((deleted.num_rows, deleted.num_vectors), (1, 1));
//! table.checkpoint().await?;
//! table.restore(lakebed::Version(1), &CommitOptions::default()).await?;
//! # Ok(()) }
//! ```
//!
//! | module | question it answers |
//! |---|---|
//! | [`store`] | where is the table, and how is it reached? |
//! | [`doctor`] | what can a store be trusted with? |
//! | [`fsck`] | is a table what its log says? |
//! | [`mod@write`] | how do Arrow batches become data files? |
//! | [`query`] | how does DataFusion read a table? |
//! | [`table`] | what can be done with a table? |
//! | [`cursor`] | how far has a promotion come? |
//! | [`mod@promote`] | how does a change of one table reach the next, exactly once? |

pub mod cursor;
pub mod doctor;
pub mod fsck;
pub mod promote;
pub mod query;
pub mod store;
pub mod table;
pub mod variant;
pub mod write;

pub use lakebed_txlog::drive::{CheckpointReport, CommitOptions, Publication};
pub use lakebed_txlog::transaction::TxnUpdate;
pub use lakebed_txlog::{Error, ErrorKind, Result, TimestampMs, Version};
pub use promote::{Promoted, Promotion, promote};
pub use table::{AppendOptions, Checksums, CreateTable, OverwriteOptions, Replace, SchemaMode, Table, Written};
