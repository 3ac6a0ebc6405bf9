//! Is the commit path right under every interleaving of three writers, maintenance and a store that loses answers?
//!
//! A model for `stateright`, which visits every state that can be reached. What decides is the production code: the
//! machine, the rules of conflict, their rebase, the replay, the plan of a log's files. The model adds what isn't pure: who
//! moves next, what the store makes of a request, what time passes. `docs/TESTING.md` says what is run.
//!
//! | file | question it answers |
//! |---|---|
//! | `check` | how does `stateright` run the model? |
//! | `state` | what is the state of the model? |
//! | `memo` | which production values do its numbers stand for? |
//! | `table` | what does each operation do to a table of rows? |
//! | `plan` | how does the engine plan an operation? |
//! | `follow` | what do commits come to, and may a transaction follow them? |
//! | `moves` | what does a writer do next? |
//! | `place` | what happens in the store? |
//! | `rules` | by which rules does it run? |
//! | `broken` | which invariants are checked? |
//! | `configurations` | what is run, and is it right? |
//! | `mutants` | is each rule needed? |
//!
//! Not looked at: a writer that dies is one that doesn't move any more, so every state holds those too. Several winners are
//! followed in one move, as if they were fetched at once: commits don't change, so fetching fewer is following earlier.

mod broken;
mod check;
mod configurations;
mod follow;
mod memo;
mod moves;
mod mutants;
mod place;
mod plan;
mod rules;
mod state;
mod table;

use std::time::Duration;

/// More time than any lease, deadline or retention has.
const LONG_TIME: Duration = Duration::from_secs(40 * 24 * 60 * 60);
