//! Are thousands of lost answers survived by many writers at once? Appends, deletes, compactions and scans through a proxy
//! that loses the answers to about half of all puts of commits, with checkpoints and checksums behind them, and a vacuum in
//! the end; then every version of every table is compared with what its writers were told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use lakebed::query::ScanRequest;
use lakebed::{AppendOptions, Error, ErrorKind, Result, Table, fsck};
use lakebed_compaction::{CompactionOptions, compact};
use lakebed_tests::plan::{IDS_PER_WRITER, rows};
use lakebed_tests::proxy::mix::{Mix, Random, Rate};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::{Env, SystemEnv};

use super::figures::Figures;
use super::history::{Act, Done, History, Told, check};
use super::place::Place;
use super::say;
use crate::machine::variable;
use crate::maintenance::Clock;

const TABLES: usize = 3;
const WRITERS: i64 = 4;
/// Lost answers to requests that wrote, in the short form and the long.
const LOST_ANSWERS: (u64, u64) = (1_000, 10_000);
const MIX: Mix = Mix {
    commits: Rate { lost: 500, unsent: 120 },
    writes: Rate { lost: 120, unsent: 30 },
    reads: Rate { lost: 30, unsent: 15 },
    slow: 1,
};
const MAX_CREATIONS: u32 = 20;
const MAX_VACUUMS: u32 = 40;
/// Files that one request deletes, so that there are many such requests.
const DELETIONS: usize = 10;

/// One writer: a handle of its own, and what it did.
struct Writer {
    place: Arc<Place>,
    name: String,
    table: Table,
    random: Random,
    first: i64,
    next: i64,
    /// Rows that are there, and that nobody is deleting.
    mine: BTreeSet<i64>,
    /// Rows that are gone.
    gone: BTreeSet<i64>,
    done: Vec<Done>,
    scans: (u64, u64),
}

impl Writer {
    /// Goes on until so many answers have been lost.
    async fn run(mut self, lost_answers: u64) -> Writer {
        while self.place.proxy.lost_writes() < lost_answers {
            match self.random.below(100) {
                0..66 => self.append().await,
                66..88 => self.delete().await,
                88..92 => self.compact().await,
                92..97 => self.scan().await,
                _ => self.reopen().await,
            }
        }
        self.table.settle().await;
        self
    }

    /// Most commits have all the time they want; some give up so soon that fences and unknown outcomes come of it.
    fn patience(&mut self) -> CommitOptions {
        if self.random.below(100) < 88 {
            return CommitOptions::default();
        }
        let mut upto_ms = |bound: u64| Duration::from_millis(self.random.below(bound));
        CommitOptions { deadline: upto_ms(60), grace: upto_ms(60) }
    }

    fn note(&mut self, act: Act, told: Told) {
        self.done.push(Done { act, told });
    }

    async fn append(&mut self) {
        let ids: Vec<i64> = (self.next..self.next + 1 + self.random.below(4) as i64).collect();
        self.next += 10;
        let options = AppendOptions { commit: self.patience(), ..AppendOptions::default() };
        let written = self.table.append_batches(vec![rows(&ids).unwrap()], &options).await;
        let told = told(written.map(|written| vec![written.report().unwrap().version.0]));
        if matches!(told, Told::Committed(_)) {
            self.mine.extend(&ids);
        }
        self.note(Act::Append(ids), told);
    }

    async fn delete(&mut self) {
        let at = self.random.below(self.mine.len().max(1) as u64) as usize;
        let Some(id) = self.mine.iter().nth(at).copied() else { return };
        let options = self.patience();
        let deletion = self.table.delete(&format!("id = {id}"), &options).await;
        let deleted = deletion.map(|deletion| {
            assert_eq!(deletion.num_rows, 1, "row {id} was acknowledged, and is there");
            vec![deletion.version.unwrap().0]
        });
        let told = told(deleted);
        self.mine.remove(&id);
        if matches!(told, Told::Committed(_)) {
            self.gone.insert(id);
        }
        self.note(Act::Delete(id), told);
    }

    async fn compact(&mut self) {
        let options = CompactionOptions {
            max_files_per_group: 2 + self.random.below(20) as usize,
            groups_per_commit: 1 + self.random.below(4) as usize,
            commit: self.patience(),
            deadline: Duration::from_secs(5),
            ..CompactionOptions::default()
        };
        let report = compact(&self.table, &options, |_| ()).await;
        let told = told(report.map(|report| report.versions.iter().map(|version| version.0).collect()));
        self.note(Act::Compact, told);
    }

