//! How is a file of a checkpoint decoded on several cores?
//!
//! In parts of [`BATCH_ROWS`] rows of a row group, each a batch of the snapshot; the reader passes over the pages before a
//! part without decompressing them. Lists and maps can't be passed over so cheaply: each row group's are one part of their
//! own. Statistics are decoded when somebody asks for them; see [`FileStats`](crate::files::FileStats).

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StructArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Compression;

use super::leaves::Leaves;
use super::pieces::{Pieces, misplaced, range};
use super::read::{Contents, Wanted};
use super::rows::{file_action, file_columns, missing, take_others, there};
use super::schema::FILE_ACTIONS;
use super::stored::{Stored, read};
use crate::action::Action;
use crate::error::{Error, Result};
use crate::files::{FileColumns, FileStats, LastChunk, MAX_BATCH_ROWS, SourceRows, StatsSource};
use crate::pages::Expansion;
use crate::parallel::in_parallel;

/// Rows decoded at a time, and of a batch of the snapshot.
const BATCH_ROWS: usize = MAX_BATCH_ROWS;

/// A row group, and what is read of it.
#[derive(Debug)]
struct Group {
    at: usize,
    rows: usize,
    leaves: Leaves,
    /// Statistics whose bytes are kept.
    kept: Arc<Stored>,
    /// Statistics as text that are packed instead, for they aren't compressed.
    packed: Option<Arc<dyn StatsSource>>,
    last_chunk: LastChunk,
}

