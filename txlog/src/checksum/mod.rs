//! What does a version checksum (`N.crc`) say, and does the table agree with it?
//!
//! Protocol section "Version Checksum File": one JSON object with the counts, sizes, protocol and metadata that a version
//! comes to, written after the commit and never replaced. It serves twice: as a second opinion on what was replayed, and as
//! the shortest way to a table's schema.
//!
//! | what is found | what is done |
//! |---|---|
//! | no checksum | nothing: readers must go on |
//! | one that can't be parsed, or lacks what every one must have | it says nothing: warned of, passed over |
//! | one that contradicts a checkpoint's contents | the checkpoint is taken as damaged: an older one and more commits |
//! | one that contradicts a version that commits alone, or two ways, come to | the checksum is wrong: said aloud, passed over |
//! | one that contradicts the only way to the version | an error that names both sides: a wrong table is never silent |
//!
//! Histograms, `allFiles` and the counts of vectors aren't looked at.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::{DomainMetadata, Metadata, Protocol, Txn};
use crate::error::{Error, Result};
use crate::head::Head;
use crate::limits::MAX_CHECKSUM_BYTES;
use crate::name::LogName;
use crate::replay::State;
use crate::snapshot::Snapshot;
use crate::version::Version;

/// The contents of a version checksum, as far as they are looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checksum {
    /// The `commitInfo.txnId` of the version's commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn_id: Option<String>,
    /// Bytes of the live files.
    pub table_size_bytes: i64,
    /// How many files are live.
    pub num_files: i64,
    /// 1.
    pub num_metadata: i64,
    /// 1.
    pub num_protocol: i64,
    /// When the version was committed, where the table has in-commit timestamps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_commit_timestamp_opt: Option<i64>,
    /// The latest `txn` of each application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_transactions: Option<Vec<Txn>>,
    /// Domains that aren't removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_metadata: Option<Vec<DomainMetadata>>,
    /// Required, and absent in what older writers left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Required, and absent in what older writers left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

impl Checksum {
    /// Reads the bytes of a checksum file.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when they aren't a checksum;
    /// [`Exhausted`](crate::ErrorKind::Exhausted) past [`MAX_CHECKSUM_BYTES`].
    pub fn parse(bytes: &[u8]) -> Result<Checksum> {
        if bytes.len() > MAX_CHECKSUM_BYTES {
            return Err(Error::exhausted(format!(
                "a version checksum of {} bytes is longer than the {MAX_CHECKSUM_BYTES} that are read",
                bytes.len()
            )));
        }
        serde_json::from_slice(bytes).map_err(|e| Error::corrupt("a version checksum can't be parsed").because(e))
    }

