//! What is looked at, in which order, and what does it cost?
//!
//! | stage | requests | bytes |
//! |---|---|---|
//! | listing | one for 1,000 objects of the table | |
//! | log | one for each commit, checkpoint file, sidecar and `.crc`, 16 at a time; one for `_last_checkpoint` | the log |
//! | files | none: against the listing | |
//! | vectors | one for each file of vectors, 16 at a time; a footer for files that don't say their rows | the vectors |
//! | rows | a footer and a scan for each file of the sample, 4 at a time | the sampled files |
//!
//! Memory: the table's live files as the snapshot holds them, once more for a checkpoint that is compared; a hundred
//! bytes and its path for each object of the listing, eight bytes for each file that any version names; what four scans
//! take. Nothing is written.

use futures::{StreamExt, stream};
use lakebed_txlog::action::Add;
use lakebed_txlog::path::DataLocation;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, ErrorKind, Result, Version};
use serde::Serialize;

use super::files::{self, Named};
use super::finding::{Finding, Findings, Kind, Severity};
use super::history::{Known, walk};
use super::listing::Listing;
use super::{rows, sums, vectors};
use crate::store::TableStore;

pub use super::files::Orphans;

/// Files of the sample read at the same time.
const PARALLEL_SCANS: usize = 4;

/// Whose files have to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// The newest version's.
    #[default]
    Newest,
    /// Every version's that the log still has.
    AllVersions,
}

/// Which files are read and compared with their statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// So many, spread over the table.
    Files(usize),
    /// Every one.
    Full,
}

/// What to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whose files have to be there.
    pub history: History,
    /// Which files are read.
    pub sample: Sample,
}

impl Default for Options {
    fn default() -> Self {
        Options { history: History::Newest, sample: Sample::Files(8) }
    }
}

/// What is being looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The table's objects are listed.
    Listing,
    /// The log is read.
    Log,
    /// Deletion vectors are read.
    Vectors,
    /// Data files are read.
    Rows,
}

impl Stage {
    /// The stage in a few words.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Stage::Listing => "listing",
            Stage::Log => "reading the log",
            Stage::Vectors => "reading deletion vectors",
            Stage::Rows => "reading data files",
        }
    }
}

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being looked at.
    pub stage: Stage,
    /// How much of it was.
    pub done: u64,
    /// How much there is.
    pub total: u64,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The table.
    pub table: String,
    /// The newest version, where it can be told what the table is then.
    pub version: Option<Version>,
    /// Commits read.
    pub num_commits: u64,
    /// Complete checkpoints read.
    pub num_checkpoints: u64,
    /// Live files.
    pub num_files: u64,
    /// Live deletion vectors read.
    pub num_vectors: u64,
    /// Data files read.
    pub num_files_read: u64,
    /// Objects that no retained version names.
    pub orphans: Orphans,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub num_findings_left_out: u64,
}

