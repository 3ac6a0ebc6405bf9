//! Do two sets of file actions have the same keys, counts and sizes? Told without holding either.

use arrow::array::Array;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::files::{FileColumns, FileRef, Files};

/// What stays of file actions when their order and all but their keys and sizes are forgotten. Adding those of the
/// parts gives that of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many `add` there are.
    pub num_adds: u64,
    /// How many `remove` there are.
    pub num_removes: u64,
    /// The sum of their `add.size`, in bytes.
    pub size_in_bytes: i64,
    /// The sum of xxh3-128 over (`path`, vector's id) of every `add`.
    add_keys: u128,
    /// The same of every `remove`.
    remove_keys: u128,
}

impl Tally {
    /// That of a snapshot's live files.
    pub(super) fn of_files(files: &Files) -> Tally {
        let add_keys = files.iter().map(key).fold(0, u128::wrapping_add);
        Tally { num_adds: files.len(), size_in_bytes: files.size_in_bytes(), add_keys, ..Tally::default() }
    }

    /// That of these `add` rows.
    pub(super) fn of_adds(adds: &FileColumns) -> Tally {
        Tally {
            num_adds: adds.len() as u64,
            size_in_bytes: arrow::compute::sum(&adds.size).unwrap_or(0),
            add_keys: keys(adds),
            ..Tally::default()
        }
    }

    /// That of these `remove` rows.
    pub(super) fn of_removes(removes: &FileColumns) -> Tally {
        Tally { num_removes: removes.len() as u64, remove_keys: keys(removes), ..Tally::default() }
    }

    /// Adds one `remove`.
    pub(super) fn count_remove(&mut self, remove: FileRef<'_>) {
        self.num_removes += 1;
        self.remove_keys = self.remove_keys.wrapping_add(key(remove));
    }

    /// Adds what another part holds.
    pub fn add(&mut self, part: Tally) {
        self.num_adds += part.num_adds;
        self.num_removes += part.num_removes;
        self.size_in_bytes = self.size_in_bytes.wrapping_add(part.size_in_bytes);
        self.add_keys = self.add_keys.wrapping_add(part.add_keys);
        self.remove_keys = self.remove_keys.wrapping_add(part.remove_keys);
    }

    /// How many actions there are.
    #[must_use]
    pub fn num_actions(&self) -> u64 {
        self.num_adds + self.num_removes
    }
}

fn keys(columns: &FileColumns) -> u128 {
    (0..columns.path.len()).map(|row| key(columns.row(row))).fold(0, u128::wrapping_add)
}

fn key(file: FileRef<'_>) -> u128 {
    let Some(vector) = file.deletion_vector() else { return xxh3_128(file.path().as_bytes()) };
    let mut hash = Xxh3::new();
    hash.update(file.path().as_bytes());
    // No path holds a NUL, so that no path is another one with a vector.
    hash.update(&[0]);
    hash.update(vector.unique_id().as_bytes());
    hash.digest128()
}
