//! What does a commit cost, and what is left of it when its writer dies or races?
//!
//! | module | question it answers |
//! |---|---|
//! | [`place`] | where is a table that several processes write to? |
//! | [`reader`] | what is in a table, read without the engine? |
//! | [`requests`] | how many requests does it take? |
//! | [`missed`] | and one that missed versions, and how many of them one after another? |
//! | [`killed`] | what is left of a writer that is killed at a random moment? |
//! | [`contention`] | do all commits of many writers land? |
//! | [`fairness`] | does every one of 64 handles get its turn? |
//! | [`beside`] | do deletes of rows of one file, made at the same time, all land? |
//! | [`follow`] | do a delete and a compaction of the same rows both land? |
//! | [`restored`] | what does a restore do when others come first? |
//! | [`served`] | how is another process told what to do with a table, and when? |
//! | [`race`] | what comes of two commits of two processes that meet, in either order? |
//! | [`pairs`] | which pairs of operations land both, and which not? |

mod beside;
mod contention;
mod fairness;
mod follow;
mod killed;
mod missed;
mod pairs;
pub(crate) mod place;
mod race;
pub(crate) mod reader;
mod requests;
mod restored;
mod served;

use std::io::Write;

use crate::machine::variable;

/// The long form where `LAKEBED_SOAK` is set.
fn rounds(short: i64, long: i64) -> i64 {
    if soaks() { long } else { short }
}

/// Whether this is the long form.
fn soaks() -> bool {
    variable("LAKEBED_SOAK").is_some()
}

/// Says something around the test harness's capture: figures and seeds show for a passing test too.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{what}");
}
