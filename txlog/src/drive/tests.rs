//! Does a commit that follows others leave the table that the rules say?

mod looks;
mod stamps;

use std::collections::BTreeMap;

use futures::StreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::*;
use crate::action::{Action, Add, Metadata, Protocol};
use crate::conflict::{Conflict, Why};
use crate::dv::{DecodedVectors, DeletionVector, DeletionVectorFile};
use crate::env::SystemEnv;
use crate::error::ErrorKind;
use crate::name::LogName;
use crate::predicate::Predicate;
use crate::schema::{ColumnPath, DataType, StructField, StructType};
use crate::transaction::{Kind, Reads, RowsRead};

struct Place {
    memory: Arc<InMemory>,
    env: Arc<dyn Env>,
}

impl Place {
    /// A table of two files, ten rows each.
    async fn new() -> Place {
        let place = Place { memory: Arc::new(InMemory::new()), env: SystemEnv::shared() };
        let schema = StructType::new([StructField::nullable("k", DataType::LONG)]);
        let features = Some(vec!["deletionVectors".to_owned()]);
        let mut transaction = Transaction::new(Kind::Metadata, "CREATE TABLE");
        transaction.extend([
            Action::Protocol(Protocol {
                min_reader_version: 3,
                min_writer_version: 7,
                reader_features: features.clone(),
                writer_features: features,
            }),
            Action::Metadata(Metadata {
                id: "t".into(),
                schema_string: schema.to_json(),
                configuration: [("delta.enableDeletionVectors".to_owned(), "true".to_owned())].into(),
                ..Metadata::default()
            }),
        ]);
        transaction.extend(["f", "g"].map(|path| Action::Add(file(path))));
        Log::create(place.store(), Arc::clone(&place.env), &transaction).await.unwrap();
        place
    }

    fn store(&self) -> LogStore {
        let root = Path::from("some/table");
        LogStore::new(self.memory.clone(), self.memory.clone(), root, "test", Landing::AtOnce)
    }

    async fn open(&self) -> Log {
        Log::open(self.store(), Arc::clone(&self.env)).await.unwrap()
    }

    /// Deletes rows of a file by a vector that is stored, as an engine does.
    async fn delete(&self, read: &Snapshot, path: &str, rows: &[u64]) -> Transaction {
        let add = read.files().find(path).unwrap().to_add();
        let mut vector: DeletionVector = rows.iter().copied().collect();
        let mut reads = Reads::nothing().matching(Predicate::eq(ColumnPath::new(["k"]), 5));
        reads.depend_on(path, RowsRead::Only(vector.clone()));
        if let Some(before) = &add.deletion_vector {
            vector = vector.union(&self.vector(before).await);
        }
        let mut packed = DeletionVectorFile::new(self.env.uuid()).unwrap();
        let descriptor = packed.push(&vector).unwrap();
        let key = Path::from(format!("some/table/{}", packed.path().as_str()));
        self.memory.put(&key, packed.into_bytes().into()).await.unwrap();
        let mut transaction = Transaction::new(Kind::Delete, "DELETE");
        transaction.reads = Some(reads);
        transaction.extend([
            Action::Remove(add.removed(1, true)),
            Action::Add(Add { deletion_vector: Some(descriptor), ..add }),
        ]);
        transaction
    }

    async fn vector(&self, descriptor: &crate::action::DeletionVectorDescriptor) -> DeletionVector {
        let mut known = DecodedVectors::default();
        assert!(vectors::read(&self.store(), std::slice::from_ref(descriptor), &mut known).await.unwrap());
        known.find(descriptor).unwrap().into_owned()
    }

    /// The rows that are deleted of each file, in the newest version as it is opened cold.
    async fn deleted(&self) -> BTreeMap<String, Vec<u64>> {
        let mut deleted = BTreeMap::new();
        for file in self.open().await.snapshot().files().iter() {
            let add = file.to_add();
            let vector = match &add.deletion_vector {
                Some(descriptor) => self.vector(descriptor).await,
                None => DeletionVector::new(),
            };
            deleted.insert(add.path, vector.iter().collect());
        }
        deleted
    }

