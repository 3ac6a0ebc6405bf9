//! What would put right what was found, and how is that carried out?
//!
//! | step | what it does | what it leaves |
//! |---|---|---|
//! | a checkpoint | writes it from the commits under its classic name | the damaged files, below `_lakebed_damaged/` |
//! | `.crc` | deletes it | the file, below `_lakebed_damaged/` |
//! | `_last_checkpoint` | points it to the newest checkpoint that holds what it should, or deletes it | nothing |
//! | statistics | one commit that adds the files again, `dataChange=false`, with statistics of what they hold | older versions as they were |
//! | missing files | one commit that removes them, only where that was asked for | older versions as they were |
//!
//! `_lakebed_damaged/` stands beside `_delta_log`, not in it: a name that no reader of a log can take for one of its files.

use std::collections::BTreeSet;
use std::sync::Arc;

use lakebed_txlog::action::{Action, Add};
use lakebed_txlog::commit::Outcome;
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::Env;
use lakebed_txlog::name::LogName;
use lakebed_txlog::replay::Commit;
use lakebed_txlog::segment::{LastCheckpointHint, plan as segment_of};
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::transaction::{Isolation, Kind, Reads, RowsRead, Transaction};
use lakebed_txlog::{Error, Result, Version};
use object_store::ObjectStoreExt;
use serde::Serialize;
use serde_json::Value;

use super::check::{Options, Report, Sample, check};
use super::finding::{Kind as Found, Repair};
use super::history::{read_contents, state_of};
use super::listing::{Candidate, Listing, read, read_listed};
use super::restamp;
use crate::store::TableStore;
use crate::table::Table;
use crate::write::TableLayout;

/// Where damaged files are kept.
const ASIDE: &str = "_lakebed_damaged";

/// What becomes of live files that are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// They stay in the table, and reading it fails.
    #[default]
    Keep,
    /// They are removed from the table, and their rows with them.
    Drop,
}

/// One step of a repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "do")]
pub enum Step {
    /// Writes the checkpoint of a version from the commits.
    RewriteCheckpoint {
        /// The version.
        version: Version,
        /// The damaged files, relative to `_delta_log/`.
        names: Vec<String>,
    },
    /// Deletes the `.crc` file of a version.
    RemoveChecksum {
        /// The version.
        version: Version,
    },
    /// Points `_last_checkpoint` to the newest sound checkpoint.
    RewriteHint,
    /// Adds live files again with statistics of what they hold.
    Restamp {
        /// The files, as the log names them.
        paths: Vec<String>,
    },
    /// Removes files that are gone.
    DropFiles {
        /// The files, as the log names them.
        paths: Vec<String>,
        /// Live rows that they had, as far as the log says.
        num_rows: u64,
        /// Files of which the log doesn't say how many rows they had.
        num_files_of_unknown_rows: u64,
    },
}

/// What a repair would do, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// Errors that no step puts right.
    pub num_errors_left: u64,
}

/// Plans the repair of what a check found. No request.
#[must_use]
pub fn plan(report: &Report, missing: Missing) -> Plan {
    let mut plan = Plan::default();
    let (mut checkpoints, mut checksums) = (Vec::new(), Vec::new());
    let (mut restamped, mut dropped) = (BTreeSet::new(), BTreeSet::new());
    let mut hint = false;
    for finding in &report.findings {
        match &finding.repair {
            Some(Repair::RewriteCheckpoint { version, names }) => {
                checkpoints.push(Step::RewriteCheckpoint { version: *version, names: names.clone() });
            }
            Some(Repair::RemoveChecksum { version }) => checksums.push(Step::RemoveChecksum { version: *version }),
            Some(Repair::RewriteHint) => hint = true,
            Some(Repair::Restamp { path }) => {
                restamped.insert(path.clone());
            }
            Some(Repair::DropFile { path, num_rows }) if missing == Missing::Drop => {
                dropped.insert((path.clone(), *num_rows));
            }
            _ if finding.severity == super::finding::Severity::Error => plan.num_errors_left += 1,
            _ => {}
        }
    }
    // A checkpoint that is written anew is the newest one, or isn't: the hint is looked at last.
    hint |= !checkpoints.is_empty();
    plan.steps.extend(checkpoints);
    plan.steps.extend(checksums);
    plan.steps.extend(hint.then_some(Step::RewriteHint));
    if !restamped.is_empty() {
        plan.steps.push(Step::Restamp { paths: restamped.into_iter().collect() });
    }
    if !dropped.is_empty() {
        let num_rows = dropped.iter().filter_map(|(_, rows)| *rows).sum();
        let num_files_of_unknown_rows = dropped.iter().filter(|(_, rows)| rows.is_none()).count() as u64;
        let paths = dropped.into_iter().map(|(path, _)| path).collect();
        plan.steps.push(Step::DropFiles { paths, num_rows, num_files_of_unknown_rows });
    }
    plan
}

