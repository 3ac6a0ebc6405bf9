//! Table properties: the `delta.…` keys of `metaData.configuration`, with their types and defaults.
//!
//! A property is read when it is asked for, so that a table on which another tool left an odd value is still read by
//! those who don't need it. Whoever creates or changes a table calls [`TableProperties::check`]. The properties that choose
//! the columns with statistics are [`crate::stats`]'s.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::schema::ColumnMappingMode;
use crate::version::{TimestampMs, Version};

/// Whether only additions are allowed.
pub const APPEND_ONLY: &str = "delta.appendOnly";
/// Whether new deletion vectors may be written.
pub const ENABLE_DELETION_VECTORS: &str = "delta.enableDeletionVectors";
/// Whether every commit carries its time.
pub const ENABLE_IN_COMMIT_TIMESTAMPS: &str = "delta.enableInCommitTimestamps";
/// The first version that carries its time, where it isn't version 0.
pub const IN_COMMIT_TIMESTAMP_ENABLEMENT_VERSION: &str = "delta.inCommitTimestampEnablementVersion";
/// The time of that version, in ms since the epoch.
pub const IN_COMMIT_TIMESTAMP_ENABLEMENT_TIMESTAMP: &str = "delta.inCommitTimestampEnablementTimestamp";
/// Whether changed rows are written for the change feed.
pub const ENABLE_CHANGE_DATA_FEED: &str = "delta.enableChangeDataFeed";
/// Whether every row has an id.
pub const ENABLE_ROW_TRACKING: &str = "delta.enableRowTracking";
/// Whether writers stop to give ids.
pub const ROW_TRACKING_SUSPENDED: &str = "delta.rowTrackingSuspended";
/// The hidden column of row ids.
pub const MATERIALIZED_ROW_ID_COLUMN: &str = "delta.rowTracking.materializedRowIdColumnName";
/// The hidden column of the versions in which rows last changed.
pub const MATERIALIZED_ROW_COMMIT_VERSION_COLUMN: &str = "delta.rowTracking.materializedRowCommitVersionColumnName";
/// Whether types may be widened.
pub const ENABLE_TYPE_WIDENING: &str = "delta.enableTypeWidening";
/// Whether variants may be shredded.
pub const ENABLE_VARIANT_SHREDDING: &str = "delta.enableVariantShredding";
/// Under which names columns stand in files.
pub const COLUMN_MAPPING_MODE: &str = "delta.columnMapping.mode";
/// The highest column id given so far.
pub const COLUMN_MAPPING_MAX_COLUMN_ID: &str = "delta.columnMapping.maxColumnId";
/// How many commits stand between two checkpoints.
pub const CHECKPOINT_INTERVAL: &str = "delta.checkpointInterval";
/// Which kind of checkpoint is written.
pub const CHECKPOINT_POLICY: &str = "delta.checkpointPolicy";
/// Whether checkpoints hold statistics as JSON.
pub const CHECKPOINT_WRITE_STATS_AS_JSON: &str = "delta.checkpoint.writeStatsAsJson";
/// Whether checkpoints hold statistics as columns.
pub const CHECKPOINT_WRITE_STATS_AS_STRUCT: &str = "delta.checkpoint.writeStatsAsStruct";
/// How long commits are kept.
pub const LOG_RETENTION_DURATION: &str = "delta.logRetentionDuration";
/// Whether old commits are removed after a checkpoint.
pub const ENABLE_EXPIRED_LOG_CLEANUP: &str = "delta.enableExpiredLogCleanup";
/// How long files are kept after the table let go of them.
pub const DELETED_FILE_RETENTION_DURATION: &str = "delta.deletedFileRetentionDuration";
/// How long `txn` actions count.
pub const SET_TRANSACTION_RETENTION_DURATION: &str = "delta.setTransactionRetentionDuration";
/// The compression of new Parquet files.
pub const PARQUET_COMPRESSION_CODEC: &str = "delta.parquet.compression.codec";
/// Checkpoints before this version aren't touched.
pub const REQUIRE_CHECKPOINT_PROTECTION_BEFORE_VERSION: &str = "delta.requireCheckpointProtectionBeforeVersion";
/// The isolation of transactions; Spark accepts `Serializable` only.
pub const ISOLATION_LEVEL: &str = "delta.isolationLevel";
/// What every CHECK constraint's key begins with; its name follows.
pub const CONSTRAINT_PREFIX: &str = "delta.constraints.";
/// What the key of a request for a feature begins with; the feature's name follows. It never stands in the log.
pub const FEATURE_PREFIX: &str = "delta.feature.";

