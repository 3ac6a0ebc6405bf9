//! Statistics that a checkpoint holds as `stats_parsed`: columns already, in the types of when it was written.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array,
    StringArray, StructArray, new_null_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{CastOptions, cast_with_options, nullif};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};

use super::column::StatsColumn;
use super::read::{ColumnStats, NUM_RECORDS, ParsedStats, TIGHT_BOUNDS};
use super::value::{self, DecimalType, Side, TimestampType};
use crate::schema::ColumnPath;

pub(super) fn read(stats: &StructArray, columns: &[StatsColumn]) -> ParsedStats {
    let num_files = stats.len();
    let at_top = |name: &str| descend(stats, &[name]);
    let tight_bounds = at_top(TIGHT_BOUNDS).and_then(|array| array.as_boolean_opt().cloned());
    ParsedStats {
        num_records: counts(at_top(NUM_RECORDS), num_files),
        tight_bounds: tight_bounds.unwrap_or_else(|| BooleanArray::new_null(num_files)),
        columns: columns.iter().map(|column| column_stats(stats, column)).collect(),
    }
}

fn column_stats(stats: &StructArray, column: &StatsColumn) -> ColumnStats {
    let found = |kind: &str| descend(stats, &names(kind, &column.stored));
    let bound = |kind: &str, side: Side| {
        found(kind)
            .and_then(|array| convert(&array, column, side))
            .unwrap_or_else(|| new_null_array(&column.data_type, stats.len()))
    };
    ColumnStats {
        path: column.path.clone(),
        min: bound("minValues", Side::Min),
        max: bound("maxValues", Side::Max),
        null_count: counts(found("nullCount"), stats.len()),
    }
    .uncrossed()
}

fn names<'a>(kind: &'a str, path: &'a ColumnPath) -> Vec<&'a str> {
    std::iter::once(kind).chain(path.names().iter().map(String::as_str)).collect()
}

/// The field at `names`, null where a struct on the way is.
pub(super) fn descend(stats: &StructArray, names: &[&str]) -> Option<ArrayRef> {
    let mut parent = stats;
    let mut valid = parent.nulls().cloned();
    let (last, way) = names.split_last()?;
    for name in way {
        parent = parent.column_by_name(name)?.as_struct_opt()?;
        valid = NullBuffer::union(valid.as_ref(), parent.nulls());
    }
    let array = parent.column_by_name(last)?;
    match valid {
        Some(valid) if valid.null_count() > 0 => nullif(array, &BooleanArray::new(!valid.inner(), None)).ok(),
        _ => Some(Arc::clone(array)),
    }
}

pub(super) fn counts(array: Option<ArrayRef>, num_files: usize) -> Int64Array {
    array
        .filter(|array| array.data_type().is_integer())
        .and_then(|array| cast_or_null(&array, &DataType::Int64))
        .and_then(|array| array.as_primitive_opt::<Int64Type>().map(|a| a.unary_opt(|v| (v >= 0).then_some(v))))
        .unwrap_or_else(|| Int64Array::new_null(num_files))
}

/// Values that don't fit become null.
pub(super) fn cast_or_null(array: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    cast_with_options(array, to, &CastOptions { safe: true, ..CastOptions::default() }).ok()
}

