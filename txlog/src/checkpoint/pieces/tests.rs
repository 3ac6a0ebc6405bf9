//! Are columns decoded from pieces what the whole file decodes to?

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use super::*;
use crate::action::Action;

/// A checkpoint of `files` adds in row groups of 100 rows, the protocol in the first of them.
fn checkpoint(files: usize) -> Bytes {
    let rows = files + 1;
    let protocol: Fields = vec![
        Field::new("minReaderVersion", DataType::Int32, true),
        Field::new("minWriterVersion", DataType::Int32, true),
    ]
    .into();
    let add: Fields = vec![Field::new("path", DataType::Utf8, true), Field::new("size", DataType::Int64, true)].into();
    let valid = |is: &dyn Fn(usize) -> bool| Some(NullBuffer::from((0..rows).map(is).collect::<Vec<bool>>()));
    let ints = Arc::new(Int32Array::from_iter((0..rows).map(|row| (row == 0).then_some(1)))) as ArrayRef;
    let protocols = StructArray::new(protocol.clone(), vec![Arc::clone(&ints), ints], valid(&|row| row == 0));
    let paths = StringArray::from_iter((0..rows).map(|row| (row > 0).then(|| format!("{row:0>200}.parquet"))));
    let sizes = Int64Array::from_iter((0..rows).map(|row| (row > 0).then_some(row as i64)));
    let adds = StructArray::new(add.clone(), vec![Arc::new(paths), Arc::new(sizes)], valid(&|row| row > 0));
    let schema = Arc::new(Schema::new(vec![
        Field::new("protocol", DataType::Struct(protocol), true),
        Field::new("add", DataType::Struct(add), true),
    ]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(protocols), Arc::new(adds)]).unwrap();
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(100)).build();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

/// Fetches what is missing for `wanted` until it can be decoded; which ranges that took, wave by wave.
fn read_in_waves(file: &Bytes, wanted: Wanted) -> (Contents, Vec<Vec<Range<u64>>>) {
    let mut pieces = Pieces::new(file.len() as u64);
    let mut waves = Vec::new();
    let fetch = |ranges: Vec<Range<u64>>, pieces: &mut Pieces| {
        let bytes = |range: &Range<u64>| file.slice(range.start as usize..range.end as usize);
        pieces.add(ranges.iter().map(|range| (range.start, bytes(range))).collect()).unwrap();
        ranges
    };
    let description = loop {
        match footer(&pieces).unwrap() {
            Footer::Read(description) => break description,
            Footer::Missing(range) => waves.push(fetch(vec![range], &mut pieces)),
        }
    };
    let ranges = description.ranges(wanted, pieces.size()).unwrap();
    waves.push(fetch(pieces.missing(&ranges), &mut pieces));
    assert_eq!(pieces.missing(&ranges), []);
    (description.decode(pieces, wanted).unwrap(), waves)
}

#[test]
fn a_file_read_in_pieces_holds_what_the_whole_file_holds() {
    let file = checkpoint(950);
    let (contents, waves) = read_in_waves(&file, Wanted::All);
    let whole = decode_parquet(file.clone()).unwrap();
    assert_eq!((contents.num_adds(), contents.actions.len()), (950, 1));
    assert_eq!(format!("{:?}", contents.actions), format!("{:?}", whole.actions));
    let paths = |contents: &Contents| -> Vec<String> {
        contents.adds.iter().flat_map(|batch| (0..batch.len()).map(|row| batch.row(row).path().to_owned())).collect()
    };
    assert_eq!(paths(&contents), paths(&whole));
    assert_eq!(waves.len(), 3, "the tail, the rest of the footer, the columns");
    assert_eq!(waves[2].len(), 1, "columns next to each other are one request");
}

#[test]
fn actions_of_the_table_are_read_without_a_byte_of_the_files() {
    let file = checkpoint(950);
    let (contents, waves) = read_in_waves(&file, Wanted::Table);
    assert!(matches!(contents.actions[..], [Action::Protocol(_)]), "{:?}", contents.actions);
    assert_eq!(contents.num_adds(), 0);
    let bytes: u64 = waves[2].iter().map(|range| range.end - range.start).sum();
    assert!(bytes < 1_000, "{bytes} bytes: only the first row group has a protocol");
}

#[test]
fn a_column_outside_of_its_file_is_an_error() {
    let file = checkpoint(10);
    let Footer::Read(description) = footer(&Pieces::whole(file)).unwrap() else { panic!("a footer") };
    let error = description.ranges(Wanted::All, 100).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Corrupt, "{error}");
}

#[test]
fn a_piece_outside_of_the_file_is_an_error() {
    assert!(Pieces::new(10).add(vec![(8, Bytes::from_static(b"abc"))]).is_err());
    assert!(Pieces::new(10).get_bytes(0, 1).is_err());
    assert!(Pieces::whole(Bytes::from_static(b"abc")).get_bytes(u64::MAX, 2).is_err());
}

#[test]
fn long_ranges_are_fetched_in_parts() {
    let size = 3 * MAX_RANGE_BYTES + 5;
    let parts = Pieces::new(size).missing(std::slice::from_ref(&(0..size)));
    assert_eq!(parts.len(), 4);
    assert_eq!((parts[0].start, parts[3].end), (0, size));
    assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
}

proptest! {
    #[test]
    fn whatever_was_fetched_before_what_is_missing_completes_it(
        had in prop::collection::vec((0u64..2_000, 0u64..400), 0..12),
        wanted in prop::collection::vec((0u64..2_000, 1u64..400), 1..12),
    ) {
        let file: Bytes = (0..2_400u64).map(|byte| (byte * 7 % 251) as u8).collect();
        let slice = |start: u64, length: u64| (start, file.slice(start as usize..(start + length) as usize));
        let mut pieces = Pieces::new(2_400);
        for (start, length) in had {
            pieces.add(vec![slice(start, length)]).unwrap();
        }
        let wanted: Vec<_> = wanted.into_iter().map(|(start, length)| start..start + length).collect();
        let missing = pieces.missing(&wanted);
        pieces.add(missing.iter().map(|range| slice(range.start, range.end - range.start)).collect()).unwrap();
        prop_assert_eq!(pieces.missing(&wanted), []);
        for range in wanted {
            let found = pieces.get_bytes(range.start, (range.end - range.start) as usize).unwrap();
            prop_assert_eq!(found, file.slice(range.start as usize..range.end as usize));
        }
    }
}
