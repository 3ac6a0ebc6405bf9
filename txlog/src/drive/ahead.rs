//! What is asked for before the listing says what is there?
//!
//! The hint names a checkpoint, so its bytes, its version's checksum and the commits that probably follow are asked for
//! together with the listing. Nothing of it is believed before the listing is there: what turns out to be of no use, or
//! failed, is dropped and costs its requests, no more.
//!
//! | asked for | requests |
//! |---|---|
//! | the hinted checkpoint: small files whole, of larger ones the end (and the begin, where only the table is wanted) | 1 or 2 a file |
//! | the commits after it: as many as our own hint says lie between checkpoints, at most [`MAX_INTERVAL`]; else [`UNKNOWN_INTERVAL`] | 1 each, most of them found |
//! | its version's checksum, to check the checkpoint by, and `commitInfo` (only where files are wanted) | 2 |

use std::collections::BTreeMap;

use futures::StreamExt;
use futures::future::{join_all, ready};
use futures::stream::FuturesUnordered;

use super::part::{Begun, begin};
use super::store::LogStore;
use crate::action::CommitInfo;
use crate::checkpoint::Wanted;
use crate::checksum::Checksum;
use crate::name::LogName;
use crate::replay::Commit;
use crate::segment::{LastCheckpointHint, Segment};
use crate::version::Version;

/// How many commits after a checkpoint are asked for where the hint doesn't say how far apart checkpoints are: Delta's
/// default for that.
pub(super) const UNKNOWN_INTERVAL: u64 = 10;
/// At most so many commits are asked for: past it, their connections cost more time than the round trip that they save.
const MAX_INTERVAL: u64 = 32;
/// Commits that land while a checkpoint is written.
const MEANWHILE: u64 = 2;

/// What was found ahead of the listing.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    parts: Vec<Begun>,
    commits: BTreeMap<Version, Commit>,
    checksum: Option<(Version, Checksum)>,
    info: Option<(Version, Option<CommitInfo>)>,
}

impl Ahead {
    /// Asks for what makes `target`, or the newest version, if the hint is true. One round trip.
    pub(super) async fn ask(
        store: &LogStore,
        hint: &LastCheckpointHint,
        target: Option<Version>,
        wanted: Wanted,
    ) -> Ahead {
        let first = hint.version.next();
        let window = hint.interval().map_or(UNKNOWN_INTERVAL, |own| own.clamp(1, MAX_INTERVAL) + MEANWHILE);
        let last = first.0.saturating_add(window - 1).min(target.map_or(u64::MAX, |target| target.0));
        let parts = join_all(hint.files().into_iter().map(|file| begin(store, file, wanted)));
        let commits = (first.0..=last).map(|version| store.commit(Version(version))).collect::<FuturesUnordered<_>>();
        let commits = commits.filter_map(|found| ready(found.ok().flatten())).collect::<Vec<Commit>>();
        let of_files = async {
            match wanted {
                Wanted::All => {
                    let info = store.commit_info(hint.version);
                    let (checksum, info) = futures::join!(store.checksum(hint.version), info);
                    (checksum, info.ok())
                }
                Wanted::Table => (None, None),
            }
        };
        let (parts, commits, (checksum, info)) = futures::join!(parts, commits, of_files);
        Ahead {
            parts: parts.into_iter().flatten().collect(),
            commits: commits.into_iter().map(|commit| (commit.version, commit)).collect(),
            checksum: checksum.map(|checksum| (hint.version, checksum)),
            info: info.map(|info| (hint.version, info)),
        }
    }

    /// Whether a segment needs nothing more, as far as that can be told before it is decoded.
    pub(super) fn is_enough_for(&self, segment: &Segment, wanted: Wanted) -> bool {
        let Some(checkpoint) = segment.checkpoint() else { return false };
        let begun = |name: &LogName| self.parts.iter().find(|part| part.name() == name);
        let at_hand = |name: &LogName| begun(name).is_some_and(|part| wanted == Wanted::Table || part.is_whole());
        let own = !segment.commits().is_empty() || wanted == Wanted::Table || self.info.is_some();
        own && checkpoint.files.iter().all(|file| at_hand(&file.name))
            && segment.commits().iter().all(|commit| self.commits.contains_key(&commit.version))
    }

    /// Whether a commit is at hand.
    pub(super) fn has_commit(&self, version: Version) -> bool {
        self.commits.contains_key(&version)
    }

    pub(super) fn take_commits(&mut self) -> BTreeMap<Version, Commit> {
        std::mem::take(&mut self.commits)
    }

    pub(super) fn take_parts(&mut self) -> Vec<Begun> {
        std::mem::take(&mut self.parts)
    }

    /// The checksum of a version, where it is at hand.
    pub(super) fn take_checksum(&mut self, version: Version) -> Option<Checksum> {
        self.checksum.take().filter(|(of, _)| *of == version).map(|(_, checksum)| checksum)
    }

    /// The `commitInfo` that a version's commit begins with, where that was asked for.
    pub(super) fn take_info(&mut self, version: Version) -> Option<Option<CommitInfo>> {
        self.info.take().filter(|(of, _)| *of == version).map(|(_, info)| info)
    }
}
