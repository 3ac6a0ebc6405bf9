//! Does the history checker find what it is there to find? Histories made by hand, each wrong in one way.

use std::collections::BTreeSet;
use std::time::Duration;

use lakebed_tests::sim::history::{Anomaly, Edge, Operation, Read, Told, anomalies};
use lakebed_txlog::transaction::Isolation;

/// An operation that is a version, told so.
fn at(version: u64) -> Operation {
    Operation {
        version: Some(version),
        told: Told::Committed(version),
        began: Duration::from_secs(version),
        ended: Some(Duration::from_secs(version + 100)),
        ..Operation::default()
    }
}

fn saw(at: u64, key: u8, rows: &[u64]) -> Option<Read> {
    Some(Read { keys: Some(BTreeSet::from([key])), at, seen: rows.iter().copied().collect() })
}

fn insert(version: u64, row: u64) -> Operation {
    Operation { inserts: vec![(row, 1)], is_blind: true, ..at(version) }
}

#[test]
fn what_makes_sense_is_passed() {
    let delete = Operation { read: saw(2, 1, &[1, 2]), deletes: vec![1, 2], ..at(3) };
    let read = Operation { read: saw(3, 1, &[]), told: Told::Nothing, ..Operation::default() };
    assert_eq!(anomalies(&[insert(1, 1), insert(2, 2), delete, read]), []);
}

#[test]
fn a_row_that_two_commits_insert_is_found() {
    assert_eq!(anomalies(&[insert(1, 1), insert(2, 1)]), [Anomaly::InsertedTwice(1)]);
}

#[test]
fn a_row_that_two_commits_delete_is_found() {
    let delete = |version| Operation { deletes: vec![1], ..at(version) };
    assert!(anomalies(&[insert(1, 1), delete(2), delete(3)]).contains(&Anomaly::DeletedTwice(1)));
}

#[test]
fn a_row_that_is_deleted_before_it_is_inserted_is_found() {
    let delete = Operation { deletes: vec![1], ..at(1) };
    assert!(anomalies(&[insert(2, 1), delete]).contains(&Anomaly::DeletedUnborn(1)));
}

#[test]
fn a_row_that_was_lost_is_found() {
    let read = Operation { read: saw(1, 1, &[]), told: Told::Nothing, ..Operation::default() };
    assert_eq!(anomalies(&[insert(1, 1), read]), [Anomaly::Missed(1, 1)]);
}

#[test]
fn a_row_that_came_back_is_found() {
    let delete = Operation { read: saw(1, 1, &[1]), deletes: vec![1], ..at(2) };
    let read = Operation { read: saw(2, 1, &[1]), told: Told::Nothing, ..Operation::default() };
    assert_eq!(anomalies(&[insert(1, 1), delete, read]), [Anomaly::Ghost(2, 1)]);
}

#[test]
fn a_row_of_a_version_to_come_is_found() {
    let read = Operation { read: saw(0, 1, &[1]), told: Told::Nothing, ..Operation::default() };
    assert_eq!(anomalies(&[insert(1, 1), read]), [Anomaly::Ghost(1, 1)]);
}

/// Write skew: each looks for what the other inserts, and finds nothing.
fn skew(isolation: Isolation) -> [Operation; 2] {
    let one = Operation { read: saw(0, 2, &[]), inserts: vec![(1, 1)], isolation, ..at(1) };
    let other = Operation { read: saw(0, 1, &[]), inserts: vec![(2, 2)], isolation, ..at(2) };
    [one, other]
}

#[test]
fn two_that_each_missed_the_other_are_found_at_either_level() {
    for isolation in [Isolation::Serializable, Isolation::WriteSerializable] {
        let found = anomalies(&skew(isolation));
        let Some(Anomaly::Cycle(cycle)) = found.first() else { panic!("{found:?}") };
        let mut cycle = cycle.clone();
        cycle.sort_unstable();
        assert_eq!(cycle, [(0, Edge::ReadWrite), (1, Edge::ReadWrite)]);
    }
}

/// A delete that read version 1, an append of such a row at version 2, the delete's commit at version 3; and a reader of
/// version 2, which saw the appended row and the one that the delete takes away.
fn skipped(isolation: Isolation, is_blind: bool) -> [Operation; 4] {
    let delete = Operation { read: saw(1, 1, &[1]), deletes: vec![1], isolation, ..at(3) };
    let append = Operation { is_blind, ..insert(2, 2) };
    let read = Operation { read: saw(2, 1, &[1, 2]), told: Told::Nothing, ..Operation::default() };
    [insert(1, 1), append, delete, read]
}

#[test]
fn a_blind_append_may_be_missed_where_that_is_asked_for() {
    assert_eq!(anomalies(&skipped(Isolation::WriteSerializable, true)), []);
}

#[test]
fn a_blind_append_may_not_be_missed_elsewhere_nor_anything_else() {
    for (isolation, is_blind) in [(Isolation::Serializable, true), (Isolation::WriteSerializable, false)] {
        let found = anomalies(&skipped(isolation, is_blind));
        assert!(matches!(found.as_slice(), [Anomaly::Cycle(cycle)] if cycle.len() == 3), "{found:?}");
    }
}

#[test]
fn who_is_acknowledged_comes_before_who_begins_after() {
    // The later one read what was there before the earlier one was acknowledged.
    let first = Operation { ended: Some(Duration::from_secs(2)), is_blind: false, ..insert(1, 1) };
    let later = Operation { read: saw(0, 1, &[]), inserts: vec![(9, 9)], began: Duration::from_secs(5), ..at(2) };
    let found = anomalies(&[first, later]);
    let Some(Anomaly::Cycle(cycle)) = found.first() else { panic!("{found:?}") };
    assert!(cycle.contains(&(0, Edge::Time)) || cycle.contains(&(1, Edge::Time)), "{cycle:?}");
}

#[test]
fn what_is_not_in_the_log_and_was_not_told_counts_for_nothing() {
    let lost = Operation { version: None, told: Told::Unknown, read: saw(1, 1, &[]), inserts: vec![(7, 7)], ..at(0) };
    assert_eq!(anomalies(&[insert(1, 1), lost]), []);
}
