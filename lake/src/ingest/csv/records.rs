//! The bytes of a CSV file as records, with the line on which each begins (RFC 4180; `\n`, `\r\n` and `\r` end a line).

use std::io::Read;

use lakebed_txlog::{Error, Result};

use crate::ingest::{encoding, fault};

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 << 10;
/// Longest record; what a quote that is never closed would otherwise fill memory with.
const MAX_RECORD_BYTES: usize = 64 << 20;
/// Most fields of one record.
const MAX_FIELDS: usize = 10_000;

/// A reader of records.
pub(super) struct Records<R> {
    input: R,
    file: String,
    delimiter: u8,
    quote: u8,
    buffer: Box<[u8]>,
    at: usize,
    filled: usize,
    /// The line that the next byte stands on.
    line: u64,
    /// The byte before was `\r`, so that a `\n` now ends no further line.
    after_cr: bool,
    started: bool,
}

/// One record: its fields without quotes.
#[derive(Debug, Default)]
pub(super) struct Record {
    text: Vec<u8>,
    ends: Vec<usize>,
    quoting: Vec<Quoting>,
    line: u64,
}

/// Whether a field stood between quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    Plain,
    Quoted,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first byte of a field.
    Start,
    /// In a field without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// After a quote between quotes: it ends the field, or a second one makes it a byte of it.
    QuoteSeen,
}

impl Record {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The line on which the record begins, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Bytes of all fields.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// An empty line.
    pub(super) fn is_blank(&self) -> bool {
        self.ends == [0] && self.quoting == [Quoting::Plain]
    }

    fn end_field(&mut self, state: State) {
        self.ends.push(self.text.len());
        self.quoting.push(if state == State::QuoteSeen { Quoting::Quoted } else { Quoting::Plain });
    }
}

