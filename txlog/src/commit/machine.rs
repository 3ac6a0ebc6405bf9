//! After this answer of the store, what does the commit loop do next?
//!
//! ```text
//! a  put at v stored                          → committed at v (told later than the lease allows: verified first)
//! b  put at v refused, v not pending          → failed
//! c  any other answer to a put                → v is pending: read v back
//! d  read back: ours                          → committed at v
//! e  read back: another's                     → v isn't pending; follow the winners, then put at the next version
//! f  read back: nothing there                 → the same bytes, at the same version, again
//! g  read back: no answer                     → read v back again
//! h  deadline, v not pending                  → failed
//! i  deadline, v pending, v > 0               → put a fence at v, read it back the same way
//! j  fence stored, or found                   → failed: the version is taken, ours can't land there
//! k  deadline, v pending, v = 0               → indeterminate: a fence would be a table without protocol
//! l  no answer to fences either, grace over   → indeterminate
//! m  e or j, found out long after the grace   → indeterminate: log cleanup may have taken ours, and this lies in the hole
//! ```
//!
//! A version that may hold our bytes is never left for the next one, and nothing that is pending is called failed
//! (pitfalls C1–C4, C19).

use std::time::Duration;

use crate::commit::trust::MAX_HANDLE_AGE;
use crate::replay::Commit;
use crate::version::Version;

/// What the store answered, or what following the winners came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The bytes are at the version.
    Stored,
    /// The store refused the put for a reason that says nothing was written (credentials, no such bucket).
    Refused,
    /// Any other answer, or none: "already exists", a conflict, an error of the server, a timeout.
    Unclear,
    /// Read back: our transaction.
    FoundOurs,
    /// Read back: our fence.
    FoundFence,
    /// Read back: another's commit.
    FoundAnother,
    /// Read back: nothing.
    FoundNothing,
    /// Read back: no answer.
    NoAnswer,
    /// Every winner may be followed; the next version is free as far as is known.
    Followed(Version),
}

impl Event {
    /// What was read back, by the ids of our transaction and of our fence.
    pub(crate) fn read_back(found: Option<&Commit>, txn_id: &str, fence_id: &str) -> Event {
        match found.map(Commit::txn_id) {
            None => Event::FoundNothing,
            Some(Some(id)) if id == txn_id => Event::FoundOurs,
            Some(Some(id)) if id == fence_id => Event::FoundFence,
            Some(_) => Event::FoundAnother,
        }
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Put the transaction at a version if nothing is there. `again`: the same bytes as before.
    Put {
        /// Where.
        version: Version,
        /// Whether these bytes may be there already.
        again: Again,
    },
    /// Put a fence at a version if nothing is there.
    Fence(Version),
    /// Read a version back.
    ReadBack(Version),
    /// Fetch the commits from a version on and resolve each.
    Follow(Version),
    /// Done.
    Done(End),
}

/// Whether a put repeats bytes that may be there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Fresh bytes, stamped for the version.
    No,
    /// The same bytes as the put before.
    Yes,
}

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Ours is this version.
    Committed(Version),
    /// Nothing of ours is in the log, nor will it be.
    Failed,
    /// Ours may be this version, now or later.
    Indeterminate(Version),
}

/// The state of one commit. Every event must be the answer to the step before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    version: Version,
    pending: bool,
    fencing: bool,
    deadline: Duration,
    grace: Duration,
}

impl Machine {
    /// A commit that begins at `version` and gives up at `deadline`; where the outcome isn't known then, it takes
    /// until `deadline + grace` to find out. Both by the monotonic clock, and both within [`MAX_HANDLE_AGE`].
    #[must_use]
    pub fn new(version: Version, deadline: Duration, grace: Duration) -> Machine {
        Machine { version, pending: false, fencing: false, deadline, grace }
    }

    /// The first step.
    #[must_use]
    pub fn start(&self) -> Step {
        Step::Put { version: self.version, again: Again::No }
    }

    /// The version that may hold our bytes, where there is one: what is said when the loop is dropped.
    #[must_use]
    pub fn pending(&self) -> Option<Version> {
        self.pending.then_some(self.version)
    }

    /// The next step after `event`, at `now`.
    pub fn next(&mut self, event: Event, now: Duration) -> Step {
        match event {
            Event::Stored if self.fencing => self.taken(now),
            Event::Stored | Event::FoundOurs => Step::Done(End::Committed(self.version)),
            Event::FoundFence => self.taken(now),
            Event::Refused if !self.pending => Step::Done(End::Failed),
            Event::Refused | Event::Unclear => {
                self.pending = true;
                self.read_back(now)
            }
            Event::NoAnswer => self.read_back(now),
            Event::FoundNothing => self.put_again(now),
            Event::FoundAnother if self.is_stale(now) => Step::Done(End::Indeterminate(self.version)), // m
            Event::FoundAnother => {
                self.pending = false;
                self.fencing = false;
                if now >= self.deadline { Step::Done(End::Failed) } else { Step::Follow(self.version) }
            }
            Event::Followed(version) => {
                self.version = version;
                if now >= self.deadline { Step::Done(End::Failed) } else { Step::Put { version, again: Again::No } }
            }
        }
    }

    /// The version is our fence's.
    fn taken(&self, now: Duration) -> Step {
        Step::Done(if self.is_stale(now) { End::Indeterminate(self.version) } else { End::Failed })
    }

    /// Whether so much time has passed that what is at the version needn't be what was there first.
    fn is_stale(&self, now: Duration) -> bool {
        now > self.deadline + self.grace + MAX_HANDLE_AGE
    }

    fn read_back(&self, now: Duration) -> Step {
        if now >= self.deadline + self.grace {
            return Step::Done(End::Indeterminate(self.version));
        }
        Step::ReadBack(self.version)
    }

