//! What comes of two commits of two processes that meet, in either order? What running them one after the other would.
//!
//! Each round begins with a table of its own making, tells two processes a task each, and compares the table with a model
//! that knows rows and no files: what landed, in the order of the versions. Rounds take turns:
//!
//! | | |
//! |---|---|
//! | left first, right first | both have planned against the same version and wait in front of their put; one's is made and answered, then the other's |
//! | together | the same, and both are let go at once |
//! | loose | nobody waits: they meet or they don't |

use std::collections::BTreeMap;

use lakebed_tests::orders::{Done, Order, Outcome, Start, Task};

use super::killed::scanned;
use super::place::Place;
use super::reader::Reader;
use super::say;
use super::served::Served;

/// How a round begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    LeftFirst,
    RightFirst,
    Together,
    Loose,
}

const BEGINS: [Begin; 4] = [Begin::LeftFirst, Begin::RightFirst, Begin::Together, Begin::Loose];

/// The tasks of one round: some that make its table, then one for each process.
pub(super) struct Tasks {
    pub(super) before: Vec<Task>,
    pub(super) left: Task,
    pub(super) right: Task,
}

/// A pair of operations.
pub(super) struct Pair {
    /// The tasks of the round whose ids begin at a number, on a table of a version.
    pub(super) tasks: fn(first: i64, version: u64) -> Tasks,
    /// What has to come of it beside the right rows.
    pub(super) check: fn(&Raced),
}

/// What came of a round.
#[derive(Debug)]
pub(super) struct Raced {
    pub(super) begin: Begin,
    pub(super) left: Done,
    pub(super) right: Done,
    /// Rows that its vector deletes, of each live file.
    pub(super) deleted_rows: Vec<u64>,
}

impl Raced {
    /// Whether both were planned against the same version, so that one had to follow the other.
    pub(super) fn met(&self) -> bool {
        self.begin != Begin::Loose
    }

    /// Both, the one first whose version is the lower one; one that made no version comes last.
    pub(super) fn in_order(&self) -> [&Done; 2] {
        let version = |done: &Done| version_of(done).unwrap_or(u64::MAX);
        if version(&self.left) <= version(&self.right) { [&self.left, &self.right] } else { [&self.right, &self.left] }
    }

    pub(super) fn both_land(&self) {
        assert!(version_of(&self.left).is_some() && version_of(&self.right).is_some(), "both land: {self:?}");
    }

    /// That one lands and the other makes no version.
    pub(super) fn one_lands(&self) {
        let [first, last] = self.in_order();
        assert!(version_of(first).is_some() && version_of(last).is_none(), "one lands: {self:?}");
    }

    /// Whether one of them had to follow the other.
    pub(super) fn followed(&self) -> bool {
        let [_, last] = self.in_order();
        last.puts > 1 || version_of(last).is_none()
    }
}

fn version_of(done: &Done) -> Option<u64> {
    match done.outcome {
        Outcome::Landed(version) => Some(version),
        _ => None,
    }
}

/// The rows of every version.
struct Model(BTreeMap<u64, Vec<i64>>);

impl Model {
    fn newest(&self) -> (u64, &[i64]) {
        let (version, rows) = self.0.last_key_value().expect("a table has a version");
        (*version, rows)
    }

    /// Runs a task that has become the next version.
    fn run(&mut self, task: &Task, done: &Done) {
        let (newest, rows) = self.newest();
        let Some(version) = version_of(done) else {
            assert_eq!(done.rows, 0, "{task:?}");
            return;
        };
        assert_eq!(version, newest + 1, "versions follow each other: {task:?}");
        let mut rows = rows.to_vec();
        match task {
            Task::Append(ids) => rows.extend(ids),
            Task::Delete(ids) => {
                let before = rows.len();
                rows.retain(|id| !ids.contains(id));
                assert_eq!(done.rows, (before - rows.len()) as u64, "as many as it says: {task:?}");
                assert!(done.rows > 0, "{task:?}");
            }
            Task::Overwrite(ids) => rows.clone_from(ids),
            Task::Compact | Task::Interval(_) | Task::Nullable(_) => {}
            Task::Restore(version) => rows.clone_from(&self.0[version]),
        }
        rows.sort_unstable();
        self.0.insert(version, rows);
    }