/// Where the table says nothing.
const DEFAULT_CHECKPOINT_INTERVAL: u64 = 10;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DEFAULT_LOG_RETENTION: Duration = DAY.saturating_mul(30);
const DEFAULT_DELETED_FILE_RETENTION: Duration = DAY.saturating_mul(7);

/// `delta.checkpointPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckpointPolicy {
    /// One file, every action in it.
    #[default]
    Classic,
    /// A manifest with sidecars.
    V2,
}

/// A table's properties, read one at a time.
#[derive(Clone, Copy, Debug)]
pub struct TableProperties<'a>(&'a BTreeMap<String, String>);

/// Every method fails with `Corrupt`, naming property and value, when the table has a value that the property doesn't
/// take.
impl<'a> TableProperties<'a> {
    /// The properties in `metaData.configuration`.
    #[must_use]
    pub fn new(configuration: &'a BTreeMap<String, String>) -> TableProperties<'a> {
        TableProperties(configuration)
    }

    /// The value of a property as the table has it.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(String::as_str)
    }

    /// [`APPEND_ONLY`]; `false` by default.
    pub fn append_only(&self) -> Result<bool> {
        self.boolean(APPEND_ONLY, false)
    }

    /// [`ENABLE_DELETION_VECTORS`]; `false` by default.
    pub fn enable_deletion_vectors(&self) -> Result<bool> {
        self.boolean(ENABLE_DELETION_VECTORS, false)
    }

    /// [`ENABLE_IN_COMMIT_TIMESTAMPS`]; `false` by default. It counts only where the feature is supported.
    pub fn enable_in_commit_timestamps(&self) -> Result<bool> {
        self.boolean(ENABLE_IN_COMMIT_TIMESTAMPS, false)
    }

    /// [`IN_COMMIT_TIMESTAMP_ENABLEMENT_VERSION`] with [`IN_COMMIT_TIMESTAMP_ENABLEMENT_TIMESTAMP`]: the commit that
    /// enabled the times, where commits without one stand before it.
    pub fn in_commit_timestamp_enablement(&self) -> Result<Option<(Version, TimestampMs)>> {
        let version = self.number::<u64>(IN_COMMIT_TIMESTAMP_ENABLEMENT_VERSION)?;
        let timestamp = self.number::<i64>(IN_COMMIT_TIMESTAMP_ENABLEMENT_TIMESTAMP)?;
        match (version, timestamp) {
            (None, None) => Ok(None),
            (Some(version), Some(timestamp)) => Ok(Some((Version(version), TimestampMs(timestamp)))),
            _ => Err(Error::corrupt(format!(
                "of {IN_COMMIT_TIMESTAMP_ENABLEMENT_VERSION} and {IN_COMMIT_TIMESTAMP_ENABLEMENT_TIMESTAMP} the table has only one"
            ))),
        }
    }

    /// [`ENABLE_CHANGE_DATA_FEED`]; `false` by default.
    pub fn enable_change_data_feed(&self) -> Result<bool> {
        self.boolean(ENABLE_CHANGE_DATA_FEED, false)
    }

    /// [`ENABLE_ROW_TRACKING`]; `false` by default.
    pub fn enable_row_tracking(&self) -> Result<bool> {
        self.boolean(ENABLE_ROW_TRACKING, false)
    }

    /// [`ROW_TRACKING_SUSPENDED`]; `false` by default.
    pub fn row_tracking_suspended(&self) -> Result<bool> {
        self.boolean(ROW_TRACKING_SUSPENDED, false)
    }

