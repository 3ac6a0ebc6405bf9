//! The smallest and largest values of one leaf, in memory that doesn't grow with the file.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

use arrow::array::{Array, AsArray, PrimitiveArray};
use arrow::compute::{self, cast};
use arrow::datatypes::{
    ArrowNumericType, DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use chrono::{DateTime, Datelike, NaiveDate, Timelike};

use crate::{Error, Result};

/// Strings are cut to this many characters.
const STRING_PREFIX_CHARS: usize = 32;
/// How far a maximum may run on in search of a character that a tie-breaker exceeds.
const STRING_LIMIT_CHARS: usize = 2 * STRING_PREFIX_CHARS;
/// The tie-breaker above every ASCII character but itself.
const ASCII_TIE_BREAKER: char = '\u{7f}';
/// The tie-breaker above every other character but itself.
const TIE_BREAKER: char = char::MAX;
/// A decimal of at most so many digits survives a reader that parses it as a double.
const DOUBLE_DIGITS: usize = 15;
const MS_PER_DAY: i64 = 86_400_000;

/// A value of a leaf, reduced to what a bound needs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Integer(i64),
    Float(f64),
    Decimal {
        unscaled: i128,
        scale: u8,
    },
    /// The first [`STRING_LIMIT_CHARS`] characters and one more: cutting keeps the order, so the bounds of the cut
    /// values are the cut bounds.
    Text(String),
    /// Days since 1970-01-01.
    Date(i64),
    Timestamp {
        ticks: i64,
        per_second: i64,
        zoned: Zoned,
    },
}

/// Whether a timestamp is an instant or a wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zoned {
    Utc,
    WallClock,
}

