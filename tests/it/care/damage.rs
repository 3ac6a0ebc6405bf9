//! Is every kind of damage, made by hand, found and named, and put right where that can be?

use std::sync::Arc;

use bytes::Bytes;
use lakebed::ErrorKind;
use lakebed::fsck::{Finding, History, Kind, Missing, Options, Report, Sample, Severity, carry_out, check, plan};
use lakebed::query::ScanRequest;
use lakebed_tests::requests::{Kind as Request, recorded};
use lakebed_txlog::checkpoint::Draft;
use lakebed_txlog::dv::{Stored, locate};
use lakebed_txlog::path::DataLocation;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{TimestampMs, Version};
use object_store::ObjectStoreExt;
use serde_json::{Value, json};

use crate::maintenance::{Fixture, Place, in_both};

const FULL: Options = Options { history: History::Newest, sample: Sample::Full };

/// A table of three appends, one deletion by vector and a checkpoint at version 4; then one append more.
async fn sample(place: Place) -> Fixture {
    let table = Fixture::new(place, &["p"]).await;
    table.append("a", 0..10).await;
    table.append("b", 10..20).await;
    table.append("a", 20..30).await;
    table.delete("n = 3").await;
    table.table.checkpoint().await.unwrap();
    table.append("c", 30..40).await;
    table.table.settle().await;
    table
}

async fn checked(table: &Fixture, options: &Options) -> Report {
    check(table.table.store(), options, |_| {}).await.unwrap()
}

/// The findings of a full check, as (severity, kind).
fn kinds(report: &Report) -> Vec<(Severity, Kind)> {
    report.findings.iter().map(|finding| (finding.severity, finding.kind)).collect()
}

fn the_only(report: &Report) -> &Finding {
    let [finding] = &report.findings[..] else { panic!("{:#?}", report.findings) };
    finding
}

async fn repaired(table: &Fixture, missing: Missing) -> Report {
    let store = table.table.store();
    let planned = plan(&checked(table, &FULL).await, missing);
    carry_out(store, table.table.env(), &planned, |_| {}).await.unwrap();
    checked(table, &FULL).await
}

async fn bytes_of(table: &Fixture, path: &str) -> Bytes {
    table.table.store().data().get(&table.key(path)).await.unwrap().bytes().await.unwrap()
}

async fn put(table: &Fixture, path: &str, bytes: impl Into<Bytes>) {
    table.table.store().data().put(&table.key(path), bytes.into().into()).await.unwrap();
}

async fn remove(table: &Fixture, path: &str) {
    table.table.store().data().delete(&table.key(path)).await.unwrap();
}

fn commit(version: u64) -> String {
    format!("_delta_log/{version:020}.json")
}

fn checkpoint(version: u64) -> String {
    format!("_delta_log/{version:020}.checkpoint.parquet")
}

/// Changes the `add` actions of a commit.
async fn edit_adds(table: &Fixture, version: u64, change: impl Fn(&mut Value)) {
    let text = String::from_utf8(bytes_of(table, &commit(version)).await.to_vec()).unwrap();
    let lines = text.lines().map(|line| {
        let mut action: Value = serde_json::from_str(line).unwrap();
        if let Some(add) = action.get_mut("add") {
            change(add);
        }
        action.to_string()
    });
    let edited = lines.collect::<Vec<_>>().join("\n") + "\n";
    put(table, &commit(version), edited).await;
}

/// Changes the statistics of the files that a commit adds.
async fn edit_stats(table: &Fixture, version: u64, change: impl Fn(&mut Value)) {
    edit_adds(table, version, |add| {
        let mut stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
        change(&mut stats);
        add["stats"] = Value::String(stats.to_string());
    })
    .await;
}

/// The path of a file of version 5 that was appended as partition `p`.
async fn a_file(table: &Fixture, p: &str) -> String {
    let snapshot = table.table.refresh().await.unwrap();
    let file = snapshot.files().iter().find(|file| file.partition_value("p") == Some(p)).unwrap();
    DataLocation::decode(file.path()).unwrap().relative().unwrap().as_str().to_owned()
}