impl Report {
    /// Whether something is damaged.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.num_findings_left_out > 0 || self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Checks a table: its log, the files that it names, and what those hold.
///
/// # Errors
/// `NotFound` where there is no log; those of the store, but for objects that are missing. Damage is in the report.
pub async fn check(store: &TableStore, options: &Options, told: impl Fn(Progress)) -> Result<Report> {
    let named = |e: Error| e.table(store.url().to_string());
    checked(store, options, &told).await.map_err(named)
}

async fn checked(store: &TableStore, options: &Options, told: &impl Fn(Progress)) -> Result<Report> {
    told(Progress { stage: Stage::Listing, done: 0, total: 0 });
    let listing = Listing::read(store).await?;
    if listing.log.is_empty() {
        return Err(Error::not_found("there is no table: _delta_log holds no file"));
    }
    let mut findings = Findings::default();
    let at = |stage| move |done, total| told(Progress { stage, done, total });
    let walked = walk(store, &listing, Named::new(options.history), &mut findings, &at(Stage::Log)).await?;
    findings.extend(sums::hint(store, &listing, &walked.sound).await?);
    let mut report = Report {
        table: store.url().to_string(),
        num_commits: walked.num_commits,
        num_checkpoints: walked.num_checkpoints,
        orphans: walked.named.orphans(&listing),
        ..Report::default()
    };
    if options.history == History::AllVersions {
        findings.extend(walked.named.older(&listing));
    }
    if let Some(snapshot) = snapshot(walked.newest, &mut findings)? {
        report.version = Some(snapshot.version());
        report.num_files = snapshot.num_files();
        files::live(&snapshot, &listing, &mut findings)?;
        let with_vectors: Vec<Add> =
            snapshot.files().iter().filter(|file| file.deletion_vector().is_some()).map(|file| file.to_add()).collect();
        report.num_vectors = vectors::check(store, &listing, with_vectors, &mut findings, &at(Stage::Vectors)).await?;
        report.num_files_read =
            read_sample(store, &snapshot, &listing, options.sample, &mut findings, &at(Stage::Rows)).await?;
    }
    findings.kept.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    report.findings = findings.kept;
    report.num_findings_left_out = findings.num_left_out;
    Ok(report)
}

/// The newest version as a snapshot; nothing where it isn't known, or this release can't read it.
fn snapshot(newest: Option<Known>, findings: &mut Findings) -> Result<Option<Snapshot>> {
    let Some(Known { version, state, .. }) = newest else {
        let said = "what the newest version holds can't be told, so its files weren't checked";
        findings.add(Finding::error(Kind::NotChecked, said));
        return Ok(None);
    };
    match Snapshot::from_checkpoint(version, state) {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(e) if e.kind() == ErrorKind::Unsupported => {
            let said = format!("files weren't checked: {}", e.message());
            findings.add(Finding::warning(Kind::NotChecked, said).version(version));
            Ok(None)
        }
        Err(e) if e.kind() == ErrorKind::Corrupt => {
            findings.add(Finding::of(Kind::CommitContradicts, &e).version(version));
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// Reads the files of the sample that are there whole; how many they were.
async fn read_sample(
    store: &TableStore,
    snapshot: &Snapshot,
    listing: &Listing,
    sample: Sample,
    findings: &mut Findings,
    told: &impl Fn(u64, u64),
) -> Result<u64> {
    let adds = sampled(snapshot, sample);
    let whole = |add: &Add| {
        let relative = DataLocation::decode(&add.path).and_then(DataLocation::relative);
        relative.is_ok_and(|path| {
            listing.objects.get(path.as_str()).is_some_and(|size| u64::try_from(add.size) == Ok(*size))
        })
    };
    let adds: Vec<Add> = adds.into_iter().filter(whole).collect();
    let columns = rows::Columns::of(snapshot)?;
    let total = adds.len() as u64;
    let columns = &columns;
    let mut checked = stream::iter(adds)
        .map(|add| async move { rows::check(store, snapshot, columns, &add).await })
        .buffered(PARALLEL_SCANS)
        .boxed();
    let mut done = 0;
    while let Some(found) = checked.next().await {
        findings.extend(found?);
        done += 1;
        told(done, total);
    }
    Ok(total)
}

/// Files at equal distances, so that old and new ones are among them.
fn sampled(snapshot: &Snapshot, sample: Sample) -> Vec<Add> {
    let live = usize::try_from(snapshot.num_files()).unwrap_or(usize::MAX);
    let wanted = match sample {
        Sample::Full => live,
        Sample::Files(files) => files.min(live),
    };
    let mut chosen = (0..wanted).map(|nth| nth * live / wanted).peekable();
    let mut adds = Vec::with_capacity(wanted);
    for (at, file) in snapshot.files().iter().enumerate() {
        if chosen.next_if_eq(&at).is_some() {
            adds.push(file.to_add());
        }
    }
    adds
}
