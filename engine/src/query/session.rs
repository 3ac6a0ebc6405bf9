//! How are tables asked in SQL?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParserBuilder, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::Statement;
use lakebed_txlog::action::Add;
use lakebed_txlog::drive::Log;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result};

use super::context::{self, Streams};
use super::dialect::LakebedDialect;
use super::failure::planning;
use super::literals;
use super::names::{self, Names};
use super::provider::Provider;
use super::scan::{Rows, rows};
use super::travel::{self, AsOf, Reference};
use crate::store::TableStore;

/// A SQL session over tables that are registered under names.
///
/// A name means the table or column that has exactly it; where there is none, an unquoted one means the only one that
/// has it in another case. Identifiers are quoted by `"…"` or backticks. A name with dots is written with dots:
/// `FROM silver.flights`. Share it by reference: queries don't disturb each other.
pub struct Session {
    tables: Mutex<BTreeMap<String, Registered>>,
}

#[derive(Clone)]
struct Registered {
    store: TableStore,
    what: What,
}

#[derive(Clone)]
enum What {
    Version(Snapshot),
    Files(Snapshot, Vec<Add>),
    Log(Arc<Log>),
}

impl Session {
    /// A session without tables.
    #[must_use]
    pub fn new() -> Session {
        Session { tables: Mutex::new(BTreeMap::new()) }
    }

    /// Registers one version of a table, in the place of what has the name. Another version of it is refused.
    ///
    /// # Errors
    /// `InvalidRequest` for an empty name; `Unsupported` where the table has a column of a type that this release
    /// doesn't know.
    pub fn register(&self, name: &str, store: &TableStore, snapshot: &Snapshot) -> Result<()> {
        Provider::new(store, snapshot)?;
        self.insert(name, store, What::Version(snapshot.clone()))
    }

    /// Registers a table with its history: `FROM name` is the newest version that there is when the statement is
    /// planned, `name VERSION AS OF 3` and `name TIMESTAMP AS OF '2024-05-01'` are others.
    ///
    /// # Errors
    /// `InvalidRequest` for an empty name.
    pub fn register_log(&self, name: &str, store: &TableStore, log: Arc<Log>) -> Result<()> {
        self.insert(name, store, What::Log(log))
    }

    /// Registers a table of which only these files are seen, live or not.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    pub fn register_files(&self, name: &str, store: &TableStore, snapshot: &Snapshot, files: Vec<Add>) -> Result<()> {
        Provider::new(store, snapshot)?;
        self.insert(name, store, What::Files(snapshot.clone(), files))
    }

    fn insert(&self, name: &str, store: &TableStore, what: What) -> Result<()> {
        if name.is_empty() {
            return Err(Error::invalid("a table needs a name to be asked by"));
        }
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.insert(name.to_owned(), Registered { store: store.clone(), what });
        Ok(())
    }

    /// Runs one query, or explains it. Statements that change something are refused.
    ///
    /// # Errors
    /// `InvalidRequest` with the parser's or planner's words, `NotFound` for tables that aren't registered and versions
    /// that aren't there; while reading as [`scan`](super::scan()).
    pub async fn sql(&self, sql: &str) -> Result<Rows> {
        let (context, plan) = self.plan(sql).await?;
        let frame = context.execute_logical_plan(plan).await.map_err(planning)?;
        rows(frame, None).await
    }

    /// The schema that [`sql`](Self::sql) would give, without reading data.
    ///
    /// # Errors
    /// As [`sql`](Self::sql) before reading.
    pub async fn schema_of(&self, sql: &str) -> Result<SchemaRef> {
        let (_, plan) = self.plan(sql).await?;
        Ok(Arc::new(plan.schema().as_arrow().clone()))
    }

    /// The names registered, in alphabetical order.
    #[must_use]
    pub fn table_names(&self) -> Vec<String> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    async fn plan(&self, sql: &str) -> Result<(SessionContext, LogicalPlan)> {
        let mut statement = parse(sql)?;
        let context = context::context(Streams::Many);
        let query = query(&mut statement)?;
        let names: BTreeSet<String> = self.table_names().into_iter().collect();
        let mut schemas = Vec::new();
        for reference in travel::resolve(query, &names)? {
            let provider = self.provider(&reference).await?;
            schemas.push(provider.schema());
            let name = TableReference::bare(reference.planned);
            context.register_table(name, Arc::new(provider)).map_err(planning)?;
        }
        let known = Names::of_schemas(schemas.iter().map(AsRef::as_ref));
        names::correct_statement(query, known);
        literals::typed(query);
        let plan = context.state().statement_to_plan(statement).await.map_err(planning)?;
        let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        read_only.verify_plan(&plan).map_err(planning)?;
        Ok((context, plan))
    }

    async fn provider(&self, reference: &Reference) -> Result<Provider> {
        let registered = {
            let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
            tables.get(&reference.table).cloned()
        };
        let name = &reference.table;
        let registered = registered.ok_or_else(|| Error::not_found(format!("there is no table {name:?} any more")))?;
        let store = &registered.store;
        match (registered.what, reference.as_of) {
            (What::Log(log), AsOf::Newest) => Provider::new(store, &log.refresh().await?),
            (What::Log(log), AsOf::Version(version)) => Provider::new(store, &log.at(version).await?),
            (What::Log(log), AsOf::Timestamp(time)) => Provider::new(store, &log.as_of(time).await?),
            (What::Version(snapshot), AsOf::Newest) => Provider::new(store, &snapshot),
            (What::Version(snapshot), AsOf::Version(version)) if version == snapshot.version() => {
                Provider::new(store, &snapshot)
            }
            (What::Files(snapshot, files), AsOf::Newest) => Ok(Provider::new(store, &snapshot)?.only(files)),
            (What::Version(snapshot) | What::Files(snapshot, _), _) => {
                Err(Error::invalid(format!("table {name:?} stands for its version {} alone here", snapshot.version()))
                    .hint("leave VERSION AS OF or TIMESTAMP AS OF out")
                    .table(store.url().to_string()))
            }
        }
    }
}

fn parse(sql: &str) -> Result<DfStatement> {
    let parsed = DFParserBuilder::new(sql)
        .with_dialect(&LakebedDialect)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(planning)?;
    let mut statements = parsed.into_iter();
    match (statements.next(), statements.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Error::invalid("there is no statement")),
        _ => Err(Error::invalid("more than one statement").hint("run them one after the other")),
    }
}

/// The query that a statement is, or explains.
fn query(statement: &mut DfStatement) -> Result<&mut Statement> {
    match statement {
        DfStatement::Statement(inner) => match inner.as_mut() {
            Statement::Explain { statement, .. } => Ok(statement),
            query @ Statement::Query(_) => Ok(query),
            other => Err(refused(&other.to_string())),
        },
        DfStatement::Explain(explain) => query(&mut explain.statement),
        other => Err(refused(&other.to_string())),
    }
}

fn refused(statement: &str) -> Error {
    let verb = statement.split_whitespace().next().unwrap_or("this").to_owned();
    Error::invalid(format!("{verb} isn't a query: SQL reads tables here and changes nothing"))
        .hint("change tables by the engine's own operations: append, overwrite, delete, restore")
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
