//! Do two commits get along on the files and rows that they touch?

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;

use arrow::array::Array;

use super::follow::{self, Deleted};
use super::rebase::{Rebase, Unite};
use super::resolve::Winner;
use super::touched::{Theirs, Touch, Touched};
use super::unite::{Apart, unite};
use super::why::Why;
use crate::action::{Add, DeletionVectorDescriptor, PartitionValues, Remove};
use crate::dv::DeletionVector;
use crate::snapshot::Snapshot;
use crate::stats::ParsedStats;
use crate::transaction::moves::Places;
use crate::transaction::{Isolation, Kind, Reads, RowsRead, Transaction};

/// H to N.
pub(super) fn check(
    ours: &Transaction,
    reads: &Reads,
    winner: &Winner<'_>,
    theirs: &Theirs<'_>,
) -> Result<Rebase, Why> {
    let touches = |path: &str| theirs.touched.files.contains_key(path);
    let hits = Touched::of(
        ours.removes().filter(|remove| touches(&remove.path)),
        ours.adds().filter(|add| touches(&add.path)),
    );
    let nothing_of_it = hits.files.is_empty() && *reads == Reads::nothing();
    if let Some(path) = hits.twice.or(theirs.touched.twice.filter(|_| !nothing_of_it)) {
        return Err(Why::Unclear(path.to_owned()));
    }
    let vectors = Vectors { ours, winner, unread: RefCell::default() };
    let pair = Pair {
        ours,
        reads,
        winner,
        theirs,
        vectors: &vectors,
        their_places: OnceCell::new(),
        our_places: OnceCell::new(),
    };
    let mut rebase = Rebase::default();
    let mut moved = BTreeSet::new();
    let (mut followed, mut carried) = (Deleted::default(), Deleted::default());
    for (path, mine) in &hits.files {
        match pair.written(path, *mine)? {
            Written::United(united) => rebase.unite.push(*united),
            Written::Moved => {
                moved.insert(*path);
            }
            Written::Followed => pair.follow(path, Some(*mine), &mut rebase, &mut followed)?,
            Written::Carried(remove) => pair.carry(path, remove, &mut rebase, &mut carried)?,
            Written::Unread => {}
        }
    }
    if !moved.is_empty() {
        pair.follow_moved(&moved, &mut rebase)?; // J
    }
    pair.read(&hits, &mut rebase)?;
    pair.followed(followed, &mut rebase)?; // M
    pair.carried(carried, &mut rebase)?; // N
    let may_match = pair.phantoms(winner)?;
    let unread = vectors.unread.into_inner();
    if !unread.is_empty() {
        return Err(Why::Unread { vectors: unread });
    }
    if !may_match.is_empty() {
        return Err(Why::MayMatch { files: may_match });
    }
    Ok(rebase)
}

/// What becomes of a file that both touch.
enum Written<'a> {
    /// I
    United(Box<Unite>),
    /// J: ours removes it, and its rows stand in others.
    Moved,
    /// M: ours deletes rows of it, which stand in others.
    Followed,
    /// N: ours puts its rows into others, and some of them are gone.
    Carried(&'a Remove),
    /// A vector that decides isn't known.
    Unread,
}

pub(super) struct Pair<'a> {
    pub(super) ours: &'a Transaction,
    pub(super) reads: &'a Reads,
    pub(super) winner: &'a Winner<'a>,
    pub(super) theirs: &'a Theirs<'a>,
    pub(super) vectors: &'a Vectors<'a>,
    /// Read when it is asked for: most pairs don't need it.
    their_places: OnceCell<Option<Places>>,
    our_places: OnceCell<Option<Places>>,
}

