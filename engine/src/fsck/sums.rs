//! Do `_last_checkpoint` and the `.crc` files say what is so?

use std::collections::BTreeMap;

use lakebed_txlog::checksum::Checksum;
use lakebed_txlog::name::LogName;
use lakebed_txlog::replay::State;
use lakebed_txlog::segment::LastCheckpointHint;
use lakebed_txlog::{Error, Result, Version};

use super::finding::{Finding, Kind, Repair, Severity};
use super::listing::{Listing, read};
use crate::store::TableStore;

/// What is wrong with a `.crc` file of a version, whose state is `state` where that is known.
pub(super) fn checksum(bytes: &[u8], state: Option<&State>) -> Option<String> {
    let sums = match Checksum::parse(bytes) {
        Ok(sums) => sums,
        Err(e) => return Some(with_cause(&e)),
    };
    if (sums.num_metadata, sums.num_protocol) != (1, 1) {
        return Some("the checksum file counts metaData or protocol actions other than one".to_owned());
    }
    let differences = sums.differences(state?);
    (!differences.is_empty()).then(|| format!("the checksum file is wrong: {}", differences.join("; ")))
}

/// The transaction for which a `.crc` file was written, where it says so.
pub(super) fn transaction(bytes: &[u8]) -> Option<String> {
    Checksum::parse(bytes).ok()?.txn_id
}

fn with_cause(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{}: {cause}", error.message()),
        None => error.message().to_owned(),
    }
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
    use lakebed_txlog::action::{Add, Metadata, Protocol};
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
        let told = |bytes: i64, files: i64, protocols: i64, more: &str| {
            let text = format!(
                r#"{{"tableSizeBytes":{bytes},"numFiles":{files},"numMetadata":1,"numProtocol":{protocols}{more}}}"#
            );
            checksum(text.as_bytes(), Some(&state())).unwrap_or_default()
        };
        assert_eq!(told(7, 1, 1, ""), "");
        assert!(told(8, 1, 1, "").contains("tableSizeBytes is 7, and 8"));
        assert!(told(7, 2, 1, "").contains("numFiles is 1, and 2"));
        assert!(told(7, 1, 2, "").contains("other than one"));
        let protocol = r#","protocol":{"minReaderVersion":3,"minWriterVersion":7}"#;
        assert!(told(7, 1, 1, protocol).contains("protocol is "));
        let metadata = r#","metadata":{"id":"y","schemaString":"","partitionColumns":[]}"#;
        assert!(told(7, 1, 1, metadata).contains(r#"metadata.id is "x", and "y""#));
        let txn = r#","setTransactions":[{"appId":"a","version":4}]"#;
        assert!(told(7, 1, 1, txn).contains("setTransactions"));
        assert!(checksum(b"{", Some(&state())).unwrap().contains("parsed"));
        let unknown = br#"{"tableSizeBytes":9,"numFiles":9,"numMetadata":1,"numProtocol":1}"#;
        assert_eq!(checksum(unknown, None), None);
    }
}