/// Carries a plan out, step by step; what each did, in a sentence. `told` is called before each.
///
/// When the future is dropped, some steps are done and others aren't, and any later repair goes on: no step leaves the
/// table worse than it was.
///
/// # Errors
/// The first step's that fails, with those before it done.
pub async fn carry_out(
    store: &TableStore,
    env: &Arc<dyn Env>,
    plan: &Plan,
    told: impl Fn(&Step),
) -> Result<Vec<String>> {
    let mut done = Vec::with_capacity(plan.steps.len());
    let aside = format!("{ASIDE}/{}", env.uuid());
    for step in &plan.steps {
        told(step);
        let one: futures::future::BoxFuture<'_, Result<String>> = Box::pin(carry_out_one(store, env, step, &aside));
        done.push(one.await.map_err(|e| e.table(store.url().to_string()))?);
    }
    Ok(done)
}

async fn carry_out_one(store: &TableStore, env: &Arc<dyn Env>, step: &Step, aside: &str) -> Result<String> {
    match step {
        Step::RewriteCheckpoint { version, names } => {
            rewrite_checkpoint(store, env, *version, names, aside).await?;
            Ok(format!("the checkpoint of version {version} was written anew; the damaged files are in {aside}"))
        }
        Step::RemoveChecksum { version } => {
            let name = LogName::Crc { version: *version };
            keep_aside(store, &name, aside).await?;
            delete(store, &name).await?;
            Ok(format!("{} was deleted; it is kept in {aside}", name.path()))
        }
        Step::RewriteHint => rewrite_hint(store).await,
        Step::Restamp { paths } => restamp_files(store, env, paths).await,
        Step::DropFiles { paths, .. } => drop_files(store, env, paths).await,
    }
}

/// Copies a file of the log out of it; nothing where it is gone.
async fn keep_aside(store: &TableStore, name: &LogName, aside: &str) -> Result<()> {
    let Some(bytes) = read(store, name).await? else { return Ok(()) };
    let key = store.key(&format!("{aside}/{name}"))?;
    let kept = store.data().put(&key, bytes.into()).await;
    kept.map(|_| ()).map_err(|e| store.error(e, "keeping a damaged file", &key))
}

async fn delete(store: &TableStore, name: &LogName) -> Result<()> {
    let key = store.key(&name.path())?;
    match store.data().delete(&key).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(e) => Err(store.error(e, "deleting a damaged file", &key)),
    }
}

/// Keeps the damaged files aside, deletes them, and writes the checkpoint of what the commits come to. Whoever reads in
/// between begins at an older checkpoint.
async fn rewrite_checkpoint(
    store: &TableStore,
    env: &Arc<dyn Env>,
    version: Version,
    names: &[String],
    aside: &str,
) -> Result<()> {
    let damaged: Vec<LogName> = names.iter().map(|name| LogName::parse(name)).collect();
    let snapshot = replayed(store, version, &damaged).await?;
    for name in &damaged {
        keep_aside(store, name, aside).await?;
    }
    for name in &damaged {
        delete(store, name).await?;
    }
    let table = Table::open_with(store.clone(), Arc::clone(env)).await?;
    table.log().checkpoint(&snapshot).await.map(|_| ())
}

