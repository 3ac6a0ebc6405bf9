//! Checksums as Spark writes them, against snapshots of hand-written commits.

use super::*;
use crate::ErrorKind;
use crate::replay::Commit;
use crate::version::TimestampMs;

const SCHEMA: &str =
    r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}"#;

fn snapshot() -> Snapshot {
    let first = format!(
        r#"{{"commitInfo":{{"txnId":"t-0","inCommitTimestamp":41}}}}
{{"protocol":{{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["inCommitTimestamp","domainMetadata"]}}}}
{{"metaData":{{"id":"m","format":{{"provider":"parquet","options":{{}}}},"schemaString":"{SCHEMA}","partitionColumns":[],"configuration":{{"delta.enableInCommitTimestamps":"true"}},"createdTime":1}}}}
{{"add":{{"path":"a","partitionValues":{{}},"size":5,"modificationTime":1,"dataChange":true}}}}
{{"add":{{"path":"b","partitionValues":{{}},"size":7,"modificationTime":1,"dataChange":true}}}}"#
    );
    let second = r#"{"commitInfo":{"txnId":"t-1","inCommitTimestamp":42}}
{"txn":{"appId":"app","version":3}}
{"domainMetadata":{"domain":"d","configuration":"{}","removed":false}}
{"remove":{"path":"b","deletionTimestamp":1,"dataChange":true}}"#;
    let commit = |version, text: &str| Commit::parse(Version(version), text.as_bytes(), Some(TimestampMs(9))).unwrap();
    Snapshot::follow(None, &[commit(0, &first), commit(1, second)]).unwrap()
}

/// The checksum that the protocol asks for after those commits, features in another order and the schema respaced.
fn right() -> String {
    let schema = SCHEMA.replace(":[", ": [");
    format!(
        r#"{{"txnId":"t-1","tableSizeBytes":5,"numFiles":1,"numDeletedRecordsOpt":0,"numMetadata":1,"numProtocol":1,"inCommitTimestampOpt":42,
"setTransactions":[{{"appId":"app","version":3}}],"domainMetadata":[{{"domain":"d","configuration":"{{}}","removed":false}}],
"metadata":{{"id":"m","format":{{"provider":"parquet","options":{{}}}},"schemaString":"{schema}","partitionColumns":[],"configuration":{{"delta.enableInCommitTimestamps":"true"}},"createdTime":1}},
"protocol":{{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["domainMetadata","inCommitTimestamp"]}},
"fileSizeHistogram":{{"sortedBinBoundaries":[0,9],"fileCounts":[1,0],"totalBytes":[5,0]}},"allFiles":[{{"path":"a"}}],"new":[1.5]}}"#
    )
}

#[test]
fn a_table_agrees_with_a_right_checksum() {
    Checksum::parse(right().as_bytes()).unwrap().check(&snapshot()).unwrap();
}

#[test]
fn every_wrong_field_is_named_with_both_values() {
    for (right_part, wrong_part, named) in [
        (r#""numFiles":1"#, r#""numFiles":2"#, "numFiles is 1, and 2 by the checksum"),
        (r#""tableSizeBytes":5"#, r#""tableSizeBytes":12"#, "tableSizeBytes is 5, and 12 by the checksum"),
        (r#""numMetadata":1"#, r#""numMetadata":0"#, "numMetadata"),
        (r#""inCommitTimestampOpt":42"#, r#""inCommitTimestampOpt":41"#, "inCommitTimestampOpt is 42"),
        (r#""appId":"app","version":3"#, r#""appId":"app","version":2"#, "setTransactions of \"app\""),
        (r#""appId":"app""#, r#""appId":"other""#, "setTransactions of \"other\""),
        (r#""domain":"d""#, r#""domain":"e""#, "domainMetadata"),
        (r#""id":"m""#, r#""id":"n""#, "metadata.id"),
        (r#"\"id\",\"type\":\"long\""#, r#"\"id\",\"type\":\"integer\""#, "metadata.schemaString"),
        (r#"["domainMetadata","inCommit"#, r#"["appendOnly","inCommit"#, "protocol"),
    ] {
        let wrong = right().replace(right_part, wrong_part);
        assert_ne!(wrong, right(), "{right_part}");
        let error = Checksum::parse(wrong.as_bytes()).unwrap().check(&snapshot()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains(named), "{named}: {error}");
        assert!(error.at_path().unwrap().ends_with("00000000000000000001.crc"), "{error}");
    }
}

#[test]
fn what_older_writers_leave_out_is_not_compared() {
    let bare =
        r#"{"tableSizeBytes":5,"numFiles":1,"numMetadata":1,"numProtocol":1,"numTransactions":9,"metadata":null}"#;
    let checksum = Checksum::parse(bare.as_bytes()).unwrap();
    checksum.check(&snapshot()).unwrap();
    assert!(checksum.head(Version(1)).is_none(), "no protocol, no head");
}

#[test]
fn a_checksum_without_what_every_one_must_have_is_none() {
    for text in ["", "{}", "[]", "null", r#"{"tableSizeBytes":5}"#, r#"{"tableSizeBytes":"5","numFiles":1}"#] {
        assert_eq!(Checksum::parse(text.as_bytes()).unwrap_err().kind(), ErrorKind::Corrupt, "{text}");
    }
    let whole = right();
    for cut in (0..whole.len()).step_by(7) {
        assert!(Checksum::parse(&whole.as_bytes()[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn ours_says_what_the_protocol_asks_for() {
    let ours = Checksum::of(&snapshot()).unwrap();
    assert_eq!(Checksum::parse(&ours.to_json().unwrap()).unwrap(), ours);
    let (ours, expected): (Value, Value) =
        (serde_json::to_value(&ours).unwrap(), serde_json::from_str(&right()).unwrap());
    for field in ["txnId", "tableSizeBytes", "numFiles", "numMetadata", "numProtocol", "inCommitTimestampOpt"] {
        assert_eq!(ours[field], expected[field], "{field}");
    }
    assert_eq!(ours["setTransactions"], expected["setTransactions"]);
    assert_eq!(ours["domainMetadata"], expected["domainMetadata"]);
    assert_eq!(ours["metadata"]["configuration"], expected["metadata"]["configuration"]);
}

#[test]
fn a_head_of_a_checksum_is_the_snapshot_without_its_files() {
    let snapshot = snapshot();
    let head = Checksum::parse(right().as_bytes()).unwrap().head(Version(1)).unwrap().unwrap();
    assert_eq!((head.version(), head.schema()), (snapshot.version(), snapshot.schema()));
    assert_eq!(head.txns().unwrap().values().collect::<Vec<_>>(), snapshot.txns().collect::<Vec<_>>());
    assert_eq!(head.domains().unwrap().values().collect::<Vec<_>>(), snapshot.domains().collect::<Vec<_>>());
}

#[test]
fn a_timestamp_that_is_not_known_makes_no_checksum() {
    let unknown = snapshot().with_commit(&Commit { version: Version(1), ..Commit::default() });
    assert_eq!(Checksum::of(&unknown), None);
}