impl<R: Read> Records<R> {
    /// Records of `input`, which messages call `file`.
    pub(super) fn new(input: R, file: &str, delimiter: u8, quote: u8) -> Records<R> {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Records {
            input,
            file: file.to_owned(),
            delimiter,
            quote,
            buffer,
            at: 0,
            filled: 0,
            line: 1,
            after_cr: false,
            started: false,
        }
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Field `index` of `record`, and whether it stood between quotes.
    pub(super) fn text<'r>(&self, record: &'r Record, index: usize) -> Result<(&'r str, Quoting)> {
        let start = if index == 0 { 0 } else { record.ends.get(index - 1).copied().unwrap_or(0) };
        let end = record.ends.get(index).copied().unwrap_or(start);
        let bytes = record.text.get(start..end).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok((text, record.quoting.get(index).copied().unwrap_or(Quoting::Plain))),
            Err(_) => Err(fault::at_line(&self.file, record.line, format!("field {} isn't UTF-8", index + 1))
                .hint("convert the file, for example `iconv -f latin1 -t utf-8`")),
        }
    }

    /// Reads the next record into `record`; false at the end of the file.
    pub(super) fn next(&mut self, record: &mut Record) -> Result<bool> {
        record.text.clear();
        record.ends.clear();
        record.quoting.clear();
        if !self.started {
            self.start()?;
        }
        let mut state = State::Start;
        let mut quoted_from = self.line;
        loop {
            if self.at == self.filled && !self.fill()? {
                return self.finish(record, state, quoted_from);
            }
            if record.text.len() > MAX_RECORD_BYTES || record.ends.len() > MAX_FIELDS {
                return Err(self.too_long(state, record, quoted_from));
            }
            let byte = self.buffer.get(self.at).copied().unwrap_or_default();
            if state == State::Start && std::mem::take(&mut self.after_cr) && byte == b'\n' {
                self.at += 1;
                continue;
            }
            if record.ends.is_empty() && state == State::Start {
                record.line = self.line;
            }
            match state {
                State::Start if byte == self.quote => {
                    self.at += 1;
                    state = State::Quoted;
                    quoted_from = self.line;
                }
                State::Start | State::Plain => {
                    self.run(record, |b, s| b == s.delimiter || b == b'\n' || b == b'\r');
                    state = State::Plain;
                    if self.end(record, &mut state)? {
                        return Ok(true);
                    }
                }
                State::Quoted => {
                    self.run(record, |b, s| b == s.quote || b == b'\n' || b == b'\r');
                    self.between_quotes(record, &mut state);
                }
                State::QuoteSeen if byte == self.quote => {
                    self.at += 1;
                    record.text.push(byte);
                    state = State::Quoted;
                }
                State::QuoteSeen => {
                    if self.end(record, &mut state)? {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// Takes bytes into the field up to the first that `stops`.
    fn run(&mut self, record: &mut Record, stops: impl Fn(u8, &Self) -> bool) {
        let rest = self.buffer.get(self.at..self.filled).unwrap_or_default();
        let length = rest.iter().position(|b| stops(*b, self)).unwrap_or(rest.len());
        record.text.extend_from_slice(rest.get(..length).unwrap_or_default());
        self.at += length;
        if length > 0 {
            self.after_cr = false;
        }
    }

    /// At a byte that may end the field; true when it ends the record.
    fn end(&mut self, record: &mut Record, state: &mut State) -> Result<bool> {
        let Some(byte) = self.buffer.get(self.at..self.filled).and_then(|rest| rest.first()).copied() else {
            return Ok(false);
        };
        if byte == self.delimiter {
            self.at += 1;
            record.end_field(*state);
            *state = State::Start;
            return Ok(false);
        }
        if byte == b'\n' || byte == b'\r' {
            self.at += 1;
            self.line += 1;
            self.after_cr = byte == b'\r';
            record.end_field(*state);
            return Ok(true);
        }
        Err(fault::at_line(&self.file, self.line, "text follows the closing quote of a field")
            .hint("a quote inside a quoted field is written twice (\"\")"))
    }

    /// At a quote or a line end between quotes.
    fn between_quotes(&mut self, record: &mut Record, state: &mut State) {
        let Some(byte) = self.buffer.get(self.at..self.filled).and_then(|rest| rest.first()).copied() else {
            return;
        };
        self.at += 1;
        if byte == self.quote {
            *state = State::QuoteSeen;
            self.after_cr = false;
            return;
        }
        if !(byte == b'\n' && self.after_cr) {
            self.line += 1;
        }
        self.after_cr = byte == b'\r';
        record.text.push(byte);
    }

    fn finish(&self, record: &mut Record, state: State, quoted_from: u64) -> Result<bool> {
        match state {
            State::Start if record.ends.is_empty() => Ok(false),
            State::Quoted => Err(fault::at_line(&self.file, quoted_from, "a quoted field that begins here never ends")
                .hint("the closing quote is missing, or the file is truncated")),
            State::Start | State::Plain | State::QuoteSeen => {
                record.end_field(state);
                Ok(true)
            }
        }
    }

    fn too_long(&self, state: State, record: &Record, quoted_from: u64) -> Error {
        if state == State::Quoted {
            let mib = MAX_RECORD_BYTES >> 20;
            let reason = format!("a quoted field that begins here doesn't end within {mib} MiB");
            return fault::at_line(&self.file, quoted_from, reason).hint("the closing quote is missing");
        }
        let reason =
            format!("the record is longer than {} MiB or has more than {MAX_FIELDS} fields", MAX_RECORD_BYTES >> 20);
        fault::at_line(&self.file, record.line, reason).hint("check that this is CSV with the right delimiter")
    }

    fn fill(&mut self) -> Result<bool> {
        self.at = 0;
        self.filled = 0;
        loop {
            match self.input.read(&mut self.buffer) {
                Ok(read) => {
                    self.filled = read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(fault::of_io(&self.file, error)),
            }
        }
    }

    /// Skips a byte-order mark; refuses UTF-16 and what is plainly no text.
    fn start(&mut self) -> Result<()> {
        self.started = true;
        self.filled = encoding::fill_at_least(&mut self.input, &mut self.buffer, 4)
            .map_err(|error| fault::of_io(&self.file, error))?;
        self.at = encoding::text_start(&self.file, self.buffer.get(..self.filled).unwrap_or_default())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands out one byte at a time, so that every state meets the end of the buffer.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let ([first, rest @ ..], [to, ..]) = (self.0, buffer) else { return Ok(0) };
            *to = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    type Parsed = Vec<(u64, Vec<(String, Quoting)>)>;

    fn parse(input: impl Read) -> Result<Parsed> {
        let mut records = Records::new(input, "t.csv", b',', b'"');
        let mut record = Record::default();
        let mut all = Vec::new();
        while records.next(&mut record)? {
            let mut fields = Vec::new();
            for index in 0..record.len() {
                let (text, quoted) = records.text(&record, index)?;
                fields.push((text.to_owned(), quoted));
            }
            all.push((record.line(), fields));
        }
        Ok(all)
    }

    fn texts(input: &str) -> Vec<Vec<String>> {
        let fast = parse(input.as_bytes()).unwrap();
        assert_eq!(fast, parse(Slowly(input.as_bytes())).unwrap());
        fast.into_iter().map(|(_, fields)| fields.into_iter().map(|(text, _)| text).collect()).collect()
    }

    #[test]
    fn quotes_delimiters_and_line_ends() {
        assert_eq!(texts("a,b\n1,2\n"), [["a", "b"], ["1", "2"]]);
        assert_eq!(texts("a,b\r\n1,2"), [["a", "b"], ["1", "2"]]);
        assert_eq!(texts("a,b\r1,2\r"), [["a", "b"], ["1", "2"]]);
        assert_eq!(texts("\"x,\"\"y\"\"\n\",\n"), [["x,\"y\"\n", ""]]);
        assert_eq!(texts("5\" pipe,\n"), [["5\" pipe", ""]]);
        assert_eq!(texts("\u{feff}a\n"), [["a"]]);
        assert_eq!(texts("\"\"\n"), [[""]]);
        assert_eq!(texts(","), [["", ""]]);
        assert!(texts("").is_empty());
    }

    #[test]
    fn records_name_the_line_they_begin_on() {
        let lines = |input: &str| -> Vec<u64> {
            let parsed = parse(input.as_bytes()).unwrap();
            assert_eq!(parsed, parse(Slowly(input.as_bytes())).unwrap());
            parsed.into_iter().map(|(line, _)| line).collect()
        };
        assert_eq!(lines("a\n\nb\n"), [1, 2, 3]);
        assert_eq!(lines("\"1\n2\",x\r\nb\r\n"), [1, 3]);
        assert_eq!(lines("\"1\r\n2\",x\r\n\r\nb"), [1, 3, 4]);
    }

    #[test]
    fn unterminated_quote_names_its_first_line() {
        let error = parse("a,b\n1,\"x\ny\nz".as_bytes()).unwrap_err();
        assert!(error.to_string().contains("t.csv, line 2: a quoted field that begins here never ends"), "{error}");
    }

    #[test]
    fn text_after_a_closing_quote_is_an_error() {
        let error = parse("a,b\n\"x\"y,2\n".as_bytes()).unwrap_err();
        assert!(error.to_string().contains("t.csv, line 2: text follows"), "{error}");
    }

    #[test]
    fn foreign_encodings_are_named() {
        let utf16: Vec<u8> =
            [0xff, 0xfe].into_iter().chain("a,b\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert!(parse(utf16.as_slice()).unwrap_err().to_string().contains("UTF-16"));
        let latin1 = parse(&b"a,b\n1,\xe9\n"[..]).unwrap_err().to_string();
        assert!(latin1.contains("line 2: field 2 isn't UTF-8"), "{latin1}");
    }

    proptest! {
        #[test]
        fn every_table_of_texts_comes_back(rows in prop::collection::vec(prop::collection::vec("[ab,\"\r\n é]{0,6}", 2..4), 0..6)) {
            let mut written = String::new();
            for row in &rows {
                let fields: Vec<String> = row.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
                written.push_str(&fields.join(","));
                written.push_str("\r\n");
            }
            prop_assert_eq!(texts(&written), rows);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(prop::sample::select(b"a,\"\r\n\xff".to_vec()), 0..40)) {
            let fast = parse(bytes.as_slice()).map_err(|error| error.to_string());
            let slow = parse(Slowly(&bytes)).map_err(|error| error.to_string());
            prop_assert_eq!(fast, slow);
        }
    }
}
