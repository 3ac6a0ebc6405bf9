//! What does the commit loop do next, and how can it end?
//!
//! | module | question it answers |
//! |---|---|
//! | [`machine`] | after this answer of the store, what does the commit loop do next? |
//! | [`trust`] | when is what a handle knows, or was told, not enough to go by? |
//! | `turn` | how long does a commit that lost a race wait before it tries again? |
//!
//! All of them are pure. The loop that talks to the store is [`crate::drive`]'s.

pub mod machine;
pub mod trust;
pub(crate) mod turn;

pub use machine::{End, Event, Machine, Step};

use crate::conflict::Conflict;
use crate::snapshot::Snapshot;
use crate::version::Version;

/// How a commit ended. What was expected to be possible is a value; an error is what wasn't.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The transaction is this version, which is the snapshot's.
    Committed {
        /// The table with it.
        snapshot: Snapshot,
        /// How many log entries were put, lost races included.
        attempts: u32,
    },
    /// Another commit has done what this one was to do: its application has come as far. Nothing was written.
    AlreadyApplied {
        /// The application.
        app_id: String,
        /// How far it has come.
        version: i64,
    },
    /// A commit that the transaction did not see stands in the way. Nothing was written.
    Conflicted(Conflict),
    /// It could not be found out from the store. The transaction may or may not be version `version`; whoever can
    /// reach the store tells by `commitInfo.txnId`. None of its data files may be deleted.
    Indeterminate {
        /// The version that it may be.
        version: Version,
        /// Its id.
        txn_id: String,
    },
}

#[cfg(test)]
mod tests;
