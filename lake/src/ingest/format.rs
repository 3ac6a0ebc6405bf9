//! What is in a file, told by its name.

use std::fmt;
use std::str::FromStr;

use lakebed_txlog::Error;

/// A format that can be ingested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Text fields between delimiters (RFC 4180), usually under a header line.
    Csv,
    /// One JSON object per line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

/// How the bytes of a text file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// `.gz`, several members allowed.
    Gzip,
    /// `.zst`, several frames allowed.
    Zstd,
    /// `.xz`, several streams allowed.
    Xz,
}

impl Format {
    /// Format and compression by the extensions of `name`, whatever their case; `None` when they say neither.
    ///
    /// `.csv .tsv .psv`, `.ndjson .jsonl .json`, `.parquet .pq`; text may carry `.gz .zst .xz` after that.
    #[must_use]
    pub fn of_name(name: &str) -> Option<(Format, Compression)> {
        let (stem, compression) = Compression::of_name(name);
        let extension = stem.rsplit_once('.')?.1.to_ascii_lowercase();
        let format = match extension.as_str() {
            "csv" | "tsv" | "psv" => Format::Csv,
            "ndjson" | "jsonl" | "json" => Format::Ndjson,
            "parquet" | "pq" if compression == Compression::Plain => Format::Parquet,
            _ => return None,
        };
        Some((format, compression))
    }
}

impl Compression {
    /// The compression by the last extension of `name`, and the name without that extension.
    #[must_use]
    pub fn of_name(name: &str) -> (&str, Compression) {
        for (extension, compression) in
            [(".gz", Compression::Gzip), (".zst", Compression::Zstd), (".xz", Compression::Xz)]
        {
            let split = name.len().saturating_sub(extension.len());
            if name.get(split..).is_some_and(|end| end.eq_ignore_ascii_case(extension)) {
                return (name.get(..split).unwrap_or(name), compression);
            }
        }
        (name, Compression::Plain)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Parquet => "parquet",
        })
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format, Error> {
        match name.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Ok(Format::Csv),
            "ndjson" | "jsonl" | "json" => Ok(Format::Ndjson),
            "parquet" => Ok(Format::Parquet),
            _ => Err(Error::invalid(format!("{name:?} is no format")).hint("use csv, ndjson or parquet")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_tell_format_and_compression() {
        assert_eq!(Format::of_name("a.csv"), Some((Format::Csv, Compression::Plain)));
        assert_eq!(Format::of_name("2013.01.CSV.XZ"), Some((Format::Csv, Compression::Xz)));
        assert_eq!(Format::of_name("x.jsonl.gz"), Some((Format::Ndjson, Compression::Gzip)));
        assert_eq!(Format::of_name("x.json.zst"), Some((Format::Ndjson, Compression::Zstd)));
        assert_eq!(Format::of_name("part-0.parquet"), Some((Format::Parquet, Compression::Plain)));
        assert_eq!(Format::of_name("part-0.parquet.gz"), None);
        assert_eq!(Format::of_name("README"), None);
        assert_eq!(Format::of_name("é.gz"), None);
    }
}
