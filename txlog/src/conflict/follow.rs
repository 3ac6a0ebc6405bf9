//! How are rows followed into the files that a rearrangement put them into?
//!
//! Both ways: a delete that meets a rearrangement deletes its rows where they are now (M), and a rearrangement that meets
//! a delete gives the files that it made a vector (N). Either is told by the rearrangement where its rows went
//! ([`moves`](crate::transaction::moves)), and only vectors are read. What is decided by a delete that writes files again
//! takes a table whose files may have vectors.

use std::collections::BTreeMap;

use super::files::{Pair, num_records};
use super::rebase::{Carry, Rebase, Unite};
use super::touched::Touch;
use super::why::Why;
use crate::action::{Add, Remove};
use crate::dv::DeletionVector;
use crate::protocol::supports;
use crate::snapshot::Snapshot;
use crate::transaction::moves::{Places, Positions, of_tag};
use crate::transaction::{Kind, MOVES_TAG, RowsRead, Transaction};

/// Rows that go of files that a rearrangement made, by their paths; and a file that they were in, to be named.
#[derive(Debug, Default)]
pub(super) struct Deleted(BTreeMap<String, (DeletionVector, String)>);

impl Deleted {
    fn extend(&mut self, rows: Positions, source: &str) {
        for (path, rows) in rows {
            let (all, _) = self.0.entry(path).or_insert_with(|| (DeletionVector::new(), source.to_owned()));
            *all = all.union(&rows);
        }
    }
}

/// Where the winner put rows; `None` where it doesn't say, or what it says isn't what it did.
pub(super) fn places_of(commit: &crate::replay::Commit) -> Option<Places> {
    let tags = commit.commit_info.as_ref()?.tags.as_ref()?;
    let places = Places::of(of_tag(tags.get(MOVES_TAG)?.as_deref()?)?)?;
    made_of(places, || commit.adds.iter())
}

/// Where ours puts rows.
pub(super) fn places_of_ours(ours: &Transaction) -> Option<Places> {
    if ours.moves.is_empty() {
        return None;
    }
    made_of(Places::of(ours.moves.clone())?, || ours.adds())
}

/// That every file said to be made is added, with as many rows.
fn made_of<'a, A: Iterator<Item = &'a Add>>(places: Places, adds: impl Fn() -> A) -> Option<Places> {
    let added: BTreeMap<&str, &Add> = adds().map(|add| (add.path.as_str(), add)).collect();
    let is_made = |(path, rows): (&str, u64)| added.get(path).is_some_and(|add| num_records(add) == Some(rows));
    let all_are = places.made().all(is_made);
    all_are.then_some(places)
}

/// Whether files of the table may get vectors.
fn takes_vectors(table: &Snapshot) -> bool {
    supports(table.protocol(), "deletionVectors") && table.properties().enable_deletion_vectors().unwrap_or(false)
}

fn every_row(num_records: u64) -> DeletionVector {
    let mut rows = DeletionVector::new();
    rows.insert_range(0..num_records);
    rows
}

