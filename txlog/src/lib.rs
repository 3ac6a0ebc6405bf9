//! The Delta transaction log: what is in it, what it adds up to, and how a writer adds to it.
//!
//! | module | question it answers |
//! |---|---|
//! | [`action`] | what does one line of a commit say? |
//! | [`name`] | what is this file under `_delta_log`? |
//! | [`path`] | which object does `add.path` name, and may it be read? |
//! | [`schema`] | what are the columns, and what are they in Arrow? |
//! | [`partition`] | what value does a partition string stand for? |
//! | [`stats`] | what do a file's statistics say, and what do we write? |
//! | [`predicate`] | which files can a predicate skip? |
//! | [`protocol`] | what does a table demand, and do we implement it? |
//! | [`dv`] | which rows of a file are deleted? |
//! | [`segment`] | which log files make version *n*? |
//! | [`files`] | which files does a table have, as columns? |
//! | [`replay`] | what does a commit hold, and what does the table come to after it? |
//! | [`head`] | what is the table at version *n*, its files left out? |
//! | [`snapshot`] | what is the table at version *n*? |
//! | [`checkpoint`] | how is a snapshot written as one file, and read back? |
//! | [`pages`] | may the pages of these Parquet columns be decoded? |
//! | [`checksum`] | what does a version checksum say, and does the table agree with it? |
//! | [`transaction`] | what is to be committed? |
//! | [`mod@parallel`] | how is work on independent parts spread over the cores? |
//! | [`threads`] | on which thread does work run that would hold up other tasks? |
//! | [`conflict`] | may our commit follow one that we did not see? |
//! | [`commit`] | what does the commit loop do next, and how can it end? |
//! | [`drive`] | the only module that talks to a store: fetch, ask a decision, store |
//!
//! Everything but [`drive`] is pure: no I/O, no clock, no randomness. Clock and randomness come in through [`mod@env`];
//! bounds on outside input stand in [`limits`].

pub mod action;
#[cfg(test)]
mod cases;
pub mod checkpoint;
pub mod checksum;
pub mod commit;
pub mod conflict;
pub mod drive;
pub mod dv;
pub mod env;
pub mod error;
#[cfg(test)]
mod figures;
pub mod files;
pub mod head;
pub mod limits;
pub mod name;
pub mod pages;
mod parallel;
pub mod partition;
pub mod path;
pub mod predicate;
pub mod protocol;
pub mod replay;
pub mod schema;
pub mod segment;
pub mod snapshot;
pub mod stats;
pub mod threads;
pub mod transaction;
pub mod version;

pub use error::{Error, ErrorKind, Result};
pub use version::{TimestampMs, Version};
