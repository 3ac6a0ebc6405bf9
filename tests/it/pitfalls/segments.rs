//! Is the log believed, and not the hint (L4, L5, L13)?

use std::fs;

use lakebed_txlog::ErrorKind;
use lakebed_txlog::segment::{LastCheckpointHint, plan, reachable};
use lakebed_txlog::version::Version;

use super::corpus::{Case, cases};

fn hint(case: &Case) -> Option<LastCheckpointHint> {
    LastCheckpointHint::parse(&fs::read(case.table().join("_delta_log/_last_checkpoint")).ok()?)
}

#[test]
fn l5_every_log_plans_to_the_version_that_other_engines_open() {
    let mut planned = 0;
    for case in cases("l5").iter().filter(|case| ["rows", "snapshot"].contains(&case.about.expect.as_str())) {
        let files = case.listing();
        let segment = plan(&files, hint(case).as_ref(), None).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert_eq!(Some(segment.version().0), case.about.expected_version, "{}", case.name);
        for version in case.about.time_travel.keys() {
            let version: u64 = version.parse().unwrap();
            let segment = plan(&files, None, Some(Version(version))).unwrap_or_else(|e| panic!("{}: {e}", case.name));
            assert_eq!(segment.version().0, version, "{}", case.name);
        }
        planned += 1;
    }
    assert!(planned == 0 || planned > 380, "only {planned} logs");
}

#[test]
fn l5_a_gap_is_an_error_that_names_the_missing_version() {
    for case in cases("l5").iter().filter(|case| case.about.error_kind.as_deref() == Some("non_contiguous_log")) {
        let error = plan(&case.listing(), hint(case).as_ref(), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", case.name);
        assert!(error.message().contains("gap"), "{}: {error}", case.name);
    }
}

#[test]
fn a_folder_that_is_no_table_is_not_found() {
    for case in cases("l5").iter().filter(|case| case.about.error_kind.as_deref() == Some("not_a_delta_table")) {
        assert_eq!(plan(&case.listing(), None, None).unwrap_err().kind(), ErrorKind::NotFound, "{}", case.name);
    }
}

#[test]
fn l1_versions_that_log_cleanup_removed_are_not_found_and_the_error_says_which_are_left() {
    for case in cases("l1") {
        let files = case.listing();
        let left = reachable(&files);
        for version in case.about.unreachable_versions_checked.iter().copied().map(Version) {
            // The log may still be there where only data files are gone.
            if left.iter().any(|range| range.contains(&version)) {
                continue;
            }
            let error = plan(&files, None, Some(version)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{}: {error}", case.name);
            assert!(error.what_to_do().unwrap().contains("the table has version"), "{}: {error}", case.name);
        }
    }
}

#[test]
fn l13_a_hint_that_points_to_nothing_or_lies_changes_no_plan() {
    for case in cases("l13").iter().filter(|case| case.about.expect == "rows") {
        let files = case.listing();
        let honest = plan(&files, None, None).unwrap();
        for version in [0, 1, 7, 10_000] {
            let lie = LastCheckpointHint { parts: Some(3), ..LastCheckpointHint::new(Version(version), 5) };
            let plan = plan(&files, Some(&lie), None).unwrap();
            assert_eq!((plan.version(), plan.commits()), (honest.version(), honest.commits()), "{}", case.name);
        }
    }
}

#[test]
fn l4_every_fallback_ends_in_the_same_version() {
    for case in cases("l4").iter().filter(|case| case.about.expect == "rows") {
        let first = plan(&case.listing(), None, None).unwrap();
        let mut next = first.fallback();
        while let Some(fallback) = next {
            let base = fallback.checkpoint().map(|checkpoint| checkpoint.version);
            assert_eq!(fallback.version(), first.version());
            let expected = base.map_or(0, |version| version.0 + 1)..=first.version().0;
            assert!(fallback.commits().iter().map(|commit| commit.version.0).eq(expected), "{}", case.name);
            next = fallback.fallback();
        }
    }
}
