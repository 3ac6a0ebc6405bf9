//! What is wrong, how badly, and where?

use lakebed_txlog::{Error, Version};
use serde::Serialize;

/// Most findings that are kept; more are counted.
pub const MAX_FINDINGS: usize = 10_000;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// As it may be; somebody may want to know.
    Note,
    /// Costs time or misleads, and loses nothing.
    Warning,
    /// Damage: rows are lost, or a reader may return wrong ones.
    Error,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Versions are missing between others, or before the first.
    Gap,
    /// A commit can't be parsed.
    CommitUnreadable,
    /// A commit contradicts the table before it.
    CommitContradicts,
    /// A commit isn't the one for which the version's checksum was written: it was put over another.
    CommitReplaced,
    /// In-commit timestamps are missing, or don't increase.
    Timestamps,
    /// A checkpoint lacks parts.
    CheckpointIncomplete,
    /// A checkpoint can't be read.
    CheckpointUnreadable,
    /// A checkpoint isn't what the commits come to.
    CheckpointDiffers,
    /// `_last_checkpoint` is missing, malformed, or says what isn't so.
    Hint,
    /// A `.crc` file is malformed, or says what isn't so.
    Checksum,
    /// The table asks for something that isn't implemented, so a part of it wasn't checked.
    NotChecked,
    /// A live file isn't there.
    FileMissing,
    /// A live file isn't as large as the log says.
    FileSize,
    /// A path of the log isn't one of the table's.
    Path,
    /// Partition values are missing, superfluous or not of their column's type.
    PartitionValues,
    /// A deletion vector is missing, damaged, or isn't one of its file.
    Vector,
    /// A data file can't be read, or not as the table's columns.
    Unreadable,
    /// A file has another number of rows than its statistics say.
    NumRecords,
    /// Statistics that rows contradict: queries may miss rows.
    Statistics,
    /// Bounds that claim to be tight and aren't.
    LooseBounds,
    /// Nulls in a column that can't have any.
    NotNull,
    /// Older versions can't be read in full any more.
    OlderVersions,
}

impl Kind {
    /// The kind in a few words.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Kind::Gap => "gap",
            Kind::CommitUnreadable => "commit unreadable",
            Kind::CommitContradicts => "commit contradicts",
            Kind::CommitReplaced => "commit replaced",
            Kind::Timestamps => "timestamps",
            Kind::CheckpointIncomplete => "checkpoint incomplete",
            Kind::CheckpointUnreadable => "checkpoint unreadable",
            Kind::CheckpointDiffers => "checkpoint differs",
            Kind::Hint => "hint",
            Kind::Checksum => "checksum",
            Kind::NotChecked => "not checked",
            Kind::FileMissing => "file missing",
            Kind::FileSize => "file size",
            Kind::Path => "path",
            Kind::PartitionValues => "partition values",
            Kind::Vector => "deletion vector",
            Kind::Unreadable => "file unreadable",
            Kind::NumRecords => "number of rows",
            Kind::Statistics => "statistics",
            Kind::LooseBounds => "loose bounds",
            Kind::NotNull => "not null",
            Kind::OlderVersions => "older versions",
        }
    }
}

/// What would put a finding right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "do")]
pub enum Repair {
    /// Write the checkpoint of a version from the commits, and keep the damaged files aside.
    RewriteCheckpoint {
        /// The version.
        version: Version,
        /// The damaged files, relative to `_delta_log/`.
        names: Vec<String>,
    },
    /// Point `_last_checkpoint` to the newest sound checkpoint, or delete it where there is none.
    RewriteHint,
    /// Delete the `.crc` file of a version, keeping it aside.
    RemoveChecksum {
        /// The version.
        version: Version,
    },
    /// Add live files again with statistics of what they hold. No row changes.
    Restamp {
        /// The file, as the log names it.
        path: String,
    },
    /// Remove a file that is gone from the table. Its rows are lost already; then that is said in the log.
    DropFile {
        /// The file, as the log names it.
        path: String,
        /// Its live rows, where the log says how many they were.
        num_rows: Option<u64>,
    },
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub kind: Kind,
    /// What was found, in a sentence.
    pub message: String,
    /// The object, relative to the table's root, or the path as the log has it.
    pub path: Option<String>,
    /// The version.
    pub version: Option<Version>,
    /// What to do about it.
    pub what_to_do: Option<String>,
    /// What a repair would do about it.
    pub repair: Option<Repair>,
}

impl Finding {
    pub(super) fn new(severity: Severity, kind: Kind, message: impl Into<String>) -> Finding {
        let message = message.into();
        Finding { severity, kind, message, path: None, version: None, what_to_do: None, repair: None }
    }

    pub(super) fn error(kind: Kind, message: impl Into<String>) -> Finding {
        Finding::new(Severity::Error, kind, message)
    }

    pub(super) fn warning(kind: Kind, message: impl Into<String>) -> Finding {
        Finding::new(Severity::Warning, kind, message)
    }

    /// Damage that an error tells of.
    pub(super) fn of(kind: Kind, error: &Error) -> Finding {
        let mut message = error.message().to_owned();
        let mut cause = std::error::Error::source(error);
        while let Some(next) = cause {
            let text = next.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = next.source();
        }
        let mut finding = Finding::error(kind, message);
        finding.path = error.at_path().map(str::to_owned);
        finding.version = error.at_version();
        finding.what_to_do = error.what_to_do().map(str::to_owned);
        finding
    }

    pub(super) fn path(mut self, path: impl Into<String>) -> Finding {
        self.path = Some(path.into());
        self
    }

    pub(super) fn version(mut self, version: Version) -> Finding {
        self.version = Some(version);
        self
    }

    pub(super) fn hint(mut self, what_to_do: impl Into<String>) -> Finding {
        self.what_to_do = Some(what_to_do.into());
        self
    }

    pub(super) fn repair(mut self, repair: Repair) -> Finding {
        self.repair = Some(repair);
        self
    }
}

/// Findings so far, bounded.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) kept: Vec<Finding>,
    pub(super) num_left_out: u64,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        if self.kept.len() < MAX_FINDINGS {
            self.kept.push(finding);
        } else {
            self.num_left_out += 1;
        }
    }

    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }
}
