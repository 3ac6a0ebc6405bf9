//! What does a page's header say, and where in a page do its texts begin?

use parquet::basic::Encoding;
use parquet::column::page::Page;
use parquet::file::metadata::ColumnChunkMetaData;

/// Structures within structures that a header has at most: the statistics in a page's own header.
const MAX_DEPTH: usize = 4;

/// Parquet's numbers of the encodings that hold delta-encoded lengths.
const DELTA_LENGTH_BYTE_ARRAY: i32 = 6;
pub(super) const DELTA_BYTE_ARRAY: i32 = 7;

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dictionary,
    Data,
    Other,
}

/// What its header says of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Bytes of the header itself.
    pub(super) header_bytes: usize,
    /// Bytes that follow it.
    pub(super) stored_bytes: usize,
    /// Bytes once decompressed, levels included.
    pub(super) decoded_bytes: usize,
    /// NULLs included.
    pub(super) num_values: usize,
    pub(super) encoding: i32,
}

impl Header {
    /// The header that `bytes` begin with: Thrift's compact protocol, Parquet's `PageHeader`.
    pub(super) fn read(bytes: &[u8]) -> Option<Header> {
        let mut thrift = Thrift { bytes, at: 0 };
        let (mut kind, mut decoded, mut stored, mut values, mut encoding) = (None, None, None, None, None);
        thrift.fields(&mut |thrift, field, is| {
            match (field, is) {
                (1, INTEGER) => kind = Some(thrift.integer()?),
                (2, INTEGER) => decoded = Some(thrift.integer()?),
                (3, INTEGER) => stored = Some(thrift.integer()?),
                // Of a data page, a dictionary, a data page of the second version: the same two fields first.
                (5 | 7 | 8, STRUCT) => {
                    let of_encoding = if field == 8 { 4 } else { 2 };
                    thrift.fields(&mut |thrift, inner, is| {
                        match (inner, is) {
                            (1, INTEGER) => values = Some(thrift.integer()?),
                            (inner, INTEGER) if inner == of_encoding => encoding = Some(thrift.integer()?),
                            (_, is) => thrift.skip(is, MAX_DEPTH)?,
                        }
                        Some(())
                    })?;
                }
                (_, is) => thrift.skip(is, MAX_DEPTH)?,
            }
            Some(())
        })?;
        let kind = match kind? {
            0 | 3 => Kind::Data,
            2 => Kind::Dictionary,
            _ => Kind::Other,
        };
        let known = |figure: Option<i64>| usize::try_from(i32::try_from(figure?).ok()?).ok();
        let (num_values, encoding) = match kind {
            Kind::Other => (0, -1),
            Kind::Data | Kind::Dictionary => (known(values)?, i32::try_from(encoding?).ok()?),
        };
        Some(Header {
            kind,
            header_bytes: thrift.at,
            stored_bytes: known(stored)?,
            decoded_bytes: known(decoded)?,
            num_values,
            encoding,
        })
    }

    /// Whether the page's texts are told apart by delta-encoded lengths.
    pub(super) fn has_lengths(&self) -> bool {
        matches!(self.encoding, DELTA_LENGTH_BYTE_ARRAY | DELTA_BYTE_ARRAY)
    }
}

/// Types of fields.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const SHORT: u8 = 4;
const INTEGER: u8 = 5;
const LONG: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    /// Gives each field of a structure to `take`, which reads or skips it.
    fn fields(&mut self, take: &mut dyn FnMut(&mut Self, i64, u8) -> Option<()>) -> Option<()> {
        let mut field = 0_i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            field = match head >> 4 {
                0 => self.integer()?,
                step => field.checked_add(i64::from(step))?,
            };
            take(self, field, head & 0x0f)?;
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let (value, read) = varint(self.bytes.get(self.at..)?)?;
        self.at += read;
        Some(value)
    }

    fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn pass(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    /// Past a value of type `is`. Of what a header has: maps aren't.
    fn skip(&mut self, is: u8, depth: usize) -> Option<()> {
        match is {
            TRUE | FALSE => Some(()),
            BYTE => self.pass(1),
            SHORT | INTEGER | LONG => self.varint().map(|_| ()),
            DOUBLE => self.pass(8),
            BINARY => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.pass(length)
            }
            LIST | SET => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                let depth = depth.checked_sub(1)?;
                let is = head & 0x0f;
                // Truth values of a list take a byte each.
                (0..count).try_for_each(|_| if is <= FALSE { self.pass(1) } else { self.skip(is, depth) })
            }
            STRUCT => {
                let depth = depth.checked_sub(1)?;
                self.fields(&mut |thrift, _, is| thrift.skip(is, depth))
            }
            _ => None,
        }
    }
}

/// A number in groups of seven bits, the lowest first, and how many bytes it takes.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(at).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// The bytes of a data page behind its levels.
pub(super) fn after_levels<'a>(page: &'a Page, column: &ColumnChunkMetaData) -> Option<&'a [u8]> {
    let (definition, repetition) = (column.column_descr().max_def_level(), column.column_descr().max_rep_level());
    match page {
        Page::DataPage { buf, num_values, def_level_encoding, rep_level_encoding, .. } => {
            let rest = past(buf, repetition, *rep_level_encoding, *num_values)?;
            past(rest, definition, *def_level_encoding, *num_values)
        }
        Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
            buf.get(usize::try_from(*def_levels_byte_len).ok()? + usize::try_from(*rep_levels_byte_len).ok()?..)
        }
        Page::DictionaryPage { .. } => None,
    }
}

/// Past the levels of one kind, of which `max` is the highest.
fn past(bytes: &[u8], max: i16, encoding: Encoding, num_values: u32) -> Option<&[u8]> {
    if max == 0 {
        return Some(bytes);
    }
    #[allow(deprecated, reason = "old files have it")]
    if encoding == Encoding::BIT_PACKED {
        let bits = u64::from(i16::BITS - max.leading_zeros());
        let length = (bits * u64::from(num_values)).div_ceil(8);
        return bytes.get(usize::try_from(length).ok()?..);
    }
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..)
}

/// Where delta-encoded lengths (`DELTA_BINARY_PACKED`), at most `most` of them, end; `None` for more, or where they break
/// off.
pub(super) fn lengths(bytes: &[u8], most: u64) -> Option<usize> {
    let mut thrift = Thrift { bytes, at: 0 };
    let (block, parts, count) = (thrift.varint()?, thrift.varint()?, thrift.varint()?);
    let _first = thrift.varint()?;
    let in_part = block.checked_div(parts)?;
    if count > most || in_part == 0 {
        return None;
    }
    let mut left = count.saturating_sub(1);
    while left > 0 {
        let _smallest = thrift.varint()?;
        let widths = thrift.at;
        thrift.pass(usize::try_from(parts).ok()?)?;
        for width in bytes.get(widths..thrift.at)? {
            if left == 0 {
                break;
            }
            thrift.pass(usize::try_from(u64::from(*width).checked_mul(in_part)? / 8).ok()?)?;
            left = left.saturating_sub(in_part);
        }
    }
    Some(thrift.at)
}
