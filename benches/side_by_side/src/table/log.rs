//! Which commits and checkpoints make a table's log?

use std::fs;
use std::path::{Path as FilePath, PathBuf};

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::{Value, json};

use super::commit::{CARDINALITY, DataChange, Vector, add, info, lines, metadata, protocol, remove};
use super::{File, Protocol, ROWS_A_FILE, append, checkpoint};
use crate::Res;

/// The version of the checkpoint that a written table has; the commits before its own are gone.
const CHECKPOINT_VERSION: u64 = 1000;
/// Commits after it.
pub const TAIL_COMMITS: u64 = 20;
/// Files that each appending commit of the tail adds.
const APPENDED: u64 = 10;
/// Files that each deleting commit gives a vector.
const DELETED_FROM: u64 = 50;
/// Files that the compaction makes one of: a run of neighbours.
const COMPACTED: std::ops::Range<u64> = 1020..1100;
/// Below this the commits of the tail would meet each other's files.
const LEAST_FILES: u64 = 10_000;

const PARALLEL_PUTS: usize = 16;

/// Where a checkpoint keeps statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// `stats` alone.
    Json,
    /// `stats_parsed` alone.
    Parsed,
}

/// What follows the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Appends, three deletes with vectors, a compaction.
    Mixed,
    /// Appends, on a table that any writer can commit to.
    Appends,
}

/// A table: a checkpoint of `files` and [`TAIL_COMMITS`] after it.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// How many files the checkpoint holds.
    pub files: u64,
    /// Where it keeps their statistics.
    pub statistics: Statistics,
    /// What follows it.
    pub tail: Tail,
}

/// What an engine has to find in a table, computed from what was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Live files.
    pub files: u64,
    /// Bytes of their paths, as the log has them.
    pub path_bytes: u64,
    /// The sum of `size`.
    pub size: i64,
    /// Rows that vectors hide.
    pub cardinality: i64,
}

impl Expected {
    fn count(&mut self, file: &File, sign: i64) {
        self.files = self.files.wrapping_add_signed(sign);
        self.path_bytes = self.path_bytes.wrapping_add_signed(sign * file.path().len() as i64);
        self.size += sign * file.size();
    }
}

impl Spec {
    /// The folder's name.
    pub fn name(&self) -> String {
        let statistics = if self.statistics == Statistics::Json { "json" } else { "parsed" };
        let tail = if self.tail == Tail::Mixed { "mixed" } else { "appends" };
        format!("{}-{statistics}-{tail}", self.files)
    }

    /// What it asks of readers and writers.
    pub fn protocol(&self) -> Protocol {
        if self.tail == Tail::Mixed { Protocol::Vectors } else { Protocol::Plain }
    }

    /// Ids of 1 % of the files, half-open, where no commit of the tail has been; and how many files that is.
    pub fn one_percent(&self) -> (std::ops::Range<i64>, u64) {
        let (first, count) = (self.files / 2, self.files / 100);
        ((first * ROWS_A_FILE) as i64..((first + count) * ROWS_A_FILE) as i64, count)
    }

    /// The newest version.
    pub fn version(&self) -> u64 {
        CHECKPOINT_VERSION + TAIL_COMMITS
    }

    /// The actions of the nth commit of the tail, counted from 1.
    fn tail(&self, nth: u64, expected: &mut Expected) -> Vec<Value> {
        if self.tail == Tail::Mixed && [5, 10, 15].contains(&nth) {
            return self.delete(nth, expected);
        }
        if self.tail == Tail::Mixed && nth == 18 {
            return compaction(expected);
        }
        let first = self.files + nth * APPENDED;
        let files: Vec<File> = (first..first + APPENDED).map(File::new).collect();
        files.iter().for_each(|file| expected.count(file, 1));
        let adds = files.iter().map(|file| add(file, None, DataChange::Yes));
        std::iter::once(info("WRITE")).chain(adds).collect()
    }

    fn delete(&self, nth: u64, expected: &mut Expected) -> Vec<Value> {
        let mut actions = vec![info("DELETE")];
        for at in 0..DELETED_FROM {
            let mut file = File::new(at * (self.files / DELETED_FROM) + nth);
            actions.push(remove(&file, DataChange::Yes));
            file.tight = false;
            let offset = i32::try_from(1 + at * 48).unwrap_or(1);
            actions.push(add(&file, Some(Vector { offset }), DataChange::Yes));
            expected.cardinality += CARDINALITY;
        }
        actions
    }
}

