//! Deletes and rearrangements of the same files, both ways: what exactly is committed, and when it isn't.

use super::*;

fn accepted(ours: &Transaction, winner: &Commit) -> Transaction {
    let verdict = resolved(ours, winner);
    let Verdict::Accept(rebase) = verdict else { panic!("{verdict:?}") };
    rebased(ours, &rebase)
}

#[track_caller]
fn decides(ours: &Transaction, winner: &Commit, expected: char) {
    let verdict = resolved(ours, winner);
    assert_eq!(letter(&verdict), expected, "{verdict:?}");
}

/// What happens to each file: the vector that it had, where it is removed, and the one that it has, where it is added.
fn touched(transaction: &Transaction) -> Vec<(String, String)> {
    let rows = |descriptor: &Option<DeletionVectorDescriptor>| match descriptor {
        Some(descriptor) => {
            let vector = crate::dv::DecodedVectors::default().find(descriptor).unwrap().into_owned();
            vector.iter().map(|row| row.to_string()).collect::<Vec<_>>().join(" ")
        }
        None => "whole".to_owned(),
    };
    let mut touched: Vec<(String, String)> = Vec::new();
    for action in transaction.actions() {
        match action {
            Action::Remove(remove) => touched.push((format!("-{}", remove.path), rows(&remove.deletion_vector))),
            Action::Add(add) => touched.push((format!("+{}", add.path), rows(&add.deletion_vector))),
            other => panic!("{other:?}"),
        }
    }
    touched
}

fn as_written<const N: usize>(expected: [(&str, &str); N]) -> Vec<(String, String)> {
    expected.map(|(file, rows)| (file.to_owned(), rows.to_owned())).into()
}

fn compaction_of(files: &[Add], to: (&str, u64)) -> Commit {
    let removes = files.iter().map(moved).collect();
    let made = rearranged(file_of(to.1, to.0, "a", (1, 8)));
    let commit = Commit { version: Version(1), removes, adds: vec![made], ..Commit::default() };
    telling(commit, &[moves(files, to)])
}

