//! Plans against hand-made listings and a naive model.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::ErrorKind;
use crate::name::{CheckpointFormat, LogName};
use crate::segment::hint::V2CheckpointHint;
use crate::segment::listing::CheckpointKind;
use crate::version::TimestampMs;

const UUID: &str = "80a083e8-7026-4e79-81be-64bd76c43a11";

fn v(version: u64) -> Version {
    Version(version)
}

fn file(name: &str) -> ListedFile {
    let name = LogName::parse(name);
    assert!(!matches!(name, LogName::Unknown { .. }), "{name}");
    ListedFile { name, size: 7, last_modified: TimestampMs(1) }
}

fn listing(names: &[String]) -> Vec<ListedFile> {
    names.iter().map(|name| file(name)).collect()
}

fn commits(versions: impl IntoIterator<Item = u64>) -> Vec<String> {
    versions.into_iter().map(|version| format!("{version:020}.json")).collect()
}

fn classic(version: u64) -> String {
    format!("{version:020}.checkpoint.parquet")
}

fn part(version: u64, part: u32, parts: u32) -> String {
    format!("{version:020}.checkpoint.{part:010}.{parts:010}.parquet")
}

fn planned(names: &[Vec<String>], target: Option<u64>) -> Result<Segment> {
    plan(&listing(&names.concat()), None, target.map(Version))
}

fn versions_of(commits: &[CommitFile]) -> Vec<u64> {
    commits.iter().map(|commit| commit.version.0).collect()
}

fn error(names: &[Vec<String>], target: Option<u64>) -> (ErrorKind, String) {
    let error = planned(names, target).unwrap_err();
    (error.kind(), format!("{}; {}", error.message(), error.what_to_do().unwrap_or_default()))
}

#[test]
fn without_checkpoint_every_commit_counts() {
    let segment = planned(&[commits(0..4)], None).unwrap();
    assert_eq!(segment.version(), v(3));
    assert!(segment.checkpoint().is_none());
    assert_eq!(versions_of(segment.commits()), [0, 1, 2, 3]);
    assert!(segment.fallback().is_none());

    let earlier = planned(&[commits(0..4)], Some(1)).unwrap();
    assert_eq!((earlier.version(), versions_of(earlier.commits())), (v(1), vec![0, 1]));
}

#[test]
fn the_newest_complete_checkpoint_not_after_the_target_is_chosen() {
    let names = [commits(0..25), vec![classic(10), classic(20)]];
    for (target, base, first) in [(None, 20, 21), (Some(20), 20, 21), (Some(19), 10, 11), (Some(10), 10, 11)] {
        let segment = planned(&names, target).unwrap();
        assert_eq!(segment.checkpoint().unwrap().version, v(base));
        assert_eq!(versions_of(segment.commits()), (first..=target.unwrap_or(24)).collect::<Vec<_>>());
    }
    assert!(planned(&names, Some(9)).unwrap().checkpoint().is_none());
}

#[test]
fn a_multi_part_checkpoint_counts_when_every_part_is_there() {
    let all = [commits(0..9), vec![part(8, 2, 3), part(8, 3, 3), part(8, 1, 3)]];
    let segment = planned(&all, None).unwrap();
    let checkpoint = segment.checkpoint().unwrap();
    assert_eq!(checkpoint.kind, CheckpointKind::MultiPart);
    let names: Vec<String> = checkpoint.files.iter().map(|file| file.name.to_string()).collect();
    assert_eq!(names, [part(8, 1, 3), part(8, 2, 3), part(8, 3, 3)]);

    // Parts of two attempts don't make one checkpoint; a part listed twice isn't two.
    for parts in [vec![part(8, 1, 2), part(8, 2, 3), part(8, 3, 3)], vec![part(8, 1, 2), part(8, 1, 2)]] {
        let segment = planned(&[commits(0..9), vec![classic(4)], parts], None).unwrap();
        assert_eq!(segment.checkpoint().unwrap().version, v(4));
    }
}

