//! Days and instants between text and numbers, over the whole range of the numbers, in the proleptic Gregorian calendar.

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// Longest year in digits: a microsecond of `i64` is in a year of 6.
const MAX_YEAR_DIGITS: usize = 7;

/// Days since 1970-01-01.
pub(super) fn date(text: &str) -> Option<i32> {
    let (days, rest) = leading_date(text)?;
    if rest.is_empty() { i32::try_from(days).ok() } else { None }
}

/// Microseconds since 1970-01-01T00:00:00Z; without an offset the text is UTC.
pub(super) fn timestamp(text: &str) -> Option<i64> {
    let parsed = DateTime::parse(text)?;
    parsed.micros(parsed.offset_seconds.unwrap_or_default())
}

/// Microseconds since 1970-01-01 00:00:00. A `Z` says nothing of a time without a zone; another offset is no such time.
pub(super) fn timestamp_ntz(text: &str) -> Option<i64> {
    let parsed = DateTime::parse(text)?;
    match parsed.offset_seconds {
        None => parsed.micros(0),
        Some(0) if text.ends_with(['Z', 'z']) => parsed.micros(0),
        Some(_) => None,
    }
}

struct DateTime {
    days: i64,
    micros_of_day: i64,
    offset_seconds: Option<i64>,
}

impl DateTime {
    fn parse(text: &str) -> Option<DateTime> {
        let (days, rest) = leading_date(text)?;
        if rest.is_empty() {
            return Some(DateTime { days, micros_of_day: 0, offset_seconds: None });
        }
        let rest = rest.strip_prefix([' ', 'T'])?;
        let (hour, rest) = number(rest, 2)?;
        let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
        let (second, rest) = match rest.strip_prefix(':') {
            Some(rest) => number(rest, 2)?,
            None => (0, rest),
        };
        let (micros, rest) = match rest.strip_prefix('.') {
            Some(rest) => fraction(rest),
            None => (0, rest),
        };
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let micros_of_day = ((hour * 60 + minute) * 60 + second) * MICROS_PER_SECOND + micros;
        Some(DateTime { days, micros_of_day, offset_seconds: offset(rest)? })
    }

    fn micros(&self, offset_seconds: i64) -> Option<i64> {
        // Through `i128`: the first day of the range begins before the range does.
        let micros = i128::from(self.days) * i128::from(MICROS_PER_DAY) + i128::from(self.micros_of_day)
            - i128::from(offset_seconds * MICROS_PER_SECOND);
        i64::try_from(micros).ok()
    }
}

/// `[+-]y-m-d` at the beginning of the text, and what follows it.
fn leading_date(text: &str) -> Option<(i64, &str)> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (year, rest) = number(rest, MAX_YEAR_DIGITS)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 2)?;
    let year = if negative { -year } else { year };
    if !(1..=12).contains(&month) || day < 1 || day > days_of_month(year, month) {
        return None;
    }
    Some((days_from_civil(year, month, day), rest))
}

