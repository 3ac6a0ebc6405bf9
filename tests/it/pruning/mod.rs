//! Pruning never drops a file that holds a matching row.
//!
//! | module | question it answers |
//! |---|---|
//! | [`model`] | what do tables, predicates and their answers look like to someone who reads every row? |
//! | [`soundness`] | do our statistics and our evaluator ever contradict the rows? |
//! | [`memory`] | does a snapshot hold as much memory as it says, and as little as it should? |
//! | [`foreign`] | do bounds stay bounds when other writers cut and round them as they do? |

mod foreign;
mod memory;
mod model;
mod soundness;
