//! `lakebed table files`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, RecordBatch, StringBuilder};
use futures::stream;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result};
use serde_json::Value;

use super::open;
use crate::args::FilesArgs;
use crate::context::Context;
use crate::render::rows;

pub(crate) async fn run(args: FilesArgs, context: &Context) -> Result<()> {
    let table = open::table(&args.table, context).await?;
    let snapshot = open::snapshot(&table, &args.at).await?;
    let batch = files(&snapshot)?;
    let schema = batch.schema();
    rows::print(schema, stream::iter([Ok(batch)]), context.form, args.max_rows).await?;
    Ok(())
}

/// The live files, one row each.
fn files(snapshot: &Snapshot) -> Result<RecordBatch> {
    let (mut path, mut partition) = (StringBuilder::new(), StringBuilder::new());
    let (mut size, mut modified) = (Int64Builder::new(), Int64Builder::new());
    let (mut records, mut deleted) = (Int64Builder::new(), Int64Builder::new());
    for file in snapshot.files().iter() {
        path.append_value(file.path());
        let values = file.partition_values();
        let shown = |(name, value): (&String, &Option<String>)| match value {
            Some(value) => format!("{name}={value}"),
            None => format!("{name} is null"),
        };
        partition.append_value(values.iter().map(shown).collect::<Vec<_>>().join(", "));
        size.append_value(file.size());
        modified.append_value(file.modification_time());
        records.append_option(file.stats().as_deref().and_then(num_records));
        deleted.append_value(file.deletion_vector().map_or(0, |vector| vector.cardinality));
    }
    let columns: [(&str, ArrayRef); 6] = [
        ("path", Arc::new(path.finish())),
        ("partition", Arc::new(partition.finish())),
        ("size", Arc::new(size.finish())),
        ("modificationTime", Arc::new(modified.finish())),
        ("numRecords", Arc::new(records.finish())),
        ("deletedRows", Arc::new(deleted.finish())),
    ];
    RecordBatch::try_from_iter(columns).map_err(|error| Error::bug("the list of files is no batch").because(error))
}

/// What a file's statistics say of its physical rows, deleted ones included.
fn num_records(stats: &str) -> Option<i64> {
    serde_json::from_str::<Value>(stats).ok()?.get("numRecords")?.as_i64()
}
