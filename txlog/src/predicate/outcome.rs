//! What a predicate can come to over the rows of each file.
//!
//! A row's outcome is true, false or NULL. For every file there stand three bits: whether *some* row of it may have that
//! outcome. A bit that is unset is certain, a bit that is set is not. So every rule below only has to err on the side of
//! setting bits, and NOT needs no rules of its own:
//!
//! | | true | false | NULL |
//! |---|---|---|---|
//! | `NOT a` | a false | a true | a NULL |
//! | `a AND b` | both true | either false | one NULL and the other NULL or true |
//! | `a OR b` | either true | both false | one NULL and the other NULL or false |

use arrow::buffer::BooleanBuffer;

/// Per file, the outcomes that its rows may have. A file without rows has none.
#[derive(Clone, Debug)]
pub(super) struct Outcomes {
    pub(super) may_be_true: BooleanBuffer,
    pub(super) may_be_false: BooleanBuffer,
    pub(super) may_be_null: BooleanBuffer,
}

impl Outcomes {
    /// The same outcome for every row of the files in `rows`.
    pub(super) fn constant(outcome: Option<bool>, rows: &BooleanBuffer) -> Outcomes {
        let never = || BooleanBuffer::new_unset(rows.len());
        let when = |this: bool| if this { rows.clone() } else { never() };
        Outcomes {
            may_be_true: when(outcome == Some(true)),
            may_be_false: when(outcome == Some(false)),
            may_be_null: when(outcome.is_none()),
        }
    }

    /// Any outcome for the rows of the files in `rows`.
    pub(super) fn unknown(rows: &BooleanBuffer) -> Outcomes {
        Outcomes { may_be_true: rows.clone(), may_be_false: rows.clone(), may_be_null: rows.clone() }
    }

    pub(super) fn not(self) -> Outcomes {
        Outcomes { may_be_true: self.may_be_false, may_be_false: self.may_be_true, may_be_null: self.may_be_null }
    }

    pub(super) fn and(self, other: &Outcomes) -> Outcomes {
        let one_null = &self.may_be_null & &(&other.may_be_null | &other.may_be_true);
        let other_null = &other.may_be_null & &self.may_be_true;
        Outcomes {
            may_be_true: &self.may_be_true & &other.may_be_true,
            may_be_false: &self.may_be_false | &other.may_be_false,
            may_be_null: &one_null | &other_null,
        }
    }

    pub(super) fn or(self, other: &Outcomes) -> Outcomes {
        self.not().and(&other.clone().not()).not()
    }

    /// NULL counted as false, as `<=>` does.
    pub(super) fn null_is_false(self) -> Outcomes {
        Outcomes {
            may_be_false: &self.may_be_false | &self.may_be_null,
            may_be_null: BooleanBuffer::new_unset(self.may_be_null.len()),
            may_be_true: self.may_be_true,
        }
    }

    /// False counted as NULL, as a list that holds a NULL does.
    pub(super) fn false_is_null(self) -> Outcomes {
        Outcomes {
            may_be_null: &self.may_be_false | &self.may_be_null,
            may_be_false: BooleanBuffer::new_unset(self.may_be_false.len()),
            may_be_true: self.may_be_true,
        }
    }
}
