//! What does a checkpoint, a part of one, or a sidecar hold?

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, MapArray, RecordBatch, StringArray, StructArray,
};
use arrow::compute::{cast, filter, filter_record_batch, is_not_null, or};
use arrow::datatypes::{DataType, Field};
use arrow::json::LineDelimitedWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;
use parquet::schema::types::SchemaDescriptor;

use super::schema::{FILE_ACTIONS, OTHER_ACTIONS, TABLE_ACTIONS, map_entries};
use crate::action::{Action, parse_lines};
use crate::error::{Error, Result};
use crate::files::{DeletionVectorColumns, FileColumns};

const BATCH_ROWS: usize = 64 * 1024;

/// What was read: file actions as columns, the others as values.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Actions that aren't about files, sidecars and checkpoint metadata among them.
    pub actions: Vec<Action>,
    /// `add`, batch by batch.
    pub adds: Vec<FileColumns>,
    /// `remove`, batch by batch.
    pub removes: Vec<FileColumns>,
}

impl Contents {
    /// Adds what another part of the same checkpoint holds.
    pub fn merge(&mut self, other: Contents) {
        self.actions.extend(other.actions);
        self.adds.extend(other.adds);
        self.removes.extend(other.removes);
    }

    /// How many `add` rows there are.
    #[must_use]
    pub fn num_adds(&self) -> u64 {
        self.adds.iter().map(|batch| batch.len() as u64).sum()
    }
}

/// Reads a V2 checkpoint in JSON.
///
/// # Errors
/// As [`parse_lines`].
pub fn decode_json(bytes: &[u8]) -> Result<Contents> {
    let mut contents = Contents::default();
    let (mut adds, mut removes) = (Vec::new(), Vec::new());
    for action in parse_lines(bytes)? {
        match action {
            Action::Add(add) => adds.push(add),
            Action::Remove(remove) => removes.push(remove),
            other => contents.actions.push(other),
        }
    }
    if !adds.is_empty() {
        contents.adds.push(FileColumns::from_adds(&adds));
    }
    if !removes.is_empty() {
        contents.removes.push(FileColumns::from_removes(&removes));
    }
    Ok(contents)
}

/// Which of a checkpoint's actions are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All that the protocol names.
    All,
    /// Those of the table as a whole, no file's: [`TABLE_ACTIONS`].
    Table,
}

/// Reads the rows of a builder whose projection and row groups are set.
pub(super) fn read_rows<R: ChunkReader + 'static>(builder: ParquetRecordBatchReaderBuilder<R>) -> Result<Contents> {
    let damaged = |e: parquet::errors::ParquetError| Error::corrupt("a checkpoint can't be read").because(e);
    let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(damaged)?;
    let mut contents = Contents::default();
    for batch in reader {
        let batch = batch.map_err(|e| Error::corrupt("a checkpoint can't be read").because(e))?;
        take_others(&batch, &mut contents.actions)?;
        if let Some(rows) = file_rows(&batch, "add")? {
            contents.adds.push(file_columns(&rows)?);
        }
        if let Some(rows) = file_rows(&batch, "remove")? {
            contents.removes.push(file_columns(&rows)?);
        }
    }
    Ok(contents)
}

/// The leaf columns of the wanted actions.
pub(super) fn wanted_leaves(schema: &SchemaDescriptor, wanted: Wanted) -> Vec<usize> {
    let has_stats = schema.columns().iter().any(|column| column.path().parts() == ["add", "stats"]);
    let is_wanted = |parts: &[String]| {
        let root = parts.first().map_or("", String::as_str);
        let second = parts.get(1).map_or("", String::as_str);
        let known = match wanted {
            Wanted::All => FILE_ACTIONS.contains(&root) || OTHER_ACTIONS.contains(&root),
            Wanted::Table => TABLE_ACTIONS.iter().any(|(action, _)| *action == root),
        };
        known && second != "partitionValues_parsed" && (second != "stats_parsed" || !has_stats)
    };
    (0..schema.num_columns()).filter(|index| is_wanted(schema.column(*index).path().parts())).collect()
}

/// Reads the rows of actions that aren't about files through their JSON form: there are few, and it has one parser.
pub(super) fn take_others(batch: &RecordBatch, actions: &mut Vec<Action>) -> Result<()> {
    let schema = batch.schema();
    let names: Vec<usize> = OTHER_ACTIONS.iter().filter_map(|name| schema.index_of(name).ok()).collect();
    let mut any: Option<BooleanArray> = None;
    for index in &names {
        let valid = is_not_null(batch.column(*index)).map_err(bug)?;
        any = Some(match any {
            Some(any) => or(&any, &valid).map_err(bug)?,
            None => valid,
        });
    }
    let Some(any) = any.filter(|any| any.true_count() > 0) else { return Ok(()) };
    let rows = filter_record_batch(&batch.project(&names).map_err(bug)?, &any).map_err(bug)?;
    let mut json = Vec::new();
    let mut writer = LineDelimitedWriter::new(&mut json);
    writer.write(&rows).and_then(|()| writer.finish()).map_err(|e| {
        Error::corrupt("an action of a checkpoint has a type that the protocol doesn't give it").because(e)
    })?;
    actions.extend(parse_lines(&json)?);
    Ok(())
}

