//! What a store's failure means to a caller: the one place where store errors become ours.

use std::error::Error as StdError;
use std::io;

use crate::error::{Error, ErrorKind};
use object_store::client::{HttpError, HttpErrorKind};

/// The error of a request that `attempted` something (as in `"reading a data file"`) at `path`.
///
/// | what the store said | kind |
/// |---|---|
/// | no such object, bucket or folder | `NotFound` |
/// | 401, 403, a key that is unknown, wrong or expired; no credentials at all; file permissions | `PermissionDenied` |
/// | no space, quota, file too large | `Exhausted` |
/// | exists already, precondition failed | `AlreadyExists` |
/// | a name that the store can't hold | `InvalidRequest` |
/// | wrong region, an operation that the store lacks | `InvalidRequest`, `Unsupported` |
/// | anything else: no connection, a time-out, 5xx | `Unavailable` |
///
/// The source is kept; a hint says what to do where that can be told.
#[must_use]
pub fn store_error(error: object_store::Error, attempted: &str, path: &str) -> Error {
    let meaning = meaning_of(&error);
    let made = Error::new(meaning.kind, format!("{attempted}: {}", meaning.what)).path(path).because(error);
    match meaning.hint {
        Some(hint) => made.hint(hint),
        None => made,
    }
}

/// The error of a file operation that `attempted` something at `path`, by the same table as [`store_error`].
#[must_use]
pub fn file_error(error: io::Error, attempted: &str, path: &std::path::Path) -> Error {
    let meaning = of_io(&error).unwrap_or(meaning(ErrorKind::Unavailable, "the file system failed", None));
    let made = Error::new(meaning.kind, format!("{attempted}: {}", meaning.what))
        .path(path.to_string_lossy().into_owned())
        .because(error);
    match meaning.hint {
        Some(hint) => made.hint(hint),
        None => made,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Meaning {
    kind: ErrorKind,
    what: &'static str,
    hint: Option<&'static str>,
}

const fn meaning(kind: ErrorKind, what: &'static str, hint: Option<&'static str>) -> Meaning {
    Meaning { kind, what, hint }
}

fn meaning_of(error: &object_store::Error) -> Meaning {
    use ErrorKind::{AlreadyExists, Bug, InvalidRequest, NotFound, PermissionDenied, Unavailable, Unsupported};
    if let Some(said) = by_code(error) {
        return said;
    }
    match error {
        object_store::Error::NotFound { .. } => meaning(NotFound, "there is no such object", None),
        object_store::Error::AlreadyExists { .. } => meaning(AlreadyExists, "the object exists already", None),
        object_store::Error::Precondition { .. } | object_store::Error::NotModified { .. } => {
            meaning(AlreadyExists, "the object isn't in the state that the request asks for", None)
        }
        object_store::Error::PermissionDenied { .. } => {
            meaning(PermissionDenied, "the store refused it", Some("check that these credentials may do this here"))
        }
        object_store::Error::Unauthenticated { .. } => {
            meaning(PermissionDenied, "the store doesn't accept the credentials", Some(CHECK_KEYS))
        }
        object_store::Error::InvalidPath { .. } => {
            meaning(InvalidRequest, "the store can't hold an object of this name", None)
        }
        object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. } => {
            meaning(Unsupported, "the store can't do this", None)
        }
        object_store::Error::UnknownConfigurationKey { .. } => meaning(Bug, "a setting isn't known to the store", None),
        object_store::Error::JoinError { .. } => meaning(Unavailable, "the task was stopped", None),
        _ => by_source(error).unwrap_or(meaning(Unavailable, "the store failed", Some("try again"))),
    }
}

const CHECK_KEYS: &str = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_PROFILE";
const SET_REGION: &str = "set AWS_REGION to the bucket's region";

/// What the `<Code>` of an S3 answer says, where it says more than the status.
fn by_code(error: &object_store::Error) -> Option<Meaning> {
    use ErrorKind::{Exhausted, InvalidRequest, NotFound, PermissionDenied, Unavailable};
    let text = chain(error).map(ToString::to_string).find(|text| text.contains("<Code>"))?;
    let code = text.split_once("<Code>")?.1.split_once('<')?.0;
    Some(match code {
        "NoSuchBucket" => {
            meaning(NotFound, "there is no such bucket", Some("create the bucket, or check its name and the endpoint"))
        }
        "KeyTooLongError" => meaning(InvalidRequest, "the store can't hold an object of a name this long", None),
        "InvalidBucketName" => meaning(InvalidRequest, "a bucket can't have this name", None),
        "InvalidAccessKeyId" => meaning(PermissionDenied, "the store doesn't know the access key", Some(CHECK_KEYS)),
        "SignatureDoesNotMatch" => meaning(PermissionDenied, "the secret key is wrong", Some(CHECK_KEYS)),
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
            meaning(PermissionDenied, "the session token has expired or is wrong", Some("get new credentials"))
        }
        "RequestTimeTooSkewed" => {
            meaning(PermissionDenied, "this machine's clock is too far from the store's", Some("set the clock"))
        }
        "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException" => {
            meaning(InvalidRequest, "the bucket is in another region", Some(SET_REGION))
        }
        "QuotaExceeded" | "InsufficientCapacity" | "XMinioStorageFull" | "EntityTooLarge" => {
            meaning(Exhausted, "no space left in the store", Some("free some space, or raise the quota"))
        }
        "InvalidObjectState" => {
            meaning(Unavailable, "the object is archived", Some("restore it from its storage class first"))
        }
        _ => return None,
    })
}

