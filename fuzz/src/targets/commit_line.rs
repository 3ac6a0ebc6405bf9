//! Does a commit that was parsed print to one that says the same?

use lakebed_txlog::action::{Action, parse_lines, to_lines};
use lakebed_txlog::replay::Commit;
use lakebed_txlog::version::Version;
use serde_json::Value;

use super::{Memory, Target};

/// The bytes of a commit.
pub const TARGET: Target = Target { name: "commit_line", run, memory: Memory { base: 1 << 20, per_byte: 1 << 10 } };

fn run(input: &[u8]) {
    let Ok(actions) = parse_lines(input) else { return };
    let printed = to_lines(&actions).expect("what was parsed prints");
    assert_eq!(printed.iter().filter(|byte| **byte == b'\n').count(), actions.len(), "a line each");
    let again = parse_lines(&printed).expect("what was printed parses");
    let (first, again) = (without_fractions(actions.clone()), without_fractions(again));
    let lines = |actions: &[Action]| to_lines(actions).expect("what was parsed prints");
    assert_eq!(lines(&again), lines(&first));
    assert_eq!(again, first);
    let Ok(commit) = Commit::parse(Version(7), input, None) else { return };
    assert_eq!(commit.size_in_bytes, input.len() as u64);
    let infos = actions.iter().filter(|action| matches!(action, Action::CommitInfo(_))).count();
    let kept = commit.adds.len() + commit.removes.len() + commit.cdc.len() + commit.txns.len() + commit.domains.len();
    let once = usize::from(commit.metadata.is_some()) + usize::from(commit.protocol.is_some());
    assert_eq!(kept + once + infos, actions.len(), "no action is lost or doubled");
}

/// Nothing depends on the fractions among what `commitInfo` says of parameters and metrics: they are read to a double nearby,
/// which may be another one when it is printed and read again. All else has to stay.
fn without_fractions(mut actions: Vec<Action>) -> Vec<Action> {
    for action in &mut actions {
        if let Action::CommitInfo(info) = action {
            let said = [&mut info.operation_parameters, &mut info.operation_metrics];
            said.into_iter().flatten().flat_map(|said| said.values_mut()).for_each(forget_fractions);
        }
    }
    actions
}

fn forget_fractions(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => *value = Value::Null,
        Value::Array(values) => values.iter_mut().for_each(forget_fractions),
        Value::Object(fields) => fields.values_mut().for_each(forget_fractions),
        _ => {}
    }
}
