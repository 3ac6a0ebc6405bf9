//! What is this file under `_delta_log`? One parser and printer for every name (pitfall L10).
//!
//! | name, relative to `_delta_log/` | [`LogName`] |
//! |---|---|
//! | `00000000000000000042.json` | [`Commit`](LogName::Commit) |
//! | `_staged_commits/00000000000000000042.UUID.json` | [`StagedCommit`](LogName::StagedCommit) |
//! | `00000000000000000042.checkpoint.parquet` | [`ClassicCheckpoint`](LogName::ClassicCheckpoint) |
//! | `00000000000000000042.checkpoint.0000000001.0000000003.parquet` | [`MultiPartCheckpoint`](LogName::MultiPartCheckpoint) |
//! | `00000000000000000042.checkpoint.UUID.json` or `.parquet` | [`UuidCheckpoint`](LogName::UuidCheckpoint) |
//! | `_sidecars/UNIQUE.parquet` | [`Sidecar`](LogName::Sidecar) |
//! | `00000000000000000042.crc` | [`Crc`](LogName::Crc) |
//! | `00000000000000000004.00000000000000000006.compacted.json` | [`Compacted`](LogName::Compacted) |
//! | `_last_checkpoint` | [`LastCheckpoint`](LogName::LastCheckpoint) |
//! | `.NAME.crc`, beside NAME | [`HadoopChecksum`](LogName::HadoopChecksum) |
//! | `.NAME.tmp`, `.NAME.UUID.tmp`, `.tmp/NAME`, `NAME#1`, `_commit_UUID.json.tmp` | [`Temporary`](LogName::Temporary) |
//! | anything else | [`Unknown`](LogName::Unknown) |
//!
//! Parsing and printing are inverse: `LogName::parse(text).to_string() == text` for every text. Protocol sections
//! "Delta Log Entries", "Checkpoints", "Log Compaction Files", "Last Checkpoint File", "Version Checksum File".

use std::fmt;

use uuid::Uuid;

use crate::version::Version;

/// The folder under the table root that holds the log.
pub const LOG_FOLDER: &str = "_delta_log";
/// The folder under `_delta_log` that holds sidecars of V2 checkpoints.
pub const SIDECAR_FOLDER: &str = "_sidecars";
/// The folder under `_delta_log` that holds commits that a catalog has still to ratify.
pub const STAGED_FOLDER: &str = "_staged_commits";
/// The hint that points to a recent checkpoint.
pub const LAST_CHECKPOINT: &str = "_last_checkpoint";

/// Digits of a version in a name: versions sort as text.
const VERSION_DIGITS: usize = 20;
/// Digits of a part number of a multi-part checkpoint.
const PART_DIGITS: usize = 10;
/// Characters of a UUID in its canonical, hyphenated form.
const UUID_CHARS: usize = 36;

/// The largest version that a name can carry: the log's numbers are signed 64-bit (protocol type `Long`).
pub const MAX_VERSION: Version = Version(i64::MAX as u64);

/// The encoding of a UUID-named checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckpointFormat {
    /// One action per line, as in a commit.
    Json,
    /// One action per row.
    Parquet,
}

impl CheckpointFormat {
    /// The extension in the name, without its dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            CheckpointFormat::Json => "json",
            CheckpointFormat::Parquet => "parquet",
        }
    }
}

/// A name under `_delta_log`, understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogName {
    /// The commit that makes this version.
    Commit {
        /// The version it makes.
        version: Version,
    },
    /// A proposal for a commit of a catalog-managed table. Only the catalog knows whether it was ratified.
    StagedCommit {
        /// The version it proposes.
        version: Version,
        /// The proposal's UUID, as written.
        uuid: String,
    },
    /// A checkpoint in one file. Its content says whether it follows the V1 or the V2 spec (pitfall L12).
    ClassicCheckpoint {
        /// The version whose state it holds.
        version: Version,
    },
    /// One of several files that make a checkpoint only together.
    MultiPartCheckpoint {
        /// The version whose state it holds a part of.
        version: Version,
        /// Which part, from 1.
        part: u32,
        /// How many parts there are.
        parts: u32,
    },
    /// A V2 checkpoint, unique by its UUID.
    UuidCheckpoint {
        /// The version whose state it holds.
        version: Version,
        /// The UUID, as written.
        uuid: String,
        /// How it is encoded.
        format: CheckpointFormat,
    },
    /// File actions of one or more V2 checkpoints.
    Sidecar {
        /// The name without folder and `.parquet`: any unique text.
        unique: String,
    },
    /// The checksum of a version: counts and sizes of its state.
    Crc {
        /// The version whose state it describes.
        version: Version,
    },
    /// The reconciled actions of a range of commits.
    Compacted {
        /// The first version of the range.
        start: Version,
        /// The last version of the range.
        end: Version,
    },
    /// The hint that points to a recent checkpoint.
    LastCheckpoint,
    /// Hadoop's checksum of the file beside it. Spark fails on one that belongs to older bytes (pitfall L17).
    HadoopChecksum {
        /// The file it belongs to, never itself a checksum.
        of: Box<LogName>,
    },
    /// What a writer leaves when it dies between writing and publishing.
    Temporary {
        /// The whole name.
        name: String,
    },
    /// Not a name of the protocol: ignored by readers, left alone by cleanup.
    Unknown {
        /// The whole name.
        name: String,
    },
}

