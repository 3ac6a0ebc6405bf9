//! Does one of many values lie within a file's bounds?

use std::cmp::Ordering;

use arrow::array::{
    Array, ArrayAccessor, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanBufferBuilder,
    PrimitiveArray, downcast_primitive_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter, is_not_null, sort};
use arrow::datatypes::DataType;

use super::facts::Facts;
use super::outcome::Outcomes;

/// `column IN (values)` by a binary search per file; the types are equal. `None` for a type that isn't searched.
pub(super) fn any_of(facts: &Facts, values: &ArrayRef) -> Option<Outcomes> {
    let known = filter(values, &is_not_null(values).ok()?).ok()?;
    let sorted = sort(&known, None).ok()?;
    let found = search(&sorted, &facts.min, &facts.max)?;
    let outcomes = Outcomes {
        may_be_true: &found.some & &facts.may_have_value,
        may_be_false: &!&found.only & &facts.may_have_value,
        may_be_null: facts.may_have_null.clone(),
    };
    Some(if values.null_count() > 0 { outcomes.false_is_null() } else { outcomes })
}

/// Per file: whether some value may lie within the bounds, and whether the bounds are one single value of the list.
struct Found {
    some: BooleanBuffer,
    only: BooleanBuffer,
}

fn search(values: &ArrayRef, min: &ArrayRef, max: &ArrayRef) -> Option<Found> {
    downcast_primitive_array! {
        values => Some(search_by(values, min.as_primitive_opt()?, max.as_primitive_opt()?, order_of(values))),
        DataType::Utf8 => {
            Some(search_by(values.as_string_opt::<i32>()?, min.as_string_opt()?, max.as_string_opt()?, bytewise))
        }
        DataType::LargeUtf8 => {
            Some(search_by(values.as_string_opt::<i64>()?, min.as_string_opt()?, max.as_string_opt()?, bytewise))
        }
        DataType::Utf8View => {
            let (min, max) = (min.as_string_view_opt()?, max.as_string_view_opt()?);
            Some(search_by(values.as_string_view_opt()?, min, max, bytewise))
        }
        _ => None,
    }
}

/// The order in which Arrow's kernels sort and compare the values of `_array`.
fn order_of<T: ArrowPrimitiveType>(_array: &PrimitiveArray<T>) -> fn(&T::Native, &T::Native) -> Ordering {
    |a, b| a.compare(*b)
}

fn bytewise(a: &&str, b: &&str) -> Ordering {
    a.as_bytes().cmp(b.as_bytes())
}

fn search_by<A: ArrayAccessor + Copy>(
    sorted: A,
    min: A,
    max: A,
    order: impl Fn(&A::Item, &A::Item) -> Ordering,
) -> Found {
    let mut some = BooleanBufferBuilder::new(min.len());
    let mut only = BooleanBufferBuilder::new(min.len());
    for file in 0..min.len() {
        let low = min.is_valid(file).then(|| min.value(file));
        let high = max.is_valid(file).then(|| max.value(file));
        let first = low.as_ref().map_or(0, |low| first_at_least(sorted, low, &order));
        let candidate = (first < sorted.len()).then(|| sorted.value(first));
        let (mut within, mut single) = (false, false);
        if let Some(candidate) = candidate {
            within = high.as_ref().is_none_or(|high| order(&candidate, high).is_le());
            let at_low = low.as_ref().is_some_and(|low| order(&candidate, low).is_eq());
            single = at_low && high.as_ref().is_some_and(|high| order(&candidate, high).is_eq());
        }
        only.append(single);
        some.append(within);
    }
    Found { some: some.finish(), only: only.finish() }
}

/// The place of the first value that isn't below `bound`.
fn first_at_least<A: ArrayAccessor + Copy>(
    sorted: A,
    bound: &A::Item,
    order: impl Fn(&A::Item, &A::Item) -> Ordering,
) -> usize {
    let (mut from, mut to) = (0, sorted.len());
    while from < to {
        let middle = from + (to - from) / 2;
        if order(&sorted.value(middle), bound).is_lt() {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    from
}
