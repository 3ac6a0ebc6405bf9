//! How does delta_kernel do it, on its default engine? It replays the log for each question and keeps no files.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, MapBuilder, StringArray, StringBuilder,
    StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::expressions::{Expression, Predicate};
use delta_kernel::scan::StatsOptions;
use delta_kernel::snapshot::Snapshot;
use delta_kernel::transaction::{CommitResult, UpdateTableOperation};
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;
use delta_kernel_default_engine::{DefaultEngine, DefaultEngineBuilder};

use super::{Append, Engine, Found, Handle, WantedStatistics};
use crate::Res;
use crate::place::Place;
use crate::table::File;

/// Kernel.
pub struct Kernel;

type Default = DefaultEngine<TokioMultiThreadExecutor>;

struct Open {
    engine: Arc<Default>,
    snapshot: Arc<Snapshot>,
}

/// Kernel blocks, so it doesn't run on the runtime's own threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Res<T> + Send + 'static) -> Res<T> {
    tokio::task::spawn_blocking(work).await?
}

#[async_trait]
impl Engine for Kernel {
    async fn load(&self, place: &Place) -> Res<Box<dyn Handle>> {
        let executor = Arc::new(TokioMultiThreadExecutor::new(tokio::runtime::Handle::current()));
        let builder = DefaultEngineBuilder::new(Arc::clone(&place.store)).with_task_executor(executor);
        let engine = Arc::new(builder.build());
        let (url, with) = (place.url.clone(), Arc::clone(&engine));
        let snapshot = blocking(move || Ok(Snapshot::builder_for(url.as_str()).build(with.as_ref())?)).await?;
        Ok(Box::new(Open { engine, snapshot }))
    }
}

impl Open {
    /// Replays the log and hands each batch of live files, with the rows that count, to `each`.
    async fn scan<T: std::default::Default + Send + 'static>(
        &self,
        statistics: StatsOptions,
        predicate: Option<delta_kernel::PredicateRef>,
        each: impl Fn(&RecordBatch, &dyn Fn(usize) -> bool, &mut T) + Send + 'static,
    ) -> Res<T> {
        let (engine, snapshot) = (Arc::clone(&self.engine), Arc::clone(&self.snapshot));
        blocking(move || {
            let scan = snapshot.scan_builder().with_predicate(predicate).with_stats(statistics).build()?;
            let mut result = T::default();
            for found in scan.scan_metadata(engine.as_ref())? {
                let files = found?.scan_files;
                let selected = files.selection_vector();
                let data = files.data().any_ref().downcast_ref::<ArrowEngineData>().ok_or("files aren't in Arrow")?;
                each(data.record_batch(), &|row| selected.get(row).copied().unwrap_or(true), &mut result);
            }
            Ok(result)
        })
        .await
    }
}

#[async_trait]
impl Handle for Open {
    fn version(&self) -> Res<(u64, usize)> {
        Ok((self.snapshot.version(), self.snapshot.schema().fields().count()))
    }

    async fn files(&mut self, statistics: WantedStatistics) -> Res<Found> {
        let options = match statistics {
            WantedStatistics::Json => StatsOptions::json_only(),
            WantedStatistics::Parsed => StatsOptions::all_struct(),
            WantedStatistics::None => StatsOptions::none(),
        };
        self.scan(options, None, move |batch, selected, found: &mut Found| count(batch, selected, statistics, found))
            .await
    }

    async fn sum_of_sizes(&mut self) -> Res<i64> {
        self.scan(StatsOptions::none(), None, |batch, selected, sum: &mut i64| {
            let Some(sizes) = column(batch, "size").and_then(|c| c.as_primitive_opt::<Int64Type>()) else { return };
            *sum += (0..batch.num_rows()).filter(|row| selected(*row)).map(|row| sizes.value(row)).sum::<i64>();
        })
        .await
    }

    async fn refresh(&mut self) -> Res<()> {
        let (engine, snapshot) = (Arc::clone(&self.engine), Arc::clone(&self.snapshot));
        self.snapshot = blocking(move || Ok(Snapshot::builder_from(snapshot).build(engine.as_ref())?)).await?;
        Ok(())
    }

    async fn prune(&mut self, ids: Range<i64>) -> Res<u64> {
        let id = || Expression::column(["id"]);
        let (from, below) = (id().ge(Expression::literal(ids.start)), id().lt(Expression::literal(ids.end)));
        let predicate = Arc::new(Predicate::and(from, below));
        self.scan(StatsOptions::default(), Some(predicate), |batch, selected, count: &mut u64| {
            *count += (0..batch.num_rows()).filter(|row| selected(*row)).count() as u64;
        })
        .await
    }

    async fn checkpoint(&mut self) -> Res<()> {
        let (engine, snapshot) = (Arc::clone(&self.engine), Arc::clone(&self.snapshot));
        blocking(move || {
            snapshot.checkpoint(engine.as_ref(), None)?;
            Ok(())
        })
        .await
    }

    fn prepare(&self, number: u64) -> Res<Append> {
        Ok(Box::new(new_files(&File::new(number))?))
    }

