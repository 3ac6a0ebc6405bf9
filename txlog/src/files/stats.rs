//! How are the statistics of a batch of files kept until somebody asks for them?
//!
//! As JSON text they are most of a log: 400 bytes a file. Nobody reads them but to prune (which wants a few columns of
//! all files), to change a file (all of one file) and to write a checkpoint (all of all files, in order). So:
//!
//! | where they come from | kept as |
//! |---|---|
//! | a commit | text, as it came, until the batch grows to [`CHUNK_ROWS`] rows; then packed |
//! | a checkpoint's column that is compressed, or that can be read again | the column's own bytes, or the way to them |
//! | another column of a checkpoint | packed |
//!
//! Packed means chunks of [`CHUNK_ROWS`] texts, each compressed with Zstandard: about 90 bytes a file.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, StructArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{concat, filter};
use arrow::error::ArrowError;

use super::packed::PackedTexts;
use crate::error::{Error, Result};
use crate::stats::StatsColumn;

/// Texts packed together, and unpacked together when one of them is asked for.
pub const CHUNK_ROWS: usize = 1024;
/// Texts decoded together when one that stands in a checkpoint is asked for: to get to them costs as much as a thousand.
pub const STORED_CHUNK_ROWS: usize = 8 * 1024;

/// Statistics that stand somewhere else, to be decoded on demand. Rows are the source's own.
pub trait StatsSource: fmt::Debug + Send + Sync {
    /// Gives `stats` of these rows to `see`, some after the others.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where they can't be decoded; those of `see`.
    fn for_each_texts(&self, rows: Range<usize>, see: &mut dyn FnMut(&StringArray) -> Result<()>) -> Result<()>;

    /// `stats_parsed` of these rows, with at least the fields that `columns` need; all fields where it is `None`.
    ///
    /// # Errors
    /// As [`for_each_texts`](Self::for_each_texts).
    fn parsed(&self, rows: Range<usize>, columns: Option<&[StatsColumn]>) -> Result<StructArray>;

    /// About how many bytes `stats` has in a row.
    fn text_bytes_per_row(&self) -> usize;

    /// Bytes of memory that the source holds, for all of its rows.
    fn memory_size(&self) -> usize;
}

/// Rows of a source.
#[derive(Clone, Debug)]
pub struct SourceRows {
    /// The source; several batches may share it.
    pub source: Arc<dyn StatsSource>,
    /// The rows of it that the batch's come from.
    pub rows: Range<usize>,
    /// Which of those are the batch's; all of them where it is `None`.
    pub chosen: Option<BooleanBuffer>,
}

/// Statistics of a batch of files, in one form, in both, or in none.
#[derive(Clone, Debug, Default)]
pub struct FileStats {
    texts: Texts,
    parsed: Parsed,
    last_chunk: LastChunk,
}

#[derive(Clone, Debug, Default)]
enum Texts {
    #[default]
    Absent,
    Plain(StringArray),
    Packed(Arc<PackedTexts>),
    Stored(SourceRows),
}

#[derive(Clone, Debug, Default)]
enum Parsed {
    #[default]
    Absent,
    Columns(StructArray),
    Stored(SourceRows),
}

/// The chunk decoded last: files are looked at one after the other. The batches of a checkpoint share one, so that no more
/// is held after all of them were looked at.
#[derive(Clone, Debug, Default)]
pub struct LastChunk(Arc<Mutex<Option<Chunk>>>);

#[derive(Debug)]
struct Chunk {
    of: Owner,
    /// The first of its rows, or its number.
    first: usize,
    texts: StringArray,
}

/// Whose rows a chunk holds. As long as somebody refers to it, however weakly, nothing else has its address.
#[derive(Debug)]
enum Owner {
    Packed(Weak<PackedTexts>),
    Stored(Weak<dyn StatsSource>),
}

impl Owner {
    fn is(&self, other: &Owner) -> bool {
        match (self, other) {
            (Owner::Packed(own), Owner::Packed(other)) => Weak::ptr_eq(own, other),
            (Owner::Stored(own), Owner::Stored(other)) => std::ptr::addr_eq(own.as_ptr(), other.as_ptr()),
            _ => false,
        }
    }
}

impl FileStats {
    /// No statistics.
    #[must_use]
    pub fn absent() -> FileStats {
        FileStats::default()
    }

