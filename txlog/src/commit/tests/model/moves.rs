//! What does a writer do next? The shell of `drive`, with every wait for the store in another's hands.
//!
//! One move is everything between two waits. How long it waited is up to [`Moves::clock`]: another may have moved meanwhile,
//! a day may have passed.

use std::time::Duration;

use super::LONG_TIME;
use super::broken;
use super::check::Configuration;
use super::memo::{Memo, Resolved, fence_id};
use super::rules::{Heard, Outcome, Renewal};
use super::state::{Fate, Moment, NONE, Stage, State, Stored, VERSIONS, Writer};
use super::table::{Author, Op};
use crate::commit::machine::{Again, End, Event, Machine, Step};
use crate::conflict::Verdict;
use crate::drive::Landing;
use crate::version::Version;

pub(super) const DEADLINE: Duration = Duration::from_secs(60);
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// What the clock shows in each phase of a commit's patience.
const PHASES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(61), Duration::from_secs(91)];

/// What the store makes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// What is asked for, and says so.
    True,
    /// What is asked for, and the answer is lost.
    Lost,
    /// Nothing, and the answer is an error that may mean anything: 409 without a reason, 503, a timeout.
    Nothing,
    /// Nothing yet; the answer is the same, and the request may still be carried out at any time.
    Late,
    /// Nothing, and says so.
    Refused,
}

/// How the handle's snapshot is chosen before planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Newest,
    /// As the handle knows it.
    Known,
}

pub(super) struct Moves<'a> {
    pub(super) with: &'a Configuration,
    pub(super) memo: &'a mut Memo,
    pub(super) s: &'a mut State,
}

