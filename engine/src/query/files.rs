//! What is read of which files?

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use chrono::DateTime;
use datafusion::common::ScalarValue;
use datafusion::common::stats::Precision;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use lakebed_txlog::action::Add;
use lakebed_txlog::dv::DeletionVector;
use lakebed_txlog::path::DataLocation;
use lakebed_txlog::stats::ParsedStats;
use lakebed_txlog::{Error, Result, partition};
use object_store::ObjectMeta;
use object_store::path::Path;

use super::columns::{Columns, PartitionField};
use super::reader::{DataFiles, ExpectedRows};
use super::vectors;
use crate::store::TableStore;

/// Files to read, with the rows of them that are live, and what is known beforehand of the result.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) files: Vec<PartitionedFile>,
    /// Live rows: exact where every file says how many it has.
    pub(super) rows: Precision<usize>,
    /// Bytes of the files.
    pub(super) bytes: u64,
}

/// Plans the reading of `adds`, of as many as `limit` rows take.
///
/// Requests: one for each file of deletion vectors, and a footer for each data file that has a vector but doesn't say how
/// many rows it has.
pub(super) async fn plan(
    store: &TableStore,
    columns: &Columns,
    data: &DataFiles,
    adds: Vec<Add>,
    limit: Option<usize>,
) -> Result<Planned> {
    let records = num_records(&adds);
    let adds = within_limit(adds, &records, limit);
    let values = partition_values(&columns.partitions, &adds)?;
    let vectors = vectors::load(store, &adds).await?;
    let mut planned = Planned { files: Vec::with_capacity(adds.len()), rows: Precision::Exact(0), bytes: 0 };
    for (at, (add, vector)) in adds.iter().zip(vectors).enumerate() {
        let named = |e: Error| e.path(&add.path).table(store.url().to_string());
        let meta = object(store, add).map_err(named)?;
        let (path, size) = (meta.location.clone(), meta.size);
        let file_values = values.iter().map(|array| ScalarValue::try_from_array(array, at));
        let file_values = file_values.collect::<Result<_, _>>().map_err(super::failure::planning)?;
        let mut file = PartitionedFile::new_from_meta(meta).with_partition_values(file_values);
        let known = records.get(at).copied().flatten();
        let live = match vector.filter(|vector| !vector.is_empty()) {
            None => {
                if let Some(rows) = known {
                    file = file.with_extension(ExpectedRows::AtMost(rows));
                }
                known
            }
            Some(vector) => {
                let rows = match known {
                    Some(rows) => rows,
                    None => footer_rows(data, &path, size).await?,
                };
                let (selected, live) = live_rows(&vector, rows).map_err(named)?;
                if live == 0 {
                    continue;
                }
                file = file.with_extension(selected).with_extension(ExpectedRows::Exactly(rows));
                Some(live)
            }
        };
        planned.rows = add_rows(&planned.rows, live);
        planned.bytes = planned.bytes.saturating_add(size);
        planned.files.push(file);
    }
    Ok(planned)
}

fn live_rows(vector: &DeletionVector, rows: u64) -> Result<(ParquetRowSelection, u64)> {
    let selection = vectors::selection(vector, rows)?;
    Ok((ParquetRowSelection::new(selection), rows - vector.cardinality()))
}

async fn footer_rows(data: &DataFiles, path: &Path, size: u64) -> Result<u64> {
    let footer = data.footer(path, size).await?;
    u64::try_from(footer.file_metadata().num_rows())
        .map_err(|e| Error::corrupt("a footer counts less than no rows").path(path.as_ref()).because(e))
}

fn add_rows(sum: &Precision<usize>, rows: Option<u64>) -> Precision<usize> {
    match (sum, rows.and_then(|rows| usize::try_from(rows).ok())) {
        (Precision::Exact(sum), Some(rows)) => sum.checked_add(rows).map_or(Precision::Absent, Precision::Exact),
        _ => Precision::Absent,
    }
}

/// `numRecords` of each file.
fn num_records(adds: &[Add]) -> Vec<Option<u64>> {
    let texts: StringArray = adds.iter().map(|add| add.stats.as_deref()).collect();
    let parsed = ParsedStats::from_json(&texts, &[]);
    parsed.num_records.iter().map(|records| records.and_then(|records| u64::try_from(records).ok())).collect()
}

/// The first files whose rows are enough.
fn within_limit(mut adds: Vec<Add>, records: &[Option<u64>], limit: Option<usize>) -> Vec<Add> {
    let Some(limit) = limit.and_then(|limit| u64::try_from(limit).ok()) else { return adds };
    let mut rows = 0u64;
    let enough = adds.iter().zip(records).position(|(add, records)| {
        let deleted = add.deletion_vector.as_ref().map_or(0, |dv| u64::try_from(dv.cardinality).unwrap_or(u64::MAX));
        rows = rows.saturating_add(records.unwrap_or(0).saturating_sub(deleted));
        rows >= limit
    });
    if let Some(last) = enough {
        adds.truncate(last + 1);
    }
    adds
}

/// The files' values of each partition column, from the log (pitfall S8).
pub(super) fn partition_values(partitions: &[PartitionField], adds: &[Add]) -> Result<Vec<ArrayRef>> {
    let of = |column: &PartitionField| {
        let texts = adds.iter().map(|add| add.partition_values.get(&column.physical_name).and_then(Option::as_deref));
        partition::to_array(&column.field.data_type, texts)
    };
    partitions.iter().map(of).collect()
}

fn object(store: &TableStore, add: &Add) -> Result<ObjectMeta> {
    let location = store.locate(&DataLocation::decode(&add.path)?)?;
    let size = u64::try_from(add.size)
        .map_err(|e| Error::corrupt(format!("a file of {} bytes", add.size)).path(&add.path).because(e))?;
    let last_modified = DateTime::from_timestamp_millis(add.modification_time).unwrap_or_default();
    Ok(ObjectMeta { location, last_modified, size, e_tag: None, version: None })
}

/// One row per file: its partition values, for conditions that nothing else decides.
pub(super) fn partition_batch(columns: &Columns, adds: &[Add]) -> Result<arrow::array::RecordBatch> {
    use arrow::array::{RecordBatch, RecordBatchOptions};
    use arrow::datatypes::{Field, Fields, Schema};
    let fields = columns.schema.fields().iter().filter(|field| columns.is_partition(field.name()));
    // A value that isn't there is NULL here; the scan is what says that it mustn't be.
    let fields = fields.map(|field| Field::clone(field).with_nullable(true)).collect::<Fields>();
    let options = RecordBatchOptions::new().with_row_count(Some(adds.len()));
    let values = partition_values(&columns.partitions, adds)?;
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), values, &options)
        .map_err(|e| Error::bug("partition values aren't of their columns' types").because(e))
}
