//! Does a commit land exactly once, whatever the store answers (C1–C4, C14, C19), and not after vacuum may have taken its files (D5)?

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt};
use lakebed::store::{CredentialSource, S3Keys, StoreSettings, TableStore, TableUrl};
use lakebed::{AppendOptions, CreateTable, ErrorKind, Result, Table, TimestampMs, Version, Written};
use lakebed_tests::faults::{Answer, Failure, Faulty};
use lakebed_tests::plan::{rows, schema};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::{Env, SystemEnv};
use lakebed_txlog::transaction::{Kind, Reads, Transaction};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde_json::Value;
use uuid::Uuid;

use crate::commit::reader::Reader;

/// Behind a network, a put whose answer was a failure may still land; in a place like this it may not.
const LATE: &str = "s3://bucket/t";
pub(super) const AT_ONCE: &str = "memory://pitfalls/t";

const FIRST: [i64; 3] = [1, 2, 3];
const SECOND: [i64; 3] = [11, 12, 13];

/// A clock that a test moves.
#[derive(Debug)]
struct Clock {
    real: Arc<dyn Env>,
    ahead_ms: AtomicU64,
    /// How far it goes whenever it is looked at.
    tick_ms: u64,
}

impl Clock {
    fn new(tick_ms: u64) -> Arc<Clock> {
        Arc::new(Clock { real: SystemEnv::shared(), ahead_ms: AtomicU64::new(0), tick_ms })
    }

    fn jump(&self, by: Duration) {
        self.ahead_ms.fetch_add(by.as_millis() as u64, Ordering::Relaxed);
    }
}

impl Env for Clock {
    fn now(&self) -> TimestampMs {
        self.real.now()
    }

    fn monotonic(&self) -> Duration {
        let ahead_ms = self.ahead_ms.fetch_add(self.tick_ms, Ordering::Relaxed);
        self.real.monotonic() + Duration::from_millis(ahead_ms)
    }

    fn uuid(&self) -> Uuid {
        self.real.uuid()
    }
}

/// A table over a store whose answers are chosen, and the honest store below it.
pub(super) struct Setup {
    pub(super) table: Table,
    pub(super) faulty: Arc<Faulty>,
    pub(super) honest: Arc<dyn ObjectStore>,
    clock: Arc<Clock>,
}

fn over(url: &str, store: &Arc<dyn ObjectStore>) -> TableStore {
    TableStore::over(TableUrl::parse(url).unwrap(), Arc::clone(store), Arc::clone(store), Path::from("t"))
}

fn stores() -> (Arc<Faulty>, Arc<dyn ObjectStore>, Arc<dyn ObjectStore>) {
    let honest: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let faulty = Faulty::over(Arc::clone(&honest));
    let store: Arc<dyn ObjectStore> = Arc::clone(&faulty) as Arc<dyn ObjectStore>;
    (faulty, store, honest)
}

impl Setup {
    pub(super) async fn new(url: &str) -> Setup {
        Setup::with(url, CreateTable::of_arrow(&schema()).unwrap()).await
    }

    async fn with(url: &str, create: CreateTable) -> Setup {
        let (faulty, store, honest) = stores();
        let clock = Clock::new(0);
        let env: Arc<dyn Env> = Arc::clone(&clock) as Arc<dyn Env>;
        let table = create.create_in(over(url, &store), env).await.unwrap();
        let _ = faulty.take_puts();
        Setup { table, faulty, honest, clock }
    }

    /// Another handle, of a process to which the store is honest.
    pub(super) async fn other(&self) -> Table {
        Table::open_with(over(&self.table.url().to_string(), &self.honest), SystemEnv::shared()).await.unwrap()
    }

    /// The newest version, and the ids in it, as the log says.
    pub(super) async fn found(&self) -> (u64, Vec<i64>) {
        let mut reader = Reader::new(Arc::clone(&self.honest), Path::from("t"));
        (reader.refresh().await, reader.ids().await)
    }

    async fn data_files(&self) -> BTreeSet<String> {
        let all: Vec<_> = self.honest.list(None).try_collect().await.unwrap();
        let names = all.into_iter().map(|object| object.location.to_string());
        names.filter(|name| name.ends_with(".parquet") && !name.contains("_delta_log")).collect()
    }
}

async fn append(table: &Table, ids: &[i64], commit: CommitOptions) -> Result<Written> {
    let options = AppendOptions { commit, ..AppendOptions::default() };
    table.append_batches(vec![rows(ids).unwrap()], &options).await
}

