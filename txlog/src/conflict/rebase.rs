//! What changes in a transaction that follows?
//!
//! A decision, and the pure step after it: whoever carries it out stores the [`vectors`](Rebase::vectors) first, in one
//! file, and hands their descriptors to [`apply`](Rebase::apply). A file that was written for a commit which then loses
//! again is named by nothing, and vacuum's.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::{Action, Add, DeletionVectorDescriptor};
use crate::dv::DeletionVector;
use crate::error::{Error, Result};
use crate::stats::loosened;
use crate::transaction::Transaction;

/// A file of which the winner's vector and ours become one.
#[derive(Clone, Debug, PartialEq)]
pub struct Unite {
    /// The file as the winner left it.
    pub live: Add,
    /// Both vectors' rows.
    pub vector: DeletionVector,
    /// The physical rows of the file.
    pub num_records: u64,
}

/// How a transaction has to change to follow a commit. Mostly not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rebase {
    /// Files whose vectors become one.
    pub unite: Vec<Unite>,
    /// Paths of files that are gone, and needn't be removed any more.
    pub gone: BTreeSet<String>,
    /// Files that hold their rows, and are removed in their place.
    pub instead: Vec<Add>,
}

impl Rebase {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unite.is_empty() && self.gone.is_empty() && self.instead.is_empty()
    }

    /// The vectors to be stored, in the order in which [`apply`](Self::apply) takes their descriptors.
    pub fn vectors(&self) -> impl Iterator<Item = &DeletionVector> {
        self.unite.iter().map(|unite| &unite.vector)
    }

    /// The transaction as it follows. Its reads stay as they are: they speak of rows, by their places in files that are
    /// still there.
    ///
    /// # Errors
    /// `Bug` when the descriptors aren't those of [`vectors`](Self::vectors).
    pub fn apply(&self, ours: &Transaction, stored: &[DeletionVectorDescriptor]) -> Result<Transaction> {
        let fits = |(unite, stored): (&Unite, &DeletionVectorDescriptor)| {
            u64::try_from(stored.cardinality).is_ok_and(|rows| rows == unite.vector.cardinality())
        };
        if stored.len() != self.unite.len() || !self.unite.iter().zip(stored).all(fits) {
            return Err(Error::bug("the vectors that were stored aren't those that were to be"));
        }
        let united: BTreeMap<&str, (&Unite, &DeletionVectorDescriptor)> =
            self.unite.iter().zip(stored).map(|pair| (pair.0.live.path.as_str(), pair)).collect();
        let mut instead: Vec<Action> = Vec::new();
        let mut actions = Vec::with_capacity(ours.actions().len());
        for action in ours.actions() {
            match action {
                Action::Remove(remove) if self.gone.contains(&remove.path) => {
                    if instead.is_empty() {
                        let removed = |add: &Add| {
                            Action::Remove(add.removed(remove.deletion_timestamp.unwrap_or(0), remove.data_change))
                        };
                        instead = self.instead.iter().map(removed).collect();
                    }
                }
                Action::Remove(remove) => actions.push(match united.get(remove.path.as_str()) {
                    Some((unite, _)) => {
                        Action::Remove(unite.live.removed(remove.deletion_timestamp.unwrap_or(0), remove.data_change))
                    }
                    None => action.clone(),
                }),
                Action::Add(add) => actions.push(match united.get(add.path.as_str()) {
                    Some((unite, stored)) => Action::Add(Add {
                        data_change: add.data_change,
                        deletion_vector: Some((*stored).clone()),
                        stats: Some(loosened(unite.live.stats.as_deref(), unite.num_records)),
                        ..unite.live.clone()
                    }),
                    None => action.clone(),
                }),
                other => actions.push(other.clone()),
            }
        }
        actions.extend(instead);
        let mut rebased = ours.clone().with_actions(actions);
        for (unite, stored) in self.unite.iter().zip(stored) {
            rebased.vectors.insert(stored, unite.vector.clone());
        }
        Ok(rebased)
    }
}
