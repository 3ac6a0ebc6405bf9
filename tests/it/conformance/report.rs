//! How many pass, by feature?

use std::collections::BTreeMap;
use std::io::Write;

use super::case::Case;
use super::check::{Checked, Problem};
use super::skipping::FilesLeft;

/// How much of a case is shown when it fails.
const MAX_PROBLEMS: usize = 4;
const MAX_TEXT: usize = 1200;

/// What came of every case of a corpus.
pub(super) struct Report {
    corpus: String,
    total: Counts,
    by_feature: BTreeMap<String, Counts>,
    files_left: FilesLeft,
    missed: Vec<String>,
    faults: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    not_yet: usize,
}

impl Counts {
    fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(_) => self.failed += 1,
            Verdict::NotYet => self.not_yet += 1,
        }
    }
}

enum Verdict {
    Passed,
    Failed(String),
    NotYet,
}

impl Report {
    pub(super) fn new(corpus: &str) -> Report {
        Report {
            corpus: corpus.to_owned(),
            total: Counts::default(),
            by_feature: BTreeMap::new(),
            files_left: FilesLeft::default(),
            missed: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Adds a case; `reason` is why the list says that it isn't read yet.
    pub(super) fn add(&mut self, case: &Case, checked: &Checked, reason: Option<&str>) {
        let verdict = verdict(checked, reason);
        self.total.count(&verdict);
        self.files_left.add(checked.files_left);
        self.missed.extend(checked.missed.iter().map(|missed| format!("{}: {missed}", case.name)));
        for feature in &case.features {
            self.by_feature.entry(feature.clone()).or_default().count(&verdict);
        }
        if let Verdict::Failed(why) = verdict {
            self.faults.push(format!("{}: {why}", case.name));
        }
    }

    /// The cases that failed, and why; and whether skipping, over all of them, misses its goal.
    pub(super) fn faults(&self) -> Vec<String> {
        self.faults.iter().cloned().chain(self.files_left.fault()).collect()
    }

    /// Prints the counts, around the test harness's capture.
    pub(super) fn print(&self) {
        let mut out = format!("\nConformance, {}\n{:<44} passed  failed  not yet\n", self.corpus, "feature");
        let total = [("all".to_owned(), self.total)];
        for (feature, counts) in self.by_feature.iter().map(|(f, c)| (f.clone(), *c)).chain(total) {
            out.push_str(&format!("{feature:<44} {:>6}  {:>6}  {:>7}\n", counts.passed, counts.failed, counts.not_yet));
        }
        out.push_str(&format!("skipping: {}\n", self.files_left));
        self.missed.iter().for_each(|missed| out.push_str(&format!("  {missed}\n")));
        let _ = std::io::stdout().lock().write_all(out.as_bytes());
    }
}

fn verdict(checked: &Checked, reason: Option<&str>) -> Verdict {
    let only_refused = checked.problems.iter().all(|problem| matches!(problem, Problem::Refused(_)));
    match (checked.problems.is_empty(), reason) {
        (true, None) => Verdict::Passed,
        (true, Some(_)) => Verdict::Failed("passes: take it off tests/conformance/NOT_YET.toml".to_owned()),
        (false, Some(_)) if only_refused => Verdict::NotYet,
        (false, _) => Verdict::Failed(shown(&checked.problems)),
    }
}

fn shown(problems: &[Problem]) -> String {
    let mut lines: Vec<String> = problems
        .iter()
        .take(MAX_PROBLEMS)
        .map(|problem| match problem {
            Problem::Refused(what) => format!("refused: {}", cut(what)),
            Problem::Wrong(what) => format!("WRONG: {}", cut(what)),
        })
        .collect();
    if problems.len() > MAX_PROBLEMS {
        lines.push(format!("and {} more", problems.len() - MAX_PROBLEMS));
    }
    lines.join("\n    ")
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[test]
fn a_listed_case_may_be_refused_and_nothing_else() {
    let refused = Checked::of(Problem::Refused("variant".to_owned()));
    let mut wrong = refused.clone();
    wrong.wrong("a row");
    assert!(matches!(verdict(&refused, Some("why")), Verdict::NotYet));
    assert!(matches!(verdict(&refused, None), Verdict::Failed(_)));
    assert!(matches!(verdict(&wrong, Some("why")), Verdict::Failed(_)));
    assert!(matches!(verdict(&Checked::default(), Some("why")), Verdict::Failed(_)));
    assert!(matches!(verdict(&Checked::default(), None), Verdict::Passed));
}

#[test]
fn a_report_whose_conditions_leave_more_files_than_sparks_is_at_fault() {
    let mut report = Report::new("a test");
    report.files_left.add(FilesLeft::of_one(2, 2, 3));
    assert!(report.faults().is_empty());
    report.files_left.add(FilesLeft::of_one(3, 2, 3));
    assert_eq!(report.faults().len(), 1);
}
