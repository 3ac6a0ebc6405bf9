//! Is every version what its operation makes of the version before, when engines mix, amid random faults?
//!
//! Two or three processes, each with tables of its own, append, delete, overwrite, compact and read; some crash, and fresh
//! ones carry on. Whose a commit is tells its `txnId`, which its process drew. `LAKEBED_SEED=n` runs that one and prints its
//! trace.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::stream;
use lakebed::{AppendOptions, CommitOptions, ErrorKind, OverwriteOptions, Replace, Result, Table, Version, Written};
use lakebed_compaction::{CompactionOptions, compact};
use lakebed_tests::sim::crash::{Ended, while_alive};
use lakebed_tests::sim::naive::{self, Rows};
use lakebed_tests::sim::{Latency, Objects, Plan, ProcessId, Retries, Rng, World};
use object_store::path::Path;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::act::{Place, TABLE, batch, scanned};
use super::engine::{rows, sorted};
use super::figures::Figures;
use super::{say, soak};
use crate::machine::variable;

const SEEDS: u64 = 200;
const SOAK_SEEDS: u64 = 10_000;
const TWICE: u64 = 10;
const CREATOR: ProcessId = 0;
const FRESH: ProcessId = 91;
const COLD: ProcessId = 92;
const MAX_LIVES: u32 = 4;

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Append(Vec<i64>),
    Overwrite(Vec<i64>),
    /// The rows of a key.
    Delete(i64),
    /// Nothing to the rows.
    Compact,
}

impl What {
    fn after(&self, before: &[i64]) -> Vec<i64> {
        match self {
            What::Append(ids) => sorted(before.iter().chain(ids).copied()),
            What::Overwrite(ids) => ids.clone(),
            What::Delete(key) => before.iter().copied().filter(|id| id % 3 != *key).collect(),
            What::Compact => before.to_vec(),
        }
    }
}

/// An operation of a process.
#[derive(Clone, Debug)]
struct Done {
    process: ProcessId,
    what: What,
    /// How many identifiers had been drawn when it began.
    drawn: usize,
    /// The versions that its caller was told it is; `None`: it wasn't told.
    told: Option<Vec<u64>>,
}

/// The ids that a version was found to have.
type Found = (u64, Vec<i64>);

/// What the processes of a run did, and read.
#[derive(Clone, Default)]
struct Diary {
    done: Arc<Mutex<Vec<Done>>>,
    read: Arc<Mutex<Vec<Found>>>,
}

/// What a seed decides before the run begins.
#[derive(Clone, Debug)]
struct Shape {
    seed: u64,
    processes: u32,
    steps: u64,
    per_mille: u64,
    retries: Retries,
}

impl Shape {
    fn of(seed: u64) -> Shape {
        let mut rng = Rng::of(seed, 2);
        Shape {
            seed,
            processes: 2 + rng.below(2) as u32,
            steps: 2 + rng.below(3),
            per_mille: rng.pick(&[0, 10, 30, 80, 150]),
            retries: rng.pick(&[Retries::No, Retries::Three]),
        }
    }
}

impl Diary {
    /// Does something, and notes what its caller was told.
    async fn perform(&self, table: &Table, process: ProcessId, what: What, world: &World) -> Result<()> {
        let drawn = world.num_taken();
        let id = {
            let mut done = self.done.lock().unwrap();
            done.push(Done { process, what: what.clone(), drawn, told: None });
            done.len() - 1
        };
        let ended = perform(table, &what).await;
        let told = match &ended {
            Ok(versions) => Some(versions.clone()),
            Err(error) if error.kind() == ErrorKind::Indeterminate => None,
            Err(_) => Some(Vec::new()),
        };
        world.note(&format!("p{process} {what:?} is {told:?} {:?}", ended.as_ref().err().map(ToString::to_string)));
        self.done.lock().unwrap()[id].told = told;
        ended.map(drop)
    }
}

async fn perform(table: &Table, what: &What) -> Result<Vec<u64>> {
    let version = |written: Written| written.report().map(|report| report.version.0).into_iter().collect();
    match what {
        What::Append(ids) => table.append_batches(vec![batch(ids)], &AppendOptions::default()).await.map(version),
        What::Overwrite(ids) => {
            let rows = batch(ids);
            let (schema, options) = (rows.schema(), OverwriteOptions::default());
            table.overwrite(Replace::Table, &schema, stream::iter([Ok(rows)]), &options).await.map(version)
        }
        What::Delete(key) => {
            let deletion = table.delete(&format!("k = {key}"), &CommitOptions::default()).await?;
            Ok(deletion.version.map(|version| version.0).into_iter().collect())
        }
        What::Compact => {
            let report = compact(table, &CompactionOptions::default(), |_| ()).await?;
            Ok(report.versions.iter().map(|version| version.0).collect())
        }
    }
}

