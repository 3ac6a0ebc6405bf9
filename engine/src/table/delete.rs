//! How are rows removed?
//!
//! Where the table has deletion vectors enabled, a vector a touched file, all in one `.bin`; elsewhere the touched files
//! are written again without the rows. A file all of whose rows go is removed without being read. What has been found in a
//! file isn't looked for again when the delete has to be planned anew, as long as nothing came back in it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use lakebed_txlog::action::{Action, Add};
use lakebed_txlog::commit::Outcome;
use lakebed_txlog::drive::{CommitOptions, Look};
use lakebed_txlog::dv::{DeletionVector, DeletionVectorFile};
use lakebed_txlog::schema::StructType;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::stats::loosened;
use lakebed_txlog::transaction::{Kind, Reads, RowsRead, Transaction};
use lakebed_txlog::{Error, Result, Version};
use object_store::{ObjectStoreExt, PutPayload};
use serde::Serialize;
use serde_json::Value;

use super::{Table, read_vector, row_count};
use crate::query::{Filter, LookFor, matching_rows, remaining_rows};
use crate::write::{DataFiles, TableLayout, WriteOptions, write_stream};

/// Files looked through at the same time.
const PARALLEL_FILES: usize = 4;

/// What a delete did.
#[derive(Clone, Debug, Serialize)]
pub struct Deletion {
    /// The version it made; `None` when no row matched.
    pub version: Option<Version>,
    /// Rows removed.
    pub num_rows: u64,
    /// Files of which no row is left.
    pub num_files_removed: usize,
    /// Files that got a deletion vector, or a larger one.
    pub num_vectors: usize,
    /// Files written again without the rows.
    pub num_files_rewritten: usize,
    /// The table with it, or as it was.
    #[serde(skip)]
    pub snapshot: Snapshot,
}

/// How rows of one file are deleted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// All of them match: the file goes.
    WholeFile,
    /// By a deletion vector.
    Vectors,
    /// By writing the others again.
    Rewrite,
}

/// What becomes of one file.
enum Change {
    Nothing,
    Remove { add: Add, rows: u64 },
    Vector { add: Add, vector: DeletionVector, matching: DeletionVector, num_records: u64 },
    Rewrite { add: Add, rows: u64 },
}

/// A condition, and what has been found by it so far.
struct Search {
    filter: Filter,
    /// The schema that the condition was typed against.
    schema: StructType,
    found: Mutex<HashMap<String, Found>>,
}

/// What has been found in a file.
#[derive(Clone)]
struct Found {
    /// The vector that the file had then.
    dv_id: Option<String>,
    /// Its rows; not read where nothing matched.
    deleted: DeletionVector,
    /// The rows of which the condition was true.
    matching: DeletionVector,
}

/// A delete, planned against one snapshot and ready to be committed.
struct Planned {
    transaction: Transaction,
    /// Its condition, for files that others add meanwhile.
    look: LookFor,
    deletion: Deletion,
    /// What was uploaded for it, to be taken back where no commit names it.
    vectors: Option<object_store::path::Path>,
    files: Vec<DataFiles>,
}

impl Table {
    /// Deletes the rows for which a SQL condition is true, in one commit. When another commit comes in between that the
    /// delete would have had to see, it is planned anew; where both deleted other rows of a file, their vectors are united.
    /// Files that it added and that statistics don't rule out are looked into first, up to 64 MiB of them.
    ///
    /// Reads the condition's columns of the files that statistics and partitions don't rule out. The condition itself
    /// is not written to the log.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for a condition that the table doesn't understand, or an
    /// append-only table; [`Conflict`](crate::ErrorKind::Conflict) when others kept coming in between until the
    /// deadline; [`Indeterminate`](crate::ErrorKind::Indeterminate) as for [`append`](Self::append).
    pub async fn delete(&self, condition: &str, options: &CommitOptions) -> Result<Deletion> {
        let until: Duration = self.env().monotonic() + options.deadline;
        let mut search: Option<Search> = None;
        loop {
            let snapshot = self.refresh().await?;
            self.check_deletable(&snapshot)?;
            // The condition is parsed once: the time of day that it asks for is the same for every row.
            let search = match search.take().filter(|search| search.schema == **snapshot.schema()) {
                Some(known) => search.insert(known),
                None => search.insert(Search::by(condition, &snapshot).map_err(|e| self.named(e))?),
            };
            let Some(planned) = self.plan_delete(&snapshot, search).await.map_err(|e| self.named(e))? else {
                return Ok(nothing(snapshot));
            };
            let look = Some(&planned.look as &dyn Look);
            let outcome = self.commit_looking(&planned.transaction, Some(&snapshot), options, look).await?;
            let again = self.may_plan_again(&outcome, until);
            match outcome {
                Outcome::Committed { snapshot, .. } => {
                    return Ok(Deletion { version: Some(snapshot.version()), snapshot, ..planned.deletion });
                }
                Outcome::Conflicted(conflict) => {
                    self.take_back(planned).await;
                    if !again {
                        return Err(self.conflict(&conflict));
                    }
                }
                other => return Err(self.named(other.committed().err().unwrap_or_else(|| Error::bug("not committed")))),
            }
        }
    }

