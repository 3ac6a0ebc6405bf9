//! How many dependent round trips, and requests, does opening a table take?
//!
//! | module | question it answers |
//! |---|---|
//! | [`distant`] | what does a store look like whose every answer takes one unit of time? |
//! | [`logs`] | what is in a log of 50,000 retained commits, and how do other writers leave its checkpoint? |
//! | [`depth`] | what does it take to open it, by each kind of checkpoint and hint? |
//! | [`damage`] | what comes of checksums, compaction files and checkpoints that are damaged or lie? |

mod damage;
mod depth;
pub(crate) mod distant;
pub(crate) mod logs;
