//! Which bytes of a checkpoint file are at hand, and which do the wanted columns still need?
//!
//! A Parquet file is described by its footer, at its end; each column of each row group is one range before it. A file is
//! fetched in pieces: the footer once, then the ranges of the columns that are wanted, those close to each other in one.
//! Pure: pieces in, ranges or contents out.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};

use super::decode::decode;
use super::guard::guarded;
use super::leaves::Leaves;
use super::read::{Contents, Wanted};
use crate::error::{Error, Result};
use crate::limits::MAX_PARQUET_FOOTER_BYTES;

/// What a Parquet file ends with: the footer's length and this.
const MAGIC: &[u8; 4] = b"PAR1";
const TAIL_BYTES: u64 = 8;
/// Ranges closer than this are fetched as one: the bytes between them cost less than a request.
const MAX_GAP_BYTES: u64 = 512 * 1024;
/// Longer ranges are fetched in parts of this size, side by side: one connection has less bandwidth than the machine.
const MAX_RANGE_BYTES: u64 = 16 * 1024 * 1024;
/// To spare a copy, one part in so many of a piece may be kept that isn't needed.
const SPARE: usize = 16;

/// Reads a checkpoint, a part of one, or a sidecar in Parquet. Columns that aren't known are passed over; statistics are
/// decoded when they are asked for.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt) when it isn't Parquet, or a known column is of another type;
/// [`Exhausted`](crate::ErrorKind::Exhausted) for a footer over [`MAX_PARQUET_FOOTER_BYTES`], and for columns that expand
/// beyond their bounds ([`pages`](crate::pages)).
pub fn decode_parquet(bytes: Bytes) -> Result<Contents> {
    let pieces = Pieces::whole(bytes);
    match footer(&pieces)? {
        Footer::Read(description) => description.decode(pieces, Wanted::All),
        Footer::Missing(_) => Err(Error::bug("a whole file lacks its footer")),
    }
}

/// The pieces of one file that have been fetched. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    size: u64,
    /// By their first byte; none overlaps another.
    pieces: Arc<BTreeMap<u64, Bytes>>,
}

impl Pieces {
    /// No piece of a file of so many bytes.
    #[must_use]
    pub fn new(size: u64) -> Pieces {
        Pieces { size, pieces: Arc::default() }
    }

