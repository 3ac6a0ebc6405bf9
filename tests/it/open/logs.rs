//! A log of 50,000 retained commits, and checkpoints of it as other writers leave them.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, StructArray};
use bytes::Bytes;
use futures::FutureExt;
use lakebed_txlog::Version;
use lakebed_txlog::drive::{Landing, Log, LogStore};
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::name::{LOG_FOLDER, LogName};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

/// The newest version: 50,000 commits are retained.
pub(super) const NEWEST: u64 = 49_999;
/// The newest checkpoint, ours.
pub(super) const CHECKPOINT: u64 = 49_990;
/// An older checkpoint, ours.
pub(super) const OLDER: u64 = 40_000;

const UUID: &str = "80a083e8-7026-4e79-81be-64bd76c43a11";
const SCHEMA: &str =
    r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}"#;

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

pub(crate) fn key(name: &LogName) -> Path {
    let log = Path::from("t").join(LOG_FOLDER);
    name.to_string().split('/').fold(log, |path, part| path.join(part))
}

pub(crate) fn put(objects: &InMemory, name: &LogName, bytes: impl Into<Bytes>) {
    let put = objects.put(&key(name), bytes.into().into()).now_or_never();
    put.expect("memory answers at once").unwrap();
}

pub(super) fn get(objects: &InMemory, name: &LogName) -> Bytes {
    runtime().block_on(async { objects.get(&key(name)).await.unwrap().bytes().await }).unwrap()
}

pub(super) fn delete(objects: &InMemory, name: &LogName) {
    runtime().block_on(objects.delete(&key(name))).unwrap();
}

pub(super) fn put_hint(objects: &InMemory, text: &str) {
    put(objects, &LogName::LastCheckpoint, text.to_owned());
}

/// The files of the log, without any request that counts.
pub(super) fn plain(objects: &InMemory) -> LogStore {
    let objects: Arc<dyn ObjectStore> = Arc::new(objects.fork());
    LogStore::new(Arc::clone(&objects), objects, Path::from("t"), "memory://t", Landing::Late)
}

/// What a commit says: the first creates the table, each adds a file, every hundredth removes one.
pub(crate) fn commit(version: u64) -> String {
    let mut text = format!("{{\"commitInfo\":{{\"timestamp\":{version},\"txnId\":\"t-{version}\"}}}}\n");
    if version == 0 {
        text.push_str("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n");
        let _ = writeln!(
            text,
            r#"{{"metaData":{{"id":"the-table","format":{{"provider":"parquet","options":{{}}}},"schemaString":"{SCHEMA}","partitionColumns":[],"configuration":{{}},"createdTime":1}}}}"#
        );
    }
    let _ = writeln!(
        text,
        r#"{{"add":{{"path":"part-{version:08}.parquet","partitionValues":{{}},"size":{version},"modificationTime":1,"dataChange":true,"stats":"{{\"numRecords\":{version},\"x\":\"{:032x}\"}}"}}}}"#,
        noise(version)
    );
    if version % 100 == 99 {
        let removed = version - 50;
        let _ = writeln!(
            text,
            r#"{{"remove":{{"path":"part-{removed:08}.parquet","deletionTimestamp":99999999999999,"dataChange":true}}}}"#
        );
    }
    text
}

