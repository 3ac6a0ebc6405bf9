//! What do the statistics say that nobody has decoded yet?
//!
//! The bytes of the statistics' columns of one row group, as the checkpoint has them. A range of rows is decoded by
//! passing over the pages before it; of `stats_parsed`, only the fields that are asked for.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, StructArray};
use arrow::compute::{cast, nullif};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};

use super::guard::guarded;
use super::pieces::Pieces;
use crate::error::{Error, Result};
use crate::files::StatsSource;
use crate::stats::StatsColumn;

/// Texts decoded at a time: they stay in the processor's cache.
const TEXT_ROWS: usize = 2 * 1024;

/// Statistics of one row group.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) pieces: Pieces,
    pub(super) metadata: ArrowReaderMetadata,
    pub(super) group: usize,
    pub(super) texts: Option<usize>,
    pub(super) parsed: Vec<usize>,
}

impl StatsSource for Stored {
    fn for_each_texts(&self, rows: Range<usize>, see: &mut dyn FnMut(&StringArray) -> Result<()>) -> Result<()> {
        guarded(|| self.see_texts(rows, see))
    }

    fn parsed(&self, rows: Range<usize>, columns: Option<&[StatsColumn]>) -> Result<StructArray> {
        guarded(|| self.read_parsed(rows, columns))
    }

    fn text_bytes_per_row(&self) -> usize {
        let group = self.metadata.metadata().row_group(self.group);
        let bytes = self.texts.map_or(0, |leaf| group.column(leaf).uncompressed_size());
        usize::try_from(bytes / group.num_rows().max(1)).unwrap_or(0)
    }

    fn memory_size(&self) -> usize {
        self.pieces.memory_size()
            + self.metadata.metadata().memory_size() / self.metadata.metadata().num_row_groups().max(1)
    }
}

impl Stored {
    /// Nothing of a row group.
    pub(super) fn new(metadata: &ArrowReaderMetadata, group: usize) -> Stored {
        Stored { pieces: Pieces::default(), metadata: metadata.clone(), group, texts: None, parsed: Vec::new() }
    }

    fn see_texts(&self, rows: Range<usize>, see: &mut dyn FnMut(&StringArray) -> Result<()>) -> Result<()> {
        let leaf = self.texts.ok_or_else(|| Error::bug("a checkpoint has no statistics as text"))?;
        let mut lacking = rows.len();
        for batch in reader(&self.pieces, &self.metadata, self.group, &[leaf], vec![rows], TEXT_ROWS)? {
            let stats = field(&batch.map_err(undecodable)?, "stats")?;
            let texts = cast(&stats, &DataType::Utf8).map_err(|e| wrong("stats").because(e))?;
            lacking = lacking.checked_sub(texts.len()).ok_or_else(|| wrong("stats"))?;
            see(texts.as_string_opt::<i32>().ok_or_else(|| wrong("stats"))?)?;
        }
        if lacking > 0 { Err(wrong("stats")) } else { Ok(()) }
    }

    fn read_parsed(&self, rows: Range<usize>, columns: Option<&[StatsColumn]>) -> Result<StructArray> {
        let is_needed = |leaf: &&usize| {
            let path = self.metadata.metadata().row_group(self.group).column(**leaf).column_path().parts();
            columns.is_none_or(|columns| is_asked_for(path.get(2..).unwrap_or_default(), columns))
        };
        let leaves: Vec<usize> = self.parsed.iter().filter(is_needed).copied().collect();
        let len = rows.len();
        if leaves.is_empty() {
            return Ok(StructArray::new_empty_fields(len, None));
        }
        let mut batches = read(&self.pieces, &self.metadata, self.group, &leaves, vec![rows])?;
        let batch = batches.pop().filter(|batch| batches.is_empty() && batch.num_rows() == len);
        let stats = field(&batch.ok_or_else(|| wrong("stats_parsed"))?, "stats_parsed")?;
        stats.as_struct_opt().cloned().ok_or_else(|| wrong("stats_parsed"))
    }
}

/// A field of `add`, null where there is no `add`.
fn field(batch: &RecordBatch, name: &str) -> Result<ArrayRef> {
    let add = batch.column_by_name("add").and_then(|add| add.as_struct_opt()).ok_or_else(|| wrong("add"))?;
    let field = add.column_by_name(name).ok_or_else(|| wrong(name))?;
    match add.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => Ok(Arc::clone(field)),
        Some(valid) => nullif(field, &BooleanArray::new(!valid.inner(), None)).map_err(|e| wrong(name).because(e)),
    }
}

/// Whether `kind.column…` below `stats_parsed` is one of what the columns need.
fn is_asked_for(path: &[String], columns: &[StatsColumn]) -> bool {
    match path.split_first() {
        Some((_, [])) => true,
        Some((_, below)) => columns.iter().any(|column| column.stored.names() == below),
        None => false,
    }
}

/// The rows in `ranges`, which ascend, of one row group. Ranges of one length come as a batch each.
pub(super) fn read(
    pieces: &Pieces,
    metadata: &ArrowReaderMetadata,
    group: usize,
    leaves: &[usize],
    ranges: Vec<Range<usize>>,
) -> Result<Vec<RecordBatch>> {
    let most = ranges.iter().map(Range::len).max().unwrap_or(1);
    reader(pieces, metadata, group, leaves, ranges, most)?.map(|batch| batch.map_err(undecodable)).collect()
}

fn reader(
    pieces: &Pieces,
    metadata: &ArrowReaderMetadata,
    group: usize,
    leaves: &[usize],
    ranges: Vec<Range<usize>>,
    batch_rows: usize,
) -> Result<ParquetRecordBatchReader> {
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(pieces.clone(), metadata.clone());
    let mask = ProjectionMask::leaves(builder.parquet_schema(), leaves.iter().copied());
    let mut selectors = Vec::new();
    let mut at = 0;
    for range in ranges {
        selectors.push(RowSelector::skip(range.start.saturating_sub(at)));
        selectors.push(RowSelector::select(range.len()));
        at = range.end;
    }
    builder
        .with_projection(mask)
        .with_row_groups(vec![group])
        .with_row_selection(RowSelection::from(selectors))
        .with_batch_size(batch_rows)
        .build()
        .map_err(|e| Error::corrupt("a checkpoint can't be read").because(e))
}

fn undecodable(e: ArrowError) -> Error {
    Error::corrupt("a checkpoint can't be read").because(e)
}

fn wrong(name: &str) -> Error {
    Error::corrupt(format!("a checkpoint's column {name:?} isn't of the type that the protocol gives it"))
}
