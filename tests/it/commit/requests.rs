//! How many requests does it take? Counted by a store that remembers each.

use std::collections::BTreeSet;

use lakebed::{AppendOptions, Checksums, CreateTable, Table};
use lakebed_tests::plan::{rows, schema};
use lakebed_tests::requests::{Kind, Request, Requests, beside_log, of_log, recorded};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::SystemEnv;

use super::place::Place;
use super::say;

/// The table of a place behind a handle of its own, and what that handle asks.
async fn watched(place: &Place) -> (Table, Requests) {
    let (store, requests) = recorded(&place.store());
    let table = Table::open_with(store, SystemEnv::shared()).await.unwrap();
    let _ = requests.take();
    (table, requests)
}

async fn append(table: &Table, id: i64) -> u64 {
    let batch = rows(&[id, id + 1, id + 2]).unwrap();
    let written = table.append_batches(vec![batch], &AppendOptions::default()).await.unwrap();
    written.report().unwrap().version.0
}

fn checksum_of(version: u64) -> String {
    format!("create {version:020}.crc")
}

fn count(requests: &[Request], kind: Kind) -> usize {
    requests.iter().filter(|request| request.kind == kind && request.in_log().is_some()).count()
}

async fn a_warm_append_is_one_put(place: Place) {
    place.create().await;
    let (table, requests) = watched(&place).await;
    let mut checksums = Vec::new();
    for version in 1..=10_u64 {
        assert_eq!(append(&table, 10 * version as i64).await, version);
        let made = requests.take();
        // What earlier commits left to be done behind them may be done meanwhile: their checksums.
        let (behind, its_own) = of_log(&made).into_iter().partition(|request| request.ends_with(".crc"));
        let its_own: Vec<String> = its_own;
        assert_eq!(its_own, [format!("create {version:020}.json")]);
        let behind: Vec<String> = behind;
        checksums.extend(behind);
        assert!(!checksums.contains(&checksum_of(version)), "no append waits for its own checksum");
        let data = beside_log(&made);
        let writes = data.iter().all(|request| matches!(request.kind, Kind::Create | Kind::Put | Kind::Multipart));
        assert!(data.len() == 1 && writes && data[0].key.ends_with(".parquet"), "{data:?}");
    }
    table.settle().await;
    let behind = requests.take();
    let expected = ["create 00000000000000000010.checkpoint.parquet", "get _last_checkpoint", "put _last_checkpoint"];
    let (last, checkpoint): (Vec<_>, Vec<_>) =
        of_log(&behind).into_iter().partition(|request| request.ends_with(".crc"));
    assert_eq!(checkpoint, expected);
    checksums.extend(last);
    checksums.sort();
    assert_eq!(checksums, (1..=10).map(checksum_of).collect::<Vec<_>>(), "each once, the last by now");
    table.set_checksums(Checksums::Off);
    assert_eq!(beside_log(&behind), Vec::<&Request>::new());
    assert_eq!(append(&table, 0).await, 11);
    assert_eq!(of_log(&requests.take()), ["create 00000000000000000011.json"]);
}

// On one thread, what a commit leaves to be done behind it can't begin before the append has returned.
#[tokio::test]
async fn a_warm_append_is_one_put_in_memory() {
    a_warm_append_is_one_put(Place::memory("warm")).await;
}

#[tokio::test]
async fn a_warm_append_is_one_put_in_a_folder() {
    a_warm_append_is_one_put(Place::folder()).await;
}

#[tokio::test]
async fn a_warm_append_is_one_put_on_s3() {
    let Some(place) = Place::on_s3("a_warm_append_is_one_put_on_s3") else { return };
    a_warm_append_is_one_put(place).await;
}

