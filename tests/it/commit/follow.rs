//! Do a delete and a compaction of the same rows both land, whichever is first, and is nothing read or planned again for it?

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed::store::TableStore;
use lakebed::{AppendOptions, OverwriteOptions, Replace, Table};
use lakebed_compaction::{CompactionOptions, Report, compact};
use lakebed_tests::faults::{Answer, Faulty};
use lakebed_tests::plan::rows;
use lakebed_tests::requests::{Kind, Request, Requests, recorded};
use lakebed_txlog::Version;
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::SystemEnv;
use object_store::ObjectStore;

use super::place::Place;
use super::say;

const ROWS: i64 = 5_000;
const FILES: i64 = 4;

async fn append(table: &Table, ids: &[i64]) {
    table.append_batches(vec![rows(ids).unwrap()], &AppendOptions::default()).await.unwrap();
}

/// A handle behind whose commits others' can be slipped in, and what it asks of its store.
struct Ours {
    table: Table,
    faulty: Arc<Faulty>,
    requests: Requests,
}

impl Ours {
    async fn at(place: &Place) -> Ours {
        let (store, requests) = recorded(&place.store());
        let faulty = Faulty::over(Arc::clone(store.commits()));
        let over: Arc<dyn ObjectStore> = Arc::clone(&faulty) as Arc<dyn ObjectStore>;
        let store = TableStore::over(store.url().clone(), Arc::clone(&over), over, store.root().clone());
        let table = Table::open_with(store, SystemEnv::shared()).await.unwrap();
        let _ = requests.take();
        Ours { table, faulty, requests }
    }

    /// Lets another's commit win the version that ours tries next.
    fn after(&self, others: BoxFuture<'static, ()>) {
        self.faulty.script([Answer::Before(others)]);
    }

    async fn delete(&self, condition: &str) -> u64 {
        self.table.delete(condition, &CommitOptions::default()).await.unwrap().num_rows
    }

    async fn compact(&self) -> Report {
        compact(&self.table, &CompactionOptions::default(), |_| ()).await.unwrap()
    }

    /// The reads of data files since the last call.
    fn data_reads(&self) -> Vec<Request> {
        let made = self.requests.take().into_iter();
        made.filter(|made| made.kind == Kind::Get && made.key.ends_with(".parquet") && made.in_log().is_none())
            .collect()
    }
}

fn deleting(table: Table, condition: &'static str) -> BoxFuture<'static, ()> {
    async move {
        assert!(table.delete(condition, &CommitOptions::default()).await.unwrap().num_rows > 0);
    }
    .boxed()
}

fn compacting(table: Table) -> BoxFuture<'static, ()> {
    async move {
        let report = compact(&table, &CompactionOptions::default(), |_| ()).await.unwrap();
        assert_eq!((report.versions.len(), report.num_groups_lost), (1, 0));
    }
    .boxed()
}

/// Four files of rows in no order of their ids, some of which a vector deletes.
async fn filled(place: &Place) -> BTreeSet<i64> {
    let table = place.create().await;
    for file in 0..FILES {
        let ids: Vec<i64> = (0..ROWS).map(|row| file * ROWS + (row * 1_237) % ROWS).collect();
        append(&table, &ids).await;
    }
    table.delete("id % 7 = 3", &CommitOptions::default()).await.unwrap();
    table.settle().await;
    (0..FILES * ROWS).filter(|id| id % 7 != 3).collect()
}

/// That these ids are in the newest version, as read without the engine.
async fn check(place: &Place, version: u64, ids: impl IntoIterator<Item = i64>) {
    let mut reader = place.reader();
    assert_eq!(reader.refresh().await, version);
    let (found, expected) = (reader.ids().await, ids.into_iter().collect::<Vec<_>>());
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "other rows");
}

async fn a_delete_follows_a_compaction(place: Place) {
    let before = filled(&place).await;
    let ours = Ours::at(&place).await;
    ours.after(compacting(place.open().await));
    let gone = |id: &i64| id % 11 == 5 || (2 * ROWS..3 * ROWS).contains(id);
    let deleted = ours.delete("id % 11 = 5 OR (id >= 10000 AND id < 15000)").await;
    assert_eq!(deleted as usize, before.iter().filter(|id| gone(id)).count());
    let reads = ours.data_reads();
    let files: BTreeSet<&str> = reads.iter().map(|read| read.key.as_str()).collect();
    // One of them goes whole, unread.
    assert_eq!(files.len(), FILES as usize - 1, "what it was planned on, and not what the compaction made: {reads:?}");
    let snapshot = ours.table.snapshot();
    assert_eq!((snapshot.version(), snapshot.num_files()), (Version(FILES as u64 + 3), 1));
    assert!(snapshot.files().iter().all(|file| file.deletion_vector().is_some()));
    check(&place, FILES as u64 + 3, before.into_iter().filter(|id| !gone(id))).await;
}

