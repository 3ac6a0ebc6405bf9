//! Do files that others added hold what a transaction looked for?

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_txlog::Result;
use lakebed_txlog::action::Add;
use lakebed_txlog::drive::Look;
use lakebed_txlog::snapshot::Snapshot;

use super::filter::{Filter, has_match};
use crate::store::TableStore;

/// Looks for rows of which a condition is true: for a transaction that read by this condition and no other.
#[derive(Clone, Debug)]
pub struct LookFor {
    store: TableStore,
    filter: Filter,
}

impl LookFor {
    /// Looks in files of the table in `store`.
    #[must_use]
    pub fn rows_of(filter: &Filter, store: &TableStore) -> LookFor {
        LookFor { store: store.clone(), filter: filter.clone() }
    }
}

impl Look for LookFor {
    fn finds<'a>(&'a self, table: &'a Snapshot, file: &'a Add) -> BoxFuture<'a, Result<bool>> {
        has_match(&self.store, table, file, &self.filter).boxed()
    }
}
