//! Do we read every table of the corpus as its writer left it, and refuse by name what we can't?
//!
//! | module | question it answers |
//! |---|---|
//! | [`case`] | which tables are there, and what does each ask for? |
//! | [`place`] | where does the table lie that a test may change? |
//! | [`check`] | does one table answer as its case says? |
//! | [`rows`] | are these the rows that the writer's table holds? |
//! | [`skipping`] | does a condition find every row, in few files? |
//! | [`snapshot`] | is this snapshot the one that the writer's log means? |
//! | [`travel`] | which version does a time open? |
//! | [`variants`] | what does a variant say, in canonical JSON? |
//! | [`refuse`] | does a writer keep off what it can't keep right? |
//! | [`not_yet`] | which cases may still be refused? |
//! | [`pool`] | what does each answer, in time and without a panic? |
//! | [`report`] | how many pass, by feature? |
//! | [`specs`] | do we answer upstream's workload specs as they say? |
//!
//! A case passes, or it fails. One on the list of [`not_yet`] has to fail, and with nothing but errors: wrong rows, a
//! panic and a hang fail the run whatever the list says.

mod case;
mod check;
mod not_yet;
mod place;
mod pool;
mod refuse;
mod report;
mod rows;
mod skipping;
mod snapshot;
mod specs;
mod travel;
mod variants;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use case::Case;
use check::{Checked, Problem};
use report::Report;

use crate::machine;

/// What a clone may be made to carry.
const MAX_OWN_BYTES: u64 = 5_000_000;

#[test]
fn every_table_of_our_own_corpus_answers_as_its_case_says() {
    run("our own corpus", &machine::repository().join("tests/corpus"));
}

#[test]
fn every_table_of_the_shared_corpus_answers_as_its_case_says() {
    match machine::corpus() {
        Some(corpus) => run("the shared corpus", &corpus),
        None => machine::skip("conformance", "the conformance corpus", "set LAKEBED_CORPUS or LAKEBED_SHARED"),
    }
}

/// Checks the cases of a folder, prints the table by feature and panics with what went wrong.
fn run(corpus: &str, folder: &Path) {
    let cases: Vec<Arc<Case>> = case::of_folder(folder).into_iter().map(Arc::new).collect();
    assert!(!cases.is_empty(), "{} has no case", folder.display());
    let list = not_yet::list();
    let mut report = Report::new(corpus);
    let checks = pool::ask_all(&cases, |case| Box::pin(check::check(case)), |fault| Checked::of(Problem::Wrong(fault)));
    for (case, checked) in cases.iter().zip(checks) {
        report.add(case, &checked, list.get(&case.name).map(String::as_str));
    }
    report.print();
    let faults = report.faults();
    assert!(faults.is_empty(), "{} of {} cases of {corpus}:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

#[test]
fn our_own_corpus_is_small_and_its_index_lists_every_case() {
    let corpus = machine::repository().join("tests/corpus");
    let listed: Vec<PathBuf> = case::of_folder(&corpus).into_iter().map(|case| case.folder).collect();
    let (mut bytes, mut cases, mut todo) = (0, Vec::new(), vec![corpus]);
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => todo.push(entry.path()),
                false => bytes += entry.metadata().unwrap().len(),
            }
            if entry.file_name() == "case.json" {
                cases.push(folder.clone());
            }
        }
    }
    assert!(bytes <= MAX_OWN_BYTES, "{bytes} bytes");
    cases.retain(|case| !listed.contains(case));
    assert!(cases.is_empty(), "not in index.json: {cases:?}");
}
