//! What the statistics of a file say once some of its rows are deleted.

use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::read::{NUM_RECORDS, TIGHT_BOUNDS};

/// The statistics of a file with a deletion vector: `numRecords`, which must be there and be the physical count,
/// `tightBounds: false`, and whatever else `stats` says, as it is written. Statistics that aren't a JSON object are
/// dropped.
#[must_use]
pub fn loosened(stats: Option<&str>, num_records: u64) -> String {
    let mut text = format!(r#"{{"{NUM_RECORDS}":{num_records}"#);
    let mut members = stats.and_then(members_of).unwrap_or_default();
    members.retain(|(name, _)| name != NUM_RECORDS && name != TIGHT_BOUNDS);
    for (name, value) in members {
        if let Ok(name) = serde_json::to_string(&name) {
            text.push_str(&format!(",{name}:{value}"));
        }
    }
    text + &format!(r#","{TIGHT_BOUNDS}":false}}"#)
}

/// The members of an object, their values as text: no number is read, so none changes.
fn members_of(text: &str) -> Option<Vec<(String, Box<RawValue>)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, Box<RawValue>)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let members = json.deserialize_map(Members).ok()?;
    json.end().ok()?;
    Some(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_as_they_are_written() {
        let stats = r#"{"numRecords":7, "minValues":{"d":1E-18, "n":999999999999999999.5},"tightBounds":true,"x":[1]}"#;
        assert_eq!(
            loosened(Some(stats), 7),
            r#"{"numRecords":7,"minValues":{"d":1E-18, "n":999999999999999999.5},"x":[1],"tightBounds":false}"#
        );
    }

    #[test]
    fn statistics_that_are_missing_or_broken_leave_the_count() {
        for stats in [None, Some(""), Some("[1]"), Some("{"), Some("{} x")] {
            assert_eq!(loosened(stats, 3), r#"{"numRecords":3,"tightBounds":false}"#);
        }
    }
}
