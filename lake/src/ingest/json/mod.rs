//! NDJSON: what its columns are, and its lines as batches.

mod decode;
mod lines;
mod node;
mod shape;
mod survey;
mod value;

pub(super) use decode::decode;
pub(super) use shape::{Shape, known};
pub(super) use survey::{JsonSurvey, survey};
