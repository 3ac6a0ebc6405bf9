//! Is the table right after any one fault, or two, at any request of any transaction?
//!
//! A process opens the table and does one thing, alone or beside another process that does another. Each of its requests
//! meets each fault that it can meet; then each that follows meets each of its own. When all that was on its way has
//! landed, a fresh process does the same thing once more, and the run is judged (`sim::verdict`).

use std::collections::BTreeMap;

use lakebed_tests::sim::crash::{Ended, Polled, while_alive};
use lakebed_tests::sim::history::Told;
use lakebed_tests::sim::verdict::{is_newest, judge};
use lakebed_tests::sim::writer::{ROOT, Site, Task, Writer};
use lakebed_tests::sim::{Fault, Latency, Objects, Plan, ProcessId, Retries, Verb, World};
use lakebed_txlog::transaction::Isolation;
use object_store::path::Path;

use super::figures::Figures;
use super::{say, soak};

const SEED: u64 = 5;
/// The process that meets the faults.
const OURS: ProcessId = 1;
const OTHER: ProcessId = 2;
const FRESH: ProcessId = 3;
const COLD: ProcessId = 4;
/// Of so many pairs of faults one is tried where somebody waits.
const PAIRS_APART: usize = 61;

/// What is done, and what another process does at the same time.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    task: Task,
    beside: Option<Task>,
}

/// A table that is there before each run.
struct Base {
    objects: Objects,
    site: Site,
}

/// What a run came to.
struct Trial {
    verbs: Vec<Verb>,
    polls: u32,
    figures: Figures,
    trace: String,
}

impl Base {
    /// Six commits: appends, a delete by vectors, a checkpoint in between.
    fn new() -> Base {
        let world = World::new(SEED, Objects::default(), Latency::Even, Plan::None);
        let site = Site::new(world.clone(), SEED, Isolation::Serializable, Retries::No);
        let making = site.clone();
        world.run(async move {
            let mut writer = Writer::create(&making, 50, 0, 30).await.unwrap();
            let tasks = [
                Task::Append(0, 2),
                Task::Append(1, 1),
                Task::Checkpoint,
                Task::Append(1, 3),
                Task::Delete(2),
                Task::Checksum,
                Task::Progress(7),
            ];
            for task in tasks {
                writer.perform(task).await.unwrap();
            }
        });
        world.drain();
        Base { objects: world.objects(), site }
    }

    fn trial(&self, scenario: Scenario, plan: Plan, polls: Option<u32>) -> Trial {
        let world = World::new(SEED, self.objects.clone(), Latency::Even, plan.clone());
        let site = self.site.again(world.clone());
        let polls = world.run(both(site.clone(), scenario, polls));
        let verbs = world.requests(OURS);
        world.drain();
        world.heal();
        let (carrying_on, cold) = (site.clone(), site.clone());
        world.run(async move {
            let mut writer = Writer::open(&carrying_on, FRESH, 0).await.expect("a fresh process opens the table");
            writer.perform(scenario.task).await.expect("a fresh process does what the other was to do");
            writer.perform(Task::Append(0, 3)).await.expect("a fresh process appends");
        });
        world.drain();
        let snapshot = world.run(async move { Writer::open(&cold, COLD, 0).await.map(|cold| cold.log().snapshot()) });
        let judged = judge(&world.objects(), &Path::from(ROOT), site.history.operations(), &site.files());
        let judged = judged.map_err(|wrong| wrong.join("\n")).and_then(|seen| {
            let snapshot = snapshot.map_err(|e| format!("the table doesn't open: {e}"))?;
            is_newest(&snapshot, &seen.versions).map(|()| seen)
        });
        let seen = judged
            .unwrap_or_else(|wrong| panic!("{scenario:?} with {plan:?}, {polls} polls: {wrong}\n{}", world.trace()));
        let mut figures = Figures { runs: 1, ..Figures::default() };
        figures.faults(world.injected());
        let before = self.site.history.next();
        seen.operations.iter().skip(before).for_each(|operation| figures.outcome(label(operation.told)));
        Trial { verbs, polls, figures, trace: world.trace() }
    }

    /// Every single fault; and of the pairs every so-manieth.
    fn every_fault(&self, scenario: Scenario, pairs_apart: usize) -> Figures {
        let mut figures = Figures::default();
        let mut pair = 0;
        let verbs = self.trial(scenario, Plan::None, None).verbs;
        for (at, first) in faults_of(&verbs, 0) {
            let script = BTreeMap::from([((OURS, at), first)]);
            let trial = self.trial(scenario, Plan::Script(script.clone()), None);
            figures.add(trial.figures);
            for (then, second) in faults_of(&trial.verbs, at + 1) {
                pair += 1;
                if pair % pairs_apart == 0 {
                    let both = script.iter().map(|(at, fault)| (*at, *fault)).chain([((OURS, then), second)]);
                    figures.add(self.trial(scenario, Plan::Script(both.collect()), None).figures);
                }
            }
        }
        figures
    }

    /// Dropped after every number of polls: as a caller that has lost interest does, whose process goes on.
    fn every_poll(&self, scenario: Scenario) -> Figures {
        let mut figures = Figures::default();
        let polls = self.trial(scenario, Plan::None, None).polls;
        for after in 0..polls {
            figures.add(self.trial(scenario, Plan::None, Some(after)).figures);
        }
        figures
    }
}

