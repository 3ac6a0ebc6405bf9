//! How results look.
//!
//! | module | question it answers |
//! |---|---|
//! | `people` | rows and facts as tables on a terminal |
//! | `json` | rows as NDJSON |
//! | `csv` | rows as CSV |
//! | `rows` | a stream of batches in the form asked for |
//! | `file` | a stream of batches as a file, by its extension |
//! | `units` | bytes, counts, times and durations in words |

pub(crate) mod csv;
pub(crate) mod file;
pub(crate) mod json;
pub(crate) mod people;
pub(crate) mod rows;
pub(crate) mod units;

/// Who reads the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A person at a terminal.
    People,
    /// A program that reads JSON.
    Json,
    /// A program that reads CSV.
    Csv,
}
