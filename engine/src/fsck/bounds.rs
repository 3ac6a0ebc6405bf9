//! Do the values of a column lie within its bounds, and touch them? Pure.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, Scalar};
use arrow::buffer::NullBuffer;
use arrow::compute::kernels::cmp;
use arrow::compute::{cast, nullif};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use lakebed_txlog::stats::ColumnStats;

/// What was seen of a leaf's values so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Rows.
    pub(super) rows: u64,
    /// Rows of them that are null.
    pub(super) nulls: u64,
    /// Whether a value is below the minimum.
    pub(super) is_below: bool,
    /// Whether a value is above the maximum.
    pub(super) is_above: bool,
    /// Whether a value is the minimum.
    pub(super) touches_min: bool,
    /// Whether a value is the maximum.
    pub(super) touches_max: bool,
}

impl Seen {
    /// Takes in the next values, in the order of arrival. `stats` are those of one file.
    pub(super) fn take(&mut self, values: &ArrayRef, stats: &ColumnStats) {
        self.rows += values.len() as u64;
        self.nulls += values.logical_null_count() as u64;
        let Some(values) = comparable(values, stats.min.data_type()) else { return };
        if let Some(min) = bound(&stats.min) {
            self.is_below |= any(cmp::lt(&values, &min));
            self.touches_min |= any(cmp::eq(&values, &min));
        }
        if let Some(max) = bound(&stats.max) {
            self.is_above |= any(cmp::gt(&values, &max));
            self.touches_max |= any(cmp::eq(&values, &max));
        }
    }
}

/// Whether bounds of this type are exact: others may be rounded outwards by the writer, or by what reads them (dates before
/// 1582, for one, are widened by the days between two calendars).
pub(super) fn is_exact(data_type: &DataType) -> bool {
    data_type.is_signed_integer()
}

/// The one value of an array, as what a column is compared with; `None` where it isn't known.
fn bound(array: &ArrayRef) -> Option<Scalar<ArrayRef>> {
    (array.len() == 1 && array.is_valid(0)).then(|| Scalar::new(Arc::clone(array)))
}

fn any(found: Result<BooleanArray, arrow::error::ArrowError>) -> bool {
    found.is_ok_and(|found| found.true_count() > 0)
}

/// The values in the bounds' type; NaN, which statistics don't speak of, as null, and -0.0 as 0.0. `None` where the types
/// can't be compared.
fn comparable(values: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    let values = if values.data_type() == to { Arc::clone(values) } else { cast(values, to).ok()? };
    match to {
        DataType::Float32 => {
            let plain = values.as_primitive_opt::<Float32Type>()?;
            Some(Arc::new(plain.unary_opt::<_, Float32Type>(|v| (!v.is_nan()).then_some(v + 0.0))))
        }
        DataType::Float64 => {
            let plain = values.as_primitive_opt::<Float64Type>()?;
            Some(Arc::new(plain.unary_opt::<_, Float64Type>(|v| (!v.is_nan()).then_some(v + 0.0))))
        }
        DataType::List(_) | DataType::Map(..) | DataType::Struct(_) | DataType::Null => None,
        _ => Some(values),
    }
}

/// The column at a path of names, null where a struct on the way is.
pub(super) fn column_at(batch: &RecordBatch, names: &[String]) -> Option<ArrayRef> {
    let (first, rest) = names.split_first()?;
    let mut array = Arc::clone(batch.column_by_name(first)?);
    let mut valid: Option<NullBuffer> = None;
    for name in rest {
        let parent = array.as_struct_opt()?;
        valid = NullBuffer::union(valid.as_ref(), parent.nulls());
        let child = Arc::clone(parent.column_by_name(name)?);
        array = child;
    }
    match valid {
        Some(valid) if valid.null_count() > 0 => nullif(&array, &BooleanArray::new(!valid.inner(), None)).ok(),
        _ => Some(array),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int32Array, Int64Array, StringArray};
    use lakebed_txlog::schema::ColumnPath;

    use super::*;

    fn seen(values: impl Array + 'static, min: ArrayRef, max: ArrayRef) -> Seen {
        let path = ColumnPath::new(["c"]);
        let stats = ColumnStats { path, min, max, null_count: Int64Array::from(vec![0]) };
        let mut seen = Seen::default();
        seen.take(&(Arc::new(values) as ArrayRef), &stats);
        seen
    }

    fn longs(values: Vec<Option<i64>>) -> ArrayRef {
        Arc::new(Int64Array::from(values))
    }

    #[test]
    fn values_outside_of_bounds_and_at_them_are_seen() {
        let found = seen(Int32Array::from(vec![Some(1), None, Some(5)]), longs(vec![Some(2)]), longs(vec![Some(5)]));
        let expected = Seen { rows: 3, nulls: 1, is_below: true, touches_max: true, ..Seen::default() };
        assert_eq!(found, expected);
    }

    #[test]
    fn unknown_bounds_and_nan_say_nothing_and_zeros_are_one() {
        let unknown = seen(Int64Array::from(vec![1]), longs(vec![None]), longs(vec![None]));
        assert!(!unknown.is_below && !unknown.is_above && !unknown.touches_min);
        let zero: ArrayRef = Arc::new(Float64Array::from(vec![0.0]));
        let found = seen(Float64Array::from(vec![-0.0, f64::NAN]), Arc::clone(&zero), zero);
        assert!(!found.is_below && !found.is_above && found.touches_min && found.touches_max);
    }

    #[test]
    fn texts_are_compared_by_their_bytes() {
        let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
        let found = seen(StringArray::from(vec!["Z", "a"]), text("A"), text("Z"));
        assert!(!found.is_below && found.is_above && found.touches_max);
    }
}
