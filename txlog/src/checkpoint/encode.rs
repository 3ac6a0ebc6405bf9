//! How do rows become a Parquet file, one row group at a time?
//!
//! Row groups are encoded apart from each other, so on as many threads as there are; put into the file one after another;
//! and read back from the very bytes that go out, so that nothing of the file but its metadata is kept.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{FileMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::tally::Tally;
use super::verify::read_back;
use crate::error::{Error, Result};

const ZSTD_LEVEL: i32 = 1;
/// A checkpoint of at most so many file actions is compressed by snappy: zstd prepares some hundred KiB of memory for each
/// column, to write it and to read it, which is most of the time where there are few rows.
const SNAPPY_ROWS: u64 = 1024;
const PARQUET_TAIL_BYTES: usize = 8;

/// Encodes rows of one schema. Shared by threads.
#[derive(Debug)]
pub struct Encoder {
    schema: SchemaRef,
    compression: Compression,
    factory: ArrowRowGroupWriterFactory,
}

/// A row group, encoded and not yet in a file.
#[derive(Debug)]
pub struct EncodedGroup {
    batches: Vec<RecordBatch>,
    chunks: Vec<ArrowColumnChunk>,
}

/// A Parquet file in the making.
#[derive(Debug)]
pub struct FileWriter {
    writer: SerializedFileWriter<Vec<u8>>,
    offset: u64,
    num_rows: i64,
}

/// A row group in its file, not yet read back.
#[derive(Debug)]
pub struct WrittenGroup {
    pub(super) batches: Vec<RecordBatch>,
    pub(super) metadata: ParquetMetaData,
    /// Where in the file the bytes begin.
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
}

impl Encoder {
    /// An encoder of a checkpoint with these columns and so many file actions.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) where Parquet has no such columns.
    pub(super) fn new(schema: SchemaRef, rows: u64) -> Result<Encoder> {
        let compression = match rows <= SNAPPY_ROWS {
            true => Compression::SNAPPY,
            false => Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).map_err(unwritable)?),
        };
        let (_, factory) = file_of(&schema, compression)?;
        Ok(Encoder { schema, compression, factory })
    }

    /// The columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Encodes a row group.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when the batches haven't the encoder's columns.
    pub fn encode(&self, batches: Vec<RecordBatch>) -> Result<EncodedGroup> {
        let mut writers = self.factory.create_column_writers(0).map_err(unwritable)?;
        for batch in &batches {
            let mut next = writers.iter_mut();
            for (field, column) in self.schema.fields().iter().zip(batch.columns()) {
                for leaf in compute_leaves(field, column).map_err(unwritable)? {
                    let writer = next.next().ok_or_else(|| Error::bug("more leaves than column writers"))?;
                    writer.write(&leaf).map_err(unwritable)?;
                }
            }
        }
        let chunks = writers.into_iter().map(|writer| writer.close()).collect::<Result<_, _>>().map_err(unwritable)?;
        Ok(EncodedGroup { batches, chunks })
    }

    /// Begins a file.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) where Parquet has no such columns.
    pub fn file(&self) -> Result<FileWriter> {
        let (writer, _) = file_of(&self.schema, self.compression)?;
        Ok(FileWriter { writer, offset: 0, num_rows: 0 })
    }

    /// A whole file of few rows, read back: its bytes, and what its file actions come to.
    ///
    /// # Errors
    /// As [`encode`](Self::encode) and [`WrittenGroup::verify`].
    pub fn whole(&self, groups: impl IntoIterator<Item = EncodedGroup>) -> Result<(Bytes, Tally)> {
        let (mut file, mut bytes, mut tally) = (self.file()?, Vec::new(), Tally::default());
        for group in groups {
            let (written, read) = file.append(group)?.verify()?;
            bytes.extend_from_slice(&written);
            tally.add(read);
        }
        bytes.extend_from_slice(&file.finish()?);
        Ok((bytes.into(), tally))
    }
}

