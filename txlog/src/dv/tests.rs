//! The codec as a whole: the protocol's examples, a naive model, damaged and hostile bytes.

use std::collections::BTreeSet;

use proptest::prelude::*;
use uuid::Uuid;

use crate::ErrorKind;
use crate::action::DeletionVectorDescriptor;
use crate::dv::file::{DeletionVectorFile, inline};
use crate::dv::stored::{FileSlice, Stored, locate};
use crate::dv::vector::DeletionVector;
use crate::dv::z85;
use crate::error::{Error, Result};

fn descriptor(storage_type: &str, text: &str, size: i32, cardinality: i64) -> DeletionVectorDescriptor {
    DeletionVectorDescriptor {
        storage_type: storage_type.to_owned(),
        path_or_inline_dv: text.to_owned(),
        offset: None,
        size_in_bytes: size,
        cardinality,
    }
}

fn in_file(descriptor: &DeletionVectorDescriptor) -> FileSlice {
    match locate(descriptor).unwrap() {
        Stored::InFile(slice) => slice,
        Stored::Inline(vector) => panic!("{vector:?} is inline"),
    }
}

fn read_inline(descriptor: &DeletionVectorDescriptor) -> Result<DeletionVector> {
    match locate(descriptor)? {
        Stored::Inline(vector) => Ok(vector),
        Stored::InFile(slice) => panic!("{slice:?} is in a file"),
    }
}

fn vector(positions: &BTreeSet<u64>) -> DeletionVector {
    positions.iter().copied().collect()
}

fn text(error: &Error) -> String {
    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Exhausted), "{error}");
    error.to_string()
}

/// The rows of the protocol's inline example, in the format that the protocol describes.
const EXAMPLE: &str = "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L";
const EXAMPLE_BYTES: usize = 44;

#[test]
fn the_rows_of_the_protocols_inline_example_are_read() {
    let vector = read_inline(&descriptor("i", EXAMPLE, 44, 6)).unwrap();
    assert_eq!(vector.iter().collect::<Vec<_>>(), [3, 4, 7, 11, 18, 29]);
    assert_eq!(inline(&vector).unwrap(), descriptor("i", EXAMPLE, 44, 6));
}

/// The text of the protocol's example has the magic number 1681511376, big-endian: not the format that its section
/// "Deletion Vector Format" defines, and Spark refuses it too.
#[test]
fn another_magic_number_is_refused() {
    let other = "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L";
    let error = read_inline(&descriptor("i", other, 40, 6)).unwrap_err();
    assert!(text(&error).contains("instead of 1681511377"), "{error}");
}

#[test]
fn the_file_examples_of_the_protocol_resolve_as_it_says() {
    let mut relative = descriptor("u", "ab^-aqEH.-t@S}K{vb[*k^", 40, 6);
    relative.offset = Some(4);
    let slice = in_file(&relative);
    assert_eq!(slice.location.to_string(), "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin");
    assert_eq!(slice.range, 4..4 + 4 + 40 + 4);

    let url = "s3://mytable/deletion%5Fvector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin";
    let slice = in_file(&descriptor("p", url, 40, 6));
    assert_eq!(slice.location.to_string(), "s3://mytable/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin");
    assert_eq!(slice.range, 0..1 + 4 + 40 + 4);
}

#[test]
fn sparks_empty_vector_deletes_nothing() {
    assert!(read_inline(&descriptor("i", "", 0, 0)).unwrap().is_empty());
}

#[test]
fn a_short_inline_vector_is_an_error() {
    for length in 0..=EXAMPLE_BYTES {
        let cut = length.div_ceil(4) * 5;
        let size = i32::try_from(length).unwrap();
        let read = read_inline(&descriptor("i", &EXAMPLE[..cut], size, 6));
        assert_eq!(read.is_ok(), length == EXAMPLE_BYTES, "{length}: {read:?}");
    }
    for (text_of, size) in [("", 44), (EXAMPLE, 0), (EXAMPLE, 40), (EXAMPLE, 45), (EXAMPLE, -1), (EXAMPLE, i32::MAX)] {
        text(&read_inline(&descriptor("i", text_of, size, 6)).unwrap_err());
    }
    let error = read_inline(&descriptor("i", EXAMPLE, 44, 5)).unwrap_err();
    assert!(text(&error).contains("it deletes 6 rows, the log says 5"));
}

