//! What does a fault of any other request do to the operation that made it? It is asked again, or it fails; half an object is
//! never taken for a whole one, and no error page for an object.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use lakebed::query::ScanRequest;
use lakebed::{AppendOptions, ErrorKind, Result, Table};
use lakebed_tests::plan::rows;
use lakebed_tests::proxy::asked::What;
use lakebed_tests::proxy::fault::{Fault, Lost, Unsent};
use lakebed_tests::proxy::mix::Random;
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::{Env, SystemEnv};
use object_store::{ObjectStore, ObjectStoreExt};

use super::place::Place;
use super::say;
use crate::maintenance::Clock;

async fn append(table: &Table, ids: &[i64]) -> Result<u64> {
    let written = table.append_batches(vec![rows(ids).unwrap()], &AppendOptions::default()).await?;
    Ok(written.report().unwrap().version.0)
}

/// The ids that the engine reads through the proxy, sorted.
async fn scanned(table: &Table) -> Result<Vec<i64>> {
    let request = ScanRequest { columns: Some(vec!["id".to_owned()]), ..ScanRequest::default() };
    let batches = table.scan(&table.refresh().await?, &request).await?.collect().await?;
    let mut ids: Vec<i64> = Vec::new();
    batches.iter().for_each(|batch| ids.extend(batch.column(0).as_primitive::<Int64Type>().values()));
    ids.sort_unstable();
    Ok(ids)
}