#[test]
fn of_several_checkpoints_of_a_version_the_hinted_one_comes_first() {
    let uuid = format!("{:020}.checkpoint.{UUID}.json", 8);
    let names = listing(&[commits(8..10), vec![classic(8), part(8, 1, 1), uuid.clone()]].concat());
    let first = |hint: Option<&LastCheckpointHint>| plan(&names, hint, None).unwrap().checkpoint().unwrap().kind;
    assert_eq!(first(None), CheckpointKind::Uuid(CheckpointFormat::Json));
    let mut hint = LastCheckpointHint::new(v(8), 1);
    assert_eq!(first(Some(&hint)), CheckpointKind::Classic);
    hint.parts = Some(1);
    assert_eq!(first(Some(&hint)), CheckpointKind::MultiPart);
    hint.v2_checkpoint = Some(V2CheckpointHint { path: uuid, size_in_bytes: None, modification_time: None });
    assert_eq!(first(Some(&hint)), CheckpointKind::Uuid(CheckpointFormat::Json));

    let mut segment = plan(&names, None, None).unwrap();
    let mut kinds = vec![segment.checkpoint().unwrap().kind];
    while let Some(next) = segment.fallback() {
        assert_eq!(versions_of(next.commits()), [9]);
        kinds.push(next.checkpoint().unwrap().kind);
        segment = next;
    }
    assert_eq!(kinds.len(), 3);
}

#[test]
fn a_stale_or_lying_hint_changes_nothing() {
    let names = listing(&[commits(0..25), vec![classic(10), classic(20)]].concat());
    let without = plan(&names, None, None).unwrap();
    for version in [0, 10, 15, 99] {
        assert_eq!(plan(&names, Some(&LastCheckpointHint::new(v(version), 1)), None).unwrap(), without);
    }
}

#[test]
fn fallbacks_are_older_checkpoints_then_every_commit() {
    let first = planned(&[commits(0..25), vec![classic(10), classic(20)]], Some(22)).unwrap();
    let second = first.fallback().unwrap();
    assert_eq!(second.checkpoint().unwrap().version, v(10));
    assert_eq!(versions_of(second.commits()), (11..=22).collect::<Vec<_>>());
    let third = second.fallback().unwrap();
    assert!(third.checkpoint().is_none());
    assert_eq!(versions_of(third.commits()), (0..=22).collect::<Vec<_>>());
    assert!(third.fallback().is_none());
    assert_eq!([first.version(), second.version(), third.version()], [v(22); 3]);

    // Below a gap there is nothing to fall back to.
    let cleaned = planned(&[commits(15..25), vec![classic(10), classic(20)]], None).unwrap();
    assert!(cleaned.fallback().is_none());
}

#[test]
fn a_version_whose_commit_is_gone_is_valid_by_its_checkpoint() {
    let segment = planned(&[vec![classic(10)]], None).unwrap();
    assert_eq!((segment.version(), segment.commits().len(), segment.history().len()), (v(10), 0, 0));
    let newer = planned(&[commits(0..9), vec![classic(10)]], None).unwrap();
    assert_eq!((newer.version(), newer.commits().len()), (v(10), 0));
    assert!(newer.fallback().is_none());
}

#[test]
fn history_reaches_below_the_checkpoint() {
    let segment = planned(&[commits(5..25), vec![classic(20)]], None).unwrap();
    assert_eq!(versions_of(segment.history()), (5..25).collect::<Vec<_>>());
    let checksum = planned(&[commits(0..3), vec![format!("{:020}.crc", 2)]], None).unwrap();
    assert_eq!(checksum.checksum().unwrap().name, LogName::Crc { version: v(2) });
}

#[test]
fn a_gap_is_an_error_that_names_the_versions() {
    for (names, target, says) in [
        (vec![commits([0, 2])], None, "lacks version 1, and no checkpoint"),
        (vec![commits([0, 2])], Some(1), "lacks version 1, and no checkpoint"),
        (vec![commits([1])], None, "lacks version 0, and no checkpoint"),
        (vec![commits([11, 13]), vec![classic(10)]], None, "after version 10 it lacks version 12"),
        (
            vec![commits([11, 15, 17, 18]), vec![classic(10)]],
            None,
            "after version 10 it lacks versions 12 to 14 and 16",
        ),
        (vec![commits((0..60).step_by(10))], None, "lacks versions 1 to 9, 11 to 19, 21 to 29 and 2 more ranges"),
        (vec![commits(0..9), vec![part(8, 1, 2)], commits([10])], None, "lacks version 9, and"),
    ] {
        let (kind, message) = error(&names, target);
        assert_eq!(kind, ErrorKind::Corrupt);
        assert!(message.contains(says), "{message}");
    }
    // Before the gap the table reads.
    planned(&[commits([11, 13]), vec![classic(10)]], Some(11)).unwrap();
}

