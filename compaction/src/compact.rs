//! How does a rewrite become part of the table, beside other writers?
//!
//! A compaction depends on nothing of the table but the files it replaces, and says so in its transaction, and where their
//! rows went. So when another commit comes first, the same outputs are committed after it; rows that it deleted meanwhile are
//! deleted of them by vectors, where the table takes such. A group that lost its files otherwise is thrown away and planned
//! anew. What leaves all of it alone costs no more than another put.
//!
//! | the other commit | ours |
//! |---|---|
//! | a. leaves our files, schema, properties and protocol as they are, or changes those harmlessly | the commit loop puts it after it |
//! | b. deleted rows of files of a group, or some of the files, in a table with deletion vectors | the commit loop puts it after it, the outputs with vectors: they are read and stored, and no data |
//! | c. took files of a group, or changed them, in any other way | that group begins again, the others are committed |
//! | d. changed schema, properties or protocol | all begins again |

use std::collections::BTreeMap;
use std::time::Duration;

use lakebed::table::Table;
use lakebed_txlog::action::{Action, Add};
use lakebed_txlog::commit::Outcome;
use lakebed_txlog::conflict::{Conflict, Why};
use lakebed_txlog::protocol::check_write;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::transaction::{Isolation, Kind, Reads, RowsRead, Transaction};
use lakebed_txlog::{Error, Result};
use serde_json::Value;

use crate::choose::{Plan, choose};
use crate::options::CompactionOptions;
use crate::report::{Progress, Report};
use crate::rewrite::{Rewritten, rewrite};

/// What [`compact`] would do with the newest version that the handle knows. No request.
///
/// # Errors
/// As [`choose`]; [`Unsupported`](lakebed::ErrorKind::Unsupported) for a table that can't be written to.
pub fn plan(table: &Table, options: &CompactionOptions) -> Result<Plan> {
    let snapshot = table.snapshot();
    plan_of(&snapshot, options).map_err(|e| named(e, table))
}

/// Puts small files together, and purges deletion vectors as asked. A table without either is left as it is.
///
/// Requests: a refresh, the scans and writes, a put for every [`CompactionOptions::groups_per_commit`] groups. When
/// the future is dropped, what is committed stays so, and outputs that no commit names are left for vacuum.
///
/// # Errors
/// [`Unsupported`](lakebed::ErrorKind::Unsupported) for a table that can't be written to; those of scan, write and
/// commit, which leave earlier commits standing; [`Indeterminate`](lakebed::ErrorKind::Indeterminate) when the store
/// can't be reached to find out whether a commit landed: the rows are the same either way.
pub async fn compact(
    table: &Table,
    options: &CompactionOptions,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Report> {
    let until = table.env().monotonic() + options.deadline;
    let mut report = Report::default();
    loop {
        let snapshot = table.refresh().await?;
        let plan = plan_of(&snapshot, options).map_err(|e| named(e, table))?;
        let shown = Progress { groups: plan.groups.len(), bytes: plan.size_bytes(), ..Progress::default() };
        progress(shown);
        let mut round = Round { table, options, until, report: &mut report, current: snapshot, lost: 0 };
        round.run(&plan, shown, &progress).await.map_err(|e| named(e, table))?;
        let lost = round.lost;
        report.num_groups_lost += lost;
        if lost == 0 {
            return Ok(report);
        }
        if table.env().monotonic() >= until {
            report.num_groups_left = lost;
            return Ok(report);
        }
    }
}

fn plan_of(snapshot: &Snapshot, options: &CompactionOptions) -> Result<Plan> {
    check_write(snapshot.protocol(), snapshot.metadata()).map_err(|e| e.version(snapshot.version()))?;
    choose(snapshot.files().iter(), options).map_err(|e| e.version(snapshot.version()))
}

fn named(error: Error, table: &Table) -> Error {
    error.table(table.url().to_string())
}

/// One plan, carried out as far as others let it be.
struct Round<'a> {
    table: &'a Table,
    options: &'a CompactionOptions,
    /// When to stop following others, by the monotonic clock.
    until: Duration,
    report: &'a mut Report,
    current: Snapshot,
    /// Groups that others' commits took from this plan.
    lost: usize,
}