    /// Reads this writer's rows through the proxy: an error is one; rows that aren't right end the test.
    async fn scan(&mut self) {
        self.scans.0 += 1;
        let Ok(ids) = self.ids().await else {
            self.scans.1 += 1;
            return;
        };
        let found: BTreeSet<i64> = ids.iter().copied().collect();
        assert_eq!(found.len(), ids.len(), "a row is there twice");
        assert!(found.is_superset(&self.mine), "rows are lost: {:?}", self.mine.difference(&found));
        assert!(found.is_disjoint(&self.gone), "rows are back: {:?}", found.intersection(&self.gone));
    }

    async fn ids(&self) -> Result<Vec<i64>> {
        let snapshot = self.table.refresh().await?;
        let mine = format!("id >= {} and id < {}", self.first, self.first + IDS_PER_WRITER);
        let (columns, filter) = (Some(vec!["id".to_owned()]), Some(mine));
        let request = ScanRequest { columns, filter, ..ScanRequest::default() };
        let batches = self.table.scan(&snapshot, &request).await?.collect().await?;
        Ok(batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect())
    }

    /// A fresh handle, which reads hint, checkpoint and commits anew.
    async fn reopen(&mut self) {
        let opened = self.place.open(&self.name, SystemEnv::shared()).await;
        if let Ok(table) = opened {
            let old = std::mem::replace(&mut self.table, table);
            old.settle().await;
        }
    }
}

/// What an operation's result says.
fn told(result: Result<Vec<u64>>) -> Told {
    match result {
        Ok(versions) => Told::Committed(versions),
        Err(error) => match error.kind() {
            ErrorKind::Indeterminate => Told::Unknown,
            kind @ (ErrorKind::Bug | ErrorKind::InvalidRequest | ErrorKind::Unsupported) => {
                panic!("{kind:?} is no fault's doing: {error}")
            }
            kind => Told::Failed(kind),
        },
    }
}

/// Creates a table through the proxy, until it is there.
async fn create(place: &Place, name: &str) {
    let mut was_unknown = false;
    for _ in 0..MAX_CREATIONS {
        match place.create(name).await {
            Ok(table) => {
                table.settle().await;
                return;
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                assert!(was_unknown, "{name} was said to have failed, and is there: {error}");
                return;
            }
            Err(error) => was_unknown |= error.kind() == ErrorKind::Indeterminate,
        }
    }
    panic!("{name} can't be created");
}

/// Opens through the proxy, however often it takes.
async fn open(place: &Place, name: &str, env: &Arc<dyn Env>) -> Table {
    for _ in 0..MAX_CREATIONS {
        if let Ok(table) = place.open(name, Arc::clone(env)).await {
            return table;
        }
    }
    panic!("{name} can't be opened");
}

/// Deletes what nothing needs, through the proxy: files of attempts that failed, and of versions that are old by a clock a
/// month ahead. Returns how many, and how many deletions were said to have failed.
async fn vacuum(place: &Place, name: &str) -> Result<(u64, u64)> {
    let clock = Clock::of_machine();
    let table = open(place, name, &(Arc::clone(&clock) as Arc<dyn Env>)).await;
    clock.set_days(30);
    let (mut deleted, mut failed) = (0, 0);
    for _ in 0..MAX_VACUUMS {
        let Ok(plan) = lakebed_vacuum::plan(&table, &lakebed_vacuum::VacuumOptions::default()).await else { continue };
        if plan.delete.is_empty() {
            return Ok((deleted, failed));
        }
        for some in plan.delete.chunks(DELETIONS) {
            let some = lakebed_vacuum::Plan { delete: some.to_vec(), ..plan.clone() };
            if let Ok(report) = lakebed_vacuum::carry_out(&table, &some, |_| ()).await {
                deleted += report.num_deleted;
                failed += report.num_failed;
            }
        }
    }
    Err(Error::unavailable("there is always something left to delete"))
}

/// That a check finds no damage; how many lesser findings there are, by kind.
async fn sound(place: &Place, name: &str, history: fsck::History) -> String {
    let options = fsck::Options { history, sample: fsck::Sample::Full };
    let report = fsck::check(&place.honest(name), &options, |_| ()).await.unwrap();
    assert!(!report.is_damaged(), "{name}: {:#?}", report.findings);
    let kinds: Vec<String> = report.findings.iter().map(|finding| finding.kind.label().to_owned()).collect();
    format!("{} commits, {} checkpoints, findings {kinds:?}", report.num_commits, report.num_checkpoints)
}

fn name_of(table: usize) -> String {
    format!("t{table}")
}

