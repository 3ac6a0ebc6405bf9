//! What bound does one JSON value give, in the type that the column has today?
//!
//! A bound is rounded outwards, never inwards, and a value that can't be one is `None`. The writers that are allowed
//! for, and how:
//!
//! | case | written | read |
//! |---|---|---|
//! | a | timestamps cut to milliseconds (all) | a max of whole milliseconds gains the rest of the millisecond (S1) |
//! | b | a max string that ends in U+FFFD (old Spark): above every UTF-16 unit, not above every character | ends in U+10FFFF |
//! | c | a max string cut within a surrogate pair (Spark): `?` before the tie-breaker | ends in U+10FFFF in its place |
//! | d | a max string cut without a tie-breaker | at 32 characters or more it gains U+10FFFF (S2) |
//! | e | decimals through a double (delta-rs) | widened by the error of a double where the digits allow that (L7) |
//! | f | float bounds of a column that is double today, as the float's shortest digits | the hull of both readings |
//! | g | zero of either sign | `0.0` (S3) |
//! | h | days before 1582-10-15 in the Julian calendar, and times before 1900 by local mean time (Spark 2) | widened by 13 days, 1 day |
//! | i | `"NaN"`, a date as a number, a number as a string | unknown (S7) |
//! | j | `"Infinity"`, `"-Infinity"` of floats (Spark) | what they say (S7) |

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanBuilder, LargeStringBuilder, PrimitiveBuilder, StringBuilder,
    StringViewBuilder, new_null_array,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use chrono::{Datelike, NaiveDate};

use super::column::StatsColumn;

/// Which bound a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Min,
    Max,
}

/// Whether a bound is widened where its writer may have cut it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    /// By the cases above: for pruning.
    Outwards,
    /// Only where the type can't hold what is written: to be written again.
    AsWritten,
}

/// Takes one JSON value per file, in order.
pub(super) trait BoundBuilder: fmt::Debug + Send {
    fn push(&mut self, json: Option<&str>);
    fn finish(&mut self) -> ArrayRef;
}

/// A builder of the bounds of `column` on one side, rounded outwards.
pub(super) fn builder(column: &StatsColumn, side: Side, num_files: usize) -> Box<dyn BoundBuilder> {
    rounding_builder(column, side, Rounding::Outwards, num_files)
}

/// A builder of the bounds of `column` on one side.
pub(super) fn rounding_builder(
    column: &StatsColumn,
    side: Side,
    rounding: Rounding,
    num_files: usize,
) -> Box<dyn BoundBuilder> {
    let outwards = rounding == Rounding::Outwards;
    let to = Target { data_type: column.data_type.clone(), num_files };
    match &column.data_type {
        DataType::Int8 => to.primitive::<Int8Type>(move |json| integer(json, side)?.try_into().ok()),
        DataType::Int16 => to.primitive::<Int16Type>(move |json| integer(json, side)?.try_into().ok()),
        DataType::Int32 => to.primitive::<Int32Type>(move |json| integer(json, side)?.try_into().ok()),
        DataType::Int64 => to.primitive::<Int64Type>(move |json| integer(json, side)),
        DataType::Float32 => to.primitive::<Float32Type>(float),
        DataType::Float64 if column.widened_from.contains(&DataType::Float32) => {
            to.primitive::<Float64Type>(move |json| {
                let exact = double(json)?;
                // Digits beyond a float's range were never a float's.
                Some(float(json).map_or(exact, |float| hull(exact, float, side)))
            })
        }
        DataType::Float64 => to.primitive::<Float64Type>(double),
        DataType::Decimal128(precision, scale) => {
            let into = DecimalType { precision: *precision, scale: *scale };
            to.primitive::<Decimal128Type>(move |json| into.bound_of(&Number::parse(json)?, side, rounding))
        }
        DataType::Date32 if outwards => to.primitive::<Date32Type>(move |json| outer_day(date(json)?, side)),
        DataType::Date32 => to.primitive::<Date32Type>(date),
        DataType::Timestamp(unit, zone) => {
            let into = TimestampType { unit: *unit, zoned: zone.is_some() };
            let parse = move |json: &str| into.parse(json, side, rounding);
            match unit {
                TimeUnit::Second => to.primitive::<TimestampSecondType>(parse),
                TimeUnit::Millisecond => to.primitive::<TimestampMillisecondType>(parse),
                TimeUnit::Microsecond => to.primitive::<TimestampMicrosecondType>(parse),
                TimeUnit::Nanosecond => to.primitive::<TimestampNanosecondType>(parse),
            }
        }
        // A minimum is taken as it is.
        DataType::Utf8 if !outwards => Box::new(Text { builder: StringBuilder::new(), side: Side::Min }),
        DataType::Utf8 => Box::new(Text { builder: StringBuilder::with_capacity(num_files, 0), side }),
        DataType::LargeUtf8 => Box::new(Text { builder: LargeStringBuilder::with_capacity(num_files, 0), side }),
        DataType::Utf8View => Box::new(Text { builder: StringViewBuilder::with_capacity(num_files), side }),
        DataType::Boolean => Box::new(Boolean(BooleanBuilder::with_capacity(num_files))),
        other => Box::new(Unknown { data_type: other.clone(), num_files: 0 }),
    }
}

