//! Is the table right after any one fault, or two, at any request of any operation of the engine? And after a caller, or a
//! process, that is gone at any await?
//!
//! Each operation opens its tables by itself and waits for what is done behind its commit, so that checkpoints, checksums and
//! every read have their faults too. When all that was on its way has landed, the rows are read by a reader of the tests'
//! own, and again by a fresh process, which does the operation once more where it didn't land, and appends. What was said to
//! be done is there; what was said to have failed never is; in between, either. `fsck` finds no damage at the end.
//!
//! What a fresh process does is decided by what the store holds, so it is done once for all runs that leave the same bytes.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::executor::block_on;
use lakebed::{AppendOptions, ErrorKind, Result, fsck};
use lakebed_tests::sim::crash::{Ended, Polled, while_alive};
use lakebed_tests::sim::{Fault, Latency, Objects, Plan, ProcessId, Retries, Verb, World, table_store};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::act::{Act, Place, Read, batch, make, scanned};
use super::figures::Figures;
use super::{say, soak};
use crate::commit::reader::Reader;

const SEED: u64 = 7;
const MAKER: ProcessId = 50;
const OURS: ProcessId = 1;
const FRESH: ProcessId = 2;
const COLD: ProcessId = 3;
/// The row by which a fresh process shows that the table can be written to.
const LAST: i64 = 777;

/// Tables that are there before each run.
struct Base {
    objects: Objects,
    /// What runs left that a fresh process carried on from.
    carried_on: RefCell<HashSet<(Act, u64)>>,
}

/// What a run came to.
struct Trial {
    verbs: Vec<Verb>,
    polls: u32,
    figures: Figures,
}

/// Says what a run was when it fails.
struct Saying(String);

impl Drop for Saying {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&self.0);
        }
    }
}

/// The rows of a table, sorted, by the tests' own reader; `None` where there is no table.
pub(super) fn rows(objects: &Objects, root: &str) -> Option<Vec<i64>> {
    let root = Path::from(root);
    if objects.commits(&root).is_empty() {
        return None;
    }
    let memory = Arc::new(InMemory::new());
    for (key, bytes) in objects.iter().filter(|(key, _)| key.prefix_matches(&root)) {
        block_on(memory.put(key, bytes.clone().into())).unwrap();
    }
    let mut reader = Reader::new(memory, root);
    block_on(reader.refresh());
    Some(block_on(reader.ids()))
}

impl Base {
    fn new() -> Base {
        let world = World::new(SEED, Objects::default(), Latency::Even, Plan::None);
        let place = Place::new(&world, MAKER, SEED);
        world.run(async move { make(&place).await }).unwrap();
        world.drain();
        Base { objects: world.objects(), carried_on: RefCell::default() }
    }

    fn trial(&self, act: Act, plan: Plan, polls: Option<u32>) -> Trial {
        let before = rows(&self.objects, act.root());
        let after = act.after(before.as_deref().unwrap_or_default());
        let world = World::new(SEED, self.objects.clone(), Latency::Even, plan.clone());
        let mut saying = Saying(format!("{act:?} with {plan:?}, {polls:?} polls"));
        let place = Place::new(&world, OURS, SEED);
        let known = before.clone().unwrap_or_default();
        let ended = world.run(async move {
            let world = place.world.clone();
            let ours = Polled::new(async move { act.run(&place, &known).await }, polls);
            while_alive(&world, OURS, ours).await
        });
        let (ended, polls) = match ended {
            Ended::With((Ended::With(done), polls)) => (Some(done), polls),
            Ended::With((Ended::Dropped, polls)) => (None, polls),
            Ended::Dropped => (None, 0),
        };
        let verbs = world.requests(OURS);
        world.drain();
        saying.0.push_str(&format!(": {ended:?}\n{}", world.trace()));
        let now = rows(&world.objects(), act.root());
        let mut figures = Figures { runs: 1, ..Figures::default() };
        figures.faults(world.injected());
        figures.outcome(judged(ended, before.as_ref(), &after, now.as_ref()));
        if self.carried_on.borrow_mut().insert((act, world.objects().digest())) {
            figures.states = 1;
            world.heal();
            carry_on(&world, act, now.as_ref() == Some(&after));
            let left = rows(&world.objects(), act.root());
            let expected: Vec<i64> = sorted(after.iter().copied().chain([LAST]));
            assert_eq!(left.as_ref(), Some(&expected), "a fresh process carries on");
        }
        Trial { verbs, polls, figures }
    }

    /// Every single fault; and of the pairs every so-manieth.
    fn every_fault(&self, act: Act, pairs_apart: usize) -> Figures {
        let mut figures = Figures::default();
        let mut pair = 0;
        let verbs = self.trial(act, Plan::None, None).verbs;
        for (at, first) in faults_of(&verbs, 0) {
            let script = BTreeMap::from([((OURS, at), first)]);
            let trial = self.trial(act, Plan::Script(script.clone()), None);
            figures.add(trial.figures);
            for (then, second) in faults_of(&trial.verbs, at + 1) {
                pair += 1;
                if pair % pairs_apart == 0 {
                    let both = script.iter().map(|(at, fault)| (*at, *fault)).chain([((OURS, then), second)]);
                    figures.add(self.trial(act, Plan::Script(both.collect()), None).figures);
                }
            }
        }
        figures
    }

