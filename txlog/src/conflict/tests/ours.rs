//! Transactions of every kind, as they are committed.

use super::*;

fn doing(kind: Kind, reads: Reads, actions: impl IntoIterator<Item = Action>) -> Transaction {
    let mut transaction = Transaction::new(kind, "TEST");
    transaction.reads = Some(reads);
    transaction.extend(actions);
    transaction
}

/// The same, by someone who doesn't say what was read.
fn silent(mut transaction: Transaction) -> Transaction {
    transaction.reads = None;
    transaction
}

pub(super) fn k_is(value: i32) -> Predicate {
    Predicate::eq(column("k"), value)
}

pub(super) fn p_is(value: &str) -> Predicate {
    Predicate::eq(column("p"), value)
}

fn depending(predicate: Predicate, path: &str, rows: RowsRead) -> Reads {
    let mut reads = Reads::nothing().matching(predicate);
    reads.depend_on(path, rows);
    reads
}

fn only(rows: &[u64]) -> RowsRead {
    RowsRead::Only(vector(rows))
}

fn up_to_4() -> Predicate {
    p_is("a").and(Predicate::compare(column("k"), Comparison::LtEq, 4))
}

/// Replaces the vector of a file.
fn vector_of(file: &Add, rows: &[u64]) -> [Action; 2] {
    [Action::Remove(removed(file)), Action::Add(with_vector(file.clone(), rows))]
}

pub(super) fn append() -> Transaction {
    let mut transaction = Transaction::new(Kind::Append, "WRITE");
    transaction.push(Action::Add(file("ours", "a", (2, 2))));
    transaction
}

pub(super) fn append_of_what_was_read() -> Transaction {
    let reads = depending(up_to_4(), "f1", RowsRead::All);
    doing(Kind::Append, reads, [Action::Add(file("ours", "b", (20, 20)))])
}

pub(super) fn delete_by_vector() -> Transaction {
    doing(Kind::Delete, depending(p_is("a").and(k_is(2)), "f1", only(&[1])), vector_of(&f1(), &[1]))
}

pub(super) fn delete_by_larger_vector() -> Transaction {
    doing(Kind::Delete, depending(p_is("a").and(k_is(6)), "f2", only(&[1])), vector_of(&f2(), &[1, 3]))
}

pub(super) fn delete_of_whole_file() -> Transaction {
    doing(Kind::Delete, depending(up_to_4(), "f1", RowsRead::All), [Action::Remove(removed(&f1()))])
}

pub(super) fn delete_by_rewrite() -> Transaction {
    let written = Action::Add(file("ours", "a", (1, 4)));
    doing(Kind::Delete, depending(p_is("a").and(k_is(2)), "f1", only(&[1])), [Action::Remove(removed(&f1())), written])
}

pub(super) fn merge() -> Transaction {
    let keys = Predicate::In(column("k"), Literals::from_iter([2_i64, 3]));
    let mut transaction =
        doing(Kind::Delete, depending(p_is("a").and(keys), "f1", only(&[1, 2])), vector_of(&f1(), &[1]));
    transaction.push(Action::Add(file("ours", "a", (2, 2))));
    transaction
}

pub(super) fn delete_unsaid() -> Transaction {
    silent(delete_by_vector())
}

pub(super) fn overwrite() -> Transaction {
    let removes = [f1(), f2(), f3()].map(|file| Action::Remove(removed(&file)));
    let mut transaction = doing(Kind::Overwrite, Reads::table(), removes);
    transaction.push(Action::Add(file("ours", "a", (30, 30))));
    transaction
}

pub(super) fn overwrite_of_partition() -> Transaction {
    let removes = [f1(), f2()].map(|file| Action::Remove(removed(&file)));
    let mut transaction = doing(Kind::Overwrite, Reads::nothing().matching(p_is("a")), removes);
    transaction.push(Action::Add(file("ours", "a", (30, 30))));
    transaction
}

pub(super) fn overwrite_unsaid() -> Transaction {
    silent(overwrite())
}

pub(super) fn restore() -> Transaction {
    let back = Action::Add(file("f0", "a", (1, 9)));
    doing(Kind::Overwrite, Reads::table().and_of_table(), [Action::Remove(removed(&f1())), back])
}

pub(super) fn compaction() -> Transaction {
    let mut reads = Reads::nothing();
    reads.depend_on("f1", RowsRead::All);
    reads.depend_on("f2", RowsRead::All);
    let removes = [f1(), f2()].map(|file| Action::Remove(moved(&file)));
    let mut transaction = doing(Kind::Rearrange, reads, removes);
    transaction.isolation = Isolation::Snapshot;
    transaction.push(Action::Add(rearranged(file_of(7, "ours", "a", (1, 8)))));
    transaction.moves = vec![moves(&[f1(), f2()], ("ours", 7))];
    transaction
}

pub(super) fn purge() -> Transaction {
    let mut reads = Reads::nothing();
    reads.depend_on("f2", RowsRead::All);
    let purged = Action::Add(rearranged(file_of(3, "ours", "a", (5, 7))));
    let mut transaction = doing(Kind::Rearrange, reads, [Action::Remove(moved(&f2())), purged]);
    transaction.moves = vec![moves(&[f2()], ("ours", 3))];
    transaction
}

pub(super) fn compaction_unsaid() -> Transaction {
    silent(compaction())
}

pub(super) fn restamp() -> Transaction {
    let mut reads = Reads::nothing();
    reads.depend_on("f1", RowsRead::All);
    doing(Kind::Rearrange, reads, [Action::Add(rearranged(f1()))])
}

pub(super) fn schema_merge() -> Transaction {
    doing(Kind::Metadata, Reads::nothing(), [Action::Metadata(winners::with_column())])
}

pub(super) fn append_with_new_column() -> Transaction {
    let mut transaction = schema_merge();
    transaction.push(Action::Add(file("ours", "a", (2, 2))));
    transaction
}

pub(super) fn constraint() -> Transaction {
    doing(Kind::Metadata, Reads::nothing(), [Action::Metadata(winners::with_constraint())])
}

pub(super) fn protocol_change() -> Transaction {
    doing(Kind::Metadata, Reads::nothing(), [Action::Protocol(winners::other_protocol())])
}

pub(super) fn fence() -> Transaction {
    Transaction::fence()
}
