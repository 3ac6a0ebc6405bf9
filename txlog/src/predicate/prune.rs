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
//! Of floats whose statistics aren't called tight `hi` is unknown, for a NaN may have been left out of it ([`NanBounds`]); it still is
//! what numbers are equal to at most.
//!
//! A comparison with an unknown bound holds. A file without rows has no outcome: it may not match, and all of it
//! does. Bounds loosened by deletes are outer bounds still, so every rule stands for them (S6). A partition column is
//! one whose `lo` and `hi` are its value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Datum, Int64Array, Scalar, StringArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp;
use arrow::compute::starts_with;
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use super::ast::{Comparison, Predicate};
use super::coerce::coerce;
use super::facts::{Facts, certain, possible};
use super::literal::Literals;
use super::outcome::Outcomes;
use super::within;
use crate::schema::ColumnPath;
use crate::stats::{ColumnStats, ParsedStats};
use crate::{Error, Result};

/// What the statistics of float columns are taken to say of NaN, which is above every number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NanBounds {
    /// No maximum that is called tight stands beside a NaN, as the protocol means it and kernel, Spark and Lakebed write it. Any
    /// other may have been taken over the other values, as Parquet writers do (delta-rs): it bounds those alone.
    Covered,
    /// Every maximum may.
    MaybeOmitted,
}

/// What is known of the files that a predicate is to choose from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PruneInput {
    columns: Vec<(ColumnPath, Facts)>,
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
        let rows = with_rows(&stats.num_records);
        let exact = partition_values.into_iter().map(|(path, values)| (path, Facts::of_partition(&values, &rows)));
        let (records, tight) = (&stats.num_records, &stats.tight_bounds);
        let of_stats = |column: &ColumnStats| (column.path.clone(), Facts::of_stats(column, records, tight, &rows));
        let columns = exact.chain(stats.columns.iter().map(of_stats)).collect();
        Ok(PruneInput { columns, nan: NanBounds::Covered, rows })
    }

    /// Files of which `rows` says which may have rows, and `columns` what is known; all of one length.
    pub(crate) fn of_facts(rows: BooleanBuffer, columns: Vec<(ColumnPath, Facts)>) -> PruneInput {
        debug_assert!(columns.iter().all(|(_, facts)| facts.min.len() == rows.len()), "facts of all files");
        let columns = columns.into_iter().map(|(path, facts)| (path, facts.among(&rows))).collect();
        PruneInput { columns, nan: NanBounds::Covered, rows }
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
        self.rows.len()
    }

    fn facts(&self, column: &ColumnPath) -> Option<Facts> {
        let (_, facts) = self.columns.iter().find(|(name, _)| name == column)?;
        Some(facts.clone().with_nan_bounds(self.nan))
    }
}

/// The files that aren't known to have no row.
pub(crate) fn with_rows(num_records: &Int64Array) -> BooleanBuffer {
    !&certain(cmp::eq(num_records, &Int64Array::new_scalar(0)), num_records.len())
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
    // A number isn't equal to a NaN that the bounds left out.
    let number_reaches = || match &facts.max_number {
        Some(max) if !is_nan(value) => possible(cmp::gt_eq(max, value), len),
        _ => hi_at_least(),
    };
    match op {
        Comparison::Lt => of(lo_below(), hi_at_least()),  // A
        Comparison::LtEq => of(lo_at_most(), hi_above()), // B
        Comparison::Eq => of(&lo_at_most() & &number_reaches(), &lo_below() | &hi_above()), // C
        Comparison::GtEq => of(hi_at_least(), lo_below()), // D
        Comparison::Gt => of(hi_above(), lo_at_most()),   // D
        Comparison::NotEq => compare(facts, Comparison::Eq, value).not(), // D
        Comparison::NullSafeEq => compare(facts, Comparison::Eq, value).null_is_false(), // E
    }
}

