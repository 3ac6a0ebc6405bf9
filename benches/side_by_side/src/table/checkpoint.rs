//! How is a classic checkpoint written that none of the engines wrote?
//!
//! As Spark does it: the protocol's schema, snappy, row groups of about 128 MiB before compression. Written here, so that
//! no engine reads its own files while the others read a stranger's.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, MapArray, StringArray, StructArray,
    TimestampMicrosecondArray, new_empty_array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::file::Bounds;
use super::log::Statistics;
use super::{CREATED_MS, File, Protocol, SCHEMA, TABLE_ID};
use crate::Res;

const ROWS_A_BATCH: u64 = 50_000;
/// Of about 520 bytes each.
const ROWS_A_GROUP: usize = 250_000;

/// Writes protocol, metadata and the `add`s of files `0..files`.
pub fn write<W: Write + Send>(to: W, files: u64, statistics: Statistics, protocol: Protocol) -> Res<()> {
    let head = table_actions(protocol)?;
    let empty = adds(0..0, statistics)?;
    let fields: Vec<Field> = head
        .iter()
        .map(|(name, column)| (*name, column))
        .chain([("add", &empty), ("remove", &removes()?)])
        .map(|(name, column)| Field::new(name, column.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROWS_A_GROUP))
        .build();
    let mut writer = ArrowWriter::try_new(to, Arc::clone(&schema), Some(properties))?;
    let batch = |columns: &[(&str, ArrayRef)], rows: usize| {
        let column = |field: &Arc<Field>| {
            let found = columns.iter().find(|(name, _)| *name == field.name().as_str());
            found.map_or_else(|| new_null_array(field.data_type(), rows), |(_, column)| Arc::clone(column))
        };
        RecordBatch::try_new(Arc::clone(&schema), schema.fields().iter().map(column).collect())
    };
    writer.write(&batch(&head, 2)?)?;
    let mut first = 0;
    while first < files {
        let end = files.min(first + ROWS_A_BATCH);
        let rows = usize::try_from(end - first)?;
        writer.write(&batch(&[("add", adds(first..end, statistics)?)], rows)?)?;
        first = end;
    }
    writer.close()?;
    Ok(())
}

/// A struct column of these fields.
fn record(columns: Vec<(&str, ArrayRef)>, nulls: Option<NullBuffer>) -> Res<ArrayRef> {
    let field = |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), true);
    let fields: Fields = columns.iter().map(field).collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    Ok(Arc::new(StructArray::try_new(fields, columns, nulls)?))
}

fn text<S: AsRef<str>>(values: impl Iterator<Item = S>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn long(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

/// `rows` empty maps.
fn empty_maps(rows: usize) -> Res<ArrayRef> {
    let fields =
        Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)]);
    let entries = fields.iter().map(|field| new_empty_array(field.data_type())).collect();
    let entries = StructArray::try_new(fields.clone(), entries, None)?;
    let field = Arc::new(Field::new("key_value", DataType::Struct(fields), false));
    let offsets = OffsetBuffer::new(vec![0; rows + 1].into());
    Ok(Arc::new(MapArray::try_new(field, offsets, entries, None, false)?))
}

/// Two lists of strings: the first with `only`, where there is one, the second empty.
fn lists(only: Option<&str>) -> Res<ArrayRef> {
    let values: ArrayRef = Arc::new(StringArray::from_iter_values(only));
    let end = i32::try_from(values.len())?;
    let field = Arc::new(Field::new("element", DataType::Utf8, true));
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::new(vec![0, end, end].into()), values, None)?))
}

/// `deletionVector`, NULL in each of `rows`.
fn no_vectors(rows: usize) -> ArrayRef {
    let fields = Fields::from(vec![
        Field::new("storageType", DataType::Utf8, true),
        Field::new("pathOrInlineDv", DataType::Utf8, true),
        Field::new("offset", DataType::Int32, true),
        Field::new("sizeInBytes", DataType::Int32, true),
        Field::new("cardinality", DataType::Int64, true),
    ]);
    new_null_array(&DataType::Struct(fields), rows)
}

fn adds(numbers: std::ops::Range<u64>, statistics: Statistics) -> Res<ArrayRef> {
    let files: Vec<File> = numbers.map(File::new).collect();
    let rows = files.len();
    let absent = |data_type: DataType| new_null_array(&data_type, rows);
    let mut columns = vec![
        ("path", text(files.iter().map(File::path))),
        ("partitionValues", empty_maps(rows)?),
        ("size", long(files.iter().map(File::size))),
        ("modificationTime", long(files.iter().map(File::modification_time))),
        ("dataChange", Arc::new(BooleanArray::from(vec![false; rows])) as ArrayRef),
        ("tags", new_null_array(empty_maps(0)?.data_type(), rows)),
        ("deletionVector", no_vectors(rows)),
        ("baseRowId", absent(DataType::Int64)),
        ("defaultRowCommitVersion", absent(DataType::Int64)),
        ("clusteringProvider", absent(DataType::Utf8)),
    ];
    match statistics {
        Statistics::Json => columns.push(("stats", text(files.iter().map(File::stats)))),
        Statistics::Parsed => columns.push(("stats_parsed", parsed(&files)?)),
    }
    record(columns, None)
}

