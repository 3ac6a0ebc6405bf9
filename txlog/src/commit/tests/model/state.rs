//! What is the state of the model? Numbers of values that [`Memo`](super::memo::Memo) holds, so that it is small and quick to hash.

use super::rules::Outcome;

pub(super) const WRITERS: usize = 3;
/// Versions that a log may have; one more is a bug of the model.
pub(super) const VERSIONS: usize = 14;
/// Nothing, where a number of a value is expected.
pub(super) const NONE: u32 = 0;

/// A small sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Set<const N: usize> {
    len: u8,
    items: [u32; N],
}

impl<const N: usize> Default for Set<N> {
    fn default() -> Self {
        Set { len: 0, items: [0; N] }
    }
}

impl<const N: usize> Set<N> {
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.items[..usize::from(self.len)].iter().copied()
    }

    pub(super) fn insert(&mut self, item: u32) {
        let len = usize::from(self.len);
        let Err(at) = self.items[..len].binary_search(&item) else { return };
        assert!(len < N, "a set of the model is full");
        self.items.copy_within(at..len, at + 1);
        self.items[at] = item;
        self.len += 1;
    }

    pub(super) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        let kept: Vec<u32> = self.iter().filter(|item| keep(*item)).collect();
        *self = Set::default();
        for (at, item) in kept.iter().enumerate() {
            self.items[at] = *item;
        }
        self.len = u8::try_from(kept.len()).unwrap_or(u8::MAX);
    }
}

/// A data file, or a file of vectors, that is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) file: u32,
    /// On which day it was written.
    pub(super) born: u8,
    pub(super) fate: Fate,
}

/// What a vacuum has decided of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    /// It is in the plan, and is still there.
    Doomed,
}

impl Stored {
    pub(super) fn packed(self) -> u32 {
        self.file << 4 | u32::from(self.fate == Fate::Doomed) << 3 | u32::from(self.born)
    }

    pub(super) fn unpacked(item: u32) -> Stored {
        let fate = if item & 8 == 0 { Fate::Stays } else { Fate::Doomed };
        Stored { file: item >> 4, born: (item & 7) as u8, fate }
    }
}

/// Where a writer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// It holds a handle, and nothing is planned.
    #[default]
    Idle,
    /// Planned, its files uploaded.
    Ready,
    /// In the commit loop, before the step that the loop says.
    Running,
    /// A slow success is to be looked up.
    Verifying,
    /// Nothing is left to do.
    Finished,
}

/// A day, and how far in a commit's patience: 0 before its deadline, 1 past it, 2 past its grace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Moment {
    pub(super) day: u8,
    pub(super) phase: u8,
}

/// One writer, and its handle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Writer {
    pub(super) stage: Stage,
    /// Which of its operations is next, or under way.
    pub(super) seq: u8,
    /// How each ended.
    pub(super) outcomes: [Outcome; 2],
    /// The newest version that the handle knows, and the day on which a listing proved it.
    pub(super) tip: u32,
    pub(super) proved: u8,
    /// What the transaction read, the day on which that was the newest version, and the transaction.
    pub(super) read: u32,
    pub(super) read_on: u8,
    pub(super) txn: u32,
    /// When the commit began, and when what it puts on was known to be the newest version.
    pub(super) began: u8,
    pub(super) phase: u8,
    pub(super) since: Moment,
    /// The version that was known when it began.
    pub(super) floor: u8,
    /// The table that is committed on.
    pub(super) current: u32,
    /// Machine and step.
    pub(super) loops: u32,
    /// The commit that was put last.
    pub(super) bytes: u32,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// Which operations the writers have.
    pub(super) program: u16,
    /// The commit at each version, as the store has it.
    pub(super) log: [u32; VERSIONS],
    /// On which day each was written.
    pub(super) born: [u8; VERSIONS],
    /// The table: every commit that came to follow the one before it, whatever has been cleaned up since.
    pub(super) truth: u32,
    /// What it was when the day began.
    pub(super) eve: u32,
    /// The version of which there is a checkpoint.
    pub(super) checkpoint: u32,
    pub(super) today: u8,
    /// Answers that may still be lost, late or refused.
    pub(super) faults: u8,
    pub(super) checkpoints: u8,
    pub(super) vacuums: u8,
    /// Puts that may still land.
    pub(super) late: Set<6>,
    /// Files in the store.
    pub(super) files: Set<20>,
    pub(super) writers: [Writer; WRITERS],
    /// Invariants that are broken.
    pub(super) broken: u16,
}
