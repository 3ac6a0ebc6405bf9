//! Does every commit land once when a proxy loses the S3 server's answers? Real requests over real connections: what the
//! clients below the engine do is part of it.
//!
//! | module | question it answers |
//! |---|---|
//! | [`place`] | where is a table that is reached through a proxy? |
//! | [`commits`] | what does each fault of a commit's put cost, and which requests follow it? |
//! | [`others`] | what does a fault of any other request do to the operation that made it? |
//! | [`storm`] | are thousands of lost answers survived by many writers at once? |
//! | [`history`] | is a table what its writers were told? |
//! | [`figures`] | which faults met which requests, and how did it end? |
//! | [`killed`] | what is left of a process that is killed while an answer is on its way? |

mod commits;
mod figures;
mod history;
mod killed;
mod others;
pub(crate) mod place;
mod storm;

use std::io::Write;

/// Says something around the test harness's capture: figures and seeds show for a passing test too.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{what}");
}
