//! Does a condition find every row that it should, in as few files as it can?

use std::fmt;

use lakebed::query::{Filter, ScanRequest};
use lakebed::store::TableStore;
use lakebed_txlog::Result;
use lakebed_txlog::snapshot::Snapshot;

use super::case::{Case, Condition};
use super::check::Checked;
use super::rows::scan;

/// Of a hundred conditions, for so many we have to leave no more files than Spark leaves.
const GOAL_PERCENT: u64 = 95;

/// Files left after skipping, over some conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FilesLeft {
    /// By us.
    pub(super) ours: u64,
    /// By Spark.
    pub(super) sparks: u64,
    /// Of so many.
    pub(super) all: u64,
    /// The conditions.
    pub(super) conditions: u64,
    /// Those for which we leave no more than Spark.
    pub(super) reached: u64,
}

impl FilesLeft {
    /// What one condition leaves.
    pub(super) fn of_one(ours: u64, sparks: u64, all: u64) -> FilesLeft {
        FilesLeft { ours, sparks, all, conditions: 1, reached: u64::from(ours <= sparks) }
    }

    pub(super) fn add(&mut self, other: FilesLeft) {
        self.ours += other.ours;
        self.sparks += other.sparks;
        self.all += other.all;
        self.conditions += other.conditions;
        self.reached += other.reached;
    }

    /// What is wrong where the goal is missed.
    pub(super) fn fault(self) -> Option<String> {
        let missed = self.reached * 100 < self.conditions * GOAL_PERCENT;
        missed.then(|| format!("skipping misses its goal of {GOAL_PERCENT} %: {self}"))
    }
}

impl fmt::Display for FilesLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FilesLeft { ours, sparks, all, conditions, reached } = self;
        write!(f, "{reached} of {conditions} conditions leave no more files than Spark leaves; ")?;
        write!(f, "all leave {ours} of {all}, Spark {sparks}")
    }
}

/// Asks each condition of the case.
pub(super) async fn check(case: &Case, store: &TableStore, snapshot: &Snapshot, checked: &mut Checked) {
    for condition in &case.skipping {
        match ask(store, snapshot, condition).await {
            Ok((rows, _)) if rows != condition.rows => {
                checked.wrong(format!("{} finds {rows} rows instead of {}", condition.predicate_sql, condition.rows));
            }
            Ok((_, ours)) => {
                let left = FilesLeft::of_one(ours, condition.files_after_pruning, snapshot.num_files());
                checked.files_left.add(left);
                if left.reached == 0 {
                    let FilesLeft { ours, sparks, .. } = left;
                    checked.missed.push(format!("{} leaves {ours} files, Spark {sparks}", condition.predicate_sql));
                }
            }
            Err(error) => checked.refused(&condition.predicate_sql, &error),
        }
    }
}

/// How many rows match, and in how many files they are looked for.
async fn ask(store: &TableStore, snapshot: &Snapshot, condition: &Condition) -> Result<(u64, u64)> {
    let sql = in_our_sql(&condition.predicate_sql);
    let filter = Filter::parse(snapshot, &sql)?;
    let files = snapshot.prune(filter.predicate())?.len() as u64;
    let request = ScanRequest { filter: Some(sql), ..ScanRequest::default() };
    let (_, batches) = scan(store, snapshot, &request).await?;
    Ok((batches.iter().map(|batch| batch.num_rows() as u64).sum(), files))
}

/// Spark's SQL in ours: what is spelled in another way.
pub(super) fn in_our_sql(spark: &str) -> String {
    ["timestamp_ntz", "TIMESTAMP_NTZ"]
        .iter()
        .fold(spark.to_owned(), |sql, name| {
            sql.replace(&format!("{name}'"), "timestamp'").replace(&format!("{name} '"), "timestamp '")
        })
        .replace("double('nan')", "cast('nan' as double)")
}

#[test]
fn nineteen_of_twenty_conditions_reach_the_goal_and_eighteen_miss_it() {
    let mut left = FilesLeft::default();
    assert_eq!(left.fault(), None);
    left.add(FilesLeft::of_one(3, 2, 9));
    for _ in 0..18 {
        left.add(FilesLeft::of_one(1, 2, 9));
    }
    assert!(left.fault().is_some_and(|fault| fault.contains("18 of 19 conditions")), "{left}");
    left.add(FilesLeft::of_one(2, 2, 9));
    assert_eq!(left.fault(), None, "{left}");
    assert_eq!(left, FilesLeft { ours: 23, sparks: 40, all: 180, conditions: 20, reached: 19 });
}
