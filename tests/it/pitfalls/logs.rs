//! Are times, sizes and oddities of a log what they have to be (L9, L11, L15, L16)?

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use lakebed::query::ScanRequest;
use lakebed::{AppendOptions, CreateTable, ErrorKind, Table, TimestampMs, Version};
use lakebed_tests::plan::{rows, schema};
use lakebed_txlog::action::{Action, Add};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::protocol::Profile;
use lakebed_txlog::transaction::{Kind, Transaction};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};

use crate::maintenance::{Fixture, Place};

/// Most rows of a row group of a checkpoint, and so what is held of one while it is written.
const GROUP_ROWS: i64 = 32 * 1024;

async fn append(table: &Table, ids: &[i64]) {
    table.append_batches(vec![rows(ids).unwrap()], &AppendOptions::default()).await.unwrap();
    table.settle().await;
}

async fn num_rows(table: &Table) -> usize {
    let batches = table.scan(&table.snapshot(), &ScanRequest::default()).await.unwrap().collect().await.unwrap();
    batches.iter().map(arrow::array::RecordBatch::num_rows).sum()
}

async fn created(folder: &Path, profile: Profile) -> Table {
    CreateTable::of_arrow(&schema()).unwrap().profile(profile).create(folder.to_str().unwrap()).await.unwrap()
}

fn commit_file(folder: &Path, version: u64) -> PathBuf {
    folder.join(format!("_delta_log/{version:020}.json"))
}

fn actions(folder: &Path, version: u64) -> Vec<Value> {
    let text = fs::read_to_string(commit_file(folder, version)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write(folder: &Path, version: u64, actions: &[Value]) {
    let lines: String = actions.iter().map(|action| format!("{action}\n")).collect();
    fs::write(commit_file(folder, version), lines).unwrap();
}

/// The action of a kind in a commit.
fn action<'a>(actions: &'a mut [Value], kind: &str) -> &'a mut Value {
    actions.iter_mut().find_map(|action| action.get_mut(kind)).unwrap()
}

#[tokio::test]
async fn l9_times_of_commits_ascend_whatever_the_clock_does() {
    let fixture = Fixture::new(Place::Memory, &[]).await;
    for days in [0, -30, 10, -5, -5] {
        fixture.set_days(days).await;
        fixture.append("a", 0..1).await;
    }
    let history = fixture.table.history(10).await.unwrap();
    assert_eq!(history.len(), 6);
    assert!(history.windows(2).all(|pair| pair[0].timestamp > pair[1].timestamp), "{history:?}");
    for entry in &history {
        assert_eq!(fixture.table.as_of(entry.timestamp).await.unwrap().version(), entry.version);
    }
}

