//! What is a writer of another process told to do, and what does it say? A line of JSON each, over its stdin and stdout.
//!
//! | told | says | |
//! |---|---|---|
//! | `Open` | `At` | so many handles on the table |
//! | `Refresh` | `At` | the first handle goes on to the newest version |
//! | `Do`, at once | `Done` | one task, by the first handle |
//! | `Do`, held | `Waiting` | all but the commit is done: it waits in front of its first put |
//! | `Go` | `Done` | that put is made |
//! | `Append` | `Appended` | every handle appends, one commit after another |

use serde::{Deserialize, Serialize};

/// What a writer is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Open so many handles.
    Open(u32),
    /// Look for the newest version.
    Refresh,
    /// Carry out a task.
    Do(Task, Start),
    /// Make the put that was held.
    Go,
    /// Append on every handle: `steps` commits of [`Plan::Appends`](crate::plan::Plan::Appends). The ids of the first handle
    /// begin at `first`, those of each next one at the next writer's.
    Append {
        /// Where the ids begin.
        first: i64,
        /// Commits of each handle.
        steps: u32,
    },
}

/// When a task's first commit is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// When it is ready.
    AtOnce,
    /// When it is ready, and [`Order::Go`] was told.
    Held,
}

/// Something that makes one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Appends rows of these ids, in one file.
    Append(Vec<i64>),
    /// Deletes the rows of these ids.
    Delete(Vec<i64>),
    /// Puts rows of these ids in place of the table's.
    Overwrite(Vec<i64>),
    /// Puts all files into one.
    Compact,
    /// Makes the table what it was at a version.
    Restore(u64),
    /// Sets `delta.checkpointInterval`, which matters to no other commit.
    Interval(u32),
    /// Says whether `note` may be NULL, which matters to every other commit.
    Nullable(bool),
}

/// What a writer says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Said {
    /// The newest version.
    At(u64),
    /// The first put is held.
    Waiting,
    /// A task has ended.
    Done(Done),
    /// Every append is in the table.
    Appended {
        /// Each of them, handle by handle.
        commits: Vec<Commit>,
        /// What the log was asked, all handles together.
        requests: LogRequests,
    },
}

/// How a task ended, and what it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// How.
    pub outcome: Outcome,
    /// Rows that it deleted.
    pub rows: u64,
    /// Log entries that it put or tried to.
    pub puts: usize,
    /// Log entries put by the attempt that landed, where the engine says so: fewer than `puts` where it planned again.
    pub attempts: Option<u32>,
    /// Reads of data files.
    pub reads: usize,
    /// Listings of the log.
    pub lists: usize,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is this version.
    Landed(u64),
    /// There was nothing to do, or left to do.
    Nothing,
    /// It could not follow another commit. Nothing of it is in the table.
    Conflict(String),
}

/// One of many appends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// The handle, from 0.
    pub handle: u32,
    /// The step of the plan.
    pub step: u32,
    /// The version that it became.
    pub version: u64,
    /// Log entries put for it.
    pub attempts: u32,
    /// From the call to its end, the data file included.
    pub millis: f64,
}

/// Requests of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRequests {
    /// Puts if nothing is there: of commits, checksums and checkpoints.
    pub create: u64,
    /// Those of them that are commits.
    pub commit: u64,
    /// Reads.
    pub get: u64,
    /// Listings.
    pub list: u64,
    /// Any other put: of `_last_checkpoint`.
    pub put: u64,
}
