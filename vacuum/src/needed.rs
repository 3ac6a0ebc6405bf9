//! Which files do the retained versions need?
//!
//! | what is needed | by |
//! |---|---|
//! | a. a live file, and the file of its vector | the newest version, and the oldest retained one |
//! | b. a file that was removed within the retention, and its vector's (pitfall D7) | a version before the removal |
//! | c. every path that a commit within the retention names, change data included | a version since |
//!
//! One `.bin` holds the vectors of many data files: it is needed while one of them is (pitfall D12). Keys are decoded
//! paths relative to the table, as a listing has them, never the log's spelling (pitfall D6).

use std::collections::HashSet;

use lakebed_txlog::action::DeletionVectorDescriptor;
use lakebed_txlog::dv::{Stored, locate};
use lakebed_txlog::path::{DataLocation, DataPath};
use lakebed_txlog::replay::Commit;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result, TimestampMs};

/// `storageType` of a vector that needs no file.
const INLINE: &str = "i";

/// The files that may not go, by their keys. Memory: a key a file.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    keys: HashSet<Box<str>>,
}

impl Needed {
    /// Whether the object at this path, decoded and relative to the table, is needed.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.keys.contains(path)
    }

    /// How many keys are needed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nothing is needed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds the live files of a snapshot.
    ///
    /// # Errors
    /// [`Corrupt`](lakebed::ErrorKind::Corrupt) for a path or a vector that names no file: nothing may be deleted then.
    pub fn add_live(&mut self, snapshot: &Snapshot) -> Result<()> {
        for file in snapshot.files().iter() {
            self.add(file.path(), file.deletion_vector().as_ref()).map_err(|e| e.version(snapshot.version()))?;
        }
        Ok(())
    }

    /// Adds the files that a snapshot remembers as removed at `cutoff` or later. One that doesn't say when it was
    /// removed counts as removed just now.
    ///
    /// # Errors
    /// As [`add_live`](Self::add_live).
    pub fn add_tombstones(&mut self, snapshot: &Snapshot, cutoff: TimestampMs) -> Result<()> {
        for file in snapshot.tombstones() {
            if file.deletion_timestamp().is_none_or(|removed| removed >= cutoff.0) {
                self.add(file.path(), file.deletion_vector().as_ref()).map_err(|e| e.version(snapshot.version()))?;
            }
        }
        Ok(())
    }

    /// Adds everything that a commit names.
    ///
    /// # Errors
    /// As [`add_live`](Self::add_live).
    pub fn add_commit(&mut self, commit: &Commit) -> Result<()> {
        let adds = commit.adds.iter().map(|add| (&add.path, add.deletion_vector.as_ref()));
        let removes = commit.removes.iter().map(|remove| (&remove.path, remove.deletion_vector.as_ref()));
        let changes = commit.cdc.iter().map(|cdc| (&cdc.path, None));
        for (path, vector) in adds.chain(removes).chain(changes) {
            self.add(path, vector).map_err(|e| e.version(commit.version))?;
        }
        Ok(())
    }

    /// Adds a file and the file of its vector.
    ///
    /// # Errors
    /// As [`add_live`](Self::add_live).
    pub fn add(&mut self, path: &str, vector: Option<&DeletionVectorDescriptor>) -> Result<()> {
        let location = DataLocation::decode(path)?;
        self.add_location(&location);
        match vector {
            Some(vector) if vector.storage_type != INLINE => match locate(vector).map_err(|e| e.path(path))? {
                Stored::InFile(slice) => self.add_location(&slice.location),
                Stored::Inline(_) => {}
            },
            _ => {}
        }
        Ok(())
    }

    /// An absolute location may be spelled in many ways (`s3a`, another host, a link), and may lie in the table all the
    /// same. So every path that its end could be within the table is needed: more than is, never less.
    fn add_location(&mut self, location: &DataLocation) {
        match location {
            DataLocation::Relative(path) => self.insert(path.as_str()),
            DataLocation::Absolute(url) => {
                let Ok(DataLocation::Relative(path)) = DataLocation::decode(url.path().trim_start_matches('/')) else {
                    return self.insert_ends(url.path());
                };
                self.insert_ends(path.as_str());
            }
        }
    }

    fn insert_ends(&mut self, path: &str) {
        let mut rest = path.trim_start_matches('/');
        self.insert(rest);
        while let Some((_, end)) = rest.split_once('/') {
            self.insert(end);
            rest = end;
        }
    }

    fn insert(&mut self, key: &str) {
        if !self.keys.contains(key) {
            self.keys.insert(key.into());
        }
    }
}