fn is_nan(value: &Scalar<ArrayRef>) -> bool {
    let (value, _) = value.get();
    match value.data_type() {
        DataType::Float32 => value.as_primitive::<Float32Type>().value(0).is_nan(),
        DataType::Float64 => value.as_primitive::<Float64Type>().value(0).is_nan(),
        _ => false,
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

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, StringArray};
    use arrow::datatypes::DataType;

    use super::*;
    use crate::predicate::Literal;
    use crate::stats::StatsColumn;

    fn path(name: &str) -> ColumnPath {
        ColumnPath::new([name])
    }

    /// Six files of ten rows: 1..5 without NULLs, 3..3 without NULLs, 1..5 with some, all NULL, unknown, and no rows.
    fn files(data_type: DataType, one: &str, three: &str, five: &str) -> PruneInput {
        let stats = |min: &str, max: &str, nulls: i32| {
            format!(
                r#"{{"numRecords":10,"minValues":{{"c":{min}}},"maxValues":{{"c":{max}}},"nullCount":{{"c":{nulls}}}}}"#
            )
        };
        let texts = [
            stats(one, five, 0),
            stats(three, three, 0),
            stats(one, five, 4),
            r#"{"numRecords":10,"minValues":{},"maxValues":{},"nullCount":{"c":10}}"#.to_owned(),
            r#"{"numRecords":10}"#.to_owned(),
            r#"{"numRecords":0}"#.to_owned(),
        ];
        let texts = StringArray::from_iter_values(&texts);
        PruneInput::new(vec![], ParsedStats::from_json(&texts, &[StatsColumn::new(path("c"), data_type)])).unwrap()
    }

    fn integers() -> PruneInput {
        files(DataType::Int32, "1", "3", "5")
    }

    fn bits(array: &BooleanArray) -> String {
        array.iter().map(|bit| if bit == Some(true) { '1' } else { '0' }).collect()
    }

    /// Which files may match, and which match whole, file by file.
    fn judged(predicate: &Predicate, input: &PruneInput) -> [String; 2] {
        [bits(&may_match(predicate, input)), bits(&must_match(predicate, input))]
    }

    #[track_caller]
    fn check(predicate: Predicate, may: &str, must: &str) {
        assert_eq!(judged(&predicate, &integers()), [may, must], "{predicate}");
    }

    fn compared(op: Comparison, value: impl Into<Literal>) -> Predicate {
        Predicate::compare(path("c"), op, value)
    }

    #[test]
    fn case_a_below() {
        check(compared(Comparison::Lt, 1), "000010", "000001");
        check(compared(Comparison::Lt, 2), "101010", "000001");
        check(compared(Comparison::Lt, 4), "111010", "010001");
        check(compared(Comparison::Lt, 6), "111010", "110001");
    }

    #[test]
    fn case_b_at_most() {
        check(compared(Comparison::LtEq, 0), "000010", "000001");
        check(compared(Comparison::LtEq, 1), "101010", "000001");
        check(compared(Comparison::LtEq, 5), "111010", "110001");
    }

    #[test]
    fn case_c_equal() {
        check(compared(Comparison::Eq, 3), "111010", "010001");
        check(compared(Comparison::Eq, 5), "101010", "000001");
        check(compared(Comparison::Eq, 6), "000010", "000001");
    }

    #[test]
    fn case_d_the_opposites() {
        check(compared(Comparison::NotEq, 3), "101010", "000001");
        check(compared(Comparison::NotEq, 6), "111010", "110001");
        check(compared(Comparison::GtEq, 4), "101010", "000001");
        check(compared(Comparison::GtEq, 1), "111010", "110001");
        check(compared(Comparison::Gt, 5), "000010", "000001");
        for (op, opposite) in [(Comparison::Lt, Comparison::GtEq), (Comparison::LtEq, Comparison::Gt)] {
            for value in 0..7 {
                let input = integers();
                let negated = compared(op, value).negated();
                assert_eq!(judged(&negated, &input), judged(&compared(opposite, value), &input), "{negated}");
            }
        }
    }

    #[test]
    fn case_e_null_safe_equal() {
        check(compared(Comparison::NullSafeEq, 3), "111010", "010001");
        check(compared(Comparison::NullSafeEq, 3).negated(), "101110", "000101");
    }

    #[test]
    fn case_f_nothing_is_known_of_null() {
        for op in [Comparison::Eq, Comparison::NotEq, Comparison::Lt, Comparison::GtEq] {
            check(compared(op, Literal::null()), "000000", "000001");
            check(compared(op, Literal::null()).negated(), "000000", "000001");
        }
    }

    #[test]
    fn case_g_null() {
        check(Predicate::IsNull(path("c")), "001110", "000101");
        check(compared(Comparison::NullSafeEq, Literal::null()), "001110", "000101");
        check(Predicate::IsNotNull(path("c")), "111010", "110001");
        check(Predicate::IsNull(path("c")).negated(), "111010", "110001");
    }

    #[test]
    fn case_h_i_lists() {
        let list = |values: &[i64]| Predicate::In(path("c"), values.iter().copied().collect());
        check(list(&[-4, 0, 6, 9]), "000010", "000001");
        check(list(&[9, 3, 0]), "111010", "010001");
        check(list(&[9, 3, 0]).negated(), "101010", "000001");
        check(list(&[9, 0]).negated(), "111010", "110001");
        check(list(&[]), "000000", "000001");
        let with_null =
            |values: Vec<Option<i64>>| Predicate::In(path("c"), Literals::new(Arc::new(Int64Array::from(values))));
        check(with_null(vec![None, Some(3)]), "111010", "010001");
        check(with_null(vec![None, Some(3)]).negated(), "000000", "000001");
        check(with_null(vec![None]), "000000", "000001");
    }

    #[test]
    fn case_j_prefixes() {
        let prefix = |prefix: &str| Predicate::StartsWith(path("c"), prefix.to_owned());
        let input = files(DataType::Utf8, r#""ab""#, r#""abc""#, r#""b""#);
        let judge = |predicate: Predicate| judged(&predicate, &input);
        assert_eq!(judge(prefix("a")), ["111010", "010001"]);
        assert_eq!(judge(prefix("aa")), ["000010", "000001"]);
        assert_eq!(judge(prefix("abd")), ["101010", "000001"]);
        assert_eq!(judge(prefix("bb")), ["000010", "000001"]);
        assert_eq!(judge(prefix("ab").negated()), ["101010", "000001"]);
        assert_eq!(judge(prefix("c").negated()), ["111010", "110001"]);
        check(prefix("1"), "111110", "000001");
    }

    #[test]
    fn case_k_constants() {
        check(Predicate::Const(Some(true)), "111110", "111111");
        check(Predicate::Const(Some(false)), "000000", "000001");
        check(Predicate::Const(None), "000000", "000001");
        check(Predicate::And(vec![]), "111110", "111111");
        check(Predicate::Or(vec![]), "000000", "000001");
    }

    #[test]
    fn case_l_what_is_unknown_is_kept() {
        check(Predicate::Unknown, "111110", "000001");
        check(Predicate::Unknown.negated(), "111110", "000001");
        check(Predicate::eq(path("other"), 1), "111110", "000001");
        check(Predicate::eq(path("c"), "1"), "111110", "000001");
        check(Predicate::Unknown.and(compared(Comparison::Gt, 9)), "000010", "000001");
        check(Predicate::Unknown.or(compared(Comparison::Lt, 9)), "111110", "110001");
    }

    #[test]
    fn null_is_neither_true_nor_false_in_and_and_or() {
        let null = || Predicate::Const(None);
        check(compared(Comparison::Lt, 9).and(null()), "000000", "000001");
        check(compared(Comparison::Lt, 9).and(null()).negated(), "000010", "000001");
        check(compared(Comparison::Lt, 1).or(null()), "000010", "000001");
        check(compared(Comparison::Lt, 1).or(null()).negated(), "000000", "000001");
    }

    #[test]
    fn casts_that_keep_order_prune_and_others_do_not() {
        check(compared(Comparison::Gt, 5.5), "000010", "000001");
        check(compared(Comparison::Gt, 4.5), "101010", "000001");
        check(compared(Comparison::GtEq, i64::MAX), "000010", "000001");
        check(compared(Comparison::GtEq, Literal::decimal(501, 30, 2).unwrap()), "000010", "000001");
        check(compared(Comparison::GtEq, Literal::decimal(500, 30, 2).unwrap()), "101010", "000001");
        let longs = files(DataType::Int64, "1", "3", "5");
        assert_eq!(judged(&compared(Comparison::Gt, 5.5), &longs), ["000010", "000001"]);
        assert_eq!(judged(&compared(Comparison::Gt, 9_007_199_254_740_992.0), &longs), ["111110", "000001"]);
        let doubles = files(DataType::Float64, "1", "3", "5.5");
        assert_eq!(judged(&compared(Comparison::GtEq, Literal::decimal(10, 3, 1).unwrap()), &doubles)[1], "110001");
        assert_eq!(judged(&compared(Comparison::Lt, Literal::decimal(10, 3, 1).unwrap()), &doubles)[0], "000010");
        assert_eq!(judged(&compared(Comparison::Lt, -(1_i64 << 53) - 1), &doubles)[0], "111110");
        let days = files(DataType::Date32, r#""1970-01-02""#, r#""1970-01-04""#, r#""1970-01-06""#);
        let noon = 5 * 86_400_000_000 + 43_200_000_000;
        assert_eq!(judged(&compared(Comparison::Gt, Literal::timestamp_ntz(noon)), &days)[0], "000010");
        assert_eq!(judged(&compared(Comparison::Gt, Literal::timestamp(noon)), &days)[0], "111110");
    }

    /// As delta-rs takes them over from Parquet: a NaN may be in any of the files beside values up to 5.5. Where bounds are said
    /// to be tight there is none.
    #[test]
    fn a_nan_may_have_been_left_out_of_a_maximum() {
        let doubles = files(DataType::Float64, "1", "3", "5.5");
        for (op, value, may) in [
            (Comparison::Gt, 9.0, "111010"),
            (Comparison::GtEq, 9.0, "111010"),
            (Comparison::Eq, f64::NAN, "111010"),
            (Comparison::NotEq, 3.0, "111010"),
            (Comparison::Eq, 9.0, "000010"),
            (Comparison::Eq, 3.0, "111010"),
            (Comparison::Eq, 0.5, "000010"),
            (Comparison::Lt, 1.0, "000010"),
            (Comparison::LtEq, 2.0, "101010"),
        ] {
            assert_eq!(judged(&compared(op, value), &doubles), [may, "000001"], "{op:?} {value}");
        }
        for (tight, may) in [("true", false), ("false", true)] {
            let stats =
                r#"{"numRecords":10,"minValues":{"c":1},"maxValues":{"c":5},"nullCount":{"c":0},"tightBounds":"#;
            let texts = StringArray::from(vec![format!("{stats}{tight}}}")]);
            let columns = [StatsColumn::new(path("c"), DataType::Float64)];
            let input = PruneInput::new(vec![], ParsedStats::from_json(&texts, &columns)).unwrap();
            let above = compared(Comparison::Gt, 9.0);
            assert_eq!(may_match(&above, &input).value(0), may);
            assert!(may_match(&above, &input.with_nan_bounds(NanBounds::MaybeOmitted)).value(0));
        }
    }

    #[test]
    fn partition_values_are_exact() {
        let values: ArrayRef = Arc::new(Float64Array::from(vec![Some(-0.0), Some(f64::NAN), None, Some(2.0)]));
        let input = PruneInput::new(vec![(path("p"), values)], ParsedStats::unknown(4, &[])).unwrap();
        let judge = |op, value: f64| judged(&Predicate::compare(path("p"), op, value), &input);
        assert_eq!(judge(Comparison::Eq, 0.0), ["1000", "1000"]);
        assert_eq!(judge(Comparison::Gt, f64::INFINITY), ["0100", "0100"]);
        assert_eq!(judge(Comparison::Eq, -f64::NAN), ["0100", "0100"]);
        assert_eq!(judge(Comparison::NotEq, 2.0), ["1100", "1100"]);
        assert_eq!(judged(&Predicate::IsNull(path("p")), &input), ["0010", "0010"]);
    }

    #[test]
    fn columns_of_unequal_length_are_a_bug() {
        let values: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        let input = PruneInput::new(vec![(path("p"), values)], ParsedStats::unknown(2, &[]));
        assert_eq!(input.unwrap_err().kind(), crate::ErrorKind::Bug);
    }
}
