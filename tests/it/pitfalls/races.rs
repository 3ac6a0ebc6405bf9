//! Does a transaction that lost a race notice what it must, and nothing else (C7–C9, C11–C13, C15, C18, C21)?
//!
//! The other's commit is made at the last moment: when ours is on its way to the store.

use futures::future::join_all;
use futures::{FutureExt, stream};
use lakebed::{ErrorKind, OverwriteOptions, Replace, Table, Version};
use lakebed_tests::faults::Answer;
use lakebed_tests::plan::{rows, schema};
use lakebed_tests::requests::{Kind as Asked, recorded};
use lakebed_txlog::action::{Action, Add, to_lines};
use lakebed_txlog::commit::Outcome;
use lakebed_txlog::conflict::{Conflict, Why};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::predicate::Predicate;
use lakebed_txlog::schema::ColumnPath;
use lakebed_txlog::transaction::{Kind, Reads, Transaction, TxnUpdate};
use object_store::ObjectStoreExt;
use serde_json::{Value, json};

use super::commits::{AT_ONCE, Setup, append_at, log_key};

const FIRST: [i64; 3] = [1, 2, 3];
const SECOND: [i64; 3] = [11, 12, 13];

async fn overwrite(table: &Table, ids: &[i64]) -> u64 {
    let batches = stream::iter([Ok(rows(ids).unwrap())]);
    let written = table.overwrite(Replace::Table, &schema(), batches, &OverwriteOptions::default()).await.unwrap();
    written.report().unwrap().version.0
}

async fn delete(table: &Table, condition: &str) -> (Option<Version>, u64) {
    let deletion = table.delete(condition, &CommitOptions::default()).await.unwrap();
    (deletion.version, deletion.num_rows)
}

async fn land(table: &Table, transaction: &Transaction, read: Option<&lakebed_txlog::snapshot::Snapshot>) -> Outcome {
    table.log().commit(transaction, read, &CommitOptions::default()).await.unwrap()
}

/// A table with `FIRST` in one file at version 1, and another's handle on it.
async fn filled() -> (Setup, Table) {
    let setup = Setup::new(AT_ONCE).await;
    append_at(&setup.table, &FIRST).await;
    let other = setup.other().await;
    (setup, other)
}

/// The only file of a table.
fn file_of(table: &Table) -> Add {
    let snapshot = table.snapshot();
    assert_eq!(snapshot.num_files(), 1);
    snapshot.files().iter().next().unwrap().to_add()
}

impl Setup {
    /// Lets another's work come in before the next commit of ours reaches the store.
    fn meanwhile(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.faulty.script([Answer::Before(work.boxed())]);
    }

    /// `commitInfo` of a version.
    async fn info(&self, version: u64) -> Value {
        let bytes = self.honest.get(&log_key(version)).await.unwrap().bytes().await.unwrap();
        let lines = std::str::from_utf8(&bytes).unwrap().lines();
        let mut actions = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        actions.find_map(|mut action| action.get_mut("commitInfo").map(Value::take)).unwrap()
    }
}

