//! Which tables are measured? Logs alone, the same bytes on every run: files are named, never written.
//!
//! Each file stands for [`ROWS_A_FILE`] rows of five columns, with about 430 bytes of statistics. `id` grows from file to
//! file without a gap, so that an id range has a number of matching files that anyone can compute.

mod checkpoint;
mod commit;
mod file;
mod log;

pub use commit::append;
pub use file::{Bounds, File, ROWS_A_FILE};
pub use log::{Expected, Spec, Statistics, TAIL_COMMITS, Tail, commit_key, find, history, write};

/// The schema as `metaData.schemaString` has it.
pub const SCHEMA: &str = r#"{"type":"struct","fields":[{"name":"id","type":"long","nullable":true,"metadata":{}},{"name":"event_time","type":"timestamp","nullable":true,"metadata":{}},{"name":"device","type":"string","nullable":true,"metadata":{}},{"name":"reading","type":"double","nullable":true,"metadata":{}},{"name":"region","type":"string","nullable":true,"metadata":{}}]}"#;
/// Its columns.
pub const COLUMNS: usize = 5;
/// `metaData.id`.
pub const TABLE_ID: &str = "5a1e5b5d-0000-4000-8000-000000000001";
/// When everything happened, in ms.
pub const CREATED_MS: i64 = 1_767_225_600_000;

/// What the table asks of readers and writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Reader 1, writer 2: what every writer among the rivals can commit to.
    Plain,
    /// Reader 3, writer 7 with deletion vectors.
    Vectors,
}
