//! Is an answer of S3 taken for what it means, over HTTP (C2, C22)?

use std::time::Duration;

use lakebed::doctor::{Check, Fitness, Outcome, Use, examine};
use lakebed::{AppendOptions, ErrorKind, Result, Table};
use lakebed_tests::plan::rows;
use lakebed_tests::proxy::asked::What;
use lakebed_tests::proxy::fault::{Fault, Lost, Script, Unsent};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::SystemEnv;

use crate::proxy::place::Place;

async fn append(table: &Table, ids: &[i64], commit: CommitOptions) -> Result<u64> {
    let options = AppendOptions { commit, ..AppendOptions::default() };
    Ok(table.append_batches(vec![rows(ids).unwrap()], &options).await?.report().unwrap().version.0)
}

#[tokio::test]
async fn c2_a_409_that_wrote_nothing_over_http_sends_the_same_bytes_at_the_same_version() {
    let Some((place, script)) = Place::scripted("c2") else { return };
    let table = place.create("t").await.unwrap();
    let _ = place.proxy.take_seen();
    (0..3).for_each(|_| script.push(What::PutCommit, Fault::Unsent(Unsent::Status(409))));
    assert_eq!(append(&table, &[1], CommitOptions::default()).await.unwrap(), 1);
    let seen = place.proxy.take_seen();
    let puts: Vec<_> = seen.iter().filter(|seen| seen.asked.what == What::PutCommit).collect();
    assert_eq!(puts.len(), 4);
    assert!(puts.iter().all(|put| put.asked.version() == Some(1) && put.body == puts[0].body));
    let mut reader = place.reader("t");
    assert_eq!((reader.refresh().await, reader.ids().await), (1, vec![1]));
}

/// A proxy that answers 403 where the server answers 404, and what the test lines up besides.
fn without_permission_to_list(test: &str) -> Option<(Place, Script)> {
    let script = Script::default();
    let lined_up = script.clone();
    let faults = move |asked: &_| match lined_up.meet(asked) {
        Fault::None => Fault::HidesMissing,
        fault => fault,
    };
    Some((Place::new(test, faults)?, script))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c22_a_store_that_answers_403_for_a_missing_key_is_refused_for_many_writers() {
    let Some((place, _)) = without_permission_to_list("c22_doctor") else { return };
    let diagnosis = examine(&place.store("t"), &SystemEnv::shared(), |_| {}).await.unwrap();
    assert_eq!(diagnosis.finding(Check::MissingKey).unwrap().outcome, Outcome::Fails);
    assert_eq!(Use::ALL.map(|of| diagnosis.fitness(of)), [Fitness::Unfit; 3], "{diagnosis:?}");
}

#[tokio::test]
async fn c22_where_a_missing_commit_is_forbidden_nothing_lands_twice_and_nothing_pending_is_called_failed() {
    let Some((place, script)) = without_permission_to_list("c22_commits") else { return };
    let table = place.create("t").await.unwrap();
    script.push(What::PutCommit, Fault::Lost(Lost::Nothing));
    assert_eq!(append(&table, &[1], CommitOptions::default()).await.unwrap(), 1, "what is there can be read back");
    script.push(What::PutCommit, Fault::Lost(Lost::Late(1_500)));
    let hurried = CommitOptions { deadline: Duration::ZERO, grace: Duration::from_millis(30) };
    let error = append(&table, &[2], hurried).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Indeterminate, "{error}");
    assert!(place.proxy.settle().await);
    let mut reader = place.reader("t");
    assert_eq!((reader.refresh().await, reader.ids().await), (2, vec![1, 2]), "it landed after all");
}
