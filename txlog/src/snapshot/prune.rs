//! Which live files may hold a row that a predicate is true of?
//!
//! Judged batch by batch, over all of a batch's rows at once, live or not. What a predicate needs of a column is read from
//! the statistics when first a predicate names it, on all cores, and kept with the batch: 0.4 µs a file from JSON, once;
//! afterwards nanoseconds a file. What is kept of all columns has a budget ([`KNOWN_BYTES_PER_FILE`]): past it, the column
//! not asked for longest is forgotten.

use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;

use super::Snapshot;
use crate::action::Add;
use crate::error::Result;
use crate::files::{Batch, FileColumns, FileRef, Files};
use crate::parallel::in_parallel;
use crate::partition;
use crate::predicate::{ColumnKey, Facts, Predicate, PruneInput, evict, may_match, must_match, with_rows};
use crate::schema::{DataType, Leaf};
use crate::stats::{ColumnPath, ParsedStats, StatsColumn, StatsReader};

/// Bytes that what is known of columns may take: so many a file,
const KNOWN_BYTES_PER_FILE: usize = 40;
/// and so many more, for small tables with many columns.
const KNOWN_BYTES: usize = 8 << 20;

/// A live file and what a predicate's bounds say of it.
#[derive(Clone, Copy, Debug)]
pub struct Pruned<'a> {
    /// The file.
    pub file: FileRef<'a>,
    /// Whether every row of it is known to match.
    pub all_match: bool,
}

/// A column that a predicate names, and how what is known of it is kept.
struct Named {
    path: ColumnPath,
    key: ColumnKey,
}

impl Snapshot {
    /// The live files that may hold a matching row, by partition values and statistics; unknown means may.
    /// Column names are logical. O(files), for the columns that the predicate names.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when a partition value of a live file isn't one of its column's type.
    pub fn prune(&self, predicate: &Predicate) -> Result<Vec<Pruned<'_>>> {
        let named = self.named(predicate)?;
        let tick = self.files().next_prune();
        let batches: Vec<&Batch> = self.files().live_batches().filter(|batch| batch.num_live() > 0).collect();
        let inputs = inputs(&batches, &named, tick)?;
        let mut kept = Vec::new();
        for (batch, input) in batches.iter().zip(&inputs) {
            let may = may_match(predicate, input).values() & &batch.live();
            if may.count_set_bits() == 0 {
                continue;
            }
            let must = must_match(predicate, input);
            let pruned = |row| Pruned { file: batch.columns().row(row), all_match: must.value(row) };
            kept.extend(may.set_indices().map(pruned));
        }
        drop(inputs);
        let files = usize::try_from(self.num_files()).unwrap_or(usize::MAX);
        let budget = KNOWN_BYTES.saturating_add(files.saturating_mul(KNOWN_BYTES_PER_FILE));
        evict(batches.iter().map(|batch| batch.known()), budget);
        Ok(kept)
    }

    /// For each of these files, which needn't be the snapshot's, whether it may hold a matching row; unknown means may.
    /// Judged as [`prune`](Self::prune) judges the live ones, by the snapshot's schema.
    ///
    /// # Errors
    /// As [`prune`](Self::prune).
    pub fn may_match(&self, predicate: &Predicate, adds: &[Add]) -> Result<Vec<bool>> {
        let named = self.named(predicate)?;
        let files = Files::from_batches(vec![FileColumns::from_adds(adds)])?;
        let batches: Vec<&Batch> = files.live_batches().collect();
        let inputs = inputs(&batches, &named, files.next_prune())?;
        Ok(inputs.iter().flat_map(|input| may_match(predicate, input).values().iter().collect::<Vec<_>>()).collect())
    }

    fn named(&self, predicate: &Predicate) -> Result<Vec<Named>> {
        let columns = predicate.columns();
        let mut named = Vec::new();
        for leaf in self.schema().leaves(self.column_mapping())? {
            let path = ColumnPath::new(leaf.path.names());
            if columns.contains(&path)
                && let Some(key) = self.key(&leaf)
            {
                named.push(Named { path, key });
            }
        }
        Ok(named)
    }

    /// `None` for a type that has no Arrow form: nothing is known of such a column.
    fn key(&self, leaf: &Leaf<'_>) -> Option<ColumnKey> {
        if let ([name], [physical]) = (leaf.path.names(), leaf.physical_path.names())
            && self.partition_columns().contains(name)
        {
            return Some(ColumnKey::Partition(physical.clone(), leaf.field.data_type.clone()));
        }
        StatsColumn::of_leaf(leaf).ok().map(ColumnKey::Stats)
    }
}

