//! Deterministic simulation: the real engine over a store, a time and random numbers that one seed decides.
//!
//! | module | question it answers |
//! |---|---|
//! | [`world`] | what happens next? |
//! | [`objects`] | what does the store hold? |
//! | `request` | what is asked of the store, and what does it answer? |
//! | [`fault`] | what can go wrong with a request? |
//! | [`plan`] | which requests does something go wrong with? |
//! | `spoil` | what does a spoiled answer look like? |
//! | [`mod@client`] | how does a process reach the store, the time and its random numbers? |
//! | [`rng`] | which random numbers does a run draw? |
//! | [`crash`] | what is left of an operation that ends at any await? |
//! | [`history`] | what did each operation do, and was there an order in which all of it makes sense? |
//! | [`naive`] | what does a log say, read without the engine? |
//! | [`writer`] | what does a process of a run do? |
//! | [`janitor`] | how is a log cleaned up, by the protocol's rules? |
//! | [`verdict`] | did everybody get what they were told, and nobody anything else? |

pub mod client;
pub mod crash;
pub mod fault;
pub mod history;
pub mod janitor;
pub mod naive;
pub mod objects;
pub mod plan;
mod request;
pub mod rng;
mod spoil;
pub mod verdict;
pub mod world;
pub mod writer;

pub use client::{Retries, SimEnv, client, log_store, table_store};
pub use fault::Fault;
pub use objects::Objects;
pub use plan::{Plan, ProcessId};
pub use request::Verb;
pub use rng::Rng;
pub use world::{Latency, World};
