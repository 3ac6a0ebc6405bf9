//! What is each parser fed, and what must hold of what it makes of it?
//!
//! | target | input | must hold, beside that nothing panics |
//! |---|---|---|
//! | [`checkpoint`] | a checkpoint in Parquet | fetched in pieces it says the same; rewritten it says the same |
//! | [`checksum`] | `N.crc` | printed and parsed again it says the same |
//! | [`commit_line`] | a commit | printed and parsed again it says the same |
//! | [`data_path`] | a path of the log | it lies in the table or is absolute; encoded and decoded again it is the same |
//! | [`deletion_vector`] | a vector, or a descriptor | what is read is written back as the same rows |
//! | [`last_checkpoint`] | `_last_checkpoint` | printed and parsed again it says the same |
//! | [`log_name`] | a name under `_delta_log` | it prints as it was |
//! | [`log_open`] | the files of a log | commits alone: what opens is what they replay to |
//! | [`log_plan`] | a listing and a hint | a plan has no gap |
//! | [`log_replay`] | commits one after another | any split replays to the same, and to what a naive model says |
//! | [`partition_value`] | a type and a text | its canonical text stands for the same value |
//! | [`schema_string`] | `metaData.schemaString` | printed and parsed again it is the same; bounds on depth and fields hold |
//! | [`statistics`] | `add.stats` of files | each alone says what it says among others; bounds don't cross, nor tighten |
//!
//! Every target has a bound of memory by the size of its input ([`Memory`]).

pub mod checkpoint;
pub mod checksum;
pub mod commit_line;
pub mod data_path;
pub mod deletion_vector;
pub mod last_checkpoint;
pub mod log_name;
pub mod log_open;
pub mod log_plan;
pub mod log_replay;
pub mod partition_value;
pub mod schema_string;
pub mod statistics;

/// Something that is fed bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, that of its module, its binary and its folder of seeds.
    pub name: &'static str,
    /// Feeds it, and panics where something doesn't hold.
    pub run: fn(&[u8]),
    /// What it may hold in memory.
    pub memory: Memory,
}

/// A bound on the bytes held at a time, by the size of the input.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Whatever the input.
    pub base: usize,
    /// For each byte of it.
    pub per_byte: usize,
}

/// Every target.
pub const ALL: [Target; 13] = [
    checkpoint::TARGET,
    checksum::TARGET,
    commit_line::TARGET,
    data_path::TARGET,
    deletion_vector::TARGET,
    last_checkpoint::TARGET,
    log_name::TARGET,
    log_open::TARGET,
    log_plan::TARGET,
    log_replay::TARGET,
    partition_value::TARGET,
    schema_string::TARGET,
    statistics::TARGET,
];
