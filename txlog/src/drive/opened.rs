//! What can be made of a log's files: a snapshot, or a head that leaves the files out?

use std::sync::Arc;

use crate::checkpoint::{Contents, Wanted};
use crate::checksum::Checksum;
use crate::error::{Error, Result};
use crate::files::Files;
use crate::head::Head;
use crate::replay::{Commit, State};
use crate::snapshot::Snapshot;
use crate::version::Version;

/// A version, made of a checkpoint and commits.
pub(super) trait Opened: Sized + Send {
    /// Which actions it is made of.
    const WANTED: Wanted;

    fn from_checkpoint(version: Version, contents: Contents) -> Result<Self>;
    fn follow(base: Option<Self>, commits: &[Commit]) -> Result<Self>;
    /// With the `commitInfo` and file time of its own commit.
    fn with_commit(self, own: &Commit) -> Self;
    fn in_commit_timestamps(&self) -> Result<bool>;
    /// That it agrees with its version's checksum.
    fn check(&self, checksum: &Checksum) -> Result<()>;
    /// Whether it has the files that another way to the same version came to, as far as their count and sizes tell.
    fn is_like(&self, other: &Self) -> bool;
    /// What a checksum alone makes, where it is enough.
    fn by_checksum(version: Version, checksum: &Checksum) -> Option<Self>;
}

impl Opened for Snapshot {
    const WANTED: Wanted = Wanted::All;

    fn from_checkpoint(version: Version, contents: Contents) -> Result<Snapshot> {
        let mut state = State { files: Files::from_batches(contents.adds)?, ..State::default() };
        contents.actions.into_iter().for_each(|action| state.take(action));
        state.tombstones = contents.removes.into_iter().map(Arc::new).collect();
        Snapshot::from_checkpoint(version, state)
    }

    fn follow(base: Option<Snapshot>, commits: &[Commit]) -> Result<Snapshot> {
        Snapshot::follow(base.as_ref(), commits)
    }

    fn with_commit(self, own: &Commit) -> Snapshot {
        Snapshot::with_commit(&self, own)
    }

    fn in_commit_timestamps(&self) -> Result<bool> {
        Snapshot::in_commit_timestamps(self)
    }

    fn check(&self, checksum: &Checksum) -> Result<()> {
        checksum.check(self)
    }

    fn is_like(&self, other: &Snapshot) -> bool {
        self.num_files() == other.num_files()
            && self.size_in_bytes() == other.size_in_bytes()
            && self.metadata() == other.metadata()
            && self.protocol() == other.protocol()
    }

    fn by_checksum(_: Version, _: &Checksum) -> Option<Snapshot> {
        None
    }
}

impl Opened for Head {
    const WANTED: Wanted = Wanted::Table;

    fn from_checkpoint(version: Version, contents: Contents) -> Result<Head> {
        let mut state = State::default();
        contents.actions.into_iter().for_each(|action| state.take(action));
        Head::of(version, &state)
    }

    fn follow(base: Option<Head>, commits: &[Commit]) -> Result<Head> {
        let mut state = base.as_ref().map(Head::state).unwrap_or_default();
        let mut next = base.as_ref().map_or(Version::ZERO, |base| base.version().next());
        for commit in commits {
            if commit.first_version() != next {
                return Err(Error::corrupt(format!("version {next} is missing before version {}", commit.version)));
            }
            state.apply_to_table(commit);
            next = commit.version.next();
        }
        match (commits.last(), base) {
            (Some(last), _) => Head::of(last.version, &state),
            (None, Some(base)) => Ok(base),
            (None, None) => Err(Error::bug("a head of no commits")),
        }
    }

    fn with_commit(self, _: &Commit) -> Head {
        self
    }

    fn in_commit_timestamps(&self) -> Result<bool> {
        Ok(false)
    }

    fn check(&self, _: &Checksum) -> Result<()> {
        Ok(())
    }

    fn is_like(&self, other: &Head) -> bool {
        self.metadata() == other.metadata() && self.protocol() == other.protocol()
    }

    fn by_checksum(version: Version, checksum: &Checksum) -> Option<Head> {
        // What it can't make, the log may: and if not, the log says why.
        checksum.head(version)?.ok()
    }
}
