//! Is each rule needed, and does the enumeration find its absence?
//!
//! Every mutant is the production function with one fault around it: in what it is told of ours, of the winner, or in
//! what becomes of its answer.

use super::maximal::{Invariant, Judge, broken_by};
use super::*;
use crate::conflict::Unite;
use crate::figures::say;

/// Accepts what is refused for this.
fn pardon(ours: &Transaction, winner: &Winner<'_>, label: &str) -> Verdict {
    match resolve(ours, winner) {
        Verdict::Reject(why) if why.label() == label => Verdict::Accept(Rebase::default()),
        verdict => verdict,
    }
}

fn accepted(ours: &Transaction, winner: &Winner<'_>, change: impl FnOnce(&mut Rebase)) -> Verdict {
    match resolve(ours, winner) {
        Verdict::Accept(mut rebase) => {
            change(&mut rebase);
            Verdict::Accept(rebase)
        }
        verdict => verdict,
    }
}

/// Resolves as if ours had read something else.
fn having_read(ours: &Transaction, winner: &Winner<'_>, reads: Reads) -> Verdict {
    let mut ours = ours.clone();
    ours.reads = Some(reads);
    resolve(&ours, winner)
}

/// Resolves as if the winner were another.
fn after(ours: &Transaction, winner: &Winner<'_>, change: impl FnOnce(&mut Commit)) -> Verdict {
    let mut commit = winner.commit.clone();
    change(&mut commit);
    resolve(ours, &Winner { commit: &commit, ..*winner })
}

/// The vectors' contents, by a change of the descriptor that names them.
fn own_vector(ours: &Transaction, path: &str) -> DeletionVector {
    let add = ours.adds().find(|add| add.path == path).unwrap();
    ours.vectors.find(add.deletion_vector.as_ref().unwrap()).unwrap().into_owned()
}

