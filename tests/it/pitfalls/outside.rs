//! Is a file outside the table's folder read only from a place that was allowed, and never changed (H1)?

use lakebed::Table;
use lakebed::fsck::{Kind, Options, Sample, Severity, check};
use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed_txlog::action::DeletionVectorDescriptor;
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::dv::{Stored, locate};
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::{ErrorKind, Result};
use lakebed_vacuum::{VacuumOptions, carry_out, plan};
use serde_json::Value;

use crate::maintenance::{Fixture, Place, read};

/// A table of three rows, and another in a folder beside it whose log names the first one's file.
struct Clone {
    source: Fixture,
    folder: tempfile::TempDir,
}

impl Clone {
    async fn new() -> Clone {
        let source = Fixture::new(Place::Folder, &["p"]).await;
        source.append("a b", 0..3).await;
        Clone::of(source)
    }

    /// A table whose log is the source's, with absolute paths of data files and vectors.
    fn of(source: Fixture) -> Clone {
        let folder = tempfile::tempdir().unwrap();
        let (from, log) = (source.table.url().to_string(), folder.path().join("_delta_log"));
        std::fs::create_dir(&log).unwrap();
        let clone = Clone { source, folder };
        for version in 0..=clone.source.table.snapshot().version().0 {
            let name = format!("{version:020}.json");
            let commit = std::fs::read_to_string(clone.source_folder().join("_delta_log").join(&name)).unwrap();
            let lines: Vec<String> = commit.lines().map(|line| absolute(line, &from)).collect();
            std::fs::write(log.join(name), lines.join("\n")).unwrap();
        }
        clone
    }

    fn source_folder(&self) -> std::path::PathBuf {
        self.source.table.url().to_string().strip_prefix("file://").unwrap().into()
    }

    async fn open(&self, outside: &[&str]) -> Result<Table> {
        let outside = outside.iter().map(|url| TableUrl::parse(url)).collect::<Result<_>>()?;
        let (settings, env) = (StoreSettings { outside, ..StoreSettings::default() }, SystemEnv::shared());
        let url = TableUrl::parse(self.folder.path().to_str().unwrap())?;
        Table::open_with(TableStore::open(&url, &settings, &env)?, env).await
    }
}

/// An action, with its paths below `root`.
fn absolute(line: &str, root: &str) -> String {
    let mut line: Value = serde_json::from_str(line).unwrap();
    for file in line.as_object_mut().unwrap().values_mut().filter(|action| action["path"].is_string()) {
        file["path"] = format!("{root}/{}", file["path"].as_str().unwrap()).into();
        let Some(vector) = file.get_mut("deletionVector").filter(|vector| vector.is_object()) else { continue };
        let descriptor: DeletionVectorDescriptor = serde_json::from_value(vector.clone()).unwrap();
        if let Stored::InFile(slice) = locate(&descriptor).unwrap() {
            vector["storageType"] = "p".into();
            vector["pathOrInlineDv"] = format!("{root}/{}", slice.location).into();
        }
    }
    line.to_string()
}

#[tokio::test]
async fn h1_a_file_outside_is_refused_unless_its_very_place_is_allowed() {
    let clone = Clone::new().await;
    let source = clone.source_folder();
    let beside = source.parent().unwrap().join("tt");
    std::fs::create_dir(&beside).unwrap();
    for outside in [vec![], vec![beside.to_str().unwrap()], vec!["memory://t"]] {
        let table = clone.open(&outside).await.unwrap();
        let error = read(&table, &table.snapshot()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.at_path().unwrap().starts_with("file://"), "{error}");
        assert!(error.what_to_do().unwrap().contains("--allow-outside"), "{error}");
    }
    for outside in [source.to_str().unwrap(), source.parent().unwrap().to_str().unwrap()] {
        let table = clone.open(&[beside.to_str().unwrap(), outside]).await.unwrap();
        assert_eq!(read(&table, &table.snapshot()).await.unwrap(), clone.source.rows().await);
    }
}

#[tokio::test]
async fn h1_a_clone_is_changed_without_a_change_to_its_source() {
    let clone = Clone::new().await;
    let before = (clone.source.rows().await, clone.source.objects().await);
    let table = clone.open(&[clone.source_folder().to_str().unwrap()]).await.unwrap();
    assert_eq!(table.delete("n = 1", &CommitOptions::default()).await.unwrap().num_rows, 1);
    let left: Vec<i64> = read(&table, &table.snapshot()).await.unwrap().iter().map(|row| row.0).collect();
    assert_eq!(left, [0, 2]);
    assert_eq!(table.delete("n >= 0", &CommitOptions::default()).await.unwrap().num_rows, 2);
    let options = VacuumOptions { retention: Some(std::time::Duration::ZERO), ..VacuumOptions::default() };
    let options = VacuumOptions { short_retention: lakebed_vacuum::ShortRetention::Allow, ..options };
    let planned = plan(&table, &options).await.unwrap();
    carry_out(&table, &planned, |_| ()).await.unwrap();
    assert_eq!((clone.source.rows().await, clone.source.objects().await), before);
}

#[tokio::test]
async fn h1_a_check_says_what_it_did_not_look_at_and_finds_no_damage() {
    let source = Fixture::new(Place::Folder, &["p"]).await;
    source.append("a b", 0..3).await;
    // More rows than a vector that stands in the log itself has room for.
    source.append("a b", 10..1_010).await;
    let odd = (10..1_010).filter(|n| n % 2 == 1).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    source.delete(&format!("n IN ({odd})")).await;
    let clone = Clone::of(source);
    let place = clone.source_folder();
    for outside in [vec![], vec![place.to_str().unwrap()]] {
        let table = clone.open(&outside).await.unwrap();
        let vectors: Vec<String> = table
            .snapshot()
            .files()
            .iter()
            .filter_map(|file| file.to_add().deletion_vector)
            .map(|vector| vector.storage_type)
            .collect();
        assert_eq!(vectors, ["p"]);
        let report =
            check(table.store(), &Options { sample: Sample::Full, ..Options::default() }, |_| {}).await.unwrap();
        let found: Vec<_> = report.findings.iter().map(|finding| (finding.severity, finding.kind)).collect();
        assert_eq!(found, [(Severity::Note, Kind::NotChecked); 3], "{:?}", report.findings);
    }
    let table = clone.open(&[place.to_str().unwrap()]).await.unwrap();
    assert_eq!(read(&table, &table.snapshot()).await.unwrap(), clone.source.rows().await);
}

#[tokio::test]
async fn h1_no_path_of_a_log_is_taken_for_a_place_that_is_allowed() {
    let clone = Clone::new().await;
    let table = clone.open(&[clone.source_folder().to_str().unwrap()]).await.unwrap();
    let error = table.store().key("_lakebed_outside/0/x.parquet").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}