    /// A whole file.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Pieces {
        let size = bytes.len() as u64;
        Pieces { size, pieces: Arc::new(BTreeMap::from([(0, bytes)])) }
    }

    /// The file's size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The whole file, where it is at hand in one piece.
    #[must_use]
    pub fn all(&self) -> Option<Bytes> {
        if self.size == 0 { Some(Bytes::new()) } else { self.get(0..self.size) }
    }

    /// The bytes of a range, where they are at hand; copied only where more than one piece holds them.
    pub(super) fn get(&self, range: Range<u64>) -> Option<Bytes> {
        let mut parts = self.parts(&range)?;
        Some(match parts.len() {
            0 | 1 => parts.pop().map(|part| part.bytes).unwrap_or_default(),
            _ => parts.iter().map(|part| &*part.bytes).collect::<Vec<_>>().concat().into(),
        })
    }

    /// The parts of the pieces that hold a range, in order; `None` where a byte of it is missing.
    fn parts(&self, range: &Range<u64>) -> Option<Vec<Part>> {
        let mut parts = Vec::new();
        let mut at = range.start;
        let (first, _) = self.pieces.range(..=range.start).next_back()?;
        for (first, piece) in self.pieces.range(*first..) {
            let from = usize::try_from(at.checked_sub(*first)?).ok()?;
            let to = usize::try_from(range.end.checked_sub(*first)?).ok()?.min(piece.len());
            if from > to {
                return None;
            }
            parts.push(Part { bytes: piece.slice(from..to), of: piece.len() });
            at = first + to as u64;
            if at >= range.end {
                return Some(parts);
            }
        }
        None
    }

    /// Everything at hand from a byte on, up to the first that is missing.
    fn from(&self, start: u64) -> Option<Rest> {
        let (first, piece) = self.pieces.range(..=start).next_back()?;
        let from = usize::try_from(start - first).ok().filter(|from| *from <= piece.len())?;
        Some(Rest { pieces: self.clone(), at: start, now: piece.slice(from..) })
    }

    /// Takes a range that another has at hand, so that the rest of it can be freed: pieces of which it is nearly all are
    /// shared, of others the part is copied.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where it isn't at hand.
    pub(super) fn take(&mut self, from: &Pieces, range: Range<u64>) -> Result<()> {
        let parts = from.parts(&range).ok_or_else(|| misplaced(range.start))?;
        self.size = from.size;
        let pieces = Arc::make_mut(&mut self.pieces);
        let mut at = range.start;
        for Part { bytes, of } in parts {
            let next = at + bytes.len() as u64;
            let spare = of - bytes.len();
            pieces.insert(at, if spare <= of / SPARE { bytes } else { Bytes::copy_from_slice(&bytes) });
            at = next;
        }
        Ok(())
    }

    /// Bytes at hand.
    pub(super) fn memory_size(&self) -> usize {
        self.pieces.values().map(Bytes::len).sum()
    }

    /// Adds fetched pieces. None is copied: of bytes that were fetched twice, the second are let go.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for a piece that lies outside of the file.
    pub fn add(&mut self, fetched: Vec<(u64, Bytes)>) -> Result<()> {
        let pieces = Arc::make_mut(&mut self.pieces);
        let mut all: Vec<(u64, Bytes)> = std::mem::take(pieces).into_iter().collect();
        all.extend(fetched.into_iter().filter(|(_, bytes)| !bytes.is_empty()));
        all.sort_by_key(|(first, bytes)| (*first, std::cmp::Reverse(bytes.len())));
        let mut end = 0;
        for (first, bytes) in all {
            let stop = first.checked_add(bytes.len() as u64).filter(|stop| *stop <= self.size).ok_or_else(|| {
                Error::corrupt(format!("bytes of a file were fetched that lie behind its {} bytes", self.size))
            })?;
            if stop > end {
                let known = usize::try_from(end.saturating_sub(first)).unwrap_or(usize::MAX).min(bytes.len());
                pieces.insert(first.max(end), bytes.slice(known..));
                end = stop;
            }
        }
        Ok(())
    }

    /// What is to be fetched for `wanted` to be at hand: close ranges as one, long ones in parts.
    #[must_use]
    pub fn missing(&self, wanted: &[Range<u64>]) -> Vec<Range<u64>> {
        let mut lacking: Vec<Range<u64>> = wanted.iter().flat_map(|range| self.lacking(range)).collect();
        lacking.sort_by_key(|range| (range.start, range.end));
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in lacking {
            match joined.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(MAX_GAP_BYTES) => {
                    last.end = last.end.max(range.end);
                }
                _ => joined.push(range),
            }
        }
        joined.into_iter().flat_map(|range| in_parts(&range)).collect()
    }

    /// The parts of a range that aren't at hand.
    fn lacking(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let mut out = Vec::new();
        let mut at = range.start;
        let before = self.pieces.range(..range.start).next_back();
        for (first, piece) in before.into_iter().chain(self.pieces.range(range.start..range.end)) {
            let end = first + piece.len() as u64;
            if *first > at {
                out.push(at..(*first).min(range.end));
            }
            at = at.max(end);
        }
        if at < range.end {
            out.push(at..range.end);
        }
        out
    }
}

/// What of a piece lies in a range.
#[derive(Debug)]
struct Part {
    bytes: Bytes,
    /// The piece's length.
    of: usize,
}

/// A range in parts of about the same size, none above [`MAX_RANGE_BYTES`].
fn in_parts(range: &Range<u64>) -> Vec<Range<u64>> {
    let length = range.end - range.start;
    let parts = length.div_ceil(MAX_RANGE_BYTES).max(1);
    let size = length.div_ceil(parts).max(1);
    (0..parts)
        .map(|part| range.start + part * size..(range.start + (part + 1) * size).min(range.end))
        .filter(|part| part.start < part.end)
        .collect()
}

/// The bytes of a file from one on, as far as they are at hand.
#[derive(Debug)]
pub struct Rest {
    pieces: Pieces,
    /// Where `now` starts.
    at: u64,
    now: Bytes,
}

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.now.is_empty() {
            let next = self.pieces.pieces.get(&self.at).cloned();
            let Some(next) = next else { return Ok(0) };
            self.now = next;
        }
        let length = buffer.len().min(self.now.len());
        let read = self.now.split_to(length);
        buffer[..length].copy_from_slice(&read);
        self.at += length as u64;
        Ok(length)
    }
}

