//! What does a process of a run do? Raw transactions, planned as an engine plans them: rows, keys and vectors, but no data
//! files, whose rows are known to the run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use lakebed_txlog::action::{Action, Add, Metadata, Protocol};
use lakebed_txlog::commit::Outcome;
use lakebed_txlog::drive::{CommitOptions, Log};
use lakebed_txlog::dv::{DeletionVector, DeletionVectorFile, Stored, locate};
use lakebed_txlog::env::Env;
use lakebed_txlog::predicate::Predicate;
use lakebed_txlog::schema::{ColumnPath, DataType, StructField, StructType};
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::transaction::{Isolation, Kind, Reads, RowsRead, Transaction, TxnUpdate};
use lakebed_txlog::{Error, ErrorKind, Result};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::client::{Retries, SimEnv, client, log_store};
use super::history::{History, Key, Operation, Read, Row, Told, marker};
use super::naive::Rows;
use super::plan::ProcessId;
use super::world::World;

/// The table's folder.
pub const ROOT: &str = "t";
/// Rows of applications begin here.
const APPLICATION_ROWS: Row = 1 << 32;
/// Attempts at a transaction that others came in between of.
const ATTEMPTS: usize = 3;

/// What one operation is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Appends rows of these keys.
    Append(Key, Key),
    /// Appends the next rows of an application, whose progress is committed with them; tries once more where it isn't known
    /// whether they landed.
    Progress(u32),
    /// Deletes the rows of a key.
    Delete(Key),
    /// Puts one row of a key in place of all.
    Overwrite(Key),
    /// Puts all files into one.
    Compact,
    /// Sets a property.
    Configure,
    /// Reads all rows of the newest version.
    Read,
    /// Reads rows of a key in the version that the handle knows, however old.
    ReadOld(Key),
    /// Writes a checkpoint.
    Checkpoint,
    /// Writes the version's checksum.
    Checksum,
    /// Opens the table again.
    Reopen,
}

/// What the processes of a run share.
#[derive(Clone)]
pub struct Site {
    /// Time and store.
    pub world: World,
    /// What they did.
    pub history: History,
    files: Arc<Mutex<Rows>>,
    seed: u64,
    isolation: Isolation,
    retries: Retries,
}

impl Site {
    /// A run with nothing done so far.
    #[must_use]
    pub fn new(world: World, seed: u64, isolation: Isolation, retries: Retries) -> Site {
        Site { world, history: History::default(), files: Arc::default(), seed, isolation, retries }
    }

    /// The same table in another world, where all that was done had been done when it began.
    #[must_use]
    pub fn again(&self, world: World) -> Site {
        let files = Arc::new(Mutex::new(self.files().clone()));
        let history = History::default();
        for done in self.history.operations() {
            let ended = done.ended.map(|_| Duration::ZERO);
            let _ = history.begin(Operation { began: Duration::ZERO, ended, ..done });
        }
        Site { world, history, files, ..self.clone() }
    }

    /// The rows of each file.
    pub fn files(&self) -> MutexGuard<'_, Rows> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process, with its handle on the log.
pub struct Writer {
    site: Site,
    process: ProcessId,
    env: Arc<dyn Env>,
    log: Arc<Log>,
    store: Arc<dyn ObjectStore>,
    /// Vectors that were read, by their ids.
    vectors: BTreeMap<String, DeletionVector>,
}

/// A file as an operation sees it: its rows that are live, by position.
struct File {
    add: Add,
    vector: Option<DeletionVector>,
    rows: Vec<(u64, Row, Key)>,
}

fn schema() -> StructType {
    StructType::new([StructField::nullable("k", DataType::LONG)])
}

/// A table of keys, which may have vectors, in-commit times and a retention of so many days.
#[must_use]
pub fn create_transaction(retention_days: u32) -> Transaction {
    let mut transaction = Transaction::new(Kind::Metadata, "CREATE TABLE");
    let property = |key: &str, value: String| (format!("delta.{key}"), value);
    transaction.push(Action::Protocol(Protocol {
        min_reader_version: 3,
        min_writer_version: 7,
        reader_features: Some(vec!["deletionVectors".into()]),
        writer_features: Some(vec!["deletionVectors".into(), "inCommitTimestamp".into()]),
    }));
    transaction.push(Action::Metadata(Metadata {
        id: "simulated".into(),
        schema_string: schema().to_json(),
        configuration: [
            property("enableDeletionVectors", "true".into()),
            property("enableInCommitTimestamps", "true".into()),
            property("logRetentionDuration", format!("interval {retention_days} days")),
        ]
        .into(),
        ..Metadata::default()
    }));
    transaction
}

impl Writer {
    /// A process that creates the table.
    ///
    /// # Errors
    /// Those of [`Log::create`].
    pub async fn create(site: &Site, process: ProcessId, skew_ms: i64, retention_days: u32) -> Result<Writer> {
        let env = SimEnv::shared(&site.world, process, site.seed, skew_ms);
        let store = log_store(&site.world, process, ROOT, site.retries);
        let log = Log::create(store, Arc::clone(&env), &create_transaction(retention_days)).await?;
        Ok(Writer::over(site, process, env, log))
    }

