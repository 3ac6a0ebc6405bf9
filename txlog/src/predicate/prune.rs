//! Which files may hold a matching row, and in which does every row match?
//!
//! For every file and condition it is worked out which outcomes (true, false, NULL) *some* row of the file may have;
//! see `outcome` for how they combine. A file may match when true is among them; all of it matches when
//! neither false nor NULL is. With `lo`, `hi` the outer bounds of a column's values in the file, `v` a literal that isn't
//! NULL, and "values"/"nulls" meaning that the file may hold values that aren't NULL / NULLs:
//!
//! | | condition | some row true | some row false | some row NULL |
//! |---|---|---|---|---|
//! | A | `c < v` | values, `lo < v` | values, `hi >= v` | nulls |
//! | B | `c <= v` | values, `lo <= v` | values, `hi > v` | nulls |
//! | C | `c = v` | values, `lo <= v <= hi` | values, unless `lo = v = hi` | nulls |
//! | D | `c <> v`, `c >= v`, `c > v` | as `NOT` of C, A, B | | |
//! | E | `c <=> v` | as C | as C, or nulls | never |
//! | F | `c op NULL` | never | never | always |
//! | G | `c <=> NULL`, `c IS NULL` | nulls | values | never |
//! | H | `c IN (…)` | values, some `v` within `lo..hi` | values, unless `lo = v = hi` for some `v` | nulls |
//! | I | `c IN (…, NULL)` | as H | never | nulls, or as H's false |
//! | J | `c LIKE 'p%'` | values, `hi >= p`, and `lo < p` or starts with `p` | values, unless both start with `p` | nulls |
//! | K | `true`, `false`, `NULL` | so for every row | | |
//! | L | unknown; unknown column; types that don't compare | maybe | maybe | maybe |
//!
//! A comparison with an unknown bound holds. A file without rows has no outcome: it may not match, and all of it
//! does. Bounds loosened by deletes are outer bounds still, so every rule stands for them (S6). A partition column is
//! one whose `lo` and `hi` are its value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, Scalar, StringArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp;
use arrow::compute::starts_with;

use super::ast::{Comparison, Predicate};
use super::coerce::coerce;
use super::facts::{Facts, certain, possible};
use super::literal::Literals;
use super::outcome::Outcomes;
use super::within;
use crate::stats::{ColumnPath, ParsedStats};
use crate::{Error, Result};

/// What the statistics of float columns are taken to say of NaN, which is above every number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NanBounds {
    /// As the protocol means it and Spark and Lakebed write it: no maximum stands beside a NaN.
    Covered,
    /// A maximum may have been taken over the other values, as Parquet writers do (delta-rs): it bounds nothing.
    MaybeOmitted,
}

/// What is known of the files that a predicate is to choose from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PruneInput {
    partition_values: Vec<(ColumnPath, ArrayRef)>,
    stats: ParsedStats,
    nan: NanBounds,
    rows: BooleanBuffer,
}

impl PruneInput {
    /// `stats.num_files()` files, their partition values (exact, in the columns' types, NULL as null) and their
    /// statistics. Names are those that the predicate uses; a column that is in neither is unknown.
    ///
    /// # Errors
    /// `Bug` when the columns are not all of one length.
    pub fn new(partition_values: Vec<(ColumnPath, ArrayRef)>, stats: ParsedStats) -> Result<PruneInput> {
        let num_files = stats.num_files();
        let whole = stats.tight_bounds.len() == num_files
            && partition_values.iter().all(|(_, values)| values.len() == num_files)
            && stats.columns.iter().all(|column| {
                let lengths = [column.min.len(), column.max.len(), column.null_count.len()];
                column.min.data_type() == column.max.data_type() && lengths == [num_files; 3]
            });
        if !whole {
            return Err(Error::bug(format!("the columns that describe {num_files} files don't go together")));
        }
        let empty = certain(cmp::eq(&stats.num_records, &Int64Array::new_scalar(0)), num_files);
        Ok(PruneInput { partition_values, stats, nan: NanBounds::Covered, rows: !&empty })
    }

    /// Says what float bounds are worth. [`NanBounds::Covered`] unless said otherwise.
    #[must_use]
    pub fn with_nan_bounds(mut self, nan: NanBounds) -> PruneInput {
        self.nan = nan;
        self
    }

    /// How many files are described.
    #[must_use]
    pub fn num_files(&self) -> usize {
        self.stats.num_files()
    }

    fn facts(&self, column: &ColumnPath) -> Option<Facts> {
        if let Some((_, values)) = self.partition_values.iter().find(|(name, _)| name == column) {
            return Some(Facts::of_partition(values, &self.rows));
        }
        let stats = self.stats.column(column)?;
        Some(Facts::of_stats(stats, &self.stats.num_records, &self.rows, self.nan))
    }
}

/// For each file, whether some row may satisfy `predicate`: false is certain, true is not. The files to read, and those
/// that a transaction which read `predicate` depends on. Cost: a few vectorised passes over each named column.
#[must_use]
pub fn may_match(predicate: &Predicate, input: &PruneInput) -> BooleanArray {
    BooleanArray::new(outcomes(predicate, input).may_be_true, None)
}

/// For each file, whether every row is certain to satisfy `predicate`: the files that `DELETE` can remove without
/// reading them. As nothing is read to make sure, float bounds are never taken to cover NaN here.
#[must_use]
pub fn must_match(predicate: &Predicate, input: &PruneInput) -> BooleanArray {
    let strict = input.clone().with_nan_bounds(NanBounds::MaybeOmitted);
    let outcomes = outcomes(predicate, &strict);
    BooleanArray::new(!&(&outcomes.may_be_false | &outcomes.may_be_null), None)
}

