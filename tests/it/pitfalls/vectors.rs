//! Do damaged or lying deletion vectors fail, and good ones delete the right rows (D1, D2, D9, D11)?

use std::fs;
use std::path::{Path, PathBuf};

use lakebed_txlog::ErrorKind;
use lakebed_txlog::action::DeletionVectorDescriptor;
use lakebed_txlog::dv::{DeletionVector, Stored, inline, locate, z85};
use lakebed_txlog::path::DataLocation;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::corpus::{Case, cases};

fn file_of(case: &Case, location: &DataLocation) -> PathBuf {
    match location {
        DataLocation::Relative(path) => case.table().join(path.as_str()),
        DataLocation::Absolute(url) => url.to_file_path().unwrap(),
    }
}

/// The vector, or `None` when its file wasn't published with the table.
fn read(case: &Case, descriptor: &DeletionVectorDescriptor) -> Option<DeletionVector> {
    match locate(descriptor).unwrap() {
        Stored::Inline(vector) => Some(vector),
        Stored::InFile(slice) => {
            let DataLocation::Relative(path) = &slice.location else { return None };
            let bytes = fs::read(case.table().join(path.as_str())).ok()?;
            Some(slice.decode_from_file(&bytes).unwrap())
        }
    }
}

fn rows_of(file: &Path) -> u64 {
    let reader = SerializedFileReader::new(fs::File::open(file).unwrap()).unwrap();
    u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap()
}

#[test]
fn d2_every_vector_of_every_writer_deletes_as_many_rows_as_its_descriptor_says() {
    let mut read_in_all = 0;
    for case in cases("d2") {
        for (_, action) in case.file_actions().iter().filter(|(_, action)| action["deletionVector"].is_object()) {
            let descriptor: DeletionVectorDescriptor =
                serde_json::from_value(action["deletionVector"].clone()).unwrap();
            let Some(vector) = read(&case, &descriptor) else { continue };
            assert_eq!(i64::try_from(vector.cardinality()).unwrap(), descriptor.cardinality, "{}", case.name);
            let stats = action["stats"].as_str().map(|stats| serde_json::from_str::<serde_json::Value>(stats).unwrap());
            if let Some(rows) = stats.and_then(|stats| stats["numRecords"].as_u64()) {
                vector.check_rows(rows).unwrap();
            }
            read_in_all += 1;
        }
    }
    assert!(read_in_all == 0 || read_in_all > 250, "only {read_in_all} vectors");
}

/// What is live by footers and vectors is what other engines count. Vectors count whatever the table's properties say.
#[test]
fn d9_rows_that_survive_the_vectors_are_those_that_other_engines_count() {
    for case in cases("d9").iter().filter(|case| case.about.expect == "rows") {
        let mut live = 0;
        for file in case.live_files() {
            let location = DataLocation::decode(&case.rebased(&file.path)).unwrap();
            let rows = rows_of(&file_of(case, &location));
            let vector = match &file.deletion_vector {
                Some(descriptor) => read(case, descriptor).unwrap(),
                None => DeletionVector::new(),
            };
            vector.check_rows(rows).unwrap();
            live += vector.live_runs(0..rows).map(|run| run.select).sum::<u64>();
        }
        assert_eq!(Some(live), case.about.expected_rows, "{}", case.name);
    }
}

fn three_rows() -> (DeletionVectorDescriptor, Vec<u8>) {
    let descriptor = inline(&[1, 2, 9].into_iter().collect()).unwrap();
    let mut bytes = z85::decode(&descriptor.path_or_inline_dv).unwrap();
    bytes.truncate(usize::try_from(descriptor.size_in_bytes).unwrap());
    (descriptor, bytes)
}

fn in_file(vector: &[u8], size_in_bytes: i32, cardinality: i64) -> (DeletionVectorDescriptor, Vec<u8>) {
    let descriptor = DeletionVectorDescriptor {
        storage_type: "u".to_owned(),
        path_or_inline_dv: "^-aqEH.-t@S}K{vb[*k^".to_owned(),
        offset: Some(1),
        size_in_bytes,
        cardinality,
    };
    let mut file = vec![1];
    file.extend(u32::try_from(vector.len()).unwrap().to_be_bytes());
    file.extend(vector);
    file.extend(crc(vector).to_be_bytes());
    (descriptor, file)
}

