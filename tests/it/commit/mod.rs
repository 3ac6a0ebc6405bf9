//! What does a commit cost, and what is left of it when its writer dies or races?
//!
//! | module | question it answers |
//! |---|---|
//! | [`place`] | where is a table that several processes write to? |
//! | [`reader`] | what is in a table, read without the engine? |
//! | [`requests`] | how many requests does it take? |
//! | [`killed`] | what is left of a writer that is killed at a random moment? |
//! | [`contention`] | do all commits of many writers land? |
//! | [`beside`] | do deletes of rows of one file, made at the same time, all land? |
//! | [`follow`] | do a delete and a compaction of the same rows both land? |
//! | [`restored`] | what does a restore do when others come first? |

mod beside;
mod contention;
mod follow;
mod killed;
pub(crate) mod place;
pub(crate) mod reader;
mod requests;
mod restored;

use std::io::Write;

/// Says something around the test harness's capture: figures and seeds show for a passing test too.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{what}");
}