    /// [`ENABLE_TYPE_WIDENING`]; `false` by default.
    pub fn enable_type_widening(&self) -> Result<bool> {
        self.boolean(ENABLE_TYPE_WIDENING, false)
    }

    /// [`ENABLE_VARIANT_SHREDDING`]; `false` by default.
    pub fn enable_variant_shredding(&self) -> Result<bool> {
        self.boolean(ENABLE_VARIANT_SHREDDING, false)
    }

    /// [`COLUMN_MAPPING_MODE`]; `none` by default. It counts only where the protocol supports the feature: use
    /// [`column_mapping_mode`](super::column_mapping_mode).
    pub fn column_mapping_mode(&self) -> Result<ColumnMappingMode> {
        self.text(COLUMN_MAPPING_MODE).map_or(Ok(ColumnMappingMode::None), ColumnMappingMode::parse)
    }

    /// [`COLUMN_MAPPING_MAX_COLUMN_ID`].
    pub fn column_mapping_max_column_id(&self) -> Result<Option<i64>> {
        self.number(COLUMN_MAPPING_MAX_COLUMN_ID)
    }

    /// [`CHECKPOINT_INTERVAL`], in commits; 10 by default.
    pub fn checkpoint_interval(&self) -> Result<u64> {
        match self.number(CHECKPOINT_INTERVAL)? {
            Some(0) => Err(self.wrong(CHECKPOINT_INTERVAL, "a number above 0")),
            interval => Ok(interval.unwrap_or(DEFAULT_CHECKPOINT_INTERVAL)),
        }
    }

    /// [`CHECKPOINT_POLICY`]; classic by default.
    pub fn checkpoint_policy(&self) -> Result<CheckpointPolicy> {
        match self.text(CHECKPOINT_POLICY).map(str::to_ascii_lowercase).as_deref() {
            None | Some("classic") => Ok(CheckpointPolicy::Classic),
            Some("v2") => Ok(CheckpointPolicy::V2),
            Some(_) => Err(self.wrong(CHECKPOINT_POLICY, "classic or v2")),
        }
    }

    /// [`CHECKPOINT_WRITE_STATS_AS_JSON`]; `true` by default.
    pub fn checkpoint_write_stats_as_json(&self) -> Result<bool> {
        self.boolean(CHECKPOINT_WRITE_STATS_AS_JSON, true)
    }

    /// [`CHECKPOINT_WRITE_STATS_AS_STRUCT`]; `false` by default, as in the protocol (Spark takes it for `true`).
    pub fn checkpoint_write_stats_as_struct(&self) -> Result<bool> {
        self.boolean(CHECKPOINT_WRITE_STATS_AS_STRUCT, false)
    }

    /// [`LOG_RETENTION_DURATION`]; 30 days by default.
    pub fn log_retention(&self) -> Result<Duration> {
        Ok(self.interval(LOG_RETENTION_DURATION)?.unwrap_or(DEFAULT_LOG_RETENTION))
    }

    /// [`ENABLE_EXPIRED_LOG_CLEANUP`]; `true` by default.
    pub fn enable_expired_log_cleanup(&self) -> Result<bool> {
        self.boolean(ENABLE_EXPIRED_LOG_CLEANUP, true)
    }

    /// [`DELETED_FILE_RETENTION_DURATION`]; 7 days by default.
    pub fn deleted_file_retention(&self) -> Result<Duration> {
        Ok(self.interval(DELETED_FILE_RETENTION_DURATION)?.unwrap_or(DEFAULT_DELETED_FILE_RETENTION))
    }

    /// [`SET_TRANSACTION_RETENTION_DURATION`]; for ever by default.
    pub fn set_transaction_retention(&self) -> Result<Option<Duration>> {
        self.interval(SET_TRANSACTION_RETENTION_DURATION)
    }

    /// [`REQUIRE_CHECKPOINT_PROTECTION_BEFORE_VERSION`].
    pub fn require_checkpoint_protection_before_version(&self) -> Result<Option<Version>> {
        Ok(self.number(REQUIRE_CHECKPOINT_PROTECTION_BEFORE_VERSION)?.map(Version))
    }

