//! What an array is in another type, when every value of it survives.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use lakebed_txlog::{Error, Result};

/// A day in what `Date64` counts in, and in what timestamps do.
const DAY_MS: i64 = 86_400_000;
const DAY_MICROS: i64 = DAY_MS * 1000;

/// `array` in the type `target`, another representation of the same values or a wider type.
///
/// # Errors
///
/// `InvalidRequest` where a value doesn't survive: nanoseconds that aren't whole microseconds, times beyond the range
/// of microseconds, milliseconds that aren't whole days, numbers beyond the type. The caller names the column.
pub(crate) fn in_type(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let given = array.data_type();
    if given == target {
        return Ok(Arc::clone(array));
    }
    match (given, target) {
        (DataType::Dictionary(..) | DataType::RunEndEncoded(..), _) => in_type(&unencoded(array)?, target),
        // A zone says how an instant is shown. Between an instant and a wall clock there is no lossless way.
        (DataType::Timestamp(unit, from), DataType::Timestamp(Microsecond, to)) if from.is_some() == to.is_some() => {
            let micros = match unit {
                Second => scaled::<TimestampSecondType>(array, |s| s.checked_mul(1_000_000)),
                Millisecond => scaled::<TimestampMillisecondType>(array, |ms| ms.checked_mul(1000)),
                Microsecond => scaled::<TimestampMicrosecondType>(array, Some),
                Nanosecond => scaled::<TimestampNanosecondType>(array, |ns| (ns % 1000 == 0).then_some(ns / 1000)),
            }?;
            Ok(Arc::new(micros.with_timezone_opt(to.clone())))
        }
        (DataType::Date64, DataType::Date32) => {
            let days = array.as_primitive::<Date64Type>().try_unary::<_, Date32Type, Error>(|ms| {
                let days = (ms % DAY_MS == 0).then_some(ms / DAY_MS).and_then(|days| i32::try_from(days).ok());
                days.ok_or_else(|| Error::invalid(format!("{ms} ms isn't a whole day of the calendar")))
            })?;
            Ok(Arc::new(days))
        }
        (DataType::Date32, DataType::Timestamp(Microsecond, None)) => {
            let micros =
                array.as_primitive::<Date32Type>().try_unary::<_, TimestampMicrosecondType, Error>(|days| {
                    let micros = i64::from(days).checked_mul(DAY_MICROS);
                    micros.ok_or_else(|| Error::invalid(format!("day {days} is beyond the range of timestamps")))
                })?;
            Ok(Arc::new(micros))
        }
        _ => plain_cast(array, target),
    }
}

/// The values of a dictionary or of runs, one for each row; any other array as it is.
///
/// # Errors
///
/// `InvalidRequest` for values that can't stand alone.
pub(crate) fn unencoded(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(_, values) => unencoded(&plain_cast(array, values)?),
        DataType::RunEndEncoded(_, values) => unencoded(&plain_cast(array, values.data_type())?),
        _ => Ok(Arc::clone(array)),
    }
}

fn scaled<T: ArrowPrimitiveType<Native = i64>>(
    array: &ArrayRef,
    micros: impl Fn(i64) -> Option<i64>,
) -> Result<PrimitiveArray<TimestampMicrosecondType>> {
    array.as_primitive::<T>().try_unary(|value| {
        micros(value).ok_or_else(|| {
            Error::invalid(format!("the time {value} ({}) isn't a whole microsecond in range", T::DATA_TYPE))
                .hint("truncate the times to microseconds first")
        })
    })
}

fn plain_cast(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, target, &strict).map_err(|error| {
        Error::invalid(format!("a value of type {} can't be had as {target}", array.data_type())).because(error)
    })
}

/// `array` as a `List` of the element type it has.
///
/// # Errors
///
/// `InvalidRequest` for what isn't a list of any layout, or has more elements than a `List` can.
pub(crate) fn as_list(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::List(_) => Ok(Arc::clone(array)),
        DataType::LargeList(element)
        | DataType::FixedSizeList(element, _)
        | DataType::ListView(element)
        | DataType::LargeListView(element) => cast(array, &DataType::List(Arc::clone(element)))
            .map_err(|error| Error::invalid("the list has more elements than fit a batch").because(error)),
        other => Err(Error::invalid(format!("{other} isn't a list"))),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Date32Array, Date64Array, DictionaryArray, Int64Array, StringArray, StringViewArray, TimestampMicrosecondArray,
        TimestampNanosecondArray, TimestampSecondArray, UInt32Array,
    };
    use arrow::datatypes::Int8Type;

    use super::*;

    fn utc() -> DataType {
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    }

    #[test]
    fn a_zone_is_dropped_and_the_instant_kept() {
        let given: ArrayRef =
            Arc::new(TimestampNanosecondArray::from(vec![Some(1_500_000), None, Some(-3000)]).with_timezone("+05:00"));
        let expected: ArrayRef =
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1500), None, Some(-3)]).with_timezone("UTC"));
        assert_eq!(&in_type(&given, &utc()).unwrap(), &expected);
    }

    #[test]
    fn what_would_be_cut_off_is_an_error() {
        let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1001]).with_timezone("UTC"));
        assert!(in_type(&times, &utc()).unwrap_err().message().contains("1001"));
        let seconds: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX]));
        assert!(in_type(&seconds, &DataType::Timestamp(TimeUnit::Microsecond, None)).is_err());
        let dates: ArrayRef = Arc::new(Date64Array::from(vec![DAY_MS + 1]));
        assert!(in_type(&dates, &DataType::Date32).is_err());
        let days: ArrayRef = Arc::new(Date32Array::from(vec![i32::MAX]));
        assert!(in_type(&days, &DataType::Timestamp(TimeUnit::Microsecond, None)).is_err());
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1 << 40]));
        assert!(in_type(&numbers, &DataType::Int32).is_err());
    }

    #[test]
    fn a_value_under_a_null_is_not_looked_at() {
        let times = TimestampNanosecondArray::new(vec![1, 2000].into(), Some(vec![false, true].into()));
        let given: ArrayRef = Arc::new(times);
        let micros = in_type(&given, &DataType::Timestamp(TimeUnit::Microsecond, None)).unwrap();
        assert!(micros.is_null(0));
        assert_eq!(micros.as_primitive::<TimestampMicrosecondType>().value(1), 2);
    }

    #[test]
    fn layouts_give_their_values() {
        let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("b")]));
        let views: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("b")]));
        let keyed: ArrayRef =
            Arc::new(vec![Some("a"), None, Some("b")].into_iter().collect::<DictionaryArray<Int8Type>>());
        for given in [views, keyed] {
            assert_eq!(&in_type(&given, &DataType::Utf8).unwrap(), &plain);
        }
        let unsigned: ArrayRef = Arc::new(UInt32Array::from(vec![u32::MAX]));
        let long: ArrayRef = Arc::new(Int64Array::from(vec![i64::from(u32::MAX)]));
        assert_eq!(&in_type(&unsigned, &DataType::Int64).unwrap(), &long);
    }
}
