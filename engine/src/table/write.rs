//! How are rows added, or others put in their place?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use lakebed_txlog::action::{Action, DomainMetadata, Metadata, PartitionValues, Protocol};
use lakebed_txlog::commit::Outcome;
use lakebed_txlog::conflict::Conflict;
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::predicate::Predicate;
use lakebed_txlog::protocol::extended;
use lakebed_txlog::schema::{ColumnMappingMode, StructType, merge};
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::transaction::{Kind, Reads, Transaction, TxnUpdate};
use lakebed_txlog::{Error, Result, Version};
use serde_json::Value;

use super::Table;
use super::report::{Report, Written};
use crate::write::{DataFiles, TableLayout, WriteOptions, write_stream};

const NUM_REMOVED_FILES: &str = "numRemovedFiles";

/// What happens to columns that the table doesn't have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchemaMode {
    /// They are an error, which lists every difference.
    #[default]
    Enforce,
    /// They become columns of the table, in the same commit.
    Merge,
}

/// How rows are appended.
#[derive(Clone, Debug, Default)]
pub struct AppendOptions {
    /// What happens to columns that the table doesn't have.
    pub schema_mode: SchemaMode,
    /// Progress of an application, committed with the rows.
    pub txn: Option<TxnUpdate>,
    /// Domains committed with the rows.
    pub domains: Vec<DomainMetadata>,
    /// How files are made; by default as the table's properties say.
    pub write: Option<WriteOptions>,
    /// How long the commit goes on.
    pub commit: CommitOptions,
    /// `commitInfo.operationParameters` beside the usual ones.
    pub parameters: BTreeMap<String, Value>,
    /// What to remember of the commit.
    pub user_metadata: Option<String>,
}

/// Which rows an overwrite puts its own in place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// All of the table.
    Table,
    /// Those of the partitions in which it has rows of its own.
    Partitions,
}

/// What `operationParameters` say of a commit that puts rows in place of others, ours and others'.
const OVERWRITE: &str = "Overwrite";
/// Commits of others that are read at the same time.
const PARALLEL_GETS: usize = 16;

/// How rows are put in place of others.
#[derive(Clone, Debug, Default)]
pub struct OverwriteOptions {
    /// How files are made; by default as the table's properties say.
    pub write: Option<WriteOptions>,
    /// How long the commit goes on.
    pub commit: CommitOptions,
    /// What to remember of the commit.
    pub user_metadata: Option<String>,
}

/// What a table becomes by new columns.
#[derive(Debug)]
struct Merged {
    metadata: Metadata,
    /// Where they need a feature that the table's protocol doesn't name.
    protocol: Option<Protocol>,
}

/// The files of an append, written and in no commit yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    snapshot: Snapshot,
    merged: Option<Merged>,
    /// What was written.
    pub(crate) files: DataFiles,
}

impl Table {
    /// Appends a stream of batches of `given` schema in one commit.
    ///
    /// Nothing of it is in the table before the commit, all of it after. Beside the data files: one put.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) that lists every difference between the schemas, or names
    /// a column whose values don't fit; [`Conflict`](crate::ErrorKind::Conflict) when the table's schema or protocol
    /// changed meanwhile, or its files were uploaded longer ago than half the retention of data files (pitfall D5);
    /// [`Indeterminate`](crate::ErrorKind::Indeterminate) when the store can't be asked whether the
    /// commit landed; the stream's own.
    pub async fn append(
        &self,
        given: &Schema,
        batches: impl Stream<Item = Result<RecordBatch>> + Send,
        options: &AppendOptions,
    ) -> Result<Written> {
        let prepared = self.prepare(given, batches, options).await?;
        self.commit_prepared(prepared, options).await
    }

    /// Writes the files of an append that is yet to be committed.
    pub(crate) async fn prepare(
        &self,
        given: &Schema,
        batches: impl Stream<Item = Result<RecordBatch>> + Send,
        options: &AppendOptions,
    ) -> Result<Prepared> {
        let snapshot = self.snapshot();
        let merged = match options.schema_mode {
            SchemaMode::Enforce => None,
            SchemaMode::Merge => self.merged(&snapshot, given)?,
        };
        let metadata = merged.as_ref().map_or(snapshot.metadata(), |merged| &merged.metadata);
        let files = self.write_files(&snapshot, metadata, given, batches, options.write.as_ref()).boxed().await?;
        Ok(Prepared { snapshot, merged, files })
    }

