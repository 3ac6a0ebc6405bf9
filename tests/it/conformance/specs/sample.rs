//! A table and specs of our own, with what has to come of each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed::table::{AppendOptions, CreateTable, Table};
use lakebed_txlog::action::DomainMetadata;
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::transaction::TxnUpdate;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::place::env;
use super::answer::Verdict;
use super::{Outcome, run};

/// What has to come of a spec: the start of its verdict's words.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Comes {
    Passed,
    Failed(&'static str),
    NotYet(&'static str),
}

use Comes::{Failed, NotYet, Passed};

/// A folder with one table `t` of a number `n`, a text `p` that partitions it, and an instant `at`:
///
/// | version | what |
/// |---|---|
/// | 0 | created |
/// | 1 | 1, 2, 3 in `a`, and 4 in `b`; the txn `app` is at 7, the domain `d` says `x` |
/// | 2 | 5 in `b` |
/// | 3 | 2 deleted |
struct Sample {
    folder: TempDir,
}

fn rows(rows: &[(i64, &str)]) -> RecordBatch {
    let n: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|(n, _)| *n)));
    let p: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, p)| *p)));
    RecordBatch::try_from_iter([("n", n), ("p", p)]).unwrap()
}

impl Sample {
    async fn new() -> Sample {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("t/delta").to_str().unwrap().to_owned();
        let store = TableStore::create(&TableUrl::parse(&url).unwrap(), &StoreSettings::default(), &env()).unwrap();
        let create = CreateTable::of_arrow(&rows(&[]).schema()).unwrap().partitioned_by(["p"]);
        let table: Table = create.create_in(store, env()).await.unwrap();
        let first = AppendOptions {
            txn: Some(TxnUpdate { app_id: "app".to_owned(), version: 7, base: None }),
            domains: vec![DomainMetadata { domain: "d".to_owned(), configuration: "x".to_owned(), removed: false }],
            ..AppendOptions::default()
        };
        table.append_batches(vec![rows(&[(1, "a"), (2, "a"), (3, "a"), (4, "b")])], &first).await.unwrap();
        table.append_batches(vec![rows(&[(5, "b")])], &AppendOptions::default()).await.unwrap();
        table.delete("n = 2", &CommitOptions::default()).await.unwrap();
        table.settle().await;
        let sample = Sample { folder };
        sample.write("t/table_info.json", &json!({"name": "t", "description": "a table of our own"}));
        sample
    }

    fn write(&self, path: &str, value: &Value) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    }

    /// Adds a spec of the table `t`.
    fn spec(&self, name: &str, spec: &Value) {
        self.write(&format!("t/specs/{name}.json"), spec);
    }

    /// Adds a spec and the rows that it expects.
    fn spec_with_rows(&self, name: &str, spec: &Value, rows: &RecordBatch) {
        self.spec(name, spec);
        let folder = self.folder.path().join(format!("t/expected/{name}/expected_data"));
        write_rows(&folder, rows);
    }

    fn outcome(&self) -> Outcome {
        run(self.folder.path())
    }
}