#[tokio::test]
async fn a_data_file_whose_answer_is_lost_is_put_again_and_committed_once() {
    let Some((place, script)) = Place::scripted("lost_files") else { return };
    let place = place.impatient();
    let table = place.create("t").await.unwrap();
    let faults = [
        Fault::Lost(Lost::Nothing),
        Fault::Lost(Lost::Head),
        Fault::Lost(Lost::Status(500)),
        Fault::Lost(Lost::Status(503)),
        Fault::Lost(Lost::Status(429)),
        Fault::Lost(Lost::Slow),
        Fault::Lost(Lost::Late(30)),
        Fault::Unsent(Unsent::Nothing),
        Fault::Unsent(Unsent::Reset),
        Fault::Unsent(Unsent::Status(503)),
    ];
    for (n, fault) in faults.into_iter().enumerate() {
        table.settle().await;
        let _ = place.proxy.take_seen();
        script.push(What::PutData, fault);
        let version = append(&table, &[n as i64]).await.unwrap_or_else(|e| panic!("{fault}: {e}"));
        assert_eq!(version, n as u64 + 1);
        let seen = place.proxy.take_seen();
        let puts = seen.iter().filter(|seen| seen.asked.what == What::PutData).count();
        assert!(puts == 2 || matches!(fault, Fault::Lost(Lost::Late(_))), "{fault}: {puts} puts");
    }
    assert!(place.proxy.settle().await);
    let mut reader = place.reader("t");
    assert_eq!(reader.refresh().await, faults.len() as u64);
    assert_eq!(reader.ids().await, (0..faults.len() as i64).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_data_file_that_is_not_known_to_be_there_is_not_committed() {
    let Some((place, script)) = Place::scripted("unsent_files") else { return };
    let table = place.create("t").await.unwrap();
    for unsent in [Unsent::Page, Unsent::Status(403), Unsent::Status(409), Unsent::Status(412)] {
        script.push(What::PutData, Fault::Unsent(unsent));
        let error = append(&table, &[1]).await.unwrap_err();
        assert_ne!(error.kind(), ErrorKind::Indeterminate, "{unsent:?}: {error}");
    }
    assert_eq!((script.left(), place.reader("t").refresh().await), (0, 0));
    assert_eq!(append(&table, &[2]).await.unwrap(), 1);
}

/// The proxy promises the whole length and sends half of it.
#[tokio::test]
async fn half_an_object_is_asked_for_again_or_is_an_error() {
    let Some((place, script)) = Place::scripted("half_objects") else { return };
    let table = place.create("t").await.unwrap();
    let key = table.store().key("object").unwrap();
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    place.honest("t").data().put(&key, bytes.clone().into()).await.unwrap();
    let store = table.store();
    let read = async |from: &Arc<dyn ObjectStore>| from.get(&key).await?.bytes().await;
    for halves in 1..=3 {
        (0..halves).for_each(|_| script.push(What::GetData, Fault::Lost(Lost::Body)));
        assert_eq!(read(store.data()).await.unwrap(), bytes, "{halves} halves");
        (0..halves).for_each(|_| script.push(What::GetData, Fault::Lost(Lost::Body)));
        assert_eq!(store.data().get_range(&key, 10..90_000).await.unwrap(), bytes[10..90_000], "{halves} halves");
        assert_eq!(script.left(), 0);
    }
    // This client asks once: what it gets is an error.
    script.push(What::GetData, Fault::Lost(Lost::Body));
    assert!(read(store.commits()).await.is_err());
    // And where halves don't end, so it is for the one that asks again.
    (0..5).for_each(|_| script.push(What::GetData, Fault::Lost(Lost::Body)));
    assert!(read(store.data()).await.is_err(), "five times half of what is left isn't all");
    assert_eq!(script.left(), 0);
}

#[tokio::test]
async fn a_table_is_opened_and_read_in_full_however_its_reads_are_cut() {
    let Some((place, script)) = Place::scripted("cut_reads") else { return };
    let writer = place.create("t").await.unwrap();
    for id in 0..25 {
        append(&writer, &[10 * id, 10 * id + 1, 10 * id + 2]).await.unwrap();
        writer.settle().await;
    }
    writer.delete("id in (11, 42, 150)", &CommitOptions::default()).await.unwrap();
    let gone = [11, 42, 150];
    let all: Vec<i64> = (0..25).flat_map(|id| [10 * id, 10 * id + 1, 10 * id + 2]).collect();
    let expected: Vec<i64> = all.into_iter().filter(|id| !gone.contains(id)).collect();
    let faults = [Lost::Body, Lost::Head, Lost::Nothing, Lost::Status(503), Lost::Page, Lost::Status(403)];
    let (mut right, mut failed) = (0, 0);
    for fault in faults {
        for what in [What::GetCommit, What::GetLog, What::GetData, What::List] {
            for nth in 0..2 {
                script.clear();
                (0..nth).for_each(|_| script.push(what, Fault::None));
                script.push(what, Fault::Lost(fault));
                let opened = place.open("t", SystemEnv::shared()).await;
                let read = match &opened {
                    Ok(table) => scanned(table).await,
                    Err(error) => Err(lakebed::Error::unavailable(error.to_string())),
                };
                match read {
                    Ok(ids) => assert_eq!(ids, expected, "{what}, {fault:?}, {nth}"),
                    Err(error) => {
                        // The body of a listing isn't asked for again.
                        let passes = matches!(fault, Lost::Page | Lost::Status(403)) || what == What::List;
                        assert!(passes, "{what}, {fault:?}, {nth}: asked again, it is answered: {error}");
                        failed += 1;
                        continue;
                    }
                }
                right += 1;
            }
        }
    }
    say(&format!("reads with a fault each: {right} came to every row, {failed} to an error, none to other rows"));
}

const LARGE_ROWS: i64 = 12 * 1024;

/// Rows that no encoding makes small: more than nine megabytes, which is two parts.
fn large(first: i64) -> RecordBatch {
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let ids: Vec<i64> = (first..first + LARGE_ROWS).collect();
    let mut random = Random::new(first as u64);
    let mut note = String::new();
    let notes = ids.iter().map(|_| {
        note.clear();
        for _ in 0..100 {
            let bits = random.below(u64::MAX);
            note.extend((0..10).map(|at| char::from(SYMBOLS[(bits >> (6 * at)) as usize % SYMBOLS.len()])));
        }
        note.clone()
    });
    let notes: Vec<String> = notes.collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(ids)), Arc::new(StringArray::from(notes))];
    RecordBatch::try_new(lakebed_tests::plan::schema(), columns).unwrap()
}

