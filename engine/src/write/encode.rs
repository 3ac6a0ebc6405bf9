//! How one file grows from batches: Parquet bytes on one side, statistics on the other.

use std::io;

use arrow::array::RecordBatch;
use bytes::Bytes;
use lakebed_txlog::stats::StatsCollector;
use lakebed_txlog::{Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

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
    parquet: ArrowWriter<Pieces>,
    stats: StatsCollector,
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
        let stats = StatsCollector::new(schema, layout.stats_columns())?;
        Ok(Encoder { parquet, stats })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.parquet.write(batch).map_err(failed)?;
        self.stats.update(batch)
    }

    /// Ends the row group.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.parquet.flush().map_err(failed)
    }

    /// The finished bytes that weren't taken yet.
    pub(crate) fn drain(&mut self) -> Vec<Bytes> {
        self.parquet.inner_mut().drain()
    }

    /// Ends the file.
    pub(crate) fn finish(mut self) -> Result<Encoded> {
        self.parquet.finish().map_err(failed)?;
        let rest = self.parquet.inner_mut().drain();
        Ok(Encoded { stats: self.stats.finish(), rest })
    }

    /// The size that the file would have now, about.
    pub(crate) fn file_bytes(&self) -> usize {
        self.parquet.bytes_written() + self.parquet.in_progress_size()
    }

    /// What the row group in the making holds in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.parquet.memory_size()
    }
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