impl Pair<'_> {
    /// Whether ours may delete rows of a file where the winner put them.
    pub(super) fn may_follow(&self, mine: &Remove, theirs: &Remove) -> bool {
        self.theirs.rearranges
            && self.ours.kind == Kind::Delete
            && mine.dv_id() == theirs.dv_id()
            && takes_vectors(self.winner.before)
            && self.their_places().is_some_and(|places| places.source(&mine.path).is_some())
    }

    /// Whether what the winner deleted of a file may be deleted where ours puts it.
    pub(super) fn may_carry(&self, mine: &Remove, theirs: &Remove) -> bool {
        self.ours.rearranges()
            && mine.dv_id() == theirs.dv_id()
            && takes_vectors(self.winner.before)
            && self.our_places().is_some_and(|places| places.source(&mine.path).is_some())
    }

    /// M: what ours deletes of a file whose rows the winner moved, and what it depends on there. `None` for a file that it
    /// only read.
    pub(super) fn follow(
        &self,
        path: &str,
        mine: Option<Touch<'_>>,
        rebase: &mut Rebase,
        deleted: &mut Deleted,
    ) -> Result<(), Why> {
        let moved = || Why::FileMoved(path.to_owned());
        let places = self.their_places().ok_or_else(moved)?;
        let source = places.source(path).ok_or_else(moved)?;
        let Some(Touch::Gone(removed)) = self.theirs.touched.files.get(path) else { return Err(moved()) };
        let dropped = self.vectors.find(source.deletion_vector.as_ref());
        let before = self.vectors.find(removed.deletion_vector.as_ref());
        let after = match mine {
            Some(Touch::Changed(_, add)) => self.vectors.find(add.deletion_vector.as_ref()),
            _ => Some(std::borrow::Cow::Owned(every_row(source.num_records))),
        };
        let (Some(dropped), Some(before), Some(after)) = (dropped, before, after) else { return Ok(()) }; // asked for
        if !before.is_superset(&dropped) {
            return Err(moved());
        }
        if !after.is_superset(&before) {
            return Err(Why::RowsRestored(path.to_owned()));
        }
        let all = || every_row(source.num_records).difference(&before);
        let deletes = if mine.is_some() { after.difference(&before) } else { DeletionVector::new() };
        let depends = match (mine, self.reads.rows_of(path)) {
            (None | Some(Touch::Changed(..)), Some(RowsRead::Only(rows))) => rows.union(&deletes),
            _ => all(),
        };
        if depends.intersects(&before) {
            return Err(Why::RowsGone(path.to_owned()));
        }
        deleted.extend(places.find(path, &deletes, &dropped).ok_or_else(moved)?, path);
        let reads = rebase.reads.take().unwrap_or_else(|| self.reads.clone());
        rebase.reads = Some(reads.moved(path, places.find(path, &depends, &dropped).ok_or_else(moved)?));
        if mine.is_some() {
            rebase.gone.insert(path.to_owned());
        }
        Ok(())
    }

    /// N: what the winner deleted of a file whose rows ours moves.
    pub(super) fn carry(
        &self,
        path: &str,
        mine: &Remove,
        rebase: &mut Rebase,
        deleted: &mut Deleted,
    ) -> Result<(), Why> {
        let changed = || Why::FileChanged(path.to_owned());
        let places = self.our_places().ok_or_else(changed)?;
        let source = places.source(path).ok_or_else(changed)?;
        let (removed, live) = match self.theirs.touched.files.get(path) {
            Some(Touch::Gone(removed)) => (*removed, None),
            Some(Touch::Changed(removed, live)) => (*removed, Some(*live)),
            _ => return Err(changed()),
        };
        if live.is_some_and(|live| num_records(live).is_some_and(|rows| rows != source.num_records)) {
            return Err(Why::RowCount(path.to_owned()));
        }
        if live.zip(mine.size).is_some_and(|(live, size)| live.size != size) {
            return Err(changed());
        }
        let dropped = self.vectors.find(source.deletion_vector.as_ref());
        let before = self.vectors.find(removed.deletion_vector.as_ref());
        let after = match live {
            Some(live) => self.vectors.find(live.deletion_vector.as_ref()),
            None => Some(std::borrow::Cow::Owned(every_row(source.num_records))),
        };
        let (Some(dropped), Some(before), Some(after)) = (dropped, before, after) else { return Ok(()) }; // asked for
        if !after.is_superset(&before) {
            return Err(Why::RowsRestored(path.to_owned()));
        }
        let gone = after.difference(&before);
        if gone.is_empty() || !before.is_superset(&dropped) {
            return Err(changed());
        }
        deleted.extend(places.find(path, &gone, &dropped).ok_or_else(changed)?, path);
        match live {
            Some(live) => rebase.live.push(live.clone()),
            None => {
                rebase.gone.insert(path.to_owned());
            }
        }
        Ok(())
    }

    /// The vectors of files that the winner made.
    pub(super) fn followed(&self, deleted: Deleted, rebase: &mut Rebase) -> Result<(), Why> {
        for (path, (rows, source)) in deleted.0 {
            let live = match self.theirs.touched.files.get(path.as_str()) {
                Some(Touch::Added(live)) => *live,
                _ => return Err(Why::FileMoved(source)),
            };
            let Some((vector, num_records)) = self.vector_of(live, &rows)? else { continue };
            if vector.cardinality() == num_records {
                rebase.instead.push(live.clone());
            } else {
                rebase.unite.push(Unite { live: live.clone(), vector, num_records });
            }
        }
        Ok(())
    }

    /// The vectors of files that ours made.
    pub(super) fn carried(&self, deleted: Deleted, rebase: &mut Rebase) -> Result<(), Why> {
        for (path, (rows, source)) in deleted.0 {
            let Some(add) = self.ours.adds().find(|add| add.path == path) else { return Err(Why::FileChanged(source)) };
            let Some((vector, num_records)) = self.vector_of(add, &rows)? else { continue };
            if vector.cardinality() == num_records {
                // Nothing is left to be put anywhere.
                return Err(Why::FileGone(source));
            }
            rebase.carry.push(Carry { path, vector, num_records });
        }
        Ok(())
    }

    /// A file's vector with more rows, and its physical rows. `None` where the vector isn't known.
    fn vector_of(&self, add: &Add, rows: &DeletionVector) -> Result<Option<(DeletionVector, u64)>, Why> {
        let unclear = || Why::RowCount(add.path.clone());
        let num_records = num_records(add).ok_or_else(unclear)?;
        let Some(before) = self.vectors.find(add.deletion_vector.as_ref()) else { return Ok(None) };
        if before.intersects(rows) {
            return Err(Why::RowsGone(add.path.clone()));
        }
        let vector = before.union(rows);
        vector.check_rows(num_records).map_err(|_| unclear())?;
        Ok(Some((vector, num_records)))
    }
}