    /// Commits what [`prepare`](Self::prepare) has written.
    pub(crate) async fn commit_prepared(&self, prepared: Prepared, options: &AppendOptions) -> Result<Written> {
        let Prepared { snapshot, merged, files } = prepared;
        if files.adds.is_empty() && options.txn.is_none() && merged.is_none() {
            return Ok(Written::NothingToDo { version: snapshot.version() });
        }
        let mut transaction = self.append_transaction(&snapshot, &files, options);
        if let Some(Merged { metadata, protocol }) = merged {
            transaction.kind = Kind::Metadata;
            // New columns that can be NULL: no row had to be looked at for them.
            transaction.reads = Some(Reads::nothing());
            transaction.extend(protocol.map(Action::Protocol));
            transaction.push(Action::Metadata(metadata));
        }
        let outcome = self.commit(&transaction, Some(&snapshot), &options.commit).await?;
        self.written(outcome, files, 0).await
    }

    /// Appends batches that are in memory.
    ///
    /// # Errors
    /// As [`append`](Self::append); [`InvalidRequest`](crate::ErrorKind::InvalidRequest) when there is no batch.
    pub async fn append_batches(&self, batches: Vec<RecordBatch>, options: &AppendOptions) -> Result<Written> {
        let schema = batches.first().ok_or_else(|| self.named(Error::invalid("no batch to append")))?.schema();
        self.append(&schema, stream::iter(batches.into_iter().map(Ok)), options).await
    }

    /// Puts a stream of batches in place of the table's rows, or of those in the partitions that it touches, in one
    /// commit. What is replaced stays readable at earlier versions until it is vacuumed.
    ///
    /// What is replaced are the rows of the newest version. When another commit comes in between that adds to them, or takes
    /// from them, what is to be replaced is chosen anew. Of two overwrites of the same rows that meet one lands: each has said
    /// what the rows are to be, and which of them is to stand, only their callers know.
    ///
    /// Requests beside the data files: one look for the newest version and one put; where others came in between, one for
    /// each of their commits.
    ///
    /// # Errors
    /// As [`append`](Self::append); [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for partitions of a table
    /// without, or an append-only table; [`Conflict`](crate::ErrorKind::Conflict) when another overwrite came first.
    pub async fn overwrite(
        &self,
        replace: Replace,
        given: &Schema,
        batches: impl Stream<Item = Result<RecordBatch>> + Send,
        options: &OverwriteOptions,
    ) -> Result<Written> {
        let mut snapshot = self.refresh().await?;
        if replace == Replace::Partitions && snapshot.partition_columns().is_empty() {
            return Err(self.named(
                Error::invalid("the table isn't partitioned, so no partition of it can be overwritten")
                    .hint("overwrite the whole table, or delete what is to go and append"),
            ));
        }
        let (schema, id) = (Arc::clone(snapshot.schema()), snapshot.metadata().id.clone());
        let metadata = snapshot.metadata().clone();
        let files = self.write_files(&snapshot, &metadata, given, batches, options.write.as_ref()).boxed().await?;
        let until = self.env().monotonic() + options.commit.deadline;
        loop {
            let planned = self.overwrite_transaction(&snapshot, replace, &files, options);
            let (transaction, removed) = planned.map_err(|e| self.named(e))?;
            let outcome = self.commit(&transaction, Some(&snapshot), &options.commit).await?;
            if !self.may_plan_again(&outcome, until) {
                return self.written(outcome, files, removed).await;
            }
            let read = snapshot;
            snapshot = self.refresh().await?;
            let is_same = snapshot.metadata().id == id && snapshot.partition_columns() == metadata.partition_columns;
            if *snapshot.schema() != schema || !is_same {
                return self.written(outcome, files, removed).await;
            }
            match self.overwritten_since(&read, &snapshot, replace, &files).await {
                Ok(None) => {}
                Ok(Some(version)) => {
                    files.discard().await;
                    return Err(self.named(
                        Error::conflict("another overwrite came first, of rows that this one replaces")
                            .version(version)
                            .hint("nothing was committed: overwrite again if yours is to stand"),
                    ));
                }
                Err(error) => {
                    files.discard().await;
                    return Err(self.named(error.hint("nothing was committed: retry")));
                }
            }
        }
    }

