//! How does DataFusion read a table?
//!
//! | file | question it answers |
//! |---|---|
//! | `scan` | which rows has a snapshot, or some of its files? |
//! | `filter` | what does a condition mean, and of which rows is it true? |
//! | `look` | do files that others added hold what a transaction looked for? |
//! | `session` | how are tables asked in SQL? |
//! | `travel` | which tables does a statement read, and at which versions? |
//! | `names` | which column does a name mean? |
//! | `dialect` | which SQL is understood? |
//! | `context` | how is DataFusion set up for Delta tables? |
//! | `zeros` | is `-0.0` equal to `0.0`? |
//! | `provider` | how is one version of a table a table to DataFusion? |
//! | `pushed` | what does a condition say that files can be judged by? |
//! | `files` | what is read of which files? |
//! | `vectors` | which rows of files are deleted? |
//! | `reader` | how are the bytes of data files fetched? |
//! | `columns` | under which schema are a table's rows read? |
//! | `adapt` | how does an expression over the table's columns read those of one file? |
//! | `fit` | how does a column of a file become the column that the table has? |
//! | `failure` | what does a failure inside DataFusion mean to a caller? |
//!
//! The leaf of every plan is a plain `DataSourceExec` over Parquet. Deletion vectors are row selections on its files, so
//! pushdown, page pruning and late materialisation work on under them.

mod adapt;
mod columns;
mod context;
mod dialect;
mod failure;
mod files;
mod filter;
mod fit;
mod floats;
mod literals;
mod look;
mod names;
mod provider;
mod pushed;
mod reader;
mod scan;
mod session;
mod travel;
mod vectors;
mod zeros;

#[cfg(test)]
mod tests;

pub use filter::{Filter, has_match, matching_rows, remaining_rows};
pub use look::LookFor;
pub use scan::{RowOrder, Rows, ScanRequest, scan};
pub use session::Session;
