//! The one public error: what was attempted, where, why it failed, and what to do about it.

use std::fmt;

use crate::version::Version;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller should do next. A new kind exists only where the reaction differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request can't be carried out as it was put: change it.
    InvalidRequest,
    /// What was named isn't there: name something else, or create it.
    NotFound,
    /// What was to be created is there already.
    AlreadyExists,
    /// The store refused the credentials, or they don't allow it.
    PermissionDenied,
    /// The store didn't answer, or answered that it can't now: retry.
    Unavailable,
    /// Another transaction committed something that this one can't follow: read again and retry.
    Conflict,
    /// A commit may or may not have landed: read the version back before anything else.
    Indeterminate,
    /// The table asks for something that this release doesn't implement: upgrade, or use another engine.
    Unsupported,
    /// What was read isn't what the protocol says: repair the data.
    Corrupt,
    /// A bound of [`crate::limits`], memory or disk was reached.
    Exhausted,
    /// An impossible state: report it.
    Bug,
}

impl ErrorKind {
    /// The kind in a few words, as it opens a message.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            ErrorKind::InvalidRequest => "invalid request",
            ErrorKind::NotFound => "not found",
            ErrorKind::AlreadyExists => "already exists",
            ErrorKind::PermissionDenied => "permission denied",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Indeterminate => "outcome unknown",
            ErrorKind::Unsupported => "not supported",
            ErrorKind::Corrupt => "corrupt",
            ErrorKind::Exhausted => "limit reached",
            ErrorKind::Bug => "bug",
        }
    }
}

/// A failure. Displays as one line: kind, message, table, version, path; the hint and the source are apart. In the
/// alternate form (`{:#}`) lines of the message stay apart, each but the first indented.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    table: Option<String>,
    version: Option<Version>,
    path: Option<String>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

macro_rules! constructors {
    ($($name:ident => $kind:ident),* $(,)?) => {
        $(
            #[doc = concat!("An error of kind [`ErrorKind::", stringify!($kind), "`].")]
            #[must_use]
            pub fn $name(message: impl Into<String>) -> Error {
                Error::new(ErrorKind::$kind, message)
            }
        )*
    };
}

impl Error {
    /// An error of `kind`; `message` names what was attempted and what was found.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            table: None,
            version: None,
            path: None,
            hint: None,
            source: None,
        }))
    }

    constructors! {
        invalid => InvalidRequest,
        not_found => NotFound,
        already_exists => AlreadyExists,
        permission_denied => PermissionDenied,
        unavailable => Unavailable,
        conflict => Conflict,
        indeterminate => Indeterminate,
        unsupported => Unsupported,
        corrupt => Corrupt,
        exhausted => Exhausted,
        bug => Bug,
    }

    /// Names the table, unless one is named already.
    #[must_use]
    pub fn table(mut self, table: impl Into<String>) -> Error {
        self.0.table.get_or_insert_with(|| table.into());
        self
    }

    /// Names the version, unless one is named already.
    #[must_use]
    pub fn version(mut self, version: Version) -> Error {
        self.0.version.get_or_insert(version);
        self
    }

    /// Names the file or object, unless one is named already.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Error {
        self.0.path.get_or_insert_with(|| path.into());
        self
    }

    /// Says what to do next, unless that is said already.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.0.source = Some(source.into());
        self
    }

    /// What a caller should do next.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was attempted and what was found.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The table, where one is named.
    #[must_use]
    pub fn table_name(&self) -> Option<&str> {
        self.0.table.as_deref()
    }

    /// The version, where one is named.
    #[must_use]
    pub fn at_version(&self) -> Option<Version> {
        self.0.version
    }

    /// The file or object, where one is named.
    #[must_use]
    pub fn at_path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// What to do next, where it is known.
    #[must_use]
    pub fn what_to_do(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.0.kind.label())?;
        if f.alternate() {
            f.write_str(&Printable(&self.0.message).to_string().replace('\n', "\n    "))?;
        } else {
            write!(f, "{}", OneLine(&self.0.message))?;
        }
        let mut before = " [";
        let mut named = |f: &mut fmt::Formatter<'_>, what: &str, value: &str| {
            let result = write!(f, "{before}{what} {}", OneLine(value));
            before = ", ";
            result
        };
        if let Some(table) = &self.0.table {
            named(f, "table", table)?;
        }
        if let Some(version) = self.0.version {
            named(f, "version", &version.to_string())?;
        }
        if let Some(path) = &self.0.path {
            named(f, "path", path)?;
        }
        if before == ", " {
            f.write_str("]")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// Text from outside on one line: control characters, line ends among them, are escaped, so that no name can pose as a
/// line of its own (pitfall H4).
#[derive(Debug)]
pub struct OneLine<'a>(pub &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.0.split_inclusive(['\n', '\t']);
        parts.try_for_each(|part| match part.strip_suffix('\n') {
            Some(line) => write!(f, "{}\\n", Printable(line)),
            None => match part.strip_suffix('\t') {
                Some(cell) => write!(f, "{}\\t", Printable(cell)),
                None => write!(f, "{}", Printable(part)),
            },
        })
    }
}

/// Text from outside of several lines, with control characters escaped so that it can't drive a terminal (pitfall H4).
#[derive(Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            let direction_override = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if (c.is_control() && c != '\n' && c != '\t') || direction_override {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_and_drives_no_terminal() {
        let hostile = "a\u{1b}[2J\nhint: x\t\u{7f}\u{9b}1m\u{202e}\r";
        let error = Error::corrupt(format!("column {hostile}")).path(hostile).table(hostile).version(Version(3));
        let escaped = "a\\u{1b}[2J\\nhint: x\\t\\u{7f}\\u{9b}1m\\u{202e}\\u{d}";
        assert_eq!(
            error.to_string(),
            format!("corrupt: column {escaped} [table {escaped}, version 3, path {escaped}]")
        );
        let lines = format!("{error:#}");
        assert_eq!(lines.lines().count(), 2);
        assert!(lines.lines().nth(1).unwrap().starts_with("    hint: x"), "{lines}");
        assert!(!lines.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{lines}");
    }
}
