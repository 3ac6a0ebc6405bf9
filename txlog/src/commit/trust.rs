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
/// A put answered later than this may have landed below a checkpoint that log cleanup left: it is looked up in a fresh
/// listing before it is believed.
const SLOW_PUT: Duration = Duration::from_secs(60);

/// Whether a handle must list before it goes on, so long after a listing proved what it knows. A retention that can't be
/// read counts as a long one.
pub(crate) fn lease_is_over(age: Duration, log_retention: Option<Duration>) -> bool {
    let retention = log_retention.unwrap_or(MAX_HANDLE_AGE * LEASES_IN_RETENTION);
    age > MAX_HANDLE_AGE.min(retention / LEASES_IN_RETENTION)
}

/// Whether a put took so long that its success isn't believed at once.
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
    fn a_version_at_or_below_the_checkpoint_is_not_part_of_what_is_listed() {
        let reached = |version, newest, checkpoint: Option<u64>| {
            is_reached(Version(version), Version(newest), checkpoint.map(Version))
        };
        assert!(reached(3, 3, None) && reached(3, 4, Some(2)));
        assert!(!reached(3, 2, None) && !reached(3, 4, Some(3)) && !reached(3, 9, Some(8)));
    }
}
