//! Which rows has a snapshot, or some of its files?

use std::fmt;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use lakebed_txlog::action::Add;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result};

use crate::store::TableStore;

/// Rows as a stream of batches, all of one schema. Nothing is read before the stream is polled; dropping it stops the
/// reading.
pub struct Rows {
    /// The schema of every batch: logical names.
    pub schema: SchemaRef,
    /// The batches. After an error nothing follows.
    pub stream: BoxStream<'static, Result<RecordBatch>>,
}

impl Rows {
    /// All of the rows, in memory.
    ///
    /// # Errors
    /// The first error of the stream.
    pub async fn collect(self) -> Result<Vec<RecordBatch>> {
        self.stream.try_collect().await
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// What to read of a snapshot. The default is all of it.
#[derive(Clone, Debug, Default)]
pub struct ScanRequest {
    /// These columns, in this order, by logical names; `None` is every column of the table.
    pub columns: Option<Vec<String>>,
    /// A condition in SQL; rows of which it isn't true (false or NULL) are left out.
    pub filter: Option<String>,
    /// At most so many rows.
    pub limit: Option<usize>,
    /// Only these files; `None` is the live files, without those that the condition rules out.
    pub files: Option<Vec<Add>>,
}

/// Reads rows of a snapshot.
///
/// # Errors
/// `InvalidRequest` for columns that aren't there and conditions that can't be parsed or typed; while reading, `NotFound`
/// for a data file that is gone, `Corrupt` for damaged files and vectors, those of the store.
pub async fn scan(_store: &TableStore, _snapshot: &Snapshot, _request: &ScanRequest) -> Result<Rows> {
    Err(Error::unsupported("scans"))
}
