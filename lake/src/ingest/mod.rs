//! Files of others (CSV, NDJSON, Parquet) as typed batches, in bounded memory, or an error that names file and line.
//!
//! Two passes over every byte. [`survey()`] reads all of it and settles one schema that every value fits, or refuses;
//! [`Survey::read`] reads again and hands out batches of that schema. A type taken from a sample can turn out wrong at the
//! last line, when most of the data has been written; a type taken from everything can't.
//!
//! | module | question it answers |
//! |---|---|
//! | [`source`] | which files does a location name, and how are they opened? |
//! | [`mod@format`] | what is in a file, by its name? |
//! | [`options`] | what does the caller say about the files? |
//! | `encoding` | where does the text of a file begin? |
//! | `bytes` | one file as a plain byte stream, decompressed, counted |
//! | `csv`, `json`, `parquet` | one format each: survey, then decode |
//! | `column` | scalar texts as an Arrow array |
//! | `text` | which value does a text stand for, exactly? |
//! | `kind` | which types fit everything seen of a column? |
//! | `evidence` | which type goes with what several files say? |
//! | `names` | which column names can a table hold? |
//! | [`survey()`] | which one schema fits all files? |
//! | `read` | the second pass as a stream |
//! | `fault` | how is a bad place in a file named? |

mod bytes;
mod column;
mod csv;
mod encoding;
mod evidence;
mod fault;
pub mod format;
mod json;
mod kind;
mod names;
pub mod options;
mod parquet;
mod read;
pub mod source;
mod survey;
mod text;

pub use format::Format;
pub use options::{Columns, CsvOptions, Header, Options};
pub use read::BatchStream;
pub use source::Source;
pub use survey::{FileSurvey, Progress, Renamed, Survey, survey};

#[cfg(test)]
mod tests;
