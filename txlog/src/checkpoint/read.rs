//! What does a checkpoint, a part of one, or a sidecar hold?

use crate::action::{Action, parse_lines};
use crate::error::Result;
use crate::files::FileColumns;

/// What was read: file actions as columns, the others as values.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Actions that aren't about files, sidecars and checkpoint metadata among them.
    pub actions: Vec<Action>,
    /// `add`, batch by batch.
    pub adds: Vec<FileColumns>,
    /// `remove`, batch by batch.
    pub removes: Vec<FileColumns>,
}

impl Contents {
    /// Adds what another part of the same checkpoint holds.
    pub fn merge(&mut self, other: Contents) {
        self.actions.extend(other.actions);
        self.adds.extend(other.adds);
        self.removes.extend(other.removes);
    }

    /// How many `add` rows there are.
    #[must_use]
    pub fn num_adds(&self) -> u64 {
        self.adds.iter().map(|batch| batch.len() as u64).sum()
    }
}

/// Reads a V2 checkpoint in JSON.
///
/// # Errors
/// As [`parse_lines`].
pub fn decode_json(bytes: &[u8]) -> Result<Contents> {
    let mut contents = Contents::default();
    let (mut adds, mut removes) = (Vec::new(), Vec::new());
    for action in parse_lines(bytes)? {
        match action {
            Action::Add(add) => adds.push(add),
            Action::Remove(remove) => removes.push(remove),
            other => contents.actions.push(other),
        }
    }
    if !adds.is_empty() {
        contents.adds.push(FileColumns::from_adds(&adds));
    }
    if !removes.is_empty() {
        contents.removes.push(FileColumns::from_removes(&removes));
    }
    Ok(contents)
}

/// Which of a checkpoint's actions are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All that the protocol names.
    All,
    /// Those of the table as a whole, no file's: [`TABLE_ACTIONS`](super::schema::TABLE_ACTIONS).
    Table,
}
