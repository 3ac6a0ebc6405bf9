//! May the pages of these Parquet columns be decoded? Told before a decoder takes memory for them (pitfall H2).
//!
//! A page's header says how large the page becomes, and a decoder takes that much at once; so does one for as many lengths
//! of texts as a delta-encoded page counts, and one that repeats a dictionary's value for every row. Each of these figures
//! takes a few bytes to write. They are looked at here, and held to [`limits`](crate::limits).
//!
//! | what is looked at | bound |
//! |---|---|
//! | a page's size, decompressed | [`MAX_PARQUET_PAGE_BYTES`] |
//! | values of a dictionary | its bytes |
//! | lengths of a page of delta-encoded texts | the values that its header counts |
//! | all pages, the longest value of a dictionary for every row, and 8 bytes a row | [`MAX_PARQUET_EXPANSION`] of what is stored (of a checkpoint: the whole file), [`UNDOUBTED_PARQUET_BYTES`] aside |
//!
//! Cost: the headers, a few dozen bytes of each page. Dictionaries of texts and pages of delta-encoded texts are
//! decompressed once more.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Type;
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use crate::error::{Error, Result};
use crate::limits::{MAX_PARQUET_EXPANSION, MAX_PARQUET_PAGE_BYTES, UNDOUBTED_PARQUET_BYTES};
use header::{Header, Kind};

mod header;

/// The least that a row takes in a column, whatever is in it.
const ROW_BYTES: u64 = 8;
/// So many bytes of a page are looked at for its header first.
const HEADER_BYTES: usize = 4 * 1024;

/// What columns are stored in, and what they take once decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    file: u64,
    stored: u64,
    decoded: u64,
}

impl Expansion {
    /// Of columns of a file of so many bytes, whichever of them are decoded: a column of a million NULLs is a few bytes
    /// beside one of a million paths.
    #[must_use]
    pub fn in_file(bytes: u64) -> Expansion {
        Expansion { file: bytes, ..Expansion::default() }
    }

    /// Takes in `pages`, whole ones that follow each other in a column chunk, of which `rows` are decoded at a time.
    ///
    /// # Errors
    /// [`Exhausted`](crate::ErrorKind::Exhausted) for a page beyond its bound; [`Corrupt`](crate::ErrorKind::Corrupt) for
    /// what isn't a page, or counts what it can't hold. Both name the column.
    pub fn add(&mut self, column: &ColumnChunkMetaData, pages: &Bytes, rows: u64) -> Result<()> {
        self.add_from(column, pages.len(), |range| Some(pages.slice(range)), rows)
    }

    /// As [`add`](Self::add), of pages that take `length` bytes, wherever they are: `get` gives those of a range, which may
    /// cost a copy, and nothing where they aren't at hand.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn add_from(
        &mut self,
        column: &ColumnChunkMetaData,
        length: usize,
        get: impl Fn(Range<usize>) -> Option<Bytes>,
        rows: u64,
    ) -> Result<()> {
        let named = |e: Error| e.path(column.column_path().string());
        self.stored = self.stored.saturating_add(length as u64);
        self.take(rows.saturating_mul(ROW_BYTES));
        let header = |range: Range<usize>| get(range).and_then(|bytes| Header::read(&bytes));
        let mut at = 0;
        while at < length {
            let mut window = HEADER_BYTES;
            let page = loop {
                let rest = length - at;
                // The longest headers hold statistics of texts.
                match header(at..at + window.min(rest)) {
                    Some(page) => break page,
                    None if window >= rest => return Err(named(no_page())),
                    None => window *= 2,
                }
            };
            let end = at + page.header_bytes + page.stored_bytes;
            if end > length {
                return Err(named(no_page()));
            }
            let bytes = || get(at..end).ok_or_else(no_page);
            self.take_page(column, &page, bytes, rows).map_err(named)?;
            at = end;
        }
        Ok(())
    }

    fn take_page(
        &mut self,
        column: &ColumnChunkMetaData,
        page: &Header,
        bytes: impl Fn() -> Result<Bytes>,
        rows: u64,
    ) -> Result<()> {
        if page.decoded_bytes > MAX_PARQUET_PAGE_BYTES {
            return Err(Error::exhausted(format!(
                "a page of {} bytes, decompressed, is larger than the {MAX_PARQUET_PAGE_BYTES} that are read",
                page.decoded_bytes
            )));
        }
        self.take(page.decoded_bytes as u64);
        let of_texts = matches!(column.column_type(), Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY);
        match page.kind {
            Kind::Dictionary if page.num_values > page.decoded_bytes => Err(Error::corrupt(format!(
                "a dictionary of {} bytes has {} values",
                page.decoded_bytes, page.num_values
            ))),
            Kind::Dictionary if of_texts && rows > 0 => {
                let longest = longest(&decompressed(column, bytes()?)?, column);
                self.take(rows.saturating_mul(longest));
                Ok(())
            }
            Kind::Data if of_texts && page.has_lengths() => lengths_fit(&decompressed(column, bytes()?)?, column, page),
            Kind::Dictionary | Kind::Data | Kind::Other => Ok(()),
        }
    }

    /// Takes in bytes of a file that lie in no column: pages aren't there, whatever an index of pages says.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for a page that a decoder would take much memory for.
    pub fn refuse_page(bytes: &[u8]) -> Result<()> {
        let large = |page: &Header| page.decoded_bytes > MAX_PARQUET_PAGE_BYTES || page.has_lengths();
        match Header::read(bytes).filter(large) {
            Some(_) => Err(Error::corrupt("a page of a Parquet file lies outside of its column")),
            None => Ok(()),
        }
    }

    fn take(&mut self, bytes: u64) {
        self.decoded = self.decoded.saturating_add(bytes);
    }

    /// That no more comes of what is stored than can be.
    ///
    /// # Errors
    /// [`Exhausted`](crate::ErrorKind::Exhausted).
    pub fn check(self) -> Result<()> {
        let stored = self.stored.max(self.file);
        let most = stored.saturating_mul(MAX_PARQUET_EXPANSION).saturating_add(UNDOUBTED_PARQUET_BYTES);
        if self.decoded <= most {
            return Ok(());
        }
        Err(Error::exhausted(format!(
            "columns that are stored in {} bytes expand to {}, beyond {MAX_PARQUET_EXPANSION} to 1",
            stored, self.decoded
        )))
    }
}