#[tokio::test]
async fn l11_a_checkpoint_of_many_files_is_written_in_groups_of_bounded_size() {
    const FILES: i64 = 100_001;
    for policy in ["classic", "v2"] {
        let folder = tempfile::tempdir().unwrap();
        let create = CreateTable::of_arrow(&schema()).unwrap().property("delta.checkpointPolicy", policy);
        let table = create.create(folder.path().to_str().unwrap()).await.unwrap();
        let mut transaction = Transaction::new(Kind::Append, "WRITE");
        let stats = |n: i64| format!(r#"{{"numRecords":1,"minValues":{{"id":{n}}},"maxValues":{{"id":{n}}}}}"#);
        transaction.extend((0..FILES).map(|n| {
            let (path, stats) = (format!("part-{n}.parquet"), Some(stats(n)));
            Action::Add(Add { path, size: 1, data_change: true, stats, ..Add::default() })
        }));
        table.commit(&transaction, None, &CommitOptions::default()).await.unwrap().committed().unwrap();
        table.settle().await;
        table.checkpoint().await.unwrap();
        let log = folder.path().join("_delta_log");
        let files = [log.clone(), log.join("_sidecars")].into_iter().filter_map(|folder| fs::read_dir(folder).ok());
        let paths = files.flatten().map(|entry| entry.unwrap().path());
        let mut num_rows = Vec::new();
        for path in paths.filter(|path| path.extension().is_some_and(|extension| extension == "parquet")) {
            let reader = SerializedFileReader::new(Bytes::from(fs::read(path).unwrap())).unwrap();
            num_rows.extend(reader.metadata().row_groups().iter().map(|group| group.num_rows()));
        }
        assert!(num_rows.iter().all(|rows| *rows <= GROUP_ROWS), "{policy}: {num_rows:?}");
        assert!(num_rows.len() > 3 && num_rows.iter().sum::<i64>() > FILES, "{policy}: {num_rows:?}");
    }
}

#[tokio::test]
async fn l15_before_the_enabling_version_file_times_rule_and_the_log_after() {
    let folder = tempfile::tempdir().unwrap();
    let table = created(folder.path(), Profile::Compat).await;
    append(&table, &[1]).await;
    append(&table, &[2]).await;
    // Version 3 turns timestamps on, as Spark does: 60 s, whatever the time of its file.
    let mut enabling = actions(folder.path(), 0);
    let metadata = action(&mut enabling, "metaData");
    metadata["configuration"] = json!({
        "delta.enableInCommitTimestamps": "true",
        "delta.inCommitTimestampEnablementVersion": "3",
        "delta.inCommitTimestampEnablementTimestamp": "60000",
    });
    let metadata = metadata.clone();
    let features = json!(["inCommitTimestamp", "appendOnly", "invariants"]);
    let timed = |time_ms: i64| json!({ "commitInfo": { "inCommitTimestamp": time_ms, "timestamp": 1 } });
    let protocol = json!({ "minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": features });
    write(folder.path(), 3, &[timed(60_000), json!({ "protocol": protocol }), json!({ "metaData": metadata })]);
    write(folder.path(), 4, &[timed(70_000)]);
    for (version, seconds) in [(0, 10), (1, 20), (2, 15), (3, 5), (4, 100)] {
        let file = File::options().write(true).open(commit_file(folder.path(), version)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }
    let table = Table::open(folder.path().to_str().unwrap()).await.unwrap();
    // Version 2's file is older than version 1's: it counts as a millisecond after it.
    let expected =
        [(10_000, 0), (19_999, 0), (20_000, 1), (20_001, 2), (59_999, 2), (60_000, 3), (69_999, 3), (70_000, 4)];
    for (time_ms, version) in expected {
        let found = table.as_of(TimestampMs(time_ms)).await.unwrap();
        assert_eq!(found.version(), Version(version), "{time_ms}");
    }
    for outside in [9_999, 70_001] {
        let error = table.as_of(TimestampMs(outside)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{outside}: {error}");
    }
}

#[tokio::test]
async fn l16_a_newest_version_that_only_its_checkpoint_has_is_read_and_followed() {
    let folder = tempfile::tempdir().unwrap();
    let table = created(folder.path(), Profile::Standard).await;
    append(&table, &[1, 2]).await;
    append(&table, &[3]).await;
    table.checkpoint().await.unwrap();
    fs::remove_file(commit_file(folder.path(), 2)).unwrap();
    let reopened = Table::open(folder.path().to_str().unwrap()).await.unwrap();
    assert_eq!((reopened.snapshot().version(), num_rows(&reopened).await), (Version(2), 3));
    append(&reopened, &[4]).await;
    let again = Table::open(folder.path().to_str().unwrap()).await.unwrap();
    assert_eq!((again.snapshot().version(), num_rows(&again).await), (Version(3), 4));
}

#[tokio::test]
async fn l16_a_path_with_a_bare_colon_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let table = created(folder.path(), Profile::Standard).await;
    append(&table, &[1, 2]).await;
    let mut commit = actions(folder.path(), 1);
    let add = action(&mut commit, "add");
    let path = add["path"].as_str().unwrap().to_owned();
    fs::rename(folder.path().join(&path), folder.path().join("at 10:30.parquet")).unwrap();
    add["path"] = "at%2010:30.parquet".into();
    write(folder.path(), 1, &commit);
    let reopened = Table::open(folder.path().to_str().unwrap()).await.unwrap();
    assert_eq!(num_rows(&reopened).await, 2);
}

#[tokio::test]
async fn l16_a_protocol_that_does_not_list_what_the_table_uses_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let table = created(folder.path(), Profile::Standard).await;
    append(&table, &[1, 2]).await;
    let mut commit = actions(folder.path(), 0);
    let protocol = action(&mut commit, "protocol");
    let features = protocol["writerFeatures"].as_array_mut().unwrap();
    let listed = features.len();
    features.retain(|feature| feature != "inCommitTimestamp");
    assert_eq!(features.len() + 1, listed, "ours lists what it uses");
    write(folder.path(), 0, &commit);
    for crc in [0, 1] {
        let _ = fs::remove_file(folder.path().join(format!("_delta_log/{crc:020}.crc")));
    }
    let reopened = Table::open(folder.path().to_str().unwrap()).await.unwrap();
    assert_eq!(num_rows(&reopened).await, 2);
}
