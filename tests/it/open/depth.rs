//! What does it take to open a log of 50,000 commits at 1,000 keys a page?
//!
//! Each test states round trips and requests exactly: a change of either is a change of what opening costs.

use lakebed_txlog::drive::Log;
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::head::Head;
use lakebed_txlog::name::LogName;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Result, Version};
use object_store::memory::InMemory;

use super::distant::{Cost, measured};
use super::logs::{self, CHECKPOINT, NEWEST, OLDER};

fn head(objects: &InMemory) -> Cost {
    let (head, cost): (Result<Head>, Cost) = measured(objects, |store| async move { Log::head(&store).await });
    let head = head.unwrap();
    assert_eq!((head.version(), head.metadata().id.as_str()), (Version(NEWEST), "the-table"));
    assert_eq!(head.schema().fields().len(), 1);
    cost
}

fn files(objects: &InMemory) -> Cost {
    let (opened, cost): (Result<Snapshot>, Cost) =
        measured(objects, |store| async move { Log::open(store, SystemEnv::shared()).await.map(|log| log.snapshot()) });
    let snapshot = opened.unwrap();
    assert_eq!(snapshot.version(), Version(NEWEST));
    assert_eq!(snapshot.num_files(), logs::num_files(NEWEST), "counted by hand");
    let removed = (99..=NEWEST).step_by(100).map(|version| version - 50).sum::<u64>();
    let sizes = (0..=NEWEST).sum::<u64>() - removed;
    assert_eq!(snapshot.size_in_bytes(), i64::try_from(sizes).unwrap(), "summed by hand");
    cost
}

/// Round trips and requests, and how many of those were for nothing; said, so that a failing test shows the whole.
fn figures(what: &str, cost: &Cost) -> (u32, usize, usize) {
    let in_vain = cost.requests.iter().filter(|request| request.ends_with('?')).count();
    let figures = (cost.depth, cost.requests.len(), in_vain);
    let shown: Vec<&String> = cost.requests.iter().take(60).collect();
    println!("{what}: {figures:?} {shown:?}");
    figures
}

#[test]
fn by_our_own_checkpoint_the_schema_is_two_round_trips_away_and_so_are_the_files() {
    let objects = logs::ours();
    let schema = head(&objects);
    // Hint; listing, begin and end of the checkpoint, 9 commits and 3 that aren't there yet.
    assert_eq!(figures("ours, schema", &schema), (2, 1 + 1 + 2 + 12, 3));
    let all = files(&objects);
    // Hint; listing, checkpoint, commits, and the checkpoint's checksum and commitInfo.
    assert_eq!(figures("ours, files", &all), (2, 1 + 1 + 1 + 12 + 2, 4));
    assert_eq!((schema.count("list"), all.count("list")), (1, 1), "one page");
    assert_eq!(all.of("checkpoint.parquet"), 1, "whole, footer and all");
}

#[test]
fn by_another_writers_checkpoint_the_schema_is_at_most_three_away_and_so_are_the_files() {
    for (what, objects, schema, all) in [
        ("classic", logs::classic(), (2, 1 + 1 + 2 + 10, 1), (2, 1 + 1 + 1 + 10 + 2, 2)),
        ("multi-part", logs::multi_part(), (2, 1 + 1 + 4 + 10, 1), (2, 1 + 1 + 2 + 10 + 2, 2)),
        ("V2", logs::v2(), (2, 1 + 1 + 1 + 10, 1), (3, 1 + 1 + 1 + 10 + 2 + 2, 2)),
    ] {
        let (head, files) = (head(&objects), files(&objects));
        assert_eq!(figures(&format!("{what}, schema"), &head), schema);
        assert_eq!(figures(&format!("{what}, files"), &files), all);
        assert!(head.depth <= 3 && files.depth <= 3, "{what}");
        assert_eq!(head.of("sidecar"), 0, "{what}: the schema touches no sidecar");
        assert_eq!((head.count("list"), files.count("list")), (1, 1), "{what}: sidecars aren't listed");
    }
}

