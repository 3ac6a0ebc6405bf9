//! Is every row there once that Trino, delta-rs or we were told of, when all of us race for the versions of one table?

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Child;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use lakebed::query::ScanRequest;
use lakebed_tests::plan::{IDS_PER_WRITER, Plan, Step};
use lakebed_txlog::protocol::Profile;
use serde_json::Value;

use crate::commit::place::Place;
use crate::commit::reader::Reader;
use crate::interop::{self, Appended, Engine};
use crate::machine::variable;

const OURS: usize = 4;
/// Between two commits of one writer of ours: an append of the others takes so many round trips that without it none would
/// come through.
const PAUSE_MS: u64 = 100;

/// How long the race takes: two minutes in the long form.
fn seconds() -> u64 {
    if variable("LAKEBED_SOAK").is_some() { 120 } else { 10 }
}

/// The first id of a writer: ours, then the others.
fn first(writer: usize) -> i64 {
    (writer as i64 + 1) * IDS_PER_WRITER
}

/// What a writer of ours said.
#[derive(Default)]
struct Told {
    /// The ids of each version that it was told is its own.
    appended: BTreeMap<u64, Vec<i64>>,
    /// How many log entries it put for them.
    attempts: u64,
}

fn told(writer: Child, first: i64) -> Told {
    let output = writer.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "a writer of ours failed: {}\n{text}", output.status);
    let mut told = Told::default();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let Some(step) = line["step"].as_u64() else { continue };
        let Step::Append(ids) = Plan::Appends.step(first, step as u32) else { panic!("a plan of appends") };
        told.appended.insert(line["version"].as_u64().unwrap(), ids);
        told.attempts += line["attempts"].as_u64().unwrap();
    }
    told
}

fn append(place: &Place, engine: &Engine, first: i64, seconds: u64) -> Appended {
    let appended = engine.append(&place.url, first, seconds);
    appended.unwrap_or_else(|failure| panic!("{}: {failure}", engine.name))
}

/// All of them at once, for as long as a race takes.
fn run(place: &Place, others: &[&'static Engine]) -> (Vec<Told>, Vec<Appended>) {
    let seconds = seconds();
    // An engine that isn't asked before starts now, and finds the table.
    for engine in others {
        append(place, engine, 0, 0);
    }
    std::thread::scope(|scope| {
        let race = |(engine, at)| scope.spawn(move || append(place, engine, first(at), seconds));
        let others: Vec<_> = others.iter().copied().zip(OURS..).map(race).collect();
        let start = |at| place.appender(first(at), seconds, PAUSE_MS).spawn().map(|child| (child, first(at))).unwrap();
        // A thread each, which takes what its writer says as it says it.
        let ours: Vec<_> = (0..OURS).map(start).collect();
        let ours: Vec<_> = ours.into_iter().map(|(child, first)| scope.spawn(move || told(child, first))).collect();
        let ours = ours.into_iter().map(|writer| writer.join().unwrap()).collect();
        (ours, others.into_iter().map(|writer| writer.join().unwrap()).collect())
    })
}

/// The ids that are in the table, sorted, once it is sure that they are those they have to be.
async fn check(reader: &mut Reader, ours: &[Told], others: &[Appended]) -> Vec<i64> {
    reader.refresh().await;
    for (version, ids) in ours.iter().flat_map(|told| &told.appended) {
        assert_eq!(reader.appended(*version).await, *ids, "version {version} was acknowledged to a writer of ours");
    }
    let ids = reader.ids().await;
    let twice: Vec<_> = ids.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "rows that are there twice: {twice:?}");
    let there: BTreeSet<i64> = ids.iter().copied().collect();
    let ours = ours.iter().flat_map(|told| told.appended.values().flatten());
    let acknowledged: BTreeSet<i64> =
        ours.chain(others.iter().flat_map(|appended| &appended.acknowledged)).copied().collect();
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "acknowledged and not there: {lost:?}");
    let failed: BTreeSet<i64> = others.iter().flat_map(|appended| &appended.failed).copied().collect();
    let nobodys: Vec<_> = there.iter().filter(|id| !acknowledged.contains(id) && !failed.contains(id)).collect();
    assert!(nobodys.is_empty(), "rows of nobody: {nobodys:?}");
    ids
}

/// The ids that the engine reads, sorted.
async fn scanned(place: &Place) -> Vec<i64> {
    let table = place.open().await;
    let request = ScanRequest { columns: Some(vec!["id".to_owned()]), ..ScanRequest::default() };
    let rows = table.scan(&table.snapshot(), &request).await.unwrap().collect().await.unwrap();
    let mut ids: Vec<i64> =
        rows.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    ids.sort_unstable();
    ids
}

/// Figures, around the harness's capture.
fn say(test: &str, reader: &Reader, ids: &[i64], ours: &[Told], others: &[(&Engine, &Appended)]) {
    let mut by_writer: BTreeMap<&str, u64> = BTreeMap::new();
    reader.writers().for_each(|writer| *by_writer.entry(writer).or_default() += 1);
    let commits: usize = ours.iter().map(|told| told.appended.len()).sum();
    let attempts: u64 = ours.iter().map(|told| told.attempts).sum();
    let mut text = format!(
        "{test}: {} s, commits by writer {by_writer:?}; {OURS} processes of ours: {commits} commits in {attempts} puts, so {} lost \
         races and no error",
        seconds(),
        attempts - commits as u64,
    );
    for (engine, appended) in others {
        let landed = appended.failed.iter().filter(|id| ids.binary_search(id).is_ok()).count();
        text += &format!(
            "; {}: {} acknowledged, {} reported as failed, {landed} of which are in the table",
            engine.name,
            appended.acknowledged.len(),
            appended.failed.len(),
        );
        for (error, times) in &appended.errors {
            text += &format!("\n  {} said {times} times: {error}", engine.name);
        }
    }
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

async fn nothing_acknowledged_is_lost_or_doubled(place: Place, test: &str, others: &[&'static Engine]) {
    place.create_as(Profile::Compat).await;
    let (ours, appended) = run(&place, others);
    let mut reader = place.reader();
    let ids = check(&mut reader, &ours, &appended).await;
    say(test, &reader, &ids, &ours, &others.iter().copied().zip(&appended).collect::<Vec<_>>());
    assert!(ours.iter().all(|told| !told.appended.is_empty()), "each of ours came through");
    assert!(appended.iter().all(|other| !other.acknowledged.is_empty()), "each of the others came through");
    assert_eq!(scanned(&place).await, ids, "we read what an independent reader reads");
    place.spark_reads_same(test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delta_rs_and_we_race_in_a_folder() {
    let test = "delta_rs_and_we_race_in_a_folder";
    let Some(deltalake) = interop::deltalake(test) else { return };
    nothing_acknowledged_is_lost_or_doubled(Place::folder(), test, &[deltalake]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trino_delta_rs_and_we_race_on_s3() {
    let test = "trino_delta_rs_and_we_race_on_s3";
    let Some(place) = Place::on_s3(test) else { return };
    let (Some(trino), Some(deltalake)) = (interop::trino(test), interop::deltalake(test)) else { return };
    nothing_acknowledged_is_lost_or_doubled(place, test, &[trino, deltalake]).await;
}
