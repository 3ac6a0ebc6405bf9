//! How is a version checksum written, and a snapshot checked by one?

use super::Log;
use crate::checksum::Checksum;
use crate::error::Result;
use crate::name::LogName;
use crate::snapshot::Snapshot;

/// What became of a checksum that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumWritten {
    /// It was.
    Yes,
    /// One was there already: the first stays.
    WasThere,
    /// The snapshot doesn't know its version's timestamp, which the checksum must repeat.
    NotKnown,
}

/// What a snapshot's checksum says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumFound {
    /// The same.
    Agrees,
    /// There is none that can be read.
    Absent,
}

impl Log {
    /// Writes the checksum of a snapshot, unless its version has one: one request, a put if nothing is there. What it says
    /// is carried along from snapshot to snapshot: the cost doesn't grow with the table.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn write_checksum(&self, snapshot: &Snapshot) -> Result<ChecksumWritten> {
        let Some(checksum) = Checksum::of(snapshot) else { return Ok(ChecksumWritten::NotKnown) };
        let name = LogName::Crc { version: snapshot.version() };
        let stored = self.store().create(&name, checksum.to_json()?.into()).await?;
        Ok(if stored { ChecksumWritten::Yes } else { ChecksumWritten::WasThere })
    }

    /// Compares a snapshot with its version's checksum. One request.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where they differ, naming every field.
    pub async fn check_checksum(&self, snapshot: &Snapshot) -> Result<ChecksumFound> {
        match self.store().checksum(snapshot.version()).await {
            Some(checksum) => {
                let checked = checksum.check(snapshot).map_err(|e| self.store().named(e));
                checked.map(|()| ChecksumFound::Agrees)
            }
            None => Ok(ChecksumFound::Absent),
        }
    }
}
