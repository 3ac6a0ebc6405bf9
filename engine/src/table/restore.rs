//! How does a table become again what it was?
//!
//! By a new version that holds the files, schema and properties of an older one: nothing is lost, and a restore can
//! itself be undone.
//!
//! It has read the whole table, schema and properties included. When another commit comes in between:
//!
//! | the other commit | the restore |
//! |---|---|
//! | a. leaves files and table as they are, or puts rows of files that stay into others | the commit loop puts it after it |
//! | b. added files, took or changed some, or moved promotions on | is planned again: what came is taken back as well |
//! | c. changed schema, properties or protocol | fails: whether that is to be undone isn't for it to say |

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use lakebed_txlog::action::{Action, Add, DomainMetadata, Metadata, Txn};
use lakebed_txlog::commit::Outcome;
use lakebed_txlog::conflict::Why;
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::dv::{Stored, locate};
use lakebed_txlog::path::DataLocation;
use lakebed_txlog::protocol::extended;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::transaction::{Kind, Reads, Transaction};
use lakebed_txlog::{Error, Result, Version};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::Serialize;
use serde_json::Value;

use super::Table;
use crate::cursor::{self, Cursor};

const PARALLEL_REQUESTS: usize = 16;

/// Properties that speak of the table's own history, and so stay as they are.
const KEPT_PROPERTIES: [&str; 4] = [
    "delta.enableInCommitTimestamps",
    "delta.inCommitTimestampEnablementVersion",
    "delta.inCommitTimestampEnablementTimestamp",
    "delta.columnMapping.maxColumnId",
];

/// What a restore did.
#[derive(Clone, Debug, Serialize)]
pub struct Restored {
    /// The version it made; `None` when the table was as it was to be.
    pub version: Option<Version>,
    /// The version whose state it has.
    pub restored_version: Version,
    /// Files that are in the table again.
    pub num_files_restored: usize,
    /// Files that no longer are.
    pub num_files_removed: usize,
    /// The table with it.
    #[serde(skip)]
    pub snapshot: Snapshot,
}

impl Table {
    /// Makes the newest version the same as `version`: files, schema, properties. How far promotions into the table
    /// have come is set back with it. Requests beside the commit: one for each file that comes back.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a version that isn't there, or of which vacuum has taken a file;
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for an append-only table;
    /// [`Conflict`](crate::ErrorKind::Conflict) when others kept coming in between, or one changed schema, properties or
    /// protocol.
    pub async fn restore(&self, version: Version, options: &CommitOptions) -> Result<Restored> {
        let until = self.env().monotonic() + options.deadline;
        loop {
            let now = self.refresh().await?;
            let then = self.at(version).await?;
            let (transaction, mut restored) = self.plan_restore(&now, &then)?;
            if transaction.actions().is_empty() && transaction.rewinds.is_empty() {
                return Ok(restored);
            }
            self.check_files(&transaction).await?;
            let outcome = self.commit(&transaction, Some(&now), options).await?;
            let again = self.may_plan_again(&outcome, until);
            match outcome {
                Outcome::Committed { snapshot, .. } => {
                    restored.version = Some(snapshot.version());
                    restored.snapshot = snapshot;
                    return Ok(restored);
                }
                Outcome::Conflicted(conflict) if again && !is_of_table(&conflict.why) => {}
                Outcome::Conflicted(conflict) => return Err(self.conflict(&conflict)),
                other => return Err(self.named(other.committed().err().unwrap_or_else(|| Error::bug("not committed")))),
            }
        }
    }

