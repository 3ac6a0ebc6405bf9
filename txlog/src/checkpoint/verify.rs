//! Does a row group hold what went into it?

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StructArray};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::encode::{WrittenGroup, unwritable};
use super::pieces::Pieces;
use super::rows::file_columns;
use super::tally::Tally;
use crate::error::{Error, Result};
use crate::files::FileColumns;

/// Decodes the row group and compares it with the rows that went into it; what its file actions come to, as our own
/// reader sees them.
pub(super) fn read_back(group: &WrittenGroup) -> Result<Tally> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::try_new(Arc::new(group.metadata.clone()), options).map_err(unwritable)?;
    let num_rows = usize::try_from(group.metadata.file_metadata().num_rows()).unwrap_or(usize::MAX);
    let mut pieces = Pieces::new(group.offset + group.bytes.len() as u64);
    pieces.add(vec![(group.offset, group.bytes.clone())])?;
    let mut reader = ParquetRecordBatchReaderBuilder::new_with_metadata(pieces, metadata)
        .with_batch_size(num_rows.max(1))
        .build()
        .map_err(unwritable)?;
    let read = match reader.next() {
        Some(read) => read.map_err(|e| changed().because(e))?,
        None => return if num_rows == 0 { Ok(Tally::default()) } else { Err(changed()) },
    };
    if read.num_rows() != group.batches.iter().map(RecordBatch::num_rows).sum::<usize>() {
        return Err(changed());
    }
    let mut at = 0;
    for batch in &group.batches {
        let part = read.slice(at, batch.num_rows());
        if part.columns() != batch.columns() {
            return Err(changed());
        }
        at += batch.num_rows();
    }
    let mut tally = Tally::default();
    if let Some(adds) = actions(&read, "add")? {
        tally.add(Tally::of_adds(&adds));
    }
    if let Some(removes) = actions(&read, "remove")? {
        tally.add(Tally::of_removes(&removes));
    }
    Ok(tally)
}

/// The file actions of a group that holds nothing else.
fn actions(read: &RecordBatch, name: &str) -> Result<Option<FileColumns>> {
    let column: Option<&StructArray> = read.column_by_name(name).and_then(|column| column.as_struct_opt());
    match column.filter(|column| column.null_count() < column.len()) {
        None => Ok(None),
        Some(column) if column.null_count() > 0 => Err(changed()),
        Some(column) => file_columns(&[column], None).map(Some),
    }
}

fn changed() -> Error {
    Error::bug("a part of a checkpoint doesn't read back as it was written; it was not published")
}
