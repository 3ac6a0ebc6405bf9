//! What does a request want? Told from its method, path and query, as the S3 protocol has them.

use std::fmt;

use hyper::{Method, Uri};

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// To put a commit.
    PutCommit,
    /// To put another file of a log: checkpoint, checksum, hint.
    PutLog,
    /// To put a file of rows or vectors.
    PutData,
    /// To begin an upload in parts.
    BeginParts,
    /// To put a part.
    PutPart,
    /// To complete an upload in parts.
    CompleteParts,
    /// To abort an upload in parts.
    AbortParts,
    /// To delete objects.
    Delete,
    /// To read a commit.
    GetCommit,
    /// To read another file of a log.
    GetLog,
    /// To read a file of rows or vectors.
    GetData,
    /// To know of an object.
    Head,
    /// To list objects.
    List,
    /// Anything else.
    Other,
}

impl What {
    /// Whether the server has something else to show for it afterwards.
    #[must_use]
    pub fn writes(self) -> bool {
        use What::{AbortParts, BeginParts, CompleteParts, Delete, PutCommit, PutData, PutLog, PutPart};
        matches!(self, PutCommit | PutLog | PutData | BeginParts | PutPart | CompleteParts | AbortParts | Delete)
    }

    fn of(method: &Method, path: &str, query: &str) -> What {
        let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
        let (in_log, name) = (path.contains("/_delta_log/"), path.rsplit('/').next().unwrap_or_default());
        let is_commit = in_log && is_commit(name);
        match *method {
            Method::PUT if has("partNumber") => What::PutPart,
            Method::PUT if is_commit => What::PutCommit,
            Method::PUT if in_log => What::PutLog,
            Method::PUT => What::PutData,
            Method::POST if has("delete") => What::Delete,
            Method::POST if has("uploads") => What::BeginParts,
            Method::POST if has("uploadId") => What::CompleteParts,
            Method::DELETE if has("uploadId") => What::AbortParts,
            Method::DELETE => What::Delete,
            Method::GET if has("list-type") => What::List,
            Method::GET if is_commit => What::GetCommit,
            Method::GET if in_log => What::GetLog,
            Method::GET => What::GetData,
            Method::HEAD => What::Head,
            _ => What::Other,
        }
    }
}

/// Whether a file of a log has the name of a commit: a version in twenty digits.
fn is_commit(name: &str) -> bool {
    name.strip_suffix(".json").is_some_and(|digits| digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit()))
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            What::PutCommit => "put commit",
            What::PutLog => "put log",
            What::PutData => "put data",
            What::BeginParts => "begin parts",
            What::PutPart => "put part",
            What::CompleteParts => "complete parts",
            What::AbortParts => "abort parts",
            What::Delete => "delete",
            What::GetCommit => "get commit",
            What::GetLog => "get log",
            What::GetData => "get data",
            What::Head => "head",
            What::List => "list",
            What::Other => "other",
        })
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its number since the proxy began, from 0.
    pub number: u64,
    /// What it wants.
    pub what: What,
    /// The path that it names, as it was sent: `/BUCKET/KEY`.
    pub path: String,
}

impl Asked {
    pub(super) fn of(number: u64, method: &Method, uri: &Uri) -> Asked {
        let what = What::of(method, uri.path(), uri.query().unwrap_or_default());
        Asked { number, what, path: uri.path().to_owned() }
    }

    /// The version whose commit it names.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        let name = self.path.rsplit('/').next().filter(|name| is_commit(name))?;
        name.strip_suffix(".json")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        let log = "/b/t/_delta_log";
        let cases = [
            (Method::PUT, format!("{log}/00000000000000000007.json"), What::PutCommit),
            (Method::PUT, format!("{log}/00000000000000000007.crc"), What::PutLog),
            (Method::PUT, format!("{log}/_last_checkpoint"), What::PutLog),
            (Method::PUT, "/b/t/x.parquet".to_owned(), What::PutData),
            (Method::PUT, "/b/t/x.parquet?partNumber=1&uploadId=u".to_owned(), What::PutPart),
            (Method::POST, "/b/t/x.parquet?uploads".to_owned(), What::BeginParts),
            (Method::POST, "/b/t/x.parquet?uploadId=u".to_owned(), What::CompleteParts),
            (Method::DELETE, "/b/t/x.parquet?uploadId=u".to_owned(), What::AbortParts),
            (Method::POST, "/b?delete".to_owned(), What::Delete),
            (Method::GET, format!("{log}/00000000000000000007.json"), What::GetCommit),
            (Method::GET, "/b/t/x.parquet".to_owned(), What::GetData),
            (Method::GET, "/b?list-type=2&prefix=t".to_owned(), What::List),
        ];
        for (method, uri, what) in cases {
            let asked = uri.parse().map(|uri| Asked::of(0, &method, &uri));
            assert_eq!(asked.map(|asked| asked.what).ok(), Some(what), "{method} {uri}");
        }
    }
}