    fn plan_restore(&self, now: &Snapshot, then: &Snapshot) -> Result<(Transaction, Restored)> {
        let time = self.env().now().0;
        let key = |add: &Add| (add.path.clone(), add.dv_id());
        let of = |snapshot: &Snapshot| -> BTreeMap<_, Add> {
            snapshot.files().iter().map(|file| file.to_add()).map(|add| (key(&add), add)).collect()
        };
        let (files_now, files_then) = (of(now), of(then));
        let mut transaction = Transaction::new(Kind::Overwrite, "RESTORE");
        transaction.reads = Some(Reads::table().and_of_table());
        let mut restored = Restored {
            version: None,
            restored_version: then.version(),
            num_files_restored: 0,
            num_files_removed: 0,
            snapshot: now.clone(),
        };
        for (_, add) in files_now.iter().filter(|(key, _)| !files_then.contains_key(*key)) {
            transaction.push(Action::Remove(add.removed(time, true)));
            restored.num_files_removed += 1;
        }
        for (_, add) in files_then.iter().filter(|(key, _)| !files_now.contains_key(*key)) {
            transaction.push(Action::Add(Add { data_change: true, ..add.clone() }));
            restored.num_files_restored += 1;
        }
        if let Some(metadata) = metadata_of(now, then) {
            transaction.kind = Kind::Metadata;
            // Another engine may have dropped a feature since that the older schema needs.
            let protocol = extended(now.protocol(), now.metadata(), &metadata).map_err(|e| self.named(e))?;
            transaction.extend(protocol.map(Action::Protocol));
            transaction.push(Action::Metadata(metadata));
        }
        rewind(now, then, time, &mut transaction).map_err(|e| self.named(e))?;
        let number = |count: usize| Value::String(count.to_string());
        transaction.parameters =
            [("version".to_owned(), Value::String(then.version().to_string())), ("timestamp".to_owned(), Value::Null)]
                .into();
        transaction.metrics = [
            ("numRestoredFiles".to_owned(), number(restored.num_files_restored)),
            ("numRemovedFiles".to_owned(), number(restored.num_files_removed)),
            ("numOfFilesAfterRestore".to_owned(), number(files_then.len())),
            ("tableSizeAfterRestore".to_owned(), Value::String(then.size_in_bytes().to_string())),
        ]
        .into();
        Ok((transaction, restored))
    }

    /// That vacuum has left what is to come back.
    async fn check_files(&self, transaction: &Transaction) -> Result<()> {
        let mut keys: BTreeSet<Path> = BTreeSet::new();
        for action in transaction.actions() {
            let Action::Add(add) = action else { continue };
            keys.insert(self.store().locate(&DataLocation::decode(&add.path)?)?);
            if let Some(dv) = &add.deletion_vector
                && let Stored::InFile(slice) = locate(dv)?
            {
                keys.insert(self.store().locate(&slice.location)?);
            }
        }
        stream::iter(keys)
            .map(|key| async move {
                match self.store().data().head(&key).await {
                    Ok(_) => Ok(()),
                    Err(e) => Err(self.store().error(e, "looking for a file that is to come back", &key)),
                }
            })
            .buffer_unordered(PARALLEL_REQUESTS)
            .boxed()
            .try_collect::<Vec<()>>()
            .await
            .map(|_| ())
            .map_err(|e| e.hint("vacuum has taken it: restore a later version"))
    }
}

/// Whether the table itself was changed.
fn is_of_table(why: &Why) -> bool {
    matches!(why, Why::Metadata(_) | Why::BothMetadata | Why::Protocol)
}

/// The older metadata, with the properties that speak of the table's history as they are; `None` where nothing differs.
fn metadata_of(now: &Snapshot, then: &Snapshot) -> Option<Metadata> {
    let mut metadata = then.metadata().clone();
    for key in KEPT_PROPERTIES {
        match now.metadata().configuration.get(key) {
            Some(value) => metadata.configuration.insert(key.to_owned(), value.clone()),
            None => metadata.configuration.remove(key),
        };
    }
    (metadata != *now.metadata()).then_some(metadata)
}

/// Sets promotions into this table back to where they stood, so that what the restore takes away is promoted again.
fn rewind(now: &Snapshot, then: &Snapshot, time: i64, transaction: &mut Transaction) -> Result<()> {
    for app_id in cursor::promotions(now).union(&cursor::promotions(then)).cloned() {
        let domain = cursor::domain(&app_id);
        let version = Cursor::read(then, &app_id)?.version();
        let stands = now.txn(&app_id).map(|txn| txn.version);
        if now.domain(&domain) == then.domain(&domain) && stands.is_none_or(|stands| stands == version) {
            continue;
        }
        let (configuration, removed) = match then.domain(&domain) {
            Some(configuration) => (configuration.to_owned(), false),
            None => (now.domain(&domain).unwrap_or_default().to_owned(), true),
        };
        transaction.rewinds.push(Txn { app_id, version, last_updated: Some(time) });
        transaction.push(Action::DomainMetadata(DomainMetadata { domain, configuration, removed }));
    }
    Ok(())
}
