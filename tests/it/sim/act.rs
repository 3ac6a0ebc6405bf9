//! What can be done with a table, and which rows has it then?

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, BinaryArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use futures::stream;
use lakebed::query::ScanRequest;
use lakebed::{
    AppendOptions, CommitOptions, CreateTable, OverwriteOptions, Promoted, Promotion, Replace, Result, SchemaMode,
    Table, TxnUpdate, Version, promote,
};
use lakebed_compaction::{CompactionOptions, compact};
use lakebed_tests::sim::{ProcessId, Retries, Rng, SimEnv, World, table_store};
use lakebed_txlog::env::Env;
use lakebed_vacuum::{VacuumOptions, carry_out, plan};

/// The table that most is done with.
pub(super) const TABLE: &str = "lake/t";
const SOURCE: &str = "lake/source";
const TARGET: &str = "lake/target";
const NEW: &str = "lake/new";
/// The version of [`TABLE`] that is gone back to.
const EARLIER: Version = Version(4);
/// Its rows.
const EARLIER_IDS: [i64; 10] = [0, 1, 2, 3, 4, 5, 10, 11, 12, 13];
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Where a process works.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) world: World,
    pub(super) process: ProcessId,
    pub(super) env: Arc<dyn Env>,
    pub(super) retries: Retries,
}

impl Place {
    pub(super) fn new(world: &World, process: ProcessId, seed: u64) -> Place {
        let env = SimEnv::shared(world, process, seed, 0);
        Place { world: world.clone(), process, env, retries: Retries::No }
    }

    pub(super) async fn open(&self, root: &str) -> Result<Table> {
        Table::open_with(table_store(&self.world, self.process, root, self.retries), Arc::clone(&self.env)).await
    }

    pub(super) async fn create(&self, root: &str) -> Result<Table> {
        let create = CreateTable::of_arrow(&schema())?;
        create.create_in(table_store(&self.world, self.process, root, self.retries), Arc::clone(&self.env)).await
    }
}

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("k", DataType::Int64, true),
        Field::new("bytes", DataType::Binary, true),
    ])
}

/// Rows of these ids; the key is what is left of an id by three.
pub(super) fn batch(ids: &[i64]) -> RecordBatch {
    with_bytes(ids, &vec![None; ids.len()])
}

fn with_bytes(ids: &[i64], bytes: &[Option<&[u8]>]) -> RecordBatch {
    let keys = Int64Array::from_iter_values(ids.iter().map(|id| id % 3));
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(ids.to_vec())), Arc::new(keys), Arc::new(BinaryArray::from(bytes.to_vec()))];
    RecordBatch::try_new(Arc::new(schema()), columns).unwrap()
}

/// More bytes than one request takes, which no compression makes fewer.
fn big(ids: &[i64]) -> RecordBatch {
    let mut rng = Rng::new(1);
    let blobs: Vec<Vec<u8>> =
        ids.iter().map(|_| (0..(3 << 20) / 8).flat_map(|_| rng.draw().to_le_bytes()).collect()).collect();
    let bytes: Vec<Option<&[u8]>> = blobs.iter().map(|blob| Some(blob.as_slice())).collect();
    with_bytes(ids, &bytes)
}

/// The ids of all rows of a version, sorted.
pub(super) async fn scanned(table: &Table, version: Option<Version>, filter: Option<&str>) -> Result<Vec<i64>> {
    let snapshot = match version {
        Some(version) => table.at(version).await?,
        None => table.refresh().await?,
    };
    let request = ScanRequest {
        columns: Some(vec!["id".to_owned()]),
        filter: filter.map(str::to_owned),
        ..ScanRequest::default()
    };
    let batches = table.scan(&snapshot, &request).await?.collect().await?;
    let column = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    let mut ids: Vec<i64> = batches.iter().flat_map(column).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// What was read, and what it should have been.
pub(super) type Read = Option<(Vec<i64>, Vec<i64>)>;

/// One operation of the engine, from opening to what is done behind its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Act {
    Create,
    Append,
    /// In parts.
    AppendBig,
    /// With an application's progress, and again where it isn't known whether that landed.
    AppendOnce,
    /// With a column that the table doesn't have.
    Widen,
    Overwrite,
    /// By vectors.
    Delete,
    /// All rows of a file.
    DeleteFile,
    Compact,
    Vacuum,
    Checkpoint,
    Promote,
    Restore,
    Scan,
    /// To an older version.
    Travel,
    History,
}