/// One piece of work.
enum Part<'a> {
    Flat(&'a Group, Range<usize>),
    Nested(&'a Group),
    Others(&'a Group),
}

/// What a piece of work gave.
enum Decoded {
    Flat(RecordBatch),
    /// One batch for each [`BATCH_ROWS`] rows.
    Nested(Vec<RecordBatch>),
    Others(Vec<Action>),
}

/// Decodes the wanted columns, whose ranges are at hand.
///
/// # Errors
/// As [`decode_parquet`](super::decode_parquet).
pub(super) fn decode(pieces: &Pieces, metadata: &ArrowReaderMetadata, wanted: Wanted) -> Result<Contents> {
    let groups = groups(pieces, metadata, wanted)?;
    let mut parts = Vec::new();
    for group in &groups {
        parts.extend((!group.leaves.others.is_empty()).then_some(Part::Others(group)));
        parts.extend((!group.leaves.nested.is_empty()).then_some(Part::Nested(group)));
        if !group.leaves.flat.is_empty() {
            parts.extend(ranges(group.rows).map(|rows| Part::Flat(group, rows)));
        }
    }
    let decoded = in_parallel(parts.len(), |part| decode_part(pieces, metadata, &parts[part]))?;
    let mut contents = Contents::default();
    let mut batches = Vec::new();
    let (mut nested, mut nested_of) = (Vec::new(), None);
    for (part, decoded) in parts.iter().zip(decoded) {
        match (part, decoded) {
            (Part::Flat(group, rows), Decoded::Flat(batch)) => {
                let beside = if nested_of == Some(group.at) { nested.get(rows.start / BATCH_ROWS) } else { None };
                batches.push((*group, rows.clone(), batch, beside.cloned()));
            }
            (Part::Nested(group), Decoded::Nested(of_group)) => {
                if of_group.len() != ranges(group.rows).count() {
                    return Err(Error::corrupt("the columns of a checkpoint have different lengths"));
                }
                (nested, nested_of) = (of_group, Some(group.at));
            }
            (_, Decoded::Others(actions)) => contents.actions.extend(actions),
            _ => return Err(Error::bug("a part of a checkpoint was decoded as another")),
        }
    }
    let files = in_parallel(batches.len(), |at| {
        let (group, rows, batch, beside) = &batches[at];
        let of = |action: &str| files(group, rows, action, (batch, beside.as_ref()));
        Ok((of("add")?, of("remove")?))
    })?;
    for (adds, removes) in files {
        contents.adds.extend(adds);
        contents.removes.extend(removes);
    }
    Ok(contents)
}

fn ranges(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(BATCH_ROWS).map(move |from| from..rows.min(from + BATCH_ROWS))
}

fn groups(pieces: &Pieces, metadata: &ArrowReaderMetadata, wanted: Wanted) -> Result<Vec<Group>> {
    let mut groups = Vec::new();
    let last_chunk = LastChunk::default();
    let mut expansion = Expansion::in_file(pieces.size());
    for (at, group) in metadata.metadata().row_groups().iter().enumerate() {
        let leaves = Leaves::of(group, wanted);
        let rows = usize::try_from(group.num_rows())
            .map_err(|e| Error::corrupt("a row group of less than no rows").because(e))?;
        for column in leaves.all().map(|leaf| group.column(leaf)) {
            let range = range(column, pieces.size())?;
            let length = usize::try_from(range.end - range.start).map_err(|_| misplaced(range.start))?;
            let within =
                |part: Range<usize>| pieces.get(range.start + part.start as u64..range.start + part.end as u64);
            expansion.add_from(column, length, within, rows as u64)?;
        }
        expansion.check()?;
        let mut kept = Stored::new(metadata, at);
        let mut packed = None;
        if let Some(texts) = leaves.texts {
            if group.column(texts).compression() == Compression::UNCOMPRESSED {
                packed = Some(Arc::new(Stored { pieces: pieces.clone(), texts: Some(texts), ..kept.clone() })
                    as Arc<dyn StatsSource>);
            } else {
                kept.texts = Some(texts);
            }
        }
        kept.parsed.clone_from(&leaves.parsed);
        for leaf in kept.parsed.iter().copied().chain(kept.texts) {
            kept.pieces.take(pieces, range(group.column(leaf), pieces.size())?)?;
        }
        groups.push(Group { at, rows, leaves, kept: Arc::new(kept), packed, last_chunk: last_chunk.clone() });
    }
    Ok(groups)
}

fn decode_part(pieces: &Pieces, metadata: &ArrowReaderMetadata, part: &Part<'_>) -> Result<Decoded> {
    match part {
        Part::Flat(group, rows) => {
            let mut batches = read(pieces, metadata, group.at, &group.leaves.flat, vec![rows.clone()])?;
            match (batches.pop(), batches.is_empty()) {
                (Some(batch), true) if batch.num_rows() == rows.len() => Ok(Decoded::Flat(batch)),
                _ => Err(Error::corrupt("a row group of a checkpoint has fewer rows than it says")),
            }
        }
        Part::Nested(group) => {
            let batches = read(pieces, metadata, group.at, &group.leaves.nested, ranges(group.rows).collect())?;
            Ok(Decoded::Nested(batches))
        }
        Part::Others(group) => others(pieces, metadata, group).map(Decoded::Others),
    }
}

/// The other actions of a row group: their key columns are read first, to know the rows.
fn others(pieces: &Pieces, metadata: &ArrowReaderMetadata, group: &Group) -> Result<Vec<Action>> {
    let mut rows: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    for batch in read(pieces, metadata, group.at, &group.leaves.keys, ranges(group.rows).collect())? {
        for row in key_rows(&batch)?.set_indices() {
            let row = from + row;
            match rows.last_mut().filter(|last| last.end == row) {
                Some(last) => last.end += 1,
                None => rows.push(row..row + 1),
            }
        }
        from += batch.num_rows();
    }
    let mut actions = Vec::new();
    if !rows.is_empty() {
        for batch in read(pieces, metadata, group.at, &group.leaves.others, rows)? {
            take_others(&batch, &mut actions)?;
        }
    }
    Ok(actions)
}

/// Rows in which some action is.
fn key_rows(batch: &RecordBatch) -> Result<BooleanBuffer> {
    let mut any = BooleanBuffer::new_unset(batch.num_rows());
    for column in batch.columns() {
        let action: Option<&StructArray> = column.as_struct_opt();
        let action = action.ok_or_else(|| Error::corrupt("an action of a checkpoint isn't a struct"))?;
        for key in action.columns() {
            any = match NullBuffer::union(action.nulls(), key.logical_nulls().as_ref()) {
                Some(nulls) => &any | nulls.inner(),
                None => BooleanBuffer::new_set(batch.num_rows()),
            };
        }
    }
    Ok(any)
}

/// The file actions of one kind in a range of rows.
fn files(
    group: &Group,
    rows: &Range<usize>,
    action: &str,
    (batch, beside): (&RecordBatch, Option<&RecordBatch>),
) -> Result<Option<FileColumns>> {
    debug_assert!(FILE_ACTIONS.contains(&action), "{action} is about files");
    let Some(flat) = file_action(batch, action)? else { return Ok(None) };
    let there = there(&flat, action)?;
    let count = there.count_set_bits();
    if count == 0 {
        return Ok(None);
    }
    let beside = beside.map(|beside| file_action(beside, action)).transpose()?.flatten();
    let parts: Vec<&StructArray> = std::iter::once(&flat).chain(beside.as_ref()).collect();
    if parts.iter().any(|part| part.len() != rows.len()) {
        return Err(Error::corrupt("the columns of a checkpoint have different lengths"));
    }
    let chosen = (count < rows.len()).then_some(there);
    let mut columns = file_columns(&parts, chosen.as_ref())?;
    columns.shrink();
    if action == "add" {
        if columns.size.null_count() > 0 {
            return Err(missing(action, "size"));
        }
        columns.stats = stats(group, rows, chosen)?;
    }
    Ok(Some(columns))
}

/// The statistics of a range of rows: their bytes are kept where they are compressed, else their texts are packed.
fn stats(group: &Group, rows: &Range<usize>, chosen: Option<BooleanBuffer>) -> Result<FileStats> {
    let source = Arc::clone(&group.kept) as Arc<dyn StatsSource>;
    let kept = SourceRows { source, rows: rows.clone(), chosen: chosen.clone() };
    let mut stats = FileStats::absent();
    if let Some(packed) = &group.packed {
        let texts = SourceRows { source: Arc::clone(packed), rows: kept.rows.clone(), chosen };
        stats = stats.with_stored_texts(texts).packed()?;
    } else if group.kept.texts.is_some() {
        stats = stats.with_stored_texts(kept.clone());
    }
    if !group.kept.parsed.is_empty() {
        stats = stats.with_stored_parsed(kept);
    }
    Ok(stats.sharing(&group.last_chunk))
}
