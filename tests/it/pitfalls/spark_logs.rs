//! Do we read the log that Spark leaves, and leave one that Spark reads (L12, L16, L17)?

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use lakebed::query::ScanRequest;
use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed::{AppendOptions, CreateTable, ErrorKind, Table, Version};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::SystemEnv;
use serde_json::Value;
use tempfile::TempDir;

use crate::{interop, machine};

/// A copy of a table of the repository's corpus that Spark wrote.
struct Copied {
    folder: TempDir,
    expected_rows: u64,
}

impl Copied {
    fn of(name: &str) -> Copied {
        let case = machine::repository().join("tests/corpus/gen-spark").join(name);
        let folder = tempfile::tempdir().unwrap();
        copy_folder(&case.join("delta"), folder.path());
        let about: Value = serde_json::from_slice(&fs::read(case.join("case.json")).unwrap()).unwrap();
        Copied { folder, expected_rows: about["expected_rows"].as_u64().unwrap() }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join("_delta_log").join(name)
    }

    async fn open(&self) -> Table {
        Table::open(self.folder.path().to_str().unwrap()).await.unwrap()
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

async fn num_rows(table: &Table) -> u64 {
    let batches = table.scan(&table.snapshot(), &ScanRequest::default()).await.unwrap().collect().await.unwrap();
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}

#[tokio::test]
async fn l12_a_checkpoint_with_sidecars_under_the_classic_name_is_read() {
    let copy = Copied::of("v2ckpt_classic_name");
    let commit = copy.log("00000000000000000005.json");
    assert!(copy.log("00000000000000000005.checkpoint.parquet").is_file() && !commit.exists());
    assert!(fs::read_dir(copy.log("_sidecars")).unwrap().count() > 0, "its rows are in sidecars");
    let table = copy.open().await;
    assert_eq!(table.snapshot().version(), Version(6));
    assert_eq!(num_rows(&table).await, copy.expected_rows);
    let error = table.at(Version(4)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "before the checkpoint there is nothing: {error}");
}

#[tokio::test]
async fn l16_no_path_of_ours_has_a_bare_colon_and_every_feature_in_use_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let fields = vec![Field::new("id", DataType::Int64, true), Field::new("p:q", DataType::Utf8, true)];
    let schema = Arc::new(Schema::new(fields));
    let create = CreateTable::of_arrow(&schema).unwrap().partitioned_by(["p:q"]).property("delta.appendOnly", "true");
    let (url, env) = (folder.path().to_str().unwrap(), SystemEnv::shared());
    let store = TableStore::create(&TableUrl::parse(url).unwrap(), &StoreSettings::default(), &env).unwrap();
    let table = create.create_in(store, env).await.unwrap();
    let columns: [ArrayRef; 2] = [Arc::new(Int64Array::from(vec![1])), Arc::new(StringArray::from(vec!["a:b"]))];
    let batch = RecordBatch::try_new(schema, columns.into()).unwrap();
    table.append_batches(vec![batch.clone()], &AppendOptions::default()).await.unwrap();
    table.settle().await;

    let snapshot = table.snapshot();
    let paths: Vec<String> = snapshot.files().iter().map(|file| file.path().to_owned()).collect();
    assert!(paths.len() == 1 && !paths[0].contains(':'), "{paths:?}");
    let listed = snapshot.protocol().writer_features.clone().expect("a writer-7 protocol");
    for used in ["appendOnly", "deletionVectors", "inCommitTimestamp"] {
        assert!(listed.iter().any(|feature| feature == used), "{used} isn't listed: {listed:?}");
    }
    interop::spark_reads("l16", url, &[batch]);
}

#[tokio::test]
async fn l17_hadoops_checksum_goes_with_the_log_file_that_is_replaced_or_made() {
    let copy = Copied::of("dv_hadoop_crc_kept");
    let hint = copy.log("._last_checkpoint.crc");
    assert!(hint.is_file());
    // What a writer that died leaves of a version that it didn't come to.
    let stale = copy.log(".00000000000000000003.json.crc");
    fs::copy(copy.log(".00000000000000000002.json.crc"), &stale).unwrap();
    let table = copy.open().await;
    let deletion = table.delete("id = 5", &CommitOptions::default()).await.unwrap();
    assert_eq!((deletion.version, deletion.num_rows), (Some(Version(3)), 1));
    assert!(!stale.exists(), "another's checksum of our commit");
    table.settle().await;
    table.checkpoint().await.unwrap();
    assert!(!hint.exists(), "the checksum of the hint that was replaced");
    assert!(copy.log(".00000000000000000002.json.crc").is_file(), "those of files that stay are left");

    let Some(spark) = interop::spark("l17") else { return };
    let counted = spark.sql(&format!("SELECT count(*) FROM delta.`{}`", copy.folder.path().display()));
    assert_eq!(counted, [[Value::from(copy.expected_rows - 1)]], "Spark takes every file of the log");
}