/// Writes rows to two files, beside one that Spark would leave.
fn write_rows(folder: &Path, rows: &RecordBatch) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("_SUCCESS"), "").unwrap();
    fs::write(folder.join(".part-0.parquet.crc"), "crc").unwrap();
    let half = rows.num_rows() / 2;
    for (name, part) in [("part-0", rows.slice(0, half)), ("part-1", rows.slice(half, rows.num_rows() - half))] {
        let file = fs::File::create(folder.join(format!("{name}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, rows.schema(), None).unwrap();
        writer.write(&part).unwrap();
        writer.close().unwrap();
    }
}

/// Checks that of every spec came what had to.
fn assert_outcome(outcome: &Outcome, wanted: &BTreeMap<&str, Comes>) {
    let names: Vec<&str> = outcome.answers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, wanted.keys().copied().collect::<Vec<_>>(), "the specs that were found");
    for (name, answer) in &outcome.answers {
        let fits = match (&answer.verdict, wanted[name.as_str()]) {
            (Verdict::Passed, Passed) => true,
            (Verdict::Failed(why), Failed(part)) | (Verdict::NotYet(why), NotYet(part)) => why.contains(part),
            _ => false,
        };
        assert!(fits, "{name}: {:?} instead of {:?}", answer.verdict, wanted[name.as_str()]);
    }
}

#[tokio::test]
async fn reads_are_told_right_from_wrong() {
    let sample = Sample::new().await;
    let newest = rows(&[(5, "b"), (1, "a"), (4, "b"), (3, "a")]);
    let read = |count: u64| json!({"type": "read", "expected": {"rowCount": count}});
    sample.spec_with_rows("all", &read(4), &newest);
    sample.spec_with_rows("all_with_a_wrong_row", &read(4), &rows(&[(5, "b"), (1, "a"), (4, "b"), (9, "a")]));
    sample.spec_with_rows("all_with_a_row_too_few", &json!({"type": "read"}), &rows(&[(5, "b"), (1, "a"), (4, "b")]));
    sample.spec("count", &read(4));
    sample.spec("wrong_count", &read(5));
    sample.spec("version_1", &json!({"type": "read", "version": 1, "expected": {"row_count": 4, "file_count": 2}}));
    sample.spec("version_2", &json!({"type": "read", "version": 2, "expected": {"row_count": 5, "file_count": 2}}));
    sample.spec(
        "far_ahead",
        &json!({"type": "read", "timestamp": "2999-01-01 00:00:00",
        "error": {"errorCode": "DELTA_TIMESTAMP_GREATER_THAN_COMMIT"}}),
    );
    let filtered = json!({"type": "read", "predicate": "p = 'b' AND n > 4", "columns": ["n"],
        "expected": {"rowCount": 1, "filesSkipped": 2}});
    let column: ArrayRef = Arc::new(Int64Array::from(vec![5]));
    sample.spec_with_rows("filtered", &filtered, &RecordBatch::try_from_iter([("n", column)]).unwrap());
    sample.spec_with_rows("filtered_with_a_column_too_many", &filtered, &rows(&[(5, "b")]));
    sample.spec("nothing_expected", &json!({"type": "read"}));
    sample.spec("files", &json!({"type": "read", "operation_type": "read_metadata"}));
    let outcome = sample.outcome();
    let wanted = [
        ("t/all", Passed),
        ("t/all_with_a_row_too_few", Failed("has 1 it shouldn't")),
        ("t/all_with_a_wrong_row", Failed("lacks 1 rows")),
        ("t/count", Passed),
        ("t/far_ahead", Passed),
        ("t/files", NotYet("nothing is expected")),
        ("t/filtered", Passed),
        ("t/filtered_with_a_column_too_many", Failed("has the columns")),
        ("t/nothing_expected", NotYet("nothing is expected")),
        ("t/version_1", Passed),
        ("t/version_2", Failed("reads 3 files instead of 2")),
        ("t/wrong_count", Failed("finds 4 rows instead of 5")),
    ];
    assert_outcome(&outcome, &BTreeMap::from(wanted));
    let left = outcome.files_left();
    assert_eq!((left.conditions, left.reached, left.ours, left.all), (2, 2, 2, 6), "{left}");
    assert_eq!(outcome.faults().len(), 5);
}

#[tokio::test]
async fn instants_of_int96_are_the_same_as_ours_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let at = |zone: bool| {
        let nanos = TimestampNanosecondArray::from(vec![1_700_000_000_000_001_000]);
        let column: ArrayRef = if zone { Arc::new(nanos.with_timezone("UTC")) } else { Arc::new(nanos) };
        RecordBatch::try_from_iter([("at", column)]).unwrap()
    };
    let url = folder.path().join("t/delta").to_str().unwrap().to_owned();
    let store = TableStore::create(&TableUrl::parse(&url).unwrap(), &StoreSettings::default(), &env()).unwrap();
    let micros = arrow::datatypes::DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some("UTC".into()));
    let schema = arrow::datatypes::Schema::new(vec![arrow::datatypes::Field::new("at", micros.clone(), true)]);
    let table = CreateTable::of_arrow(&schema).unwrap().create_in(store, env()).await.unwrap();
    let row = arrow::compute::cast(at(true).column(0), &micros).unwrap();
    let batch = RecordBatch::try_new(Arc::new(schema), vec![row]).unwrap();
    table.append_batches(vec![batch], &AppendOptions::default()).await.unwrap();
    table.settle().await;
    let sample = Sample { folder };
    sample.spec_with_rows("int96", &json!({"type": "read"}), &at(false));
    assert_outcome(&sample.outcome(), &BTreeMap::from([("t/int96", Passed)]));
}

