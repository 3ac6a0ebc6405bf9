//! Parquet: what its columns are, and its rows as batches.

mod chunks;
mod decode;
mod fit;
mod survey;

pub(super) use decode::decode;
pub(super) use fit::widens;
pub(super) use survey::{Declared, survey};