/// What is known of each batch; read on all cores where it isn't known yet.
fn inputs(batches: &[&Batch], named: &[Named], tick: u64) -> Result<Vec<PruneInput>> {
    let known: Vec<Option<PruneInput>> = batches.iter().map(|batch| known(batch, named, tick)).collect();
    let lacking: Vec<&Batch> =
        batches.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(batch, _)| *batch).collect();
    let mut read = in_parallel(lacking.len(), |at| read(lacking[at], named, tick))?.into_iter();
    Ok(known.into_iter().filter_map(|known| known.or_else(|| read.next())).collect())
}

fn known(batch: &Batch, named: &[Named], tick: u64) -> Option<PruneInput> {
    let facts = |named: &Named| Some((named.path.clone(), batch.known().facts(&named.key, tick)?));
    let columns: Vec<_> = named.iter().map(facts).collect::<Option<_>>()?;
    let rows =
        if named.iter().any(Named::has_stats) { batch.known().rows()? } else { BooleanBuffer::new_set(batch.len()) };
    Some(PruneInput::of_facts(rows, columns))
}

/// Reads what isn't known, and keeps it.
fn read(batch: &Batch, named: &[Named], tick: u64) -> Result<PruneInput> {
    let lacking: Vec<&Named> = named.iter().filter(|named| batch.known().facts(&named.key, tick).is_none()).collect();
    let wanted: Vec<StatsColumn> = lacking.iter().filter_map(|named| named.stats()).cloned().collect();
    let mut found: Vec<(ColumnKey, Facts)> = Vec::new();
    let known_rows = batch.known().rows();
    let any_stats = named.iter().any(Named::has_stats);
    let rows = if any_stats && (!wanted.is_empty() || known_rows.is_none()) {
        let stats = parsed(batch, &wanted);
        let rows = with_rows(&stats.num_records);
        for (column, stats_column) in stats.columns.iter().zip(wanted) {
            found.push((
                ColumnKey::Stats(stats_column),
                Facts::of_stats(column, &stats.num_records, &stats.tight_bounds, &rows),
            ));
        }
        rows
    } else {
        known_rows.filter(|_| any_stats).unwrap_or_else(|| BooleanBuffer::new_set(batch.len()))
    };
    let mut passing: Vec<(ColumnKey, Facts)> = Vec::new();
    for named in lacking {
        let ColumnKey::Partition(physical, data_type) = &named.key else { continue };
        let all = BooleanBuffer::new_set(batch.len());
        match partition_values(batch, physical, data_type, Rows::All) {
            Ok(values) => found.push((named.key.clone(), Facts::of_partition(&values, &all))),
            // One of a dead file may be malformed: it isn't kept then, for it isn't known of all rows.
            Err(_) => {
                let values = partition_values(batch, physical, data_type, Rows::Live)?;
                passing.push((named.key.clone(), Facts::of_partition(&values, &all)));
            }
        }
    }
    batch.known().keep(any_stats.then_some(&rows), found.clone(), tick);
    found.extend(passing);
    let facts = |named: &Named| {
        let just_read = found.iter().find(|(key, _)| *key == named.key).map(|(_, facts)| facts.clone());
        Some((named.path.clone(), just_read.or_else(|| batch.known().facts(&named.key, tick))?))
    };
    Ok(PruneInput::of_facts(rows, named.iter().filter_map(facts).collect()))
}

impl Named {
    fn stats(&self) -> Option<&StatsColumn> {
        match &self.key {
            ColumnKey::Stats(column) => Some(column),
            ColumnKey::Partition(..) => None,
        }
    }

    fn has_stats(&self) -> bool {
        self.stats().is_some()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    All,
    Live,
}

fn partition_values(batch: &Batch, physical: &str, data_type: &DataType, rows: Rows) -> Result<ArrayRef> {
    let wanted = |row: &usize| rows == Rows::All || batch.is_live(*row);
    let text = |row: usize| Some(row).filter(wanted).and_then(|row| batch.columns().row(row).partition_value(physical));
    partition::to_array(data_type, (0..batch.len()).map(text))
}

/// The statistics of a batch: those of a checkpoint's struct where it has one, else JSON. What can't be read is unknown.
fn parsed(batch: &Batch, wanted: &[StatsColumn]) -> ParsedStats {
    let stats = &batch.columns().stats;
    let read = || -> Result<ParsedStats> {
        if let Some(parsed) = stats.parsed(Some(wanted))? {
            return Ok(ParsedStats::from_parsed(&parsed, wanted));
        }
        if !stats.has_texts() {
            return Ok(ParsedStats::unknown(batch.len(), wanted));
        }
        let mut reader = StatsReader::new(wanted, batch.len());
        stats.for_each_texts(&mut |texts| {
            texts.iter().for_each(|text| reader.push(text));
            Ok(())
        })?;
        Ok(reader.finish())
    };
    read().unwrap_or_else(|error| {
        tracing::warn!(%error, files = batch.len(), "statistics can't be read; no file is skipped by them");
        ParsedStats::unknown(batch.len(), wanted)
    })
}

#[cfg(test)]
mod tests;
