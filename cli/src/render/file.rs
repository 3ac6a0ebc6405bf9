//! A stream of batches as a file, in the format that its extension says.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::FileWriter;
use futures::{Stream, TryStreamExt};
use lakebed::variant::{as_json, schema_as_json};
use lakebed_txlog::{Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::csv::{CsvWriter, unwritable};
use super::json::JsonWriter;

/// What a file was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// What a file can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileFormat {
    Parquet,
    Arrow,
    Csv,
    Ndjson,
}

impl FileFormat {
    /// The format that the extension of `path` says.
    ///
    /// # Errors
    /// An extension that says none.
    pub(crate) fn of(path: &Path) -> Result<FileFormat> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("parquet" | "pq") => Ok(FileFormat::Parquet),
            Some("arrow" | "feather" | "ipc") => Ok(FileFormat::Arrow),
            Some("csv") => Ok(FileFormat::Csv),
            Some("ndjson" | "jsonl" | "json") => Ok(FileFormat::Ndjson),
            _ => Err(Error::invalid("the extension of the output says no format")
                .path(path.display().to_string())
                .hint("end it in .parquet, .arrow, .csv or .ndjson")),
        }
    }
}

/// Writes `batches` of `schema` to `path`, which appears once it is complete, replacing what was there.
///
/// # Errors
/// Those of the batches and of writing; then nothing is left behind.
pub(crate) async fn write(
    path: &Path,
    schema: SchemaRef,
    mut batches: impl Stream<Item = Result<RecordBatch>> + Unpin,
) -> Result<Written> {
    let named = |error: Error| error.path(path.display().to_string());
    let format = FileFormat::of(path)?;
    let partial = Partial::create(path).map_err(named)?;
    let output = BufWriter::new(partial.file.try_clone().map_err(unwritable).map_err(named)?);
    let mut writer = Writer::new(format, output, schema).map_err(named)?;
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await? {
        rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(named)?;
    }
    writer.finish().map_err(named)?;
    let bytes = partial.publish(path).map_err(named)?;
    Ok(Written { rows, bytes })
}

enum Writer<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    Arrow(Box<FileWriter<W>>),
    Csv(CsvWriter<W>),
    Ndjson(JsonWriter<W>),
}

impl<W: Write + Send> Writer<W> {
    fn new(format: FileFormat, output: W, schema: SchemaRef) -> Result<Writer<W>> {
        Ok(match format {
            FileFormat::Parquet => {
                let zstd = Compression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(zstd).build();
                let writer = ArrowWriter::try_new(output, schema, Some(properties)).map_err(of_parquet)?;
                Writer::Parquet(Box::new(writer))
            }
            FileFormat::Arrow => Writer::Arrow(Box::new(FileWriter::try_new(output, &schema).map_err(of_arrow)?)),
            FileFormat::Csv => Writer::Csv(CsvWriter::new(output, &schema_as_json(&schema))?),
            FileFormat::Ndjson => Writer::Ndjson(JsonWriter::new(output)),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Writer::Parquet(writer) => writer.write(batch).map_err(of_parquet),
            Writer::Arrow(writer) => writer.write(batch).map_err(of_arrow),
            Writer::Csv(writer) => writer.write(&as_json(batch)?),
            Writer::Ndjson(writer) => writer.write(&as_json(batch)?),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Writer::Parquet(writer) => {
                writer.into_inner().map_err(of_parquet)?.flush().map_err(unwritable)?;
            }
            Writer::Arrow(mut writer) => {
                writer.finish().map_err(of_arrow)?;
                writer.get_mut().flush().map_err(unwritable)?;
            }
            Writer::Csv(writer) => {
                writer.finish()?;
            }
            Writer::Ndjson(writer) => {
                writer.finish()?;
            }
        }
        Ok(())
    }
}

fn of_parquet(error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(error) => unwritable(*error),
            Err(inner) => Error::unsupported("these rows can't be written as Parquet").because(inner),
        },
        error => Error::unsupported("these rows can't be written as Parquet").because(error),
    }
}

fn of_arrow(error: arrow::error::ArrowError) -> Error {
    match error {
        arrow::error::ArrowError::IoError(_, error) => unwritable(error),
        error => Error::unsupported("these rows can't be written in this format").because(error),
    }
}

/// A file beside its final place; removed unless it is published.
struct Partial {
    file: File,
    place: Option<PathBuf>,
}

impl Partial {
    fn create(path: &Path) -> Result<Partial> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let place = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
        let file = File::create(&place).map_err(unwritable)?;
        Ok(Partial { file, place: Some(place) })
    }

    fn publish(mut self, path: &Path) -> Result<u64> {
        self.file.sync_all().map_err(unwritable)?;
        let bytes = self.file.metadata().map_err(unwritable)?.len();
        if let Some(place) = &self.place {
            std::fs::rename(place, path).map_err(unwritable)?;
        }
        self.place = None;
        Ok(bytes)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            let _ = std::fs::remove_file(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn a_file_appears_complete_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        for name in ["a.parquet", "a.arrow", "a.csv", "a.ndjson"] {
            let path = folder.path().join(name);
            let failing = stream::iter([Ok(batch.clone()), Err(Error::corrupt("stop"))]);
            assert!(write(&path, batch.schema(), failing).await.is_err());
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
            let good = stream::iter([Ok(batch.clone()), Ok(batch.clone())]);
            let written = write(&path, batch.schema(), good).await.unwrap();
            assert_eq!((written.rows, written.bytes), (4, std::fs::metadata(&path).unwrap().len()));
            std::fs::remove_file(&path).unwrap();
        }
        assert!(FileFormat::of(Path::new("a.xlsx")).is_err());
    }
}
