//! How much was tried, and what came of it?

use std::collections::BTreeMap;
use std::fmt;

/// Counts of runs, faults and outcomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) runs: u64,
    /// What runs left, where that is looked at once.
    pub(super) states: u64,
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) outcomes: BTreeMap<&'static str, u64>,
}

impl Figures {
    pub(super) fn outcome(&mut self, what: &'static str) {
        *self.outcomes.entry(what).or_default() += 1;
    }

    pub(super) fn faults(&mut self, injected: BTreeMap<&'static str, u64>) {
        injected.into_iter().for_each(|(what, count)| *self.faults.entry(what).or_default() += count);
    }

    pub(super) fn add(&mut self, other: Figures) {
        self.runs += other.runs;
        self.states += other.states;
        self.faults(other.faults);
        other.outcomes.into_iter().for_each(|(what, count)| *self.outcomes.entry(what).or_default() += count);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &BTreeMap<&str, u64>| {
            counts.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
        };
        write!(f, "{} runs; faults: {}; outcomes: {}", self.runs, list(&self.faults), list(&self.outcomes))
    }
}