fn outcomes(predicate: &Predicate, input: &PruneInput) -> Outcomes {
    let rows = &input.rows;
    match predicate {
        Predicate::And(parts) => parts
            .iter()
            .map(|part| outcomes(part, input))
            .reduce(|all, part| all.and(&part))
            .unwrap_or_else(|| Outcomes::constant(Some(true), rows)),
        Predicate::Or(parts) => parts
            .iter()
            .map(|part| outcomes(part, input))
            .reduce(|any, part| any.or(&part))
            .unwrap_or_else(|| Outcomes::constant(Some(false), rows)),
        Predicate::Not(inner) => outcomes(inner, input).not(),
        Predicate::Const(outcome) => Outcomes::constant(*outcome, rows), // K
        Predicate::Unknown => Outcomes::unknown(rows),                   // L
        Predicate::Compare(column, ..)
        | Predicate::IsNull(column)
        | Predicate::IsNotNull(column)
        | Predicate::In(column, _)
        | Predicate::StartsWith(column, _) => input
            .facts(column)
            .and_then(|facts| of_column(predicate, facts, rows))
            .unwrap_or_else(|| Outcomes::unknown(rows)), // L
    }
}

/// A condition on one column; `None` when the types don't compare.
fn of_column(predicate: &Predicate, facts: Facts, rows: &BooleanBuffer) -> Option<Outcomes> {
    match predicate {
        Predicate::IsNull(_) => Some(is_null(facts)),
        Predicate::IsNotNull(_) => Some(is_null(facts).not()),
        Predicate::Compare(_, Comparison::NullSafeEq, value) if value.is_null() => Some(is_null(facts)), // G
        Predicate::Compare(_, _, value) if value.is_null() => Some(Outcomes::constant(None, rows)),      // F
        Predicate::Compare(_, op, value) => {
            let (facts, value) = coerce(&facts, value.array())?;
            Some(compare(&facts, *op, &Scalar::new(value)))
        }
        Predicate::In(_, values) => is_in(facts, values, rows),
        Predicate::StartsWith(_, prefix) => has_prefix(&facts, prefix),
        _ => None,
    }
}

/// G
fn is_null(facts: Facts) -> Outcomes {
    Outcomes {
        may_be_null: BooleanBuffer::new_unset(facts.may_have_null.len()),
        may_be_true: facts.may_have_null,
        may_be_false: facts.may_have_value,
    }
}

fn compare(facts: &Facts, op: Comparison, value: &Scalar<ArrayRef>) -> Outcomes {
    let len = facts.min.len();
    let (lo, hi) = (&facts.min, &facts.max);
    let of = |some_true: BooleanBuffer, some_false: BooleanBuffer| Outcomes {
        may_be_true: &some_true & &facts.may_have_value,
        may_be_false: &some_false & &facts.may_have_value,
        may_be_null: facts.may_have_null.clone(),
    };
    let lo_below = || possible(cmp::lt(lo, value), len);
    let lo_at_most = || possible(cmp::lt_eq(lo, value), len);
    let hi_above = || possible(cmp::gt(hi, value), len);
    let hi_at_least = || possible(cmp::gt_eq(hi, value), len);
    match op {
        Comparison::Lt => of(lo_below(), hi_at_least()),  // A
        Comparison::LtEq => of(lo_at_most(), hi_above()), // B
        Comparison::Eq => of(&lo_at_most() & &hi_at_least(), &lo_below() | &hi_above()), // C
        Comparison::GtEq => of(hi_at_least(), lo_below()), // D
        Comparison::Gt => of(hi_above(), lo_at_most()),   // D
        Comparison::NotEq => compare(facts, Comparison::Eq, value).not(), // D
        Comparison::NullSafeEq => compare(facts, Comparison::Eq, value).null_is_false(), // E
    }
}

/// H, I
fn is_in(facts: Facts, values: &Literals, rows: &BooleanBuffer) -> Option<Outcomes> {
    let values = values.array();
    if values.is_empty() {
        // SQL has no empty list; engines that do differ on whether NULL is in it.
        let outcomes = Outcomes::constant(Some(false), rows);
        return Some(Outcomes { may_be_null: facts.may_have_null, ..outcomes });
    }
    if values.logical_null_count() == values.len() {
        return Some(Outcomes::constant(None, rows));
    }
    let (facts, values) = coerce(&facts, values)?;
    within::any_of(&facts, &values)
}

/// J
fn has_prefix(facts: &Facts, prefix: &str) -> Option<Outcomes> {
    let pattern: ArrayRef = Arc::new(StringArray::from(vec![prefix]));
    // Only strings have a common type with a string.
    let (facts, pattern) = coerce(facts, &pattern)?;
    let len = facts.min.len();
    let pattern = Scalar::new(pattern);
    let lo_reaches = &possible(cmp::lt(&facts.min, &pattern), len) | &possible(starts_with(&facts.min, &pattern), len);
    let hi_reaches = possible(cmp::gt_eq(&facts.max, &pattern), len);
    let only = &certain(starts_with(&facts.min, &pattern), len) & &certain(starts_with(&facts.max, &pattern), len);
    Some(Outcomes {
        may_be_true: &(&lo_reaches & &hi_reaches) & &facts.may_have_value,
        may_be_false: &!&only & &facts.may_have_value,
        may_be_null: facts.may_have_null,
    })
}
