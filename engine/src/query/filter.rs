//! What does a condition mean, and of which rows is it true?

use lakebed_txlog::action::Add;
use lakebed_txlog::dv::DeletionVector;
use lakebed_txlog::predicate::Predicate;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result};

use super::scan::Rows;
use crate::store::TableStore;

/// A condition on a table's rows, parsed and typed against its schema.
#[derive(Clone, Debug)]
pub struct Filter {
    predicate: Predicate,
}

impl Filter {
    /// Parses a condition in SQL over the table's columns. Names are taken as written, else whatever their case.
    ///
    /// # Errors
    /// `InvalidRequest` with the parser's or planner's words: bad syntax, unknown columns, types that can't be compared,
    /// no boolean, subqueries and aggregates.
    pub fn parse(_snapshot: &Snapshot, _sql: &str) -> Result<Filter> {
        Err(Error::unsupported("conditions"))
    }

    /// What files can be judged by. [`Predicate::Unknown`] where it can't be said, conditions included whose value may
    /// differ between two evaluations (pitfall C15).
    #[must_use]
    pub fn predicate(&self) -> &Predicate {
        &self.predicate
    }
}

/// Positions, in the physical file, of the live rows of one file of which the condition is true.
///
/// # Errors
/// As [`scan`](super::scan()).
pub async fn matching_rows(
    _store: &TableStore,
    _snapshot: &Snapshot,
    _add: &Add,
    _filter: &Filter,
) -> Result<DeletionVector> {
    Err(Error::unsupported("conditions"))
}

/// The live rows of one file of which the condition is *not* true (false or NULL): what copy-on-write keeps. Every
/// column of the table, partition columns included, in the order of the file.
///
/// # Errors
/// As [`scan`](super::scan()).
pub async fn remaining_rows(_store: &TableStore, _snapshot: &Snapshot, _add: &Add, _filter: &Filter) -> Result<Rows> {
    Err(Error::unsupported("conditions"))
}