impl LogName {
    /// Understands `name`, a path relative to `_delta_log/` with `/` between its parts.
    ///
    /// Never fails: what the protocol doesn't name, numbers of the wrong width or beyond [`MAX_VERSION`], part numbers
    /// outside `1..=parts` and ranges that aren't ascending are [`LogName::Unknown`].
    #[must_use]
    pub fn parse(name: &str) -> LogName {
        let (folder, file) = match name.rsplit_once('/') {
            Some((folder, file)) => (Some(folder), file),
            None => (None, name),
        };
        let of_protocol = match file.strip_prefix('.') {
            Some(hidden) => parse_checksum(folder, hidden),
            None => parse_visible(folder, file),
        };
        match of_protocol {
            Some(found) => found,
            None if is_temporary(folder, file) => LogName::Temporary { name: name.to_owned() },
            None => LogName::Unknown { name: name.to_owned() },
        }
    }

    /// The name of a new UUID-named checkpoint.
    #[must_use]
    pub fn new_checkpoint(version: Version, uuid: Uuid, format: CheckpointFormat) -> LogName {
        LogName::UuidCheckpoint { version, uuid: uuid.hyphenated().to_string(), format }
    }

    /// The name of a new sidecar.
    #[must_use]
    pub fn new_sidecar(uuid: Uuid) -> LogName {
        LogName::Sidecar { unique: uuid.hyphenated().to_string() }
    }

    /// The version that the name carries: of a compacted range its first, of a checksum that of the file beside it.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match self {
            LogName::Commit { version }
            | LogName::StagedCommit { version, .. }
            | LogName::ClassicCheckpoint { version }
            | LogName::MultiPartCheckpoint { version, .. }
            | LogName::UuidCheckpoint { version, .. }
            | LogName::Crc { version }
            | LogName::Compacted { start: version, .. } => Some(*version),
            LogName::HadoopChecksum { of } => of.version(),
            LogName::Sidecar { .. } | LogName::LastCheckpoint | LogName::Temporary { .. } | LogName::Unknown { .. } => {
                None
            }
        }
    }

    /// Whether this is a checkpoint or a part of one.
    #[must_use]
    pub fn is_checkpoint(&self) -> bool {
        matches!(
            self,
            LogName::ClassicCheckpoint { .. } | LogName::MultiPartCheckpoint { .. } | LogName::UuidCheckpoint { .. }
        )
    }

    /// Hadoop's checksum of this file, or `None` for what has none: a checksum.
    ///
    /// Whoever replaces or deletes a file of a local log deletes that too (pitfall L17).
    #[must_use]
    pub fn checksum(&self) -> Option<LogName> {
        match self {
            LogName::HadoopChecksum { .. } => None,
            file => Some(LogName::HadoopChecksum { of: Box::new(file.clone()) }),
        }
    }

    /// The name relative to the table root, `_delta_log/…`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{LOG_FOLDER}/{self}")
    }
}

/// The key to list after, exclusively and relative to `_delta_log/`, to get every name of `version` and later ones,
/// and no name of an earlier version.
#[must_use]
pub fn listing_offset(version: Version) -> String {
    // A prefix of every name of the version, so before each of them, and after all names of the version before.
    format!("{:0VERSION_DIGITS$}", version.0)
}

