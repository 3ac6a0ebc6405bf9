//! Which rows of a batch are live?

use std::sync::{Arc, OnceLock};

use arrow::array::Array;
use arrow::buffer::{BooleanBuffer, Buffer};

use super::columns::{FileColumns, FileRef};
use super::index::PathIndex;
use super::stats::StatsSource;
use crate::predicate::KnownColumns;

/// Rows of file actions, of which some are live. Cheap to clone: what is the same in two snapshots is shared.
#[derive(Clone, Debug)]
pub struct Batch {
    columns: Arc<FileColumns>,
    /// One bit a row, by words; every row where it is `None`.
    live: Option<Arc<Vec<u64>>>,
    num_live: usize,
    index: Arc<OnceLock<PathIndex>>,
    known: Arc<KnownColumns>,
}

impl Batch {
    /// A batch whose rows are all live.
    pub(super) fn new(columns: FileColumns) -> Batch {
        let num_live = columns.len();
        let (columns, index, known) = (Arc::new(columns), Arc::default(), Arc::default());
        Batch { columns, live: None, num_live, index, known }
    }

    /// The rows, live or not.
    #[must_use]
    pub fn columns(&self) -> &Arc<FileColumns> {
        &self.columns
    }

    /// How many rows there are, live or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// How many rows are live.
    #[must_use]
    pub fn num_live(&self) -> usize {
        self.num_live
    }

    /// Whether a row is live.
    #[must_use]
    pub fn is_live(&self, row: usize) -> bool {
        self.live.as_ref().is_none_or(|live| live[row / 64] >> (row % 64) & 1 == 1)
    }

    /// A bit for each row: whether it is live.
    #[must_use]
    pub fn live(&self) -> BooleanBuffer {
        match &self.live {
            None => BooleanBuffer::new_set(self.len()),
            Some(words) => BooleanBuffer::new(Buffer::from_slice_ref(words.as_slice()), 0, self.len()),
        }
    }

    /// The live rows, ascending.
    pub(super) fn live_rows(&self) -> impl Iterator<Item = usize> {
        let words = self.live.as_ref().map(|live| live.as_slice());
        let num_words = self.len().div_ceil(64);
        let last = self.len() % 64;
        let word = move |at: usize| match words {
            Some(words) => words[at],
            None if at + 1 == num_words && last > 0 => (1 << last) - 1,
            None => u64::MAX,
        };
        (0..num_words).flat_map(move |at| Bits(word(at)).map(move |bit| at * 64 + bit))
    }

    /// The row of the live file at `path`, whose hash is given.
    pub(super) fn find(&self, path: &str, hash: u64) -> Option<usize> {
        if self.num_live == 0 {
            return None;
        }
        self.index().candidates(hash).rev().find(|row| self.is_live(*row) && self.columns.path.value(*row) == path)
    }

    /// The index by path, built on first use.
    pub(super) fn index(&self) -> &PathIndex {
        self.index.get_or_init(|| PathIndex::new(&self.columns))
    }

    pub(super) fn is_indexed(&self) -> bool {
        self.index.get().is_some()
    }

    /// What has been worked out of the batch's columns for pruning.
    #[must_use]
    pub fn known(&self) -> &KnownColumns {
        &self.known
    }

    /// Marks a row as dead; whether it was live.
    pub(super) fn kill(&mut self, row: usize) -> bool {
        if !self.is_live(row) {
            return false;
        }
        let len = self.len();
        let live = self.live.get_or_insert_with(|| {
            let mut words = vec![u64::MAX; len.div_ceil(64)];
            if let (Some(last), 1..) = (words.last_mut(), len % 64) {
                *last = (1 << (len % 64)) - 1;
            }
            Arc::new(words)
        });
        Arc::make_mut(live)[row / 64] &= !(1 << (row % 64));
        self.num_live -= 1;
        true
    }

    /// The rows of `parts`, one batch after the other, each as live as before.
    ///
    /// # Errors
    /// As [`FileColumns::concatenated`].
    pub(super) fn concatenated(parts: &[Batch]) -> crate::Result<Batch> {
        let columns: Vec<&FileColumns> = parts.iter().map(|part| part.columns.as_ref()).collect();
        let mut batch = Batch::new(FileColumns::concatenated(&columns)?);
        let mut first = 0;
        for part in parts {
            (0..part.len()).filter(|row| !part.is_live(*row)).for_each(|row| {
                batch.kill(first + row);
            });
            first += part.len();
        }
        Ok(batch)
    }

    /// The live rows with what is the same for all of them.
    pub(super) fn files(&self) -> impl Iterator<Item = (usize, FileRef<'_>)> {
        self.live_rows().map(|row| (row, self.columns.row(row)))
    }

    /// The sum of `size` over the live rows: one pass over the numbers, by words of the bitmap.
    #[must_use]
    pub fn sum_of_sizes(&self) -> i64 {
        let Some(live) = &self.live else { return arrow::compute::sum(&self.columns.size).unwrap_or(0) };
        let sizes = self.columns.size.values();
        let known = self.columns.size.nulls();
        let mut sum = 0_i64;
        for (word, sizes) in live.iter().zip(sizes.chunks(64)) {
            if *word == u64::MAX && known.is_none() {
                sum = sum.wrapping_add(sizes.iter().fold(0, |sum, size| sum.wrapping_add(*size)));
            } else {
                sum = Bits(*word).fold(sum, |sum, bit| sum.wrapping_add(sizes.get(bit).copied().unwrap_or(0)));
            }
        }
        sum
    }

    /// Bytes of memory held, but for the sources of statistics, which are given to `source`.
    pub fn memory_size(&self, source: &mut dyn FnMut(&Arc<dyn StatsSource>)) -> usize {
        self.columns.memory_size(source)
            + self.live.as_ref().map_or(0, |live| live.capacity() * size_of::<u64>())
            + self.index.get().map_or(0, PathIndex::memory_size)
            + self.known.memory_size()
    }
}

/// The places of the bits that are set, ascending.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}
