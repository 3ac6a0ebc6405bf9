//! Do compaction and vacuum leave every row of every retained version where it was?

mod compaction;
mod vacuum;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use lakebed::query::ScanRequest;
use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed::table::{AppendOptions, CreateTable, Table};
use lakebed_txlog::TimestampMs;
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::{Env, SystemEnv};
use lakebed_txlog::snapshot::Snapshot;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The machine's clock, set ahead as a test wants it. Stores keep their own.
#[derive(Debug)]
pub(crate) struct Clock {
    machine: Arc<dyn Env>,
    ahead_ms: AtomicI64,
}

impl Clock {
    /// The machine's clock as it is.
    pub(crate) fn of_machine() -> Arc<Clock> {
        Arc::new(Clock { machine: SystemEnv::shared(), ahead_ms: AtomicI64::new(0) })
    }

    /// Sets the clock to so many days from now.
    pub(crate) fn set_days(&self, days: i64) {
        self.ahead_ms.store(days * 24 * 60 * 60 * 1000, Ordering::Relaxed);
    }
}

impl Env for Clock {
    fn now(&self) -> TimestampMs {
        TimestampMs(self.machine.now().0 + self.ahead_ms.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }

    fn uuid(&self) -> uuid::Uuid {
        self.machine.uuid()
    }
}

/// A table of a number `n` and a text `p`, by which it may be partitioned, in a store of its own.
pub(crate) struct Fixture {
    pub(crate) table: Table,
    pub(crate) clock: Arc<Clock>,
    _folder: Option<TempDir>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Memory,
    Folder,
}

impl Fixture {
    pub(crate) async fn new(place: Place, partition_columns: &[&str]) -> Fixture {
        let clock = Clock::of_machine();
        let env: Arc<dyn Env> = Arc::clone(&clock) as Arc<dyn Env>;
        let (url, folder) = match place {
            Place::Memory => (format!("memory://{}/lake/t", env.uuid()), None),
            Place::Folder => {
                let folder = tempfile::tempdir().unwrap();
                (folder.path().join("t").to_str().unwrap().to_owned(), Some(folder))
            }
        };
        let store = TableStore::create(&TableUrl::parse(&url).unwrap(), &StoreSettings::default(), &env).unwrap();
        let create = CreateTable::of_arrow(&rows("", 0..1).schema()).unwrap();
        let create = create.partitioned_by(partition_columns.iter().copied());
        let table = create.create_in(store, env).await.unwrap();
        Fixture { table, clock, _folder: folder }
    }

    /// Sets the clock to so many days from now, once nothing is done behind a commit any more: what is half written would
    /// look as old as a leftover.
    pub(crate) async fn set_days(&self, days: i64) {
        self.table.settle().await;
        self.clock.set_days(days);
    }

    /// Another handle on the table.
    pub(crate) async fn another(&self) -> Table {
        Table::open_with(self.table.store().clone(), Arc::clone(self.table.env())).await.unwrap()
    }

    pub(crate) async fn append(&self, p: &str, n: std::ops::Range<i64>) {
        append(&self.table, p, n).await;
    }

    pub(crate) async fn delete(&self, condition: &str) {
        let done = self.table.delete(condition, &CommitOptions::default()).await.unwrap();
        assert!(done.num_rows > 0, "{condition}");
    }

    /// The rows of the newest version.
    pub(crate) async fn rows(&self) -> Vec<(i64, String)> {
        let snapshot = self.table.refresh().await.unwrap();
        self.rows_of(&snapshot).await
    }

    /// The rows of a version, sorted.
    pub(crate) async fn rows_of(&self, snapshot: &Snapshot) -> Vec<(i64, String)> {
        read(&self.table, snapshot).await.unwrap()
    }

    /// Every object of the table, log included, by its path below the root.
    pub(crate) async fn objects(&self) -> BTreeSet<String> {
        self.table.settle().await;
        let root = self.table.store().root();
        let listed: Vec<_> = self.table.store().data().list(Some(root)).try_collect().await.unwrap();
        let prefix = if root.is_root() { String::new() } else { format!("{root}/") };
        listed.iter().map(|meta| meta.location.as_ref().strip_prefix(&prefix).unwrap().to_owned()).collect()
    }

    /// The objects outside the log.
    pub(crate) async fn data_objects(&self) -> BTreeSet<String> {
        self.objects().await.into_iter().filter(|path| !path.starts_with("_delta_log/")).collect()
    }

    pub(crate) async fn put(&self, path: &str) {
        self.table.store().data().put(&self.key(path), "x".into()).await.unwrap();
    }

    pub(crate) fn key(&self, path: &str) -> Path {
        self.table.store().key(path).unwrap()
    }
}

pub(crate) async fn append(table: &Table, p: &str, n: std::ops::Range<i64>) {
    table.append_batches(vec![rows(p, n)], &AppendOptions::default()).await.unwrap();
}

pub(crate) async fn read(table: &Table, snapshot: &Snapshot) -> lakebed::Result<Vec<(i64, String)>> {
    let batches = table.scan(snapshot, &ScanRequest::default()).await?.collect().await?;
    let mut rows = Vec::new();
    for batch in batches {
        let n = batch.column_by_name("n").unwrap().as_primitive::<Int64Type>().clone();
        let p = arrow::compute::cast(batch.column_by_name("p").unwrap(), &arrow::datatypes::DataType::Utf8).unwrap();
        let p = p.as_string::<i32>();
        rows.extend((0..batch.num_rows()).map(|row| (n.value(row), p.value(row).to_owned())));
    }
    rows.sort();
    Ok(rows)
}

pub(crate) fn rows(p: &str, n: std::ops::Range<i64>) -> RecordBatch {
    let p = StringArray::from_iter_values(n.clone().map(|_| p));
    let n = Int64Array::from_iter_values(n);
    RecordBatch::try_from_iter([("n", Arc::new(n) as ArrayRef), ("p", Arc::new(p) as ArrayRef)]).unwrap()
}

/// Runs a test in memory and in a folder.
macro_rules! in_both {
    ($($test:ident),* $(,)?) => {
        $(mod $test {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_memory() {
                super::$test(crate::maintenance::Place::Memory).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_a_folder() {
                super::$test(crate::maintenance::Place::Folder).await;
            }
        })*
    };
}
pub(crate) use in_both;

/// Maintenance can be given to a runtime: it compiles.
#[allow(clippy::let_underscore_future, reason = "nothing runs")]
fn every_future_of_maintenance_can_be_spawned(table: &Table) {
    fn spawnable<T>(future: impl Future<Output = T> + Send + 'static) {
        drop(future);
    }
    let owned = table.clone();
    spawnable(async move { lakebed_compaction::compact(&owned, &Default::default(), |_| ()).await });
    let owned = table.clone();
    spawnable(async move {
        let plan = lakebed_vacuum::plan(&owned, &Default::default()).await?;
        lakebed_vacuum::carry_out(&owned, &plan, |_| ()).await
    });
}
