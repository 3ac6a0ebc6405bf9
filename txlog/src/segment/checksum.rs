//! What is the checksum of `_last_checkpoint`? Protocol section "JSON checksum".

use md5::{Digest, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// The key that the checksum stands under, and doesn't cover.
pub(super) const CHECKSUM: &str = "checksum";
/// All octets but `a-z A-Z 0-9 - . _ ~` are percent-encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The MD5 of the object's canonical form, as 32 hexadecimal digits; `None` for what isn't an object, or holds a number
/// whose text isn't known any more (one that isn't an integer).
pub(super) fn checksum(json: &Value) -> Option<String> {
    Some(Md5::digest(canonical(json)?).iter().map(|byte| format!("{byte:02x}")).collect())
}

fn canonical(json: &Value) -> Option<String> {
    let members = json.as_object()?;
    let mut pairs = Vec::new();
    for (name, value) in members.iter().filter(|(name, _)| *name != CHECKSUM) {
        collect(&quoted(name), value, &mut pairs)?;
    }
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(path, value)| format!("{path}={value}")).collect();
    Some(pairs.join(","))
}

fn collect(path: &str, value: &Value, pairs: &mut Vec<(String, String)>) -> Option<()> {
    match value {
        Value::Object(members) => {
            members.iter().try_for_each(|(name, value)| collect(&format!("{path}+{}", quoted(name)), value, pairs))?;
        }
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(at, value)| collect(&format!("{path}+{at}"), value, pairs))?;
        }
        Value::String(text) => pairs.push((path.to_owned(), quoted(text))),
        Value::Number(number) if number.is_f64() => return None,
        scalar => pairs.push((path.to_owned(), scalar.to_string())),
    }
    Some(())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", utf8_percent_encode(text, RESERVED))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The protocol's own sample.
    #[test]
    fn the_protocols_sample_has_the_protocols_checksum() {
        let sample = r#"{"k0":"'v 0'", "checksum": "adsaskfljadfkjadfkj", "k1":{"k2": 2, "k3": ["v3", [1, 2], {"k4": "v4", "k5": ["v5", "v6", "v7"]}]}}"#;
        let sample: Value = serde_json::from_str(sample).unwrap();
        let form = concat!(
            r#""k0"="%27v%200%27","k1"+"k2"=2,"k1"+"k3"+0="v3","k1"+"k3"+1+0=1,"k1"+"k3"+1+1=2,"k1"+"k3"+2+"k4"="v4","#,
            r#""k1"+"k3"+2+"k5"+0="v5","k1"+"k3"+2+"k5"+1="v6","k1"+"k3"+2+"k5"+2="v7""#
        );
        assert_eq!(canonical(&sample).unwrap(), form);
        assert_eq!(checksum(&sample).unwrap(), "6a92d155a59bf2eecbd4b4ec7fd1f875");
    }

    #[test]
    fn what_has_no_certain_form_has_no_checksum() {
        for odd in ["1", "[]", r#"{"a":1.50}"#, r#"{"a":[{"b":1e3}]}"#] {
            assert_eq!(checksum(&serde_json::from_str(odd).unwrap()), None, "{odd}");
        }
    }
}