    fn put_again(&mut self, now: Duration) -> Step {
        if now < self.deadline && !self.fencing {
            return Step::Put { version: self.version, again: Again::Yes };
        }
        if self.version == Version::ZERO || now >= self.deadline + self.grace {
            return Step::Done(End::Indeterminate(self.version));
        }
        self.fencing = true;
        Step::Fence(self.version)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const BEFORE: Duration = Duration::from_secs(1);
    const AFTER: Duration = Duration::from_secs(11);
    const LATE: Duration = Duration::from_secs(99);

    fn machine(version: u64) -> Machine {
        Machine::new(Version(version), Duration::from_secs(10), Duration::from_secs(5))
    }

    #[test]
    fn a_lost_answer_is_read_back_and_found_to_be_ours() {
        let mut machine = machine(3);
        assert_eq!(machine.next(Event::Unclear, BEFORE), Step::ReadBack(Version(3)));
        assert_eq!(machine.next(Event::FoundOurs, BEFORE), Step::Done(End::Committed(Version(3))));
    }

    #[test]
    fn nothing_there_means_the_same_bytes_at_the_same_version() {
        let mut machine = machine(3);
        machine.next(Event::Unclear, BEFORE);
        assert_eq!(machine.next(Event::FoundNothing, BEFORE), Step::Put { version: Version(3), again: Again::Yes });
    }

    #[test]
    fn a_refusal_after_a_lost_answer_is_not_believed() {
        let mut machine = machine(3);
        machine.next(Event::Unclear, BEFORE);
        machine.next(Event::FoundNothing, BEFORE);
        assert_eq!(machine.next(Event::Refused, BEFORE), Step::ReadBack(Version(3)));
    }

    #[test]
    fn a_create_that_stays_unclear_is_never_fenced() {
        let mut machine = machine(0);
        machine.next(Event::Unclear, BEFORE);
        assert_eq!(machine.next(Event::FoundNothing, AFTER), Step::Done(End::Indeterminate(Version(0))));
    }

    #[test]
    fn past_the_deadline_a_fence_settles_what_is_pending() {
        let mut machine = machine(3);
        machine.next(Event::Unclear, BEFORE);
        assert_eq!(machine.next(Event::FoundNothing, AFTER), Step::Fence(Version(3)));
        let mut lost = machine.clone();
        assert_eq!(machine.next(Event::Stored, AFTER), Step::Done(End::Failed));
        assert_eq!(lost.next(Event::Unclear, AFTER), Step::ReadBack(Version(3)));
        assert_eq!(lost.next(Event::FoundFence, AFTER), Step::Done(End::Failed));
    }

    /// A process may sleep for days before the answer to its fence. Ours may have landed, and log cleanup taken it, before the
    /// fence did.
    #[test]
    fn what_is_found_at_a_version_after_days_does_not_say_that_ours_never_was_there() {
        let days = Duration::from_secs(3 * 24 * 60 * 60);
        let unknown = Step::Done(End::Indeterminate(Version(3)));
        let mut fenced = machine(3);
        fenced.next(Event::Unclear, BEFORE);
        assert_eq!(fenced.clone().next(Event::FoundAnother, days), unknown);
        assert_eq!(fenced.next(Event::FoundNothing, AFTER), Step::Fence(Version(3)));
        assert_eq!(fenced.clone().next(Event::Stored, days), unknown);
        assert_eq!(fenced.clone().next(Event::FoundFence, days), unknown);
        assert_eq!(fenced.next(Event::Stored, LATE), Step::Done(End::Failed));
    }

    /// Every state that answers can lead to: what is pending is never called failed while it may still land, and
    /// `Failed` is said only when nothing is pending or the version is occupied by something that isn't ours.
    #[test]
    fn no_sequence_of_answers_calls_a_pending_commit_failed() {
        let events = [
            Event::Stored,
            Event::Refused,
            Event::Unclear,
            Event::FoundOurs,
            Event::FoundFence,
            Event::FoundAnother,
            Event::FoundNothing,
            Event::NoAnswer,
            Event::Followed(Version(4)),
        ];
        let allowed = |step: Step, event: Event| match step {
            Step::Put { .. } | Step::Fence(_) => matches!(event, Event::Stored | Event::Refused | Event::Unclear),
            Step::ReadBack(_) => matches!(
                event,
                Event::FoundOurs | Event::FoundFence | Event::FoundAnother | Event::FoundNothing | Event::NoAnswer
            ),
            Step::Follow(_) => matches!(event, Event::Followed(_)),
            Step::Done(_) => false,
        };
        let mut seen = HashSet::new();
        let mut queue = vec![(machine(3), machine(3).start(), 0)];
        while let Some((before, step, depth)) = queue.pop() {
            if depth > 7 || !seen.insert(format!("{before:?} {step:?}")) {
                continue;
            }
            for event in events.into_iter().filter(|event| allowed(step, *event)) {
                for now in [BEFORE, AFTER, LATE] {
                    let mut after = before.clone();
                    let next = after.next(event, now);
                    if next == Step::Done(End::Failed) {
                        let fence_stands = matches!(event, Event::FoundFence)
                            || (matches!(event, Event::Stored) && matches!(step, Step::Fence(_)));
                        let another = matches!(event, Event::FoundAnother | Event::Followed(_));
                        let refused = matches!(event, Event::Refused) && before.pending().is_none();
                        assert!(fence_stands || another || refused, "{before:?} {step:?} {event:?}");
                    }
                    queue.push((after, next, depth + 1));
                }
            }
        }
        assert!(seen.len() > 20, "{} states", seen.len());
    }
}