/// Where in a file its columns lie. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Chunks {
    footer: Arc<ParquetMetaData>,
    /// Ranges that ascend and don't overlap, each with its row group and column.
    places: Arc<[(Range<u64>, usize, usize)]>,
}

impl Chunks {
    /// The columns that a footer names.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where two columns lie in the same bytes, or one in none.
    pub fn of(footer: &Arc<ParquetMetaData>) -> Result<Chunks> {
        let mut places = Vec::new();
        for (group, columns) in footer.row_groups().iter().enumerate() {
            for (at, column) in columns.columns().iter().enumerate() {
                let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
                let range = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
                let range = range.and_then(|(start, length)| Some(start..start.checked_add(length)?));
                places.push((range.ok_or_else(|| misplaced(column))?, group, at));
            }
        }
        places.retain(|(range, ..)| !range.is_empty());
        places.sort_by_key(|(range, ..)| range.start);
        match places.windows(2).find(|pair| pair[0].0.end > pair[1].0.start) {
            Some(pair) => Err(misplaced(footer.row_group(pair[1].1).column(pair[1].2))),
            None => Ok(Chunks { footer: Arc::clone(footer), places: places.into() }),
        }
    }

    /// That `bytes`, which were fetched from `start` on, may be decoded: pages, where a column lies.
    ///
    /// # Errors
    /// As [`Expansion::add`], [`Expansion::check`] and [`Expansion::refuse_page`].
    pub fn check(&self, start: u64, bytes: &Bytes) -> Result<()> {
        let end = start.saturating_add(bytes.len() as u64);
        let first = self.places.partition_point(|(range, ..)| range.end <= start);
        let mut expansion = Expansion::default();
        let mut in_column = false;
        for (range, group, column) in self.places[first..].iter().take_while(|(range, ..)| range.start < end) {
            in_column = true;
            let within = |at: u64| usize::try_from(at - start).map_err(|e| no_page().because(e));
            let part = bytes.slice(within(range.start.max(start))?..within(range.end.min(end))?);
            expansion.add(self.footer.row_group(*group).column(*column), &part, 0)?;
        }
        if in_column { expansion.check() } else { Expansion::refuse_page(bytes) }
    }
}

/// The one page of `bytes`, decompressed.
fn decompressed(column: &ColumnChunkMetaData, bytes: Bytes) -> Result<Page> {
    let damaged = |e: ParquetError| no_page().because(e);
    let length = i64::try_from(bytes.len()).map_err(|e| no_page().because(e))?;
    let alone = column
        .clone()
        .into_builder()
        .set_data_page_offset(0)
        .set_dictionary_page_offset(None)
        .set_total_compressed_size(length)
        .build()
        .map_err(damaged)?;
    let mut reader = SerializedPageReader::new(Arc::new(bytes), &alone, 0, None).map_err(damaged)?;
    reader.get_next_page().map_err(damaged)?.ok_or_else(no_page)
}

/// Bytes of the longest value of a dictionary.
fn longest(dictionary: &Page, column: &ColumnChunkMetaData) -> u64 {
    if column.column_type() == Type::FIXED_LEN_BYTE_ARRAY {
        return u64::try_from(column.column_descr().type_length()).unwrap_or(0);
    }
    let mut rest: &[u8] = dictionary.buffer();
    let mut longest = 0;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length);
        longest = longest.max(u64::from(length));
        // What lies beyond the end is for the decoder to refuse.
        let Some(next) = usize::try_from(length).ok().and_then(|length| after.get(length..)) else { break };
        rest = next;
    }
    longest
}

/// That a page of delta-encoded texts counts no more lengths than values.
fn lengths_fit(page: &Page, column: &ColumnChunkMetaData, header: &Header) -> Result<()> {
    let texts = header::after_levels(page, column).ok_or_else(no_page)?;
    let most = header.num_values as u64;
    let too_many = || Error::corrupt(format!("a page of {most} values counts more lengths than that, or isn't whole"));
    let end = header::lengths(texts, most).ok_or_else(too_many)?;
    if header.encoding == header::DELTA_BYTE_ARRAY {
        header::lengths(texts.get(end..).unwrap_or_default(), most).ok_or_else(too_many)?;
    }
    Ok(())
}

fn misplaced(column: &ColumnChunkMetaData) -> Error {
    Error::corrupt("a footer names a column where none can be").path(column.column_path().string())
}

fn no_page() -> Error {
    Error::corrupt("a column of a Parquet file holds what isn't a page")
}

#[cfg(test)]
mod tests;
