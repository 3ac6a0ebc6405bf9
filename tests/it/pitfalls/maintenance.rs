//! Do compaction and vacuum bring rows back, or take files away (C6, C10, D5, D6, D7, D12)?

use std::collections::BTreeSet;

use lakebed::table::{OverwriteOptions, Replace};
use lakebed_compaction::{CompactionOptions, Purge, compact};
use lakebed_txlog::Version;
use lakebed_txlog::action::{Action, parse_lines};
use lakebed_vacuum::{VacuumOptions, carry_out, plan};
use object_store::ObjectStoreExt;

use crate::maintenance::{Fixture, Place, in_both};

in_both! {
    c6_compactions_of_the_same_files_land_once,
    c10_a_compaction_removes_each_file_with_its_newest_vector,
    d5_a_file_that_a_slow_writer_has_yet_to_commit_stays,
    d6_files_whose_names_need_escapes_are_live_files,
    d7_vectors_of_unexpired_tombstones_stay,
    d12_a_vector_file_stays_while_one_of_its_files_is_live,
}

async fn c6_compactions_of_the_same_files_land_once(place: Place) {
    let fixture = Fixture::new(place, &[]).await;
    for n in 0..6 {
        fixture.append("a", n * 10..n * 10 + 10).await;
    }
    fixture.delete("n % 10 = 3").await;
    let rows = fixture.rows().await;
    let (one, other) = (fixture.another().await, fixture.another().await);
    let options = CompactionOptions::default();
    let (one, other) = tokio::join!(compact(&one, &options, |_| ()), compact(&other, &options, |_| ()));
    let versions: BTreeSet<Version> = one.unwrap().versions.into_iter().chain(other.unwrap().versions).collect();
    assert_eq!(versions.len(), 1);
    assert_eq!(fixture.rows().await, rows);
    assert_eq!(fixture.table.snapshot().num_files(), 1);
}

async fn c10_a_compaction_removes_each_file_with_its_newest_vector(place: Place) {
    let fixture = Fixture::new(place, &[]).await;
    fixture.append("a", 0..10).await;
    fixture.append("a", 10..20).await;
    fixture.delete("n % 10 = 3").await;
    fixture.delete("n % 10 = 4").await;
    let live: BTreeSet<_> =
        fixture.table.snapshot().files().iter().map(|f| (f.path().to_owned(), f.to_add().dv_id())).collect();
    assert!(live.iter().all(|(_, vector)| vector.is_some()));
    let rows = fixture.rows().await;
    let version = compact(&fixture.table, &CompactionOptions::default(), |_| ()).await.unwrap().versions[0];
    let key = fixture.key(&format!("_delta_log/{:020}.json", version.0));
    let bytes = fixture.table.store().data().get(&key).await.unwrap().bytes().await.unwrap();
    let mut removed = BTreeSet::new();
    for action in parse_lines(&bytes).unwrap() {
        match action {
            Action::Remove(remove) => {
                assert!(!remove.data_change);
                removed.insert((remove.path.clone(), remove.dv_id()));
            }
            Action::Add(add) => assert!(!add.data_change && add.deletion_vector.is_none()),
            _ => {}
        }
    }
    assert_eq!(removed, live);
    assert_eq!(fixture.rows().await, rows);
    assert_eq!(rows.len(), 16);
}

async fn d5_a_file_that_a_slow_writer_has_yet_to_commit_stays(place: Place) {
    let fixture = Fixture::new(place, &[]).await;
    fixture.append("a", 0..10).await;
    fixture.put("part-on-its-way.parquet").await;
    fixture.set_days(6).await;
    let found = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    assert!(found.delete.is_empty());
    assert_eq!(found.kept.young.num_files, 1);
}

async fn d6_files_whose_names_need_escapes_are_live_files(place: Place) {
    let fixture = Fixture::new(place, &["p"]).await;
    for p in ["a b", "50%", "x=y", "10:30", "c/d", "ü", "'\"", "_u", ".dot", "{[^]}", "#?&+", "\\"] {
        fixture.append(p, 0..3).await;
    }
    let (rows, objects) = (fixture.rows().await, fixture.objects().await);
    fixture.set_days(100).await;
    let found = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    assert!(found.delete.is_empty(), "{:?}", found.delete);
    assert_eq!(found.kept.needed.num_files, 12);
    carry_out(&fixture.table, &found, |_| ()).await.unwrap();
    assert_eq!(fixture.objects().await, objects);
    assert_eq!(fixture.rows().await, rows);
}

async fn d7_vectors_of_unexpired_tombstones_stay(place: Place) {
    let fixture = Fixture::new(place, &[]).await;
    fixture.append("a", 0..10).await;
    fixture.delete("n = 1").await;
    let (old, version) = (fixture.rows().await, fixture.table.snapshot().version());
    fixture.set_days(10).await;
    fixture.delete("n = 2").await;
    let all = fixture.data_objects().await;
    assert_eq!(all.iter().filter(|path| path.ends_with(".bin")).count(), 2);

    fixture.set_days(16).await;
    let within = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    carry_out(&fixture.table, &within, |_| ()).await.unwrap();
    assert_eq!(fixture.data_objects().await, all);
    assert_eq!(fixture.rows_of(&fixture.table.at(version).await.unwrap()).await, old);

    fixture.set_days(18).await;
    let past = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    assert_eq!(past.delete.len(), 1);
    assert!(past.delete[0].path.ends_with(".bin"));
}

async fn d12_a_vector_file_stays_while_one_of_its_files_is_live(place: Place) {
    let fixture = Fixture::new(place, &["p"]).await;
    fixture.append("a", 0..10).await;
    fixture.append("b", 0..10).await;
    fixture.delete("n % 2 = 0").await;
    let vectors =
        || async { fixture.data_objects().await.into_iter().filter(|path| path.ends_with(".bin")).collect::<Vec<_>>() };
    assert_eq!(vectors().await.len(), 1, "one file for both");
    let purge = CompactionOptions { purge: Purge::All, ..CompactionOptions::default() };
    let again = crate::maintenance::rows("a", 0..5);
    let stream = futures::stream::iter([Ok(again.clone())]);
    let options = OverwriteOptions::default();
    fixture.table.overwrite(Replace::Partitions, &again.schema(), stream, &options).await.unwrap();
    let rows = fixture.rows().await;

    fixture.set_days(30).await;
    let found = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    let report = carry_out(&fixture.table, &found, |_| ()).await.unwrap();
    assert_eq!(report.num_deleted, 1, "the data file of the partition that was replaced");
    assert_eq!(vectors().await.len(), 1);
    assert_eq!(fixture.rows().await, rows);

    compact(&fixture.table, &purge, |_| ()).await.unwrap();
    fixture.set_days(60).await;
    let found = plan(&fixture.table, &VacuumOptions::default()).await.unwrap();
    carry_out(&fixture.table, &found, |_| ()).await.unwrap();
    assert!(vectors().await.is_empty());
    assert_eq!(fixture.rows().await, rows);
}
