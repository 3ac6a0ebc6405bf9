//! What the caller says about the files.

use arrow::datatypes::SchemaRef;

use super::format::Format;

/// How files are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The format of every file; by each file's extension when `None`.
    pub format: Option<Format>,
    /// How CSV is written.
    pub csv: CsvOptions,
    /// Columns whose type is settled, as the target table has them: their values are read as that type or refused.
    /// Names match whatever their case; the spelling here wins. Columns that aren't here get the type that fits them.
    pub declared: Option<SchemaRef>,
    /// Whether a file may have columns that `declared` doesn't have, or that other files don't have.
    pub columns: Columns,
    /// Most rows of one batch.
    pub batch_rows: usize,
}

/// Whether files may differ in their columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// CSV and Parquet files have the same columns, and with declared columns no others; NDJSON lines may lack some.
    Same,
    /// Columns are united by name; where a file lacks one, it is null.
    Union,
}

/// How CSV is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// Whether the first line names the columns.
    pub header: Header,
    /// Between fields: one ASCII byte. By the extension when `None`: tab for `.tsv`, `|` for `.psv`, else a comma.
    pub delimiter: Option<u8>,
    /// Around fields that hold a delimiter, a line end or this byte itself, doubled.
    pub quote: u8,
    /// Unquoted texts that stand for null; the empty text is always among them.
    pub nulls: Vec<String>,
}

/// Whether the first line names the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// It does.
    Present,
    /// It is data: columns are `column_1`, `column_2`, …
    Absent,
}

impl Default for Options {
    fn default() -> Options {
        Options { format: None, csv: CsvOptions::default(), declared: None, columns: Columns::Same, batch_rows: 8192 }
    }
}

impl Default for CsvOptions {
    fn default() -> CsvOptions {
        CsvOptions { header: Header::Present, delimiter: None, quote: b'"', nulls: Vec::new() }
    }
}

impl CsvOptions {
    /// The delimiter for a file called `name`.
    pub(super) fn delimiter_for(&self, name: &str) -> u8 {
        self.delimiter.unwrap_or_else(|| {
            let (stem, _) = super::format::Compression::of_name(name);
            match stem.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).as_deref() {
                Some("tsv") => b'\t',
                Some("psv") => b'|',
                _ => b',',
            }
        })
    }

    /// Whether an unquoted `text` stands for null.
    pub(super) fn is_null(&self, text: &str) -> bool {
        text.is_empty() || self.nulls.iter().any(|null| null == text)
    }
}