/// The bounds in today's type, rounded outwards as [`value`] does; `None` where the types don't go together.
fn convert(array: &ArrayRef, column: &StatsColumn, side: Side) -> Option<ArrayRef> {
    use DataType::{Boolean, Date32, Decimal128, Float32, Float64, Timestamp};
    let (from, to) = (array.data_type(), &column.data_type);
    match (from, to) {
        (from, to) if from.is_signed_integer() && to.is_signed_integer() => cast_or_null(array, to),
        (Float32, Float32) => Some(Arc::new(floats(array)?)),
        (Float32, Float64) => doubles(&cast_or_null(array, to)?, None),
        (Float64, Float64) => doubles(array, column.widened_from.contains(&Float32).then_some(side)),
        (DataType::Int8 | DataType::Int16 | DataType::Int32, Float64) => cast_or_null(array, to),
        (Decimal128(_, written), Decimal128(_, today)) if written <= today => decimals(array, to, side),
        (from, Decimal128(..)) if from.is_signed_integer() => cast_or_null(array, to),
        (Boolean, Boolean) => Some(Arc::clone(array)),
        (Date32, Date32) => {
            let days: Date32Array = array.as_primitive_opt::<Date32Type>()?.unary_opt(|v| value::outer_day(v, side));
            Some(Arc::new(days))
        }
        (Date32, Timestamp(_, None)) => {
            timestamps(&cast_or_null(array, &Timestamp(TimeUnit::Microsecond, None))?, to, side)
        }
        (Timestamp(_, written), Timestamp(_, today)) if written.is_some() == today.is_some() => {
            timestamps(array, to, side)
        }
        // INT96 is an instant, and comes out of the Parquet reader as nanoseconds without a zone.
        (Timestamp(TimeUnit::Nanosecond, None), Timestamp(_, Some(_))) => timestamps(array, to, side),
        (from, to) if from.is_string() && to.is_string() => strings(array, to, side),
        _ => None,
    }
}

fn floats(array: &ArrayRef) -> Option<Float32Array> {
    Some(array.as_primitive_opt::<Float32Type>()?.unary_opt(value::settled_f32))
}

/// `printed_as_float` is the side to widen to where the bounds may have been read from a float's digits.
fn doubles(array: &ArrayRef, printed_as_float: Option<Side>) -> Option<ArrayRef> {
    let array = array.as_primitive_opt::<Float64Type>()?;
    #[expect(clippy::cast_possible_truncation, reason = "the nearest float is what is wanted")]
    let outer = |v: f64| printed_as_float.map_or(v, |side| value::hull(v, v as f32, side));
    let doubles: Float64Array = array.unary_opt(|v| value::settled_f64(v).map(outer));
    Some(Arc::new(doubles))
}

fn decimals(array: &ArrayRef, to: &DataType, side: Side) -> Option<ArrayRef> {
    let DataType::Decimal128(precision, scale) = *to else { return None };
    let into = DecimalType { precision, scale };
    let same_scale = cast_or_null(array, to)?;
    let outer: Decimal128Array =
        same_scale.as_primitive_opt::<Decimal128Type>()?.unary_opt(|v| into.outer_of_unscaled(v, side));
    Some(Arc::new(outer.with_data_type(to.clone())))
}

fn timestamps(array: &ArrayRef, to: &DataType, side: Side) -> Option<ArrayRef> {
    let (DataType::Timestamp(from_unit, _), DataType::Timestamp(unit, zone)) = (array.data_type(), to) else {
        return None;
    };
    let from = TimestampType { unit: *from_unit, zoned: zone.is_some() };
    let into = TimestampType { unit: *unit, zoned: zone.is_some() };
    let tick = i128::from(1_000_000_000 / from.ticks_per_second());
    let ticks = cast_or_null(array, &DataType::Int64)?;
    let outer: Int64Array =
        ticks.as_primitive_opt::<Int64Type>()?.unary_opt(|v| into.ticks_of(i128::from(v) * tick, side));
    Some(match unit {
        TimeUnit::Second => Arc::new(outer.reinterpret_cast::<TimestampSecondType>().with_data_type(to.clone())),
        TimeUnit::Millisecond => {
            Arc::new(outer.reinterpret_cast::<TimestampMillisecondType>().with_data_type(to.clone()))
        }
        TimeUnit::Microsecond => {
            Arc::new(outer.reinterpret_cast::<TimestampMicrosecondType>().with_data_type(to.clone()))
        }
        TimeUnit::Nanosecond => {
            Arc::new(outer.reinterpret_cast::<TimestampNanosecondType>().with_data_type(to.clone()))
        }
    })
}

