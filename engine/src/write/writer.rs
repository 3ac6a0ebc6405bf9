//! Which file is encoded, flushed or closed next.
//!
//! Each partition goes through these states, as far as its rows and the budget take it:
//!
//! | state | holds | left for the next when |
//! |---|---|---|
//! | a. waiting | rows | 8192 rows or 1 MiB are there; or the budget is reached and it is the largest |
//! | b. encoding | a row group | a row group is full; or the budget is reached and it is the largest |
//! | c. uploading | parts on their way | the file has its target size; or the budget is reached; or too many are open |
//! | d. closing | a finished file on its way | it is there |
//!
//! Taking the largest first makes early-closed files as large as a budget over so many partitions allows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use lakebed_txlog::action::Add;
use lakebed_txlog::env::Env;
use lakebed_txlog::path::DataPath;
use lakebed_txlog::threads::apart;
use lakebed_txlog::{Error, Result};
use parquet::file::properties::WriterProperties;
use tokio::task::{JoinHandle, JoinSet};

use super::conform::{Conform, Conformed, batch_bytes};
use super::encode::{Encoder, properties};
use super::files::{Begun, DataFiles};
use super::layout::TableLayout;
use super::options::WriteOptions;
use super::split::{Split, Values};
use super::upload::{Flow, PART_BYTES, Upload, flow};
use crate::store::TableStore;

/// Rows, or bytes, that are encoded in one go.
const STEP_ROWS: usize = 8192;
const STEP_BYTES: usize = 1 << 20;
/// What an encoder holds for each column beside what it counts: contexts of the compression, hash tables, buffers.
const COLUMN_BYTES: usize = 128 << 10;
/// Most threads that encode one file.
const MAX_THREADS: usize = 8;
/// Rows for each partition that a split should yield, so that its cost is in the rows and not in the partitions.
const ROWS_PER_SPLIT: usize = 64;
/// Most uploads in parts that are open together: each is an open file, or a request that a store must remember.
const MAX_OPEN_UPLOADS: usize = 128;
/// Most files that are being closed together.
const MAX_CLOSING: usize = 16;

/// Writes batches as data files; see [`super::write_stream`] for what holds of memory, order and failures.
///
/// After an error, [`DataWriter::abort`] is all that is left to do; a writer that is dropped does it in the background.
#[derive(Debug)]
pub struct DataWriter {
    store: TableStore,
    layout: Arc<TableLayout>,
    options: WriteOptions,
    env: Arc<dyn Env>,
    properties: WriterProperties,
    conform: Conform,
    split: Split,
    unsplit: Unsplit,
    threads: usize,
    /// What an open file counts for beside its rows.
    file_overhead_bytes: usize,
    partitions: Vec<Partition>,
    by_values: HashMap<Values, usize>,
    /// (bytes held, place) of every partition that holds some.
    by_bytes: BTreeSet<(usize, usize)>,
    held_bytes: usize,
    open_uploads: BTreeSet<(u64, usize)>,
    closing: JoinSet<(usize, Result<(usize, Add)>)>,
    closing_bytes: usize,
    done: BTreeMap<usize, Add>,
    files_begun: usize,
    num_rows: u64,
    flow: Flow,
    begun: Begun,
}

/// Batches that wait to be split together: many partitions would otherwise get a few rows of each.
#[derive(Debug, Default)]
struct Unsplit {
    batches: Vec<Conformed>,
    rows: usize,
    bytes: usize,
    /// How many partitions the last split yielded.
    partitions: usize,
}

#[derive(Debug)]
struct Partition {
    values: Values,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
    file: Option<OpenFile>,
}

/// A file between its first rows and its close.
#[derive(Debug)]
struct OpenFile {
    /// Its place among the files of the write.
    number: usize,
    path: DataPath,
    upload: Upload,
    encoder: Slot,
    overhead_bytes: usize,
    /// What the last step left in memory, plus what the running one was given.
    encoder_bytes: usize,
    file_bytes: usize,
}

#[derive(Debug)]
enum Slot {
    Idle(Box<Encoder>),
    Busy(JoinHandle<Result<Box<Encoder>>>),
    /// A step failed or was cancelled: the file can't go on.
    Lost,
}

