//! Do deletes of rows of one file, made at the same time, all land and delete what each asked for?

use futures::future::join_all;
use lakebed::{AppendOptions, Table};
use lakebed_tests::plan::rows;
use lakebed_tests::requests::{Kind, recorded};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::SystemEnv;

use super::place::Place;
use super::say;

const ROWS: i64 = 200;
const WRITERS: i64 = 8;
const DELETES: i64 = 5;

/// A table of one file.
async fn filled(place: &Place) {
    let table = place.create().await;
    let all: Vec<i64> = (0..ROWS).collect();
    table.append_batches(vec![rows(&all).unwrap()], &AppendOptions::default()).await.unwrap();
    table.settle().await;
}

/// How many rows each delete removed, and how often data was read.
async fn delete(place: &Place, ids: impl Iterator<Item = i64>) -> (Vec<u64>, usize) {
    let (store, requests) = recorded(&place.store());
    let table = Table::open_with(store, SystemEnv::shared()).await.unwrap();
    let mut deleted = Vec::new();
    for id in ids {
        let deletion = table.delete(&format!("id = {id}"), &CommitOptions::default()).await.unwrap();
        deleted.push(deletion.num_rows);
    }
    table.settle().await;
    let made = requests.take();
    let reads = made.iter().filter(|made| made.kind == Kind::Get && made.in_log().is_none());
    (deleted, reads.filter(|made| made.key.ends_with(".parquet")).count())
}

async fn ids(place: &Place) -> (u64, Vec<i64>) {
    let mut reader = place.reader();
    let version = reader.refresh().await;
    let mut ids = reader.ids().await;
    ids.sort_unstable();
    (version, ids)
}

async fn deletes_of_other_rows_land_without_being_planned_again(place: &Place) {
    filled(place).await;
    let writers = (0..WRITERS).map(|writer| delete(place, (0..DELETES).map(move |n| n * WRITERS + writer)));
    let done = join_all(writers).await;
    assert!(done.iter().all(|(deleted, _)| *deleted == [1; DELETES as usize]), "{done:?}");
    let reads: usize = done.iter().map(|(_, reads)| reads).sum();
    let deletes = (WRITERS * DELETES) as usize;
    say(&format!("{deletes} deletes of rows of one file by {WRITERS} handles: data was read {reads} times"));
    assert_eq!(reads, deletes, "each was planned once: vectors were united");
    assert_eq!(ids(place).await, (1 + deletes as u64, (WRITERS * DELETES..ROWS).collect()));
}

async fn of_deletes_of_one_row_one_deletes_it(place: &Place) {
    filled(place).await;
    let done = join_all((0..WRITERS).map(|_| delete(place, 7..10))).await;
    for at in 0..3 {
        assert_eq!(done.iter().map(|(deleted, _)| deleted[at]).sum::<u64>(), 1, "{done:?}");
    }
    assert_eq!(ids(place).await, (1 + 3, (0..7).chain(10..ROWS).collect()));
}

#[tokio::test]
async fn deletes_of_other_rows_land_without_being_planned_again_in_memory() {
    deletes_of_other_rows_land_without_being_planned_again(&Place::memory("beside")).await;
}

#[tokio::test]
async fn deletes_of_other_rows_land_without_being_planned_again_in_a_folder() {
    let place = Place::folder();
    deletes_of_other_rows_land_without_being_planned_again(&place).await;
    place.spark_reads_same("deletes_beside_in_a_folder").await;
}

#[tokio::test]
async fn deletes_of_other_rows_land_without_being_planned_again_on_s3() {
    let Some(place) = Place::on_s3("deletes_beside") else { return };
    deletes_of_other_rows_land_without_being_planned_again(&place).await;
    place.spark_reads_same("deletes_beside_on_s3").await;
}

#[tokio::test]
async fn of_deletes_of_one_row_one_deletes_it_in_memory() {
    of_deletes_of_one_row_one_deletes_it(&Place::memory("beside-one")).await;
}

#[tokio::test]
async fn of_deletes_of_one_row_one_deletes_it_on_s3() {
    let Some(place) = Place::on_s3("deletes_beside_one") else { return };
    of_deletes_of_one_row_one_deletes_it(&place).await;
    place.spark_reads_same("deletes_of_one_row_on_s3").await;
}