#[tokio::test]
async fn c7_of_two_overwrites_one_lands_and_the_other_says_so() {
    let (setup, other) = filled().await;
    setup.meanwhile(async move { assert_eq!(overwrite(&other, &SECOND).await, 2) });
    let batches = stream::iter([Ok(rows(&[21]).unwrap())]);
    let refused = setup.table.overwrite(Replace::Table, &schema(), batches, &OverwriteOptions::default()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    assert!(refused.to_string().contains("another overwrite came first"), "{refused}");
    assert_eq!(setup.found().await, (2, SECOND.to_vec()));
    assert_eq!(overwrite(&setup.table, &[21]).await, 3, "its caller decided that it is to stand");
    assert_eq!(setup.found().await, (3, vec![21]));
}

/// What stands in the way first is a delete, beside which an overwrite is planned again; the overwrite comes behind it.
#[tokio::test]
async fn c7_an_overwrite_behind_another_commit_is_noticed_too() {
    let (setup, other) = filled().await;
    setup.meanwhile(async move {
        delete(&other, "id = 1").await;
        assert_eq!(overwrite(&other, &SECOND).await, 3);
    });
    let batches = stream::iter([Ok(rows(&[21]).unwrap())]);
    let refused = setup.table.overwrite(Replace::Table, &schema(), batches, &OverwriteOptions::default()).await;
    let refused = refused.unwrap_err();
    assert!(refused.to_string().contains("another overwrite came first"), "{refused}");
    assert_eq!(setup.found().await, (3, SECOND.to_vec()));
}

#[tokio::test]
async fn c8_an_append_lands_beside_a_delete_and_says_truthfully_that_it_is_blind() {
    let (setup, other) = filled().await;
    setup.meanwhile(async move { assert_eq!(delete(&other, "id <= 2").await, (Some(Version(2)), 2)) });
    assert_eq!(append_at(&setup.table, &SECOND).await, 3);
    assert_eq!(setup.found().await, (3, [&FIRST[2..], &SECOND].concat()));
    assert_eq!(setup.info(3).await["isBlindAppend"], true);
    assert_eq!(setup.info(2).await["isBlindAppend"], false);
}

#[tokio::test]
async fn c9_a_condition_that_found_nothing_is_remembered() {
    let (setup, other) = filled().await;
    let read = setup.table.snapshot();
    append_at(&other, &[50]).await;
    // "There is no 50, so I add one": the reads are what makes the second of two such appends wrong.
    let mut transaction = Transaction::new(Kind::Append, "WRITE");
    transaction.reads = Some(Reads::nothing().matching(Predicate::eq(ColumnPath::new(["id"]), 50_i64)));
    transaction.push(Action::Add(Add { path: "mine.parquet".into(), ..file_of(&setup.table) }));
    let outcome = land(&setup.table, &transaction, Some(&read)).await;
    let Outcome::Conflicted(Conflict { version, why: Why::MayMatch { .. } }) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(*version, Version(2));
    assert_eq!(setup.found().await.0, 2, "nothing was written");
}

#[tokio::test]
async fn c11_a_second_live_entry_for_a_file_is_refused_on_load_and_never_committed() {
    let (setup, other) = filled().await;
    let add = file_of(&setup.table);
    // By rebase: both add the same path.
    let twin = Add { path: "twin.parquet".into(), ..add.clone() };
    let adding = |add: &Add| {
        let mut transaction = Transaction::new(Kind::Append, "WRITE");
        transaction.push(Action::Add(add.clone()));
        transaction
    };
    land(&other, &adding(&twin), None).await.committed().unwrap();
    assert!(matches!(land(&setup.table, &adding(&twin), None).await, Outcome::Conflicted(_)));
    // By another's hand: the live file again, with a vector, and the entry without it still there.
    let deletion = lakebed_txlog::dv::inline(&[0_u64].into_iter().collect()).unwrap();
    let path = add.path.clone();
    let mut lines = to_lines(&[Action::Add(Add { deletion_vector: Some(deletion), ..add })]).unwrap();
    let mut info = setup.info(2).await;
    info["inCommitTimestamp"] = (info["inCommitTimestamp"].as_i64().unwrap() + 1).into();
    lines.splice(0..0, format!("{}\n", json!({ "commitInfo": info })).into_bytes());
    setup.honest.put(&log_key(3), lines.into()).await.unwrap();
    let error = setup.table.refresh().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains(&path), "names the file: {error}");
    let cold = Table::open_with(setup.table.store().clone(), SystemEnv::shared()).await.unwrap_err();
    assert_eq!(cold.kind(), ErrorKind::Corrupt, "{cold}");
}

#[tokio::test]
async fn c12_no_append_of_many_at_once_is_dropped() {
    const WRITERS: i64 = 10;
    const APPENDS: i64 = 20;
    let setup = Setup::new(AT_ONCE).await;
    let writers = (0..WRITERS).map(|writer| {
        let other = setup.other();
        async move {
            let table = other.await;
            for n in 0..APPENDS {
                append_at(&table, &[writer * APPENDS + n]).await;
            }
        }
    });
    join_all(writers).await;
    assert_eq!(setup.found().await, ((WRITERS * APPENDS) as u64, (0..WRITERS * APPENDS).collect()));
}