    /// Statistics as JSON text, kept as they are.
    #[must_use]
    pub fn from_texts(texts: Option<StringArray>) -> FileStats {
        let texts = texts.filter(|texts| texts.null_count() < texts.len()).map_or(Texts::Absent, Texts::Plain);
        FileStats { texts, ..FileStats::default() }
    }

    /// The same statistics, with text that isn't kept compressed yet so kept, where there is enough of it; text that
    /// stands in a source is decoded for that.
    ///
    /// # Errors
    /// As [`texts`](Self::texts).
    pub fn packed(self) -> Result<FileStats> {
        let enough = match &self.texts {
            Texts::Plain(texts) => texts.len() >= CHUNK_ROWS,
            Texts::Stored(_) => true,
            Texts::Absent | Texts::Packed(_) => false,
        };
        if !enough {
            return Ok(self);
        }
        let mut packed = PackedTexts::default();
        self.for_each_texts(&mut |texts| packed.push(texts))?;
        packed.finish()?;
        Ok(FileStats { texts: Texts::Packed(Arc::new(packed)), last_chunk: LastChunk::default(), ..self })
    }

    /// The statistics of some of the rows, decoded.
    ///
    /// # Errors
    /// As [`texts`](Self::texts).
    pub(super) fn slice(&self, from: usize, len: usize) -> Result<FileStats> {
        let parsed = match self.parsed(None)? {
            Some(parsed) => Parsed::Columns(parsed.slice(from, len)),
            None => Parsed::Absent,
        };
        let stats = FileStats::from_texts(self.texts()?.map(|texts| texts.slice(from, len)));
        Ok(FileStats { parsed, ..stats })
    }

    /// With the texts of these rows of a source.
    #[must_use]
    pub fn with_stored_texts(self, rows: SourceRows) -> FileStats {
        FileStats { texts: Texts::Stored(rows), ..self }
    }

    /// With `stats_parsed`.
    #[must_use]
    pub fn with_parsed(self, parsed: StructArray) -> FileStats {
        FileStats { parsed: Parsed::Columns(parsed), ..self }
    }

    /// With `stats_parsed` of these rows of a source.
    #[must_use]
    pub fn with_stored_parsed(self, rows: SourceRows) -> FileStats {
        FileStats { parsed: Parsed::Stored(rows), ..self }
    }

    /// With a place for the chunk decoded last that others share.
    #[must_use]
    pub fn sharing(self, last_chunk: &LastChunk) -> FileStats {
        FileStats { last_chunk: last_chunk.clone(), ..self }
    }

    /// Whether there are statistics as JSON text.
    #[must_use]
    pub fn has_texts(&self) -> bool {
        !matches!(self.texts, Texts::Absent)
    }

    /// Whether there are statistics as a struct.
    #[must_use]
    pub fn has_parsed(&self) -> bool {
        !matches!(self.parsed, Parsed::Absent)
    }

    /// The JSON text of every row; `None` where no row has any. Decodes all of it: prefer
    /// [`for_each_texts`](Self::for_each_texts).
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where the checkpoint that they stand in is damaged.
    pub fn texts(&self) -> Result<Option<StringArray>> {
        let mut parts: Vec<StringArray> = Vec::new();
        self.for_each_texts(&mut |texts| {
            parts.push(texts.clone());
            Ok(())
        })?;
        Ok(if self.has_texts() { Some(joined(parts)?) } else { None })
    }

    /// Gives the JSON text of every row to `see`, some after the others; never where no row has any.
    ///
    /// # Errors
    /// As [`texts`](Self::texts); those of `see`.
    pub fn for_each_texts(&self, see: &mut dyn FnMut(&StringArray) -> Result<()>) -> Result<()> {
        match &self.texts {
            Texts::Absent => Ok(()),
            Texts::Plain(texts) => see(texts),
            Texts::Packed(packed) => (0..packed.num_chunks()).try_for_each(|chunk| see(&packed.chunk(chunk)?)),
            Texts::Stored(rows) => {
                let Some(chosen) = &rows.chosen else { return rows.source.for_each_texts(rows.rows.clone(), see) };
                let mut at = 0;
                rows.source.for_each_texts(rows.rows.clone(), &mut |texts| {
                    let chosen = BooleanArray::new(chosen.slice(at, texts.len()), None);
                    at += texts.len();
                    see(&text_of(filter(texts, &chosen))?)
                })
            }
        }
    }

