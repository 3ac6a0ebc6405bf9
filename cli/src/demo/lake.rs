//! The demo's tables: how they are made, promoted and asked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use lakebed::query::Session;
use lakebed::store::file_error;
use lakebed::{CreateTable, Promoted, Promotion, Table, promote};
use lakebed_lake::ingest::{Source, source::Found};
use lakebed_txlog::{Error, Result};

use super::data::Files;
use crate::args::IngestArgs;
use crate::commands::{ingest, open};
use crate::context::Context;
use crate::render::people;

/// Every table of the lake.
pub(super) const TABLES: &[&str] = &[
    "bronze/flights",
    "bronze/weather",
    "bronze/planes",
    "bronze/airlines",
    "bronze/airports",
    "silver/flights",
    "silver/weather",
    "silver/planes",
    "gold/delays",
];

/// The lake in its folder.
pub(super) struct Lake<'a> {
    dir: PathBuf,
    context: &'a Context,
}

impl<'a> Lake<'a> {
    pub(super) fn new(dir: &Path, context: &'a Context) -> Lake<'a> {
        Lake { dir: dir.to_owned(), context }
    }

    /// The path of something in the lake.
    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.dir.join(below)
    }

    /// The table at `below`.
    pub(super) async fn table(&self, below: &str) -> Result<Table> {
        open::table(&self.path(below).display().to_string(), self.context).await
    }

    /// Writes files into a folder of the lake, as a sender would. The bytes written.
    pub(super) fn write(&self, folder: &str, files: &Files) -> Result<u64> {
        let folder = self.path(folder);
        let failed = |error| file_error(error, "writing a delivered file", &folder);
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let mut bytes = 0;
        for (name, content) in files {
            std::fs::write(folder.join(name), content).map_err(failed)?;
            bytes += content.len() as u64;
        }
        Ok(bytes)
    }

    /// Ingests what is at `source` into the table at `below`, as `lakebed ingest --create --null NA` does.
    pub(super) async fn ingest(&self, source: &str, below: &str) -> Result<ingest::Loaded> {
        let found: Found = Source::find(&self.path(source), None)?;
        let table = self.path(below).display().to_string();
        let target = ingest::existing(&table, self.context).await?;
        let args =
            IngestArgs { table: Some(table), create: true, nulls: vec!["NA".to_owned()], ..IngestArgs::default() };
        let loaded = ingest::load(found, target, &args, self.context).await?;
        loaded.table.settle().await;
        Ok(loaded)
    }

    /// Promotes what is new at `from` to `to`, which is made with the columns of the query where there is none.
    pub(super) async fn promote(&self, from: &str, to: &str, sql: &str, lookups: &[&str]) -> Result<Promoted> {
        let source = self.table(from).await?;
        let mut promotion = Promotion::new("default", sql);
        for lookup in lookups {
            let name = lookup.rsplit('/').next().unwrap_or(lookup);
            promotion = promotion.lookup(name, &self.table(lookup).await?);
        }
        let path = self.path(to).display().to_string();
        let target = match ingest::existing(&path, self.context).await? {
            Some(target) => target,
            None => {
                let session = Session::new();
                session.register("source", source.store(), &source.snapshot())?;
                for (name, table) in &promotion.lookups {
                    session.register(name, table.store(), &table.snapshot())?;
                }
                let schema = session.schema_of(sql).await?;
                let create = CreateTable::of_arrow(&schema)?;
                open::make(&path, &create, self.context).await?
            }
        };
        let promoted = promote(&source, &target, &promotion).await?;
        target.settle().await;
        Ok(promoted)
    }

    /// The answer to a query over the tables that the lake has by now.
    pub(super) async fn ask(&self, sql: &str) -> Result<RecordBatch> {
        let session = Session::new();
        for below in TABLES {
            let name = below.replace('/', ".");
            if sql.contains(&name) {
                let table = self.table(below).await?;
                session.register_log(&name, table.store(), Arc::clone(table.log()))?;
            }
        }
        let rows = session.sql(sql).await?;
        let schema = Arc::clone(&rows.schema);
        let batches = rows.collect().await?;
        concat_batches(&schema, &batches).map_err(|error| Error::bug("an answer's batches differ").because(error))
    }

    /// The one number that a query answers.
    pub(super) async fn number(&self, sql: &str) -> Result<i64> {
        let answer = self.ask(sql).await?;
        let found = answer.columns().first().and_then(|column| column.as_primitive_opt::<Int64Type>());
        match found.filter(|numbers| numbers.len() == 1) {
            Some(numbers) => Ok(numbers.value(0)),
            None => Err(Error::bug(format!("the demo's query isn't answered by one number: {sql}"))),
        }
    }

    /// The answer to a query as a table for people.
    pub(super) async fn drawn(&self, sql: &str) -> Result<String> {
        let answer = self.ask(sql).await?;
        let mut table = people::table_of(&answer.schema());
        people::add_rows(&mut table, &answer, answer.num_rows())?;
        Ok(table.to_string())
    }
}
