//! How does delta-rs do it? Eagerly, as its `DeltaTable` opens a table, and lazily, as its `Snapshot` does.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use deltalake::checkpoints::create_checkpoint;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, Snapshot};
use deltalake::logstore::{LogStoreRef, StorageConfig, logstore_with};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::table::state::DeltaTableState;
use deltalake::{DeltaTable, DeltaTableBuilder};
use fork::expressions::{Expression, Predicate};
use futures::TryStreamExt;

use super::{Append, Engine, Found, Handle, WantedStatistics};
use crate::Res;
use crate::place::Place;
use crate::table::File;

/// `DeltaTable`: everything is loaded when it is opened.
pub struct Eager;

/// `Snapshot`: files are replayed anew for each question.
pub struct Lazy;

struct Table {
    table: DeltaTable,
    state: DeltaTableState,
    store: LogStoreRef,
}

struct Replayed {
    snapshot: Arc<Snapshot>,
    store: LogStoreRef,
}

fn log_store(place: &Place) -> Res<LogStoreRef> {
    Ok(logstore_with(Arc::clone(&place.store), &place.url, StorageConfig::default())?)
}

fn within(ids: &Range<i64>) -> fork::PredicateRef {
    let id = || Expression::column(["id"]);
    Arc::new(Predicate::and(id().ge(Expression::literal(ids.start)), id().lt(Expression::literal(ids.end))))
}

#[async_trait]
impl Engine for Eager {
    async fn load(&self, place: &Place) -> Res<Box<dyn Handle>> {
        let builder = DeltaTableBuilder::from_url(place.url.clone())?;
        let table = builder.with_storage_backend(Arc::clone(&place.store), place.url.clone()).load().await?;
        let (state, store) = (table.snapshot()?.clone(), table.log_store());
        Ok(Box::new(Table { table, state, store }))
    }
}

#[async_trait]
impl Engine for Lazy {
    async fn load(&self, place: &Place) -> Res<Box<dyn Handle>> {
        let store = log_store(place)?;
        let snapshot = Arc::new(Snapshot::try_new(store.as_ref(), None).await?);
        Ok(Box::new(Replayed { snapshot, store }))
    }
}

#[async_trait]
impl Handle for Table {
    fn version(&self) -> Res<(u64, usize)> {
        Ok((self.state.version(), self.state.schema().fields().count()))
    }

    async fn files(&mut self, statistics: WantedStatistics) -> Res<Found> {
        let mut found = Found::default();
        for file in self.state.log_data() {
            found.files.files += 1;
            found.files.path_bytes += file.path().len() as u64;
            found.files.size += file.size();
            found.files.cardinality += file.deletion_vector_descriptor().map_or(0, |vector| vector.cardinality);
            found.partition_values += file.partition_values_map().len() as u64;
            if statistics != WantedStatistics::None {
                found.statistics_bytes += file.stats().map_or(0, |stats| stats.len() as u64);
            }
        }
        Ok(found)
    }

    async fn sum_of_sizes(&mut self) -> Res<i64> {
        Ok(self.state.log_data().into_iter().map(|file| file.size()).sum())
    }

    async fn refresh(&mut self) -> Res<()> {
        self.table.update_incremental(None).await?;
        self.state = self.table.snapshot()?.clone();
        Ok(())
    }

    async fn prune(&mut self, ids: Range<i64>) -> Res<u64> {
        let matching = self.table.get_active_add_actions_by_predicate(Some(within(&ids)));
        Ok(matching.try_fold(0, |count, _| async move { Ok(count + 1) }).await?)
    }

    async fn checkpoint(&mut self) -> Res<()> {
        create_checkpoint(&self.table, None).await?;
        Ok(())
    }

    fn prepare(&self, number: u64) -> Res<Append> {
        let file = File::new(number);
        Ok(Box::new(Add {
            path: file.path(),
            partition_values: HashMap::new(),
            size: file.size(),
            modification_time: file.modification_time(),
            data_change: true,
            stats: Some(file.stats()),
            ..Default::default()
        }))
    }

    /// Without what delta-rs does after a commit by default: checkpoint and log cleanup.
    async fn append(&mut self, append: Append) -> Res<()> {
        let add = append.downcast::<Add>().map_err(|_| "not an append of delta-rs")?;
        let bare = CommitProperties::default().with_create_checkpoint(false).with_cleanup_expired_logs(Some(false));
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        let committed = CommitBuilder::from(bare)
            .with_actions(vec![Action::Add(*add)])
            .build(Some(&self.state), Arc::clone(&self.store), operation)
            .await;
        match committed {
            Ok(committed) => {
                self.state = committed.snapshot;
                Ok(())
            }
            // What its users do who want to try again.
            Err(failed) => {
                self.table.update_incremental(None).await?;
                self.state = self.table.snapshot()?.clone();
                Err(failed.into())
            }
        }
    }
}

#[async_trait]
impl Handle for Replayed {
    fn version(&self) -> Res<(u64, usize)> {
        Ok((self.snapshot.version(), self.snapshot.schema().fields().count()))
    }

    async fn files(&mut self, statistics: WantedStatistics) -> Res<Found> {
        let mut found = Found::default();
        let mut batches = self.snapshot.files(self.store.as_ref(), None);
        while let Some(batch) = batches.try_next().await? {
            super::kernel::count(&batch, |_| true, statistics, &mut found);
        }
        Ok(found)
    }

    async fn sum_of_sizes(&mut self) -> Res<i64> {
        let sizes = |batch: &RecordBatch| {
            let column =
                batch.column_by_name("size").and_then(|column| column.as_primitive_opt::<Int64Type>().cloned());
            column.as_ref().and_then(arrow::compute::sum).unwrap_or(0)
        };
        let batches = self.snapshot.files(self.store.as_ref(), None);
        Ok(batches.try_fold(0, |sum, batch| async move { Ok(sum + sizes(&batch)) }).await?)
    }

    async fn refresh(&mut self) -> Res<()> {
        self.snapshot = Arc::clone(&self.snapshot).update(self.store.engine(None), None).await?;
        Ok(())
    }

    async fn prune(&mut self, ids: Range<i64>) -> Res<u64> {
        let batches = self.snapshot.files(self.store.as_ref(), Some(within(&ids)));
        Ok(batches.try_fold(0, |count, batch| async move { Ok(count + batch.num_rows() as u64) }).await?)
    }

    async fn checkpoint(&mut self) -> Res<()> {
        Err("a lazy snapshot writes no checkpoint".into())
    }

    fn prepare(&self, _number: u64) -> Res<Append> {
        Err("a lazy snapshot doesn't commit".into())
    }

    async fn append(&mut self, _append: Append) -> Res<()> {
        Err("a lazy snapshot doesn't commit".into())
    }
}
