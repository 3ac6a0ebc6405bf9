//! What the matrix doesn't show: the rules one by one, at their borders.

use super::*;
use crate::conflict::touched::Theirs;

/// A descriptor of a vector that stands in a file.
fn in_file(offset: i32, cardinality: i64) -> DeletionVectorDescriptor {
    DeletionVectorDescriptor {
        storage_type: "u".into(),
        path_or_inline_dv: "ab^-aqEH.-t@S}K{vb[*k^".into(),
        offset: Some(offset),
        size_in_bytes: 40,
        cardinality,
    }
}

fn with(add: Add, descriptor: DeletionVectorDescriptor) -> Add {
    Add { deletion_vector: Some(descriptor), ..add }
}

/// A delete of row 1 of a file whose vector deletes row 0 already.
fn delete_on(before: &Add, after: Add) -> Transaction {
    let mut transaction = Transaction::new(Kind::Delete, "DELETE");
    let mut reads = Reads::nothing().matching(Predicate::eq(column("k"), 2));
    reads.depend_on(before.path.clone(), RowsRead::Only(vector(&[1])));
    transaction.reads = Some(reads);
    transaction.extend([Action::Remove(removed(before)), Action::Add(after)]);
    transaction
}

fn replacing(before: &Add, after: Add) -> Commit {
    Commit { version: Version(1), removes: vec![removed(before)], adds: vec![after], ..Commit::default() }
}

#[track_caller]
fn decides(ours: &Transaction, winner: &Commit, expected: char) {
    let verdict = resolved(ours, winner);
    assert_eq!(letter(&verdict), expected, "{verdict:?}");
}

/// Pitfall C18: A lands 5..8, B computed 5..10 on top of 4.
#[test]
fn c18_txn_is_compare_and_set_on_the_base_that_was_read() {
    let mut transaction = ours::append();
    transaction.txns.push(TxnUpdate { app_id: "p".into(), version: 10, base: Some(4) });
    let after = |version| {
        let mut commit = winners::append_elsewhere();
        commit.txns.push(Txn { app_id: "p".into(), version, last_updated: None });
        resolved(&transaction, &commit)
    };
    assert_eq!(after(10), Verdict::AlreadyApplied { app_id: "p".into(), version: 10 });
    assert_eq!(after(11), Verdict::AlreadyApplied { app_id: "p".into(), version: 11 });
    assert!(matches!(after(8), Verdict::Reject(Why::TxnMoved { found: 8, .. })));
    assert!(matches!(after(3), Verdict::Reject(Why::TxnMoved { found: 3, .. })));
    assert_eq!(after(4), Verdict::Accept(Rebase::default()));
}

#[test]
fn what_was_applied_already_is_so_whatever_else_the_winner_did() {
    let mut transaction = ours::append();
    transaction.txns.push(TxnUpdate { app_id: "p".into(), version: 10, base: Some(4) });
    for mut commit in [winners::fence(), winners::constraint(), winners::protocol_change()] {
        commit.txns.push(Txn { app_id: "p".into(), version: 10, last_updated: None });
        decides(&transaction, &commit, '=');
    }
}

#[test]
fn two_changes_of_one_domain_conflict_even_beside_nothing_else() {
    let domain = |name: &str| DomainMetadata { domain: name.into(), ..DomainMetadata::default() };
    let mut transaction = ours::append();
    transaction.push(Action::DomainMetadata(domain("a")));
    for mut commit in [winners::append_elsewhere(), winners::fence()] {
        commit.domains.push(domain("b"));
        decides(&transaction, &commit, '+');
        commit.domains.push(domain("a"));
        assert_eq!(resolved(&transaction, &commit), Verdict::Reject(Why::Domain("a".into())));
    }
}

