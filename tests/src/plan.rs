//! What does a writer do next, and what is in the table then? A plan that writer and checker know, so that a writer
//! that was killed need not say what it was doing.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

/// The ids of one writer lie within so many of its first.
pub const IDS_PER_WRITER: i64 = 1_000_000;
const IDS_PER_STEP: i64 = 10;
const ROWS_PER_APPEND: i64 = 3;

/// What a writer does, commit after commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It appends three rows.
    Appends,
    /// It appends three rows three times, then deletes one of them.
    Deletes,
}

/// One commit of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Rows of these ids.
    Append(Vec<i64>),
    /// The row of this id.
    Delete(i64),
}

impl Plan {
    /// The commit number `step`, from 0, of the writer whose ids begin at `first`.
    #[must_use]
    pub fn step(self, first: i64, step: u32) -> Step {
        let begin = |step: u32| first + i64::from(step) * IDS_PER_STEP;
        match self {
            Plan::Deletes if step % 4 == 3 => Step::Delete(begin(step - 2)),
            _ => Step::Append((begin(step)..begin(step) + ROWS_PER_APPEND).collect()),
        }
    }

    /// The ids in the table after `steps` commits.
    #[must_use]
    pub fn ids_after(self, first: i64, steps: u32) -> BTreeSet<i64> {
        let mut ids = BTreeSet::new();
        for step in 0..steps {
            match self.step(first, step) {
                Step::Append(appended) => ids.extend(appended),
                Step::Delete(id) => {
                    ids.remove(&id);
                }
            }
        }
        ids
    }

    /// Its name on a command line, which parses to it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Plan::Appends => "appends",
            Plan::Deletes => "deletes",
        }
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(name: &str) -> Result<Plan, String> {
        let plans = [Plan::Appends, Plan::Deletes];
        plans.into_iter().find(|plan| plan.name() == name).ok_or_else(|| format!("no plan is named {name:?}"))
    }
}

/// The columns of a plan's table.
#[must_use]
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("note", DataType::Utf8, true)]))
}

/// Rows of these ids.
///
/// # Errors
/// None that isn't a bug.
pub fn rows(ids: &[i64]) -> Result<RecordBatch, arrow::error::ArrowError> {
    let notes = StringArray::from_iter_values(ids.iter().map(|id| format!("row {id}")));
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(ids.iter().copied())), Arc::new(notes)];
    RecordBatch::try_new(schema(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_with_deletes_deletes_what_it_appended_two_commits_before() {
        let steps: Vec<Step> = (0..4).map(|step| Plan::Deletes.step(100, step)).collect();
        let append = |ids: [i64; 3]| Step::Append(ids.to_vec());
        let expected = [append([100, 101, 102]), append([110, 111, 112]), append([120, 121, 122]), Step::Delete(110)];
        assert_eq!(steps, expected);
        assert_eq!(Plan::Deletes.ids_after(100, 4).len(), 8);
        assert_eq!("deletes".parse(), Ok(Plan::Deletes));
    }
}
