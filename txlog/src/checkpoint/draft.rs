//! What will a checkpoint of this snapshot hold, and in which order?

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::ReaderBuilder;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::columns::{Piece, text_bytes};
use super::encode::Encoder;
use super::schema::Layout;
use super::tally::Tally;
use crate::action::{Action, to_lines};
use crate::error::{Error, Result};
use crate::files::FileColumns;
use crate::snapshot::Snapshot;
use crate::version::{TimestampMs, Version};

/// Most actions of a row group, and so of a sidecar.
const GROUP_ROWS: usize = 32 * 1024;
/// Most text of a row group, in bytes: what a checkpoint holds in memory is a few times this.
const GROUP_BYTES: usize = 16 << 20;
/// What a file action takes beside its texts, in bytes.
const FIXED_BYTES: usize = 64;

/// The contents of a checkpoint, decided and not yet encoded. It shares the snapshot's columns.
#[derive(Debug)]
pub struct Draft {
    pub(super) version: Version,
    pub(super) layout: Layout,
    /// The actions that aren't about files.
    pub(super) others: Vec<Action>,
    pub(super) groups: Vec<Group>,
    /// What the encoded file actions have to come to.
    pub(super) expected: Tally,
}

/// File actions of one kind that are encoded together.
#[derive(Debug)]
pub(super) struct Group {
    action: FileAction,
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug)]
enum FileAction {
    Add,
    Remove,
}

impl Draft {
    /// The checkpoint of a snapshot. Tombstones removed before `tombstones_since` have expired and are left out, as are
    /// those of files that are live again.
    ///
    /// CPU: one pass over the paths, and where there are tombstones one look-up of each. Memory: 8 bytes a tombstone.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for a property that has a value which it doesn't take.
    pub fn of(snapshot: &Snapshot, tombstones_since: TimestampMs) -> Result<Draft> {
        let mut expected = Tally::of_files(snapshot.files());
        let mut groups = Vec::new();
        let mut adds = Grouping::new(FileAction::Add);
        for (columns, live) in snapshot.files().batches() {
            adds.take(columns, &live, &mut groups);
        }
        adds.close(&mut groups);
        let mut removes = Grouping::new(FileAction::Remove);
        for (columns, rows) in tombstones(snapshot, tombstones_since) {
            rows.iter().for_each(|row| expected.count_remove(columns.row(*row as usize)));
            removes.take(columns, &rows, &mut groups);
        }
        removes.close(&mut groups);
        Ok(Draft {
            version: snapshot.version(),
            layout: Layout::of(snapshot)?,
            others: table_actions(snapshot),
            groups,
            expected,
        })
    }

    /// The version that it is of.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Which columns it has.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// An encoder of some columns of the [`layout`](Self::layout).
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) where Parquet has no such columns.
    pub fn encoder(&self, columns: SchemaRef) -> Result<Encoder> {
        Encoder::new(columns, self.expected.num_adds + self.expected.num_removes)
    }

    /// How many groups of file actions there are.
    #[must_use]
    pub fn num_groups(&self) -> usize {
        self.groups.len()
    }

    /// How many of its actions aren't about files.
    #[must_use]
    pub fn num_table_actions(&self) -> usize {
        self.others.len()
    }

    /// That what was encoded, and read back, is what the snapshot holds (pitfalls L2, L3).
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) where it isn't.
    pub fn check(&self, read: &Tally) -> Result<()> {
        if *read == self.expected {
            return Ok(());
        }
        Err(Error::bug(format!(
            "a checkpoint of {} files ({} bytes) and {} tombstones reads back as {} ({} bytes) and {}, or as others; it was not published",
            self.expected.num_adds,
            self.expected.size_in_bytes,
            self.expected.num_removes,
            read.num_adds,
            read.size_in_bytes,
            read.num_removes,
        ))
        .version(self.version))
    }
}

impl Group {
    /// The rows, batch by batch.
    pub(super) fn batches(&self, schema: &SchemaRef, layout: &Layout) -> Result<Vec<RecordBatch>> {
        let batch = |piece: &Piece| match self.action {
            FileAction::Add => piece.adds(schema, layout),
            FileAction::Remove => piece.removes(schema),
        };
        self.pieces.iter().map(batch).collect()
    }
}

