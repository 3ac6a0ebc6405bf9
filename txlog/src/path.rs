//! Which object does `add.path` name, and may it be read? Which path does a new file get?
//!
//! In the log a path is a URI reference (RFC 2396): percent-encoded, and relative to the table root or absolute. It is
//! decoded once, by [`DataLocation::decode`], and encoded once, by [`DataPath::encode`] (pitfall L6); everything between
//! holds the decoded form. A relative path that leaves the table is an error here, so that no caller can forget to ask;
//! an absolute one is a value of its own, for a store to check against an explicit allow-list (pitfall H1).
//!
//! | in the log | what it names |
//! |---|---|
//! | `p=a%20b/x.parquet` | the object `p=a b/x.parquet` of the table |
//! | `t=10%253A30/x.parquet` | the object `t=10%3A30/x.parquet`: a Hive-escaped folder, then URI-encoded |
//! | `t=10:30/x.parquet` | the object `t=10:30/x.parquet`: a colon after something that can't be a scheme |
//! | `s3://bucket/x.parquet`, `file:/lake/x.parquet`, `/lake/x.parquet` | an absolute location |
//! | `../x`, `a/%2e%2e/x`, `%2Fx`, `a//b`, `a\b`, `x?y`, `x#y`, `part:x`, `%zz`, `%FF` | an error |
//!
//! The string in the log stays a file's identity: two encodings of one path are two keys (protocol section "Add File
//! and Remove File"). Decoding is for opening, never for replay.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::error::{Error, Result};

/// The folder name of a partition value that is NULL or the empty string.
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// What is escaped in a path that is written: all but RFC 2396's plainest characters. A bare `:` makes Spark take what
/// stands before it for a scheme (pitfall L16); others are read alike by every engine when escaped.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b'=');

/// A path inside the table: decoded, relative to its root, and known not to leave it.
///
/// No part is empty, `.` or `..`; there is no backslash and no control character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataPath(String);

impl DataPath {
    /// Checks a decoded path.
    ///
    /// # Errors
    ///
    /// Corrupt, when it leaves the table or could be read in two ways.
    pub fn new(decoded: impl Into<String>) -> Result<DataPath> {
        let decoded = decoded.into();
        check_parts(&decoded).map_err(|why| refuse(&decoded, why))?;
        Ok(DataPath(decoded))
    }

    /// The path of the file `name` in the folder of the given partition values, in the order of the partition columns.
    ///
    /// Column names are physical names where column mapping is on. NULL and `''` share one folder.
    ///
    /// # Errors
    ///
    /// Corrupt, when `name` isn't a plain file name.
    pub fn in_partition<'a>(
        values: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
        name: &str,
    ) -> Result<DataPath> {
        let mut path = partition_folder(values);
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
        DataPath::new(path)
    }

    /// The decoded path, with `/` between its parts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts between the slashes.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The path as it is written to the log.
    #[must_use]
    pub fn encode(&self) -> String {
        utf8_percent_encode(&self.0, ESCAPED).to_string()
    }
}

impl fmt::Display for DataPath {
    /// The decoded path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a path of the log names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataLocation {
    /// An object inside the table.
    Relative(DataPath),
    /// An object anywhere: nothing but an explicit allow-list makes it readable.
    ///
    /// The URL has no `.` or `..` part, in no encoding, so that comparing it with an allowed prefix that ends in `/` is
    /// sound. A path without scheme (`/lake/x`) is a `file` URL.
    Absolute(Url),
}

impl DataLocation {
    /// Decodes a path of the log: of `add`, `remove`, `cdc`, `sidecar` or a deletion vector with absolute path.
    ///
    /// # Errors
    ///
    /// Corrupt, naming the path: it isn't a URI, or a relative one that leaves the table.
    pub fn decode(path: &str) -> Result<DataLocation> {
        decode(path).map_err(|why| refuse(path, why))
    }

    /// The path inside the table, or an error that says that the location lies outside.
    ///
    /// # Errors
    ///
    /// Unsupported, for an absolute location.
    pub fn relative(self) -> Result<DataPath> {
        match self {
            DataLocation::Relative(path) => Ok(path),
            DataLocation::Absolute(url) => {
                Err(Error::unsupported("a file of the table lies outside its folder").path(url.as_str()))
            }
        }
    }
}

impl fmt::Display for DataLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataLocation::Relative(path) => path.fmt(f),
            DataLocation::Absolute(url) => url.fmt(f),
        }
    }
}

