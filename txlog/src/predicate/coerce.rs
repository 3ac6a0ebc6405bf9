//! In which type can a column and a literal be compared without loss?
//!
//! | | column | literal | compared as |
//! |---|---|---|---|
//! | a | any | of the same type | it is |
//! | b | integer | integer | the wider of the two; unsigned 64 bit as decimal |
//! | c | integer, decimal | integer, decimal | a decimal with the digits of both |
//! | d | float, double | float, double | double, unless both are float |
//! | e | float, double | integer up to 2^53 | double |
//! | f | integer | float, double | double; a long only against literals below 2^53, where its rounding can't matter |
//! | g | float, double | decimal of up to 2^53 unscaled | double, as in Spark |
//! | h | date, timestamp_ntz | timestamp_ntz, date | timestamp_ntz in the finer unit |
//! | i | timestamp | timestamp, both with or both without a zone | the finer unit |
//! | j | string, binary | the same in another layout | the column's layout |
//!
//! Every other pair can't be compared, and the condition is unknown.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, TimeUnit};

use super::facts::{Facts, settled};

/// Integers from here on aren't all doubles.
const DOUBLE_INTEGERS: i64 = 1 << 53;
/// The largest power of ten that is a double.
const MAX_DOUBLE_SCALE: i8 = 22;

/// The bounds and the literals in one type, NULLs of the literals kept; `None` where there is no such type.
pub(super) fn coerce(facts: &Facts, literals: &ArrayRef) -> Option<(Facts, ArrayRef)> {
    let from = facts.min.data_type();
    let to = common_type(value_type(from), literals)?;
    let converted = if *literals.data_type() == to { literals.clone() } else { cast(literals, &to).ok()? };
    if converted.null_count() != literals.logical_null_count() {
        return None;
    }
    let bound = |array: &ArrayRef| if *from == to { Some(array.clone()) } else { cast(array, &to).ok() };
    let max_number = match &facts.max_number {
        Some(max) => Some(bound(max)?),
        None => None,
    };
    let facts = Facts { min: bound(&facts.min)?, max: bound(&facts.max)?, max_number, ..facts.clone() };
    Some((facts, settled(&converted)))
}

fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

fn common_type(column: &DataType, literals: &ArrayRef) -> Option<DataType> {
    use DataType::{Date32, Float32, Float64, Int64, Timestamp};
    let literal = value_type(literals.data_type());
    if column == literal {
        return Some(column.clone()); // a
    }
    match (column, literal) {
        (Float32 | Float64, Float32 | Float64) => Some(Float64), // d
        (Float32 | Float64, number) if number.is_integer() => integers_within(literals, DOUBLE_INTEGERS), // e
        (Int64, Float32 | Float64) => doubles_within(literals),  // f
        (number, Float32 | Float64) if number.is_signed_integer() => Some(Float64), // f
        (Float32 | Float64, number) => decimals_as_doubles(number, literals), // g
        (Timestamp(unit, None), Date32) | (Date32, Timestamp(unit, None)) => {
            Some(Timestamp(finer(*unit, TimeUnit::Microsecond), None)) // h
        }
        (Timestamp(unit, zone), Timestamp(other, other_zone)) if zone.is_some() == other_zone.is_some() => {
            Some(Timestamp(finer(*unit, *other), zone.clone())) // i
        }
        (text, other) if text.is_string() && other.is_string() => Some(text.clone()), // j
        (bytes, other) if bytes.is_binary() && other.is_binary() => Some(bytes.clone()), // j
        (number, other) => exact_number(number, other),                               // b, c
    }
}

/// Integers and decimals: a type that holds every value of both.
fn exact_number(a: &DataType, b: &DataType) -> Option<DataType> {
    if a.is_integer() && b.is_integer() && *a != DataType::UInt64 && *b != DataType::UInt64 {
        return Some(DataType::Int64);
    }
    let ((whole_a, scale_a), (whole_b, scale_b)) = (decimal_digits(a)?, decimal_digits(b)?);
    let scale = scale_a.max(scale_b);
    let precision = u8::try_from(whole_a.max(whole_b) + scale).ok()?;
    let scale = i8::try_from(scale).ok()?;
    match precision {
        0..=38 => Some(DataType::Decimal128(precision, scale)),
        39..=76 => Some(DataType::Decimal256(precision, scale)),
        _ => None,
    }
}

/// Digits before and after the point.
fn decimal_digits(data_type: &DataType) -> Option<(i16, i16)> {
    match data_type {
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s)
            if *s >= 0 =>
        {
            Some((i16::from(*p) - i16::from(*s), i16::from(*s)))
        }
        integer if integer.is_integer() => Some((20, 0)),
        _ => None,
    }
}

/// Double, if every integer is at most `limit` away from 0.
fn integers_within(literals: &ArrayRef, limit: i64) -> Option<DataType> {
    let longs = cast(literals, &DataType::Int64).ok()?;
    let fits = longs.null_count() == literals.logical_null_count();
    let small = longs.as_primitive_opt::<Int64Type>()?.iter().flatten().all(|v| (-limit..=limit).contains(&v));
    (fits && small).then_some(DataType::Float64)
}

/// Double, if every finite literal is less than 2^53 away from 0: a long beyond rounds to a double beyond.
fn doubles_within(literals: &ArrayRef) -> Option<DataType> {
    let doubles = cast(literals, &DataType::Float64).ok()?;
    let limit = 9_007_199_254_740_992.0;
    let small = doubles.as_primitive_opt::<Float64Type>()?.iter().flatten().all(|v| !v.is_finite() || v.abs() < limit);
    small.then_some(DataType::Float64)
}

/// Double, if the division that makes the doubles rounds once only.
fn decimals_as_doubles(literal: &DataType, literals: &ArrayRef) -> Option<DataType> {
    let DataType::Decimal128(_, 0..=MAX_DOUBLE_SCALE) = literal else { return None };
    let limit = i128::from(DOUBLE_INTEGERS);
    let small = literals.as_primitive_opt::<Decimal128Type>()?.iter().flatten().all(|v| (-limit..=limit).contains(&v));
    small.then_some(DataType::Float64)
}

fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    a.max(b)
}
