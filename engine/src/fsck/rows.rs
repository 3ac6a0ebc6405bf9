//! Do a file's rows bear out its statistics?
//!
//! The rows come from the one scan path, so that what is compared is what readers get: live rows, in the table's columns
//! and types. A file is read once and its footer is read once more; memory is the scan's.

use std::sync::Arc;

use futures::TryStreamExt;
use lakebed_txlog::action::Add;
use lakebed_txlog::schema::{ColumnPath, StructType};
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::stats::{ColumnStats, ParsedStats, StatsColumn};
use lakebed_txlog::{Error, ErrorKind, Result};

use super::bounds::{Seen, column_at, is_exact};
use super::finding::{Finding, Kind, Repair, Severity};
use crate::query::{ScanRequest, scan};
use crate::store::TableStore;
use crate::table::footer_rows;

/// What files of a version are compared with.
#[derive(Debug)]
pub(super) struct Columns {
    stats: Vec<StatsColumn>,
    /// Columns of the top level that must not be null.
    not_null: Vec<String>,
}

impl Columns {
    /// # Errors
    /// `Corrupt` for a column without the physical name that the mode asks for.
    pub(super) fn of(snapshot: &Snapshot) -> Result<Columns> {
        let schema: &Arc<StructType> = snapshot.schema();
        let is_partition = |name: &str| snapshot.partition_columns().iter().any(|column| column == name);
        let mut stats = Vec::new();
        for leaf in schema.leaves(snapshot.column_mapping())? {
            let at_top = leaf.path.names().first().map_or("", String::as_str);
            if is_partition(at_top) {
                continue;
            }
            // A type without an Arrow form has no bounds; the scan says what it thinks of it.
            stats.extend(StatsColumn::of_leaf(&leaf));
        }
        let not_null = schema.fields().iter().filter(|field| !field.nullable && !is_partition(&field.name));
        Ok(Columns { stats, not_null: not_null.map(|field| field.name.clone()).collect() })
    }
}

/// Reads a file and compares. Damage is a finding.
///
/// # Errors
/// Those of the store but for what is missing.
pub(super) async fn check(
    store: &TableStore,
    snapshot: &Snapshot,
    columns: &Columns,
    add: &Add,
) -> Result<Vec<Finding>> {
    let unreadable = |e: Error| match e.kind() {
        ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Exhausted | ErrorKind::InvalidRequest => {
            Ok(vec![Finding::of(Kind::Unreadable, &e).path(&add.path)])
        }
        ErrorKind::Unsupported => {
            Ok(vec![Finding::new(Severity::Note, Kind::NotChecked, e.message().to_owned()).path(&add.path)])
        }
        _ => Err(e),
    };
    let physical = match footer_rows(store, add).await {
        Ok(rows) => rows,
        Err(e) => return unreadable(e),
    };
    let stats = ParsedStats::from_texts([add.stats.as_deref()].into_iter(), &columns.stats);
    let mut out = Vec::new();
    if let Some(said) = stats.num_records.iter().next().flatten()
        && u64::try_from(said) != Ok(physical)
    {
        let wrong = format!("the file has {physical} rows where its statistics say {said}");
        out.push(restamped(Finding::error(Kind::NumRecords, wrong), add).hint("counts from statistics are wrong"));
        if add.deletion_vector.is_some() {
            // A scan refuses it for the same reason.
            return Ok(out);
        }
    }
    let request = ScanRequest { files: Some(vec![add.clone()]), ..ScanRequest::default() };
    let seen = match read(store, snapshot, columns, &stats, &request).await {
        Ok(seen) => seen,
        Err(e) => {
            out.extend(unreadable(e)?);
            return Ok(out);
        }
    };
    out.extend(seen.live_rows(add, physical));
    for (column, seen) in stats.columns.iter().zip(&seen.columns) {
        out.extend(judge(add, column, seen, physical));
    }
    for (name, nulls) in columns.not_null.iter().zip(&seen.nulls) {
        if *nulls > 0 {
            let wrong = format!("{nulls} rows are null in {name:?}, which must not be");
            out.push(Finding::error(Kind::NotNull, wrong).path(&add.path));
        }
    }
    Ok(out)
}

/// What a file's live rows showed.
struct File {
    rows: u64,
    columns: Vec<Seen>,
    nulls: Vec<u64>,
}

impl File {
    fn live_rows(&self, add: &Add, physical: u64) -> Option<Finding> {
        let deleted = add.deletion_vector.as_ref().map_or(0, |vector| u64::try_from(vector.cardinality).unwrap_or(0));
        let expected = physical.saturating_sub(deleted);
        (self.rows != expected).then(|| {
            let wrong = format!("{} live rows were read where footer and vector leave {expected}", self.rows);
            Finding::error(Kind::Unreadable, wrong).path(&add.path)
        })
    }
}

async fn read(
    store: &TableStore,
    snapshot: &Snapshot,
    columns: &Columns,
    stats: &ParsedStats,
    request: &ScanRequest,
) -> Result<File> {
    let mut file =
        File { rows: 0, columns: vec![Seen::default(); stats.columns.len()], nulls: vec![0; columns.not_null.len()] };
    let mut rows = scan(store, snapshot, request).await?;
    while let Some(batch) = rows.stream.try_next().await? {
        file.rows += batch.num_rows() as u64;
        for (column, seen) in stats.columns.iter().zip(&mut file.columns) {
            if let Some(values) = column_at(&batch, column.path.names()) {
                seen.take(&values, column);
            }
        }
        for (name, nulls) in columns.not_null.iter().zip(&mut file.nulls) {
            if let Some(values) = batch.column_by_name(name) {
                *nulls += values.logical_null_count() as u64;
            }
        }
    }
    Ok(file)
}