#[tokio::test]
async fn snapshots_txns_and_domains_are_told_right_from_wrong() {
    let sample = Sample::new().await;
    let schema = json!({"type": "struct", "fields": [
        {"name": "n", "type": "long", "nullable": false, "metadata": {}},
        {"name": "p", "type": "string", "nullable": false, "metadata": {}},
    ]});
    let snapshot = |version: u64, metadata: Value| json!({"type": "snapshotConstruction", "version": version, "expected": {"metadata": metadata}});
    sample.spec("state", &snapshot(2, json!({"schemaString": schema.to_string(), "partitionColumns": ["p"]})));
    sample.spec("wrong_state", &snapshot(2, json!({"partitionColumns": ["n"]})));
    sample.spec("unknown_state", &snapshot(2, json!({"partitionColumns": ["p"], "era": 3})));
    sample.spec("wrong_protocol", &json!({"type": "snapshot", "expected": {"protocol": {"minReaderVersion": 99}}}));
    sample.spec("no_state", &json!({"type": "snapshot_construction"}));
    let txn = |version: i64, at: u64| json!({"type": "txn", "version": at, "expected": {"appId": "app", "txnVersion": version}});
    sample.spec("txn", &txn(7, 3));
    sample.spec("txn_before_it_was", &txn(7, 0));
    sample.spec("wrong_txn", &txn(8, 3));
    let domain = |domain: &str, configuration: &str, removed: bool| {
        json!({"type": "domain_metadata",
            "expected": {"domain": domain, "configuration": configuration, "removed": removed}})
    };
    sample.spec("domain", &domain("d", "x", false));
    sample.spec("no_domain", &domain("e", "", true));
    sample.spec("wrong_domain", &domain("d", "y", false));
    sample.spec("domain_that_is_not_removed", &domain("d", "", true));
    let wanted = [
        ("t/domain", Passed),
        ("t/domain_that_is_not_removed", Failed("instead of None")),
        ("t/no_domain", Passed),
        ("t/no_state", NotYet("nothing is expected")),
        ("t/state", Passed),
        ("t/txn", Passed),
        ("t/txn_before_it_was", Failed("is None instead of")),
        ("t/unknown_state", NotYet("\"era\"")),
        ("t/wrong_domain", Failed("Some(\"x\") instead of Some(\"y\")")),
        ("t/wrong_protocol", Failed("minReaderVersion of protocol")),
        ("t/wrong_state", Failed("partitionColumns of metadata")),
        ("t/wrong_txn", Failed("instead of 8")),
    ];
    assert_outcome(&sample.outcome(), &BTreeMap::from(wanted));
}

