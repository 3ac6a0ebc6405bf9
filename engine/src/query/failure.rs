//! What does a failure inside DataFusion mean to a caller?

use std::error::Error as StdError;

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use lakebed_txlog::{Error, ErrorKind};
use parquet::errors::ParquetError;

/// The error of planning a request.
pub(super) fn planning(error: DataFusionError) -> Error {
    translate(error, Error::invalid)
}

/// The error of running a plan.
pub(super) fn running(error: DataFusionError) -> Error {
    translate(error, |message| Error::new(ErrorKind::Corrupt, message))
}

/// `rest` makes the error of what says nothing more precise.
fn translate(error: DataFusionError, rest: fn(String) -> Error) -> Error {
    if let Some(own) = own_error(&error) {
        let copy = copied(own);
        return if own.to_string() == error.to_string() { copy } else { copy.because(error) };
    }
    let text = plain(&error.strip_backtrace());
    let kind = root(&error);
    match kind {
        DataFusionError::SQL(..) | DataFusionError::Plan(_) | DataFusionError::Configuration(_) => {
            Error::invalid(text).because(error)
        }
        DataFusionError::SchemaError(..) => Error::invalid(text).because(error),
        DataFusionError::NotImplemented(_) => Error::unsupported(text).because(error),
        DataFusionError::ResourcesExhausted(_) => Error::exhausted(text).because(error),
        DataFusionError::Internal(_) => Error::bug(text).because(error),
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => Error::unavailable(text).because(error),
        DataFusionError::ArrowError(arrow, _) => arrow_error(arrow, text, rest).because(error),
        DataFusionError::Execution(_) => Error::invalid(text).because(error),
        DataFusionError::ParquetError(inner) => match inner.as_ref() {
            // A condition that is evaluated while rows are read.
            ParquetError::External(inner) => match inner.downcast_ref() {
                Some(arrow) => arrow_error(arrow, text, rest).because(error),
                None => rest(text).because(error),
            },
            _ => rest(text).because(error),
        },
        _ => rest(text).because(error),
    }
}

/// Values that a query computes can fail without anything being damaged.
fn arrow_error(error: &ArrowError, text: String, rest: fn(String) -> Error) -> Error {
    match error {
        ArrowError::DivideByZero
        | ArrowError::ArithmeticOverflow(_)
        | ArrowError::CastError(_)
        | ArrowError::ParseError(_)
        | ArrowError::ComputeError(_) => Error::invalid(text),
        ArrowError::NotYetImplemented(_) => Error::unsupported(text),
        ArrowError::MemoryError(_) => Error::exhausted(text),
        _ => rest(text),
    }
}

/// An error of ours that stands somewhere in the chain.
fn own_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(own) = error.downcast_ref::<Error>() {
            return Some(own);
        }
        next = match error.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::External(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Shared(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Collection(all)) => return all.iter().find_map(|error| own_error(error)),
            Some(DataFusionError::ParquetError(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::ArrowError(inner, _)) => Some(inner.as_ref()),
            _ => match error.downcast_ref::<ArrowError>() {
                Some(ArrowError::ExternalError(inner)) => Some(inner.as_ref()),
                _ => match error.downcast_ref::<ParquetError>() {
                    Some(ParquetError::External(inner)) => Some(inner.as_ref()),
                    _ => error.source(),
                },
            },
        };
    }
    None
}

/// The same error again, without its source: it is shared by all partitions of a plan.
fn copied(error: &Error) -> Error {
    let mut copy = Error::new(error.kind(), error.message());
    if let Some(table) = error.table_name() {
        copy = copy.table(table);
    }
    if let Some(version) = error.at_version() {
        copy = copy.version(version);
    }
    if let Some(path) = error.at_path() {
        copy = copy.path(path);
    }
    if let Some(hint) = error.what_to_do() {
        copy = copy.hint(hint);
    }
    copy
}

fn root(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(inner),
        DataFusionError::Shared(inner) => root(inner),
        DataFusionError::Collection(all) => all.first().map_or(error, root),
        other => other,
    }
}

/// The text without the names of DataFusion's own kinds in front.
fn plain(text: &str) -> String {
    let mut rest = text.trim();
    let kinds = [
        "Error during planning: ",
        "Schema error: ",
        "SQL error: ",
        "Execution error: ",
        "External error: ",
        "Arrow error: ",
        "Parquet error: ",
        "type_coercion\ncaused by\n",
    ];
    while let Some(shorter) = kinds.iter().find_map(|kind| rest.strip_prefix(kind)) {
        rest = shorter.trim();
    }
    rest.to_owned()
}
