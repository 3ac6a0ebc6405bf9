//! Is a table what its log says, and does the log agree with itself? And if not: what can be repaired?
//!
//! | module | question it answers |
//! |---|---|
//! | `check` | what is looked at, in which order, and what does it cost? |
//! | [`finding`] | what is wrong, how badly, and where? |
//! | `listing` | which objects does a table have, and which of them are its log? |
//! | `history` | does every commit follow the one before, and is every checkpoint what they come to? |
//! | `compare` | where does a checkpoint differ from what the commits come to? |
//! | `sums` | do `_last_checkpoint` and the `.crc` files say what is so? |
//! | `files` | is every file there that the log names, with its size and partition values? |
//! | `vectors` | is every deletion vector there, and one of its file? |
//! | `rows` | do a file's rows bear out its statistics? |
//! | `bounds` | do the values of a column lie within its bounds, and touch them? |
//! | [`repair`] | what would put right what was found, and how is that carried out? |
//! | `restamp` | what are the statistics of a file in truth? |

mod bounds;
mod check;
mod compare;
mod files;
pub mod finding;
mod history;
mod listing;
pub mod repair;
mod restamp;
mod rows;
mod sums;
mod vectors;

pub use check::{History, Options, Orphans, Progress, Report, Sample, Stage, check};
pub use finding::{Finding, Kind, Repair, Severity};
pub use repair::{Missing, Plan, Step, carry_out, plan};
