//! Errors that name the bad place in a file.

use lakebed_txlog::Error;
use lakebed_txlog::error::Printable;

/// Longest piece of a bad value that a message repeats, in characters.
const SHOWN_CHARS: usize = 60;

/// A bad place: file (for people), and line, counted from 1 with line ends inside quotes counted too.
pub(super) fn at_line(file: &str, line: u64, reason: impl std::fmt::Display) -> Error {
    let short = file.rsplit('/').next().unwrap_or(file);
    Error::corrupt(format!("{short}, line {line}: {reason}")).path(file)
}

/// A file that is bad as a whole.
pub(super) fn in_file(file: &str, reason: impl std::fmt::Display) -> Error {
    Error::corrupt(reason.to_string()).path(file)
}

/// A value as a message shows it: quoted, cut, with control characters escaped.
pub(super) fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(SHOWN_CHARS).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("'{}'", Printable(&cut.replace('\n', "\\n").replace('\t', "\\t")))
}

/// The error of reading `file`, by what the operating system or the decompressor says.
pub(super) fn of_io(file: &str, error: std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
        if let Some(Ok(known)) = error.into_inner().map(|inner| inner.downcast::<Error>()) {
            return *known;
        }
        return Error::unavailable("reading failed").path(file);
    }
    let made = match error.kind() {
        Io::NotFound => Error::not_found("there is no such file").hint("check the path"),
        Io::PermissionDenied => {
            Error::permission_denied("the file may not be read").hint("check the owner and mode of the file")
        }
        Io::UnexpectedEof => {
            Error::corrupt("the compressed data ends too early: the file is truncated").hint("fetch the file again")
        }
        Io::InvalidData | Io::InvalidInput | Io::Other => {
            Error::corrupt("the compressed data is damaged, or isn't what the extension says")
                .hint("fetch the file again, or give it the extension of what is in it")
        }
        Io::IsADirectory => Error::invalid("this is a folder"),
        _ => Error::unavailable("reading the file failed"),
    };
    made.path(file).because(error)
}
