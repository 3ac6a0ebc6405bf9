//! Which tables are there, and what does each ask for?

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lakebed_txlog::{TimestampMs, Version};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A table of a corpus: its `case.json`, as far as it binds, and its folder.
#[derive(Debug, Deserialize)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) expect: Expect,
    pub(super) features: Vec<String>,
    pub(super) expected_version: Option<u64>,
    pub(super) error_kind: Option<String>,
    pub(super) write_expect: Option<String>,
    #[serde(default)]
    pub(super) time_travel: BTreeMap<u64, Travel>,
    #[serde(default)]
    pub(super) unreachable_versions_checked: Vec<u64>,
    #[serde(default)]
    pub(super) skipping: Vec<Condition>,
    #[serde(default)]
    pub(super) timestamps: Vec<Committed>,
    #[serde(default)]
    pub(super) timestamp_travel: Vec<AsOf>,
    #[serde(default)]
    pub(super) file_times_shuffled: bool,
    #[serde(default)]
    pub(super) write_must_fail: Vec<RefusedWrite>,
    pub(super) absolute_prefix: Option<AbsolutePrefix>,
    #[serde(skip)]
    pub(super) folder: PathBuf,
}

/// What a case asks for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Expect {
    /// Every row, at every version listed.
    Rows,
    /// The log alone: the data files aren't there.
    Snapshot,
    /// Opening or scanning fails.
    Error,
    /// A catalog decides what is committed.
    Catalog,
}

/// An older version.
#[derive(Debug, Deserialize)]
pub(super) struct Travel {
    #[serde(rename = "numFiles")]
    pub(super) num_files: Option<u64>,
}

/// When a version was committed.
#[derive(Debug, Deserialize)]
pub(super) struct Committed {
    pub(super) version: u64,
    pub(super) timestamp_ms: i64,
    pub(super) from: String,
}

/// What "as of" a time opens: a version, or nothing.
#[derive(Debug, Deserialize)]
pub(super) struct AsOf {
    pub(super) timestamp_ms: i64,
    pub(super) version: Option<u64>,
}

/// A condition, how many rows match it, and how many files Spark reads to find them.
#[derive(Debug, Deserialize)]
pub(super) struct Condition {
    pub(super) predicate_sql: String,
    pub(super) rows: u64,
    pub(super) files_after_pruning: u64,
}

/// A statement that Spark refused.
#[derive(Debug, Deserialize)]
pub(super) struct RefusedWrite {
    pub(super) sql: String,
    pub(super) reason: String,
}

/// A prefix of the paths in the log, and the folder of the case that stands for it.
#[derive(Debug, Deserialize)]
pub(super) struct AbsolutePrefix {
    pub(super) in_log: String,
    pub(super) stored_at: String,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
}

/// The cases that the `index.json` of a corpus lists.
pub(super) fn of_folder(corpus: &Path) -> Vec<Case> {
    let index: Vec<Entry> = read(&corpus.join("index.json"));
    let case = |entry: Entry| {
        let folder = corpus.join(&entry.name);
        let case: Case = read(&folder.join("case.json"));
        assert_eq!(case.name, entry.name, "the name in {}", folder.display());
        Case { folder, ..case }
    };
    index.into_iter().map(case).collect()
}

/// The JSON of a file, which has to be there.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> T {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

impl Case {
    /// A file of the expectation.
    pub(super) fn expected(&self, name: &str) -> PathBuf {
        self.folder.join("expected").join(name)
    }

    /// The version that opening has to find.
    pub(super) fn newest(&self) -> Version {
        Version(self.expected_version.unwrap_or_else(|| panic!("{}: no expected_version", self.name)))
    }

    /// The time that a commit's file has to have, where the case binds it.
    pub(super) fn file_times(&self) -> Vec<(Version, TimestampMs)> {
        let by_file = self.timestamps.iter().filter(|committed| committed.from == "file time");
        by_file.map(|committed| (Version(committed.version), TimestampMs(committed.timestamp_ms))).collect()
    }
}
