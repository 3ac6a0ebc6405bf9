//! Faults of leases, of log cleanup and of vacuum.

use super::super::broken;
use super::super::rules::{FileKind, Needs, Outcome, Renewal};
use super::Mutant;
use super::places::Place;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        fault: "no lease (C14)",
        put: |rules| rules.lease_is_over = |_, _| false,
        place: Place::Cleaned,
        found_by: broken::HOLE,
    },
    Mutant {
        fault: "past its lease, a handle asks for the next version alone",
        put: |rules| rules.renewal = Renewal::Follow,
        place: Place::Cleaned,
        found_by: broken::HOLE,
    },
    Mutant {
        fault: "a slow success is believed",
        put: |rules| rules.is_slow = |_| false,
        place: Place::Cleaned,
        found_by: broken::HOLE,
    },
    Mutant {
        fault: "a slow success is believed where the version is there, below the checkpoint or not",
        put: |rules| rules.is_reached = |version, newest, _| newest >= version,
        place: Place::Cleaned,
        found_by: broken::HOLE,
    },
    Mutant {
        fault: "what is missing below the newest version is free",
        put: |rules| {
            rules.ends_in_hole = |_, _| false;
            rules.is_too_old_to_follow = |_, _| false;
        },
        place: Place::Cleaned,
        found_by: broken::HOLE,
    },
    Mutant {
        fault: "what was read long ago follows what there is",
        put: |rules| rules.is_too_old_to_follow = |_, _| false,
        place: Place::CleanedRead,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "log cleanup needs no checkpoint (L1)",
        put: |rules| rules.cleans = |name| name.version < name.newest && !name.age.is_zero(),
        place: Place::Cleaned,
        found_by: broken::VISIBLE,
    },
    Mutant {
        fault: "log cleanup goes on past the checkpoint",
        put: |rules| {
            rules.cleans = |name| {
                name.checkpoint.is_some_and(|checkpoint| name.version <= checkpoint.next()) && !name.age.is_zero()
            };
        },
        place: Place::Cleaned,
        found_by: broken::VISIBLE,
    },
    Mutant {
        fault: "log cleanup truncates at once",
        put: |rules| {
            rules.cleans = |name| name.checkpoint.is_some_and(|checkpoint| name.version < checkpoint);
        },
        place: Place::CleanedAtOnce,
        found_by: broken::HOLE,
    },
    Mutant {
        fault: "vacuum keeps what the newest version needs, and no tombstones (D7)",
        put: |rules| rules.keeps = |file| file.needed.0 & Needs::LIVE != 0 || file.age.is_zero(),
        place: Place::Vacuumed,
        found_by: broken::NEEDED,
    },
    Mutant {
        fault: "vacuum doesn't know that vectors stand in files",
        put: |rules| {
            rules.keeps = |file| (file.kind == FileKind::Rows && file.needed.0 != 0) || file.age.is_zero();
        },
        place: Place::Vacuumed,
        found_by: broken::NEEDED,
    },
    Mutant {
        fault: "vacuum takes what no commit names yet (D5)",
        put: |rules| rules.keeps = |file| file.needed.0 != 0,
        place: Place::VacuumedAtOnce,
        found_by: broken::NEEDED,
    },
    Mutant {
        fault: "a writer commits files that vacuum may have taken (D5)",
        put: |rules| rules.may_commit = |_| true,
        place: Place::Vacuumed,
        found_by: broken::NEEDED,
    },
    Mutant {
        fault: "a writer deletes its files when it doesn't know how its commit ended (C4)",
        put: |rules| rules.discards = |outcome| !matches!(outcome, Outcome::Committed),
        place: Place::VacuumedLost,
        found_by: broken::NEEDED,
    },
];