async fn a_vector(table: &Fixture) -> String {
    let snapshot = table.table.refresh().await.unwrap();
    let vector = snapshot.files().iter().find_map(|file| file.deletion_vector()).unwrap();
    let Stored::InFile(slice) = locate(&vector).unwrap() else { panic!("{vector:?}") };
    slice.location.relative().unwrap().as_str().to_owned()
}

in_both! {
    a_sound_table_is_clean,
    a_file_that_is_gone_is_named_with_its_rows_and_dropped_when_asked,
    a_checkpoint_that_lost_a_file_is_written_anew,
    statistics_that_lie_are_made_anew,
    a_hint_that_lies_is_corrected,
}

async fn a_sound_table_is_clean(place: Place) {
    let table = sample(place).await;
    let report = checked(&table, &Options { history: History::AllVersions, sample: Sample::Full }).await;
    assert_eq!(report.findings, []);
    assert!(!report.is_damaged());
    let counts = (report.num_commits, report.num_checkpoints, report.num_files, report.num_vectors);
    assert_eq!(counts, (6, 1, 4, 1));
    assert_eq!((report.version, report.num_files_read), (Some(Version(5)), 4));
    assert_eq!(report.orphans.num_files, 0);
    assert_eq!(plan(&report, Missing::Drop).steps, []);
}

async fn a_file_that_is_gone_is_named_with_its_rows_and_dropped_when_asked(place: Place) {
    let table = sample(place).await;
    let gone = a_file(&table, "c").await;
    remove(&table, &gone).await;
    let report = checked(&table, &FULL).await;
    let finding = the_only(&report);
    assert_eq!(
        (finding.severity, finding.kind, finding.path.as_deref()),
        (Severity::Error, Kind::FileMissing, Some(gone.as_str()))
    );
    assert!(finding.message.contains("10 rows"), "{}", finding.message);
    let kept = plan(&report, Missing::Keep);
    assert_eq!((kept.steps.len(), kept.num_errors_left), (0, 1), "nothing is dropped unasked");
    assert_eq!(repaired(&table, Missing::Drop).await.findings, []);
    let rows = table.rows().await;
    assert_eq!(rows.len(), 29);
    assert!(rows.iter().all(|(_, p)| p != "c"));
}

async fn a_checkpoint_that_lost_a_file_is_written_anew(place: Place) {
    let table = sample(place).await;
    let before = table.table.at(Version(1)).await.unwrap();
    let lost = classic_of(&before);
    put(&table, &checkpoint(4), lost.clone()).await;
    let report = checked(&table, &FULL).await;
    let finding = report.findings.iter().find(|finding| finding.kind == Kind::CheckpointDiffers).unwrap();
    assert_eq!((finding.severity, finding.version), (Severity::Error, Some(Version(4))));
    assert!(finding.message.contains("it lacks live files"), "{}", finding.message);
    assert_eq!(repaired(&table, Missing::Keep).await.findings, []);
    let again = table.another().await;
    assert_eq!(crate::maintenance::read(&again, &again.snapshot()).await.unwrap().len(), 39);
    let objects = table.objects().await;
    let aside: Vec<_> = objects.iter().filter(|path| path.starts_with("_lakebed_damaged/")).collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert_eq!(bytes_of(&table, aside[0]).await, lost);
}

/// A classic checkpoint of a snapshot.
fn classic_of(snapshot: &Snapshot) -> Bytes {
    let draft = Draft::of(snapshot, TimestampMs(0)).unwrap();
    let encoder = draft.encoder(draft.layout().v1().unwrap()).unwrap();
    let files = (0..draft.num_groups()).map(|group| draft.encode_group(&encoder, group).unwrap());
    encoder.whole(std::iter::once(draft.encode_table_actions(&encoder).unwrap()).chain(files)).unwrap().0
}

