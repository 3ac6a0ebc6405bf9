//! What did one check find?

use serde::Serialize;

/// Something that the engine relies on, or that people ask about, and that can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Check {
    /// Of many writers that create one object at once, one is told yes, and the object is that writer's.
    RacingCreates,
    /// Creating what is there is refused, also with the bytes that are there: how a writer whose answer was lost finds
    /// out that it had won.
    RepeatedCreate,
    /// Replacing an object only while it is unchanged (`If-Match`). The engine does without.
    ConditionalReplace,
    /// A read returns what was written last, or that it is deleted, also where it was missing a moment before.
    ReadAfterWrite,
    /// A missing object is said to be missing, not forbidden.
    MissingKey,
    /// Ranges of an object are that object's bytes.
    RangedReads,
    /// A listing holds every object that was written before it, with its size.
    ListAfterWrite,
    /// A listing holds no object that was deleted before it.
    ListAfterDelete,
    /// A listing after an offset holds every name behind it.
    ListOffset,
    /// A listing comes in the order of names. The engine sorts for itself.
    ListOrder,
    /// Names with spaces, escapes, signs and letters of any script stay what they are.
    Names,
    /// Names that differ in case alone name different objects.
    CaseSensitive,
    /// An upload in parts appears when it is complete, whole, and not before; an aborted one never.
    Multipart,
    /// The store's clock and this machine's agree.
    Clock,
    /// The folder is on a file system whose hard links are made for one writer only, whichever machine it runs on.
    FileSystem,
    /// There is space left.
    FreeSpace,
    /// Earlier probes have left nothing behind.
    Leftovers,
}

impl Check {
    /// The check in a few words.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Check::RacingCreates => "racing creates",
            Check::RepeatedCreate => "repeated create",
            Check::ConditionalReplace => "conditional replace",
            Check::ReadAfterWrite => "read after write",
            Check::MissingKey => "missing key",
            Check::RangedReads => "ranged reads",
            Check::ListAfterWrite => "list after write",
            Check::ListAfterDelete => "list after delete",
            Check::ListOffset => "list after an offset",
            Check::ListOrder => "order of listings",
            Check::Names => "names",
            Check::CaseSensitive => "case of names",
            Check::Multipart => "uploads in parts",
            Check::Clock => "clock",
            Check::FileSystem => "file system",
            Check::FreeSpace => "free space",
            Check::Leftovers => "leftovers",
        }
    }
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// As it has to be.
    Holds,
    /// Not quite: somebody should know.
    Care,
    /// The store doesn't offer it.
    NotOffered,
    /// It couldn't be tried to the end.
    Unknown,
    /// It isn't so.
    Fails,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was checked.
    pub check: Check,
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen, in a sentence.
    pub detail: String,
    /// What to do about it, where something is to be done.
    pub what_to_do: Option<String>,
}

impl Finding {
    pub(super) fn new(check: Check, outcome: Outcome, detail: impl Into<String>) -> Finding {
        Finding { check, outcome, detail: detail.into(), what_to_do: None }
    }

    pub(super) fn holds(check: Check, detail: impl Into<String>) -> Finding {
        Finding::new(check, Outcome::Holds, detail)
    }

    pub(super) fn fails(check: Check, detail: impl Into<String>) -> Finding {
        Finding::new(check, Outcome::Fails, detail)
    }

    pub(super) fn hint(mut self, what_to_do: impl Into<String>) -> Finding {
        self.what_to_do = Some(what_to_do.into());
        self
    }
}
