//! What is small, and how large may it become?

use std::time::Duration;

use lakebed::write::WriteOptions;
use lakebed_txlog::action::Metadata;
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::{Error, Result};

/// Which files with deletion vectors are rewritten without the deleted rows. A small file that is put together with
/// others always is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Purge {
    /// None beside those.
    #[default]
    Along,
    /// Also those, of any size, of whose rows at least this share is deleted, from 0 to 1; and those that don't say how
    /// many rows they have.
    AtLeast(f64),
    /// All.
    All,
}

/// How a table is compacted.
#[derive(Clone, Debug, PartialEq)]
pub struct CompactionOptions {
    /// Files are put together up to this many bytes.
    pub target_size_bytes: u64,
    /// A file below this many bytes is small.
    pub min_file_size_bytes: u64,
    /// At most this many files become one.
    pub max_files_per_group: usize,
    /// Which files with deletion vectors are rewritten.
    pub purge: Purge,
    /// How many groups one commit holds: more make fewer versions, and more to do again when a commit is lost.
    pub groups_per_commit: usize,
    /// What files in the making may hold in memory, in bytes.
    pub memory_bytes: usize,
    /// How long one commit goes on.
    pub commit: CommitOptions,
    /// After this long, groups that others' commits came in between of aren't begun again.
    pub deadline: Duration,
}

impl Default for CompactionOptions {
    fn default() -> CompactionOptions {
        let write = WriteOptions::default();
        CompactionOptions {
            target_size_bytes: write.target_file_bytes,
            min_file_size_bytes: small_below(write.target_file_bytes),
            max_files_per_group: 1000,
            purge: Purge::default(),
            groups_per_commit: 16,
            memory_bytes: write.memory_bytes,
            commit: CommitOptions::default(),
            deadline: Duration::from_secs(30 * 60),
        }
    }
}

impl CompactionOptions {
    /// The defaults, with the target that the table's property `delta.targetFileSize` sets.
    ///
    /// # Errors
    /// [`InvalidRequest`](lakebed::ErrorKind::InvalidRequest) where the property isn't a size.
    pub fn for_table(metadata: &Metadata) -> Result<CompactionOptions> {
        let target = WriteOptions::for_table(metadata)?.target_file_bytes;
        Ok(CompactionOptions::default().with_target(target))
    }

    /// The same with another target, and what is small in proportion to it.
    #[must_use]
    pub fn with_target(self, target_size_bytes: u64) -> CompactionOptions {
        CompactionOptions { target_size_bytes, min_file_size_bytes: small_below(target_size_bytes), ..self }
    }

    /// # Errors
    /// [`InvalidRequest`](lakebed::ErrorKind::InvalidRequest), naming the option that can't be met.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |what: &str| Err(Error::invalid(format!("{what} is out of range")));
        if self.target_size_bytes == 0 {
            return refuse("target_size_bytes (at least 1)");
        }
        if self.min_file_size_bytes > self.target_size_bytes {
            return refuse("min_file_size_bytes (at most target_size_bytes)");
        }
        if self.max_files_per_group < 2 {
            return refuse("max_files_per_group (at least 2)");
        }
        if self.groups_per_commit == 0 {
            return refuse("groups_per_commit (at least 1)");
        }
        if matches!(self.purge, Purge::AtLeast(share) if !(0.0..=1.0).contains(&share)) {
            return refuse("the share of deleted rows (0 to 1)");
        }
        Ok(())
    }

    /// How the outputs are written. Encoded anew, a group may take more bytes than its sources: it still makes one
    /// file, not one and a small rest, so that the next run finds nothing to do.
    pub(crate) fn write_options(&self) -> WriteOptions {
        WriteOptions {
            target_file_bytes: self.target_size_bytes.saturating_add(self.target_size_bytes / 2),
            memory_bytes: self.memory_bytes,
            ..WriteOptions::default()
        }
    }
}

/// A file of three quarters of the target gains too little for what it costs to be written again.
fn small_below(target: u64) -> u64 {
    (target / 4).saturating_mul(3).max(1)
}
