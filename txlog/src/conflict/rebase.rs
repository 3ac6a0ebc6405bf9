//! What changes in a transaction that follows?
//!
//! A decision, and the pure step after it: whoever carries it out stores the [`vectors`](Rebase::vectors) first, in one
//! file, and hands their descriptors to [`apply`](Rebase::apply). A file that was written for a commit which then loses
//! again is named by nothing, and vacuum's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::action::{Action, Add, DeletionVectorDescriptor, Remove};
use crate::dv::DeletionVector;
use crate::error::{Error, Result};
use crate::stats::loosened;
use crate::transaction::{Reads, Transaction};

/// A file of the table that gets another vector: the winner's and ours as one, or that of rows which stand in it since.
#[derive(Clone, Debug, PartialEq)]
pub struct Unite {
    /// The file as the winner left it.
    pub live: Add,
    /// All rows that are deleted of it.
    pub vector: DeletionVector,
    /// The physical rows of the file.
    pub num_records: u64,
}

/// A file of ours that gets a vector, of rows which the winner deleted where they were.
#[derive(Clone, Debug, PartialEq)]
pub struct Carry {
    /// Its path.
    pub path: String,
    /// All rows that are deleted of it.
    pub vector: DeletionVector,
    /// Its physical rows.
    pub num_records: u64,
}

/// How a transaction has to change to follow a commit. Mostly not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rebase {
    /// Files of the table that get a vector. What ours doesn't touch yet it does then.
    pub unite: Vec<Unite>,
    /// Files of ours that get a vector.
    pub carry: Vec<Carry>,
    /// Paths of files that are gone, and needn't be removed or changed any more.
    pub gone: BTreeSet<String>,
    /// Files that hold their rows, and are removed in their place.
    pub instead: Vec<Add>,
    /// Files that ours removes, as the winner left them.
    pub live: Vec<Add>,
    /// What ours depends on, where that stands elsewhere.
    pub reads: Option<Reads>,
}

impl Rebase {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Rebase::default()
    }

    /// The vectors to be stored, in the order in which [`apply`](Self::apply) takes their descriptors.
    pub fn vectors(&self) -> impl Iterator<Item = &DeletionVector> {
        let carried = self.carry.iter().map(|carry| &carry.vector);
        self.unite.iter().map(|unite| &unite.vector).chain(carried)
    }

    /// The transaction as it follows. Its reads stay as they are where they speak of rows by their places in files that
    /// are still there.
    ///
    /// # Errors
    /// `Bug` when the descriptors aren't those of [`vectors`](Self::vectors).
    pub fn apply(&self, ours: &Transaction, stored: &[DeletionVectorDescriptor]) -> Result<Transaction> {
        let fits = |(vector, stored): (&DeletionVector, &DeletionVectorDescriptor)| {
            u64::try_from(stored.cardinality).is_ok_and(|rows| rows == vector.cardinality())
        };
        if stored.len() != self.vectors().count() || !self.vectors().zip(stored).all(fits) {
            return Err(Error::bug("the vectors that were stored aren't those that were to be"));
        }
        let (of_table, of_ours) = stored.split_at(self.unite.len());
        let united: BTreeMap<&str, (&Unite, &DeletionVectorDescriptor)> =
            self.unite.iter().zip(of_table).map(|pair| (pair.0.live.path.as_str(), pair)).collect();
        let carried: BTreeMap<&str, (&Carry, &DeletionVectorDescriptor)> =
            self.carry.iter().zip(of_ours).map(|pair| (pair.0.path.as_str(), pair)).collect();
        let live = |path: &str| match united.get(path) {
            Some((unite, _)) => Some(&unite.live),
            None => self.live.iter().find(|live| live.path == path),
        };
        let mut actions = Vec::with_capacity(ours.actions().len());
        for action in ours.actions() {
            match action {
                Action::Remove(remove) if self.gone.contains(&remove.path) => {}
                Action::Add(add) if self.gone.contains(&add.path) => {}
                Action::Remove(remove) => actions.push(match live(&remove.path) {
                    Some(live) => removed_like(remove, live),
                    None => action.clone(),
                }),
                Action::Add(add) => {
                    actions.push(match (united.get(add.path.as_str()), carried.get(add.path.as_str())) {
                        (Some((unite, stored)), _) => unite.with(stored, add.data_change),
                        (None, Some((carry, stored))) => carry.of(add, stored),
                        (None, None) => action.clone(),
                    })
                }
                other => actions.push(other.clone()),
            }
        }
        actions.extend(self.elsewhere(ours, &united));
        let mut rebased = ours.clone().with_actions(actions);
        if let Some(reads) = &self.reads {
            rebased.reads = Some(reads.clone());
        }
        for (vector, stored) in self.vectors().zip(stored) {
            rebased.vectors.insert(stored, vector.clone());
        }
        recount(ours, &mut rebased);
        Ok(rebased)
    }

    /// What is done to files that ours didn't touch before, in place of those that are gone.
    fn elsewhere(
        &self,
        ours: &Transaction,
        united: &BTreeMap<&str, (&Unite, &DeletionVectorDescriptor)>,
    ) -> Vec<Action> {
        let Some(like) = ours.removes().find(|remove| self.gone.contains(&remove.path)) else { return Vec::new() };
        let touched: BTreeSet<&str> = ours.removes().map(|remove| remove.path.as_str()).collect();
        let mut actions: Vec<Action> = self.instead.iter().map(|add| removed_like(like, add)).collect();
        for (unite, stored) in united.values().filter(|(unite, _)| !touched.contains(unite.live.path.as_str())) {
            actions.extend([removed_like(like, &unite.live), unite.with(stored, like.data_change)]);
        }
        actions
    }
}

impl Unite {
    fn with(&self, stored: &DeletionVectorDescriptor, data_change: bool) -> Action {
        Action::Add(Add {
            data_change,
            deletion_vector: Some(stored.clone()),
            stats: Some(loosened(self.live.stats.as_deref(), self.num_records)),
            ..self.live.clone()
        })
    }
}

impl Carry {
    fn of(&self, add: &Add, stored: &DeletionVectorDescriptor) -> Action {
        Action::Add(Add {
            deletion_vector: Some(stored.clone()),
            stats: Some(loosened(add.stats.as_deref(), self.num_records)),
            ..add.clone()
        })
    }
}

fn removed_like(remove: &Remove, live: &Add) -> Action {
    Action::Remove(live.removed(remove.deletion_timestamp.unwrap_or(0), remove.data_change))
}

/// Keeps `numRemovedFiles` true, where the transaction says it: files that are removed, and not added with a vector.
fn recount(ours: &Transaction, rebased: &mut Transaction) {
    const REMOVED: &str = "numRemovedFiles";
    let Some(said) = ours.metrics.get(REMOVED).and_then(Value::as_str).and_then(|said| said.parse::<i64>().ok()) else {
        return;
    };
    let count = |transaction: &Transaction| {
        let added: BTreeSet<&str> = transaction.adds().map(|add| add.path.as_str()).collect();
        transaction.removes().filter(|remove| !added.contains(remove.path.as_str())).count() as i64
    };
    let counted = said + count(rebased) - count(ours);
    rebased.metrics.insert(REMOVED.to_owned(), Value::String(counted.max(0).to_string()));
}
