//! Compaction: the same rows in fewer, larger files.
//!
//! | module | question it answers |
//! |---|---|
//! | [`options`] | what is small, and how large may it become? |
//! | [`mod@choose`] | which files are put together? (pure) |
//! | [`rewrite`] | how do the rows of some files come into others? |
//! | [`mod@compact`] | how does that become part of the table, beside other writers? |
//! | [`report`] | what was done, and how far is it? |
//!
//! A compaction changes no row: its actions carry `dataChange=false`, so that who follows the table's changes passes it
//! over. It deletes nothing: the files it replaces stay for older versions, until vacuum takes them.

pub mod choose;
pub mod compact;
pub mod options;
pub mod report;
mod rewrite;

pub use choose::{Group, Plan, Source, choose};
pub use compact::{compact, plan};
pub use options::{CompactionOptions, Purge};
pub use report::{Progress, Report};