#[test]
fn nothing_comes_in_between_where_applications_are_set_back() {
    let mut restore = ours::restore();
    restore.rewinds.push(Txn { app_id: "p".into(), version: 3, last_updated: None });
    decides(&restore, &winners::fence(), '+');
    decides(&restore, &winners::new_column(), 'W');
    let mut moved_on = winners::fence();
    moved_on.txns.push(Txn { app_id: "q".into(), version: 9, last_updated: None });
    decides(&restore, &moved_on, '+');
    moved_on.txns.push(Txn { app_id: "p".into(), version: 9, last_updated: None });
    decides(&restore, &moved_on, 'W');
}

/// Pitfall C8, and a lying flag: what a commit did is told by its actions.
#[test]
fn c8_a_blind_append_is_one_by_its_actions_and_by_what_it_says() {
    let mut missing = ours::delete_by_vector();
    missing.isolation = Isolation::WriteSerializable;
    decides(&missing, &winners::append_that_may_match(), '+');
    let mut reading = winners::append_that_may_match();
    reading.commit_info = None;
    decides(&missing, &reading, '?');
    let mut lying = winners::update_that_may_match();
    lying.commit_info = winners::append_that_may_match().commit_info;
    decides(&missing, &lying, '?');
    assert_eq!(Kind::of(&lying), Kind::Delete);
    assert!(!Theirs::of(&lying).blind);
}

#[test]
fn an_append_that_removes_or_read_something_is_not_blind() {
    assert!(ours::append().is_blind_append());
    let mut removing = ours::append();
    removing.push(Action::Remove(removed(&f1())));
    assert!(!removing.is_blind_append());
    decides(&removing, &winners::append_elsewhere(), 'K');
    assert!(!ours::append_of_what_was_read().is_blind_append());
}

#[test]
fn what_a_commit_says_of_its_isolation_is_what_it_ran_under() {
    let said = |transaction: &Transaction| {
        let info = committed(transaction, 1).commit_info.unwrap();
        (info.isolation_level.unwrap(), info.is_blind_append.unwrap())
    };
    assert_eq!(said(&ours::append()), ("Serializable".to_owned(), true));
    assert_eq!(said(&ours::compaction()), ("SnapshotIsolation".to_owned(), false));
    let mut delete = ours::delete_by_vector();
    delete.isolation = Isolation::Snapshot;
    assert_eq!(said(&delete), ("Serializable".to_owned(), false));
    delete.isolation = Isolation::WriteSerializable;
    assert_eq!(said(&delete).0, "WriteSerializable");
    let mut with_column = ours::append_with_new_column();
    with_column.isolation = Isolation::WriteSerializable;
    assert_eq!(said(&with_column).0, "Serializable");
}

/// An OPTIMIZE of what a condition chooses.
#[test]
fn a_rearrangement_may_miss_what_it_would_have_chosen_under_snapshot_alone() {
    let mut chosen = ours::compaction();
    chosen.reads = Some(chosen.reads.unwrap().matching(ours::p_is("a")));
    decides(&chosen, &winners::append_that_may_match(), '+');
    chosen.isolation = Isolation::Serializable;
    decides(&chosen, &winners::append_that_may_match(), '?');
}

#[test]
fn a_file_that_was_read_and_holds_no_match_is_no_phantom() {
    let (ours, winner) = (ours::delete_by_vector(), winners::append_that_may_match());
    assert_eq!(resolved(&ours, &winner), Verdict::Reject(Why::MayMatch { files: vec!["theirs".into()] }));
    let known = Known { without_match: ["theirs".to_owned()].into(), ..Known::default() };
    let verdict = resolve(&ours, &Winner { commit: &winner, before: &table(), known: &known });
    assert_eq!(verdict, Verdict::Accept(Rebase::default()));
}

/// Pitfall C9: the condition counts though nothing matched it.
#[test]
fn c9_a_condition_that_matched_nothing_still_sees_phantoms() {
    let mut transaction = Transaction::new(Kind::Delete, "MERGE");
    transaction.reads = Some(Reads::nothing().matching(ours::k_is(2)));
    decides(&transaction, &winners::append_that_may_match(), '?');
    decides(&transaction, &winners::append_elsewhere(), '+');
    // Pitfall C15.
    transaction.reads = Some(Reads::nothing().matching(Predicate::Unknown));
    decides(&transaction, &winners::append_elsewhere(), '?');
}

