//! What do commits come to, may a transaction follow them, and which version does a log lead to?

use std::collections::BTreeSet;

use super::broken;
use super::memo::{Change, Memo, Planned, Resolved, TableAt};
use super::rules::FileKind;
use super::state::{NONE, VERSIONS};
use super::table::{Author, Naive, Row, Start};
use crate::action::Add;
use crate::conflict::{Known, Rebase, Verdict, Why, Winner};
use crate::name::LogName;
use crate::segment::{ListedFile, plan};
use crate::snapshot::Snapshot;
use crate::transaction::{Isolation, Transaction};
use crate::version::{TimestampMs, Version};

/// Where a replay begins, and the versions of the commits after it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    checkpoint: Option<Version>,
    commits: Vec<usize>,
}

/// What a listing of the log leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) version: u32,
    pub(super) checkpoint: Option<Version>,
}

impl Memo {
    /// The first version of a table.
    pub(super) fn first(&mut self, start: Start) -> u32 {
        let (commit, chosen) = self.create(start);
        let snapshot = Snapshot::follow(None, &[self.written(commit).commit.clone()]).unwrap();
        let rows = self.rows(&snapshot);
        let first = TableAt {
            parent: NONE,
            commit,
            naive: Naive { rows, progress: 0 },
            history: Vec::new(),
            gone: BTreeSet::new(),
            chosen,
            live: self.live_files(&snapshot),
            tombstones: Vec::new(),
            named: self.live_files(&snapshot),
            broken: 0,
            snapshot,
        };
        self.versions.push(first);
        let first = self.versions.len() as u32;
        self.followed.insert((NONE, commit), first);
        first
    }

    /// The version after `base` that a commit makes; `None` where it contradicts it.
    pub(super) fn follow(&mut self, base: u32, commit: u32) -> Option<u32> {
        if !self.followed.contains_key(&(base, commit)) {
            let followed = self.followed_anew(base, commit).map_or(NONE, |version| {
                self.versions.push(version);
                self.versions.len() as u32
            });
            self.followed.insert((base, commit), followed);
        }
        Some(self.followed[&(base, commit)]).filter(|version| *version != NONE)
    }

    fn followed_anew(&mut self, base: u32, commit: u32) -> Option<TableAt> {
        if base == NONE {
            return None;
        }
        let parent = self.version(base).clone();
        let written = self.written(commit).clone();
        let snapshot = Snapshot::follow(Some(&parent.snapshot), std::slice::from_ref(&written.commit)).ok()?;
        let mut next = TableAt { parent: base, commit, broken: 0, ..parent.clone() };
        if written.txn != NONE {
            let Planned { op, by, chosen, .. } = self.planned(written.txn).clone();
            if next.history.iter().any(|(author, _)| *author == by) {
                next.broken |= broken::ONCE;
            }
            next.naive.run(op, by);
            next.history.push((by, op));
            next.chosen.extend(chosen);
        }
        let is_live = |path: &str, id: Option<String>| {
            parent.snapshot.files().find(path).is_some_and(|file| file.has_dv_id(id.as_deref()))
        };
        if !written.commit.removes.iter().all(|remove| is_live(&remove.path, remove.dv_id())) {
            next.broken |= broken::LIVE;
        }
        let removed = written.commit.removes.iter().map(|remove| (&remove.path, remove.deletion_vector.clone()));
        let added = written.commit.adds.iter().map(|add| (&add.path, add.deletion_vector.clone()));
        next.named = BTreeSet::new();
        for (path, vector) in removed.chain(added) {
            next.named.insert(self.file(path, FileKind::Rows));
            next.named.extend(vector.map(|vector| self.vector_file(&vector)));
        }
        next.live = self.live_files(&snapshot);
        next.tombstones = self.tombstones(&snapshot);
        next.snapshot = snapshot;
        next.broken |= self.judged(&parent, &next);
        next.gone.extend({
            let now: BTreeSet<Row> = self.rows(&next.snapshot).into_iter().collect();
            self.rows(&parent.snapshot).into_iter().filter(|row| !now.contains(row)).collect::<Vec<_>>()
        });
        Some(next)
    }

