//! Is a table the same when it is opened from a checkpoint, of either spec, as when its commits are replayed?

use std::fs;
use std::path::Path;

use lakebed::{AppendOptions, CommitOptions, CreateTable, Publication, Table};
use lakebed_tests::plan::{rows, schema};
use lakebed_txlog::action::{Action, Add};
use lakebed_txlog::checkpoint::decode_parquet;
use lakebed_txlog::snapshot::Snapshot;
use serde_json::Value;

/// A table with appends and vectors, and a checkpoint behind every third commit.
async fn table(folder: &Path, properties: &[(&str, &str)]) -> Table {
    let mut create = CreateTable::of_arrow(&schema()).unwrap().property("delta.checkpointInterval", "3");
    for (key, value) in properties {
        create = create.property(*key, *value);
    }
    let table = create.create(folder.to_str().unwrap()).await.unwrap();
    for commit in 0..7_i64 {
        let ids: Vec<i64> = (commit * 10..commit * 10 + 10).collect();
        table.append_batches(vec![rows(&ids).unwrap()], &AppendOptions::default()).await.unwrap();
        table.settle().await;
        if commit % 2 == 1 {
            let deletion = format!("id = {}", commit * 10);
            table.delete(&deletion, &CommitOptions::default()).await.unwrap();
            table.settle().await;
        }
    }
    table
}

/// The names in a folder of the log that contain `part`.
fn names(folder: &Path, part: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.contains(part));
    names.sort();
    names
}

/// All that a snapshot holds, in an order of its own.
fn content(snapshot: &Snapshot) -> String {
    let mut files: Vec<Add> = snapshot.files().iter().map(|file| file.to_add()).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut tombstones: Vec<String> = snapshot.tombstones().map(|file| format!("{:?}", file.to_remove())).collect();
    tombstones.sort();
    let (txns, domains): (Vec<_>, Vec<_>) = (snapshot.txns().collect(), snapshot.domains().collect());
    format!("{:?}", (snapshot.version(), snapshot.protocol(), snapshot.metadata(), txns, domains, files, tombstones))
}

/// Takes the commits away that the newest checkpoint makes up for, and opens what is left.
async fn opened_from_checkpoint(folder: &Path, checkpoint: u64) -> Table {
    let log = folder.join("_delta_log");
    for version in 0..checkpoint {
        fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
    }
    Table::open(folder.to_str().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_v2_checkpoint_and_its_sidecars_are_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), &[("delta.checkpointPolicy", "v2")]).await;
    let snapshot = table.snapshot();
    let features = snapshot.protocol().reader_features.clone().unwrap();
    assert!(features.contains(&"v2Checkpoint".to_owned()), "{features:?}");
    let log = folder.path().join("_delta_log");
    let checkpoints = names(&log, ".checkpoint.");
    assert_eq!(checkpoints.len(), 3, "{checkpoints:?}");
    assert_eq!(checkpoints[0], "00000000000000000003.checkpoint.parquet", "the first is classic");
    assert!(checkpoints[1].starts_with("00000000000000000006.checkpoint.") && checkpoints[1].len() > 60);
    let classic = decode_parquet(fs::read(log.join(&checkpoints[0])).unwrap().into()).unwrap();
    assert!(classic.num_adds() > 0, "by the V1 spec: its rows stand in itself, whoever takes the spec from the name");
    let named = |name: &str| {
        let read = decode_parquet(fs::read(log.join(name)).unwrap().into()).unwrap();
        assert_eq!(read.num_adds(), 0, "{name}");
        read.actions.into_iter().filter_map(|action| match action {
            Action::Sidecar(sidecar) => Some(sidecar.path),
            _ => None,
        })
    };
    let mut sidecars: Vec<String> = checkpoints[1..].iter().flat_map(|name| named(name)).collect();
    sidecars.sort();
    assert!(sidecars.len() >= 2);
    assert_eq!(names(&log.join("_sidecars"), ".parquet"), sidecars);
    let hint: Value = serde_json::from_slice(&fs::read(log.join("_last_checkpoint")).unwrap()).unwrap();
    assert_eq!(hint["v2Checkpoint"]["path"], checkpoints[2].as_str());
    assert_eq!(hint["version"], 9);
    let reopened = opened_from_checkpoint(folder.path(), 9).await;
    assert_eq!(content(&reopened.snapshot()), content(&snapshot));
}

#[tokio::test]
async fn a_classic_checkpoint_is_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), &[]).await;
    let reopened = opened_from_checkpoint(folder.path(), 9).await;
    assert_eq!(content(&reopened.snapshot()), content(&table.snapshot()));
    assert_eq!(names(&folder.path().join("_delta_log"), "_sidecars"), Vec::<String>::new());
}

#[tokio::test]
async fn l12_a_v2_checkpoint_under_a_classic_name_is_read_by_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), &[("delta.checkpointPolicy", "v2")]).await;
    let log = folder.path().join("_delta_log");
    let [_, _, newest] = names(&log, ".checkpoint.").try_into().unwrap();
    assert!(newest.len() > 60, "named by the V2 spec: {newest}");
    fs::rename(log.join(newest), log.join("00000000000000000009.checkpoint.parquet")).unwrap();
    fs::remove_file(log.join("_last_checkpoint")).unwrap();
    let reopened = opened_from_checkpoint(folder.path(), 9).await;
    assert_eq!(content(&reopened.snapshot()), content(&table.snapshot()));
}

#[tokio::test]
async fn a_checkpoint_that_is_there_is_left_as_it_is() {
    for policy in ["classic", "v2"] {
        let folder = tempfile::tempdir().unwrap();
        let create = CreateTable::of_arrow(&schema()).unwrap().property("delta.checkpointPolicy", policy);
        let table = create.create(folder.path().to_str().unwrap()).await.unwrap();
        table.append_batches(vec![rows(&[1]).unwrap()], &AppendOptions::default()).await.unwrap();
        let there = folder.path().join("_delta_log/00000000000000000001.checkpoint.parquet");
        fs::write(&there, "another's").unwrap();
        let report = table.checkpoint().await.unwrap();
        assert_eq!(report.publication, Publication::AlreadyThere, "{policy}");
        assert_eq!(fs::read(&there).unwrap(), b"another's");
        assert!(!folder.path().join("_delta_log/_last_checkpoint").exists(), "nothing points to what isn't ours");
    }
}

#[tokio::test]
async fn a_second_checkpoint_of_a_version_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), &[("delta.checkpointPolicy", "v2")]).await;
    assert_eq!(table.checkpoint().await.unwrap().publication, Publication::Written);
    let before = names(&folder.path().join("_delta_log"), "");
    assert_eq!(table.checkpoint().await.unwrap().publication, Publication::AlreadyThere);
    let reopened = Table::open(folder.path().to_str().unwrap()).await.unwrap();
    assert_eq!(reopened.checkpoint().await.unwrap().publication, Publication::AlreadyThere);
    assert_eq!(names(&folder.path().join("_delta_log"), ""), before);
}
