//! What is tried, in which order?
//!
//! About 480 requests, of which 320 are racing creates, and 5 MiB written. Requests are sent one after the other but for
//! the races, so that what is found is about the store and not about its load. Memory: the 5 MiB. When the future is
//! dropped, what it wrote stays below `_lakebed_doctor/`, which no reader of a table looks at.

use std::sync::Arc;

use bytes::Bytes;
use lakebed_txlog::Result;
use lakebed_txlog::env::Env;
use serde::Serialize;

use super::finding::{Check, Finding, Outcome};
use super::ground::{FOLDER, Ground};
use super::verdict::{Fitness, Use, Verdict, judge};
use super::{clock, creates, folder, listings, reads, uploads};
use crate::store::TableStore;

/// What a store can be trusted with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// The place that was examined.
    pub url: String,
    /// What each check found.
    pub findings: Vec<Finding>,
    /// What follows for each use.
    pub verdicts: Vec<Verdict>,
    /// Objects of this probe that couldn't be deleted.
    pub num_left_behind: usize,
}

impl Diagnosis {
    /// Whether the store is fit for a use.
    #[must_use]
    pub fn fitness(&self, of: Use) -> Fitness {
        self.verdicts.iter().find(|verdict| verdict.of == of).map_or(Fitness::Unfit, |verdict| verdict.fitness)
    }

    /// What a check found.
    #[must_use]
    pub fn finding(&self, check: Check) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.check == check)
    }
}

/// How far an examination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is tried next.
    pub check: Check,
    /// Steps done.
    pub done: u64,
    /// All steps.
    pub total: u64,
}

const STEPS: [Check; 11] = [
    Check::MissingKey,
    Check::ReadAfterWrite,
    Check::RepeatedCreate,
    Check::RacingCreates,
    Check::ConditionalReplace,
    Check::ListAfterWrite,
    Check::RangedReads,
    Check::Names,
    Check::Multipart,
    Check::Clock,
    Check::FileSystem,
];

/// Tries what the engine relies on, below `_lakebed_doctor/` in the place of `store`, and deletes what that wrote.
///
/// # Errors
/// Where not even one object can be written: what the store says to that (`NotFound` for a missing bucket,
/// [`PermissionDenied`](crate::ErrorKind::PermissionDenied), [`Unavailable`](crate::ErrorKind::Unavailable)). What is
/// wrong with the store otherwise is the diagnosis.
pub async fn examine(store: &TableStore, env: &Arc<dyn Env>, told: impl Fn(Progress)) -> Result<Diagnosis> {
    let ground = Ground::new(store, env);
    let key = ground.key("alive")?;
    ground.put(&key, Bytes::from_static(b"alive")).await.map_err(|e| {
        store
            .error(e, "writing a first object", &key)
            .hint(format!("the doctor writes, reads, lists and deletes below {FOLDER}/ and needs credentials that may"))
    })?;
    let examined = try_all(&ground, &told).await;
    let num_left_behind = ground.sweep().await?;
    let findings = examined?;
    let verdicts = judge(&findings);
    Ok(Diagnosis { url: store.url().to_string(), findings, verdicts, num_left_behind })
}

async fn try_all(ground: &Ground, told: &impl Fn(Progress)) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (done, check) in STEPS.into_iter().enumerate() {
        told(Progress { check, done: done as u64, total: STEPS.len() as u64 });
        // Boxed: together these are more than a stack should hold.
        let found: futures::future::BoxFuture<'_, Result<Vec<Finding>>> = Box::pin(step(ground, check, &findings));
        let found = found.await?;
        findings.extend(found);
    }
    findings.push(leftovers(ground).await);
    Ok(findings)
}

async fn step(ground: &Ground, check: Check, findings: &[Finding]) -> Result<Vec<Finding>> {
    let one = |found: Result<Finding>| found.map(|finding| vec![finding]);
    match check {
        Check::MissingKey => one(reads::missing_key(ground).await),
        Check::ReadAfterWrite => one(reads::after_write(ground).await),
        Check::RepeatedCreate => one(creates::repeated(ground).await),
        Check::RacingCreates => {
            // Without a create that can be refused there is no race to be lost.
            let offered = |finding: &&Finding| finding.check == Check::RepeatedCreate;
            match findings.iter().find(offered).filter(|finding| finding.outcome == Outcome::NotOffered) {
                Some(finding) => Ok(vec![Finding { check, ..finding.clone() }]),
                None => one(creates::racing(ground).await),
            }
        }
        Check::ConditionalReplace => one(creates::conditional_replace(ground).await),
        Check::ListAfterWrite => listings::all(ground).await,
        Check::RangedReads => one(reads::ranges(ground).await),
        Check::Names => Ok(vec![reads::names(ground).await?, reads::case_of_names(ground).await?]),
        Check::Multipart => one(uploads::in_parts(ground).await),
        Check::Clock => one(clock::skew(ground).await),
        _ => folder::all(ground).await,
    }
}

async fn leftovers(ground: &Ground) -> Finding {
    let check = Check::Leftovers;
    match ground.leftovers().await {
        Ok(0) => Finding::holds(check, "no other probe has left anything behind"),
        Ok(count) => Finding::new(check, Outcome::Care, format!("{count} objects of other probes lie below {FOLDER}/"))
            .hint("delete that folder once no other doctor runs"),
        Err(e) => Finding::new(check, Outcome::Unknown, ground.failure(e, "listing what other probes left")),
    }
}