#[test]
fn a_version_that_is_not_there_is_an_error_that_says_which_are() {
    for (names, target, says) in [
        (vec![commits(0..4)], 4, "after the newest one; the table has versions 0 to 3"),
        (
            vec![commits(10..16), vec![classic(10)]],
            5,
            "cleanup removed commits that make it; the table has versions 10 to 15",
        ),
        (
            vec![commits(7..16), vec![classic(10)]],
            8,
            "cleanup removed commits that make it; the table has versions 10 to 15",
        ),
        (vec![commits([0, 1]), vec![classic(10)]], 5, "the table has versions 0 to 1 and 10"),
        (vec![vec![classic(3)]], 4, "the table has version 3"),
        (vec![commits([1])], u64::MAX, "no version can be read"),
    ] {
        let (kind, message) = error(&names, Some(target));
        assert_eq!(kind, ErrorKind::NotFound);
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn a_folder_without_commits_is_no_table() {
    let foreign = ["_last_checkpoint", "00000000000000000001.crc", &part(1, 1, 2), "_sidecars/x.parquet"];
    for names in [vec![], foreign.map(str::to_owned).to_vec()] {
        for target in [None, Some(0)] {
            let (kind, message) = error(std::slice::from_ref(&names), target);
            assert_eq!(kind, ErrorKind::NotFound);
            assert!(message.contains("no Delta table"), "{message}");
        }
    }
}

#[test]
fn the_tail_is_what_a_snapshot_has_missed() {
    let names = listing(&[commits(5..9), vec![classic(6)]].concat());
    assert_eq!(versions_of(&tail(&names, v(5)).unwrap()), [6, 7, 8]);
    assert_eq!(versions_of(&tail(&names, v(8)).unwrap()), Vec::<u64>::new());
    assert_eq!(versions_of(&tail(&names, v(9)).unwrap()), Vec::<u64>::new());
    assert_eq!(versions_of(&tail(&names, v(4)).unwrap()), [5, 6, 7, 8]);
    assert!(tail(&names, v(3)).unwrap_err().message().contains("after version 3 it lacks version 4"));
    assert!(tail(&listing(&[vec![classic(9)]].concat()), v(3)).is_err());
    assert!(tail(&[], v(0)).unwrap().is_empty());
}

/// What a log holds, for the naive model.
#[derive(Clone, Debug)]
struct Log {
    commits: BTreeSet<u64>,
    checkpoints: BTreeSet<u64>,
    names: Vec<String>,
}

fn any_log() -> impl Strategy<Value = Log> {
    let sparse = prop::collection::btree_set(0..14u64, 0..14);
    let dense = (0..4u64, 1..14u64).prop_map(|(from, to)| (from..to).collect::<BTreeSet<u64>>());
    // Versions of classic, UUID-named, complete and incomplete multi-part checkpoints.
    let some = || prop::collection::btree_set(0..14u64, 0..3);
    (prop_oneof![sparse, dense], some(), some(), some(), some(), any::<u64>()).prop_map(
        |(commit_versions, classics, uuids, complete, torn, seed)| {
            let mut names = commits(commit_versions.iter().copied());
            names.extend(classics.iter().map(|version| classic(*version)));
            names.extend(uuids.iter().map(|version| format!("{version:020}.checkpoint.{UUID}.parquet")));
            names.extend(complete.iter().flat_map(|version| [part(*version, 1, 2), part(*version, 2, 2)]));
            names.extend(torn.iter().map(|version| part(*version, 3, 3)));
            names.push("_last_checkpoint".to_owned());
            // A shuffle with repetitions, from one number.
            names.extend(names.first().cloned());
            let len = names.len() as u64;
            for at in 0..names.len() {
                let other = (seed.rotate_left(at as u32) ^ at as u64) % len;
                names.swap(at, usize::try_from(other).unwrap());
            }
            let checkpoints = &(&classics | &uuids) | &complete;
            Log { commits: commit_versions, checkpoints, names }
        },
    )
}

/// The newest base from which commits lead to `version` without a gap: `Some(None)` is the beginning of the log.
fn naive_base(log: &Log, version: u64) -> Option<Option<u64>> {
    let leads = |from: u64| (from..=version).all(|commit| log.commits.contains(&commit));
    let checkpoint = (0..=version).rev().find(|base| log.checkpoints.contains(base) && leads(base + 1));
    checkpoint.map(Some).or_else(|| leads(0).then_some(None))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_plan_is_what_a_naive_search_finds(log in any_log(), target in 0..16u64) {
        let files = listing(&log.names);
        let newest = log.commits.union(&log.checkpoints).max().copied();
        for target in [None, Some(target)] {
            let version = target.or(newest);
            let expected = version.filter(|version| Some(*version) <= newest).and_then(|version| naive_base(&log, version));
            match (plan(&files, None, target.map(Version)), expected) {
                (Ok(segment), Some(base)) => {
                    let version = version.unwrap();
                    prop_assert_eq!(segment.version(), v(version));
                    prop_assert_eq!(segment.checkpoint().map(|checkpoint| checkpoint.version.0), base);
                    // Every plan on the way down ends in the same version, and begins right after its base.
                    let mut plan = Some(segment);
                    while let Some(segment) = plan {
                        let first = segment.checkpoint().map_or(0, |checkpoint| checkpoint.version.0 + 1);
                        prop_assert_eq!(versions_of(segment.commits()), (first..=version).collect::<Vec<_>>());
                        plan = segment.fallback();
                    }
                }
                (Err(error), None) => prop_assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt)),
                (found, expected) => prop_assert!(false, "{found:?} instead of {expected:?}"),
            }
        }
        let ranges = reachable(&files);
        let found: BTreeSet<u64> = ranges.iter().flat_map(|range| range.start().0..=range.end().0).collect();
        let expected: BTreeSet<u64> = (0..16).filter(|version| naive_base(&log, *version).is_some()).collect();
        prop_assert_eq!(found, expected);
        prop_assert!(ranges.windows(2).all(|pair| pair[0].end().next() < *pair[1].start()));
    }
}

