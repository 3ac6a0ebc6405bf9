//! The second pass over a Parquet file: batches of settled columns.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{FieldRef, Schema};
use arrow::error::ArrowError;
use lakebed_txlog::{Error, Result};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::fit::cast;
use super::survey::{load, of_parquet};
use crate::ingest::fault;
use crate::ingest::options::Options;
use crate::ingest::read::Emit;
use crate::ingest::source::Source;
use crate::ingest::survey::Progress;

/// Reads `source` as columns of `fields`, one for each column of the file, and hands batches to `emit`. Blocks.
pub(in crate::ingest) fn decode(
    source: &Source,
    options: &Options,
    fields: &[FieldRef],
    progress: &Progress,
    emit: Emit<'_>,
) -> Result<()> {
    let (chunks, metadata) = load(source, progress)?;
    if metadata.schema().fields().len() != fields.len() {
        return Err(
            fault::in_file(source.name(), "the file changed while it was read").hint("ingest it once it is complete")
        );
    }
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata)
        .with_batch_size(options.batch_rows)
        .build()
        .map_err(|error| of_parquet(source.name(), error))?;
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let mut row = 0;
    for batch in reader {
        let batch = batch.map_err(|error| of_arrow(source.name(), error))?;
        let mut arrays = Vec::with_capacity(fields.len());
        for (array, field) in batch.columns().iter().zip(fields) {
            arrays.push(cast(array, field).map_err(|why| {
                let last = row + batch.num_rows();
                fault::in_file(source.name(), format!("column {}, rows {} to {last}: {why}", field.name(), row + 1))
                    .hint("correct the file, or cast the column before ingesting it")
            })?);
        }
        row += batch.num_rows();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let made = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)
            .map_err(|error| Error::bug("columns of a Parquet batch don't make a batch").because(error))?;
        if !emit(made) {
            return Ok(());
        }
    }
    Ok(())
}

fn of_arrow(file: &str, error: ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast::<ParquetError>() {
            Ok(error) => of_parquet(file, *error),
            Err(inner) => of_parquet(file, ParquetError::External(inner)),
        },
        error => of_parquet(file, ParquetError::General(error.to_string())),
    }
}
