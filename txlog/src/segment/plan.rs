//! Which log files make the version that is asked for?

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::name::LOG_FOLDER;
use crate::segment::hint::LastCheckpointHint;
use crate::segment::listing::{Checkpoint, CommitFile, CompactedFile, Index, ListedFile};
use crate::version::Version;

/// How many ranges of versions an error names before it only counts them.
const MAX_NAMED_RANGES: usize = 3;

/// The files that make one version: a checkpoint, or none, and every commit after it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    version: Version,
    /// All commits that end in `version` without a gap, also those that the checkpoint makes unnecessary.
    run: Arc<[CommitFile]>,
    /// Where replay can begin, the best first: at a complete checkpoint, or before version 0.
    bases: Arc<[Base]>,
    /// Which of them this plan begins at.
    chosen: usize,
    checksum: Option<ListedFile>,
    /// Log compaction files of which every commit is in `run`, by their start, then the longest first.
    compacted: Arc<[CompactedFile]>,
}

/// What is read next in a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One commit.
    Commit(Version),
    /// A log compaction file, which stands for the commits of its range.
    Compacted(CompactedFile),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Base {
    checkpoint: Option<Checkpoint>,
    /// Where in `run` the first commit after it stands.
    first: usize,
}

impl Segment {
    /// The version that the files make.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The checkpoint to begin with; without one, the commits begin at version 0.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.bases[self.chosen].checkpoint.as_ref()
    }

    /// The commits after the checkpoint up to the version, ascending and without a gap.
    #[must_use]
    pub fn commits(&self) -> &[CommitFile] {
        &self.run[self.bases[self.chosen].first..]
    }

    /// The fewest reads that come to the commits after the checkpoint: log compaction files where they stand for at least
    /// two commits and for none that the checkpoint holds. They don't tell the commits apart: history reads those.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut commits = self.commits().iter().map(|commit| commit.version).peekable();
        while let Some(version) = commits.next() {
            let from = self.compacted.partition_point(|file| file.start < version);
            match self.compacted[from..].first().filter(|file| file.start == version) {
                Some(file) => {
                    steps.push(Step::Compacted(*file));
                    while commits.next_if(|next| *next <= file.end).is_some() {}
                }
                None => steps.push(Step::Commit(version)),
            }
        }
        steps
    }

    /// The listed commits that end in the version without a gap, those below the checkpoint included: what history and
    /// timestamps are read from. Empty when the version stands in a checkpoint alone.
    #[must_use]
    pub fn history(&self) -> &[CommitFile] {
        &self.run
    }

    /// The version's checksum file, where there is one.
    #[must_use]
    pub fn checksum(&self) -> Option<&ListedFile> {
        self.checksum.as_ref()
    }

    /// The next best plan for the same version, for when this one's checkpoint turns out damaged (pitfall L4): another
    /// checkpoint of the same version, an older one with more commits, or every commit since version 0.
    #[must_use]
    pub fn fallback(&self) -> Option<Segment> {
        let chosen = self.chosen + 1;
        (chosen < self.bases.len()).then(|| Segment { chosen, ..self.clone() })
    }
}

/// Chooses the files that make `target`, or the newest version when `target` is `None`.
///
/// That is the newest complete checkpoint that isn't after the target, and every commit after it. Multi-part
/// checkpoints with missing parts, commits below the checkpoint and names that aren't commits or checkpoints don't
/// matter. A version whose commit is gone and whose checkpoint is there is valid. `hint` only chooses among several
/// checkpoints of one version.
///
/// The whole listing of a log, or that from some version on, in any order. `O(n log n)`.
///
/// # Errors
///
/// - Not found: nothing makes a table, `target` is after the newest version, or log cleanup has removed it.
/// - Corrupt: a commit in between is missing; the error names which (pitfall L5). A listing isn't atomic: while others
///   commit, a local folder may show a commit and not the one before it. List again before believing in a gap.
pub fn plan(listing: &[ListedFile], hint: Option<&LastCheckpointHint>, target: Option<Version>) -> Result<Segment> {
    let index = Index::new(listing, hint);
    let newest = index.newest().ok_or_else(no_table)?;
    let version = target.unwrap_or(newest);
    if version > newest {
        return Err(not_there(&index, version, "it is after the newest one"));
    }
    let run = index.run_up_to(version);
    let bases = bases(&index, version, &run);
    if bases.is_empty() {
        return Err(unreachable(&index, version, &run));
    }
    let first = run.first().map_or(version, |commit| commit.version);
    let mut compacted: Vec<CompactedFile> =
        index.compacted.range(first..=version).flat_map(|(_, of)| of).copied().collect();
    compacted.retain(|file| file.end <= version);
    compacted.sort_by_key(|file| (file.start, Reverse(file.end)));
    Ok(Segment {
        version,
        compacted: compacted.into(),
        run: run.into(),
        bases: bases.into(),
        chosen: 0,
        checksum: index.checksums.get(&version).map(|file| (*file).clone()),
    })
}