/// One process, and those that take its place.
async fn lives(world: World, diary: Diary, shape: Shape, number: u32) {
    let mut rng = Rng::of(shape.seed, 200 + u64::from(number));
    let mut step = 0;
    for life in 0..MAX_LIVES {
        let process = number + 10 * life;
        let mut place = Place::new(&world, process, shape.seed);
        place.retries = shape.retries;
        let living = live(&place, &diary, shape.steps, &mut step, &mut rng);
        if while_alive(&world, process, living).await == Ended::Dropped {
            step += 1;
        }
        if step >= shape.steps {
            return;
        }
    }
}

async fn live(place: &Place, diary: &Diary, steps: u64, step: &mut u64, rng: &mut Rng) {
    let Ok(table) = place.open(TABLE).await else {
        place.world.sleep(Duration::from_secs(1)).await;
        return;
    };
    while *step < steps {
        let first = 1_000 * i64::from(place.process) + 10 * *step as i64;
        let ids = vec![first, first + 1, first + 2];
        let what = match rng.below(100) {
            0..35 => Some(What::Append(ids)),
            35..65 => Some(What::Delete(rng.below(3) as i64)),
            65..72 => Some(What::Overwrite(ids)),
            72..85 => Some(What::Compact),
            _ => None,
        };
        match what {
            Some(what) => drop(diary.perform(&table, place.process, what, &place.world).await),
            None => {
                if let Ok(snapshot) = table.refresh().await
                    && let Ok(ids) = scanned(&table, Some(Version(snapshot.version().0)), None).await
                {
                    diary.read.lock().unwrap().push((snapshot.version().0, ids));
                }
            }
        }
        *step += 1;
        place.world.sleep(Duration::from_micros(rng.below(30_000))).await;
    }
    table.settle().await;
}

/// The ids of every data file that is there.
fn files(objects: &Objects) -> Rows {
    let is_data = |key: &Path| key.as_ref().ends_with(".parquet") && !key.as_ref().contains("_delta_log");
    let mut files = Rows::new();
    for (key, bytes) in objects.iter().filter(|(key, _)| is_data(key)) {
        let mut ids = Vec::new();
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap().build().unwrap() {
            ids.extend_from_slice(batch.unwrap().column_by_name("id").unwrap().as_primitive::<Int64Type>().values());
        }
        let name = key.as_ref().strip_prefix(TABLE).unwrap().trim_start_matches('/').to_owned();
        files.insert(name, ids.into_iter().map(|id| (id as u64, (id % 3) as u8)).collect());
    }
    files
}

/// Everything that is wrong with what is there.
fn judged(world: &World, diary: &Diary) -> (Vec<String>, Vec<Done>, BTreeMap<usize, u64>) {
    let objects = world.objects();
    let done = diary.done.lock().unwrap().clone();
    let mut wrong = objects.broken().to_vec();
    let mut landed: BTreeMap<usize, u64> = BTreeMap::new();
    let versions = match naive::versions(&objects, &Path::from(TABLE)) {
        Ok(versions) => versions,
        Err(e) => return (vec![e], done, landed),
    };
    let (files, taken) = (files(&objects), world.taken());
    let mut found: Vec<Vec<u64>> = vec![Vec::new(); done.len()];
    let mut states: Vec<Vec<i64>> = Vec::new();
    for (at, version) in (0..).zip(&versions) {
        let state = match naive::rows(&version.live, &files) {
            Ok(rows) => rows.into_keys().map(|row| row as i64).collect(),
            Err(e) => {
                wrong.push(format!("version {at}: {e}"));
                break;
            }
        };
        let drawn = taken.iter().position(|(_, uuid)| Some(uuid.to_string()) == version.txn_id);
        let of = drawn.and_then(|drawn| {
            // The last that this process had begun when it drew it.
            done.iter().rposition(|done| done.process == taken[drawn].0 && done.drawn <= drawn)
        });
        if let Some(id) = of {
            found[id].push(at);
            landed.insert(id, at);
            let before = states.last().map(Vec::as_slice).unwrap_or_default();
            let is_fence = version.operation == "FENCE";
            let expected = if is_fence { before.to_vec() } else { done[id].what.after(before) };
            if is_fence {
                found[id].pop();
            }
            if state != expected {
                wrong.push(format!("version {at}, {:?}, makes {state:?} of {before:?}", done[id].what));
            }
        }
        states.push(state);
    }
    for (done, found) in done.iter().zip(&found) {
        let is_right = match &done.told {
            Some(versions) => found == versions,
            None => found.len() <= 1,
        };
        if !is_right {
            wrong.push(format!("{done:?} is {found:?}"));
        }
    }
    for (version, ids) in diary.read.lock().unwrap().iter() {
        if states.get(*version as usize) != Some(ids) {
            wrong.push(format!("version {version} was read as {ids:?}, it is {:?}", states.get(*version as usize)));
        }
    }
    (wrong, done, landed)
}

