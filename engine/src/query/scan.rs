//! Which rows has a snapshot, or some of its files?

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Column;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{ExecutionPlanProperties, execute_stream, execute_stream_partitioned};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use lakebed_txlog::action::Add;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result, Version};
use tokio::sync::Semaphore;

use super::context::{self, Streams};
use super::failure::{planning, running};
use super::provider::Provider;
use crate::store::TableStore;

/// Batches of a partition that may wait to be taken.
const AHEAD_BATCHES: usize = 16;
/// KiB of the batches of all partitions that may wait to be taken; one batch may always.
const AHEAD_KIB: u32 = 32 << 10;

/// Rows as a stream of batches, all of one schema. Dropping the stream stops the reading.
pub struct Rows {
    /// The schema of every batch: logical names.
    pub schema: SchemaRef,
    /// The batches. After an error nothing follows.
    pub stream: BoxStream<'static, Result<RecordBatch>>,
}

impl Rows {
    /// All of the rows, in memory.
    ///
    /// # Errors
    /// The first error of the stream.
    pub async fn collect(self) -> Result<Vec<RecordBatch>> {
        self.stream.try_collect().await
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// In which order rows come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowOrder {
    /// In none that can be relied on: files are read beside each other.
    #[default]
    Any,
    /// One file after the other, in the order in which they were given, and each in its own order.
    OfFiles,
}

/// What to read of a snapshot. The default is all of it.
#[derive(Clone, Debug, Default)]
pub struct ScanRequest {
    /// These columns, in this order, by logical names; `None` is every column of the table.
    pub columns: Option<Vec<String>>,
    /// A condition in SQL; rows of which it isn't true (false or NULL) are left out.
    pub filter: Option<String>,
    /// At most so many rows.
    pub limit: Option<usize>,
    /// Only these files; `None` is the live files, without those that the condition rules out.
    pub files: Option<Vec<Add>>,
    /// In which order.
    pub order: RowOrder,
}

/// Reads rows of a snapshot. Deletion vectors are read before it returns, data files by the
/// stream.
///
/// # Errors
/// `InvalidRequest` for columns that aren't there and conditions that can't be parsed or typed; `Corrupt` for a damaged
/// deletion vector; `Unsupported` for a data file outside of the table. While reading: `NotFound` for a data file that is
/// gone, `Corrupt` for a damaged one, those of the store.
pub async fn scan(store: &TableStore, snapshot: &Snapshot, request: &ScanRequest) -> Result<Rows> {
    let named = |e: Error| e.version(snapshot.version()).table(store.url().to_string());
    let streams = if request.order == RowOrder::OfFiles { Streams::One } else { Streams::Many };
    let context = context::context(streams);
    let mut provider = Provider::new(store, snapshot)?.ordered(request.order);
    if let Some(files) = &request.files {
        provider = provider.only(files.clone());
    }
    let frame = context.read_table(Arc::new(provider)).map_err(planning).map_err(named)?;
    let frame = narrowed(&context.state(), frame, snapshot, request).map_err(named)?;
    rows(frame, Some((store.url().to_string(), snapshot.version()))).await
}

fn narrowed(
    state: &datafusion::execution::SessionState,
    mut frame: DataFrame,
    snapshot: &Snapshot,
    request: &ScanRequest,
) -> Result<DataFrame> {
    if let Some(sql) = &request.filter {
        let schema = Arc::new(frame.schema().clone());
        frame = frame.filter(context::condition(state, sql, schema)?).map_err(planning)?;
    }
    if let Some(columns) = &request.columns {
        let columns = columns.iter().map(|column| named_column(snapshot, column)).collect::<Result<Vec<_>>>()?;
        frame = frame.select(columns).map_err(planning)?;
    }
    match request.limit {
        Some(limit) => frame.limit(0, Some(limit)).map_err(planning),
        None => Ok(frame),
    }
}

/// The column that a name means; see [`StructType::resolve`](lakebed_txlog::schema::StructType::resolve).
fn named_column(snapshot: &Snapshot, name: &str) -> Result<Expr> {
    let schema = snapshot.schema();
    match schema.resolve(name)? {
        Some((_, field)) => Ok(Expr::Column(Column::new_unqualified(field.name.clone()))),
        None => {
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name.as_str()).collect();
            Err(Error::invalid(format!("there is no column {name:?}"))
                .hint(format!("the columns are: {}", names.join(", "))))
        }
    }
}

/// Starts a query. `of` names table and version in errors that name none.
pub(super) async fn rows(frame: DataFrame, of: Option<(String, Version)>) -> Result<Rows> {
    // A decoder that panics on damaged bytes has found damage (pitfall H2): planning reads footers too.
    let started = AssertUnwindSafe(merged(frame)).catch_unwind().await;
    let stream = match started {
        Ok(stream) => stream.map_err(running).map_err(|e| named(e, of.as_ref()))?,
        Err(panic) => return Err(named(panicked(panic.as_ref()), of.as_ref())),
    };
    Ok(guarded(stream, of))
}

/// The partitions of a query as one stream. Each is a task that reads ahead of whoever takes the batches: a partition that
/// had to wait for each of its batches to be taken would leave its core to a switch of threads, twice for every batch.
async fn merged(frame: DataFrame) -> datafusion::common::Result<SendableRecordBatchStream> {
    let context = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await?;
    if plan.output_partitioning().partition_count() < 2 {
        return execute_stream(plan, context);
    }
    let schema = plan.schema();
    let partitions = execute_stream_partitioned(plan, context)?;
    let mut builder = RecordBatchReceiverStream::builder(Arc::clone(&schema), AHEAD_BATCHES * partitions.len());
    let room = Arc::new(Semaphore::new(AHEAD_KIB as usize));
    for mut partition in partitions {
        let (taker, room) = (builder.tx(), Arc::clone(&room));
        builder.spawn(async move {
            while let Some(next) = partition.next().await {
                let is_last = next.is_err();
                if let Ok(batch) = &next
                    && let Ok(taken) = room.acquire_many(kib(batch)).await
                {
                    // Given back when the batch is taken.
                    taken.forget();
                }
                if taker.send(next).await.is_err() || is_last {
                    break;
                }
            }
            Ok(())
        });
    }
    let taken = builder.build().inspect_ok(move |batch| room.add_permits(kib(batch) as usize));
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, taken)))
}

/// What a batch counts for: all of the room where it is larger than that.
fn kib(batch: &RecordBatch) -> u32 {
    u32::try_from(batch.get_array_memory_size() >> 10).unwrap_or(AHEAD_KIB).min(AHEAD_KIB)
}

fn guarded(stream: SendableRecordBatchStream, of: Option<(String, Version)>) -> Rows {
    let schema = stream.schema();
    let guarded = AssertUnwindSafe(stream).catch_unwind().map(move |next| match next {
        Ok(batch) => batch.map_err(running).map_err(|e| named(e, of.as_ref())),
        Err(panic) => Err(named(panicked(panic.as_ref()), of.as_ref())),
    });
    // After an error nothing follows.
    let ended = guarded.scan(false, |over, next| {
        let item = (!*over).then_some(next);
        *over |= matches!(&item, Some(Err(_)));
        std::future::ready(item)
    });
    Rows { schema, stream: ended.boxed() }
}

fn named(error: Error, of: Option<&(String, Version)>) -> Error {
    match of {
        Some((table, version)) => error.table(table).version(*version),
        None => error,
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::corrupt(format!("a data file can't be decoded: {}", said.unwrap_or("the decoder gave up")))
        .hint("restore the file, or an earlier version of the table")
}
