//! Faults of the rules of conflict, of rebasing, and of planning.

use super::super::broken;
use super::super::rules::Rules;
use super::Mutant;
use super::places::Place;
use crate::action::{Action, CommitInfo, Remove};
use crate::conflict::{Rebase, Verdict, Winner, check_live, resolve};
use crate::dv::DeletionVector;
use crate::replay::Commit;
use crate::transaction::{Isolation, Kind, Reads, RowsRead, Transaction};

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

/// Resolves as if ours were another.
fn as_if(ours: &Transaction, winner: &Winner<'_>, change: impl FnOnce(&mut Transaction)) -> Verdict {
    let mut ours = ours.clone();
    change(&mut ours);
    resolve(&ours, winner)
}

/// Resolves as if the winner were another.
fn after(ours: &Transaction, winner: &Winner<'_>, change: impl FnOnce(&mut Commit)) -> Verdict {
    let mut commit = winner.commit.clone();
    change(&mut commit);
    resolve(ours, &Winner { commit: &commit, ..*winner })
}

/// What ours read, by conditions or by rows alone.
fn reads_without(ours: &Transaction, rows: bool) -> Option<Reads> {
    let said = ours.reads.as_ref()?;
    let mut reads = Reads::nothing();
    if rows {
        for predicate in said.predicates() {
            reads = reads.matching(predicate.clone());
        }
        return Some(reads);
    }
    for path in ["OneFile-0", "TwoFiles-0", "TwoFiles-1"] {
        said.rows_of(path).into_iter().for_each(|rows| reads.depend_on(path, rows.clone()));
    }
    Some(reads)
}