/// A fault, the rules with it, and an invariant that finds it.
const MUTANTS: &[(&str, Judge, Invariant)] = &[
    ("two may remove one file", |ours, winner| pardon(ours, winner, "file gone"), Invariant::Live),
    (
        "rows that moved are taken to be where they were",
        |ours, winner| pardon(ours, winner, "file moved"),
        Invariant::Serial,
    ),
    ("a file that changed is taken as it was", |ours, winner| pardon(ours, winner, "file changed"), Invariant::Serial),
    ("rows that both delete are deleted twice", |ours, winner| pardon(ours, winner, "rows gone"), Invariant::Live),
    ("phantoms are overlooked", |ours, winner| pardon(ours, winner, "may match"), Invariant::Serial),
    (
        "a file that was looked into holds no match, whatever is in it",
        |ours, winner| {
            let mut known = winner.known.clone();
            known.without_match.extend(winner.commit.adds.iter().map(|add| add.path.clone()));
            resolve(ours, &Winner { known: &known, ..*winner })
        },
        Invariant::Serial,
    ),
    (
        "removals that rearrange don't count (C6)",
        |ours, winner| after(ours, winner, |commit| commit.removes.retain(|remove| remove.data_change)),
        Invariant::Serial,
    ),
    (
        "an overwrite has read nothing (C7)",
        |ours, winner| match ours.kind {
            Kind::Overwrite => having_read(ours, winner, Reads::nothing()),
            _ => resolve(ours, winner),
        },
        Invariant::Serial,
    ),
    (
        "conditions aren't part of what was read (C9)",
        |ours, winner| {
            let mut reads = Reads::nothing();
            for path in ["f1", "f2"] {
                if let Some(rows) = ours.reads.as_ref().and_then(|reads| reads.rows_of(path)) {
                    reads.depend_on(path, rows.clone());
                }
            }
            if ours.reads.is_some() { having_read(ours, winner, reads) } else { resolve(ours, winner) }
        },
        Invariant::Serial,
    ),
    (
        "an added file is judged by the flag of a blind append",
        |ours, winner| {
            let mut ours = ours.clone();
            ours.isolation = match ours.isolation {
                Isolation::Serializable => Isolation::WriteSerializable,
                isolation => isolation,
            };
            resolve(&ours, winner)
        },
        Invariant::Serial,
    ),
    (
        "the winner's vector is replaced by ours",
        |ours, winner| {
            accepted(ours, winner, |rebase| {
                let touched = |unite: &&mut Unite| ours.adds().any(|add| add.path == unite.live.path);
                let both = rebase.unite.iter_mut().filter(touched);
                both.for_each(|unite| unite.vector = own_vector(ours, &unite.live.path));
            })
        },
        Invariant::Serial,
    ),
    (
        "our vector is replaced by the winner's",
        |ours, winner| {
            accepted(ours, winner, |rebase| {
                for unite in &mut rebase.unite {
                    let found = crate::dv::DecodedVectors::default();
                    if let Some(winners) = &unite.live.deletion_vector {
                        unite.vector = found.find(winners).unwrap().into_owned();
                    }
                }
            })
        },
        Invariant::Serial,
    ),
    (
        "a rebase is decided and not carried out",
        |ours, winner| accepted(ours, winner, |rebase| *rebase = Rebase::default()),
        Invariant::Live,
    ),
    (
        "outputs of a compaction outlive an overwrite",
        |ours, winner| accepted(ours, winner, |rebase| rebase.instead.clear()),
        Invariant::Serial,
    ),
    (
        "what is gone is removed again, and not what stands in its place",
        |ours, winner| accepted(ours, winner, |rebase| rebase.gone.clear()),
        Invariant::Serial,
    ),
    (
        "rows that moved are looked for from the other end",
        |ours, winner| {
            accepted(ours, winner, |rebase| {
                if rebase.reads.is_some() {
                    for unite in &mut rebase.unite {
                        unite.vector = unite.vector.iter().map(|row| unite.num_records - 1 - row).collect();
                    }
                }
            })
        },
        Invariant::Serial,
    ),
    (
        "rows that moved aren't deleted where they are",
        |ours, winner| {
            accepted(ours, winner, |rebase| {
                if rebase.reads.is_some() {
                    rebase.unite.clear();
                }
            })
        },
        Invariant::Serial,
    ),
    (
        "what was deleted meanwhile comes back with a compaction",
        |ours, winner| accepted(ours, winner, |rebase| rebase.carry.clear()),
        Invariant::Serial,
    ),
    (
        "a compaction replaces files as it read them",
        |ours, winner| accepted(ours, winner, |rebase| rebase.live.clear()),
        Invariant::Serial,
    ),
    (
        "rows that were only read don't count",
        |ours, winner| {
            let mut reads = Reads::nothing();
            if let Some(said) = &ours.reads {
                for predicate in said.predicates() {
                    reads = reads.matching(predicate.clone());
                }
                for path in ["f1", "f2"].into_iter().filter(|path| ours.removes().any(|remove| remove.path == **path)) {
                    said.rows_of(path).into_iter().for_each(|rows| reads.depend_on(path, rows.clone()));
                }
                return having_read(ours, winner, reads);
            }
            resolve(ours, winner)
        },
        Invariant::Serial,
    ),
    (
        "what isn't said wasn't read",
        |ours, winner| match &ours.reads {
            None => resolve(ours, winner),
            Some(_) => having_read(ours, winner, Reads::nothing()),
        },
        Invariant::Serial,
    ),
];

#[test]
fn every_fault_of_the_rules_is_found_by_the_invariant_named() {
    let mut alive = Vec::new();
    for (fault, judge, invariant) in MUTANTS {
        let broken = broken_by(*judge, *invariant);
        say(&format!("mutant: {fault} | {invariant:?} | {broken:?}"));
        if !broken.contains_key(invariant) {
            alive.push((fault, broken));
        }
    }
    say(&format!("{} mutants of the conflict rules", MUTANTS.len()));
    assert!(alive.is_empty(), "{alive:#?}");
}