fn parsed(files: &[File]) -> Res<ArrayRef> {
    let bounds = |of: fn(&File) -> Bounds| -> Res<ArrayRef> {
        let bounds: Vec<Bounds> = files.iter().map(of).collect();
        let times = bounds.iter().map(|bound| bound.event_time * 1000);
        let times = TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
        let readings = Float64Array::from_iter_values(bounds.iter().map(Bounds::reading));
        let columns = vec![
            ("id", long(bounds.iter().map(|bound| bound.id))),
            ("event_time", Arc::new(times) as ArrayRef),
            ("device", text(bounds.iter().map(|bound| &bound.device))),
            ("reading", Arc::new(readings) as ArrayRef),
            ("region", text(bounds.iter().map(|bound| bound.region))),
        ];
        record(columns, None)
    };
    let nulls = |at: usize| long(files.iter().map(move |file| file.null_counts()[at]));
    let names = ["id", "event_time", "device", "reading", "region"];
    let null_counts = record(names.iter().enumerate().map(|(at, name)| (*name, nulls(at))).collect(), None)?;
    let tight: BooleanArray = files.iter().map(|file| Some(file.tight)).collect();
    let columns = vec![
        ("numRecords", long(files.iter().map(File::rows))),
        ("minValues", bounds(File::min)?),
        ("maxValues", bounds(File::max)?),
        ("nullCount", null_counts),
        ("tightBounds", Arc::new(tight) as ArrayRef),
    ];
    record(columns, None)
}

/// `remove` of no row.
fn removes() -> Res<ArrayRef> {
    let empty = |data_type: DataType| new_null_array(&data_type, 0);
    let columns = vec![
        ("path", empty(DataType::Utf8)),
        ("deletionTimestamp", empty(DataType::Int64)),
        ("dataChange", empty(DataType::Boolean)),
        ("extendedFileMetadata", empty(DataType::Boolean)),
        ("partitionValues", empty_maps(0)?),
        ("size", empty(DataType::Int64)),
        ("deletionVector", no_vectors(0)),
        ("baseRowId", empty(DataType::Int64)),
        ("defaultRowCommitVersion", empty(DataType::Int64)),
    ];
    record(columns, None)
}

/// The two rows of `protocol` and `metaData`, and the columns that neither of them nor any file uses.
fn table_actions(protocol: Protocol) -> Res<Vec<(&'static str, ArrayRef)>> {
    let first = Some(NullBuffer::from(vec![true, false]));
    let second = Some(NullBuffer::from(vec![false, true]));
    let (reader, writer, features) = match protocol {
        Protocol::Plain => (1, 2, None),
        Protocol::Vectors => (3, 7, Some("deletionVectors")),
    };
    let features = || match features {
        Some(_) => lists(features),
        None => Ok(new_null_array(lists(None)?.data_type(), 2)),
    };
    let pair = |value: i32| Arc::new(Int32Array::from(vec![value; 2])) as ArrayRef;
    let protocol = vec![
        ("minReaderVersion", pair(reader)),
        ("minWriterVersion", pair(writer)),
        ("readerFeatures", features()?),
        ("writerFeatures", features()?),
    ];
    let twice = |value: &str| text([value, value].into_iter());
    let format = record(vec![("provider", twice("parquet")), ("options", empty_maps(2)?)], None)?;
    let metadata = vec![
        ("id", twice(TABLE_ID)),
        ("name", new_null_array(&DataType::Utf8, 2)),
        ("description", new_null_array(&DataType::Utf8, 2)),
        ("format", format),
        ("schemaString", twice(SCHEMA)),
        ("partitionColumns", lists(None)?),
        ("configuration", empty_maps(2)?),
        ("createdTime", long([CREATED_MS, CREATED_MS].into_iter())),
    ];
    let txn = vec![
        ("appId", new_null_array(&DataType::Utf8, 2)),
        ("version", new_null_array(&DataType::Int64, 2)),
        ("lastUpdated", new_null_array(&DataType::Int64, 2)),
    ];
    let none = NullBuffer::from(vec![false, false]);
    Ok(vec![
        ("protocol", record(protocol, first)?),
        ("metaData", record(metadata, second)?),
        ("txn", record(txn, Some(none))?),
    ])
}
