//! What became of a request?

use bytes::Bytes;

use super::asked::Asked;
use super::fault::Fault;

/// A request, and what became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The request.
    pub asked: Asked,
    /// What was done to it.
    pub fault: Fault,
    /// The status of the server's answer; `None` where it wasn't asked, or didn't answer.
    pub answered: Option<u16>,
    /// The body of a commit that was to be put; of any other request, nothing.
    pub body: Bytes,
}

impl Seen {
    /// Whether the server did what was asked.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.answered.is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the server did what was asked, and the client wasn't told.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.is_done() && self.fault.loses_the_answer()
    }
}