#[tokio::test]
async fn c13_no_commit_lists_the_log_however_many_versions_it_missed() {
    let (setup, other) = filled().await;
    let (store, requests) = recorded(setup.table.store());
    let table = Table::open_with(store, SystemEnv::shared()).await.unwrap();
    for missed in [0, 1, 7, 40] {
        for n in 0..missed {
            append_at(&other, &[100 + n]).await;
        }
        let _ = requests.take();
        append_at(&table, &[1000 + missed]).await;
        assert_eq!(requests.count_in_log(Asked::List), 0, "{missed} versions missed");
        table.settle().await;
        assert_eq!(requests.count_in_log(Asked::List), 0, "{missed} versions missed, and what is done behind");
    }
}

#[tokio::test]
async fn c15_a_condition_that_may_differ_between_two_looks_reads_every_row_there_is_or_may_be() {
    let (setup, other) = filled().await;
    // True of every row, which nobody can know who looks at statistics.
    setup.meanwhile(async move { assert_eq!(append_at(&other, &SECOND).await, 2) });
    assert_eq!(delete(&setup.table, "random() + id < 1000").await, (Some(Version(3)), 6));
    assert_eq!(setup.found().await, (3, Vec::new()));
}

#[tokio::test]
async fn c18_progress_that_another_moved_is_no_base_to_go_on_from() {
    let (setup, other) = filled().await;
    let add = file_of(&setup.table);
    let promoting = |path: &str, base: i64, version: i64| {
        let mut transaction = Transaction::new(Kind::Append, "WRITE");
        transaction.txns.push(TxnUpdate { app_id: "promote".into(), version, base: (base > 0).then_some(base) });
        transaction.push(Action::Add(Add { path: path.into(), ..add.clone() }));
        transaction
    };
    land(&setup.table, &promoting("to-4.parquet", 0, 4), None).await.committed().unwrap();
    other.refresh().await.unwrap();
    let read = setup.table.snapshot();
    // Another lands 5 to 8 while ours has computed 5 to 10.
    land(&other, &promoting("to-8.parquet", 4, 8), None).await.committed().unwrap();
    let moved = Why::TxnMoved { app_id: "promote".into(), base: Some(4), found: 8 };
    let outcome = land(&setup.table, &promoting("to-10.parquet", 4, 10), Some(&read)).await;
    assert!(matches!(&outcome, Outcome::Conflicted(conflict) if conflict.why == moved), "{outcome:?}");
    setup.table.refresh().await.unwrap();
    let outcome = land(&setup.table, &promoting("to-10.parquet", 4, 10), None).await;
    assert!(matches!(&outcome, Outcome::Conflicted(conflict) if conflict.why == moved), "{outcome:?}");
    // What another has done as far as ours would is done.
    let outcome = land(&setup.table, &promoting("to-7.parquet", 4, 7), Some(&read)).await;
    assert!(matches!(outcome, Outcome::AlreadyApplied { version: 8, .. }), "{outcome:?}");
    land(&setup.table, &promoting("8-to-10.parquet", 8, 10), None).await.committed().unwrap();
    assert_eq!(setup.table.snapshot().num_files(), 4, "5 to 8 landed once");
}

#[tokio::test]
async fn c21_a_live_file_that_is_added_again_beside_its_delete_does_not_come_back() {
    let restamp = |add: &Add| {
        let mut transaction = Transaction::new(Kind::Rearrange, "COMPUTE STATS");
        transaction.push(Action::Add(Add { data_change: false, stats: None, ..add.clone() }));
        transaction
    };
    // The delete lands first.
    let (setup, other) = filled().await;
    let read = setup.table.snapshot();
    let again = restamp(&file_of(&setup.table));
    assert_eq!(delete(&other, "id > 0").await, (Some(Version(2)), 3));
    assert!(matches!(land(&setup.table, &again, Some(&read)).await, Outcome::Conflicted(_)));
    assert_eq!(setup.found().await, (2, Vec::new()));
    // The file lands again first: the delete, which removes it as it was, has to look again.
    let (setup, other) = filled().await;
    let add = file_of(&setup.table);
    setup.meanwhile(async move { drop(land(&other, &restamp(&add), None).await.committed().unwrap()) });
    assert_eq!(delete(&setup.table, "id > 0").await, (Some(Version(3)), 3));
    let cold = setup.other().await.snapshot();
    assert_eq!((cold.version(), cold.num_files()), (Version(3), 0));
}
