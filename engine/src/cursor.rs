//! How far has a promotion come?
//!
//! Two witnesses in the target's log, always committed together: a `txn`, which any Delta writer keeps but may expire,
//! and a domain of ours, which says what was promoted and how. They must agree.

use std::collections::BTreeSet;

use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result, Version};
use serde::{Deserialize, Serialize};

/// `txn.version` of a promotion that was set back to before its first commit.
pub const NOT_STARTED: i64 = -1;
const APP_PREFIX: &str = "promote:";
const DOMAIN_PREFIX: &str = "lakebed.promotion.";

/// Provenance of one promotion, as its domain holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// `metaData.id` of the source.
    pub source_id: String,
    /// Where the source was.
    pub source: String,
    /// First source version of the last step.
    pub from_version: Version,
    /// Last source version of the last step: the cursor.
    pub to_version: Version,
    /// xxh3-128 of the transformation's text, in hexadecimal.
    pub plan_hash: String,
    /// Rows of the source that the last step read.
    pub rows_in: u64,
    /// Rows that it added to the target.
    pub rows_out: u64,
}

/// Where a promotion stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// `txn.version` as it is; what the next commit compares with.
    pub base: Option<i64>,
    /// What the last step did; `None` before the first.
    pub provenance: Option<Provenance>,
}

/// The application id of a promotion.
#[must_use]
pub fn app_id(source_id: &str, target_id: &str, name: &str) -> String {
    format!("{APP_PREFIX}{source_id}:{target_id}:{name}")
}

/// The domain that goes with a promotion's application id.
#[must_use]
pub fn domain(app_id: &str) -> String {
    format!("{DOMAIN_PREFIX}{}", app_id.strip_prefix(APP_PREFIX).unwrap_or(app_id))
}

/// The promotions that a table knows of, by either witness: their application ids.
#[must_use]
pub fn promotions(target: &Snapshot) -> BTreeSet<String> {
    let by_txn = target.txns().map(|txn| txn.app_id.clone()).filter(|app_id| app_id.starts_with(APP_PREFIX));
    let named = target.domains().filter_map(|domain| domain.domain.strip_prefix(DOMAIN_PREFIX));
    by_txn.chain(named.map(|name| format!("{APP_PREFIX}{name}"))).collect()
}

impl Cursor {
    /// Reads both witnesses.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when they don't agree.
    pub fn read(target: &Snapshot, app_id: &str) -> Result<Cursor> {
        let base = target.txn(app_id).map(|txn| txn.version);
        let provenance =
            match target.domain(&domain(app_id)) {
                Some(json) => Some(serde_json::from_str::<Provenance>(json).map_err(|e| {
                    Error::corrupt(format!("the domain of promotion {app_id:?} can't be read")).because(e)
                })?),
                None => None,
            };
        let by_domain = provenance.as_ref().and_then(|p| i64::try_from(p.to_version.0).ok());
        match (base, by_domain) {
            (None | Some(NOT_STARTED), None) => {}
            (Some(txn), Some(domain)) if txn == domain => {}
            // Others may let a txn expire; the domain stays.
            (None, Some(_)) => {}
            _ => {
                return Err(Error::corrupt(format!(
                    "promotion {app_id:?} stands at {base:?} by its txn and at {by_domain:?} by its domain"
                ))
                .version(target.version())
                .hint("another writer changed one of the two: restore the target to before that, or promote under a new name"));
            }
        }
        Ok(Cursor { base, provenance })
    }

    /// What the `txn` is to say of it, whether or not it is still there.
    #[must_use]
    pub fn version(&self) -> i64 {
        let by_domain = self.provenance.as_ref().and_then(|provenance| i64::try_from(provenance.to_version.0).ok());
        by_domain.unwrap_or(NOT_STARTED)
    }

    /// The first source version that isn't promoted yet.
    #[must_use]
    pub fn next(&self) -> Version {
        self.provenance.as_ref().map_or(Version::ZERO, |provenance| provenance.to_version.next())
    }
}