impl FileWriter {
    /// Puts the next row group into the file.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when it is of another schema;
    /// [`Exhausted`](crate::ErrorKind::Exhausted) past the 32,767 row groups that Parquet allows.
    pub fn append(&mut self, group: EncodedGroup) -> Result<WrittenGroup> {
        if self.writer.flushed_row_groups().len() >= i16::MAX as usize {
            return Err(Error::exhausted("a checkpoint of more than 32767 row groups")
                .hint("set delta.checkpointPolicy to v2: its checkpoints have no such bound"));
        }
        let mut row_group = self.writer.next_row_group().map_err(unwritable)?;
        for chunk in group.chunks {
            chunk.append_to_row_group(&mut row_group).map_err(unwritable)?;
        }
        let metadata = row_group.close().map_err(unwritable)?;
        let (offset, bytes) = self.drain()?;
        self.num_rows += metadata.num_rows();
        let file = FileMetaData::new(1, metadata.num_rows(), None, None, metadata.schema_descr_ptr(), None);
        let metadata = ParquetMetaData::new(file, vec![RowGroupMetaData::clone(&metadata)]);
        Ok(WrittenGroup { batches: group.batches, metadata, offset, bytes })
    }

    /// Ends the file: its last bytes, whose metadata was read back and leads to the row groups that were.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) where it doesn't.
    pub fn finish(mut self) -> Result<Bytes> {
        let written: Vec<RowGroupMetaData> = self.writer.flushed_row_groups().to_vec();
        self.writer.finish().map_err(unwritable)?;
        let (_, bytes) = self.drain()?;
        let lost = || Error::bug("the metadata of a checkpoint doesn't read back as it was written");
        let at = bytes.len().checked_sub(PARQUET_TAIL_BYTES).ok_or_else(lost)?;
        let length: [u8; 4] = bytes.get(at..at + 4).and_then(|length| length.try_into().ok()).ok_or_else(lost)?;
        let start = at.checked_sub(u32::from_le_bytes(length) as usize).ok_or_else(lost)?;
        let read = ParquetMetaDataReader::decode_metadata(&bytes[start..at]).map_err(unwritable)?;
        let same = read.num_row_groups() == written.len()
            && read.file_metadata().num_rows() == self.num_rows
            && read.row_groups().iter().zip(&written).all(|(read, written)| leads_to_the_same(read, written));
        if same { Ok(bytes) } else { Err(lost()) }
    }

    /// What was written since the last call, and where it begins.
    fn drain(&mut self) -> Result<(u64, Bytes)> {
        self.writer.flush().map_err(|e| Error::bug("a checkpoint can't be encoded").because(e))?;
        let bytes = std::mem::take(self.writer.inner_mut());
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        Ok((offset, bytes.into()))
    }
}

impl WrittenGroup {
    /// Reads the row group back from its bytes and compares every value; gives the bytes, and what the file actions
    /// come to.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when what was written doesn't read back.
    pub fn verify(self) -> Result<(Bytes, Tally)> {
        let tally = read_back(&self)?;
        Ok((self.bytes, tally))
    }
}

fn leads_to_the_same(read: &RowGroupMetaData, written: &RowGroupMetaData) -> bool {
    read.num_rows() == written.num_rows()
        && read.num_columns() == written.num_columns()
        && read.columns().iter().zip(written.columns()).all(|(read, written)| {
            read.byte_range() == written.byte_range()
                && read.num_values() == written.num_values()
                && read.compression() == written.compression()
                && read.column_path() == written.column_path()
        })
}

fn file_of(
    schema: &SchemaRef,
    compression: Compression,
) -> Result<(SerializedFileWriter<Vec<u8>>, ArrowRowGroupWriterFactory)> {
    let mut properties = WriterProperties::builder()
        .set_compression(compression)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    // Texts that hardly ever repeat: a dictionary of them would be built and thrown away.
    for path in [["add", "path"], ["add", "stats"], ["remove", "path"]] {
        let path = ColumnPath::new(path.iter().map(|part| (*part).to_owned()).collect());
        properties = properties.set_column_dictionary_enabled(path, false);
    }
    let options = ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(schema), options)
        .and_then(ArrowWriter::into_serialized_writer)
        .map_err(unwritable)
}

pub(super) fn unwritable(e: ParquetError) -> Error {
    Error::bug("a checkpoint can't be encoded").because(e)
}
