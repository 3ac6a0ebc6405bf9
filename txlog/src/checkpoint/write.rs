//! What are the bytes of a snapshot's checkpoint?

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, StructArray, UInt32Array, new_null_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Fields, SchemaRef};
use arrow::json::ReaderBuilder;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::pieces::decode_parquet;
use super::schema::{add_fields, classic, deletion_vector_fields, remove_fields};
use crate::action::{Action, Remove, to_lines};
use crate::error::{Error, Result};
use crate::files::FileColumns;
use crate::snapshot::Snapshot;
use crate::version::TimestampMs;

/// Rows turned into a batch at a time.
const BATCH_ROWS: usize = 64 * 1024;
const ZSTD_LEVEL: i32 = 1;

/// A checkpoint, ready to be stored under its classic name.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The Parquet file.
    pub bytes: Bytes,
    /// How many actions it holds: `_last_checkpoint.size`.
    pub num_actions: u64,
    /// How many of them are `add`.
    pub num_adds: u64,
}

/// Encodes a classic checkpoint of the V1 spec, reads it back and compares what it holds with the snapshot, so that
/// nothing incomplete can be published (pitfalls L2, L3). Tombstones removed before `tombstones_since` have expired and
/// are left out, as are those of files that are live again.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) when the table asks for statistics as structs;
/// [`Bug`](crate::ErrorKind::Bug) when what was written doesn't read back.
pub fn encode(snapshot: &Snapshot, tombstones_since: TimestampMs) -> Result<Encoded> {
    let properties = snapshot.properties();
    if properties.checkpoint_write_stats_as_struct()? {
        return Err(Error::unsupported(
            "checkpoints with statistics as structs (delta.checkpoint.writeStatsAsStruct) can't be written yet",
        ));
    }
    let stats = properties.checkpoint_write_stats_as_json()?;
    let schema = classic();
    let compression = ZstdLevel::try_new(ZSTD_LEVEL).map_err(unwritable)?;
    let writer_properties = WriterProperties::builder().set_compression(Compression::ZSTD(compression)).build();
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, Arc::clone(&schema), Some(writer_properties)).map_err(unwritable)?;
    let others = other_actions(snapshot);
    let mut num_actions = others.len() as u64;
    for batch in other_batches(&others, &schema)? {
        writer.write(&batch).map_err(unwritable)?;
    }
    for (columns, live) in snapshot.files().batches() {
        for rows in live.chunks(BATCH_ROWS) {
            writer.write(&file_batch(&schema, "add", adds(columns, rows, stats)?)?).map_err(unwritable)?;
            num_actions += rows.len() as u64;
        }
    }
    let tombstones = tombstones(snapshot, tombstones_since);
    for rows in tombstones.chunks(BATCH_ROWS) {
        let columns = FileColumns::from_removes(rows);
        writer.write(&file_batch(&schema, "remove", removes(&columns, rows)?)?).map_err(unwritable)?;
        num_actions += rows.len() as u64;
    }
    writer.close().map_err(unwritable)?;
    let encoded = Encoded { bytes: bytes.into(), num_actions, num_adds: snapshot.num_files() };
    verify(snapshot, &encoded, tombstones.len() as u64, &others)?;
    Ok(encoded)
}

fn verify(snapshot: &Snapshot, encoded: &Encoded, num_removes: u64, others: &[Action]) -> Result<()> {
    let contents = decode_parquet(encoded.bytes.clone())?;
    let size: i64 = contents.adds.iter().filter_map(|batch| arrow::compute::sum(&batch.size)).sum();
    let removes: u64 = contents.removes.iter().map(|batch| batch.len() as u64).sum();
    let mut read: Vec<_> = contents.actions.iter().map(|action| format!("{action:?}")).collect();
    let mut written: Vec<_> = others.iter().map(|action| format!("{action:?}")).collect();
    read.sort();
    written.sort();
    let same = contents.num_adds() == snapshot.num_files()
        && size == snapshot.size_in_bytes()
        && removes == num_removes
        && read == written;
    if same {
        return Ok(());
    }
    Err(Error::bug(format!(
        "a checkpoint of {} files ({} bytes) reads back as {} files ({size} bytes); it was not published",
        snapshot.num_files(),
        snapshot.size_in_bytes(),
        contents.num_adds()
    ))
    .version(snapshot.version()))
}

