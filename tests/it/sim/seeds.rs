//! Is there an order in which what several processes did, amid random faults, makes sense?
//!
//! Two to four processes, each with its own handle, clock and place in the table's life, do what their seed says: appends,
//! deletes by vectors, overwrites, compactions, progress of applications, properties, reads, checkpoints, checksums. Some
//! crash, and fresh ones carry on; some sleep for days, while the log is cleaned up. `LAKEBED_SEED=n` runs that one and
//! prints its trace.

use std::time::Duration;

use lakebed_tests::sim::crash::{Ended, while_alive};
use lakebed_tests::sim::history::Told;
use lakebed_tests::sim::janitor::clean_up;
use lakebed_tests::sim::verdict::{is_newest, judge};
use lakebed_tests::sim::writer::{ROOT, Site, Task, Writer};
use lakebed_tests::sim::{Latency, Objects, Plan, ProcessId, Retries, Rng, World};
use lakebed_txlog::transaction::Isolation;
use object_store::path::Path;

use super::figures::Figures;
use super::{say, soak};
use crate::machine::variable;

const SEEDS: u64 = 2_000;
const SOAK_SEEDS: u64 = 100_000;
/// Of them so many are run twice.
const TWICE: u64 = 50;
const HOUR: Duration = Duration::from_secs(3_600);
const CREATOR: ProcessId = 0;
const JANITOR: ProcessId = 90;
const FRESH: ProcessId = 91;
const COLD: ProcessId = 92;
/// Fresh processes in the place of one that crashed.
const MAX_LIVES: u32 = 5;

/// What a seed decides before the run begins.
#[derive(Clone, Debug)]
struct Shape {
    seed: u64,
    writers: u32,
    steps: u64,
    per_mille: u64,
    isolation: Isolation,
    retries: Retries,
    /// Whether a janitor cleans up, and processes sleep for so long that it matters.
    is_cleaned: bool,
}

impl Shape {
    fn of(seed: u64) -> Shape {
        let mut rng = Rng::of(seed, 1);
        Shape {
            seed,
            writers: 2 + rng.below(3) as u32,
            steps: 4 + rng.below(5),
            per_mille: rng.pick(&[0, 15, 50, 120, 250]),
            isolation: rng.pick(&[Isolation::Serializable, Isolation::Serializable, Isolation::WriteSerializable]),
            retries: rng.pick(&[Retries::No, Retries::Three]),
            is_cleaned: rng.chance(300),
        }
    }

    fn plan(&self) -> Plan {
        let spared = vec![CREATOR, FRESH, COLD];
        let stall = self.is_cleaned.then_some(26 * HOUR);
        Plan::Random { per_mille: self.per_mille, deaths: true, spared, stall }
    }
}

fn task(rng: &mut Rng) -> Task {
    let key = rng.below(4) as u8;
    match rng.below(100) {
        0..25 => Task::Append(key, (key + rng.below(3) as u8).min(4)),
        25..37 => Task::Progress(rng.below(2) as u32),
        37..60 => Task::Delete(key),
        60..65 => Task::Overwrite(key),
        65..73 => Task::Compact,
        73..76 => Task::Configure,
        76..83 => Task::Read,
        83..88 => Task::ReadOld(key),
        88..93 => Task::Checkpoint,
        93..97 => Task::Checksum,
        _ => Task::Reopen,
    }
}

/// How long a process does nothing.
fn pause(rng: &mut Rng, is_cleaned: bool) -> Duration {
    if is_cleaned && rng.chance(100) {
        return HOUR * (20 + rng.below(40) as u32);
    }
    match rng.below(100) {
        0..3 => 2 * HOUR,
        3..40 => Duration::ZERO,
        _ => Duration::from_micros(rng.below(40_000)),
    }
}

/// One process, and those that take its place.
async fn lives(site: Site, shape: Shape, number: u32) {
    let mut rng = Rng::of(shape.seed, 100 + u64::from(number));
    let (mut step, mut life) = (0, 0);
    while step < shape.steps && life < MAX_LIVES {
        let process = number + 10 * life;
        let skew_ms = if rng.chance(300) { rng.below(7_200_000) as i64 - 3_600_000 } else { 0 };
        let mut done = step;
        let living = live(&site, &shape, process, skew_ms, &mut done, &mut rng);
        // What a process died at isn't begun again: a fresh one goes on with what comes next.
        let died = while_alive(&site.world, process, living).await == Ended::Dropped;
        step = done + u64::from(died);
        life += 1;
    }
}

