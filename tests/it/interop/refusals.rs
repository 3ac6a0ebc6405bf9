//! Which engine is known to refuse which table? A committed list that can only shrink.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::machine;

/// What an engine made of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    AsExpected,
    Differs(String),
    Refused(String),
}

/// A line of `tests/interop/REFUSALS.jsonl`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusal {
    engine: String,
    /// The tests' words for their tables.
    suites: Vec<String>,
    /// Names of tables, or `*` alone for every table of the suite.
    tables: Vec<String>,
    /// Part of the engine's error. Either this or `wrong` is given.
    error: Option<String>,
    /// What is wrong in the rows that the engine returns, and why that is the engine's fault.
    wrong: Option<String>,
}

impl Refusal {
    fn covers(&self, table: &str, engine: &str) -> bool {
        self.engine == engine && self.tables.iter().any(|name| name == "*" || name == table)
    }
}

/// The committed list.
pub(super) fn committed() -> Vec<Refusal> {
    let path = machine::repository().join("tests/interop/REFUSALS.jsonl");
    parse(&std::fs::read_to_string(&path).expect("the table of refusals is readable"))
}

fn parse(text: &str) -> Vec<Refusal> {
    let line = |(number, line): (usize, &str)| {
        let refusal: Refusal =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("REFUSALS.jsonl:{}: {error}", number + 1));
        assert!(
            refusal.error.is_some() != refusal.wrong.is_some(),
            "REFUSALS.jsonl:{}: give `error` or `wrong`",
            number + 1
        );
        refusal
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(line).collect()
}

/// By (table, engine).
pub(super) type Outcomes = BTreeMap<(String, String), Outcome>;

/// How many of each, in a line for people.
pub(super) fn summary(outcomes: &Outcomes) -> String {
    let count = |wanted: fn(&Outcome) -> bool| outcomes.values().filter(|outcome| wanted(outcome)).count();
    format!(
        "{} reads as expected, {} refused, {} with other rows",
        count(|o| *o == Outcome::AsExpected),
        count(|o| matches!(o, Outcome::Refused(_))),
        count(|o| matches!(o, Outcome::Differs(_)))
    )
}

/// Everything that isn't as expected, nor as `known` says for this suite; and what `known` says in vain.
pub(super) fn judge(suite: &str, outcomes: &Outcomes, known: &[Refusal]) -> Vec<String> {
    let known: Vec<&Refusal> = known.iter().filter(|refusal| refusal.suites.iter().any(|s| s == suite)).collect();
    let mut complaints = Vec::new();
    for ((table, engine), outcome) in outcomes {
        let refusal = known.iter().find(|refusal| refusal.covers(table, engine));
        let complaint = match (outcome, refusal) {
            (Outcome::AsExpected, None) => None,
            (Outcome::AsExpected, Some(_)) => Some("reads it as expected: strike it from REFUSALS.jsonl".to_owned()),
            (Outcome::Refused(error), Some(Refusal { error: Some(part), .. })) if error.contains(part) => None,
            (Outcome::Differs(_), Some(Refusal { wrong: Some(_), .. })) => None,
            (Outcome::Refused(error), _) => Some(format!("refuses it: {error}")),
            (Outcome::Differs(how), _) => Some(format!("returns other rows: {how}")),
        };
        complaints.extend(complaint.map(|what| format!("{suite}: {engine} on {table}: {what}")));
    }
    let engines: Vec<&str> = outcomes.keys().map(|(_, engine)| engine.as_str()).collect();
    for refusal in known.iter().filter(|refusal| engines.contains(&refusal.engine.as_str())) {
        let there = |name: &&String| *name == "*" || outcomes.keys().any(|(table, _)| table == *name);
        for missing in refusal.tables.iter().filter(|name| !there(name)) {
            complaints.push(format!(
                "{suite}: {} on {missing}: no such table: strike it from REFUSALS.jsonl",
                refusal.engine
            ));
        }
    }
    complaints
}

#[test]
fn the_committed_list_is_well_formed() {
    committed();
}

#[test]
fn only_what_is_known_is_passed_over() {
    let known = parse(
        r#"{"engine": "polars", "suites": ["r", "s"], "tables": ["t"], "error": "no vectors"}
        {"engine": "daft", "suites": ["s"], "tables": ["*"], "wrong": "loses nulls"}
        {"engine": "sail", "suites": ["other"], "tables": ["t"], "error": ""}"#,
    );
    let judged = |table: &str, engine: &str, outcome: Outcome| {
        judge("s", &BTreeMap::from([((table.to_owned(), engine.to_owned()), outcome)]), &known).len()
    };
    let refused = |error: &str| Outcome::Refused(error.to_owned());
    let differs = || Outcome::Differs(String::new());
    assert_eq!(judged("t", "sail", Outcome::AsExpected), 0);
    assert_eq!(judged("t", "sail", refused("any")), 1, "known in another suite only");
    assert_eq!(judged("t", "polars", refused("has no vectors.")), 0);
    assert_eq!(judged("t", "polars", refused("crashed")), 1, "another error");
    assert_eq!(judged("t", "polars", differs()), 1, "wrong rows instead of an error");
    assert_eq!(judged("t", "polars", Outcome::AsExpected), 1, "does better than the list says");
    assert_eq!(judged("t", "daft", differs()), 0);
    assert_eq!(judged("u", "daft", refused("any")), 1, "an error instead of wrong rows");
    assert_eq!(judged("u", "polars", Outcome::AsExpected), 1, "the list names a table that isn't there");
}

#[test]
#[should_panic(expected = "REFUSALS.jsonl:1: give `error` or `wrong`")]
fn a_refusal_without_its_error_is_refused() {
    parse(r#"{"engine": "polars", "suites": ["s"], "tables": ["t"]}"#);
}