impl Value {
    /// The order within one type; `None` across types.
    fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Integer(a), Value::Integer(b)) | (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
            (Value::Float(a), Value::Float(b)) => Some(a.total_cmp(b)),
            (Value::Decimal { unscaled: a, scale: s }, Value::Decimal { unscaled: b, scale: t }) if s == t => {
                Some(a.cmp(b))
            }
            (Value::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (
                Value::Timestamp { ticks: a, per_second: p, zoned: y },
                Value::Timestamp { ticks: b, per_second: q, zoned: z },
            ) if p == q && y == z => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// What is known of a leaf's values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Bounds {
    /// No value that isn't null was seen.
    #[default]
    Empty,
    /// Every value lies between the two.
    Range { min: Value, max: Value },
    /// The type has no bounds, or a NaN was seen.
    Unbounded,
}

impl Bounds {
    /// The bounds of the values of `array` that aren't null.
    pub(super) fn of(array: &dyn Array) -> Result<Bounds> {
        let bounds = match array.data_type() {
            DataType::Int8 => numeric::<Int8Type>(array, |v| Value::Integer(v.into())),
            DataType::Int16 => numeric::<Int16Type>(array, |v| Value::Integer(v.into())),
            DataType::Int32 => numeric::<Int32Type>(array, |v| Value::Integer(v.into())),
            DataType::Int64 => numeric::<Int64Type>(array, Value::Integer),
            DataType::Float32 => numeric::<Float32Type>(array, |v| Value::Float(v.into())),
            DataType::Float64 => numeric::<Float64Type>(array, Value::Float),
            DataType::Date32 => numeric::<Date32Type>(array, |v| Value::Date(v.into())),
            DataType::Date64 => numeric::<Date64Type>(array, |v| Value::Date(v.div_euclid(MS_PER_DAY))),
            DataType::Decimal32(_, s) => {
                decimal(*s, |scale| numeric::<Decimal32Type>(array, |v| Value::Decimal { unscaled: v.into(), scale }))
            }
            DataType::Decimal64(_, s) => {
                decimal(*s, |scale| numeric::<Decimal64Type>(array, |v| Value::Decimal { unscaled: v.into(), scale }))
            }
            DataType::Decimal128(_, s) => {
                decimal(*s, |scale| numeric::<Decimal128Type>(array, |v| Value::Decimal { unscaled: v, scale }))
            }
            DataType::Timestamp(unit, zone) => {
                let zoned = if zone.is_some() { Zoned::Utc } else { Zoned::WallClock };
                timestamp(array, *unit, zoned)
            }
            DataType::Utf8 => text(
                array.as_string_opt::<i32>().and_then(|a| compute::min_string(a)),
                array.as_string_opt::<i32>().and_then(|a| compute::max_string(a)),
            ),
            DataType::LargeUtf8 => text(
                array.as_string_opt::<i64>().and_then(|a| compute::min_string(a)),
                array.as_string_opt::<i64>().and_then(|a| compute::max_string(a)),
            ),
            DataType::Utf8View => text(
                array.as_string_view_opt().and_then(compute::min_string_view),
                array.as_string_view_opt().and_then(compute::max_string_view),
            ),
            DataType::Dictionary(_, values) => {
                let plain = cast(array, values)
                    .map_err(|e| Error::invalid("can't unpack a dictionary column for its statistics").because(e))?;
                return Bounds::of(&plain);
            }
            _ => Bounds::Unbounded,
        };
        Ok(bounds)
    }

    /// The bounds of both together; an error when they are of two types.
    pub(super) fn and(self, other: Bounds) -> Result<Bounds> {
        match (self, other) {
            (Bounds::Unbounded, _) | (_, Bounds::Unbounded) => Ok(Bounds::Unbounded),
            (Bounds::Empty, known) | (known, Bounds::Empty) => Ok(known),
            (Bounds::Range { min: a, max: b }, Bounds::Range { min: c, max: d }) => {
                let (Some(low), Some(high)) = (a.compare(&c), b.compare(&d)) else {
                    return Err(Error::invalid("two batches of one file differ in the type of a column"));
                };
                let min = if low.is_gt() { c } else { a };
                let max = if high.is_lt() { d } else { b };
                Ok(Bounds::Range { min, max })
            }
        }
    }

    /// The two bounds as JSON values, each where there is one that can be written.
    pub(super) fn to_json(&self) -> (Option<String>, Option<String>) {
        let Bounds::Range { min, max } = self else { return (None, None) };
        match (min, max) {
            // Sail takes equal bounds for the value, and reads it through a double.
            (Value::Decimal { unscaled, .. }, _) if min == max && digits(*unscaled) > DOUBLE_DIGITS => (None, None),
            _ => (min_to_json(min), max_to_json(max)),
        }
    }
}

/// Writes the lower bound of the value at `row`, which isn't null, as JSON, as of its array alone and without making
/// that; whether there is one. Where there is none, nothing is written.
///
/// # Errors
/// As [`Bounds::of`].
pub(super) fn write_min_of_row(array: &dyn Array, row: usize, out: &mut String) -> Result<bool> {
    match value_at(array, row) {
        Some(Simple::Text(text)) => Ok(write_min_of_text(text, out)),
        Some(Simple::Other(value)) => Ok(write_min(&value, out)),
        None => Ok(append(out, Bounds::of(&array.slice(row, 1))?.to_json().0)),
    }
}

/// The upper bound, likewise.
///
/// # Errors
/// As [`Bounds::of`].
pub(super) fn write_max_of_row(array: &dyn Array, row: usize, out: &mut String) -> Result<bool> {
    match value_at(array, row) {
        Some(Simple::Text(text)) => Ok(write_max_of_text(text, out)),
        Some(Simple::Other(value)) => Ok(write_max(&value, out)),
        None => Ok(append(out, Bounds::of(&array.slice(row, 1))?.to_json().1)),
    }
}

fn append(out: &mut String, json: Option<String>) -> bool {
    json.is_some_and(|json| {
        out.push_str(&json);
        true
    })
}

/// A value of the types that tables have most.
enum Simple<'a> {
    Text(&'a str),
    Other(Value),
}

/// `None` for other types.
fn value_at(array: &dyn Array, row: usize) -> Option<Simple<'_>> {
    Some(Simple::Other(match array.data_type() {
        DataType::Int32 => Value::Integer(array.as_primitive_opt::<Int32Type>()?.value(row).into()),
        DataType::Int64 => Value::Integer(array.as_primitive_opt::<Int64Type>()?.value(row)),
        DataType::Float64 => Value::Float(array.as_primitive_opt::<Float64Type>()?.value(row)),
        DataType::Date32 => Value::Date(array.as_primitive_opt::<Date32Type>()?.value(row).into()),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => Value::Timestamp {
            ticks: array.as_primitive_opt::<TimestampMicrosecondType>()?.value(row),
            per_second: 1_000_000,
            zoned: if zone.is_some() { Zoned::Utc } else { Zoned::WallClock },
        },
        DataType::Utf8 => return Some(Simple::Text(array.as_string_opt::<i32>()?.value(row))),
        _ => return None,
    }))
}

