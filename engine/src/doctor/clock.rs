//! How far is the store's clock from this machine's?
//!
//! Known from when the store says that an object was written, which lies between two readings of our own clock. Stores
//! say seconds, so a second's difference is none.

use bytes::Bytes;
use lakebed_txlog::{Result, TimestampMs};
use object_store::ObjectStoreExt;

use super::finding::{Check, Finding, Outcome};
use super::ground::Ground;

/// What a store's time may be coarse by.
const RESOLUTION_MS: i64 = 1000;
/// From this on it is worth saying.
const NOTABLE_MS: i64 = 10_000;
/// From this on retention by the store's times and by ours differ by more than it should, and S3 refuses requests.
const TOO_FAR_MS: i64 = 15 * 60 * 1000;

/// Writes an object and asks for its time: 2 requests.
///
/// # Errors
/// None but bugs.
pub(super) async fn skew(ground: &Ground) -> Result<Finding> {
    let key = ground.key("clock")?;
    let before = ground.env().now();
    let written = match ground.put(&key, Bytes::from_static(b"tick")).await {
        Ok(_) => ground.store().data().head(&key).await,
        Err(e) => Err(e),
    };
    let after = ground.env().now();
    Ok(match written {
        Ok(meta) => judge(TimestampMs(meta.last_modified.timestamp_millis()), before, after),
        Err(e) => Finding::new(Check::Clock, Outcome::Unknown, ground.failure(e, "asking for an object's time")),
    })
}

/// By how much the store's clock is ahead of ours: negative where it is behind.
fn ahead_ms(said: TimestampMs, before: TimestampMs, after: TimestampMs) -> i64 {
    let earliest = before.0.saturating_sub(RESOLUTION_MS);
    if said.0 < earliest {
        said.0.saturating_sub(before.0)
    } else if said.0 > after.0 {
        said.0.saturating_sub(after.0)
    } else {
        0
    }
}

fn judge(said: TimestampMs, before: TimestampMs, after: TimestampMs) -> Finding {
    let ahead = ahead_ms(said, before, after);
    let (apart, side) = (ahead.saturating_abs(), if ahead > 0 { "ahead of" } else { "behind" });
    let detail = format!("the store's clock is {} s {side} this machine's", apart / 1000);
    let hint = "set this machine's clock: file times decide what vacuum may delete, commit times what AS OF finds";
    if apart >= TOO_FAR_MS {
        Finding::fails(Check::Clock, detail).hint(hint)
    } else if apart >= NOTABLE_MS {
        Finding::new(Check::Clock, Outcome::Care, detail).hint(hint)
    } else {
        Finding::holds(Check::Clock, format!("the store's clock and this machine's are within {} s", NOTABLE_MS / 1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_counted_from_the_nearer_reading() {
        let (before, after) = (TimestampMs(100_500), TimestampMs(102_000));
        let cases = [(100_000, 0), (102_000, 0), (99_000, -1_500), (112_000, 10_000), (0, -100_500)];
        for (said, ahead) in cases {
            assert_eq!(ahead_ms(TimestampMs(said), before, after), ahead, "{said}");
        }
        let outcome = |said: i64| judge(TimestampMs(said), before, after).outcome;
        assert_eq!(outcome(105_000), Outcome::Holds);
        assert_eq!(outcome(112_000), Outcome::Care);
        assert_eq!(outcome(102_000 + TOO_FAR_MS), Outcome::Fails);
        assert_eq!(outcome(i64::MIN), Outcome::Fails);
    }
}
