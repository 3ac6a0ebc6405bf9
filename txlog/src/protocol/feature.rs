//! What a table feature is to this release.

use crate::error::Result;
use crate::schema::StructType;

use super::properties::TableProperties;

/// A table feature: what the protocol says of it, and what of it is implemented here.
#[derive(Debug)]
pub struct Feature {
    /// Its name in `readerFeatures` and `writerFeatures`.
    pub name: &'static str,
    /// Whom it binds.
    pub kind: Kind,
    /// Protocol versions that have it without naming it.
    pub legacy: Option<Legacy>,
    /// Features that a table with this one must have too.
    pub requires: &'static [&'static str],
    /// What it demands of a reader.
    pub reading: &'static str,
    /// What it demands of a writer.
    pub writing: &'static str,
    /// What of reading is implemented.
    pub read: Support,
    /// What of writing is implemented.
    pub write: Support,
    /// When a table that supports it binds its writers.
    pub binds: Binding,
    /// Whether a table's metadata makes use of it (protocol: "Active Features"). `None` where metadata doesn't tell:
    /// a table that supports it uses it.
    pub active: Option<fn(&Table<'_>) -> Result<bool>>,
}

impl Feature {
    /// Whether the metadata of a table that supports the feature makes use of it.
    ///
    /// # Errors
    /// `Corrupt` when the property that decides can't be read.
    pub fn is_active(&self, table: &Table<'_>) -> Result<bool> {
        self.active.map_or(Ok(true), |active| active(table))
    }
}

/// Whom a feature binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Writers; readers needn't know it.
    Writer,
    /// Readers and writers.
    ReaderWriter,
}

/// The protocol versions from which on a feature is supported without being named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Legacy {
    /// The reader version, of a feature that binds readers.
    pub reader: Option<i32>,
    /// The writer version.
    pub writer: i32,
}

/// How far this release goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// What the feature demands is done.
    Implemented,
    /// The feature demands nothing here.
    Harmless,
    /// Not done, for this reason; a table that needs it is refused.
    NotYet(&'static str),
}

/// When a supported feature binds writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Only where the metadata makes use of it.
    WhenActive,
    /// As soon as it is supported.
    WhenSupported,
}

/// What a feature looks at to tell whether it is active.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// The table's properties.
    pub properties: TableProperties<'a>,
    /// The table's schema.
    pub schema: &'a StructType,
}