    /// The CHECK constraints: names with SQL expressions.
    pub fn constraints(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.0.iter().filter_map(|(key, value)| Some((key.strip_prefix(CONSTRAINT_PREFIX)?, value.as_str())))
    }

    /// That every property that this release knows has a value that it takes.
    ///
    /// # Errors
    /// `Corrupt`, for the first that hasn't.
    pub fn check(&self) -> Result<()> {
        for key in BOOLEANS {
            self.boolean(key, false)?;
        }
        self.in_commit_timestamp_enablement()?;
        self.column_mapping_mode()?;
        self.column_mapping_max_column_id()?;
        self.checkpoint_interval()?;
        self.checkpoint_policy()?;
        self.log_retention()?;
        self.deleted_file_retention()?;
        self.set_transaction_retention()?;
        self.require_checkpoint_protection_before_version()?;
        match self.text(ISOLATION_LEVEL) {
            None => Ok(()),
            Some(level) if level.eq_ignore_ascii_case("Serializable") => Ok(()),
            Some(_) => Err(self.wrong(ISOLATION_LEVEL, "Serializable")),
        }
    }

    pub(super) fn boolean(&self, key: &str, default: bool) -> Result<bool> {
        match self.text(key) {
            None => Ok(default),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>> {
        self.text(key).map(|text| text.trim().parse().map_err(|_| self.wrong(key, "a number"))).transpose()
    }

    fn interval(&self, key: &str) -> Result<Option<Duration>> {
        let takes = "an interval of weeks, days, hours, minutes or seconds, such as: interval 7 days";
        self.text(key).map(|text| parse_interval(text).ok_or_else(|| self.wrong(key, takes))).transpose()
    }

    fn wrong(&self, key: &str, takes: &str) -> Error {
        let value = self.text(key).unwrap_or_default();
        Error::corrupt(format!("the table property {key} is {value:?}")).hint(format!("it takes {takes}"))
    }
}

/// Properties that are `true` or `false`.
const BOOLEANS: [&str; 12] = [
    APPEND_ONLY,
    ENABLE_DELETION_VECTORS,
    ENABLE_IN_COMMIT_TIMESTAMPS,
    ENABLE_CHANGE_DATA_FEED,
    ENABLE_ROW_TRACKING,
    ROW_TRACKING_SUSPENDED,
    ENABLE_TYPE_WIDENING,
    ENABLE_VARIANT_SHREDDING,
    CHECKPOINT_WRITE_STATS_AS_JSON,
    CHECKPOINT_WRITE_STATS_AS_STRUCT,
    ENABLE_EXPIRED_LOG_CLEANUP,
    "delta.enableFullRetentionRollback",
];

/// Properties of Delta that nothing here reads.
const OTHERS: [&str; 24] = [
    ISOLATION_LEVEL,
    COLUMN_MAPPING_MODE,
    CHECKPOINT_INTERVAL,
    CHECKPOINT_POLICY,
    LOG_RETENTION_DURATION,
    DELETED_FILE_RETENTION_DURATION,
    SET_TRANSACTION_RETENTION_DURATION,
    PARQUET_COMPRESSION_CODEC,
    "delta.autoOptimize",
    "delta.autoOptimize.autoCompact",
    "delta.autoOptimize.optimizeWrite",
    "delta.checkpointRetentionDuration",
    "delta.dataSkippingNumIndexedCols",
    "delta.dataSkippingStatsColumns",
    "delta.dataSkippingStringPrefixLength",
    "delta.enableIcebergCompatV1",
    "delta.enableIcebergCompatV2",
    "delta.enableIcebergCompatV3",
    "delta.parquet.format.version",
    "delta.randomPrefixLength",
    "delta.randomizeFilePrefixes",
    "delta.sampleRetentionDuration",
    "delta.targetFileSize",
    "delta.writePartitionColumnsToParquet",
];

/// Whether users may set a property of this name. A `delta.…` name that nobody knows is a slip of the pen.
#[must_use]
pub fn is_settable(key: &str) -> bool {
    !key.starts_with("delta.") || BOOLEANS.contains(&key) || OTHERS.contains(&key) || key.starts_with(CONSTRAINT_PREFIX)
}

/// The length of `interval 1 week 2 days`, `30 days`, …: as Spark reads them, whatever the case, without months and
/// years, whose length isn't fixed. `None` for anything else, negative lengths included.
fn parse_interval(text: &str) -> Option<Duration> {
    let text = text.trim().to_ascii_lowercase();
    let mut words = text.strip_prefix("interval").unwrap_or(&text).split_whitespace().peekable();
    words.peek()?;
    let mut total = Duration::ZERO;
    while let Some(count) = words.next() {
        let count: u64 = count.parse().ok()?;
        let unit = words.next()?;
        let micros: u64 = match unit.strip_suffix('s').unwrap_or(unit) {
            "week" => 7 * 24 * 60 * 60 * 1_000_000,
            "day" => 24 * 60 * 60 * 1_000_000,
            "hour" => 60 * 60 * 1_000_000,
            "minute" => 60 * 1_000_000,
            "second" => 1_000_000,
            "millisecond" => 1_000,
            "microsecond" => 1,
            _ => return None,
        };
        total = total.checked_add(Duration::from_micros(count.checked_mul(micros)?))?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn intervals_read_as_spark_reads_them() {
        for (text, seconds) in [
            ("interval 30 days", Some(30 * 86_400)),
            ("INTERVAL 1 Week 2 DAYS", Some(9 * 86_400)),
            ("30 days", Some(30 * 86_400)),
            ("interval 168 hours", Some(7 * 86_400)),
            ("interval 0 seconds", Some(0)),
            ("1 hour 30 minutes 5 seconds", Some(5_405)),
            ("interval 1 month", None),
            ("interval 1 year", None),
            ("interval -1 days", None),
            ("interval", None),
            ("", None),
            ("7", None),
            ("days 7", None),
            ("interval 99999999999999999999 days", None),
            ("interval 999999999999999999 days", None),
        ] {
            assert_eq!(parse_interval(text), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(parse_interval("interval 1500 milliseconds"), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn defaults_are_the_protocols_and_sparks() {
        let none = BTreeMap::new();
        let properties = TableProperties::new(&none);
        assert_eq!(properties.log_retention().unwrap(), Duration::from_secs(30 * 86_400));
        assert_eq!(properties.deleted_file_retention().unwrap(), Duration::from_secs(7 * 86_400));
        assert_eq!(properties.checkpoint_interval().unwrap(), 10);
        assert_eq!(properties.checkpoint_policy().unwrap(), CheckpointPolicy::Classic);
        assert!(!properties.append_only().unwrap());
        assert!(properties.check().is_ok());
    }

    #[test]
    fn an_odd_value_is_an_error_only_to_those_who_need_it() {
        let odd = map(&[(CHECKPOINT_WRITE_STATS_AS_JSON, "%WRITE_STATS_AS_JSON%"), (APPEND_ONLY, "TRUE")]);
        let properties = TableProperties::new(&odd);
        assert!(properties.append_only().unwrap());
        let error = properties.checkpoint_write_stats_as_json().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains("%WRITE_STATS_AS_JSON%"));
        assert!(properties.check().is_err());
        for (key, value) in [
            (CHECKPOINT_INTERVAL, "0"),
            (CHECKPOINT_POLICY, "v3"),
            (COLUMN_MAPPING_MODE, "names"),
            (ISOLATION_LEVEL, "WriteSerializable"),
            (IN_COMMIT_TIMESTAMP_ENABLEMENT_VERSION, "3"),
        ] {
            assert!(TableProperties::new(&map(&[(key, value)])).check().is_err(), "{key}");
        }
    }

    #[test]
    fn constraints_are_found_by_their_prefix() {
        let table = map(&[("delta.constraints.pos", "a > 0"), ("delta.appendOnly", "true")]);
        assert_eq!(TableProperties::new(&table).constraints().collect::<Vec<_>>(), [("pos", "a > 0")]);
    }
}
