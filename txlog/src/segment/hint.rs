//! What does `_last_checkpoint` say? A hint and no more (pitfalls L5, L13).

use serde::{Deserialize, Serialize};

use crate::name::{LogName, MAX_VERSION};
use crate::version::Version;

/// Longest `_last_checkpoint` that is looked at. V2 writers embed actions in it, which aren't read.
const MAX_HINT_BYTES: usize = 16 << 20;

/// What a writer said about the checkpoint that it wrote last.
///
/// Protocol section "Last Checkpoint File Schema". `checkpointSchema`, `checksum` and unknown fields aren't kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastCheckpointHint {
    /// The version of the checkpoint.
    pub version: Version,
    /// How many actions it holds.
    pub size: i64,
    /// How many parts a multi-part checkpoint has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_in_bytes: Option<i64>,
    /// How many `add` actions it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_of_add_files: Option<i64>,
    /// Which V2 checkpoint it is. Not in the protocol; Spark writes it and looks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v2_checkpoint: Option<V2CheckpointHint>,
}

/// Which file a V2 checkpoint is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct V2CheckpointHint {
    /// The name of its file, relative to `_delta_log/`.
    pub path: String,
    /// The size of that file in bytes, sidecars not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_in_bytes: Option<i64>,
    /// When that file was written, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modification_time: Option<i64>,
}

impl LastCheckpointHint {
    /// A hint at a checkpoint of `version` that holds `size` actions.
    #[must_use]
    pub fn new(version: Version, size: i64) -> LastCheckpointHint {
        LastCheckpointHint {
            version,
            size,
            parts: None,
            size_in_bytes: None,
            num_of_add_files: None,
            v2_checkpoint: None,
        }
    }

    /// Reads the bytes of `_last_checkpoint`. Whatever isn't a hint is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<LastCheckpointHint> {
        if bytes.len() > MAX_HINT_BYTES {
            return None;
        }
        serde_json::from_slice::<LastCheckpointHint>(bytes).ok().filter(|hint| hint.version <= MAX_VERSION)
    }

    /// The bytes to write to `_last_checkpoint`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Plain fields with string keys: serialising to memory can't fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether this checkpoint file, or part of one, is what the hint is about.
    #[must_use]
    pub(super) fn is_about(&self, name: &LogName) -> bool {
        match (name, &self.v2_checkpoint) {
            (LogName::UuidCheckpoint { version, .. } | LogName::ClassicCheckpoint { version }, Some(v2)) => {
                // Older writers gave the whole path.
                *version == self.version && v2.path.rsplit('/').next() == Some(name.to_string().as_str())
            }
            (LogName::ClassicCheckpoint { version }, None) => *version == self.version && self.parts.is_none(),
            (LogName::MultiPartCheckpoint { version, parts, .. }, None) => {
                *version == self.version && self.parts == Some(*parts)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_writers_say_is_read() {
        let hint = LastCheckpointHint::parse(br#"{"version":10,"size":13}"#).unwrap();
        assert_eq!(hint, LastCheckpointHint::new(Version(10), 13));
        assert!(hint.is_about(&LogName::parse("00000000000000000010.checkpoint.parquet")));
        assert!(!hint.is_about(&LogName::parse("00000000000000000011.checkpoint.parquet")));

        let spark = br#"{"version":6,"size":8,"parts":2,"sizeInBytes":27011,"numOfAddFiles":6,"checkpointSchema":
            {"type":"struct","fields":[]},"checksum":"0123","tags":{"a":"b"},"new":[1.5]}"#;
        let hint = LastCheckpointHint::parse(spark).unwrap();
        assert_eq!((hint.parts, hint.size_in_bytes, hint.num_of_add_files), (Some(2), Some(27011), Some(6)));
        assert!(hint.is_about(&LogName::MultiPartCheckpoint { version: Version(6), part: 1, parts: 2 }));
        assert!(!hint.is_about(&LogName::MultiPartCheckpoint { version: Version(6), part: 1, parts: 3 }));

        let v2 = br#"{"version":4,"size":9,"v2Checkpoint":{"path":
            "00000000000000000004.checkpoint.42f48375-5c72-4d2f-8dcc-7ce4d45e2d8c.json","sizeInBytes":1339,
            "modificationTime":1743439435000,"nonFileActions":[{"protocol":{}}],"sidecarFiles":[]}}"#;
        let hint = LastCheckpointHint::parse(v2).unwrap();
        let name = LogName::parse("00000000000000000004.checkpoint.42f48375-5c72-4d2f-8dcc-7ce4d45e2d8c.json");
        assert!(hint.is_about(&name));
        assert!(!hint.is_about(&LogName::ClassicCheckpoint { version: Version(4) }));
        assert_eq!(LastCheckpointHint::parse(&hint.to_json()), Some(hint));
    }

    #[test]
    fn garbage_is_no_hint() {
        for garbage in [
            &b""[..],
            b"{",
            b"null",
            b"[]",
            b"{}",
            br#"{"version":-1,"size":1}"#,
            br#"{"version":1.5,"size":1}"#,
            br#"{"version":18446744073709551615,"size":1}"#,
            br#"{"version":"1","size":1}"#,
            b"\xff\xfe",
        ] {
            assert_eq!(LastCheckpointHint::parse(garbage), None);
        }
    }
}
