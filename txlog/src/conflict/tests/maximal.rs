//! Over every pair of transactions on small tables: is what is accepted serializable, and what is refused for nothing?
//!
//! Tables of one or two files with at most three rows and two keys, the first row deleted by a vector or not. Every
//! transaction is planned on such a table as an engine would plan it, both of a pair on the same version; one is
//! committed, the other resolved against it and committed behind it, by the production replay. The model beside it
//! knows rows and no files:
//!
//! - an accept is *unsound* unless the rows are those of running ours again after the winner (the order of the log);
//! - who looks into files that statistics can't rule out finds the rows that are in them;
//! - a refusal is *false* when deleting the rows that ours chose and adding those that it added would have come to the
//!   same.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::figures::say;

/// A row: its identity and its key.
type Row = (i32, i32);

const KEYS: [i32; 2] = [1, 2];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    /// Adds a row of this key.
    Append(i32),
    /// Deletes rows of this key, by vectors; a file of which none is left is removed.
    DeleteKey(i32),
    /// The same, writing the files again.
    RewriteKey(i32),
    /// Deletes one row.
    DeleteRow(i32),
    /// Gives one row this key.
    Update(i32, i32),
    /// Adds a row with the key of this one, which it only reads.
    Copy(i32),
    /// Puts a row of key 1 in place of all.
    Overwrite,
    /// Puts a row of this key in place of those of it.
    Replace(i32),
    /// Puts the rows of all files into one.
    CompactAll,
    /// Puts the rows of one file into another.
    Compact(&'static str),
}

impl Op {
    fn class(self) -> &'static str {
        match self {
            Op::Append(_) => "append",
            Op::DeleteKey(_) | Op::DeleteRow(_) => "delete",
            Op::RewriteKey(_) => "rewrite",
            Op::Update(..) => "update",
            Op::Copy(_) => "copy",
            Op::Overwrite => "overwrite",
            Op::Replace(_) => "replace",
            Op::CompactAll | Op::Compact(_) => "compaction",
        }
    }

    /// The rows that it deletes, and those that it adds, of what is there.
    fn effect(self, rows: &[Row], by: i32) -> (Vec<Row>, Vec<Row>) {
        let of_key = |key: i32| rows.iter().copied().filter(|row| row.1 == key).collect::<Vec<_>>();
        let one = |id: i32| rows.iter().copied().filter(|row| row.0 == id).collect::<Vec<_>>();
        match self {
            Op::Append(key) => (vec![], vec![(by, key)]),
            Op::DeleteKey(key) | Op::RewriteKey(key) => (of_key(key), vec![]),
            Op::DeleteRow(id) => (one(id), vec![]),
            Op::Update(id, key) => (one(id), one(id).iter().map(|row| (row.0, key)).collect()),
            Op::Copy(id) => (vec![], one(id).iter().map(|row| (by, row.1)).collect()),
            Op::Overwrite => (rows.to_vec(), vec![(by, 1)]),
            Op::Replace(key) => (of_key(key), vec![(by, key)]),
            Op::CompactAll | Op::Compact(_) => (vec![], vec![]),
        }
    }

    fn reads(self) -> Reads {
        match self {
            Op::Append(_) | Op::CompactAll | Op::Compact(_) => Reads::nothing(),
            Op::DeleteKey(key) | Op::RewriteKey(key) | Op::Replace(key) => {
                Reads::nothing().matching(Predicate::eq(column("k"), key))
            }
            Op::DeleteRow(id) | Op::Update(id, _) | Op::Copy(id) => {
                Reads::nothing().matching(Predicate::eq(column("id"), id))
            }
            Op::Overwrite => Reads::table(),
        }
    }

    /// Whether it looked for this row.
    fn looked_for(self, row: Row) -> bool {
        match self {
            Op::Append(_) | Op::CompactAll | Op::Compact(_) => false,
            Op::DeleteKey(key) | Op::RewriteKey(key) | Op::Replace(key) => row.1 == key,
            Op::DeleteRow(id) | Op::Update(id, _) | Op::Copy(id) => row.0 == id,
            Op::Overwrite => true,
        }
    }

    fn kind(self) -> Kind {
        match self {
            Op::Append(_) | Op::Copy(_) => Kind::Append,
            Op::Overwrite | Op::Replace(_) => Kind::Overwrite,
            Op::CompactAll | Op::Compact(_) => Kind::Rearrange,
            _ => Kind::Delete,
        }
    }
}

