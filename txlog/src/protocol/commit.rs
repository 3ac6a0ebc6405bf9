//! Whether the actions of a commit keep to the features of the table.
//!
//! The last look before a commit is encoded: whoever made the actions has seen to all this already.

use super::check::{in_commit_timestamps_enabled, supports};
use super::properties::TableProperties;
use crate::action::{Action, Metadata, Protocol};
use crate::error::{Error, Result};

/// That a commit of `actions` keeps to what a table of this protocol and metadata (those that the commit itself sets,
/// where it does) demands of its commits:
///
/// | feature | demand |
/// |---|---|
/// | `appendOnly` | no `remove` with `dataChange` while `delta.appendOnly` is `true` |
/// | `deletionVectors` | no vector where the feature isn't supported |
/// | `domainMetadata` | no domain where the feature isn't supported |
/// | `changeDataFeed` | no `cdc` where the feature isn't supported |
/// | `inCommitTimestamp` | `commitInfo` comes first, with its time |
///
/// O(actions).
///
/// # Errors
/// `InvalidRequest` for a removal from an append-only table, or an action that the table doesn't support; `Bug` for a
/// commit without its time; `Corrupt` when a property that decides can't be read.
pub fn check_actions(protocol: &Protocol, metadata: &Metadata, actions: &[Action]) -> Result<()> {
    let set_protocol = actions.iter().rev().find_map(|action| match action {
        Action::Protocol(protocol) => Some(protocol),
        _ => None,
    });
    let set_metadata = actions.iter().rev().find_map(|action| match action {
        Action::Metadata(metadata) => Some(metadata),
        _ => None,
    });
    let (protocol, after) = (set_protocol.unwrap_or(protocol), set_metadata.unwrap_or(metadata));
    // A commit that makes the table append-only, or ends that, may not remove either.
    let append_only = supports(protocol, "appendOnly")
        && (TableProperties::new(&metadata.configuration).append_only()?
            || TableProperties::new(&after.configuration).append_only()?);
    let unsupported = |what: &str, feature: &str| {
        Err(Error::invalid(format!("the commit has {what}, and the table doesn't support the feature {feature}")))
    };
    let (vectors, domains) = (supports(protocol, "deletionVectors"), supports(protocol, "domainMetadata"));
    for action in actions {
        match action {
            Action::Remove(remove) if remove.data_change && append_only => {
                return Err(Error::invalid(
                    "the table is append-only (delta.appendOnly is true): nothing can be removed",
                )
                .path(remove.path.as_str())
                .hint("set delta.appendOnly to false first"));
            }
            Action::Add(add) if add.deletion_vector.is_some() && !vectors => {
                return unsupported("a deletion vector", "deletionVectors");
            }
            Action::DomainMetadata(_) if !domains => return unsupported("a metadata domain", "domainMetadata"),
            Action::Cdc(_) if !supports(protocol, "changeDataFeed") => {
                return unsupported("change data", "changeDataFeed");
            }
            _ => {}
        }
    }
    let has_time = matches!(actions.first(), Some(Action::CommitInfo(info)) if info.in_commit_timestamp.is_some());
    if in_commit_timestamps_enabled(protocol, after)? && !has_time {
        return Err(Error::bug("a commit doesn't begin with a commitInfo that has an inCommitTimestamp"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Add, CommitInfo, DeletionVectorDescriptor, DomainMetadata, Remove};
    use crate::error::ErrorKind;

    fn protocol(features: &[&str]) -> Protocol {
        let writer_features = Some(features.iter().map(|name| (*name).to_owned()).collect());
        Protocol { min_reader_version: 1, min_writer_version: 7, writer_features, ..Protocol::default() }
    }

    fn metadata(entries: &[(&str, &str)]) -> Metadata {
        let configuration = entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Metadata { configuration, ..Metadata::default() }
    }

    fn remove(data_change: bool) -> Action {
        Action::Remove(Remove { path: "f".into(), data_change, ..Remove::default() })
    }

    #[test]
    fn an_append_only_table_can_be_rearranged_and_not_reduced() {
        let table = metadata(&[("delta.appendOnly", "true")]);
        let supported = protocol(&["appendOnly"]);
        let refused = check_actions(&supported, &table, &[remove(true)]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidRequest);
        assert!(check_actions(&supported, &table, &[remove(false)]).is_ok());
        assert!(check_actions(&protocol(&[]), &table, &[remove(true)]).is_ok());
        let ended = Action::Metadata(metadata(&[]));
        assert!(check_actions(&supported, &table, &[ended, remove(true)]).is_err());
    }

    #[test]
    fn actions_of_features_that_the_table_lacks_are_refused() {
        let plain = Protocol { min_reader_version: 1, min_writer_version: 2, ..Protocol::default() };
        let vector = Some(DeletionVectorDescriptor::default());
        for action in [
            Action::Add(Add { deletion_vector: vector, ..Add::default() }),
            Action::DomainMetadata(DomainMetadata::default()),
            Action::Cdc(crate::action::AddCdcFile::default()),
        ] {
            assert_eq!(check_actions(&plain, &metadata(&[]), &[action]).unwrap_err().kind(), ErrorKind::InvalidRequest);
        }
    }

    #[test]
    fn a_timed_table_takes_no_commit_without_its_time() {
        let table = metadata(&[("delta.enableInCommitTimestamps", "true")]);
        let supported = protocol(&["inCommitTimestamp"]);
        let info =
            |in_commit_timestamp| Action::CommitInfo(CommitInfo { in_commit_timestamp, ..CommitInfo::default() });
        assert!(check_actions(&supported, &table, &[info(Some(1)), remove(true)]).is_ok());
        for wrong in [vec![remove(true), info(Some(1))], vec![info(None)], vec![]] {
            assert_eq!(check_actions(&supported, &table, &wrong).unwrap_err().kind(), ErrorKind::Bug);
        }
        assert!(check_actions(&protocol(&[]), &table, &[remove(true)]).is_ok());
    }
}
