//! Data files, read back by the plain Parquet reader.

mod budget;
mod failures;
mod schemas;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Schema;
use futures::stream;
use lakebed_txlog::action::{Add, Metadata};
use lakebed_txlog::env::{Env, SystemEnv};
use lakebed_txlog::path::DataLocation;
use lakebed_txlog::schema::{ColumnMappingMode, StructField, StructType};
use lakebed_txlog::{Error, Result};
use object_store::ObjectStoreExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{DataFiles, TableLayout, WriteOptions, write_stream};
use crate::store::{StoreSettings, TableStore, TableUrl};

/// A table that isn't there: a place to write files to, and what they are to look like.
struct Table {
    store: TableStore,
    layout: Arc<TableLayout>,
    env: Arc<dyn Env>,
    options: WriteOptions,
}

impl Table {
    fn new(name: &str, fields: impl IntoIterator<Item = StructField>, partition_columns: &[&str]) -> Table {
        let metadata = Metadata {
            schema_string: StructType::new(fields).to_json(),
            partition_columns: partition_columns.iter().map(|name| (*name).to_owned()).collect(),
            ..Metadata::default()
        };
        Table::of(name, &metadata, ColumnMappingMode::None)
    }

    fn of(name: &str, metadata: &Metadata, mode: ColumnMappingMode) -> Table {
        let env = SystemEnv::shared();
        let url = TableUrl::parse(&format!("memory://{name}-{}/t", env.uuid())).unwrap();
        let store = TableStore::create(&url, &StoreSettings::default(), &env).unwrap();
        let layout = Arc::new(TableLayout::new(metadata, mode).unwrap());
        Table { store, layout, env, options: WriteOptions::default() }
    }

    async fn write(&self, batches: Vec<RecordBatch>) -> Result<DataFiles> {
        let schema = batches[0].schema();
        self.write_results(&schema, batches.into_iter().map(Ok).collect()).await
    }

    async fn write_results(&self, schema: &Schema, batches: Vec<Result<RecordBatch>>) -> Result<DataFiles> {
        write_stream(&self.store, &self.layout, &self.options, &self.env, schema, stream::iter(batches)).await
    }

    async fn refused(&self, batches: Vec<RecordBatch>) -> Error {
        let error = self.write(batches).await.unwrap_err();
        assert!(self.objects().await.is_empty(), "a refused write leaves nothing");
        error
    }

    async fn bytes(&self, add: &Add) -> bytes::Bytes {
        let path = DataLocation::decode(&add.path).unwrap().relative().unwrap();
        let bytes =
            self.store.data().get(&self.store.key(path.as_str()).unwrap()).await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes.len() as i64, add.size);
        bytes
    }

    /// The rows of a file, by nothing but what the file says.
    async fn rows(&self, add: &Add) -> RecordBatch {
        let reader = ParquetRecordBatchReaderBuilder::try_new(self.bytes(add).await).unwrap();
        let schema = Arc::clone(reader.schema());
        let batches: Vec<_> = reader.build().unwrap().map(|batch| batch.unwrap()).collect();
        concat_batches(&schema, &batches).unwrap()
    }

    async fn objects(&self) -> Vec<String> {
        use futures::TryStreamExt;
        let objects = self.store.data().list(Some(self.store.root()));
        objects.map_ok(|object| object.location.to_string()).try_collect().await.unwrap()
    }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn stats(add: &Add) -> serde_json::Value {
    serde_json::from_str(add.stats.as_deref().unwrap()).unwrap()
}

fn partition_values(values: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
}