#[test]
fn a_deleted_row_is_deleted_where_it_is() {
    let after = accepted(&ours::delete_by_vector(), &winners::compaction());
    assert_eq!(touched(&after), as_written([("-theirs", "whole"), ("+theirs", "1")]));
    assert!(after.adds().all(|add| add.data_change) && after.removes().all(|remove| remove.data_change));
    let stats = after.adds().next().unwrap().stats.clone().unwrap();
    assert!(stats.contains(r#""numRecords":7"#) && stats.ends_with(r#""tightBounds":false}"#), "{stats}");
    let reads = after.reads.unwrap();
    assert_eq!(reads.rows_of("theirs"), Some(&RowsRead::Only(vector(&[1]))));
    assert!(!reads.names("f1"));
    assert_eq!(reads.predicates(), ours::delete_by_vector().reads.unwrap().predicates());
}

/// Row 1 of `f2` stands behind the four of `f1`; its row 3 went nowhere, and isn't deleted twice.
#[test]
fn rows_are_counted_without_those_that_a_vector_had_deleted() {
    let after = accepted(&ours::delete_by_larger_vector(), &winners::compaction());
    assert_eq!(touched(&after), as_written([("-theirs", "whole"), ("+theirs", "5")]));
    let dropped_first = with_vector(file("f2", "a", (5, 8)), &[0]);
    let table = Commit { version: Version::ZERO, adds: vec![f1(), dropped_first.clone(), f3()], ..table_commit() };
    let before = Snapshot::follow(None, &[table]).unwrap();
    let mut delete = Transaction::new(Kind::Delete, "DELETE");
    delete.extend([Action::Remove(removed(&dropped_first)), Action::Add(with_vector(dropped_first.clone(), &[0, 2]))]);
    delete.reads = Some(Reads::nothing());
    let winner = compaction_of(&[dropped_first, f1()], ("theirs", 7));
    let verdict = resolve(&delete, &Winner { commit: &winner, before: &before, known: &Known::default() });
    let Verdict::Accept(rebase) = verdict else { panic!("{verdict:?}") };
    assert_eq!(touched(&rebased(&delete, &rebase)), as_written([("-theirs", "whole"), ("+theirs", "1")]));
}

fn table_commit() -> Commit {
    Commit { protocol: Some(protocol()), metadata: Some(metadata()), ..Commit::default() }
}

#[test]
fn a_file_that_is_deleted_whole_is_a_vector_or_a_whole_file_where_its_rows_are() {
    let after = accepted(&ours::delete_of_whole_file(), &winners::compaction());
    assert_eq!(touched(&after), as_written([("-theirs", "whole"), ("+theirs", "0 1 2 3")]));
    let alone = compaction_of(&[f1()], ("theirs", 4));
    let after = accepted(&ours::delete_of_whole_file(), &alone);
    assert_eq!(touched(&after), as_written([("-theirs", "whole")]));
}

#[test]
fn a_rewrite_replaces_its_rows_where_they_are() {
    let after = accepted(&ours::delete_by_rewrite(), &winners::compaction());
    assert_eq!(touched(&after), as_written([("+ours", "whole"), ("-theirs", "whole"), ("+theirs", "0 1 2 3")]));
}

#[test]
fn rows_of_one_file_may_be_in_several() {
    let made = [("x", 2), ("y", 5)];
    let moves = Moves {
        to: made.map(|(path, num_records)| MovedTo { path: path.into(), num_records }).into(),
        ..moves(&[f1(), f2()], ("", 0))
    };
    let adds = made.map(|(path, rows)| rearranged(file_of(rows, path, "a", (1, 8)))).into();
    let winner = Commit { adds, ..winners::compaction_by_strangers() };
    let after = accepted(&ours::delete_of_whole_file(), &telling(winner, &[moves]));
    assert_eq!(touched(&after), as_written([("-x", "whole"), ("-y", "whole"), ("+y", "0 1")]));
}

/// What a MERGE matched and left has to be there still after the next winner, too.
#[test]
fn what_was_only_looked_at_is_followed_as_well() {
    let after = accepted(&ours::merge(), &winners::compaction());
    assert_eq!(after.reads.as_ref().unwrap().rows_of("theirs"), Some(&RowsRead::Only(vector(&[1, 2]))));
    let made = winners::compaction().adds.remove(0);
    let next = |rows: &[u64]| {
        let adds = vec![with_vector(made.clone(), rows)];
        Commit { version: Version(2), removes: vec![removed(&made)], adds, ..Commit::default() }
    };
    decides(&after, &next(&[0]), 'u');
    decides(&after, &next(&[1]), 'R');
    decides(&after, &next(&[2]), 'R');
    let read = accepted(&ours::append_of_what_was_read(), &winners::compaction());
    assert_eq!(touched(&read), as_written([("+ours", "whole")]));
    decides(&read, &next(&[4]), '+');
    decides(&read, &next(&[3]), 'R');
}

#[test]
fn who_read_every_file_has_read_what_the_rows_are_in() {
    let mut append = ours::append();
    append.reads = Some(Reads::table());
    decides(&append, &winners::compaction(), '+');
    decides(&append, &winners::compaction_by_strangers(), '+');
    let mut delete = ours::delete_by_vector();
    delete.reads = Some(Reads::table());
    let after = accepted(&delete, &winners::compaction());
    assert_eq!(after.reads, Some(Reads::table()));
}

/// What is said must be what was done.
#[test]
fn a_map_that_is_not_of_the_commit_is_not_followed() {
    let ours = ours::delete_by_vector();
    let good = moves(&[f1(), f2()], ("theirs", 7));
    let with = |moves: &[Moves]| telling(winners::compaction_by_strangers(), moves);
    decides(&ours, &with(std::slice::from_ref(&good)), 'f');
    decides(&ours, &with(&[]), 'M');
    decides(&ours, &with(&[moves(&[f1(), f2()], ("theirs", 8))]), 'M');
    decides(&ours, &with(&[moves(&[f1(), f2()], ("other", 7))]), 'M');
    decides(&ours, &with(&[moves(&[f2(), f3()], ("theirs", 7))]), 'M');
    decides(&ours, &with(&[good.clone(), good.clone()]), 'M');
    let mut uncounted = with(std::slice::from_ref(&good));
    uncounted.adds[0].stats = None;
    decides(&ours, &uncounted, 'M');
    // Its vector, when it was read, held what is live.
    let mut dropped = good;
    dropped.from[0].deletion_vector = Some(descriptor(&[0]));
    dropped.from[0].num_records = 5;
    decides(&ours, &with(&[dropped]), 'M');
    let mut unread = winners::compaction();
    unread.commit_info.as_mut().unwrap().tags.as_mut().unwrap().insert(MOVES_TAG.into(), Some("{".into()));
    decides(&ours, &unread, 'M');
}

/// A copy-on-write table's files get no vectors.
#[test]
fn nothing_gets_a_vector_where_the_table_has_none() {
    let metadata = Metadata { configuration: [].into(), ..metadata() };
    let commit = Commit { metadata: Some(metadata), adds: vec![f1(), f2(), f3()], ..table_commit() };
    let before = Snapshot::follow(None, &[commit]).unwrap();
    let after = |ours: &Transaction, commit: &Commit| {
        letter(&resolve(ours, &Winner { commit, before: &before, known: &Known::default() }))
    };
    assert_eq!(after(&ours::delete_by_rewrite(), &winners::compaction()), 'M');
    assert_eq!(after(&ours::delete_of_whole_file(), &winners::compaction()), 'M');
    assert_eq!(after(&ours::append_of_what_was_read(), &winners::compaction()), 'f');
    assert_eq!(after(&ours::compaction(), &winners::delete_by_rewrite()), 'G');
    assert_eq!(after(&ours::compaction(), &winners::delete_of_another_row()), 'C');
}

#[test]
fn rows_deleted_meanwhile_are_deleted_of_what_a_compaction_made() {
    let after = accepted(&ours::compaction(), &winners::delete_of_another_row());
    assert_eq!(touched(&after), as_written([("-f1", "3"), ("-f2", "3"), ("+ours", "3")]));
    assert!(after.adds().all(|add| !add.data_change) && after.removes().all(|remove| !remove.data_change));
    assert_eq!(after.moves, ours::compaction().moves, "by the vectors that were read");
    let stats = after.adds().next().unwrap().stats.clone().unwrap();
    assert!(stats.contains(r#""numRecords":7"#) && stats.ends_with(r#""tightBounds":false}"#), "{stats}");
    // The next one begins where the first one left it.
    let live = with_vector(f1(), &[3]);
    let adds = vec![with_vector(f1(), &[0, 3])];
    let next = Commit { version: Version(2), removes: vec![removed(&live)], adds, ..Commit::default() };
    let after = accepted(&after, &next);
    assert_eq!(touched(&after), as_written([("-f1", "0 3"), ("-f2", "3"), ("+ours", "0 3")]));
    // And so does one that goes on from what was there at first.
    let next = Commit { version: Version(3), ..winners::delete_by_larger_vector() };
    let after = accepted(&after, &next);
    assert_eq!(touched(&after), as_written([("-f1", "0 3"), ("-f2", "0 3"), ("+ours", "0 3 4")]));
    decides(&after, &winners::delete_of_another_row(), 'C');
}

#[test]
fn a_file_that_is_gone_is_deleted_of_what_a_compaction_made() {
    let rows: Vec<Remove> = vec![removed(&f1())];
    let deleted = Commit { version: Version(1), removes: rows, ..Commit::default() };
    for winner in [&deleted, &winners::delete_by_rewrite()] {
        let after = accepted(&ours::compaction(), winner);
        assert_eq!(touched(&after), as_written([("-f2", "3"), ("+ours", "0 1 2 3")]));
    }
    // Nothing would be left of it.
    decides(&ours::purge(), &Commit { removes: vec![removed(&f2())], ..deleted }, 'G');
}

#[test]
fn what_a_compaction_cannot_carry_stands_in_its_way() {
    let ours = ours::compaction();
    decides(&ours, &winners::restore_of_rows(), 'B');
    decides(&ours, &winners::restamp(), 'C');
    let replacing = |before: Add, after: Add| Commit {
        version: Version(1),
        removes: vec![removed(&before)],
        adds: vec![after],
        ..Commit::default()
    };
    decides(&ours, &replacing(f1(), with_vector(f1(), &[3])), 'c');
    // The same vector again; another size; another number of rows; another base.
    decides(&ours, &replacing(f1(), f1()), 'C');
    decides(&ours, &replacing(f1(), Add { size: 101, ..with_vector(f1(), &[3]) }), 'C');
    decides(&ours, &replacing(f1(), with_vector(file_of(5, "f1", "a", (1, 4)), &[3])), 'N');
    decides(&ours, &replacing(with_vector(f1(), &[2]), with_vector(f1(), &[2, 3])), 'C');
    let mut silent = ours;
    silent.moves = Vec::new();
    decides(&silent, &replacing(f1(), with_vector(f1(), &[3])), 'C');
}

/// A delete that meets a compaction which has met another delete.
#[test]
fn a_delete_follows_a_compaction_that_followed_a_delete() {
    let first = winners::delete_of_another_row();
    let compaction = committed(&accepted(&ours::compaction(), &first), 2);
    let ours = accepted(&ours::delete_by_vector(), &first);
    assert_eq!(touched(&ours), as_written([("-f1", "3"), ("+f1", "1 3")]));
    let after = accepted(&ours, &compaction);
    assert_eq!(touched(&after), as_written([("-ours", "3"), ("+ours", "1 3")]));
    // A delete of the row that the first one deleted was refused before.
    decides(&ours::delete_of_whole_file(), &first, 'C');
}

#[test]
fn vectors_that_decide_where_rows_went_are_asked_for() {
    let in_file = |offset: i32| DeletionVectorDescriptor {
        storage_type: "u".into(),
        path_or_inline_dv: "ab^-aqEH.-t@S}K{vb[*k^".into(),
        offset: Some(offset),
        size_in_bytes: 40,
        cardinality: 1,
    };
    let with = |at: i32| Add { deletion_vector: Some(in_file(at)), ..f1() };
    let mut delete = Transaction::new(Kind::Delete, "DELETE");
    delete.reads = Some(Reads::nothing());
    delete.extend([Action::Remove(removed(&with(1))), Action::Add(with(50))]);
    let winner = compaction_of(&[with(1), f2()], ("theirs", 6));
    let unread = |ours: &Transaction, winner: &Commit| match resolved(ours, winner) {
        Verdict::Reject(Why::Unread { vectors }) => vectors.iter().map(|vector| vector.offset.unwrap()).collect(),
        other => panic!("{other:?}"),
    };
    let offsets: Vec<i32> = unread(&delete, &winner);
    assert_eq!(offsets, [1, 50]);
    let mut known = Known::default();
    known.vectors.insert(&in_file(1), vector(&[0]));
    known.vectors.insert(&in_file(50), vector(&[0, 2]));
    let verdict = resolve(&delete, &Winner { commit: &winner, before: &table(), known: &known });
    let Verdict::Accept(rebase) = verdict else { panic!("{verdict:?}") };
    assert_eq!(touched(&rebased(&delete, &rebase)), as_written([("-theirs", "whole"), ("+theirs", "1")]));
}

#[test]
fn files_that_are_removed_are_counted_anew() {
    let counted = |mut ours: Transaction, winner: &Commit| {
        let removed = ours.removes().count() - ours.adds().filter(|add| add.path.starts_with('f')).count();
        ours.metrics = [("numRemovedFiles".to_owned(), serde_json::Value::String(removed.to_string()))].into();
        let metrics = accepted(&ours, winner).metrics;
        (removed, metrics["numRemovedFiles"].as_str().unwrap().parse::<usize>().unwrap())
    };
    assert_eq!(counted(ours::overwrite(), &winners::compaction()), (3, 2));
    assert_eq!(counted(ours::delete_of_whole_file(), &winners::compaction()), (1, 0));
    assert_eq!(counted(ours::delete_by_vector(), &winners::compaction()), (0, 0));
    assert_eq!(counted(ours::compaction(), &winners::delete_by_rewrite()), (2, 1));
}