    /// What is wrong with the rows of a version, by the model without files.
    fn judged(&self, parent: &TableAt, version: &TableAt) -> u16 {
        let mut wrong = 0;
        let files: Vec<Add> = version.snapshot.files().iter().map(|file| file.to_add()).collect();
        let paths: BTreeSet<&str> = files.iter().map(|add| add.path.as_str()).collect();
        if paths.len() < files.len() {
            wrong |= broken::LIVE;
        }
        let rows = self.rows(&version.snapshot);
        if rows != version.naive.rows
            && !(self.isolation != Isolation::Serializable && self.in_some_order(version, &rows))
        {
            wrong |= broken::SERIAL;
        }
        if rows.iter().any(|row| parent.gone.contains(row)) {
            wrong |= broken::RESURRECTED;
        }
        for add in &files {
            let rows = (0..).zip(&self.contents[&add.path]);
            let chosen: BTreeSet<u64> =
                rows.filter(|(_, row)| version.chosen.contains(row)).map(|(at, _)| at).collect();
            let deleted: Option<BTreeSet<u64>> =
                add.deletion_vector.as_ref().map(|vector| self.vector(vector).iter().collect());
            if deleted.unwrap_or_default() != chosen {
                wrong |= broken::VECTORS;
            }
        }
        wrong
    }

    /// Whether some order of a version's transactions comes to these rows.
    fn in_some_order(&self, version: &TableAt, rows: &[Row]) -> bool {
        let mut first = version;
        while first.parent != NONE {
            first = self.version(first.parent);
        }
        let mut left = version.history.clone();
        reorderable(&first.naive, &mut left, rows)
    }

    fn rows(&self, snapshot: &Snapshot) -> Vec<Row> {
        let files = snapshot.files();
        let mut rows: Vec<Row> =
            files.iter().flat_map(|file| self.live_rows(&file.to_add())).map(|(_, row)| row).collect();
        rows.sort_unstable();
        rows
    }

    fn live_files(&mut self, snapshot: &Snapshot) -> BTreeSet<u32> {
        let mut live = BTreeSet::new();
        for file in snapshot.files().iter() {
            live.insert(self.file(file.path(), FileKind::Rows));
            live.extend(file.deletion_vector().map(|vector| self.vector_file(&vector)));
        }
        live
    }

    fn tombstones(&mut self, snapshot: &Snapshot) -> Vec<(u32, i64)> {
        let mut removed = Vec::new();
        for file in snapshot.tombstones() {
            let at = file.deletion_timestamp().unwrap_or(i64::MAX);
            removed.push((self.file(file.path(), FileKind::Rows), at));
            removed.extend(file.deletion_vector().map(|vector| (self.vector_file(&vector), at)));
        }
        removed
    }

    /// What becomes of a transaction that meets a winner, as the shell around [`resolve`](crate::conflict::resolve()) has
    /// it: vectors that decide are read, united ones are stored.
    pub(super) fn resolve(&mut self, txn: u32, winner: u32, before: u32) -> Resolved {
        let key = (txn, winner, before);
        if let Some(found) = self.resolved.get(&key) {
            return found.clone();
        }
        let resolved = self.resolved_anew(txn, winner, before);
        self.resolved.insert(key, resolved.clone());
        resolved
    }

    fn resolved_anew(&mut self, txn: u32, winner: u32, before: u32) -> Resolved {
        let ours = self.planned(txn).clone();
        let commit = self.written(winner).commit.clone();
        let before = self.version(before).snapshot.clone();
        let mut known = Known::default();
        let mut read = Vec::new();
        let verdict = loop {
            let seen = Winner { commit: &commit, before: &before, known: &known };
            let verdict = (self.rules.resolve)(&ours.transaction, &seen);
            let Verdict::Reject(Why::Unread { vectors }) = &verdict else { break verdict };
            if vectors.iter().any(|descriptor| known.vectors.find(descriptor).is_some()) {
                break verdict;
            }
            for descriptor in vectors {
                known.vectors.insert(descriptor, self.vector(descriptor).clone());
                read.push(self.vector_file(descriptor));
            }
        };
        match verdict {
            Verdict::AlreadyApplied { .. } => Resolved::AlreadyApplied,
            Verdict::Reject(_) => Resolved::Conflicts,
            Verdict::Accept(rebase) if rebase.is_empty() => Resolved::Follows { txn, read },
            Verdict::Accept(rebase) => Resolved::Follows { txn: self.rebased(ours, &rebase), read },
        }
    }

