//! One JSON value, opened one level at a time: numbers stay the digits that the file has.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::lines::End;

/// A value, its children unopened.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Null,
    Boolean(bool),
    /// The number as written.
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<&'a RawValue>),
    Object(Vec<(Cow<'a, str>, &'a RawValue)>),
}

/// Members of an object, in order, doubled names included.
#[derive(Debug)]
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

struct Text<'a>(Cow<'a, str>);

/// The members of the object that a line is.
///
/// # Errors
/// Why the line isn't one JSON object.
pub(super) fn line<'a>(text: &'a str, end: End) -> Result<Vec<(Cow<'a, str>, &'a RawValue)>, String> {
    match serde_json::from_str::<Members<'a>>(text) {
        Ok(members) => Ok(members.0),
        Err(error) => Err(why_not(text, end, &error)),
    }
}

fn why_not(text: &str, end: End, error: &serde_json::Error) -> String {
    let told = error.to_string();
    let told = told.split(" at line ").next().unwrap_or_default();
    if error.is_eof() && end == End::File {
        return "the file ends inside this JSON object: it is truncated".to_owned();
    }
    match text.as_bytes().first() {
        Some(b'{') if error.is_eof() => format!("the JSON object doesn't end on its line ({told})"),
        Some(b'{') => format!("not valid JSON at character {}: {told}", error.column()),
        Some(b'[') => "the line is a JSON array, not an object".to_owned(),
        _ if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => {
            "the line is a JSON value, but not an object".to_owned()
        }
        _ => "the line isn't JSON".to_owned(),
    }
}

/// Opens `raw` by one level.
///
/// # Errors
/// What is wrong with it; a line that [`line`] took fails only at a text with half a surrogate pair.
pub(super) fn open(raw: &RawValue) -> Result<Value<'_>, String> {
    let text = raw.get();
    let wrong = |error: serde_json::Error| format!("not valid JSON: {error}");
    Ok(match text.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Boolean(true),
        Some(b'f') => Value::Boolean(false),
        Some(b'"') => Value::Text(serde_json::from_str::<Text<'_>>(text).map_err(wrong)?.0),
        Some(b'[') => Value::Array(serde_json::from_str::<Elements<'_>>(text).map_err(wrong)?.0),
        Some(b'{') => Value::Object(serde_json::from_str::<Members<'_>>(text).map_err(wrong)?.0),
        _ => Value::Number(text),
    })
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    members.push((key.0, map.next_value::<&'de RawValue>()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

struct Elements<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Elements<'a>, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Elements<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Elements<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some(element) = elements.next_element::<&'de RawValue>()? {
                    all.push(element);
                }
                Ok(Elements(all))
            }
        }
        deserializer.deserialize_seq(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, end: End) -> String {
        line(text, end).unwrap_err()
    }

    #[test]
    fn a_line_that_is_no_object_says_what_it_is() {
        assert!(refused("[1]", End::LineFeed).contains("array"));
        assert!(refused("12", End::LineFeed).contains("not an object"));
        assert!(refused("hello", End::LineFeed).contains("isn't JSON"));
        assert!(refused("{\"a\":1", End::File).contains("truncated"));
        assert!(refused("{", End::LineFeed).contains("doesn't end on its line"));
        assert!(refused("{\"a\":tru}", End::LineFeed).contains("character"));
        assert!(refused("{\"a\":1} {\"a\":2}", End::LineFeed).contains("trailing"));
        assert!(refused("{\"a\":01}", End::LineFeed).contains("character"));
    }

    #[test]
    fn numbers_keep_their_digits() {
        let members = line("{\"a\": 12345678901234567890123.50 }", End::LineFeed).unwrap();
        assert!(matches!(open(members[0].1), Ok(Value::Number("12345678901234567890123.50"))));
    }

    #[test]
    fn escapes_are_undone_and_deep_nesting_is_no_danger() {
        let deep = format!("{{\"\\u0061\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let members = line(&deep, End::LineFeed).unwrap();
        assert_eq!(members[0].0, "a");
        assert!(matches!(open(members[0].1), Ok(Value::Array(one)) if one.len() == 1));
    }
}
