//! Does a writer keep off what it can't keep right?

use arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;
use lakebed::table::{AppendOptions, Table};
use lakebed_txlog::action::{Action, Add};
use lakebed_txlog::drive::{CommitOptions, Log};
use lakebed_txlog::transaction::{Kind, Transaction};
use lakebed_txlog::{ErrorKind, Result, TimestampMs};

use super::case::Case;
use super::check::{Checked, described};
use super::place::{Place, env};

/// Tries the writes that the case says must be refused, on a copy of the table.
pub(super) async fn check(case: &Case, checked: &mut Checked) {
    if case.write_expect.is_none() && case.write_must_fail.is_empty() {
        return;
    }
    let place = Place::to_change(case);
    let log = match place.open().await {
        Ok(log) => log,
        Err(error) => return checked.refused("opening to write", &error),
    };
    let before = log.snapshot().version();
    match case.write_expect.as_deref() {
        None => {}
        Some("refuse") => match commit(&log, &append()).await {
            Ok(()) => checked.wrong("a commit is accepted"),
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            Err(error) => checked.wrong(format!("a commit is refused, but by {}", described(&error))),
        },
        Some(other) => checked.wrong(format!("write_expect {other:?} isn't known here")),
    }
    for write in &case.write_must_fail {
        match statement(&place, &log, &write.sql).await {
            Ok(()) => checked.wrong(format!("accepted, though {}: {}", write.reason, write.sql)),
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidRequest) => {}
            Err(error) => checked.wrong(format!("{} is refused, but by {}", write.sql, described(&error))),
        }
    }
    match log.refresh().await {
        Ok(after) if after.version() == before => {}
        Ok(after) => checked.wrong(format!("refused writes left version {} after {before}", after.version())),
        Err(error) => checked.refused("reading after refused writes", &error),
    }
}

/// What a statement of Spark's would do to the table: by the table where it can, else by a commit of its kind.
async fn statement(place: &Place, log: &Log, sql: &str) -> Result<()> {
    let table = Table::open_with(place.store()?, env()).await?;
    let command = sql.split(' ').next().unwrap_or_default();
    match (command, sql.split_once(" VALUES "), sql.split_once(" WHERE ")) {
        ("INSERT", Some((into, values)), _) => {
            let given = into.split_once('(').map(|(_, names)| names.trim_end_matches(')'));
            let schema = table.snapshot().schema().to_arrow()?;
            let all =
                schema.fields().iter().map(|field| format!("\"{}\"", field.name())).collect::<Vec<_>>().join(", ");
            table.append_batches(literal_rows(values, given.unwrap_or(&all)).await, &AppendOptions::default()).await?;
        }
        ("DELETE", _, Some((_, condition))) => {
            table.delete(condition, &CommitOptions::default()).await?;
        }
        ("UPDATE", _, _) => commit(log, &rewrite(log)).await?,
        ("ALTER", _, _) => {
            let mut transaction = Transaction::new(Kind::Metadata, "ADD CONSTRAINT");
            transaction.push(Action::Metadata(log.snapshot().metadata().clone()));
            commit(log, &transaction).await?;
        }
        _ => panic!("no statement of the corpus was like {sql}"),
    }
    Ok(())
}

/// Rows of literals, which are of the same syntax in Spark's SQL and DataFusion's.
async fn literal_rows(values: &str, names: &str) -> Vec<RecordBatch> {
    let query = format!("SELECT * FROM (VALUES {values}) AS given({names})");
    SessionContext::new().sql(&query).await.unwrap().collect().await.unwrap()
}

/// Puts another file in the place of the first one.
fn rewrite(log: &Log) -> Transaction {
    let mut transaction = Transaction::new(Kind::Delete, "UPDATE");
    if let Some(file) = log.snapshot().files().iter().next() {
        transaction.push(Action::Remove(file.to_add().removed(1, true)));
    }
    transaction.extend(append().actions().iter().cloned());
    transaction
}

async fn commit(log: &Log, transaction: &Transaction) -> Result<()> {
    let read = log.snapshot();
    log.commit(transaction, Some(&read), &CommitOptions::default()).await.map(|_| ())
}

/// A blind append of a file that isn't looked at before the commit.
fn append() -> Transaction {
    let mut transaction = Transaction::new(Kind::Append, "WRITE");
    transaction.push(Action::Add(Add {
        path: "part-00000-refused.parquet".to_owned(),
        size: 1,
        modification_time: TimestampMs(1).0,
        data_change: true,
        ..Add::default()
    }));
    transaction
}
