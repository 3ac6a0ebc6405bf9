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
//! | [`report`] | how many pass, by feature? |
//!
//! A case passes, or it fails. One on the list of [`not_yet`] has to fail, and with nothing but errors: wrong rows, a
//! panic and a hang fail the run whatever the list says.

mod case;
mod check;
mod not_yet;
mod place;
mod refuse;
mod report;
mod rows;
mod skipping;
mod snapshot;
mod travel;
mod variants;

use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use case::Case;
use check::{Checked, Problem};
use report::Report;

use crate::machine;

/// A case that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

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
    for (case, checked) in cases.iter().zip(check_all(&cases)) {
        report.add(case, &checked, list.get(&case.name).map(String::as_str));
    }
    report.print();
    let faults = report.faults();
    assert!(faults.is_empty(), "{} of {} cases of {corpus}:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

/// Checks every case, as many at once as there are cores, in the order given.
fn check_all(cases: &[Arc<Case>]) -> Vec<Checked> {
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let (next, done) = (Mutex::new(0), Mutex::new(cases.iter().map(|_| None).collect::<Vec<_>>()));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = {
                        let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                        *next += 1;
                        *next - 1
                    };
                    let Some(case) = cases.get(at) else { break };
                    let checked = in_time(case);
                    done.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(checked);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}

/// Checks one case on a thread of its own, which is left behind when it hangs.
fn in_time(case: &Arc<Case>) -> Checked {
    let (answer, checked) = mpsc::channel();
    let subject = Arc::clone(case);
    let thread = thread::Builder::new().name(case.name.clone()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _ = answer.send(runtime.block_on(check::check(&subject)));
    });
    let thread = thread.unwrap();
    match checked.recv_timeout(PATIENCE) {
        Ok(checked) => checked,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            Checked::of(Problem::Wrong(format!("hangs: no answer in {} s", PATIENCE.as_secs())))
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            let payload = thread.join().err();
            let text = payload.as_ref().and_then(|payload| {
                let text = payload.downcast_ref::<String>().map(String::as_str);
                text.or_else(|| payload.downcast_ref::<&str>().copied())
            });
            Checked::of(Problem::Wrong(format!("panics: {}", text.unwrap_or("without a message"))))
        }
    }
}