    async fn num_vector_files(&self) -> usize {
        use futures::TryStreamExt;
        let objects: Vec<_> = self.memory.list(None).try_collect().await.unwrap();
        objects.iter().filter(|object| object.location.as_ref().ends_with(".bin")).count()
    }
}

fn file(path: &str) -> Add {
    let stats = r#"{"numRecords":10,"minValues":{"k":0},"maxValues":{"k":9},"nullCount":{"k":0}}"#;
    Add { path: path.into(), size: 100, data_change: true, stats: Some(stats.into()), ..Add::default() }
}

async fn land(log: &Log, transaction: &Transaction, read: &Snapshot) -> Outcome {
    log.commit(transaction, Some(read), &CommitOptions::default()).await.unwrap()
}

fn deleted<const N: usize>(rows: [(&str, &[u64]); N]) -> BTreeMap<String, Vec<u64>> {
    rows.map(|(path, rows)| (path.to_owned(), rows.to_vec())).into()
}

#[tokio::test]
async fn deletes_of_other_rows_of_one_file_all_land() {
    let place = Place::new().await;
    let (ours, theirs) = (place.open().await, place.open().await);
    let read = ours.snapshot();
    for row in [1, 2] {
        let snapshot = theirs.snapshot();
        let transaction = place.delete(&snapshot, "f", &[row]).await;
        assert!(matches!(land(&theirs, &transaction, &snapshot).await, Outcome::Committed { attempts: 1, .. }));
    }
    let before = place.num_vector_files().await;
    let transaction = place.delete(&read, "f", &[7, 8]).await;
    let snapshot = land(&ours, &transaction, &read).await.committed().unwrap();
    assert_eq!(snapshot.version(), Version(3));
    assert_eq!(place.deleted().await, deleted([("f", &[1, 2, 7, 8]), ("g", &[])]));
    // The vector that ours wrote, and one for each winner that it met.
    assert_eq!(place.num_vector_files().await, before + 3);
    let add = snapshot.files().find("f").unwrap().to_add();
    assert!(add.stats.unwrap().ends_with(r#""tightBounds":false}"#));
    // The handle goes on from what it made.
    let next = place.delete(&snapshot, "f", &[9]).await;
    land(&ours, &next, &snapshot).await.committed().unwrap();
    assert_eq!(place.deleted().await, deleted([("f", &[1, 2, 7, 8, 9]), ("g", &[])]));
}

#[tokio::test]
async fn of_two_deletes_of_one_row_one_lands_and_the_other_is_told() {
    let place = Place::new().await;
    let (ours, theirs) = (place.open().await, place.open().await);
    let read = ours.snapshot();
    let transaction = place.delete(&read, "f", &[3]).await;
    let winner = place.delete(&read, "f", &[3, 4]).await;
    land(&theirs, &winner, &read).await.committed().unwrap();
    let Outcome::Conflicted(conflict) = land(&ours, &transaction, &read).await else { panic!("both landed") };
    assert_eq!(conflict, Conflict { version: Version(1), why: Why::RowsGone("f".into()) });
    assert_eq!(place.deleted().await, deleted([("f", &[3, 4]), ("g", &[])]));
}

#[tokio::test]
async fn deletes_of_other_files_land_without_a_look_at_any_vector() {
    let place = Place::new().await;
    let (ours, theirs) = (place.open().await, place.open().await);
    let read = ours.snapshot();
    let winner = place.delete(&read, "f", &[3]).await;
    land(&theirs, &winner, &read).await.committed().unwrap();
    let transaction = place.delete(&read, "g", &[3]).await;
    let before = place.num_vector_files().await;
    land(&ours, &transaction, &read).await.committed().unwrap();
    assert_eq!(place.num_vector_files().await, before);
    assert_eq!(place.deleted().await, deleted([("f", &[3]), ("g", &[3])]));
}

/// As ext4 leaves a commit that wasn't synced when the machine lost power: rows that somebody was told of are not there.
#[tokio::test]
async fn a_commit_of_no_bytes_is_damage_to_whoever_reads_it() {
    let place = Place::new().await;
    let log = place.open().await;
    let read = log.snapshot();
    let key = Path::from(format!("some/table/{}", LogName::Commit { version: Version(1) }.path().as_str()));
    place.memory.put(&key, bytes::Bytes::new().into()).await.unwrap();
    let mut append = Transaction::new(Kind::Append, "WRITE");
    append.extend([Action::Add(file("h"))]);
    let refused = [
        Log::open(place.store(), Arc::clone(&place.env)).await.unwrap_err(),
        log.refresh().await.unwrap_err(),
        log.commit(&append, Some(&read), &CommitOptions::default()).await.unwrap_err(),
    ];
    for error in refused {
        let told = error.to_string();
        assert_eq!((error.kind(), error.at_version()), (ErrorKind::Corrupt, Some(Version(1))), "{told}");
        assert!(told.contains("0 bytes") && error.at_path().unwrap().ends_with("00000000000000000001.json"), "{told}");
    }
    assert_eq!(log.snapshot().version(), Version(0));
    assert_eq!(place.memory.head(&key).await.unwrap().size, 0);
    // As the hint says.
    place.memory.put(&key, "{\"commitInfo\":{}}".into()).await.unwrap();
    assert_eq!(land(&log, &append, &read).await.committed().unwrap().version(), Version(2));
}

/// Pitfall D1: a vector that is gone isn't an empty one.
#[tokio::test]
async fn a_vector_that_cannot_be_read_fails_the_commit() {
    let place = Place::new().await;
    let (ours, theirs) = (place.open().await, place.open().await);
    let read = ours.snapshot();
    let winner = place.delete(&read, "f", &[3]).await;
    land(&theirs, &winner, &read).await.committed().unwrap();
    let transaction = place.delete(&read, "f", &[4]).await;
    let Some(Action::Add(add)) = winner.actions().last() else { panic!("an add") };
    let crate::dv::Stored::InFile(slice) = crate::dv::locate(add.deletion_vector.as_ref().unwrap()).unwrap() else {
        panic!("in a file")
    };
    let key = Path::from(format!("some/table/{}", slice.location.relative().unwrap().as_str()));
    place.memory.delete(&key).await.unwrap();
    let failed = ours.commit(&transaction, Some(&read), &CommitOptions::default()).await.unwrap_err();
    assert_eq!(failed.kind(), crate::ErrorKind::NotFound);
    assert_eq!(place.open().await.snapshot().version(), Version(1));
}

/// A blind append lands beside everything but a change that it would have to look at (pitfalls C8, C12).
#[tokio::test]
async fn an_append_lands_after_a_delete_and_after_a_new_column() {
    let place = Place::new().await;
    let (ours, theirs) = (place.open().await, place.open().await);
    let read = ours.snapshot();
    let winner = place.delete(&read, "f", &[3]).await;
    land(&theirs, &winner, &read).await.committed().unwrap();
    let snapshot = theirs.snapshot();
    let mut schema = (**snapshot.schema()).clone();
    schema.fields_mut().push(StructField::nullable("new", DataType::DATE));
    let mut alter = Transaction::new(Kind::Metadata, "ADD COLUMNS");
    alter.push(Action::Metadata(Metadata { schema_string: schema.to_json(), ..snapshot.metadata().clone() }));
    land(&theirs, &alter, &snapshot).await.committed().unwrap();
    let mut append = Transaction::new(Kind::Append, "WRITE");
    append.push(Action::Add(file("h")));
    let snapshot = land(&ours, &append, &read).await.committed().unwrap();
    assert_eq!((snapshot.version(), snapshot.num_files(), snapshot.schema().len()), (Version(3), 3, 2));
}

/// The same, where the handle has already seen that the files are of another table than it is now: other clones of it go on while
/// an append writes.
#[tokio::test]
async fn an_append_for_a_schema_that_is_gone_is_refused_by_a_handle_that_knows_it_too() {
    let place = Place::new().await;
    let log = place.open().await;
    let read = log.snapshot();
    let mut append = Transaction::new(Kind::Append, "WRITE");
    append.push(Action::Add(file("h")));
    // What leaves the table as it is costs nothing.
    let winner = place.delete(&read, "f", &[3]).await;
    let snapshot = land(&log, &winner, &read).await.committed().unwrap();
    let landed = land(&log, &append, &read).await;
    assert!(matches!(landed, Outcome::Committed { attempts: 1, .. }), "{landed:?}");
    let schema = StructType::new([StructField::nullable("k", DataType::STRING)]);
    let mut alter = Transaction::new(Kind::Metadata, "RESTORE");
    alter.push(Action::Metadata(Metadata { schema_string: schema.to_json(), ..snapshot.metadata().clone() }));
    let altered = land(&log, &alter, &log.snapshot()).await.committed().unwrap();
    let mut append = Transaction::new(Kind::Append, "WRITE");
    append.push(Action::Add(file("i")));
    let refused = land(&log, &append, &read).await;
    let Outcome::Conflicted(Conflict { version, why: Why::Metadata(_) }) = refused else { panic!("{refused:?}") };
    assert_eq!((version, place.open().await.snapshot().version()), (altered.version(), altered.version()));
}

/// Pitfall C14: Spark has cleaned up the first versions behind a checkpoint.
#[tokio::test]
async fn a_table_whose_first_versions_are_gone_is_not_created_again() {
    let place = Place::new().await;
    let log = place.open().await;
    let mut append = Transaction::new(Kind::Append, "WRITE");
    append.push(Action::Add(file("h")));
    let snapshot = land(&log, &append, &log.snapshot()).await.committed().unwrap();
    log.checkpoint(&snapshot).await.unwrap();
    let key = |version| Path::from(format!("some/table/{}", LogName::Commit { version }.path()));
    place.memory.delete(&key(Version(0))).await.unwrap();
    let mut create = Transaction::new(Kind::Metadata, "CREATE TABLE");
    create.push(Action::Protocol(snapshot.protocol().clone()));
    create.push(Action::Metadata(Metadata { id: "another".into(), ..snapshot.metadata().clone() }));
    let refused = Log::create(place.store(), Arc::clone(&place.env), &create).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists, "{refused}");
    assert!(place.memory.head(&key(Version(0))).await.is_err());
    assert_eq!(place.open().await.snapshot().metadata().id, "t");
}

/// A machine that sleeps for days when it is next asked for the time of day: after a commit has begun, before its put.
#[derive(Debug)]
struct Sleeper {
    env: Arc<dyn Env>,
    sleeps: std::sync::atomic::AtomicBool,
    slept: std::sync::atomic::AtomicU64,
}

impl Env for Sleeper {
    fn now(&self) -> crate::TimestampMs {
        if self.sleeps.swap(false, std::sync::atomic::Ordering::Relaxed) {
            self.slept.store(3 * 24 * 60 * 60, std::sync::atomic::Ordering::Relaxed);
        }
        self.env.now()
    }

    fn monotonic(&self) -> Duration {
        self.env.monotonic() + Duration::from_secs(self.slept.load(std::sync::atomic::Ordering::Relaxed))
    }

    fn uuid(&self) -> uuid::Uuid {
        self.env.uuid()
    }
}

impl Sleeper {
    fn new() -> Arc<Sleeper> {
        Arc::new(Sleeper { env: SystemEnv::shared(), sleeps: false.into(), slept: 0.into() })
    }
}

impl Place {
    /// Takes the commits of these versions away.
    async fn clean_up(&self, versions: std::ops::Range<u64>) {
        for version in versions {
            self.memory.delete(&self.key_of(version)).await.unwrap();
        }
    }

    fn key_of(&self, version: u64) -> Path {
        Path::from(format!("some/table/_delta_log/{version:020}.json"))
    }
}

fn append(path: &str) -> Transaction {
    let mut append = Transaction::new(Kind::Append, "WRITE");
    append.push(Action::Add(file(path)));
    append
}

/// Pitfall C14: the put itself is quick, but the log was cleaned up while the process slept before it.
#[tokio::test]
async fn a_put_after_a_sleep_that_landed_in_a_hole_is_not_called_committed() {
    let place = Place::new().await;
    let sleeper = Sleeper::new();
    let ours = Log::open(place.store(), Arc::clone(&sleeper) as Arc<dyn Env>).await.unwrap();
    let theirs = place.open().await;
    for path in ["a", "b", "c"] {
        theirs.commit(&append(path), None, &CommitOptions::default()).await.unwrap().committed().unwrap();
    }
    theirs.checkpoint(&theirs.snapshot()).await.unwrap();
    place.clean_up(0..3).await;
    sleeper.sleeps.store(true, std::sync::atomic::Ordering::Relaxed);
    let outcome = ours.commit(&append("lost"), None, &CommitOptions::default()).await.unwrap();
    assert!(matches!(outcome, Outcome::Indeterminate { version: Version(1), .. }), "{outcome:?}");
    assert!(place.open().await.snapshot().files().find("lost").is_none());
}

/// Pitfalls C3 and C14 together: a put that was fenced days ago lands where log cleanup took the fence away. A transaction
/// that read the version before follows neither it nor what it hides.
#[tokio::test]
async fn what_was_read_days_ago_follows_no_commit_that_may_stand_in_a_hole() {
    let place = Place::new().await;
    let sleeper = Sleeper::new();
    let ours = Log::open(place.store(), Arc::clone(&sleeper) as Arc<dyn Env>).await.unwrap();
    let theirs = place.open().await;
    let read = ours.snapshot();
    let transaction = place.delete(&read, "f", &[3]).await;
    for path in ["a", "b"] {
        theirs.commit(&append(path), None, &CommitOptions::default()).await.unwrap().committed().unwrap();
    }
    theirs.checkpoint(&theirs.snapshot()).await.unwrap();
    place.clean_up(0..2).await;
    let late = append("late").bytes(&crate::transaction::Stamp {
        txn_id: "late".into(),
        now: crate::TimestampMs(1),
        in_commit_timestamp: None,
        read_version: Some(Version(0)),
    });
    place.memory.put(&place.key_of(1), late.unwrap().into()).await.unwrap();
    sleeper.slept.store(3 * 24 * 60 * 60, std::sync::atomic::Ordering::Relaxed);
    let error = ours.commit(&transaction, Some(&read), &CommitOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Conflict);
    assert_eq!(place.open().await.snapshot().version(), Version(2));
}

/// Nobody could open the table any more: what can't be read with a commit is said before it is put, and nothing is.
#[tokio::test]
async fn a_commit_that_nobody_could_read_the_table_with_is_not_put() {
    let place = Place::new().await;
    let log = place.open().await;
    let table = log.snapshot();
    let of_schema =
        |schema: &str| Action::Metadata(Metadata { schema_string: schema.to_owned(), ..table.metadata().clone() });
    let two = [of_schema(&table.metadata().schema_string), of_schema(&table.metadata().schema_string)];
    for actions in [vec![of_schema("no schema")], two.to_vec()] {
        let mut transaction = Transaction::new(Kind::Metadata, "SET SCHEMA");
        transaction.extend(actions);
        let refused = log.commit(&transaction, Some(&table), &CommitOptions::default()).await.unwrap_err();
        assert_eq!(refused.kind(), crate::ErrorKind::InvalidRequest, "{refused}");
        assert_eq!(place.open().await.snapshot().version(), Version::ZERO);
    }
    let mut create = Transaction::new(Kind::Metadata, "CREATE TABLE");
    create.extend([Action::Protocol(table.protocol().clone()), of_schema("no schema")]);
    let elsewhere = Place { memory: Arc::new(InMemory::new()), env: SystemEnv::shared() };
    Log::create(elsewhere.store(), Arc::clone(&elsewhere.env), &create).await.unwrap_err();
    assert_eq!(elsewhere.memory.list(None).count().await, 0);
}