/// One to `most` digits at the beginning of the text, and what follows them.
fn number(text: &str, most: usize) -> Option<(i64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(digits)?;
    if digits.is_empty() || digits.len() > most {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

/// The digits of a fraction as microseconds, those beyond cut off, and what follows them.
fn fraction(text: &str) -> (i64, &str) {
    let (mut micros, mut unit, mut rest) = (0, MICROS_PER_SECOND / 10, text);
    while let Some(digit) = rest.bytes().next().filter(u8::is_ascii_digit) {
        micros += i64::from(digit - b'0') * unit;
        unit /= 10;
        rest = rest.get(1..).unwrap_or_default();
    }
    (micros, rest)
}

/// The outer `None` is an offset that isn't one; the inner, no offset.
fn offset(text: &str) -> Option<Option<i64>> {
    if text.is_empty() {
        return Some(None);
    }
    if text.eq_ignore_ascii_case("z") {
        return Some(Some(0));
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    // `hh:mm`, `hhmm` or `hh`.
    let digits = rest.replacen(':', "", 1);
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = digits.split_at_checked(2)?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().unwrap_or_default());
    (hours <= 18 && minutes <= 59).then_some(Some(sign * (hours * 60 + minutes) * 60))
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a day of the calendar. A year is counted from 1 March, an era is 400 years.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of days since 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// `yyyy-mm-dd`, with a sign where the year isn't of four digits.
pub(super) fn date_text(days: i32) -> String {
    civil_text(i64::from(days))
}

fn civil_text(days: i64) -> String {
    let (year, month, day) = civil_from_days(days);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        ..0 => format!("-{:04}", -year),
        _ => format!("+{year}"),
    };
    format!("{year}-{month:02}-{day:02}")
}

/// `yyyy-mm-ddThh:mm:ss.ffffffZ`.
pub(super) fn timestamp_text(micros: i64) -> String {
    let (date, time, fraction) = parts(micros);
    format!("{date}T{time}.{fraction:06}Z")
}

/// `yyyy-mm-dd hh:mm:ss`, and `.ffffff` where it isn't zero.
pub(super) fn timestamp_ntz_text(micros: i64) -> String {
    let (date, time, fraction) = parts(micros);
    if fraction == 0 { format!("{date} {time}") } else { format!("{date} {time}.{fraction:06}") }
}

fn parts(micros: i64) -> (String, String, i64) {
    let (days, of_day) = (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY));
    let (seconds, fraction) = (of_day / MICROS_PER_SECOND, of_day % MICROS_PER_SECOND);
    let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    (civil_text(days), time, fraction)
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};
    use proptest::prelude::*;

    use super::*;

    /// Seconds of these were computed by GNU `date`.
    #[test]
    fn timestamps_are_read_in_every_form() {
        for (text, expected) in [
            ("1970-01-01 00:00:00", Some(0)),
            ("1970-01-01 00:00:00.123456", Some(123_456)),
            ("1970-01-01T00:00:00.123456Z", Some(123_456)),
            ("1970-01-02 08:45:00", Some(117_900_000_000)),
            ("2024-02-29T12:34:56.789000Z", Some(1_709_210_096_789_000)),
            ("1969-12-31T23:59:59.000001Z", Some(-999_999)),
            ("2020-01-01 08:09:10.001", Some(1_577_866_150_001_000)),
            ("2020-01-01T08:09:10+02:00", Some(1_577_858_950_000_000)),
            ("2020-01-01T08:09:10-0130", Some(1_577_871_550_000_000)),
            ("2020-01-01", Some(1_577_836_800_000_000)),
            ("2020-1-1 8:9", Some(1_577_866_140_000_000)),
            ("1970-01-01 00:00:00.1234569", Some(123_456)),
            ("0001-01-01 00:00:00", Some(-62_135_596_800_000_000)),
            ("9999-12-31 23:59:59.999999", Some(253_402_300_799_999_999)),
            ("+294247-01-10T04:00:54.775807Z", Some(i64::MAX)),
            ("-290308-12-21T19:59:05.224192Z", Some(i64::MIN)),
            ("+294247-01-10T04:00:54.775808Z", None),
            ("2021-02-29 00:00:00", None),
            ("2021-13-01 00:00:00", None),
            ("2021-01-01 24:00:00", None),
            ("2021-01-01 00:00:60", None),
            ("2021-01-01 ", None),
            ("2021-01-01 00:00:00 Europe/Berlin", None),
            ("2021-01-01T00:00:00+1", None),
            ("2021-01-01T00:00:00+é", None),
            ("12345678-01-01", None),
            ("now", None),
        ] {
            assert_eq!(timestamp(text), expected, "{text}");
        }
    }

    #[test]
    fn times_without_a_zone_refuse_an_offset() {
        assert_eq!(timestamp_ntz("2024-01-31 10:30:00.25"), Some(1_706_697_000_250_000));
        assert_eq!(timestamp_ntz("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(timestamp_ntz("1970-01-01T00:00:01+01:00"), None);
        assert_eq!(timestamp_ntz("1970-01-01T00:00:01+00:00"), None);
        // The old strings of a `date` column that was widened.
        assert_eq!(timestamp_ntz("1970-01-02"), Some(MICROS_PER_DAY));
    }

    #[test]
    fn years_outside_four_digits_carry_a_sign() {
        assert_eq!(
            timestamp_ntz_text(timestamp_ntz("-9999-12-31 23:59:59.999999").unwrap()),
            "-9999-12-31 23:59:59.999999"
        );
        assert_eq!(timestamp_ntz_text(timestamp_ntz("0000-01-01 00:00:00").unwrap()), "0000-01-01 00:00:00");
        assert_eq!(timestamp_text(i64::MAX), "+294247-01-10T04:00:54.775807Z");
        assert_eq!(date_text(i32::MAX), "+5881580-07-11");
        assert_eq!(date("+5881580-07-11"), Some(i32::MAX));
        assert_eq!(date("+5881580-07-12"), None);
        assert_eq!(date(&date_text(i32::MIN)), Some(i32::MIN));
        assert_eq!(date("0999-01-01"), Some(-354_650));
        assert_eq!(date("2020-01-01 00:00:00"), None);
    }

    proptest! {
        #[test]
        fn days_agree_with_chrono(days in -90_000_000_i32..90_000_000) {
            let expected = NaiveDate::from_epoch_days(days).unwrap();
            let (year, month, day) = civil_from_days(i64::from(days));
            prop_assert_eq!(
                (year, month, day),
                (i64::from(expected.year()), i64::from(expected.month()), i64::from(expected.day()))
            );
            prop_assert_eq!(days_from_civil(year, month, day), i64::from(days));
            prop_assert_eq!(date(&date_text(days)), Some(days));
        }

        #[test]
        fn every_microsecond_reads_back(micros: i64) {
            prop_assert_eq!(timestamp(&timestamp_text(micros)), Some(micros));
            prop_assert_eq!(timestamp_ntz(&timestamp_ntz_text(micros)), Some(micros));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (timestamp(&text), date(&text));
        }
    }
}
