//! The second pass over an NDJSON file: batches of settled columns.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{FieldRef, Schema};
use lakebed_txlog::{Error, Result};

use super::lines::Lines;
use super::node::Members;
use super::survey::at_misfit;
use super::value::line;
use crate::ingest::options::Options;
use crate::ingest::read::{Emit, MAX_BATCH_BYTES};
use crate::ingest::source::Source;
use crate::ingest::survey::Progress;
use crate::ingest::{bytes, fault};

/// Reads `source` as columns (name in the file, field) and hands batches to `emit`. Blocks.
pub(in crate::ingest) fn decode(
    source: &Source,
    options: &Options,
    columns: &[(String, FieldRef)],
    progress: &Progress,
    emit: Emit<'_>,
) -> Result<()> {
    let mut lines = Lines::new(bytes::open(source, progress)?, source.name())?;
    let fields: Vec<FieldRef> = columns.iter().map(|(_, field)| Arc::clone(field)).collect();
    let names = columns.iter().map(|(name, _)| name.clone()).collect();
    let schema = Arc::new(Schema::new(fields.clone()));
    let mut filling = Members::new(fields.into(), names).map_err(|name| {
        Error::unsupported(format!("JSON can't hold values of the type {name}"))
            .path(source.name())
            .hint("ingest these columns from Parquet")
    })?;
    let (mut rows, mut bytes) = (0, 0);
    let finish = |filling: &mut Members, rows: usize| {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&schema), filling.finish()?, &options)
            .map_err(|error| Error::bug("columns of a JSON batch don't make a batch").because(error))
    };
    while let Some((number, text, end)) = lines.next()? {
        let members = line(text, end).map_err(|reason| fault::at_line(source.name(), number, reason))?;
        filling.push(members).map_err(|misfit| at_misfit(source, number, &misfit))?;
        rows += 1;
        bytes += text.len();
        if rows >= options.batch_rows || bytes >= MAX_BATCH_BYTES {
            if !emit(finish(&mut filling, rows)?) {
                return Ok(());
            }
            (rows, bytes) = (0, 0);
        }
    }
    if rows > 0 {
        emit(finish(&mut filling, rows)?);
    }
    Ok(())
}