impl Act {
    /// The table whose rows it is about.
    pub(super) fn root(self) -> &'static str {
        match self {
            Act::Create => NEW,
            Act::Promote => TARGET,
            _ => TABLE,
        }
    }

    /// The rows once it is done.
    pub(super) fn after(self, before: &[i64]) -> Vec<i64> {
        let with = |more: &[i64]| before.iter().chain(more).copied().collect::<Vec<_>>();
        match self {
            Act::Create => Vec::new(),
            Act::Append | Act::AppendBig | Act::AppendOnce | Act::Widen => with(&[100, 101, 102]),
            Act::Overwrite => vec![200, 201],
            Act::Delete => before.iter().copied().filter(|id| id % 3 != 1).collect(),
            Act::DeleteFile => before.iter().copied().filter(|id| *id < 20).collect(),
            Act::Promote => with(&[302, 303]),
            Act::Restore => EARLIER_IDS.to_vec(),
            Act::Compact | Act::Vacuum | Act::Checkpoint | Act::Scan | Act::Travel | Act::History => before.to_vec(),
        }
    }

    /// Does it; what was read, and should have been.
    pub(super) async fn run(self, place: &Place, before: &[i64]) -> Result<Read> {
        let read = match self {
            Act::Create => {
                place.create(NEW).await?.settle().await;
                None
            }
            Act::Promote => {
                promoted(place).await?;
                None
            }
            _ => {
                if self == Act::Vacuum {
                    place.world.sleep(MONTH).await;
                }
                let table = place.open(TABLE).await?;
                let done = self.on(&table, before).await;
                table.settle().await;
                done?
            }
        };
        Ok(read)
    }

    async fn on(self, table: &Table, before: &[i64]) -> Result<Read> {
        let commit = CommitOptions::default();
        match self {
            Act::Append => drop(table.append_batches(vec![batch(&[100, 101, 102])], &AppendOptions::default()).await?),
            Act::AppendBig => drop(table.append_batches(vec![big(&[100, 101, 102])], &AppendOptions::default()).await?),
            Act::AppendOnce => append_once(table).await?,
            Act::Widen => widen(table).await?,
            Act::Overwrite => {
                let rows = batch(&[200, 201]);
                let options = OverwriteOptions::default();
                let schema = rows.schema();
                table.overwrite(Replace::Table, &schema, stream::iter([Ok(rows)]), &options).await?;
            }
            Act::Delete => drop(table.delete("k = 1", &commit).await?),
            Act::DeleteFile => drop(table.delete("id >= 20", &commit).await?),
            Act::Compact => drop(compact(table, &CompactionOptions::default(), |_| ()).await?),
            Act::Vacuum => {
                let found = plan(table, &VacuumOptions::default()).await?;
                carry_out(table, &found, |_| ()).await?;
            }
            Act::Checkpoint => drop(table.checkpoint().await?),
            Act::Restore => drop(table.restore(EARLIER, &commit).await?),
            Act::Scan => {
                let keyed: Vec<i64> = before.iter().copied().filter(|id| id % 3 == 2).collect();
                let found = scanned(table, None, Some("k = 2")).await?;
                assert_eq!(found, keyed, "rows of a key");
                return Ok(Some((scanned(table, None, None).await?, before.to_vec())));
            }
            Act::Travel => return Ok(Some((scanned(table, Some(EARLIER), None).await?, EARLIER_IDS.to_vec()))),
            Act::History => {
                let versions = table.history(3).await?.iter().map(|entry| entry.version.0 as i64).collect();
                return Ok(Some((versions, vec![6, 5, 4])));
            }
            Act::Create | Act::Promote => {}
        }
        Ok(None)
    }
}

async fn append_once(table: &Table) -> Result<()> {
    let base = table.refresh().await?.txn("loader").map(|txn| txn.version);
    if base == Some(8) {
        return Ok(());
    }
    let options = AppendOptions {
        txn: Some(TxnUpdate { app_id: "loader".into(), version: 8, base }),
        ..AppendOptions::default()
    };
    let once = async || table.append_batches(vec![batch(&[100, 101, 102])], &options).await;
    match once().await {
        // Where it can't be found out now either, it may still be there.
        Err(unknown) if unknown.kind() == lakebed::ErrorKind::Indeterminate => match once().await {
            Ok(_) => Ok(()),
            Err(_) => Err(unknown),
        },
        ended => ended.map(drop),
    }
}

async fn widen(table: &Table) -> Result<()> {
    let rows = batch(&[100, 101, 102]);
    let more = Int64Array::from(vec![1, 2, 3]);
    let mut fields: Vec<_> = rows.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("more", DataType::Int64, true)));
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(more));
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let options = AppendOptions { schema_mode: SchemaMode::Merge, ..AppendOptions::default() };
    table.append_batches(vec![rows], &options).await.map(drop)
}

async fn promoted(place: &Place) -> Result<Promoted> {
    let (source, target) = (place.open(SOURCE).await?, place.open(TARGET).await?);
    let promotion = Promotion::new("all", "SELECT id, k, bytes FROM source");
    let done = promote(&source, &target, &promotion).await;
    target.settle().await;
    done
}

/// The tables that are there before each run.
pub(super) async fn make(place: &Place) -> Result<()> {
    let append = async |table: &Table, ids: &[i64]| {
        table.append_batches(vec![batch(ids)], &AppendOptions::default()).await.map(drop)
    };
    let table = place.create(TABLE).await?;
    append(&table, &[90, 91]).await?;
    append(&table, &[0, 1, 2, 3, 4, 5]).await?;
    table.delete("id >= 90", &CommitOptions::default()).await?;
    append(&table, &[10, 11, 12, 13]).await?;
    table.delete("id = 2", &CommitOptions::default()).await?;
    table.checkpoint().await?;
    append(&table, &[20, 21, 22]).await?;
    table.settle().await;
    let (source, target) = (place.create(SOURCE).await?, place.create(TARGET).await?);
    append(&source, &[300, 301]).await?;
    promoted(place).await?;
    append(&source, &[302]).await?;
    append(&source, &[303]).await?;
    source.settle().await;
    target.settle().await;
    Ok(())
}