/// The rows whose file action `name` is there.
fn file_rows(batch: &RecordBatch, name: &str) -> Result<Option<StructArray>> {
    let Some(column) = batch.column_by_name(name) else { return Ok(None) };
    let Some(column) = column.as_struct_opt() else {
        return Err(Error::corrupt(format!("a checkpoint's column {name:?} isn't a struct")));
    };
    let path = column.column_by_name("path").ok_or_else(|| missing(name, "path"))?;
    let mut there = is_not_null(path).map_err(bug)?;
    if let Some(nulls) = column.nulls() {
        let valid = BooleanArray::new(nulls.inner().clone(), None);
        there = arrow::compute::and(&there, &valid).map_err(bug)?;
    }
    if there.true_count() == 0 {
        return Ok(None);
    }
    let rows = filter(column, &there).map_err(bug)?;
    Ok(rows.as_struct_opt().cloned())
}

/// The columns of rows that all are there.
pub(super) fn file_columns(rows: &StructArray) -> Result<FileColumns> {
    let column = |name: &str| rows.column_by_name(name).filter(|c| c.null_count() < c.len());
    let text = |name: &str| column(name).map(|c| typed::<StringArray>(c, &DataType::Utf8, name)).transpose();
    let long = |name: &str| column(name).map(|c| typed::<Int64Array>(c, &DataType::Int64, name)).transpose();
    let boolean = |name: &str| column(name).map(|c| typed::<BooleanArray>(c, &DataType::Boolean, name)).transpose();
    let stats_parsed = match column("stats_parsed") {
        Some(stats) => Some(stats.as_struct_opt().cloned().ok_or_else(|| wrong("stats_parsed"))?),
        None => None,
    };
    Ok(FileColumns {
        path: text("path")?.ok_or_else(|| missing("file action", "path"))?,
        partition_values: column("partitionValues").map(|c| string_map(c, "partitionValues")).transpose()?,
        size: long("size")?.unwrap_or_else(|| Int64Array::new_null(rows.len())),
        modification_time: long("modificationTime")?,
        stats: text("stats")?,
        stats_parsed,
        tags: column("tags").map(|c| string_map(c, "tags")).transpose()?,
        deletion_vector: column("deletionVector").map(deletion_vector).transpose()?,
        base_row_id: long("baseRowId")?,
        default_row_commit_version: long("defaultRowCommitVersion")?,
        clustering_provider: text("clusteringProvider")?,
        deletion_timestamp: long("deletionTimestamp")?,
        data_change: boolean("dataChange")?,
    })
}

fn deletion_vector(column: &ArrayRef) -> Result<DeletionVectorColumns> {
    let rows = column.as_struct_opt().ok_or_else(|| wrong("deletionVector"))?;
    let field = |name: &str| rows.column_by_name(name).ok_or_else(|| missing("deletionVector", name));
    let storage_type = typed::<StringArray>(field("storageType")?, &DataType::Utf8, "storageType")?;
    // A descriptor is there exactly where its struct and its storage type are.
    let nulls = arrow::buffer::NullBuffer::union(rows.nulls(), storage_type.nulls());
    let (offsets, values, _) = storage_type.into_parts();
    let offset = match rows.column_by_name("offset") {
        Some(offset) => typed::<Int32Array>(offset, &DataType::Int32, "offset")?,
        None => Int32Array::new_null(rows.len()),
    };
    Ok(DeletionVectorColumns {
        storage_type: StringArray::new(offsets, values, nulls),
        path_or_inline_dv: typed::<StringArray>(field("pathOrInlineDv")?, &DataType::Utf8, "pathOrInlineDv")?,
        offset,
        size_in_bytes: typed::<Int32Array>(field("sizeInBytes")?, &DataType::Int32, "sizeInBytes")?,
        cardinality: typed::<Int64Array>(field("cardinality")?, &DataType::Int64, "cardinality")?,
    })
}

/// The column in the type that it must have, where it is of a like one (large or viewed strings, narrower integers).
fn typed<A: Array + Clone + 'static>(column: &ArrayRef, to: &DataType, name: &str) -> Result<A> {
    let column = if column.data_type() == to {
        Arc::clone(column)
    } else {
        cast(column, to).map_err(|e| wrong(name).because(e))?
    };
    column.as_any().downcast_ref::<A>().cloned().ok_or_else(|| wrong(name))
}

/// The map with our names for its entries, whatever the writer called them.
fn string_map(column: &ArrayRef, name: &str) -> Result<MapArray> {
    let map = column.as_map_opt().ok_or_else(|| wrong(name))?;
    let keys: ArrayRef = Arc::new(typed::<StringArray>(map.keys(), &DataType::Utf8, name)?);
    let values: ArrayRef = Arc::new(typed::<StringArray>(map.values(), &DataType::Utf8, name)?);
    let entries = StructArray::try_new(map_entries(), vec![keys, values], None).map_err(|e| wrong(name).because(e))?;
    let field = Arc::new(Field::new("key_value", DataType::Struct(map_entries()), false));
    MapArray::try_new(field, map.offsets().clone(), entries, map.nulls().cloned(), false)
        .map_err(|e| wrong(name).because(e))
}

fn wrong(name: &str) -> Error {
    Error::corrupt(format!("a checkpoint's column {name:?} isn't of the type that the protocol gives it"))
}

fn missing(of: &str, name: &str) -> Error {
    Error::corrupt(format!("{of} in a checkpoint has no {name}"))
}

fn bug(e: arrow::error::ArrowError) -> Error {
    Error::bug("rows of a checkpoint can't be gathered").because(e)
}
