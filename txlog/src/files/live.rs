//! The live files of a snapshot: batches of columns, a bitmap of the rows that are live, an index by path.
//!
//! Following commits shares every batch of the snapshot before and adds one small batch a commit, so its cost is the
//! commits', not the table's. The index is built when first something has to be found in it.

use std::sync::{Arc, OnceLock};

use hashbrown::HashTable;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use super::columns::{FileColumns, FileRef};
use crate::action::{Add, Remove};
use crate::error::{Error, Result};

/// Position of a row over all batches.
pub type RowIndex = u32;

/// Rows indexed anew once the part that every advance copies has grown to this many.
const MAX_TAIL_ROWS: usize = 16 * 1024;

/// The files of a table at one version. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Files {
    batches: Vec<Batch>,
    live: RoaringBitmap,
    size_in_bytes: i64,
    index: PathIndex,
}

#[derive(Clone, Debug)]
struct Batch {
    first: RowIndex,
    columns: Arc<FileColumns>,
}

/// Path → its row, in two parts: `base` covers the rows below `tail_first` and is shared by all that follow; `tail`
/// covers the rest and is copied. A row that a later one with the same path replaced is found no more.
#[derive(Clone, Debug, Default)]
struct PathIndex {
    base: Arc<OnceLock<HashTable<RowIndex>>>,
    tail_first: RowIndex,
    tail: HashTable<RowIndex>,
}

impl Files {
    /// The files of a checkpoint, every row live.
    ///
    /// # Errors
    /// [`Exhausted`](crate::ErrorKind::Exhausted) past 2³² rows.
    pub fn from_batches(batches: Vec<FileColumns>) -> Result<Files> {
        let mut files = Files::default();
        for columns in batches {
            files.push(columns)?;
        }
        files.index.tail_first = files.num_rows();
        Ok(files)
    }

