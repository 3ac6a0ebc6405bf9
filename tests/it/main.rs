//! The one integration binary: a folder per subject.
//!
//! | module | question it answers |
//! |---|---|
//! | [`care`] | are a store that lies and a table that is damaged found out, named and repaired? |
//! | [`cli`] | what does a person meet at the command line? |
//! | [`commit`] | what does a commit cost, and what is left of it when its writer dies or races? |
//! | [`conformance`] | do we read every table of the corpus as its writer left it? |
//! | [`foreign`] | what do writers of other makes and we do to one table, at once? |
//! | [`fuzz`] | does what the fuzz targets demand hold for every seed, without libFuzzer? |
//! | [`interop`] | what do nine engines that people use make of our tables? |
//! | [`machine`] | where is the shared folder, where is the cache, and does CI insist? |
//! | [`maintenance`] | do compaction and vacuum leave every row of every retained version where it was? |
//! | [`open`] | how many dependent round trips, and requests, does opening a table take? |
//! | [`pitfalls`] | do we repeat what went wrong elsewhere? |
//! | [`proxy`] | does every commit land once when a proxy loses the S3 server's answers? |
//! | [`pruning`] | does a file with a matching row ever get dropped? |
//! | [`scan`] | which bytes of a data file does a scan fetch? |
//! | [`s3`] | what is a real S3 server's address? |
//! | [`sim`] | what does the engine do under a seed, when anything may go wrong? |
//! | [`store`] | does every store keep what the engine relies on? |
//! | [`tidy`] | is the house in order? |

#![allow(dead_code, reason = "support that not every subject uses")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod care;
mod checkpoint;
mod cli;
mod commit;
mod conformance;
mod foreign;
mod fuzz;
mod interop;
mod machine;
mod maintenance;
mod open;
mod pitfalls;
mod proxy;
mod pruning;
mod s3;
mod scan;
mod sim;
mod store;
mod tidy;
