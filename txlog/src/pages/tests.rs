//! Is each bound on pages held, one by one, and nothing within it refused?

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::Int32Type;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};

use super::*;
use crate::ErrorKind;

/// A number as Thrift's compact protocol has it.
fn varint(value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = value;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn integer(value: i32) -> Vec<u8> {
    varint(u64::from(((value << 1) ^ (value >> 31)) as u32))
}

/// A page: kind (0: data, 2: dictionary), bytes once decompressed, values, encoding, and what follows the header.
fn page(kind: i32, decoded: i32, values: i32, encoding: i32, body: &[u8]) -> Vec<u8> {
    let stored = i32::try_from(body.len()).unwrap();
    let figures = [kind, decoded, stored].map(|figure| [vec![0x15], integer(figure)].concat()).concat();
    let step = if kind == 0 { 0x2c } else { 0x4c };
    let levels = if kind == 0 { [0x15, 0x06, 0x15, 0x06].as_slice() } else { &[] };
    let inner = [&[step, 0x15], integer(values).as_slice(), &[0x15], &integer(encoding), levels, &[0, 0]].concat();
    [figures, inner, body.to_vec()].concat()
}

fn rows() -> RecordBatch {
    let texts: Vec<String> = (0..5_000).map(|row| format!("part-{:05}", row * row % 977)).collect();
    let lists = (0..5_000).map(|row| Some((0..row % 4).map(Some).collect::<Vec<_>>()));
    let columns: [(&str, ArrayRef); 5] = [
        ("text", Arc::new((0..5_000).map(|row| (row % 7 > 0).then(|| &texts[row])).collect::<StringArray>())),
        ("bytes", Arc::new(BinaryArray::from_iter_values(&texts))),
        ("long", Arc::new(Int64Array::from_iter_values(0..5_000))),
        ("double", Arc::new(Float64Array::from_iter_values((0..5_000).map(f64::from)))),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn file(properties: WriterPropertiesBuilder) -> (Bytes, Arc<ParquetMetaData>) {
    let rows = rows();
    let properties = properties.set_data_page_row_count_limit(700).set_write_batch_size(100).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    let bytes = Bytes::from(writer.into_inner().unwrap());
    let footer = ParquetMetaDataReader::new().parse_and_finish(&bytes).unwrap();
    (bytes, Arc::new(footer))
}

fn chunk(bytes: &Bytes, column: &ColumnChunkMetaData) -> Bytes {
    let (start, length) = column.byte_range();
    bytes.slice(start as usize..(start + length) as usize)
}

/// The column `text`, and what is said of these pages of it.
fn added(pages: Vec<u8>, rows: u64) -> Result<Expansion> {
    let (_, footer) = file(WriterProperties::builder());
    let mut expansion = Expansion::default();
    expansion.add(footer.row_group(0).column(0), &pages.into(), rows)?;
    Ok(expansion)
}

fn kind(outcome: Result<Expansion>) -> Option<ErrorKind> {
    outcome.err().map(|e| e.kind())
}

#[test]
fn headers_say_what_the_footer_says_of_the_whole_column() {
    let mut seen = 0;
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())] {
            for encoding in [None, Some(Encoding::DELTA_BYTE_ARRAY), Some(Encoding::DELTA_LENGTH_BYTE_ARRAY)] {
                let mut properties =
                    WriterProperties::builder().set_writer_version(version).set_compression(compression);
                if let Some(encoding) = encoding {
                    for column in ["text", "bytes"] {
                        properties = properties.set_column_dictionary_enabled(column.into(), false);
                        properties = properties.set_column_encoding(column.into(), encoding);
                    }
                }
                let (bytes, footer) = file(properties);
                for column in footer.row_group(0).columns() {
                    let (chunk, mut at, mut decoded, mut values) = (chunk(&bytes, column), 0, 0, 0);
                    while at < chunk.len() {
                        let page = Header::read(&chunk[at..]).unwrap();
                        at += page.header_bytes + page.stored_bytes;
                        decoded += page.header_bytes + page.decoded_bytes;
                        values += if page.kind == Kind::Data { page.num_values } else { 0 };
                        seen += 1;
                    }
                    assert_eq!(at, chunk.len());
                    assert_eq!(decoded as i64, column.uncompressed_size(), "{}", column.column_path());
                    assert_eq!(values as i64, column.num_values(), "{}", column.column_path());
                    let mut expansion = Expansion::default();
                    expansion.add(column, &chunk, 5_000).unwrap();
                    expansion.check().unwrap();
                }
                let chunks = Chunks::of(&footer).unwrap();
                chunks.check(0, &bytes.slice(0..4)).unwrap();
                let columns = footer.row_group(0).columns();
                let (start, _) = columns[0].byte_range();
                let (last, length) = columns[4].byte_range();
                chunks.check(start, &bytes.slice(start as usize..(last + length) as usize)).unwrap();
            }
        }
    }
    assert!(seen > 500, "only {seen} pages");
}