impl DataWriter {
    /// A writer of batches of `given` schema.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` that lists every way in which the given schema doesn't fit the table, or names the option that
    /// can't be met.
    pub fn new(
        store: &TableStore,
        layout: &Arc<TableLayout>,
        options: &WriteOptions,
        env: &Arc<dyn Env>,
        given: &Schema,
    ) -> Result<DataWriter> {
        let named = |error: Error| error.table(store.url().to_string());
        options.check().map_err(named)?;
        let columns = layout.schema().leaves(layout.mode()).map_err(named)?.len();
        Ok(DataWriter {
            store: store.clone(),
            layout: Arc::clone(layout),
            options: options.clone(),
            env: Arc::clone(env),
            properties: properties(options).map_err(named)?,
            conform: Conform::new(layout, given).map_err(named)?,
            split: Split::new(layout).map_err(named)?,
            unsplit: Unsplit::default(),
            threads: std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS),
            // However wide the table, some files can be open beside each other.
            file_overhead_bytes: columns.saturating_mul(COLUMN_BYTES).min(options.memory_bytes / 8),
            partitions: Vec::new(),
            by_values: HashMap::new(),
            by_bytes: BTreeSet::new(),
            held_bytes: 0,
            open_uploads: BTreeSet::new(),
            closing: JoinSet::new(),
            closing_bytes: 0,
            done: BTreeMap::new(),
            files_begun: 0,
            num_rows: 0,
            flow: flow(),
            begun: Begun::new(store),
        })
    }

    /// Takes in a batch of the announced schema. It may be encoded and uploaded later, or behind the caller's back.
    ///
    /// # Errors
    ///
    /// `InvalidRequest`, naming the column, for nulls where the table has none, for values that the table's type or
    /// the log can't hold; those of the store.
    pub async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let rows = step_rows(&batch);
        for start in (0..batch.num_rows()).step_by(rows) {
            let step = batch.slice(start, rows.min(batch.num_rows() - start));
            self.write_step(&step).await.map_err(|error| error.table(self.store.url().to_string()))?;
        }
        Ok(())
    }

    /// Ends every file, and waits until all are there.
    ///
    /// # Errors
    ///
    /// Those of [`DataWriter::write`]; the files are deleted then.
    pub async fn finish(mut self) -> Result<DataFiles> {
        let finished = self.finish_all().await.map_err(|error| error.table(self.store.url().to_string()));
        if let Err(error) = finished {
            self.abort().await;
            return Err(error);
        }
        let adds = std::mem::take(&mut self.done).into_values().collect();
        Ok(self.begun.complete(adds, self.num_rows))
    }

    /// Ends the write and deletes its files, as far as the store lets us.
    pub async fn abort(mut self) {
        self.partitions.clear();
        self.closing.shutdown().await;
        self.begun.discard().await;
    }

    /// What all files in the making hold now.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.held_bytes + self.closing_bytes + self.unsplit.bytes
    }

    async fn write_step(&mut self, batch: &RecordBatch) -> Result<()> {
        let conformed = self.conform.apply(batch)?;
        self.num_rows += batch.num_rows() as u64;
        self.unsplit.rows += batch.num_rows();
        self.unsplit.bytes += conformed.bytes();
        self.unsplit.batches.push(conformed);
        let enough_rows = self.unsplit.partitions.saturating_mul(ROWS_PER_SPLIT);
        if self.unsplit.rows >= enough_rows || self.unsplit.bytes >= self.options.memory_bytes / 8 {
            self.split_waiting().await?;
        }
        while self.memory_bytes() > self.options.memory_bytes && self.relieve().await? {}
        Ok(())
    }

    async fn split_waiting(&mut self) -> Result<()> {
        let unsplit = std::mem::take(&mut self.unsplit);
        let Some(batch) = Conformed::concat(unsplit.batches)? else { return Ok(()) };
        let groups = self.split.apply(batch)?;
        self.unsplit.partitions = groups.len();
        for (values, rows) in groups {
            let place = self.place(values);
            self.push(place, rows).await?;
        }
        Ok(())
    }

    async fn finish_all(&mut self) -> Result<()> {
        self.split_waiting().await?;
        for place in 0..self.partitions.len() {
            self.encode(place).await?;
            self.close(place).await?;
        }
        while self.settle_closing().await? {}
        Ok(())
    }

    /// Files of several partitions are encoded beside each other; a single one divides its columns.
    fn threads(&self) -> usize {
        if self.partitions.len() == 1 { self.threads } else { 1 }
    }

    fn place(&mut self, values: Values) -> usize {
        *self.by_values.entry(values).or_insert_with_key(|values| {
            self.partitions.push(Partition {
                values: values.clone(),
                waiting: Vec::new(),
                waiting_rows: 0,
                waiting_bytes: 0,
                file: None,
            });
            self.partitions.len() - 1
        })
    }

    /// Case a.
    async fn push(&mut self, place: usize, rows: RecordBatch) -> Result<()> {
        let is_step = self.change(place, |partition| {
            partition.waiting_rows += rows.num_rows();
            partition.waiting_bytes += batch_bytes(&rows);
            partition.waiting.push(rows);
            partition.waiting_rows >= STEP_ROWS || partition.waiting_bytes >= STEP_BYTES
        })?;
        if is_step { self.encode(place).await } else { Ok(()) }
    }

    /// Makes room; `false` when there is nothing left to do.
    async fn relieve(&mut self) -> Result<bool> {
        if self.settle_closing().await? {
            return Ok(true);
        }
        let Some((_, place)) = self.by_bytes.last().copied() else { return Ok(false) };
        let partition = self.partition(place)?;
        if !partition.waiting.is_empty() {
            self.encode(place).await?;
            self.settle(place).await?;
        } else if partition.file.as_ref().is_some_and(|file| file.encoder_bytes > PART_BYTES) {
            self.flush(place).await?;
        } else {
            self.close(place).await?;
        }
        Ok(true)
    }

    /// Case b: what waits is encoded, beside whatever the caller does next.
    async fn encode(&mut self, place: usize) -> Result<()> {
        if self.partition(place)?.waiting.is_empty() {
            return Ok(());
        }
        self.settle(place).await?;
        let target_bytes = self.options.target_file_bytes;
        if self.partition(place)?.file.as_ref().is_some_and(|file| file.file_bytes as u64 >= target_bytes) {
            self.close_file(place).await?;
        }
        if self.partition(place)?.file.is_none() {
            let file = self.begin(place)?;
            self.change(place, |partition| partition.file = Some(file))?;
        }
        let threads = self.threads();
        self.change(place, |partition| {
            let batches = std::mem::take(&mut partition.waiting);
            let given_bytes = std::mem::take(&mut partition.waiting_bytes);
            partition.waiting_rows = 0;
            let file = partition.file.as_mut().ok_or_else(lost)?;
            file.encoder_bytes += given_bytes;
            file.run(move |encoder| batches.iter().try_for_each(|batch| encoder.write(batch, threads)))
        })?
    }

    /// Ends the row group, so that it can leave.
    async fn flush(&mut self, place: usize) -> Result<()> {
        self.settle(place).await?;
        let threads = self.threads();
        self.change(place, |partition| match &mut partition.file {
            Some(file) => file.run(move |encoder| encoder.flush(threads)),
            None => Ok(()),
        })??;
        self.settle(place).await
    }

    /// Case c: waits for the running step, and sends what it finished.
    async fn settle(&mut self, place: usize) -> Result<()> {
        let Some(mut file) = self.take_file(place)? else { return Ok(()) };
        let settled = file.settle().await;
        let (bytes, is_in_parts) = (file.file_bytes as u64, file.upload.is_in_parts());
        self.change(place, |partition| partition.file = Some(file))?;
        if is_in_parts {
            self.open_uploads.insert((bytes, place));
        }
        settled?;
        while self.open_uploads.len() > MAX_OPEN_UPLOADS {
            let Some((_, largest)) = self.open_uploads.last().copied() else { break };
            self.close_file(largest).await?;
        }
        Ok(())
    }

    async fn close(&mut self, place: usize) -> Result<()> {
        self.settle(place).await?;
        self.close_file(place).await
    }

    /// Case d: the file ends, and its last bytes leave beside whatever comes next.
    async fn close_file(&mut self, place: usize) -> Result<()> {
        let Some(file) = self.take_file(place)? else { return Ok(()) };
        while self.closing.len() >= MAX_CLOSING && self.settle_closing().await? {}
        let values = self.partition(place)?.values.clone();
        let keys = self.layout.partitions().iter().map(|column| column.physical_name.clone());
        let mut add = Add {
            path: file.path.encode(),
            partition_values: keys.zip(values).collect(),
            modification_time: self.env.now().0,
            data_change: true,
            ..Add::default()
        };
        let (number, held, threads) = (file.number, file.held_bytes(), self.threads());
        self.closing_bytes += held;
        self.closing.spawn(async move {
            let closed = file.close(threads).await.and_then(|(size, stats)| {
                add.size = i64::try_from(size).map_err(|error| Error::bug("a size beyond i64").because(error))?;
                add.stats = Some(stats);
                Ok((number, add))
            });
            (held, closed)
        });
        Ok(())
    }

    /// Waits for one file that is being closed; `false` when there is none.
    async fn settle_closing(&mut self) -> Result<bool> {
        let Some(closed) = self.closing.join_next().await else { return Ok(false) };
        let (held, closed) = closed.map_err(|error| Error::bug("the close of a file was stopped").because(error))?;
        self.closing_bytes = self.closing_bytes.saturating_sub(held);
        let (number, add) = closed?;
        self.done.insert(number, add);
        Ok(true)
    }

    fn begin(&mut self, place: usize) -> Result<OpenFile> {
        let name = format!("part-{}.zstd.parquet", self.env.uuid());
        let values = &self.partition(place)?.values;
        let columns = self.layout.partitions().iter().map(|column| column.physical_name.as_str());
        let path = DataPath::in_partition(columns.zip(values.iter().map(Option::as_deref)), &name)?;
        let key = self.store.key(path.as_str())?;
        self.begun.add(key.clone(), self.env.monotonic());
        let number = self.files_begun;
        self.files_begun += 1;
        Ok(OpenFile {
            number,
            path,
            upload: Upload::new(&self.store, key, &self.flow),
            encoder: Slot::Idle(Box::new(Encoder::new(&self.layout, &self.properties)?)),
            overhead_bytes: self.file_overhead_bytes,
            encoder_bytes: 0,
            file_bytes: 0,
        })
    }

    fn take_file(&mut self, place: usize) -> Result<Option<OpenFile>> {
        let file = self.change(place, |partition| partition.file.take())?;
        if let Some(file) = &file {
            self.open_uploads.remove(&(file.file_bytes as u64, place));
        }
        Ok(file)
    }

    fn partition(&self, place: usize) -> Result<&Partition> {
        self.partitions.get(place).ok_or_else(lost)
    }

    /// Changes a partition, and keeps the books on what it holds.
    fn change<T>(&mut self, place: usize, change: impl FnOnce(&mut Partition) -> T) -> Result<T> {
        let partition = self.partitions.get_mut(place).ok_or_else(lost)?;
        let before = partition.held_bytes();
        let result = change(partition);
        let after = partition.held_bytes();
        self.by_bytes.remove(&(before, place));
        if after > 0 {
            self.by_bytes.insert((after, place));
        }
        self.held_bytes = self.held_bytes - before + after;
        Ok(result)
    }
}

