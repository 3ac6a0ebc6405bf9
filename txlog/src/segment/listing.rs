//! Which commits and which complete checkpoints does a listing hold?

use std::collections::BTreeMap;

use crate::name::{CheckpointFormat, LogName};
use crate::segment::hint::LastCheckpointHint;
use crate::version::{TimestampMs, Version};

/// A file of the log, as a store lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// What it is.
    pub name: LogName,
    /// Its size in bytes.
    pub size: u64,
    /// When the store says it was last written.
    pub last_modified: TimestampMs,
}

/// A listed commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitFile {
    /// The version it makes.
    pub version: Version,
    /// Its size in bytes.
    pub size: u64,
    /// When the store says it was last written: the commit's time where in-commit timestamps are off.
    pub last_modified: TimestampMs,
}

/// A listed log compaction file: the reconciled actions of a range of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactedFile {
    /// The first version of the range.
    pub start: Version,
    /// The last version of the range.
    pub end: Version,
    /// Its size in bytes.
    pub size: u64,
}

/// How a checkpoint is laid out in files. Whether it follows the V1 or V2 spec is said by its content (pitfall L12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckpointKind {
    /// Several files, in order.
    MultiPart,
    /// One file under the classic name.
    Classic,
    /// One file with a UUID in its name: surely V2.
    Uuid(CheckpointFormat),
}

/// A complete checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The version whose state it holds.
    pub version: Version,
    /// How it is laid out.
    pub kind: CheckpointKind,
    /// Its files: one, or the parts of a multi-part checkpoint in order.
    pub files: Vec<ListedFile>,
}

impl Checkpoint {
    /// The name of its first file: there always is one.
    #[must_use]
    pub fn name(&self) -> &LogName {
        &self.files[0].name
    }
}

/// A listing, sorted and checked for completeness of checkpoints. Order and repetition in the listing don't matter.
pub(super) struct Index<'a> {
    /// Commits by version.
    pub(super) commits: BTreeMap<Version, &'a ListedFile>,
    /// Checksums of versions.
    pub(super) checksums: BTreeMap<Version, &'a ListedFile>,
    /// Log compaction files by the first version of their range.
    pub(super) compacted: BTreeMap<Version, Vec<CompactedFile>>,
    /// Complete checkpoints by version, the preferred one of a version first.
    pub(super) checkpoints: BTreeMap<Version, Vec<Checkpoint>>,
}

impl<'a> Index<'a> {
    /// Sorts `listing`. Of several checkpoints of a version the one that the `hint` is about comes first, then
    /// UUID-named, classic and multi-part ones: as they are less likely to be torn by two writers.
    pub(super) fn new(listing: &'a [ListedFile], hint: Option<&LastCheckpointHint>) -> Index<'a> {
        let mut commits = BTreeMap::new();
        let mut checksums = BTreeMap::new();
        let mut compacted: BTreeMap<Version, Vec<CompactedFile>> = BTreeMap::new();
        let mut checkpoints: BTreeMap<Version, Vec<Checkpoint>> = BTreeMap::new();
        let mut parts_of: BTreeMap<(Version, u32), BTreeMap<u32, &ListedFile>> = BTreeMap::new();
        for file in listing {
            let (version, kind) = match &file.name {
                LogName::Commit { version } => {
                    commits.insert(*version, file);
                    continue;
                }
                LogName::Crc { version } => {
                    checksums.insert(*version, file);
                    continue;
                }
                LogName::Compacted { start, end } => {
                    let file = CompactedFile { start: *start, end: *end, size: file.size };
                    compacted.entry(*start).or_default().push(file);
                    continue;
                }
                LogName::MultiPartCheckpoint { version, part, parts } => {
                    parts_of.entry((*version, *parts)).or_default().insert(*part, file);
                    continue;
                }
                LogName::ClassicCheckpoint { version } => (*version, CheckpointKind::Classic),
                LogName::UuidCheckpoint { version, format, .. } => (*version, CheckpointKind::Uuid(*format)),
                _ => continue,
            };
            checkpoints.entry(version).or_default().push(Checkpoint { version, kind, files: vec![file.clone()] });
        }
        for ((version, parts), files) in parts_of {
            // A name's part number is within `1..=parts`, so as many different parts as there should be are all.
            if files.len() == parts as usize {
                let files = files.into_values().cloned().collect();
                let checkpoint = Checkpoint { version, kind: CheckpointKind::MultiPart, files };
                checkpoints.entry(version).or_default().push(checkpoint);
            }
        }
        for of_version in checkpoints.values_mut() {
            of_version.sort_by_cached_key(|checkpoint| {
                let name = checkpoint.name();
                let hinted = hint.is_some_and(|hint| hint.is_about(name));
                std::cmp::Reverse((hinted, checkpoint.kind, name.clone()))
            });
            of_version.dedup_by(|one, other| one.name() == other.name());
        }
        Index { commits, checksums, compacted, checkpoints }
    }

    /// The newest version that a commit or a complete checkpoint speaks of.
    pub(super) fn newest(&self) -> Option<Version> {
        let commit = self.commits.last_key_value().map(|(version, _)| *version);
        let checkpoint = self.checkpoints.last_key_value().map(|(version, _)| *version);
        commit.max(checkpoint)
    }

    /// The newest complete checkpoint's version that isn't after `version`.
    pub(super) fn checkpoint_before(&self, version: Version) -> Option<Version> {
        self.checkpoints.range(..=version).next_back().map(|(version, _)| *version)
    }

    /// The listed commits that end in `version` without a gap, ascending; none when `version` itself isn't listed.
    pub(super) fn run_up_to(&self, version: Version) -> Vec<CommitFile> {
        let mut expected = Some(version);
        let mut run: Vec<CommitFile> = self
            .commits
            .range(..=version)
            .rev()
            .take_while(|(version, _)| {
                let follows = expected == Some(**version);
                expected = version.previous();
                follows
            })
            .map(|(version, file)| CommitFile { version: *version, size: file.size, last_modified: file.last_modified })
            .collect();
        run.reverse();
        run
    }
}
