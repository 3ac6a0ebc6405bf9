//! How does the engine plan an operation?

use std::collections::BTreeSet;

use super::LONG_TIME;
use super::memo::{Change, Memo, Planned};
use super::rules::FileKind;
use super::table::{Author, KEY, Op, Row, Start};
use crate::action::{Action, Add, Metadata, Protocol};
use crate::dv::DeletionVector;
use crate::predicate::Predicate;
use crate::schema::{ColumnPath, DataType, StructField, StructType};
use crate::transaction::{Isolation, Kind, MovedFrom, MovedTo, Moves, Reads, RowsRead, Transaction, TxnUpdate};

/// The promotion.
pub(super) const APP: &str = "promotion";

impl Op {
    fn kind(self) -> Kind {
        match self {
            Op::Append(_) | Op::Copy | Op::Promote(_) | Op::PromoteAgain(_) => Kind::Append,
            Op::Delete(_) => Kind::Delete,
            Op::Overwrite => Kind::Overwrite,
            Op::Move | Op::Compact => Kind::Rearrange,
        }
    }

    /// `None` for a blind append.
    fn reads(self) -> Option<Reads> {
        let of_key = |key: i32| Reads::nothing().matching(Predicate::eq(ColumnPath::new(["k"]), key));
        match self {
            Op::Append(_) | Op::Promote(_) | Op::PromoteAgain(_) => None,
            Op::Delete(key) => Some(of_key(key)),
            Op::Copy => Some(of_key(KEY)),
            Op::Overwrite => Some(Reads::table()),
            Op::Move | Op::Compact => Some(Reads::nothing()),
        }
    }
}

/// A plan in the making.
struct Draft {
    actions: Vec<Action>,
    reads: Option<Reads>,
    /// Files that are given another vector: the file, its vector, and the one that it is to have.
    grown: Vec<(Add, DeletionVector)>,
    /// The rows of the file that is written.
    rows: Vec<Row>,
    chosen: BTreeSet<Row>,
}

impl Draft {
    fn depend_on(&mut self, path: &str, rows: RowsRead) {
        if let Some(reads) = &mut self.reads {
            reads.depend_on(path, rows);
        }
    }
}

impl Memo {
    /// The transaction of an operation on a version; `None` where there is nothing to do.
    pub(super) fn plan(&mut self, op: Op, by: Author, read: u32, day: u8) -> Option<u32> {
        let key = (op, by, read, day);
        if !self.plans.contains_key(&key) {
            let planned = self.planned_anew(op, by, read, day).map_or(0, |planned| self.add_planned(planned));
            self.plans.insert(key, planned);
        }
        Some(self.plans[&key]).filter(|planned| *planned > 0)
    }

    fn planned_anew(&mut self, op: Op, by: Author, read: u32, day: u8) -> Option<Planned> {
        let snapshot = self.version(read).snapshot.clone();
        let files: Vec<Add> = snapshot.files().iter().map(|file| file.to_add()).collect();
        let standing = snapshot.txn(APP).map(|txn| txn.version);
        if matches!(op, Op::Promote(to) if standing >= Some(to)) {
            return None;
        }
        let worth = files.len() > 1 || files.iter().any(|add| add.deletion_vector.is_some());
        if op.rearranges() && !worth {
            return None;
        }
        let draft = self.drafted(op, by, &files, standing.unwrap_or(0), day);
        if draft.actions.is_empty() && draft.grown.is_empty() && draft.rows.is_empty() {
            return None;
        }
        let mut transaction = Transaction::new(op.kind(), "");
        transaction.isolation = if op.rearranges() { Isolation::Snapshot } else { self.isolation };
        match op {
            Op::Promote(to) => transaction.txns.push(TxnUpdate { app_id: APP.into(), version: to, base: standing }),
            Op::PromoteAgain(to) => transaction.txns.push(TxnUpdate { app_id: APP.into(), version: to, base: None }),
            _ => {}
        }
        let mut written = BTreeSet::new();
        let vectors: Vec<DeletionVector> = draft.grown.iter().map(|(_, vector)| vector.clone()).collect();
        let stored = self.store_vectors(vectors.iter());
        transaction.extend(draft.actions);
        for ((add, vector), descriptor) in draft.grown.into_iter().zip(stored) {
            written.insert(self.vector_file(&descriptor));
            transaction.vectors.insert(&descriptor, vector);
            transaction.push(Action::Add(Add { deletion_vector: Some(descriptor), ..add }));
        }
        if !draft.rows.is_empty() {
            let path = format!("w{}-{}-{}", by.writer, by.seq, self.planned.len());
            written.insert(self.file(&path, FileKind::Rows));
            if op == Op::Move {
                transaction.moves.push(self.moved(&files, &path, draft.rows.len()));
            }
            transaction.push(Action::Add(Add { data_change: !op.rearranges(), ..self.add(&path, draft.rows) }));
        }
        transaction.reads = draft.reads;
        let transaction = (self.rules.planned)(transaction);
        Some(Planned { transaction, op, by, day, chosen: draft.chosen, files: written, change: Change::None })
    }

