//! How large data files are, how they are compressed, and in how much memory they are made.

use lakebed_txlog::action::Metadata;
use lakebed_txlog::{Error, Result};

const MIB: usize = 1 << 20;
const TARGET_FILE_SIZE: &str = "delta.targetFileSize";

/// How data files are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// A file is closed once it has about this many bytes.
    pub target_file_bytes: u64,
    /// A row group is closed once it has about this many encoded bytes, or 1,048,576 rows.
    pub row_group_bytes: usize,
    /// What all files in the making may hold together: rows that wait, row groups, parts on their way. At this bound
    /// the largest file is encoded further, flushed, or closed early.
    pub memory_bytes: usize,
    /// The effort of zstd, 1 (fast) to 22.
    pub zstd_level: i32,
}

impl Default for WriteOptions {
    fn default() -> Self {
        WriteOptions {
            target_file_bytes: 128 * MIB as u64,
            row_group_bytes: 64 * MIB,
            memory_bytes: 192 * MIB,
            zstd_level: 1,
        }
    }
}

impl WriteOptions {
    /// The defaults, with what the table's property `delta.targetFileSize` says (bytes, or with a unit: `100mb`).
    ///
    /// # Errors
    ///
    /// `InvalidRequest` where the property isn't a size.
    pub fn for_table(metadata: &Metadata) -> Result<WriteOptions> {
        let mut options = WriteOptions::default();
        if let Some(text) = metadata.configuration.get(TARGET_FILE_SIZE) {
            options.target_file_bytes = parse_size(text).ok_or_else(|| {
                Error::invalid(format!("the table property {TARGET_FILE_SIZE} isn't a size: {text:?}"))
                    .hint("write bytes, or a unit: 134217728, 128mb, 1g")
            })?;
        }
        Ok(options)
    }

    /// # Errors
    ///
    /// `InvalidRequest`, naming the option that can't be met.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |what: &str| Err(Error::invalid(format!("{what} is out of range")));
        if self.target_file_bytes == 0 || self.target_file_bytes > MAX_FILE_BYTES {
            return refuse("target_file_bytes (1 byte to 64 GiB)");
        }
        if self.row_group_bytes == 0 {
            return refuse("row_group_bytes (at least 1)");
        }
        if self.memory_bytes < MIB {
            return refuse("memory_bytes (at least 1 MiB)");
        }
        if !(1..=22).contains(&self.zstd_level) {
            return refuse("zstd_level (1 to 22)");
        }
        Ok(())
    }
}

/// What an upload of 10,000 parts holds, with room to spare.
const MAX_FILE_BYTES: u64 = 64 << 30;

/// A size as Spark writes it: digits, and perhaps a unit of two's powers.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_shl(shift).filter(|size| *size > 0 && *size <= MAX_FILE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_sparks_units() {
        for (text, size) in
            [("1", 1), ("134217728", 128 << 20), ("128mb", 128 << 20), (" 1G ", 1 << 30), ("5 kb", 5120)]
        {
            assert_eq!(parse_size(text), Some(size), "{text}");
        }
        for text in ["", "mb", "-1", "0", "1.5g", "1tb", "99999999999999999999", "1000g"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
