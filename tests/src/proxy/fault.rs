//! What is done to a request, or to its answer?

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::asked::{Asked, What};

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It is passed on, and so is its answer.
    None,
    /// The server does what it asks; the client doesn't get the answer.
    Lost(Lost),
    /// The server never hears of it.
    Unsent(Unsent),
    /// The client waits until it ends, or is killed.
    Held(Held),
    /// The server deletes what it was asked to; the answer says that it failed for the first object.
    Partial,
    /// "You may not" where the server says that there is no such object, as on S3 without permission to list.
    HidesMissing,
}

/// What the client gets instead of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// The connection ends without a byte.
    Nothing,
    /// It ends in the midst of the head.
    Head,
    /// It ends in the midst of the body; of the head where there is no body.
    Body,
    /// An answer of this status.
    Status(u16),
    /// "200 OK", and a page that isn't the server's.
    Page,
    /// "200 OK", and nothing else.
    Empty,
    /// The connection ends; the request reaches the server so many milliseconds later.
    Late(u64),
    /// Nothing until the client has lost its patience.
    Slow,
}

/// What the client gets for a request that was never sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsent {
    /// The connection ends without a byte.
    Nothing,
    /// The connection is reset while the client is still sending.
    Reset,
    /// An answer of this status.
    Status(u16),
    /// "200 OK", and a page that isn't the server's.
    Page,
}

/// When the server hears of a request whose client waits; a test is told of each ([`super::Proxy::wait_held`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// Before the test is told.
    Landed,
    /// Once the test says so ([`super::Proxy::release`]), whatever became of the client.
    Late,
    /// Never.
    Unsent,
}

impl Fault {
    /// Whether the server does what is asked, and the client isn't told.
    #[must_use]
    pub fn loses_the_answer(self) -> bool {
        matches!(self, Fault::Lost(_) | Fault::Held(Held::Landed | Held::Late))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Fault::None => "none".to_owned(),
            Fault::Lost(Lost::Nothing) => "lost: no byte".to_owned(),
            Fault::Lost(Lost::Head) => "lost: half a head".to_owned(),
            Fault::Lost(Lost::Body) => "lost: half a body".to_owned(),
            Fault::Lost(Lost::Status(status)) => format!("lost: {status} instead"),
            Fault::Lost(Lost::Page) => "lost: a page instead".to_owned(),
            Fault::Lost(Lost::Empty) => "lost: an empty answer instead".to_owned(),
            Fault::Lost(Lost::Late(_)) => "lost: landed late".to_owned(),
            Fault::Lost(Lost::Slow) => "lost: past the timeout".to_owned(),
            Fault::Unsent(Unsent::Nothing) => "unsent: no byte".to_owned(),
            Fault::Unsent(Unsent::Reset) => "unsent: reset".to_owned(),
            Fault::Unsent(Unsent::Status(status)) => format!("unsent: {status}"),
            Fault::Unsent(Unsent::Page) => "unsent: a page".to_owned(),
            Fault::Held(held) => format!("held: {held:?}").to_lowercase(),
            Fault::Partial => "partial answer".to_owned(),
            Fault::HidesMissing => "403 for 404".to_owned(),
        };
        f.pad(&text)
    }
}

/// Faults that a test lines up: each meets the next request of its kind; others are passed on.
#[derive(Clone, Debug, Default)]
pub struct Script(Arc<Mutex<VecDeque<(What, Fault)>>>);

impl Script {
    /// Lines up one more.
    pub fn push(&self, what: What, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back((what, fault));
    }

    /// How many have met no request yet.
    #[must_use]
    pub fn left(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Forgets those.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What meets this request.
    #[must_use]
    pub fn meet(&self, asked: &Asked) -> Fault {
        let mut lined_up = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lined_up.iter().position(|(what, _)| *what == asked.what);
        found.and_then(|at| lined_up.remove(at)).map_or(Fault::None, |(_, fault)| fault)
    }
}
