//! Does one table answer as its case says?

use lakebed::query::ScanRequest;
use lakebed::store::TableStore;
use lakebed_txlog::drive::Log;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, ErrorKind, Version};

use super::case::{Case, Expect};
use super::place::Place;
use super::skipping::FilesLeft;
use super::{refuse, rows, skipping, snapshot, travel};

/// A way in which a table didn't answer as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// It was refused, with an error.
    Refused(String),
    /// It answered something else, or panicked, or hung, or wasn't refused.
    Wrong(String),
}

/// What came of a case: no problem, or some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checked {
    pub(super) problems: Vec<Problem>,
    pub(super) files_left: FilesLeft,
    /// Conditions that leave more files than Spark leaves.
    pub(super) missed: Vec<String>,
}

impl Checked {
    pub(super) fn of(problem: Problem) -> Checked {
        Checked { problems: vec![problem], ..Checked::default() }
    }

    /// Notes an error where there should be none.
    pub(super) fn refused(&mut self, what: &str, error: &Error) {
        self.problems.push(Problem::Refused(format!("{what}: {}", described(error))));
    }

    /// Notes what is wrong.
    pub(super) fn wrong(&mut self, what: impl Into<String>) {
        self.problems.push(Problem::Wrong(what.into()));
    }
}

/// An error with everything beneath it.
pub(super) fn described(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// Checks a case.
pub(super) async fn check(case: &Case) -> Checked {
    let mut checked = Checked::default();
    let place = Place::to_read(case);
    let opened = match place.store() {
        Ok(store) => place.open().await.map(|log| (store, log)),
        Err(error) => Err(error),
    };
    match (case.expect, opened) {
        (Expect::Error, Err(error)) => the_error(case, &error, &mut checked),
        (Expect::Error, Ok((store, log))) => match rows::scan(&store, &log.snapshot(), &ScanRequest::default()).await {
            Ok(_) => checked.wrong("opens, and is scanned"),
            Err(error) => the_error(case, &error, &mut checked),
        },
        (Expect::Catalog, Err(error)) if error.kind() == ErrorKind::Unsupported => {}
        (Expect::Catalog, Ok(_)) => checked.wrong("opens without its catalog"),
        (_, Err(error)) => checked.refused("opening", &error),
        (_, Ok((store, log))) => {
            snapshot::compare(case, &log.snapshot(), &mut checked);
            newest(case, &store, &log.snapshot(), &mut checked).await;
            versions(case, &store, &log, &mut checked).await;
            unreachable(case, &store, &log, &mut checked).await;
            skipping::check(case, &store, &log.snapshot(), &mut checked).await;
            travel::check(case, &log, &mut checked).await;
            refuse::check(case, &mut checked).await;
        }
    }
    checked
}

/// The newest version has the rows that it should; where the data files aren't there, a scan names one.
async fn newest(case: &Case, store: &TableStore, snapshot: &Snapshot, checked: &mut Checked) {
    if case.expect == Expect::Rows {
        return rows::check("the newest version", store, snapshot, &case.expected("rows.parquet"), checked).await;
    }
    match rows::scan(store, snapshot, &ScanRequest::default()).await {
        Ok(_) => checked.wrong("is scanned without its data files"),
        Err(error) if error.kind() == ErrorKind::NotFound && error.at_path().is_some() => {}
        // Nobody has allowed the place where its files are said to lie.
        Err(error) if error.kind() == ErrorKind::Unsupported && error.at_path().is_some_and(|p| p.contains(":/")) => {}
        Err(error) if error.kind() == ErrorKind::Unsupported => checked.refused("scanning the newest version", &error),
        Err(error) => checked.wrong(format!("scanned without its data files, fails by {}", described(&error))),
    }
}

/// The error is of the kind that says what to do next.
fn the_error(case: &Case, error: &Error, checked: &mut Checked) {
    let kind = case.error_kind.as_deref().unwrap_or_default();
    let wanted = match kind {
        "unsupported_reader_feature" | "unsupported_reader_version" => ErrorKind::Unsupported,
        "not_a_delta_table" => ErrorKind::NotFound,
        "non_contiguous_log" | "missing_metadata" | "missing_protocol" | "invalid_protocol" => ErrorKind::Corrupt,
        other => return checked.wrong(format!("{other:?} is no error_kind that is known here")),
    };
    if error.kind() != wanted {
        checked.wrong(format!("{kind} is answered by {}", described(error)));
    }
}

/// Older versions have the files and rows that they had.
async fn versions(case: &Case, store: &TableStore, log: &Log, checked: &mut Checked) {
    for (version, expected) in &case.time_travel {
        let what = format!("version {version}");
        let snapshot = match log.at(Version(*version)).await {
            Ok(snapshot) => snapshot,
            Err(error) => {
                checked.refused(&format!("opening {what}"), &error);
                continue;
            }
        };
        if snapshot.version() != Version(*version) {
            checked.wrong(format!("{what} opens {}", snapshot.version()));
        }
        if let Some(num_files) = expected.num_files.filter(|num_files| *num_files != snapshot.num_files()) {
            checked.wrong(format!("{what} has {} files instead of {num_files}", snapshot.num_files()));
        }
        let rows = case.expected(&format!("rows_v{version}.parquet"));
        if rows.is_file() {
            rows::check(&what, store, &snapshot, &rows, checked).await;
        }
    }
}

/// Versions whose log or files are gone stay gone.
async fn unreachable(case: &Case, store: &TableStore, log: &Log, checked: &mut Checked) {
    for version in &case.unreachable_versions_checked {
        if let Ok(snapshot) = log.at(Version(*version)).await
            && rows::scan(store, &snapshot, &ScanRequest::default()).await.is_ok()
        {
            checked.wrong(format!("version {version} is scanned, though it is gone"));
        }
    }
}
