//! Which files of a folder stand behind a symbolic link?
//!
//! A listing follows links to folders. What it finds there has another name, in this table, in another, or in none: whether
//! somebody needs it isn't told by the log of this table.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use lakebed::store::{Place, TableStore};

/// The links below a local table's folder, as far as they were looked for; elsewhere there are none.
pub(crate) struct Links {
    root: Option<PathBuf>,
    known: HashMap<String, bool>,
}

impl Links {
    pub(crate) fn below(store: &TableStore) -> Links {
        let root = match store.url().place() {
            Place::Local(root) => Some(root.clone()),
            Place::S3 { .. } | Place::Memory { .. } => None,
        };
        Links { root, known: HashMap::new() }
    }

    /// Whether a folder on the way to this file is a link, or can't be looked at. A link to a file is the link, and
    /// nothing else, to whoever deletes it.
    pub(crate) fn are_before(&mut self, path: &str) -> bool {
        let Some((folder, _)) = path.rsplit_once('/') else { return false };
        let Some(root) = &self.root else { return false };
        if let Some(known) = self.known.get(folder) {
            return *known;
        }
        let is_own = fs::symlink_metadata(root.join(folder)).is_ok_and(|found| !found.file_type().is_symlink());
        let found = !is_own || self.are_before(folder);
        self.known.insert(folder.to_owned(), found);
        found
    }
}