#[tokio::test]
async fn a_refresh_with_nothing_new_is_one_get() {
    let place = Place::memory("refresh");
    let other = place.create().await;
    let (table, requests) = watched(&place).await;
    assert_eq!(table.refresh().await.unwrap().version().0, 0);
    assert_eq!(of_log(&requests.take()), ["get 00000000000000000001.json"]);
    for version in 1..=3 {
        append(&other, 10 * version).await;
    }
    assert_eq!(table.refresh().await.unwrap().version().0, 3);
    let made = requests.take();
    assert!(count(&made, Kind::Get) <= 2 * 3 + 2 && made.len() == count(&made, Kind::Get), "{made:?}");
    assert_eq!(table.refresh().await.unwrap().version().0, 3);
    assert_eq!(of_log(&requests.take()), ["get 00000000000000000004.json"]);
}

#[tokio::test]
async fn an_append_that_missed_versions_reads_them_and_puts_once_more() {
    for missed in [1, 2, 5, 17, 63_u64] {
        let place = Place::memory(&format!("missed-{missed}"));
        let other = place.create().await;
        let (table, requests) = watched(&place).await;
        for version in 1..=missed {
            append(&other, 10 * version as i64).await;
        }
        assert_eq!(append(&table, 0).await, missed + 1);
        let made = requests.take();
        let (creates, gets) = (count(&made, Kind::Create), count(&made, Kind::Get));
        say(&format!("an append that missed {missed} versions: {creates} PUTs, {gets} GETs of the log"));
        assert_eq!(creates, 2, "the put that lost, and the one that won: {made:?}");
        assert!(gets as u64 <= 2 * missed + 2, "{made:?}");
        assert_eq!(of_log(&made).len(), creates + gets, "nothing else, no LIST above all: {made:?}");
        if missed == 1 {
            assert!(gets <= 2, "beside its first put, a lost race costs three requests: {made:?}");
        }
    }
}

#[tokio::test]
async fn an_open_reads_the_hint_one_listing_the_checkpoint_and_the_commits_after_it() {
    let place = Place::memory("open");
    let create = CreateTable::of_arrow(&schema()).unwrap().property("delta.checkpointInterval", "100");
    let writer = create.create_in(place.store(), SystemEnv::shared()).await.unwrap();
    for version in 1..=5 {
        append(&writer, 10 * version).await;
    }
    assert_eq!(writer.checkpoint().await.unwrap().version.0, 5);
    for version in 6..=25 {
        append(&writer, 10 * version).await;
    }
    let (store, requests) = recorded(&place.store());
    let table = Table::open_with(store, SystemEnv::shared()).await.unwrap();
    assert_eq!((table.snapshot().version().0, table.snapshot().num_files()), (25, 25));
    let made = requests.take();
    say(&format!("an open with a checkpoint and 20 commits: {} requests", made.len()));
    assert_eq!(of_log(&made)[0], "get _last_checkpoint");
    // Hint, checkpoint, its checksum and commitInfo; 20 commits that are there, and 14 that could have been.
    assert_eq!((count(&made, Kind::List), count(&made, Kind::Get)), (1, 1 + 1 + 2 + 20 + 14), "{made:?}");
    assert_eq!(made.len(), 39, "{made:?}");
}

#[tokio::test]
async fn a_delete_of_one_row_asks_the_log_twice() {
    let place = Place::memory("delete");
    let table = place.create().await;
    for file in 0..4 {
        append(&table, 100 * file).await;
    }
    let (table, requests) = watched(&place).await;
    let deletion = table.delete("id = 201", &CommitOptions::default()).await.unwrap();
    assert_eq!((deletion.num_rows, deletion.num_vectors), (1, 1));
    let made = requests.take();
    assert_eq!(of_log(&made), ["get 00000000000000000005.json", "create 00000000000000000005.json"]);
    let data = beside_log(&made);
    let reads: Vec<_> = data.iter().filter(|request| request.kind == Kind::Get).collect();
    say(&format!("a delete of one row: {} requests, {} of them reads of data", made.len(), reads.len()));
    let read: BTreeSet<&str> = reads.iter().map(|request| request.key.as_str()).collect();
    assert_eq!(read.len(), 1, "statistics rule three files out: {data:?}");
    assert_eq!(data.len() - reads.len(), 1, "the vector's file: {data:?}");
    let mut reader = place.reader();
    reader.refresh().await;
    let ids = reader.ids().await;
    assert!(!ids.contains(&201) && ids.len() == 11, "{ids:?}");
}
