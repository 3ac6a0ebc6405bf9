//! Which positions are deleted, and which runs of rows are left?

use std::fmt;
use std::iter::Peekable;
use std::ops::Range;

use roaring::RoaringTreemap;

use crate::error::{Error, Result};

/// A set of positions in one data file: rows counted from zero, in file order, that are deleted.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DeletionVector {
    positions: RoaringTreemap,
}

impl DeletionVector {
    /// A vector that deletes nothing.
    #[must_use]
    pub fn new() -> DeletionVector {
        DeletionVector::default()
    }

    pub(crate) fn from_bitmap(positions: RoaringTreemap) -> DeletionVector {
        DeletionVector { positions }
    }

    pub(crate) fn bitmap(&self) -> &RoaringTreemap {
        &self.positions
    }

    /// Deletes the row at `position`. True when it wasn't deleted before.
    pub fn insert(&mut self, position: u64) -> bool {
        self.positions.insert(position)
    }

    /// Deletes every row of `positions`. How many weren't deleted before.
    pub fn insert_range(&mut self, positions: Range<u64>) -> u64 {
        if positions.is_empty() { 0 } else { self.positions.insert_range(positions) }
    }

    /// Whether the row at `position` is deleted.
    #[must_use]
    pub fn contains(&self, position: u64) -> bool {
        self.positions.contains(position)
    }

    /// How many rows are deleted.
    #[must_use]
    pub fn cardinality(&self) -> u64 {
        self.positions.len()
    }

    /// How many of the rows in `rows` are deleted.
    #[must_use]
    pub fn cardinality_in(&self, rows: Range<u64>) -> u64 {
        if rows.is_empty() { 0 } else { self.positions.range_cardinality(rows) }
    }

    /// Whether no row is deleted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// The last deleted row.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.positions.max()
    }

    /// The deleted rows, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.positions.iter()
    }

    /// Rows deleted by this vector, the other, or both.
    #[must_use]
    pub fn union(&self, other: &DeletionVector) -> DeletionVector {
        DeletionVector { positions: &self.positions | &other.positions }
    }

    /// Rows deleted by this vector and not by the other.
    #[must_use]
    pub fn difference(&self, other: &DeletionVector) -> DeletionVector {
        DeletionVector { positions: &self.positions - &other.positions }
    }

    /// Whether some row is deleted by both.
    #[must_use]
    pub fn intersects(&self, other: &DeletionVector) -> bool {
        !self.positions.is_disjoint(&other.positions)
    }

    /// Whether every row that the other deletes is deleted by this vector too.
    #[must_use]
    pub fn is_superset(&self, other: &DeletionVector) -> bool {
        self.positions.is_superset(&other.positions)
    }

    /// Checks the vector against the file that it belongs to.
    ///
    /// # Errors
    ///
    /// Corrupt, when it deletes a row that a file of `num_records` rows doesn't have.
    pub fn check_rows(&self, num_records: u64) -> Result<()> {
        match self.last() {
            Some(last) if last >= num_records => Err(Error::corrupt(format!(
                "a deletion vector deletes row {last} (counted from 0) of a file of {num_records} rows"
            ))
            .hint("the vector belongs to another file, or the file was replaced: restore an earlier version")),
            _ => Ok(()),
        }
    }

    /// How the rows `rows` are read: runs of *skip so many, then select so many*, which add up to `rows`.
    ///
    /// Lazy, and as cheap as the vector has runs: a million adjacent deletions are one step. Every run but the first
    /// skips something, every run but the last selects something, none is empty; empty `rows` have none.
    pub fn live_runs(&self, rows: Range<u64>) -> impl Iterator<Item = RowRun> + '_ {
        LiveRuns { deleted: self.deleted_ranges(rows.start).peekable(), at: rows.start, end: rows.end }
    }

    /// Ranges of deleted rows, ascending, cut so that none begins before `start`. Adjacent ones aren't merged.
    fn deleted_ranges(&self, start: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        let (start_key, start_low) = (start >> 32, start as u32);
        self.positions.bitmaps().filter(move |(key, _)| u64::from(*key) >= start_key).flat_map(move |(key, bitmap)| {
            let key = u64::from(key);
            let mut positions = bitmap.iter();
            if key == start_key {
                positions.advance_to(start_low);
            }
            std::iter::from_fn(move || positions.next_range())
                .map(move |low| (key << 32 | u64::from(*low.start()))..(key << 32 | u64::from(*low.end())) + 1)
        })
    }
}

impl Extend<u64> for DeletionVector {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, positions: I) {
        self.positions.extend(positions);
    }
}

impl FromIterator<u64> for DeletionVector {
    fn from_iter<I: IntoIterator<Item = u64>>(positions: I) -> DeletionVector {
        DeletionVector { positions: positions.into_iter().collect() }
    }
}

impl fmt::Debug for DeletionVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeletionVector({} rows, last {:?})", self.cardinality(), self.last())
    }
}

/// A step of reading a file: first rows that are skipped, then rows that are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRun {
    /// How many deleted rows come first.
    pub skip: u64,
    /// How many live rows come then.
    pub select: u64,
}

struct LiveRuns<D: Iterator<Item = Range<u64>>> {
    deleted: Peekable<D>,
    at: u64,
    end: u64,
}