/// CRC-32 by its definition, a bit at a time.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

fn decode(descriptor: &DeletionVectorDescriptor, file: &[u8]) -> lakebed_txlog::Result<DeletionVector> {
    match locate(descriptor)? {
        Stored::Inline(vector) => Ok(vector),
        Stored::InFile(slice) => slice.decode_from_file(file),
    }
}

#[test]
fn d1_a_missing_cut_or_damaged_vector_is_an_error_never_no_deletes() {
    let (_, vector) = three_rows();
    let (descriptor, file) = in_file(&vector, i32::try_from(vector.len()).unwrap(), 3);
    assert_eq!(decode(&descriptor, &file).unwrap().iter().collect::<Vec<_>>(), [1, 2, 9]);
    for length in 0..file.len() {
        assert_eq!(decode(&descriptor, &file[..length]).unwrap_err().kind(), ErrorKind::Corrupt, "cut at {length}");
    }
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut damaged = file.clone();
            damaged[at] ^= 1 << bit;
            let error = decode(&descriptor, &damaged).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}, bit {bit}");
            assert!(error.at_path().unwrap().ends_with(".bin"));
        }
    }
}

#[test]
fn d2_a_vector_that_says_something_else_than_its_descriptor_is_an_error() {
    let (_, vector) = three_rows();
    let size = i32::try_from(vector.len()).unwrap();
    for (size, cardinality) in [(size, 2), (size, 4), (size, 0), (size - 1, 3), (size + 1, 3), (0, 3), (i32::MAX, 3)] {
        let (descriptor, mut file) = in_file(&vector, size, cardinality);
        file.resize(file.len() + 8, 0);
        assert!(decode(&descriptor, &file).is_err(), "size {size}, cardinality {cardinality}");
    }
    let (descriptor, file) = in_file(&vector, size, 3);
    let good = decode(&descriptor, &file).unwrap();
    assert!(good.check_rows(9).is_err());
    good.check_rows(10).unwrap();
}

#[test]
fn d2_short_inline_values_are_errors() {
    let (descriptor, bytes) = three_rows();
    for length in 0..bytes.len() {
        let short = DeletionVectorDescriptor {
            path_or_inline_dv: z85::encode(&bytes[..length]),
            size_in_bytes: i32::try_from(length).unwrap(),
            ..descriptor.clone()
        };
        assert_eq!(locate(&short).unwrap_err().kind(), ErrorKind::Corrupt, "{length} bytes");
    }
    for text in ["0", "0000", "00000", "\u{e9}0000", "\"\"\"\"\""] {
        let bad = DeletionVectorDescriptor { path_or_inline_dv: text.to_owned(), ..descriptor.clone() };
        assert!(locate(&bad).is_err(), "{text}");
    }
}

#[test]
fn d11_a_vector_is_resolved_by_its_own_kind_whatever_the_data_path_is() {
    let relative = DeletionVectorDescriptor {
        storage_type: "u".to_owned(),
        path_or_inline_dv: "^-aqEH.-t@S}K{vb[*k^".to_owned(),
        offset: Some(1),
        size_in_bytes: 36,
        cardinality: 2,
    };
    let absolute = DeletionVectorDescriptor {
        storage_type: "p".to_owned(),
        path_or_inline_dv: "s3://source/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin".to_owned(),
        ..relative.clone()
    };
    let located = |descriptor| match locate(descriptor).unwrap() {
        Stored::InFile(slice) => slice.location,
        Stored::Inline(_) => panic!("it is in a file"),
    };
    assert!(matches!(located(&relative), DataLocation::Relative(_)));
    assert!(matches!(located(&absolute), DataLocation::Absolute(url) if url.host_str() == Some("source")));
}
