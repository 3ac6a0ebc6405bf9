//! Which log files make version *n*? From a listing to a complete, gap-free plan; pure.
//!
//! | module | question it answers |
//! |---|---|
//! | [`listing`] | which commits and which complete checkpoints does a listing hold? |
//! | [`mod@plan`] | which of them make the version that is asked for? |
//! | [`hint`] | what does `_last_checkpoint` say? |
//! | `checksum` | what is its checksum? |
//!
//! The listing alone decides. A caller that lists only from the hint's version on, and gets an error, lists the whole
//! log and plans again: a stale, missing or lying hint costs a request, never correctness (pitfalls L5, L13).

mod checksum;
pub mod hint;
pub mod listing;
pub mod plan;

pub use hint::{HintedFile, LastCheckpointHint};
pub use listing::{Checkpoint, CheckpointKind, CommitFile, CompactedFile, ListedFile};
pub use plan::{Segment, Step, plan, reachable, tail};
