//! What is run to the end, and is it right?

use stateright::{Checker, Expectation, Model};

use super::check::{Checked, Configuration, Patience, Program, Reach};
use super::rules::Rules;
use super::table::{Op, Start};
use crate::drive::Landing;
use crate::env::{SystemEnv, process_variable};
use crate::figures::say;
use crate::transaction::Isolation;

impl Configuration {
    /// Writers that have one table, a store that answers, and all the time of the world.
    pub(super) fn of(name: &'static str, starts: &[Start], programs: Vec<Program>) -> Configuration {
        Configuration {
            name,
            starts: starts.to_vec(),
            programs,
            isolation: Isolation::Serializable,
            landing: Landing::Late,
            faults: 0,
            patience: Patience::Endless,
            days: 0,
            checkpoints: 0,
            vacuums: 0,
            reaches: &[],
        }
    }
}

/// Every three of these, whoever does which.
fn threes(ops: &[Op]) -> Vec<Program> {
    let mut programs = Vec::new();
    for (a, first) in ops.iter().enumerate() {
        for (b, second) in ops.iter().enumerate().skip(a) {
            programs.extend(ops.iter().skip(b).map(|third| [*first, *second, *third].map(|op| vec![op])));
        }
    }
    programs
}

/// Runs a configuration to the end; how many states it has.
pub(super) fn check(with: Configuration) -> usize {
    let env = SystemEnv::shared();
    let (name, began) = (with.name, env.monotonic());
    let checker = Checked::new(with, Rules::production()).checker().spawn_dfs().join();
    let states = checker.unique_state_count();
    let took = env.monotonic().saturating_sub(began);
    say(&format!(
        "model, {name}: {states} unique states, {} steps, depth {}, {took:.1?}",
        checker.state_count(),
        checker.max_depth()
    ));
    let found = checker.discoveries();
    for property in checker.model().properties() {
        match (property.expectation, found.get(property.name)) {
            (Expectation::Sometimes, None) => panic!("{name}: never reached: {}", property.name),
            (Expectation::Always, Some(path)) => {
                panic!("{name}: broken: {}\n{:#?}", property.name, path.clone().into_actions())
            }
            _ => {}
        }
    }
    states
}

const OPS: [Op; 6] = [Op::Append(1), Op::Delete(1), Op::Delete(2), Op::Overwrite, Op::Move, Op::Copy];

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Quick,
    Long,
}

impl Form {
    fn of<T>(self, quick: T, long: T) -> T {
        match self {
            Form::Quick => quick,
            Form::Long => long,
        }
    }
}

/// Every operation beside every other, answers lost.
fn races(form: Form) -> Configuration {
    let starts: &[Start] =
        form.of(&[Start::TwoFiles, Start::OneFile], &[Start::TwoFiles, Start::OneFile, Start::Deleted]);
    let mut ops = OPS.to_vec();
    ops.extend(form.of(&[Op::Compact][..], &[Op::Compact, Op::Append(2), Op::Delete(3)]));
    Configuration {
        faults: form.of(1, 2),
        reaches: &[
            Reach::Committed,
            Reach::Conflicted,
            Reach::Failed,
            Reach::AllLand,
            Reach::United,
            Reach::TookAlong,
            Reach::Followed,
        ],
        ..Configuration::of("races", starts, threes(&ops))
    }
}

/// Many bad answers, deadlines that pass, fences.
fn storms(form: Form) -> Configuration {
    let deletes = [vec![Op::Append(1)], vec![Op::Delete(1)], vec![Op::Delete(2)]];
    let mut programs = vec![[vec![Op::Append(1)], vec![Op::Append(2)], vec![]]];
    programs.extend(form.of(None, Some(deletes)));
    Configuration {
        faults: form.of(5, 4),
        patience: Patience::Ends,
        reaches: &[Reach::Committed, Reach::Failed, Reach::Indeterminate, Reach::Fenced],
        ..Configuration::of("storms", &[Start::OneFile], programs)
    }
}

