//! What happens in the store: commits land, checkpoints are written, names and files are taken away?

use super::LONG_TIME;
use super::broken;
use super::memo::Memo;
use super::moves::Moves;
use super::rules::{Candidate, Needs, OldName, Outcome};
use super::state::{Fate, NONE, Set, Stage, State, Stored};
use crate::version::Version;

impl Moves<'_> {
    /// A put takes effect: nothing is at its version.
    pub(super) fn land(&mut self, commit: u32) {
        let at = self.place(commit);
        assert_eq!(self.s.log[at], NONE, "a commit is never replaced");
        self.s.log[at] = commit;
        self.s.born[at] = self.s.today;
        self.forget_late();
        if at == usize::from(self.memo.number(self.s.truth)) + 1 {
            self.grow(commit);
        }
        self.check_log();
        self.check_files();
    }

    /// The table has a version more.
    fn grow(&mut self, commit: u32) {
        let Some(next) = self.memo.follow(self.s.truth, commit) else {
            self.s.broken |= broken::LIVE;
            return;
        };
        self.s.truth = next;
        self.s.broken |= self.memo.version(next).broken;
        let written = self.memo.written(commit);
        if written.txn != NONE {
            let told = self.s.writers[usize::from(written.by.writer)].outcomes[usize::from(written.by.seq)];
            if matches!(told, Outcome::AlreadyApplied | Outcome::Conflicted | Outcome::Failed) {
                self.s.broken |= broken::FAILED;
            }
        }
    }

    /// That an open leads to the table.
    fn check_log(&mut self) {
        let opened = self.memo.open(&self.s.log, self.s.checkpoint);
        if opened.map(|opened| opened.version) != Some(self.s.truth) {
            self.s.broken |= broken::VISIBLE;
        }
    }

    /// That the files of every version since the day began are there.
    pub(super) fn check_files(&mut self) {
        if !self.with.watches_files() {
            return;
        }
        let mut at = self.s.truth;
        loop {
            if !self.memo.version(at).live.iter().all(|file| self.is_stored(*file)) {
                self.s.broken |= broken::NEEDED;
            }
            if at == self.s.eve {
                return;
            }
            at = self.memo.version(at).parent;
        }
    }

    /// Puts that will find their versions taken whenever they land are forgotten. Where names are cleaned up, none is sure to.
    pub(super) fn forget_late(&mut self) {
        if self.with.days > 0 && self.with.checkpoints > 0 {
            return;
        }
        let (memo, log) = (&*self.memo, self.s.log);
        self.s.late.retain(|commit| log[memo.written(commit).commit.version.0 as usize] == NONE);
    }

    /// A put whose writer was told nothing lands.
    pub(super) fn land_late(&mut self, commit: u32) {
        self.s.late.retain(|late| late != commit);
        self.land(commit);
    }

    /// More time passes than any retention has.
    pub(super) fn pass_time(&mut self) {
        self.s.today += 1;
        self.s.eve = self.s.truth;
        for writer in &mut self.s.writers {
            if writer.stage == Stage::Running || writer.stage == Stage::Verifying {
                writer.phase = 2;
            }
        }
        if self.with.watches_files() {
            // No request outlives the retention of files.
            self.s.late.retain(|_| false);
        }
    }

    /// Somebody writes a checkpoint of the newest version.
    pub(super) fn write_checkpoint(&mut self) {
        self.s.checkpoints -= 1;
        self.s.checkpoint = self.s.truth;
        self.check_log();
    }

    /// The oldest name in the log, where log cleanup takes it.
    pub(super) fn cleaned(&self) -> Option<usize> {
        let at = self.s.log.iter().position(|commit| *commit != NONE)?;
        let name = OldName {
            version: Version(at as u64),
            newest: Version(self.memo.number(self.s.truth).into()),
            checkpoint: (self.s.checkpoint != NONE).then(|| Version(self.memo.number(self.s.checkpoint).into())),
            age: u32::from(self.s.today - self.s.born[at]) * LONG_TIME,
        };
        (self.memo.rules.cleans)(name).then_some(at)
    }

    /// Log cleanup takes the oldest name.
    pub(super) fn clean_up(&mut self) {
        if let Some(at) = self.cleaned() {
            (self.s.log[at], self.s.born[at]) = (NONE, 0);
            self.check_log();
        }
    }

    /// Vacuum chooses the files that may go.
    pub(super) fn choose(&mut self) {
        self.s.vacuums -= 1;
        let chosen = self.s.files.iter().map(|item| {
            let stored = Stored::unpacked(item);
            let age = u32::from(self.s.today - stored.born) * LONG_TIME;
            let kind = self.memo.files[stored.file as usize].1;
            let candidate = Candidate { age, kind, needed: needs(self.memo, self.s, stored.file) };
            let fate = if (self.memo.rules.keeps)(candidate) { Fate::Stays } else { Fate::Doomed };
            Stored { fate, ..stored }.packed()
        });
        let chosen: Vec<u32> = chosen.collect();
        self.replace_files(chosen);
    }

    /// Vacuum deletes the files that it chose, but for those that the newest version needs again.
    pub(super) fn delete(&mut self) {
        let mut left = Vec::new();
        for item in self.s.files.iter() {
            let stored = Stored::unpacked(item);
            let needed = needs(self.memo, self.s, stored.file);
            let spared = Candidate {
                age: u32::from(self.s.today - stored.born) * LONG_TIME,
                kind: self.memo.files[stored.file as usize].1,
                needed: Needs(needed.0 & (Needs::LIVE | Needs::TOMBSTONE)),
            };
            if stored.fate == Fate::Stays || (self.memo.rules.keeps)(spared) {
                left.push(Stored { fate: Fate::Stays, ..stored }.packed());
            }
        }
        self.replace_files(left);
        self.check_files();
    }

    fn replace_files(&mut self, files: Vec<u32>) {
        self.s.files = Set::default();
        files.into_iter().for_each(|file| self.s.files.insert(file));
    }

    /// Whether vacuum has chosen files that are still there.
    pub(super) fn is_doomed(&self) -> bool {
        self.s.files.iter().any(|item| Stored::unpacked(item).fate == Fate::Doomed)
    }
}

/// Who needs a file, as vacuum finds out.
fn needs(memo: &Memo, s: &State, file: u32) -> Needs {
    let newest = memo.version(s.truth);
    let cutoff = i64::from(s.today) * LONG_TIME.as_millis() as i64;
    let mut bits = 0;
    if newest.live.contains(&file) {
        bits |= Needs::LIVE;
    }
    if newest.tombstones.iter().any(|(removed, at)| *removed == file && *at >= cutoff) {
        bits |= Needs::TOMBSTONE;
    }
    let recent = s.log.iter().zip(&s.born).filter(|(commit, born)| **commit != NONE && **born == s.today);
    let mut at = s.truth;
    while at != NONE {
        let version = memo.version(at);
        if recent.clone().any(|(commit, _)| *commit == version.commit) && version.named.contains(&file) {
            bits |= Needs::NAMED;
        }
        at = version.parent;
    }
    if memo.version(s.eve).live.contains(&file) {
        bits |= Needs::RETAINED;
    }
    Needs(bits)
}
