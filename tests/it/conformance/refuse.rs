//! Does a writer keep off what it can't keep right?

use lakebed_txlog::action::{Action, Add};
use lakebed_txlog::drive::{CommitOptions, Log};
use lakebed_txlog::transaction::Kind;
use lakebed_txlog::transaction::Transaction;
use lakebed_txlog::{Error, ErrorKind, TimestampMs};

use super::case::Case;
use super::check::{Checked, described};
use super::place::Place;

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
    match log.refresh().await {
        Ok(after) if after.version() == before => {}
        Ok(after) => checked.wrong(format!("refused writes left version {} after {before}", after.version())),
        Err(error) => checked.refused("reading after refused writes", &error),
    }
}

async fn commit(log: &Log, transaction: &Transaction) -> Result<(), Error> {
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
