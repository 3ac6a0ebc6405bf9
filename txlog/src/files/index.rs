//! Which row of a batch has a path?
//!
//! Rows sorted by the top bits of their path's hash, each with 16 more bits of it: 5 bytes a row, built in one counting
//! sort when something is first looked for, never changed, shared by every snapshot that shares the batch. What the hash
//! finds is a candidate: the paths themselves are compared, so that crafted collisions cost time, not truth.

use xxhash_rust::xxh3::xxh3_64;

use super::columns::FileColumns;

/// Rows that a batch may have, so that 16 bits name one.
pub const MAX_BATCH_ROWS: usize = 1 << 16;
/// Rows that share a bucket, on average.
const BUCKET_ROWS: usize = 4;

/// Where the rows of one batch are, by path.
#[derive(Debug)]
pub(super) struct PathIndex {
    /// How far a hash is shifted to give its bucket.
    shift: u32,
    /// Where each bucket starts, and the end.
    starts: Box<[u32]>,
    /// For each row: 16 bits of its hash, then 16 bits of its number.
    rows: Box<[u32]>,
}

/// The hash that the index goes by.
pub(super) fn hash(path: &str) -> u64 {
    xxh3_64(path.as_bytes())
}

impl PathIndex {
    /// The index of a batch of at most [`MAX_BATCH_ROWS`] rows.
    pub(super) fn new(columns: &FileColumns) -> PathIndex {
        assert!(columns.len() <= MAX_BATCH_ROWS, "a batch of {} rows", columns.len());
        let hashes: Vec<u64> = (0..columns.len()).map(|row| hash(columns.path.value(row))).collect();
        let bits = columns.len().div_ceil(BUCKET_ROWS).next_power_of_two().trailing_zeros().max(1);
        let mut index = PathIndex {
            shift: u64::BITS - bits,
            starts: vec![0; (1 << bits) + 1].into_boxed_slice(),
            rows: vec![0; columns.len()].into_boxed_slice(),
        };
        for hash in &hashes {
            index.starts[index.bucket(*hash) + 1] += 1;
        }
        for bucket in 1..index.starts.len() {
            index.starts[bucket] += index.starts[bucket - 1];
        }
        let mut next = index.starts.clone();
        for (row, hash) in hashes.into_iter().enumerate() {
            let place = &mut next[index.bucket(hash)];
            index.rows[*place as usize] = tag(hash) << 16 | u32::try_from(row).unwrap_or(0);
            *place += 1;
        }
        index
    }

    /// The rows whose path may be the one of this hash, ascending.
    pub(super) fn candidates(&self, hash: u64) -> impl DoubleEndedIterator<Item = usize> {
        let bucket = self.bucket(hash);
        let rows = &self.rows[self.starts[bucket] as usize..self.starts[bucket + 1] as usize];
        let tag = tag(hash);
        rows.iter().filter(move |row| **row >> 16 == tag).map(|row| (row & 0xffff) as usize)
    }

    /// Bytes of memory held.
    pub(super) fn memory_size(&self) -> usize {
        size_of::<PathIndex>() + size_of_val(&*self.starts) + size_of_val(&*self.rows)
    }

    fn bucket(&self, hash: u64) -> usize {
        // At least one bit is kept, at most 14.
        (hash >> self.shift) as usize
    }
}

/// The lowest bits: the bucket is made of the highest.
fn tag(hash: u64) -> u32 {
    (hash & 0xffff) as u32
}
