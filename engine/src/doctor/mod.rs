//! What can a store be trusted with? Found out by trying, under a prefix of the probe's own.
//!
//! | module | question it answers |
//! |---|---|
//! | `examine` | what is tried, in which order? |
//! | [`finding`] | what did one check find? |
//! | [`verdict`] | which uses do the findings allow? |
//! | `ground` | where does a probe write, and what becomes of it? |
//! | `creates` | is a put-if-absent carried out for one writer only? |
//! | `reads` | is what is read what was written last, and what is missing said to be so? |
//! | `listings` | does a listing hold what is there, and nothing else? |
//! | `uploads` | do uploads in parts appear whole? |
//! | `clock` | how far is the store's clock from this machine's? |
//! | `folder` | which file system is a folder on, and how much space is left there? |
//! | `mounts` | which mount does a path stand on? |

mod clock;
mod creates;
mod examine;
pub mod finding;
mod folder;
mod ground;
mod listings;
mod mounts;
mod reads;
mod uploads;
pub mod verdict;

pub use examine::{Diagnosis, Progress, examine};
pub use finding::{Check, Finding, Outcome};
pub use verdict::{Fitness, Use, Verdict};
