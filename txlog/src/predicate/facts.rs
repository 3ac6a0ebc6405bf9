//! What is known of one column's values in each file.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, Int64Array, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp;
use arrow::compute::nullif;
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use super::prune::NanBounds;
use crate::stats::ColumnStats;

/// Outer bounds of a column's values that aren't NULL, and whether there may be such values, and NULLs.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// At most every value; null is unknown.
    pub(crate) min: ArrayRef,
    /// At least every value; null is unknown.
    pub(crate) max: ArrayRef,
    /// At least every value but NaN, where that is all that is known.
    pub(super) max_number: Option<ArrayRef>,
    pub(super) may_have_null: BooleanBuffer,
    pub(super) may_have_value: BooleanBuffer,
    /// The values are known one by one; else the bounds come from statistics.
    pub(super) exact: bool,
}

impl Facts {
    /// Of a partition column: every row of a file has its value.
    pub(crate) fn of_partition(values: &ArrayRef, rows: &BooleanBuffer) -> Facts {
        let present = present(values);
        let values = settled(values);
        Facts {
            may_have_null: &!&present & rows,
            may_have_value: &present & rows,
            min: Arc::clone(&values),
            max: values,
            max_number: None,
            exact: true,
        }
    }

    /// Of a column with statistics. By the protocol a null count speaks after deletes only where it is 0 or the number
    /// of records; a count in between says nothing more before them either.
    ///
    /// A maximum of floats covers NaN, which is above all, only where the writer says that bounds are tight: those who take
    /// Parquet's over, which leave NaN out, don't say it (delta-rs).
    pub(crate) fn of_stats(
        stats: &ColumnStats,
        num_records: &Int64Array,
        tight: &BooleanArray,
        rows: &BooleanBuffer,
    ) -> Facts {
        let zero = Int64Array::new_scalar(0);
        let none_null = certain(cmp::eq(&stats.null_count, &zero), rows.len());
        // Bounds beside a count that says there is no value: the count isn't believed.
        let bounded = &present(&stats.min) | &present(&stats.max);
        let all_null = &certain(cmp::eq(&stats.null_count, num_records), rows.len()) & &!&bounded;
        let mut facts = Facts {
            min: Arc::clone(&stats.min),
            max: Arc::clone(&stats.max),
            max_number: None,
            may_have_null: &!&none_null & rows,
            may_have_value: &!&all_null & rows,
            exact: false,
        };
        if facts.is_floating() && tight.true_count() < tight.len() {
            let loose = !&certain(Ok(tight.clone()), rows.len());
            let covering = nullif(&facts.max, &BooleanArray::new(loose, None));
            let covering = covering.unwrap_or_else(|_| new_null_array(facts.max.data_type(), rows.len()));
            facts.max_number = Some(std::mem::replace(&mut facts.max, covering));
        }
        facts
    }

    fn is_floating(&self) -> bool {
        matches!(self.max.data_type(), DataType::Float32 | DataType::Float64)
    }

    /// The same, where only these files may have rows.
    pub(super) fn among(self, rows: &BooleanBuffer) -> Facts {
        Facts { may_have_null: &self.may_have_null & rows, may_have_value: &self.may_have_value & rows, ..self }
    }

    /// The same, where the bounds of floats are worth so much.
    pub(super) fn with_nan_bounds(mut self, nan: NanBounds) -> Facts {
        if self.is_floating() && nan == NanBounds::MaybeOmitted && !self.exact {
            let unknown = new_null_array(self.max.data_type(), self.max.len());
            let max = std::mem::replace(&mut self.max, unknown);
            self.max_number.get_or_insert(max);
        }
        self
    }

    /// Bytes of memory held.
    pub(super) fn memory_size(&self) -> usize {
        let same = Arc::ptr_eq(&self.min, &self.max);
        let max = if same { 0 } else { self.max.get_buffer_memory_size() };
        let max = max + self.max_number.as_ref().map_or(0, |max| max.get_buffer_memory_size());
        let bits = self.may_have_null.inner().capacity() + self.may_have_value.inner().capacity();
        self.min.get_buffer_memory_size() + max + bits
    }
}

fn present(array: &ArrayRef) -> BooleanBuffer {
    array.logical_nulls().map_or_else(|| BooleanBuffer::new_set(array.len()), |nulls| nulls.into_inner())
}

/// Where the comparison says yes for certain; one that can't be made says it nowhere.
pub(super) fn certain(compared: Result<BooleanArray, arrow::error::ArrowError>, len: usize) -> BooleanBuffer {
    match compared {
        Ok(compared) => match compared.nulls() {
            Some(known) => compared.values() & known.inner(),
            None => compared.values().clone(),
        },
        Err(_) => BooleanBuffer::new_unset(len),
    }
}

/// Where the comparison may say yes: where it does, where a side is unknown, and everywhere if it can't be made.
pub(super) fn possible(compared: Result<BooleanArray, arrow::error::ArrowError>, len: usize) -> BooleanBuffer {
    match compared {
        Ok(compared) => match compared.nulls() {
            Some(known) => compared.values() | &!known.inner(),
            None => compared.values().clone(),
        },
        Err(_) => BooleanBuffer::new_set(len),
    }
}

/// One zero and one NaN: Arrow's order of floats tells their signs apart, SQL doesn't.
pub(crate) fn settled(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float32 => {
            let floats: Float32Array =
                array.as_primitive::<Float32Type>().unary(|v| if v.is_nan() { f32::NAN } else { v + 0.0 });
            Arc::new(floats)
        }
        DataType::Float64 => {
            let doubles: Float64Array =
                array.as_primitive::<Float64Type>().unary(|v| if v.is_nan() { f64::NAN } else { v + 0.0 });
            Arc::new(doubles)
        }
        _ => Arc::clone(array),
    }
}
