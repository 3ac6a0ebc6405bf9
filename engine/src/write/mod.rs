//! How Arrow batches become data files: checked against the table's schema, split by partition, encoded as Parquet,
//! uploaded, and described by the `add` actions that a commit then carries.
//!
//! | module | question it answers |
//! |---|---|
//! | [`layout`] | what do the files of this table look like? |
//! | [`options`] | how large, how compressed, in how much memory? |
//! | [`conform`] | do these batches fit the table, and what are they in its types? |
//! | [`exact`] | what is this array in another type, if nothing is lost? |
//! | [`split`] | which rows belong to which partition? |
//! | [`encode`] | how does one file grow from batches? |
//! | [`upload`] | how do a file's bytes reach the store? |
//! | [`writer`] | which file is encoded, flushed or closed next? |
//! | [`files`] | what was written, and how is it taken back? |
//!
//! Nothing here touches the log: what is written becomes part of the table when a commit names it, and not before.

mod conform;
mod encode;
mod exact;
mod files;
mod layout;
mod options;
mod split;
mod upload;
mod writer;

use std::pin::pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use futures::{Stream, StreamExt};
use lakebed_txlog::Result;
use lakebed_txlog::env::Env;

pub use files::DataFiles;
pub use layout::TableLayout;
pub use options::WriteOptions;
pub use writer::DataWriter;

use crate::store::TableStore;

/// Writes a stream of batches, all of `given` schema, as data files of the table.
///
/// Memory: about [`WriteOptions::memory_bytes`], plus one batch. Rows keep their order within a partition, and files
/// stand in the result in the order of their first rows. When the stream or a request fails, the files written so far
/// are deleted as far as the store lets us; so are they, behind the caller's back, when the future is dropped.
///
/// # Errors
///
/// Those of the stream; those of [`DataWriter::new`] and [`DataWriter::write`].
pub async fn write_stream(
    store: &TableStore,
    layout: &Arc<TableLayout>,
    options: &WriteOptions,
    env: &Arc<dyn Env>,
    given: &Schema,
    batches: impl Stream<Item = Result<RecordBatch>>,
) -> Result<DataFiles> {
    let mut writer = DataWriter::new(store, layout, options, env, given)?;
    let mut batches = pin!(batches);
    while let Some(batch) = batches.next().await {
        let written = match batch {
            Ok(batch) => writer.write(batch).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            writer.abort().await;
            return Err(error);
        }
    }
    writer.finish().await
}

#[cfg(test)]
mod tests;