    /// `stats_parsed` of every row, with at least the fields that `columns` need, all where it is `None`; `None` where
    /// the checkpoint has no such column.
    ///
    /// # Errors
    /// As [`texts`](Self::texts).
    pub fn parsed(&self, columns: Option<&[StatsColumn]>) -> Result<Option<StructArray>> {
        match &self.parsed {
            Parsed::Absent => Ok(None),
            Parsed::Columns(parsed) => Ok(Some(parsed.clone())),
            Parsed::Stored(rows) => {
                let parsed = rows.source.parsed(rows.rows.clone(), columns)?;
                let Some(chosen) = &rows.chosen else { return Ok(Some(parsed)) };
                let chosen = filter(&parsed, &BooleanArray::new(chosen.clone(), None)).map_err(unfiltered)?;
                Ok(Some(chosen.as_struct_opt().cloned().ok_or_else(|| Error::bug("a struct isn't one"))?))
            }
        }
    }

    /// The JSON text of a range of rows; `None` where no row of the batch has any. Decodes little more than them.
    ///
    /// # Errors
    /// As [`texts`](Self::texts).
    pub fn texts_of(&self, rows: Range<usize>) -> Result<Option<StringArray>> {
        let mut parts = Vec::new();
        match &self.texts {
            Texts::Absent => return Ok(None),
            Texts::Plain(texts) => parts.push(texts.slice(rows.start, rows.len())),
            Texts::Packed(packed) => {
                for chunk in rows.start / CHUNK_ROWS..rows.end.div_ceil(CHUNK_ROWS) {
                    let (texts, first) = (packed.chunk(chunk)?, chunk * CHUNK_ROWS);
                    let from = rows.start.saturating_sub(first);
                    let to = texts.len().min(rows.end - first);
                    parts.push(texts.slice(from, to.saturating_sub(from)));
                }
            }
            Texts::Stored(stored) => {
                let part = FileStats::default().with_stored_texts(stored.part(&rows));
                return part.texts();
            }
        }
        joined(parts).map(Some)
    }

    /// [`parsed`](Self::parsed) of a range of rows.
    ///
    /// # Errors
    /// As [`texts`](Self::texts).
    pub fn parsed_of(&self, rows: Range<usize>, columns: Option<&[StatsColumn]>) -> Result<Option<StructArray>> {
        match &self.parsed {
            Parsed::Absent => Ok(None),
            Parsed::Columns(parsed) => Ok(Some(parsed.slice(rows.start, rows.len()))),
            Parsed::Stored(stored) => FileStats::default().with_stored_parsed(stored.part(&rows)).parsed(columns),
        }
    }