    fn drafted(&self, op: Op, by: Author, files: &[Add], standing: i64, day: u8) -> Draft {
        let live: Vec<Vec<(u64, Row)>> = files.iter().map(|add| self.live_rows(add)).collect();
        let rows = live.iter().flatten().map(|(_, row)| *row).collect();
        let effect = super::table::Naive { rows, progress: standing }.effect(op, by);
        let mut draft = Draft {
            actions: vec![],
            reads: op.reads(),
            grown: vec![],
            rows: effect.added.clone(),
            chosen: BTreeSet::new(),
        };
        let removed_at = i64::from(day) * LONG_TIME.as_millis() as i64;
        for (add, live) in files.iter().zip(live) {
            let matching: DeletionVector =
                live.iter().filter(|(_, row)| effect.gone.contains(row)).map(|(at, _)| *at).collect();
            match op {
                Op::Move | Op::Compact => {
                    draft.depend_on(&add.path, RowsRead::All);
                    let live = live.iter().map(|(_, row)| *row).collect();
                    draft.rows.extend((self.rules.rewritten)(live, &self.contents[&add.path]));
                    draft.actions.push(Action::Remove(add.removed(removed_at, false)));
                }
                Op::Copy => {
                    let looked_at = live.iter().filter(|(_, row)| row.1 == KEY).map(|(at, _)| *at).collect();
                    draft.depend_on(&add.path, RowsRead::Only(looked_at));
                }
                Op::Overwrite => draft.actions.push(Action::Remove(add.removed(removed_at, true))),
                _ if matching.is_empty() => {}
                _ => {
                    draft.actions.push(Action::Remove(add.removed(removed_at, true)));
                    draft.chosen.extend(live.iter().map(|(_, row)| *row).filter(|row| effect.gone.contains(row)));
                    if matching.cardinality() < live.len() as u64 {
                        let base = add.deletion_vector.as_ref().map(|base| self.vector(base).clone());
                        let grown = (self.rules.grown)(&base.unwrap_or_default(), &matching);
                        draft.depend_on(&add.path, RowsRead::Only(matching));
                        draft.grown.push((add.clone(), grown));
                    }
                }
            }
        }
        draft
    }

    /// That the live rows of these files are those of another.
    fn moved(&self, files: &[Add], to: &str, num_records: usize) -> Moves {
        let from = files.iter().map(|add| MovedFrom {
            path: add.path.clone(),
            num_records: self.contents[&add.path].len() as u64,
            deletion_vector: add.deletion_vector.clone(),
        });
        Moves { from: from.collect(), to: vec![MovedTo { path: to.into(), num_records: num_records as u64 }] }
    }

    /// A file of these rows.
    fn add(&mut self, path: &str, rows: Vec<Row>) -> Add {
        let bounds = |value: fn(&Row) -> i32| {
            let values = rows.iter().map(value);
            (values.clone().min().unwrap_or(0), values.max().unwrap_or(0))
        };
        let (id, k) = (bounds(|row| row.0), bounds(|row| row.1));
        let stats = format!(
            r#"{{"numRecords":{},"minValues":{{"id":{},"k":{}}},"maxValues":{{"id":{},"k":{}}},"nullCount":{{"id":0,"k":0}}}}"#,
            rows.len(),
            id.0,
            k.0,
            id.1,
            k.1
        );
        self.contents.insert(path.to_owned(), rows);
        Add { path: path.into(), size: 100, data_change: true, stats: Some(stats), ..Add::default() }
    }

    /// The commit that creates the table, and the rows that are deleted from the beginning.
    pub(super) fn create(&mut self, start: Start) -> (u32, BTreeSet<Row>) {
        let schema = StructType::new(["id", "k"].map(|name| StructField::nullable(name, DataType::INTEGER)));
        let features = Some(vec!["deletionVectors".to_owned()]);
        let mut transaction = Transaction::new(Kind::Metadata, "");
        transaction.extend([
            Action::Protocol(Protocol {
                min_reader_version: 3,
                min_writer_version: 7,
                reader_features: features.clone(),
                writer_features: features,
            }),
            Action::Metadata(Metadata {
                id: "t".into(),
                schema_string: schema.to_json(),
                configuration: [("delta.enableDeletionVectors".to_owned(), "true".to_owned())].into(),
                ..Metadata::default()
            }),
        ]);
        let mut chosen = BTreeSet::new();
        for (number, rows) in start.files().into_iter().enumerate() {
            let path = format!("{start:?}-{number}");
            self.file(&path, FileKind::Rows);
            let deleted: DeletionVector = start.deleted().into_iter().collect();
            let mut add = self.add(&path, rows.clone());
            if number == 0 && !deleted.is_empty() {
                chosen.extend((0..).zip(&rows).filter(|(at, _)| deleted.contains(*at)).map(|(_, row)| *row));
                add.deletion_vector = self.store_vectors(std::iter::once(&deleted)).pop();
            }
            transaction.push(Action::Add(add));
        }
        (self.created(&transaction), chosen)
    }
}
