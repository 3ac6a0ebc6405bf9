//! By which rules does the model run? The production functions, and what the shells around them decide.

use std::time::Duration;

use super::table::Row;
use crate::action::{Action, DeletionVectorDescriptor};
use crate::commit::machine::{Event, Machine, Step};
use crate::commit::trust;
use crate::conflict::{Rebase, Verdict, Why, Winner, check_live, check_progress, resolve};
use crate::dv::DeletionVector;
use crate::error::Result;
use crate::replay::Commit;
use crate::snapshot::Snapshot;
use crate::transaction::{Stamp, Transaction};
use crate::version::Version;

/// How a transaction ended, as its writer was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// It hasn't.
    #[default]
    None,
    /// There was nothing to do.
    Nothing,
    Committed,
    AlreadyApplied,
    Conflicted,
    Failed,
    Indeterminate,
}

/// What comes back from a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Stored,
    /// Something is there.
    Exists,
    /// An error of the server, a conflict, a timeout.
    Unclear,
    /// A definite refusal; in a folder, after a look that found nothing.
    Refused,
}

/// A commit's file that log cleanup looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct OldName {
    pub(super) version: Version,
    pub(super) newest: Version,
    pub(super) checkpoint: Option<Version>,
    /// How long ago it was written.
    pub(super) age: Duration,
}

/// A file that vacuum looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) age: Duration,
    /// Whether it holds vectors.
    pub(super) kind: FileKind,
    /// Who needs it.
    pub(super) needed: Needs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Rows,
    Vectors,
}

/// Who needs a file, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs(pub(super) u8);

impl Needs {
    /// The newest version.
    pub(super) const LIVE: u8 = 1;
    /// A version before a removal within the retention, by the tombstone's time.
    pub(super) const TOMBSTONE: u8 = 2;
    /// A commit within the retention.
    pub(super) const NAMED: u8 = 4;
    /// The version that was the newest when the retention began.
    pub(super) const RETAINED: u8 = 8;
}

/// What a handle past its lease does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    /// It lists the log.
    List,
    /// It asks for the versions after the one that it knows.
    Follow,
}

/// Every decision that the model asks for.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// [`Machine::next`].
    pub(super) next: fn(&mut Machine, Event, Duration) -> Step,
    /// What an answer to a put tells the machine.
    pub(super) heard: fn(Heard) -> Event,
    /// [`Event::read_back`].
    pub(super) read_back: fn(Option<&Commit>, &str, &str) -> Event,
    /// Which of several stampings a repeated put has: the one before.
    pub(super) again: fn(u8) -> u8,
    /// [`Transaction::stamped`].
    pub(super) stamped: fn(&Transaction, &Stamp) -> Vec<Action>,
    /// Of a list of winners of this length, whether the one at this place is resolved.
    pub(super) resolves: fn(usize, usize) -> bool,
    /// Which transaction meets the next winner: the first one, or the one that followed the winners before.
    pub(super) carried: fn(u32, u32) -> u32,
    /// [`resolve()`].
    pub(super) resolve: fn(&Transaction, &Winner<'_>) -> Verdict,
    /// [`Rebase::apply`].
    pub(super) apply: fn(&Rebase, &Transaction, &[DeletionVectorDescriptor]) -> Result<Transaction>,
    /// [`check_live`], with the table that is committed on, and the one that was read.
    pub(super) check_live: fn(&Transaction, &Snapshot, &Snapshot) -> std::result::Result<(), Why>,
    /// [`check_progress`].
    pub(super) check_progress: fn(&Transaction, &Snapshot) -> Verdict,
    /// [`trust::lease_is_over`].
    pub(super) lease_is_over: fn(Duration, Option<Duration>) -> bool,
    pub(super) renewal: Renewal,
    /// [`trust::is_too_old_to_follow`].
    pub(super) is_too_old_to_follow: fn(Duration, Option<Duration>) -> bool,
    /// [`trust::is_slow`].
    pub(super) is_slow: fn(Duration) -> bool,
    /// [`trust::is_reached`].
    pub(super) is_reached: fn(Version, Version, Option<Version>) -> bool,
    /// [`trust::ends_in_hole`].
    pub(super) ends_in_hole: fn(Version, Version) -> bool,
    /// Whether log cleanup takes the name.
    pub(super) cleans: fn(OldName) -> bool,
    /// Whether vacuum leaves the file.
    pub(super) keeps: fn(Candidate) -> bool,
    /// Whether files that were uploaded so long ago may still be committed (pitfall D5).
    pub(super) may_commit: fn(Duration) -> bool,
    /// Whether a writer deletes its files after this.
    pub(super) discards: fn(Outcome) -> bool,
    /// The engine's plan.
    pub(super) planned: fn(Transaction) -> Transaction,
    /// The rows that a rewrite of a file has: those that are live, of all.
    pub(super) rewritten: fn(Vec<Row>, &[Row]) -> Vec<Row>,
    /// The vector that a file has after rows more are deleted.
    pub(super) grown: fn(&DeletionVector, &DeletionVector) -> DeletionVector,
}

/// The least age of a name that log cleanup takes.
const CLEANED_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// The retention of files.
pub(super) const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Rules {
    /// Those of the product. Log cleanup isn't built: its rule is that of the design. Vacuum is a crate that stands behind
    /// this one: its rules are written down again here.
    pub(super) fn production() -> Rules {
        Rules {
            next: Machine::next,
            heard: |heard| match heard {
                Heard::Stored => Event::Stored,
                Heard::Refused => Event::Refused,
                Heard::Exists | Heard::Unclear => Event::Unclear,
            },
            read_back: Event::read_back,
            again: |before| before,
            stamped: Transaction::stamped,
            resolves: |_, _| true,
            carried: |_, followed| followed,
            resolve,
            apply: Rebase::apply,
            check_live: |ours, table, _| check_live(ours, table),
            check_progress,
            lease_is_over: trust::lease_is_over,
            renewal: Renewal::List,
            is_too_old_to_follow: trust::is_too_old_to_follow,
            is_slow: trust::is_slow,
            is_reached: trust::is_reached,
            ends_in_hole: trust::ends_in_hole,
            cleans: |name| {
                let behind = name.checkpoint.is_some_and(|checkpoint| name.version < checkpoint);
                behind && name.version < name.newest && name.age > CLEANED_AGE
            },
            keeps: |file| file.needed.0 != 0 || file.age <= RETENTION,
            may_commit: |age| trust::may_commit(age, RETENTION),
            discards: |outcome| matches!(outcome, Outcome::AlreadyApplied | Outcome::Conflicted | Outcome::Failed),
            planned: |transaction| transaction,
            rewritten: |live, _| live,
            grown: DeletionVector::union,
        }
    }
}
