//! Do any listing and any hint make a plan without gaps, or an error?

use lakebed_txlog::name::LogName;
use lakebed_txlog::segment::{LastCheckpointHint, ListedFile, plan, reachable, tail};
use lakebed_txlog::version::{TimestampMs, Version};

use super::{Memory, Target};

/// Lines: first the bytes of `_last_checkpoint`, then names under `_delta_log`.
pub const TARGET: Target = Target { name: "log_plan", run, memory: Memory { base: 1 << 20, per_byte: 4 << 10 } };

fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines = text.lines();
    let hint = LastCheckpointHint::parse(lines.next().unwrap_or_default().as_bytes());
    let files: Vec<ListedFile> =
        lines.map(|line| ListedFile { name: LogName::parse(line), size: 1, last_modified: TimestampMs(0) }).collect();
    let middle = files.first().and_then(|file| file.name.version());
    let ranges = reachable(&files);
    for target in [None, Some(Version::ZERO), middle, Some(Version(u64::MAX))] {
        let mut next = plan(&files, hint.as_ref(), target).ok();
        if let (Some(target), Some(_)) = (target, &next) {
            assert!(ranges.iter().any(|range| range.contains(&target)));
        }
        while let Some(segment) = next {
            let mut expected = segment.checkpoint().map_or(Version::ZERO, |checkpoint| checkpoint.version.next());
            for commit in segment.commits() {
                assert_eq!(commit.version, expected);
                expected = expected.next();
            }
            assert_eq!(expected, segment.version().next());
            next = segment.fallback();
        }
    }
    let _ = tail(&files, middle.unwrap_or(Version::ZERO));
}
