//! Faults of the machine, and of what it is told.

use std::time::Duration;

use super::super::broken;
use super::super::moves::{DEADLINE, GRACE};
use super::super::rules::Heard;
use super::Mutant;
use super::places::Place;
use crate::commit::machine::{Again, End, Event, Machine, Step};
use crate::version::Version;

/// The step that the machine would take, with those that end otherwise.
fn ending(machine: &mut Machine, event: Event, now: Duration, change: fn(End) -> End) -> Step {
    match machine.next(event, now) {
        Step::Done(end) => Step::Done(change(end)),
        step => step,
    }
}

/// Whether the machine waits for the answer to a fence.
fn is_fencing(machine: &Machine, now: Duration) -> bool {
    !matches!(machine.clone().next(Event::Stored, now), Step::Done(End::Committed(_)))
}

/// The version that the machine is at.
fn at(machine: &Machine) -> Version {
    match machine.start() {
        Step::Put { version, .. } => version,
        _ => Version::ZERO,
    }
}

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        fault: "\"already exists\" is a race that was lost (C1)",
        put: |rules| {
            rules.heard = |heard| match heard {
                Heard::Stored => Event::Stored,
                Heard::Exists => Event::FoundAnother,
                Heard::Refused => Event::Refused,
                Heard::Unclear => Event::Unclear,
            };
        },
        place: Place::Lost,
        found_by: broken::FAILED,
    },
    Mutant {
        fault: "\"already exists\" is our own",
        put: |rules| {
            rules.heard = |heard| match heard {
                Heard::Stored | Heard::Exists => Event::Stored,
                Heard::Refused => Event::Refused,
                Heard::Unclear => Event::Unclear,
            };
        },
        place: Place::AppendAppend,
        found_by: broken::DURABLE,
    },
    Mutant {
        fault: "an answer that was lost is a failure, without a look",
        put: |rules| {
            rules.next = |machine, event, now| match event {
                Event::Unclear => Step::Done(End::Failed),
                event => machine.next(event, now),
            };
        },
        place: Place::Lost,
        found_by: broken::FAILED,
    },
    Mutant {
        fault: "an answer that was lost is a race that was lost, without a look",
        put: |rules| {
            rules.next = |machine, event, now| match event {
                Event::Unclear => machine.next(Event::FoundAnother, now),
                event => machine.next(event, now),
            };
        },
        place: Place::Lost,
        found_by: broken::FAILED,
    },
    Mutant {
        fault: "a read without an answer means that another's is there",
        put: |rules| {
            rules.next = |machine, event, now| match event {
                Event::NoAnswer => machine.next(Event::FoundAnother, now),
                event => machine.next(event, now),
            };
        },
        place: Place::Lost,
        found_by: broken::FAILED,
    },
    Mutant {
        fault: "where nothing is found, the next version is tried (C2)",
        put: |rules| {
            rules.next = |machine, event, now| match event {
                Event::FoundNothing => {
                    *machine = Machine::new(at(machine).next(), DEADLINE, GRACE);
                    machine.start()
                }
                event => machine.next(event, now),
            };
        },
        place: Place::Lost,
        found_by: broken::ONCE,
    },
    Mutant {
        fault: "where nothing is found, the bytes are stamped anew, with another id",
        put: |rules| rules.again = |nonce| nonce ^ 1,
        place: Place::Lost,
        found_by: broken::FAILED,
    },
    Mutant {
        fault: "a refusal is believed while an earlier put may land (C19)",
        put: |rules| {
            rules.next = |machine, event, now| match event {
                Event::Refused => Step::Done(End::Failed),
                event => machine.next(event, now),
            };
        },
        place: Place::Lost,
        found_by: broken::FAILED,
    },
    Mutant {
        fault: "where nothing is found, nothing is pending any more",
        put: |rules| {
            rules.next = |machine, event, now| match event {
                Event::FoundNothing => {
                    *machine = Machine::new(at(machine), DEADLINE, GRACE);
                    Step::Put { version: at(machine), again: Again::Yes }
                }
                event => machine.next(event, now),
            };
        },
        place: Place::Lost,
        found_by: broken::FAILED,
    },
    Mutant {
        fault: "what is read back isn't compared: whatever is there is ours",
        put: |rules| {
            rules.read_back = |found, ours, fence| match Event::read_back(found, ours, fence) {
                Event::FoundAnother => Event::FoundOurs,
                event => event,
            };
        },
        place: Place::AppendAppend,
        found_by: broken::DURABLE,
    },
    Mutant {
        fault: "what is read back isn't compared: whatever is there is another's",
        put: |rules| {
            rules.read_back = |found, ours, fence| match Event::read_back(found, ours, fence) {
                Event::FoundOurs => Event::FoundAnother,
                event => event,
            };
        },
        place: Place::Lost,
        found_by: broken::FAILED,
    },
    Mutant {
        fault: "the deadline ends a pending commit without a fence (C3)",
        put: |rules| {
            rules.next = |machine, event, now| match machine.next(event, now) {
                Step::Fence(_) => Step::Done(End::Failed),
                step => step,
            };
        },
        place: Place::Patience,
        found_by: broken::FAILED,
    },
    Mutant {
        fault: "a fence is believed without being read back",
        put: |rules| {
            rules.next = |machine, event, now| match event {
                Event::Unclear if is_fencing(machine, now) => Step::Done(End::Failed),
                event => machine.next(event, now),
            };
        },
        place: Place::Patience,
        found_by: broken::FAILED,
    },
    Mutant {
        fault: "our fence is taken for our transaction",
        put: |rules| {
            rules.read_back = |found, ours, fence| match Event::read_back(found, ours, fence) {
                Event::FoundFence => Event::FoundOurs,
                event => event,
            };
        },
        place: Place::Patience,
        found_by: broken::DURABLE,
    },
    Mutant {
        fault: "what isn't known when the grace is over is called failed",
        put: |rules| {
            rules.next = |machine, event, now| {
                ending(machine, event, now, |end| if let End::Indeterminate(_) = end { End::Failed } else { end })
            };
        },
        place: Place::Patience,
        found_by: broken::FAILED,
    },
    Mutant {
        fault: "what isn't known when the grace is over is called committed",
        put: |rules| {
            rules.is_slow = |_| false;
            rules.next = |machine, event, now| {
                ending(machine, event, now, |end| match end {
                    End::Indeterminate(version) => End::Committed(version),
                    end => end,
                })
            };
        },
        place: Place::Patience,
        found_by: broken::DURABLE,
    },
    Mutant {
        fault: "a fence is believed however late it stands",
        put: |rules| {
            rules.next = |machine, event, now| match event {
                Event::Stored if is_fencing(machine, now) => Step::Done(End::Failed),
                event => machine.next(event, now),
            };
        },
        place: Place::CleanedLost,
        found_by: broken::FAILED,
    },
];