#[tokio::test]
async fn errors_are_expected_by_what_they_mean() {
    let sample = Sample::new().await;
    let error = |ask: Value, code: &str| {
        let mut spec = ask;
        spec["error"] = json!({"errorCode": code, "errorMessage": "Spark's words"});
        spec
    };
    let version = |version: i64| json!({"type": "read", "version": version});
    sample.spec("no_version", &error(version(9), "DELTA_VERSION_NOT_FOUND"));
    sample.spec("negative_version", &error(version(-1), "DELTA_VERSION_NOT_FOUND"));
    sample.spec("another_error", &error(version(9), "DELTA_VERSIONS_NOT_CONTIGUOUS"));
    sample.spec("an_unknown_error", &error(version(9), "NO_IDEA"));
    sample.spec("no_error", &error(version(3), "DELTA_VERSION_NOT_FOUND"));
    sample
        .spec("no_column", &error(json!({"type": "read", "predicate": "q = 1"}), "UNRESOLVED_COLUMN.WITH_SUGGESTION"));
    sample.spec("unexpected_error", &json!({"type": "read", "version": 9, "expected": {"rowCount": 1}}));
    sample.spec("a_snapshot_that_cant_be_scanned", &error(json!({"type": "snapshot"}), "FAILED_READ_FILE.NO_HINT"));
    let before = sample.outcome();
    assert!(before.faults().iter().any(|fault| fault.starts_with("t/a_snapshot_that_cant_be_scanned: is answered")));
    for entry in fs::read_dir(sample.folder.path().join("t/delta/p=b")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    // The file that `no_error` reads is gone too, and by no version.
    let wanted = [
        ("t/a_snapshot_that_cant_be_scanned", Passed),
        ("t/an_unknown_error", NotYet("error code \"NO_IDEA\"")),
        ("t/another_error", Failed("not by DELTA_VERSIONS_NOT_CONTIGUOUS")),
        ("t/negative_version", Passed),
        ("t/no_column", Passed),
        ("t/no_error", Passed),
        ("t/no_version", Passed),
        ("t/unexpected_error", Failed("is refused")),
    ];
    let no_error = before.answers.iter().find(|(name, _)| name == "t/no_error").map(|(_, answer)| &answer.verdict);
    assert!(
        matches!(no_error, Some(Verdict::Failed(why)) if why.contains("answered instead of refused")),
        "{no_error:?}"
    );
    assert_outcome(&sample.outcome(), &BTreeMap::from(wanted));
}

#[tokio::test]
async fn what_no_runner_would_look_at_is_named_and_what_is_broken_fails() {
    let sample = Sample::new().await;
    sample.spec("changes", &json!({"type": "cdf", "startVersion": 0, "endVersion": 2}));
    sample.spec("field", &json!({"type": "read", "expected": {"rowCount": 4, "checksum": "abc"}}));
    sample.spec("not_a_spec", &json!(["type", "read"]));
    sample.write("t/specs/nested/spec.json", &json!({"type": "write", "commits": [{"data_files_path": "c.json"}]}));
    sample.write("t/specs/nested/c.json", &json!({"adds": []}));
    sample.write("managed/table_info.json", &json!({"name": "managed", "is_catalog_managed": true}));
    sample.write("managed/specs/read.json", &json!({"type": "read", "expected": {"rowCount": 1}}));
    sample.write("managed/specs/write.json", &json!({"type": "write"}));
    sample.write("far/table_info.json", &json!({"name": "far", "tablePath": "s3://bucket/far"}));
    sample.write("far/specs/read.json", &json!({"type": "read", "expected": {"rowCount": 1}}));
    sample.write("nameless/specs/read.json", &json!({"type": "read", "error": {"errorCode": "DELTA_TABLE_NOT_FOUND"}}));
    sample.write("bad/table_info.json", &json!(3));
    sample.write("bad/specs/read.json", &json!({"type": "read"}));
    let table = sample.folder.path().join("t/delta").to_str().unwrap().to_owned();
    sample.write("elsewhere/table_info.json", &json!({"name": "elsewhere", "table_path": format!("file://{table}")}));
    sample.write("elsewhere/specs/read.json", &json!({"type": "read", "expected": {"rowCount": 4}}));
    fs::create_dir(sample.folder.path().join("nameless/delta")).unwrap();
    let log = sample.folder.path().join("future/delta/_delta_log");
    let protocol = json!({"protocol": {"minReaderVersion": 99, "minWriterVersion": 99}});
    let metadata = json!({"metaData": {"id": "f", "format": {"provider": "parquet", "options": {}},
        "schemaString": r#"{"type":"struct","fields":[]}"#, "partitionColumns": [], "configuration": {}}});
    fs::create_dir_all(&log).unwrap();
    fs::write(log.join("00000000000000000000.json"), format!("{protocol}\n{metadata}\n")).unwrap();
    let refused = |code: &str| json!({"type": "snapshot", "error": {"errorCode": code}});
    sample.write("future/specs/read.json", &json!({"type": "read", "expected": {"rowCount": 1}}));
    sample.write("future/specs/refused.json", &refused("DELTA_INVALID_PROTOCOL_VERSION"));
    sample.write("future/specs/refused_for_another_reason.json", &refused("UNRESOLVED_COLUMN"));
    let wanted = [
        ("bad/read", Failed("table_info.json")),
        ("elsewhere/read", Passed),
        ("far/read", NotYet("a table at s3://bucket/far")),
        ("future/read", NotYet("not supported")),
        ("future/refused", Passed),
        ("future/refused_for_another_reason", NotYet("not supported")),
        ("managed/read", NotYet("catalog-managed tables")),
        ("managed/write", NotYet("type \"write\"")),
        ("nameless/read", Passed),
        ("t/changes", NotYet("type \"cdf\"")),
        ("t/field", NotYet("field \"checksum\" of expected")),
        ("t/nested", NotYet("type \"write\"")),
        ("t/not_a_spec", Failed("isn't a spec")),
    ];
    assert_outcome(&sample.outcome(), &BTreeMap::from(wanted));
}
