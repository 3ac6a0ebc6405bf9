//! Which files can a predicate skip?
//!
//! | file | question it answers |
//! |---|---|
//! | [`ast`] | what is asked of a row? |
//! | [`literal`] | what constant is a column compared with? |
//! | [`prune`] | which files may hold a matching row, and in which does every row match? |
//! | `known` | what has been worked out of a batch of files before? |
//! | `outcome` | what can a predicate come to over the rows of a file? |
//! | `facts` | what is known of one column's values in each file? |
//! | `coerce` | in which type can a column and a literal be compared without loss? |
//! | `within` | does one of many values lie within a file's bounds? |
//!
//! The same evaluator serves file skipping, metadata-only deletes and conflict detection, so they can't disagree.

pub mod ast;
pub mod literal;
pub mod prune;

mod coerce;
mod facts;
mod known;
mod outcome;
mod within;

pub use ast::{Comparison, Predicate};
pub(crate) use facts::{Facts, settled};
pub use known::KnownColumns;
pub(crate) use known::{ColumnKey, evict};
pub use literal::{Literal, Literals};
pub(crate) use prune::with_rows;
pub use prune::{NanBounds, PruneInput, may_match, must_match};