#[test]
fn malformed_descriptors_are_errors_that_say_why() {
    for (bad, why) in [
        (descriptor("x", "", 0, 0), "storageType is `x`"),
        (descriptor("", "", 0, 0), "storageType is ``"),
        (descriptor("u", "", 40, 6), "20 characters"),
        (descriptor("u", "^-aqEH.-t@S}K{vb[*k", 40, 6), "20 characters"),
        (descriptor("u", "é-aqEH.-t@S}K{vb[*k^", 40, 6), "20 characters"),
        (descriptor("u", "\"-aqEH.-t@S}K{vb[*k^", 40, 6), "isn't one"),
        (descriptor("u", "../^-aqEH.-t@S}K{vb[*k^", 40, 6), "can't be a file of the table"),
        (descriptor("u", "/etc^-aqEH.-t@S}K{vb[*k^", 40, 6), "can't be a file of the table"),
        (descriptor("p", "ab/x.bin", 40, 6), "absolute"),
        (descriptor("p", "s3://b/../c/x.bin", 40, 6), "can't be a file of the table"),
        (descriptor("i", "00000", 4, -1), "cardinality is -1"),
        (descriptor("u", "^-aqEH.-t@S}K{vb[*k^", -40, 6), "sizeInBytes is -40"),
        (descriptor("u", "^-aqEH.-t@S}K{vb[*k^", i32::MAX, 6), "larger than the limit"),
        (DeletionVectorDescriptor { offset: Some(-1), ..descriptor("u", "^-aqEH.-t@S}K{vb[*k^", 40, 6) }, "offset"),
    ] {
        let error = locate(&bad).unwrap_err();
        assert!(text(&error).contains(why), "{error}");
    }
}

#[test]
fn a_file_of_several_vectors_gives_each_back() {
    let sets: [BTreeSet<u64>; 4] = [
        [0].into_iter().collect(),
        (0..100_000).step_by(3).collect(),
        (5..200_000).collect(),
        [7, 1 << 33, i64::MAX as u64].into_iter().collect(),
    ];
    let mut file = DeletionVectorFile::under("p9".to_owned(), Uuid::from_u128(7)).unwrap();
    assert!(file.is_empty());
    let descriptors: Vec<_> = sets.iter().map(|set| file.push(&vector(set)).unwrap()).collect();
    assert_eq!(file.path().as_str(), "p9/deletion_vector_00000000-0000-0000-0000-000000000007.bin");
    assert!(!file.is_empty());
    assert_eq!(descriptors[0].offset, Some(1));
    let bytes = file.into_bytes();
    for (set, descriptor) in sets.iter().zip(&descriptors) {
        let slice = in_file(descriptor);
        assert_eq!(slice.location.to_string(), "p9/deletion_vector_00000000-0000-0000-0000-000000000007.bin");
        assert_eq!(slice.decode_from_file(&bytes).unwrap(), vector(set));
        assert_eq!(descriptor.cardinality, i64::try_from(set.len()).unwrap());
    }
    // Long runs are written as runs.
    assert!(descriptors[2].size_in_bytes < 100);
}

