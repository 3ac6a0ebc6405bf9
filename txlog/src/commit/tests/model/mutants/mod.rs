//! Is each rule needed, and does the model find its absence?
//!
//! Every mutant is the production rules with one fault around them, run where a few writers meet until the first
//! counterexample. The same places without the fault are right.

mod conflicts;
mod machine;
mod places;
mod time;

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model};

use super::broken;
use super::check::Checked;
use super::rules::Rules;
use crate::figures::say;
use places::Place;

/// A fault, the rules with it, where it shows, and an invariant that finds it.
struct Mutant {
    fault: &'static str,
    put: fn(&mut Rules),
    place: Place,
    found_by: u16,
}

/// What is found first.
fn found(rules: Rules, place: Place) -> (Vec<&'static str>, usize) {
    let model = Checked::new(place.configuration(), rules).checker();
    let checker = model.finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let mut found: Vec<&'static str> = checker.discoveries().into_keys().collect();
    found.sort_unstable();
    (found, checker.unique_state_count())
}

#[test]
fn every_fault_is_found_by_the_invariant_named() {
    let mut alive = Vec::new();
    let mut places = BTreeSet::new();
    let mutants = [conflicts::MUTANTS, machine::MUTANTS, time::MUTANTS];
    for mutant in mutants.iter().copied().flatten() {
        let mut rules = Rules::production();
        (mutant.put)(&mut rules);
        let (found, states) = found(rules, mutant.place);
        say(&format!("mutant: {} | {} | {states} states, {found:?}", mutant.fault, broken::name(mutant.found_by)));
        if !found.contains(&broken::name(mutant.found_by)) {
            alive.push((mutant.fault, found));
        }
        places.insert(mutant.place);
    }
    say(&format!("{} mutants of the protocol", mutants.iter().map(|mutants| mutants.len()).sum::<usize>()));
    assert!(alive.is_empty(), "{alive:#?}");
    for place in places {
        let (found, states) = found(Rules::production(), place);
        say(&format!("no mutant, {place:?}: {states} states"));
        assert_eq!(found, Vec::<&str>::new(), "{place:?} without a fault");
    }
}