/// The actions as rows, through their JSON form: there are few, and it has one writer.
pub(super) fn rows_of(actions: &[Action], schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
    let lines = to_lines(actions)?;
    let misfit = |e| Error::bug("actions don't fit the checkpoint's columns").because(e);
    let reader = ReaderBuilder::new(Arc::clone(schema))
        .with_batch_size(actions.len().max(1))
        .build(lines.as_slice())
        .map_err(misfit)?;
    reader.collect::<Result<Vec<_>, _>>().map_err(misfit)
}

fn table_actions(snapshot: &Snapshot) -> Vec<Action> {
    let mut actions =
        vec![Action::Protocol(snapshot.protocol().clone()), Action::Metadata(snapshot.metadata().clone())];
    actions.extend(snapshot.txns().cloned().map(Action::Txn));
    actions.extend(snapshot.domains().cloned().map(Action::DomainMetadata));
    actions
}

/// Gathers rows of one batch after another into groups of bounded size.
struct Grouping {
    action: FileAction,
    pieces: Vec<Piece>,
    rows: usize,
    bytes: usize,
}

impl Grouping {
    fn new(action: FileAction) -> Grouping {
        Grouping { action, pieces: Vec::new(), rows: 0, bytes: 0 }
    }

    fn take(&mut self, columns: &Arc<FileColumns>, mut rows: &[u32], groups: &mut Vec<Group>) {
        let row_bytes = FIXED_BYTES + text_bytes(columns) / columns.len().max(1);
        while !rows.is_empty() {
            let room = (GROUP_ROWS - self.rows).min((GROUP_BYTES - self.bytes) / row_bytes).max(1);
            let (taken, rest) = rows.split_at(room.min(rows.len()));
            self.pieces.push(Piece::new(columns, taken));
            self.rows += taken.len();
            self.bytes += taken.len() * row_bytes;
            if self.rows >= GROUP_ROWS || self.bytes + row_bytes > GROUP_BYTES {
                self.close(groups);
            }
            rows = rest;
        }
    }

    fn close(&mut self, groups: &mut Vec<Group>) {
        if !self.pieces.is_empty() {
            groups.push(Group { action: self.action, pieces: std::mem::take(&mut self.pieces) });
        }
        (self.rows, self.bytes) = (0, 0);
    }
}

/// Unexpired tombstones of files that aren't live, each key once, the newest of a key; by batch, oldest first.
fn tombstones(snapshot: &Snapshot, since: TimestampMs) -> Vec<(&Arc<FileColumns>, Vec<u32>)> {
    let batches: Vec<&Arc<FileColumns>> = snapshot.tombstone_batches().collect();
    let mut seen: HashTable<(usize, u32)> = HashTable::new();
    let mut kept = Vec::new();
    let file = |at: &(usize, u32)| batches[at.0].row(at.1 as usize);
    let hash = |at: &(usize, u32)| xxh3_64(file(at).path().as_bytes());
    for (batch, columns) in batches.iter().enumerate().rev() {
        let mut rows: Vec<u32> = Vec::new();
        for row in (0..columns.len() as u32).rev() {
            let remove = columns.row(row as usize);
            let dv_id = remove.deletion_vector().map(|vector| vector.unique_id());
            let same = |at: &(usize, u32)| file(at).path() == remove.path() && file(at).has_dv_id(dv_id.as_deref());
            let live = snapshot.files().find(remove.path()).is_some_and(|file| file.has_dv_id(dv_id.as_deref()));
            if live || seen.find(hash(&(batch, row)), same).is_some() {
                continue;
            }
            // An expired one stands for the older ones of its key, expired or not.
            seen.insert_unique(hash(&(batch, row)), (batch, row), hash);
            if remove.deletion_timestamp().is_none_or(|time| time >= since.0) {
                rows.push(row);
            }
        }
        rows.reverse();
        kept.push((*columns, rows));
    }
    kept.reverse();
    kept
}
