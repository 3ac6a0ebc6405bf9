//! How does a change of one table reach the next, exactly once?
//!
//! The source's versions after the last promoted one are read, transformed by SQL, and committed to the target together
//! with the cursor. A crash before the commit leaves files that no one names; after it, a retry sees the cursor. Two
//! promoters at once: the `txn` is compare-and-set, so one lands and the other learns that it is done.
//!
//! | module | question it answers |
//! |---|---|
//! The cursor itself is [`crate::cursor`]; which files a source gained is `source`.

mod source;

use lakebed_txlog::action::DomainMetadata;
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::transaction::TxnUpdate;
use lakebed_txlog::{Error, Result, Version};
use serde::Serialize;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::cursor::{self, Cursor, Provenance};
use crate::query::{Rows, Session};
use crate::table::{AppendOptions, SchemaMode, Table, Written};

/// A promotion: which rows of the source become which rows of the target.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// Its name: with the two tables, its identity. Another name begins at the source's first version.
    pub name: String,
    /// The transformation. The source's new rows are the table `source`.
    pub sql: String,
    /// Tables that the transformation looks things up in, each as it is at its newest version.
    pub lookups: Vec<(String, Table)>,
    /// What happens to columns that the target doesn't have.
    pub schema_mode: SchemaMode,
    /// How long the commit goes on.
    pub commit: CommitOptions,
}

impl Promotion {
    /// A promotion without lookups that adds no columns.
    #[must_use]
    pub fn new(name: impl Into<String>, sql: impl Into<String>) -> Promotion {
        Promotion {
            name: name.into(),
            sql: sql.into(),
            lookups: Vec::new(),
            schema_mode: SchemaMode::Enforce,
            commit: CommitOptions::default(),
        }
    }

    /// Lets the transformation read another table.
    #[must_use]
    pub fn lookup(mut self, name: impl Into<String>, table: &Table) -> Promotion {
        self.lookups.push((name.into(), table.clone()));
        self
    }
}

/// How a promotion ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum Promoted {
    /// These source versions are in the target now.
    Committed {
        /// First source version.
        from_version: Version,
        /// Last source version.
        to_version: Version,
        /// Rows read of the source.
        rows_in: u64,
        /// Rows added to the target.
        rows_out: u64,
        /// The target's version.
        version: Version,
    },
    /// The target has them all.
    AlreadyApplied {
        /// The last promoted source version.
        to_version: Version,
    },
}

/// Promotes what is new in `source` into `target`, exactly once.
///
/// Reads each new source version's commit, the files they added and nothing else of the source.
///
/// # Errors
/// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) when the source deleted or changed rows, or the SQL doesn't fit;
/// [`NotFound`](crate::ErrorKind::NotFound) when log cleanup or vacuum has taken what is to be read;
/// [`Corrupt`](crate::ErrorKind::Corrupt) when the cursor's two witnesses disagree; those of [`Table::append`].
pub async fn promote(source: &Table, target: &Table, promotion: &Promotion) -> Result<Promoted> {
    let until = target.env().monotonic() + promotion.commit.deadline;
    loop {
        match step(source, target, promotion).await {
            // Another promoter came in between: where it stands now decides what is left.
            Err(e) if e.kind() == crate::ErrorKind::Conflict && target.env().monotonic() < until => {}
            ended => return ended,
        }
    }
}

async fn step(source: &Table, target: &Table, promotion: &Promotion) -> Result<Promoted> {
    let from = source.refresh().await?;
    let into = target.refresh().await?;
    let app_id = cursor::app_id(&from.metadata().id, &into.metadata().id, &promotion.name);
    let cursor = Cursor::read(&into, &app_id).map_err(|e| target.named(e))?;
    let first = cursor.next();
    if first > from.version() {
        return already(&cursor, &from);
    }
    let gained = source::gained(source, first, &from).await?;
    let session = Session::new();
    session.register_files("source", source.store(), &from, gained.adds)?;
    for (name, table) in &promotion.lookups {
        let snapshot = table.refresh().await?;
        session.register(name, table.store(), &snapshot)?;
    }
    let rows = session.sql(&promotion.sql).await.map_err(|e| target.named(e))?;
    let provenance = Provenance {
        source_id: from.metadata().id.clone(),
        source: source.url().to_string(),
        from_version: first,
        to_version: from.version(),
        plan_hash: format!("{:032x}", xxh3_128(promotion.sql.as_bytes())),
        rows_in: gained.num_rows,
        rows_out: 0,
    };
    let to = i64::try_from(provenance.to_version.0).map_err(|e| Error::bug("a version over 2^63").because(e))?;
    let options = AppendOptions {
        schema_mode: promotion.schema_mode,
        txn: Some(TxnUpdate { app_id, version: to, base: cursor.base }),
        commit: promotion.commit,
        parameters: [("promotion".to_owned(), Value::String(promotion.name.clone()))].into(),
        ..AppendOptions::default()
    };
    land(target, rows, options, provenance).await
}

/// Writes the rows, and commits them with the cursor: provenance says how many there are.
async fn land(target: &Table, rows: Rows, mut options: AppendOptions, mut provenance: Provenance) -> Result<Promoted> {
    let prepared = target.prepare(&rows.schema, rows.stream, &options).await?;
    provenance.rows_out = prepared.files.num_rows;
    let configuration =
        serde_json::to_string(&provenance).map_err(|e| Error::bug("provenance can't be serialised").because(e))?;
    let domain = options.txn.as_ref().map(|txn| cursor::domain(&txn.app_id)).unwrap_or_default();
    options.domains = vec![DomainMetadata { domain, configuration, removed: false }];
    let Provenance { from_version, to_version, rows_in, rows_out, .. } = provenance;
    match target.commit_prepared(prepared, &options).await? {
        Written::Committed(report) => {
            Ok(Promoted::Committed { from_version, to_version, rows_in, rows_out, version: report.version })
        }
        Written::AlreadyApplied { version, .. } => {
            let to_version = u64::try_from(version).map_or(to_version, Version);
            Ok(Promoted::AlreadyApplied { to_version })
        }
        Written::NothingToDo { version } => {
            Err(target.named(Error::bug("a promotion without its cursor").version(version)))
        }
    }
}

fn already(cursor: &Cursor, source: &Snapshot) -> Result<Promoted> {
    let to_version = cursor.provenance.as_ref().map_or(source.version(), |provenance| provenance.to_version);
    if to_version > source.version() {
        return Err(Error::corrupt(format!(
            "the target has the source up to version {to_version}, but the source is at {}",
            source.version()
        ))
        .hint("the source's log was put back, or another table stands in its place"));
    }
    Ok(Promoted::AlreadyApplied { to_version })
}