/// Where credentials are asked for on EC2, ECS and EKS, and nothing else is: a store may have another address of these networks.
const CREDENTIALS: [&str; 5] = [
    "http://169.254.169.254/",
    "http://169.254.170.2/",
    "http://169.254.170.23/",
    "http://[fd00:ec2::254]/",
    "http://[fd00:ec2::23]/",
];

/// What a cause further down says: an operating system's error, a client's, or their text where there is no type.
fn by_source(error: &object_store::Error) -> Option<Meaning> {
    use ErrorKind::{InvalidRequest, NotFound, PermissionDenied, Unavailable};
    if let Some(said) = chain(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).find_map(of_io) {
        return Some(said);
    }
    let text = chain(error).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if CREDENTIALS.iter().any(|place| text.contains(place)) {
        let hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";
        return Some(meaning(PermissionDenied, "no credentials were found", Some(hint)));
    }
    if text.contains("incorrectly configured region") {
        return Some(meaning(InvalidRequest, "the bucket is in another region", Some(SET_REGION)));
    }
    if text.contains("status code: 404") {
        return Some(meaning(NotFound, "there is no such bucket or object", None));
    }
    let client = chain(error).find_map(|cause| cause.downcast_ref::<HttpError>())?;
    Some(match client.kind() {
        HttpErrorKind::Connect => {
            meaning(Unavailable, "the store can't be reached", Some("check the endpoint and the network"))
        }
        HttpErrorKind::Timeout => meaning(Unavailable, "the store didn't answer in time", Some("try again")),
        _ => return None,
    })
}

fn of_io(error: &io::Error) -> Option<Meaning> {
    use ErrorKind::{AlreadyExists, Exhausted, InvalidRequest, NotFound, PermissionDenied, Unsupported};
    Some(match error.kind() {
        io::ErrorKind::StorageFull => {
            meaning(Exhausted, "no space left on the disk", Some("free some space; the table reads as before"))
        }
        io::ErrorKind::QuotaExceeded => meaning(Exhausted, "the disk quota is used up", Some("free some space")),
        io::ErrorKind::FileTooLarge => meaning(Exhausted, "the file system can't hold a file of this size", None),
        io::ErrorKind::PermissionDenied => {
            meaning(PermissionDenied, "the file system refused it", Some("check the folder's owner and permissions"))
        }
        io::ErrorKind::ReadOnlyFilesystem => meaning(PermissionDenied, "the file system is read-only", None),
        io::ErrorKind::NotFound => meaning(NotFound, "there is no such file or folder", None),
        io::ErrorKind::AlreadyExists => meaning(AlreadyExists, "the file exists already", None),
        io::ErrorKind::NotADirectory => meaning(InvalidRequest, "a part of the path is a file, not a folder", None),
        io::ErrorKind::IsADirectory => meaning(InvalidRequest, "the path names a folder, not a file", None),
        io::ErrorKind::InvalidFilename => {
            meaning(InvalidRequest, "the file system can't hold a file of this name", None)
        }
        io::ErrorKind::Unsupported => meaning(Unsupported, "the file system can't do this", None),
        _ if error.raw_os_error() == Some(TOO_MANY_OPEN_FILES) => {
            meaning(Exhausted, "too many files are open", Some("raise the limit with `ulimit -n`"))
        }
        _ => return None,
    })
}

/// `EMFILE` on Linux, macOS and the BSDs; the standard library has no kind for it.
const TOO_MANY_OPEN_FILES: i32 = 24;

fn chain<'a>(error: &'a object_store::Error) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |cause: &&'a (dyn StdError + 'static)| (*cause).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(source: impl Into<Box<dyn StdError + Send + Sync>>) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: source.into() }
    }

    fn io(kind: io::ErrorKind) -> object_store::Error {
        generic(io::Error::from(kind))
    }

    #[test]
    fn a_full_disk_is_said_to_be_one() {
        let error = store_error(io(io::ErrorKind::StorageFull), "writing a data file", "part-0.parquet");
        assert_eq!(error.kind(), ErrorKind::Exhausted);
        assert_eq!(
            error.to_string(),
            "limit reached: writing a data file: no space left on the disk [path part-0.parquet]"
        );
        assert!(StdError::source(&error).is_some());
    }

    #[test]
    fn what_an_s3_answer_names_decides_before_its_status() {
        let body = |code: &str| format!("Server returned non-2xx status code: 4xx: <Error><Code>{code}</Code></Error>");
        let cases = [
            ("NoSuchBucket", ErrorKind::NotFound),
            ("InvalidAccessKeyId", ErrorKind::PermissionDenied),
            ("SignatureDoesNotMatch", ErrorKind::PermissionDenied),
            ("ExpiredToken", ErrorKind::PermissionDenied),
            ("AuthorizationHeaderMalformed", ErrorKind::InvalidRequest),
            ("QuotaExceeded", ErrorKind::Exhausted),
            ("SlowDown", ErrorKind::Unavailable),
        ];
        for (code, kind) in cases {
            assert_eq!(store_error(generic(body(code)), "listing", "x").kind(), kind, "{code}");
        }
        let bucket = object_store::Error::NotFound { path: "x".into(), source: body("NoSuchBucket").into() };
        let bucket = store_error(bucket, "reading", "x");
        assert!(bucket.message().contains("no such bucket") && bucket.what_to_do().is_some());
    }

    #[test]
    fn missing_credentials_are_not_called_a_network_failure() {
        let text = "Error performing PUT http://169.254.169.254/latest/api/token in 1s - HTTP error: connect timed out";
        assert_eq!(store_error(generic(text), "reading", "x").kind(), ErrorKind::PermissionDenied);
    }

    #[test]
    fn an_unknown_failure_is_worth_a_retry() {
        assert_eq!(store_error(generic("gone fishing"), "reading", "x").kind(), ErrorKind::Unavailable);
    }
}
