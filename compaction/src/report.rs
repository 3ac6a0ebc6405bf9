//! What was done, and how far is it?

use lakebed_txlog::Version;
use serde::Serialize;

/// What a compaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The versions it made; none where there was nothing to do.
    pub versions: Vec<Version>,
    /// Files replaced.
    pub num_files_removed: usize,
    /// Their bytes.
    pub bytes_removed: u64,
    /// Files made.
    pub num_files_added: usize,
    /// Their bytes.
    pub bytes_added: u64,
    /// Rows in them, which are the live rows of the files replaced as they were read.
    pub num_rows: u64,
    /// Rows that a vector had deleted, and that are in no file of the newest version any more.
    pub num_rows_purged: u64,
    /// How often another commit took a group's files away, so that its output was thrown away.
    pub num_groups_lost: usize,
    /// Groups that were given up after the deadline: there may be small files left.
    pub num_groups_left: usize,
}

/// How far a compaction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Groups written, committed or not.
    pub groups_done: usize,
    /// Groups of the plan.
    pub groups: usize,
    /// Bytes of the files read.
    pub bytes_done: u64,
    /// Bytes of all files to be read.
    pub bytes: u64,
}