impl Pair<'_> {
    /// Where the winner says that it put rows.
    pub(super) fn their_places(&self) -> Option<&Places> {
        self.their_places.get_or_init(|| follow::places_of(self.winner.commit)).as_ref()
    }

    /// Where ours puts rows.
    pub(super) fn our_places(&self) -> Option<&Places> {
        self.our_places.get_or_init(|| follow::places_of_ours(self.ours)).as_ref()
    }

    /// H: a file that both touch.
    fn written<'t>(&self, path: &str, mine: Touch<'t>) -> Result<Written<'t>, Why> {
        let Some(theirs) = self.theirs.touched.files.get(path) else {
            return Err(Why::FileChanged(path.to_owned()));
        };
        match (mine, *theirs) {
            (Touch::Changed(remove, add), Touch::Changed(their_remove, their_add)) => {
                self.united((remove, add), (their_remove, their_add))
            }
            (Touch::Gone(mine), Touch::Gone(theirs))
                if self.theirs.rearranges && self.ours.kind == Kind::Overwrite && mine.dv_id() == theirs.dv_id() =>
            {
                Ok(Written::Moved)
            }
            (Touch::Gone(mine) | Touch::Changed(mine, _), Touch::Gone(theirs)) if self.may_follow(mine, theirs) => {
                Ok(Written::Followed)
            }
            (Touch::Gone(mine), Touch::Changed(theirs, _)) if self.may_carry(mine, theirs) => {
                Ok(Written::Carried(mine))
            }
            (Touch::Gone(mine), Touch::Gone(theirs)) if !self.theirs.rearranges && self.may_carry(mine, theirs) => {
                Ok(Written::Carried(mine))
            }
            (_, Touch::Gone(_)) if self.theirs.rearranges => Err(Why::FileMoved(path.to_owned())),
            (_, Touch::Gone(_)) => Err(Why::FileGone(path.to_owned())),
            (_, Touch::Changed(..) | Touch::Added(_)) => Err(Why::FileChanged(path.to_owned())),
        }
    }

    /// I
    fn united<'t>(&self, mine: (&Remove, &Add), theirs: (&Remove, &Add)) -> Result<Written<'t>, Why> {
        let path = || mine.1.path.clone();
        let alike = mine.0.dv_id() == theirs.0.dv_id()
            && mine.1.size == theirs.1.size
            && mine.1.partition_values == theirs.1.partition_values;
        let rows = self.reads.rows_of(&mine.1.path);
        let vectors = (&mine.1.deletion_vector, &theirs.1.deletion_vector);
        let (true, Some(RowsRead::Only(depended)), (Some(ours), Some(winners))) = (alike, rows, vectors) else {
            return Err(Why::FileChanged(path()));
        };
        let counts = (num_records(theirs.1), num_records(mine.1));
        let num_records = match counts {
            (Some(theirs), Some(mine)) if theirs != mine => None,
            (theirs, mine) => theirs.or(mine),
        };
        let num_records = num_records.ok_or_else(|| Why::RowCount(path()))?;
        let base = self.vectors.find(theirs.0.deletion_vector.as_ref());
        let (ours, winners) = (self.vectors.find(Some(ours)), self.vectors.find(Some(winners)));
        let (Some(base), Some(ours), Some(winners)) = (base, ours, winners) else { return Ok(Written::Unread) };
        let vector = unite(&base, &winners, &ours, depended).map_err(|apart| match apart {
            Apart::Restored => Why::RowsRestored(path()),
            Apart::SameRows => Why::RowsGone(path()),
        })?;
        vector.check_rows(num_records).map_err(|_| Why::RowCount(path()))?;
        Ok(Written::United(Box::new(Unite { live: theirs.1.clone(), vector, num_records })))
    }

    /// J: of every partition in which ours removes a file that they moved, ours must remove all that they moved. What
    /// they put into it is removed in their place. Rows don't change their partition.
    fn follow_moved(&self, moved: &BTreeSet<&str>, rebase: &mut Rebase) -> Result<(), Why> {
        let mut sources: BTreeSet<&PartitionValues> = BTreeSet::new();
        let mut ours: BTreeSet<&PartitionValues> = BTreeSet::new();
        for (path, touch) in &self.theirs.touched.files {
            let Touch::Gone(remove) = touch else { continue };
            let values = remove.partition_values.as_ref().ok_or_else(|| Why::FileMoved((*path).to_owned()))?;
            sources.insert(values);
            if moved.contains(path) {
                ours.insert(values);
            }
        }
        for (path, touch) in &self.theirs.touched.files {
            let refused = || Err(Why::FileMoved((*path).to_owned()));
            match touch {
                Touch::Gone(_) if moved.contains(path) => {
                    rebase.gone.insert((*path).to_owned());
                }
                Touch::Gone(remove) if remove.partition_values.as_ref().is_none_or(|of| ours.contains(of)) => {
                    return refused();
                }
                Touch::Gone(_) => {}
                Touch::Changed(_, add) if ours.contains(&add.partition_values) => return refused(),
                Touch::Changed(..) => {}
                Touch::Added(add) if ours.contains(&add.partition_values) => rebase.instead.push((*add).clone()),
                // Values written in another way, or rows from nowhere.
                Touch::Added(add) if !sources.contains(&add.partition_values) => return refused(),
                Touch::Added(_) => {}
            }
        }
        Ok(())
    }

    /// K: files that ours only depends on.
    fn read(&self, hits: &Touched<'_>, rebase: &mut Rebase) -> Result<(), Why> {
        for (path, touch) in &self.theirs.touched.files {
            let rows = self.reads.rows_of(path).filter(|rows| !rows.is_none());
            let Some(rows) = rows.filter(|_| !hits.files.contains_key(path)) else { continue };
            let why = match (rows, touch) {
                // Who read the whole table has read what the rows are in as well.
                (_, Touch::Gone(_)) if self.theirs.rearranges && !self.reads.names(path) => continue,
                (_, Touch::Gone(_)) if self.theirs.rearranges => {
                    self.follow(path, None, rebase, &mut Deleted::default())?; // M
                    continue;
                }
                (_, Touch::Gone(_)) => Why::FileGone((*path).to_owned()),
                (RowsRead::Only(rows), Touch::Changed(_, add)) => {
                    match self.vectors.find(add.deletion_vector.as_ref()) {
                        // Those that ours depends on were live.
                        Some(vector) if !vector.intersects(rows) => continue,
                        Some(_) => Why::RowsGone((*path).to_owned()),
                        None => continue, // asked for
                    }
                }
                // Who read the whole table has looked for what is new by a condition.
                (RowsRead::All, Touch::Added(_)) if !self.reads.names(path) => continue,
                (RowsRead::All, Touch::Changed(..)) | (_, Touch::Added(_)) => Why::FileChanged((*path).to_owned()),
            };
            return Err(why);
        }
        Ok(())
    }

    /// L: the added files that may hold rows which ours looked for.
    fn phantoms(&self, winner: &Winner<'_>) -> Result<Vec<String>, Why> {
        let overlooked = match self.ours.effective_isolation() {
            Isolation::Serializable => false,
            Isolation::WriteSerializable => self.theirs.blind,
            Isolation::Snapshot => true,
        };
        if overlooked || self.reads.predicates().is_empty() {
            return Ok(Vec::new());
        }
        let mut adds = Vec::new();
        for touch in self.theirs.touched.files.values() {
            match touch {
                Touch::Added(add) if !self.theirs.rearranges => adds.push((*add).clone()),
                // Rows are there again that a vector had deleted, unless it only grew.
                Touch::Changed(remove, add) if remove.deletion_vector.is_some() => adds.push((*add).clone()),
                _ => {}
            }
        }
        let may_match = may_match(self.reads, winner, &adds);
        let mut files = Vec::new();
        for (add, _) in adds.iter().zip(may_match).filter(|(_, may)| *may) {
            let path = add.path.as_str();
            match self.theirs.touched.files.get(path) {
                Some(Touch::Changed(remove, add)) => {
                    let before = self.vectors.find(remove.deletion_vector.as_ref());
                    let after = self.vectors.find(add.deletion_vector.as_ref());
                    if let (Some(before), Some(after)) = (before, after)
                        && !after.is_superset(&before)
                    {
                        return Err(Why::RowsRestored(path.to_owned()));
                    }
                }
                _ if winner.known.without_match.contains(path) => {}
                _ => files.push(path.to_owned()),
            }
        }
        Ok(files)
    }
}