    /// Runs what two processes did, in the order of their versions. Who found nothing to do found nothing after the other.
    fn run_both(&mut self, tasks: &Tasks, raced: &Raced) {
        let mut both = [(&tasks.left, &raced.left), (&tasks.right, &raced.right)];
        both.sort_by_key(|(_, done)| version_of(done).unwrap_or(u64::MAX));
        for (task, done) in both {
            self.run(task, done);
            if let (Task::Delete(ids), Outcome::Nothing) = (task, &done.outcome) {
                assert!(!self.newest().1.iter().any(|id| ids.contains(id)), "there was something to delete: {raced:?}");
            }
        }
    }
}

/// The two processes and what their table has to hold.
struct Race {
    left: Served,
    right: Served,
    model: Model,
    reader: Reader,
}

impl Race {
    fn round(&mut self, begin: Begin, tasks: &Tasks) -> Raced {
        for task in &tasks.before {
            let done = self.left.carry_out(task);
            self.model.run(task, &done);
        }
        let version = self.model.newest().0;
        assert_eq!([self.left.refresh(), self.right.refresh()], [version; 2]);
        let (left, right) = match begin {
            Begin::Loose => {
                self.left.tell(&Order::Do(tasks.left.clone(), Start::AtOnce));
                self.right.tell(&Order::Do(tasks.right.clone(), Start::AtOnce));
                (self.left.hear_done(), self.right.hear_done())
            }
            _ => {
                self.left.hold(&tasks.left);
                self.right.hold(&tasks.right);
                self.left.hear_waiting();
                self.right.hear_waiting();
                self.let_go(begin)
            }
        };
        Raced { begin, left, right, deleted_rows: Vec::new() }
    }

    fn let_go(&mut self, begin: Begin) -> (Done, Done) {
        match begin {
            Begin::LeftFirst => {
                self.left.tell(&Order::Go);
                let left = self.left.hear_done();
                self.right.tell(&Order::Go);
                (left, self.right.hear_done())
            }
            Begin::RightFirst => {
                self.right.tell(&Order::Go);
                let right = self.right.hear_done();
                self.left.tell(&Order::Go);
                (self.left.hear_done(), right)
            }
            Begin::Together | Begin::Loose => {
                self.left.tell(&Order::Go);
                self.right.tell(&Order::Go);
                (self.left.hear_done(), self.right.hear_done())
            }
        }
    }
}

/// So many rounds of a pair, on one table.
pub(super) async fn race(place: Place, test: &str, pair: &Pair, rounds: i64) {
    drop(place.create().await);
    let model = Model([(0, Vec::new())].into());
    let (left, right) = (Served::start(&place, 1), Served::start(&place, 1));
    let mut race = Race { left, right, model, reader: place.reader() };
    let (mut followed, mut met_loosely, mut left_won) = (0, 0, 0);
    for round in 0..rounds {
        let begin = BEGINS[round as usize % BEGINS.len()];
        let tasks = (pair.tasks)(100 * round, race.model.newest().0);
        let mut raced = race.round(begin, &tasks);
        race.model.run_both(&tasks, &raced);
        let (version, rows) = race.model.newest();
        assert_eq!(race.reader.refresh().await, version, "nothing else was committed: {raced:?}");
        assert_eq!(race.reader.ids().await, rows, "round {round}: {raced:?}");
        raced.deleted_rows = race.reader.deleted_rows().await;
        for (task, done) in [(&tasks.left, &raced.left), (&tasks.right, &raced.right)] {
            // A restore opens the older version; its commit lists nothing either.
            let may_list = matches!(task, Task::Restore(_));
            assert!(may_list || done.lists == 0, "no commit lists the log: {raced:?}");
        }
        assert!(!raced.met() || raced.followed(), "one came first: {raced:?}");
        (pair.check)(&raced);
        followed += i64::from(raced.followed());
        met_loosely += i64::from(!raced.met() && raced.followed());
        left_won += i64::from(begin == Begin::Together && std::ptr::eq(raced.in_order()[0], &raced.left));
    }
    race.left.end();
    race.right.end();
    let (_, rows) = race.model.newest();
    assert_eq!(scanned(&place).await, rows, "the engine reads the same");
    let of = |begin| (0..rounds).filter(|round| BEGINS[*round as usize % BEGINS.len()] == begin).count();
    let (together, loose) = (of(Begin::Together), of(Begin::Loose));
    say(&format!(
        "{test}: {rounds} rounds, in {followed} one followed the other; let go together, the left came first {left_won} times of \
         {together}; of {loose} loose ones {met_loosely} met"
    ));
    assert!(followed > 0, "two commits met");
}
