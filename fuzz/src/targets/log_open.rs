//! Does a log open whatever stands in its files, or fail as their fault?

use std::sync::{Arc, OnceLock};

use lakebed_txlog::drive::{Landing, Log, LogStore};
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::name::LogName;
use lakebed_txlog::replay::Commit;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, ErrorKind, Version};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::{Builder, Runtime};

use super::log_replay::described;
use super::{Memory, Target};

/// Files, each a line `@@NAME` (below `_delta_log`) and the bytes up to the next such line.
pub const TARGET: Target = Target { name: "log_open", run, memory: Memory { base: 512 << 20, per_byte: 16 << 10 } };

/// Most files of an input that are looked at.
const MAX_FILES: usize = 32;
/// Most versions that a name may stand for: listings are long where it is more, and say nothing else.
const MAX_VERSION: u64 = 1_000;

fn run(input: &[u8]) {
    let files: Vec<(LogName, &[u8])> = files(input);
    if !files.iter().all(|(name, _)| name.version().is_none_or(|version| version.0 <= MAX_VERSION)) {
        return;
    }
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Builder::new_current_thread().build().expect("a runtime"));
    runtime.block_on(open(&files));
}

fn files(input: &[u8]) -> Vec<(LogName, &[u8])> {
    let mut starts: Vec<usize> =
        input.windows(3).enumerate().filter(|(_, w)| *w == b"\n@@").map(|(at, _)| at + 1).collect();
    if input.starts_with(b"@@") {
        starts.insert(0, 0);
    }
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([input.len()]);
    let texts = starts.iter().zip(ends).map(|(start, end)| &input[start + 2..end]);
    texts.take(MAX_FILES).filter_map(named).collect()
}

fn named(text: &[u8]) -> Option<(LogName, &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let name = std::str::from_utf8(&text[..end]).ok()?;
    Some((LogName::parse(name), &text[end + 1..]))
}

async fn open(files: &[(LogName, &[u8])]) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for (name, bytes) in files {
        let Ok(key) = Path::parse(format!("t/_delta_log/{name}")) else { return };
        store.put(&key, bytes.to_vec().into()).await.expect("memory takes it");
    }
    let log = LogStore::new(Arc::clone(&store), store, Path::from("t"), "memory:///t", Landing::AtOnce);
    let head = Log::head(&log).await;
    let opened = Log::open(log, SystemEnv::shared()).await;
    [head.as_ref().err(), opened.as_ref().err()].into_iter().flatten().for_each(of_the_input);
    let only_commits = files.iter().all(|(name, _)| matches!(name, LogName::Commit { .. } | LogName::LastCheckpoint));
    let Ok(opened) = opened else { return };
    let snapshot = opened.snapshot();
    for version in 0..=snapshot.version().0.min(3) {
        match opened.at(Version(version)).await {
            Ok(at) => assert_eq!(at.version(), Version(version)),
            Err(e) => of_the_input(&e),
        }
    }
    let again = opened.refresh().await;
    if let Ok(again) = &again {
        assert_eq!(described(again), described(&snapshot), "nothing was committed");
    }
    if only_commits {
        let head = head.expect("what opens has a head");
        assert_eq!((head.metadata(), head.protocol()), (snapshot.metadata(), snapshot.protocol()));
        assert_eq!(described(&snapshot), described(&replayed(files, snapshot.version())), "the log, and not the hint");
    }
}

/// What the commits come to, whatever a hint says.
fn replayed(files: &[(LogName, &[u8])], last: Version) -> Snapshot {
    let commit = |version: u64| {
        let name = LogName::Commit { version: Version(version) };
        // Of two files with one name, the second replaced the first.
        let (_, bytes) =
            files.iter().rev().find(|(found, _)| *found == name).expect("a version that was opened is there");
        Commit::parse(Version(version), bytes, None).expect("it was parsed")
    };
    Snapshot::follow(None, &(0..=last.0).map(commit).collect::<Vec<_>>()).expect("it was replayed")
}

fn of_the_input(error: &Error) {
    assert_ne!(
        error.kind(),
        ErrorKind::Bug,
        "{error}: {:?}",
        std::error::Error::source(error).map(ToString::to_string)
    );
}