#[test]
fn of_a_large_checkpoint_the_footer_is_read_once_and_close_columns_in_one_request() {
    let objects = logs::large();
    let (schema, all) = (head(&objects), files(&objects));
    assert_eq!(figures("large, schema", &schema), (2, 1 + 1 + 2 + 10, 1));
    // The end, then all before it in parts of at most 16 MiB.
    assert_eq!(figures("large, files", &all), (3, 1 + 1 + 1 + 10 + 2 + 4, 2));
    let ranges =
        all.requests.iter().filter_map(|request| request.split_once("checkpoint.parquet ")?.1.split_once(".."));
    let ranges: Vec<(u64, u64)> = ranges.map(|(from, to)| (from.parse().unwrap(), to.parse().unwrap())).collect();
    let name = LogName::ClassicCheckpoint { version: Version(CHECKPOINT) };
    let end = logs::get(&objects, &name).len() as u64 * 127 / 128;
    assert!(ranges.iter().all(|(_, to)| *to <= end + 1), "nothing of the end is asked for again: {ranges:?}, {end}");
}

#[test]
fn without_a_hint_the_whole_log_is_listed_page_by_page() {
    let objects = logs::ours();
    logs::delete(&objects, &LogName::LastCheckpoint);
    let pages = 51; // 50,000 commits and 3 checkpoints
    let schema = head(&objects);
    assert_eq!(figures("no hint, schema", &schema), (1 + pages + 2, 1 + pages as usize + 1 + 1 + 9, 1));
    let all = files(&objects);
    assert_eq!(figures("no hint, files", &all), (1 + pages + 1, 1 + pages as usize + 1 + 9, 1));
}

#[test]
fn a_stale_hint_costs_the_pages_since_it_and_leads_to_the_newest_checkpoint() {
    let objects = logs::ours();
    logs::put_hint(&objects, &format!(r#"{{"version":{OLDER},"size":39601}}"#));
    let pages = 11;
    let all = files(&objects);
    // In vain: the older checkpoint's end, 10 commits after it (all there), its checksum.
    assert_eq!(figures("stale hint, files", &all), (1 + pages + 1, 1 + pages as usize + 1 + 10 + 2 + 1 + 9, 1));
    assert_eq!(all.of(&format!("{CHECKPOINT:020}.checkpoint.parquet")), 1);
}

#[test]
fn a_hint_that_lies_costs_more_and_changes_nothing() {
    let whole_log = 51;
    for (what, hint, depth) in [
        ("nothing there", r#"{"version":49995,"size":1,"sizeInBytes":900}"#.to_owned(), 2 + whole_log + 1),
        ("the future", r#"{"version":60000,"size":1}"#.to_owned(), 2 + whole_log + 1),
        ("a size too small", format!(r#"{{"version":{CHECKPOINT},"size":1,"sizeInBytes":5}}"#), 2),
        ("a size too large", format!(r#"{{"version":{CHECKPOINT},"size":1,"sizeInBytes":99999999999}}"#), 2),
        ("parts", format!(r#"{{"version":{CHECKPOINT},"size":1,"parts":3,"sizeInBytes":900}}"#), 3),
        ("V2", format!(r#"{{"version":{CHECKPOINT},"size":1,"v2Checkpoint":{{"path":"../../x.json"}}}}"#), 3),
        ("no hint at all", "{".to_owned(), 1 + whole_log + 1),
    ] {
        let objects = logs::ours();
        logs::put_hint(&objects, &hint);
        let all = files(&objects);
        figures(&format!("lie: {what}, files"), &all);
        assert_eq!(all.depth, depth, "{what}");
        let schema = head(&objects);
        figures(&format!("lie: {what}, schema"), &schema);
        assert!(schema.depth <= depth + 1, "{what}");
    }
}

#[test]
fn by_a_checksum_the_schema_takes_one_request_in_place_of_the_checkpoint_and_every_commit() {
    let objects = logs::ours();
    logs::delete(&objects, &LogName::LastCheckpoint);
    let log = logs::runtime().block_on(Log::open(logs::plain(&objects), SystemEnv::shared())).unwrap();
    let checksum = lakebed_txlog::checksum::Checksum::of(&log.snapshot()).unwrap();
    logs::put(&objects, &LogName::Crc { version: Version(NEWEST) }, checksum.to_json().unwrap());
    let schema = head(&objects);
    assert_eq!(figures("checksum, schema", &schema), (1 + 51 + 1, 1 + 51 + 1, 1));
}