    /// The first version after `read`, up to `snapshot`, that put rows in place of some that are to be replaced. A request a
    /// version, [`PARALLEL_GETS`] at a time.
    async fn overwritten_since(
        &self,
        read: &Snapshot,
        snapshot: &Snapshot,
        replace: Replace,
        files: &DataFiles,
    ) -> Result<Option<Version>> {
        let mut replaced = Replaced::by(replace, snapshot, files)?;
        let (read, newest) = (read.version(), snapshot.version());
        let commits = (read.0 + 1..=newest.0).map(|version| async move {
            let found = self.log().commit_at(Version(version)).await?;
            let gone = || Error::conflict("what others committed meanwhile can't be read any more");
            found.ok_or_else(|| gone().version(Version(version)))
        });
        let mut commits = stream::iter(commits).buffered(PARALLEL_GETS).boxed();
        while let Some(commit) = commits.try_next().await? {
            let of_adds = commit.adds.iter().map(|add| &add.partition_values);
            let of_removes = commit.removes.iter().filter_map(|remove| remove.partition_values.as_ref());
            let parameters = commit.commit_info.as_ref().and_then(|info| info.operation_parameters.as_ref());
            let mode = parameters.and_then(|said| said.get("mode")?.as_str());
            if mode != Some(OVERWRITE) {
                continue;
            }
            for values in of_adds.chain(of_removes) {
                if replaced.holds(values)? {
                    return Ok(Some(commit.version));
                }
            }
        }
        Ok(None)
    }

    /// Whether a conflict leaves time to plan again.
    pub(super) fn may_plan_again(&self, outcome: &Outcome, until: Duration) -> bool {
        matches!(outcome, Outcome::Conflicted(_)) && self.env().monotonic() < until
    }

    async fn write_files(
        &self,
        snapshot: &Snapshot,
        metadata: &Metadata,
        given: &Schema,
        batches: impl Stream<Item = Result<RecordBatch>> + Send,
        options: Option<&WriteOptions>,
    ) -> Result<DataFiles> {
        lakebed_txlog::protocol::check_write(snapshot.protocol(), metadata).map_err(|e| self.named(e))?;
        let layout = TableLayout::new(metadata, snapshot.column_mapping()).map_err(|e| self.named(e))?;
        let options = match options {
            Some(options) => options.clone(),
            None => WriteOptions::for_table(metadata).map_err(|e| self.named(e))?,
        };
        // Boxed, so that a caller's future is `Send` for every lifetime of what it borrows: rustc can't see through it.
        let writing = write_stream(self.store(), &Arc::new(layout), &options, self.env(), given, batches).boxed().await;
        writing.map_err(|e| self.named(e))
    }

    /// The table with the columns that `given` adds; `None` where it adds none.
    fn merged(&self, snapshot: &Snapshot, given: &Schema) -> Result<Option<Merged>> {
        let named = |e: Error| self.named(e).version(snapshot.version());
        let given = StructType::from_arrow(given).map_err(named)?;
        let merged = merge(snapshot.schema(), &given).map_err(named)?;
        if merged == **snapshot.schema() {
            return Ok(None);
        }
        if snapshot.column_mapping() != ColumnMappingMode::None {
            return Err(named(Error::unsupported("adding columns to a table with column mapping isn't implemented")));
        }
        let metadata = Metadata { schema_string: merged.to_json(), ..snapshot.metadata().clone() };
        let protocol = extended(snapshot.protocol(), snapshot.metadata(), &metadata).map_err(named)?;
        Ok(Some(Merged { metadata, protocol }))
    }

    fn append_transaction(&self, snapshot: &Snapshot, files: &DataFiles, options: &AppendOptions) -> Transaction {
        let mut transaction = Transaction::new(Kind::Append, "WRITE");
        transaction.parameters = parameters("Append", snapshot);
        transaction.parameters.extend(options.parameters.clone());
        transaction.metrics = metrics(files, 0);
        transaction.user_metadata.clone_from(&options.user_metadata);
        transaction.txns.extend(options.txn.clone());
        transaction.uploaded_since = files.uploaded_since;
        transaction.extend(options.domains.iter().cloned().map(Action::DomainMetadata));
        transaction.extend(files.adds.iter().cloned().map(Action::Add));
        transaction
    }