/// A run, judged; its trace and figures.
fn run(seed: u64) -> Result<(String, Figures), (String, String)> {
    let shape = Shape::of(seed);
    let world = World::new(seed, Objects::default(), Latency::Drawn, Plan::None);
    world.note(&format!("{shape:?}"));
    let diary = Diary::default();
    let (all, book, plan) = (world.clone(), diary.clone(), shape.clone());
    world.run(async move {
        let place = Place::new(&all, CREATOR, plan.seed);
        let table = place.create(TABLE).await.expect("nothing goes wrong at first");
        book.perform(&table, CREATOR, What::Append(vec![0, 1, 2, 3, 4]), &all)
            .await
            .expect("nothing goes wrong at first");
        table.settle().await;
        let spared = vec![CREATOR, FRESH, COLD];
        all.script(Plan::Random { per_mille: plan.per_mille, deaths: true, spared, stall: None });
        let mut tasks = tokio::task::JoinSet::new();
        for number in 1..=plan.processes {
            tasks.spawn(lives(all.clone(), book.clone(), plan.clone(), number));
        }
        tasks.join_all().await;
    });
    world.drain();
    world.heal();
    let (fresh, cold) = (Place::new(&world, FRESH, seed), Place::new(&world, COLD, seed));
    let (book, all) = (diary.clone(), world.clone());
    let opened = world.run(async move {
        let table = fresh.open(TABLE).await?;
        book.perform(&table, FRESH, What::Append(vec![999_999]), &all).await?;
        table.settle().await;
        scanned(&cold.open(TABLE).await?, None, None).await
    });
    world.drain();
    let wrong = |what: String| (what, world.trace());
    let opened = opened.map_err(|e| wrong(format!("a fresh process can't carry on: {e}")))?;
    let (found, done, landed) = judged(&world, &diary);
    if !found.is_empty() {
        return Err(wrong(found.join("\n")));
    }
    if Some(&opened) != rows(&world.objects(), TABLE).as_ref() {
        return Err(wrong(format!("opened cold, it has {opened:?}")));
    }
    let mut figures = Figures { runs: 1, ..Figures::default() };
    figures.faults(world.injected());
    for (id, done) in done.iter().enumerate() {
        figures.outcome(match (&done.told, landed.contains_key(&id)) {
            (Some(versions), _) if versions.is_empty() => "nothing committed",
            (Some(_), _) => "committed",
            (None, true) => "not known, and there",
            (None, false) => "not known, and not there",
        });
    }
    Ok((world.trace(), figures))
}

#[test]
fn every_version_is_what_its_operation_makes_of_the_one_before() {
    if let Some(seed) = variable("LAKEBED_SEED").and_then(|seed| seed.parse().ok()) {
        match run(seed) {
            Ok((trace, figures)) => say(&format!("{trace}\nseed {seed}: {figures}")),
            Err((wrong, trace)) => panic!("{trace}\nseed {seed}: {wrong}"),
        }
        return;
    }
    let mut figures = Figures::default();
    for seed in 0..if soak() { SOAK_SEEDS } else { SEEDS } {
        match run(seed) {
            Ok((_, one)) => figures.add(one),
            Err((wrong, _)) => panic!("{wrong}\nreplay it with LAKEBED_SEED={seed}"),
        }
    }
    say(&format!("sim, engines: {figures}"));
}

#[test]
fn a_seed_decides_every_byte_of_engines() {
    for seed in (0..SEEDS).step_by((SEEDS / TWICE) as usize) {
        let traces =
            [run(seed), run(seed)].map(|run| run.unwrap_or_else(|(wrong, _)| panic!("seed {seed}: {wrong}")).0);
        let differs = traces[0].lines().zip(traces[1].lines()).find(|(one, other)| one != other);
        assert!(traces[0] == traces[1], "seed {seed}: {differs:?}");
    }
}