fn parse_visible(folder: Option<&str>, file: &str) -> Option<LogName> {
    match folder {
        None => parse_top(file),
        Some(SIDECAR_FOLDER) => {
            let unique = file.strip_suffix(".parquet").filter(|unique| !unique.is_empty())?;
            Some(LogName::Sidecar { unique: unique.to_owned() })
        }
        Some(STAGED_FOLDER) => {
            let (version, rest) = file.split_once('.')?;
            let uuid = parse_uuid(rest.strip_suffix(".json")?)?;
            Some(LogName::StagedCommit { version: parse_version(version)?, uuid })
        }
        Some(_) => None,
    }
}

fn parse_top(file: &str) -> Option<LogName> {
    if file == LAST_CHECKPOINT {
        return Some(LogName::LastCheckpoint);
    }
    // No name of the protocol has more than five parts.
    let mut parts = [""; 6];
    let mut count = 0;
    for part in file.split('.') {
        *parts.get_mut(count)? = part;
        count += 1;
    }
    let version = parse_version(parts[0])?;
    match &parts[1..count] {
        ["json"] => Some(LogName::Commit { version }),
        ["crc"] => Some(LogName::Crc { version }),
        ["checkpoint", "parquet"] => Some(LogName::ClassicCheckpoint { version }),
        [end, "compacted", "json"] => {
            let end = parse_version(end).filter(|end| version < *end)?;
            Some(LogName::Compacted { start: version, end })
        }
        ["checkpoint", uuid, "json"] => {
            Some(LogName::UuidCheckpoint { version, uuid: parse_uuid(uuid)?, format: CheckpointFormat::Json })
        }
        ["checkpoint", uuid, "parquet"] => {
            Some(LogName::UuidCheckpoint { version, uuid: parse_uuid(uuid)?, format: CheckpointFormat::Parquet })
        }
        ["checkpoint", part, parts, "parquet"] => {
            let (part, parts) = (parse_part(part)?, parse_part(parts)?);
            (part <= parts).then_some(LogName::MultiPartCheckpoint { version, part, parts })
        }
        _ => None,
    }
}

/// `hidden` is the file's name without its leading dot.
fn parse_checksum(folder: Option<&str>, hidden: &str) -> Option<LogName> {
    let of = hidden.strip_suffix(".crc").filter(|of| !of.is_empty())?;
    // Hadoop keeps no checksum of a checksum. Hidden files have them all the same: those are temporary.
    let of = match parse_visible(folder, of) {
        Some(found) => found,
        None => {
            let whole = folder.map_or_else(|| of.to_owned(), |folder| format!("{folder}/{of}"));
            if is_temporary(folder, of) {
                LogName::Temporary { name: whole }
            } else if of.starts_with('.') {
                return None;
            } else {
                LogName::Unknown { name: whole }
            }
        }
    };
    Some(LogName::HadoopChecksum { of: Box::new(of) })
}