fn compacted(start: u64, end: u64) -> String {
    format!("{start:020}.{end:020}.compacted.json")
}

/// `3` for a commit, `3-5` for a compaction.
fn steps_of(names: &[Vec<String>], target: Option<u64>) -> Vec<String> {
    let text = |step: Step| match step {
        Step::Commit(version) => version.to_string(),
        Step::Compacted(file) => format!("{}-{}", file.start, file.end),
    };
    planned(names, target).unwrap().steps().into_iter().map(text).collect()
}

#[test]
fn log_compaction_files_stand_for_the_commits_that_they_cover_in_full() {
    let log = |more: &[String]| [commits(0..10), more.to_vec()];
    assert_eq!(steps_of(&log(&[compacted(2, 4)]), None), ["0", "1", "2-4", "5", "6", "7", "8", "9"]);
    assert_eq!(steps_of(&log(&[compacted(0, 4), compacted(0, 8), compacted(3, 9)]), None), ["0-8", "9"]);
    assert_eq!(steps_of(&log(&[compacted(0, 4), compacted(5, 9)]), None), ["0-4", "5-9"]);
    assert_eq!(steps_of(&log(&[compacted(0, 4), compacted(5, 9)]), Some(6)), ["0-4", "5", "6"], "not past the target");
    assert_eq!(steps_of(&log(&[compacted(7, 12)]), None), (0..10).map(|v| v.to_string()).collect::<Vec<_>>());
    let after = log(&[classic(4), compacted(3, 7), compacted(5, 6)]);
    assert_eq!(steps_of(&after, None), ["5-6", "7", "8", "9"], "none that reaches below the checkpoint");
    let history = planned(&log(&[compacted(0, 9)]), None).unwrap();
    assert_eq!(versions_of(history.history()), (0..10).collect::<Vec<_>>(), "history reads the commits");
}

#[test]
fn a_log_compaction_file_does_not_bridge_a_gap() {
    let (kind, text) = error(&[commits([0, 1, 3, 4]), vec![compacted(0, 4)]], None);
    assert_eq!(kind, ErrorKind::Corrupt);
    assert!(text.contains("version 2"), "{text}");
}