#[test]
fn a_partition_value_that_cannot_be_read_may_match() {
    let mut schema = schema();
    schema.fields_mut()[1].data_type = DataType::INTEGER;
    let table = Commit {
        protocol: Some(protocol()),
        metadata: Some(Metadata { schema_string: schema.to_json(), ..metadata() }),
        ..Commit::default()
    };
    let before = Snapshot::follow(None, &[table]).unwrap();
    let mut transaction = Transaction::new(Kind::Delete, "DELETE");
    transaction.reads = Some(Reads::nothing().matching(Predicate::eq(column("p"), 1)));
    let after = |p: &str| {
        let commit = replacing(&f3(), file("theirs", p, (1, 1)));
        letter(&resolve(&transaction, &Winner { commit: &commit, before: &before, known: &Known::default() }))
    };
    assert_eq!([after("1"), after("2"), after("x")], ['?', '+', '?']);
}

#[test]
fn files_of_a_commit_that_changes_the_schema_too_may_match() {
    let mut commit = winners::new_column();
    commit.adds.push(file("theirs", "b", (9, 9)));
    decides(&ours::append(), &commit, '+');
    decides(&ours::delete_by_vector(), &commit, '?');
}

#[test]
fn vectors_that_are_not_at_hand_are_named_and_then_decide() {
    let before = with(f1(), in_file(1, 1));
    let (ours, winners) = (with(f1(), in_file(50, 2)), with(f1(), in_file(100, 2)));
    let (transaction, winner) = (delete_on(&before, ours.clone()), replacing(&before, winners.clone()));
    let Verdict::Reject(Why::Unread { vectors }) = resolved(&transaction, &winner) else { panic!("unread") };
    let offsets: Vec<_> = vectors.iter().map(|vector| vector.offset.unwrap()).collect();
    assert_eq!(offsets, [1, 50, 100]);
    let after = |base: &[u64], mine: &[u64], theirs: &[u64]| {
        let mut known = Known::default();
        for (add, rows) in [(&before, base), (&ours, mine), (&winners, theirs)] {
            known.vectors.insert(add.deletion_vector.as_ref().unwrap(), vector(rows));
        }
        letter(&resolve(&transaction, &Winner { commit: &winner, before: &table(), known: &known }))
    };
    assert_eq!(after(&[0], &[0, 1], &[0, 2]), 'u');
    assert_eq!(after(&[0], &[0, 1], &[0, 1]), 'R');
    assert_eq!(after(&[0], &[0, 1], &[2, 3]), 'B');
    assert_eq!(after(&[0], &[1, 2], &[0, 3]), 'B');
    assert_eq!(after(&[0], &[0, 1], &[0, 9]), 'N');
}

/// What ours has in memory isn't read back.
#[test]
fn own_vectors_that_are_at_hand_are_not_asked_for() {
    let mut transaction = delete_on(&f1(), with(f1(), in_file(50, 1)));
    transaction.vectors.insert(&in_file(50, 1), vector(&[1]));
    let winner = replacing(&f1(), with(f1(), in_file(100, 1)));
    assert_eq!(resolved(&transaction, &winner), Verdict::Reject(Why::Unread { vectors: vec![in_file(100, 1)] }));
}

#[test]
fn only_vectors_of_one_base_and_one_file_are_united() {
    let ours = ours::delete_by_vector();
    decides(&ours, &replacing(&f1(), with_vector(f1(), &[3])), 'u');
    decides(&ours, &replacing(&with_vector(f1(), &[0]), with_vector(f1(), &[0, 3])), 'C');
    decides(&ours, &replacing(&f1(), Add { size: 101, ..with_vector(f1(), &[3]) }), 'C');
    decides(&ours, &replacing(&f1(), f1()), 'C');
    let elsewhere = Add { partition_values: in_partition("b"), ..with_vector(f1(), &[3]) };
    decides(&ours, &replacing(&f1(), elsewhere), 'C');
    // Who doesn't say which rows were needed needed them all.
    let mut all = ours.clone();
    let mut reads = Reads::nothing().matching(ours::k_is(2));
    all.reads = Some(reads.clone());
    decides(&all, &winners::delete_of_another_row(), 'C');
    reads.depend_on("f1", RowsRead::All);
    all.reads = Some(reads);
    decides(&all, &winners::delete_of_another_row(), 'C');
}

