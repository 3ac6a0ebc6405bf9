//! The live files of a snapshot: batches of columns, each with a bit for the rows that are live and an index by path.
//!
//! Following a commit shares every batch of the snapshot before and adds a small one, so its cost is the commit's, not the
//! table's. Small batches are put together, [`FAN_IN`] at a time, so that a handle that follows many commits has few. The
//! rows keep their places: a dead one stays until the table is opened anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::batch::Batch;
use super::columns::{FileColumns, FileRef};
use super::index::{MAX_BATCH_ROWS, hash};
use super::stats::StatsSource;
use crate::action::{Add, Remove};
use crate::error::{Error, Result};
use crate::parallel::in_parallel;

/// Position of a row over all batches.
pub type RowIndex = u32;

/// Batches of one size class that become one of the next.
const FAN_IN: usize = 16;

/// The files of a table at one version. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Files {
    batches: Vec<Placed>,
    num_live: u64,
    size_in_bytes: i64,
    /// Counts prunes, of all snapshots that follow each other.
    prunes: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
struct Placed {
    first: RowIndex,
    /// How often its rows have been put together with others; a checkpoint's never are.
    class: u8,
    batch: Batch,
}

const CHECKPOINT_CLASS: u8 = u8::MAX;

impl Files {
    /// The files of a checkpoint, every row live.
    ///
    /// # Errors
    /// [`Exhausted`](crate::ErrorKind::Exhausted) past 2³² rows.
    pub fn from_batches(batches: Vec<FileColumns>) -> Result<Files> {
        let mut files = Files::default();
        for columns in batches {
            files.push(columns, CHECKPOINT_CLASS)?;
        }
        Ok(files)
    }

