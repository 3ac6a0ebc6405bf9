//! Does a snapshot hold as much memory as it says, and as little as it should?
//!
//! Measured in a process of its own, by what the kernel says that the process has: nothing else runs in it.

use std::fmt::Write as _;
use std::process::Command;

use lakebed_txlog::action::Action;
use lakebed_txlog::checkpoint::{Draft, decode_parquet};
use lakebed_txlog::files::Files;
use lakebed_txlog::predicate::{Comparison, Predicate};
use lakebed_txlog::replay::{Commit, State};
use lakebed_txlog::schema::ColumnPath;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::version::{TimestampMs, Version};

const FILES: u64 = 100_000;
/// 250 bytes a file.
const MAX_HELD_BYTES: usize = 25_000_000;

/// A checkpoint of files with about 400 bytes of statistics each, half of it digits that don't compress.
fn checkpoint() -> bytes::Bytes {
    let schema = r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},{\"name\":\"device\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}"#;
    let mut lines = format!(
        r#"{{"protocol":{{"minReaderVersion":1,"minWriterVersion":2}}}}
{{"metaData":{{"id":"t","format":{{"provider":"parquet","options":{{}}}},"schemaString":"{schema}","partitionColumns":[],"configuration":{{}}}}}}
"#
    );
    for file in 0..FILES {
        let noise = (file + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let stats = format!(
            r#"{{\"numRecords\":10000,\"minValues\":{{\"id\":{},\"device\":\"sensor-{noise:016x}-a\"}},\"maxValues\":{{\"id\":{},\"device\":\"sensor-{noise:016x}-z\"}},\"nullCount\":{{\"id\":0,\"device\":{}}},\"tightBounds\":true,\"comment\":\"{:0>150}\"}}"#,
            file * 10_000,
            file * 10_000 + 9_999,
            noise % 97,
            noise
        );
        writeln!(
            lines,
            r#"{{"add":{{"path":"part-{file:05}-{noise:016x}-{:016x}-c000.snappy.parquet","partitionValues":{{}},"size":{},"modificationTime":{file},"dataChange":true,"stats":"{stats}"}}}}"#,
            noise.rotate_left(17),
            noise % 1_000_000
        )
        .unwrap();
    }
    let commit = Commit::parse(Version(0), lines.as_bytes(), None).unwrap();
    let draft = Draft::of(&Snapshot::follow(None, &[commit]).unwrap(), TimestampMs(0)).unwrap();
    let encoder = draft.encoder(draft.layout().v1().unwrap()).unwrap();
    let groups = (0..draft.num_groups()).map(|group| draft.encode_group(&encoder, group).unwrap());
    let groups = std::iter::once(draft.encode_table_actions(&encoder).unwrap()).chain(groups);
    encoder.whole(groups).unwrap().0
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
}

fn opened(checkpoint: &bytes::Bytes) -> Snapshot {
    let contents = decode_parquet(checkpoint.clone()).unwrap();
    let mut state = State { files: Files::from_batches(contents.adds).unwrap(), ..State::default() };
    contents.actions.into_iter().for_each(|action: Action| state.take(action));
    Snapshot::from_checkpoint(Version(0), state).unwrap()
}

/// Several snapshots at once, so that what the allocator keeps for itself counts less.
#[test]
#[ignore = "runs in a process of its own, started by the test below"]
fn measured_alone() {
    const TIMES: usize = 4;
    let checkpoint = checkpoint();
    drop(opened(&checkpoint));
    let before = resident_bytes();
    let snapshots: Vec<Snapshot> = (0..TIMES).map(|_| opened(&checkpoint)).collect();
    for snapshot in &snapshots {
        let id = Predicate::compare(ColumnPath::new(["id"]), Comparison::Lt, 1_000_000_i64);
        assert_eq!(snapshot.prune(&id).unwrap().len(), 100);
        assert!(snapshot.files().find("no such file").is_none());
    }
    let said: usize = snapshots.iter().map(Snapshot::memory_size).sum::<usize>() / TIMES;
    let held = resident_bytes().saturating_sub(before) / TIMES;
    println!("{said} bytes said, {held} bytes held");
    assert!(said < MAX_HELD_BYTES, "the snapshot says that it holds {said} bytes");
    assert!(held < said + said / 4 + (4 << 20), "{held} bytes are held, {said} are said to be");
}

#[test]
fn a_snapshot_holds_what_it_says_and_no_more_than_its_budget() {
    if !cfg!(target_os = "linux") {
        crate::machine::skip("memory of a snapshot", "/proc", "run it on Linux");
        return;
    }
    let alone = ["--exact", "pruning::memory::measured_alone", "--ignored", "--nocapture"];
    let output = Command::new(std::env::current_exe().unwrap()).args(alone).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("bytes held"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
