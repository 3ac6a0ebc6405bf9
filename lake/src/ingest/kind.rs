//! Which types fit everything seen of a column of texts.

use arrow::datatypes::{DataType, Field, TimeUnit};
use lakebed_txlog::schema::StructField;

use super::text::{self, Zone};

/// A set of types, each of which holds every text seen, without loss. Starts full; each text leaves what it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds {
    fitting: u8,
    seen: bool,
}

const BOOLEAN: u8 = 1;
const LONG: u8 = 1 << 1;
const WIDE: u8 = 1 << 2;
const DOUBLE: u8 = 1 << 3;
const DATE: u8 = 1 << 4;
const TIMESTAMP: u8 = 1 << 5;
const TIMESTAMP_NTZ: u8 = 1 << 6;

/// Largest integer up to which every integer is a double.
const MAX_EXACT_IN_DOUBLE: u64 = 1 << 53;
/// Most digits of a decimal.
const MAX_DECIMAL_DIGITS: usize = 38;

impl Kinds {
    /// Nothing seen: everything fits.
    pub(super) fn any() -> Kinds {
        Kinds { fitting: u8::MAX, seen: false }
    }

    /// Takes one text that isn't null.
    pub(super) fn see(&mut self, text: &str) {
        self.seen = true;
        if self.fitting != 0 {
            self.fitting &= fitting(text);
        }
    }

    /// What fits both.
    pub(super) fn and(self, other: Kinds) -> Kinds {
        Kinds { fitting: self.fitting & other.fitting, seen: self.seen || other.seen }
    }

    /// Whether no type but a string is left.
    pub(super) fn is_empty(self) -> bool {
        self.fitting == 0
    }

    /// The narrowest type left, in the order boolean, long, decimal(38,0), double, date, timestamp, timestamp_ntz; a
    /// string where none is left; `Null` where nothing was seen.
    pub(super) fn narrowest(self) -> DataType {
        if !self.seen {
            return DataType::Null;
        }
        match self.fitting & self.fitting.wrapping_neg() {
            BOOLEAN => DataType::Boolean,
            LONG => DataType::Int64,
            WIDE => DataType::Decimal128(38, 0),
            DOUBLE => DataType::Float64,
            DATE => DataType::Date32,
            TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            TIMESTAMP_NTZ => DataType::Timestamp(TimeUnit::Microsecond, None),
            _ => DataType::Utf8,
        }
    }
}

/// The name that the protocol gives to a type, as messages use it.
pub(super) fn type_name(data_type: &DataType) -> String {
    match StructField::from_arrow(&Field::new("value", data_type.clone(), true)) {
        Ok(field) => field.data_type.to_string(),
        Err(_) => data_type.to_string(),
    }
}

fn fitting(text: &str) -> u8 {
    match text.as_bytes().first() {
        Some(b't' | b'T' | b'f' | b'F') if text::boolean(text).is_some() => BOOLEAN,
        Some(b'N' | b'n' | b'I' | b'i') if text::double(text).is_some() => DOUBLE,
        Some(b'0'..=b'9' | b'-' | b'.') => fitting_number(text).unwrap_or_else(|| fitting_time(text)),
        _ => 0,
    }
}

/// A number as programs write it. `007`, `+1` and `-0` are something else: as a number they would lose what they say.
fn fitting_number(text: &str) -> Option<u8> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 1 && unsigned.starts_with('0') {
        return None;
    }
    if digits < unsigned.len() {
        return text::double(text).map(|_| DOUBLE);
    }
    if digits == 0 {
        return None;
    }
    if text == "-0" {
        return Some(DOUBLE);
    }
    match text.parse::<i64>() {
        Ok(value) if value.unsigned_abs() <= MAX_EXACT_IN_DOUBLE => Some(LONG | WIDE | DOUBLE),
        Ok(_) => Some(LONG | WIDE),
        Err(_) if digits <= MAX_DECIMAL_DIGITS => Some(WIDE),
        Err(_) => None,
    }
}

fn fitting_time(text: &str) -> u8 {
    if text::date(text).is_some() {
        return DATE;
    }
    match text::timestamp(text) {
        Some((_, Zone::Given)) => TIMESTAMP,
        Some((_, Zone::Absent)) => TIMESTAMP_NTZ,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> DataType {
        let mut kinds = Kinds::any();
        for text in texts {
            kinds.see(text);
        }
        kinds.narrowest()
    }

    #[test]
    fn narrowest_type_that_holds_every_text() {
        let micros = TimeUnit::Microsecond;
        assert_eq!(of(&[]), DataType::Null);
        assert_eq!(of(&["true", "FALSE"]), DataType::Boolean);
        assert_eq!(of(&["1", "-2"]), DataType::Int64);
        assert_eq!(of(&["1", "2.5"]), DataType::Float64);
        assert_eq!(of(&["1", "NaN"]), DataType::Float64);
        assert_eq!(of(&["18446744073709551615", "1"]), DataType::Decimal128(38, 0));
        assert_eq!(of(&["2013-01-01"]), DataType::Date32);
        assert_eq!(of(&["2013-01-01T10:00:00Z"]), DataType::Timestamp(micros, Some("UTC".into())));
        assert_eq!(of(&["2013-01-01 10:00:00"]), DataType::Timestamp(micros, None));
    }

    #[test]
    fn what_a_number_would_lose_stays_text() {
        assert_eq!(of(&["02134", "10001"]), DataType::Utf8);
        assert_eq!(of(&["00.5"]), DataType::Utf8);
        assert_eq!(of(&["9007199254740993", "0.5"]), DataType::Utf8);
        assert_eq!(of(&["+1"]), DataType::Utf8);
        assert_eq!(of(&["1e400"]), DataType::Utf8);
        assert_eq!(of(&["-"]), DataType::Utf8);
        assert_eq!(of(&["1", "true"]), DataType::Utf8);
        assert_eq!(of(&["2013-01-01", "2013-01-01T10:00:00Z"]), DataType::Utf8);
    }
}
