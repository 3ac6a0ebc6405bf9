//! Which uses do the findings allow? Pure.
//!
//! | check | one writer | many writers | maintenance |
//! |---|---|---|---|
//! | racing creates | | needs | needs |
//! | repeated create | needs | needs | needs |
//! | read after write, missing key, ranged reads, names, uploads in parts | needs | needs | needs |
//! | list after write, list after an offset | care | needs | needs |
//! | list after delete | | | care |
//! | clock | care | care | needs |
//! | file system | care | needs | needs |
//! | free space | needs | needs | needs |
//! | case of names | care | care | care |
//! | conditional replace, order of listings, leftovers | | | |
//!
//! Maintenance commits beside writers, so it needs what many writers need; what a listing or a clock says decides which
//! files it deletes. One writer alone needs a refused create all the same: it is how it learns the fate of a commit
//! whose answer was lost, and nothing keeps a second process from being started by mistake.

use serde::Serialize;

use super::finding::{Check, Finding, Outcome};

/// What a store is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Use {
    /// One process writes to a table; any number read.
    SingleWriter,
    /// Any number of processes write to a table, on any number of machines.
    ManyWriters,
    /// Compaction, vacuum and log cleanup run beside the writers.
    Maintenance,
}

impl Use {
    /// Every use.
    pub const ALL: [Use; 3] = [Use::SingleWriter, Use::ManyWriters, Use::Maintenance];

    /// The use in a few words.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Use::SingleWriter => "one writer",
            Use::ManyWriters => "many writers",
            Use::Maintenance => "maintenance",
        }
    }
}

/// Whether a store is fit for a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fitness {
    /// It is.
    Fit,
    /// It is, with something to know.
    WithCare,
    /// It isn't, or couldn't be shown to be.
    Unfit,
}

/// Whether a store is fit for one use, and why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The use.
    #[serde(rename = "use")]
    pub of: Use,
    /// Whether the store is fit for it.
    pub fitness: Fitness,
    /// The checks that make it less than fit.
    pub because: Vec<Check>,
}

/// How much a use depends on a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    Nothing,
    Care,
    Needs,
}

fn weight(check: Check, of: Use) -> Weight {
    use Use::{Maintenance, ManyWriters, SingleWriter};
    use Weight::{Care, Needs, Nothing};
    match (check, of) {
        (Check::RacingCreates, SingleWriter) => Nothing,
        (Check::ListAfterWrite | Check::ListOffset | Check::FileSystem, SingleWriter) => Care,
        (Check::ListAfterDelete, Maintenance) => Care,
        (Check::Clock, SingleWriter | ManyWriters) => Care,
        (Check::CaseSensitive, _) => Care,
        (
            Check::ConditionalReplace | Check::ListOrder | Check::Leftovers | Check::ListAfterDelete,
            SingleWriter | ManyWriters | Maintenance,
        ) => Nothing,
        _ => Needs,
    }
}

/// The verdict on each use. What couldn't be tried to the end isn't trusted.
pub(super) fn judge(findings: &[Finding]) -> Vec<Verdict> {
    Use::ALL.into_iter().map(|of| verdict(findings, of)).collect()
}

fn verdict(findings: &[Finding], of: Use) -> Verdict {
    let mut fitness = Fitness::Fit;
    let mut because = Vec::new();
    for finding in findings {
        let found = match (weight(finding.check, of), finding.outcome) {
            (Weight::Nothing, _) | (_, Outcome::Holds) => continue,
            (Weight::Needs, Outcome::Fails | Outcome::NotOffered | Outcome::Unknown) => Fitness::Unfit,
            (Weight::Care | Weight::Needs, _) => Fitness::WithCare,
        };
        fitness = fitness.max(found);
        because.push((found, finding.check));
    }
    // Of an unfit store only what makes it so is a reason.
    because.retain(|(found, _)| *found == fitness);
    Verdict { of, fitness, because: because.into_iter().map(|(_, check)| check).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitness(check: Check, outcome: Outcome) -> [Fitness; 3] {
        let verdicts = judge(&[Finding::holds(Check::Names, ""), Finding::new(check, outcome, "")]);
        [verdicts[0].fitness, verdicts[1].fitness, verdicts[2].fitness]
    }

    #[test]
    fn what_a_use_needs_and_what_could_not_be_tried_make_it_unfit() {
        use Fitness::{Fit, Unfit, WithCare};
        let cases = [
            (Check::RacingCreates, Outcome::Fails, [Fit, Unfit, Unfit]),
            (Check::RacingCreates, Outcome::Unknown, [Fit, Unfit, Unfit]),
            (Check::RepeatedCreate, Outcome::NotOffered, [Unfit, Unfit, Unfit]),
            (Check::MissingKey, Outcome::Fails, [Unfit, Unfit, Unfit]),
            (Check::ListAfterWrite, Outcome::Fails, [WithCare, Unfit, Unfit]),
            (Check::ListAfterDelete, Outcome::Fails, [Fit, Fit, WithCare]),
            (Check::Clock, Outcome::Fails, [WithCare, WithCare, Unfit]),
            (Check::Clock, Outcome::Care, [WithCare, WithCare, WithCare]),
            (Check::FileSystem, Outcome::Fails, [WithCare, Unfit, Unfit]),
            (Check::ConditionalReplace, Outcome::NotOffered, [Fit, Fit, Fit]),
            (Check::ListOrder, Outcome::Fails, [Fit, Fit, Fit]),
            (Check::CaseSensitive, Outcome::Fails, [WithCare, WithCare, WithCare]),
        ];
        for (check, outcome, expected) in cases {
            assert_eq!(fitness(check, outcome), expected, "{check:?} {outcome:?}");
        }
    }

    #[test]
    fn an_unfit_store_is_so_for_what_makes_it_unfit() {
        let findings =
            [Finding::new(Check::CaseSensitive, Outcome::Care, ""), Finding::fails(Check::RacingCreates, "")];
        let verdicts = judge(&findings);
        assert_eq!(verdicts[0].because, [Check::CaseSensitive]);
        assert_eq!(verdicts[1].because, [Check::RacingCreates]);
    }
}