#[test]
fn files_whose_row_count_is_unknown_or_disputed_are_not_united() {
    let ours = ours::delete_by_vector();
    let counted =
        |stats: Option<&str>| replacing(&f1(), Add { stats: stats.map(str::to_owned), ..with_vector(f1(), &[3]) });
    decides(&ours, &counted(None), 'u');
    decides(&ours, &counted(Some(r#"{"numRecords":4}"#)), 'u');
    decides(&ours, &counted(Some(r#"{"numRecords":5}"#)), 'N');
    let mut uncounted = Transaction::new(Kind::Delete, "DELETE");
    uncounted.reads = ours.reads.clone();
    uncounted.extend(ours.actions().iter().cloned().map(|action| match action {
        Action::Add(add) => Action::Add(Add { stats: None, ..add }),
        other => other,
    }));
    decides(&uncounted, &counted(None), 'N');
}

/// Remove(P, w) and Add(P, w ∪ c), with what the winner says of the file, and loose bounds.
#[test]
fn a_united_delete_replaces_the_winners_vector_by_both() {
    let winner = replacing(&f1(), Add { modification_time: 99, ..with_vector(f1(), &[3]) });
    let ours = ours::delete_by_vector();
    let Verdict::Accept(rebase) = resolved(&ours, &winner) else { panic!("accepted") };
    let after = rebased(&ours, &rebase);
    let [Action::Remove(remove), Action::Add(add)] = after.actions() else { panic!("{:?}", after.actions()) };
    assert_eq!((remove.deletion_vector.clone(), remove.deletion_timestamp), (Some(descriptor(&[3])), Some(7)));
    assert!(remove.data_change);
    assert_eq!((add.deletion_vector.clone(), add.modification_time), (Some(descriptor(&[1, 3])), 99));
    let stats = add.stats.as_deref().unwrap();
    assert!(stats.contains(r#""numRecords":4"#) && stats.ends_with(r#""tightBounds":false}"#), "{stats}");
    assert!(add.data_change);
    assert_eq!(after.reads, ours.reads);
}

#[test]
fn the_next_winner_meets_what_the_first_one_left() {
    let first = winners::delete_of_another_row();
    let ours = ours::delete_by_vector();
    let Verdict::Accept(rebase) = resolved(&ours, &first) else { panic!("accepted") };
    let ours = rebased(&ours, &rebase);
    let live = with_vector(f1(), &[3]);
    decides(&ours, &replacing(&live, with_vector(f1(), &[2, 3])), 'u');
    decides(&ours, &replacing(&live, with_vector(f1(), &[1, 3])), 'R');
    // From a base that isn't there any more.
    decides(&ours, &replacing(&f1(), with_vector(f1(), &[2])), 'C');
}

#[test]
fn descriptors_that_are_not_of_the_united_vectors_are_a_bug() {
    let ours = ours::delete_by_vector();
    let Verdict::Accept(rebase) = resolved(&ours, &winners::delete_of_another_row()) else { panic!("accepted") };
    for stored in [vec![], vec![descriptor(&[1])], vec![descriptor(&[1, 3]), descriptor(&[1, 3])]] {
        assert_eq!(rebase.apply(&ours, &stored).unwrap_err().kind(), crate::ErrorKind::Bug);
    }
}

#[test]
fn rows_that_come_back_in_a_file_that_ours_did_not_touch_are_phantoms() {
    let mut transaction = Transaction::new(Kind::Delete, "DELETE");
    transaction.reads = Some(Reads::nothing().matching(ours::k_is(8)));
    decides(&transaction, &winners::restore_of_rows(), 'B');
    decides(&transaction, &winners::delete_by_larger_vector(), '+');
    transaction.reads = Some(Reads::nothing().matching(ours::k_is(2)));
    decides(&transaction, &winners::restore_of_rows(), '+');
}

/// Both files of the partition are ours to replace, and only that partition is.
#[test]
fn an_overwrite_of_a_partition_follows_a_compaction_of_many() {
    let ours = ours::overwrite_of_partition();
    let mut both = winners::compaction();
    both.removes.push(moved(&f3()));
    both.adds.push(rearranged(file("theirs-b", "b", (1, 4))));
    let Verdict::Accept(rebase) = resolved(&ours, &both) else { panic!("accepted") };
    let after = rebased(&ours, &rebase);
    let removes: Vec<&str> = after.removes().map(|remove| remove.path.as_str()).collect();
    assert_eq!(removes, ["theirs"]);
    assert!(after.removes().all(|remove| remove.data_change));
    assert_eq!(after.adds().count(), 1);
    // A file that ours doesn't replace is in the mix: its rows stay.
    let mut mixed = both.clone();
    mixed.removes.push(moved(&file("appended", "a", (9, 9))));
    decides(&ours, &mixed, 'M');
    let mut unsaid = both.clone();
    unsaid.removes[2].partition_values = None;
    decides(&ours, &unsaid, 'M');
    let mut stray = both;
    stray.adds[0].partition_values = in_partition("c");
    decides(&ours, &stray, 'M');
}

#[test]
fn files_named_twice_are_unclear_but_to_those_who_read_nothing() {
    let mut commit = winners::delete_elsewhere();
    commit.removes.push(Remove { deletion_vector: Some(descriptor(&[1])), ..removed(&f3()) });
    decides(&ours::append(), &commit, '+');
    decides(&ours::delete_by_vector(), &commit, 'U');
    let mut twice = winners::append_elsewhere();
    twice.adds.push(twice.adds[0].clone());
    decides(&ours::delete_by_vector(), &twice, 'U');
}

/// Pitfall C11.
#[test]
fn a_path_that_both_add_is_added_once() {
    let mut commit = winners::append_elsewhere();
    commit.adds[0].path = "ours".into();
    decides(&ours::append(), &commit, 'C');
}

/// Files that a commit adds without removing any, and says hold no new rows.
#[test]
fn rows_that_are_said_to_be_old_and_come_from_nowhere_are_new() {
    let mut commit = winners::append_that_may_match();
    commit.adds[0].data_change = false;
    assert_eq!(Kind::of(&commit), Kind::Rearrange);
    decides(&ours::delete_by_vector(), &commit, '?');
    decides(&ours::overwrite(), &commit, '?');
    decides(&ours::append(), &commit, '+');
}

#[test]
fn a_last_look_at_the_table_finds_what_no_rule_should_have_let_pass() {
    let table = table();
    let check = |actions: Vec<Action>| {
        let mut transaction = Transaction::new(Kind::Delete, "DELETE");
        transaction.extend(actions);
        check_live(&transaction, &table)
    };
    assert_eq!(check(vec![Action::Remove(removed(&f1())), Action::Add(with_vector(f1(), &[1]))]), Ok(()));
    assert_eq!(check(vec![Action::Add(f1())]), Ok(()));
    assert_eq!(check(vec![Action::Remove(removed(&file("f2", "a", (5, 8))))]), Err(Why::FileGone("f2".into())));
    assert_eq!(check(vec![Action::Remove(removed(&file("f9", "a", (5, 8))))]), Err(Why::FileGone("f9".into())));
    assert_eq!(check(vec![Action::Add(with_vector(f1(), &[1]))]), Err(Why::FileChanged("f1".into())));
    assert_eq!(check(vec![Action::Add(f1()), Action::Add(f1())]), Err(Why::Unclear("f1".into())));
}
