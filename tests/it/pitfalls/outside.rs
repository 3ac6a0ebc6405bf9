//! Is a file outside the table's folder read only from a place that was allowed, and never changed (H1)?

use lakebed::Table;
use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::{ErrorKind, Result};
use lakebed_vacuum::{VacuumOptions, carry_out, plan};

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
        let folder = tempfile::tempdir().unwrap();
        let (from, log) = (source.table.url().to_string(), folder.path().join("_delta_log"));
        std::fs::create_dir(&log).unwrap();
        let clone = Clone { source, folder };
        for version in 0..2 {
            let name = format!("{version:020}.json");
            let commit = std::fs::read_to_string(clone.source_folder().join("_delta_log").join(&name)).unwrap();
            std::fs::write(log.join(name), commit.replace("\"path\":\"", &format!("\"path\":\"{from}/"))).unwrap();
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
async fn h1_no_path_of_a_log_is_taken_for_a_place_that_is_allowed() {
    let clone = Clone::new().await;
    let table = clone.open(&[clone.source_folder().to_str().unwrap()]).await.unwrap();
    let error = table.store().key("_lakebed_outside/0/x.parquet").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}