/// Whether files have statistics.
#[derive(Clone, Copy, PartialEq)]
enum Statistics {
    Given,
    Missing,
}

/// A version, and what is in each file there ever was.
#[derive(Clone)]
struct Table {
    snapshot: Snapshot,
    contents: BTreeMap<String, Vec<Row>>,
    statistics: Statistics,
}

/// Whether files that statistics don't rule out are looked into.
#[derive(Clone, Copy, PartialEq)]
enum Look {
    Taken,
    Not,
}

/// The verdict of a driver, who looks into the files that a refusal names.
fn judged(
    judge: Judge,
    ours: (Op, &Transaction),
    winner: &Winner<'_>,
    written: &BTreeMap<String, Vec<Row>>,
) -> Verdict {
    let verdict = judge(ours.1, winner);
    let Verdict::Reject(Why::MayMatch { files }) = &verdict else { return verdict };
    let holds_none = |path: &&String| written[*path].iter().all(|row| !ours.0.looked_for(*row));
    let mut known = winner.known.clone();
    known.without_match.extend(files.iter().filter(holds_none).cloned());
    judge(ours.1, &Winner { known: &known, ..*winner })
}

impl Table {
    fn new(files: &[Vec<Row>], deleted: bool, statistics: Statistics) -> Table {
        let mut schema = StructType::default();
        for name in ["id", "k"] {
            schema.fields_mut().push(StructField::nullable(name, DataType::INTEGER));
        }
        let metadata = Metadata {
            id: "t".into(),
            schema_string: schema.to_json(),
            configuration: metadata().configuration,
            ..Metadata::default()
        };
        let mut commit = Commit { protocol: Some(protocol()), metadata: Some(metadata), ..Commit::default() };
        let mut contents = BTreeMap::new();
        for (number, rows) in files.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            let path = format!("f{}", number + 1);
            let add = stored(&path, rows, statistics);
            commit.adds.push(if deleted && number == 0 { with_vector(add, &[0]) } else { add });
            contents.insert(path, rows.clone());
        }
        Table { snapshot: Snapshot::follow(None, &[commit]).unwrap(), contents, statistics }
    }

    fn files(&self) -> Vec<Add> {
        self.snapshot.files().iter().map(|file| file.to_add()).collect()
    }

    /// Position and row of what is live in a file.
    fn live(&self, add: &Add) -> Vec<(u64, Row)> {
        let vectors = crate::dv::DecodedVectors::default();
        let deleted = add.deletion_vector.as_ref().map(|found| vectors.find(found).unwrap().into_owned());
        let rows = self.contents[&add.path].iter().copied().enumerate().map(|(at, row)| (at as u64, row));
        rows.filter(|(at, _)| deleted.as_ref().is_none_or(|deleted| !deleted.contains(*at))).collect()
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.files().iter().flat_map(|add| self.live(add)).map(|(_, row)| row).collect();
        rows.sort_unstable();
        rows
    }

    fn followed_by(&self, commit: Commit, written: &BTreeMap<String, Vec<Row>>) -> Option<Table> {
        let mut contents = self.contents.clone();
        contents.extend(written.clone());
        let snapshot = Snapshot::follow(Some(&self.snapshot), &[commit]).ok()?;
        Some(Table { snapshot, contents, statistics: self.statistics })
    }
}

