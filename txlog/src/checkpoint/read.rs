//! What does a checkpoint, a part of one, or a sidecar hold?

use crate::action::{Action, Sidecar, parse_lines};
use crate::error::{Error, Result};
use crate::files::FileColumns;
use crate::name::LogName;
use crate::path::DataLocation;

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

/// Sidecars stand in the table's own folder for them, and are read there: by name alone, or with that folder in front,
/// relative or absolute (pitfall H1).
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt) for a path that leads anywhere else.
pub fn sidecar_file(sidecar: &Sidecar) -> Result<LogName> {
    let outside = || Error::corrupt("a sidecar outside _delta_log/_sidecars").path(&sidecar.path);
    let location = DataLocation::decode(&sidecar.path).map_err(|e| outside().because(e))?;
    let path = match &location {
        DataLocation::Relative(path) => path.as_str().to_owned(),
        DataLocation::Absolute(url) => {
            percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy().into_owned()
        }
    };
    let name = match path.rsplit_once('/') {
        None => path.as_str(),
        Some((folder, name)) if is_folder_of_sidecars(&location, folder) => name,
        Some(_) => return Err(outside()),
    };
    match LogName::parse(&format!("_sidecars/{name}")) {
        found @ LogName::Sidecar { .. } if !name.starts_with('.') => Ok(found),
        _ => Err(outside()),
    }
}

/// Whether it can be the table's own: a table may have been copied since, so that of an absolute path only the end is known.
fn is_folder_of_sidecars(location: &DataLocation, folder: &str) -> bool {
    match location {
        DataLocation::Relative(_) => matches!(folder, "_sidecars" | "_delta_log/_sidecars"),
        DataLocation::Absolute(_) => folder.ends_with("/_delta_log/_sidecars"),
    }
}