impl Moves<'_> {
    fn writer(&mut self, w: usize) -> &mut Writer {
        &mut self.s.writers[w]
    }

    fn author(&self, w: usize) -> Author {
        Author { writer: w as u8, seq: self.s.writers[w].seq }
    }

    /// Time since the commit began.
    fn clock(&self, w: usize) -> Duration {
        let writer = &self.s.writers[w];
        u32::from(self.s.today - writer.began) * LONG_TIME + PHASES[usize::from(writer.phase)]
    }

    fn moment(&self, w: usize) -> Moment {
        Moment { day: self.s.today, phase: self.s.writers[w].phase }
    }

    /// Time since the version that is put was known to be the next.
    fn took(&self, w: usize) -> Duration {
        let since = self.s.writers[w].since;
        let days = u32::from(self.s.today - since.day) * LONG_TIME;
        days + PHASES[usize::from(self.s.writers[w].phase)].saturating_sub(PHASES[usize::from(since.phase)])
    }

    /// Reads the table and plans the next operation.
    pub(super) fn plan(&mut self, w: usize, reading: Reading, op: Op) {
        if reading == Reading::Newest && !self.refresh(w) {
            return self.settle(w, Outcome::Failed);
        }
        let (by, read, today) = (self.author(w), self.s.writers[w].tip, self.s.today);
        let Some(txn) = self.memo.plan(op, by, read, today) else { return self.settle(w, Outcome::Nothing) };
        let writer = self.writer(w);
        (writer.read, writer.txn, writer.stage) = (read, txn, Stage::Ready);
        writer.read_on = if reading == Reading::Newest { today } else { writer.proved };
        self.upload(txn);
    }

    /// Puts the files of a transaction that aren't there yet.
    fn upload(&mut self, txn: u32) {
        if !self.with.watches_files() {
            return;
        }
        for file in &self.memo.planned(txn).files {
            if !self.s.files.iter().any(|item| Stored::unpacked(item).file == *file) {
                self.s.files.insert(Stored { file: *file, born: self.s.today, fate: Fate::Stays }.packed());
            }
        }
    }

    fn lease_is_over(&mut self, w: usize) -> bool {
        let writer = self.s.writers[w];
        let age = u32::from(self.s.today - writer.proved) * LONG_TIME;
        let retention = self.memo.version(writer.tip).snapshot.properties().log_retention().ok();
        (self.memo.rules.lease_is_over)(age, retention)
    }

    /// Brings the handle to the newest version. Whether it could.
    fn refresh(&mut self, w: usize) -> bool {
        if self.lease_is_over(w) {
            return self.renew(w);
        }
        self.follow_tail(w)
    }

    fn follow_tail(&mut self, w: usize) -> bool {
        let mut tip = self.s.writers[w].tip;
        loop {
            let next = usize::from(self.memo.number(tip)) + 1;
            let commit = self.s.log.get(next).copied().unwrap_or(NONE);
            if commit == NONE {
                break;
            }
            let Some(followed) = self.memo.follow(tip, commit) else { return false };
            tip = followed;
        }
        self.writer(w).tip = tip;
        true
    }

    fn renew(&mut self, w: usize) -> bool {
        if self.memo.rules.renewal == Renewal::Follow {
            return self.follow_tail(w);
        }
        let Some(opened) = self.memo.open(&self.s.log, self.s.checkpoint) else { return false };
        let today = self.s.today;
        let writer = self.writer(w);
        (writer.tip, writer.proved) = (opened.version, today);
        true
    }

    /// Enters the commit loop.
    pub(super) fn begin(&mut self, w: usize) {
        let writer = self.s.writers[w];
        let age = u32::from(self.s.today - self.memo.planned(writer.txn).day) * LONG_TIME;
        if !(self.memo.rules.may_commit)(age) {
            return self.settle(w, Outcome::Failed);
        }
        if self.lease_is_over(w) && !self.renew(w) {
            return self.settle(w, Outcome::Failed);
        }
        let read = &self.memo.version(writer.read).snapshot;
        match (self.memo.rules.check_progress)(&self.memo.planned(writer.txn).transaction, read) {
            Verdict::Accept(_) => {}
            Verdict::AlreadyApplied { .. } => return self.settle(w, Outcome::AlreadyApplied),
            Verdict::Reject(_) => return self.settle(w, Outcome::Conflicted),
        }
        let next = read.version().next();
        let machine = Machine::new(next, DEADLINE, GRACE);
        let floor = self.memo.number(self.s.writers[w].tip);
        let step = if u64::from(floor) >= next.0 { Step::Follow(next) } else { machine.start() };
        let loops = self.memo.begun(machine, step);
        let today = self.s.today;
        let writer = self.writer(w);
        (writer.began, writer.phase, writer.since) = (today, 0, Moment { day: today, phase: 0 });
        (writer.floor, writer.current, writer.loops) = (floor, writer.read, loops);
        (writer.bytes, writer.stage) = (NONE, Stage::Running);
    }

    /// The step that is due.
    pub(super) fn due(&self, w: usize) -> Step {
        self.memo.step(self.s.writers[w].loops)
    }

    /// Takes the step, as the store answers it.
    pub(super) fn step(&mut self, w: usize, answer: Answer) {
        let writer = self.s.writers[w];
        let event = match self.due(w) {
            Step::Put { version, again } => {
                let nonce = match again {
                    Again::Yes => (self.memo.rules.again)(self.memo.written(writer.bytes).nonce),
                    Again::No => 0,
                };
                let tables = (writer.current, writer.read);
                let Some(commit) = self.memo.stamped(version, writer.txn, tables, nonce) else {
                    return self.settle(w, Outcome::Failed);
                };
                self.writer(w).bytes = commit;
                self.put(commit, answer)
            }
            Step::Fence(version) => {
                let fence = self.memo.fence(self.author(w), version);
                self.put(fence, answer)
            }
            Step::ReadBack(_) if answer != Answer::True => Event::NoAnswer,
            Step::ReadBack(version) => self.read_back(w, version),
            Step::Follow(_) if answer != Answer::True => return self.settle(w, Outcome::Failed),
            Step::Follow(version) => match self.follow(w, version) {
                Ok(event) => event,
                Err(outcome) => return self.settle(w, outcome),
            },
            Step::Done(_) => unreachable!("the loop has ended"),
        };
        let now = self.clock(w);
        let loops = self.memo.next(writer.loops, event, now);
        self.writer(w).loops = loops;
        match self.memo.step(loops) {
            Step::Done(End::Committed(_)) if (self.memo.rules.is_slow)(self.took(w)) => {
                self.writer(w).stage = Stage::Verifying;
            }
            Step::Done(End::Committed(_)) => self.settle(w, Outcome::Committed),
            Step::Done(End::Failed) => self.settle(w, Outcome::Failed),
            Step::Done(End::Indeterminate(_)) => self.settle(w, Outcome::Indeterminate),
            _ => {}
        }
    }

    fn put(&mut self, commit: u32, answer: Answer) -> Event {
        let at = self.place(commit);
        let heard = match answer {
            Answer::True | Answer::Lost if self.s.log[at] != NONE => Heard::Exists,
            Answer::True => {
                self.land(commit);
                Heard::Stored
            }
            Answer::Lost => {
                self.land(commit);
                Heard::Unclear
            }
            Answer::Nothing => Heard::Unclear,
            Answer::Late => {
                self.s.late.insert(commit);
                self.forget_late();
                Heard::Unclear
            }
            // In a folder, a look settles whether the refusal is the whole truth.
            Answer::Refused if self.with.landing == Landing::AtOnce && self.s.log[at] != NONE => Heard::Unclear,
            Answer::Refused => Heard::Refused,
        };
        (self.memo.rules.heard)(heard)
    }

    /// The version of a commit.
    pub(super) fn place(&self, commit: u32) -> usize {
        let at = self.memo.written(commit).commit.version.0 as usize;
        assert!(at < VERSIONS, "the log of the model is full");
        at
    }

    fn read_back(&mut self, w: usize, version: Version) -> Event {
        let at = version.0 as usize;
        let found = (self.s.log[at] != NONE).then(|| &self.memo.written(self.s.log[at]).commit);
        let ours = self.memo.written(self.s.writers[w].bytes).commit.txn_id().unwrap_or_default();
        (self.memo.rules.read_back)(found, ours, &fence_id(self.author(w)))
    }

    fn follow(&mut self, w: usize, from: Version) -> Result<Event, Outcome> {
        let writer = self.s.writers[w];
        let age = u32::from(self.s.today - writer.read_on) * LONG_TIME;
        let retention = self.memo.version(writer.current).snapshot.properties().log_retention().ok();
        if (self.memo.rules.is_too_old_to_follow)(age, retention) {
            return Err(Outcome::Failed);
        }
        let there = |at: &usize| self.s.log.get(*at).is_some_and(|commit| *commit != NONE);
        let winners: Vec<u32> = (from.0 as usize..).take_while(there).map(|at| self.s.log[at]).collect();
        let reached = winners.last().map_or(self.memo.number(writer.current), |last| self.place(*last) as u8);
        if (self.memo.rules.ends_in_hole)(Version(reached.into()), Version(writer.floor.into())) {
            return Err(Outcome::Failed);
        }
        let (mut txn, mut current) = (writer.txn, writer.current);
        let mut touched = false;
        for (at, winner) in winners.iter().enumerate() {
            if (self.memo.rules.resolves)(at, winners.len()) {
                let ours = (self.memo.rules.carried)(writer.txn, txn);
                match self.memo.resolve(ours, *winner, current) {
                    Resolved::Follows { txn: follows, read } => {
                        if !read.iter().all(|file| self.is_stored(*file)) {
                            return Err(Outcome::Failed);
                        }
                        txn = follows;
                        self.upload(txn);
                    }
                    Resolved::AlreadyApplied => return Err(Outcome::AlreadyApplied),
                    Resolved::Conflicts => return Err(Outcome::Conflicted),
                }
            }
            current = self.memo.follow(current, *winner).ok_or(Outcome::Failed)?;
            touched |= self.memo.touches(*winner);
        }
        if touched && !self.memo.is_live(txn, current, writer.read) {
            return Err(Outcome::Conflicted);
        }
        let since = self.moment(w);
        let next = Version(u64::from(self.memo.number(current)) + 1);
        let writer = self.writer(w);
        (writer.txn, writer.current, writer.since, writer.read_on) = (txn, current, since, since.day);
        Ok(Event::Followed(next))
    }

    /// Whether a file is there, as far as files are looked at.
    pub(super) fn is_stored(&self, file: u32) -> bool {
        !self.with.watches_files() || self.s.files.iter().any(|item| Stored::unpacked(item).file == file)
    }

    /// A slow success is believed when a fresh listing reaches it.
    pub(super) fn verify(&mut self, w: usize, answer: Answer) {
        let bytes = self.s.writers[w].bytes;
        let at = self.place(bytes);
        let opened = match answer {
            Answer::True => self.memo.open(&self.s.log, self.s.checkpoint),
            _ => None,
        };
        let believed = opened.is_some_and(|opened| {
            let newest = Version(self.memo.number(opened.version).into());
            self.s.log[at] == bytes && (self.memo.rules.is_reached)(Version(at as u64), newest, opened.checkpoint)
        });
        self.settle(w, if believed { Outcome::Committed } else { Outcome::Indeterminate });
    }

    /// The writer is told how its transaction ended.
    fn settle(&mut self, w: usize, outcome: Outcome) {
        let writer = self.s.writers[w];
        match outcome {
            Outcome::Committed => self.acknowledge(w),
            Outcome::AlreadyApplied | Outcome::Conflicted | Outcome::Failed => {
                let by = self.author(w);
                if self.memo.version(self.s.truth).history.iter().any(|(author, _)| *author == by) {
                    self.s.broken |= broken::FAILED;
                }
            }
            _ => {}
        }
        if writer.txn != NONE && (self.memo.rules.discards)(outcome) {
            let files = self.memo.planned(writer.txn).files.clone();
            self.s.files.retain(|item| !files.contains(&Stored::unpacked(item).file));
            self.check_files();
        }
        let operations = self.with.programs[usize::from(self.s.program)][w].len();
        let writer = self.writer(w);
        writer.outcomes[usize::from(writer.seq)] = outcome;
        writer.seq += 1;
        let done = usize::from(writer.seq) >= operations;
        *writer = Writer {
            stage: if done { Stage::Finished } else { Stage::Idle },
            seq: writer.seq,
            outcomes: writer.outcomes,
            tip: if done { NONE } else { writer.tip },
            proved: if done { 0 } else { writer.proved },
            ..Writer::default()
        };
    }

    /// The writer is told that its transaction is a version: the one that it put last.
    fn acknowledge(&mut self, w: usize) {
        let writer = self.s.writers[w];
        let at = self.place(writer.bytes);
        if self.memo.author_at(self.s.truth, at as u8) != Some(self.author(w)) {
            let hole = self.s.log[at] == writer.bytes;
            self.s.broken |= if hole { broken::HOLE } else { broken::DURABLE };
            return;
        }
        if let Some(tip) = self.memo.follow(writer.current, writer.bytes)
            && self.memo.number(tip) >= self.memo.number(writer.tip)
        {
            self.writer(w).tip = tip;
        }
    }
}
