//! The actions of the protocol, as they stand one a line in a commit.
//!
//! Protocol sections "Actions" and "Protocol Evolution". A field or an action that isn't known here is passed over in
//! reading, as the protocol demands; integers never pass through `f64`.

mod commit_info;
mod file;
mod table;

use serde::{Deserialize, Serialize};

pub use commit_info::CommitInfo;
pub use file::{Add, AddCdcFile, DeletionVectorDescriptor, PartitionValues, Remove, Sidecar, Tags};
pub use table::{CheckpointMetadata, DomainMetadata, Format, Metadata, Protocol, Txn};

use crate::error::{Error, Result};
use crate::limits::{MAX_ACTIONS_PER_COMMIT, MAX_LOG_LINE_BYTES};

/// One action.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A file becomes part of the table.
    Add(Add),
    /// A file is no longer part of the table.
    Remove(Remove),
    /// The table's schema and properties from here on.
    Metadata(Metadata),
    /// What a reader and a writer must implement from here on.
    Protocol(Protocol),
    /// How far an application has come.
    Txn(Txn),
    /// Who did what, and when.
    CommitInfo(CommitInfo),
    /// A file of changed rows.
    Cdc(AddCdcFile),
    /// A named configuration.
    DomainMetadata(DomainMetadata),
    /// V2 checkpoints only: where file actions are kept.
    Sidecar(Sidecar),
    /// V2 checkpoints only: what the checkpoint is.
    CheckpointMetadata(CheckpointMetadata),
}

/// A line in the form that serde knows: every action an optional field.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    add: Option<Add>,
    remove: Option<Remove>,
    meta_data: Option<Metadata>,
    protocol: Option<Protocol>,
    txn: Option<Txn>,
    commit_info: Option<CommitInfo>,
    cdc: Option<AddCdcFile>,
    domain_metadata: Option<DomainMetadata>,
    sidecar: Option<Sidecar>,
    checkpoint_metadata: Option<CheckpointMetadata>,
}