async fn live(site: &Site, shape: &Shape, process: ProcessId, skew_ms: i64, step: &mut u64, rng: &mut Rng) {
    let Ok(mut writer) = Writer::open(site, process, skew_ms).await else {
        site.world.sleep(Duration::from_secs(1)).await;
        return;
    };
    while *step < shape.steps {
        let _ = writer.perform(task(rng)).await;
        *step += 1;
        site.world.sleep(pause(rng, shape.is_cleaned)).await;
    }
}

async fn clean(site: Site) {
    for _ in 0..3 {
        site.world.sleep(25 * HOUR).await;
        if let Ok(mut writer) = Writer::open(&site, JANITOR, 0).await {
            let _ = writer.perform(Task::Checkpoint).await;
            let _ = clean_up(&writer, 24 * HOUR).await;
        }
    }
}

/// A run, judged; its trace and figures.
fn run(seed: u64) -> Result<(String, Figures), (String, String)> {
    let shape = Shape::of(seed);
    let world = World::new(seed, Objects::default(), Latency::Drawn, Plan::None);
    let site = Site::new(world.clone(), seed, shape.isolation, shape.retries);
    world.note(&format!("{shape:?}"));
    let (all, living) = (site.clone(), shape.clone());
    world.run(async move {
        let mut creator = Writer::create(&all, CREATOR, 0, 1).await.expect("nothing goes wrong at first");
        creator.perform(Task::Append(0, 4)).await.expect("nothing goes wrong at first");
        all.world.script(living.plan());
        let mut tasks = tokio::task::JoinSet::new();
        for number in 1..=living.writers {
            tasks.spawn(lives(all.clone(), living.clone(), number));
        }
        if living.is_cleaned {
            tasks.spawn(clean(all.clone()));
        }
        tasks.join_all().await;
    });
    world.drain();
    world.heal();
    let (fresh, cold) = (site.clone(), site.clone());
    let last = world.run(async move {
        let mut writer = Writer::open(&fresh, FRESH, 0).await?;
        writer.perform(Task::Delete(2)).await?;
        writer.perform(Task::Append(0, 1)).await
    });
    world.drain();
    let snapshot = world.run(async move { Writer::open(&cold, COLD, 0).await.map(|cold| cold.log().snapshot()) });
    let wrong = |what: String| (what, world.trace());
    last.map_err(|e| wrong(format!("a fresh process can't carry on: {e}")))?;
    let judged = judge(&world.objects(), &Path::from(ROOT), site.history.operations(), &site.files());
    let seen = judged.map_err(|found| wrong(found.join("\n")))?;
    let snapshot = snapshot.map_err(|e| wrong(format!("the table doesn't open: {e}")))?;
    is_newest(&snapshot, &seen.versions).map_err(wrong)?;
    let mut figures = Figures { runs: 1, ..Figures::default() };
    figures.faults(world.injected());
    for operation in &seen.operations {
        figures.outcome(match (operation.told, operation.version) {
            (Told::Committed(_), _) => "committed",
            (Told::Nothing, _) if operation.inserts.is_empty() && operation.deletes.is_empty() => "read",
            (Told::Nothing, _) => "nothing committed",
            (Told::Unknown, Some(_)) => "not known, and there",
            (Told::Unknown, None) => "not known, and not there",
        });
    }
    Ok((world.trace(), figures))
}

#[test]
fn there_is_an_order_whatever_goes_wrong() {
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
    say(&format!("sim, seeds: {figures}"));
}

#[test]
fn a_seed_decides_every_byte_of_a_run() {
    for seed in (0..SEEDS).step_by((SEEDS / TWICE) as usize) {
        let traces =
            [run(seed), run(seed)].map(|run| run.unwrap_or_else(|(wrong, _)| panic!("seed {seed}: {wrong}")).0);
        let differs = traces[0].lines().zip(traces[1].lines()).find(|(one, other)| one != other);
        assert!(traces[0] == traces[1], "seed {seed}: {differs:?}");
    }
}
