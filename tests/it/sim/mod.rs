//! What does the engine do under a seed, when anything may go wrong?
//!
//! | module | question it answers |
//! |---|---|
//! | [`engine`] | is the table right after any fault at any request of any operation of the engine? |
//! | [`act`] | what can be done with a table, and which rows has it then? |
//! | [`single`] | is the table right after any one fault, or two, at any request of any transaction? |
//! | [`seeds`] | is there an order in which what several processes did, amid random faults, makes sense? |
//! | [`mix`] | is every version what its operation makes of the one before, when engines mix? |
//! | [`stale`] | what becomes of a handle, and of a put, that sleep past a cleanup of the log? |
//! | [`checker`] | does the history checker find what it is there to find? |
//! | [`figures`] | how much was tried, and what came of it? |

mod act;
mod checker;
mod engine;
mod figures;
mod mix;
mod seeds;
mod single;
mod stale;

use std::io::Write;

use crate::machine::variable;

/// Says something around the test harness's capture: figures and seeds show for a passing test too.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{what}");
}

/// Whether the long forms are asked for.
fn soak() -> bool {
    variable("LAKEBED_SOAK").is_some()
}
