//! What comes of checksums, compaction files and checkpoints that are damaged or lie (L4, L5, L13)?

use std::fmt::Write;

use lakebed_txlog::drive::{ChecksumFound, ChecksumWritten, Log};
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::name::LogName;
use lakebed_txlog::{ErrorKind, Result, Version};
use object_store::memory::InMemory;

use super::distant::{Cost, measured};
use super::logs;

/// A log of versions 0 to 29 without checkpoint.
fn short() -> InMemory {
    let objects = InMemory::new();
    for version in 0..30 {
        logs::put(&objects, &LogName::Commit { version: Version(version) }, logs::commit(version));
    }
    objects
}

fn open(objects: &InMemory) -> (Result<Log>, Cost) {
    measured(objects, |store| async move { Log::open(store, SystemEnv::shared()).await })
}

fn put_checksum(objects: &InMemory, version: u64, num_files: u64) {
    let size: u64 = (0..=version).sum();
    let text = format!(r#"{{"tableSizeBytes":{size},"numFiles":{num_files},"numMetadata":1,"numProtocol":1}}"#);
    logs::put(objects, &LogName::Crc { version: Version(version) }, text);
}

#[test]
fn a_version_that_contradicts_its_checksum_in_the_only_way_to_it_is_an_error_that_names_both() {
    let objects = short();
    logs::write_checkpoint(&objects, 20);
    logs::delete(&objects, &LogName::LastCheckpoint);
    for version in 0..20 {
        logs::delete(&objects, &LogName::Commit { version: Version(version) });
    }
    put_checksum(&objects, 29, 30);
    assert_eq!(open(&objects).0.unwrap().snapshot().num_files(), 30, "the right one is agreed with");
    put_checksum(&objects, 29, 31);
    let error = open(&objects).0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("numFiles is 30, and 31 by the checksum"), "{error}");
    assert!(error.what_to_do().unwrap().contains("fsck"), "{error}");
}

#[test]
fn a_checksum_that_contradicts_the_commits_or_two_checkpoints_is_the_one_that_is_wrong() {
    let objects = short();
    put_checksum(&objects, 29, 31);
    assert_eq!(open(&objects).0.unwrap().snapshot().num_files(), 30, "commits alone");
    logs::write_checkpoint(&objects, 10);
    logs::write_checkpoint(&objects, 20);
    logs::delete(&objects, &LogName::LastCheckpoint);
    for version in 0..10 {
        logs::delete(&objects, &LogName::Commit { version: Version(version) });
    }
    let (log, cost) = open(&objects);
    assert_eq!(log.unwrap().snapshot().num_files(), 30, "two checkpoints come to the same: {:?}", cost.requests);
    assert_eq!(cost.of("checkpoint.parquet"), 2);
}

#[test]
fn l4_a_checkpoint_that_contradicts_its_checksum_is_passed_over_for_an_older_one() {
    let objects = short();
    logs::write_checkpoint(&objects, 10);
    let of_10 = logs::get(&objects, &LogName::ClassicCheckpoint { version: Version(10) });
    logs::write_checkpoint(&objects, 20);
    // Valid Parquet, and the wrong table: what version 20 had at 10.
    logs::put(&objects, &LogName::ClassicCheckpoint { version: Version(20) }, of_10);
    put_checksum(&objects, 20, 21);
    let (log, cost) = open(&objects);
    assert_eq!(log.unwrap().snapshot().num_files(), 30, "{:?}", cost.requests);
    assert!(cost.of("00000000000000000010.checkpoint.parquet") > 0, "{:?}", cost.requests);
}

#[test]
fn a_checkpoint_that_contradicts_its_checksum_and_is_the_only_one_is_an_error() {
    let objects = short();
    logs::write_checkpoint(&objects, 10);
    let of_10 = logs::get(&objects, &LogName::ClassicCheckpoint { version: Version(10) });
    logs::delete(&objects, &LogName::ClassicCheckpoint { version: Version(10) });
    logs::write_checkpoint(&objects, 20);
    logs::put(&objects, &LogName::ClassicCheckpoint { version: Version(20) }, of_10);
    for version in 0..20 {
        logs::delete(&objects, &LogName::Commit { version: Version(version) });
    }
    put_checksum(&objects, 20, 21);
    let error = open(&objects).0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("numFiles is 11, and 21 by the checksum"), "{error}");
}

#[test]
fn l4_a_checkpoint_cut_anywhere_or_gone_is_passed_over() {
    let objects = short();
    logs::write_checkpoint(&objects, 10);
    logs::write_checkpoint(&objects, 20);
    let name = LogName::ClassicCheckpoint { version: Version(20) };
    let whole = logs::get(&objects, &name);
    for cut in [0, 1, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        logs::put(&objects, &name, whole.slice(..cut));
        let (log, cost) = open(&objects);
        assert_eq!(log.unwrap().snapshot().num_files(), 30, "{cut} bytes: {:?}", cost.requests);
        let (head, cost) = measured(&objects, |store| async move { Log::head(&store).await });
        assert_eq!(head.unwrap().version(), Version(29), "{cut} bytes: {:?}", cost.requests);
    }
    logs::delete(&objects, &name);
    assert_eq!(open(&objects).0.unwrap().snapshot().num_files(), 30);
}

