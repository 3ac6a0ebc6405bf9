//! Pruning never drops a file that holds a matching row.
//!
//! | module | question it answers |
//! |---|---|
//! | [`model`] | what do tables, predicates and their answers look like to someone who reads every row? |
//! | [`soundness`] | do our statistics and our evaluator ever contradict the rows? |
//! | [`foreign`] | do bounds stay bounds when other writers cut and round them as they do? |

mod foreign;
mod model;
mod soundness;