    fn rebased(&mut self, ours: Planned, rebase: &Rebase) -> u32 {
        let stored = self.store_vectors(rebase.vectors());
        let transaction = (self.rules.apply)(rebase, &ours.transaction, &stored).unwrap();
        let mut files = ours.files.clone();
        files.extend(stored.iter().map(|descriptor| self.vector_file(descriptor)));
        let added = |of: &Transaction| of.adds().map(|add| add.path.clone()).collect::<BTreeSet<_>>();
        let change = match added(&ours.transaction) == added(&transaction) && rebase.carry.is_empty() {
            true => Change::United,
            false => Change::Moved,
        };
        self.add_planned(Planned { transaction, files, change: change.max(ours.change), ..ours })
    }

    /// The last look before a put that followed others.
    pub(super) fn is_live(&mut self, txn: u32, table: u32, read: u32) -> bool {
        let key = (txn, table, read);
        if let Some(found) = self.live.get(&key) {
            return *found;
        }
        let (table, read) = (&self.version(table).snapshot, &self.version(read).snapshot);
        let live = (self.rules.check_live)(&self.planned(txn).transaction, table, read).is_ok();
        self.live.insert(key, live);
        live
    }

    /// What the log leads to; `None` where it can't be opened.
    pub(super) fn open(&mut self, log: &[u32; VERSIONS], checkpoint: u32) -> Option<Opened> {
        let mask = log.iter().enumerate().filter(|(_, commit)| **commit != NONE).map(|(at, _)| 1_u16 << at).sum();
        let at = (checkpoint != NONE).then(|| u64::from(self.number(checkpoint)));
        let found = self.segments.entry((mask, at)).or_insert_with(|| planned(mask, at)).clone()?;
        let mut version = if found.checkpoint.is_some() { checkpoint } else { NONE };
        for at in found.commits {
            version = self.follow(version, log[at])?;
        }
        Some(Opened { version, checkpoint: found.checkpoint })
    }

    /// Whether a commit touches files.
    pub(super) fn touches(&self, commit: u32) -> bool {
        let commit = &self.written(commit).commit;
        !(commit.adds.is_empty() && commit.removes.is_empty())
    }

    /// Whose transaction is at a version of the history that leads to `tip`, where it is one.
    pub(super) fn author_at(&self, tip: u32, number: u8) -> Option<Author> {
        let mut at = tip;
        while at != NONE && self.number(at) > number {
            at = self.version(at).parent;
        }
        let found = (at != NONE && self.number(at) == number).then(|| self.written(self.version(at).commit))?;
        (found.txn != NONE).then_some(found.by)
    }
}

fn reorderable(from: &Naive, left: &mut Vec<(Author, super::table::Op)>, rows: &[Row]) -> bool {
    if left.is_empty() {
        return from.rows == rows;
    }
    for at in 0..left.len() {
        let (by, op) = left.remove(at);
        let mut after = from.clone();
        after.run(op, by);
        let found = reorderable(&after, left, rows);
        left.insert(at, (by, op));
        if found {
            return true;
        }
    }
    false
}

/// The files that make the newest version of a log with these commits.
fn planned(mask: u16, checkpoint: Option<u64>) -> Option<Plan> {
    let listed = |name: LogName| ListedFile { name, size: 1, last_modified: TimestampMs(1) };
    let mut listing: Vec<ListedFile> = (0..VERSIONS as u64)
        .filter(|version| mask >> version & 1 == 1)
        .map(|version| listed(LogName::Commit { version: Version(version) }))
        .collect();
    listing.extend(checkpoint.map(|version| listed(LogName::ClassicCheckpoint { version: Version(version) })));
    let segment = plan(&listing, None, None).ok()?;
    let commits = segment.commits().iter().filter_map(|commit| usize::try_from(commit.version.0).ok()).collect();
    Some(Plan { checkpoint: segment.checkpoint().map(|checkpoint| checkpoint.version), commits })
}
