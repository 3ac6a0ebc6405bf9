//! Commits of every kind that may come in between.

use super::*;

fn commit(removes: Vec<Remove>, adds: Vec<Add>) -> Commit {
    Commit { version: Version(1), removes, adds, size_in_bytes: 1, ..Commit::default() }
}

fn setting(metadata: Metadata) -> Commit {
    Commit { metadata: Some(metadata), ..commit(vec![], vec![]) }
}

/// As a blind append says of itself.
fn blind(add: Add) -> Commit {
    let info = CommitInfo { is_blind_append: Some(true), ..CommitInfo::default() };
    Commit { commit_info: Some(info), ..commit(vec![], vec![add]) }
}

fn vector_of(file: &Add, rows: &[u64]) -> Commit {
    commit(vec![removed(file)], vec![with_vector(file.clone(), rows)])
}

fn and(mut commit: Commit, add: Add) -> Commit {
    commit.adds.push(add);
    commit
}

pub(super) fn with_column() -> Metadata {
    let mut schema = schema();
    schema.fields_mut().push(StructField::nullable("new", DataType::DATE));
    Metadata { schema_string: schema.to_json(), ..metadata() }
}

fn with_wider_type() -> Metadata {
    let mut schema = schema();
    schema.fields_mut()[0].data_type = DataType::LONG;
    Metadata { schema_string: schema.to_json(), ..metadata() }
}

pub(super) fn with_constraint() -> Metadata {
    Metadata { configuration: [("delta.constraints.c".to_owned(), "k > 0".to_owned())].into(), ..metadata() }
}

pub(super) fn other_protocol() -> Protocol {
    let mut protocol = protocol();
    protocol.writer_features.as_mut().unwrap().push("appendOnly".into());
    protocol
}

pub(super) fn fence() -> Commit {
    commit(vec![], vec![])
}

pub(super) fn append_elsewhere() -> Commit {
    blind(file("theirs", "b", (9, 9)))
}

pub(super) fn append_that_may_match() -> Commit {
    blind(file("theirs", "a", (1, 4)))
}

pub(super) fn append_without_statistics() -> Commit {
    blind(Add { stats: None, ..file("theirs", "a", (0, 0)) })
}

pub(super) fn delete_of_another_row() -> Commit {
    vector_of(&f1(), &[3])
}

pub(super) fn delete_of_the_same_row() -> Commit {
    vector_of(&f1(), &[1])
}

pub(super) fn delete_of_a_row_looked_at() -> Commit {
    vector_of(&f1(), &[2])
}

pub(super) fn delete_by_larger_vector() -> Commit {
    vector_of(&f2(), &[0, 3])
}

pub(super) fn delete_elsewhere() -> Commit {
    vector_of(&f3(), &[0])
}

pub(super) fn update_of_another_row() -> Commit {
    and(delete_of_another_row(), file("theirs", "a", (9, 9)))
}

pub(super) fn update_that_may_match() -> Commit {
    and(delete_elsewhere(), file("theirs", "a", (2, 2)))
}

pub(super) fn delete_by_rewrite() -> Commit {
    commit(vec![removed(&f1())], vec![file("theirs", "a", (1, 4))])
}

pub(super) fn overwrite() -> Commit {
    let removes = [f1(), f2(), f3()].iter().map(removed).collect();
    commit(removes, vec![file("theirs", "a", (2, 2))])
}

pub(super) fn overwrite_elsewhere() -> Commit {
    commit(vec![removed(&f3())], vec![file("theirs", "b", (2, 2))])
}

pub(super) fn restore_of_rows() -> Commit {
    commit(vec![removed(&f2())], vec![file("f2", "a", (5, 8))])
}

pub(super) fn compaction() -> Commit {
    telling(compaction_by_strangers(), &[moves(&[f1(), f2()], ("theirs", 7))])
}

pub(super) fn compaction_by_strangers() -> Commit {
    commit(vec![moved(&f1()), moved(&f2())], vec![rearranged(file_of(7, "theirs", "a", (1, 8)))])
}

pub(super) fn compaction_elsewhere() -> Commit {
    commit(vec![moved(&f3())], vec![rearranged(file("theirs", "b", (1, 4)))])
}

pub(super) fn restamp() -> Commit {
    commit(vec![], vec![rearranged(f1())])
}

pub(super) fn restamp_elsewhere() -> Commit {
    commit(vec![], vec![rearranged(f3())])
}

pub(super) fn new_column() -> Commit {
    setting(with_column())
}

pub(super) fn wider_type() -> Commit {
    setting(with_wider_type())
}

pub(super) fn constraint() -> Commit {
    setting(with_constraint())
}

pub(super) fn protocol_change() -> Commit {
    Commit { protocol: Some(other_protocol()), ..commit(vec![], vec![]) }
}
