//! Do all commits of many writers land? Eight at one table, each with a handle of its own.

use std::collections::BTreeMap;

use futures::stream;
use lakebed::query::ScanRequest;
use lakebed::{AppendOptions, OverwriteOptions, Replace, Table, TimestampMs, Version};
use lakebed_tests::plan::{IDS_PER_WRITER, Plan, Step, rows, schema};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::SystemEnv;
use serde_json::Value;

use super::place::Place;
use super::say;

const WRITERS: i64 = 8;
const APPENDS: u32 = 50;
const COMMITS: u64 = WRITERS as u64 * APPENDS as u64;

fn first(writer: i64) -> i64 {
    (writer + 1) * IDS_PER_WRITER
}

/// That every append of every writer is in the table, once, at the version that its writer was told.
async fn check(place: &Place, told: &BTreeMap<u64, Vec<i64>>) {
    assert_eq!(told.len() as u64, COMMITS, "no two writers were told the same version");
    let mut reader = place.reader();
    assert_eq!(reader.refresh().await, COMMITS, "version 0 created the table; nothing else was committed");
    for (version, ids) in told {
        assert_eq!(reader.appended(*version).await, *ids, "version {version}");
    }
    let mut expected: Vec<i64> =
        (0..WRITERS).flat_map(|writer| Plan::Appends.ids_after(first(writer), APPENDS)).collect();
    expected.sort_unstable();
    assert_eq!(reader.ids().await, expected);
}

/// Ids of each version, and how often it was put, as a writer's process says.
fn said(text: &str, writer: i64, told: &mut BTreeMap<u64, Vec<i64>>) -> Value {
    let mut done = Value::Null;
    for line in text.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if let Some(step) = line["step"].as_u64() {
            let Step::Append(ids) = Plan::Appends.step(first(writer), step as u32) else { panic!("a plan of appends") };
            told.insert(line["version"].as_u64().unwrap(), ids);
        } else if line.get("done").is_some() {
            done = line["done"].take();
        }
    }
    done
}

async fn every_append_of_eight_processes_lands(place: Place, test: &str) {
    place.create().await;
    let clock = SystemEnv::shared();
    let began = clock.monotonic();
    let start = |writer| place.writer(first(writer), APPENDS, Plan::Appends).spawn().unwrap();
    let writers: Vec<_> = (0..WRITERS).map(start).collect();
    let mut told = BTreeMap::new();
    let mut requests: BTreeMap<&str, u64> = BTreeMap::new();
    for (writer, process) in writers.into_iter().enumerate() {
        let output = process.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "writer {writer}: {}\n{text}", output.status);
        let done = said(&text, writer as i64, &mut told);
        for kind in ["create", "get", "list", "put"] {
            *requests.entry(kind).or_default() += done[kind].as_u64().unwrap();
        }
    }
    let seconds = (clock.monotonic() - began).as_secs_f64();
    check(&place, &told).await;
    let commits = COMMITS as f64;
    let each = |kind: &str| requests[kind] as f64 / commits;
    say(&format!(
        "{test}: {COMMITS} commits of {WRITERS} processes in {seconds:.1} s; a commit takes {:.2} PUTs and {:.2} GETs of the log; \
         beside them {} LISTs, and {} PUTs of checkpoints and hints",
        each("create"),
        each("get"),
        requests["list"],
        requests["put"],
    ));
    assert_eq!(requests["list"], 0, "no commit lists the log");
    place.spark_reads_same(test).await;
    // A checkpoint every ten commits, which is a put of it and one of the hint, whoever is due. Where one is late, another
    // may make up for it once.
    let due = 2 * COMMITS / 10;
    assert!(requests["put"] <= due + 2 * WRITERS as u64, "{} PUTs of checkpoints and hints", requests["put"]);
}

#[tokio::test]
async fn every_append_of_eight_processes_lands_in_a_folder() {
    every_append_of_eight_processes_lands(Place::folder(), "eight processes in a folder").await;
}

#[tokio::test]
async fn every_append_of_eight_processes_lands_on_s3() {
    let Some(place) = Place::on_s3("every_append_of_eight_processes_lands_on_s3") else { return };
    every_append_of_eight_processes_lands(place, "eight processes on S3").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_append_of_eight_handles_of_one_process_lands() {
    let place = Place::memory("eight-handles");
    place.create().await;
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let table = place.open().await;
        tasks.push(tokio::spawn(async move {
            let mut told = BTreeMap::new();
            for step in 0..APPENDS {
                let Step::Append(ids) = Plan::Appends.step(first(writer), step) else { panic!("a plan of appends") };
                let written = table.append_batches(vec![rows(&ids).unwrap()], &AppendOptions::default()).await.unwrap();
                told.insert(written.report().unwrap().version.0, ids);
            }
            table.settle().await;
            told
        }));
    }
    let mut told = BTreeMap::new();
    for task in tasks {
        told.extend(task.await.unwrap());
    }
    check(&place, &told).await;
}

/// What a table does can be given to a runtime: it compiles.
#[allow(clippy::let_underscore_future, reason = "nothing runs")]
fn every_future_of_a_table_can_be_spawned(table: &Table) {
    fn spawnable<T>(future: impl Future<Output = T> + Send + 'static) {
        drop(future);
    }
    let owned = || table.clone();
    let table = owned();
    spawnable(async move { Table::open("t").await });
    spawnable(async move { table.append_batches(Vec::new(), &AppendOptions::default()).await });
    let table = owned();
    spawnable(async move {
        let rows = stream::iter([rows(&[1]).map_err(|e| lakebed::Error::invalid(e.to_string()))]);
        table.overwrite(Replace::Table, &schema(), rows, &OverwriteOptions::default()).await
    });
    let table = owned();
    spawnable(async move { table.delete("id = 1", &CommitOptions::default()).await });
    let table = owned();
    spawnable(async move { table.scan(&table.snapshot(), &ScanRequest::default()).await });
    let table = owned();
    spawnable(async move { (table.refresh().await, table.at(Version(1)).await, table.checkpoint().await) });
    let table = owned();
    spawnable(async move { (table.history(3).await, table.as_of(TimestampMs(0)).await) });
}
