//! Do all commits of many writers land, and what does it cost that they meet? Eight at one table, each with a handle of its
//! own, beside one that makes as many commits alone.

use std::collections::BTreeMap;

use futures::stream;
use lakebed::query::ScanRequest;
use lakebed::{AppendOptions, OverwriteOptions, Replace, Table, TimestampMs, Version};
use lakebed_tests::orders::{Commit, LogRequests, Order};
use lakebed_tests::plan::{IDS_PER_WRITER, Plan, Step, rows, schema};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::SystemEnv;
use tokio::sync::Mutex;

use super::place::Place;
use super::served::Served;
use super::{say, soaks};

const WRITERS: i64 = 8;
const APPENDS: u32 = 100;
/// One crowd at a time: how long their commits take is what they are about.
static CROWDED: Mutex<()> = Mutex::const_new(());

/// Who appends how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    pub(super) processes: i64,
    /// Handles of each process.
    pub(super) handles: i64,
    /// Appends of each handle.
    pub(super) appends: u32,
}

/// What came of it.
pub(super) struct Contended {
    /// The ids of each version, as their writers were told.
    told: BTreeMap<u64, Vec<i64>>,
    /// Every append.
    pub(super) commits: Vec<Commit>,
    requests: LogRequests,
    /// From the first order to the last answer, what is done behind commits included.
    pub(super) seconds: f64,
}

impl Crowd {
    fn writers(&self) -> i64 {
        self.processes * self.handles
    }

    pub(super) fn commits(&self) -> u64 {
        self.writers() as u64 * u64::from(self.appends)
    }

    fn first(&self, process: i64) -> i64 {
        (process * self.handles + 1) * IDS_PER_WRITER
    }

    /// All of them append to one table, from the same moment on.
    pub(super) async fn contend(&self, place: &Place) -> Contended {
        let _alone = CROWDED.lock().await;
        drop(place.create().await);
        let mut writers: Vec<Served> =
            (0..self.processes).map(|_| Served::start(place, u32::try_from(self.handles).unwrap())).collect();
        let clock = SystemEnv::shared();
        let began = clock.monotonic();
        for (writer, process) in writers.iter_mut().zip(0..) {
            writer.tell(&Order::Append { first: self.first(process), steps: self.appends });
        }
        let mut contended =
            Contended { told: BTreeMap::new(), commits: Vec::new(), requests: LogRequests::default(), seconds: 0.0 };
        for (writer, process) in writers.iter_mut().zip(0..) {
            let (commits, requests) = writer.hear_appended();
            for commit in commits {
                let first = self.first(process) + i64::from(commit.handle) * IDS_PER_WRITER;
                contended.told.insert(commit.version, ids(first, commit.step));
                contended.commits.push(commit);
            }
            contended.requests = sum(contended.requests, requests);
        }
        contended.seconds = (clock.monotonic() - began).as_secs_f64();
        writers.into_iter().for_each(Served::end);
        self.check(place, &contended.told).await;
        contended
    }

    /// That every append of every writer is in the table, once, at the version that its writer was told.
    async fn check(&self, place: &Place, told: &BTreeMap<u64, Vec<i64>>) {
        assert_eq!(told.len() as u64, self.commits(), "no two writers were told the same version");
        let mut reader = place.reader();
        assert_eq!(reader.refresh().await, self.commits(), "version 0 created the table; nothing else was committed");
        for (version, ids) in told {
            assert_eq!(reader.appended(*version).await, *ids, "version {version}");
        }
        let first = |writer: i64| (writer + 1) * IDS_PER_WRITER;
        let all = (0..self.writers()).flat_map(|writer| Plan::Appends.ids_after(first(writer), self.appends));
        let mut expected: Vec<i64> = all.collect();
        expected.sort_unstable();
        assert_eq!(reader.ids().await, expected);
    }
}