/// What doesn't compress, so that a checkpoint has a size worth sparing.
fn noise(seed: u64) -> u128 {
    let mixed = u128::from(seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    (mixed ^ (mixed >> 61)).wrapping_mul(0xC2B2_AE3D_27D4_EB4F_1656_67B1_9E37_79F9)
}

/// How many files are live at a version, counted by hand.
pub(super) fn num_files(version: u64) -> u64 {
    version + 1 - (version + 1) / 100
}

/// Writes our checkpoint of a version, and our hint at it.
pub(super) fn write_checkpoint(objects: &InMemory, version: u64) {
    runtime().block_on(async {
        let copy: Arc<dyn ObjectStore> = Arc::new(objects.fork());
        let root = Path::from("t");
        let store = LogStore::new(Arc::clone(&copy), Arc::clone(&copy), root, "memory://t", Landing::AtOnce);
        let log = Log::open(store, SystemEnv::shared()).await.unwrap();
        let snapshot = log.at(Version(version)).await.unwrap();
        log.checkpoint(&snapshot).await.unwrap();
        for name in [LogName::ClassicCheckpoint { version: Version(version) }, LogName::LastCheckpoint] {
            let bytes = copy.get(&key(&name)).await.unwrap().bytes().await.unwrap();
            objects.put(&key(&name), bytes.into()).await.unwrap();
        }
    });
}

/// The log: commits, our checkpoints of [`OLDER`] and [`CHECKPOINT`], our hint at the latter.
pub(super) fn ours() -> InMemory {
    static OURS: OnceLock<InMemory> = OnceLock::new();
    OURS.get_or_init(|| {
        let objects = InMemory::new();
        for version in 0..=NEWEST {
            put(&objects, &LogName::Commit { version: Version(version) }, commit(version));
            if [OLDER, CHECKPOINT].contains(&version) {
                write_checkpoint(&objects, version);
            }
        }
        objects
    })
    .fork()
}

/// The rows of our newest checkpoint.
fn rows(objects: &InMemory) -> Vec<RecordBatch> {
    let bytes = get(objects, &LogName::ClassicCheckpoint { version: Version(CHECKPOINT) });
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().with_batch_size(30_000).build().unwrap();
    reader.map(Result::unwrap).collect()
}

fn parquet(batches: &[RecordBatch]) -> Bytes {
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
    let mut writer = ArrowWriter::try_new(&mut bytes, batches[0].schema(), Some(properties)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.close().unwrap();
    bytes.into()
}

/// The same log with another writer's checkpoint in one file, and its hint.
pub(super) fn classic() -> InMemory {
    let objects = ours();
    let bytes = parquet(&rows(&objects));
    put_hint(&objects, &format!(r#"{{"version":{CHECKPOINT},"size":49495,"sizeInBytes":{}}}"#, bytes.len()));
    put(&objects, &LogName::ClassicCheckpoint { version: Version(CHECKPOINT) }, bytes);
    objects
}

/// The same log with another writer's checkpoint of some 50 MB, in one file: statistics of a kilobyte a file.
pub(super) fn large() -> InMemory {
    let objects = ours();
    let longer = |batch: &RecordBatch| {
        let at = batch.schema().index_of("add").unwrap();
        let (fields, mut columns, nulls) = batch.column(at).as_struct().clone().into_parts();
        let (stats, _) = fields.find("stats").unwrap();
        let texts = columns[stats].as_string::<i32>().iter().map(|text| text.map(|text| format!("{text:>1000}")));
        columns[stats] = Arc::new(StringArray::from_iter(texts)) as ArrayRef;
        let mut all = batch.columns().to_vec();
        all[at] = Arc::new(StructArray::new(fields, columns, nulls));
        RecordBatch::try_new(batch.schema(), all).unwrap()
    };
    let bytes = parquet(&rows(&objects).iter().map(longer).collect::<Vec<_>>());
    assert!(bytes.len() > 40 << 20, "{} bytes", bytes.len());
    put_hint(&objects, &format!(r#"{{"version":{CHECKPOINT},"size":49495,"sizeInBytes":{}}}"#, bytes.len()));
    put(&objects, &LogName::ClassicCheckpoint { version: Version(CHECKPOINT) }, bytes);
    objects
}

/// The same log with a multi-part checkpoint.
pub(super) fn multi_part() -> InMemory {
    let objects = ours();
    let rows = rows(&objects);
    let parts: Vec<Bytes> = rows.iter().map(|batch| parquet(std::slice::from_ref(batch))).collect();
    let (number, size) = (parts.len() as u32, parts.iter().map(Bytes::len).sum::<usize>());
    assert!(number > 1);
    for (at, bytes) in parts.into_iter().enumerate() {
        let name = LogName::MultiPartCheckpoint { version: Version(CHECKPOINT), part: at as u32 + 1, parts: number };
        put(&objects, &name, bytes);
    }
    delete(&objects, &LogName::ClassicCheckpoint { version: Version(CHECKPOINT) });
    let hint = format!(r#"{{"version":{CHECKPOINT},"size":49495,"parts":{number},"sizeInBytes":{size}}}"#);
    put_hint(&objects, &hint);
    objects
}

/// The same log with a V2 checkpoint in JSON and a sidecar for each batch of files.
pub(super) fn v2() -> InMemory {
    let objects = ours();
    let mut text = format!("{{\"checkpointMetadata\":{{\"version\":{CHECKPOINT}}}}}\n");
    text.extend(commit(0).lines().skip(1).take(2).map(|line| format!("{line}\n")));
    for (at, batch) in rows(&objects).iter().enumerate() {
        let columns: Vec<usize> = ["add", "remove"].iter().map(|name| batch.schema().index_of(name).unwrap()).collect();
        let files = batch.project(&columns).unwrap();
        let keep = arrow::compute::or(
            &arrow::compute::is_not_null(files.column(0).as_struct()).unwrap(),
            &arrow::compute::is_not_null(files.column(1).as_struct()).unwrap(),
        );
        let bytes = parquet(&[arrow::compute::filter_record_batch(&files, &keep.unwrap()).unwrap()]);
        let name = LogName::Sidecar { unique: format!("sidecar-{at}") };
        let size = bytes.len();
        let _ = writeln!(
            text,
            r#"{{"sidecar":{{"path":"sidecar-{at}.parquet","sizeInBytes":{size},"modificationTime":1}}}}"#
        );
        put(&objects, &name, bytes);
    }
    let name = format!("{CHECKPOINT:020}.checkpoint.{UUID}.json");
    let size = text.len();
    put(&objects, &LogName::parse(&name), text);
    delete(&objects, &LogName::ClassicCheckpoint { version: Version(CHECKPOINT) });
    let v2 = format!(r#"{{"path":"{name}","sizeInBytes":{size},"modificationTime":1,"nonFileActions":[]}}"#);
    put_hint(&objects, &format!(r#"{{"version":{CHECKPOINT},"size":49495,"v2Checkpoint":{v2}}}"#));
    objects
}
