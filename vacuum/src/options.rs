//! For how long are old versions kept?

use std::time::Duration;

use lakebed_txlog::protocol::properties::TableProperties;
use lakebed_txlog::{Error, Result};

/// What happens when the retention asked for is shorter than the table's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShortRetention {
    /// It is refused.
    #[default]
    Refuse,
    /// It is taken: older versions can't be read any more, and writers that take longer than it lose their files. Only
    /// for a table that nobody else writes to.
    Allow,
}

/// How a table is vacuumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VacuumOptions {
    /// Versions stay readable for this long after others have followed them; and no file younger than this is deleted,
    /// since a writer may be about to commit it. By default the table's `delta.deletedFileRetentionDuration`, 7 days
    /// where it has none.
    pub retention: Option<Duration>,
    /// What happens when `retention` is shorter than the table's.
    pub short_retention: ShortRetention,
}

impl VacuumOptions {
    /// The retention that holds for a table.
    ///
    /// # Errors
    /// [`InvalidRequest`](lakebed::ErrorKind::InvalidRequest) for one that is shorter than the table's, unless that is
    /// allowed; [`Corrupt`](lakebed::ErrorKind::Corrupt) where the table's property isn't an interval.
    pub(crate) fn retention_for(&self, properties: TableProperties<'_>) -> Result<Duration> {
        let own = properties.deleted_file_retention()?;
        match self.retention {
            None => Ok(own),
            Some(asked) if asked < own && self.short_retention == ShortRetention::Refuse => {
                Err(Error::invalid(format!(
                    "a retention of {asked:?} is shorter than the table's {own:?} (delta.deletedFileRetentionDuration)"
                ))
                .hint("older versions would become unreadable and running writers lose files: ask for it explicitly"))
            }
            Some(asked) => Ok(asked),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_retention_below_the_tables_needs_to_be_allowed() {
        let configuration: BTreeMap<String, String> =
            [("delta.deletedFileRetentionDuration".to_owned(), "interval 2 hours".to_owned())].into();
        let properties = || TableProperties::new(&configuration);
        let options = |hours: u32, short_retention| VacuumOptions { retention: Some(HOUR * hours), short_retention };
        assert_eq!(VacuumOptions::default().retention_for(properties()).unwrap(), HOUR * 2);
        assert_eq!(options(2, ShortRetention::Refuse).retention_for(properties()).unwrap(), HOUR * 2);
        let error = options(1, ShortRetention::Refuse).retention_for(properties()).unwrap_err();
        assert_eq!(error.kind(), lakebed::ErrorKind::InvalidRequest);
        assert_eq!(options(0, ShortRetention::Allow).retention_for(properties()).unwrap(), Duration::ZERO);
        let none = BTreeMap::new();
        assert_eq!(VacuumOptions::default().retention_for(TableProperties::new(&none)).unwrap(), HOUR * 24 * 7);
    }
}