fn numeric<T: ArrowNumericType>(array: &dyn Array, value: impl Fn(T::Native) -> Value) -> Bounds {
    let Some(array): Option<&PrimitiveArray<T>> = array.as_primitive_opt() else { return Bounds::Unbounded };
    let (Some(min), Some(max)) = (compute::min(array), compute::max(array)) else { return Bounds::Empty };
    let (min, max) = (value(min), value(max));
    // The kernels order NaN by its sign below or above every number, so one NaN is enough to be a bound.
    if [&min, &max].iter().any(|v| matches!(v, Value::Float(f) if f.is_nan())) {
        return Bounds::Unbounded;
    }
    Bounds::Range { min, max }
}

/// A negative scale isn't a Delta type.
fn decimal(scale: i8, bounds: impl FnOnce(u8) -> Bounds) -> Bounds {
    u8::try_from(scale).map_or(Bounds::Unbounded, bounds)
}

fn timestamp(array: &dyn Array, unit: TimeUnit, zoned: Zoned) -> Bounds {
    let at = |per_second| move |ticks| Value::Timestamp { ticks, per_second, zoned };
    match unit {
        TimeUnit::Second => numeric::<TimestampSecondType>(array, at(1)),
        TimeUnit::Millisecond => numeric::<TimestampMillisecondType>(array, at(1_000)),
        TimeUnit::Microsecond => numeric::<TimestampMicrosecondType>(array, at(1_000_000)),
        TimeUnit::Nanosecond => numeric::<TimestampNanosecondType>(array, at(1_000_000_000)),
    }
}

fn text(min: Option<&str>, max: Option<&str>) -> Bounds {
    let kept = |s: &str| Value::Text(first_chars(s, STRING_LIMIT_CHARS + 1).to_owned());
    match (min, max) {
        (Some(min), Some(max)) => Bounds::Range { min: kept(min), max: kept(max) },
        _ => Bounds::Empty,
    }
}

fn min_to_json(min: &Value) -> Option<String> {
    let mut json = String::new();
    write_min(min, &mut json).then_some(json)
}

fn max_to_json(max: &Value) -> Option<String> {
    let mut json = String::new();
    write_max(max, &mut json).then_some(json)
}

/// Writes a lower bound; whether there is one.
fn write_min(min: &Value, out: &mut String) -> bool {
    match min {
        Value::Float(v) if *v == 0.0 => append(out, Some("-0.0".to_owned())),
        Value::Text(s) => write_min_of_text(s, out),
        Value::Timestamp { ticks, per_second, zoned } => {
            write_time(floor_div(i128::from(*ticks) * 1_000, *per_second), *zoned, out)
        }
        other => write_exact(other, out),
    }
}

/// Writes an upper bound; whether there is one.
fn write_max(max: &Value, out: &mut String) -> bool {
    match max {
        Value::Float(v) if *v == 0.0 => append(out, Some("0.0".to_owned())),
        Value::Text(s) => write_max_of_text(s, out),
        Value::Timestamp { ticks, per_second, zoned } => {
            write_time(-floor_div(-(i128::from(*ticks) * 1_000), *per_second), *zoned, out)
        }
        other => write_exact(other, out),
    }
}

fn write_min_of_text(text: &str, out: &mut String) -> bool {
    write_string(first_chars(text, STRING_PREFIX_CHARS), out)
}

fn write_max_of_text(text: &str, out: &mut String) -> bool {
    ceiling_of_text(first_chars(text, STRING_LIMIT_CHARS + 1)).is_some_and(|ceiling| write_string(&ceiling, out))
}

