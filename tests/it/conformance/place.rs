//! Where does the table lie that a test may change?

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed_txlog::drive::{Landing, Log, LogStore};
use lakebed_txlog::env::{Env, SystemEnv};
use lakebed_txlog::name::LogName;
use lakebed_txlog::{Result, TimestampMs, Version};

use super::case::Case;

/// The table of a case: where the corpus has it, or a copy that goes with this value.
pub(super) struct Place {
    root: PathBuf,
    copy: Option<tempfile::TempDir>,
    /// Where the table's files lie that aren't in its folder.
    outside: Vec<TableUrl>,
}

impl Place {
    /// The table as the case wants it read. It may lie in the corpus itself, and is not to be changed.
    pub(super) fn to_read(case: &Case) -> Place {
        let as_it_is = case.folder.join("delta");
        let prepared = case.absolute_prefix.is_some() || !case.timestamps.is_empty();
        if as_it_is.is_dir() && !prepared {
            return Place { root: as_it_is, copy: None, outside: Vec::new() };
        }
        Place::to_change(case)
    }

    /// A table that isn't a case's, where it lies. It is not to be changed.
    pub(super) fn as_it_lies(root: &Path) -> Place {
        Place { root: root.to_owned(), copy: None, outside: Vec::new() }
    }

    /// A copy.
    pub(super) fn to_change(case: &Case) -> Place {
        let copy = tempfile::tempdir().unwrap();
        let packed = case.folder.join("delta.tar.zst");
        if packed.is_file() {
            unpack(&packed, copy.path());
        } else {
            copy_folder(&case.folder.join("delta"), &copy.path().join("delta"));
        }
        let mut place = Place { root: copy.path().join("delta"), copy: Some(copy), outside: Vec::new() };
        if let Some(prefix) = &case.absolute_prefix {
            let stored = format!("file://{}", case.folder.join(&prefix.stored_at).canonicalize().unwrap().display());
            place.replace_in_log(&prefix.in_log, &stored);
            place.outside.push(TableUrl::parse(&stored).unwrap());
        }
        if case.file_times_shuffled {
            // The newest first: who goes by the files' times gets every version wrong.
            for version in 0..=case.newest().0 {
                place.set_time(Version(version), TimestampMs(1_600_000_000_000 - i64::try_from(version).unwrap()));
            }
        }
        for (version, time) in case.file_times() {
            place.set_time(version, time);
        }
        place
    }

    /// The table's stores.
    pub(super) fn store(&self) -> Result<TableStore> {
        let url = TableUrl::parse(self.root.to_str().unwrap())?;
        let settings = StoreSettings { outside: self.outside.clone(), ..StoreSettings::default() };
        TableStore::open(&url, &settings, &env())
    }

    /// The table's log, at the newest version.
    pub(super) async fn open(&self) -> Result<Log> {
        let store = self.store()?;
        let log = LogStore::new(
            Arc::clone(store.data()),
            Arc::clone(store.commits()),
            store.root().clone(),
            store.url().to_string(),
            Landing::AtOnce,
        );
        Log::open(log, env()).await
    }

    fn commit(&self, version: Version) -> PathBuf {
        self.root.join(LogName::Commit { version }.path())
    }

    fn set_time(&self, version: Version, time: TimestampMs) {
        let path = self.commit(version);
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(time.0).unwrap());
        let file = fs::File::options().write(true).open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        file.set_modified(time).unwrap();
    }

    fn replace_in_log(&self, from: &str, to: &str) {
        for entry in fs::read_dir(self.root.join("_delta_log")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let text = fs::read_to_string(&path).unwrap();
                fs::write(&path, text.replace(from, to)).unwrap();
            }
        }
    }
}

/// The environment of every table here.
pub(super) fn env() -> Arc<dyn Env> {
    SystemEnv::shared()
}

/// Copies a folder, whose files then may be written even where they couldn't be.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).into_iter().flatten() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

fn unpack(packed: &Path, to: &Path) {
    let tar = zstd::decode_all(fs::File::open(packed).unwrap()).unwrap();
    let mut unpacking =
        Command::new("tar").args(["-x", "-f", "-", "-C"]).arg(to).stdin(Stdio::piped()).spawn().unwrap();
    unpacking.stdin.take().unwrap().write_all(&tar).unwrap();
    assert!(unpacking.wait().unwrap().success(), "tar unpacks {}", packed.display());
}