/// Handles that sleep, a log that is cleaned up, slow and late puts.
fn cleanup(form: Form) -> Configuration {
    let mut programs = vec![[vec![Op::Append(1)], vec![Op::Append(2), Op::Append(2)], vec![]]];
    let others = [
        [vec![Op::Delete(1)], vec![Op::Append(2), Op::Delete(2)], vec![]],
        [vec![Op::Append(1)], vec![Op::Delete(1)], vec![Op::Delete(2)]],
    ];
    programs.extend(form.of(&others[..1], &others[..]).to_vec());
    Configuration {
        faults: 1,
        patience: Patience::Ends,
        days: 1,
        checkpoints: 1,
        reaches: &[Reach::Cleaned, Reach::InHole, Reach::Verified, Reach::Indeterminate, Reach::Fenced],
        ..Configuration::of("cleanup", &[Start::OneFile], programs)
    }
}

/// Files that are uploaded, removed, left behind and vacuumed.
fn vacuum(form: Form) -> Configuration {
    let ops = [Op::Append(1), Op::Delete(1), Op::Delete(2), Op::Overwrite, Op::Move];
    Configuration {
        faults: 1,
        patience: form.of(Patience::Endless, Patience::Ends),
        days: 1,
        vacuums: 1,
        reaches: &[Reach::Vacuumed, Reach::AllLand, Reach::Conflicted],
        ..Configuration::of("vacuum", &[Start::TwoFiles], threes(form.of(&ops[..3], &ops)))
    }
}

/// Log cleanup and vacuum beside three writers.
fn care(form: Form) -> Configuration {
    let others = [[vec![Op::Delete(1)], vec![Op::Overwrite], vec![Op::Append(2)]]];
    let mut programs = vec![[vec![Op::Delete(1)], vec![Op::Move], vec![Op::Delete(2)]]];
    programs.extend(form.of(&others[..0], &others).to_vec());
    Configuration {
        faults: form.of(0, 1),
        days: 1,
        checkpoints: 1,
        vacuums: 1,
        reaches: &[Reach::Vacuumed, Reach::Cleaned, Reach::AllLand, Reach::Conflicted],
        ..Configuration::of("care", &[Start::TwoFiles], programs)
    }
}

/// Promoters that know no outcome and begin again.
fn promotion(form: Form) -> Configuration {
    let again = |to: i64| vec![Op::Promote(to), Op::PromoteAgain(to)];
    Configuration {
        faults: 2,
        patience: form.of(Patience::Endless, Patience::Ends),
        reaches: &[Reach::Committed, Reach::AlreadyApplied, Reach::Conflicted],
        ..Configuration::of("promotion", &[Start::OneFile], vec![[again(1), again(2), again(2)]])
    }
}

/// A folder: nothing lands late, and a refusal is looked into.
fn folder(form: Form) -> Configuration {
    let ops = [Op::Append(1), Op::Delete(1), Op::Compact];
    Configuration {
        faults: form.of(1, 3),
        landing: Landing::AtOnce,
        patience: form.of(Patience::Endless, Patience::Ends),
        reaches: &[Reach::Committed, Reach::Failed, Reach::AllLand],
        ..Configuration::of("folder", &[Start::TwoFiles], threes(&ops))
    }
}

/// `WriteSerializable`: blind appends are missed, and the rows are still those of some order.
fn write_serializable(form: Form) -> Configuration {
    let ops = [Op::Append(1), Op::Delete(1), Op::Delete(2), Op::Copy];
    Configuration {
        isolation: Isolation::WriteSerializable,
        faults: form.of(1, 2),
        reaches: &[Reach::Committed, Reach::Conflicted, Reach::AllLand],
        ..Configuration::of("write serializable", &[Start::OneFile], threes(&ops))
    }
}

/// All of them.
pub(super) const ALL: [fn(Form) -> Configuration; 8] =
    [races, storms, cleanup, vacuum, care, promotion, folder, write_serializable];

/// Unique states that all of them have together, at least.
const STATES: (usize, usize) = (1_000_000, 10_000_000);

#[test]
fn every_state_of_every_configuration_keeps_every_invariant() {
    let form = if process_variable("LAKEBED_SOAK").is_some() { Form::Long } else { Form::Quick };
    let states: usize = ALL.iter().map(|of| check(of(form))).sum();
    say(&format!("model: {states} unique states in {} configurations", ALL.len()));
    assert!(states >= form.of(STATES.0, STATES.1), "{states}");
}