fn other_actions(snapshot: &Snapshot) -> Vec<Action> {
    let mut actions =
        vec![Action::Protocol(snapshot.protocol().clone()), Action::Metadata(snapshot.metadata().clone())];
    actions.extend(snapshot.txns().cloned().map(Action::Txn));
    actions.extend(snapshot.domains().cloned().map(Action::DomainMetadata));
    actions
}

/// The actions as rows, through their JSON form.
fn other_batches(actions: &[Action], schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
    let lines = to_lines(actions)?;
    let reader = ReaderBuilder::new(Arc::clone(schema))
        .with_batch_size(actions.len().max(1))
        .build(lines.as_slice())
        .map_err(|e| Error::bug("actions don't fit the checkpoint's columns").because(e))?;
    reader
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Error::bug("actions don't fit the checkpoint's columns").because(e))
}

/// Unexpired tombstones of files that aren't live, each key once.
fn tombstones(snapshot: &Snapshot, since: TimestampMs) -> Vec<Remove> {
    let mut seen = HashSet::new();
    let mut kept: Vec<Remove> = snapshot
        .tombstones()
        .filter(|file| file.deletion_timestamp().is_none_or(|time| time >= since.0))
        .map(|file| file.to_remove())
        .collect();
    kept.reverse();
    kept.retain(|remove| {
        let dv_id = remove.dv_id();
        let live = snapshot.files().find(&remove.path).is_some_and(|file| file.has_dv_id(dv_id.as_deref()));
        !live && seen.insert((remove.path.clone(), dv_id))
    });
    kept
}

fn file_batch(schema: &SchemaRef, action: &str, rows: StructArray) -> Result<RecordBatch> {
    let num_rows = rows.len();
    let rows: ArrayRef = Arc::new(rows);
    let columns = schema
        .fields()
        .iter()
        .map(
            |field| {
                if field.name() == action { Arc::clone(&rows) } else { new_null_array(field.data_type(), num_rows) }
            },
        )
        .collect();
    RecordBatch::try_new(Arc::clone(schema), columns)
        .map_err(|e| Error::bug("file actions don't fit the checkpoint's columns").because(e))
}

fn adds(columns: &FileColumns, rows: &[u32], with_stats: bool) -> Result<StructArray> {
    let rows = UInt32Array::from(rows.to_vec());
    let taken = |array: &dyn Array| take(array, &rows, None).map_err(unencodable);
    let optional = |array: Option<&dyn Array>, to: &DataType| match array {
        Some(array) => taken(array),
        None => Ok(new_null_array(to, rows.len())),
    };
    let fields = add_fields();
    let mut arrays = Vec::with_capacity(fields.len());
    for field in &fields {
        let array: Option<&dyn Array> = match field.name().as_str() {
            "path" => Some(&columns.path),
            "partitionValues" => columns.partition_values.as_ref().map(|c| c as &dyn Array),
            "size" => Some(&columns.size),
            "modificationTime" => columns.modification_time.as_ref().map(|c| c as &dyn Array),
            "stats" if with_stats => columns.stats.as_ref().map(|c| c as &dyn Array),
            "tags" => columns.tags.as_ref().map(|c| c as &dyn Array),
            "baseRowId" => columns.base_row_id.as_ref().map(|c| c as &dyn Array),
            "defaultRowCommitVersion" => columns.default_row_commit_version.as_ref().map(|c| c as &dyn Array),
            "clusteringProvider" => columns.clustering_provider.as_ref().map(|c| c as &dyn Array),
            _ => None,
        };
        arrays.push(match field.name().as_str() {
            "dataChange" => Arc::new(BooleanArray::from(vec![false; rows.len()])) as ArrayRef,
            "partitionValues" if array.is_none() => empty_maps(rows.len())?,
            "deletionVector" => taken(&deletion_vectors(columns)?)?,
            _ => optional(array, field.data_type())?,
        });
    }
    structure(fields, arrays)
}

