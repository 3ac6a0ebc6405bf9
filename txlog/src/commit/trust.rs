//! When is what a handle knows, or was told, not enough to go by?
//!
//! Log cleanup takes the names of old versions from below a checkpoint. To those who don't know of the checkpoint such a version
//! looks free: a put there succeeds, and what it put is seen by nobody (pitfall C14). Cleanup takes no name younger than
//! [`MAX_HANDLE_AGE`] many times over, so what was proved a short while ago still holds.

use std::time::Duration;

use crate::version::Version;

/// How long a handle may go on without listing: past it, the log may have been cleaned up below a checkpoint that the
/// handle doesn't know, and a put could land in the hole (pitfall C14).
pub const MAX_HANDLE_AGE: Duration = Duration::from_secs(60 * 60);
/// Log retention must be at least this many times the age of a handle.
const LEASES_IN_RETENTION: u32 = 4;
/// A put that took longer may have landed below a checkpoint that log cleanup left: it is looked up in a fresh listing
/// before it is believed.
const SLOW_PUT: Duration = Duration::from_secs(60);

/// How long after a version was the newest what was committed since may be followed: cleanup takes no name that young.
const MAX_READ_AGE: Duration = Duration::from_secs(12 * 60 * 60);
/// Between two sightings that are kept.
const SIGHTINGS_APART: Duration = Duration::from_secs(5 * 60);

/// When which version was the newest, as a handle has found out. A few hundred at most.
#[derive(Clone, Debug)]
pub(crate) struct Sightings(Vec<(Version, Duration)>);

impl Sightings {
    pub(crate) fn new(newest: Version, at: Duration) -> Sightings {
        Sightings(vec![(newest, at)])
    }

    /// A version was the newest at a time.
    pub(crate) fn add(&mut self, newest: Version, at: Duration) {
        let known = |(version, then): &(Version, Duration)| *version > newest || *then + SIGHTINGS_APART > at;
        if self.0.last().is_some_and(known) {
            return;
        }
        self.0.push((newest, at));
        let old = self.0.partition_point(|(_, then)| *then + 2 * MAX_READ_AGE < at);
        self.0.drain(..old.saturating_sub(1));
    }

    /// A time after which everything was committed that follows a version. For one that is older than what the handle has
    /// seen, when that was opened.
    pub(crate) fn of(&self, version: Version) -> Duration {
        let seen = self.0.iter().rev().find(|(newest, _)| *newest <= version);
        seen.or(self.0.first()).map_or(Duration::ZERO, |(_, at)| *at)
    }
}

/// Whether what follows a version may have been cleaned up, so long after it was the newest: then another commit, late by
/// days, may stand where one was that the transaction has to follow.
pub(crate) fn is_too_old_to_follow(age: Duration, log_retention: Option<Duration>) -> bool {
    age > log_retention.map_or(MAX_READ_AGE, |retention| (retention / 2).clamp(MAX_HANDLE_AGE, MAX_READ_AGE))
}

/// Whether files that were uploaded so long ago may still be committed. Vacuum takes files that no commit names once they are
/// older than the retention, by a clock that may not be ours, and may have begun long ago (pitfall D5). Below an hour the
/// retention is its owner's to answer for: vacuum asks.
pub(crate) fn may_commit(age: Duration, deleted_file_retention: Duration) -> bool {
    age <= longest_wait(deleted_file_retention)
}

/// How long after its upload a file may still be committed.
pub(crate) fn longest_wait(deleted_file_retention: Duration) -> Duration {
    (deleted_file_retention / 2).max(MAX_HANDLE_AGE)
}

/// Whether a handle must list before it goes on, so long after a listing proved what it knows. A retention that can't be
/// read counts as a long one.
pub(crate) fn lease_is_over(age: Duration, log_retention: Option<Duration>) -> bool {
    let retention = log_retention.unwrap_or(MAX_HANDLE_AGE * LEASES_IN_RETENTION);
    age > MAX_HANDLE_AGE.min(retention / LEASES_IN_RETENTION)
}

/// Whether a success isn't believed at once, so long after its version was known to be the next: whether the store was slow,
/// or the process slept.
pub(crate) fn is_slow(took: Duration) -> bool {
    took > SLOW_PUT
}

/// Whether a version that is in the log is part of the table, as a fresh listing shows it: `newest` is the version that it
/// leads to, `checkpoint` where that begins.
pub(crate) fn is_reached(version: Version, newest: Version, checkpoint: Option<Version>) -> bool {
    newest >= version && checkpoint.is_none_or(|checkpoint| checkpoint < version)
}

/// Whether following the commits ended before a version that is known to be there: what is missing in between isn't free.
pub(crate) fn ends_in_hole(reached: Version, tip: Version) -> bool {
    reached < tip
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn a_lease_is_an_hour_or_a_quarter_of_a_shorter_retention() {
        let over = |minutes: u64, retention| lease_is_over(Duration::from_secs(60 * minutes), retention);
        assert!(!over(60, Some(DAY)) && over(61, Some(DAY)));
        assert!(!over(60, None) && over(61, None));
        assert!(!over(15, Some(DAY / 24)) && over(16, Some(DAY / 24)));
    }

    #[test]
    fn what_follows_a_version_is_younger_than_its_last_sighting() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let mut seen = Sightings::new(Version(3), minutes(0));
        seen.add(Version(4), minutes(1));
        seen.add(Version(5), minutes(10));
        seen.add(Version(5), minutes(20));
        let found = [2, 3, 4, 5, 9].map(|version| seen.of(Version(version)));
        assert_eq!(found, [0, 0, 0, 20, 20].map(minutes));
        for hour in 1..100 {
            seen.add(Version(5 + hour), minutes(60 * hour));
        }
        assert!(seen.0.len() < 30, "{seen:?}");
        assert_eq!(seen.of(Version(100)), minutes(60 * 95));
        assert!(!is_too_old_to_follow(minutes(720), None) && is_too_old_to_follow(minutes(721), Some(DAY)));
        assert!(
            is_too_old_to_follow(minutes(181), Some(DAY / 4)) && !is_too_old_to_follow(minutes(60), Some(DAY / 24))
        );
    }

    #[test]
    fn a_version_at_or_below_the_checkpoint_is_not_part_of_what_is_listed() {
        let reached = |version, newest, checkpoint: Option<u64>| {
            is_reached(Version(version), Version(newest), checkpoint.map(Version))
        };
        assert!(reached(3, 3, None) && reached(3, 4, Some(2)));
        assert!(!reached(3, 2, None) && !reached(3, 4, Some(3)) && !reached(3, 9, Some(8)));
    }
}
