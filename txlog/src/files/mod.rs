//! Which files does a table have, as columns?
//!
//! | module | question it answers |
//! |---|---|
//! | `columns` | what does one file action say? |
//! | `live` | which files are live after these actions, and where is one of them? |

mod columns;
mod live;

pub use columns::{DeletionVectorColumns, FileColumns, FileRef, map_lookup};
pub use live::{Files, RowIndex};