    /// What a snapshot comes to; `None` where it can't be told in full (its commit wasn't read, and has a timestamp that
    /// the checksum must repeat). O(`txn`s and domains), whatever the number of files.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Option<Checksum> {
        let in_commit_timestamp_opt = match snapshot.in_commit_timestamps() {
            Ok(true) => Some(snapshot.timestamp()?.0),
            Ok(false) => None,
            Err(_) => return None,
        };
        Some(Checksum {
            txn_id: snapshot.commit_info().and_then(|info| info.txn_id.clone()),
            table_size_bytes: snapshot.size_in_bytes(),
            num_files: i64::try_from(snapshot.num_files()).ok()?,
            num_metadata: 1,
            num_protocol: 1,
            in_commit_timestamp_opt,
            set_transactions: Some(snapshot.txns().cloned().collect()),
            domain_metadata: Some(snapshot.domains().cloned().collect()),
            metadata: Some(snapshot.metadata().clone()),
            protocol: Some(snapshot.protocol().clone()),
        })
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when it can't be serialised.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::bug("a version checksum can't be written as JSON").because(e))
    }

    /// The head of the version, where the checksum holds what makes one.
    ///
    /// # Errors
    /// As [`Head::of`].
    pub fn head(&self, version: Version) -> Option<Result<Head>> {
        let (protocol, metadata) = (self.protocol.clone()?, self.metadata.clone()?);
        if (self.num_metadata, self.num_protocol) != (1, 1) || self.num_files < 0 {
            return None;
        }
        let txns = self.set_transactions.as_ref().map(|txns| {
            let by_app = txns.iter().map(|txn| (txn.app_id.clone(), txn.clone()));
            Arc::new(by_app.collect::<BTreeMap<_, _>>())
        });
        let domains = self.domain_metadata.as_ref().map(|domains| {
            let live = domains.iter().filter(|domain| !domain.removed);
            Arc::new(live.map(|domain| (domain.domain.clone(), domain.clone())).collect::<BTreeMap<_, _>>())
        });
        Some(Head::new(version, Arc::new(protocol), Arc::new(metadata), txns, domains))
    }

    /// That a snapshot of the same version agrees with what the checksum says.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), naming every field that differs, both values, and what can be done.
    pub fn check(&self, snapshot: &Snapshot) -> Result<()> {
        let mut differences = self.differences(snapshot.state());
        if let (Ok(true), Some(ours), Some(theirs)) =
            (snapshot.in_commit_timestamps(), snapshot.timestamp(), self.in_commit_timestamp_opt)
        {
            differ(&mut differences, "inCommitTimestampOpt", &ours.0, &theirs);
        }
        if differences.is_empty() {
            return Ok(());
        }
        let name = LogName::Crc { version: snapshot.version() };
        Err(Error::corrupt(format!(
            "the table contradicts its version checksum, so one of them is damaged: {}",
            differences.join("; ")
        ))
        .version(snapshot.version())
        .path(name.path())
        .hint("check the log with `lakebed fsck`; only where the log proves right, remove the checksum file"))
    }

    /// Every field in which the state of the same version differs, with both values. O(`txn`s and domains).
    #[must_use]
    pub fn differences(&self, state: &State) -> Vec<String> {
        let mut out = Vec::new();
        differ(&mut out, "numFiles", &i64::try_from(state.files.len()).unwrap_or(i64::MAX), &self.num_files);
        differ(&mut out, "tableSizeBytes", &state.files.size_in_bytes(), &self.table_size_bytes);
        differ(&mut out, "numMetadata", &1, &self.num_metadata);
        differ(&mut out, "numProtocol", &1, &self.num_protocol);
        if let (Some(ours), Some(theirs)) = (&state.protocol, &self.protocol) {
            differ(&mut out, "protocol", &sorted(ours), &sorted(theirs));
        }
        if let (Some(ours), Some(theirs)) = (&state.metadata, &self.metadata) {
            metadata_differences(&mut out, ours, theirs);
        }
        // One that has expired may be left out, so what isn't there says nothing.
        for txn in self.set_transactions.iter().flatten() {
            let ours = state.txns.get(&txn.app_id).map(|found| found.version);
            differ(&mut out, &format!("setTransactions of {:?}", txn.app_id), &ours, &Some(txn.version));
        }
        if let Some(domains) = &self.domain_metadata {
            let live = domains.iter().filter(|domain| !domain.removed);
            let theirs: BTreeMap<_, _> = live.map(|d| (d.domain.as_str(), d.configuration.as_str())).collect();
            let ours = state.domains.values().map(|d| (d.domain.as_str(), d.configuration.as_str()));
            differ(&mut out, "domainMetadata", &ours.collect(), &theirs);
        }
        out
    }
}

fn differ<T: PartialEq + Debug>(out: &mut Vec<String>, what: &str, table: &T, checksum: &T) {
    if table != checksum {
        out.push(format!("{what} is {table:?}, and {checksum:?} by the checksum"));
    }
}

fn metadata_differences(out: &mut Vec<String>, table: &Metadata, checksum: &Metadata) {
    differ(out, "metadata.id", &table.id, &checksum.id);
    differ(out, "metadata.partitionColumns", &table.partition_columns, &checksum.partition_columns);
    differ(out, "metadata.configuration", &table.configuration, &checksum.configuration);
    // The same schema may be spaced otherwise.
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    let same = table.schema_string == checksum.schema_string
        || parsed(&table.schema_string).is_some_and(|ours| parsed(&checksum.schema_string) == Some(ours));
    if !same {
        differ(out, "metadata.schemaString", &table.schema_string, &checksum.schema_string);
    }
}

/// A protocol with its features in one order. Features of a side that lists none are no features.
fn sorted(protocol: &Protocol) -> (i32, i32, Vec<&str>, Vec<&str>) {
    fn strs(features: &Option<Vec<String>>) -> Vec<&str> {
        let mut names: Vec<&str> = features.iter().flatten().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
    (
        protocol.min_reader_version,
        protocol.min_writer_version,
        strs(&protocol.reader_features),
        strs(&protocol.writer_features),
    )
}

#[cfg(test)]
mod tests;
