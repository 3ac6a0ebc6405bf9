//! Why may a transaction not follow a commit?

use std::fmt;

use crate::action::DeletionVectorDescriptor;
use crate::transaction::Kind;
use crate::version::Version;

/// Paths that a message shows of a list.
const SHOWN_FILES: usize = 3;

/// Why a transaction can't follow a commit. Files are named by their paths, as they stand in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The pair of kinds doesn't go together: ours didn't say what it read, or isn't one that follows others.
    Kinds {
        /// What we do.
        ours: Kind,
        /// What they did.
        theirs: Kind,
    },
    /// The application came further than the transaction knew, but not as far as it wants to.
    TxnMoved {
        /// The application.
        app_id: String,
        /// Where the transaction took it to stand.
        base: Option<i64>,
        /// Where it stands.
        found: i64,
    },
    /// Ours sets applications back, which nothing may come in between.
    Rewinds,
    /// Both change the same domain.
    Domain(String),
    /// One of them changes the protocol.
    Protocol,
    /// Both change schema or properties.
    BothMetadata,
    /// They changed schema or properties in a way that ours would have had to look at.
    Metadata(String),
    /// Ours changes schema or properties in a way that rows must have been looked at for, and they touched some.
    Constrains(String),
    /// They removed a file that ours removes, changes, adds anew or depends on.
    FileGone(String),
    /// They moved rows that ours removes, changes or depends on to other files.
    FileMoved(String),
    /// They changed a file that ours removes, changes, adds anew or depends on, in a way that can't be united.
    FileChanged(String),
    /// They deleted rows of the file that ours deletes or depends on.
    RowsGone(String),
    /// Rows that were deleted are there again.
    RowsRestored(String),
    /// How many rows a file has isn't known, or isn't more than its vectors delete.
    RowCount(String),
    /// A commit names a file twice.
    Unclear(String),
    /// They added files that may hold rows which ours looked for. Who finds none in them may say so
    /// ([`Known::without_match`](super::Known::without_match)).
    MayMatch {
        /// The added files.
        files: Vec<String>,
    },
    /// The contents of vectors decide and aren't known. Who reads them may ask again
    /// ([`Known::vectors`](super::Known::vectors)).
    Unread {
        /// The vectors.
        vectors: Vec<DeletionVectorDescriptor>,
    },
}

impl Why {
    /// The file that stands in the way, where it is one by itself.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Why::FileGone(path)
            | Why::FileMoved(path)
            | Why::FileChanged(path)
            | Why::RowsGone(path)
            | Why::RowsRestored(path)
            | Why::RowCount(path)
            | Why::Unclear(path) => Some(path),
            _ => None,
        }
    }

    /// A word for the reason.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Why::Kinds { .. } => "kinds",
            Why::TxnMoved { .. } => "txn",
            Why::Rewinds => "rewinds",
            Why::Domain(_) => "domain",
            Why::Protocol => "protocol",
            Why::BothMetadata => "both metadata",
            Why::Metadata(_) => "metadata",
            Why::Constrains(_) => "constrains",
            Why::FileGone(_) => "file gone",
            Why::FileMoved(_) => "file moved",
            Why::FileChanged(_) => "file changed",
            Why::RowsGone(_) => "rows gone",
            Why::RowsRestored(_) => "rows restored",
            Why::RowCount(_) => "row count",
            Why::Unclear(_) => "unclear",
            Why::MayMatch { .. } => "may match",
            Why::Unread { .. } => "unread",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Kinds { ours, theirs } => write!(f, "{ours} can't follow {theirs} that it did not see"),
            Why::TxnMoved { app_id, base: Some(base), found } if found < base => {
                write!(f, "application {app_id:?} was rewound from {base} to {found}")
            }
            Why::TxnMoved { app_id, base, found } => {
                let base = base.map_or_else(|| "nothing".to_owned(), |base| base.to_string());
                write!(f, "application {app_id:?} went from {base} to {found} meanwhile")
            }
            Why::Rewinds => f.write_str("nothing may come in between where applications are set back"),
            Why::Domain(domain) => write!(f, "both change the domain {domain:?}"),
            Why::Protocol => f.write_str("the protocol was changed, or is to be, by one of them"),
            Why::BothMetadata => f.write_str("both change schema or properties"),
            Why::Metadata(what) => write!(f, "the table changed meanwhile: {what}"),
            Why::Constrains(what) => write!(f, "files changed meanwhile, and a change of the table is of all: {what}"),
            Why::FileGone(path) => write!(f, "the file {path} was removed meanwhile"),
            Why::FileMoved(path) => write!(f, "the rows of the file {path} were put into others meanwhile"),
            Why::FileChanged(path) => write!(f, "the file {path} was changed meanwhile"),
            Why::RowsGone(path) => write!(f, "rows of the file {path} were deleted meanwhile"),
            Why::RowsRestored(path) => write!(f, "deleted rows of the file {path} came back meanwhile"),
            Why::RowCount(path) => write!(f, "the file {path} doesn't say rightly how many rows it has"),
            Why::Unclear(path) => write!(f, "a commit names the file {path} more than once"),
            Why::MayMatch { files } => {
                write!(f, "rows that were looked for may have been added meanwhile, in {}", listed(files))
            }
            Why::Unread { vectors } => {
                write!(f, "files were changed by both, and {} deletion vectors weren't read", vectors.len())
            }
        }
    }
}

fn listed(files: &[String]) -> String {
    let shown = files.iter().take(SHOWN_FILES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match files.len().saturating_sub(SHOWN_FILES) {
        0 => shown,
        more => format!("{shown} and {more} more files"),
    }
}

/// A commit that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The version of the commit.
    pub version: Version,
    /// Why the transaction can't follow it.
    pub why: Why,
}