/// All writers of all tables at once; what each table's did.
async fn write(place: &Arc<Place>, seed: u64, lost_answers: u64) -> Vec<Vec<Done>> {
    let env = SystemEnv::shared();
    let mut tasks = Vec::new();
    for at in 0..TABLES {
        let name = name_of(at);
        create(place, &name).await;
        for writer in 0..WRITERS {
            let first = (writer + 1) * IDS_PER_WRITER;
            let writer = Writer {
                place: Arc::clone(place),
                table: open(place, &name, &env).await,
                name: name.clone(),
                random: Random::new(seed ^ (first as u64 + at as u64)),
                first,
                next: first,
                mine: BTreeSet::new(),
                gone: BTreeSet::new(),
                done: Vec::new(),
                scans: (0, 0),
            };
            tasks.push((at, tokio::spawn(writer.run(lost_answers))));
        }
    }
    let mut done = vec![Vec::new(); TABLES];
    let (mut scans, mut failed) = (0, 0);
    for (at, task) in tasks {
        let writer = task.await.unwrap();
        scans += writer.scans.0;
        failed += writer.scans.1;
        done[at].extend(writer.done);
    }
    say(&format!("{scans} scans through the proxy: {failed} came to an error, none to other rows"));
    done
}

fn outcomes(done: &[Done]) -> String {
    let mut failed: Vec<ErrorKind> = Vec::new();
    let (mut committed, mut unknown) = (0, 0);
    for done in done {
        match &done.told {
            Told::Committed(_) => committed += 1,
            Told::Unknown => unknown += 1,
            Told::Failed(kind) => failed.push(*kind),
        }
    }
    let mut kinds: Vec<String> = failed.iter().map(|kind| format!("{kind:?}")).collect();
    kinds.sort();
    let counted = kinds.chunk_by(|a, b| a == b).map(|same| format!("{} {}", same.len(), same[0]));
    format!("{committed} acknowledged, {unknown} unknown, failed: {}", counted.collect::<Vec<_>>().join(", "))
}

/// Every version of every table, explained; then again after a vacuum, as far as that keeps it.
async fn examine(place: &Place, done: &[Vec<Done>]) -> Vec<History> {
    let mut histories = Vec::new();
    for (at, done) in done.iter().enumerate() {
        let name = name_of(at);
        let history = check(&mut place.reader(&name), done).await;
        let found = sound(place, &name, fsck::History::AllVersions).await;
        say(&format!(
            "{name}: {} operations: {}; of the unknown {} are there and {} aren't; {} rows; {found}",
            done.len(),
            outcomes(done),
            history.unknown_landed,
            history.unknown_absent,
            history.ids.len(),
        ));
        let (deleted, failed) = vacuum(place, &name).await.unwrap();
        assert!(place.proxy.settle().await);
        say(&format!(
            "{name}: a vacuum deleted {deleted} files; {failed} deletions were said to have failed meanwhile"
        ));
        let mut reader = place.reader(&name);
        reader.refresh().await;
        assert_eq!(reader.ids().await, history.ids.iter().copied().collect::<Vec<_>>(), "{name}, after a vacuum");
        sound(place, &name, fsck::History::Newest).await;
        histories.push(history);
    }
    histories
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_commit_is_lost_or_doubled_in_a_storm_of_lost_answers() {
    let test = "a_storm_of_lost_answers";
    let given = variable("LAKEBED_SEED").map(|seed| seed.parse().expect("LAKEBED_SEED is a number"));
    let env = SystemEnv::shared();
    let seed: u64 = given.unwrap_or_else(|| env.uuid().as_u128() as u64);
    let Some(place) = Place::new(test, move |asked| MIX.meet(seed, asked)) else { return };
    say(&format!(
        "{test}: LAKEBED_SEED={seed} (which fault meets the n-th request; which request that is, the machine decides)"
    ));
    let place = Arc::new(place.impatient());
    let lost_answers = if variable("LAKEBED_SOAK").is_some() { LOST_ANSWERS.1 } else { LOST_ANSWERS.0 };
    let began = env.monotonic();
    let done = write(&place, seed, lost_answers).await;
    assert!(place.proxy.settle().await, "what was to land late has landed");
    let wrote = env.monotonic() - began;
    let histories = examine(&place, &done).await;
    let named = |path: &str| {
        let at = (0..TABLES).find(|at| path.contains(&format!("/{}/_delta_log/", name_of(*at))));
        &histories[at.expect("a path of a table")]
    };
    let figures = Figures::count(&place.proxy.take_seen(), named);
    figures.say(test);
    let all = env.monotonic() - began;
    say(&format!("{test}: wrote for {:.1} s, {:.1} s in all", wrote.as_secs_f64(), all.as_secs_f64()));
    assert!(figures.lost_writes() >= lost_answers);
    assert!(figures.lost_commits() * 3 >= figures.lost_writes(), "puts of commits are a good part");
}
