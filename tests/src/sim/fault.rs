//! What can go wrong with a request? Each fault is one that a store behind a network has shown.

use std::time::Duration;

use super::request::Verb;

/// What becomes of one request, or of a process at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// An error of the server; nothing is done.
    Before,
    /// It is done, and the answer is lost: no answer in time.
    Lost,
    /// No answer in time, and it is done this long after.
    Late(Duration),
    /// It is done at once, and answered after this.
    Slow(Duration),
    /// It is done, and answered, after this: the process was stopped, or the network held it back.
    Stalled(Duration),
    /// "Exists already" (409), and nothing is done.
    Conflict,
    /// It is done, and answered with "exists already" (412): the answer to a repetition that nobody asked for.
    OwnExists,
    /// What is missing is forbidden (403), as for a key without permission to list.
    Forbidden,
    /// "You may not" (403); nothing is done.
    Refused,
    /// This request and the next so many of the process are answered with 503 or 429.
    Storm(u32),
    /// This request is done and its answer lost, and no request of the process reaches the store for so long.
    Outage(Duration),
    /// As [`Outage`](Fault::Outage), and this request doesn't reach the store either.
    OutageBefore(Duration),
    /// Half of the bytes arrive, and nothing says that more should have.
    Cut,
    /// Half of the bytes, or of the keys of a listing, arrive, then the connection breaks.
    Broken,
    /// A bit of what arrives is wrong. Only bits that a check must find: any of text, of a footer's end, of a vector.
    Flipped,
    /// Of several keys every other is deleted.
    Partial,
    /// The process is gone before the request reaches the store.
    DieBefore,
    /// The process is gone once the request is done.
    DieAfter,
    /// The process is gone, and the request is done this long after.
    DieLate(Duration),
}

/// Longer than any writer waits.
pub const GIVEN_UP: Duration = Duration::from_secs(600);
/// Longer than a put may take to be believed.
const SLOW: Duration = Duration::from_secs(75);
/// Past a commit's deadline, within its grace.
const PAST_DEADLINE: Duration = Duration::from_secs(70);
/// Past its grace too.
const PAST_GRACE: Duration = Duration::from_secs(120);
/// A moment later: behind the look that follows, before what follows that.
const SOON: Duration = Duration::from_micros(2_200);

impl Fault {
    /// Its name in figures.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Fault::Before => "fails before",
            Fault::Lost => "answer lost",
            Fault::Late(_) => "lands late",
            Fault::Slow(_) => "slow answer",
            Fault::Stalled(_) => "stalled",
            Fault::Conflict => "409, nothing written",
            Fault::OwnExists => "412 on one's own",
            Fault::Forbidden => "403 for a missing key",
            Fault::Refused => "403",
            Fault::Storm(_) => "429/5xx storm",
            Fault::Outage(_) | Fault::OutageBefore(_) => "outage",
            Fault::Cut => "truncated",
            Fault::Broken => "broken off",
            Fault::Flipped => "bit flipped",
            Fault::Partial => "partial bulk delete",
            Fault::DieBefore | Fault::DieAfter | Fault::DieLate(_) => "process crash",
        }
    }

    /// Whether the process ends by it.
    #[must_use]
    pub fn is_death(self) -> bool {
        matches!(self, Fault::DieBefore | Fault::DieAfter | Fault::DieLate(_))
    }

    /// Every fault that a request of this kind can meet.
    #[must_use]
    pub fn of(verb: Verb) -> Vec<Fault> {
        let mut faults = vec![Fault::Before, Fault::Storm(3), Fault::DieBefore];
        match verb {
            Verb::Create | Verb::Commit => {
                faults.extend(WRITES);
                faults.extend([Fault::Conflict, Fault::OwnExists]);
            }
            Verb::Put => faults.extend(WRITES),
            Verb::Get => faults.extend([Fault::Forbidden, Fault::Cut, Fault::Broken, Fault::Flipped]),
            Verb::List => faults.push(Fault::Broken),
            Verb::Delete => faults.extend([Fault::Lost, Fault::Partial, Fault::DieAfter]),
            Verb::Part => faults.extend([Fault::Lost, Fault::DieAfter]),
            Verb::Complete => {
                faults.extend([Fault::Lost, Fault::Late(SOON), Fault::DieAfter, Fault::DieLate(GIVEN_UP)])
            }
        }
        if verb == Verb::Commit {
            faults.extend([
                Fault::Outage(PAST_DEADLINE),
                Fault::Outage(PAST_GRACE),
                Fault::OutageBefore(PAST_DEADLINE),
                Fault::OutageBefore(PAST_GRACE),
            ]);
        }
        faults
    }
}

const WRITES: [Fault; 8] = [
    Fault::Lost,
    Fault::Late(SOON),
    Fault::Late(GIVEN_UP),
    Fault::Slow(SLOW),
    Fault::Stalled(SLOW),
    Fault::Refused,
    Fault::DieAfter,
    Fault::DieLate(GIVEN_UP),
];
