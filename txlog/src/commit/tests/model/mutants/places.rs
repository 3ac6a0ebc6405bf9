//! Where do a few writers meet, so that a fault shows soon?

use super::super::check::{Configuration, Patience, Program};
use super::super::table::{Op, Start};
use crate::transaction::Isolation;

/// Where writers meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    AppendAppend,
    AppendDelete,
    CompactCompact,
    CompactDelete,
    CompactOverwrite,
    CopyDelete,
    CopyDeleteWeak,
    DeleteCompactOne,
    DeletesOfOneRow,
    DeletesOfOneFile,
    DeletesInTurn,
    DeletesAndAppend,
    MoveDelete,
    AppendsAndDelete,
    OverwriteAppend,
    OverwriteDelete,
    OverwriteOverwrite,
    Promoters,
    PromotersAgain,
    Vector,
    /// Answers are lost.
    Lost,
    /// The same, and deadlines pass.
    Patience,
    /// The log is cleaned up.
    Cleaned,
    /// The log is cleaned up, answers are lost, and deadlines pass.
    CleanedLost,
    /// The log is cleaned up, answers are lost, and a third one reads and writes.
    CleanedRead,
    /// Nothing is old enough to be cleaned up.
    CleanedAtOnce,
    /// Files are vacuumed.
    Vacuumed,
    /// The same, at once.
    VacuumedAtOnce,
    /// The same, and an answer is lost.
    VacuumedLost,
}

fn program(first: &[Op], second: &[Op], third: &[Op]) -> Vec<Program> {
    vec![[first.to_vec(), second.to_vec(), third.to_vec()]]
}

impl Place {
    const D1: &'static [Op] = &[Op::Delete(1)];
    const D2: &'static [Op] = &[Op::Delete(2)];
    const A1: &'static [Op] = &[Op::Append(1)];
    const A2: &'static [Op] = &[Op::Append(2)];

    fn start(self) -> Start {
        match self {
            Place::CompactCompact
            | Place::CompactDelete
            | Place::CompactOverwrite
            | Place::MoveDelete
            | Place::Vacuumed => Start::TwoFiles,
            Place::Vector => Start::Deleted,
            _ => Start::OneFile,
        }
    }

    fn programs(self) -> Vec<Program> {
        const NONE: &[Op] = &[];
        match self {
            Place::AppendAppend => program(Place::A1, Place::A2, NONE),
            Place::AppendDelete => program(Place::A1, Place::D1, NONE),
            Place::CompactCompact => program(&[Op::Compact], &[Op::Compact], NONE),
            Place::CompactDelete => program(&[Op::Compact], Place::D1, NONE),
            Place::CompactOverwrite => program(&[Op::Compact], &[Op::Overwrite], NONE),
            Place::CopyDelete | Place::CopyDeleteWeak => program(&[Op::Copy], Place::D1, NONE),
            Place::DeleteCompactOne => program(&[Op::Delete(1), Op::Compact], NONE, NONE),
            Place::DeletesOfOneRow => program(Place::D1, Place::D1, NONE),
            Place::DeletesOfOneFile => program(Place::D1, Place::D2, NONE),
            Place::DeletesInTurn => program(&[Op::Delete(1), Op::Delete(2)], NONE, NONE),
            Place::DeletesAndAppend => program(Place::D1, Place::D2, Place::A2),
            Place::MoveDelete => program(&[Op::Move], Place::D1, NONE),
            Place::AppendsAndDelete => program(Place::A1, Place::A2, Place::D1),
            Place::OverwriteAppend => program(&[Op::Overwrite], Place::A1, NONE),
            Place::OverwriteDelete => program(&[Op::Overwrite], Place::D1, NONE),
            Place::OverwriteOverwrite => program(&[Op::Overwrite], &[Op::Overwrite], NONE),
            Place::Promoters => program(&[Op::Promote(1)], &[Op::Promote(2)], NONE),
            Place::PromotersAgain => program(&[Op::Promote(1), Op::PromoteAgain(1)], NONE, NONE),
            Place::Vector => program(Place::D2, &[Op::Compact], NONE),
            Place::Lost | Place::Patience => program(Place::A1, Place::A2, NONE),
            Place::Cleaned | Place::CleanedLost | Place::CleanedAtOnce => {
                program(Place::A1, &[Op::Append(2), Op::Append(2)], NONE)
            }
            Place::CleanedRead => program(Place::A1, Place::D1, Place::A2),
            Place::Vacuumed => program(Place::D1, &[Op::Overwrite], NONE),
            Place::VacuumedAtOnce | Place::VacuumedLost => program(Place::A1, NONE, NONE),
        }
    }

    pub(super) fn configuration(self) -> Configuration {
        let mut with = Configuration::of("a place", &[self.start()], self.programs());
        match self {
            Place::CopyDeleteWeak => with.isolation = Isolation::WriteSerializable,
            Place::Lost => with.faults = 2,
            Place::Patience => (with.faults, with.patience) = (2, Patience::Ends),
            Place::Cleaned => (with.days, with.checkpoints) = (1, 1),
            Place::CleanedLost => {
                (with.days, with.checkpoints) = (1, 1);
                (with.faults, with.patience) = (1, Patience::Ends);
            }
            Place::CleanedRead => (with.days, with.checkpoints, with.faults) = (1, 1, 1),
            Place::CleanedAtOnce => with.checkpoints = 1,
            Place::Vacuumed => (with.days, with.vacuums) = (1, 1),
            Place::VacuumedAtOnce => with.vacuums = 1,
            Place::VacuumedLost => (with.vacuums, with.faults, with.patience) = (1, 2, Patience::Ends),
            _ => {}
        }
        with
    }
}
