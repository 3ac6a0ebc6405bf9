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
//! | [`beside`] | do deletes of rows of one file, made at the same time, all land? |

mod beside;
mod contention;
mod killed;
mod missed;
pub(crate) mod place;
pub(crate) mod reader;
mod requests;

use std::io::Write;

/// Says something around the test harness's capture: figures and seeds show for a passing test too.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{what}");
}
