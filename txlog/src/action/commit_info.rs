//! `commitInfo`: who did what, and when.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Provenance of one commit. Others may store anything here, so a field of an unexpected type reads as absent.
///
/// Ours always carries [`txn_id`](Self::txn_id), by which a writer recognises its own commit after a lost answer, and
/// stands first in the commit, as in-commit timestamps demand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitInfo {
    /// The writer's clock, in ms since the epoch.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
    /// The commit's binding time, strictly increasing, in ms since the epoch.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub in_commit_timestamp: Option<i64>,
    /// What was done: `WRITE`, `DELETE`, `OPTIMIZE`, …
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How it was asked for.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub operation_parameters: Option<BTreeMap<String, Value>>,
    /// What it did, in figures.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub operation_metrics: Option<BTreeMap<String, Value>>,
    /// The version that the transaction read.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub read_version: Option<i64>,
    /// The isolation that the transaction ran under.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub isolation_level: Option<String>,
    /// Whether the transaction read nothing and only added files.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub is_blind_append: Option<bool>,
    /// The engine and its version.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub engine_info: Option<String>,
    /// Unique to the transaction.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub txn_id: Option<String>,
    /// What the user wants to remember of the commit.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<String>,
    /// Free-form metadata.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, Option<String>>>,
}

/// A value of the wanted type, or `None` whatever else stands there.
fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<T> {
        Wanted(T),
        #[allow(dead_code, reason = "anything is taken, nothing is kept")]
        Other(serde::de::IgnoredAny),
    }
    Ok(match Option::<Either<T>>::deserialize(deserializer)? {
        Some(Either::Wanted(value)) => Some(value),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_another_type_reads_as_absent() {
        let info: CommitInfo =
            serde_json::from_str(r#"{"timestamp":"yesterday","operation":"WRITE","txnId":5,"notebook":{"a":1}}"#)
                .unwrap();
        assert_eq!(info, CommitInfo { operation: Some("WRITE".into()), ..CommitInfo::default() });
    }
}