fn removes(columns: &FileColumns, rows: &[Remove]) -> Result<StructArray> {
    let fields = remove_fields();
    let or_null = |array: Option<ArrayRef>, to: &DataType| array.unwrap_or_else(|| new_null_array(to, rows.len()));
    let mut arrays = Vec::with_capacity(fields.len());
    for field in &fields {
        let array: Option<ArrayRef> = match field.name().as_str() {
            "path" => Some(Arc::new(columns.path.clone())),
            "deletionTimestamp" => columns.deletion_timestamp.clone().map(|c: Int64Array| Arc::new(c) as ArrayRef),
            "dataChange" => columns.data_change.clone().map(|c| Arc::new(c) as ArrayRef),
            "extendedFileMetadata" => Some(Arc::new(BooleanArray::from_iter(
                rows.iter().map(|row| Some(row.size.is_some() && row.partition_values.is_some())),
            ))),
            "partitionValues" => columns.partition_values.clone().map(|c| Arc::new(c) as ArrayRef),
            "size" => Some(Arc::new(columns.size.clone())),
            "deletionVector" => Some(Arc::new(deletion_vectors(columns)?)),
            "baseRowId" => columns.base_row_id.clone().map(|c| Arc::new(c) as ArrayRef),
            "defaultRowCommitVersion" => columns.default_row_commit_version.clone().map(|c| Arc::new(c) as ArrayRef),
            _ => None,
        };
        arrays.push(or_null(array, field.data_type()));
    }
    structure(fields, arrays)
}

/// `partitionValues` is required of every `add`: of an unpartitioned table's, it is empty.
fn empty_maps(len: usize) -> Result<ArrayRef> {
    let no_text = || Arc::new(StringArray::from(Vec::<Option<&str>>::new())) as ArrayRef;
    let entries =
        StructArray::try_new(super::schema::map_entries(), vec![no_text(), no_text()], None).map_err(unencodable)?;
    let DataType::Map(field, _) = super::schema::map("partitionValues").data_type().clone() else {
        return Err(Error::bug("a map column isn't a map"));
    };
    let offsets = arrow::buffer::OffsetBuffer::new_zeroed(len);
    let maps = arrow::array::MapArray::try_new(field, offsets, entries, None, false).map_err(unencodable)?;
    Ok(Arc::new(maps))
}

fn deletion_vectors(columns: &FileColumns) -> Result<StructArray> {
    let fields = deletion_vector_fields();
    match &columns.deletion_vector {
        None => Ok(StructArray::new_null(fields, columns.len())),
        Some(vectors) => {
            let (arrays, nulls): (_, Option<NullBuffer>) = vectors.arrays();
            StructArray::try_new(fields, arrays, nulls).map_err(unencodable)
        }
    }
}

fn structure(fields: Fields, arrays: Vec<ArrayRef>) -> Result<StructArray> {
    StructArray::try_new(fields, arrays, None).map_err(unencodable)
}

fn unencodable(e: arrow::error::ArrowError) -> Error {
    Error::bug("file actions don't fit the checkpoint's columns").because(e)
}

