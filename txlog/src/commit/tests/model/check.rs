//! How does `stateright` run the model?

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stateright::{Model, Property};

use super::broken;
use super::memo::{Change, Memo};
use super::moves::{Answer, Moves, Reading};
use super::rules::{Outcome, Rules};
use super::state::{Fate, NONE, Set, Stage, State, Stored, WRITERS, Writer};
use super::table::{Op, Start};
use crate::commit::machine::Step;
use crate::drive::Landing;
use crate::transaction::Isolation;

/// What three writers do, each one operation after the other.
pub(super) type Program = [Vec<Op>; WRITERS];

/// What is run, and what may happen to it.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    pub(super) name: &'static str,
    pub(super) starts: Vec<Start>,
    pub(super) programs: Vec<Program>,
    pub(super) isolation: Isolation,
    pub(super) landing: Landing,
    /// How many answers of the store are lost, late, wrong or refused.
    pub(super) faults: u8,
    /// Whether a commit may take longer than its deadline, and than its grace.
    pub(super) patience: Patience,
    /// How often more time passes than any lease, deadline or retention has.
    pub(super) days: u8,
    /// How many checkpoints are written, behind which names are cleaned up.
    pub(super) checkpoints: u8,
    /// How many vacuums run.
    pub(super) vacuums: u8,
    /// What has to be reached.
    pub(super) reaches: &'static [Reach],
}

/// Whether deadlines pass by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    Endless,
    Ends,
}

impl Configuration {
    pub(super) fn watches_files(&self) -> bool {
        self.vacuums > 0
    }
}

/// Something that a state shows, so that a model in which it can't happen is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Committed,
    AlreadyApplied,
    Conflicted,
    Failed,
    Indeterminate,
    /// Three transactions have landed.
    AllLand,
    /// A fence is a version.
    Fenced,
    /// A delete whose vectors were united with those of another is a version.
    United,
    /// A compaction that took a delete along is a version.
    TookAlong,
    /// A delete that followed a compaction is a version.
    Followed,
    /// A commit that isn't part of the table lies where log cleanup made a hole.
    InHole,
    /// A slow success is looked up.
    Verified,
    /// Log cleanup took a name.
    Cleaned,
    /// A file of the first version is gone.
    Vacuumed,
}

/// Whether a state shows something.
type Shown = fn(&Checked, &State) -> bool;

impl Reach {
    const ALL: [(Reach, &'static str, Shown); 14] = [
        (Reach::Committed, "committed", |model, s| model.reaches(Reach::Committed, s)),
        (Reach::AlreadyApplied, "already applied", |model, s| model.reaches(Reach::AlreadyApplied, s)),
        (Reach::Conflicted, "conflicted", |model, s| model.reaches(Reach::Conflicted, s)),
        (Reach::Failed, "failed", |model, s| model.reaches(Reach::Failed, s)),
        (Reach::Indeterminate, "indeterminate", |model, s| model.reaches(Reach::Indeterminate, s)),
        (Reach::AllLand, "all land", |model, s| model.reaches(Reach::AllLand, s)),
        (Reach::Fenced, "a fence stands", |model, s| model.reaches(Reach::Fenced, s)),
        (Reach::United, "vectors united", |model, s| model.reaches(Reach::United, s)),
        (Reach::TookAlong, "a compaction took a delete along", |model, s| model.reaches(Reach::TookAlong, s)),
        (Reach::Followed, "a delete followed a compaction", |model, s| model.reaches(Reach::Followed, s)),
        (Reach::InHole, "landed in a hole", |model, s| model.reaches(Reach::InHole, s)),
        (Reach::Verified, "a slow success is looked up", |model, s| model.reaches(Reach::Verified, s)),
        (Reach::Cleaned, "a name is cleaned up", |model, s| model.reaches(Reach::Cleaned, s)),
        (Reach::Vacuumed, "a file is vacuumed", |model, s| model.reaches(Reach::Vacuumed, s)),
    ];
}

/// A step of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Plan(usize, Reading),
    Begin(usize),
    Step(usize, Answer),
    Verify(usize, Answer),
    /// A commit comes past its deadline, or past its grace.
    Wait(usize),
    /// A late put lands.
    Land(u32),
    /// More time passes than any lease, deadline or retention has.
    Pass,
    Checkpoint,
    CleanUp,
    /// Vacuum plans, and carries it out.
    Choose,
    Delete,
}

/// The model.
pub(super) struct Checked {
    pub(super) with: Configuration,
    memo: Mutex<Memo>,
    /// What has been reached: shown once.
    shown: AtomicU32,
}

impl Checked {
    pub(super) fn new(with: Configuration, rules: Rules) -> Checked {
        let memo = Mutex::new(Memo::new(rules, with.isolation));
        Checked { with, memo, shown: AtomicU32::new(0) }
    }

