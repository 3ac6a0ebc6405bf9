//! Are the rows the same before and after a compaction, whatever others commit meanwhile?

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use futures::FutureExt;
use lakebed::store::TableStore;
use lakebed::table::{AppendOptions, Table};
use lakebed_compaction::{CompactionOptions, Progress, Purge, compact, plan};
use lakebed_tests::faults::{Answer, Faulty};
use lakebed_txlog::Version;
use lakebed_txlog::drive::CommitOptions;
use object_store::ObjectStore;

use super::{Fixture, Place, append, in_both, read};

in_both! {
    many_small_files_become_one_a_partition,
    deleted_rows_are_purged_and_stay_readable_at_earlier_versions,
    appends_meanwhile_cost_nothing_but_a_put,
    deletes_meanwhile_are_not_lost,
}

async fn many_small_files_become_one_a_partition(place: Place) {
    let fixture = Fixture::new(place, &["p"]).await;
    for n in 0..6 {
        fixture.append(if n % 2 == 0 { "a b" } else { "ü/=%" }, n * 10..n * 10 + 10).await;
    }
    let before = fixture.rows().await;
    let options = CompactionOptions::default();
    assert_eq!(plan(&fixture.table, &options).unwrap().num_files(), 6);
    let shown = std::sync::Mutex::new(Progress::default());
    let report = compact(&fixture.table, &options, |progress| *shown.lock().unwrap() = progress).await.unwrap();
    assert_eq!(shown.lock().unwrap().groups_done, 2);
    assert_eq!((report.num_files_removed, report.num_files_added, report.num_rows), (6, 2, 60));
    assert_eq!(report.versions, [Version(7)]);
    let snapshot = fixture.table.refresh().await.unwrap();
    assert_eq!(snapshot.num_files(), 2);
    assert_eq!(fixture.rows().await, before);
    assert_eq!(fixture.another().await.snapshot().num_files(), 2);
    let info = snapshot.commit_info().unwrap();
    assert_eq!(info.operation.as_deref(), Some("OPTIMIZE"));
    assert_eq!(info.operation_metrics.as_ref().unwrap()["numRemovedFiles"], "6");

    let again = compact(&fixture.table, &options, |_| ()).await.unwrap();
    assert_eq!(again, lakebed_compaction::Report::default());
    assert_eq!(fixture.table.refresh().await.unwrap().version(), Version(7), "nothing to do is no commit");
}

async fn deleted_rows_are_purged_and_stay_readable_at_earlier_versions(place: Place) {
    let fixture = Fixture::new(place, &[]).await;
    fixture.append("a", 0..100).await;
    let whole = fixture.rows().await;
    fixture.delete("n % 10 = 3").await;
    fixture.delete("n >= 90").await;
    let deleted = fixture.rows().await;
    let version = fixture.table.snapshot().version();
    let along = compact(&fixture.table, &CompactionOptions::default(), |_| ()).await.unwrap();
    assert!(along.versions.is_empty(), "a single file isn't small among others");
    let options = CompactionOptions { purge: Purge::All, ..CompactionOptions::default() };
    let report = compact(&fixture.table, &options, |_| ()).await.unwrap();
    assert_eq!((report.num_rows, report.num_rows_purged, report.num_files_removed), (81, 19, 1));
    assert_eq!(fixture.rows().await, deleted);
    let snapshot = fixture.table.refresh().await.unwrap();
    assert!(snapshot.files().iter().all(|file| file.deletion_vector().is_none()));
    assert_eq!(fixture.rows_of(&fixture.table.at(version).await.unwrap()).await, deleted);
    assert_eq!(fixture.rows_of(&fixture.table.at(Version(1)).await.unwrap()).await, whole);
}