impl Round<'_> {
    async fn run(&mut self, plan: &Plan, mut shown: Progress, progress: &impl Fn(Progress)) -> Result<()> {
        for batch in plan.groups.chunks(self.options.groups_per_commit) {
            let mut written = Vec::new();
            for group in batch {
                match rewrite(self.table, &self.current, group, self.options).await {
                    Ok(Some(rewritten)) => written.push(rewritten),
                    Ok(None) => self.lost += 1,
                    Err(error) => {
                        discard(written).await;
                        return Err(error);
                    }
                }
                shown.groups_done += 1;
                shown.bytes_done = shown.bytes_done.saturating_add(group.size_bytes);
                progress(shown);
            }
            self.commit(written).await?;
        }
        Ok(())
    }

    /// Commits what was written, after whatever others commit meanwhile that lets it be.
    async fn commit(&mut self, written: Vec<Rewritten>) -> Result<()> {
        // All of it was made of this version, though it may be committed part by part.
        let read = self.current.clone();
        let mut parts = vec![written];
        while let Some(written) = parts.pop() {
            if written.is_empty() {
                continue;
            }
            let transaction = self.transaction(&written);
            let failed = match self.table.commit(&transaction, Some(&read), &self.options.commit).await {
                Ok(Outcome::Committed { snapshot, .. }) => {
                    self.current = snapshot;
                    self.count(&written);
                    continue;
                }
                Ok(Outcome::Conflicted(conflict)) => match self.rebase(written, &conflict).await {
                    Ok(rest) => {
                        parts.extend(rest);
                        continue;
                    }
                    Err(error) => error,
                },
                // It may be in the table: its files are not ours to delete any more (pitfall C4).
                Ok(unknown) => unknown.committed().err().unwrap_or_else(|| Error::bug("an outcome that is none")),
                Err(error) => {
                    discard(written).await;
                    error
                }
            };
            for part in parts {
                discard(part).await;
            }
            return Err(failed);
        }
        Ok(())
    }

    /// What of `written` may still be committed, in parts: all but the group whose file stands in the way; all, in
    /// halves, where more vectors would have to be read than one commit reads; or nothing. The rest is thrown away.
    async fn rebase(&mut self, mut written: Vec<Rewritten>, conflict: &Conflict) -> Result<Vec<Vec<Rewritten>>> {
        let in_time = self.table.env().monotonic() < self.until;
        if matches!(conflict.why, Why::Unread { .. }) && written.len() > 1 && in_time {
            let half = written.split_off(written.len() / 2);
            return Ok(vec![half, written]);
        }
        let in_the_way = |path: &str| written.iter().position(|group| group.names(path));
        let group = conflict.why.path().and_then(in_the_way);
        let lost = match group.filter(|_| in_time) {
            Some(at) => vec![written.remove(at)],
            None => std::mem::take(&mut written),
        };
        self.lost += lost.len();
        discard(lost).await;
        if written.is_empty() {
            // What is written next is made of the newest version.
            self.current = self.table.refresh().await?;
        }
        Ok(vec![written])
    }

    fn transaction(&self, written: &[Rewritten]) -> Transaction {
        let now = self.table.env().now().0;
        let mut transaction = Transaction::new(Kind::Rearrange, "OPTIMIZE");
        let sources = || written.iter().flat_map(|group| &group.sources);
        let outputs = || written.iter().flat_map(|group| &group.data.adds);
        let mut reads = Reads::nothing();
        sources().for_each(|add| reads.depend_on(add.path.as_str(), RowsRead::All));
        transaction.reads = Some(reads);
        transaction.isolation = Isolation::Snapshot;
        transaction.extend(sources().map(|add| Action::Remove(add.removed(now, false))));
        transaction.uploaded_since = written.iter().filter_map(|group| group.data.uploaded_since).min();
        transaction.moves = written.iter().filter_map(|group| group.moves.clone()).collect();
        transaction.extend(outputs().map(|add| Action::Add(Add { data_change: false, ..add.clone() })));
        transaction.parameters = texts([
            ("predicate", "[]".to_owned()),
            ("zOrderBy", "[]".to_owned()),
            ("targetSize", self.options.target_size_bytes.to_string()),
        ]);
        let bytes = |adds: &mut dyn Iterator<Item = &Add>| adds.map(|add| i128::from(add.size)).sum::<i128>();
        let vectors = sources().filter(|add| add.deletion_vector.is_some()).count();
        transaction.metrics = texts([
            ("numRemovedFiles", sources().count().to_string()),
            ("numRemovedBytes", bytes(&mut sources()).to_string()),
            ("numAddedFiles", outputs().count().to_string()),
            ("numAddedBytes", bytes(&mut outputs()).to_string()),
            ("numDeletionVectorsRemoved", vectors.to_string()),
        ]);
        transaction
    }

    fn count(&mut self, written: &[Rewritten]) {
        self.report.versions.push(self.current.version());
        for group in written {
            self.report.num_files_removed += group.sources.len();
            self.report.bytes_removed += group.sources.iter().map(|add| add.size.unsigned_abs()).sum::<u64>();
            self.report.num_files_added += group.data.adds.len();
            self.report.bytes_added += group.data.size_bytes;
            self.report.num_rows += group.data.num_rows;
            self.report.num_rows_purged += group.num_rows_purged;
        }
    }
}

/// Figures and parameters are texts, as other engines write them.
fn texts<const N: usize>(entries: [(&str, String); N]) -> BTreeMap<String, Value> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), Value::String(value))).collect()
}

async fn discard(written: Vec<Rewritten>) {
    for group in written {
        group.data.discard().await;
    }
}
