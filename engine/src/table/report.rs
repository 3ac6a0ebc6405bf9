//! What did a commit do?

use lakebed_txlog::Version;
use lakebed_txlog::snapshot::Snapshot;
use serde::Serialize;

/// What a commit did.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version it made.
    pub version: Version,
    /// Rows added.
    pub num_rows: u64,
    /// Data files added.
    pub num_files_added: usize,
    /// Data files removed.
    pub num_files_removed: usize,
    /// Bytes of the files added.
    pub bytes_added: u64,
    /// Log entries put, lost races included.
    pub attempts: u32,
    /// The table with it.
    #[serde(skip)]
    pub snapshot: Snapshot,
}

/// How a write ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum Written {
    /// It is this version.
    Committed(Report),
    /// Its application had come as far before; nothing was written.
    AlreadyApplied {
        /// The application.
        app_id: String,
        /// How far it has come.
        version: i64,
    },
    /// There was nothing to write.
    NothingToDo {
        /// The version that was read.
        version: Version,
    },
}

impl Written {
    /// The report of a commit, where one was made.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        match self {
            Written::Committed(report) => Some(report),
            _ => None,
        }
    }
}
