//! What the integration tests share with the processes that they start.
//!
//! | module | question it answers |
//! |---|---|
//! | [`requests`] | which requests does a table make of its store? |
//! | [`faults`] | which answers of a store can a test choose? |
//! | [`liar`] | which promises of a store can a test break? |
//! | [`orders`] | what is a writer of another process told to do, and what does it say? |
//! | [`plan`] | what does a writer do next, and what is in the table then? |
//! | [`proxy`] | what can happen to a request between a client and an S3 server? |
//! | [`sim`] | what does the engine do under a seed, when anything may go wrong? |

pub mod faults;
pub mod liar;
pub mod orders;
pub mod plan;
pub mod proxy;
pub mod requests;
pub mod sim;