#[test]
fn a_page_that_becomes_gigabytes_is_refused_by_its_header() {
    let most = i32::try_from(MAX_PARQUET_PAGE_BYTES).unwrap();
    let outcome = added(page(0, most + 1, 1, 0, b"tenbytes"), 0);
    assert_eq!(kind(outcome), Some(ErrorKind::Exhausted));
    let alone = added(page(0, most, 1, 0, b"tenbytes"), 0).unwrap();
    assert_eq!(alone.check().unwrap_err().kind(), ErrorKind::Exhausted, "beyond 10,000 to 1");
    let undoubted = i32::try_from(UNDOUBTED_PARQUET_BYTES).unwrap();
    added(page(0, undoubted, 1, 0, b"tenbytes"), 0).unwrap().check().unwrap();
}

#[test]
fn many_pages_and_many_rows_count_together() {
    let million = page(0, 1 << 20, 1_000, 0, b"x");
    let pages = |count: usize| added(million.repeat(count), 0).unwrap();
    assert!(pages(64).check().is_ok());
    assert_eq!(pages(100).check().unwrap_err().kind(), ErrorKind::Exhausted);
    let of_nulls = |rows: u64| added(page(0, 9, i32::MAX, 0, b"123456789"), rows).unwrap();
    assert!(of_nulls(8_000_000).check().is_ok());
    assert_eq!(of_nulls(1 << 40).check().unwrap_err().kind(), ErrorKind::Exhausted);
}

#[test]
fn a_dictionary_of_one_long_value_is_not_repeated_for_millions_of_rows() {
    let long = [&1_000_u32.to_le_bytes()[..], &[b'x'; 1_000]].concat();
    let dictionary = |rows: u64| added(page(2, 1_004, 1, 0, &long), rows).unwrap();
    assert!(dictionary(60_000).check().is_ok());
    assert_eq!(dictionary(1_000_000).check().unwrap_err().kind(), ErrorKind::Exhausted);
    assert_eq!(kind(added(page(2, 1_004, i32::MAX, 0, &long), 1)), Some(ErrorKind::Corrupt));
}

#[test]
fn lengths_that_a_page_has_no_values_for_are_refused_before_memory_is_taken_for_them() {
    let levels = [&2_u32.to_le_bytes()[..], &[20, 1]].concat();
    let lengths = |count: u64| [varint(128), varint(4), varint(count), varint(0), varint(0), vec![0; 4]].concat();
    for encoding in [6, 7] {
        let of = |count: u64| {
            let body = [levels.clone(), lengths(count), lengths(count)].concat();
            added(page(0, i32::try_from(body.len()).unwrap(), 10, encoding, &body), 0)
        };
        of(10).unwrap().check().unwrap();
        for count in [11, 1 << 31, 1 << 40, 1 << 60, u64::MAX] {
            assert_eq!(kind(of(count)), Some(ErrorKind::Corrupt), "{count}");
        }
    }
    // The second list of a page counts too.
    let body = [levels, lengths(10), lengths(1 << 40)].concat();
    let outcome = added(page(0, i32::try_from(body.len()).unwrap(), 10, 7, &body), 0);
    assert_eq!(kind(outcome), Some(ErrorKind::Corrupt));
}

#[test]
fn what_is_no_page_is_damage() {
    let whole = page(0, 3, 1, 0, b"abc");
    assert!(added(whole.clone(), 0).is_ok());
    for end in 1..whole.len() {
        assert_eq!(kind(added(whole[..end].to_vec(), 0)), Some(ErrorKind::Corrupt), "{end}");
    }
    for bytes in [b"PAR1".as_slice(), &[0], &[0x1c; 200], &[0x19, 0xff, 0xff, 0xff, 0xff, 0x0f], &[0xff; 40]] {
        assert_eq!(kind(added(bytes.to_vec(), 0)), Some(ErrorKind::Corrupt), "{bytes:?}");
    }
    assert_eq!(kind(added(page(0, -1, 1, 0, b"abc"), 0)), Some(ErrorKind::Corrupt));
    assert_eq!(kind(added(page(0, 3, -1, 0, b"abc"), 0)), Some(ErrorKind::Corrupt));
}

#[test]
fn columns_that_share_bytes_and_pages_outside_of_columns_are_refused() {
    let (_, footer) = file(WriterProperties::builder());
    let chunks = Chunks::of(&footer).unwrap();
    let far = 1 << 40;
    assert!(chunks.check(far, &Bytes::from_static(b"anything but a page")).is_ok());
    assert!(chunks.check(far, &page(0, 10, 1, 0, b"0123456789").into()).is_ok());
    let large = page(0, i32::MAX, 1, 0, b"x");
    assert_eq!(chunks.check(far, &large.into()).unwrap_err().kind(), ErrorKind::Corrupt);
    let group = footer.row_group(0);
    let mut columns = group.columns().to_vec();
    let other = columns[3].byte_range();
    columns[2] = columns[2]
        .clone()
        .into_builder()
        .set_data_page_offset(i64::try_from(other.0).unwrap())
        .set_dictionary_page_offset(None)
        .build()
        .unwrap();
    let group = group.clone().into_builder().set_column_metadata(columns).build().unwrap();
    let footer = ParquetMetaData::new(footer.file_metadata().clone(), vec![group]);
    assert_eq!(Chunks::of(&Arc::new(footer)).unwrap_err().kind(), ErrorKind::Corrupt);
}