impl<D: Iterator<Item = Range<u64>>> Iterator for LiveRuns<D> {
    type Item = RowRun;

    fn next(&mut self) -> Option<RowRun> {
        if self.at >= self.end {
            return None;
        }
        let first = self.at;
        while let Some(range) = self.deleted.next_if(|range| range.start <= self.at && self.at < self.end) {
            self.at = range.end.min(self.end).max(self.at);
        }
        let skip = self.at - first;
        let until = self.deleted.peek().map_or(self.end, |next| next.start.min(self.end));
        let select = until - self.at;
        self.at = until;
        Some(RowRun { skip, select })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn runs(vector: &DeletionVector, rows: Range<u64>) -> Vec<(u64, u64)> {
        vector.live_runs(rows).map(|run| (run.skip, run.select)).collect()
    }

    #[test]
    fn runs_alternate_between_deleted_and_live() {
        let vector: DeletionVector = [0, 1, 4, 9].into_iter().collect();
        assert_eq!(runs(&vector, 0..10), [(2, 2), (1, 4), (1, 0)]);
        assert_eq!(runs(&vector, 0..12), [(2, 2), (1, 4), (1, 2)]);
        assert_eq!(runs(&vector, 1..5), [(1, 2), (1, 0)]);
        assert_eq!(runs(&vector, 5..9), [(0, 4)]);
        assert_eq!(runs(&vector, 4..5), [(1, 0)]);
        assert_eq!(runs(&vector, 3..3), []);
        assert_eq!(runs(&DeletionVector::new(), 0..5), [(0, 5)]);
    }

    #[test]
    fn adjacent_deletions_are_one_run_across_containers_and_buckets() {
        let mut vector = DeletionVector::new();
        let deleted = 1_000u64..(3 << 32);
        assert_eq!(vector.insert_range(deleted.clone()), (3 << 32) - 1_000);
        assert_eq!(runs(&vector, 0..u64::MAX), [(0, 1_000), ((3 << 32) - 1_000, u64::MAX - (3 << 32))]);
        assert_eq!(runs(&vector, (1 << 32)..(2 << 32)), [(1 << 32, 0)]);
        assert_eq!(vector.cardinality_in(0..2_000), 1_000);
    }

    #[test]
    fn a_deleted_row_past_the_end_of_the_file_is_an_error() {
        let vector: DeletionVector = [3, 7].into_iter().collect();
        vector.check_rows(8).unwrap();
        let error = vector.check_rows(7).unwrap_err();
        assert!(error.to_string().contains("row 7 (counted from 0) of a file of 7 rows"), "{error}");
        DeletionVector::new().check_rows(0).unwrap();
    }

    /// Positions close together, around the borders of containers and buckets.
    fn any_positions() -> impl Strategy<Value = BTreeSet<u64>> {
        let near = (prop::sample::select(vec![0u64, 65_536, 131_072, 1 << 32, (1 << 32) + 65_536, 5 << 32]), 0..300u64)
            .prop_map(|(border, distance)| (border + distance).saturating_sub(150));
        prop::collection::btree_set(near, 0..400)
    }

    proptest! {
        #[test]
        fn runs_say_what_contains_says(
            positions in any_positions(),
            window in (prop::sample::select(vec![0u64, 65_400, 131_000, (1 << 32) - 200]), 0..600u64, 0..900u64),
        ) {
            let vector: DeletionVector = positions.iter().copied().collect();
            let rows = window.0 + window.1..window.0 + window.1 + window.2;
            let (mut at, mut live) = (rows.start, Vec::new());
            let runs: Vec<RowRun> = vector.live_runs(rows.clone()).collect();
            for (index, run) in runs.iter().enumerate() {
                prop_assert!(index == 0 || run.skip > 0);
                prop_assert!(index + 1 == runs.len() || run.select > 0);
                prop_assert!(run.skip + run.select > 0);
                live.extend(at + run.skip..at + run.skip + run.select);
                at += run.skip + run.select;
            }
            prop_assert_eq!(at, rows.end);
            let expected: Vec<u64> = rows.clone().filter(|row| !positions.contains(row)).collect();
            prop_assert_eq!(vector.cardinality_in(rows.clone()), rows.end - rows.start - expected.len() as u64);
            prop_assert_eq!(live, expected);
        }

        #[test]
        fn sets_of_positions_behave_as_sets(a in any_positions(), b in any_positions()) {
            let (va, vb): (DeletionVector, DeletionVector) = (a.iter().copied().collect(), b.iter().copied().collect());
            prop_assert_eq!(va.union(&vb).iter().collect::<Vec<_>>(), a.union(&b).copied().collect::<Vec<_>>());
            prop_assert_eq!(va.difference(&vb).iter().collect::<Vec<_>>(), a.difference(&b).copied().collect::<Vec<_>>());
            prop_assert_eq!(va.intersects(&vb), !a.is_disjoint(&b));
            prop_assert_eq!(va.is_superset(&vb), a.is_superset(&b));
            prop_assert_eq!(va.cardinality(), a.len() as u64);
            prop_assert_eq!(va.last(), a.last().copied());
        }
    }
}
