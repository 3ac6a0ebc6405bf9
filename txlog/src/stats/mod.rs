//! Statistics of data files: written while a file is encoded, read back as typed columns.
//!
//! | file | question it answers |
//! |---|---|
//! | [`mod@column`] | which column's statistics are asked for? |
//! | [`choose`] | which leaves get statistics? |
//! | [`bounds`] | what are the smallest and largest values of a leaf so far? |
//! | [`mod@write`] | what does `add.stats` say about this file? |
//! | [`loosen`] | what does it say once some of the rows are deleted? |
//! | [`read`] | what do the statistics of *n* files say, as columns? |
//! | [`scan`] | where in the JSON text are the values that were asked for? |
//! | `layout` | is this text laid out as one before it? |
//! | [`value`] | what bound does one JSON value give, in the type that the column has today? |
//! | [`structs`] | what are the statistics as the struct that a checkpoint holds, and back as text? |
//! | [`typed`] | the same, for statistics that a checkpoint holds as `stats_parsed` |
//!
//! See the protocol's "Per-file Statistics". A value that is absent, malformed, or that some known writer rounds the
//! wrong way is *unknown* (null) here, or widened until it is a bound again: it never is a wrong bound.

pub mod choose;
pub mod column;
pub mod loosen;
pub mod read;
pub mod structs;
pub mod write;

mod bounds;
mod layout;
mod scan;
mod typed;
mod value;

pub use crate::schema::ColumnPath;
pub use choose::indexed_columns;
pub use column::StatsColumn;
pub use loosen::loosened;
pub use read::{ColumnStats, ParsedStats, StatsReader};
pub use structs::StatsStruct;
pub use write::StatsCollector;
