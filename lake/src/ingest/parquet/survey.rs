//! The first pass over a Parquet file: its footer says what it holds.

use std::fs::File;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, TimeUnit};
use lakebed_txlog::{Error, Result};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Type as Physical;
use parquet::errors::ParquetError;

use super::chunks::Chunks;
use super::fit::{table_field, widens};
use crate::ingest::kind::type_name;
use crate::ingest::options::Options;
use crate::ingest::source::{Place, Source};
use crate::ingest::survey::{Progress, Renamed, declared_field};
use crate::ingest::{fault, names};

/// What a Parquet file holds.
#[derive(Debug, Default)]
pub(in crate::ingest) struct ParquetSurvey {
    /// The table's field for each column of the file, in order; whether it is declared.
    pub(in crate::ingest) columns: Vec<(FieldRef, Declared)>,
    pub(in crate::ingest) renamed: Vec<Renamed>,
    pub(in crate::ingest) rows: u64,
    /// Declared columns whose type can't hold what the file has, as reasons.
    pub(in crate::ingest) misfits: Vec<String>,
}

/// Whether the caller declared a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ingest) enum Declared {
    Yes,
    No,
}

/// Reads the footer of `source`. Blocks.
pub(in crate::ingest) fn survey(source: &Source, options: &Options, progress: &Progress) -> Result<ParquetSurvey> {
    let (_, metadata) = load(source, progress)?;
    let rows = u64::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
    let (names, renamed) = names::settle(metadata.schema().fields().iter().map(|field| field.name().as_str()));
    let mut found = ParquetSurvey { rows, renamed, ..ParquetSurvey::default() };
    for (field, name) in metadata.schema().fields().iter().zip(names) {
        let made = table_field(&field.as_ref().clone().with_name(&name)).map_err(|why| {
            Error::unsupported(why)
                .path(source.name())
                .hint("cast the column to a type that Delta tables have, or leave it out")
        })?;
        let declared = declared_field(options, &name);
        if let Some(declared) = &declared
            && !widens(made.data_type(), declared.data_type())
        {
            found.misfits.push(format!(
                "column {}: the file has {}, the table {}",
                declared.name(),
                type_name(made.data_type()),
                type_name(declared.data_type())
            ));
        }
        found.columns.push(match declared {
            Some(declared) => (declared, Declared::Yes),
            None => (made, Declared::No),
        });
    }
    Ok(found)
}

/// Opens `source` and reads its footer.
pub(super) fn load(source: &Source, progress: &Progress) -> Result<(Chunks, ArrowReaderMetadata)> {
    let chunks = match &source.place {
        Place::File(path) => {
            let io = |error| fault::of_io(source.name(), error);
            let file = File::open(path).map_err(io)?;
            let size_bytes = file.metadata().map_err(io)?.len();
            Chunks::of_file(file, size_bytes, progress.clone())
        }
        Place::Object(store, path) => {
            Chunks::of_object(Arc::clone(store), path.clone(), source.name(), source.size_bytes, progress.clone())
        }
    };
    // Arrow's own schema in the file describes layouts (dictionaries, views); the Parquet types are what counts.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(&chunks, options).map_err(|error| of_parquet(source.name(), error))?;
    let metadata = with_whole_int96(metadata).map_err(|error| of_parquet(source.name(), error))?;
    Ok((chunks, metadata))
}

/// INT96 timestamps as microseconds: as nanoseconds, their default, dates before 1677 and after 2262 wrap (pitfall S9).
fn with_whole_int96(metadata: ArrowReaderMetadata) -> parquet::errors::Result<ArrowReaderMetadata> {
    let columns = metadata.parquet_schema().columns();
    if !columns.iter().any(|column| column.physical_type() == Physical::INT96) {
        return Ok(metadata);
    }
    let roots = metadata.parquet_schema().root_schema().get_fields();
    let fields: Vec<FieldRef> = metadata
        .schema()
        .fields()
        .iter()
        .zip(roots)
        .map(|(field, root)| {
            if root.is_primitive() && root.get_physical_type() == Physical::INT96 {
                let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
                Arc::new(field.as_ref().clone().with_data_type(micros))
            } else {
                Arc::clone(field)
            }
        })
        .collect();
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
}

/// The error of reading `file` as Parquet.
pub(super) fn of_parquet(file: &str, error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => fault::of_io(file, *io),
            Err(inner) => damaged(file).because(ParquetError::External(inner)),
        },
        error => damaged(file).because(error),
    }
}

fn damaged(file: &str) -> Error {
    fault::in_file(file, "the Parquet file is damaged or truncated")
        .hint("fetch the file again; a Parquet file that is still being written has no footer yet")
}