struct Target {
    data_type: DataType,
    num_files: usize,
}

impl Target {
    fn primitive<T: ArrowPrimitiveType>(
        self,
        parse: impl Fn(&str) -> Option<T::Native> + Send + 'static,
    ) -> Box<dyn BoundBuilder> {
        let builder = PrimitiveBuilder::<T>::with_capacity(self.num_files).with_data_type(self.data_type);
        Box::new(Primitive { builder, parse })
    }
}

struct Primitive<T: ArrowPrimitiveType, F> {
    builder: PrimitiveBuilder<T>,
    parse: F,
}

impl<T: ArrowPrimitiveType, F> fmt::Debug for Primitive<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Primitive").field(&T::DATA_TYPE).finish()
    }
}

impl<T: ArrowPrimitiveType, F: Fn(&str) -> Option<T::Native> + Send> BoundBuilder for Primitive<T, F> {
    fn push(&mut self, json: Option<&str>) {
        self.builder.append_option(json.and_then(&self.parse));
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

#[derive(Debug)]
struct Text<B> {
    builder: B,
    side: Side,
}

macro_rules! text_builder {
    ($($builder:ty),*) => {
        $(
            impl BoundBuilder for Text<$builder> {
                fn push(&mut self, json: Option<&str>) {
                    self.builder.append_option(json.and_then(string).map(|text| outer_text(text, self.side)));
                }

                fn finish(&mut self) -> ArrayRef {
                    Arc::new(self.builder.finish())
                }
            }
        )*
    };
}

text_builder!(StringBuilder, LargeStringBuilder, StringViewBuilder);

#[derive(Debug)]
struct Boolean(BooleanBuilder);

impl BoundBuilder for Boolean {
    fn push(&mut self, json: Option<&str>) {
        self.0.append_option(json.and_then(boolean));
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// A type without an order that statistics could use.
#[derive(Debug)]
struct Unknown {
    data_type: DataType,
    num_files: usize,
}

impl BoundBuilder for Unknown {
    fn push(&mut self, _json: Option<&str>) {
        self.num_files += 1;
    }

    fn finish(&mut self) -> ArrayRef {
        new_null_array(&self.data_type, self.num_files)
    }
}

/// A count of rows.
pub(super) fn count(json: &str) -> Option<i64> {
    small_integer(json).filter(|count| *count >= 0)
}

pub(super) fn boolean(json: &str) -> Option<bool> {
    match json {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(json).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// An integer as nearly every writer writes it: at most 19 digits, nothing else.
fn small_integer(json: &str) -> Option<i64> {
    let digits = json.strip_prefix('-').unwrap_or(json);
    (digits.len() <= 19 && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(())?;
    json.parse().ok()
}

fn integer(json: &str, side: Side) -> Option<i64> {
    small_integer(json).or_else(|| Number::parse(json)?.at_scale(0, side)?.try_into().ok())
}

fn is_number(json: &str) -> bool {
    json.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && json.ends_with(|c: char| c.is_ascii_digit())
        && json.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'))
}

/// Case j.
fn infinity(json: &str) -> Option<f64> {
    match json {
        "\"Infinity\"" => Some(f64::INFINITY),
        "\"-Infinity\"" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn double(json: &str) -> Option<f64> {
    if let Some(infinity) = infinity(json) {
        return Some(infinity);
    }
    let value: f64 = is_number(json).then(|| json.parse().ok())??;
    value.is_finite().then_some(()).and_then(|()| settled_f64(value))
}

fn float(json: &str) -> Option<f32> {
    if let Some(infinity) = infinity(json) {
        return Some(infinity as f32);
    }
    let value: f32 = is_number(json).then(|| json.parse().ok())??;
    value.is_finite().then_some(()).and_then(|()| settled_f32(value))
}

/// Case g; no NaN.
pub(super) fn settled_f64(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value + 0.0)
}

/// Case g; no NaN.
pub(super) fn settled_f32(value: f32) -> Option<f32> {
    (!value.is_nan()).then_some(value + 0.0)
}

/// Case f: the outer one of what the digits say as a double and as a float.
pub(super) fn hull(double: f64, float: f32, side: Side) -> f64 {
    match side {
        Side::Min => double.min(float.into()),
        Side::Max => double.max(float.into()),
    }
}

/// A JSON number, exact: `mantissa · 10^exponent`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Number {
    mantissa: i128,
    exponent: i32,
}

impl Number {
    fn parse(json: &str) -> Option<Number> {
        let (digits, exponent) = match json.split_once(['e', 'E']) {
            Some((digits, exponent)) => {
                let plain = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                plain.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
                (digits, exponent.parse::<i32>().ok()?)
            }
            None => (json, 0),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (digits, ""),
        };
        let (negative, whole) = whole.strip_prefix('-').map_or((false, whole), |whole| (true, whole));
        (!whole.is_empty()).then_some(())?;
        let mut mantissa = 0_i128;
        for byte in whole.bytes().chain(fraction.bytes()) {
            byte.is_ascii_digit().then_some(())?;
            mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
        }
        let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Some(Number { mantissa: if negative { -mantissa } else { mantissa }, exponent })
    }

    /// In units of `10^-scale`, rounded outwards.
    fn at_scale(&self, scale: i32, side: Side) -> Option<i128> {
        let shift = self.exponent.checked_add(scale)?;
        if self.mantissa == 0 || shift == 0 {
            return Some(self.mantissa);
        }
        if shift > 0 {
            return self.mantissa.checked_mul(10_i128.checked_pow(shift.unsigned_abs())?);
        }
        // Where the power overflows the quotient lies strictly between -1 and 1.
        let divisor = 10_i128.checked_pow(shift.unsigned_abs()).unwrap_or(i128::MAX);
        let floor = self.mantissa.div_euclid(divisor);
        Some(if side == Side::Max && floor * divisor != self.mantissa { floor + 1 } else { floor })
    }
}

/// Digits that say something: without zeros at the end.
fn significant_digits(mantissa: i128) -> usize {
    let text = mantissa.unsigned_abs().to_string();
    text.trim_end_matches('0').len()
}

/// A decimal column's type.
#[derive(Clone, Copy, Debug)]
pub(super) struct DecimalType {
    pub(super) precision: u8,
    pub(super) scale: i8,
}

impl DecimalType {
    fn bound_of(self, number: &Number, side: Side, rounding: Rounding) -> Option<i128> {
        let unscaled = number.at_scale(self.scale.into(), side)?;
        if rounding == Rounding::AsWritten {
            let limit = 10_i128.checked_pow(self.precision.into())?;
            return (unscaled > -limit && unscaled < limit).then_some(unscaled);
        }
        self.outer(unscaled, significant_digits(number.mantissa), side)
    }

    /// Case e. A double gives back 15 digits as they were and never prints more than 17; reading the unscaled number,
    /// dividing it and printing it each add at most half a unit in its 53 bits.
    pub(super) fn outer(self, unscaled: i128, significant: usize, side: Side) -> Option<i128> {
        let exact = significant > 17 || (significant <= 15 && unscaled.unsigned_abs() <= 1_000_000_000_000_000);
        let slack = if exact || self.precision <= 15 { 0 } else { (unscaled.abs() >> 51) + 1 };
        let outer = match side {
            Side::Min => unscaled - slack,
            Side::Max => unscaled + slack,
        };
        let limit = 10_i128.checked_pow(self.precision.into())?;
        if (-limit..=limit).contains(&unscaled) { Some(outer.clamp(1 - limit, limit - 1)) } else { None }
    }

    /// [`DecimalType::outer`] of a number that isn't text.
    pub(super) fn outer_of_unscaled(self, unscaled: i128, side: Side) -> Option<i128> {
        self.outer(unscaled, significant_digits(unscaled), side)
    }
}

/// Cases b, c, d for a maximum; a minimum that is cut off is a bound as it is.
pub(super) fn outer_text(text: Cow<'_, str>, side: Side) -> Cow<'_, str> {
    const LAST: char = char::MAX;
    if side == Side::Min {
        return text;
    }
    if let Some(prefix) = text.strip_suffix(['\u{fffd}', LAST]) {
        let prefix = prefix.strip_suffix('?').unwrap_or(prefix);
        return Cow::Owned(format!("{prefix}{LAST}"));
    }
    let maybe_cut = text.len() >= 32 && text.chars().count() >= 32;
    if maybe_cut { Cow::Owned(format!("{text}{LAST}")) } else { text }
}

fn date(json: &str) -> Option<i32> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    let (date, rest) = calendar_day(text)?;
    rest.is_empty().then_some(days_since_epoch(date))
}

/// 1582-10-15, the first day of the Gregorian calendar.
const FIRST_GREGORIAN_DAY: i32 = -141_427;
/// Year 1 to there the calendars are at most so many days apart.
const JULIAN_DAYS: i32 = 13;
/// 0001-01-01; before it no engine agrees with another.
const FIRST_DAY: i32 = -719_162;
/// 1900-01-01.
const FIRST_DAY_OF_ZONES: i32 = -25_567;

/// Case h, for dates.
pub(super) fn outer_day(day: i32, side: Side) -> Option<i32> {
    let slack = if day < FIRST_GREGORIAN_DAY { JULIAN_DAYS } else { 0 };
    let outer = if side == Side::Min { day.checked_sub(slack)? } else { day.checked_add(slack)? };
    (day >= FIRST_DAY).then_some(outer)
}

/// Case h, for timestamps.
fn outer_nanoseconds(nanoseconds: i128, side: Side) -> Option<i128> {
    let day = i32::try_from(nanoseconds.div_euclid(NS_PER_DAY)).ok()?;
    let slack = if day < FIRST_GREGORIAN_DAY {
        i128::from(JULIAN_DAYS) * NS_PER_DAY
    } else if day < FIRST_DAY_OF_ZONES {
        NS_PER_DAY
    } else {
        0
    };
    let outer = if side == Side::Min { nanoseconds - slack } else { nanoseconds + slack };
    (day >= FIRST_DAY).then_some(outer)
}

fn days_since_epoch(date: NaiveDate) -> i32 {
    const EPOCH_FROM_CE: i32 = 719_163;
    date.num_days_from_ce() - EPOCH_FROM_CE
}

/// A date at the start of `text`, and what follows it. Years have four digits, or more after a sign.
fn calendar_day(text: &str) -> Option<(NaiveDate, &str)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (year, rest) = unsigned.split_once('-')?;
    (4..=6).contains(&year.len()).then_some(())?;
    let year = i32::try_from(digits(year)?).ok()?;
    let year = if text.starts_with('-') { -year } else { year };
    let month = digits(rest.get(..2)?)?;
    let day = digits(rest.get(2..)?.strip_prefix('-')?.get(..2)?)?;
    Some((NaiveDate::from_ymd_opt(year, month, day)?, rest.get(5..)?))
}

fn digits(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A timestamp column's type.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimestampType {
    pub(super) unit: TimeUnit,
    pub(super) zoned: bool,
}

impl TimestampType {
    /// Ticks of the type. An instant needs a zone; a wall-clock time has none, or UTC as some writers add it. A date
    /// is midnight, for a column that was widened from dates.
    fn parse(self, json: &str, side: Side, rounding: Rounding) -> Option<i64> {
        let nanoseconds = self.nanoseconds(json, side)?;
        match rounding {
            Rounding::Outwards => self.ticks_of(nanoseconds, side),
            Rounding::AsWritten => self.ticks_around(nanoseconds, side),
        }
    }

    fn nanoseconds(self, json: &str, side: Side) -> Option<i128> {
        let text = json.strip_prefix('"')?.strip_suffix('"')?;
        let (date, rest) = calendar_day(text)?;
        let days = i128::from(days_since_epoch(date));
        if rest.is_empty() {
            return (!self.zoned).then_some(days * NS_PER_DAY);
        }
        let (of_day, zone) = nanoseconds_of_day(rest.strip_prefix(['T', ' '])?, side)?;
        let offset_minutes = match (zone.trim_start(), self.zoned) {
            ("", true) => return None,
            ("", false) => 0,
            (zone, true) => minutes_east(zone)?,
            (zone, false) => minutes_east(zone).filter(|minutes| *minutes == 0)?,
        };
        Some(days * NS_PER_DAY + i128::from(of_day) - i128::from(offset_minutes) * 60 * NS_PER_SECOND)
    }

    pub(super) fn ticks_per_second(self) -> i64 {
        match self.unit {
            TimeUnit::Second => 1,
            TimeUnit::Millisecond => 1_000,
            TimeUnit::Microsecond => 1_000_000,
            TimeUnit::Nanosecond => 1_000_000_000,
        }
    }

    pub(super) fn ticks_of(self, nanoseconds: i128, side: Side) -> Option<i64> {
        Some(self.outer(self.ticks_around(outer_nanoseconds(nanoseconds, side)?, side)?, side))
    }

    /// The tick at or beyond a time.
    fn ticks_around(self, nanoseconds: i128, side: Side) -> Option<i64> {
        let tick = NS_PER_SECOND / i128::from(self.ticks_per_second());
        let floor = nanoseconds.div_euclid(tick);
        let cut = side == Side::Max && floor * tick != nanoseconds;
        i64::try_from(if cut { floor + 1 } else { floor }).ok()
    }

    /// Case a.
    fn outer(self, ticks: i64, side: Side) -> i64 {
        let per_ms = self.ticks_per_second() / 1_000;
        if side == Side::Min || per_ms <= 1 || ticks.rem_euclid(per_ms) != 0 {
            return ticks;
        }
        ticks.saturating_add(per_ms - 1)
    }
}

const NS_PER_SECOND: i128 = 1_000_000_000;
const NS_PER_DAY: i128 = 86_400 * NS_PER_SECOND;

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fraction` as nanoseconds, and what follows it.
fn nanoseconds_of_day(text: &str, side: Side) -> Option<(i64, &str)> {
    let hour = digits(text.get(..2)?).filter(|h| *h < 24)?;
    let minute = digits(text.get(2..)?.strip_prefix(':')?.get(..2)?).filter(|m| *m < 60)?;
    let mut rest = text.get(5..)?;
    let mut second = 0;
    let mut nanosecond = 0;
    if let Some(after) = rest.strip_prefix(':') {
        second = digits(after.get(..2)?).filter(|s| *s < 60)?;
        rest = after.get(2..)?;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let (fraction, after) = after.split_at(end);
            nanosecond = nanoseconds_of_fraction(fraction, side)?;
            rest = after;
        }
    }
    let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    Some((seconds * 1_000_000_000 + nanosecond, rest))
}

fn nanoseconds_of_fraction(fraction: &str, side: Side) -> Option<i64> {
    (!fraction.is_empty()).then_some(())?;
    let kept = &fraction[..fraction.len().min(9)];
    let nanoseconds = i64::from(digits(kept)?) * 10_i64.pow(u32::try_from(9 - kept.len()).ok()?);
    let cut = fraction.bytes().skip(9).any(|b| b != b'0');
    Some(nanoseconds + i64::from(cut && side == Side::Max))
}

/// `Z`, `UTC`, or an offset `+HH`, `+HHMM`, `+HH:MM` of either sign.
fn minutes_east(zone: &str) -> Option<i32> {
    if matches!(zone, "Z" | "z" | "UTC") {
        return Some(0);
    }
    let offset = zone.strip_prefix(['+', '-'])?;
    let hours = digits(offset.get(..2)?).filter(|h| *h <= 18)?;
    let minutes = match offset.get(2..)? {
        "" => 0,
        rest => {
            let minutes = rest.strip_prefix(':').unwrap_or(rest);
            (minutes.len() == 2).then(|| digits(minutes))?.filter(|m| *m < 60)?
        }
    };
    let minutes = i32::try_from(hours * 60 + minutes).ok()?;
    Some(if zone.starts_with('-') { -minutes } else { minutes })
}
