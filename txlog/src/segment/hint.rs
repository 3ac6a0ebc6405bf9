//! What does `_last_checkpoint` say? A hint and no more (pitfalls L5, L13).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checksum::{CHECKSUM, checksum};
use crate::name::{LogName, MAX_VERSION};
use crate::version::Version;

/// Longest `_last_checkpoint` that is looked at. V2 writers embed actions in it, which aren't read.
const MAX_HINT_BYTES: usize = 16 << 20;
/// The tag by which our own hints say how many commits apart the writer's checkpoints are.
const INTERVAL_TAG: &str = "lakebed.checkpointInterval";
/// Multi-part checkpoints of more files than this aren't asked for by their names alone.
const MAX_HINTED_PARTS: u32 = 32;

/// A file that the hint's checkpoint must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HintedFile {
    /// Its name.
    pub name: LogName,
    /// About how many bytes it has, where the hint says so.
    pub about_bytes: Option<u64>,
}

/// What a writer said about the checkpoint that it wrote last.
///
/// Protocol section "Last Checkpoint File Schema". `checkpointSchema` and unknown fields aren't kept; `checksum` is
/// checked in reading and written.
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
    /// More about the checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
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
            tags: None,
        }
    }

    /// The same hint, which says too that the next checkpoint follows `interval` commits later: readers may then ask for
    /// that many commits before a listing tells them which are there.
    #[must_use]
    pub fn with_interval(mut self, interval: u64) -> LastCheckpointHint {
        self.tags.get_or_insert_default().insert(INTERVAL_TAG.to_owned(), interval.to_string());
        self
    }

    /// How many commits apart checkpoints are, where the hint is one of ours.
    #[must_use]
    pub fn interval(&self) -> Option<u64> {
        self.tags.as_ref()?.get(INTERVAL_TAG)?.parse().ok()
    }

    /// The files that the checkpoint has if the hint is true, by their names.
    #[must_use]
    pub fn files(&self) -> Vec<HintedFile> {
        let bytes = |size: Option<i64>| size.and_then(|size| u64::try_from(size).ok());
        match (&self.v2_checkpoint, self.parts) {
            (Some(v2), _) => {
                let name = LogName::parse(v2.path.rsplit('/').next().unwrap_or_default());
                let file = HintedFile { about_bytes: bytes(v2.size_in_bytes), name };
                if self.is_about(&file.name) { vec![file] } else { Vec::new() }
            }
            (None, None) => {
                let name = LogName::ClassicCheckpoint { version: self.version };
                vec![HintedFile { name, about_bytes: bytes(self.size_in_bytes) }]
            }
            (None, Some(parts)) if (1..=MAX_HINTED_PARTS).contains(&parts) => {
                let about_bytes = bytes(self.size_in_bytes).map(|all| all / u64::from(parts));
                let name = |part| LogName::MultiPartCheckpoint { version: self.version, part, parts };
                (1..=parts).map(|part| HintedFile { name: name(part), about_bytes }).collect()
            }
            (None, Some(_)) => Vec::new(),
        }
    }

    /// Reads the bytes of `_last_checkpoint`. Whatever isn't a hint, or contradicts its checksum, is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<LastCheckpointHint> {
        if bytes.len() > MAX_HINT_BYTES {
            return None;
        }
        let hint: LastCheckpointHint = serde_json::from_slice(bytes).ok()?;
        let json: Value = serde_json::from_slice(bytes).ok()?;
        let as_said = match json.get(CHECKSUM).and_then(Value::as_str) {
            Some(said) => checksum(&json).is_none_or(|found| found == said),
            None => true,
        };
        (as_said && hint.version <= MAX_VERSION).then_some(hint)
    }

    /// The bytes to write to `_last_checkpoint`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Plain fields with string keys: serialising to memory can't fail.
        let mut json = serde_json::to_value(self).unwrap_or_default();
        if let (Some(found), Some(members)) = (checksum(&json), json.as_object_mut()) {
            members.insert(CHECKSUM.to_owned(), Value::String(found));
        }
        json.to_string().into_bytes()
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
            {"type":"struct","fields":[]},"tags":{"a":"b"},"new":[1.5]}"#;
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
    fn the_files_of_the_checkpoint_are_told_by_the_hint() {
        let of = |text: &str| {
            let hint = LastCheckpointHint::parse(text.as_bytes()).unwrap();
            let files = hint.files().into_iter().map(|file| (file.name.to_string(), file.about_bytes));
            files.collect::<Vec<_>>()
        };
        let classic = "00000000000000000010.checkpoint.parquet".to_owned();
        assert_eq!(of(r#"{"version":10,"size":1}"#), [(classic.clone(), None)]);
        assert_eq!(of(r#"{"version":10,"size":1,"sizeInBytes":-4}"#), [(classic.clone(), None)]);
        assert_eq!(of(r#"{"version":10,"size":1,"sizeInBytes":44}"#), [(classic, Some(44))]);
        let part = |part| (format!("00000000000000000006.checkpoint.000000000{part}.0000000002.parquet"), Some(50));
        assert_eq!(of(r#"{"version":6,"size":8,"parts":2,"sizeInBytes":100}"#), [part(1), part(2)]);
        assert_eq!(of(r#"{"version":6,"size":8,"parts":4000000000}"#), []);
        assert_eq!(of(r#"{"version":6,"size":8,"parts":0}"#), []);
        let v2 = "00000000000000000004.checkpoint.42f48375-5c72-4d2f-8dcc-7ce4d45e2d8c.json";
        let hint = format!(r#"{{"version":4,"size":9,"v2Checkpoint":{{"path":"x/{v2}","sizeInBytes":7}}}}"#);
        assert_eq!(of(&hint), [(v2.to_owned(), Some(7))]);
        assert_eq!(of(&hint.replace("\"version\":4", "\"version\":5")), [], "of another version");
        assert_eq!(of(&hint.replace("42f4", "../../")), [], "no name of the log");
    }

    #[test]
    fn our_own_hint_says_how_far_apart_checkpoints_are() {
        let hint = LastCheckpointHint::new(Version(20), 5).with_interval(10);
        assert_eq!(LastCheckpointHint::parse(&hint.to_json()).unwrap().interval(), Some(10));
        assert_eq!(LastCheckpointHint::new(Version(20), 5).interval(), None);
        let odd = br#"{"version":1,"size":1,"tags":{"lakebed.checkpointInterval":"often"}}"#;
        assert_eq!(LastCheckpointHint::parse(odd).unwrap().interval(), None);
    }

    #[test]
    fn a_hint_that_contradicts_its_checksum_is_none() {
        let text = String::from_utf8(LastCheckpointHint::new(Version(10), 13).to_json()).unwrap();
        assert!(text.contains("checksum"), "{text}");
        assert!(LastCheckpointHint::parse(text.as_bytes()).is_some());
        assert_eq!(LastCheckpointHint::parse(text.replace("10", "11").as_bytes()), None);
        let unsure = br#"{"version":10,"size":13,"future":0.50,"checksum":"0123"}"#;
        assert!(LastCheckpointHint::parse(unsure).is_some(), "a number whose text is lost can't be checked");
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