fn stored(path: &str, rows: &[Row], statistics: Statistics) -> Add {
    let bounds = |value: fn(&Row) -> i32| {
        let values = rows.iter().map(value);
        (values.clone().min().unwrap_or(0), values.max().unwrap_or(0))
    };
    let (id, k) = (bounds(|row| row.0), bounds(|row| row.1));
    let bounds = format!(
        r#","minValues":{{"id":{},"k":{}}},"maxValues":{{"id":{},"k":{}}},"nullCount":{{"id":0,"k":0}}"#,
        id.0, k.0, id.1, k.1
    );
    let bounds = if statistics == Statistics::Given { bounds } else { String::new() };
    let stats = format!(r#"{{"numRecords":{}{bounds}}}"#, rows.len());
    Add { path: path.into(), size: 100, data_change: true, stats: Some(stats), ..Add::default() }
}

/// A transaction as an engine plans it, and what is in the files that it wrote.
struct Planned {
    transaction: Transaction,
    written: BTreeMap<String, Vec<Row>>,
}

/// Who runs: the id of the rows that it adds, and the name of its file.
#[derive(Clone, Copy)]
struct By {
    id: i32,
    file: &'static str,
}

const OURS: By = By { id: 100, file: "ours" };
const WINNER: By = By { id: 200, file: "winner" };
const SECOND: By = By { id: 300, file: "second" };

/// `None` where there is nothing to commit.
fn plan(op: Op, table: &Table, by: By, isolation: Isolation) -> Option<Planned> {
    let (gone, mut written) = op.effect(&table.rows(), by.id);
    let gone: BTreeSet<Row> = gone.into_iter().collect();
    let mut reads = op.reads();
    let mut actions = Vec::new();
    let mut moved = Moves::default();
    let rearranges = op.kind() == Kind::Rearrange;
    for add in table.files() {
        let live = table.live(&add);
        let matching: DeletionVector = live.iter().filter(|(_, row)| gone.contains(row)).map(|(at, _)| *at).collect();
        if let Op::Copy(id) = op {
            let read = live.iter().filter(|(_, row)| row.0 == id).map(|(at, _)| *at).collect();
            reads.depend_on(add.path.clone(), RowsRead::Only(read));
        }
        let takes = match op {
            Op::CompactAll => true,
            Op::Compact(path) => path == add.path,
            Op::RewriteKey(_) => !matching.is_empty(),
            _ => false,
        };
        if takes {
            reads.depend_on(add.path.clone(), RowsRead::All);
            moved.from.push(MovedFrom {
                path: add.path.clone(),
                num_records: table.contents[&add.path].len() as u64,
                deletion_vector: add.deletion_vector.clone(),
            });
            written.extend(live.iter().map(|(_, row)| *row).filter(|row| !gone.contains(row)));
            actions.push(Action::Remove(add.removed(7, !rearranges)));
        } else if !matching.is_empty() || op == Op::Overwrite {
            actions.push(Action::Remove(add.removed(7, true)));
            if matching.cardinality() < live.len() as u64 {
                let before: DeletionVector = (0..table.contents[&add.path].len() as u64)
                    .filter(|at| live.iter().all(|(live, _)| live != at))
                    .collect();
                let vector = inline(&before.union(&matching)).unwrap();
                reads.depend_on(add.path.clone(), RowsRead::Only(matching));
                actions.push(Action::Add(Add { deletion_vector: Some(vector), ..add }));
            }
        }
    }
    if actions.is_empty() && written.is_empty() {
        return None;
    }
    let mut transaction = Transaction::new(op.kind(), op.class());
    transaction.isolation = if rearranges { Isolation::Snapshot } else { isolation };
    transaction.reads = (!matches!(op, Op::Append(_))).then_some(reads);
    transaction.extend(actions);
    let mut contents = BTreeMap::new();
    if !written.is_empty() {
        let add = stored(by.file, &written, table.statistics);
        if rearranges {
            moved.to.push(MovedTo { path: by.file.into(), num_records: written.len() as u64 });
            transaction.moves.push(moved);
        }
        transaction.push(Action::Add(Add { data_change: !rearranges, ..add }));
        contents.insert(by.file.to_owned(), written);
    }
    Some(Planned { transaction, written: contents })
}

/// Rows of the first file and of the second.
const SIZES: [(usize, usize); 6] = [(1, 0), (2, 0), (1, 1), (3, 0), (2, 1), (1, 2)];

fn tables(statistics: Statistics, sizes: &[(usize, usize)]) -> Vec<Table> {
    let mut tables = Vec::new();
    for (first, second) in sizes.iter().copied() {
        for keys in 0..1_usize << (first + second) {
            let row = |at: usize| (at as i32 + 1, KEYS[keys >> at & 1]);
            let files = [(0..first).map(row).collect(), (first..first + second).map(row).collect::<Vec<Row>>()];
            tables.push(Table::new(&files, false, statistics));
            if first > 1 {
                tables.push(Table::new(&files, true, statistics));
            }
        }
    }
    tables
}

fn ops(table: &Table) -> Vec<Op> {
    let mut ops = vec![Op::Overwrite, Op::CompactAll, Op::Compact("f1"), Op::Compact("f2")];
    for key in KEYS {
        ops.extend([Op::Append(key), Op::DeleteKey(key), Op::RewriteKey(key), Op::Replace(key)]);
    }
    for (id, key) in table.rows() {
        ops.extend([Op::DeleteRow(id), Op::Update(id, 3 - key), Op::Copy(id)]);
    }
    ops
}

/// Everything that can be done to a table.
fn plans(table: &Table, by: By, isolation: Isolation) -> Vec<(Op, Planned)> {
    ops(table).into_iter().filter_map(|op| Some((op, plan(op, table, by, isolation)?))).collect()
}

#[derive(Debug, Default, PartialEq)]
struct Tally {
    pairs: usize,
    accepted: usize,
    rightly_refused: usize,
    /// (ours, winner) → how many accepts aren't serializable.
    unsound: BTreeMap<(&'static str, &'static str), usize>,
    /// By which invariant they were found.
    broken: BTreeMap<Invariant, usize>,
    /// (ours, winner, why) → how many refusals are for nothing.
    false_aborts: BTreeMap<(&'static str, &'static str, &'static str), usize>,
}

/// Who decides: the rules, or rules with a fault in them.
pub(super) type Judge = fn(&Transaction, &Winner<'_>) -> Verdict;

/// What an accept has to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Invariant {
    /// Only live files are removed, and no live one is added beside itself.
    Live,
    /// The rows are those of running ours after the winner.
    Serial,
}

impl Tally {
    fn count(
        &mut self,
        (judge, look): (Judge, Look),
        table: &Table,
        ours: (Op, &Planned),
        winner: (Op, &Planned),
        after: &Table,
    ) {
        self.pairs += 1;
        let serial = applied(&after.rows(), ours.0.effect(&after.rows(), OURS.id));
        let commit = committed(&winner.1.transaction, 1);
        let seen = Winner { commit: &commit, before: &table.snapshot, known: &Known::default() };
        let verdict = match look {
            Look::Taken => judged(judge, (ours.0, &ours.1.transaction), &seen, &winner.1.written),
            Look::Not => judge(&ours.1.transaction, &seen),
        };
        match verdict {
            Verdict::Accept(rebase) => {
                self.accepted += 1;
                let rebased = rebased(&ours.1.transaction, &rebase);
                let end = after.followed_by(committed(&rebased, 2), &ours.1.written);
                let live = check_live(&rebased, &after.snapshot).is_ok();
                let broken = match end {
                    Some(end) if end.rows() != serial => Invariant::Serial,
                    Some(_) if live => return,
                    _ => Invariant::Live,
                };
                *self.unsound.entry((ours.0.class(), winner.0.class())).or_default() += 1;
                *self.broken.entry(broken).or_default() += 1;
            }
            Verdict::Reject(why) => {
                if applied(&after.rows(), ours.0.effect(&table.rows(), OURS.id)) == serial {
                    *self.false_aborts.entry((ours.0.class(), winner.0.class(), why.label())).or_default() += 1;
                } else {
                    self.rightly_refused += 1;
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Rows without those that are gone, with those that are added.
fn applied(rows: &[Row], (gone, added): (Vec<Row>, Vec<Row>)) -> Vec<Row> {
    let mut rows: Vec<Row> = rows.iter().copied().filter(|row| !gone.contains(row)).chain(added).collect();
    rows.sort_unstable();
    rows
}

fn tally(isolation: Isolation, statistics: Statistics, look: Look) -> Tally {
    tally_until(None, (resolve, look), isolation, statistics)
}

/// What is broken where files have statistics and all are serializable, up to the first table, by size, on which this
/// invariant is.
pub(super) fn broken_by(judge: Judge, invariant: Invariant) -> BTreeMap<Invariant, usize> {
    tally_until(Some(invariant), (judge, Look::Not), Isolation::Serializable, Statistics::Given).broken
}

fn tally_until(until: Option<Invariant>, judge: (Judge, Look), isolation: Isolation, statistics: Statistics) -> Tally {
    let mut tally = Tally::default();
    for table in tables(statistics, &SIZES) {
        if until.is_some_and(|until| tally.broken.contains_key(&until)) {
            break;
        }
        let ours = plans(&table, OURS, isolation);
        for (op, winner) in plans(&table, WINNER, isolation) {
            let after = table.followed_by(committed(&winner.transaction, 1), &winner.written).unwrap();
            let serial = applied(&table.rows(), op.effect(&table.rows(), WINNER.id));
            assert_eq!(after.rows(), serial, "the plan of {op:?} does what the model does");
            for (mine, planned) in &ours {
                tally.count(judge, &table, (*mine, planned), (op, &winner), &after);
            }
        }
    }
    tally
}

/// Why a refusal that needn't have been is one all the same.
fn reason(ours: &str, winner: &str, why: &str) -> &'static str {
    match (ours, winner, why) {
        ("compaction", "compaction", _) => "two compactions of one file: what the second wrote is of no use",
        ("compaction", _, "file gone") => "nothing is left of the rows that a compaction put together",
        ("overwrite" | "replace", "compaction", _) => {
            "an overwrite replaces whole files, not the part of one that a compaction put its rows into"
        }
        (_, _, "may match") => "statistics can't tell that an added file holds no match",
        ("overwrite" | "replace", ..) => "an overwrite has read what it replaces, and deletes are seen by it",
        (_, _, "rows gone") => "a row that both delete: the second delete would find it gone",
        (_, _, "file gone" | "file changed") => {
            "a whole file is removed or written again: files are compared, not rows"
        }
        _ => "none",
    }
}

fn by_reason(tally: &Tally) -> BTreeMap<&'static str, usize> {
    let mut reasons = BTreeMap::new();
    for ((ours, winner, why), count) in &tally.false_aborts {
        *reasons.entry(reason(ours, winner, why)).or_default() += count;
    }
    reasons
}

/// Says what came out, and which share of all pairs each class of false aborts has.
fn report(what: &str, tally: &Tally) {
    let Tally { pairs, accepted, rightly_refused, unsound, .. } = tally;
    say(&format!(
        "maximality, {what}: {pairs} pairs, {accepted} accepted, {rightly_refused} rightly refused, unsound {unsound:?}"
    ));
    for (reason, count) in by_reason(tally) {
        let share = 100.0 * count as f64 / *pairs as f64;
        say(&format!("maximality, {what}: {count} false aborts, {share:.1} %: {reason}"));
    }
}

/// The classes of false aborts where files have statistics, and their shares.
const FALSE_ABORTS: [(&str, usize); 6] = [
    ("a row that both delete: the second delete would find it gone", 300),
    ("a whole file is removed or written again: files are compared, not rows", 1_598),
    ("an overwrite has read what it replaces, and deletes are seen by it", 796),
    ("an overwrite replaces whole files, not the part of one that a compaction put its rows into", 100),
    ("two compactions of one file: what the second wrote is of no use", 300),
    ("nothing is left of the rows that a compaction put together", 570),
];

#[test]
fn what_is_accepted_is_serializable_and_each_class_of_false_aborts_has_its_reason() {
    let tally = tally(Isolation::Serializable, Statistics::Given, Look::Not);
    report("serializable, with statistics", &tally);
    assert_eq!(tally.unsound, BTreeMap::new());
    assert_eq!((tally.pairs, tally.accepted, tally.rightly_refused), (17_212, 10_038, 3_510));
    assert_eq!(by_reason(&tally), FALSE_ABORTS.into());
}

/// Without statistics more is refused, and nothing unsound accepted.
#[test]
fn what_is_accepted_without_statistics_is_serializable() {
    let tally = tally(Isolation::Serializable, Statistics::Missing, Look::Not);
    report("serializable, without statistics", &tally);
    assert_eq!(tally.unsound, BTreeMap::new());
    let mut expected = BTreeMap::from(FALSE_ABORTS);
    expected.insert("statistics can't tell that an added file holds no match", 3_494);
    assert_eq!(by_reason(&tally), expected);
}

/// Who looks into files needs no statistics: the same is accepted, and for the same reasons refused.
#[test]
fn what_statistics_do_not_say_a_look_does() {
    let given = tally(Isolation::Serializable, Statistics::Given, Look::Not);
    let looked = tally(Isolation::Serializable, Statistics::Missing, Look::Taken);
    assert_eq!(looked, given);
    assert_eq!(tally(Isolation::Serializable, Statistics::Given, Look::Taken), given);
}

/// What `WriteSerializable` accepts beyond it: rows of blind appends are missed, and nothing else goes wrong.
#[test]
fn write_serializable_is_unsound_by_missed_blind_appends_alone() {
    let tally = tally(Isolation::WriteSerializable, Statistics::Given, Look::Not);
    report("write serializable, with statistics", &tally);
    assert!(tally.unsound.keys().all(|(_, winner)| *winner == "append"), "{:?}", tally.unsound);
    assert_eq!((tally.accepted, tally.unsound.values().sum::<usize>()), (10_422, 384));
    assert_eq!(by_reason(&tally), FALSE_ABORTS.into());
}

/// Transactions planned on a table, changed to follow a winner.
fn followers(table: &Table, by: By, commit: &Commit) -> Vec<(Op, Planned)> {
    let seen = Winner { commit, before: &table.snapshot, known: &Known::default() };
    let follow = |(op, planned): (Op, Planned)| match resolve(&planned.transaction, &seen) {
        Verdict::Accept(rebase) => {
            Some((op, Planned { transaction: rebased(&planned.transaction, &rebase), ..planned }))
        }
        _ => None,
    };
    plans(table, by, Isolation::Serializable).into_iter().filter_map(follow).collect()
}

/// Whether the second of two winners saw the first.
#[derive(Clone, Copy, PartialEq)]
enum Second {
    SawTheFirst,
    FollowedIt,
}

/// Ours, changed to follow a first winner, before a second one. How many came to both and landed, and how many of them
/// came to other rows than one after the other.
fn after_two(table: &Table, first: &Planned, second: Second, landed: &mut [usize; 2]) {
    let commit = committed(&first.transaction, 1);
    let between = table.followed_by(commit.clone(), &first.written).unwrap();
    let followed = followers(table, OURS, &commit);
    let seconds = match second {
        Second::SawTheFirst => plans(&between, SECOND, Isolation::Serializable),
        Second::FollowedIt => followers(table, SECOND, &commit),
    };
    for (_, second) in seconds {
        let commit = committed(&second.transaction, 2);
        let before_ours = between.followed_by(commit.clone(), &second.written).unwrap();
        let seen = Winner { commit: &commit, before: &between.snapshot, known: &Known::default() };
        for (op, ours) in &followed {
            let Verdict::Accept(rebase) = resolve(&ours.transaction, &seen) else { continue };
            let ours_now = rebased(&ours.transaction, &rebase);
            let serial = applied(&before_ours.rows(), op.effect(&before_ours.rows(), OURS.id));
            let end = before_ours.followed_by(committed(&ours_now, 3), &ours.written);
            let sound =
                end.is_some_and(|end| end.rows() == serial) && check_live(&ours_now, &before_ours.snapshot).is_ok();
            landed[0] += 1;
            landed[1] += usize::from(!sound);
        }
    }
}

#[test]
fn what_is_accepted_after_two_winners_is_serializable() {
    for second in [Second::SawTheFirst, Second::FollowedIt] {
        let mut landed = [0; 2];
        for table in tables(Statistics::Given, &SIZES[..3]) {
            for (_, first) in plans(&table, WINNER, Isolation::Serializable) {
                after_two(&table, &first, second, &mut landed);
            }
        }
        say(&format!("maximality, after two winners: {} accepted, {} of them unsound", landed[0], landed[1]));
        assert!(landed[0] > 1_000, "{landed:?}");
        assert_eq!(landed[1], 0, "{landed:?}");
    }
}