async fn appends_meanwhile_cost_nothing_but_a_put(place: Place) {
    let fixture = Fixture::new(place, &[]).await;
    for n in 0..8 {
        fixture.append("a", n..n + 1).await;
    }
    let writer = fixture.another().await;
    let appends = async {
        for n in 100..110 {
            append(&writer, "b", n..n + 1).await;
        }
    };
    let options = CompactionOptions { groups_per_commit: 1, max_files_per_group: 2, ..CompactionOptions::default() };
    let (report, ()) = tokio::join!(compact(&fixture.table, &options, |_| ()), appends);
    let report = report.unwrap();
    assert_eq!((report.num_groups_lost, report.num_groups_left), (0, 0));
    assert!(report.num_files_removed >= 8);
    let rows: Vec<i64> = fixture.rows().await.into_iter().map(|(n, _)| n).collect();
    assert_eq!(rows, (0..8).chain(100..110).collect::<Vec<_>>());
}

async fn deletes_meanwhile_are_not_lost(place: Place) {
    let fixture = Fixture::new(place, &[]).await;
    for n in 0..12 {
        fixture.append("a", n * 10..n * 10 + 10).await;
    }
    let writer = fixture.another().await;
    let options = CompactionOptions { groups_per_commit: 1, max_files_per_group: 3, ..CompactionOptions::default() };
    let (report, ()) = tokio::join!(compact(&fixture.table, &options, |_| ()), delete_each_tenth(&writer));
    report.unwrap();
    let expected: Vec<i64> = (0..120).filter(|n| n % 10 != 7).collect();
    let rows: Vec<i64> = fixture.rows().await.into_iter().map(|(n, _)| n).collect();
    assert_eq!(rows, expected);
    let fresh = fixture.another().await;
    assert_eq!(read(&fresh, &fresh.snapshot()).await.unwrap().len(), expected.len());
}

/// A delete of a row of each of more files than a commit reads vectors of, while all are compacted: part by part they are,
/// and nothing is written again.
#[tokio::test]
async fn a_delete_of_rows_of_very_many_files_is_followed_part_by_part() {
    const PARTITIONS: i64 = 540;
    let fixture = Fixture::new(Place::Memory, &["p"]).await;
    for half in 0..2 {
        let p = StringArray::from_iter_values((0..PARTITIONS * 2).map(|row| format!("{}", row % PARTITIONS)));
        let n = Int64Array::from_iter_values((0..PARTITIONS * 2).map(|row| half * PARTITIONS * 2 + row));
        let batch = RecordBatch::try_from_iter([("n", Arc::new(n) as ArrayRef), ("p", Arc::new(p) as ArrayRef)]);
        fixture.table.append_batches(vec![batch.unwrap()], &AppendOptions::default()).await.unwrap();
    }
    let store = fixture.table.store();
    let faulty = Faulty::over(Arc::clone(store.commits()));
    let over: Arc<dyn ObjectStore> = Arc::clone(&faulty) as Arc<dyn ObjectStore>;
    let store = TableStore::over(store.url().clone(), Arc::clone(&over), over, store.root().clone());
    let ours = Table::open_with(store, Arc::clone(fixture.table.env())).await.unwrap();
    let other = fixture.another().await;
    let delete = async move {
        let condition = format!("n % {} < {PARTITIONS}", PARTITIONS * 2);
        let deletion = other.delete(&condition, &CommitOptions::default()).await.unwrap();
        assert_eq!(deletion.num_vectors as i64, PARTITIONS * 2);
    };
    faulty.script([Answer::Before(delete.boxed())]);
    let options = CompactionOptions { groups_per_commit: PARTITIONS as usize, ..CompactionOptions::default() };
    let report = compact(&ours, &options, |_| ()).await.unwrap();
    assert_eq!((report.num_groups_lost, report.num_files_added, report.num_rows as i64), (0, 540, PARTITIONS * 4));
    assert_eq!(report.versions.len(), 2, "in halves");
    let rows: Vec<i64> = fixture.rows().await.into_iter().map(|(n, _)| n).collect();
    let expected: Vec<i64> = (0..PARTITIONS * 4).filter(|n| n % (PARTITIONS * 2) >= PARTITIONS).collect();
    assert_eq!(rows, expected);
}

async fn delete_each_tenth(table: &Table) {
    for n in 0..12 {
        table.delete(&format!("n = {}", n * 10 + 7), &CommitOptions::default()).await.unwrap();
    }
}