#[test]
fn the_layout_of_a_file_is_the_protocols() {
    let mut file = DeletionVectorFile::new(Uuid::nil()).unwrap();
    file.push(&[1, 2, 9].into_iter().collect()).unwrap();
    #[rustfmt::skip]
    let vector = [
        0xD1, 0xD3, 0x39, 0x64,             // magic 1681511377, little-endian
        1, 0, 0, 0, 0, 0, 0, 0,             // one bucket
        0, 0, 0, 0,                         // its key
        0x3A, 0x30, 0, 0, 1, 0, 0, 0,       // cookie without runs, one container
        0, 0, 2, 0,                         // container key 0, three values
        16, 0, 0, 0,                        // where it starts
        1, 0, 2, 0, 9, 0,                   // its values
    ];
    let mut expected = vec![1, 0, 0, 0, 38];
    expected.extend(vector);
    expected.extend(crc32fast::hash(&vector).to_be_bytes());
    assert_eq!(file.into_bytes(), expected);
}

#[test]
fn nothing_to_delete_is_not_written() {
    let mut file = DeletionVectorFile::new(Uuid::nil()).unwrap();
    assert_eq!(file.push(&DeletionVector::new()).unwrap_err().kind(), ErrorKind::InvalidRequest);
    assert_eq!(file.push(&[1 << 63].into_iter().collect()).unwrap_err().kind(), ErrorKind::InvalidRequest);
    assert!(file.is_empty());
    assert!(inline(&DeletionVector::new()).is_err());
}

/// A bitmap without frame, as an inline descriptor that declares `cardinality`.
fn inline_bytes(bytes: &[u8], cardinality: i64) -> Result<DeletionVector> {
    let size = i32::try_from(bytes.len()).unwrap();
    read_inline(&descriptor("i", &z85::encode(bytes), size, cardinality))
}

fn bucket(key: u32, value: u16) -> Vec<u8> {
    let mut bytes = key.to_le_bytes().to_vec();
    bytes.extend([0x3A, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0]);
    bytes.extend(value.to_le_bytes());
    bytes
}

fn buckets(count: u64, buckets: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = 1_681_511_377u32.to_le_bytes().to_vec();
    bytes.extend(count.to_le_bytes());
    bytes.extend(buckets.concat());
    bytes
}

#[test]
fn keys_that_do_not_ascend_are_an_error() {
    let good = buckets(2, &[bucket(0, 5), bucket(1, 6)]);
    assert_eq!(inline_bytes(&good, 2).unwrap().iter().collect::<Vec<_>>(), [5, (1 << 32) + 6]);
    for (keys, why) in
        [([1, 1], "doesn't follow"), ([2, 1], "doesn't follow"), ([0, 1 << 31], "beyond"), ([0, u32::MAX], "beyond")]
    {
        for cardinality in [1, 2] {
            let error = inline_bytes(&buckets(2, &[bucket(keys[0], 5), bucket(keys[1], 6)]), cardinality).unwrap_err();
            assert!(text(&error).contains(why), "{error}");
        }
    }
}

#[test]
fn empty_buckets_are_read_as_spark_writes_them() {
    let empty = [0, 0, 0, 0, 0x3A, 0x30, 0, 0, 0, 0, 0, 0].to_vec();
    let vector = inline_bytes(&buckets(2, &[empty, bucket(1, 6)]), 1).unwrap();
    assert_eq!(vector.iter().collect::<Vec<_>>(), [(1 << 32) + 6]);
}

#[test]
fn hostile_counts_are_errors_before_memory_is_taken() {
    for (bytes, why) in [
        (buckets(u64::MAX, &[bucket(0, 5)]), "more than its bytes can hold"),
        (buckets(2, &[bucket(0, 5)]), "more than its bytes can hold"),
        (buckets(0, &[bucket(0, 5)]), "are left"),
        (buckets(1, &[bucket(0, 5), vec![0]]), "are left"),
        // 2^32 - 1 containers; 65,536 containers; a run container of 65,535 runs.
        (buckets(1, &[vec![0, 0, 0, 0, 0x3A, 0x30, 0, 0, 255, 255, 255, 255, 0, 0]]), "bucket 0 is damaged"),
        (buckets(1, &[vec![0, 0, 0, 0, 0x3B, 0x30, 255, 255, 0, 0, 0, 0, 0, 0]]), "bucket 0 is damaged"),
        (buckets(1, &[vec![0, 0, 0, 0, 0x3B, 0x30, 0, 0, 1, 0, 0, 0, 0, 255, 255]]), "bucket 0 is damaged"),
        (vec![0xD0, 0xD3, 0x39, 0x64, 0, 0, 0, 0, 0, 0, 0, 0], "instead of 1681511377"),
        (vec![0xD1, 0xD3, 0x39], "ends inside its header"),
        (vec![0xD1, 0xD3, 0x39, 0x64, 1, 0, 0, 0], "ends inside its header"),
    ] {
        let error = inline_bytes(&bytes, 1).unwrap_err();
        assert!(text(&error).contains(why), "{error}");
    }
}