    pub(super) fn memo(&self) -> MutexGuard<'_, Memo> {
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reaches(&self, reach: Reach, s: &State) -> bool {
        let bit = 1 << reach as u32;
        if self.shown.load(Ordering::Relaxed) & bit != 0 {
            return false;
        }
        let told = |outcome: Outcome| s.writers.iter().any(|writer| writer.outcomes.contains(&outcome));
        let reached = match reach {
            Reach::Committed => told(Outcome::Committed),
            Reach::AlreadyApplied => told(Outcome::AlreadyApplied),
            Reach::Conflicted => told(Outcome::Conflicted),
            Reach::Failed => told(Outcome::Failed),
            Reach::Indeterminate => told(Outcome::Indeterminate),
            Reach::Verified => s.writers.iter().any(|writer| writer.stage == Stage::Verifying),
            Reach::Cleaned => s.log[0] == NONE,
            Reach::AllLand => self.memo().version(s.truth).history.len() == WRITERS,
            Reach::Fenced => {
                s.log[1..].iter().any(|commit| *commit != NONE && self.memo().written(*commit).txn == NONE)
            }
            Reach::United => self.memo().has_changed(s.truth, Change::United, false),
            Reach::TookAlong => self.memo().has_changed(s.truth, Change::Moved, true),
            Reach::Followed => self.memo().has_changed(s.truth, Change::Moved, false),
            Reach::InHole => self.memo().has_stray(s),
            Reach::Vacuumed => self.memo().has_lost_first(s),
        };
        if reached {
            self.shown.fetch_or(bit, Ordering::Relaxed);
        }
        reached
    }

    fn answers(&self, s: &State, step: Step, taken: bool, actions: &mut Vec<Move>, w: usize) {
        actions.push(Move::Step(w, Answer::True));
        if s.faults == 0 {
            return;
        }
        let wrong: &[Answer] = match (step, taken, self.with.landing) {
            (Step::Put { .. } | Step::Fence(_), false, Landing::Late) => {
                &[Answer::Lost, Answer::Nothing, Answer::Late, Answer::Refused]
            }
            (Step::Put { .. } | Step::Fence(_), false, Landing::AtOnce) => {
                &[Answer::Lost, Answer::Nothing, Answer::Refused]
            }
            (Step::Put { .. } | Step::Fence(_), true, Landing::Late) => &[Answer::Refused],
            (Step::Put { .. } | Step::Fence(_), true, Landing::AtOnce) => &[],
            _ => &[Answer::Nothing],
        };
        actions.extend(wrong.iter().map(|answer| Move::Step(w, *answer)));
    }

    fn writer_moves(&self, memo: &Memo, s: &State, w: usize, actions: &mut Vec<Move>) {
        let writer = &s.writers[w];
        match writer.stage {
            Stage::Idle => {
                actions.push(Move::Plan(w, Reading::Newest));
                if writer.tip != s.truth {
                    actions.push(Move::Plan(w, Reading::Known));
                }
            }
            Stage::Ready => actions.push(Move::Begin(w)),
            Stage::Running => {
                let step = memo.step(writer.loops);
                let at = match step {
                    Step::Put { version, .. } | Step::Fence(version) => version.0 as usize,
                    _ => 0,
                };
                self.answers(s, step, s.log[at] != NONE, actions, w);
                if self.with.patience == Patience::Ends && writer.phase < 2 {
                    actions.push(Move::Wait(w));
                }
            }
            Stage::Verifying => {
                actions.push(Move::Verify(w, Answer::True));
                if s.faults > 0 {
                    actions.push(Move::Verify(w, Answer::Nothing));
                }
            }
            Stage::Finished => {}
        }
    }

    /// Whether time may pass: where files are watched, no commit is under way for so long.
    fn may_pass(&self, s: &State) -> bool {
        let under_way = |writer: &Writer| matches!(writer.stage, Stage::Running | Stage::Verifying);
        s.today < self.with.days && !(self.with.watches_files() && s.writers.iter().any(under_way))
    }
}

impl Model for Checked {
    type State = State;
    type Action = Move;

    fn init_states(&self) -> Vec<State> {
        let mut memo = self.memo();
        let mut states = Vec::new();
        for start in &self.with.starts {
            let first = memo.first(*start);
            let mut files = Set::default();
            if self.with.watches_files() {
                for file in &memo.version(first).live {
                    files.insert(Stored { file: *file, born: 0, fate: Fate::Stays }.packed());
                }
            }
            let mut log = [NONE; super::state::VERSIONS];
            log[0] = memo.version(first).commit;
            for (program, operations) in self.with.programs.iter().enumerate() {
                let writer = |operations: &Vec<Op>| match operations.is_empty() {
                    true => Writer { stage: Stage::Finished, ..Writer::default() },
                    false => Writer { tip: first, ..Writer::default() },
                };
                states.push(State {
                    program: program as u16,
                    log,
                    born: [0; super::state::VERSIONS],
                    truth: first,
                    eve: first,
                    checkpoint: NONE,
                    today: 0,
                    faults: self.with.faults,
                    checkpoints: self.with.checkpoints,
                    vacuums: self.with.vacuums,
                    late: Set::default(),
                    files,
                    writers: [0, 1, 2].map(|w| writer(&operations[w])),
                    broken: 0,
                });
            }
        }
        states
    }

