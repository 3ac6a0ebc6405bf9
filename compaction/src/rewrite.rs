//! How do the rows of some files come into others?

use futures::{StreamExt, TryStreamExt, stream};
use lakebed::query::{RowOrder, ScanRequest};
use lakebed::table::{Table, row_count};
use lakebed::write::{DataFiles, TableLayout, write_stream};
use lakebed_txlog::action::Add;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::transaction::{MovedFrom, MovedTo, Moves};
use lakebed_txlog::{Error, Result};

use crate::choose::Group;
use crate::options::CompactionOptions;

/// Files whose rows are counted at the same time, where the log doesn't say how many they are.
const PARALLEL_COUNTS: usize = 8;

/// A group's rows, written, and in no commit yet.
pub(crate) struct Rewritten {
    /// The files replaced, each with the vector that was in force when it was read.
    pub(crate) sources: Vec<Add>,
    /// The files made.
    pub(crate) data: DataFiles,
    /// Where the rows are: the files made, one after the other, hold those of the files replaced, in their order.
    pub(crate) moves: Option<Moves>,
    /// Rows that vectors deleted.
    pub(crate) num_rows_purged: u64,
}

impl Rewritten {
    /// Whether a path is that of a file replaced or made.
    pub(crate) fn names(&self, path: &str) -> bool {
        self.sources.iter().chain(&self.data.adds).any(|add| add.path == path)
    }
}

/// Writes the live rows of a group's files, in their order, into new ones. `None` when one of the files is gone.
///
/// Requests: those of a scan of the files and of the write. Memory: the options' and one batch. An error, or a dropped
/// future, leaves nothing behind but what vacuum sweeps.
///
/// # Errors
/// Those of the scan and of the write; [`Corrupt`](lakebed::ErrorKind::Corrupt) when the files hold another number of
/// rows than the log and their vectors say.
pub(crate) async fn rewrite(
    table: &Table,
    snapshot: &Snapshot,
    group: &Group,
    options: &CompactionOptions,
) -> Result<Option<Rewritten>> {
    let live = group.files.iter().map(|file| snapshot.files().find(&file.path).map(|live| live.to_add()));
    let Some(sources) = live.collect::<Option<Vec<Add>>>() else { return Ok(None) };
    let counts = count_rows(table, &sources).await?;
    let (num_rows, num_rows_purged) = counts
        .iter()
        .fold((0_u64, 0_u64), |(live, deleted), (l, d)| (live.saturating_add(*l), deleted.saturating_add(*d)));
    let layout = TableLayout::new(snapshot.metadata(), snapshot.column_mapping())?;
    let request = ScanRequest { files: Some(sources.clone()), order: RowOrder::OfFiles, ..ScanRequest::default() };
    let rows = table.scan(snapshot, &request).await?;
    let write = options.write_options();
    let data = write_stream(table.store(), &layout.into(), &write, table.env(), &rows.schema, rows.stream).await?;
    if let Err(error) = check(&data, num_rows) {
        data.discard().await;
        return Err(error);
    }
    let moves = moves(table, &sources, &counts, &data).await?;
    Ok(Some(Rewritten { sources, data, moves, num_rows_purged }))
}

/// Where the rows went. `None` where there are none.
async fn moves(table: &Table, sources: &[Add], counts: &[(u64, u64)], data: &DataFiles) -> Result<Option<Moves>> {
    let from = sources.iter().zip(counts).map(|(add, (live, deleted))| MovedFrom {
        path: add.path.clone(),
        num_records: live.saturating_add(*deleted),
        deletion_vector: add.deletion_vector.clone(),
    });
    let mut moves = Moves { from: from.collect(), to: Vec::new() };
    for add in &data.adds {
        moves.to.push(MovedTo { path: add.path.clone(), num_records: row_count(table.store(), add).await? });
    }
    Ok((!moves.to.is_empty()).then_some(moves))
}

/// Live and deleted rows of each file.
async fn count_rows(table: &Table, sources: &[Add]) -> Result<Vec<(u64, u64)>> {
    let counts = stream::iter(sources).map(|add| async move {
        let num_records = row_count(table.store(), add).await?;
        let deleted = add.deletion_vector.as_ref().map_or(Ok(0), |vector| u64::try_from(vector.cardinality));
        match deleted.ok().and_then(|deleted| Some((num_records.checked_sub(deleted)?, deleted))) {
            Some(counts) => Ok(counts),
            None => Err(Error::corrupt("a deletion vector deletes more rows than its file has").path(&add.path)),
        }
    });
    counts.buffered(PARALLEL_COUNTS).boxed().try_collect().await
}

/// Rows before are rows after, and all in one partition.
fn check(data: &DataFiles, num_rows: u64) -> Result<()> {
    if data.num_rows != num_rows {
        return Err(Error::corrupt(format!(
            "files that hold {num_rows} live rows by the log gave {} when they were read",
            data.num_rows
        ))
        .hint("nothing was changed: the statistics of a file are wrong, or a file was replaced behind the log"));
    }
    let mut partitions = data.adds.iter().map(|add| &add.partition_values);
    let first = partitions.next();
    if partitions.any(|other| Some(other) != first) {
        return Err(Error::bug("the rows of one partition were written to several"));
    }
    Ok(())
}
