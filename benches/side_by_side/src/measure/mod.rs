//! What did it take? Wall time and CPU time as medians, memory above the bare process.

pub mod clock;
pub mod memory;
mod series;

pub use series::{Repetitions, Series};
