//! How do rows of a checkpoint become actions?

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, MapArray, RecordBatch, StringArray, StructArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::{CastOptions, cast_with_options, filter, filter_record_batch, is_not_null, or};
use arrow::datatypes::{DataType, Field};
use arrow::json::LineDelimitedWriter;

use super::schema::{OTHER_ACTIONS, map_entries};
use crate::action::{Action, parse_lines};
use crate::error::{Error, Result};
use crate::files::{DeletionVectorColumns, FileColumns, FileStats};

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

/// Which rows of the struct column of a file action are such actions: those that have a path. One with a size alone is damage.
pub(super) fn there(column: &StructArray, name: &str) -> Result<BooleanBuffer> {
    let has = |field: &ArrayRef| -> Result<BooleanBuffer> {
        let has = is_not_null(field).map_err(bug)?.values().clone();
        Ok(match column.nulls() {
            Some(nulls) => &has & nulls.inner(),
            None => has,
        })
    };
    let there = has(column.column_by_name("path").ok_or_else(|| missing(name, "path"))?)?;
    match column.column_by_name("size") {
        Some(size) if (&has(size)? & &!&there).count_set_bits() > 0 => Err(missing(name, "path")),
        _ => Ok(there),
    }
}

/// The struct column of a file action.
pub(super) fn file_action(batch: &RecordBatch, name: &str) -> Result<Option<StructArray>> {
    match batch.column_by_name(name) {
        None => Ok(None),
        Some(column) => match column.as_struct_opt() {
            Some(column) => Ok(Some(column.clone())),
            None => Err(Error::corrupt(format!("a checkpoint's column {name:?} isn't a struct"))),
        },
    }
}

/// File actions, of columns that stand in several structs of the same rows; `chosen` are the rows that are such actions,
/// all of them where it is `None`. No statistics.
pub(super) fn file_columns(parts: &[&StructArray], chosen: Option<&BooleanBuffer>) -> Result<FileColumns> {
    let chosen = chosen.map(|chosen| BooleanArray::new(chosen.clone(), None));
    let column = |name: &str| -> Result<Option<ArrayRef>> {
        let Some(column) = parts.iter().find_map(|part| part.column_by_name(name)) else { return Ok(None) };
        let column = match &chosen {
            Some(chosen) => filter(column, chosen).map_err(bug)?,
            None => Arc::clone(column),
        };
        Ok((column.null_count() < column.len()).then_some(column))
    };
    let text = |name: &str| column(name)?.map(|c| typed::<StringArray>(&c, &DataType::Utf8, name)).transpose();
    let long = |name: &str| column(name)?.map(|c| typed::<Int64Array>(&c, &DataType::Int64, name)).transpose();
    let boolean = |name: &str| column(name)?.map(|c| typed::<BooleanArray>(&c, &DataType::Boolean, name)).transpose();
    let path = text("path")?.ok_or_else(|| missing("file action", "path"))?;
    Ok(FileColumns {
        partition_values: column("partitionValues")?.map(|c| string_map(&c, "partitionValues")).transpose()?,
        size: long("size")?.unwrap_or_else(|| Int64Array::new_null(path.len())),
        modification_time: long("modificationTime")?,
        stats: FileStats::absent(),
        tags: column("tags")?.map(|c| string_map(&c, "tags")).transpose()?,
        deletion_vector: column("deletionVector")?.as_ref().map(deletion_vector).transpose()?,
        base_row_id: long("baseRowId")?,
        default_row_commit_version: long("defaultRowCommitVersion")?,
        clustering_provider: text("clusteringProvider")?,
        deletion_timestamp: long("deletionTimestamp")?,
        data_change: boolean("dataChange")?,
        path,
    })
}

fn deletion_vector(column: &ArrayRef) -> Result<DeletionVectorColumns> {
    let rows = column.as_struct_opt().ok_or_else(|| wrong("deletionVector"))?;
    let field = |name: &str| rows.column_by_name(name).ok_or_else(|| missing("deletionVector", name));
    let storage_type = typed::<StringArray>(field("storageType")?, &DataType::Utf8, "storageType")?;
    let (path_or_inline_dv, size_in_bytes, cardinality) = (
        typed::<StringArray>(field("pathOrInlineDv")?, &DataType::Utf8, "pathOrInlineDv")?,
        typed::<Int32Array>(field("sizeInBytes")?, &DataType::Int32, "sizeInBytes")?,
        typed::<Int64Array>(field("cardinality")?, &DataType::Int64, "cardinality")?,
    );
    // A descriptor is there where its struct and its fields are: all of them, or none.
    let there = |field: &dyn Array| match NullBuffer::union(rows.nulls(), field.nulls()) {
        Some(nulls) => nulls.into_inner(),
        None => BooleanBuffer::new_set(rows.len()),
    };
    let descriptors = there(&storage_type);
    let fields: [(&str, &dyn Array); 3] =
        [("pathOrInlineDv", &path_or_inline_dv), ("sizeInBytes", &size_in_bytes), ("cardinality", &cardinality)];
    for (name, values) in fields {
        let values = there(values);
        if values != descriptors {
            let lacks_it = (&descriptors & &!&values).count_set_bits() > 0;
            return Err(missing("deletionVector", if lacks_it { name } else { "storageType" }));
        }
    }
    let nulls = NullBuffer::union(rows.nulls(), storage_type.nulls());
    let (offsets, values, _) = storage_type.into_parts();
    let offset = match rows.column_by_name("offset") {
        Some(offset) => typed::<Int32Array>(offset, &DataType::Int32, "offset")?,
        None => Int32Array::new_null(rows.len()),
    };
    Ok(DeletionVectorColumns {
        storage_type: StringArray::new(offsets, values, nulls),
        path_or_inline_dv,
        offset,
        size_in_bytes,
        cardinality,
    })
}

/// The column in the type that it must have, where it is of a like one (large or viewed strings, narrower integers).
fn typed<A: Array + Clone + 'static>(column: &ArrayRef, to: &DataType, name: &str) -> Result<A> {
    let column = if column.data_type() == to {
        Arc::clone(column)
    } else {
        let exact = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(column, to, &exact).map_err(|e| wrong(name).because(e))?
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

/// That a checkpoint lacks what the protocol demands.
pub(super) fn missing(of: &str, name: &str) -> Error {
    Error::corrupt(format!("{of} in a checkpoint has no {name}"))
}

fn bug(e: arrow::error::ArrowError) -> Error {
    Error::bug("rows of a checkpoint can't be gathered").because(e)
}