/// Whether each file may hold a row of which one of the conditions is true. Where the commit changes the schema as
/// well, its files are of another than the one that is at hand.
fn may_match(reads: &Reads, winner: &Winner<'_>, adds: &[Add]) -> Vec<bool> {
    let unknown = || vec![true; adds.len()];
    if winner.commit.metadata.is_some() {
        return unknown();
    }
    let judged = |before: &Snapshot| {
        let mut may = vec![false; adds.len()];
        for predicate in reads.predicates() {
            let judged = before.may_match(predicate, adds)?;
            may.iter_mut().zip(judged).for_each(|(may, judged)| *may |= judged);
        }
        Ok::<_, crate::Error>(may)
    };
    judged(winner.before).unwrap_or_else(|_| unknown())
}

/// How many physical rows a file's statistics say that it has.
pub(super) fn num_records(add: &Add) -> Option<u64> {
    let stats = ParsedStats::from_texts([add.stats.as_deref()].into_iter(), &[]);
    let count = stats.num_records.is_valid(0).then(|| stats.num_records.value(0))?;
    u64::try_from(count).ok()
}

/// Contents of vectors, and which of those that were looked for aren't known.
pub(super) struct Vectors<'a> {
    ours: &'a Transaction,
    winner: &'a Winner<'a>,
    unread: RefCell<Vec<DeletionVectorDescriptor>>,
}

impl Vectors<'_> {
    /// The contents; no vector deletes nothing.
    pub(super) fn find(&self, descriptor: Option<&DeletionVectorDescriptor>) -> Option<Cow<'_, DeletionVector>> {
        let Some(descriptor) = descriptor else { return Some(Cow::Owned(DeletionVector::new())) };
        let found = self.ours.vectors.find(descriptor).or_else(|| self.winner.known.vectors.find(descriptor));
        if found.is_none() && !self.unread.borrow().contains(descriptor) {
            self.unread.borrow_mut().push(descriptor.clone());
        }
        found
    }
}