    /// About how many bytes the texts have.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match &self.texts {
            Texts::Absent => 0,
            Texts::Plain(texts) => texts.value_data().len(),
            Texts::Packed(packed) => packed.text_bytes(),
            Texts::Stored(stored) => stored.rows.len() * stored.source.text_bytes_per_row(),
        }
    }

    /// The JSON text of one row. Decodes up to [`CHUNK_ROWS`] rows around it, up to [`STORED_CHUNK_ROWS`] where they stand in
    /// a checkpoint; the next call finds them again.
    ///
    /// # Errors
    /// As [`texts`](Self::texts).
    pub fn text(&self, row: usize) -> Result<Option<Cow<'_, str>>> {
        match &self.texts {
            Texts::Absent => Ok(None),
            Texts::Plain(texts) => Ok(texts.is_valid(row).then(|| Cow::Borrowed(texts.value(row)))),
            Texts::Packed(packed) => {
                let chunk = row / CHUNK_ROWS;
                let of = Owner::Packed(Arc::downgrade(packed));
                self.text_in_chunk(of, chunk, row % CHUNK_ROWS, || packed.chunk(chunk))
            }
            Texts::Stored(rows) => {
                let from = row - row % STORED_CHUNK_ROWS;
                let len = rows.len();
                let of = Owner::Stored(Arc::downgrade(&rows.source));
                self.text_in_chunk(of, rows.rows.start + from, row - from, || {
                    let part = self.texts_of(from..len.min(from + STORED_CHUNK_ROWS))?;
                    Ok(part.unwrap_or_else(|| StringArray::new_null(0)))
                })
            }
        }
    }

    /// A text of a chunk: of the one that was decoded last, or of the one that `decode` gives.
    fn text_in_chunk(
        &self,
        of: Owner,
        first: usize,
        at: usize,
        decode: impl FnOnce() -> Result<StringArray>,
    ) -> Result<Option<Cow<'_, str>>> {
        let mut last = self.last_chunk.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.take().filter(|chunk| chunk.first == first && chunk.of.is(&of));
        let chunk = match known {
            Some(known) => known,
            None => Chunk { of, first, texts: decode()? },
        };
        let texts = &chunk.texts;
        let text = (at < texts.len() && texts.is_valid(at)).then(|| Cow::Owned(texts.value(at).to_owned()));
        *last = Some(chunk);
        Ok(text)
    }

    /// Bytes of memory held, but for what sources hold: those are given to `source`, once for each batch that has rows
    /// of it.
    pub fn memory_size(&self, source: &mut dyn FnMut(&Arc<dyn StatsSource>)) -> usize {
        let texts = match &self.texts {
            Texts::Absent => 0,
            Texts::Plain(texts) => texts.get_buffer_memory_size(),
            Texts::Packed(packed) => packed.memory_size(),
            Texts::Stored(rows) => rows.memory_size(source),
        };
        let parsed = match &self.parsed {
            Parsed::Absent => 0,
            Parsed::Columns(parsed) => parsed.get_buffer_memory_size(),
            Parsed::Stored(rows) => rows.memory_size(source),
        };
        let last = self.last_chunk.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = last.as_ref().map_or(0, |chunk| chunk.texts.get_buffer_memory_size());
        texts + parsed + last / Arc::strong_count(&self.last_chunk.0)
    }

    /// Statistics of the rows of several batches, one after the other; `lengths` are their rows. Only text is kept:
    /// commits hold nothing else.
    ///
    /// # Errors
    /// As [`texts`](Self::texts).
    pub fn concatenated(parts: &[(&FileStats, usize)]) -> Result<FileStats> {
        if parts.iter().all(|(stats, _)| !stats.has_texts()) {
            return Ok(FileStats::absent());
        }
        let texts: Vec<StringArray> = parts
            .iter()
            .map(|(stats, rows)| Ok(stats.texts()?.unwrap_or_else(|| StringArray::new_null(*rows))))
            .collect::<Result<_>>()?;
        FileStats::from_texts(Some(joined(texts)?)).packed()
    }
}

impl SourceRows {
    /// How many rows are the batch's.
    fn len(&self) -> usize {
        self.chosen.as_ref().map_or(self.rows.len(), BooleanBuffer::count_set_bits)
    }

    /// Some of the batch's rows.
    fn part(&self, rows: &Range<usize>) -> SourceRows {
        let start = self.rows.start;
        let Some(chosen) = &self.chosen else {
            return SourceRows { rows: start + rows.start..start + rows.end, ..self.clone() };
        };
        let mut places = chosen.set_indices().skip(rows.start).take(rows.len());
        let first = places.next().unwrap_or(0);
        let end = if rows.is_empty() { first } else { places.last().unwrap_or(first) + 1 };
        let chosen = Some(chosen.slice(first, end - first));
        SourceRows { source: Arc::clone(&self.source), rows: start + first..start + end, chosen }
    }

    fn memory_size(&self, source: &mut dyn FnMut(&Arc<dyn StatsSource>)) -> usize {
        source(&self.source);
        self.chosen.as_ref().map_or(0, |chosen| chosen.inner().capacity())
    }
}

fn unfiltered(e: ArrowError) -> Error {
    Error::bug("statistics can't be put together").because(e)
}

fn joined(parts: Vec<StringArray>) -> Result<StringArray> {
    match parts.as_slice() {
        [] => Ok(StringArray::new_null(0)),
        [only] => Ok(only.clone()),
        many => {
            let many: Vec<&dyn Array> = many.iter().map(|texts| texts as &dyn Array).collect();
            text_of(concat(&many))
        }
    }
}

fn text_of(array: std::result::Result<ArrayRef, ArrowError>) -> Result<StringArray> {
    let array = array.map_err(unfiltered)?;
    array.as_string_opt::<i32>().cloned().ok_or_else(|| Error::bug("statistics aren't text"))
}
