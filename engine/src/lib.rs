//! The table: what is stored where, how it is written, how it is read.
//!
//! | module | question it answers |
//! |---|---|
//! | [`store`] | where is the table, and how is it reached? |
//! | [`mod@write`] | how do Arrow batches become data files? |
//! | [`query`] | how does DataFusion read a table? |
//! | [`table`] | what can be done with a table? |
//! | [`cursor`] | how far has a promotion come? |
//! | [`promote`] | how does a change of one table reach the next, exactly once? |

pub mod cursor;
pub mod promote;
pub mod query;
pub mod store;
pub mod table;
pub mod write;

pub use lakebed_txlog::{Error, ErrorKind, Result, TimestampMs, Version};
pub use promote::{Promoted, Promotion, promote};
pub use table::{AppendOptions, CreateTable, OverwriteOptions, Replace, SchemaMode, Table, Written};
