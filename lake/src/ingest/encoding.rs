//! Where the text of a file begins, and what is plainly no text.

use std::io::{self, Read};

use lakebed_txlog::Result;

use super::fault;

/// Reads until `buffer` holds at least `least` bytes or the input ends; the number of bytes read.
pub(super) fn fill_at_least(input: &mut impl Read, buffer: &mut [u8], least: usize) -> io::Result<usize> {
    let mut filled = 0;
    while filled < least {
        let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) else { break };
        match input.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// How many bytes of a byte-order mark `start`, the first bytes of `file`, begins with.
///
/// # Errors
/// UTF-16 and UTF-32, and the first bytes of well-known binary formats.
pub(super) fn text_start(file: &str, start: &[u8]) -> Result<usize> {
    let refuse = |what: &str, hint: &str| Err(fault::in_file(file, what).hint(hint));
    match start {
        [0xef, 0xbb, 0xbf, ..] => Ok(3),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            refuse("the file is UTF-16 or UTF-32, not UTF-8", "convert it, for example `iconv -f utf-16 -t utf-8`")
        }
        [b'P', b'A', b'R', b'1', ..] => refuse("the file is Parquet, not text", "give --format parquet"),
        [0x1f, 0x8b, ..] => refuse("the file is gzip data without the extension .gz", "rename it to end in .gz"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            refuse("the file is zstd data without the extension .zst", "rename it to end in .zst")
        }
        [0xfd, b'7', b'z', b'X', ..] => {
            refuse("the file is xz data without the extension .xz", "rename it to end in .xz")
        }
        [b'P', b'K', 3, 4, ..] => refuse("the file is a zip archive, not text", "unpack it first"),
        _ => Ok(0),
    }
}