impl Partition {
    fn held_bytes(&self) -> usize {
        self.waiting_bytes + self.file.as_ref().map_or(0, OpenFile::held_bytes)
    }
}

impl OpenFile {
    fn held_bytes(&self) -> usize {
        self.overhead_bytes + self.encoder_bytes + self.upload.waiting_bytes()
    }

    /// Starts a step where it holds up no other task.
    fn run(&mut self, step: impl FnOnce(&mut Encoder) -> Result<()> + Send + 'static) -> Result<()> {
        let Slot::Idle(mut encoder) = std::mem::replace(&mut self.encoder, Slot::Lost) else { return Err(lost()) };
        self.encoder = Slot::Busy(apart(move || step(&mut encoder).map(|()| encoder)));
        Ok(())
    }

    /// Waits for the running step, and sends what it finished.
    async fn settle(&mut self) -> Result<()> {
        let mut encoder = match std::mem::replace(&mut self.encoder, Slot::Lost) {
            Slot::Idle(encoder) => encoder,
            Slot::Busy(step) => joined(step.await)?,
            Slot::Lost => return Err(lost()),
        };
        let pieces = encoder.drain();
        self.encoder_bytes = encoder.memory_bytes();
        self.file_bytes = encoder.file_bytes();
        self.encoder = Slot::Idle(encoder);
        self.upload.write(pieces).await
    }

    /// Ends the file; its size and statistics.
    async fn close(mut self, threads: usize) -> Result<(u64, String)> {
        self.settle().await?;
        let Slot::Idle(encoder) = self.encoder else { return Err(lost()) };
        let encoded = joined(apart(move || encoder.finish(threads)).await)?;
        self.upload.write(encoded.rest).await?;
        Ok((self.upload.finish().await?, encoded.stats))
    }
}

fn joined<T>(step: Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    step.map_err(|error| Error::bug("the encoding of a file was stopped").because(error))?
}

fn lost() -> Error {
    Error::bug("a write went on after it had failed")
}

/// How many rows of a batch make one step.
fn step_rows(batch: &RecordBatch) -> usize {
    let rows = batch.num_rows();
    let by_bytes = rows.saturating_mul(4 * STEP_BYTES) / batch_bytes(batch).max(1);
    by_bytes.clamp(1, 4 * STEP_ROWS)
}