impl Length for Pieces {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Pieces {
    type T = Rest;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        self.from(start).ok_or_else(|| not_at_hand(start))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let end = start.checked_add(length as u64).ok_or_else(|| not_at_hand(start))?;
        self.get(start..end).ok_or_else(|| not_at_hand(start))
    }
}

/// A column isn't where the footer says.
pub(super) fn misplaced(start: u64) -> Error {
    Error::corrupt("a column of a checkpoint lies where no column can be").because(not_at_hand(start))
}

fn not_at_hand(start: u64) -> ParquetError {
    ParquetError::General(format!("the bytes from {start} on lie outside of the columns that the footer names"))
}

/// A checkpoint file's footer, or what has to be fetched to read it.
#[derive(Clone, Debug)]
pub enum Footer {
    /// These bytes are still missing.
    Missing(Range<u64>),
    /// It is read.
    Read(Description),
}

/// What a footer says of its file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Description(ArrowReaderMetadata);

/// Reads the footer from the pieces at hand.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt) when the file doesn't end as Parquet does, or the footer can't be parsed;
/// [`Exhausted`](crate::ErrorKind::Exhausted) for one over [`MAX_PARQUET_FOOTER_BYTES`] (pitfall H2).
pub fn footer(pieces: &Pieces) -> Result<Footer> {
    let size = pieces.size();
    let short = || Error::corrupt(format!("a Parquet file of {size} bytes has no footer"));
    let end = size.checked_sub(TAIL_BYTES).ok_or_else(short)?;
    let Some(tail) = pieces.get(end..size) else { return Ok(Footer::Missing(end..size)) };
    let (length, magic) = tail.split_at(4);
    if magic != MAGIC {
        return Err(Error::corrupt("a checkpoint doesn't end as a Parquet file does"));
    }
    let length: [u8; 4] = length.try_into().map_err(|_| short())?;
    let length = u64::from(u32::from_le_bytes(length));
    if length > MAX_PARQUET_FOOTER_BYTES as u64 {
        return Err(Error::exhausted(format!(
            "a Parquet footer of {length} bytes is longer than the {MAX_PARQUET_FOOTER_BYTES} that are read"
        )));
    }
    let start = end.checked_sub(length).ok_or_else(short)?;
    let Some(bytes) = pieces.get(start..end) else { return Ok(Footer::Missing(start..size)) };
    let damaged = |e: ParquetError| Error::corrupt("a checkpoint's footer can't be read").because(e);
    guarded(|| {
        let metadata = ParquetMetaDataReader::decode_metadata(&bytes).map_err(damaged)?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        ArrowReaderMetadata::try_new(Arc::new(metadata), options)
            .map(|read| Footer::Read(Description(read)))
            .map_err(damaged)
    })
}

impl Description {
    /// The ranges of the wanted columns, in the row groups that may hold some of them.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for a range that lies outside of a file of `size` bytes.
    pub fn ranges(&self, wanted: Wanted, size: u64) -> Result<Vec<Range<u64>>> {
        let mut out = Vec::new();
        for group in self.0.metadata().row_groups() {
            for leaf in Leaves::of(group, wanted).all() {
                out.push(range(group.column(leaf), size)?);
            }
        }
        Ok(out)
    }

    /// Decodes the wanted columns, whose ranges are at hand, on as many threads as there are cores.
    ///
    /// # Errors
    /// As [`decode_parquet`].
    pub fn decode(&self, pieces: Pieces, wanted: Wanted) -> Result<Contents> {
        guarded(|| decode(&pieces, &self.0, wanted))
    }
}

/// The bytes of a column of a row group.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt) where they lie outside of the file of `size` bytes.
pub(super) fn range(column: &ColumnChunkMetaData, size: u64) -> Result<Range<u64>> {
    let outside = || {
        Error::corrupt("a checkpoint's footer names a column outside of its file").path(column.column_path().string())
    };
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    if start > column.data_page_offset() {
        let behind = Error::corrupt("a checkpoint's footer names a dictionary that lies behind its column");
        return Err(behind.path(column.column_path().string()));
    }
    let start = u64::try_from(start).map_err(|_| outside())?;
    let length = u64::try_from(column.compressed_size()).map_err(|_| outside())?;
    let end = start.checked_add(length).filter(|end| *end <= size).ok_or_else(outside)?;
    Ok(start..end)
}

#[cfg(test)]
mod tests;
