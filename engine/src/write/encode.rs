//! How one file grows from batches: Parquet bytes on one side, statistics on the other.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use lakebed_txlog::stats::StatsCollector;
use lakebed_txlog::{Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;

use super::layout::TableLayout;
use super::options::WriteOptions;

/// Who wrote the file, in the form that Parquet readers parse.
const CREATED_BY: &str = concat!("lakebed version ", env!("CARGO_PKG_VERSION"));
/// Most rows of a row group.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// Bytes of one piece of finished output.
const PIECE_BYTES: usize = 1 << 20;

/// One file in the making. All its methods work on the CPU alone.
#[derive(Debug)]
pub(crate) struct Encoder {
    parquet: SerializedFileWriter<Pieces>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    row_group_bytes: usize,
    group: RowGroup,
    stats: StatsCollector,
}

/// The row group in the making.
#[derive(Default)]
struct RowGroup {
    /// A writer for each leaf; none before the first rows.
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

/// A file that is complete.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// The text of `add.stats`.
    pub(crate) stats: String,
    /// What wasn't drained before.
    pub(crate) rest: Vec<Bytes>,
}

impl Encoder {
    pub(crate) fn new(layout: &TableLayout, properties: &WriterProperties) -> Result<Encoder> {
        // Readers go by the Parquet types, which say all there is: Arrow's own schema would only add bytes.
        let options = ArrowWriterOptions::new().with_properties(properties.clone()).with_skip_arrow_metadata(true);
        let schema = layout.file_schema();
        let parquet = ArrowWriter::try_new_with_options(Pieces::default(), schema.clone(), options).map_err(failed)?;
        let (parquet, factory) = parquet.into_serialized_writer().map_err(failed)?;
        let stats = StatsCollector::new(schema, layout.stats_columns())?;
        let row_group_bytes = properties.max_row_group_bytes().unwrap_or(usize::MAX);
        Ok(Encoder { parquet, factory, schema: Arc::clone(schema), row_group_bytes, group: RowGroup::default(), stats })
    }

    /// Encodes a batch, its columns and statistics side by side on up to `threads` threads. A row group that is full
    /// is ended.
    pub(crate) fn write(&mut self, batch: &RecordBatch, threads: usize) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.group.columns.is_empty() {
            let number = self.parquet.flushed_row_groups().len();
            self.group.columns = self.factory.create_column_writers(number).map_err(failed)?;
        }
        let mut leaves = Vec::with_capacity(self.group.columns.len());
        for (field, array) in self.schema.fields().iter().zip(batch.columns()) {
            leaves.extend(compute_leaves(field, array).map_err(failed)?);
        }
        let stats = &mut self.stats;
        let mut jobs: Vec<Job<'_>> = vec![Box::new(move || stats.update(batch))];
        jobs.extend(
            self.group
                .columns
                .iter_mut()
                .zip(&leaves)
                .map(|(column, leaf)| -> Job<'_> { Box::new(move || column.write(leaf).map_err(failed)) }),
        );
        side_by_side(jobs, threads)?;
        self.group.rows += batch.num_rows();
        let is_full = self.group.rows >= ROW_GROUP_ROWS || self.group.encoded_bytes() >= self.row_group_bytes;
        if is_full { self.flush(threads) } else { Ok(()) }
    }

    /// Ends the row group.
    pub(crate) fn flush(&mut self, threads: usize) -> Result<()> {
        let columns = std::mem::take(&mut self.group).columns;
        if columns.is_empty() {
            return Ok(());
        }
        let mut chunks: Vec<Option<ArrowColumnChunk>> = columns.iter().map(|_| None).collect();
        let jobs = columns.into_iter().zip(&mut chunks).map(|(column, chunk)| -> Job<'_> {
            Box::new(move || {
                *chunk = Some(column.close().map_err(failed)?);
                Ok(())
            })
        });
        side_by_side(jobs.collect(), threads)?;
        let mut group = self.parquet.next_row_group().map_err(failed)?;
        for chunk in chunks.into_iter().flatten() {
            chunk.append_to_row_group(&mut group).map_err(failed)?;
        }
        group.close().map(|_| ()).map_err(failed)
    }

    /// The finished bytes that weren't taken yet.
    pub(crate) fn drain(&mut self) -> Vec<Bytes> {
        self.parquet.inner_mut().drain()
    }

    /// Ends the file.
    pub(crate) fn finish(mut self, threads: usize) -> Result<Encoded> {
        self.flush(threads)?;
        self.parquet.finish().map_err(failed)?;
        let rest = self.parquet.inner_mut().drain();
        Ok(Encoded { stats: self.stats.finish(), rest })
    }

    /// The size that the file would have now, about.
    pub(crate) fn file_bytes(&self) -> usize {
        self.parquet.bytes_written() + self.group.encoded_bytes()
    }

    /// What the row group in the making holds in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.group.columns.iter().map(ArrowColumnWriter::memory_size).sum()
    }
}

impl RowGroup {
    fn encoded_bytes(&self) -> usize {
        self.columns.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum()
    }
}

impl fmt::Debug for RowGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowGroup").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// A piece of work that needs nothing of the others.
type Job<'a> = Box<dyn FnOnce() -> Result<()> + Send + 'a>;

/// Does all jobs, on this thread and up to `threads - 1` others; the error of one that failed.
fn side_by_side(jobs: Vec<Job<'_>>, threads: usize) -> Result<()> {
    let others = threads.min(jobs.len()).saturating_sub(1);
    if others == 0 {
        return jobs.into_iter().try_for_each(|job| job());
    }
    let queue = Mutex::new(jobs.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || -> Result<()> {
        while let Some(job) = next() {
            job()?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..others).map(|_| scope.spawn(work)).collect();
        let mine = work();
        let theirs = others.into_iter().map(|other| match other.join() {
            Ok(done) => done,
            Err(_) => Err(Error::bug("the encoding of a column was stopped")),
        });
        theirs.fold(mine, Result::and)
    })
}

/// How the files of a table are encoded.
///
/// # Errors
///
/// `InvalidRequest` for a level that zstd doesn't have.
pub(crate) fn properties(options: &WriteOptions) -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(options.zstd_level)
        .map_err(|error| Error::invalid("zstd doesn't have this level").because(error))?;
    Ok(WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(options.row_group_bytes))
        .build())
}

fn failed(error: ParquetError) -> Error {
    Error::invalid("a data file can't be encoded").because(error)
}

/// Output in pieces, so that a large row group neither grows one buffer by copying nor has to be split afterwards.
#[derive(Debug, Default)]
struct Pieces {
    done: Vec<Bytes>,
    open: Vec<u8>,
}

impl Pieces {
    fn drain(&mut self) -> Vec<Bytes> {
        if !self.open.is_empty() {
            self.done.push(Bytes::from(std::mem::take(&mut self.open)));
        }
        std::mem::take(&mut self.done)
    }
}

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open.extend_from_slice(bytes);
        if self.open.len() >= PIECE_BYTES {
            self.done.push(Bytes::from(std::mem::take(&mut self.open)));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
