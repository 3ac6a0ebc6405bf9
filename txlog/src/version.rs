//! The two numbers a table is addressed by.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The number of a commit: 0 for the one that creates the table, then one more each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

impl Version {
    /// The commit that creates a table.
    pub const ZERO: Version = Version(0);

    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Version {
        Version(self.0 + 1)
    }

    /// The version before this one, or `None` before 0.
    #[must_use]
    pub fn previous(self) -> Option<Version> {
        self.0.checked_sub(1).map(Version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, the unit of every time in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimestampMs(pub i64);

impl TimestampMs {
    /// The moment `duration` before this one.
    #[must_use]
    pub fn minus(self, duration: Duration) -> TimestampMs {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        TimestampMs(self.0.saturating_sub(ms))
    }

    /// The moment `duration` after this one.
    #[must_use]
    pub fn plus(self, duration: Duration) -> TimestampMs {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        TimestampMs(self.0.saturating_add(ms))
    }
}

impl From<SystemTime> for TimestampMs {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            Err(before) => TimestampMs(-i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX)),
        }
    }
}

impl fmt::Display for TimestampMs {
    /// ISO 8601 in UTC with milliseconds, `2013-01-31T23:59:59.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match chrono::DateTime::from_timestamp_millis(self.0) {
            Some(time) => write!(f, "{}", time.format("%Y-%m-%dT%H:%M:%S%.3fZ")),
            None => write!(f, "{} ms", self.0),
        }
    }
}
