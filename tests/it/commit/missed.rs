//! What does a commit cost that missed versions? Requests, and how many of them one after another, counted exactly.
//!
//! The store answers after one unit of a time that passes only when nothing else is left to do
//! ([`crate::open::distant`]), so depth is a number of dependent round trips.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lakebed_txlog::action::{Action, Add};
use lakebed_txlog::commit::Outcome;
use lakebed_txlog::drive::{CommitOptions, Log, MAX_HANDLE_AGE};
use lakebed_txlog::env::{Env, SystemEnv};
use lakebed_txlog::name::LogName;
use lakebed_txlog::transaction::{Kind, Transaction};
use lakebed_txlog::{TimestampMs, Version};
use object_store::memory::InMemory;
use uuid::Uuid;

use super::say;
use crate::open::distant::{Cost, Far};
use crate::open::logs;

/// A clock that goes on when it is told to.
#[derive(Debug, Default)]
struct Clock(Mutex<Duration>);

impl Env for Clock {
    fn now(&self) -> TimestampMs {
        TimestampMs(1_700_000_000_000)
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn uuid(&self) -> Uuid {
        SystemEnv::shared().uuid()
    }
}

/// A handle on a log of one version, and the store that it is in.
struct Behind {
    far: Far,
    log: Log,
    clock: Arc<Clock>,
}

impl Behind {
    fn new() -> Behind {
        let objects = InMemory::new();
        logs::put(&objects, &LogName::Commit { version: Version::ZERO }, logs::commit(0));
        let (far, clock) = (Far::new(&objects), Arc::new(Clock::default()));
        let env: Arc<dyn Env> = clock.clone();
        let (log, depth) = far.run(Log::open(far.log(), env));
        let _ = far.cost(depth);
        Behind { far, log: log.unwrap(), clock }
    }

    /// Others commit so many versions.
    fn misses(&self, versions: u64) {
        let newest = self.log.snapshot().version().0;
        for version in newest + 1..=newest + versions {
            logs::put(self.far.objects(), &LogName::Commit { version: Version(version) }, logs::commit(version));
        }
    }

    /// An append, and what it took.
    fn append(&self, expected: u64) -> Cost {
        let mut transaction = Transaction::new(Kind::Append, "WRITE");
        let path = format!("ours-{expected}.parquet");
        transaction.push(Action::Add(Add { path, size: 1, data_change: true, ..Add::default() }));
        let options = CommitOptions::default();
        let (outcome, depth) = self.far.run(self.log.commit(&transaction, None, &options));
        let Outcome::Committed { snapshot, .. } = outcome.unwrap() else { panic!("an append lands") };
        assert_eq!(snapshot.version(), Version(expected));
        self.far.cost(depth)
    }

    fn refresh(&self, expected: u64) -> Cost {
        let (snapshot, depth) = self.far.run(self.log.refresh());
        assert_eq!(snapshot.unwrap().version(), Version(expected));
        self.far.cost(depth)
    }
}

/// Round trips, PUTs, GETs; anything else isn't asked.
fn figures(cost: &Cost) -> (u32, u64, u64) {
    let (puts, gets) = (cost.count("put "), cost.count("get "));
    assert_eq!(cost.requests.len(), puts + gets, "no LIST inside the lease: {:?}", cost.requests);
    (cost.depth, puts as u64, gets as u64)
}

#[test]
fn a_warm_append_is_one_round_trip_of_one_put() {
    let behind = Behind::new();
    for version in 1..=200 {
        let cost = behind.append(version);
        assert_eq!(figures(&cost), (1, 1, 0));
        assert_eq!(cost.requests, [format!("put {version:020}.json")]);
    }
}

#[test]
fn an_append_that_missed_n_versions_takes_2n_plus_2_gets_a_put_and_a_logarithm_of_round_trips() {
    for missed in [1, 2, 3, 5, 17, 63, 64, 100, 126, 127, 128, 200, 500] {
        let behind = Behind::new();
        behind.misses(missed);
        let cost = behind.append(missed + 1);
        let (depth, puts, gets) = figures(&cost);
        say(&format!("an append that missed {missed} versions: {depth} round trips, {puts} PUTs, {gets} GETs"));
        assert_eq!(puts, 2, "the one that told it, and one more");
        assert!(gets <= 2 * missed + 2, "{gets} GETs");
        // The put that lost, its version read back, windows of 1, 2, 4, …, 64, and the put. Past 127 versions each two round
        // trips bring 192 more: no more of them are held at a time.
        let beyond = if missed > 127 { 2 * ((missed - 128) / 192 + 1) } else { 0 };
        let most = 4 + u64::from(missed.min(127).ilog2()) + beyond;
        assert!(u64::from(depth) <= most, "{depth} round trips");
        assert_eq!(figures(&behind.append(missed + 2)), (1, 1, 0), "warm again");
    }
}

#[test]
fn a_handle_that_looked_first_takes_2n_plus_2_gets_and_one_put() {
    for missed in [0, 1, 2, 5, 17, 63] {
        let behind = Behind::new();
        behind.misses(missed);
        let (depth, puts, gets) = figures(&behind.refresh(missed));
        say(&format!("a handle that missed {missed} versions: {depth} round trips, {gets} GETs"));
        assert_eq!((depth, puts), (1 + (missed + 1).ilog2(), 0));
        assert!(gets <= 2 * missed + 2, "{gets} GETs");
        assert_eq!(figures(&behind.append(missed + 1)), (1, 1, 0));
    }
}

#[test]
fn only_a_commit_past_its_lease_lists_the_log() {
    let behind = Behind::new();
    behind.misses(5);
    *behind.clock.0.lock().unwrap() = MAX_HANDLE_AGE;
    assert_eq!(behind.append(6).count("list"), 0, "the last moment of the lease");
    *behind.clock.0.lock().unwrap() = 2 * MAX_HANDLE_AGE;
    behind.misses(5);
    let cost = behind.append(12);
    assert_eq!((cost.count("list"), cost.count("put ")), (1, 1), "{:?}", cost.requests);
    assert_eq!(cost.requests.last().unwrap(), &format!("put {:020}.json", 12), "listed before anything is put");
    assert_eq!(figures(&behind.append(13)), (1, 1, 0), "the lease is new");
}
