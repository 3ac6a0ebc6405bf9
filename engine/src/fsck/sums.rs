//! Do `_last_checkpoint` and the `.crc` files say what is so?

use std::collections::BTreeMap;

use lakebed_txlog::action::{Metadata, Protocol};
use lakebed_txlog::name::LogName;
use lakebed_txlog::replay::State;
use lakebed_txlog::segment::LastCheckpointHint;
use lakebed_txlog::{Result, Version};
use serde::Deserialize;

use super::finding::{Finding, Kind, Repair, Severity};
use super::listing::{Listing, read};
use crate::store::TableStore;

/// What a `.crc` file has to say. Other fields follow from these, or are for optimisers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    table_size_bytes: i64,
    num_files: i64,
    num_metadata: Option<i64>,
    num_protocol: Option<i64>,
    metadata: Option<Metadata>,
    protocol: Option<Protocol>,
}

/// What is wrong with a `.crc` file of a version, whose state is `state` where that is known.
pub(super) fn checksum(bytes: &[u8], state: Option<&State>) -> Option<String> {
    let sums: Checksum = match serde_json::from_slice(bytes) {
        Ok(sums) => sums,
        Err(e) => return Some(format!("the checksum file can't be parsed: {e}")),
    };
    let one = |count: Option<i64>| count.is_none_or(|count| count == 1);
    if !one(sums.num_metadata) || !one(sums.num_protocol) {
        return Some("the checksum file counts metaData or protocol actions other than one".to_owned());
    }
    let state = state?;
    let num_files = i64::try_from(state.files.len()).unwrap_or(i64::MAX);
    if sums.num_files != num_files {
        return Some(format!("the checksum file counts {} files, and there are {num_files}", sums.num_files));
    }
    if sums.table_size_bytes != state.files.size_in_bytes() {
        let (said, is) = (sums.table_size_bytes, state.files.size_in_bytes());
        return Some(format!("the checksum file counts {said} bytes of files, and they have {is}"));
    }
    let differs = |what: &str| Some(format!("the checksum file has another {what}"));
    match (&sums.metadata, &state.metadata) {
        (Some(said), Some(is)) if *said != **is => return differs("metaData"),
        _ => {}
    }
    match (&sums.protocol, &state.protocol) {
        (Some(said), Some(is)) if !same_protocol(said, is) => differs("protocol"),
        _ => None,
    }
}

/// Features are a set.
fn same_protocol(said: &Protocol, is: &Protocol) -> bool {
    let set = |features: &Option<Vec<String>>| {
        let mut features = features.clone().unwrap_or_default();
        features.sort();
        features
    };
    said.min_reader_version == is.min_reader_version
        && said.min_writer_version == is.min_writer_version
        && set(&said.reader_features) == set(&is.reader_features)
        && set(&said.writer_features) == set(&is.writer_features)
}

/// What is wrong with `_last_checkpoint`, where something is: one request. `sound` are the checkpoints that hold what
/// they should.
///
/// # Errors
/// Those of the store.
pub(super) async fn hint(
    store: &TableStore,
    listing: &Listing,
    sound: &BTreeMap<Version, u64>,
) -> Result<Option<Finding>> {
    let newest = sound.last_key_value().map(|(version, _)| *version);
    let bytes = if listing.has_hint() { read(store, &LogName::LastCheckpoint).await? } else { None };
    let path = LogName::LastCheckpoint.path();
    let finding = |severity, said: String| {
        Some(Finding::new(severity, Kind::Hint, said).path(path.clone()).repair(Repair::RewriteHint))
    };
    let Some(bytes) = bytes else {
        return Ok(newest.and_then(|newest| {
            finding(
                Severity::Warning,
                format!("_last_checkpoint is missing; there is a checkpoint of version {newest}"),
            )
        }));
    };
    let Some(said) = LastCheckpointHint::parse(&bytes) else {
        return Ok(finding(Severity::Warning, "_last_checkpoint can't be parsed".to_owned()));
    };
    if !sound.contains_key(&said.version) {
        let what = format!("_last_checkpoint names version {}, of which there is no sound checkpoint", said.version);
        return Ok(finding(Severity::Warning, what));
    }
    let files = listing.checkpoints().remove(&said.version).unwrap_or_default();
    let parts = |parts: u32| files.iter().any(|one| one.is_complete && one.files.len() as u64 == u64::from(parts));
    if said.parts.is_some_and(|said| !parts(said)) {
        return Ok(finding(Severity::Warning, "_last_checkpoint names parts that aren't there".to_owned()));
    }
    if let Some(newest) = newest.filter(|newest| *newest > said.version) {
        let what = format!("_last_checkpoint names version {}; that of {newest} is newer", said.version);
        return Ok(finding(Severity::Note, what));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use lakebed_txlog::action::Add;
    use lakebed_txlog::replay::Commit;

    use super::*;

    fn state() -> State {
        let mut state = State::default();
        let add = Add { path: "a".into(), size: 7, ..Add::default() };
        let commit = Commit {
            protocol: Some(Protocol { min_reader_version: 1, min_writer_version: 2, ..Protocol::default() }),
            metadata: Some(Metadata { id: "x".into(), ..Metadata::default() }),
            adds: vec![add],
            ..Commit::default()
        };
        state.apply(&commit).unwrap();
        state
    }

    #[test]
    fn what_a_checksum_file_gets_wrong_is_named() {
        let told = |text: &str| checksum(text.as_bytes(), Some(&state())).unwrap_or_default();
        assert_eq!(told(r#"{"tableSizeBytes":7,"numFiles":1,"numMetadata":1,"numProtocol":1}"#), "");
        assert!(told(r#"{"tableSizeBytes":8,"numFiles":1}"#).contains("8 bytes"));
        assert!(told(r#"{"tableSizeBytes":7,"numFiles":2}"#).contains("2 files"));
        assert!(told(r#"{"tableSizeBytes":7,"numFiles":1,"numProtocol":2}"#).contains("other than one"));
        assert!(told("{").contains("parsed"));
        let protocol = r#"{"tableSizeBytes":7,"numFiles":1,"protocol":{"minReaderVersion":3,"minWriterVersion":7}}"#;
        assert!(told(protocol).contains("another protocol"));
        let metadata = r#"{"tableSizeBytes":7,"numFiles":1,"metadata":{"id":"y","schemaString":""}}"#;
        assert!(told(metadata).contains("another metaData"));
        assert_eq!(checksum(br#"{"tableSizeBytes":9,"numFiles":9}"#, None), None);
    }
}
