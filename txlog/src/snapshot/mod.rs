//! What the table is at one version.

mod columns;
mod files;

pub use columns::{DeletionVectorColumns, FileColumns, FileRef, map_lookup};
pub use files::{Files, RowIndex};