fn compaction(expected: &mut Expected) -> Vec<Value> {
    let mut actions = vec![info("OPTIMIZE")];
    for number in COMPACTED {
        let file = File::new(number);
        expected.count(&file, -1);
        actions.push(remove(&file, DataChange::No));
    }
    let file = File::spanning(COMPACTED.start, COMPACTED.end - COMPACTED.start);
    expected.count(&file, 1);
    actions.push(add(&file, None, DataChange::No));
    actions
}

/// The name of the file beside a log that says what is in it. Written last: a table without it was left half done.
const EXPECTED: &str = "expected.json";

/// The table below `data`, and what is in it; `None` where it isn't written yet.
pub fn find(spec: &Spec, data: &FilePath) -> Res<Option<(PathBuf, Expected)>> {
    let folder = data.join(spec.name());
    let Ok(text) = fs::read(folder.join(EXPECTED)) else { return Ok(None) };
    let json: Value = serde_json::from_slice(&text)?;
    let number = |name: &str| json[name].as_i64().ok_or(format!("{EXPECTED} has no {name}"));
    let expected = Expected {
        files: number("files")?.unsigned_abs(),
        path_bytes: number("path_bytes")?.unsigned_abs(),
        size: number("size")?,
        cardinality: number("cardinality")?,
    };
    Ok(Some((folder, expected)))
}

/// Writes the table below `data`.
pub fn write(spec: &Spec, data: &FilePath) -> Res<()> {
    if spec.files < LEAST_FILES {
        return Err(format!("a table has at least {LEAST_FILES} files").into());
    }
    let mut expected = Expected::default();
    (0..spec.files).for_each(|number| expected.count(&File::new(number), 1));
    let tail: Vec<Vec<Value>> = (1..=TAIL_COMMITS).map(|nth| spec.tail(nth, &mut expected)).collect();
    let folder = data.join(spec.name());
    let log = folder.join("_delta_log");
    fs::create_dir_all(&log)?;
    let checkpoint = log.join(format!("{CHECKPOINT_VERSION:020}.checkpoint.parquet"));
    checkpoint::write(fs::File::create(&checkpoint)?, spec.files, spec.statistics, spec.protocol())?;
    fs::write(log.join(commit_name(CHECKPOINT_VERSION)), append(0, 1))?;
    for (at, actions) in tail.iter().enumerate() {
        fs::write(log.join(commit_name(CHECKPOINT_VERSION + 1 + at as u64)), lines(actions))?;
    }
    let size = fs::metadata(&checkpoint)?.len();
    fs::write(log.join("_last_checkpoint"), last_checkpoint(CHECKPOINT_VERSION, spec.files, size))?;
    let Expected { files, path_bytes, size, cardinality } = expected;
    let text = json!({"files": files, "path_bytes": path_bytes, "size": size, "cardinality": cardinality});
    Ok(fs::write(folder.join(EXPECTED), text.to_string())?)
}

/// Puts a log of `commits` one-file appends, with a checkpoint at the last multiple of `interval` before the newest.
/// The newest version is `commits`.
pub async fn history(store: &dyn ObjectStore, root: &Path, commits: u64, interval: u64) -> Res<()> {
    let first = lines(&[info("CREATE TABLE"), protocol(Protocol::Plain), metadata()]);
    store.put(&commit_key(root, 0), first.into()).await?;
    let puts = (1..=commits).map(|version| {
        let key = commit_key(root, version);
        async move { store.put(&key, append(version - 1, 1).into()).await }
    });
    futures::stream::iter(puts).buffer_unordered(PARALLEL_PUTS).boxed().try_for_each(|_| async { Ok(()) }).await?;
    let checkpointed = commits.saturating_sub(1) / interval * interval;
    if checkpointed == 0 {
        return Ok(());
    }
    let mut bytes = Vec::new();
    checkpoint::write(&mut bytes, checkpointed, Statistics::Json, Protocol::Plain)?;
    let size = bytes.len() as u64;
    let log = root.clone().join("_delta_log");
    store.put(&log.clone().join(format!("{checkpointed:020}.checkpoint.parquet")), bytes.into()).await?;
    store.put(&log.join("_last_checkpoint"), last_checkpoint(checkpointed, checkpointed, size).into()).await?;
    Ok(())
}

fn commit_name(version: u64) -> String {
    format!("{version:020}.json")
}

/// The key of a commit of the table at `root`.
pub fn commit_key(root: &Path, version: u64) -> Path {
    root.clone().join("_delta_log").join(commit_name(version))
}

/// As Spark writes it, without the schema: protocol and metadata make two more actions than files.
fn last_checkpoint(version: u64, files: u64, size: u64) -> String {
    json!({"version": version, "size": files + 2, "sizeInBytes": size, "numOfAddFiles": files}).to_string()
}
