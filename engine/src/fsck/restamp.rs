//! What are the statistics of a file in truth?

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, Fields, Schema, TimeUnit};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use lakebed_txlog::action::Add;
use lakebed_txlog::path::DataLocation;
use lakebed_txlog::schema::ColumnPath;
use lakebed_txlog::stats::{StatsCollector, loosened};
use lakebed_txlog::{Error, Result};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use crate::store::TableStore;
use crate::write::TableLayout;

/// The statistics of what a file holds, for the columns that the table keeps statistics of. Bounds are tight, unless rows
/// of the file are deleted. Reads the whole file, a batch at a time.
///
/// INT96 has no bounds: what it holds depends on who reads it.
///
/// # Errors
/// Those of the store; `Corrupt` where the file can't be read.
pub(super) async fn statistics(store: &TableStore, layout: &TableLayout, add: &Add) -> Result<String> {
    let path = DataLocation::decode(&add.path)?.relative()?;
    let key = store.key(path.as_str())?;
    let size = u64::try_from(add.size).map_err(|_| Error::corrupt("a file of negative size").path(&add.path))?;
    let damaged = |e: ParquetError| {
        Error::corrupt("a data file can't be read, so its statistics can't be made").path(&add.path).because(e)
    };
    let reader = Ranges { store: store.clone(), key, size };
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchStreamBuilder::new_with_options(reader, options).await.map_err(damaged)?;
    let schema = Arc::clone(builder.schema());
    let columns: Vec<ColumnPath> =
        layout.stats_columns().iter().filter(|path| has_bounds(&schema, path)).cloned().collect();
    let mut collector = StatsCollector::new(&schema, &columns)?;
    let mut rows = builder.build().map_err(damaged)?;
    while let Some(batch) = rows.try_next().await.map_err(damaged)? {
        collector.update(&batch)?;
    }
    let num_records = collector.num_records() as u64;
    let stats = collector.finish();
    Ok(if add.deletion_vector.is_some() { loosened(Some(&stats), num_records) } else { stats })
}

/// Whether the file has the column, in a type whose values don't depend on who reads them.
fn has_bounds(schema: &Schema, path: &ColumnPath) -> bool {
    let mut fields: Option<&Fields> = Some(schema.fields());
    let mut found = None;
    for name in path.names() {
        let Some((_, field)) = fields.and_then(|fields| fields.find(name)) else { return false };
        found = Some(field.data_type());
        fields = match field.data_type() {
            DataType::Struct(children) => Some(children),
            _ => None,
        };
    }
    found.is_some_and(|found| *found != DataType::Timestamp(TimeUnit::Nanosecond, None))
}

/// A data file, read in the ranges that the reader asks for.
struct Ranges {
    store: TableStore,
    key: Path,
    size: u64,
}

impl AsyncFileReader for Ranges {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move {
            let read = self.store.data().get_range(&self.key, range).await;
            let failed = |e| self.store.error(e, "reading a data file", &self.key);
            read.map_err(|e| ParquetError::External(Box::new(failed(e))))
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            ParquetMetaDataReader::new().load_and_finish(self, size).await.map(Arc::new)
        }
        .boxed()
    }
}