    /// How many files are live.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.num_live
    }

    /// Whether no file is live.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.num_live == 0
    }

    /// The sum of `size` over the live files, in bytes. Kept, not computed.
    #[must_use]
    pub fn size_in_bytes(&self) -> i64 {
        self.size_in_bytes
    }

    /// The same sum, computed from the columns.
    #[must_use]
    pub fn sum_of_sizes(&self) -> i64 {
        self.live_batches().map(Batch::sum_of_sizes).fold(0, i64::wrapping_add)
    }

    /// The live files, oldest batch first.
    pub fn iter(&self) -> impl Iterator<Item = FileRef<'_>> {
        self.live_batches().flat_map(|batch| batch.files().map(|(_, file)| file))
    }

    /// The live files with the rows by which [`row`](Self::row) finds them again.
    pub fn iter_rows(&self) -> impl Iterator<Item = (RowIndex, FileRef<'_>)> {
        self.batches
            .iter()
            .flat_map(|placed| placed.batch.files().map(|(row, file)| (placed.first + row as RowIndex, file)))
    }

    /// The batches, each with the rows of it that are live, in ascending order.
    pub fn batches(&self) -> impl Iterator<Item = (&Arc<FileColumns>, Vec<u32>)> {
        self.live_batches().map(|batch| (batch.columns(), batch.live_rows().map(|row| row as u32).collect()))
    }

    /// The batches, oldest first.
    pub fn live_batches(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter().map(|placed| &placed.batch)
    }

    /// The live file at `path` (URI-encoded, as in the log).
    #[must_use]
    pub fn find(&self, path: &str) -> Option<FileRef<'_>> {
        let (at, row) = self.find_row(path)?;
        Some(self.batches[at].batch.columns().row(row))
    }

    /// The file at `row`, live or not.
    ///
    /// # Panics
    /// For a row that there isn't.
    #[must_use]
    pub fn row(&self, row: RowIndex) -> FileRef<'_> {
        let at = self.batches.partition_point(|placed| placed.first <= row) - 1;
        self.batches[at].batch.columns().row((row - self.batches[at].first) as usize)
    }

    /// Applies one commit's removes and adds.
    ///
    /// Removes come first, whatever their order in the commit: the same path may be removed with one vector and added
    /// with another. A remove of something that isn't live does nothing. An add of a live path with the same vector
    /// replaces its metadata.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when an add names a path that stays live with another vector: two
    /// entries for one file would return its rows twice (pitfall C11). The files are then of no more use.
    pub fn apply(&mut self, removes: &[Remove], adds: &[Add]) -> Result<()> {
        if !(removes.is_empty() && adds.is_empty()) {
            self.build_indexes()?;
        }
        for remove in removes {
            let Some((at, row)) = self.find_row(&remove.path) else { continue };
            if self.batches[at].batch.columns().row(row).has_dv_id(remove.dv_id().as_deref()) {
                self.kill(at, row);
            }
        }
        for add in adds {
            let Some((at, row)) = self.find_row(&add.path) else { continue };
            if !self.batches[at].batch.columns().row(row).has_dv_id(add.dv_id().as_deref()) {
                return Err(Error::corrupt(
                    "a file is added with one deletion vector while it is live with another, or without one",
                )
                .path(&add.path)
                .hint("the commit must remove the file with its former vector"));
            }
            self.kill(at, row);
        }
        for (chunk, adds) in adds.chunks(MAX_BATCH_ROWS).enumerate() {
            let first = self.batches.len();
            // What was live before is dead; what isn't stands in a chunk before.
            let stands_before = |add: &&Add| chunk > 0 && self.find_row(&add.path).is_some();
            if let Some(add) = adds.iter().find(stands_before) {
                return Err(twice(add));
            }
            self.push(FileColumns::from_adds(adds), 0)?;
            self.check_once(first, adds)?;
        }
        self.merge()
    }

    /// That no path stands twice among the rows that a commit has just added, the last `adds.len()` of them.
    fn check_once(&self, at: usize, adds: &[Add]) -> Result<()> {
        for (row, add) in adds.iter().enumerate() {
            // Of equal paths a batch finds the last.
            if self.find_row(&add.path) != Some((at, row)) {
                return Err(twice(add));
            }
        }
        Ok(())
    }

    fn num_rows(&self) -> RowIndex {
        self.batches.last().map_or(0, |placed| placed.first + placed.batch.len() as RowIndex)
    }

    fn push(&mut self, columns: FileColumns, class: u8) -> Result<()> {
        for columns in columns.in_parts(MAX_BATCH_ROWS)? {
            let first = self.num_rows();
            RowIndex::try_from(columns.len())
                .ok()
                .and_then(|len| first.checked_add(len))
                .ok_or_else(|| Error::exhausted("more than 2^32 file actions in one snapshot"))?;
            let batch = Batch::new(columns);
            self.num_live += batch.len() as u64;
            self.size_in_bytes = self.size_in_bytes.wrapping_add(batch.sum_of_sizes());
            self.batches.push(Placed { first, class, batch });
        }
        Ok(())
    }

    /// Puts the last batches together while [`FAN_IN`] of them are of one class.
    fn merge(&mut self) -> Result<()> {
        while let Some(class) = self.batches.last().map(|placed| placed.class) {
            let from = self.batches.len().saturating_sub(FAN_IN);
            let last = &self.batches[from..];
            let rows: usize = last.iter().map(|placed| placed.batch.len()).sum();
            let alike = last.iter().all(|placed| placed.class == class);
            if class == CHECKPOINT_CLASS || last.len() < FAN_IN || !alike || rows > MAX_BATCH_ROWS {
                break;
            }
            let first = last[0].first;
            let parts: Vec<Batch> = self.batches.drain(from..).map(|placed| placed.batch).collect();
            self.batches.push(Placed { first, class: class + 1, batch: Batch::concatenated(&parts)? });
        }
        Ok(())
    }

    fn kill(&mut self, at: usize, row: usize) {
        let placed = &mut self.batches[at];
        if placed.batch.kill(row) {
            self.num_live -= 1;
            self.size_in_bytes = self.size_in_bytes.wrapping_sub(placed.batch.columns().row(row).size());
        }
    }

    /// The batch and the row of the live file at `path`.
    fn find_row(&self, path: &str) -> Option<(usize, usize)> {
        let hash = hash(path);
        let found = |(at, placed): (usize, &Placed)| placed.batch.find(path, hash).map(|row| (at, row));
        self.batches.iter().enumerate().rev().find_map(found)
    }

    /// Indexes every batch, on several cores.
    fn build_indexes(&self) -> Result<()> {
        let lacking: Vec<&Batch> = self.live_batches().filter(|batch| !batch.is_indexed()).collect();
        in_parallel(lacking.len(), |at| {
            lacking[at].index();
            Ok(())
        })?;
        Ok(())
    }

    /// The number of the prune that begins, by which the columns used longest ago are told.
    pub(crate) fn next_prune(&self) -> u64 {
        self.prunes.fetch_add(1, Ordering::Relaxed)
    }

    /// Bytes of memory held, statistics and what was worked out of them included.
    #[must_use]
    pub fn memory_size(&self) -> usize {
        let mut seen: Vec<*const ()> = Vec::new();
        let mut of_sources = 0;
        let mut source = |source: &Arc<dyn StatsSource>| {
            let place = Arc::as_ptr(source).cast::<()>();
            if !seen.contains(&place) {
                seen.push(place);
                of_sources += source.memory_size();
            }
        };
        let own: usize = self.live_batches().map(|batch| batch.memory_size(&mut source)).sum();
        own + of_sources + self.batches.capacity() * size_of::<Placed>()
    }
}

