//! Is a hint that was parsed printed as one that says the same?

use lakebed_txlog::segment::LastCheckpointHint;

use super::{Memory, Target};

/// The bytes of `_last_checkpoint`.
pub const TARGET: Target = Target { name: "last_checkpoint", run, memory: Memory { base: 1 << 20, per_byte: 1 << 10 } };

/// Most files that are asked for by the hint alone.
const MAX_FILES: usize = 32;

fn run(input: &[u8]) {
    let Some(hint) = LastCheckpointHint::parse(input) else { return };
    let printed = hint.to_json();
    assert_eq!(LastCheckpointHint::parse(&printed).as_ref(), Some(&hint));
    assert_eq!(hint.to_json(), printed);
    let files = hint.files();
    assert!(files.len() <= MAX_FILES);
    assert!(files.iter().all(|file| file.name.version() == Some(hint.version)), "another version's file");
    let _ = hint.interval();
}
