//! The lines of a text file, counted, in bounded memory.

use std::io::{BufRead, BufReader, Read};

use lakebed_txlog::Result;

use crate::ingest::{encoding, fault};

/// Longest line.
const MAX_LINE_BYTES: u64 = 64 << 20;
/// Bytes read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A reader of lines.
pub(super) struct Lines<R> {
    input: BufReader<std::io::Chain<std::io::Cursor<Vec<u8>>, R>>,
    file: String,
    line: Vec<u8>,
    number: u64,
}

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With a line feed.
    LineFeed,
    /// With the file.
    File,
}

impl<R: Read> Lines<R> {
    /// Lines of `input`, which messages call `file`; a byte-order mark is skipped.
    pub(super) fn new(mut input: R, file: &str) -> Result<Lines<R>> {
        let mut start = [0; 4];
        let filled = encoding::fill_at_least(&mut input, &mut start, 4).map_err(|error| fault::of_io(file, error))?;
        let start = start.get(..filled).unwrap_or_default();
        let skipped = encoding::text_start(file, start)?;
        let begin = std::io::Cursor::new(start.get(skipped..).unwrap_or_default().to_vec());
        let input = BufReader::with_capacity(BUFFER_BYTES, begin.chain(input));
        Ok(Lines { input, file: file.to_owned(), line: Vec::new(), number: 0 })
    }

    /// The next line that isn't blank, its number from 1, and how it ends; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &str, End)>> {
        let end = loop {
            self.line.clear();
            let mut bounded = (&mut self.input).take(MAX_LINE_BYTES + 1);
            let read = bounded.read_until(b'\n', &mut self.line).map_err(|error| fault::of_io(&self.file, error))?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if read as u64 > MAX_LINE_BYTES {
                let reason = format!("the line is longer than {} MiB", MAX_LINE_BYTES >> 20);
                return Err(fault::at_line(&self.file, self.number, reason).hint("check that this is NDJSON"));
            }
            let end = if self.line.last() == Some(&b'\n') { End::LineFeed } else { End::File };
            if self.line.iter().any(|b| !b.is_ascii_whitespace()) {
                break end;
            }
        };
        match std::str::from_utf8(&self.line) {
            Ok(line) => Ok(Some((self.number, line.trim_ascii(), end))),
            Err(_) => Err(fault::at_line(&self.file, self.number, "the line isn't UTF-8")
                .hint("convert the file, for example `iconv -f latin1 -t utf-8`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_count_and_are_skipped() {
        let mut lines = Lines::new("\u{feff}{}\r\n\n {\"a\":1}".as_bytes(), "t.json").unwrap();
        assert_eq!(lines.next().unwrap(), Some((1, "{}", End::LineFeed)));
        assert_eq!(lines.next().unwrap(), Some((3, "{\"a\":1}", End::File)));
        assert_eq!(lines.next().unwrap(), None);
    }

    #[test]
    fn bytes_that_are_no_text_name_the_line() {
        let mut lines = Lines::new(&b"{}\n\xff{}\n"[..], "t.json").unwrap();
        lines.next().unwrap();
        assert!(lines.next().unwrap_err().to_string().contains("t.json, line 2: the line isn't UTF-8"));
    }
}