    /// How many files are live.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.live.len()
    }

    /// Whether no file is live.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// The sum of `size` over the live files, in bytes.
    #[must_use]
    pub fn size_in_bytes(&self) -> i64 {
        self.size_in_bytes
    }

    /// The live files, oldest batch first.
    pub fn iter(&self) -> impl Iterator<Item = FileRef<'_>> {
        self.iter_rows().map(|(_, file)| file)
    }

    /// The live files with the rows by which [`row`](Self::row) finds them again.
    pub fn iter_rows(&self) -> impl Iterator<Item = (RowIndex, FileRef<'_>)> {
        let mut batch = 0;
        self.live.iter().map(move |row| {
            while row - self.batches[batch].first >= self.batches[batch].columns.len() as RowIndex {
                batch += 1;
            }
            (row, self.batches[batch].columns.row((row - self.batches[batch].first) as usize))
        })
    }

    /// The batches, each with the rows of it that are live, in ascending order.
    pub fn batches(&self) -> impl Iterator<Item = (&Arc<FileColumns>, Vec<u32>)> {
        self.batches.iter().map(|batch| {
            let end = batch.first + batch.columns.len() as RowIndex;
            (&batch.columns, self.live.range(batch.first..end).map(|row| row - batch.first).collect())
        })
    }

    /// The live file at `path` (URI-encoded, as in the log).
    #[must_use]
    pub fn find(&self, path: &str) -> Option<FileRef<'_>> {
        self.find_row(path).map(|row| self.row(row))
    }

    /// The file at `row`, live or not.
    #[must_use]
    pub fn row(&self, row: RowIndex) -> FileRef<'_> {
        let batch = self.batches.partition_point(|batch| batch.first <= row) - 1;
        self.batches[batch].columns.row((row - self.batches[batch].first) as usize)
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
        if self.index.tail.len() > MAX_TAIL_ROWS {
            self.index = PathIndex { tail_first: self.num_rows(), ..PathIndex::default() };
        }
        for remove in removes {
            let Some(row) = self.find_row(&remove.path) else { continue };
            if self.row(row).has_dv_id(remove.dv_id().as_deref()) {
                self.kill(row);
            }
        }
        for add in adds {
            let Some(row) = self.find_row(&add.path) else { continue };
            if !self.row(row).has_dv_id(add.dv_id().as_deref()) {
                return Err(Error::corrupt(
                    "a file is added with one deletion vector while it is live with another, or without one",
                )
                .path(&add.path)
                .hint("the commit must remove the file with its former vector"));
            }
            self.kill(row);
        }
        if !adds.is_empty() {
            self.push(FileColumns::from_adds(adds))?;
            self.index_tail(adds.len())?;
        }
        Ok(())
    }

    fn num_rows(&self) -> RowIndex {
        self.batches.last().map_or(0, |batch| batch.first + batch.columns.len() as RowIndex)
    }

    fn push(&mut self, columns: FileColumns) -> Result<()> {
        let first = self.num_rows();
        let end = RowIndex::try_from(columns.len())
            .ok()
            .and_then(|len| first.checked_add(len))
            .ok_or_else(|| Error::exhausted("more than 2^32 file actions in one snapshot"))?;
        self.live.insert_range(first..end);
        self.size_in_bytes += arrow::compute::sum(&columns.size).unwrap_or(0);
        self.batches.push(Batch { first, columns: Arc::new(columns) });
        Ok(())
    }

    fn kill(&mut self, row: RowIndex) {
        if self.live.remove(row) {
            self.size_in_bytes -= self.row(row).size();
        }
    }

    fn hash(&self, row: RowIndex) -> u64 {
        xxh3_64(self.row(row).path().as_bytes())
    }

    fn find_row(&self, path: &str) -> Option<RowIndex> {
        if self.live.is_empty() {
            return None;
        }
        let hash = xxh3_64(path.as_bytes());
        let is_it = |row: &RowIndex| self.live.contains(*row) && self.row(*row).path() == path;
        if let Some(row) = self.index.tail.find(hash, is_it) {
            return Some(*row);
        }
        self.index.base.get_or_init(|| self.build_base()).find(hash, is_it).copied()
    }

    /// Every live row below `tail_first`. Rows that die later stay in it and are told by the bitmap.
    fn build_base(&self) -> HashTable<RowIndex> {
        let rows = self.live.range_cardinality(0..self.index.tail_first);
        let mut table = HashTable::with_capacity(usize::try_from(rows).unwrap_or(0));
        for row in self.live.range(0..self.index.tail_first) {
            table.insert_unique(self.hash(row), row, |row| self.hash(*row));
        }
        table
    }

    fn index_tail(&mut self, added: usize) -> Result<()> {
        let mut tail = std::mem::take(&mut self.index.tail);
        let end = self.num_rows();
        for row in end - added as RowIndex..end {
            let path = self.row(row).path();
            let hash = xxh3_64(path.as_bytes());
            if let Ok(entry) = tail.find_entry(hash, |old| self.row(*old).path() == path) {
                if self.live.contains(*entry.get()) {
                    return Err(Error::corrupt("one commit adds the same file twice").path(path));
                }
                entry.remove();
            }
            tail.insert_unique(hash, row, |row| self.hash(*row));
        }
        self.index.tail = tail;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::action::DeletionVectorDescriptor;

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
    fn two_live_entries_for_one_file_are_refused() {
        let files = follow(&Files::default(), &[], &[add("a", 0, 5)]).unwrap();
        assert!(follow(&files, &[], &[add("a", 1, 5)]).is_err());
        assert!(follow(&files, &[], &[add("b", 1, 5), add("b", 0, 5)]).is_err());
    }

    proptest! {
        /// Commits in a row on top of a checkpoint equal a map that is changed in place.
        #[test]
        fn follow_equals_a_naive_map(
            base in proptest::collection::btree_map("[a-f]", 1i64..9, 0..6),
            commits in proptest::collection::vec(proptest::collection::btree_map("[a-h]", (0u8..3, 1i64..9), 0..4), 0..12),
        ) {
            let rows: Vec<Add> = base.iter().map(|(path, size)| add(path, 0, *size)).collect();
            let mut files = Files::from_batches(vec![FileColumns::from_adds(&rows)]).unwrap();
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
                prop_assert_eq!(files.len(), naive.len() as u64);
                for path in naive.keys() {
                    prop_assert!(files.find(path).is_some());
                }
            }
        }
    }
}
