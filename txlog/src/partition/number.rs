//! Decimals between text and digits, exactly; floating-point numbers as Java prints them.

use std::fmt::{LowerExp, Write as _};

/// The digits that `text` has at `scale`, if it is a decimal number that needs no more than `precision` digits and no
/// digit behind the scale.
pub(super) fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if (whole.is_empty() && fraction.is_empty()) || !digits().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // The value is `digits` × 10^(exponent − |fraction|): at the scale it has this many digits more, or less.
    let shift = i64::from(exponent) - i64::try_from(fraction.len()).ok()? + i64::from(scale);
    let count = i64::try_from(whole.len() + fraction.len()).ok()?;
    let mut value: i128 = 0;
    for (index, digit) in (0_i64..).zip(digits()) {
        let digit = i128::from(digit - b'0');
        if index < count + shift {
            value = value.checked_mul(10)?.checked_add(digit)?;
        } else if digit != 0 {
            return None;
        }
    }
    if shift > 0 && value != 0 {
        value = value.checked_mul(10_i128.checked_pow(u32::try_from(shift).ok()?)?)?;
    }
    let limit = 10_i128.checked_pow(u32::from(precision))?;
    (value < limit).then_some(if negative { -value } else { value })
}

/// A decimal number of `scale` digits behind the point.
pub(super) fn decimal_text(digits: i128, scale: u8) -> String {
    let sign = if digits < 0 { "-" } else { "" };
    let digits = digits.unsigned_abs().to_string();
    let scale = usize::from(scale);
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// A floating-point number as Java's `toString` has it: the fewest digits that give it back, at least one behind the
/// point, an exponent outside 10⁻³ to 10⁷.
pub(super) fn float_text(value: impl LowerExp + Into<f64> + Copy) -> String {
    let wide: f64 = value.into();
    if wide.is_nan() {
        return "NaN".to_owned();
    }
    if wide.is_infinite() {
        return if wide > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let shortest = format!("{value:e}");
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    let mut text = sign.to_owned();
    match exponent {
        -3..0 => {
            text.push_str("0.");
            (1..-exponent).for_each(|_| text.push('0'));
            text.push_str(&digits);
        }
        0..7 => {
            let whole = exponent.unsigned_abs() as usize + 1;
            let padded = format!("{digits:0<width$}", width = whole + 1);
            let (whole, fraction) = padded.split_at(whole);
            let _ = write!(text, "{whole}.{fraction}");
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let _ = write!(text, "{first}.{}E{exponent}", if rest.is_empty() { "0" } else { rest });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_at_their_scale() {
        for (text, precision, scale, expected) in [
            ("1.50", 10, 2, Some(150)),
            ("-0.01", 10, 2, Some(-1)),
            ("99999999.99", 10, 2, Some(9_999_999_999)),
            ("100000000.00", 10, 2, None),
            ("5", 10, 4, Some(50_000)),
            ("+5.", 10, 4, Some(50_000)),
            (".5", 10, 4, Some(5_000)),
            ("123.1200", 5, 2, Some(12_312)),
            ("123.121", 5, 2, None),
            ("1E-18", 38, 18, Some(1)),
            ("0E-18", 38, 18, Some(0)),
            ("0E+2147483647", 38, 18, Some(0)),
            ("1E-19", 38, 18, None),
            ("1E+3", 4, 0, Some(1000)),
            ("1e3", 3, 0, None),
            ("1e2147483647", 38, 0, None),
            ("12345678901234567890.123456789012345678", 38, 18, Some(12345678901234567890123456789012345678)),
            ("99999999999999999999999999999999999999", 38, 0, Some(10_i128.pow(38) - 1)),
            ("999999999999999999999999999999999999990", 38, 0, None),
            ("00000000000000000000000000000000000000000000000000001", 1, 0, Some(1)),
            ("", 10, 0, None),
            (".", 10, 0, None),
            ("-", 10, 0, None),
            ("1 ", 10, 0, None),
            ("--1", 10, 0, None),
            ("1.2.3", 10, 2, None),
            ("NaN", 10, 0, None),
        ] {
            assert_eq!(decimal(text, precision, scale), expected, "{text} as decimal({precision},{scale})");
        }
    }

    #[test]
    fn decimals_are_printed_at_their_scale() {
        assert_eq!(decimal_text(-1, 2), "-0.01");
        assert_eq!(decimal_text(0, 2), "0.00");
        assert_eq!(decimal_text(12_000_000_000_000_000_000, 18), "12.000000000000000000");
        assert_eq!(decimal_text(i128::from(i64::MIN), 0), "-9223372036854775808");
        assert_eq!(decimal_text(5, 38), "0.00000000000000000000000000000000000005");
    }

    /// The expected texts are what Spark left in `partitionValues` of the corpus.
    #[test]
    fn floats_are_printed_as_java_does() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0e100, "1.0E100"),
            (f64::MIN, "-1.7976931348623157E308"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (99.99, "99.99"),
            (std::f64::consts::PI, "3.141592653589793"),
            (0.001, "0.001"),
            (0.0123, "0.0123"),
            (0.000_999, "9.99E-4"),
            (9_999_999.0, "9999999.0"),
            (10_000_000.0, "1.0E7"),
            (123_456.5, "123456.5"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float_text(value), text);
        }
        assert_eq!(float_text(f32::MAX), "3.4028235E38");
        assert_eq!(float_text(f32::MIN_POSITIVE), "1.1754944E-38");
        assert_eq!(float_text(0.1_f32), "0.1");
    }
}