/// Writes a string in quotes, without a copy of it where nothing in it has to be escaped.
fn write_string(text: &str, out: &mut String) -> bool {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        return append(out, serde_json::to_string(text).ok());
    }
    out.push('"');
    out.push_str(text);
    out.push('"');
    true
}

/// Writes a value as it is. What JSON, or a date of four-digit years, can't say is left out.
fn write_exact(value: &Value, out: &mut String) -> bool {
    match value {
        Value::Integer(v) => {
            write_integer(*v, out);
            true
        }
        // A float goes out with the digits of its double: it reads back as itself in either type, also after the
        // column is widened.
        Value::Float(v) if v.is_finite() => append(out, serde_json::to_string(v).ok()),
        Value::Decimal { unscaled, scale } => append(out, Some(decimal_text(*unscaled, *scale))),
        Value::Date(days) => {
            let date = i32::try_from(*days).ok().and_then(NaiveDate::from_epoch_days).filter(in_four_digits);
            date.is_some_and(|date| {
                out.push('"');
                write_date(date, out);
                out.push('"');
                true
            })
        }
        Value::Float(_) | Value::Text(_) | Value::Timestamp { .. } => false,
    }
}

/// Writes a whole number.
pub(super) fn write_integer(value: i64, out: &mut String) {
    // Writing to a string doesn't fail.
    let _ = write!(out, "{value}");
}

/// Without strftime, which parses its pattern for every value, and without `Display`, which pads each part anew.
fn write_date(date: NaiveDate, out: &mut String) {
    let year = date.year().unsigned_abs();
    write_digits(year / 100, out);
    write_digits(year % 100, out);
    out.push('-');
    write_digits(date.month(), out);
    out.push('-');
    write_digits(date.day(), out);
}

/// Two digits.
fn write_digits(number: u32, out: &mut String) {
    out.push(char::from(b'0' + (number / 10 % 10) as u8));
    out.push(char::from(b'0' + (number % 10) as u8));
}

fn write_time(ms: i128, zoned: Zoned, out: &mut String) -> bool {
    let time = i64::try_from(ms).ok().and_then(DateTime::from_timestamp_millis).map(|time| time.naive_utc());
    let Some(time) = time.filter(|time| in_four_digits(&time.date())) else { return false };
    out.push('"');
    write_date(time.date(), out);
    for (before, number) in [('T', time.hour()), (':', time.minute()), (':', time.second())] {
        out.push(before);
        write_digits(number, out);
    }
    let ms = time.and_utc().timestamp_subsec_millis();
    out.push('.');
    write_digits(ms / 10, out);
    out.push(char::from(b'0' + (ms % 10) as u8));
    if zoned == Zoned::Utc {
        out.push('Z');
    }
    out.push('"');
    true
}

fn in_four_digits(date: &NaiveDate) -> bool {
    (1..=9999).contains(&date.year())
}

/// At least every value that starts as `s` does. `None` when no tie-breaker exceeds what is cut off (pitfall S2).
fn ceiling_of_text(s: &str) -> Option<Cow<'_, str>> {
    let mut chars = s.char_indices().skip(STRING_PREFIX_CHARS).peekable();
    if chars.peek().is_none() {
        return Some(Cow::Borrowed(s));
    }
    let (at, cut) = chars.find(|(_, c)| *c != TIE_BREAKER)?;
    let tie_breaker = if cut < ASCII_TIE_BREAKER { ASCII_TIE_BREAKER } else { TIE_BREAKER };
    Some(Cow::Owned(format!("{}{tie_breaker}", &s[..at])))
}

fn first_chars(s: &str, count: usize) -> &str {
    s.char_indices().nth(count).map_or(s, |(end, _)| &s[..end])
}

fn floor_div(dividend: i128, divisor: i64) -> i128 {
    dividend.div_euclid(divisor.into())
}

fn digits(unscaled: i128) -> usize {
    unscaled.unsigned_abs().to_string().len()
}

/// Every digit of a decimal, in plain notation.
fn decimal_text(unscaled: i128, scale: u8) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}