/// Nobody looks once more.
fn blindly(rules: &mut Rules) {
    rules.check_live = |_, _, _| Ok(());
}

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        fault: "two may remove one file, and nobody looks once more",
        put: |rules| {
            rules.resolve = |ours, winner| pardon(ours, winner, "file gone");
            blindly(rules);
        },
        place: Place::OverwriteOverwrite,
        found_by: broken::LIVE,
    },
    Mutant {
        fault: "two may remove one file, and what is live is looked up in the table that was read",
        put: |rules| {
            rules.resolve = |ours, winner| pardon(ours, winner, "file gone");
            rules.check_live = |ours, _, read| check_live(ours, read);
        },
        place: Place::OverwriteOverwrite,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "removals that rearrange don't count (C6)",
        put: |rules| {
            rules.resolve =
                |ours, winner| after(ours, winner, |commit| commit.removes.retain(|remove| remove.data_change));
            blindly(rules);
        },
        place: Place::CompactCompact,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "rows that moved are taken to be where they were",
        put: |rules| {
            rules.resolve = |ours, winner| pardon(ours, winner, "file moved");
            blindly(rules);
        },
        place: Place::CompactDelete,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "a file that changed is taken as it was",
        put: |rules| {
            rules.resolve = |ours, winner| pardon(ours, winner, "file changed");
            blindly(rules);
        },
        place: Place::OverwriteDelete,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "rows that both delete are deleted twice",
        put: |rules| {
            rules.resolve = |ours, winner| pardon(ours, winner, "rows gone");
            blindly(rules);
        },
        place: Place::DeletesOfOneRow,
        found_by: broken::LIVE,
    },
    Mutant {
        fault: "phantoms are overlooked",
        put: |rules| rules.resolve = |ours, winner| pardon(ours, winner, "may match"),
        place: Place::AppendDelete,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "conditions aren't part of what was read (C9)",
        put: |rules| {
            rules.resolve = |ours, winner| as_if(ours, winner, |ours| ours.reads = reads_without(ours, false));
        },
        place: Place::AppendDelete,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "rows that were only read don't count",
        put: |rules| {
            rules.resolve = |ours, winner| {
                as_if(ours, winner, |ours| {
                    if ours.kind == Kind::Append {
                        ours.reads = reads_without(ours, true);
                    }
                })
            };
        },
        place: Place::CopyDelete,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "an overwrite has read nothing (C7)",
        put: |rules| {
            rules.resolve = |ours, winner| {
                as_if(ours, winner, |ours| {
                    if ours.kind == Kind::Overwrite {
                        ours.reads = Some(Reads::nothing());
                    }
                })
            };
        },
        place: Place::OverwriteAppend,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "every transaction misses blind appends",
        put: |rules| {
            rules.resolve = |ours, winner| as_if(ours, winner, |ours| ours.isolation = Isolation::WriteSerializable);
        },
        place: Place::AppendDelete,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "an append that read says that it is blind (C8)",
        put: |rules| {
            rules.stamped = |transaction, stamp| {
                let mut actions = transaction.stamped(stamp);
                if let Some(Action::CommitInfo(info)) = actions.first_mut() {
                    *info = CommitInfo { is_blind_append: Some(true), ..info.clone() };
                }
                actions
            };
        },
        place: Place::CopyDeleteWeak,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "the winner's vector is replaced by ours",
        put: |rules| {
            rules.resolve = |ours, winner| {
                accepted(ours, winner, |rebase| {
                    for unite in &mut rebase.unite {
                        let add = ours.adds().find(|add| add.path == unite.live.path).unwrap();
                        let own = ours.vectors.find(add.deletion_vector.as_ref().unwrap()).unwrap();
                        unite.vector = own.into_owned();
                    }
                })
            };
        },
        place: Place::DeletesOfOneFile,
        found_by: broken::RESURRECTED,
    },
    Mutant {
        fault: "our vector is replaced by the winner's",
        put: |rules| {
            rules.resolve = |ours, winner| {
                accepted(ours, winner, |rebase| {
                    for unite in &mut rebase.unite {
                        let theirs = winner.known.vectors.find(unite.live.deletion_vector.as_ref().unwrap());
                        unite.vector = theirs.unwrap().into_owned();
                    }
                })
            };
        },
        place: Place::DeletesOfOneFile,
        found_by: broken::VECTORS,
    },
    Mutant {
        fault: "a rebase is decided and not carried out",
        put: |rules| {
            rules.apply = |_, ours, _| Ok(ours.clone());
            blindly(rules);
        },
        place: Place::DeletesOfOneFile,
        found_by: broken::LIVE,
    },
    Mutant {
        fault: "what was changed to follow one winner is forgotten at the next",
        put: |rules| {
            rules.carried = |first, _| first;
            blindly(rules);
        },
        place: Place::DeletesAndAppend,
        found_by: broken::LIVE,
    },
    Mutant {
        fault: "outputs of a compaction outlive an overwrite",
        put: |rules| {
            rules.resolve = |ours, winner| accepted(ours, winner, |rebase| rebase.instead.clear());
        },
        place: Place::CompactOverwrite,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "what is gone is removed again, and not what stands in its place",
        put: |rules| {
            rules.resolve = |ours, winner| accepted(ours, winner, |rebase| rebase.gone.clear());
            blindly(rules);
        },
        place: Place::CompactOverwrite,
        found_by: broken::LIVE,
    },
    Mutant {
        fault: "a compaction writes files in another order than it says",
        put: |rules| {
            rules.planned = |mut transaction| {
                transaction.moves.iter_mut().for_each(|moved| moved.from.reverse());
                transaction
            };
        },
        place: Place::MoveDelete,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "what was deleted meanwhile isn't taken along by a compaction",
        put: |rules| rules.resolve = |ours, winner| accepted(ours, winner, |rebase| rebase.carry.clear()),
        place: Place::MoveDelete,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "a delete has nothing to do in the files that its rows went to",
        put: |rules| rules.resolve = |ours, winner| accepted(ours, winner, |rebase| rebase.unite.clear()),
        place: Place::MoveDelete,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "the first winner is skipped",
        put: |rules| rules.resolves = |at, _| at > 0,
        place: Place::AppendDelete,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "only the first winner is looked at",
        put: |rules| rules.resolves = |at, _| at == 0,
        place: Place::AppendsAndDelete,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "what isn't said wasn't read",
        put: |rules| {
            rules.resolve = |ours, winner| {
                as_if(ours, winner, |ours| {
                    let mut nothing = Reads::nothing();
                    for remove in ours.removes() {
                        nothing.depend_on(remove.path.clone(), RowsRead::Only(DeletionVector::new()));
                    }
                    ours.reads = Some(nothing);
                })
            };
        },
        place: Place::AppendDelete,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "`txn` means that as much, or more, is done: what lies between isn't looked at (C18)",
        put: |rules| rules.resolve = |ours, winner| pardon(ours, winner, "txn"),
        place: Place::Promoters,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "winners' `txn` aren't looked at",
        put: |rules| rules.resolve = |ours, winner| as_if(ours, winner, |ours| ours.txns.clear()),
        place: Place::Promoters,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "where an application stands isn't looked up at the beginning",
        put: |rules| rules.check_progress = |_, _| Verdict::Accept(Rebase::default()),
        place: Place::PromotersAgain,
        found_by: broken::SERIAL,
    },
    Mutant {
        fault: "a remove leaves the vector out (C10)",
        put: |rules| {
            rules.planned = |transaction| {
                let actions = transaction.actions().iter().cloned().map(|action| match action {
                    Action::Remove(remove) => Action::Remove(Remove { deletion_vector: None, ..remove }),
                    action => action,
                });
                let actions = actions.collect();
                transaction.with_actions(actions)
            };
        },
        place: Place::Vector,
        found_by: broken::LIVE,
    },
    Mutant {
        fault: "a compaction reads what vectors delete",
        put: |rules| rules.rewritten = |_, all| all.to_vec(),
        place: Place::DeleteCompactOne,
        found_by: broken::RESURRECTED,
    },
    Mutant {
        fault: "a second delete forgets the vector of the first",
        put: |rules| rules.grown = |_, own| own.clone(),
        place: Place::DeletesInTurn,
        found_by: broken::RESURRECTED,
    },
];