/// The folders of partition values, `a=1/b=__HIVE_DEFAULT_PARTITION__`, escaped as Hive does (not URI-encoded); empty
/// without values.
///
/// A convention only: values are read from the log, never from here (pitfall S8).
#[must_use]
pub fn partition_folder<'a>(values: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let mut folder = String::new();
    for (column, value) in values {
        if !folder.is_empty() {
            folder.push('/');
        }
        escape_hive(column, &mut folder);
        folder.push('=');
        match value {
            Some(value) if !value.is_empty() => escape_hive(value, &mut folder),
            _ => folder.push_str(NULL_PARTITION),
        }
    }
    folder
}

/// Escapes as Spark's `ExternalCatalogUtils.escapePathName`; NUL too, which no file system takes.
fn escape_hive(text: &str, into: &mut String) {
    for c in text.chars() {
        let escaped = c.is_ascii_control()
            || matches!(c, '"' | '#' | '%' | '\'' | '*' | '/' | ':' | '=' | '?' | '\\' | '{' | '[' | ']' | '^');
        if escaped {
            // ASCII throughout: one byte, two digits.
            into.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            into.push(c);
        }
    }
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("it is empty")]
    Empty,
    #[error("it has an empty part (`//`, or a slash at an end)")]
    EmptyPart,
    #[error("it has a part `.` or `..`, which may leave the table")]
    DotPart,
    #[error("it has a backslash, which some systems take for a slash")]
    Backslash,
    #[error("it has a control character")]
    Control,
    #[error("a bare `?` or `#` starts a query or a fragment, which a path can't have")]
    QueryOrFragment,
    #[error("a `%` isn't followed by two hexadecimal digits")]
    MalformedEscape,
    #[error("its escapes don't decode to UTF-8")]
    NotUtf8,
    #[error("it has a scheme but no path from the root")]
    Opaque,
    #[error("its authority has characters that no host or bucket has")]
    Authority,
    #[error("it isn't a URL")]
    NotUrl,
}

impl Refusal {
    fn hint(self) -> &'static str {
        match self {
            Refusal::DotPart | Refusal::EmptyPart | Refusal::Backslash | Refusal::Control | Refusal::Opaque => {
                "a file of a table is named relative to the table's folder and lies inside it; \
                 don't trust a table that says otherwise"
            }
            _ => "the path isn't the URI that the protocol asks for: rewrite the file entry with its writer",
        }
    }
}

fn refuse(path: &str, why: Refusal) -> Error {
    Error::corrupt(format!("the log names a path that can't be a file of the table: {why}")).path(path).hint(why.hint())
}

fn decode(path: &str) -> Result<DataLocation, Refusal> {
    if let Some((scheme, rest)) = split_scheme(path) {
        let Some(from_root) = rest.strip_prefix('/') else { return Err(Refusal::Opaque) };
        return match from_root.strip_prefix('/') {
            Some(with_authority) => {
                let end = with_authority.find('/').ok_or(Refusal::Opaque)?;
                let (authority, path) = with_authority.split_at(end);
                absolute(scheme, authority, path)
            }
            None => absolute(scheme, "", rest),
        };
    }
    if path.starts_with('/') {
        return absolute("file", "", path);
    }
    let decoded = percent_decode(path)?;
    check_parts(&decoded)?;
    Ok(DataLocation::Relative(DataPath(decoded)))
}

/// The scheme and what follows its colon, where RFC 2396 sees a scheme.
fn split_scheme(path: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = path.split_once(':')?;
    let mut bytes = scheme.bytes();
    let starts_well = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
    let goes_on_well = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    (starts_well && goes_on_well).then_some((scheme, rest))
}

/// `path` starts with a slash and is still encoded.
fn absolute(scheme: &str, authority: &str, path: &str) -> Result<DataLocation, Refusal> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~@:[]".contains(&b);
    if !authority.bytes().all(allowed) {
        return Err(Refusal::Authority);
    }
    let decoded = percent_decode(path)?;
    check_parts(decoded.strip_prefix('/').unwrap_or(&decoded))?;
    let encoded = utf8_percent_encode(&decoded, ESCAPED).to_string();
    let url = Url::parse(&format!("{scheme}://{authority}{encoded}")).map_err(|_| Refusal::NotUrl)?;
    // The URL parser normalises: what it changed would name another object than the one that was checked. Case aside,
    // which hosts don't have, and the local host, which files don't need.
    let local = url.scheme() == "file" && authority.eq_ignore_ascii_case("localhost");
    if url.path() != encoded || !(local || url.authority().eq_ignore_ascii_case(authority)) {
        return Err(Refusal::NotUrl);
    }
    Ok(DataLocation::Absolute(url))
}

fn percent_decode(path: &str) -> Result<String, Refusal> {
    if path.contains(['?', '#']) {
        return Err(Refusal::QueryOrFragment);
    }
    let mut rest = path.as_bytes();
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => rest = &rest[at + 3..],
            _ => return Err(Refusal::MalformedEscape),
        }
    }
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| Refusal::NotUtf8)?;
    Ok(decoded.into_owned())
}