    /// Dropped after every number of polls: as a caller does that has lost interest, whose process goes on.
    fn every_poll(&self, act: Act) -> Figures {
        let mut figures = Figures::default();
        let polls = self.trial(act, Plan::None, None).polls;
        (0..polls).for_each(|after| figures.add(self.trial(act, Plan::None, Some(after)).figures));
        figures
    }
}

/// What a caller was told, against what is there.
fn judged(
    ended: Option<Result<Read>>,
    before: Option<&Vec<i64>>,
    after: &Vec<i64>,
    now: Option<&Vec<i64>>,
) -> &'static str {
    let either = now == before || now == Some(after);
    match ended {
        Some(Ok(read)) => {
            assert_eq!(now, Some(after), "it was said to be done");
            read.into_iter().for_each(|(found, expected)| assert_eq!(found, expected, "what was read"));
            "done"
        }
        Some(Err(error)) if error.kind() == ErrorKind::Indeterminate => {
            assert!(either, "not known: {now:?}");
            "not known"
        }
        Some(Err(error)) => {
            assert_eq!(now, before, "it was said to have failed: {error}");
            "failed"
        }
        None => {
            assert!(either, "gone: {now:?}");
            "gone"
        }
    }
}

/// A fresh process does it where it isn't done, and appends; another reads, and looks for damage.
fn carry_on(world: &World, act: Act, is_done: bool) {
    let (fresh, cold) = (Place::new(world, FRESH, SEED), Place::new(world, COLD, SEED));
    let store = table_store(world, COLD, act.root(), Retries::No);
    let before = rows(&world.objects(), act.root()).unwrap_or_default();
    let (found, report) = world.run(async move {
        if !is_done {
            act.run(&fresh, &before).await.expect("a fresh process does what the other was to do");
        }
        let table = fresh.open(act.root()).await.expect("a fresh process opens the table");
        let appended = table.append_batches(vec![batch(&[LAST])], &AppendOptions::default()).await;
        appended.expect("a fresh process appends");
        table.settle().await;
        let table = cold.open(act.root()).await.expect("the table opens cold");
        let found = scanned(&table, None, None).await.expect("its rows are read");
        let options = fsck::Options { sample: fsck::Sample::Full, ..fsck::Options::default() };
        (found, fsck::check(&store, &options, |_| ()).await.expect("it is checked"))
    });
    world.drain();
    assert_eq!(Some(&found), rows(&world.objects(), act.root()).as_ref(), "the engine reads what is there");
    assert!(!report.is_damaged(), "{:?}", report.findings);
}

pub(super) fn sorted(ids: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids
}

fn faults_of(verbs: &[Verb], from: u32) -> Vec<(u32, Fault)> {
    let numbered = (0..).zip(verbs).skip(from as usize);
    numbered.flat_map(|(at, verb)| Fault::of(*verb).into_iter().map(move |fault| (at, fault))).collect()
}

fn tried(name: &str, acts: &[Act], pairs_apart: usize) {
    let base = Base::new();
    let mut figures = Figures::default();
    for act in acts {
        figures.add(base.every_fault(*act, if soak() { 1 } else { pairs_apart }));
        figures.add(base.every_poll(*act));
    }
    say(&format!("sim, engine, {name}: {figures}; {} states to carry on from", figures.states));
    assert!(figures.runs > 20 * acts.len() as u64, "{figures}");
}

#[test]
fn appends_are_right_whatever_requests_meet() {
    tried("appends", &[Act::Append, Act::AppendOnce, Act::Widen], 97);
}

#[test]
fn an_append_in_parts_is_right_whatever_requests_meet() {
    tried("append in parts", &[Act::AppendBig], 997);
}

#[test]
fn overwrites_and_restores_are_right_whatever_requests_meet() {
    tried("overwrite and restore", &[Act::Overwrite, Act::Restore], 97);
}

#[test]
fn deletes_are_right_whatever_requests_meet() {
    tried("deletes", &[Act::Delete, Act::DeleteFile], 97);
}

#[test]
fn maintenance_is_right_whatever_requests_meet() {
    tried("maintenance", &[Act::Compact, Act::Vacuum, Act::Checkpoint], 97);
}

#[test]
fn a_table_is_created_once_or_not_whatever_requests_meet() {
    tried("create", &[Act::Create], 97);
}

#[test]
fn what_is_promoted_lands_once_whatever_requests_meet() {
    tried("promotion", &[Act::Promote], 197);
}

#[test]
fn reads_are_right_or_an_error_whatever_requests_meet() {
    tried("reads", &[Act::Scan, Act::Travel, Act::History], 97);
}