impl Contended {
    /// How long commits took, in ms, sorted.
    pub(super) fn millis(&self) -> Vec<f64> {
        let mut millis: Vec<f64> = self.commits.iter().map(|commit| commit.millis).collect();
        millis.sort_by(f64::total_cmp);
        millis
    }

    /// Figures, and that no request was made that isn't accounted for.
    pub(super) fn report(&self, what: &str, crowd: Crowd) {
        let millis = self.millis();
        let commits = crowd.commits();
        let each = |count: u64| count as f64 / commits as f64;
        let LogRequests { create, commit, get, list, put } = self.requests;
        say(&format!(
            "{what}: {commits} of {commits} commits in {:.1} s; one takes {:.1} ms in the middle and {:.1} ms at most, \
             {:.2} PUTs and {:.2} GETs of the log; beside them {} PUTs of checksums and checkpoints, {put} of hints, {list} LISTs",
            self.seconds,
            millis[millis.len() / 2],
            millis[millis.len() - 1],
            each(commit),
            each(get),
            create - commit,
        ));
        assert_eq!(list, 0, "no commit lists the log");
        // A checkpoint every ten commits, which is a put of it and one of the hint, whoever is due. Where one is late by
        // ten more, others make up for it: on a busy machine some are. Were each writer to write its own, it were eight times.
        let due = commits / 10;
        assert!(put <= 2 * due, "{put} PUTs of hints where {due} were due");
    }
}

fn ids(first: i64, step: u32) -> Vec<i64> {
    let Step::Append(ids) = Plan::Appends.step(first, step) else { panic!("a plan of appends") };
    ids
}

fn sum(one: LogRequests, other: LogRequests) -> LogRequests {
    LogRequests {
        create: one.create + other.create,
        commit: one.commit + other.commit,
        get: one.get + other.get,
        list: one.list + other.list,
        put: one.put + other.put,
    }
}

/// Eight processes make 800 commits, and one makes as many alone in another table.
async fn every_append_of_eight_processes_lands(place: Place, alone: Place, store: &str, at_most: f64) {
    let eight = Crowd { processes: WRITERS, handles: 1, appends: APPENDS };
    let one = Crowd { processes: 1, handles: 1, appends: WRITERS as u32 * APPENDS };
    let together = eight.contend(&place).await;
    together.report(&format!("eight processes {store}"), eight);
    let alone = one.contend(&alone).await;
    alone.report(&format!("one process {store}"), one);
    let races = together.commits.iter().filter(|commit| commit.attempts > 1).count();
    let times = together.seconds / alone.seconds;
    say(&format!("eight processes {store}: {races} commits followed others; {times:.2} × the time of one process"));
    place.spark_reads_same(&format!("eight processes {store}")).await;
    assert!(races > 0, "they met");
    assert!(!soaks() || times <= at_most, "{times:.2} times the time of one process, more than {at_most}");
}

#[tokio::test]
async fn every_append_of_eight_processes_lands_in_a_folder() {
    every_append_of_eight_processes_lands(Place::folder(), Place::folder(), "in a folder", 3.0).await;
}

#[tokio::test]
async fn every_append_of_eight_processes_lands_on_s3() {
    let place = |test| Place::on_s3(test);
    let (Some(eight), Some(one)) = (place("every_append_of_eight_processes_lands_on_s3"), place("every_append_of_one"))
    else {
        return;
    };
    every_append_of_eight_processes_lands(eight, one, "on S3", 6.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_append_of_eight_handles_of_one_process_lands() {
    let place = Place::memory("eight-handles");
    place.create().await;
    let crowd = Crowd { processes: 1, handles: WRITERS, appends: APPENDS / 2 };
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let table = place.open().await;
        tasks.push(tokio::spawn(async move {
            let mut told = BTreeMap::new();
            for step in 0..crowd.appends {
                let ids = ids((writer + 1) * IDS_PER_WRITER, step);
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
    crowd.check(&place, &told).await;
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