    fn check_deletable(&self, snapshot: &Snapshot) -> Result<()> {
        lakebed_txlog::protocol::check_write(snapshot.protocol(), snapshot.metadata()).map_err(|e| self.named(e))?;
        if snapshot.properties().append_only().map_err(|e| self.named(e))? {
            return Err(self.named(
                Error::invalid("rows can't be deleted from an append-only table (delta.appendOnly is true)")
                    .version(snapshot.version()),
            ));
        }
        Ok(())
    }

    async fn plan_delete(&self, snapshot: &Snapshot, search: &Search) -> Result<Option<Planned>> {
        let filter = &search.filter;
        let with_vectors = lakebed_txlog::protocol::supports(snapshot.protocol(), "deletionVectors")
            && snapshot.properties().enable_deletion_vectors()?;
        let how = if with_vectors { How::Vectors } else { How::Rewrite };
        let pruned: Vec<(Add, bool)> =
            snapshot.prune(filter.predicate())?.iter().map(|pruned| (pruned.file.to_add(), pruned.all_match)).collect();
        let changes: Vec<Change> = stream::iter(pruned)
            .map(|(add, all_match)| self.change(snapshot, search, add, if all_match { How::WholeFile } else { how }))
            .buffered(PARALLEL_FILES)
            .boxed()
            .try_collect()
            .await?;
        if changes.iter().all(|change| matches!(change, Change::Nothing)) {
            return Ok(None);
        }
        self.carry_out(snapshot, filter, changes).await.map(Some)
    }

    async fn change(&self, snapshot: &Snapshot, search: &Search, add: Add, how: How) -> Result<Change> {
        let num_records = row_count(self.store(), &add).await?;
        let deleted = add.deletion_vector.as_ref().map_or(0, |dv| u64::try_from(dv.cardinality).unwrap_or(0));
        if how == How::WholeFile {
            return Ok(Change::Remove { add, rows: num_records.saturating_sub(deleted) });
        }
        let Some(Found { deleted, matching, .. }) = self.find(snapshot, search, &add).await? else {
            return Ok(Change::Nothing);
        };
        let rows = matching.cardinality();
        let vector = deleted.union(&matching);
        vector.check_rows(num_records)?;
        if vector.cardinality() == num_records {
            return Ok(Change::Remove { add, rows });
        }
        Ok(match how {
            How::Rewrite => Change::Rewrite { add, rows },
            How::Vectors | How::WholeFile => Change::Vector { add, vector, matching, num_records },
        })
    }

    /// The rows of a file of which the condition is true; `None` for none. A file that was read before isn't read again
    /// where its vector is the same or only grew.
    async fn find(&self, snapshot: &Snapshot, search: &Search, add: &Add) -> Result<Option<Found>> {
        let dv_id = add.dv_id();
        let known = search.known(&add.path);
        if let Some(known) = known.clone().filter(|known| known.dv_id == dv_id) {
            return Ok((!known.matching.is_empty()).then_some(known));
        }
        // What is known of a file without a match is worth less than its vector.
        if let Some(known) = known.filter(|known| !known.matching.is_empty()) {
            let deleted = self.deleted_of(add).await?;
            if deleted.is_superset(&known.deleted) {
                let matching = known.matching.difference(&deleted);
                return Ok(search.keep(&add.path, Found { dv_id, deleted, matching }));
            }
        }
        let matching = matching_rows(self.store(), snapshot, add, &search.filter).await?;
        let deleted = if matching.is_empty() { DeletionVector::new() } else { self.deleted_of(add).await? };
        Ok(search.keep(&add.path, Found { dv_id, deleted, matching }))
    }

    async fn deleted_of(&self, add: &Add) -> Result<DeletionVector> {
        match &add.deletion_vector {
            Some(dv) => read_vector(self.store(), dv).await,
            None => Ok(DeletionVector::new()),
        }
    }

