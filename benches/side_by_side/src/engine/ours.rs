//! How do we do it?

use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array;
use async_trait::async_trait;
use lakebed_txlog::action::{Action, Add};
use lakebed_txlog::commit::Outcome;
use lakebed_txlog::drive::{CommitOptions, Log, LogStore};
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::predicate::{Comparison, Predicate};
use lakebed_txlog::stats::ColumnPath;
use lakebed_txlog::transaction::{Kind, Transaction};

use super::{Append, Engine, Found, Handle, WantedStatistics};
use crate::Res;
use crate::place::Place;
use crate::table::File;

/// Ours.
pub struct Lakebed;

struct Open(Log);

fn log_store(place: &Place) -> LogStore {
    let (reads, commits) = (Arc::clone(&place.store), Arc::clone(&place.commits));
    LogStore::new(reads, commits, place.root.clone(), place.url.as_str(), place.landing)
}

#[async_trait]
impl Engine for Lakebed {
    async fn schema(&self, place: &Place) -> Res<(u64, usize)> {
        let head = Log::head(&log_store(place)).await?;
        Ok((head.version().0, head.schema().fields().len()))
    }

    async fn load(&self, place: &Place) -> Res<Box<dyn Handle>> {
        Ok(Box::new(Open(Log::open(log_store(place), SystemEnv::shared()).await?)))
    }
}

#[async_trait]
impl Handle for Open {
    fn version(&self) -> Res<(u64, usize)> {
        let snapshot = self.0.snapshot();
        Ok((snapshot.version().0, snapshot.schema().fields().len()))
    }

    async fn files(&mut self, statistics: WantedStatistics) -> Res<Found> {
        let snapshot = self.0.snapshot();
        let mut found = Found::default();
        // Column by column, as of kernel's batches.
        for (columns, live) in snapshot.files().batches() {
            let vectors = columns.deletion_vector.as_ref().map(|vectors| &vectors.cardinality);
            for row in live.into_iter().map(|row| row as usize) {
                found.files.files += 1;
                found.files.path_bytes += u64::from(columns.path.value_length(row).unsigned_abs());
                found.files.size += columns.size.value(row);
                let hidden = vectors.filter(|column| column.is_valid(row)).map(|column| column.value(row));
                found.files.cardinality += hidden.unwrap_or(0);
                let values = columns.partition_values.as_ref().filter(|maps| maps.is_valid(row));
                found.partition_values += values.map_or(0, |maps| u64::from(maps.value_length(row).unsigned_abs()));
                if statistics != WantedStatistics::None {
                    found.statistics_bytes += columns.row(row).stats().map_or(0, |stats| stats.len() as u64);
                }
            }
        }
        Ok(found)
    }

    async fn sum_of_sizes(&mut self) -> Res<i64> {
        Ok(self.0.snapshot().files().sum_of_sizes())
    }

    async fn refresh(&mut self) -> Res<()> {
        self.0.refresh().await?;
        Ok(())
    }

    async fn prune(&mut self, ids: Range<i64>) -> Res<u64> {
        let id = || ColumnPath::new(["id"]);
        let from = Predicate::compare(id(), Comparison::GtEq, ids.start);
        let predicate = from.and(Predicate::compare(id(), Comparison::Lt, ids.end));
        Ok(self.0.snapshot().prune(&predicate)?.len() as u64)
    }

    async fn checkpoint(&mut self) -> Res<()> {
        self.0.checkpoint(&self.0.snapshot()).await?;
        Ok(())
    }

    fn prepare(&self, number: u64) -> Res<Append> {
        let file = File::new(number);
        let mut transaction = Transaction::new(Kind::Append, "WRITE");
        transaction.push(Action::Add(Add {
            path: file.path(),
            size: file.size(),
            modification_time: file.modification_time(),
            data_change: true,
            stats: Some(file.stats()),
            ..Add::default()
        }));
        Ok(Box::new(transaction))
    }

    async fn append(&mut self, append: Append) -> Res<()> {
        let transaction = append.downcast::<Transaction>().map_err(|_| "not an append of ours")?;
        match self.0.commit(&transaction, None, &CommitOptions::default()).await? {
            Outcome::Committed { .. } => Ok(()),
            other => Err(format!("not committed: {other:?}").into()),
        }
    }
}
