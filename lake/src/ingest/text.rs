//! Which value a text stands for, exactly: a text that a type can't hold without loss is no value of it.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// Days from 0001-01-01 (day 1 of the common era) to 1970-01-01.
const EPOCH_DAYS_FROM_CE: i32 = 719_163;
/// Microseconds of one minute.
const MINUTE_US: i64 = 60_000_000;

/// Whether a timestamp's text says its offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// It does: the text is an instant.
    Given,
    /// It doesn't: the text is what a clock on some wall shows.
    Absent,
}

/// `true` or `false`, in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// A finite number, or one of the spellings of not-a-number and the infinities. A text too large for a double is none.
pub(super) fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" | "nan" | "NAN" => return Some(f64::NAN),
        "Infinity" | "inf" | "Inf" | "+Infinity" | "+inf" => return Some(f64::INFINITY),
        "-Infinity" | "-inf" | "-Inf" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    // Rust's parser takes words as well ("infinity"); only the spellings above are meant.
    if !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E')) {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// As [`double`], for a single-precision number.
pub(super) fn float(text: &str) -> Option<f32> {
    match double(text)? {
        wide if wide.is_nan() => Some(f32::NAN),
        f64::INFINITY => Some(f32::INFINITY),
        f64::NEG_INFINITY => Some(f32::NEG_INFINITY),
        _ => text.parse::<f32>().ok().filter(|value| value.is_finite()),
    }
}

/// `yyyy-mm-dd`, as days since 1970-01-01.
pub(super) fn date(text: &str) -> Option<i32> {
    use chrono::Datelike;
    let bytes = text.as_bytes();
    if bytes.len() != 10 {
        return None;
    }
    Some(naive_date(bytes)?.num_days_from_ce() - EPOCH_DAYS_FROM_CE)
}

/// `yyyy-mm-dd`, then `T` or a space, `hh:mm[:ss[.f…]]`, and an offset (`Z`, `±hh`, `±hhmm`, `±hh:mm`) or none;
/// as microseconds since 1970-01-01T00:00 (UTC where an offset is given). Digits below a microsecond must be zero.
pub(super) fn timestamp(text: &str) -> Option<(i64, Zone)> {
    let bytes = text.as_bytes();
    let date = naive_date(bytes.get(..10)?)?;
    if !matches!(bytes.get(10)?, b'T' | b't' | b' ') {
        return None;
    }
    let rest = bytes.get(11..)?;
    let (hour, minute) = (two_digits(rest, 0)?, two_digits(rest, 3)?);
    if *rest.get(2)? != b':' {
        return None;
    }
    let mut at = 5;
    let (mut second, mut micros) = (0, 0);
    if rest.get(at) == Some(&b':') {
        second = two_digits(rest, at + 1)?;
        at += 3;
        if rest.get(at) == Some(&b'.') {
            let digits = rest.get(at + 1..)?.iter().take_while(|b| b.is_ascii_digit()).count();
            micros = fraction(rest.get(at + 1..at + 1 + digits)?)?;
            at += 1 + digits;
        }
    }
    let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?;
    let local = NaiveDateTime::new(date, time).and_utc().timestamp_micros();
    match rest.get(at..)? {
        [] => Some((local, Zone::Absent)),
        offset => Some((local.checked_sub(offset_minutes(offset)? * MINUTE_US)?, Zone::Given)),
    }
}

/// A decimal number of at most `precision` digits, `scale` of them after the point, as its unscaled value. Digits that
/// the scale has no room for must be zero.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (mantissa, exponent) = match digits.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (digits.get(..at)?, std::str::from_utf8(digits.get(at + 1..)?).ok()?.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let mut unscaled: i128 = 0;
    let mut places: i32 = 0;
    let (mut point, mut any) = (false, false);
    for byte in mantissa {
        match byte {
            b'.' if !point => point = true,
            b'0'..=b'9' => {
                any = true;
                places += i32::from(point);
                unscaled = unscaled.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
            }
            _ => return None,
        }
    }
    if !any {
        return None;
    }
    // The value is unscaled · 10^(exponent − places); bring it to 10^−scale.
    let mut shift = i32::from(scale).checked_add(exponent)?.checked_sub(places)?;
    while shift > 0 && unscaled != 0 {
        unscaled = unscaled.checked_mul(10)?;
        shift -= 1;
    }
    while shift < 0 && unscaled != 0 {
        if unscaled % 10 != 0 {
            return None;
        }
        unscaled /= 10;
        shift += 1;
    }
    let bound = 10_i128.checked_pow(u32::from(precision))?;
    (unscaled < bound).then_some(if negative { -unscaled } else { unscaled })
}

