//! A stream of batches in the form asked for.

use std::io::{self, BufWriter, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::{Stream, TryStreamExt, future};
use lakebed::variant::{as_json, schema_as_json};
use lakebed_txlog::Result;

use super::csv::{CsvWriter, unwritable};
use super::json::JsonWriter;
use super::{Form, people, units};

/// What was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Printed {
    pub(crate) rows: u64,
}

/// Prints `batches` of `schema` to standard output. Of a table for people at most `max_rows` rows are drawn (0: all), and
/// the others counted; other forms have all rows.
pub(crate) async fn print(
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch>> + Unpin,
    form: Form,
    max_rows: usize,
) -> Result<Printed> {
    let schema = schema_as_json(&schema);
    let mut batches = batches.and_then(|batch| future::ready(as_json(&batch)));
    let mut output = BufWriter::new(io::stdout().lock());
    let mut rows = 0;
    match form {
        Form::Json => {
            let mut writer = JsonWriter::new(output);
            while let Some(batch) = batches.try_next().await? {
                rows += batch.num_rows() as u64;
                writer.write(&batch)?;
            }
            writer.finish()?;
        }
        Form::Csv => {
            let mut writer = CsvWriter::new(output, &schema)?;
            while let Some(batch) = batches.try_next().await? {
                rows += batch.num_rows() as u64;
                writer.write(&batch)?;
            }
            writer.finish()?;
        }
        Form::People => {
            let mut table = people::table_of(&schema);
            let max_rows = if max_rows == 0 { usize::MAX } else { max_rows };
            let mut drawn = 0;
            while let Some(batch) = batches.try_next().await? {
                rows += batch.num_rows() as u64;
                let more = batch.num_rows().min(max_rows - drawn);
                people::add_rows(&mut table, &batch, more)?;
                drawn += more;
            }
            let more = match rows - drawn as u64 {
                0 => String::new(),
                more => format!(" ({} not shown: --max-rows 0, --json or --csv show all)", units::count(more)),
            };
            writeln!(output, "{table}\n{}{more}", units::counted(rows, "row")).map_err(unwritable)?;
            output.flush().map_err(unwritable)?;
        }
    }
    Ok(Printed { rows })
}
