//! Do commits come to the same however they are split, and to what a naive model says?

use std::collections::BTreeMap;

use bytes::Bytes;
use lakebed_txlog::action::Add;
use lakebed_txlog::checkpoint::{Draft, decode_parquet};
use lakebed_txlog::checksum::Checksum;
use lakebed_txlog::replay::Commit;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::version::{TimestampMs, Version};
use lakebed_txlog::{ErrorKind, Result};

use super::checkpoint::snapshot_of;
use super::{Memory, Target};

/// Commits from version 0 on, with a line `---` between them.
pub const TARGET: Target = Target { name: "log_replay", run, memory: Memory { base: 32 << 20, per_byte: 16 << 10 } };

const BETWEEN: &str = "\n---\n";
/// Most commits of an input that are looked at.
const MAX_COMMITS: usize = 24;
/// One input in so many is written as a checkpoint, for what that costs.
const CHECKPOINTED: usize = 4;

fn run(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let texts = input.split(BETWEEN).take(MAX_COMMITS).enumerate();
    let commits = texts.map(|(version, text)| Commit::parse(Version(version as u64), text.as_bytes(), None));
    let commits: Vec<Commit> = commits.map_while(Result::ok).collect();
    if commits.is_empty() {
        return;
    }
    let whole = Snapshot::follow(None, &commits);
    for at in 1..commits.len() {
        let Ok(base) = Snapshot::follow(None, &commits[..at]) else { continue };
        match (Snapshot::follow(Some(&base), &commits[at..]), &whole) {
            (Ok(split), Ok(whole)) => assert_eq!(described(&split), described(whole), "split at {at}"),
            (Err(split), Err(whole)) => assert_eq!(split.kind(), whole.kind(), "split at {at}"),
            (split, whole) => panic!("split at {at}: {split:?}, at once {whole:?}"),
        }
    }
    let Ok(whole) = whole else { return };
    assert_eq!(live(&whole), naive(&commits));
    assert_eq!(whole.num_files(), whole.files().iter().count() as u64);
    assert_eq!(whole.size_in_bytes(), whole.files().sum_of_sizes());
    if let Some(checksum) = Checksum::of(&whole) {
        checksum.check(&whole).expect("a table agrees with its own checksum");
        let printed = checksum.to_json().expect("it prints");
        assert_eq!(Checksum::parse(&printed).expect("it parses"), checksum);
    }
    if input.len().is_multiple_of(CHECKPOINTED) {
        written_and_read(&whole);
    }
}

type Live = BTreeMap<String, (Option<String>, i64, Option<String>, BTreeMap<String, Option<String>>)>;

fn entry(add: &Add) -> (Option<String>, i64, Option<String>, BTreeMap<String, Option<String>>) {
    (add.dv_id(), add.size, add.stats.clone(), add.partition_values.clone())
}

fn live(snapshot: &Snapshot) -> Live {
    snapshot.files().iter().map(|file| (file.path().to_owned(), entry(&file.to_add()))).collect()
}

/// What the actions come to in a map that is changed in place.
fn naive(commits: &[Commit]) -> Live {
    let mut live = Live::new();
    for commit in commits {
        for remove in &commit.removes {
            if live.get(&remove.path).is_some_and(|(vector, ..)| *vector == remove.dv_id()) {
                live.remove(&remove.path);
            }
        }
        for add in &commit.adds {
            live.insert(add.path.clone(), entry(add));
        }
    }
    live
}

/// All that a snapshot says.
pub(super) fn described(snapshot: &Snapshot) -> String {
    let mut files: Vec<String> = snapshot.files().iter().map(|file| format!("{:?}", file.to_add())).collect();
    files.sort();
    let mut tombstones: Vec<String> = snapshot.tombstones().map(|file| format!("{:?}", file.to_remove())).collect();
    tombstones.sort();
    let txns: Vec<_> = snapshot.txns().collect();
    let domains: Vec<_> = snapshot.domains().collect();
    format!(
        "{} {:?} {:?} {txns:?} {domains:?} {files:?} {tombstones:?} {}",
        snapshot.version(),
        snapshot.protocol(),
        snapshot.metadata(),
        snapshot.size_in_bytes()
    )
}

/// That a checkpoint of the snapshot is refused as the snapshot's fault, or reads back as the snapshot.
pub(super) fn written_and_read(snapshot: &Snapshot) {
    let bytes = match written(snapshot) {
        Ok(bytes) => bytes,
        Err(e) => return refused(&e),
    };
    let contents = decode_parquet(bytes).expect("what was written can be read");
    let again = snapshot_of(snapshot.version(), contents).expect("it is a table again");
    let keys = |snapshot: &Snapshot| {
        let mut keys: Vec<_> =
            snapshot.files().iter().map(|f| (f.path().to_owned(), f.to_add().dv_id(), f.size())).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&again), keys(snapshot));
    assert_eq!(again.metadata(), snapshot.metadata());
    assert_eq!(again.protocol(), snapshot.protocol());
    assert!(again.txns().eq(snapshot.txns()) && again.domains().eq(snapshot.domains()));
}

fn written(snapshot: &Snapshot) -> Result<Bytes> {
    let draft = Draft::of(snapshot, TimestampMs(i64::MIN))?;
    let encoder = draft.encoder(draft.layout().v1()?)?;
    let mut groups = vec![draft.encode_table_actions(&encoder)?];
    for group in 0..draft.num_groups() {
        groups.push(draft.encode_group(&encoder, group)?);
    }
    let (bytes, tally) = encoder.whole(groups)?;
    draft.check(&tally)?;
    Ok(bytes)
}

fn refused(error: &lakebed_txlog::Error) {
    assert_ne!(
        error.kind(),
        ErrorKind::Bug,
        "{error}: {:?}",
        std::error::Error::source(error).map(ToString::to_string)
    );
}
