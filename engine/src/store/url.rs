//! Which place a text names: a folder, a bucket and prefix, a named store in memory.

use std::fmt;
use std::path::{Component, PathBuf};
use std::str::FromStr;

use lakebed_txlog::{Error, Result};
use object_store::path::Path;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What must be escaped for the path of a `file:` URL to be read back as it was.
const FILE_URL: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');

/// The address of a table, or of a folder of tables.
///
/// | written | names |
/// |---|---|
/// | `/data/flights`, `flights`, `./flights` | a local folder; a relative one is taken from the working directory |
/// | `file:///data/my%20flights` | a local folder; a URL, so percent escapes are decoded |
/// | `s3://bucket/lake/flights`, `s3a://…` | a prefix of a bucket; the key is taken as written, as the AWS tools do |
/// | `memory://name/flights` | a prefix of a store that lives in this process |
///
/// Displays as the URL, which parses to an equal value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableUrl {
    place: Place,
}

/// The place that a [`TableUrl`] names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A folder of this machine, absolute.
    Local(PathBuf),
    /// A prefix within an S3 bucket.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// The prefix; the root where the bucket as a whole is meant.
        prefix: Path,
    },
    /// A prefix within a named store of this process.
    Memory {
        /// The store's name.
        name: String,
        /// The prefix; the root where the store as a whole is meant.
        prefix: Path,
    },
}

impl TableUrl {
    /// Reads an address in one of the forms of [`TableUrl`].
    ///
    /// # Errors
    ///
    /// `InvalidRequest`, naming the text and what is wrong in it: an unknown scheme, no bucket, a host in a `file:` URL,
    /// empty or relative segments in a key.
    pub fn parse(text: &str) -> Result<TableUrl> {
        let place = match text.split_once("://") {
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "file" => local_of_url(text, rest)?,
                "s3" | "s3a" => {
                    let (bucket, prefix) = split_authority(text, rest, "bucket")?;
                    Place::S3 { bucket, prefix }
                }
                "memory" => {
                    let (name, prefix) = split_authority(text, rest, "name")?;
                    Place::Memory { name, prefix }
                }
                other => {
                    return Err(Error::invalid(format!("{other}:// is not a store that is implemented"))
                        .path(text)
                        .hint("name a local folder, s3://bucket/prefix or memory://name"));
                }
            },
            None => match text.strip_prefix("file:") {
                Some(path) if path.starts_with('/') => local_of_url(text, path)?,
                _ => local(text, text)?,
            },
        };
        Ok(TableUrl { place })
    }

    /// The address that an absolute path of a log means: a URL, so its escapes are decoded in every scheme.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` as [`parse`](Self::parse); where the escapes aren't UTF-8.
    pub fn of_location(location: &str) -> Result<TableUrl> {
        match location.split_once("://") {
            Some((scheme, rest)) if !scheme.eq_ignore_ascii_case("file") => {
                let decoded = percent_decode_str(rest).decode_utf8().map_err(|source| {
                    Error::invalid("the URL's escapes are not UTF-8").path(location).because(source)
                })?;
                TableUrl::parse(&format!("{scheme}://{decoded}"))
            }
            _ => TableUrl::parse(location),
        }
    }

    /// What leads from here to `other`, where that is below this place and not the place itself.
    #[must_use]
    pub fn leads_to(&self, other: &TableUrl) -> Option<Path> {
        let below = match (&self.place, &other.place) {
            (Place::Local(folder), Place::Local(file)) => {
                Path::parse(file.strip_prefix(folder).ok()?.to_str()?).ok()?
            }
            (Place::S3 { bucket, prefix }, Place::S3 { bucket: others, prefix: key }) if bucket == others => {
                Path::from_iter(key.prefix_match(prefix)?)
            }
            (Place::Memory { name, prefix }, Place::Memory { name: others, prefix: key }) if name == others => {
                Path::from_iter(key.prefix_match(prefix)?)
            }
            _ => return None,
        };
        (!below.is_root()).then_some(below)
    }

    /// The place this names.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The address of `name` below this one.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` where `name` is empty, absolute, or has empty or relative segments.
    pub fn join(&self, name: &str) -> Result<TableUrl> {
        let below = key(name).map_err(|error| error.path(name))?;
        if below.is_root() || name.starts_with('/') {
            return Err(Error::invalid("a name below a folder must be relative and not empty").path(name));
        }
        let place = match &self.place {
            Place::Local(folder) => Place::Local(folder.join(below.as_ref())),
            Place::S3 { bucket, prefix } => Place::S3 { bucket: bucket.clone(), prefix: under(prefix, &below) },
            Place::Memory { name, prefix } => Place::Memory { name: name.clone(), prefix: under(prefix, &below) },
        };
        Ok(TableUrl { place })
    }
}

/// `below` under `prefix`, both taken as they are.
pub(crate) fn under(prefix: &Path, below: &Path) -> Path {
    // `Path::join` keeps a `PathPart` that came out of another path as it is: nothing is escaped twice.
    below.parts().fold(prefix.clone(), Path::join)
}

/// A key as it is written, without the escapes that `Path::from` adds.
pub(crate) fn key(text: &str) -> Result<Path> {
    Path::parse(text).map_err(|source| {
        Error::invalid("a key can't have empty segments, `.`, `..` or control characters").path(text).because(source)
    })
}

fn split_authority(text: &str, rest: &str, what: &str) -> Result<(String, Path)> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.is_empty() {
        return Err(Error::invalid(format!("the address names no {what}")).path(text));
    }
    Ok((authority.to_owned(), key(path).map_err(|error| error.path(text))?))
}

