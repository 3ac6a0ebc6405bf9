//! Which tables of other writers are there, and what do they hold?

use std::fs;
use std::path::{Path, PathBuf};

use lakebed_txlog::action::DeletionVectorDescriptor;
use lakebed_txlog::name::LogName;
use lakebed_txlog::segment::ListedFile;
use lakebed_txlog::version::TimestampMs;
use serde::Deserialize;
use serde_json::Value;

use crate::machine;

/// A table of the corpus.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) about: About,
    folder: PathBuf,
}

/// `case.json`, as far as these tests need it.
#[derive(Deserialize)]
pub(super) struct About {
    pub(super) expect: String,
    pub(super) expected_version: Option<u64>,
    pub(super) expected_rows: Option<u64>,
    pub(super) error_kind: Option<String>,
    pub(super) write_expect: Option<String>,
    #[serde(default)]
    pub(super) unreachable_versions_checked: Vec<u64>,
    #[serde(default)]
    pub(super) time_travel: std::collections::BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) notes: String,
    absolute_prefix: Option<AbsolutePrefix>,
}

#[derive(Deserialize)]
struct AbsolutePrefix {
    in_log: String,
    stored_at: String,
}

/// A live file, as `expected/snapshot.json` has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LiveFile {
    pub(super) path: String,
    pub(super) deletion_vector: Option<DeletionVectorDescriptor>,
}

/// Every table of the corpus that lies there as a folder; none, said loudly, when there is no corpus.
pub(super) fn cases(test: &str) -> Vec<Case> {
    let Some(corpus) = machine::corpus() else {
        machine::skip(test, "the conformance corpus", "set LAKEBED_CORPUS or LAKEBED_SHARED");
        return Vec::new();
    };
    let index: Vec<Value> = read(&corpus.join("index.json"));
    let cases: Vec<Case> = index
        .iter()
        .map(|entry| {
            let name = entry["name"].as_str().unwrap().to_owned();
            let folder = corpus.join(&name);
            Case { about: read(&folder.join("case.json")), name, folder }
        })
        .filter(|case| case.table().is_dir())
        .collect();
    assert!(cases.len() > 400, "only {} cases in {}", cases.len(), corpus.display());
    cases
}

impl Case {
    /// The table's root folder.
    pub(super) fn table(&self) -> PathBuf {
        self.folder.join("delta")
    }

    /// The names under `_delta_log`.
    pub(super) fn log_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        list(&self.table().join("_delta_log"), "", &mut names);
        names
    }

    /// The log, as a store lists it.
    pub(super) fn listing(&self) -> Vec<ListedFile> {
        let log = self.table().join("_delta_log");
        let file = |name: String| {
            let size = fs::metadata(log.join(&name)).unwrap().len();
            ListedFile { name: LogName::parse(&name), size, last_modified: TimestampMs(0) }
        };
        self.log_names().into_iter().map(file).collect()
    }

    /// Every file action of every commit in the log: (action, its object).
    pub(super) fn file_actions(&self) -> Vec<(&'static str, Value)> {
        let mut found = Vec::new();
        for name in self.log_names() {
            if matches!(LogName::parse(&name), LogName::Commit { .. }) {
                let text = fs::read_to_string(self.table().join("_delta_log").join(name)).unwrap();
                for mut action in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
                    for kind in ["add", "remove", "cdc"] {
                        if let Some(action) = action.get_mut(kind).filter(|action| action.is_object()) {
                            found.push((kind, action.take()));
                        }
                    }
                }
            }
        }
        found
    }

    /// The live files of the expected snapshot, none where an error is expected.
    pub(super) fn live_files(&self) -> Vec<LiveFile> {
        let path = self.folder.join("expected/snapshot.json");
        if !path.is_file() {
            return Vec::new();
        }
        let snapshot: Value = read(&path);
        serde_json::from_value(snapshot["files"].clone()).unwrap()
    }

    /// The path to look up for a path of the log: other folders of a clone lie elsewhere in the corpus.
    pub(super) fn rebased(&self, path: &str) -> String {
        match &self.about.absolute_prefix {
            Some(prefix) => match path.strip_prefix(&prefix.in_log) {
                Some(rest) => format!("{}{rest}", self.folder.join(&prefix.stored_at).display()),
                None => path.to_owned(),
            },
            None => path.to_owned(),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            list(&entry.path(), &format!("{name}/"), names);
        } else {
            names.push(name);
        }
    }
}