fn naive_date(bytes: &[u8]) -> Option<NaiveDate> {
    let [_, _, _, _, b'-', _, _, b'-', _, _] = bytes else { return None };
    let year = two_digits(bytes, 0)? * 100 + two_digits(bytes, 2)?;
    let year = i32::try_from(year).ok().filter(|year| *year > 0)?;
    NaiveDate::from_ymd_opt(year, two_digits(bytes, 5)?, two_digits(bytes, 8)?)
}

fn two_digits(bytes: &[u8], at: usize) -> Option<u32> {
    match bytes.get(at..at + 2)? {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Some(u32::from(tens - b'0') * 10 + u32::from(ones - b'0')),
        _ => None,
    }
}

/// Digits after the point of a second, as microseconds.
fn fraction(digits: &[u8]) -> Option<u32> {
    let mut micros = 0;
    for place in 0..digits.len().max(6) {
        let digit = u32::from(digits.get(place).map_or(0, |b| b - b'0'));
        if place < 6 {
            micros = micros * 10 + digit;
        } else if digit != 0 {
            return None;
        }
    }
    (!digits.is_empty()).then_some(micros)
}

fn offset_minutes(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        [b'Z' | b'z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let minutes = match rest {
        [_, _] => 0,
        [_, _, _, _] => two_digits(rest, 2)?,
        [_, _, b':', _, _] => two_digits(rest, 3)?,
        _ => return None,
    };
    let hours = two_digits(rest, 0)?;
    (hours <= 18 && minutes < 60).then_some(sign * i64::from(hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_exact() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("2013-01-01"), Some(15706));
        assert_eq!(date("0001-01-01"), Some(-719_162));
        for bad in ["2013-02-29", "2013-1-01", "0000-01-01", "2013/01/01", "2013-01-01 ", "２013-01"] {
            assert_eq!(date(bad), None, "{bad}");
        }
    }

    #[test]
    fn timestamps_keep_the_instant() {
        let ten = 1_357_034_400_000_000; // date -u -d 2013-01-01T10:00:00Z +%s
        assert_eq!(timestamp("2013-01-01T10:00:00Z"), Some((ten, Zone::Given)));
        assert_eq!(timestamp("2013-01-01 12:00:00+02:00"), Some((ten, Zone::Given)));
        assert_eq!(timestamp("2013-01-01T04:30-0530"), Some((ten, Zone::Given)));
        assert_eq!(timestamp("2013-01-01T10:00"), Some((ten, Zone::Absent)));
        assert_eq!(timestamp("2013-01-01T10:00:00.000001"), Some((ten + 1, Zone::Absent)));
        assert_eq!(timestamp("2013-01-01T10:00:00.500000000"), Some((ten + 500_000, Zone::Absent)));
        for bad in
            ["2013-01-01T10:00:00.0000001", "2013-01-01T24:00:00Z", "2013-01-01T10:00:00 UTC", "2013-01-01T10", "2013"]
        {
            assert_eq!(timestamp(bad), None, "{bad}");
        }
    }

    #[test]
    fn decimals_lose_no_digit() {
        assert_eq!(decimal("12.30", 5, 2), Some(1230));
        assert_eq!(decimal("-0.5", 5, 2), Some(-50));
        assert_eq!(decimal("12.3400", 5, 2), Some(1234));
        assert_eq!(decimal("1e2", 5, 2), Some(10000));
        assert_eq!(decimal("1.5e-1", 5, 2), Some(15));
        assert_eq!(decimal("12.345", 5, 2), None);
        assert_eq!(decimal("1234.00", 5, 2), None);
        assert_eq!(decimal("99999999999999999999999999999999999999", 38, 0), Some(10_i128.pow(38) - 1));
        for bad in ["", "-", ".", "1.2.3", "1e", "0x1", "1e999999999999"] {
            assert_eq!(decimal(bad, 38, 2), None, "{bad}");
        }
    }

    #[test]
    fn doubles_are_finite_or_spelt() {
        assert_eq!(double("1e3"), Some(1000.0));
        assert_eq!(double("-.5"), Some(-0.5));
        assert_eq!(double("1e400"), None);
        assert_eq!(double("infinity"), None);
        assert_eq!(double("-inf"), Some(f64::NEG_INFINITY));
        assert!(double("NaN").is_some_and(f64::is_nan));
    }
}