/// The commits after version `after`, ascending: what a snapshot of `after` has missed. Empty when it is the newest.
///
/// # Errors
///
/// Corrupt, when there are later commits or checkpoints and one commit in between is missing. Where log cleanup went
/// past `after` that isn't damage: plan anew.
pub fn tail(listing: &[ListedFile], after: Version) -> Result<Vec<CommitFile>> {
    let index = Index::new(listing, None);
    let Some(newest) = index.newest().filter(|newest| *newest > after) else { return Ok(Vec::new()) };
    let mut run = index.run_up_to(newest);
    let first = run.first().map_or(newest.next(), |commit| commit.version);
    if first > after.next() {
        return Err(gap(&index, after.next(), newest));
    }
    run.retain(|commit| commit.version > after);
    Ok(run)
}

/// The versions that [`plan`] can plan, ascending: what is left after log cleanup.
#[must_use]
pub fn reachable(listing: &[ListedFile]) -> Vec<RangeInclusive<Version>> {
    reachable_in(&Index::new(listing, None))
}

/// Where replay of `version` can begin, the best first.
fn bases(index: &Index<'_>, version: Version, run: &[CommitFile]) -> Vec<Base> {
    // The first version whose state, with the commits after it, makes `version`.
    let oldest = match run.first() {
        Some(first) => first.version.previous(),
        None => Some(version),
    };
    let checkpoints = index.checkpoints.range(oldest.unwrap_or(Version::ZERO)..=version).rev();
    let mut bases: Vec<Base> = checkpoints
        .flat_map(|(_, of_version)| of_version)
        .map(|checkpoint| Base {
            checkpoint: Some(checkpoint.clone()),
            first: run.partition_point(|commit| commit.version <= checkpoint.version),
        })
        .collect();
    if oldest.is_none() {
        bases.push(Base { checkpoint: None, first: 0 });
    }
    bases
}

fn reachable_in(index: &Index<'_>) -> Vec<RangeInclusive<Version>> {
    let versions: BTreeSet<Version> = index.commits.keys().chain(index.checkpoints.keys()).copied().collect();
    let mut ranges: Vec<RangeInclusive<Version>> = Vec::new();
    for version in versions {
        let begins = version == Version::ZERO || index.checkpoints.contains_key(&version);
        match ranges.last_mut() {
            Some(range) if version == range.end().next() => *range = *range.start()..=version,
            _ if begins => ranges.push(version..=version),
            _ => {}
        }
    }
    ranges
}

fn no_table() -> Error {
    Error::not_found(format!(
        "there is no Delta table here: its `{LOG_FOLDER}` folder holds no commit and no checkpoint"
    ))
    .hint("check the location, or create the table")
}

/// Why no base makes `version`, which isn't after the newest one.
fn unreachable(index: &Index<'_>, version: Version, run: &[CommitFile]) -> Error {
    if index.checkpoints.range(version..).next().is_some() {
        return not_there(index, version, "log cleanup removed commits that make it");
    }
    // The run that ends in `version` doesn't reach back to the checkpoint or to version 0: something is missing.
    let from = index.checkpoint_before(version).map_or(Version::ZERO, Version::next);
    let to = run.first().map_or(version, |first| first.version);
    gap(index, from, to)
}

fn not_there(index: &Index<'_>, version: Version, why: &str) -> Error {
    let ranges = reachable_in(index);
    let hint = match ranges.is_empty() {
        true => "no version can be read: commits are missing".to_owned(),
        false => format!("the table has {}", versions(&ranges)),
    };
    Error::not_found(format!("version {version} of the table isn't there: {why}")).version(version).hint(hint)
}

/// Names the commits that are missing in `from..=to`.
fn gap(index: &Index<'_>, from: Version, to: Version) -> Error {
    let mut missing: Vec<RangeInclusive<Version>> = Vec::new();
    let mut expected = from;
    for version in index.commits.range(from..=to).map(|(version, _)| *version) {
        if let Some(last) = version.previous().filter(|last| *last >= expected) {
            missing.push(expected..=last);
        }
        expected = version.next();
    }
    if expected <= to {
        missing.push(expected..=to);
    }
    let lacks = versions(&missing);
    let message = match from.previous() {
        Some(base) => format!("the log has a gap: after version {base} it lacks {lacks}"),
        None => format!("the log has a gap: it lacks {lacks}, and no checkpoint stands in"),
    };
    Error::corrupt(message).version(to).hint("restore the missing files of the log, or read an earlier version")
}

/// `version 3`, `versions 3 to 7 and 9`, `versions 3, 5 to 7, 9 and 12 more ranges`.
fn versions(ranges: &[RangeInclusive<Version>]) -> String {
    let single = matches!(ranges, [only] if only.start() == only.end());
    let mut text = if single { "version ".to_owned() } else { "versions ".to_owned() };
    let named = ranges.len().min(MAX_NAMED_RANGES);
    for (at, range) in ranges.iter().take(named).enumerate() {
        let separator = match at {
            0 => "",
            at if at + 1 == ranges.len() => " and ",
            _ => ", ",
        };
        let _ = write!(text, "{separator}{}", range.start());
        if range.start() != range.end() {
            let _ = write!(text, " to {}", range.end());
        }
    }
    if ranges.len() > named {
        let _ = write!(text, " and {} more ranges", ranges.len() - named);
    }
    text
}

#[cfg(test)]
mod tests;
