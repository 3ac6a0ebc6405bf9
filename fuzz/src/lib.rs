//! Hostile input for every parser of the log: what is fed, and what must hold of what comes of it.
//!
//! | module | question it answers |
//! |---|---|
//! | [`targets`] | what is each parser fed, and what must hold of what it makes of it? |
//! | [`harness`] | how does libFuzzer run a target? |
//! | [`memory`] | how much memory does a run hold at most? |
//!
//! [`targets`] stands alone: `tests/it/fuzz` compiles the same files and runs every seed, and what is made of seeds, on
//! each change, without libFuzzer.

pub mod harness;
pub mod memory;
pub mod targets;
