//! How are tables asked in SQL?

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use lakebed_txlog::action::Add;
use lakebed_txlog::drive::Log;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result};

use super::scan::Rows;
use crate::store::TableStore;

/// A SQL session over tables that are registered under names.
///
/// Names of tables and columns are taken as written, quoted or not; where no column has exactly that name, one that has
/// it in another case is meant.
pub struct Session {}

impl Session {
    /// A session without tables.
    #[must_use]
    pub fn new() -> Session {
        Session {}
    }

    /// Registers one version of a table. It has no other: `VERSION AS OF` is refused.
    ///
    /// # Errors
    /// `Unsupported` where the table has a column of a type that this release doesn't know.
    pub fn register(&self, _name: &str, _store: &TableStore, _snapshot: &Snapshot) -> Result<()> {
        Err(Error::unsupported("sessions"))
    }

    /// Registers a table with its history: `FROM name` is the newest version that there is when the statement is
    /// planned, `name VERSION AS OF 3` and `name TIMESTAMP AS OF '2024-05-01'` are others.
    ///
    /// # Errors
    /// `InvalidRequest` when the name can't be used.
    pub fn register_log(&self, _name: &str, _store: &TableStore, _log: Arc<Log>) -> Result<()> {
        Err(Error::unsupported("sessions"))
    }

    /// Registers a table of which only these files are seen, live or not.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    pub fn register_files(
        &self,
        _name: &str,
        _store: &TableStore,
        _snapshot: &Snapshot,
        _files: Vec<Add>,
    ) -> Result<()> {
        Err(Error::unsupported("sessions"))
    }

    /// Runs one query. Statements that change something are refused.
    ///
    /// # Errors
    /// `InvalidRequest` with the parser's or planner's words, `NotFound` for tables that aren't registered; while
    /// reading as [`scan`](super::scan()).
    pub async fn sql(&self, _sql: &str) -> Result<Rows> {
        Err(Error::unsupported("sessions"))
    }

    /// The schema that [`sql`](Self::sql) would give, without reading data.
    ///
    /// # Errors
    /// As [`sql`](Self::sql) before reading.
    pub async fn schema_of(&self, _sql: &str) -> Result<SchemaRef> {
        Err(Error::unsupported("sessions"))
    }

    /// The names registered, in alphabetical order.
    #[must_use]
    pub fn table_names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Default for Session {
    fn default() -> Session {
        Session::new()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("tables", &self.table_names()).finish_non_exhaustive()
    }
}
