//! Does a table answer as its spec says?

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use lakebed::query::{Filter, ScanRequest};
use lakebed::store::TableStore;
use lakebed_txlog::action::Txn;
use lakebed_txlog::drive::Log;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, ErrorKind, Result, Version};

use super::super::check::{Checked, Problem, described};
use super::super::place::Place;
use super::super::rows;
use super::super::skipping::{FilesLeft, in_our_sql};
use super::codes::meaning;
use super::find::Workload;
use super::spec::{Ask, At, Counts, Reject, Spec, State};
use super::state;

/// What came of a spec.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// Where it says how many files a condition leaves.
    pub(super) files_left: FilesLeft,
}

/// Whether it passed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Everything that it says was compared, and is so.
    Passed,
    /// Something is otherwise.
    Failed(String),
    /// It asks for something that isn't there yet, by name.
    NotYet(String),
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Answer {
        Answer { verdict, files_left: FilesLeft::default() }
    }
}

/// What a table has to say.
enum Said {
    Snapshot(Snapshot),
    Rows { snapshot: Snapshot, files: u64, schema: SchemaRef, batches: Vec<RecordBatch> },
}

/// Asks the table.
pub(super) async fn answer(workload: &Workload) -> Answer {
    let spec = match &workload.spec {
        Ok(spec) => spec,
        Err(Reject::NotYet(what)) => return Verdict::NotYet(what.clone()).into(),
        Err(Reject::Malformed(what)) => return Verdict::Failed(format!("isn't a spec: {what}")).into(),
    };
    match (said(workload, spec).await, &spec.error) {
        (Err(error), Some(code)) => refused_as(&error, code).into(),
        (Ok(_), Some(code)) => Verdict::Failed(format!("is answered instead of refused by {code}")).into(),
        (Err(error), None) if error.kind() == ErrorKind::Unsupported => Verdict::NotYet(described(&error)).into(),
        (Err(error), None) => Verdict::Failed(format!("is refused: {}", described(&error))).into(),
        (Ok(said), None) => compared(workload, spec, &said),
    }
}

/// An error where one is expected.
fn refused_as(error: &Error, code: &str) -> Verdict {
    match meaning(code) {
        None => Verdict::NotYet(format!("error code {code:?}")),
        Some(kinds) if kinds.contains(&error.kind()) => Verdict::Passed,
        Some(_) if error.kind() == ErrorKind::Unsupported => Verdict::NotYet(described(error)),
        Some(_) => Verdict::Failed(format!("is refused, but not by {code}: {}", described(error))),
    }
}

async fn said(workload: &Workload, spec: &Spec) -> Result<Said> {
    let place = Place::as_it_lies(&workload.table);
    let store = place.store()?;
    let log = place.open().await?;
    let snapshot = at(&log, spec.at).await?;
    if let Ask::Read { predicate, columns, .. } = &spec.ask {
        return read(&store, snapshot, predicate.as_deref(), columns.clone()).await;
    }
    if spec.error.is_some() {
        // Spark finds some damage when it opens a table, and some when it scans it; a spec doesn't say which.
        rows::scan(&store, &snapshot, &ScanRequest::default()).await?;
    }
    Ok(Said::Snapshot(snapshot))
}

async fn at(log: &Log, at: At) -> Result<Snapshot> {
    match at {
        At::Newest => Ok(log.snapshot()),
        At::Time(time) => log.as_of(time).await,
        At::Version(version) => {
            let version =
                u64::try_from(version).map_err(|e| Error::invalid(format!("{version} is no version")).because(e))?;
            log.at(Version(version)).await
        }
    }
}

async fn read(
    store: &TableStore,
    snapshot: Snapshot,
    predicate: Option<&str>,
    columns: Option<Vec<String>>,
) -> Result<Said> {
    let filter = predicate.map(in_our_sql);
    let files = match &filter {
        Some(filter) => snapshot.prune(Filter::parse(&snapshot, filter)?.predicate())?.len() as u64,
        None => snapshot.num_files(),
    };
    let request = ScanRequest { columns, filter, ..ScanRequest::default() };
    let (schema, batches) = rows::scan(store, &snapshot, &request).await?;
    Ok(Said::Rows { snapshot, files, schema, batches })
}

