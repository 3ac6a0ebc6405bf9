//! Tables in memory, read in every way there is.

mod files;
mod sql;

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use lakebed_txlog::action::{Action, Add};
use lakebed_txlog::commit::Outcome;
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::schema::{DataType, StructField, StructType};
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::transaction::{Kind, Transaction};

use super::{Rows, ScanRequest, Session, scan};
use crate::store::{StoreSettings, TableStore, TableUrl};
use crate::table::{CreateTable, Table};

/// An empty table of its own.
async fn table(create: CreateTable) -> Table {
    let env = SystemEnv::shared();
    let url = TableUrl::parse(&format!("memory://query-{}/t", env.uuid())).unwrap();
    let store = TableStore::create(&url, &StoreSettings::default(), &env).unwrap();
    create.create_in(store, env).await.unwrap()
}

/// `id` 0..n, `name` `n0`…, `part` a or b.
async fn numbers(n: i64) -> Table {
    let schema = StructType::new([
        StructField::nullable("id", DataType::LONG),
        StructField::nullable("Name", DataType::STRING),
        StructField::nullable("part", DataType::STRING),
    ]);
    let table = table(CreateTable::new(schema).partitioned_by(["part"])).await;
    append(&table, rows_of(0..n)).await;
    table
}

fn rows_of(ids: std::ops::Range<i64>) -> RecordBatch {
    let names: StringArray = ids.clone().map(|id| Some(format!("n{id}"))).collect();
    let parts: StringArray = ids.clone().map(|id| Some(if id % 2 == 0 { "a" } else { "b" })).collect();
    let ids: arrow::array::Int64Array = ids.map(Some).collect();
    batch(vec![("id", Arc::new(ids)), ("Name", Arc::new(names)), ("part", Arc::new(parts))])
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

async fn append(table: &Table, batch: RecordBatch) {
    table.append_batches(vec![batch], &crate::table::AppendOptions::default()).await.unwrap();
}

/// Commits adds and removes made by hand.
async fn change(table: &Table, actions: Vec<Action>) -> Snapshot {
    let mut transaction = Transaction::new(Kind::Metadata, "TEST");
    transaction.extend(actions);
    let read = table.snapshot();
    match table.log().commit(&transaction, Some(&read), &CommitOptions::default()).await.unwrap() {
        Outcome::Committed { snapshot, .. } => snapshot,
        other => panic!("{other:?}"),
    }
}

async fn collect(rows: Rows) -> RecordBatch {
    let schema = Arc::clone(&rows.schema);
    concat_batches(&schema, &rows.collect().await.unwrap()).unwrap()
}

async fn scanned(table: &Table, request: ScanRequest) -> RecordBatch {
    collect(scan(table.store(), &table.snapshot(), &request).await.unwrap()).await
}

fn filtered(filter: &str) -> ScanRequest {
    ScanRequest { filter: Some(filter.to_owned()), ..ScanRequest::default() }
}

/// The values of the column `id`, ascending.
fn ids(batch: &RecordBatch) -> Vec<i64> {
    let column = batch.column_by_name("id").unwrap().as_primitive::<Int64Type>();
    let mut ids: Vec<i64> = column.iter().flatten().collect();
    ids.sort_unstable();
    ids
}

/// Rows as text, in order of the text.
fn shown(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<ArrayFormatter<'_>> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
    let mut rows: Vec<String> = (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"))
        .collect();
    rows.sort();
    rows
}

fn live(snapshot: &Snapshot) -> Vec<Add> {
    snapshot.files().iter().map(|file| file.to_add()).collect()
}

async fn sql(session: &Session, sql: &str) -> Vec<String> {
    shown(&collect(session.sql(sql).await.unwrap()).await)
}
