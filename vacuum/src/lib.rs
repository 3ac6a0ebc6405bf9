//! Vacuum: deletes the files of a table that no retained version needs.
//!
//! | module | question it answers |
//! |---|---|
//! | [`options`] | for how long are old versions kept? |
//! | [`needed`] | which files do the retained versions need? (pure) |
//! | [`mod@choose`] | which of the files that are there may go? (pure) |
//! | `links` | which files stand behind a symbolic link? |
//! | [`mod@plan`] | what do log and store say? |
//! | `retained` | which versions are retained, and what do they name? |
//! | [`mod@carry_out`] | how are the files deleted, and what if the table changed since? |
//!
//! A version is retained when it was the newest one at some moment of the retention, the last seven days by default.
//! What vacuum deletes is gone: a plan is a dry run, to be looked at before it is carried out.

pub mod carry_out;
pub mod choose;
mod links;
pub mod needed;
pub mod options;
pub mod plan;
mod retained;

pub use carry_out::{Failure, Progress, Report, carry_out};
pub use choose::{Candidate, Counted, Kept, Listed, Rules, choose};
pub use needed::Needed;
pub use options::{ShortRetention, VacuumOptions};
pub use plan::{Plan, plan};
