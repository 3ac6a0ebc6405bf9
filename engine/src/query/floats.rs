//! What is a float beside a decimal?
//!
//! In Spark, and by SQL's order of types, the decimal becomes a `DOUBLE`. DataFusion would make the float a decimal
//! instead, which fails for NaN, infinities and what is too large, and is another number for most.

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable};

/// Makes decimals doubles where they meet floats, before types are coerced.
#[derive(Debug)]
pub(super) struct DecimalsYield;

impl FunctionRewrite for DecimalsYield {
    fn name(&self) -> &str {
        "decimals_yield"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, _config: &ConfigOptions) -> DfResult<Transformed<Expr>> {
        Ok(yielding(expr, schema))
    }
}

/// As [`DecimalsYield`], in an expression on its own.
pub(super) fn decimals_yield(expr: Expr, schema: &DFSchema) -> DfResult<Expr> {
    expr.transform_up(|expr| Ok(yielding(expr, schema))).data()
}

/// One node, whose children are done.
fn yielding(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let is_decimal = |expr: &Expr| expr.get_type(schema).is_ok_and(|of| of.is_decimal());
    let is_float = |expr: &Expr| expr.get_type(schema).is_ok_and(|of| of.is_floating());
    let mixed = |parts: &[&Expr]| parts.iter().any(|part| is_float(part)) && parts.iter().any(|part| is_decimal(part));
    let double = |part: Expr| if is_decimal(&part) { as_double(part) } else { part };
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if mixed(&[&left, &right]) => {
            let (left, right) = (Box::new(double(*left)), Box::new(double(*right)));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::Between(Between { expr, negated, low, high }) if mixed(&[&expr, &low, &high]) => {
            let (expr, low, high) = (Box::new(double(*expr)), Box::new(double(*low)), Box::new(double(*high)));
            Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
        }
        Expr::InList(InList { expr, list, negated }) if mixed(&list.iter().chain([&*expr]).collect::<Vec<_>>()) => {
            let list = list.into_iter().map(double).collect();
            Transformed::yes(Expr::InList(InList { expr: Box::new(double(*expr)), list, negated }))
        }
        other => Transformed::no(other),
    }
}

fn as_double(expr: Expr) -> Expr {
    if let Expr::Literal(value, _) = &expr
        && let Ok(double) = value.cast_to(&DataType::Float64)
    {
        return Expr::Literal(double, None);
    }
    Expr::Cast(Cast::new(Box::new(expr), DataType::Float64))
}