async fn a_compaction_follows_deletes(place: Place) {
    let before = filled(&place).await;
    let ours = Ours::at(&place).await;
    let (other, another) = (place.open().await, place.open().await);
    let deletes = async move {
        deleting(other, "id % 11 = 5").await;
        // A whole file, and rows of another that had a larger vector by then.
        deleting(another, "id < 5000 OR id % 13 = 6").await;
    };
    ours.after(deletes.boxed());
    let report = ours.compact().await;
    assert_eq!((report.num_groups_lost, report.num_groups_left, report.versions.len()), (0, 0, 1));
    assert_eq!(report.num_rows as usize, before.len(), "each row was written once");
    let snapshot = ours.table.snapshot();
    assert_eq!((snapshot.version(), snapshot.num_files()), (Version(FILES as u64 + 4), 1));
    let gone = |id: &i64| id % 11 == 5 || *id < 5000 || id % 13 == 6;
    check(&place, FILES as u64 + 4, before.into_iter().filter(|id| !gone(id))).await;
    // What was carried over is a vector like any other: the next delete makes it larger, the next compaction purges it.
    assert!(ours.delete("id % 17 = 8").await > 0);
    let rows = (5000..FILES * ROWS).filter(|id| id % 7 != 3 && id % 11 != 5 && id % 13 != 6 && id % 17 != 8);
    check(&place, FILES as u64 + 5, rows).await;
}

#[tokio::test]
async fn a_delete_follows_a_compaction_in_memory() {
    a_delete_follows_a_compaction(Place::memory("follow-delete")).await;
}

#[tokio::test]
async fn a_delete_follows_a_compaction_in_a_folder() {
    a_delete_follows_a_compaction(Place::folder()).await;
}

#[tokio::test]
async fn a_delete_follows_a_compaction_on_s3() {
    let Some(place) = Place::on_s3("a_delete_follows_a_compaction") else { return };
    a_delete_follows_a_compaction(place).await;
}

#[tokio::test]
async fn a_compaction_follows_deletes_in_memory() {
    a_compaction_follows_deletes(Place::memory("follow-compaction")).await;
}

#[tokio::test]
async fn a_compaction_follows_deletes_on_s3() {
    let Some(place) = Place::on_s3("a_compaction_follows_deletes") else { return };
    a_compaction_follows_deletes(place).await;
}

/// A delete that meets a compaction which met another delete, and a compaction between two deletes.
#[tokio::test]
async fn a_delete_follows_a_compaction_that_followed_a_delete() {
    let place = Place::memory("follow-both");
    let before = filled(&place).await;
    let (ours, compaction) = (Ours::at(&place).await, Ours::at(&place).await);
    let other = place.open().await;
    let both = async move {
        compaction.after(deleting(other, "id % 11 = 5"));
        assert_eq!(compaction.compact().await.num_groups_lost, 0);
    };
    ours.after(both.boxed());
    let deleted = ours.delete("id % 13 = 6 AND id % 11 <> 5").await;
    let gone = |id: &i64| id % 13 == 6 && id % 11 != 5;
    assert_eq!(deleted as usize, before.iter().filter(|id| gone(id)).count());
    assert_eq!(ours.data_reads().iter().map(|read| &read.key).collect::<BTreeSet<_>>().len(), FILES as usize);
    check(&place, FILES as u64 + 4, before.into_iter().filter(|id| id % 11 != 5 && !gone(id))).await;
}

/// Deletes that go on for as long as a compaction takes: it is committed all the same, and no row is written twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deletes_without_end_do_not_starve_a_compaction() {
    const ROUNDS: i64 = 6;
    const PER_ROUND: i64 = 40;
    let place = Place::memory("follow-storm");
    let table = place.create().await;
    let (mut expected, mut written, mut versions) = (BTreeSet::new(), 0, 0);
    let (mut deletes, mut reads) = (0, 0);
    for round in 0..ROUNDS {
        for file in 0..8 {
            let ids: Vec<i64> = (0..PER_ROUND).map(|row| (round * 8 + file) * PER_ROUND + row).collect();
            append(&table, &ids).await;
            expected.extend(ids);
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let ids: Vec<i64> = expected.iter().copied().collect();
        let deleters: Vec<_> = (0..2_usize)
            .map(|deleter| {
                let mine: Vec<i64> = ids.iter().copied().skip(deleter).step_by(2).step_by(5).collect();
                let (place, is_over) = (place.store(), Arc::clone(&is_over));
                tokio::spawn(deletes_until(place, mine, is_over))
            })
            .collect();
        let ours = place.open().await;
        let report = compact(&ours, &CompactionOptions::default(), |_| ()).await.unwrap();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!((report.num_groups_lost, report.num_groups_left), (0, 0), "round {round}");
        written += report.num_rows;
        versions += report.versions.len();
        for deleter in deleters {
            let (deleted, read) = deleter.await.unwrap();
            (deletes, reads) = (deletes + deleted.len(), reads + read);
            deleted.iter().for_each(|id| assert!(expected.remove(id)));
        }
    }
    say(&format!(
        "{versions} compactions beside {deletes} deletes: no group lost, {written} rows written; data was read {reads} times"
    ));
    assert_eq!(reads, deletes, "each delete was planned once");
    let mut reader = place.reader();
    reader.refresh().await;
    assert_eq!(reader.ids().await, expected.into_iter().collect::<Vec<_>>());
}