/// Both processes at once; how many polls ours took.
async fn both(site: Site, scenario: Scenario, polls: Option<u32>) -> u32 {
    let (world, other) = (site.world.clone(), site.clone());
    let ours = async move {
        if let Ok(mut writer) = Writer::open(&site, OURS, 0).await {
            let _ = writer.perform(scenario.task).await;
        }
    };
    let ours = while_alive(&world, OURS, Polled::new(ours, polls));
    let other = async move {
        if let Some(task) = scenario.beside {
            let mut writer = Writer::open(&other, OTHER, 0).await.expect("nothing goes wrong beside");
            writer.perform(task).await.expect("nothing goes wrong beside");
        }
    };
    match futures::join!(ours, other).0 {
        Ended::With((_, polls)) => polls,
        Ended::Dropped => 0,
    }
}

fn label(told: Told) -> &'static str {
    match told {
        Told::Committed(_) => "committed",
        Told::Nothing => "nothing committed",
        Told::Unknown => "not known",
    }
}

fn faults_of(verbs: &[Verb], from: u32) -> Vec<(u32, Fault)> {
    let numbered = (0..).zip(verbs).skip(from as usize);
    numbered.flat_map(|(at, verb)| Fault::of(*verb).into_iter().map(move |fault| (at, fault))).collect()
}

fn tried(name: &str, scenarios: &[Scenario]) {
    let base = Base::new();
    let mut figures = Figures::default();
    for scenario in scenarios {
        figures.add(base.every_fault(*scenario, if soak() { 1 } else { PAIRS_APART }));
        figures.add(base.every_poll(*scenario));
    }
    say(&format!("sim, {name}: {figures}"));
    assert!(figures.runs > 100 * scenarios.len() as u64, "{figures}");
}

fn alone(task: Task) -> Scenario {
    Scenario { task, beside: None }
}

fn beside(task: Task, other: Task) -> Scenario {
    Scenario { task, beside: Some(other) }
}

#[test]
fn an_append_lands_once_or_not_whatever_one_or_two_requests_meet() {
    let task = Task::Append(0, 1);
    tried("append", &[alone(task), beside(task, Task::Append(2, 2)), beside(task, Task::Compact)]);
}

#[test]
fn a_delete_deletes_what_it_read_whatever_one_or_two_requests_meet() {
    let task = Task::Delete(1);
    tried(
        "delete",
        &[
            alone(task),
            beside(task, Task::Append(1, 1)),
            beside(task, Task::Delete(3)),
            beside(task, Task::Delete(1)),
            beside(task, Task::Compact),
        ],
    );
}

#[test]
fn an_overwrite_replaces_what_is_there_whatever_one_or_two_requests_meet() {
    let task = Task::Overwrite(3);
    tried("overwrite", &[alone(task), beside(task, Task::Append(1, 1)), beside(task, Task::Overwrite(2))]);
}

#[test]
fn a_compaction_changes_no_row_whatever_one_or_two_requests_meet() {
    let task = Task::Compact;
    tried("compaction", &[alone(task), beside(task, Task::Delete(1)), beside(task, Task::Compact)]);
}

#[test]
fn progress_is_made_once_whatever_one_or_two_requests_meet() {
    let task = Task::Progress(7);
    tried("progress of an application", &[alone(task), beside(task, Task::Progress(7))]);
}

#[test]
fn a_property_is_set_whatever_one_or_two_requests_meet() {
    let task = Task::Configure;
    tried("property", &[alone(task), beside(task, Task::Append(1, 1))]);
}

#[test]
fn what_is_read_is_right_or_an_error_whatever_one_or_two_requests_meet() {
    tried("reads", &[alone(Task::Read), alone(Task::ReadOld(1)), beside(Task::Read, Task::Delete(1))]);
}

#[test]
fn checkpoints_and_checksums_change_nothing_whatever_one_or_two_requests_meet() {
    tried(
        "checkpoint",
        &[alone(Task::Checkpoint), beside(Task::Checkpoint, Task::Append(1, 1)), alone(Task::Checksum)],
    );
}

#[test]
fn a_run_is_the_same_when_it_is_run_again() {
    let scenario = beside(Task::Delete(1), Task::Delete(3));
    let plan = Plan::one(OURS, 5, Fault::Lost);
    let (first, again) = (Base::new(), Base::new());
    let trace = first.trial(scenario, plan.clone(), None).trace;
    assert!(trace.contains("Lost"), "{trace}");
    assert_eq!(trace, again.trial(scenario, plan, None).trace);
}

/// Its own bytes, spoiled on the way back, aren't another's commit.
#[test]
fn a_commit_that_is_read_back_garbled_lands_once() {
    let base = Base::new();
    for task in [Task::Append(0, 1), Task::Delete(1), Task::Overwrite(3)] {
        let verbs = base.trial(alone(task), Plan::None, None).verbs;
        let commit = verbs.iter().position(|verb| *verb == Verb::Commit).unwrap() as u32;
        for second in [Fault::Flipped, Fault::Cut, Fault::Broken, Fault::Forbidden] {
            let script = BTreeMap::from([((OURS, commit), Fault::Lost), ((OURS, commit + 1), second)]);
            let figures = base.trial(alone(task), Plan::Script(script), None).figures;
            // Ours, and those of the fresh process, which finds nothing left to delete.
            let expected = if task == Task::Delete(1) { 2 } else { 3 };
            assert_eq!(figures.outcomes.get("committed"), Some(&expected), "{task:?}, {second:?}: {figures}");
            assert!(!figures.outcomes.contains_key("not known"), "{task:?}, {second:?}: {figures}");
        }
    }
}
