//! How is DataFusion set up for Delta tables?

use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::optimizer::Analyzer;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::DFParserBuilder;
use lakebed_txlog::{Error, Result};

use super::dialect::LakebedDialect;
use super::failure::planning;
use super::floats::{self, DecimalsYield};
use super::literals;
use super::names::{self, Names};
use super::zeros::OneZero;

/// In how many streams at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Streams {
    /// As many as there are processors.
    Many,
    /// One, so that rows stay in the order of their files.
    One,
}

/// A context in which names are taken as written, numbers with a point are decimals as in Spark, and text is `Utf8`.
pub(super) fn context(streams: Streams) -> SessionContext {
    let mut config = SessionConfig::new();
    if streams == Streams::One {
        config = config.with_target_partitions(1);
    }
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    let mut analyzer = Analyzer::new();
    analyzer.add_function_rewrite(Arc::new(DecimalsYield));
    analyzer.rules.push(Arc::new(OneZero));
    let mut state = SessionStateBuilder::new().with_config(config).with_default_features();
    *state.analyzer() = Some(analyzer);
    SessionContext::new_with_state(state.build())
}

/// The condition `sql` on the columns of `schema`: names resolved, types coerced.
pub(super) fn condition(state: &SessionState, sql: &str, schema: DFSchemaRef) -> Result<Expr> {
    let refused = |e: Error| e.hint(format!("the condition was: {sql}"));
    let parse = || {
        let mut parser = DFParserBuilder::new(sql).with_dialect(&LakebedDialect).build()?;
        parser.parse_into_expr()
    };
    let mut parsed = parse().map_err(planning).map_err(refused)?;
    if parsed.alias.is_some() {
        return Err(refused(Error::invalid("a condition has no alias")));
    }
    let known = Names::of_schemas([schema.as_arrow()]);
    names::correct_expr(&mut parsed.expr, &known);
    literals::typed(&mut parsed.expr);
    let expr = state.create_logical_expr_from_sql_expr(parsed, &schema).map_err(planning).map_err(refused)?;
    check_rowwise(&expr).map_err(refused)?;
    let expr = floats::decimals_yield(expr, &schema).map_err(planning).map_err(refused)?;
    let coerced = simplifier(state, &schema).coerce(expr, &schema).map_err(planning).map_err(refused)?;
    let data_type = coerced.get_type(schema.as_ref()).map_err(planning).map_err(refused)?;
    if !matches!(data_type, arrow::datatypes::DataType::Boolean | arrow::datatypes::DataType::Null) {
        return Err(refused(Error::invalid(format!("a condition is true or false, but this is of type {data_type}"))));
    }
    Ok(coerced)
}

/// The expression with its constants computed, the time of day included.
pub(super) fn simplified(state: &SessionState, expr: Expr, schema: &DFSchemaRef) -> Result<Expr> {
    simplifier(state, schema).simplify(expr).map_err(planning)
}

fn simplifier(state: &SessionState, schema: &DFSchemaRef) -> ExprSimplifier {
    let context = SimplifyContext::builder()
        .with_schema(Arc::clone(schema))
        .with_config_options(Arc::clone(state.config_options()))
        .with_current_time()
        .build();
    ExprSimplifier::new(context)
}

/// A condition looks at one row.
fn check_rowwise(expr: &Expr) -> Result<()> {
    let mut found = None;
    let _ = datafusion::common::tree_node::TreeNode::apply(expr, |part| {
        let what = match part {
            Expr::AggregateFunction(_) => "an aggregate",
            Expr::WindowFunction(_) => "a window function",
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_) => "a subquery",
            Expr::Placeholder(_) => "a placeholder",
            Expr::Unnest(_) => "unnest",
            _ => return Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue),
        };
        found = Some(what);
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Stop)
    });
    match found {
        Some(what) => Err(Error::invalid(format!("a condition looks at one row, but this has {what}"))),
        None => Ok(()),
    }
}

/// The schema of a table's rows as expressions see it.
pub(super) fn df_schema(schema: arrow::datatypes::SchemaRef) -> Result<DFSchemaRef> {
    DFSchema::try_from(schema).map(Arc::new).map_err(planning)
}