/// Deletes these ids one by one, until it is over. Those that it deleted, and how often it read data.
async fn deletes_until(store: TableStore, ids: Vec<i64>, is_over: Arc<AtomicBool>) -> (Vec<i64>, usize) {
    let (store, requests) = recorded(&store);
    let table = Table::open_with(store, SystemEnv::shared()).await.unwrap();
    let _ = requests.take();
    let mut deleted = Vec::new();
    for id in ids {
        if is_over.load(Ordering::Relaxed) && deleted.len() > 2 {
            break;
        }
        let deletion = table.delete(&format!("id = {id}"), &CommitOptions::default()).await.unwrap();
        assert_eq!(deletion.num_rows, 1, "{id}");
        deleted.push(id);
    }
    table.settle().await;
    let made = requests.take();
    let reads = made.iter().filter(|made| made.kind == Kind::Get && made.in_log().is_none());
    (deleted, reads.filter(|made| made.key.ends_with(".parquet")).count())
}

/// It removes what the compaction made in place of what it was planned to remove, and says so.
#[tokio::test]
async fn an_overwrite_that_follows_a_compaction_says_what_it_removed() {
    let place = Place::memory("follow-overwrite");
    filled(&place).await;
    let ours = Ours::at(&place).await;
    ours.after(compacting(place.open().await));
    let batch = rows(&[7]).unwrap();
    let (schema, rows) = (batch.schema(), futures::stream::iter([Ok(batch)]));
    let written = ours.table.overwrite(Replace::Table, &schema, rows, &OverwriteOptions::default()).await.unwrap();
    let report = written.report().unwrap();
    assert_eq!((report.version, report.num_files_removed), (Version(FILES as u64 + 3), 1));
    let info = report.snapshot.commit_info().unwrap();
    assert_eq!(info.operation_metrics.as_ref().unwrap()["numRemovedFiles"], "1");
    check(&place, FILES as u64 + 3, [7]).await;
}

/// Statistics span what is deleted and can't tell that no row is: the file is looked into, by its column alone.
#[tokio::test]
async fn a_delete_looks_into_what_was_appended_meanwhile() {
    let place = Place::memory("looks");
    let table = place.create().await;
    append(&table, &[15, 16, 17]).await;
    let ours = Ours::at(&place).await;
    let odd: Vec<i64> = (0..60_000).map(|row| 2 * row).collect();
    let other = place.open().await;
    ours.after(async move { append(&other, &odd).await }.boxed());
    assert_eq!(ours.delete("id = 15").await, 1);
    let reads = ours.data_reads();
    let snapshot = ours.table.snapshot();
    assert_eq!(snapshot.version(), Version(3), "one plan, followed");
    let appended = snapshot.files().iter().map(|file| file.to_add()).max_by_key(|add| add.size).unwrap();
    let (looked, planned): (Vec<_>, Vec<_>) = reads.iter().partition(|read| read.key.ends_with(&appended.path));
    let bytes: u64 =
        looked.iter().map(|read| read.range.clone().map_or(u64::MAX, |range| range.end - range.start)).sum();
    say(&format!("a look into {} bytes took {} reads of {bytes}", appended.size, looked.len()));
    assert!(!looked.is_empty() && bytes < appended.size.unsigned_abs(), "{looked:?}");
    assert_eq!(planned.iter().map(|read| &read.key).collect::<BTreeSet<_>>().len(), 1, "{planned:?}");
    check(
        &place,
        3,
        (0..60_000).map(|row| 2 * row).chain([16, 17]).collect::<BTreeSet<_>>().into_iter().flat_map(|id| {
            // 16 is there twice.
            std::iter::repeat_n(id, if id == 16 { 2 } else { 1 })
        }),
    )
    .await;
}

/// A row is there, or may be when it is asked again (pitfall C15): planned again, and deleted.
#[tokio::test]
async fn a_delete_that_finds_a_match_in_what_was_appended_is_planned_again() {
    for (name, condition) in [("match", "id = 15"), ("volatile", "id = 15 AND random() < 2")] {
        let place = Place::memory(&format!("looks-{name}"));
        let table = place.create().await;
        append(&table, &[15, 16]).await;
        let ours = Ours::at(&place).await;
        let other = place.open().await;
        ours.after(async move { append(&other, &[10, 15, 20]).await }.boxed());
        assert_eq!(ours.delete(condition).await, 2, "{condition}");
        let (reads, files) = (ours.data_reads(), ours.table.snapshot().num_files());
        let read = |at: usize| reads.iter().filter(|read| read.key == reads[at].key).count();
        // What was found in a file is known when the delete is planned again, unless it may be something else by then. The
        // other file is looked into, and read.
        let once = if name == "match" { 1 } else { 2 };
        assert_eq!((read(0), files), (once, 2), "{reads:?}");
        check(&place, 3, [10, 16, 20]).await;
    }
}