fn check_parts(decoded: &str) -> Result<(), Refusal> {
    if decoded.is_empty() {
        return Err(Refusal::Empty);
    }
    for c in decoded.chars() {
        match c {
            '\\' => return Err(Refusal::Backslash),
            c if c.is_ascii_control() => return Err(Refusal::Control),
            _ => {}
        }
    }
    for part in decoded.split('/') {
        match part {
            "" => return Err(Refusal::EmptyPart),
            "." | ".." => return Err(Refusal::DotPart),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn relative(path: &str) -> String {
        DataLocation::decode(path).unwrap().relative().unwrap().as_str().to_owned()
    }

    fn absolute(path: &str) -> String {
        match DataLocation::decode(path).unwrap() {
            DataLocation::Absolute(url) => url.to_string(),
            DataLocation::Relative(path) => panic!("{path} is relative"),
        }
    }

    fn refused(path: &str) -> String {
        let error = DataLocation::decode(path).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
        error.message().to_owned()
    }

    #[test]
    fn paths_of_other_writers_decode_once() {
        for (path, object) in [
            ("part-00000.parquet", "part-00000.parquet"),
            ("p=a%20b/x.parquet", "p=a b/x.parquet"),
            ("p=10%253A30/x.parquet", "p=10%3A30/x.parquet"),
            ("p=100%2525/x.parquet", "p=100%25/x.parquet"),
            ("p=../x.parquet", "p=../x.parquet"),
            ("p=+plus/x.parquet", "p=+plus/x.parquet"),
            ("p=%2523%253F&/x.parquet", "p=%23%3F&/x.parquet"),
            ("test%25file%25prefix-part-0.parquet", "test%file%prefix-part-0.parquet"),
            ("Ünïcode%23x.parquet", "Ünïcode#x.parquet"),
            ("p=%C3%BC/x.parquet", "p=ü/x.parquet"),
            ("special%20p@%23h", "special p@#h"),
            ("time=1971-07-22T03:06:40.000000Z/x.parquet", "time=1971-07-22T03:06:40.000000Z/x.parquet"),
            ("sub%20dir/nested+file.parquet", "sub dir/nested+file.parquet"),
            ("not encoded.parquet", "not encoded.parquet"),
            ("a%2Fb", "a/b"),
            ("%252e%252e/x", "%2e%2e/x"),
        ] {
            assert_eq!(relative(path), object);
        }
    }

    #[test]
    fn absolute_paths_are_urls_of_their_own() {
        assert_eq!(absolute("s3://bucket/t/p=a%20b/x"), "s3://bucket/t/p=a%20b/x");
        assert_eq!(absolute("file:/lake/p=a%20b/x"), "file:///lake/p=a%20b/x");
        assert_eq!(absolute("file:///lake/x"), "file:///lake/x");
        assert_eq!(absolute("file://LocalHost/lake/x"), "file:///lake/x");
        assert_eq!(absolute("https://Host:8080/lake/x"), "https://host:8080/lake/x");
        assert_eq!(absolute("/lake/100%25/x"), "file:///lake/100%25/x");
        assert_eq!(absolute("S3A://Bucket/t/x"), "s3a://Bucket/t/x");
        assert_eq!(
            absolute("abfss://c@account.dfs.core.windows.net/t/x"),
            "abfss://c@account.dfs.core.windows.net/t/x"
        );
        assert!(DataLocation::decode("s3://other/x").unwrap().relative().is_err());
    }

    #[test]
    fn paths_that_leave_the_table_are_errors() {
        for path in [
            "../x",
            "a/../../x",
            "a/%2e%2e/x",
            "%2E%2E/x",
            "%2e%2e%2fx",
            "..",
            ".",
            "./x",
            "a/./x",
            "s3://bucket/t/../../other/x",
            "s3://bucket/t/%2e%2e/x",
            "file:/lake/%2E%2E/etc/passwd",
            "/lake/../etc/passwd",
        ] {
            assert!(refused(path).contains("`..`"), "{path}");
        }
        for path in ["%2Fetc/passwd", "a//b", "a/", "..//x", "s3://bucket//x", "///etc/passwd"] {
            let why = refused(path);
            assert!(why.contains("empty part") || why.contains("`..`"), "{path}: {why}");
        }
        for path in ["a\\b", "..\\x", "a%5C..%5Cx", "C:\\x", "file:/a%5cb"] {
            let why = refused(path);
            assert!(why.contains("backslash") || why.contains("scheme"), "{path}: {why}");
        }
        for path in ["a\0b", "a%00b", "a%0Ab", "s3://b/a%1b", "a\u{7f}"] {
            assert!(refused(path).contains("control"), "{path}");
        }
    }

    #[test]
    fn what_is_no_uri_is_an_error() {
        assert!(refused("").contains("empty"));
        for path in ["100%", "a%2", "a%zz/x", "%%41", "a%+1b"] {
            assert!(refused(path).contains('%'), "{path}");
        }
        assert!(refused("a%FFb").contains("UTF-8"));
        assert!(refused("a?versionId=1").contains('?'));
        assert!(refused("a#b").contains('#'));
        for path in ["part:x.parquet", "file:x", "s3:bucket/x", "s3://bucket"] {
            assert!(refused(path).contains("scheme"), "{path}");
        }
        for path in ["s3://buc ket/x", "s3://buck%65t/x", "s3://a\\b/x"] {
            assert!(refused(path).contains("authority"), "{path}");
        }
        for path in ["http:///x", "s3://buc[@tb/x", "s3://[x/y", "http://host:80/x", "http://0x7f.1/x"] {
            assert!(refused(path).contains("URL"), "{path}");
        }
    }

    #[test]
    fn partition_folders_are_escaped_as_by_spark_then_encoded() {
        // The right-hand sides are those of the log that Spark 4.1 writes for these values, `&`, `+` and `ü` aside.
        for (value, in_log) in [
            (Some("10:30"), "p=10%253A30/x"),
            (Some("100%"), "p=100%2525/x"),
            (Some("a b"), "p=a%20b/x"),
            (Some(".."), "p=../x"),
            (Some("a/b"), "p=a%252Fb/x"),
            (Some("#?"), "p=%2523%253F/x"),
            (Some("x=y"), "p=x%253Dy/x"),
            (Some("\n\t\u{7f}"), "p=%250A%2509%257F/x"),
            (Some("{}[]^\"'*\\"), "p=%257B%7D%255B%255D%255E%2522%2527%252A%255C/x"),
            (Some("+&"), "p=%2B%26/x"),
            (Some("ü"), "p=%C3%BC/x"),
            (Some(""), "p=__HIVE_DEFAULT_PARTITION__/x"),
            (None, "p=__HIVE_DEFAULT_PARTITION__/x"),
        ] {
            let path = DataPath::in_partition([("p", value)], "x").unwrap();
            assert_eq!(path.encode(), in_log);
        }
        let two = DataPath::in_partition([("a/b", Some("1")), ("c", None)], "x.parquet").unwrap();
        assert_eq!(two.as_str(), "a%2Fb=1/c=__HIVE_DEFAULT_PARTITION__/x.parquet");
        assert_eq!(DataPath::in_partition([], "x.parquet").unwrap().as_str(), "x.parquet");
        assert!(DataPath::in_partition([("p", Some("1"))], "../x").is_err());
    }

    proptest! {
        #[test]
        fn an_encoded_path_decodes_to_itself(parts in prop::collection::vec("[^/\\\\\0-\u{1f}\u{7f}]{1,12}", 1..5)) {
            let Ok(path) = DataPath::new(parts.join("/")) else { return Ok(()) };
            let encoded = path.encode();
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~/=%".contains(&b)));
            prop_assert_eq!(DataLocation::decode(&encoded).unwrap(), DataLocation::Relative(path));
        }

        #[test]
        fn any_partition_value_makes_a_path_of_one_folder(column in "\\PC{1,8}", value in any::<String>()) {
            let path = DataPath::in_partition([(column.as_str(), Some(value.as_str()))], "x.parquet").unwrap();
            prop_assert_eq!(path.parts().count(), 2);
            prop_assert_eq!(DataLocation::decode(&path.encode()).unwrap(), DataLocation::Relative(path));
        }

        #[test]
        fn no_text_decodes_to_a_path_outside(text in "(s3://b/|file:/|/)?([a.%25eEfF/\\\\:?#\0 ]|%2[eEfF]|%5[cC]|\\PC){0,12}") {
            match DataLocation::decode(&text) {
                Ok(DataLocation::Relative(path)) => {
                    prop_assert!(path.parts().all(|part| !part.is_empty() && part != "." && part != ".."));
                    prop_assert!(!path.as_str().contains(['\\', '\0']));
                    prop_assert_eq!(DataLocation::decode(&path.encode()).unwrap(), DataLocation::Relative(path));
                }
                Ok(DataLocation::Absolute(url)) => {
                    let under = Url::parse("s3://b/").unwrap();
                    prop_assert!(url.path().split('/').skip(1).all(|part| part != "." && part != ".." && !part.is_empty()));
                    // Parsing again changes nothing: no reader sees another object.
                    prop_assert_eq!(Url::parse(url.as_str()).unwrap(), url.clone());
                    prop_assert!(url.scheme() != "s3" || url.as_str().starts_with(under.as_str()));
                    prop_assert_eq!(DataLocation::decode(url.as_str()).unwrap(), DataLocation::Absolute(url));
                }
                Err(_) => {}
            }
        }
    }
}
