//! The second pass, as a stream of batches of one schema.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{FieldRef, SchemaRef};
use futures::{FutureExt, Stream};
use lakebed_txlog::{Error, Result};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::survey::{Columned, FileSurvey, Progress, Survey};
use super::{csv, fault, json, parquet};

/// Takes a batch; false when no more are wanted.
pub(super) type Emit<'a> = &'a mut dyn FnMut(RecordBatch) -> bool;

/// Bytes of text after which a batch is handed out, whatever its rows.
pub(super) const MAX_BATCH_BYTES: usize = 8 << 20;
/// Batches that wait to be taken.
const BATCHES_IN_FLIGHT: usize = 2;

/// Batches of one schema. Dropping it stops the reading.
#[derive(Debug)]
pub struct BatchStream {
    schema: SchemaRef,
    batches: mpsc::Receiver<Result<RecordBatch>>,
    reading: Option<JoinHandle<()>>,
}

impl BatchStream {
    /// The schema of every batch.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Survey {
    /// Reads every file again, in order, on a thread of its own that stays at most two batches ahead. To be called inside
    /// a Tokio runtime. The first error ends the stream: rows before it have been handed out, so nothing may be committed.
    #[must_use]
    pub fn read(&self, progress: &Progress) -> BatchStream {
        let (sender, batches) = mpsc::channel(BATCHES_IN_FLIGHT);
        let (survey, progress) = (self.clone(), progress.clone());
        let reading = tokio::task::spawn_blocking(move || {
            for file in &survey.files {
                let (mut stopped, mut rows) = (false, 0);
                let mut emit = |batch: RecordBatch| {
                    rows += batch.num_rows() as u64;
                    stopped = sender.blocking_send(arrange(&survey.schema, &batch)).is_err();
                    !stopped
                };
                let decoded = decode(&survey, file, &progress, &mut emit);
                if stopped {
                    return;
                }
                if let Err(error) = decoded.and_then(|()| same_rows(file, rows)) {
                    let _ = sender.blocking_send(Err(error));
                    return;
                }
            }
        });
        BatchStream { schema: Arc::clone(&self.schema), batches, reading: Some(reading) }
    }
}

impl Stream for BatchStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        if let Some(batch) = std::task::ready!(self.batches.poll_recv(context)) {
            return Poll::Ready(Some(batch));
        }
        // The thread is gone: at the end of the files, or because a decoder panicked on what it read.
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let ended = std::task::ready!(reading.poll_unpin(context));
        self.reading = None;
        Poll::Ready(ended.err().map(|panic| Err(super::survey::panicked("the files", panic))))
    }
}

fn decode(survey: &Survey, file: &FileSurvey, progress: &Progress, emit: Emit<'_>) -> Result<()> {
    let field = |name: &String| -> Result<FieldRef> {
        let found = survey.schema.field_with_name(name);
        found
            .map(|field| Arc::new(field.clone()))
            .map_err(|error| Error::bug("a surveyed column is gone").because(error))
    };
    let (source, options) = (&file.source, &survey.options);
    match &file.columns {
        Columned::Csv(names) => {
            let fields = names.iter().map(field).collect::<Result<Vec<_>>>()?;
            csv::decode(source, options, &fields, progress, emit)
        }
        Columned::Json(names) => {
            let columns = names.iter().map(|(from, to)| Ok((from.clone(), field(to)?))).collect::<Result<Vec<_>>>()?;
            json::decode(source, options, &columns, progress, emit)
        }
        Columned::Parquet(names) => {
            let fields = names.iter().map(field).collect::<Result<Vec<_>>>()?;
            parquet::decode(source, options, &fields, progress, emit)
        }
    }
}

/// The second pass has to meet the rows that the first one counted.
fn same_rows(file: &FileSurvey, rows: u64) -> Result<()> {
    if rows == file.rows {
        return Ok(());
    }
    let reason =
        format!("{rows} rows were read where {} were announced: the file is damaged, or changed meanwhile", file.rows);
    Err(fault::in_file(file.source.name(), reason).hint("ingest it once it is complete"))
}

/// `batch` with the columns of `schema`, in its order; those that it lacks are null.
fn arrange(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let arrays: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(array) => Arc::clone(array),
            None => new_null_array(field.data_type(), batch.num_rows()),
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
        .map_err(|error| Error::bug("a batch doesn't have the surveyed columns").because(error))
}