impl Line {
    fn num_actions(&self) -> usize {
        let there = [
            self.add.is_some(),
            self.remove.is_some(),
            self.meta_data.is_some(),
            self.protocol.is_some(),
            self.txn.is_some(),
            self.commit_info.is_some(),
            self.cdc.is_some(),
            self.domain_metadata.is_some(),
            self.sidecar.is_some(),
            self.checkpoint_metadata.is_some(),
        ];
        there.into_iter().filter(|there| *there).count()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum LineRef<'a> {
    Add(&'a Add),
    Remove(&'a Remove),
    MetaData(&'a Metadata),
    Protocol(&'a Protocol),
    Txn(&'a Txn),
    CommitInfo(&'a CommitInfo),
    Cdc(&'a AddCdcFile),
    DomainMetadata(&'a DomainMetadata),
    Sidecar(&'a Sidecar),
    CheckpointMetadata(&'a CheckpointMetadata),
}

impl Action {
    /// The action of one line, or `None` where the line holds none that is known here.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the line isn't a JSON object, holds more than one action, or a known
    /// action lacks what the protocol requires of it.
    pub fn parse(line: &str) -> Result<Option<Action>> {
        if line.len() > MAX_LOG_LINE_BYTES {
            return Err(Error::exhausted(format!(
                "a log line of {} bytes is longer than the {MAX_LOG_LINE_BYTES} that are read",
                line.len()
            )));
        }
        let line: Line = serde_json::from_str(line)
            .map_err(|e| Error::corrupt(format!("a log line isn't a valid action: {e}")).because(e))?;
        if line.num_actions() > 1 {
            return Err(Error::corrupt("a log line holds several actions, and is to hold one"));
        }
        Ok(line
            .add
            .map(Action::Add)
            .or(line.remove.map(Action::Remove))
            .or(line.meta_data.map(Action::Metadata))
            .or(line.protocol.map(Action::Protocol))
            .or(line.txn.map(Action::Txn))
            .or(line.commit_info.map(Action::CommitInfo))
            .or(line.cdc.map(Action::Cdc))
            .or(line.domain_metadata.map(Action::DomainMetadata))
            .or(line.sidecar.map(Action::Sidecar))
            .or(line.checkpoint_metadata.map(Action::CheckpointMetadata)))
    }

    /// The action as one line, without the line break.
    ///
    /// # Errors
    /// None in practice: every field serialises; a failure is a [`Bug`](crate::ErrorKind::Bug).
    pub fn to_line(&self) -> Result<String> {
        let line = match self {
            Action::Add(x) => LineRef::Add(x),
            Action::Remove(x) => LineRef::Remove(x),
            Action::Metadata(x) => LineRef::MetaData(x),
            Action::Protocol(x) => LineRef::Protocol(x),
            Action::Txn(x) => LineRef::Txn(x),
            Action::CommitInfo(x) => LineRef::CommitInfo(x),
            Action::Cdc(x) => LineRef::Cdc(x),
            Action::DomainMetadata(x) => LineRef::DomainMetadata(x),
            Action::Sidecar(x) => LineRef::Sidecar(x),
            Action::CheckpointMetadata(x) => LineRef::CheckpointMetadata(x),
        };
        serde_json::to_string(&line).map_err(|e| Error::bug("an action can't be serialised").because(e))
    }
}

/// Every known action of a commit's (or JSON checkpoint's) bytes, in order; blank lines are passed over.
///
/// # Errors
/// As [`Action::parse`], with the line's number; [`Exhausted`](crate::ErrorKind::Exhausted) past
/// [`MAX_ACTIONS_PER_COMMIT`].
pub fn parse_lines(bytes: &[u8]) -> Result<Vec<Action>> {
    parse_up_to(MAX_ACTIONS_PER_COMMIT, bytes)
}

fn parse_up_to(most: usize, bytes: &[u8]) -> Result<Vec<Action>> {
    let text = std::str::from_utf8(bytes).map_err(|e| Error::corrupt("a log file isn't UTF-8").because(e))?;
    let mut actions = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let action = Action::parse(line)
            .map_err(|e| Error::new(e.kind(), format!("line {}: {}", index + 1, e.message())).because(e))?;
        if action.is_some() && actions.len() == most {
            return Err(Error::exhausted(format!("more than {most} actions in one log file")));
        }
        actions.extend(action);
    }
    Ok(actions)
}

/// The bytes of a commit that holds `actions`, one a line.
///
/// # Errors
/// As [`Action::to_line`].
pub fn to_lines(actions: &[Action]) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(actions.len() * 256);
    for action in actions {
        bytes.extend_from_slice(action.to_line()?.as_bytes());
        bytes.push(b'\n');
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_actions_and_fields_are_passed_over() {
        let text = concat!(
            r#"{"futureAction":{"x":1}}"#,
            "\n\n",
            r#"{"txn":{"appId":"a","version":7,"someday":{"y":[1]}}}"#,
            "\n"
        );
        let actions = parse_lines(text.as_bytes()).unwrap();
        assert_eq!(actions, vec![Action::Txn(Txn { app_id: "a".into(), version: 7, last_updated: None })]);
    }

    #[test]
    fn actions_beyond_the_bound_are_an_error_and_unknown_ones_do_not_count() {
        let text = "{\"txn\":{\"appId\":\"a\",\"version\":7}}\n{\"future\":1}\n".repeat(3);
        assert_eq!(parse_up_to(3, text.as_bytes()).unwrap().len(), 3);
        assert_eq!(parse_up_to(2, text.as_bytes()).unwrap_err().kind(), crate::ErrorKind::Exhausted);
    }

    #[test]
    fn large_integers_are_kept_exactly() {
        let line = r#"{"txn":{"appId":"a","version":999999999999999999}}"#;
        let Some(Action::Txn(txn)) = Action::parse(line).unwrap() else { panic!("a txn") };
        assert_eq!(txn.version, 999_999_999_999_999_999);
        assert_eq!(Action::Txn(txn).to_line().unwrap(), line);
    }

    #[test]
    fn add_round_trips_and_leaves_out_what_is_absent() {
        let line = r#"{"add":{"path":"a=1/f%20g.parquet","partitionValues":{"a":"1","b":null},"size":5,"modificationTime":6,"dataChange":true,"stats":"{\"numRecords\":1}"}}"#;
        let action = Action::parse(line).unwrap().unwrap();
        assert_eq!(action.to_line().unwrap(), line);
    }

    #[test]
    fn a_broken_line_is_an_error_with_its_number() {
        let error = parse_lines(b"{\"txn\":{\"appId\":\"a\",\"version\":1}}\n{\"add\":").unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
        assert!(error.message().contains("line 2"), "{error}");
    }

    #[test]
    fn a_known_action_without_a_required_field_is_an_error() {
        assert!(Action::parse(r#"{"add":{"size":5}}"#).is_err());
        assert!(Action::parse("[1]").is_err());
        // Without its partition columns a table would be read as one that has none.
        let unpartitioned = r#"{"metaData":{"id":"t","schemaString":"{}","configuration":{}}}"#;
        assert!(Action::parse(unpartitioned).unwrap_err().to_string().contains("partitionColumns"));
    }

    #[test]
    fn two_actions_in_one_line_are_an_error_and_not_the_first_of_them() {
        let line = r#"{"remove":{"path":"a","dataChange":true},"add":{"path":"b","size":5}}"#;
        assert_eq!(Action::parse(line).unwrap_err().kind(), crate::ErrorKind::Corrupt);
        let unknown = r#"{"remove":{"path":"a","dataChange":true},"future":{"path":"b"}}"#;
        assert!(matches!(Action::parse(unknown), Ok(Some(Action::Remove(_)))));
    }
}