    /// A process that opens the table.
    ///
    /// # Errors
    /// Those of [`Log::open`].
    pub async fn open(site: &Site, process: ProcessId, skew_ms: i64) -> Result<Writer> {
        let env = SimEnv::shared(&site.world, process, site.seed, skew_ms);
        let log = Log::open(log_store(&site.world, process, ROOT, site.retries), Arc::clone(&env)).await?;
        Ok(Writer::over(site, process, env, log))
    }

    fn over(site: &Site, process: ProcessId, env: Arc<dyn Env>, log: Log) -> Writer {
        let store = client(&site.world, process, site.retries);
        Writer { site: site.clone(), process, env, log: Arc::new(log), store, vectors: BTreeMap::new() }
    }

    /// Its handle.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Does one thing; an error is one that its caller was told.
    ///
    /// # Errors
    /// Those of the log, and of the store.
    pub async fn perform(&mut self, task: Task) -> Result<()> {
        let done = match task {
            Task::Append(from, to) => self.append(from, to).await.map(|_| ()),
            Task::Progress(application) => self.progress(application).await,
            Task::Delete(_) | Task::Overwrite(_) | Task::Compact => self.again(task).await,
            Task::Configure => self.configure().await.map(|_| ()),
            Task::Read => self.read_newest().await,
            Task::ReadOld(key) => {
                let snapshot = self.log.snapshot();
                self.read(&snapshot, Some(key)).await
            }
            Task::Checkpoint => self.log.checkpoint(&self.log.snapshot()).await.map(|_| ()),
            Task::Checksum => self.log.write_checksum(&self.log.snapshot()).await.map(|_| ()),
            Task::Reopen => self.reopen().await,
        };
        let said = match &done {
            Ok(()) => "done".to_owned(),
            Err(error) => format!("{:?}: {error}", error.kind()),
        };
        self.site.world.note(&format!("p{} {task:?}: {said}", self.process));
        done
    }

