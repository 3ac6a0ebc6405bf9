//! What has to be in a table? A table beside a model of it that knows nothing of logs, files or vectors.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int32Type, Int64Type, SchemaRef};
use futures::stream;
use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed::table::{AppendOptions, CreateTable, Deletion, OverwriteOptions, Replace, SchemaMode, Table, Written};
use lakebed_txlog::Version;
use lakebed_txlog::env::SystemEnv;

use super::{At, rows};
use crate::s3::S3;
use crate::store::settings_of;

/// Where tables are made, each under its name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    Folder(&'a Path),
    /// A prefix of the test's bucket.
    Bucket(&'a S3, &'a str),
}

impl Place<'_> {
    pub(super) fn url(self, name: &str) -> String {
        match self {
            Place::Folder(folder) => folder.join(name).to_str().expect("the folder's path is text").to_owned(),
            Place::Bucket(s3, prefix) => s3.url(&format!("{prefix}/{name}")),
        }
    }

    fn store(self, name: &str) -> TableStore {
        let settings = match self {
            Place::Folder(_) => StoreSettings::default(),
            Place::Bucket(s3, _) => settings_of(s3),
        };
        let url = TableUrl::parse(&self.url(name)).unwrap();
        TableStore::create(&url, &settings, &SystemEnv::shared()).unwrap()
    }
}

/// A table and its rows. Columns that the model looks at: `id` (integer or long), by which rows are deleted, and `p`
/// (string), by which partitions are overwritten.
#[derive(Debug)]
pub(super) struct Twin {
    pub(super) name: String,
    /// How other engines call it.
    pub(super) address: String,
    pub(super) table: Table,
    /// What a reader has to return, in any order; at least one batch, which may be empty.
    pub(super) rows: Vec<RecordBatch>,
    /// The rows at earlier versions.
    past: BTreeMap<Version, Vec<RecordBatch>>,
}

impl Twin {
    pub(super) async fn create(place: Place<'_>, name: &str, schema: &SchemaRef, create: CreateTable) -> Twin {
        let table = create.create_in(place.store(name), SystemEnv::shared()).await.unwrap();
        let mut twin = Twin {
            name: name.to_owned(),
            address: place.url(name),
            table,
            rows: vec![RecordBatch::new_empty(Arc::clone(schema))],
            past: BTreeMap::new(),
        };
        twin.remember();
        twin
    }

    /// Keeps the rows as those of the version that the table is at.
    fn remember(&mut self) {
        self.past.insert(self.table.snapshot().version(), self.rows.clone());
    }

    pub(super) async fn append(&mut self, batch: &RecordBatch) {
        self.table.append_batches(vec![batch.clone()], &AppendOptions::default()).await.unwrap();
        self.rows.push(batch.clone());
        self.remember();
    }

    /// Appends a batch with columns that the table doesn't have; all of its rows then look like `after`.
    pub(super) async fn widen(&mut self, batch: &RecordBatch, after: Vec<RecordBatch>) {
        let options = AppendOptions { schema_mode: SchemaMode::Merge, ..AppendOptions::default() };
        self.table.append_batches(vec![batch.clone()], &options).await.unwrap();
        self.rows = after;
        self.remember();
    }

    pub(super) async fn overwrite(&mut self, replace: Replace, batch: &RecordBatch) {
        let given = stream::iter([Ok(batch.clone())]);
        let done = self.table.overwrite(replace, &batch.schema(), given, &OverwriteOptions::default()).await.unwrap();
        assert!(matches!(done, Written::Committed(_)), "{done:?}");
        let touched: Vec<Option<String>> = partitions(batch);
        let stays = |rows: &RecordBatch| match replace {
            Replace::Table => vec![false; rows.num_rows()],
            Replace::Partitions => partitions(rows).iter().map(|p| !touched.contains(p)).collect(),
        };
        self.keep(stays);
        self.rows.push(batch.clone());
        self.remember();
    }

    /// Deletes the rows whose id is in the range; returns what was done.
    pub(super) async fn delete(&mut self, gone: Range<i64>) -> Deletion {
        let condition = format!("id >= {} AND id < {}", gone.start, gone.end);
        let before = self.num_rows();
        let deletion = self.table.delete(&condition, &Default::default()).await.unwrap();
        self.forget(gone);
        assert_eq!(deletion.num_rows, (before - self.num_rows()) as u64, "{}: rows deleted", self.name);
        self.remember();
        deletion
    }

    /// Takes rows out of the model alone: another engine deletes them.
    pub(super) fn forget(&mut self, gone: Range<i64>) {
        self.keep(|rows| ids(rows).iter().map(|id| !gone.contains(id)).collect());
    }

    pub(super) async fn restore(&mut self, version: u64) {
        let restored = self.table.restore(Version(version), &Default::default()).await.unwrap();
        assert!(restored.version.is_some());
        self.rows = self.past[&Version(version)].clone();
        self.remember();
    }

    pub(super) fn num_rows(&self) -> usize {
        self.rows.iter().map(RecordBatch::num_rows).sum()
    }

    /// The table at its newest version, once what is done behind its commits is done.
    pub(super) async fn newest(self, folder: &Path) -> super::Table {
        self.table.settle().await;
        super::Table { rows: rows(folder, &self.name, &self.rows), ..self.at_newest() }
    }

    /// The table at an earlier version, under the name `NAME@VERSION`.
    pub(super) fn at(&self, folder: &Path, version: u64) -> super::Table {
        let name = format!("{}@{version}", self.name);
        let rows = rows(folder, &name, &self.past[&Version(version)]);
        super::Table { name, at: At::Version(version), rows, ..self.at_newest() }
    }

    fn at_newest(&self) -> super::Table {
        super::Table::newest(&self.name, &self.address, PathBuf::new())
    }

    fn keep(&mut self, stays: impl Fn(&RecordBatch) -> Vec<bool>) {
        for rows in &mut self.rows {
            *rows = filter_record_batch(rows, &BooleanArray::from(stays(rows))).unwrap();
        }
    }
}

fn ids(rows: &RecordBatch) -> Vec<i64> {
    let column: &ArrayRef = rows.column_by_name("id").expect("a column id");
    match column.as_primitive_opt::<Int64Type>() {
        Some(longs) => longs.values().to_vec(),
        None => column.as_primitive::<Int32Type>().values().iter().map(|id| i64::from(*id)).collect(),
    }
}

fn partitions(rows: &RecordBatch) -> Vec<Option<String>> {
    let column = rows.column_by_name("p").expect("a column p").as_string::<i32>();
    column.iter().map(|value| value.map(str::to_owned)).collect()
}
