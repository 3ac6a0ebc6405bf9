//! Does one table answer as its case says?

use lakebed_txlog::drive::Log;
use lakebed_txlog::{Error, ErrorKind, Version};

use super::case::{Case, Expect};
use super::place::Place;
use super::{refuse, snapshot, travel};

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
}

impl Checked {
    pub(super) fn of(problem: Problem) -> Checked {
        Checked { problems: vec![problem] }
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
    let opened = place.open().await;
    match (case.expect, opened) {
        (Expect::Error, Err(error)) => the_error(case, &error, &mut checked),
        (Expect::Error, Ok(_)) => checked.wrong("opens"),
        (Expect::Catalog, Err(error)) if error.kind() == ErrorKind::Unsupported => {}
        (Expect::Catalog, Ok(_)) => checked.wrong("opens without its catalog"),
        (_, Err(error)) => checked.refused("opening", &error),
        (_, Ok(log)) => {
            snapshot::compare(case, &log.snapshot(), &mut checked);
            versions(case, &log, &mut checked).await;
            travel::check(case, &log, &mut checked).await;
            refuse::check(case, &mut checked).await;
        }
    }
    checked
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

/// Older versions have the files that they had; those that are gone stay gone.
async fn versions(case: &Case, log: &Log, checked: &mut Checked) {
    for (version, expected) in &case.time_travel {
        match log.at(Version(*version)).await {
            Ok(snapshot) => {
                if snapshot.version() != Version(*version) {
                    checked.wrong(format!("version {version} opens {}", snapshot.version()));
                }
                if expected.num_files.is_some_and(|num_files| num_files != snapshot.num_files()) {
                    checked.wrong(format!(
                        "version {version} has {} files instead of {:?}",
                        snapshot.num_files(),
                        expected.num_files
                    ));
                }
            }
            Err(error) => checked.refused(&format!("opening version {version}"), &error),
        }
    }
}
