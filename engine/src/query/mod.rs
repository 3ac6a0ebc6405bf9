//! How does DataFusion read a table?
//!
//! | file | question it answers |
//! |---|---|
//! | [`scan`] | which rows has a snapshot, or some of its files? |
//! | [`filter`] | what does a condition mean, and of which rows is it true? |
//! | [`session`] | how are tables asked in SQL? |

mod filter;
mod scan;
mod session;

pub use filter::{Filter, matching_rows, remaining_rows};
pub use scan::{Rows, ScanRequest, scan};
pub use session::Session;