fn unwritable(e: parquet::errors::ParquetError) -> Error {
    Error::bug("a checkpoint can't be encoded").because(e)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Add, DeletionVectorDescriptor, DomainMetadata, Metadata, Protocol, Txn};
    use crate::files::Files;
    use crate::replay::{Commit, State};
    use crate::version::Version;

    fn snapshot() -> Snapshot {
        let schema = r#"{"type":"struct","fields":[{"name":"p","type":"string","nullable":true,"metadata":{}},{"name":"x","type":"long","nullable":true,"metadata":{}}]}"#;
        let vector = DeletionVectorDescriptor {
            storage_type: "u".into(),
            path_or_inline_dv: "ab^-aqEH.-t@S}K{vb[*k^".into(),
            offset: Some(4),
            size_in_bytes: 40,
            cardinality: 2,
        };
        let add = |name: &str, vector: Option<DeletionVectorDescriptor>| Add {
            path: format!("p=a%20b/{name}"),
            partition_values: [("p".to_owned(), Some("a b".to_owned()))].into(),
            size: 100,
            modification_time: 7,
            data_change: true,
            stats: Some("{\"numRecords\":3}".into()),
            tags: Some([("k".to_owned(), Some("v".to_owned()))].into()),
            deletion_vector: vector,
            ..Add::default()
        };
        let first = Commit {
            protocol: Some(Protocol {
                min_reader_version: 3,
                min_writer_version: 7,
                reader_features: Some(vec!["deletionVectors".into()]),
                writer_features: Some(vec!["deletionVectors".into(), "domainMetadata".into()]),
            }),
            metadata: Some(Metadata {
                id: "id".into(),
                schema_string: schema.into(),
                partition_columns: vec!["p".into()],
                configuration: [("delta.enableDeletionVectors".to_owned(), "true".to_owned())].into(),
                created_time: Some(999_999_999_999_999_999),
                ..Metadata::default()
            }),
            txns: vec![Txn { app_id: "a".into(), version: i64::MAX, last_updated: None }],
            domains: vec![DomainMetadata { domain: "d".into(), configuration: "{}".into(), removed: false }],
            adds: vec![add("1", None), add("2", None), add("3", None)],
            ..Commit::default()
        };
        let second = Commit {
            version: Version(1),
            removes: vec![add("1", None).removed(50, true), add("2", None).removed(60, true)],
            adds: vec![add("2", Some(vector))],
            ..Commit::default()
        };
        Snapshot::follow(None, &[first, second]).unwrap()
    }

    fn reread(encoded: &Encoded) -> Snapshot {
        let contents = decode_parquet(encoded.bytes.clone()).unwrap();
        let mut state = State { files: Files::from_batches(contents.adds).unwrap(), ..State::default() };
        contents.actions.into_iter().for_each(|action| state.take(action));
        state.tombstones = contents.removes.into_iter().map(Arc::new).collect();
        Snapshot::from_checkpoint(Version(1), state).unwrap()
    }

    #[test]
    fn a_checkpoint_reads_back_as_the_snapshot_it_was_written_of() {
        let snapshot = snapshot();
        let again = reread(&encode(&snapshot, TimestampMs(0)).unwrap());
        let adds = |snapshot: &Snapshot| {
            let mut adds: Vec<_> = snapshot.files().iter().map(|file| file.to_add()).collect();
            adds.sort_by(|a, b| a.path.cmp(&b.path));
            adds
        };
        assert_eq!(adds(&again), adds(&snapshot));
        assert_eq!(again.protocol(), snapshot.protocol());
        assert_eq!(again.metadata(), snapshot.metadata());
        assert_eq!(again.txn("a").unwrap().version, i64::MAX);
        assert_eq!(again.domain("d"), Some("{}"));
        assert_eq!(again.size_in_bytes(), 200);
        let removed: Vec<_> = again.tombstones().map(|file| file.to_remove().path).collect();
        assert_eq!(removed.len(), 2, "{removed:?}");
    }

    #[test]
    fn expired_tombstones_are_left_out() {
        let again = reread(&encode(&snapshot(), TimestampMs(55)).unwrap());
        let removed: Vec<_> = again.tombstones().map(|file| file.deletion_timestamp()).collect();
        assert_eq!(removed, [Some(60)]);
    }

    #[test]
    fn truncated_or_foreign_bytes_are_an_error() {
        let bytes = encode(&snapshot(), TimestampMs(0)).unwrap().bytes;
        for cut in [0, 4, 7, 8, 100, bytes.len() - 1] {
            assert!(decode_parquet(bytes.slice(..cut)).is_err(), "{cut} bytes");
        }
        assert!(decode_parquet(Bytes::from_static(b"PAR1\xff\xff\xff\xffPAR1")).is_err());
    }
}