#[tokio::test]
async fn an_upload_in_parts_is_whole_or_fails() {
    let Some((place, script)) = Place::scripted("parts") else { return };
    let table = place.create("t").await.unwrap();
    let faults = [
        (What::PutPart, Fault::None),
        (What::BeginParts, Fault::Lost(Lost::Nothing)),
        (What::PutPart, Fault::Lost(Lost::Nothing)),
        (What::PutPart, Fault::Lost(Lost::Status(500))),
        (What::PutPart, Fault::Unsent(Unsent::Reset)),
        (What::PutPart, Fault::Unsent(Unsent::Page)),
        (What::CompleteParts, Fault::Lost(Lost::Nothing)),
        (What::CompleteParts, Fault::Lost(Lost::Body)),
        (What::CompleteParts, Fault::Lost(Lost::Page)),
        (What::CompleteParts, Fault::Unsent(Unsent::Status(503))),
        (What::CompleteParts, Fault::Unsent(Unsent::Page)),
    ];
    let mut expected = Vec::new();
    let options = AppendOptions::default();
    for (n, (what, fault)) in faults.into_iter().enumerate() {
        script.push(what, fault);
        let first = 1_000_000 * n as i64;
        let written = table.append_batches(vec![large(first)], &options).await;
        assert_eq!(script.left(), 0, "{what}, {fault}: met");
        match &written {
            Ok(written) => {
                let version = written.report().unwrap().version.0;
                expected.extend(first..first + LARGE_ROWS);
                assert!(version > 0);
            }
            Err(error) => assert_ne!(error.kind(), ErrorKind::Indeterminate, "{what}, {fault}: {error}"),
        }
        let how = written.as_ref().err().map_or_else(|| "lands".to_owned(), |error| format!("fails: {error}"));
        say(&format!("an upload in parts, {what}, {fault}: {}", how.chars().take(100).collect::<String>()));
    }
    assert!(expected.len() as i64 >= 3 * LARGE_ROWS, "most of them land");
    table.settle().await;
    let mut reader = place.reader("t");
    reader.refresh().await;
    assert_eq!(reader.ids().await, expected);
}

#[tokio::test]
async fn a_vacuum_whose_answers_are_lost_deletes_what_it_may_and_counts_what_it_knows() {
    let Some((place, script)) = Place::scripted("vacuum") else { return };
    let clock = Clock::of_machine();
    let writer = place.create("t").await.unwrap();
    let ids: Vec<i64> = (0..6).collect();
    append(&writer, &ids).await.unwrap();
    writer.settle().await;
    let honest = place.honest("t");
    let orphans: Vec<_> = (0..8).map(|n| honest.key(&format!("orphan-{n}.parquet")).unwrap()).collect();
    let options = lakebed_vacuum::VacuumOptions::default();
    let table = place.open("t", Arc::clone(&clock) as Arc<dyn Env>).await.unwrap();
    clock.set_days(30);
    let faults = [
        Fault::None,
        Fault::Lost(Lost::Nothing),
        Fault::Lost(Lost::Body),
        Fault::Lost(Lost::Status(500)),
        Fault::Lost(Lost::Status(403)),
        Fault::Lost(Lost::Page),
        Fault::Unsent(Unsent::Nothing),
        Fault::Unsent(Unsent::Page),
        Fault::Partial,
    ];
    for fault in faults {
        for orphan in &orphans {
            honest.data().put(orphan, "x".into()).await.unwrap();
        }
        let plan = lakebed_vacuum::plan(&table, &options).await.unwrap();
        assert_eq!(plan.delete.len(), orphans.len(), "{fault}");
        script.push(What::Delete, fault);
        let report = lakebed_vacuum::carry_out(&table, &plan, |_| ()).await.unwrap();
        let mut left = 0;
        for orphan in &orphans {
            left += u64::from(honest.data().head(orphan).await.is_ok());
        }
        assert!(report.num_failed >= left, "{fault}: {left} are left, and {} said to have failed", report.num_failed);
        assert_eq!(report.num_deleted + report.num_failed, orphans.len() as u64, "{fault}");
        lakebed_vacuum::carry_out(&table, &plan, |_| ()).await.unwrap();
        assert_eq!(scanned(&table).await.unwrap(), ids, "{fault}");
    }
    assert_eq!(script.left(), 0);
}