/// What the rows of a file say to the statistics of one column.
fn judge(add: &Add, column: &ColumnStats, seen: &Seen, physical: u64) -> Vec<Finding> {
    let mut out = Vec::new();
    let path: &ColumnPath = &column.path;
    let mut lies = |what: String| {
        let finding = Finding::error(Kind::Statistics, what).hint("queries miss rows: the statistics can be made anew");
        out.push(restamped(finding, add));
    };
    if seen.is_below {
        lies(format!("a value of {path} is below the minimum of the statistics"));
    }
    if seen.is_above {
        lies(format!("a value of {path} is above the maximum of the statistics"));
    }
    let said = column.null_count.iter().next().flatten().and_then(|count| u64::try_from(count).ok());
    if let Some(said) = said
        && !nulls_agree(add, said, seen, physical)
    {
        lies(format!("{} rows are null in {path} where the statistics say {said}", seen.nulls));
    }
    let is_tight = add.deletion_vector.is_none() && is_exact(column.min.data_type()) && seen.nulls < seen.rows;
    if is_tight && claims_tight(add) && !seen.is_below && !seen.is_above {
        let known = |bound: &arrow::array::ArrayRef| arrow::array::Array::is_valid(bound, 0);
        let loose = (known(&column.min) && !seen.touches_min) || (known(&column.max) && !seen.touches_max);
        if loose {
            let what = format!("no value of {path} is at the bounds that the statistics call tight");
            out.push(
                Finding::warning(Kind::LooseBounds, what)
                    .path(&add.path)
                    .hint("queries return right rows; min() and max() answered from statistics don't"),
            );
        }
    }
    out
}

/// Null counts are those of all rows of the file, deleted ones too, unless the bounds are tight.
fn nulls_agree(add: &Add, said: u64, seen: &Seen, physical: u64) -> bool {
    if add.deletion_vector.is_none() && claims_tight(add) {
        return said == seen.nulls;
    }
    seen.nulls <= said && (said < physical || seen.nulls == seen.rows)
}

/// `tightBounds`, which counts as true where it isn't said.
fn claims_tight(add: &Add) -> bool {
    let stats = ParsedStats::from_texts([add.stats.as_deref()].into_iter(), &[]);
    stats.tight_bounds.iter().next().flatten().unwrap_or(true)
}

fn restamped(finding: Finding, add: &Add) -> Finding {
    finding.path(&add.path).repair(Repair::Restamp { path: add.path.clone() })
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use lakebed_txlog::action::DeletionVectorDescriptor;

    use super::*;

    fn judged(stats: &str, vector: bool, seen: &Seen) -> Vec<Kind> {
        let column = StatsColumn::new(ColumnPath::new(["c"]), arrow::datatypes::DataType::Int64);
        let add = Add {
            stats: Some(stats.into()),
            deletion_vector: vector.then(DeletionVectorDescriptor::default),
            ..Add::default()
        };
        let parsed = ParsedStats::from_texts([Some(stats)].into_iter(), &[column]);
        judge(&add, &parsed.columns[0], seen, 3).into_iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn null_counts_are_exact_until_rows_are_deleted() {
        let seen = Seen { rows: 3, nulls: 1, ..Seen::default() };
        assert_eq!(judged(r#"{"nullCount":{"c":1}}"#, false, &seen), []);
        assert_eq!(judged(r#"{"nullCount":{"c":2}}"#, false, &seen), [Kind::Statistics]);
        assert_eq!(judged(r#"{"nullCount":{"c":2},"tightBounds":false}"#, false, &seen), []);
        assert_eq!(judged(r#"{"nullCount":{"c":2}}"#, true, &seen), []);
        assert_eq!(judged(r#"{"nullCount":{"c":0}}"#, true, &seen), [Kind::Statistics], "IS NULL would skip it");
        assert_eq!(judged(r#"{"nullCount":{"c":3}}"#, true, &seen), [Kind::Statistics], "IS NOT NULL would skip it");
    }

    #[test]
    fn bounds_that_rows_pass_lie_and_bounds_that_none_reaches_are_loose() {
        let stats = r#"{"minValues":{"c":1},"maxValues":{"c":9}}"#;
        let parsed = StatsColumn::new(ColumnPath::new(["c"]), arrow::datatypes::DataType::Int64);
        let parsed = ParsedStats::from_texts([Some(stats)].into_iter(), &[parsed]);
        let seen = |values: Vec<i64>| {
            let mut seen = Seen::default();
            seen.take(&(Arc::new(Int64Array::from(values)) as arrow::array::ArrayRef), &parsed.columns[0]);
            seen
        };
        assert_eq!(judged(stats, false, &seen(vec![1, 9])), []);
        assert_eq!(judged(stats, false, &seen(vec![0, 9])), [Kind::Statistics]);
        assert_eq!(judged(stats, false, &seen(vec![0, 10])), [Kind::Statistics, Kind::Statistics]);
        assert_eq!(judged(stats, false, &seen(vec![1, 8])), [Kind::LooseBounds]);
        assert_eq!(judged(stats, true, &seen(vec![1, 8])), []);
        assert_eq!(judged(r#"{"minValues":{"c":1},"tightBounds":false}"#, false, &seen(vec![2])), []);
    }
}
