//! What has been worked out of a batch of files before?
//!
//! Reading statistics costs hundreds of times what judging by them does, so what one prune has read of a column is kept
//! with the batch, which the snapshots that follow share. How much is kept, [`evict`] decides over all batches.

use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow::buffer::BooleanBuffer;

use super::facts::Facts;
use crate::schema::DataType;
use crate::stats::StatsColumn;

/// What is known of the columns of one batch of files.
#[derive(Debug, Default)]
pub struct KnownColumns(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The files that aren't known to have no row.
    rows: Option<BooleanBuffer>,
    columns: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    key: ColumnKey,
    facts: Facts,
    bytes: usize,
    /// The prune that used it last, counted by the snapshots' own counter.
    used: u64,
}

/// What a column is, for what is known of it to hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ColumnKey {
    /// Statistics read as this column's.
    Stats(StatsColumn),
    /// The partition values under this physical name, in this type.
    Partition(String, DataType),
}

impl KnownColumns {
    /// The files that aren't known to have no row, where statistics were read.
    pub(crate) fn rows(&self) -> Option<BooleanBuffer> {
        self.lock().rows.clone()
    }

    /// What is known of a column; `tick` marks it as used.
    pub(crate) fn facts(&self, key: &ColumnKey, tick: u64) -> Option<Facts> {
        let mut known = self.lock();
        let entry = known.columns.iter_mut().find(|entry| entry.key == *key)?;
        entry.used = entry.used.max(tick);
        Some(entry.facts.clone())
    }

    /// Keeps what was read.
    pub(crate) fn keep(&self, rows: Option<&BooleanBuffer>, columns: Vec<(ColumnKey, Facts)>, tick: u64) {
        let mut known = self.lock();
        if let Some(rows) = rows {
            known.rows = Some(rows.clone());
        }
        for (key, facts) in columns {
            if known.columns.iter().all(|entry| entry.key != key) {
                let bytes = facts.memory_size();
                known.columns.push(Entry { key, facts, bytes, used: tick });
            }
        }
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_size(&self) -> usize {
        let known = self.lock();
        let rows = known.rows.as_ref().map_or(0, |rows| rows.inner().capacity());
        rows + known.columns.iter().map(|entry| entry.bytes).sum::<usize>()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the columns that were used longest ago, in all batches, until what is known takes at most `budget` bytes.
pub(crate) fn evict<'a>(batches: impl Iterator<Item = &'a KnownColumns> + Clone, budget: usize) {
    let mut columns: Vec<(ColumnKey, u64, usize)> = Vec::new();
    let mut total = 0;
    for known in batches.clone() {
        for entry in &known.lock().columns {
            total += entry.bytes;
            match columns.iter_mut().find(|(key, ..)| *key == entry.key) {
                Some((_, used, bytes)) => (*used, *bytes) = ((*used).max(entry.used), *bytes + entry.bytes),
                None => columns.push((entry.key.clone(), entry.used, entry.bytes)),
            }
        }
    }
    columns.sort_by_key(|(_, used, bytes)| (*used, std::cmp::Reverse(*bytes)));
    for (key, _, bytes) in columns {
        if total <= budget {
            return;
        }
        batches.clone().for_each(|known| known.lock().columns.retain(|entry| entry.key != key));
        total = total.saturating_sub(bytes);
    }
}
