//! The second pass over a CSV file: batches of settled columns.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use lakebed_txlog::{Error, Result};

use super::records::{Quoting, Record, Records};
use super::survey::{misfit, null_misfit};
use super::{next_data, opening};
use crate::ingest::column::{Column, column};
use crate::ingest::kind::type_name;
use crate::ingest::options::Options;
use crate::ingest::read::{Emit, MAX_BATCH_BYTES};
use crate::ingest::source::Source;
use crate::ingest::survey::Progress;
use crate::ingest::{bytes, fault};

/// Reads `source` as columns of `fields`, one for each field of its records, and hands batches to `emit`. Blocks.
pub(in crate::ingest) fn decode(
    source: &Source,
    options: &Options,
    fields: &[FieldRef],
    progress: &Progress,
    emit: Emit<'_>,
) -> Result<()> {
    let input = bytes::open(source, progress)?;
    let delimiter = options.csv.delimiter_for(source.name());
    let mut records = Records::new(input, source.name(), delimiter, options.csv.quote);
    let Some(mut start) = opening(&mut records, &options.csv)? else { return Ok(()) };
    if start.names.len() != fields.len() {
        return Err(changed(source));
    }
    let mut batch = Filling::new(source, fields)?;
    let mut record = Record::default();
    while next_data(&mut records, &mut start.first, &mut record, fields.len())? {
        batch.push(&records, &record, options)?;
        if (batch.rows >= options.batch_rows || batch.bytes >= MAX_BATCH_BYTES) && !emit(batch.finish()?) {
            return Ok(());
        }
    }
    if batch.rows > 0 {
        emit(batch.finish()?);
    }
    Ok(())
}

fn changed(source: &Source) -> Error {
    fault::in_file(source.name(), "the file changed while it was read").hint("ingest it once it is complete")
}

struct Filling {
    schema: SchemaRef,
    columns: Vec<Box<dyn Column>>,
    rows: usize,
    bytes: usize,
}

impl Filling {
    fn new(source: &Source, fields: &[FieldRef]) -> Result<Filling> {
        let mut columns = Vec::with_capacity(fields.len());
        for field in fields {
            columns.push(column(field.data_type()).ok_or_else(|| {
                let name = type_name(field.data_type());
                Error::unsupported(format!("column {}: CSV can't hold values of the type {name}", field.name()))
                    .path(source.name())
                    .hint("ingest these columns from NDJSON or Parquet")
            })?);
        }
        Ok(Filling { schema: Arc::new(Schema::new(fields.to_vec())), columns, rows: 0, bytes: 0 })
    }

    fn push<R: std::io::Read>(&mut self, records: &Records<R>, record: &Record, options: &Options) -> Result<()> {
        for (index, (column, field)) in self.columns.iter_mut().zip(self.schema.fields()).enumerate() {
            let (text, quoting) = records.text(record, index)?;
            let reason = if quoting == Quoting::Plain && options.csv.is_null(text) {
                column.push_null();
                null_misfit(field)
            } else {
                misfit(field, Some(column.as_mut()), text)
            };
            if let Some(reason) = reason {
                let reason = format!("column {}: {reason}", field.name());
                return Err(fault::at_line(records.file(), record.line(), reason)
                    .hint("correct the value, name its spelling of null (--null), or change the column's type"));
            }
        }
        self.rows += 1;
        self.bytes += record.bytes();
        Ok(())
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        self.rows = 0;
        self.bytes = 0;
        let arrays = self.columns.iter_mut().map(|column| column.finish()).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|error| Error::bug("columns of a CSV batch don't make a batch").because(error))
    }
}