    /// As a blind append. Kernel has no rebase: where another writer has won, refresh and put again is what its users do.
    async fn append(&mut self, append: Append) -> Res<()> {
        let batch = *append.downcast::<RecordBatch>().map_err(|_| "not an append of kernel")?;
        let (engine, mut snapshot) = (Arc::clone(&self.engine), Arc::clone(&self.snapshot));
        self.snapshot = blocking(move || {
            loop {
                let mut transaction = Arc::clone(&snapshot)
                    .update_table(UpdateTableOperation::Write, "side-by-side", true)
                    .with_blind_append()
                    .build(engine.as_ref(), Box::new(FileSystemCommitter::new()))?;
                transaction.add_files(Box::new(ArrowEngineData::new(batch.clone())));
                match transaction.commit(engine.as_ref())? {
                    CommitResult::Committed(committed) => match committed.post_commit_snapshot() {
                        Some(after) => return Ok(Arc::clone(after)),
                        None => return Ok(Snapshot::builder_from(snapshot).build(engine.as_ref())?),
                    },
                    CommitResult::Conflicted(_) => {
                        snapshot = Snapshot::builder_from(snapshot).build(engine.as_ref())?;
                    }
                    CommitResult::Retryable(failed) => return Err(format!("not committed: {}", failed.error).into()),
                }
            }
        })
        .await?;
        Ok(())
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a ArrayRef> {
    batch.column_by_name(name)
}

/// Looks at the files of a batch in the form that a kernel's scan has.
pub fn count(batch: &RecordBatch, selected: impl Fn(usize) -> bool, statistics: WantedStatistics, found: &mut Found) {
    let strings = |name: &str| column(batch, name).and_then(|c| c.as_string_opt::<i32>());
    let (paths, stats) = (strings("path"), strings("stats"));
    let sizes = column(batch, "size").and_then(|c| c.as_primitive_opt::<Int64Type>());
    let vectors = column(batch, "deletionVector").and_then(|c| c.as_struct_opt());
    let cardinality = vectors.and_then(|c| c.column_by_name("cardinality")?.as_primitive_opt::<Int64Type>());
    let constants = column(batch, "fileConstantValues").and_then(|c| c.as_struct_opt());
    let partitions = constants.and_then(|c| c.column_by_name("partitionValues")?.as_map_opt());
    let parsed = column(batch, "stats_parsed").and_then(|c| c.as_struct_opt());
    let records = parsed.and_then(|c| c.column_by_name("numRecords")?.as_primitive_opt::<Int64Type>());
    for row in (0..batch.num_rows()).filter(|row| selected(*row)) {
        found.files.files += 1;
        found.files.path_bytes += paths.map_or(0, |paths| paths.value_length(row).unsigned_abs().into());
        found.files.size += sizes.map_or(0, |sizes| sizes.value(row));
        let hidden = cardinality.filter(|c| c.is_valid(row)).map(|c| c.value(row));
        found.files.cardinality += hidden.unwrap_or(0);
        let values = partitions.filter(|maps| maps.is_valid(row)).map(|maps| maps.value_length(row));
        found.partition_values += values.map_or(0, |values| values.unsigned_abs().into());
        if statistics != WantedStatistics::None {
            let text = stats
                .filter(|stats| stats.is_valid(row))
                .map(|stats| u64::from(stats.value_length(row).unsigned_abs()));
            let typed = || records.filter(|c| c.is_valid(row)).map(|_| 8);
            found.statistics_bytes += text.or_else(typed).unwrap_or(0);
        }
    }
}

/// The batch that a kernel transaction takes for one new file.
fn new_files(file: &File) -> Res<RecordBatch> {
    let record = |columns: Vec<(&str, ArrayRef)>| -> ArrayRef {
        let field =
            |(name, column): (&str, ArrayRef)| (Arc::new(Field::new(name, column.data_type().clone(), true)), column);
        Arc::new(StructArray::from(columns.into_iter().map(field).collect::<Vec<_>>()))
    };
    let long = |value: i64| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    let bounds = |bounds: crate::table::Bounds| {
        let time = TimestampMicrosecondArray::from(vec![bounds.event_time * 1000]).with_timezone("UTC");
        record(vec![
            ("id", long(bounds.id)),
            ("event_time", Arc::new(time)),
            ("device", text(&bounds.device)),
            ("reading", Arc::new(Float64Array::from(vec![bounds.reading()]))),
            ("region", text(bounds.region)),
        ])
    };
    let names = ["id", "event_time", "device", "reading", "region"];
    let nulls = record(names.into_iter().zip(file.null_counts().map(long)).collect());
    let stats = record(vec![
        ("numRecords", long(file.rows())),
        ("nullCount", nulls),
        ("minValues", bounds(file.min())),
        ("maxValues", bounds(file.max())),
        ("tightBounds", Arc::new(BooleanArray::from(vec![true]))),
    ]);
    let mut partition_values = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    partition_values.append(true)?;
    let partition_values: ArrayRef = Arc::new(partition_values.finish());
    let schema = Schema::new(vec![
        Field::new("path", text("").data_type().clone(), false),
        Field::new("partitionValues", partition_values.data_type().clone(), false),
        Field::new("size", long(0).data_type().clone(), false),
        Field::new("modificationTime", long(0).data_type().clone(), false),
        Field::new("stats", stats.data_type().clone(), true),
    ]);
    let columns = vec![text(&file.path()), partition_values, long(file.size()), long(file.modification_time()), stats];
    Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
}