fn any_positions() -> impl Strategy<Value = BTreeSet<u64>> {
    let scattered = prop::collection::btree_set(0..=i64::MAX as u64, 1..40);
    let near = prop::collection::btree_set((0..4u64, 0..200_000u64).prop_map(|(b, low)| (b << 32) + low), 1..500);
    let runs = prop::collection::vec((0..300_000u64, 1..20_000u64), 1..6)
        .prop_map(|runs| runs.into_iter().flat_map(|(start, len)| start..start + len).collect());
    prop_oneof![scattered, near, runs]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn positions_survive_a_file_and_the_log(sets in prop::collection::vec(any_positions(), 1..4)) {
        let mut file = DeletionVectorFile::new(Uuid::from_u128(1)).unwrap();
        let descriptors: Vec<_> = sets.iter().map(|set| file.push(&vector(set)).unwrap()).collect();
        let bytes = file.into_bytes();
        for (set, descriptor) in sets.iter().zip(&descriptors) {
            let slice = in_file(descriptor);
            let fetched = &bytes[usize::try_from(slice.range.start).unwrap()..usize::try_from(slice.range.end).unwrap()];
            prop_assert!(slice.decode(fetched).unwrap().iter().eq(set.iter().copied()));
            let in_log = inline(&vector(set)).unwrap();
            prop_assert!(read_inline(&in_log).unwrap().iter().eq(set.iter().copied()));
        }
    }

    #[test]
    fn a_file_with_one_damaged_byte_is_an_error(
        set in any_positions(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = DeletionVectorFile::new(Uuid::from_u128(1)).unwrap();
        let slice = in_file(&file.push(&vector(&set)).unwrap());
        let mut bytes = file.into_bytes();
        prop_assert!(slice.decode(&bytes[..cut.index(bytes.len())]).is_err());
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        // One flipped byte never escapes the version, the size or the checksum.
        prop_assert!(slice.decode(&bytes).is_err());
    }

    #[test]
    fn a_damaged_bitmap_never_panics_nor_deletes_more_than_declared(
        set in any_positions(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let good = inline(&vector(&set)).unwrap();
        let mut bytes = z85::decode(&good.path_or_inline_dv).unwrap();
        bytes.truncate(usize::try_from(good.size_in_bytes).unwrap());
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(read) = inline_bytes(&bytes, good.cardinality) {
            prop_assert_eq!(read.cardinality(), set.len() as u64);
            prop_assert_eq!(read.iter().count(), set.len());
            prop_assert!(read.iter().is_sorted());
        }
        prop_assert!(inline_bytes(&bytes[..cut.index(bytes.len())], good.cardinality).is_err());
    }

    #[test]
    fn any_bytes_are_an_error_or_a_vector(bytes in prop::collection::vec(any::<u8>(), 0..80), count in 0..4u64) {
        let _ = inline_bytes(&bytes, 1);
        let mut bitmap = buckets(count, &[]);
        bitmap.extend([0, 0, 0, 0, 0x3B, 0x30]);
        bitmap.extend(&bytes);
        let _ = inline_bytes(&bitmap, 1);
    }
}
