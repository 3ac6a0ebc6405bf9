//! What is asked of each engine? The same few things, through the API that its users have.

mod delta_rs;
mod kernel;
mod ours;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;

use crate::Res;
use crate::place::Place;
use crate::table::Expected;

/// An engine.
#[async_trait]
pub trait Engine: Send + Sync {
    /// The newest version, and how many columns the schema has. No more of the log is read than the engine reads for that.
    async fn schema(&self, place: &Place) -> Res<(u64, usize)> {
        self.load(place).await?.version()
    }

    /// A handle that its users would ask for files, refresh and commit with.
    async fn load(&self, place: &Place) -> Res<Box<dyn Handle>>;
}

/// A table that an engine has opened.
#[async_trait]
pub trait Handle: Send {
    /// The version, and how many columns the schema has.
    fn version(&self) -> Res<(u64, usize)>;

    /// Looks at path, size, partition values, vector and, where wanted, statistics of every live file.
    async fn files(&mut self, statistics: WantedStatistics) -> Res<Found>;

    /// The sum of `size` over every live file, counted anew from its column.
    async fn sum_of_sizes(&mut self) -> Res<i64>;

    /// Goes on to the newest version.
    async fn refresh(&mut self) -> Res<()>;

    /// How many live files may have an `id` in the range.
    async fn prune(&mut self, ids: Range<i64>) -> Res<u64>;

    /// Writes a checkpoint of the handle's version.
    async fn checkpoint(&mut self) -> Res<()>;

    /// Appends the nth file. What it puts is made ready outside of what is timed.
    fn prepare(&self, number: u64) -> Res<Append>;

    /// Commits what was prepared.
    async fn append(&mut self, append: Append) -> Res<()>;
}

/// An append that only has to be committed, as its engine wants it.
pub type Append = Box<dyn std::any::Any + Send>;

/// Which statistics are looked at, beside everything else that is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedStatistics {
    /// JSON text, as the log has it.
    Json,
    /// Typed columns, as the log has them.
    Parsed,
    /// None.
    None,
}

/// What an engine found in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What has to be right.
    pub files: Expected,
    /// Values in partition maps.
    pub partition_values: u64,
    /// Bytes of statistics, in the form that the engine hands out.
    pub statistics_bytes: u64,
}

/// The engines' names, as results have them.
pub const NAMES: [&str; 4] = ["lakebed", "delta-rs", "delta-rs-lazy", "kernel"];

/// The engine of that name.
pub fn named(name: &str) -> Res<Arc<dyn Engine>> {
    match name {
        "lakebed" => Ok(Arc::new(ours::Lakebed)),
        "delta-rs" => Ok(Arc::new(delta_rs::Eager)),
        "delta-rs-lazy" => Ok(Arc::new(delta_rs::Lazy)),
        "kernel" => Ok(Arc::new(kernel::Kernel)),
        _ => Err(format!("no engine {name:?}; there are {NAMES:?}").into()),
    }
}