/// The table at a version by an earlier checkpoint, or none, and the commits after it.
async fn replayed(store: &TableStore, version: Version, damaged: &[LogName]) -> Result<Snapshot> {
    let mut listing = Listing::read(store).await?;
    let of_version = |name: &LogName| name.is_checkpoint() && name.version() == Some(version);
    listing.log.retain(|file| !damaged.contains(&file.name) && !of_version(&file.name));
    let mut segment = segment_of(&listing.log, None, Some(version))?;
    loop {
        let base = match segment.checkpoint() {
            None => Ok(None),
            Some(checkpoint) => {
                let files = checkpoint.files.iter().map(|file| file.name.clone()).collect();
                let candidate = Candidate { version: checkpoint.version, files, is_complete: true };
                let read = read_contents(store, &candidate, &listing).await;
                read.and_then(state_of).and_then(|state| Snapshot::from_checkpoint(candidate.version, state)).map(Some)
            }
        };
        match (base, segment.fallback()) {
            (Ok(base), _) => {
                let mut commits = Vec::with_capacity(segment.commits().len());
                for file in segment.commits() {
                    let bytes = read_listed(store, &LogName::Commit { version: file.version }).await?;
                    commits.push(Commit::parse(file.version, &bytes, Some(file.last_modified))?);
                }
                return Snapshot::follow(base.as_ref(), &commits);
            }
            (Err(_), Some(older)) => segment = older,
            (Err(e), None) => return Err(e),
        }
    }
}

/// Looks which checkpoints are sound, after those that were written anew, and points to the newest.
async fn rewrite_hint(store: &TableStore) -> Result<String> {
    let listing = Listing::read(store).await?;
    let nothing = Options { sample: Sample::Files(0), ..Options::default() };
    let report = check(store, &nothing, |_| {}).await?;
    let damaged: BTreeSet<Version> = report
        .findings
        .iter()
        .filter(|finding| matches!(finding.kind, Found::CheckpointDiffers | Found::CheckpointUnreadable))
        .filter_map(|finding| finding.version)
        .collect();
    let candidates = listing.checkpoints();
    let newest = candidates.iter().rev().filter(|(version, _)| !damaged.contains(version));
    let newest = newest.flat_map(|(_, candidates)| candidates).find(|candidate| candidate.is_complete);
    let Some(candidate) = newest else {
        delete(store, &LogName::LastCheckpoint).await?;
        return Ok("_last_checkpoint was deleted: there is no sound checkpoint".to_owned());
    };
    let contents = read_contents(store, candidate, &listing).await?;
    let hint = hint_at(candidate, &listing, &contents);
    let key = store.key(&LogName::LastCheckpoint.path())?;
    let put = store.data().put(&key, hint.to_json().into()).await;
    put.map_err(|e| store.error(e, "writing _last_checkpoint", &key))?;
    Ok(format!("_last_checkpoint names version {}", candidate.version))
}

fn hint_at(
    candidate: &Candidate,
    listing: &Listing,
    contents: &lakebed_txlog::checkpoint::Contents,
) -> LastCheckpointHint {
    let rows =
        |batches: &[lakebed_txlog::files::FileColumns]| batches.iter().map(|batch| batch.len() as u64).sum::<u64>();
    let size = contents.actions.len() as u64 + rows(&contents.adds) + rows(&contents.removes);
    let mut hint = LastCheckpointHint::new(candidate.version, i64::try_from(size).unwrap_or(i64::MAX));
    let bytes: u64 = candidate.files.iter().filter_map(|name| listing.size_of(name)).sum();
    hint.size_in_bytes = i64::try_from(bytes).ok();
    hint.num_of_add_files = i64::try_from(rows(&contents.adds)).ok();
    match candidate.files.first() {
        Some(LogName::MultiPartCheckpoint { parts, .. }) => hint.parts = Some(*parts),
        Some(name @ LogName::UuidCheckpoint { .. }) => {
            hint.v2_checkpoint = Some(lakebed_txlog::segment::hint::V2CheckpointHint {
                path: name.to_string(),
                size_in_bytes: i64::try_from(bytes).ok(),
                modification_time: None,
            });
        }
        _ => {}
    }
    hint
}

/// One commit that adds files again with statistics of what they hold. Files that are gone from the table meanwhile are
/// passed over.
async fn restamp_files(store: &TableStore, env: &Arc<dyn Env>, paths: &[String]) -> Result<String> {
    let table = Table::open_with(store.clone(), Arc::clone(env)).await?;
    let snapshot = table.snapshot();
    let layout = TableLayout::new(snapshot.metadata(), snapshot.column_mapping())?;
    let mut transaction = Transaction::new(Kind::Rearrange, "COMPUTE STATS");
    transaction.isolation = Isolation::Snapshot;
    let mut reads = Reads::nothing();
    let mut count = 0_u64;
    for add in live(&snapshot, paths) {
        let stats = restamp::statistics(store, &layout, &add).await?;
        reads.depend_on(add.path.as_str(), RowsRead::All);
        transaction.push(Action::Add(Add { stats: Some(stats), data_change: false, ..add }));
        count += 1;
    }
    if count == 0 {
        return Ok("no file with wrong statistics is live any more".to_owned());
    }
    transaction.reads = Some(reads);
    transaction.metrics = [("numRestampedFiles".to_owned(), Value::String(count.to_string()))].into();
    let version = committed(&table, &transaction, &snapshot).await?;
    Ok(format!("version {version} has statistics made anew of {count} files"))
}

