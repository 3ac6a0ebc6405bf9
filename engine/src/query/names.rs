//! Which column does a name mean?
//!
//! A name means the column that has exactly it. Where there is none, an unquoted one means the only column that has it
//! in another case, as Spark users expect; quoted names are exact.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use arrow::datatypes::{DataType, Fields, Schema};
use datafusion::sql::sqlparser::ast::Visit;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, Statement, TableFactor, VisitMut, Visitor, VisitorMut,
};
use lakebed_txlog::schema::fold_case;

/// Every name that a statement can mean: of columns at any depth, of aliases.
#[derive(Debug, Default)]
pub(super) struct Names {
    exact: HashSet<String>,
    /// Folded → the only name that folds to it; `None` where there are several.
    folded: HashMap<String, Option<String>>,
}

impl Names {
    pub(super) fn of_schemas<'a>(schemas: impl IntoIterator<Item = &'a Schema>) -> Names {
        let mut names = Names::default();
        for schema in schemas {
            names.add_fields(schema.fields());
        }
        names
    }

    pub(super) fn add(&mut self, name: &str) {
        if self.exact.insert(name.to_owned()) {
            self.folded.entry(fold_case(name)).and_modify(|only| *only = None).or_insert_with(|| Some(name.to_owned()));
        }
    }

    fn add_fields(&mut self, fields: &Fields) {
        for field in fields {
            self.add(field.name());
            self.add_inside(field.data_type());
        }
    }

    fn add_inside(&mut self, data_type: &DataType) {
        match data_type {
            DataType::Struct(fields) => self.add_fields(fields),
            DataType::List(element) | DataType::Map(element, _) => self.add_inside(element.data_type()),
            _ => {}
        }
    }

    fn correct(&self, ident: &mut Ident) {
        if ident.quote_style.is_some() || self.exact.contains(&ident.value) {
            return;
        }
        if let Some(Some(only)) = self.folded.get(&fold_case(&ident.value)) {
            ident.value.clone_from(only);
        }
    }
}

/// Corrects the case of the names in an expression.
pub(super) fn correct_expr(expr: &mut Expr, names: &Names) {
    let _ = expr.visit(&mut Correct { names });
}

/// Corrects the case of the names in a statement over tables of these columns.
pub(super) fn correct_statement(statement: &mut Statement, mut names: Names) {
    let _ = Visit::visit(statement, &mut Aliases { names: &mut names });
    let _ = VisitMut::visit(statement, &mut Correct { names: &names });
}

struct Correct<'a> {
    names: &'a Names,
}

impl VisitorMut for Correct<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.names.correct(ident),
            Expr::CompoundIdentifier(idents) => idents.iter_mut().for_each(|ident| self.names.correct(ident)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Collects what a statement itself names.
struct Aliases<'a> {
    names: &'a mut Names,
}

impl Visitor for Aliases<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.names.add(&cte.alias.name.value);
            cte.alias.columns.iter().for_each(|column| self.names.add(&column.name.value));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.names.add(&alias.value);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let (name, alias) = match factor {
            TableFactor::Table { name, alias, .. } => (Some(name), alias),
            TableFactor::Derived { alias, .. } => (None, alias),
            _ => return ControlFlow::Continue(()),
        };
        if let Some(alias) = alias {
            self.names.add(&alias.name.value);
            alias.columns.iter().for_each(|column| self.names.add(&column.name.value));
        } else if let Some(last) = name.and_then(|name| name.0.last()).and_then(|part| part.as_ident()) {
            self.names.add(&last.value);
        }
        ControlFlow::Continue(())
    }
}
