//! How an error looks, to people and to programs, and the exit code that it has.

use std::error::Error as _;
use std::io::Write;
use std::process::ExitCode;

use lakebed_txlog::error::Printable;
use lakebed_txlog::{Error, ErrorKind};
use serde_json::json;

use crate::render::Form;

/// What `--help` says of exit codes.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done (a promotion that was applied already is done, too)
  1  a bug: please report it
  2  the request can't be carried out as it was put
  3  what was named isn't there, or is there already
  4  the store refused the credentials, or they don't allow it
  5  damaged or malformed data, in a table or in a file to ingest
  6  the store is unavailable, or another writer came first: try again
  7  a commit may or may not have landed: look before trying again
  8  the table asks for something that this release doesn't implement, or the store can't be trusted with it
  9  a limit was reached: memory, disk, or a bound on what is read";

/// Most causes that are printed.
const MAX_CAUSES: usize = 8;

/// Prints `error` to standard error; the exit code of its kind.
pub(crate) fn report(error: &Error, form: Form) -> ExitCode {
    let text = if form == Form::People { for_people(error) } else { for_programs(error) };
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(exit_code(error.kind()))
}

/// Whether nobody reads the output any more, as after `| head`: there is nothing to tell, and nobody to tell it.
pub(crate) fn is_closed_pipe(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Bug => 1,
        ErrorKind::InvalidRequest => 2,
        ErrorKind::NotFound | ErrorKind::AlreadyExists => 3,
        ErrorKind::PermissionDenied => 4,
        ErrorKind::Corrupt => 5,
        ErrorKind::Unavailable | ErrorKind::Conflict => 6,
        ErrorKind::Indeterminate => 7,
        ErrorKind::Unsupported => 8,
        ErrorKind::Exhausted => 9,
    }
}

fn for_people(error: &Error) -> String {
    let mut text = format!("error: {error:#}");
    for cause in causes(error) {
        text += &format!("\n  caused by: {}", indented(&cause));
    }
    if let Some(hint) = error.what_to_do() {
        text += &format!("\n  hint: {}", indented(hint));
    }
    text
}

/// Lines behind the first are indented further than any line of ours: none can pose as one.
fn indented(text: &str) -> String {
    Printable(text).to_string().replace('\n', "\n    ")
}

fn for_programs(error: &Error) -> String {
    json!({
        "error": {
            "kind": error.kind().label(),
            "exitCode": exit_code(error.kind()),
            "message": error.message(),
            "table": error.table_name(),
            "version": error.at_version().map(|version| version.to_string()),
            "path": error.at_path(),
            "hint": error.what_to_do(),
            "causes": causes(error),
        }
    })
    .to_string()
}

/// The chain of sources, each once: many errors repeat the text of their source.
fn causes(error: &Error) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next
        && causes.len() < MAX_CAUSES
    {
        let text = cause.to_string();
        if !text.is_empty() && !causes.iter().any(|told| told.contains(&text)) {
            causes.push(text);
        }
        next = cause.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Error {
        Error::corrupt("a.csv, line 3: bad \u{1b}[31mvalue")
            .path("in/a.csv")
            .hint("correct it")
            .because(std::io::Error::other("outer"))
    }

    #[test]
    fn people_read_what_where_why_and_what_to_do() {
        assert_eq!(
            for_people(&failed()),
            "error: corrupt: a.csv, line 3: bad \\u{1b}[31mvalue [path in/a.csv]\n  caused by: outer\n  hint: correct it"
        );
    }

    #[test]
    fn programs_read_json() {
        let told: serde_json::Value = serde_json::from_str(&for_programs(&failed())).unwrap();
        assert_eq!(told["error"]["kind"], "corrupt");
        assert_eq!(told["error"]["exitCode"], 5);
        assert_eq!(told["error"]["causes"][0], "outer");
    }
}