async fn statistics_that_lie_are_made_anew(place: Place) {
    let table = sample(place).await;
    edit_stats(&table, 5, |stats| stats["maxValues"]["n"] = json!(35)).await;
    let report = checked(&table, &FULL).await;
    let finding = the_only(&report);
    assert_eq!((finding.severity, finding.kind), (Severity::Error, Kind::Statistics));
    assert!(finding.message.contains("a value of n is above the maximum"), "{}", finding.message);
    let last = |table: lakebed::Table| async move {
        let request = ScanRequest { filter: Some("n = 39".to_owned()), ..ScanRequest::default() };
        let found = table.scan(&table.snapshot(), &request).await.unwrap().collect().await.unwrap();
        found.iter().map(|batch| batch.num_rows()).sum::<usize>()
    };
    assert_eq!(last(table.another().await).await, 0, "the lie costs a row");
    assert_eq!(repaired(&table, Missing::Keep).await.findings, []);
    assert_eq!(last(table.another().await).await, 1);
    let entry = table.table.history(1).await.unwrap().remove(0);
    assert_eq!((entry.num_added, entry.num_removed), (1, 0));
}

async fn a_hint_that_lies_is_corrected(place: Place) {
    let table = sample(place).await;
    for lie in
        [&br#"{"version":3,"size":5}"#[..], b"{", br#"{"version":99,"size":1}"#, br#"{"version":4,"size":1,"parts":2}"#]
    {
        put(&table, "_delta_log/_last_checkpoint", Bytes::copy_from_slice(lie)).await;
        let report = checked(&table, &FULL).await;
        let finding = the_only(&report);
        assert_eq!((finding.severity, finding.kind), (Severity::Warning, Kind::Hint));
        assert!(!report.is_damaged());
        assert_eq!(repaired(&table, Missing::Keep).await.findings, []);
        let hint: Value = serde_json::from_slice(&bytes_of(&table, "_delta_log/_last_checkpoint").await).unwrap();
        assert_eq!(hint["version"], 4);
    }
    remove(&table, "_delta_log/_last_checkpoint").await;
    assert_eq!(the_only(&checked(&table, &FULL).await).kind, Kind::Hint);
    assert_eq!(repaired(&table, Missing::Keep).await.findings, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_cut_or_scribbled_over_is_named() {
    let table = sample(Place::Memory).await;
    let path = a_file(&table, "c").await;
    let whole = bytes_of(&table, &path).await;
    put(&table, &path, whole.slice(..whole.len() - 9)).await;
    let report = checked(&table, &FULL).await;
    assert_eq!((the_only(&report).kind, the_only(&report).path.as_deref()), (Kind::FileSize, Some(path.as_str())));
    let mut scribbled = whole.to_vec();
    scribbled[4..60].fill(0xA5);
    put(&table, &path, scribbled).await;
    let report = checked(&table, &FULL).await;
    assert_eq!((the_only(&report).severity, the_only(&report).kind), (Severity::Error, Kind::Unreadable));
    let unlooked = checked(&table, &Options { sample: Sample::Files(0), ..FULL }).await;
    assert_eq!(unlooked.findings, [], "bytes that aren't read aren't judged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bit_of_a_vector_counts() {
    let table = sample(Place::Memory).await;
    let path = a_vector(&table).await;
    let whole = bytes_of(&table, &path).await;
    let expect = |report: &Report, what: &str| {
        let found = report.findings.iter().find(|finding| finding.kind == Kind::Vector);
        assert!(found.is_some_and(|finding| finding.severity == Severity::Error), "{what}: {report:?}");
    };
    for at in [5, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.to_vec();
        flipped[at] ^= 0x10;
        put(&table, &path, flipped).await;
        expect(&checked(&table, &FULL).await, &format!("byte {at}"));
    }
    put(&table, &path, whole.slice(..whole.len() - 1)).await;
    expect(&checked(&table, &FULL).await, "cut");
    remove(&table, &path).await;
    expect(&checked(&table, &FULL).await, "gone");
    put(&table, &path, whole).await;
    assert_eq!(checked(&table, &FULL).await.findings, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vector_of_another_cardinality_or_of_a_shorter_file_is_named() {
    let table = sample(Place::Memory).await;
    // The checkpoint that follows would say otherwise.
    remove(&table, &checkpoint(4)).await;
    remove(&table, "_delta_log/_last_checkpoint").await;
    let honest = bytes_of(&table, &commit(4)).await;
    edit_adds(&table, 4, |add| add["deletionVector"]["cardinality"] = json!(2)).await;
    assert!(kinds(&checked(&table, &FULL).await).contains(&(Severity::Error, Kind::Vector)));
    put(&table, &commit(4), honest).await;
    edit_stats(&table, 4, |stats| stats["numRecords"] = json!(2)).await;
    let found = kinds(&checked(&table, &FULL).await);
    assert!(found.contains(&(Severity::Error, Kind::Vector)), "{found:?}");
    assert!(found.contains(&(Severity::Error, Kind::NumRecords)), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_that_lie_and_bounds_that_are_loose_are_told_apart() {
    let table = sample(Place::Memory).await;
    let honest = bytes_of(&table, &commit(5)).await;
    type Lie = fn(&mut Value);
    let lies: [(&str, Lie, Severity, Kind); 4] = [
        ("numRecords", |stats| stats["numRecords"] = json!(11), Severity::Error, Kind::NumRecords),
        ("nullCount", |stats| stats["nullCount"]["n"] = json!(1), Severity::Error, Kind::Statistics),
        ("minValues", |stats| stats["minValues"]["n"] = json!(31), Severity::Error, Kind::Statistics),
        ("loose", |stats| stats["minValues"]["n"] = json!(-1), Severity::Warning, Kind::LooseBounds),
    ];
    for (what, lie, severity, kind) in lies {
        edit_stats(&table, 5, lie).await;
        let report = checked(&table, &FULL).await;
        assert_eq!((the_only(&report).severity, the_only(&report).kind), (severity, kind), "{what}");
        put(&table, &commit(5), honest.clone()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_cannot_be_read_is_written_anew() {
    let table = sample(Place::Memory).await;
    let whole = bytes_of(&table, &checkpoint(4)).await;
    put(&table, &checkpoint(4), whole.slice(..whole.len() / 2)).await;
    let report = checked(&table, &FULL).await;
    assert!(kinds(&report).contains(&(Severity::Error, Kind::CheckpointUnreadable)), "{report:?}");
    assert_eq!(repaired(&table, Missing::Keep).await.findings, []);
    assert_eq!(table.another().await.snapshot().replayed().checkpoint, Some(Version(4)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gaps_and_commits_that_cannot_be_read_are_named_by_version() {
    let table = sample(Place::Memory).await;
    let second = bytes_of(&table, &commit(2)).await;
    remove(&table, &commit(2)).await;
    let report = checked(&table, &FULL).await;
    let finding = the_only(&report);
    assert_eq!((finding.severity, finding.kind, finding.version), (Severity::Error, Kind::Gap, Some(Version(2))));
    assert!(finding.what_to_do.as_deref().unwrap().contains("checkpoint of version 4"), "{finding:?}");
    assert_eq!(report.version, Some(Version(5)), "what follows the checkpoint is checked all the same");

    for left in [second.len() / 2, 0] {
        put(&table, &commit(2), second.slice(..left)).await;
        let report = checked(&table, &FULL).await;
        assert_eq!((the_only(&report).kind, the_only(&report).version), (Kind::CommitUnreadable, Some(Version(2))));
    }

    put(&table, &commit(2), second).await;
    remove(&table, &commit(5)).await;
    put(&table, &commit(6), "{\"commitInfo\":{}}\n").await;
    let report = checked(&table, &FULL).await;
    let found = kinds(&report);
    assert!(found.contains(&(Severity::Error, Kind::Gap)) && found.contains(&(Severity::Error, Kind::NotChecked)));
    assert_eq!(report.version, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_adds_a_live_file_with_another_vector_contradicts() {
    let table = sample(Place::Memory).await;
    let text = String::from_utf8(bytes_of(&table, &commit(4)).await.to_vec()).unwrap();
    let add = text.lines().find(|line| line.contains("\"add\"")).unwrap();
    let mut twice: Value = serde_json::from_str(add).unwrap();
    twice["add"]["deletionVector"] = Value::Null;
    put(&table, &commit(6), format!("{twice}\n")).await;
    let report = checked(&table, &FULL).await;
    assert!(kinds(&report).contains(&(Severity::Error, Kind::CommitContradicts)), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partition_values_that_are_missing_or_superfluous_are_named() {
    let table = sample(Place::Memory).await;
    edit_adds(&table, 5, |add| add["partitionValues"] = json!({"q": "c"})).await;
    let report = checked(&table, &Options { sample: Sample::Files(0), ..FULL }).await;
    assert_eq!(kinds(&report), [(Severity::Error, Kind::PartitionValues); 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checksum_file_that_lies_is_deleted_and_kept_aside() {
    let table = sample(Place::Memory).await;
    let path = format!("_delta_log/{:020}.crc", 3);
    put(&table, &path, r#"{"tableSizeBytes":1,"numFiles":3,"numMetadata":1,"numProtocol":1}"#).await;
    let report = checked(&table, &FULL).await;
    assert_eq!((the_only(&report).severity, the_only(&report).kind), (Severity::Warning, Kind::Checksum));
    assert_eq!(repaired(&table, Missing::Keep).await.findings, []);
    let objects = table.objects().await;
    assert!(!objects.contains(&path) && objects.iter().any(|other| other.ends_with(".crc")));
}

/// As a writer does that puts its commit over another's: nothing but the transaction's id tells them apart here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_was_put_over_another_is_named_by_both_transactions() {
    let table = sample(Place::Memory).await;
    let path = format!("_delta_log/{:020}.json", 3);
    let text = String::from_utf8(bytes_of(&table, &path).await.to_vec()).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let replaced = first["commitInfo"]["txnId"].as_str().unwrap();
    put(&table, &path, text.replace(replaced, "another")).await;
    let report = checked(&table, &FULL).await;
    let finding = the_only(&report);
    assert_eq!((finding.severity, finding.kind), (Severity::Error, Kind::CommitReplaced));
    assert!(finding.message.contains("transaction another") && finding.message.contains(replaced), "{finding:?}");
    assert_eq!((finding.version, finding.path.as_deref()), (Some(Version(3)), Some(path.as_str())));
    assert_eq!(repaired(&table, Missing::Keep).await.findings, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_versions_and_orphans_are_told_and_left_alone() {
    let table = sample(Place::Memory).await;
    table.put("part-left-over.parquet").await;
    table.put("_delta_log/notes.txt").await;
    let vector_before = a_file(&table, "b").await;
    table.delete("p = 'b'").await;
    remove(&table, &vector_before).await;
    let report = checked(&table, &FULL).await;
    assert_eq!((report.orphans.num_files, report.orphans.size_bytes), (1, 1));
    assert_eq!(report.findings, [], "the newest version doesn't need what is gone");
    let all = checked(&table, &Options { history: History::AllVersions, ..FULL }).await;
    assert_eq!((the_only(&all).severity, the_only(&all).kind), (Severity::Note, Kind::OlderVersions));
    assert!(the_only(&all).message.contains("versions 2 to 5"), "{}", the_only(&all).message);
    assert!(table.objects().await.contains("part-left-over.parquet"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_asks_for_each_file_of_the_log_once_and_writes_nothing() {
    let table = sample(Place::Memory).await;
    let (store, requests) = recorded(table.table.store());
    let report = check(&store, &Options { sample: Sample::Files(0), ..FULL }, |_| {}).await.unwrap();
    assert_eq!(report.findings, []);
    let made = requests.take();
    let count = |kind: Request| made.iter().filter(|request| request.kind == kind).count();
    let sums = table.objects().await.iter().filter(|path| path.ends_with(".crc")).count();
    assert_eq!(count(Request::List), 1);
    assert_eq!(count(Request::Get), 6 + 1 + 1 + sums + 1, "commits, the checkpoint, the hint, checksums, the vector");
    assert_eq!(made.len(), count(Request::List) + count(Request::Get));
}

#[tokio::test]
async fn what_is_no_table_is_not_found() {
    let table = Fixture::new(Place::Memory, &[]).await;
    let store = lakebed::store::TableStore::over(
        table.table.store().url().join("elsewhere").unwrap(),
        Arc::clone(table.table.store().data()),
        Arc::clone(table.table.store().commits()),
        table.key("elsewhere"),
    );
    let error = check(&store, &FULL, |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