/// The key of a live file that lies in the table: what a listing of the table must show.
///
/// # Errors
/// As [`Needed::add_live`].
pub(crate) fn own_key(path: &str) -> Result<Option<DataPath>> {
    match DataLocation::decode(path)? {
        DataLocation::Relative(path) => Ok(Some(path)),
        DataLocation::Absolute(_) => Ok(None),
    }
}

/// The error for a live file that isn't where the log says.
pub(crate) fn missing(path: &DataPath, snapshot: &Snapshot) -> Error {
    Error::corrupt("a file that the table needs isn't in its folder: nothing is deleted while that is so")
        .version(snapshot.version())
        .path(path.as_str())
        .hint("bring the file back, or restore or delete what stood in it")
}

#[cfg(test)]
mod tests {
    use lakebed_txlog::Version;
    use lakebed_txlog::action::{Add, AddCdcFile, Remove};
    use lakebed_txlog::dv::{DeletionVector, DeletionVectorFile, inline};

    use super::*;

    fn vector(position: u64) -> DeletionVector {
        let mut vector = DeletionVector::new();
        vector.insert(position);
        vector
    }

    fn commit(adds: Vec<Add>, removes: Vec<Remove>) -> Commit {
        Commit { version: Version(3), adds, removes, ..Commit::default() }
    }

    #[test]
    fn paths_are_decoded_as_the_store_has_them() {
        let mut needed = Needed::default();
        needed.add("p=a%20b/x%2Cy.parquet", None).unwrap();
        needed.add("t=10%253A30/z.parquet", None).unwrap();
        assert!(needed.contains("p=a b/x,y.parquet") && !needed.contains("p=a%20b/x%2Cy.parquet"));
        assert!(needed.contains("t=10%3A30/z.parquet"));
        assert_eq!(needed.len(), 2);
    }

    #[test]
    fn two_spellings_of_a_path_are_one_key() {
        let mut needed = Needed::default();
        needed.add("p=a%3Ab/x.parquet", None).unwrap();
        needed.add("p=a:b/x.parquet", None).unwrap();
        assert_eq!(needed.len(), 1);
    }

    #[test]
    fn a_path_that_leaves_the_table_or_cannot_be_read_is_an_error() {
        for path in ["../other/x.parquet", "a//b", "%zz"] {
            assert_eq!(Needed::default().add(path, None).unwrap_err().kind(), lakebed::ErrorKind::Corrupt, "{path}");
        }
    }

    #[test]
    fn an_absolute_path_keeps_whatever_in_the_table_it_could_be() {
        for path in ["s3a://bucket/lake/t/p=a%20b/x.parquet", "file:/lake/t/p=a%20b/x.parquet"] {
            let mut needed = Needed::default();
            needed.add(path, None).unwrap();
            assert!(needed.contains("p=a b/x.parquet") && needed.contains("t/p=a b/x.parquet"), "{path}");
            assert!(!needed.contains("y.parquet"));
        }
    }

    #[test]
    fn a_vector_file_is_needed_and_an_inline_vector_is_none() {
        let mut file = DeletionVectorFile::under("ab".into(), uuid()).unwrap();
        let stored = file.push(&vector(1)).unwrap();
        let mut needed = Needed::default();
        needed.add("x.parquet", Some(&stored)).unwrap();
        needed.add("y.parquet", Some(&inline(&vector(2)).unwrap())).unwrap();
        assert!(needed.contains(file.path().as_str()));
        assert_eq!(needed.len(), 3);
    }

    fn uuid() -> uuid::Uuid {
        uuid::Uuid::from_u128(7)
    }

    #[test]
    fn a_commit_needs_what_it_adds_removes_and_changes() {
        let mut file = DeletionVectorFile::new(uuid()).unwrap();
        let dv = Some(file.push(&vector(1)).unwrap());
        let mut commit = commit(
            vec![Add { path: "a".into(), ..Add::default() }],
            vec![Remove { path: "b".into(), deletion_vector: dv, ..Remove::default() }],
        );
        commit.cdc.push(AddCdcFile { path: "_change_data/c".into(), ..AddCdcFile::default() });
        let mut needed = Needed::default();
        needed.add_commit(&commit).unwrap();
        assert!(["a", "b", "_change_data/c", file.path().as_str()].iter().all(|key| needed.contains(key)));
        let broken = DeletionVectorDescriptor { storage_type: "?".into(), ..DeletionVectorDescriptor::default() };
        commit.adds[0].deletion_vector = Some(broken);
        let error = needed.add_commit(&commit).unwrap_err();
        assert_eq!((error.kind(), error.at_version()), (lakebed::ErrorKind::Corrupt, Some(Version(3))));
    }
}
