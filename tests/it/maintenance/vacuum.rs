//! Does a vacuum delete what nothing needs, and only that?

use lakebed::ErrorKind;
use lakebed_compaction::{CompactionOptions, compact};
use lakebed_txlog::Version;
use lakebed_txlog::drive::CommitOptions;
use lakebed_vacuum::{ShortRetention, VacuumOptions, carry_out, plan};

use super::{DAY, Fixture, Place, in_both};

in_both! {
    a_dry_run_deletes_nothing,
    orphans_go_and_the_table_stays,
    versions_within_the_retention_stay_readable_and_older_ones_go,
    a_short_retention_needs_to_be_allowed,
    a_restore_after_the_plan_keeps_its_files,
    a_live_file_that_is_gone_stops_it,
    hidden_files_and_tables_below_stay,
    a_checkpoint_stands_in_for_commits,
}

async fn a_dry_run_deletes_nothing(place: Place) {
    let fixture = Fixture::new(place, &["p"]).await;
    fixture.append("a", 0..10).await;
    fixture.put("p=a/orphan.parquet").await;
    let before = fixture.objects().await;
    fixture.set_days(30).await;
    let found = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    assert_eq!(found.delete.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["p=a/orphan.parquet"]);
    assert_eq!((found.size_bytes, found.kept.needed.num_files, found.version), (1, 1, Version(1)));
    assert_eq!(fixture.objects().await, before);
}

async fn orphans_go_and_the_table_stays(place: Place) {
    let fixture = Fixture::new(place, &["p"]).await;
    for p in ["a b", "c/d", "e%f", "g=h", "ü:#?"] {
        fixture.append(p, 0..10).await;
    }
    let (rows, live) = (fixture.rows().await, fixture.objects().await);
    fixture.put("orphan.parquet").await;
    fixture.put("p=a b/orphan.parquet").await;
    fixture.put("_change_data/orphan.parquet").await;
    fixture.set_days(30).await;
    let found = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    let last = std::sync::Mutex::new(None);
    let report = carry_out(&fixture.table, &found, |progress| *last.lock().unwrap() = Some(progress)).await.unwrap();
    assert_eq!((report.num_deleted, report.bytes_deleted, report.num_failed, report.num_spared), (3, 3, 0, 0));
    assert_eq!(last.lock().unwrap().unwrap().done, 3);
    assert_eq!(fixture.objects().await, live);
    assert_eq!(fixture.rows().await, rows);
    let again = carry_out(&fixture.table, &found, |_| ()).await.unwrap();
    assert_eq!(again.num_failed, 0, "what is gone already is no failure");
}