/// Compares all that a spec says; what says nothing hasn't passed.
fn compared(workload: &Workload, spec: &Spec, said: &Said) -> Answer {
    let mut checked = Checked::default();
    let told = match (&spec.ask, said) {
        (Ask::Read { predicate, expected, .. }, Said::Rows { .. }) => {
            found(workload, predicate.is_some(), expected.unwrap_or_default(), said, &mut checked)
        }
        (Ask::Snapshot { expected: Some(wanted) }, Said::Snapshot(snapshot)) => {
            if let At::Version(version) = spec.at
                && i64::try_from(snapshot.version().0) != Ok(version)
            {
                checked.wrong(format!("version {version} opens {}", snapshot.version()));
            }
            opened(wanted, snapshot, &mut checked)
        }
        (Ask::Txn { app_id, version, last_updated }, Said::Snapshot(snapshot)) => {
            let told = |txn: &Txn| (txn.version, txn.last_updated.filter(|_| last_updated.is_some()));
            let found = snapshot.txn(app_id).map(told);
            if found != Some((*version, *last_updated)) {
                checked.wrong(format!("txn {app_id:?} is {found:?} instead of {version}, {last_updated:?}"));
            }
            Told::Something
        }
        (Ask::Domain { domain, configuration }, Said::Snapshot(snapshot)) => {
            let found = snapshot.domain(domain);
            if found != configuration.as_deref() {
                checked.wrong(format!("domain {domain:?} is {found:?} instead of {configuration:?}"));
            }
            Told::Something
        }
        _ => Told::Nothing,
    };
    let verdict = match (checked.problems.is_empty(), told) {
        (false, _) => Verdict::Failed(shown(&checked)),
        (true, Told::Something) => Verdict::Passed,
        (true, Told::Nothing) => Verdict::NotYet("nothing is expected".to_owned()),
        (true, Told::Unknown(name)) => Verdict::NotYet(format!("field {name:?} of an action")),
    };
    Answer { verdict, files_left: checked.files_left }
}

/// Whether a spec says what the answer has to be.
enum Told {
    Something,
    Nothing,
    /// It says something of a field that nobody knows.
    Unknown(String),
}

/// Compares what a read finds.
fn found(workload: &Workload, filtered: bool, counts: Counts, said: &Said, checked: &mut Checked) -> Told {
    let Said::Rows { snapshot, files, schema, batches } = said else { return Told::Nothing };
    let found: u64 = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    if let Some(wanted) = counts.row_count.filter(|wanted| *wanted != found) {
        checked.wrong(format!("finds {found} rows instead of {wanted}"));
    }
    if !workload.rows.is_empty() {
        rows::compare("it", &workload.rows, schema, batches, checked);
    }
    let files_bound = counted(counts, filtered, *files, snapshot.num_files(), checked);
    if files_bound || counts.row_count.is_some() || !workload.rows.is_empty() { Told::Something } else { Told::Nothing }
}

/// Compares what a snapshot says of the table.
fn opened(wanted: &State, snapshot: &Snapshot, checked: &mut Checked) -> Told {
    let protocol = wanted.protocol.as_ref().map(|wanted| state::protocol(snapshot.protocol(), wanted, checked));
    let metadata = wanted.metadata.as_ref().map(|wanted| state::metadata(snapshot.metadata(), wanted, checked));
    match (&protocol, &metadata) {
        (None, None) => Told::Nothing,
        _ => protocol.flatten().or(metadata.flatten()).map_or(Told::Something, Told::Unknown),
    }
}

/// Notes how many files a read looks into. Without a condition that is bound; with one it is Spark's figure, a goal.
fn counted(counts: Counts, filtered: bool, files: u64, all: u64, checked: &mut Checked) -> bool {
    let wanted = counts.file_count.or_else(|| counts.files_skipped.map(|skipped| all.saturating_sub(skipped)));
    let Some(wanted) = wanted else { return false };
    if filtered {
        checked.files_left.add(FilesLeft::of_one(files, wanted, all));
    } else if files != wanted {
        checked.wrong(format!("reads {files} files instead of {wanted}"));
    }
    !filtered
}

fn shown(checked: &Checked) -> String {
    let texts = checked.problems.iter().map(|problem| match problem {
        Problem::Refused(text) | Problem::Wrong(text) => text.as_str(),
    });
    texts.collect::<Vec<_>>().join("\n    ")
}