/// Whether a name outside the protocol is one that a known writer uses before it publishes:
/// Hadoop's `.NAME.UUID.tmp`, delta-rs' `_commit_UUID.json.tmp` and `.tmp/NAME`, `object_store`'s `NAME#1`.
fn is_temporary(folder: Option<&str>, file: &str) -> bool {
    if folder == Some(".tmp") {
        return true;
    }
    if let Some(name) = file.strip_suffix(".tmp") {
        return name.starts_with('.') || name.starts_with("_commit_");
    }
    match file.rsplit_once('#') {
        Some((name, number)) => is_number(number) && parse_visible(folder, name).is_some(),
        None => false,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn parse_version(text: &str) -> Option<Version> {
    if text.len() != VERSION_DIGITS || !is_number(text) {
        return None;
    }
    text.parse().ok().map(Version).filter(|version| *version <= MAX_VERSION)
}

fn parse_part(text: &str) -> Option<u32> {
    if text.len() != PART_DIGITS || !is_number(text) {
        return None;
    }
    text.parse().ok().filter(|part| *part > 0)
}

fn parse_uuid(text: &str) -> Option<String> {
    (text.len() == UUID_CHARS && Uuid::try_parse(text).is_ok()).then(|| text.to_owned())
}

impl fmt::Display for LogName {
    /// The name relative to `_delta_log/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const V: usize = VERSION_DIGITS;
        const P: usize = PART_DIGITS;
        match self {
            LogName::Commit { version } => write!(f, "{:0V$}.json", version.0),
            LogName::StagedCommit { version, uuid } => write!(f, "{STAGED_FOLDER}/{:0V$}.{uuid}.json", version.0),
            LogName::ClassicCheckpoint { version } => write!(f, "{:0V$}.checkpoint.parquet", version.0),
            LogName::MultiPartCheckpoint { version, part, parts } => {
                write!(f, "{:0V$}.checkpoint.{part:0P$}.{parts:0P$}.parquet", version.0)
            }
            LogName::UuidCheckpoint { version, uuid, format } => {
                write!(f, "{:0V$}.checkpoint.{uuid}.{}", version.0, format.extension())
            }
            LogName::Sidecar { unique } => write!(f, "{SIDECAR_FOLDER}/{unique}.parquet"),
            LogName::Crc { version } => write!(f, "{:0V$}.crc", version.0),
            LogName::Compacted { start, end } => write!(f, "{:0V$}.{:0V$}.compacted.json", start.0, end.0),
            LogName::LastCheckpoint => f.write_str(LAST_CHECKPOINT),
            LogName::HadoopChecksum { of } => {
                let of = of.to_string();
                match of.rsplit_once('/') {
                    Some((folder, file)) => write!(f, "{folder}/.{file}.crc"),
                    None => write!(f, ".{of}.crc"),
                }
            }
            LogName::Temporary { name } | LogName::Unknown { name } => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "80a083e8-7026-4e79-81be-64bd76c43a11";

    fn v(version: u64) -> Version {
        Version(version)
    }

    #[test]
    fn every_example_of_the_protocol_is_understood() {
        let uuid = UUID.to_owned();
        let cases = [
            ("00000000000000000042.json", LogName::Commit { version: v(42) }),
            (
                "_staged_commits/00000000000000000001.80a083e8-7026-4e79-81be-64bd76c43a11.json",
                LogName::StagedCommit { version: v(1), uuid: uuid.clone() },
            ),
            ("00000000000000000010.checkpoint.parquet", LogName::ClassicCheckpoint { version: v(10) }),
            (
                "00000000000000000010.checkpoint.0000000002.0000000003.parquet",
                LogName::MultiPartCheckpoint { version: v(10), part: 2, parts: 3 },
            ),
            (
                "00000000000000000010.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json",
                LogName::UuidCheckpoint { version: v(10), uuid: uuid.clone(), format: CheckpointFormat::Json },
            ),
            (
                "00000000000000000020.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.parquet",
                LogName::UuidCheckpoint { version: v(20), uuid: uuid.clone(), format: CheckpointFormat::Parquet },
            ),
            ("_sidecars/80a083e8-7026-4e79-81be-64bd76c43a11.parquet", LogName::Sidecar { unique: uuid }),
            ("00000000000000000001.crc", LogName::Crc { version: v(1) }),
            ("00000000000000000004.00000000000000000006.compacted.json", LogName::Compacted { start: v(4), end: v(6) }),
            ("_last_checkpoint", LogName::LastCheckpoint),
        ];
        for (text, name) in cases {
            assert_eq!(LogName::parse(text), name);
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn checksums_belong_to_the_file_beside_them() {
        for of in ["00000000000000000003.json", "00000000000000000003.crc", "_last_checkpoint", "_sidecars/x.parquet"] {
            let name = LogName::parse(of);
            let checksum = name.checksum().unwrap();
            assert_eq!(LogName::parse(&checksum.to_string()), checksum);
            assert_eq!(checksum, LogName::HadoopChecksum { of: Box::new(name.clone()) });
            assert_eq!(checksum.version(), name.version());
        }
        assert_eq!(LogName::parse("_sidecars/.x.parquet.crc").to_string(), "_sidecars/.x.parquet.crc");
        let of_temporary = "..00000000000000000008.json.80a083e8-7026-4e79-81be-64bd76c43a11.tmp.crc";
        assert!(
            matches!(LogName::parse(of_temporary), LogName::HadoopChecksum { of } if matches!(*of, LogName::Temporary { .. }))
        );
    }

    #[test]
    fn leftovers_of_known_writers_are_temporary() {
        for name in [
            ".00000000000000000008.json.80a083e8-7026-4e79-81be-64bd76c43a11.tmp",
            ".00000000000000000008.checkpoint.parquet.tmp",
            "00000000000000000008.json#1",
            "_sidecars/80a083e8-7026-4e79-81be-64bd76c43a11.parquet#12",
            "_commit_80a083e8-7026-4e79-81be-64bd76c43a11.json.tmp",
            ".tmp/00000000000000000005.json",
        ] {
            assert_eq!(LogName::parse(name), LogName::Temporary { name: name.to_owned() });
        }
    }

    #[test]
    fn what_the_protocol_does_not_name_is_unknown() {
        for name in [
            "",
            ".",
            "/",
            "notes.txt",
            "42.json",
            "0000000000000000042.json",
            "000000000000000000042.json",
            "0000000000000000004x.json",
            "+0000000000000000042.json",
            "00000000000000000042.JSON",
            "00000000000000000042.json.gz",
            "00000000000000000042",
            "00000000000000000042.",
            "99999999999999999999.json",
            "18446744073709551615.json",
            "09223372036854775808.json",
            "0000000000000000004\u{0662}.json",
            "00000000000000000042.checkpoint.0000000000.0000000003.parquet",
            "00000000000000000042.checkpoint.0000000004.0000000003.parquet",
            "00000000000000000042.checkpoint.9999999999.9999999999.parquet",
            "00000000000000000042.checkpoint.1.3.parquet",
            "00000000000000000042.checkpoint.json",
            "00000000000000000042.checkpoint.not-a-uuid.parquet",
            "00000000000000000042.checkpoint.{80a083e8-7026-4e79-81be-64bd76c43a11}.json",
            "00000000000000000006.00000000000000000004.compacted.json",
            "00000000000000000006.00000000000000000006.compacted.json",
            "_sidecars/.parquet",
            "_sidecars/a/b.parquet",
            "_staged_commits/00000000000000000042.json",
            "_00000000000000000005.json",
            "_autostats/00000000000000000005.json",
            ".crc",
            "..00000000000000000042.json.crc.crc",
            "a.b.c.d.e.f.g.h",
        ] {
            assert_eq!(LogName::parse(name), LogName::Unknown { name: name.to_owned() }, "{name}");
        }
        assert_eq!(LogName::parse("09223372036854775807.json"), LogName::Commit { version: MAX_VERSION });
    }

    #[test]
    fn the_offset_parts_a_version_from_the_one_before() {
        let offset = listing_offset(v(100));
        for text in ["00000000000000000100.json", "00000000000000000100.checkpoint.parquet", "_last_checkpoint"] {
            assert!(*text > *offset);
        }
        for text in ["00000000000000000099.json", "00000000000000000099.00000000000000000200.compacted.json"] {
            assert!(*text < *offset);
        }
    }

    fn any_name() -> impl Strategy<Value = LogName> {
        let version = (0..=MAX_VERSION.0).prop_map(Version);
        let format = prop_oneof![Just(CheckpointFormat::Json), Just(CheckpointFormat::Parquet)];
        let uuid = any::<u128>().prop_map(|bits| Uuid::from_u128(bits).to_string());
        let plain = prop_oneof![
            version.clone().prop_map(|version| LogName::Commit { version }),
            version.clone().prop_map(|version| LogName::Crc { version }),
            version.clone().prop_map(|version| LogName::ClassicCheckpoint { version }),
            (version.clone(), uuid.clone()).prop_map(|(version, uuid)| LogName::StagedCommit { version, uuid }),
            (version.clone(), uuid, format).prop_map(|(version, uuid, format)| LogName::UuidCheckpoint {
                version,
                uuid,
                format
            }),
            (version, 1..=u32::MAX, 0..1000u32).prop_map(|(version, part, more)| LogName::MultiPartCheckpoint {
                version,
                part,
                parts: part.saturating_add(more)
            }),
            (0..MAX_VERSION.0, 1..1000u64).prop_map(|(start, more)| LogName::Compacted {
                start: Version(start),
                end: Version((start + more).min(MAX_VERSION.0))
            }),
            "[a-zA-Z0-9_.-]{1,40}"
                .prop_filter("hidden", |s| !s.starts_with('.'))
                .prop_map(|unique| LogName::Sidecar { unique }),
            Just(LogName::LastCheckpoint),
        ];
        (plain, any::<bool>()).prop_map(|(name, checksum)| match checksum {
            true => name.checksum().unwrap_or(name),
            false => name,
        })
    }

    proptest! {
        #[test]
        fn a_printed_name_parses_to_itself(name in any_name()) {
            prop_assert_eq!(LogName::parse(&name.to_string()), name);
        }

        #[test]
        fn a_parsed_text_prints_as_itself(text in "\\PC{0,80}|[0-9.#_/a-z]{0,60}|(\\.|_sidecars/|_staged_commits/)?[0-9]{19,21}\\.(json|crc|tmp|checkpoint\\.parquet)?(\\.crc|\\.tmp|#1)?") {
            prop_assert_eq!(LogName::parse(&text).to_string(), text);
        }
    }
}
