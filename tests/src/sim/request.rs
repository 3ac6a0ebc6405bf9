//! What is asked of the store, and what does it answer?

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectMeta};

/// Bytes at either end that make a fingerprint.
const ENDS: usize = 4_096;

/// The kind of a request, as far as faults go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// A put if absent of a commit.
    Commit,
    /// Any other put if absent.
    Create,
    /// A put that replaces.
    Put,
    /// A read, or a look.
    Get,
    /// A page of a listing.
    List,
    /// Of one key or several.
    Delete,
    /// The begin of an upload in parts, a part, or giving it up.
    Part,
    /// The end of an upload in parts.
    Complete,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Put { key: Path, bytes: Bytes, create: bool },
    Get { key: Path, options: GetOptions },
    Delete { keys: Vec<Path> },
    List { prefix: Option<Path>, after: Option<Path> },
    Begin { key: Path },
    Part { upload: u64, number: usize, bytes: Bytes },
    Complete { upload: u64 },
    Abort { upload: u64 },
}

/// An answer that isn't an error.
#[derive(Debug)]
pub(super) enum Reply {
    Stored { etag: String },
    Found { meta: ObjectMeta, range: Range<u64>, bytes: Bytes, end: End },
    Deleted(Vec<Result<Path, Error>>),
    Listed(Vec<ObjectMeta>, End),
    Begun(u64),
    Taken,
}

/// How the body of an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    Broken,
}

/// Whether this is the name of a commit.
pub(super) fn commit_version(key: &Path) -> Option<u64> {
    let name = key.filename()?.strip_suffix(".json")?;
    let is_log = key.as_ref().contains("_delta_log/");
    (is_log && name.len() == 20 && name.bytes().all(|b| b.is_ascii_digit())).then(|| name.parse().ok())?
}

impl Call {
    pub(super) fn verb(&self) -> Verb {
        match self {
            Call::Put { key, create: true, .. } if commit_version(key).is_some() => Verb::Commit,
            Call::Put { create: true, .. } => Verb::Create,
            Call::Put { .. } => Verb::Put,
            Call::Get { .. } => Verb::Get,
            Call::List { .. } => Verb::List,
            Call::Delete { .. } => Verb::Delete,
            Call::Begin { .. } | Call::Part { .. } | Call::Abort { .. } => Verb::Part,
            Call::Complete { .. } => Verb::Complete,
        }
    }
}

/// FNV-1a over the first bytes and the last: enough to tell one run's from another's.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    let (first, last) = (&bytes[..bytes.len().min(ENDS)], &bytes[bytes.len().saturating_sub(ENDS)..]);
    first
        .iter()
        .chain(last)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Put { key, bytes, create } => {
                let how = if *create { "create" } else { "put" };
                write!(f, "{how} {key} {} bytes {:016x}", bytes.len(), fingerprint(bytes))
            }
            Call::Get { key, options } => {
                let how = if options.head { "head" } else { "get" };
                write!(f, "{how} {key}")?;
                match &options.range {
                    None => Ok(()),
                    Some(GetRange::Bounded(range)) => write!(f, " {}..{}", range.start, range.end),
                    Some(GetRange::Suffix(bytes)) => write!(f, " -{bytes}"),
                    Some(GetRange::Offset(from)) => write!(f, " {from}.."),
                }
            }
            Call::Delete { keys } => {
                f.write_str("delete")?;
                keys.iter().try_for_each(|key| write!(f, " {key}"))
            }
            Call::List { prefix, after } => {
                let text = |path: &Option<Path>| path.as_ref().map(ToString::to_string).unwrap_or_default();
                write!(f, "list {} after {:?}", text(prefix), text(after))
            }
            Call::Begin { key } => write!(f, "begin {key}"),
            Call::Part { upload, number, bytes } => {
                write!(f, "part {upload} {number} {} bytes {:016x}", bytes.len(), fingerprint(bytes))
            }
            Call::Complete { upload } => write!(f, "complete {upload}"),
            Call::Abort { upload } => write!(f, "abort {upload}"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Stored { etag } => write!(f, "stored {etag}"),
            Reply::Found { bytes, range, end, .. } => {
                write!(f, "found {}..{} {:016x} {end:?}", range.start, range.end, fingerprint(bytes))
            }
            Reply::Deleted(outcomes) => {
                write!(f, "deleted {} of {}", outcomes.iter().filter(|o| o.is_ok()).count(), outcomes.len())
            }
            Reply::Listed(objects, end) => write!(f, "listed {} {end:?}", objects.len()),
            Reply::Begun(upload) => write!(f, "begun {upload}"),
            Reply::Taken => f.write_str("taken"),
        }
    }
}