pub(super) async fn append_at(table: &Table, ids: &[i64]) -> u64 {
    append(table, ids, CommitOptions::default()).await.unwrap().report().unwrap().version.0
}

/// The deadline is over as soon as the first put has been answered.
fn hurried(grace_ms: u64) -> CommitOptions {
    CommitOptions { deadline: Duration::ZERO, grace: Duration::from_millis(grace_ms) }
}

fn commit_name(version: u64) -> String {
    format!("{version:020}.json")
}

pub(super) fn log_key(version: u64) -> Path {
    Path::from(format!("t/_delta_log/{}", commit_name(version)))
}

fn txn_id(commit: &[u8]) -> String {
    let first = commit.split(|byte| *byte == b'\n').next().unwrap();
    let first: Value = serde_json::from_slice(first).unwrap();
    first["commitInfo"]["txnId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn c1_an_append_whose_answer_is_lost_lands_once_and_is_reported_committed() {
    let lost = [
        (LATE, Failure::Server),
        (LATE, Failure::TimedOut),
        (LATE, Failure::Exists),
        (LATE, Failure::Denied),
        (AT_ONCE, Failure::Server),
        (AT_ONCE, Failure::TimedOut),
        (AT_ONCE, Failure::Exists),
        (AT_ONCE, Failure::Denied),
    ];
    for (url, failure) in lost {
        let setup = Setup::new(url).await;
        setup.faulty.script([Answer::Lost(failure)]);
        assert_eq!(append_at(&setup.table, &FIRST).await, 1, "{url} {failure:?}");
        assert_eq!(setup.faulty.take_puts().len(), 1, "{url} {failure:?}: put once");
        assert_eq!(setup.found().await, (1, FIRST.to_vec()), "{url} {failure:?}");
        assert_eq!(append_at(&setup.table, &SECOND).await, 2, "{url} {failure:?}");
    }
}

#[tokio::test]
async fn c1_a_table_whose_creation_is_not_acknowledged_is_created() {
    for failure in [Failure::Server, Failure::TimedOut, Failure::Exists] {
        let (faulty, store, honest) = stores();
        faulty.script([Answer::Lost(failure)]);
        let create = CreateTable::of_arrow(&schema()).unwrap();
        let table = create.create_in(over(LATE, &store), SystemEnv::shared()).await.unwrap();
        assert_eq!(table.snapshot().version(), Version::ZERO, "{failure:?}");
        let again = create.create_in(over(LATE, &honest), SystemEnv::shared()).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists, "{failure:?}: {again}");
    }
}

#[tokio::test]
async fn c2_a_conflict_that_wrote_nothing_sends_the_same_bytes_at_the_same_version() {
    for url in [LATE, AT_ONCE] {
        let setup = Setup::new(url).await;
        let failures = [Failure::Exists, Failure::Exists, Failure::Server, Failure::TimedOut];
        setup.faulty.script(failures.map(Answer::Unsent));
        assert_eq!(append_at(&setup.table, &FIRST).await, 1);
        let puts = setup.faulty.take_puts();
        assert_eq!(puts.len(), 5);
        assert!(puts.iter().all(|put| *put == puts[0]) && puts[0].0 == commit_name(1), "{puts:?}");
        assert_eq!(setup.found().await, (1, FIRST.to_vec()));
    }
}

#[tokio::test]
async fn c2_after_a_lost_race_the_same_holds_at_the_next_version() {
    let setup = Setup::new(LATE).await;
    append_at(&setup.other().await, &SECOND).await;
    // The first put is answered honestly: another's commit is there.
    let honest = async {}.boxed();
    setup.faulty.script([Answer::Before(honest), Answer::Unsent(Failure::Exists), Answer::Lost(Failure::Server)]);
    assert_eq!(append_at(&setup.table, &FIRST).await, 2);
    let puts = setup.faulty.take_puts();
    let names: Vec<&str> = puts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [commit_name(1), commit_name(2), commit_name(2)]);
    assert_eq!(puts[1].1, puts[2].1, "the same bytes");
    assert_eq!(txn_id(&puts[0].1), txn_id(&puts[1].1), "the same transaction");
    assert_eq!(setup.found().await, (2, [FIRST, SECOND].concat()));
}