#[test]
fn l5_a_gap_that_no_checkpoint_bridges_names_the_versions() {
    let objects = short();
    logs::write_checkpoint(&objects, 10);
    for version in [14, 15, 20] {
        logs::delete(&objects, &LogName::Commit { version: Version(version) });
    }
    for error in [
        open(&objects).0.unwrap_err(),
        measured(&objects, |store| async move { Log::head(&store).await }).0.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains("lacks versions 14 to 15 and 20"), "{error}");
    }
}

#[test]
fn a_checksum_that_cannot_be_parsed_says_nothing() {
    let objects = short();
    for text in ["", "{", "{\"numFiles\":1}", "\u{0}"] {
        logs::put(&objects, &LogName::Crc { version: Version(29) }, text.to_owned());
        assert_eq!(open(&objects).0.unwrap().snapshot().num_files(), 30, "{text:?}");
        assert_eq!(measured(&objects, |store| async move { Log::head(&store).await }).0.unwrap().version().0, 29);
    }
}

#[test]
fn of_two_writers_of_a_checksum_the_first_wins_and_both_are_right() {
    let objects = short();
    logs::runtime().block_on(async {
        let log = Log::open(logs::plain(&objects), SystemEnv::shared()).await.unwrap();
        let snapshot = log.snapshot();
        assert_eq!(log.check_checksum(&snapshot).await.unwrap(), ChecksumFound::Absent);
        assert_eq!(log.write_checksum(&snapshot).await.unwrap(), ChecksumWritten::Yes);
        assert_eq!(log.write_checksum(&snapshot).await.unwrap(), ChecksumWritten::WasThere);
        assert_eq!(log.check_checksum(&snapshot).await.unwrap(), ChecksumFound::Agrees);
    });
}

/// The reconciled actions of versions `start..=end` of the short log, which removes nothing.
fn compacted(start: u64, end: u64) -> (LogName, String) {
    let mut text = String::new();
    for version in start..=end {
        for line in logs::commit(version).lines().filter(|line| !line.contains("commitInfo")) {
            let _ = writeln!(text, "{line}");
        }
    }
    (LogName::Compacted { start: Version(start), end: Version(end) }, text)
}

#[test]
fn a_log_compaction_file_takes_the_place_of_its_commits() {
    let objects = short();
    let (name, text) = compacted(0, 27);
    logs::put(&objects, &name, text);
    let (log, cost) = open(&objects);
    let snapshot = log.unwrap().snapshot();
    assert_eq!((snapshot.num_files(), snapshot.replayed().commits), (30, 30));
    assert_eq!((cost.depth, cost.requests.len(), cost.of(".compacted.json")), (3, 1 + 1 + 1 + 2, 1));
}

#[test]
fn a_compaction_up_to_the_newest_version_keeps_what_its_commit_says_of_itself() {
    let objects = short();
    let (name, text) = compacted(0, 29);
    logs::put(&objects, &name, text);
    let (log, cost) = open(&objects);
    let snapshot = log.unwrap().snapshot();
    assert_eq!(snapshot.num_files(), 30);
    assert_eq!(snapshot.commit_info().and_then(|info| info.txn_id.as_deref()), Some("t-29"));
    assert_eq!((cost.depth, cost.requests.len()), (3, 1 + 1 + 1 + 1), "{:?}", cost.requests);
}

#[test]
fn a_damaged_log_compaction_file_costs_its_commits() {
    let (name, whole) = compacted(0, 27);
    for damaged in [whole[..whole.len() / 2].to_owned(), "garbage".to_owned(), "{}[]".to_owned()] {
        let objects = short();
        logs::put(&objects, &name, damaged);
        let (log, cost) = open(&objects);
        assert_eq!(log.unwrap().snapshot().num_files(), 30, "{:?}", cost.requests);
        assert_eq!(cost.of(".compacted.json"), 1);
    }
    // Not reconciled, as some writers leave it: which of its actions counts can't be told.
    let objects = short();
    let remove = "{\"remove\":{\"path\":\"part-00000003.parquet\",\"deletionTimestamp\":1,\"dataChange\":true}}\n";
    logs::put(&objects, &name, whole.clone() + remove);
    assert_eq!(open(&objects).0.unwrap().snapshot().num_files(), 30);
    // Lines are missing: every one parses, and only the checksum tells.
    let objects = short();
    let lines: Vec<&str> = whole.lines().collect();
    logs::put(&objects, &name, lines[..lines.len() - 3].join("\n"));
    put_checksum(&objects, 29, 30);
    assert_eq!(open(&objects).0.unwrap().snapshot().num_files(), 30);
}
