//! Tables and their versions, as a person names them.

use std::sync::Arc;

use lakebed::store::{Place, TableStore, TableUrl};
use lakebed::{CreateTable, Table};
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result, TimestampMs, Version};

use crate::args::AtArgs;
use crate::context::Context;

/// Opens the table that `text` names.
///
/// # Errors
/// `NotFound` where there is no table, with what to do; those of the store and of the log.
pub(crate) async fn table(text: &str, context: &Context) -> Result<Table> {
    let url = TableUrl::parse(text)?;
    let hint = |error: Error| match error.kind() {
        lakebed_txlog::ErrorKind::NotFound => error
            .table(url.to_string())
            .hint("check the path; `lakebed table create` makes a table, `lakebed ingest --create` one from files"),
        _ => error.table(url.to_string()),
    };
    let store = TableStore::open(&url, &context.settings, &context.env).map_err(hint)?;
    Table::open_with(store, Arc::clone(&context.env)).await.map_err(hint)
}

/// Makes the table that `text` names.
///
/// # Errors
/// `AlreadyExists` where there is one; those of the schema, the partitioning and the store. A local folder that was made
/// for it, and is empty still, is gone then.
pub(crate) async fn make(text: &str, create: &CreateTable, context: &Context) -> Result<Table> {
    let url = TableUrl::parse(text)?;
    let is_new = matches!(url.place(), Place::Local(folder) if !folder.exists());
    let store = TableStore::create(&url, &context.settings, &context.env)?;
    let made = create.create_in(store, Arc::clone(&context.env)).await;
    if let (Err(_), Place::Local(folder), true) = (&made, url.place(), is_new) {
        // Removes what is empty, and nothing else.
        let _ = std::fs::remove_dir(folder.join("_delta_log"));
        let _ = std::fs::remove_dir(folder);
    }
    made.map_err(|error| error.table(url.to_string()))
}

/// The version of `table` that `at` asks for.
///
/// # Errors
/// `NotFound` for a version or moment that the table doesn't have, `InvalidRequest` for what is no moment.
pub(crate) async fn snapshot(table: &Table, at: &AtArgs) -> Result<Snapshot> {
    let name = |error: Error| {
        let error = error.table(table.url().to_string());
        match error.kind() {
            lakebed_txlog::ErrorKind::NotFound => {
                error.hint(format!("see which versions there are: lakebed table history {}", table.url()))
            }
            _ => error,
        }
    };
    match (at.version, &at.timestamp) {
        (Some(version), _) => table.at(Version(version)).await.map_err(name),
        (None, Some(text)) => table.as_of(moment(text)?).await.map_err(name),
        (None, None) => Ok(table.snapshot()),
    }
}

/// `2013-02-01`, `2013-02-01T12:00:00Z` (any offset; without one, UTC), or milliseconds since 1970.
///
/// # Errors
/// `InvalidRequest` for anything else.
pub(crate) fn moment(text: &str) -> Result<TimestampMs> {
    use chrono::{DateTime, NaiveDate, NaiveDateTime};
    let text = text.trim();
    if let Ok(milliseconds) = text.parse::<i64>() {
        return Ok(TimestampMs(milliseconds));
    }
    let instant = DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis());
    let spaced = text.replacen(' ', "T", 1);
    let local = || {
        let time = NaiveDateTime::parse_from_str(&spaced, "%Y-%m-%dT%H:%M:%S%.f")
            .or_else(|_| NaiveDateTime::parse_from_str(&spaced, "%Y-%m-%dT%H:%M"))
            .ok()
            .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
        Some(time.and_utc().timestamp_millis())
    };
    instant.or_else(local).map(TimestampMs).ok_or_else(|| {
        Error::invalid(format!("{text:?} is no moment"))
            .hint("write 2013-02-01, 2013-02-01T12:00:00Z, or milliseconds since 1970")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_every_form() {
        let noon = TimestampMs(1_359_720_000_000); // date -u -d 2013-02-01T12:00Z +%s
        for text in [
            "2013-02-01T12:00:00Z",
            "2013-02-01T13:00:00+01:00",
            "2013-02-01 12:00:00",
            "2013-02-01T12:00",
            "1359720000000",
        ] {
            assert_eq!(moment(text).unwrap(), noon, "{text}");
        }
        assert_eq!(moment("2013-02-01").unwrap(), TimestampMs(1_359_676_800_000));
        for text in ["", "yesterday", "2013-02-30", "2013-02-01T25:00:00Z"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
