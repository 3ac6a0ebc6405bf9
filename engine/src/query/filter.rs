//! What does a condition mean, and of which rows is it true?

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use datafusion::common::Column;
use datafusion::logical_expr::Expr;
use futures::TryStreamExt;
use lakebed_txlog::action::Add;
use lakebed_txlog::dv::DeletionVector;
use lakebed_txlog::predicate::Predicate;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result, Version};

use super::columns::{Columns, Positions};
use super::context::{self, Streams};
use super::failure::planning;
use super::provider::Provider;
use super::pushed;
use super::scan::{Rows, rows};
use crate::store::TableStore;

/// A condition on a table's rows, parsed and typed against its schema.
#[derive(Clone, Debug)]
pub struct Filter {
    expr: Expr,
    predicate: Predicate,
    /// Whether its value may differ between two evaluations.
    differs: bool,
}

impl Filter {
    /// Parses a condition in SQL over the table's columns. Names are taken as written, else whatever their case. The
    /// time of day, where it asks for it, is that of parsing.
    ///
    /// # Errors
    /// `InvalidRequest` with the parser's or planner's words: bad syntax, unknown columns, types that can't be compared,
    /// no boolean, subqueries and aggregates.
    pub fn parse(snapshot: &Snapshot, sql: &str) -> Result<Filter> {
        let named = |e: Error| e.version(snapshot.version());
        let columns = Columns::of(snapshot).map_err(named)?;
        let schema = context::df_schema(columns.seen(&Positions::Absent)).map_err(named)?;
        let context = context::context(Streams::One);
        let state = context.state();
        let written = context::condition(&state, sql, Arc::clone(&schema)).map_err(named)?;
        let differs = pushed::is_volatile(&written);
        let expr = context::simplified(&state, written, &schema).map_err(named)?;
        let predicate = if differs { Predicate::Unknown } else { pushed::predicate(&expr, snapshot.schema()) };
        Ok(Filter { expr, predicate, differs })
    }

    /// What files can be judged by. [`Predicate::Unknown`] where it can't be said, conditions included whose value may
    /// differ between two evaluations (pitfall C15).
    #[must_use]
    pub fn predicate(&self) -> &Predicate {
        &self.predicate
    }

    /// Whether its value may differ between two evaluations, as that of a random number does (pitfall C15).
    #[must_use]
    pub fn differs(&self) -> bool {
        self.differs
    }
}

/// Positions, in the physical file, of the live rows of one file of which the condition is true.
///
/// Reads the condition's columns alone.
///
/// # Errors
/// As [`scan`](super::scan()).
pub async fn matching_rows(
    store: &TableStore,
    snapshot: &Snapshot,
    add: &Add,
    filter: &Filter,
) -> Result<DeletionVector> {
    let of = origin(store, snapshot);
    let mut found = positions_of(store, snapshot, add, filter, None).await?;
    let mut positions = DeletionVector::new();
    while let Some(batch) = found.stream.try_next().await.map_err(|e| in_file(e, &of, add))? {
        let column = batch.column(0).as_primitive_opt::<Int64Type>().filter(|column| column.null_count() == 0);
        let column = column.ok_or_else(|| in_file(Error::bug("positions of rows aren't numbers"), &of, add))?;
        for position in column.values() {
            let position = u64::try_from(*position)
                .map_err(|e| in_file(Error::bug("a row stands before its file").because(e), &of, add))?;
            positions.insert(position);
        }
    }
    Ok(positions)
}

/// Whether the condition is true of a live row of one file, or may be when it is asked again.
///
/// Reads the condition's columns alone, as far as the first such row.
///
/// # Errors
/// As [`scan`](super::scan()).
pub async fn has_match(store: &TableStore, snapshot: &Snapshot, add: &Add, filter: &Filter) -> Result<bool> {
    if filter.differs {
        return Ok(true);
    }
    let of = origin(store, snapshot);
    let mut found = positions_of(store, snapshot, add, filter, Some(1)).await?;
    while let Some(batch) = found.stream.try_next().await.map_err(|e| in_file(e, &of, add))? {
        if batch.num_rows() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One column: where the live rows of which the condition is true stand in their file; at most `limit` of them.
async fn positions_of(
    store: &TableStore,
    snapshot: &Snapshot,
    add: &Add,
    filter: &Filter,
    limit: Option<usize>,
) -> Result<Rows> {
    let of = origin(store, snapshot);
    let (provider, position) = Provider::new(store, snapshot)?.only(vec![add.clone()]).with_positions();
    let context = context::context(Streams::One);
    let frame = context.read_table(Arc::new(provider)).and_then(|frame| {
        let frame = frame.filter(filter.expr.clone())?.select(vec![Expr::Column(Column::new_unqualified(position))])?;
        if limit.is_some() { frame.limit(0, limit) } else { Ok(frame) }
    });
    let frame = frame.map_err(|e| in_file(planning(e), &of, add))?;
    rows(frame, Some(of.clone())).await.map_err(|e| in_file(e, &of, add))
}

/// The live rows of one file of which the condition is *not* true (false or NULL): what copy-on-write keeps. Every
/// column of the table, partition columns included, in the order of the file.
///
/// # Errors
/// As [`scan`](super::scan()).
pub async fn remaining_rows(store: &TableStore, snapshot: &Snapshot, add: &Add, filter: &Filter) -> Result<Rows> {
    let of = origin(store, snapshot);
    let provider = Provider::new(store, snapshot)?.only(vec![add.clone()]);
    let context = context::context(Streams::One);
    let frame = context
        .read_table(Arc::new(provider))
        .and_then(|frame| frame.filter(Expr::IsNotTrue(Box::new(filter.expr.clone()))))
        .map_err(|e| in_file(planning(e), &of, add))?;
    let Rows { schema, stream } = rows(frame, Some(of.clone())).await.map_err(|e| in_file(e, &of, add))?;
    let add = add.clone();
    let stream = Box::pin(stream.map_err(move |e| in_file(e, &of, &add)));
    Ok(Rows { schema, stream })
}

fn origin(store: &TableStore, snapshot: &Snapshot) -> (String, Version) {
    (store.url().to_string(), snapshot.version())
}

fn in_file(error: Error, of: &(String, Version), add: &Add) -> Error {
    error.path(&add.path).version(of.1).table(&of.0)
}
