//! What does each fault of a commit's put cost, and which requests follow it? One writer, one fault at a time.

use std::collections::BTreeSet;

use lakebed::{AppendOptions, ErrorKind, Result, Table};
use lakebed_tests::plan::rows;
use lakebed_tests::proxy::asked::What;
use lakebed_tests::proxy::fault::{Fault, Lost, Unsent};
use lakebed_tests::proxy::seen::Seen;

use super::place::Place;

const STATUSES: [u16; 6] = [500, 503, 429, 409, 412, 403];

async fn append(table: &Table, id: i64) -> Result<u64> {
    let written = table.append_batches(vec![rows(&[id]).unwrap()], &AppendOptions::default()).await?;
    Ok(written.report().unwrap().version.0)
}

/// What was asked of a version's commit, in order.
fn of_commit(seen: &[Seen], version: u64) -> Vec<&Seen> {
    seen.iter().filter(|seen| seen.asked.version() == Some(version)).collect()
}

fn count(seen: &[&Seen], what: What) -> usize {
    seen.iter().filter(|seen| seen.asked.what == what).count()
}

/// That the table holds these ids, each brought by the version beside it, and nothing else.
async fn check(place: &Place, told: &[(u64, i64)]) {
    let mut reader = place.reader("t");
    assert_eq!(reader.refresh().await, told.len() as u64);
    for (version, id) in told {
        assert_eq!(reader.appended(*version).await, [*id], "version {version}");
    }
    let transactions: BTreeSet<&str> = (0..=told.len() as u64).map(|version| reader.txn_id(version)).collect();
    assert_eq!(transactions.len(), told.len() + 1, "no transaction is there twice");
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_read_back_and_not_put_again() {
    let Some((place, script)) = Place::scripted("lost_commits") else { return };
    let place = place.impatient();
    let table = place.create("t").await.unwrap();
    let lost = [Lost::Nothing, Lost::Head, Lost::Body, Lost::Page, Lost::Empty, Lost::Slow];
    let lost: Vec<Lost> = lost.into_iter().chain(STATUSES.map(Lost::Status)).collect();
    let mut told = Vec::new();
    for lost in lost {
        table.settle().await;
        let _ = place.proxy.take_seen();
        script.push(What::PutCommit, Fault::Lost(lost));
        let id = told.len() as i64;
        let version = append(&table, id).await.unwrap_or_else(|e| panic!("{lost:?}: {e}"));
        told.push((version, id));
        let seen = place.proxy.take_seen();
        let asked = of_commit(&seen, version);
        assert!(asked[0].asked.what == What::PutCommit && asked[0].is_lost(), "{lost:?}: {asked:?}");
        assert_eq!(count(&asked, What::PutCommit), 1, "{lost:?}: put once, and never by the client again: {asked:?}");
        assert!((1..=2).contains(&count(&asked, What::GetCommit)), "{lost:?}: {asked:?}");
    }
    table.settle().await;
    check(&place, &told).await;
}

#[tokio::test]
async fn a_commit_that_the_server_never_heard_of_is_put_again_in_the_same_bytes() {
    let Some((place, script)) = Place::scripted("unsent_commits") else { return };
    let table = place.create("t").await.unwrap();
    let unsent = [Unsent::Nothing, Unsent::Reset, Unsent::Page];
    let statuses = STATUSES.into_iter().filter(|status| *status != 403).map(Unsent::Status);
    let mut told = Vec::new();
    for unsent in unsent.into_iter().chain(statuses) {
        table.settle().await;
        let _ = place.proxy.take_seen();
        script.push(What::PutCommit, Fault::Unsent(unsent));
        let id = told.len() as i64;
        let version = append(&table, id).await.unwrap_or_else(|e| panic!("{unsent:?}: {e}"));
        told.push((version, id));
        let seen = place.proxy.take_seen();
        let asked: Vec<What> = of_commit(&seen, version).iter().map(|seen| seen.asked.what).collect();
        assert_eq!(asked, [What::PutCommit, What::GetCommit, What::PutCommit], "{unsent:?}");
        let puts: Vec<&Seen> = seen.iter().filter(|seen| seen.asked.what == What::PutCommit).collect();
        assert!(unsent == Unsent::Reset || puts[0].body == puts[1].body, "{unsent:?}: the same bytes");
    }
    table.settle().await;
    check(&place, &told).await;
}

#[tokio::test]
async fn a_refusal_is_believed_where_nothing_is_there_and_not_where_the_commit_is() {
    let Some((place, script)) = Place::scripted("refused_commits") else { return };
    let table = place.create("t").await.unwrap();
    let _ = place.proxy.take_seen();
    script.push(What::PutCommit, Fault::Unsent(Unsent::Status(403)));
    let error = append(&table, 0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert_eq!(count(&of_commit(&place.proxy.take_seen(), 1), What::PutCommit), 1);
    // Without permission to read either, the refusal is all that is known.
    script.push(What::PutCommit, Fault::Unsent(Unsent::Status(403)));
    (0..3).for_each(|_| script.push(What::GetCommit, Fault::Unsent(Unsent::Status(403))));
    assert_eq!(append(&table, 0).await.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(script.left(), 0);
    script.push(What::PutCommit, Fault::Lost(Lost::Status(403)));
    assert_eq!(append(&table, 7).await.unwrap(), 1);
    table.settle().await;
    check(&place, &[(1, 7)]).await;
}

#[tokio::test]
async fn a_commit_that_lands_late_is_there_once() {
    let Some((place, script)) = Place::scripted("late_commits") else { return };
    let table = place.create("t").await.unwrap();
    let mut told = Vec::new();
    for late_ms in [0, 1, 2, 5, 10, 20, 50, 100, 200, 400] {
        table.settle().await;
        script.push(What::PutCommit, Fault::Lost(Lost::Late(late_ms)));
        let id = told.len() as i64;
        told.push((append(&table, id).await.unwrap(), id));
    }
    table.settle().await;
    assert!(place.proxy.settle().await);
    check(&place, &told).await;
}

/// What is read back is garbled: it must not be taken for another's commit, which ours would follow a second time.
#[tokio::test]
async fn a_commit_that_is_read_back_as_garbage_is_there_once() {
    let Some((place, script)) = Place::scripted("garbled_commits") else { return };
    let table = place.create("t").await.unwrap();
    let mut told = Vec::new();
    for garbled in [&[Lost::Page][..], &[Lost::Page, Lost::Page], &[Lost::Empty], &[Lost::Empty, Lost::Page]] {
        script.push(What::PutCommit, Fault::Lost(Lost::Nothing));
        garbled.iter().for_each(|lost| script.push(What::GetCommit, Fault::Lost(*lost)));
        let id = told.len() as i64;
        told.push((append(&table, id).await.unwrap(), id));
        assert_eq!(script.left(), 0, "all faults have met their requests");
    }
    table.settle().await;
    check(&place, &told).await;
}

/// Where it can't be read at all, it isn't said to have failed: whoever believed that would delete its files.
#[tokio::test]
async fn a_commit_that_is_only_ever_read_back_as_garbage_is_not_called_failed() {
    let Some((place, script)) = Place::scripted("unreadable_commits") else { return };
    let table = place.create("t").await.unwrap();
    script.push(What::PutCommit, Fault::Lost(Lost::Nothing));
    for _ in 0..64 {
        script.push(What::GetCommit, Fault::Lost(Lost::Page));
    }
    let error = append(&table, 5).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Indeterminate, "{error}");
    assert!(script.left() > 32, "it isn't asked for ever");
    check(&place, &[(1, 5)]).await;
}