fn twice(add: &Add) -> Error {
    Error::corrupt("one commit adds the same file twice").path(&add.path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::action::DeletionVectorDescriptor;
    use crate::cases::cases;

    fn add(path: &str, dv: u8, size: i64) -> Add {
        Add {
            path: path.to_owned(),
            size,
            data_change: true,
            deletion_vector: (dv > 0).then(|| DeletionVectorDescriptor {
                storage_type: "u".to_owned(),
                path_or_inline_dv: format!("vector{dv}"),
                offset: Some(1),
                size_in_bytes: 1,
                cardinality: 1,
            }),
            ..Add::default()
        }
    }

    fn follow(files: &Files, removes: &[Remove], adds: &[Add]) -> Result<Files> {
        let mut next = files.clone();
        next.apply(removes, adds)?;
        Ok(next)
    }

    fn listed(files: &Files) -> BTreeMap<String, (Option<String>, i64)> {
        files.iter().map(|f| (f.path().to_owned(), (f.to_add().dv_id(), f.size()))).collect()
    }

    #[test]
    fn a_vector_replaces_the_file_it_belongs_to() {
        let files = follow(&Files::default(), &[], &[add("a", 0, 5), add("b", 0, 6)]).unwrap();
        let next = follow(&files, &[add("a", 0, 5).removed(1, true)], &[add("a", 1, 5)]).unwrap();
        assert_eq!(next.len(), 2);
        assert_eq!(next.size_in_bytes(), 11);
        assert_eq!(next.find("a").unwrap().to_add().dv_id(), add("a", 1, 5).dv_id());
        assert_eq!(listed(&files)["a"].0, None, "the snapshot before is unchanged");
    }

    #[test]
    fn a_remove_with_another_vector_removes_nothing() {
        let files = follow(&Files::default(), &[], &[add("a", 1, 5)]).unwrap();
        assert_eq!(follow(&files, &[add("a", 0, 5).removed(1, true)], &[]).unwrap().len(), 1);
        assert_eq!(follow(&files, &[add("a", 2, 5).removed(1, true)], &[]).unwrap().len(), 1);
        assert_eq!(follow(&files, &[add("a", 1, 5).removed(1, true)], &[]).unwrap().len(), 0);
    }

    #[test]
    fn c11_two_live_entries_for_one_file_are_refused() {
        let files = follow(&Files::default(), &[], &[add("a", 0, 5)]).unwrap();
        assert!(follow(&files, &[], &[add("a", 1, 5)]).is_err());
        assert!(follow(&files, &[], &[add("b", 1, 5), add("b", 0, 5)]).is_err());
    }

    #[test]
    fn a_path_twice_in_one_commit_is_refused_whatever_was_there_before() {
        let files = follow(&Files::default(), &[], &[add("a", 1, 5)]).unwrap();
        let twice = [add("a", 1, 5), add("a", 1, 6)];
        assert!(follow(&files, &[], &twice).is_err());
        assert!(follow(&Files::default(), &[], &twice).is_err());
    }

    #[test]
    fn many_small_commits_leave_few_batches_and_every_row_in_its_place() {
        let mut files = Files::from_batches(vec![FileColumns::from_adds(&[add("base", 0, 1)])]).unwrap();
        for version in 0..1_000_usize {
            let name = |version: usize| format!("f{version}");
            let removes: Vec<Remove> = version
                .checked_sub(10)
                .filter(|old| old % 3 == 0)
                .map(|old| add(&name(old), 0, old as i64).removed(1, true))
                .into_iter()
                .collect();
            files.apply(&removes, &[add(&name(version), 0, version as i64)]).unwrap();
            assert!(files.live_batches().count() <= 1 + 3 * FAN_IN);
        }
        assert_eq!(files.sum_of_sizes(), files.size_in_bytes());
        assert_eq!(files.iter_rows().count() as u64, files.len());
        for (row, file) in files.iter_rows() {
            assert_eq!(files.row(row).path(), file.path());
            assert_eq!(files.find(file.path()).unwrap().size(), file.size());
        }
        assert!(files.find("f0").is_none() && files.find("f1").is_some());
    }

    proptest! {
        #![proptest_config(cases(1_000, 10_000, 1_000_000))]

        /// Commits in a row on top of a checkpoint equal a map that is changed in place, and the files of a checkpoint
        /// written there.
        #[test]
        fn l8_follow_equals_a_naive_map_and_a_rebuild(
            base in proptest::collection::btree_map("[a-f]", 1i64..9, 0..6),
            commits in proptest::collection::vec(proptest::collection::btree_map("[a-h]", (0u8..3, 1i64..9), 0..4), 0..20),
        ) {
            let rows: Vec<Add> = base.iter().map(|(path, size)| add(path, 0, *size)).collect();
            let (one, other) = rows.split_at(rows.len() / 2);
            let batches = [one, other].map(FileColumns::from_adds).to_vec();
            let mut files = Files::from_batches(batches).unwrap();
            let mut naive = listed(&files);
            prop_assert_eq!(naive.len(), base.len());
            for commit in commits {
                let (mut removes, mut adds) = (Vec::new(), Vec::new());
                for (path, (dv, size)) in &commit {
                    let live = files.find(path).map(FileRef::to_add);
                    if let Some(live) = &live {
                        removes.push(live.removed(1, true));
                        naive.remove(path);
                    }
                    if live.is_none() || *dv > 0 {
                        let new = add(path, *dv, *size);
                        naive.insert(path.clone(), (new.dv_id(), *size));
                        adds.push(new);
                    }
                }
                files = follow(&files, &removes, &adds).unwrap();
                prop_assert_eq!(listed(&files), naive.clone());
                prop_assert_eq!(files.size_in_bytes(), naive.values().map(|(_, size)| size).sum::<i64>());
                prop_assert_eq!(files.sum_of_sizes(), files.size_in_bytes());
                prop_assert_eq!(files.len(), naive.len() as u64);
            }
            for path in ["a", "b", "c", "d", "e", "f", "g", "h"] {
                prop_assert_eq!(files.find(path).is_some(), naive.contains_key(path));
            }
            let adds: Vec<Add> = files.iter().map(FileRef::to_add).collect();
            let rebuilt = Files::from_batches(vec![FileColumns::from_adds(&adds)]).unwrap();
            prop_assert_eq!(listed(&rebuilt), naive);
            prop_assert_eq!(rebuilt.size_in_bytes(), files.size_in_bytes());
        }
    }
}
