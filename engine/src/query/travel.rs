//! Which tables does a statement read, and at which versions?

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::Visit;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, Statement, TableAlias, TableFactor, TableVersion, UnaryOperator,
    Value, VisitMut, Visitor, VisitorMut,
};
use lakebed_txlog::partition;
use lakebed_txlog::schema::{PrimitiveType, fold_case};
use lakebed_txlog::{Error, Result, TimestampMs, Version};

/// Which version of a table is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AsOf {
    Newest,
    Version(Version),
    Timestamp(TimestampMs),
}

/// A table that a statement reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The name under which it is registered in the session.
    pub(super) table: String,
    pub(super) as_of: AsOf,
    /// The name under which the statement reads it, once it is rewritten.
    pub(super) planned: String,
}

/// Finds the tables that `statement` reads among `registered`, and rewrites it so that every version has a name of its
/// own.
///
/// # Errors
/// `NotFound`, listing what there is, for a name that isn't registered; `InvalidRequest` for a version that isn't a
/// constant, or a form of time travel that isn't Delta's.
pub(super) fn resolve(statement: &mut Statement, registered: &BTreeSet<String>) -> Result<Vec<Reference>> {
    let mut ctes = BTreeSet::new();
    let _ = Visit::visit(statement, &mut Ctes(&mut ctes));
    let mut rewrite = Rewrite { registered, ctes, references: Vec::new() };
    match VisitMut::visit(statement, &mut rewrite) {
        ControlFlow::Continue(()) => Ok(rewrite.references),
        ControlFlow::Break(error) => Err(error),
    }
}

/// The names of a statement's common table expressions.
struct Ctes<'a>(&'a mut BTreeSet<String>);

impl Visitor for Ctes<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(ctes.map(|cte| cte.alias.name.value.clone()));
        ControlFlow::Continue(())
    }
}

struct Rewrite<'a> {
    registered: &'a BTreeSet<String>,
    ctes: BTreeSet<String>,
    references: Vec<Reference>,
}

impl VisitorMut for Rewrite<'_> {
    type Break = Error;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        match self.table(factor) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Rewrite<'_> {
    fn table(&mut self, factor: &mut TableFactor) -> Result<()> {
        let TableFactor::Table { name, alias, args: None, version, .. } = factor else { return Ok(()) };
        let parts: Option<Vec<&Ident>> = name.0.iter().map(|part| part.as_ident()).collect();
        let Some(parts) = parts else { return Ok(()) };
        let Some(last) = parts.last().map(|last| Ident::clone(last)) else { return Ok(()) };
        if parts.len() == 1 && version.is_none() && self.ctes.contains(&last.value) {
            return Ok(());
        }
        let written = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
        let table = self.find(&written, last.quote_style.is_some())?;
        let as_of = match version.take() {
            None => AsOf::Newest,
            Some(version) => as_of(&version)?,
        };
        let planned = self.planned(&table, as_of);
        if alias.is_none() && planned != last.value {
            let name = Ident::with_quote('"', last.value);
            *alias = Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None });
        }
        *name = ObjectName(vec![ObjectNamePart::Identifier(Ident::with_quote('"', planned))]);
        Ok(())
    }

    fn find(&self, written: &str, quoted: bool) -> Result<String> {
        if let Some(exact) = self.registered.get(written) {
            return Ok(exact.clone());
        }
        let folded = fold_case(written);
        let mut found = self.registered.iter().filter(|name| !quoted && fold_case(name) == folded);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only.clone()),
            (Some(one), Some(other)) => {
                Err(Error::invalid(format!("table {written:?} is ambiguous: there are {one:?} and {other:?}")))
            }
            _ => {
                let names: Vec<&str> = self.registered.iter().map(String::as_str).collect();
                let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                Err(Error::not_found(format!("there is no table {written:?}")).hint(format!("the tables are: {there}")))
            }
        }
    }

    fn planned(&mut self, table: &str, as_of: AsOf) -> String {
        if let Some(known) = self.references.iter().find(|known| known.table == table && known.as_of == as_of) {
            return known.planned.clone();
        }
        let planned = match as_of {
            AsOf::Newest => table.to_owned(),
            AsOf::Version(version) => format!("{table} VERSION AS OF {version}"),
            AsOf::Timestamp(time) => format!("{table} TIMESTAMP AS OF {time}"),
        };
        self.references.push(Reference { table: table.to_owned(), as_of, planned: planned.clone() });
        planned
    }
}

fn as_of(version: &TableVersion) -> Result<AsOf> {
    match version {
        TableVersion::VersionAsOf(expr) => match constant(expr) {
            Some(Value::Number(digits, _)) => digits
                .to_string()
                .parse()
                .map(|version| AsOf::Version(Version(version)))
                .map_err(|e| Error::invalid(format!("{digits} isn't a version")).because(e)),
            _ => Err(Error::invalid(format!("VERSION AS OF {expr}: a version is a number"))),
        },
        TableVersion::TimestampAsOf(expr) | TableVersion::ForSystemTimeAsOf(expr) => {
            timestamp(expr).map(AsOf::Timestamp)
        }
        other => Err(Error::invalid(format!("{other} isn't implemented"))
            .hint("write VERSION AS OF 3 or TIMESTAMP AS OF '2024-05-01 12:00:00'")),
    }
}

fn constant(expr: &Expr) -> Option<&Value> {
    match expr {
        Expr::Value(value) => Some(&value.value),
        Expr::TypedString(typed) => Some(&typed.value.value),
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Plus, expr: inner } => constant(inner),
        Expr::Cast { expr, .. } => constant(expr),
        _ => None,
    }
}

/// A constant time: ISO 8601, in UTC where it says nothing else.
fn timestamp(expr: &Expr) -> Result<TimestampMs> {
    let refused = || {
        Error::invalid(format!("TIMESTAMP AS OF {expr}: this isn't a constant time"))
            .hint("write it as '2024-05-01', '2024-05-01 12:00:00' or '2024-05-01T12:00:00.000Z'")
    };
    let (Value::SingleQuotedString(text) | Value::DoubleQuotedString(text)) = constant(expr).ok_or_else(refused)?
    else {
        return Err(refused());
    };
    match partition::parse(PrimitiveType::Timestamp, text.trim()) {
        Ok(Some(partition::Value::Timestamp(us))) => Ok(TimestampMs(us.div_euclid(1000))),
        _ => Err(refused()),
    }
}
