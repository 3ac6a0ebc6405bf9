//! Is `-0.0` equal to `0.0`?
//!
//! In SQL, and in every other Delta engine, it is. Arrow compares floats by IEEE's total order, in which it is less. So a
//! comparison with a constant zero is put in terms of the zero that total order needs:
//!
//! | written | asked |
//! |---|---|
//! | `x = 0`, `x <> 0` | `x = -0.0 OR x = 0.0`, `x <> -0.0 AND x <> 0.0` |
//! | `x < 0`, `x >= 0` | `x < -0.0`, `x >= -0.0` |
//! | `x > 0`, `x <= 0` | `x > 0.0`, `x <= 0.0` |
//! | `x BETWEEN 0 AND 1`, `x BETWEEN -1 AND 0` | `x BETWEEN -0.0 AND 1`, `x BETWEEN -1 AND 0.0` |
//!
//! Column against constant stays column against constant, so that row groups and pages are still skipped by it.

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

/// Rewrites comparisons with zero, once types are coerced.
#[derive(Debug)]
pub(super) struct OneZero;

impl AnalyzerRule for OneZero {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            // Output names stay what they were.
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let saved = names.save(&expr);
                let rewritten = expr.transform_up(rewrite)?;
                Ok(if rewritten.transformed { rewritten.update_data(|expr| saved.restore(expr)) } else { rewritten })
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "one_zero"
    }
}

fn rewrite(expr: Expr) -> DfResult<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(binary) => Ok(comparison(binary)),
        Expr::InList(list) => Ok(in_list(list)),
        Expr::Between(between) => Ok(between_bounds(between)),
        other => Ok(Transformed::no(other)),
    }
}

fn comparison(BinaryExpr { left, op, right }: BinaryExpr) -> Transformed<Expr> {
    let (of, op_to_zero, double) = match (zero(&left), zero(&right)) {
        (None, Some(double)) => (&left, Some(op), double),
        (Some(double), None) => (&right, op.swap(), double),
        _ => return Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
    };
    let to =
        |op: Operator, zero: f64| Expr::BinaryExpr(BinaryExpr::new(of.clone(), op, Box::new(literal(zero, double))));
    let asked = match op_to_zero {
        Some(op @ (Operator::Eq | Operator::IsNotDistinctFrom)) => to(op, -0.0).or(to(op, 0.0)),
        Some(op @ (Operator::NotEq | Operator::IsDistinctFrom)) => to(op, -0.0).and(to(op, 0.0)),
        Some(op @ (Operator::Lt | Operator::GtEq)) => to(op, -0.0),
        Some(op @ (Operator::Gt | Operator::LtEq)) => to(op, 0.0),
        _ => return Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
    };
    Transformed::yes(asked)
}

fn between_bounds(mut between: Between) -> Transformed<Expr> {
    let bounds = [(&mut between.low, -0.0), (&mut between.high, 0.0)];
    let mut changed = false;
    for (bound, to) in bounds {
        if let Some(double) = zero(bound) {
            **bound = literal(to, double);
            changed = true;
        }
    }
    match changed {
        true => Transformed::yes(Expr::Between(between)),
        false => Transformed::no(Expr::Between(between)),
    }
}

fn literal(zero: f64, double: bool) -> Expr {
    let value = if double { ScalarValue::Float64(Some(zero)) } else { ScalarValue::Float32(Some(zero as f32)) };
    Expr::Literal(value, None)
}

fn in_list(mut list: InList) -> Transformed<Expr> {
    let Some(double) = list.list.iter().find_map(zero) else { return Transformed::no(Expr::InList(list)) };
    list.list.retain(|value| zero(value).is_none());
    list.list.extend([-0.0, 0.0].map(|zero| literal(zero, double)));
    Transformed::yes(Expr::InList(list))
}

/// Whether the expression is a constant zero of a floating-point type; if so, whether that is `double`.
fn zero(expr: &Expr) -> Option<bool> {
    match constant(expr)? {
        ScalarValue::Float64(Some(0.0)) => Some(true),
        ScalarValue::Float32(Some(0.0)) => Some(false),
        _ => None,
    }
}

fn constant(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Alias(alias) => constant(&alias.expr),
        Expr::Negative(inner) => constant(inner)?.arithmetic_negate().ok(),
        Expr::Cast(Cast { expr, field }) if matches!(field.data_type(), DataType::Float32 | DataType::Float64) => {
            constant(expr)?.cast_to(field.data_type()).ok()
        }
        _ => None,
    }
}