/// One commit that removes files that are gone. One that is there again stays.
async fn drop_files(store: &TableStore, env: &Arc<dyn Env>, paths: &[String]) -> Result<String> {
    let table = Table::open_with(store.clone(), Arc::clone(env)).await?;
    let snapshot = table.snapshot();
    let listing = Listing::read(store).await?;
    let mut transaction = Transaction::new(Kind::Delete, "FSCK REPAIR TABLE");
    let time = env.now().0;
    let mut count = 0_u64;
    for add in live(&snapshot, paths) {
        let relative = lakebed_txlog::path::DataLocation::decode(&add.path)?.relative()?;
        if listing.objects.contains_key(relative.as_str()) {
            continue;
        }
        // Of a folder that mustn't be entered a listing lacks the files, too.
        let key = store.key(relative.as_str())?;
        match store.data().head(&key).await {
            Ok(_) => {}
            Err(object_store::Error::NotFound { .. }) => {
                transaction.push(Action::Remove(add.removed(time, true)));
                count += 1;
            }
            Err(e) => return Err(store.error(e, "looking for a file that is to be dropped", &key)),
        }
    }
    if count == 0 {
        return Ok("every file is there again, or isn't live any more".to_owned());
    }
    transaction.metrics = [("numRemovedFiles".to_owned(), Value::String(count.to_string()))].into();
    let version = committed(&table, &transaction, &snapshot).await?;
    Ok(format!("version {version} doesn't have the {count} files that were gone"))
}

fn live(snapshot: &Snapshot, paths: &[String]) -> Vec<Add> {
    paths.iter().filter_map(|path| snapshot.files().find(path)).map(|file| file.to_add()).collect()
}

async fn committed(table: &Table, transaction: &Transaction, read: &Snapshot) -> Result<Version> {
    let outcome: Outcome = table.commit(transaction, Some(read), &CommitOptions::default()).await?;
    let snapshot = outcome.committed()?;
    table.settle().await;
    if snapshot.metadata().id != read.metadata().id {
        return Err(Error::conflict("another table stands where this one was"));
    }
    Ok(snapshot.version())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsck::finding::{Finding, Kind as Found};

    fn report() -> Report {
        let drop = |path: &str, num_rows| Repair::DropFile { path: path.to_owned(), num_rows };
        let restamp = || Repair::Restamp { path: "c".to_owned() };
        let checkpoint = Repair::RewriteCheckpoint { version: Version(3), names: vec!["x".to_owned()] };
        let error = |kind, repair| Finding { repair: Some(repair), ..Finding::error(kind, "") };
        Report {
            findings: vec![
                error(Found::FileMissing, drop("b", None)),
                error(Found::FileMissing, drop("a", Some(7))),
                error(Found::Statistics, restamp()),
                error(Found::Statistics, restamp()),
                error(Found::CheckpointDiffers, checkpoint),
                Finding::error(Found::Vector, ""),
                Finding::warning(Found::Gap, ""),
            ],
            ..Report::default()
        }
    }

    #[test]
    fn a_plan_puts_the_log_right_first_and_drops_nothing_unasked() {
        let planned = plan(&report(), Missing::Keep);
        let checkpoint = Step::RewriteCheckpoint { version: Version(3), names: vec!["x".to_owned()] };
        let restamp = Step::Restamp { paths: vec!["c".to_owned()] };
        assert_eq!(planned.steps, [checkpoint, Step::RewriteHint, restamp]);
        assert_eq!(planned.num_errors_left, 3, "the vector and the two missing files");
        let planned = plan(&report(), Missing::Drop);
        let dropped =
            Step::DropFiles { paths: vec!["a".into(), "b".into()], num_rows: 7, num_files_of_unknown_rows: 1 };
        assert_eq!(planned.steps.last(), Some(&dropped));
        assert_eq!(planned.num_errors_left, 1);
    }
}