    /// Uploads what the changes need, and makes their transaction.
    async fn carry_out(&self, snapshot: &Snapshot, filter: &Filter, changes: Vec<Change>) -> Result<Planned> {
        let now = self.env().now().0;
        let mut transaction = Transaction::new(Kind::Delete, "DELETE");
        let mut reads = Reads::nothing().matching(filter.predicate().clone());
        let mut deletion = nothing(snapshot.clone());
        let mut file = DeletionVectorFile::new(self.env().uuid())?;
        let mut files = Vec::new();
        for change in changes {
            match change {
                Change::Nothing => {}
                Change::Remove { add, rows } => {
                    reads.depend_on(add.path.as_str(), RowsRead::All);
                    transaction.push(Action::Remove(add.removed(now, true)));
                    deletion.num_rows += rows;
                    deletion.num_files_removed += 1;
                }
                Change::Vector { add, vector, matching, num_records } => {
                    transaction.push(Action::Remove(add.removed(now, true)));
                    let descriptor = file.push(&vector)?;
                    deletion.num_rows += matching.cardinality();
                    reads.depend_on(add.path.as_str(), RowsRead::Only(matching));
                    transaction.vectors.insert(&descriptor, vector);
                    let stats = Some(loosened(add.stats.as_deref(), num_records));
                    transaction.push(Action::Add(Add {
                        deletion_vector: Some(descriptor),
                        stats,
                        data_change: true,
                        ..add
                    }));
                    deletion.num_vectors += 1;
                }
                Change::Rewrite { add, rows } => {
                    reads.depend_on(add.path.as_str(), RowsRead::All);
                    let written = self.rewrite(snapshot, &add, filter).await?;
                    transaction.push(Action::Remove(add.removed(now, true)));
                    transaction.extend(written.adds.iter().cloned().map(Action::Add));
                    transaction.uploaded_since = transaction.uploaded_since.or(written.uploaded_since);
                    files.push(written);
                    deletion.num_rows += rows;
                    deletion.num_files_rewritten += 1;
                }
            }
        }
        transaction.reads = Some(reads);
        let vectors = if file.is_empty() {
            None
        } else {
            transaction.uploaded_since.get_or_insert_with(|| self.env().monotonic());
            Some(self.upload(file).await?)
        };
        let number = |count: u64| Value::String(count.to_string());
        transaction.metrics = [
            ("numDeletedRows", number(deletion.num_rows)),
            ("numRemovedFiles", number(deletion.num_files_removed as u64)),
            ("numDeletionVectorsAdded", number(deletion.num_vectors as u64)),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        let look = LookFor::rows_of(filter, self.store());
        Ok(Planned { transaction, look, deletion, vectors, files })
    }

    async fn upload(&self, file: DeletionVectorFile) -> Result<object_store::path::Path> {
        let key = self.store().key(file.path().as_str())?;
        let payload = PutPayload::from(file.into_bytes());
        let put = self.store().data().put(&key, payload).await;
        put.map_err(|e| self.store().error(e, "writing deletion vectors", &key))?;
        Ok(key)
    }

    async fn rewrite(&self, snapshot: &Snapshot, add: &Add, filter: &Filter) -> Result<DataFiles> {
        let rows = remaining_rows(self.store(), snapshot, add, filter).await?;
        let layout = TableLayout::new(snapshot.metadata(), snapshot.column_mapping())?;
        let options = WriteOptions::for_table(snapshot.metadata())?;
        write_stream(self.store(), &layout.into(), &options, self.env(), &rows.schema, rows.stream).await
    }

    /// Deletes what was uploaded for a plan that certainly isn't in the table.
    async fn take_back(&self, planned: Planned) {
        for files in planned.files {
            files.discard().await;
        }
        if let Some(key) = planned.vectors
            && let Err(error) = self.store().data().delete(&key).await
        {
            tracing::warn!(table = %self.url(), %error, "deletion vectors of a lost race are left to vacuum");
        }
    }
}

impl Search {
    fn by(condition: &str, snapshot: &Snapshot) -> Result<Search> {
        let (filter, schema) = (Filter::parse(snapshot, condition)?, (**snapshot.schema()).clone());
        Ok(Search { filter, schema, found: Mutex::default() })
    }

    fn known(&self, path: &str) -> Option<Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    /// Remembers what was found, but where it may be something else next time. `None` for nothing.
    fn keep(&self, path: &str, found: Found) -> Option<Found> {
        if !self.filter.differs() {
            self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), found.clone());
        }
        (!found.matching.is_empty()).then_some(found)
    }
}

fn nothing(snapshot: Snapshot) -> Deletion {
    Deletion { version: None, num_rows: 0, num_files_removed: 0, num_vectors: 0, num_files_rewritten: 0, snapshot }
}