async fn versions_within_the_retention_stay_readable_and_older_ones_go(place: Place) {
    let fixture = Fixture::new(place, &[]).await;
    fixture.append("a", 0..10).await;
    fixture.append("a", 10..20).await;
    fixture.set_days(10).await;
    compact(&fixture.table, &CompactionOptions::default(), |_| ()).await.unwrap();
    let rows = fixture.rows().await;

    fixture.table.settle().await;
    fixture.set_days(16).await;
    let within = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    assert!(within.delete.is_empty(), "{:?}", within.delete);
    assert_eq!(fixture.rows_of(&fixture.table.at(Version(2)).await.unwrap()).await, rows);

    fixture.set_days(18).await;
    let past = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    assert_eq!(past.delete.len(), 2);
    carry_out(&fixture.table, &past, |_| ()).await.unwrap();
    assert_eq!(fixture.rows().await, rows);
    let old = fixture.table.at(Version(2)).await.unwrap();
    let error = super::read(&fixture.table, &old).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

async fn a_short_retention_needs_to_be_allowed(place: Place) {
    let fixture = Fixture::new(place, &[]).await;
    fixture.append("a", 0..10).await;
    fixture.put("orphan.parquet").await;
    let options = VacuumOptions { retention: Some(DAY), ..VacuumOptions::default() };
    fixture.set_days(2).await;
    assert_eq!(plan(&fixture.table, &options).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    let options = VacuumOptions { short_retention: ShortRetention::Allow, ..options };
    assert_eq!(plan(&fixture.table, &options).await.unwrap().delete.len(), 1);
}

async fn a_restore_after_the_plan_keeps_its_files(place: Place) {
    let fixture = Fixture::new(place, &[]).await;
    fixture.append("a", 0..10).await;
    fixture.append("a", 10..20).await;
    let rows = fixture.rows().await;
    compact(&fixture.table, &CompactionOptions::default(), |_| ()).await.unwrap();
    fixture.set_days(30).await;
    let found = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    assert_eq!(found.delete.len(), 2);
    fixture.another().await.restore(Version(2), &CommitOptions::default()).await.unwrap();
    let report = carry_out(&fixture.table, &found, |_| ()).await.unwrap();
    assert_eq!((report.num_deleted, report.num_spared), (0, 2));
    assert_eq!(fixture.rows().await, rows);
}

async fn a_live_file_that_is_gone_stops_it(place: Place) {
    use object_store::ObjectStoreExt;
    let fixture = Fixture::new(place, &[]).await;
    fixture.append("a", 0..10).await;
    let path = fixture.table.snapshot().files().iter().next().unwrap().path().to_owned();
    fixture.table.store().data().delete(&fixture.key(&path)).await.unwrap();
    fixture.put("orphan.parquet").await;
    fixture.set_days(30).await;
    let error = plan(&fixture.table, &VacuumOptions::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.at_path()), (ErrorKind::Corrupt, Some(path.as_str())));
}

/// A listing follows links to folders: what it finds has another name there, which may be that of a live file.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_behind_a_link_to_a_folder_stays() {
    let fixture = Fixture::new(Place::Folder, &["p"]).await;
    fixture.append("a", 0..10).await;
    fixture.put("p=a/inner/orphan.parquet").await;
    let folder = std::path::PathBuf::from(fixture.table.url().to_string().trim_start_matches("file://"));
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("theirs.parquet"), "x").unwrap();
    std::os::unix::fs::symlink(folder.join("p=a"), folder.join("latest")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), folder.join("others")).unwrap();
    let rows = fixture.rows().await;
    fixture.set_days(30).await;
    let found = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    let paths: Vec<_> = found.delete.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["p=a/inner/orphan.parquet"]);
    assert_eq!(found.kept.behind_links.num_files, 3);
    carry_out(&fixture.table, &found, |_| ()).await.unwrap();
    assert_eq!(fixture.rows().await, rows);
    assert!(elsewhere.path().join("theirs.parquet").exists());
}

async fn hidden_files_and_tables_below_stay(place: Place) {
    let fixture = Fixture::new(place, &[]).await;
    for path in [
        "_hidden/x.parquet",
        ".x.parquet.crc",
        "inner/_delta_log/00000000000000000000.json",
        "inner/x.parquet",
        "_delta_log/notes.txt",
        "_delta_log/.00000000000000000000.json.crc",
        "_delta_log/.lakebed-1.tmp",
    ] {
        fixture.put(path).await;
    }
    fixture.set_days(30).await;
    let found = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    assert_eq!(found.delete.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["_delta_log/.lakebed-1.tmp"]);
}

/// Tombstones are all that is left of a removal once its commit is gone.
async fn a_checkpoint_stands_in_for_commits(place: Place) {
    use object_store::ObjectStoreExt;
    let fixture = Fixture::new(place, &[]).await;
    fixture.append("a", 0..10).await;
    fixture.append("a", 10..20).await;
    fixture.set_days(10).await;
    compact(&fixture.table, &CompactionOptions::default(), |_| ()).await.unwrap();
    fixture.table.checkpoint().await.unwrap();
    for version in 0..4 {
        let key = fixture.key(&format!("_delta_log/{version:020}.json"));
        fixture.table.store().data().delete(&key).await.unwrap();
    }
    let table = fixture.another().await;
    fixture.set_days(16).await;
    assert!(plan(&table, &VacuumOptions::default()).await.unwrap().delete.is_empty());
    fixture.set_days(18).await;
    assert_eq!(plan(&table, &VacuumOptions::default()).await.unwrap().delete.len(), 2);
}
