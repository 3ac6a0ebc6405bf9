//! Do data paths name the right objects, and none outside the table (H1, L6, S8)?

use lakebed_txlog::ErrorKind;
use lakebed_txlog::path::{DataLocation, DataPath};

use super::corpus::cases;

/// Tables whose data files were not published with them.
fn without_files(notes: &str) -> bool {
    notes.contains("log-only") || notes.contains("log only")
}

#[test]
fn l6_every_live_path_of_every_writer_names_a_file_that_is_there() {
    let mut found = 0;
    for case in cases("l6").iter().filter(|case| case.about.expect == "rows") {
        for file in case.live_files() {
            let path = match DataLocation::decode(&case.rebased(&file.path)).unwrap() {
                DataLocation::Relative(path) => case.table().join(path.as_str()),
                DataLocation::Absolute(url) => url.to_file_path().unwrap(),
            };
            assert!(path.is_file(), "{}: {} is not at {}", case.name, file.path, path.display());
            found += 1;
        }
    }
    assert!(found == 0 || found > 1_000, "only {found} live files");
}

#[test]
fn l6_a_path_is_decoded_once_and_encoded_once() {
    for case in cases("l6") {
        for (_, action) in case.file_actions() {
            let Some(path) = action["path"].as_str() else { continue };
            if let Ok(DataLocation::Relative(decoded)) = DataLocation::decode(path) {
                let encoded = decoded.encode();
                assert_eq!(DataLocation::decode(&encoded).unwrap(), DataLocation::Relative(decoded), "{path}");
            }
        }
    }
}

#[test]
fn h1_the_only_paths_of_the_corpus_that_are_refused_leave_their_table() {
    for case in cases("h1") {
        for (_, action) in case.file_actions() {
            let Some(path) = action["path"].as_str() else { continue };
            let refused = DataLocation::decode(path).is_err();
            assert_eq!(refused, path.starts_with("../") || path.starts_with("..//"), "{}: {path}", case.name);
            assert!(!refused || case.about.expect == "error" || without_files(&case.about.notes), "{}", case.name);
        }
    }
}

#[test]
fn h1_a_path_that_leaves_the_table_is_refused_in_every_disguise() {
    for path in [
        "../other/x.parquet",
        "a/../../x.parquet",
        "%2e%2e/x.parquet",
        "%2E./x.parquet",
        "a/%2e%2e%2f%2e%2e%2fx.parquet",
        "..%5Cx.parquet",
        "..\\x.parquet",
        "%2Fetc%2Fpasswd",
        "a//x.parquet",
        "x.parquet\0.txt",
        "x%00.parquet",
        "file:x.parquet",
        "s3://bucket/table/../other/x.parquet",
        "s3://bucket/table/%2e%2e/other/x.parquet",
        "file:///lake/table/..%2Fother/x.parquet",
        "/lake/../etc/passwd",
    ] {
        let error = DataLocation::decode(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{path}");
        assert_eq!(error.at_path(), Some(path));
    }
}

#[test]
fn h1_an_absolute_path_is_never_taken_for_a_path_of_the_table() {
    for path in
        ["s3://other/x.parquet", "file:///etc/passwd", "file:/etc/passwd", "/etc/passwd", "http://169.254.0.1/x"]
    {
        let location = DataLocation::decode(path).unwrap();
        assert!(matches!(&location, DataLocation::Absolute(_)), "{path}");
        assert_eq!(location.relative().unwrap_err().kind(), ErrorKind::Unsupported);
    }
    // A prefix of the table's own URL isn't the table.
    let DataLocation::Absolute(url) = DataLocation::decode("s3://bucket/table-2/x.parquet").unwrap() else { panic!() };
    assert!(!url.as_str().starts_with("s3://bucket/table/"));
}

#[test]
fn s8_partition_folders_are_those_that_spark_names() {
    // Characters that we escape and Spark leaves bare, in the log only: both decode to the same object.
    let mut compared = 0;
    for case in cases("s8").iter().filter(|case| case.name == "gen-spark/part_strings") {
        for (kind, action) in case.file_actions() {
            let path = action["path"].as_str().unwrap();
            let (Some(values), "add") = (action["partitionValues"].as_object(), kind) else { continue };
            let values = values.iter().map(|(column, value)| (column.as_str(), value.as_str()));
            let DataLocation::Relative(spark) = DataLocation::decode(path).unwrap() else { panic!("{path}") };
            let name = spark.parts().last().unwrap();
            assert_eq!(DataPath::in_partition(values, name).unwrap(), spark);
            compared += 1;
        }
    }
    assert!(compared == 0 || compared >= 10, "only {compared} paths");
}