    fn actions(&self, s: &State, actions: &mut Vec<Move>) {
        if s.broken != 0 {
            return;
        }
        let mut memo = self.memo();
        for w in 0..WRITERS {
            self.writer_moves(&memo, s, w, actions);
        }
        for late in s.late.iter() {
            if s.log[memo.written(late).commit.version.0 as usize] == NONE {
                actions.push(Move::Land(late));
            }
        }
        if self.may_pass(s) {
            actions.push(Move::Pass);
        }
        if s.checkpoints > 0 && s.checkpoint != s.truth {
            actions.push(Move::Checkpoint);
        }
        let mut s = s.clone();
        let moves = Moves { with: &self.with, memo: &mut memo, s: &mut s };
        if self.with.checkpoints > 0 && moves.cleaned().is_some() {
            actions.push(Move::CleanUp);
        }
        if moves.is_doomed() {
            actions.push(Move::Delete);
        } else if moves.s.vacuums > 0 {
            actions.push(Move::Choose);
        }
    }

    fn next_state(&self, last: &State, action: Move) -> Option<State> {
        let mut s = last.clone();
        let mut memo = self.memo();
        if let Move::Step(_, answer) | Move::Verify(_, answer) = action
            && answer != Answer::True
        {
            s.faults -= 1;
        }
        let mut moves = Moves { with: &self.with, memo: &mut memo, s: &mut s };
        match action {
            Move::Plan(w, reading) => {
                let op = self.with.programs[usize::from(last.program)][w][usize::from(last.writers[w].seq)];
                moves.plan(w, reading, op);
            }
            Move::Begin(w) => moves.begin(w),
            Move::Step(w, answer) => moves.step(w, answer),
            Move::Verify(w, answer) => moves.verify(w, answer),
            Move::Wait(w) => moves.s.writers[w].phase += 1,
            Move::Land(commit) => moves.land_late(commit),
            Move::Pass => moves.pass_time(),
            Move::Checkpoint => moves.write_checkpoint(),
            Move::CleanUp => moves.clean_up(),
            Move::Choose => moves.choose(),
            Move::Delete => moves.delete(),
        }
        Some(s)
    }

    fn properties(&self) -> Vec<Property<Checked>> {
        let whole: [Shown; broken::COUNT] = [
            |_, s| s.broken & broken::DURABLE == 0,
            |_, s| s.broken & broken::HOLE == 0,
            |_, s| s.broken & broken::VISIBLE == 0,
            |_, s| s.broken & broken::ONCE == 0,
            |_, s| s.broken & broken::FAILED == 0,
            |_, s| s.broken & broken::LIVE == 0,
            |_, s| s.broken & broken::SERIAL == 0,
            |_, s| s.broken & broken::RESURRECTED == 0,
            |_, s| s.broken & broken::VECTORS == 0,
            |_, s| s.broken & broken::NEEDED == 0,
        ];
        let always = broken::NAMES.iter().zip(whole).map(|(name, whole)| Property::always(name, whole));
        let sometimes = Reach::ALL.iter().filter(|(reach, ..)| self.with.reaches.contains(reach));
        always.chain(sometimes.map(|(_, name, reached)| Property::sometimes(name, *reached))).collect()
    }
}

impl Memo {
    /// Whether a transaction in the history, a compaction or another, was changed so to follow others.
    fn has_changed(&self, tip: u32, change: Change, rearranges: bool) -> bool {
        let mut at = tip;
        while at != NONE {
            let written = self.written(self.version(at).commit);
            if written.txn != NONE {
                let planned = self.planned(written.txn);
                if planned.change == change && planned.op.rearranges() == rearranges {
                    return true;
                }
            }
            at = self.version(at).parent;
        }
        false
    }

    /// Whether a commit in the log isn't the table's.
    fn has_stray(&self, s: &State) -> bool {
        let mut own = [NONE; super::state::VERSIONS];
        let mut at = s.truth;
        while at != NONE {
            own[usize::from(self.number(at))] = self.version(at).commit;
            at = self.version(at).parent;
        }
        s.log.iter().zip(own).any(|(there, own)| *there != NONE && *there != own)
    }

    /// Whether a file that the first version had is gone.
    fn has_lost_first(&self, s: &State) -> bool {
        let mut first = s.truth;
        while self.version(first).parent != NONE {
            first = self.version(first).parent;
        }
        let there = |file: &u32| s.files.iter().any(|item| Stored::unpacked(item).file == *file);
        !self.version(first).live.iter().all(there)
    }
}
