//! Which files does a table have, as columns?
//!
//! | module | question it answers |
//! |---|---|
//! | `columns` | what does one file action say? |
//! | `stats` | how are the statistics of a batch kept until somebody asks for them? |
//! | `packed` | how are many alike texts kept small? |
//! | `gather` | how do several batches become one, and how much memory does one hold? |
//! | `index` | which row of a batch has a path? |
//! | `batch` | which rows of a batch are live? |
//! | `live` | which files are live after these actions, and where is one of them? |

mod batch;
mod columns;
mod gather;
mod index;
mod live;
mod packed;
mod stats;

pub use batch::Batch;
pub use columns::{DeletionVectorColumns, FileColumns, FileRef, map_lookup};
pub use index::MAX_BATCH_ROWS;
pub use live::{Files, RowIndex};
pub use stats::{CHUNK_ROWS, FileStats, LastChunk, STORED_CHUNK_ROWS, SourceRows, StatsSource};