fn local_of_url(text: &str, rest: &str) -> Result<Place> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(Error::invalid("a file URL names no other host and an absolute path")
            .path(text)
            .hint("write three slashes, as in file:///data/flights, or a plain path"));
    }
    let decoded = percent_decode_str(path)
        .decode_utf8()
        .map_err(|source| Error::invalid("the URL's escapes are not UTF-8").path(text).because(source))?;
    local(text, &decoded)
}

fn local(text: &str, path: &str) -> Result<Place> {
    if path.is_empty() || path.contains('\0') {
        return Err(Error::invalid("the address names no folder").path(text));
    }
    let absolute = std::path::absolute(path)
        .map_err(|source| Error::invalid("the path can't be made absolute").path(text).because(source))?;
    Ok(Place::Local(without_dots(&absolute)))
}

/// `a/./b/../c` as `a/c`: the parent of a link's target is not what a person who writes `..` means.
fn without_dots(path: &std::path::Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

impl fmt::Display for TableUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority, prefix) = match &self.place {
            Place::Local(folder) => {
                let text = folder.to_string_lossy();
                return write!(f, "file://{}", utf8_percent_encode(&text, FILE_URL));
            }
            Place::S3 { bucket, prefix } => ("s3", bucket, prefix),
            Place::Memory { name, prefix } => ("memory", name, prefix),
        };
        write!(f, "{scheme}://{authority}")?;
        if !prefix.is_root() {
            write!(f, "/{prefix}")?;
        }
        Ok(())
    }
}

impl FromStr for TableUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<TableUrl> {
        TableUrl::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        TableUrl::parse(text).unwrap().place().clone()
    }

    #[test]
    fn plain_and_url_forms_name_the_same_folder() {
        let expected = Place::Local(PathBuf::from("/data/my flights #1?"));
        assert_eq!(place("/data/my flights #1?"), expected);
        assert_eq!(place("/data/./x/../my flights #1?/"), expected);
        assert_eq!(place("file:///data/my%20flights%20%231%3F"), expected);
        assert_eq!(place("file://localhost/data/my%20flights%20%231%3F/"), expected);
        assert_eq!(place("file:/data/my flights #1?"), expected);
    }

    #[test]
    fn a_plain_path_is_never_decoded() {
        assert_eq!(place("/data/a%20b"), Place::Local(PathBuf::from("/data/a%20b")));
    }

    #[test]
    fn relative_path_is_taken_from_the_working_directory() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(place("lake/flights"), Place::Local(here.join("lake/flights")));
        assert_eq!(place("./lake"), Place::Local(here.join("lake")));
    }

    #[test]
    fn an_s3_key_is_taken_as_written() {
        let expected = Place::S3 { bucket: "b".into(), prefix: Path::parse("a b/c%20d/e=f:g?#ü").unwrap() };
        assert_eq!(place("s3://b/a b/c%20d/e=f:g?#ü"), expected);
        assert_eq!(place("s3a://b/a b/c%20d/e=f:g?#ü/"), expected);
        assert_eq!(place("s3://b"), Place::S3 { bucket: "b".into(), prefix: Path::ROOT });
    }

    #[test]
    fn every_form_displays_as_what_parses_back() {
        for text in ["/data/a b%20c#?{}\"<>ü", "s3://b/a b/c%20d#?", "s3://b", "memory://m/x/y", "memory://m"] {
            let url = TableUrl::parse(text).unwrap();
            assert_eq!(TableUrl::parse(&url.to_string()).unwrap(), url, "{text}");
        }
    }

    #[test]
    fn a_place_leads_to_what_is_below_it_and_nowhere_else() {
        let leads = |from: &str, to: &str| {
            let below = TableUrl::parse(from).unwrap().leads_to(&TableUrl::of_location(to).unwrap());
            below.map(|below| below.to_string())
        };
        assert_eq!(leads("/lake/a", "file:///lake/a/p=x%20y/1%25.parquet").as_deref(), Some("p=x y/1%.parquet"));
        assert_eq!(leads("/lake/a", "file:/lake/a/1").as_deref(), Some("1"));
        assert_eq!(leads("s3://b/a", "s3a://b/a/p=x%2520y/1").as_deref(), Some("p=x%20y/1"));
        assert_eq!(leads("s3://b", "s3://b/a/1").as_deref(), Some("a/1"));
        assert_eq!(leads("memory://m/a", "memory://m/a/1").as_deref(), Some("1"));
        for (from, to) in [
            ("/lake/a", "file:///lake/ab/1"),
            ("/lake/a", "file:///lake/a"),
            ("/lake/a", "file:///lake/a/../b/1"),
            ("/lake/a", "s3://lake/a/1"),
            ("s3://b/a", "s3://c/a/1"),
            ("s3://b/a", "s3://b/ab/1"),
            ("memory://m/a", "memory://n/a/1"),
        ] {
            assert_eq!(leads(from, to), None, "{from} {to}");
        }
    }

    #[test]
    fn an_address_that_names_nothing_is_an_error() {
        for text in ["", "s3://", "s3:///x", "gs://b/x", "file://host/x", "file://x", "s3://b/a//b", "s3://b/../c"] {
            let error = TableUrl::parse(text).unwrap_err();
            assert_eq!(error.kind(), lakebed_txlog::ErrorKind::InvalidRequest, "{text}");
        }
    }

    #[test]
    fn a_joined_name_stays_below() {
        let lake = TableUrl::parse("s3://b/lake").unwrap();
        assert_eq!(lake.join("bronze/a%20b").unwrap().to_string(), "s3://b/lake/bronze/a%20b");
        assert_eq!(TableUrl::parse("s3://b").unwrap().join("x").unwrap().to_string(), "s3://b/x");
        for name in ["", "/etc", "../x", "a/../../x", "a//b"] {
            assert!(lake.join(name).is_err(), "{name}");
        }
    }
}