fn strings(array: &ArrayRef, to: &DataType, side: Side) -> Option<ArrayRef> {
    if side == Side::Min {
        return cast_or_null(array, to);
    }
    let texts = cast_or_null(array, &DataType::Utf8)?;
    let outer: StringArray = texts
        .as_string_opt::<i32>()?
        .iter()
        .map(|text| text.map(|text| value::outer_text(text.into(), side)))
        .collect();
    let outer: ArrayRef = Arc::new(outer);
    cast_or_null(&outer, to)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int32Array, TimestampMicrosecondArray};
    use arrow::datatypes::Field;

    use super::*;

    fn bounds(array: ArrayRef, column: &StatsColumn) -> (ArrayRef, ArrayRef) {
        let of = |array: &ArrayRef| -> ArrayRef {
            Arc::new(StructArray::from(vec![(
                Arc::new(Field::new("c", array.data_type().clone(), true)),
                array.clone(),
            )]))
        };
        let field = |name: &str, array: &ArrayRef| Arc::new(Field::new(name, array.data_type().clone(), true));
        let values = of(&array);
        let stats = StructArray::from(vec![
            (field("minValues", &values), Arc::clone(&values)),
            (field("maxValues", &values), values),
        ]);
        let read = ParsedStats::from_parsed(&stats, std::slice::from_ref(column));
        assert!(read.num_records.is_null(0) && read.tight_bounds.is_null(0) && read.columns[0].null_count.is_null(0));
        (read.columns[0].min.clone(), read.columns[0].max.clone())
    }

    fn column(data_type: DataType) -> StatsColumn {
        StatsColumn::new(ColumnPath::new(["c"]), data_type)
    }

    #[track_caller]
    fn check(from: impl Array + 'static, to: &StatsColumn, min: impl Array, max: impl Array) {
        let (read_min, read_max) = bounds(Arc::new(from), to);
        assert_eq!((read_min.as_ref(), read_max.as_ref()), (&min as &dyn Array, &max as &dyn Array));
    }

    #[test]
    fn narrower_types_of_before_become_todays() {
        let longs = || Int64Array::from(vec![7]);
        check(Int32Array::from(vec![7]), &column(DataType::Int64), longs(), longs());
        let doubles = || Float64Array::from(vec![f64::from(1.1_f32)]);
        check(Float32Array::from(vec![1.1]), &column(DataType::Float64), doubles(), doubles());
        let widened = column(DataType::Float64).widened_from(vec![DataType::Float32]);
        check(Float64Array::from(vec![1.1]), &widened, Float64Array::from(vec![1.1]), doubles());
        let decimal = DataType::Decimal128(12, 2);
        let hundredths = || Decimal128Array::from(vec![700]).with_data_type(decimal.clone());
        check(Int32Array::from(vec![7]), &column(decimal.clone()), hundredths(), hundredths());
        let tenths = Decimal128Array::from(vec![70]).with_data_type(DataType::Decimal128(5, 1));
        check(tenths, &column(decimal.clone()), hundredths(), hundredths());
        let day = 86_400_000_000;
        check(
            Date32Array::from(vec![1]),
            &column(DataType::Timestamp(TimeUnit::Microsecond, None)),
            TimestampMicrosecondArray::from(vec![day]),
            TimestampMicrosecondArray::from(vec![day + 999]),
        );
    }

    #[test]
    fn int96_is_an_instant() {
        let nanoseconds = arrow::array::TimestampNanosecondArray::from(vec![1_500_000]);
        let instants = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let at = |us| TimestampMicrosecondArray::from(vec![us]).with_timezone("UTC");
        check(nanoseconds, &column(instants), at(1_500), at(1_500));
    }

    #[test]
    fn types_that_do_not_go_together_are_unknown() {
        for (from, to) in [
            (Arc::new(Int64Array::from(vec![7])) as ArrayRef, DataType::Float64),
            (Arc::new(Float64Array::from(vec![7.0])), DataType::Int64),
            (Arc::new(StringArray::from(vec!["7"])), DataType::Int64),
            (Arc::new(Int64Array::from(vec![300])), DataType::Int8),
            (Arc::new(Float64Array::from(vec![f64::NAN])), DataType::Float64),
            (
                Arc::new(TimestampMicrosecondArray::from(vec![7])),
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ),
        ] {
            let (min, max) = bounds(from, &column(to.clone()));
            assert!(min.is_null(0) && max.is_null(0), "{to}");
            assert_eq!(*min.data_type(), to);
        }
    }
}