#[tokio::test]
async fn c3_on_the_deadline_a_fence_keeps_a_late_put_out() {
    for fence in [None, Some(Answer::Lost(Failure::Server)), Some(Answer::Unsent(Failure::TimedOut))] {
        let setup = Setup::new(LATE).await;
        setup.faulty.script([Answer::Unsent(Failure::Server)].into_iter().chain(fence));
        let error = append(&setup.table, &FIRST, hurried(10_000)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        let puts = setup.faulty.take_puts();
        assert!(puts.iter().all(|(name, _)| *name == commit_name(1)), "{puts:?}");
        let late = PutPayload::from(puts[0].1.clone());
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let refused = setup.honest.put_opts(&log_key(1), late, options).await;
        assert!(matches!(refused, Err(Error::AlreadyExists { .. })), "the fence stands: {refused:?}");
        assert_fence(&setup.honest, &txn_id(&puts[0].1)).await;
        assert_eq!(setup.found().await, (1, Vec::new()));
        assert_eq!(append_at(&setup.table, &SECOND).await, 2, "the handle goes on");
        assert_eq!(setup.found().await, (2, SECOND.to_vec()));
    }
}

/// That version 1 is a commit of `commitInfo` alone, of another transaction.
async fn assert_fence(store: &Arc<dyn ObjectStore>, ours: &str) {
    let stored: Bytes = store.get(&log_key(1)).await.unwrap().bytes().await.unwrap();
    assert_eq!(stored.iter().filter(|byte| **byte == b'\n').count().max(1), 1, "{stored:?}");
    assert_ne!(txn_id(&stored), ours);
}

#[tokio::test]
async fn c3_a_put_that_lands_before_the_fence_is_committed() {
    let setup = Setup::new(LATE).await;
    setup.faulty.script([Answer::Late(Failure::TimedOut)]);
    let written = append(&setup.table, &FIRST, hurried(10_000)).await.unwrap();
    assert_eq!(written.report().unwrap().version.0, 1);
    assert_eq!(setup.faulty.take_puts().len(), 2, "the commit, and the fence that came too late");
    assert_eq!(setup.found().await, (1, FIRST.to_vec()));
}

#[tokio::test]
async fn c3_a_version_that_another_took_before_the_fence_is_proof_as_well() {
    let setup = Setup::new(LATE).await;
    let other = setup.other().await;
    let meanwhile = async move { assert_eq!(append_at(&other, &SECOND).await, 1) }.boxed();
    setup.faulty.script([Answer::Unsent(Failure::Server), Answer::Before(meanwhile)]);
    let error = append(&setup.table, &FIRST, hurried(10_000)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(setup.found().await, (1, SECOND.to_vec()));
}

#[tokio::test]
async fn c3_a_creation_that_stays_unknown_is_not_fenced() {
    let (faulty, store, honest) = stores();
    faulty.script(std::iter::repeat_with(|| Answer::Unsent(Failure::Server)).take(100));
    let create = CreateTable::of_arrow(&schema()).unwrap();
    let error = create.create_in(over(LATE, &store), Clock::new(5_000)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Indeterminate, "{error}");
    let puts = faulty.take_puts();
    assert!(puts.len() > 1 && puts.iter().all(|put| *put == puts[0]), "the same bytes again and nothing else");
    assert!(matches!(honest.head(&log_key(0)).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn c4_data_files_of_an_unknown_outcome_stay_and_are_there_when_it_lands() {
    let setup = Setup::new(LATE).await;
    setup.faulty.script([Answer::Dark]);
    let error = append(&setup.table, &FIRST, hurried(300)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Indeterminate, "{error}");
    assert_eq!(error.at_version(), Some(Version(1)), "{error}");
    assert_eq!(setup.data_files().await.len(), 1);
    setup.faulty.light().await.unwrap();
    assert_eq!(setup.found().await, (1, FIRST.to_vec()));
    assert_eq!(append_at(&setup.table, &SECOND).await, 2);
    assert_eq!(setup.found().await, (2, [FIRST, SECOND].concat()));
}

#[tokio::test]
async fn c4_vectors_of_an_unknown_outcome_stay_and_are_there_when_it_lands() {
    let setup = Setup::new(LATE).await;
    append_at(&setup.table, &FIRST).await;
    setup.faulty.script([Answer::Dark]);
    let error = setup.table.delete("id = 2", &hurried(300)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Indeterminate, "{error}");
    setup.faulty.light().await.unwrap();
    assert_eq!(setup.found().await, (2, vec![1, 3]));
}

/// Twelve more versions, with a checkpoint at 10, and the log below it cleaned up.
async fn move_on(other: &Table, store: &Arc<dyn ObjectStore>) {
    for id in 1..=12 {
        append_at(other, &[100 * id]).await;
        other.settle().await;
    }
    for version in 0..10 {
        store.delete(&log_key(version)).await.unwrap();
    }
}

#[tokio::test]
async fn c14_a_handle_past_its_lease_lists_again_and_leaves_the_hole_alone() {
    let short = CreateTable::of_arrow(&schema()).unwrap().property("delta.logRetentionDuration", "interval 1 hours");
    let long = CreateTable::of_arrow(&schema()).unwrap();
    for (create, minutes) in [(short, 16), (long, 61)] {
        let setup = Setup::with(LATE, create).await;
        let other = setup.other().await;
        move_on(&other, &setup.honest).await;
        let reader = Table::open_with(over(LATE, &setup.honest), Arc::clone(&setup.clock) as _).await.unwrap();
        setup.clock.jump(Duration::from_secs(60 * minutes));
        assert_eq!(reader.refresh().await.unwrap().version().0, 12);
        assert_eq!(append_at(&setup.table, &FIRST).await, 13);
        assert!(matches!(setup.honest.head(&log_key(1)).await, Err(Error::NotFound { .. })), "the hole is left");
        let snapshot = other.refresh().await.unwrap();
        assert_eq!((snapshot.version().0, snapshot.num_files()), (13, 13));
    }
}

#[tokio::test]
async fn c14_a_refresh_past_the_lease_sees_beyond_a_hole() {
    let setup = Setup::new(LATE).await;
    move_on(&setup.other().await, &setup.honest).await;
    setup.clock.jump(Duration::from_secs(2 * 60 * 60));
    assert_eq!(setup.table.refresh().await.unwrap().version().0, 12);
}

#[tokio::test]
async fn c14_a_slow_put_that_landed_in_a_hole_is_not_called_committed() {
    let setup = Setup::new(LATE).await;
    let (other, honest, clock) = (setup.other().await, Arc::clone(&setup.honest), Arc::clone(&setup.clock));
    let stall = async move {
        move_on(&other, &honest).await;
        clock.jump(Duration::from_secs(120));
    };
    setup.faulty.script([Answer::Before(stall.boxed())]);
    let error = append(&setup.table, &FIRST, CommitOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Indeterminate, "{error}");
}

#[tokio::test]
async fn c14_a_slow_put_that_a_listing_reaches_is_committed_at_its_own_version() {
    let setup = Setup::new(LATE).await;
    let (other, clock) = (setup.other().await, Arc::clone(&setup.clock));
    let stall = async move {
        assert_eq!(append_at(&other, &SECOND).await, 2);
        clock.jump(Duration::from_secs(120));
    };
    setup.faulty.script([Answer::Behind(stall.boxed())]);
    let written = append(&setup.table, &FIRST, CommitOptions::default()).await.unwrap();
    let report = written.report().unwrap();
    assert_eq!((report.version.0, report.snapshot.num_files()), (1, 1), "not the other's, which came after it");
    assert_eq!(setup.found().await, (2, [FIRST, SECOND].concat()));
}

#[tokio::test]
async fn c14_a_transaction_that_read_below_a_half_deleted_log_is_refused() {
    let setup = Setup::new(LATE).await;
    let old = setup.table.snapshot();
    let other = setup.other().await;
    move_on(&other, &setup.honest).await;
    // A bulk deletion has no order: some of the oldest may outlive younger ones.
    for version in 1..4 {
        setup
            .honest
            .put(&log_key(version), r#"{"commitInfo":{"operation":"WRITE","isBlindAppend":true}}"#.into())
            .await
            .unwrap();
    }
    let mut transaction = Transaction::new(Kind::Append, "WRITE");
    transaction.reads = Some(Reads::table());
    let error = other.commit(&transaction, Some(&old), &CommitOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(matches!(setup.honest.head(&log_key(4)).await, Err(Error::NotFound { .. })), "nothing in the hole");
    // What read nothing goes by the newest version that its handle knows.
    let blind = Transaction::new(Kind::Append, "WRITE");
    let landed = other.commit(&blind, Some(&old), &CommitOptions::default()).await.unwrap().committed().unwrap();
    assert_eq!(landed.version().0, 13);
    assert!(matches!(setup.honest.head(&log_key(4)).await, Err(Error::NotFound { .. })), "nothing in the hole");
}

#[tokio::test]
async fn c19_a_refusal_after_an_answer_that_was_lost_is_not_believed() {
    let setup = Setup::new(LATE).await;
    setup.faulty.script([Answer::Late(Failure::Server), Answer::Unsent(Failure::Denied)]);
    assert_eq!(append_at(&setup.table, &FIRST).await, 1);
    assert_eq!(setup.found().await, (1, FIRST.to_vec()));
}

#[tokio::test]
async fn c19_a_refusal_of_the_first_put_is_an_error_at_once() {
    for url in [LATE, AT_ONCE] {
        let setup = Setup::new(url).await;
        setup.faulty.script([Answer::Unsent(Failure::Denied)]);
        let error = append(&setup.table, &FIRST, CommitOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert_eq!(setup.faulty.take_puts().len(), 1);
        assert_eq!(setup.found().await, (0, Vec::new()));
    }
}

/// A server that answers everything with 500, and counts.
fn broken_server() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.ends_with(b"\r\n\r\nbody") {
                match stream.read(&mut buffer) {
                    Ok(read @ 1..) => request.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (endpoint, count)
}

#[tokio::test]
async fn c19_the_client_for_commits_sends_a_put_once() {
    let (endpoint, count) = broken_server();
    let mut settings = StoreSettings { max_retries: 2, ..StoreSettings::default() };
    settings.s3.endpoint = Some(endpoint);
    settings.s3.credentials = vec![CredentialSource::Keys(S3Keys {
        access_key_id: "a".to_owned(),
        secret_access_key: "s".to_owned(),
        session_token: None,
    })];
    let store = TableStore::open(&TableUrl::parse(LATE).unwrap(), &settings, &SystemEnv::shared()).unwrap();
    let key = store.key(&format!("_delta_log/{}", commit_name(1))).unwrap();
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    store.commits().put_opts(&key, "body".into(), options).await.unwrap_err();
    assert_eq!(count.swap(0, Ordering::Relaxed), 1);
    store.data().put(&key, "body".into()).await.unwrap_err();
    assert_eq!(count.load(Ordering::Relaxed), 3, "other requests are sent again");
}

/// The same of the vectors that a delete uploads: its clock goes on by four days whenever it is looked at.
#[tokio::test]
async fn d5_vectors_that_were_uploaded_days_ago_are_not_committed() {
    const FOUR_DAYS_MS: u64 = 4 * 24 * 60 * 60 * 1000;
    let setup = Setup::new(AT_ONCE).await;
    append_at(&setup.table, &FIRST).await;
    let slow = Table::open_with(over(AT_ONCE, &setup.honest), Clock::new(FOUR_DAYS_MS)).await.unwrap();
    let refused = slow.delete("id = 1", &CommitOptions::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    assert!(refused.to_string().contains("uploaded"), "{refused}");
    assert_eq!(setup.found().await, (1, FIRST.to_vec()));
}

/// Vacuum takes files that no commit names after seven days, by another's clock, and began some time ago: a writer whose stream
/// stood still for days doesn't commit them, for nobody could tell that they are gone.
#[tokio::test]
async fn d5_files_that_were_uploaded_days_ago_are_not_committed() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    for (days, lands) in [(3, true), (4, false)] {
        let setup = Setup::new(AT_ONCE).await;
        append_at(&setup.table, &FIRST).await;
        let many: Vec<i64> = (1_000..40_000).collect();
        let batches = futures::stream::iter([many, SECOND.to_vec()]).map(|ids| {
            if ids == SECOND {
                setup.clock.jump(days * DAY);
            }
            Ok(rows(&ids).unwrap())
        });
        let appended = setup.table.append(&schema(), batches, &AppendOptions::default()).await;
        if lands {
            assert_eq!(appended.unwrap().report().unwrap().version, Version(2), "{days} days");
            continue;
        }
        let refused = appended.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
        assert!(refused.to_string().contains("uploaded 96 hours ago, and are committed within 84"), "{refused}");
        assert_eq!(setup.found().await, (1, FIRST.to_vec()));
        // What is written anew lands.
        assert_eq!(append_at(&setup.table, &SECOND).await, 2);
    }
}
