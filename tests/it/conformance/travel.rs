//! Which version does a time open?

use lakebed_txlog::drive::Log;
use lakebed_txlog::{ErrorKind, TimestampMs, Version};

use super::case::Case;
use super::check::Checked;

/// Compares the times of history, and what each time opens, with Spark's.
pub(super) async fn check(case: &Case, log: &Log, checked: &mut Checked) {
    if case.timestamps.is_empty() {
        return;
    }
    match log.history(usize::MAX).await {
        Ok(history) => {
            let mut ours: Vec<(u64, i64)> = history.iter().map(|entry| (entry.version.0, entry.timestamp.0)).collect();
            ours.reverse();
            let theirs: Vec<(u64, i64)> = case.timestamps.iter().map(|c| (c.version, c.timestamp_ms)).collect();
            if ours != theirs {
                checked.wrong(format!("history is of {ours:?} instead of {theirs:?}"));
            }
        }
        Err(error) => checked.refused("history", &error),
    }
    for as_of in &case.timestamp_travel {
        let time = as_of.timestamp_ms;
        match (log.as_of(TimestampMs(time)).await, as_of.version) {
            (Ok(snapshot), Some(version)) if snapshot.version() == Version(version) => {}
            (Ok(snapshot), wanted) => {
                checked.wrong(format!("{time} opens {} instead of {wanted:?}", snapshot.version()));
            }
            (Err(error), None) if error.kind() == ErrorKind::NotFound => {}
            (Err(error), _) => checked.refused(&format!("as of {time}"), &error),
        }
    }
}
