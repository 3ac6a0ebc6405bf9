//! Do we answer upstream's workload specs as they say?
//!
//! The format is delta-kernel-rs's (`acceptance/`, `benchmarks/`): folders of tables, each with its specs in JSON.
//! `LAKEBED_SPECS` names a folder that holds some; otherwise those of the shared corpus run (its `upstream_specs`).
//!
//! | module | question it answers |
//! |---|---|
//! | [`find`] | which specs does a folder hold, and about which tables? |
//! | [`spec`] | what does a spec ask for? |
//! | [`answer`] | does a table answer as its spec says? |
//! | [`codes`] | which errors of ours does an error code of Spark's mean? |
//! | [`state`] | are these the protocol and the metadata that it expects? |
//! | [`sample`] | a table and specs of our own, with what has to come of each |
//!
//! A spec passes when all that it says was compared. It is not yet there, by name, when its type, a field or an error code
//! isn't known here, when it expects nothing, or when the table is refused as unsupported; anything else fails the run.

mod answer;
mod codes;
mod find;
#[cfg(test)]
mod sample;
mod spec;
mod state;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use answer::{Answer, Verdict};
use find::Workload;

use super::pool;
use super::skipping::FilesLeft;
use crate::machine;

/// The specs of the shared corpus that aren't there yet, and why. The list can only shrink.
const NOT_YET: [(&str, &str); 2] = [
    ("basic_catalog_managed/read_with_staged", "catalog-managed tables"),
    ("basic_catalog_managed/write_with_staged", "type \"write\""),
];

#[test]
fn every_spec_of_a_folder_is_answered_as_it_says() {
    let Some(folder) = machine::specs() else {
        let how = "set LAKEBED_SPECS, LAKEBED_CORPUS or LAKEBED_SHARED";
        return machine::skip("workload specs", "a folder of workload specs", how);
    };
    let outcome = run(&folder);
    outcome.print(&folder);
    assert!(!outcome.answers.is_empty(), "{} holds no workload spec", folder.display());
    let faults = outcome.faults();
    assert!(faults.is_empty(), "{} of {} specs:\n{}", faults.len(), outcome.answers.len(), faults.join("\n"));
    if machine::variable("LAKEBED_SPECS").is_none() && machine::variable("LAKEBED_CORPUS").is_none() {
        let listed = NOT_YET.map(|(name, why)| (name.to_owned(), why.to_owned()));
        assert_eq!(outcome.not_yet(), BTreeMap::from(listed), "what isn't there yet, and why");
    }
}

/// What came of the specs of a folder, by name.
struct Outcome {
    answers: Vec<(String, Answer)>,
}

fn run(folder: &Path) -> Outcome {
    let workloads: Vec<Arc<Workload>> = find::below(folder).into_iter().map(Arc::new).collect();
    let fault = |fault: String| Verdict::Failed(fault).into();
    let answers = pool::ask_all(&workloads, |workload| Box::pin(answer::answer(workload)), fault);
    Outcome { answers: workloads.iter().map(|workload| workload.name.clone()).zip(answers).collect() }
}

impl Outcome {
    fn not_yet(&self) -> BTreeMap<String, String> {
        let not_yet = |(name, answer): &(String, Answer)| match &answer.verdict {
            Verdict::NotYet(why) => Some((name.clone(), why.clone())),
            Verdict::Passed | Verdict::Failed(_) => None,
        };
        self.answers.iter().filter_map(not_yet).collect()
    }

    fn files_left(&self) -> FilesLeft {
        let mut all = FilesLeft::default();
        self.answers.iter().for_each(|(_, answer)| all.add(answer.files_left));
        all
    }

    /// The specs that failed, and why; and whether skipping, over all of them, misses its goal.
    fn faults(&self) -> Vec<String> {
        let failed = self.answers.iter().filter_map(|(name, answer)| match &answer.verdict {
            Verdict::Failed(why) => Some(format!("{name}: {why}")),
            Verdict::Passed | Verdict::NotYet(_) => None,
        });
        failed.chain(self.files_left().fault()).collect()
    }

    /// Prints the counts and what isn't there yet, around the test harness's capture.
    fn print(&self, folder: &Path) {
        let not_yet = self.not_yet();
        let failed = self.answers.iter().filter(|(_, answer)| matches!(answer.verdict, Verdict::Failed(_))).count();
        let passed = self.answers.len() - failed - not_yet.len();
        let mut out = format!("\nWorkload specs, {}\n", folder.display());
        out.push_str(&format!("{passed} passed, {failed} failed, {} not yet\n", not_yet.len()));
        let left = self.files_left();
        if left.conditions > 0 {
            out.push_str(&format!("skipping: {left}\n"));
        }
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, why) in &not_yet {
            by_reason.entry(why).or_default().push(name);
        }
        for (why, names) in by_reason {
            out.push_str(&format!("not yet: {why}: {}\n", names.join(", ")));
        }
        let _ = std::io::stdout().lock().write_all(out.as_bytes());
    }
}