    /// Plans again what others came in between of.
    async fn again(&mut self, task: Task) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let is_done = match task {
                Task::Delete(key) => self.delete(key).await?,
                Task::Overwrite(key) => self.overwrite(key).await?,
                _ => self.compact().await?,
            };
            if is_done {
                break;
            }
        }
        Ok(())
    }

    async fn append(&mut self, from: Key, to: Key) -> Result<bool> {
        let first = (self.site.history.next() as Row) << 4;
        let rows: Vec<(Row, Key)> = (from..=to).enumerate().map(|(at, key)| (first + at as Row, key)).collect();
        let mut transaction = Transaction::new(Kind::Append, "WRITE");
        transaction.push(Action::Add(self.file(&rows, true)));
        let operation = Operation { what: "append", inserts: rows, is_blind: true, ..Operation::default() };
        self.commit(operation, transaction, None).await
    }

    async fn progress(&mut self, application: u32) -> Result<()> {
        let snapshot = self.log.refresh().await?;
        let app_id = format!("application-{application}");
        let base = snapshot.txn(&app_id).map(|txn| txn.version);
        let version = base.map_or(1, |base| base + 1);
        let first = APPLICATION_ROWS + (Row::from(application) << 16) + ((version as Row) << 4);
        for _ in 0..2 {
            let rows = vec![(first, 0), (first + 1, 1)];
            let mut transaction = Transaction::new(Kind::Append, "WRITE");
            transaction.push(Action::Add(self.file(&rows, true)));
            transaction.txns.push(TxnUpdate { app_id: app_id.clone(), version, base });
            let operation = Operation { what: "progress", inserts: rows, is_blind: true, ..Operation::default() };
            match self.commit(operation, transaction, None).await {
                Err(error) if error.kind() == ErrorKind::Indeterminate => {}
                ended => return ended.map(|_| ()),
            }
        }
        Ok(())
    }

    async fn delete(&mut self, key: Key) -> Result<bool> {
        let snapshot = self.log.refresh().await?;
        let files = self.live(&snapshot).await?;
        let read = read_of(&snapshot, &files, Some(key));
        let mut operation = self.operation("delete", read);
        let mut reads = Reads::nothing().matching(Predicate::eq(ColumnPath::new(["k"]), i64::from(key)));
        let mut transaction = Transaction::new(Kind::Delete, "DELETE");
        transaction.isolation = self.site.isolation;
        let mut packed = DeletionVectorFile::new(self.env.uuid())?;
        let now = self.env.now().0;
        for file in files {
            let hit: Vec<&(u64, Row, Key)> = file.rows.iter().filter(|(_, _, of)| *of == key).collect();
            if hit.is_empty() {
                continue;
            }
            operation.deletes.extend(hit.iter().map(|(_, row, _)| *row));
            transaction.push(Action::Remove(file.add.removed(now, true)));
            if hit.len() == file.rows.len() {
                reads.depend_on(file.add.path.as_str(), RowsRead::All);
                continue;
            }
            let matching: DeletionVector = hit.iter().map(|(at, _, _)| *at).collect();
            let vector = file.vector.map_or(matching.clone(), |before| before.union(&matching));
            let descriptor = packed.push(&vector)?;
            reads.depend_on(file.add.path.as_str(), RowsRead::Only(matching));
            transaction.vectors.insert(&descriptor, vector);
            transaction.push(Action::Add(Add { deletion_vector: Some(descriptor), data_change: true, ..file.add }));
        }
        transaction.reads = Some(reads);
        if transaction.actions().is_empty() {
            self.only_read(operation);
            return Ok(true);
        }
        if !packed.is_empty() {
            let at = Path::from(ROOT).join(packed.path().as_str());
            let put = self.store.put(&at, PutPayload::from(packed.into_bytes())).await;
            put.map_err(|e| store_error(e, &at))?;
        }
        self.commit(operation, transaction, Some(&snapshot)).await
    }

    async fn overwrite(&mut self, key: Key) -> Result<bool> {
        let snapshot = self.log.refresh().await?;
        let files = self.live(&snapshot).await?;
        let mut operation = self.operation("overwrite", read_of(&snapshot, &files, None));
        let rows = vec![((self.site.history.next() as Row) << 4, key)];
        let mut transaction = Transaction::new(Kind::Overwrite, "WRITE");
        transaction.reads = Some(Reads::table());
        let now = self.env.now().0;
        for file in files {
            operation.deletes.extend(file.rows.iter().map(|(_, row, _)| *row));
            transaction.push(Action::Remove(file.add.removed(now, true)));
        }
        transaction.push(Action::Add(self.file(&rows, true)));
        operation.inserts = rows;
        self.commit(operation, transaction, Some(&snapshot)).await
    }

    async fn compact(&mut self) -> Result<bool> {
        let snapshot = self.log.refresh().await?;
        let files = self.live(&snapshot).await?;
        if files.len() < 2 {
            return Ok(true);
        }
        let rows: Vec<(Row, Key)> =
            files.iter().flat_map(|file| file.rows.iter().map(|(_, row, key)| (*row, *key))).collect();
        let mut transaction = Transaction::new(Kind::Rearrange, "OPTIMIZE");
        transaction.isolation = Isolation::Snapshot;
        let mut reads = Reads::nothing();
        let now = self.env.now().0;
        for file in files {
            reads.depend_on(file.add.path.as_str(), RowsRead::All);
            transaction.push(Action::Remove(file.add.removed(now, false)));
        }
        transaction.reads = Some(reads);
        if !rows.is_empty() {
            transaction.push(Action::Add(self.file(&rows, false)));
        }
        let operation = Operation { what: "compact", ..Operation::default() };
        self.commit(operation, transaction, Some(&snapshot)).await
    }

    async fn configure(&mut self) -> Result<bool> {
        let snapshot = self.log.refresh().await?;
        let mut metadata = snapshot.metadata().clone();
        metadata.configuration.insert("simulated.by".into(), self.site.history.next().to_string());
        let mut transaction = Transaction::new(Kind::Metadata, "SET TBLPROPERTIES");
        transaction.reads = Some(Reads::nothing());
        transaction.push(Action::Metadata(metadata));
        let operation = Operation { what: "configure", ..Operation::default() };
        self.commit(operation, transaction, Some(&snapshot)).await
    }

    async fn reopen(&mut self) -> Result<()> {
        let store = self.log.store().clone();
        self.log = Arc::new(Log::open(store, Arc::clone(&self.env)).await?);
        Ok(())
    }

    async fn read_newest(&mut self) -> Result<()> {
        let snapshot = self.log.refresh().await?;
        self.read(&snapshot, None).await
    }

    async fn read(&mut self, snapshot: &Snapshot, key: Option<Key>) -> Result<()> {
        let files = self.live(snapshot).await?;
        let operation = self.operation("read", read_of(snapshot, &files, key));
        self.only_read(operation);
        Ok(())
    }

    fn operation(&self, what: &'static str, read: Read) -> Operation {
        Operation { what, read: Some(read), isolation: self.site.isolation, ..Operation::default() }
    }

    /// Notes what was read and changed nothing.
    fn only_read(&self, mut operation: Operation) {
        let now = self.site.world.now();
        operation.began = now;
        let id = self.site.history.begin(operation);
        self.site.history.end(id, now, Told::Nothing);
    }

    /// Commits, and notes what was told. `false` where another commit stands in the way.
    async fn commit(
        &self,
        mut operation: Operation,
        mut transaction: Transaction,
        read: Option<&Snapshot>,
    ) -> Result<bool> {
        operation.began = self.site.world.now();
        let id = self.site.history.begin(operation);
        transaction.user_metadata = Some(marker(id));
        let outcome = self.log.commit(&transaction, read, &CommitOptions::default()).await;
        let told = match &outcome {
            Ok(Outcome::Committed { snapshot, .. }) => Told::Committed(snapshot.version().0),
            Ok(Outcome::Indeterminate { .. }) => Told::Unknown,
            Ok(Outcome::Conflicted(_) | Outcome::AlreadyApplied { .. }) | Err(_) => Told::Nothing,
        };
        self.site.history.end(id, self.site.world.now(), told);
        self.site.world.note(&format!("p{} {} is {told:?}", self.process, marker(id)));
        match outcome? {
            Outcome::Conflicted(_) => Ok(false),
            outcome @ Outcome::Indeterminate { .. } => outcome.committed().map(|_| true),
            _ => Ok(true),
        }
    }

    /// A file of these rows, which the run knows from now on.
    fn file(&self, rows: &[(Row, Key)], data_change: bool) -> Add {
        let path = format!("part-{}.parquet", self.env.uuid());
        self.site.files().insert(path.clone(), rows.to_vec());
        let keys = || rows.iter().map(|(_, key)| *key);
        let (min, max) = (keys().min().unwrap_or_default(), keys().max().unwrap_or_default());
        let stats = format!(
            r#"{{"numRecords":{},"minValues":{{"k":{min}}},"maxValues":{{"k":{max}}},"nullCount":{{"k":0}}}}"#,
            rows.len()
        );
        let modification_time = self.env.now().0;
        Add { path, size: 100, modification_time, data_change, stats: Some(stats), ..Add::default() }
    }

    /// The files of a snapshot with their live rows. Reads the vectors that this process hasn't read.
    async fn live(&mut self, snapshot: &Snapshot) -> Result<Vec<File>> {
        let adds: Vec<Add> = snapshot.files().iter().map(|file| file.to_add()).collect();
        let mut files = Vec::new();
        for add in adds {
            let vector = self.vector(&add).await?;
            let rows = self.site.files().get(&add.path).cloned();
            let rows = rows.ok_or_else(|| Error::bug("a file that nobody wrote").path(&add.path))?;
            let is_live = |at: u64| vector.as_ref().is_none_or(|vector| !vector.contains(at));
            let rows = (0..).zip(rows).filter(|(at, _)| is_live(*at)).map(|(at, (row, key))| (at, row, key)).collect();
            files.push(File { add, vector, rows });
        }
        Ok(files)
    }

    async fn vector(&mut self, add: &Add) -> Result<Option<DeletionVector>> {
        let (Some(descriptor), Some(id)) = (&add.deletion_vector, add.dv_id()) else { return Ok(None) };
        if let Some(known) = self.vectors.get(&id) {
            return Ok(Some(known.clone()));
        }
        let vector = match locate(descriptor)? {
            Stored::Inline(vector) => vector,
            Stored::InFile(slice) => {
                let at = Path::from(ROOT).join(slice.location.clone().relative()?.as_str());
                let bytes = self.store.get_range(&at, slice.range.clone()).await.map_err(|e| store_error(e, &at))?;
                slice.decode(&bytes)?
            }
        };
        self.vectors.insert(id, vector.clone());
        Ok(Some(vector))
    }

    /// Everything that the store lists, for who cleans up.
    pub(super) async fn listing(&self) -> Result<Vec<object_store::ObjectMeta>> {
        let log = Path::from(ROOT).join("_delta_log");
        let listed: Vec<_> = self.store.list(Some(&log)).collect().await;
        listed.into_iter().collect::<object_store::Result<_>>().map_err(|e| store_error(e, &log))
    }

    pub(super) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    pub(super) fn world(&self) -> &World {
        &self.site.world
    }
}

fn store_error(error: object_store::Error, at: &Path) -> Error {
    lakebed_txlog::drive::store_error(error, "a request of the run's own", at.as_ref())
}

fn read_of(snapshot: &Snapshot, files: &[File], key: Option<Key>) -> Read {
    let rows = files.iter().flat_map(|file| &file.rows);
    let seen = rows.filter(|(_, _, of)| key.is_none_or(|key| *of == key)).map(|(_, row, _)| *row).collect();
    Read { keys: key.map(|key| BTreeSet::from([key])), at: snapshot.version().0, seen }
}
