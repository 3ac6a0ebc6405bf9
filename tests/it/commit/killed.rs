//! What is left of a writer that is killed at a random moment? Every commit that it was told of, once; at most the one
//! that was in flight besides; and a table that the next writer goes on with.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::ChildStdout;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use lakebed::query::ScanRequest;
use lakebed_tests::plan::{IDS_PER_WRITER, Plan, Step};
use lakebed_txlog::env::SystemEnv;
use serde_json::Value;

use super::place::Place;
use super::reader::Reader;
use super::{rounds, say};
use crate::machine::variable;

/// A killed writer: what it was doing, and how much of it was acknowledged.
struct Life {
    first: i64,
    plan: Plan,
    /// The versions that its commits became, in order.
    acknowledged: Vec<u64>,
}

/// Numbers that a seed replays (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// `LAKEBED_SEED`, else another one each time; said, so that a failure can be tried again.
fn seed(test: &str) -> u64 {
    let given = variable("LAKEBED_SEED").map(|seed| seed.parse().expect("LAKEBED_SEED is a number"));
    let seed = given.unwrap_or_else(|| SystemEnv::shared().uuid().as_u128() as u64);
    say(&format!("{test}: LAKEBED_SEED={seed}"));
    seed
}

/// Runs a writer and kills it: most of them up to `longest_ms` after it opened the table, some while they start.
fn live(place: &Place, round: i64, random: &mut Random, longest_ms: u64) -> Life {
    let plan = if round % 3 == 2 { Plan::Deletes } else { Plan::Appends };
    let first = (round + 1) * IDS_PER_WRITER;
    let mut writer = place.writer(first, 0, plan).spawn().expect("the writer starts");
    let mut said = BufReader::new(writer.stdout.take().expect("stdout is piped"));
    let mut opened = String::new();
    if random.below(5) > 0 {
        said.read_line(&mut opened).unwrap();
        assert!(opened.contains("opened"), "round {round}: the writer can't open the table: {opened:?}");
    }
    std::thread::sleep(Duration::from_millis(random.below(longest_ms)));
    writer.kill().expect("the writer still runs");
    let status = writer.wait().unwrap();
    assert_eq!(status.code(), None, "round {round}: the writer ended by itself: {status}");
    Life { first, plan, acknowledged: acknowledged(said) }
}

/// The versions of the steps that were said to be done. A line that was cut off says nothing.
fn acknowledged(mut said: BufReader<ChildStdout>) -> Vec<u64> {
    let mut text = String::new();
    said.read_to_string(&mut text).unwrap();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut versions = Vec::new();
    for line in whole.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(step) = line["step"].as_u64() {
            assert_eq!(step, versions.len() as u64);
            versions.push(line["version"].as_u64().unwrap());
        }
    }
    versions
}

/// What every life has left in the table.
async fn check(reader: &mut Reader, lives: &[Life]) {
    let tip = reader.refresh().await;
    let ids = reader.ids().await;
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "an id is there twice");
    let acknowledged: u64 = lives.iter().map(|life| life.acknowledged.len() as u64).sum();
    let possible = acknowledged + lives.len() as u64;
    assert!((acknowledged..=possible).contains(&tip), "{acknowledged} commits were acknowledged, {tip} are there");
    let mut accounted = 0;
    for (round, life) in lives.iter().enumerate() {
        let steps = life.acknowledged.len() as u32;
        let theirs = life.first..life.first + IDS_PER_WRITER;
        let found: BTreeSet<i64> = ids.iter().copied().filter(|id| theirs.contains(id)).collect();
        let allowed = [steps, steps + 1].map(|steps| life.plan.ids_after(life.first, steps));
        assert!(allowed.contains(&found), "round {round}: {steps} steps were acknowledged; found {found:?}");
        accounted += found.len();
    }
    assert_eq!(accounted, ids.len(), "rows of nobody");
}

/// That the last life's commits are the versions that it was told.
async fn check_versions(reader: &mut Reader, life: &Life) {
    for (step, version) in life.acknowledged.iter().enumerate() {
        match life.plan.step(life.first, step as u32) {
            Step::Append(ids) => assert_eq!(reader.appended(*version).await, ids, "version {version}"),
            Step::Delete(_) => assert_eq!(reader.operation(*version), "DELETE", "version {version}"),
        }
    }
}

/// One table, `rounds` writers after each other, each of them killed.
async fn killed_writers_leave_what_they_were_told(place: Place, test: &str, rounds: i64, longest_ms: u64) {
    let mut random = Random(seed(test));
    place.create().await;
    let mut reader = place.reader();
    let mut lives: Vec<Life> = Vec::new();
    for round in 0..rounds {
        let life = live(&place, round, &mut random, longest_ms);
        lives.push(life);
        check(&mut reader, &lives).await;
        check_versions(&mut reader, &lives[lives.len() - 1]).await;
    }
    let acknowledged: usize = lives.iter().map(|life| life.acknowledged.len()).sum();
    assert!(acknowledged > 0, "no writer lived long enough to commit");

    let first = (rounds + 1) * IDS_PER_WRITER;
    let last = place.writer(first, 8, Plan::Deletes).spawn().unwrap().wait_with_output().unwrap();
    assert!(last.status.success(), "the next writer goes on");
    let mut fresh = place.reader();
    let tip = fresh.refresh().await;
    let ids = fresh.ids().await;
    let of_last: BTreeSet<i64> = ids.iter().copied().filter(|id| *id >= first).collect();
    assert_eq!(of_last, Plan::Deletes.ids_after(first, 8));
    assert_eq!(scanned(&place).await, ids, "the engine reads the same");
    place.spark_reads_same(test).await;
    say(&format!(
        "{test}: {rounds} writers killed, {acknowledged} commits acknowledged, version {tip}, {} rows",
        ids.len()
    ));
}

/// The ids that the engine reads, sorted.
pub(super) async fn scanned(place: &Place) -> Vec<i64> {
    let table = place.open().await;
    let request = ScanRequest { columns: Some(vec!["id".to_owned()]), ..ScanRequest::default() };
    let rows = table.scan(&table.snapshot(), &request).await.unwrap().collect().await.unwrap();
    let ids = rows.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn writers_killed_in_a_folder_leave_what_they_were_told() {
    let test = "writers_killed_in_a_folder";
    killed_writers_leave_what_they_were_told(Place::folder(), test, rounds(20, 200), 150).await;
}

#[tokio::test]
async fn writers_killed_on_s3_leave_what_they_were_told() {
    let test = "writers_killed_on_s3";
    let Some(place) = Place::on_s3(test) else { return };
    killed_writers_leave_what_they_were_told(place, test, rounds(10, 50), 300).await;
}