    fn overwrite_transaction(
        &self,
        snapshot: &Snapshot,
        replace: Replace,
        files: &DataFiles,
        options: &OverwriteOptions,
    ) -> Result<(Transaction, usize)> {
        let touched = files.touched();
        let now = self.env().now().0;
        let mut transaction = Transaction::new(Kind::Overwrite, "WRITE");
        transaction.reads = Some(match replace {
            Replace::Table => Reads::table(),
            Replace::Partitions => {
                let partitions = touched.iter().map(|values| snapshot.in_partition(values)).collect::<Result<_>>()?;
                Reads::nothing().matching(Predicate::Or(partitions))
            }
        });
        let mut removed = 0;
        let mut replaced = Replaced::by(replace, snapshot, files)?;
        for file in snapshot.files().iter() {
            if replaced.holds(&file.partition_values())? {
                transaction.push(Action::Remove(file.to_add().removed(now, true)));
                removed += 1;
            }
        }
        transaction.uploaded_since = files.uploaded_since;
        transaction.parameters = parameters(OVERWRITE, snapshot);
        transaction.metrics = metrics(files, removed);
        transaction.user_metadata.clone_from(&options.user_metadata);
        transaction.extend(files.adds.iter().cloned().map(Action::Add));
        Ok((transaction, removed))
    }

    /// What a commit's outcome means to the caller. Files that no commit has named, and never will, are taken back.
    pub(super) async fn written(&self, outcome: Outcome, files: DataFiles, removed: usize) -> Result<Written> {
        match outcome {
            Outcome::Committed { snapshot, attempts } => Ok(Written::Committed(Report {
                version: snapshot.version(),
                num_rows: files.num_rows,
                num_files_added: files.adds.len(),
                // What it followed may have changed it.
                num_files_removed: said(&snapshot, NUM_REMOVED_FILES).unwrap_or(removed),
                bytes_added: files.size_bytes,
                attempts,
                snapshot,
            })),
            Outcome::AlreadyApplied { app_id, version } => {
                files.discard().await;
                Ok(Written::AlreadyApplied { app_id, version })
            }
            Outcome::Conflicted(conflict) => {
                files.discard().await;
                Err(self.conflict(&conflict))
            }
            unknown @ Outcome::Indeterminate { .. } => {
                Err(self.named(unknown.committed().err().unwrap_or_else(|| Error::bug("an unknown outcome is one"))))
            }
        }
    }

    pub(super) fn conflict(&self, conflict: &Conflict) -> Error {
        self.named(
            Error::conflict(conflict.why.to_string())
                .version(conflict.version)
                .hint("nothing was committed: read the table again and retry"),
        )
    }
}

/// Of which partitions an overwrite takes the rows: told by their values, which other writers may spell otherwise.
struct Replaced<'a> {
    snapshot: &'a Snapshot,
    /// `None`: of all.
    keys: Option<BTreeSet<Vec<Option<String>>>>,
    /// What was found out before.
    known: BTreeMap<PartitionValues, bool>,
}

impl<'a> Replaced<'a> {
    fn by(replace: Replace, snapshot: &'a Snapshot, files: &DataFiles) -> Result<Replaced<'a>> {
        let keys = match replace {
            Replace::Table => None,
            Replace::Partitions => {
                let keys = files.touched().into_iter().map(|values| snapshot.partition_key(values));
                Some(keys.collect::<Result<_>>()?)
            }
        };
        Ok(Replaced { snapshot, keys, known: BTreeMap::new() })
    }

    fn holds(&mut self, values: &PartitionValues) -> Result<bool> {
        let Some(keys) = &self.keys else { return Ok(true) };
        if let Some(known) = self.known.get(values) {
            return Ok(*known);
        }
        let holds = keys.contains(&self.snapshot.partition_key(values)?);
        self.known.insert(values.clone(), holds);
        Ok(holds)
    }
}

fn parameters(mode: &str, snapshot: &Snapshot) -> BTreeMap<String, Value> {
    let partition_by = serde_json::to_string(snapshot.partition_columns()).unwrap_or_default();
    [("mode", mode.to_owned()), ("partitionBy", partition_by)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Value::String(value)))
        .collect()
}

/// What a version's commit says of itself, in figures.
fn said(snapshot: &Snapshot, metric: &str) -> Option<usize> {
    snapshot.commit_info()?.operation_metrics.as_ref()?.get(metric)?.as_str()?.parse().ok()
}

/// Figures as text, as other engines write them.
fn metrics(files: &DataFiles, removed: usize) -> BTreeMap<String, Value> {
    [
        ("numFiles", files.adds.len().to_string()),
        ("numOutputRows", files.num_rows.to_string()),
        ("numOutputBytes", files.size_bytes.to_string()),
        (NUM_REMOVED_FILES, removed.to_string()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), Value::String(value)))
    .collect()
}
