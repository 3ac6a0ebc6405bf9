//! Is what a transaction removes there, and what it adds not?
//!
//! The rules have seen to it before; this looks once more at the table that a transaction is about to be committed to,
//! and depends on none of them (pitfalls C10, C11). O(files that it touches), by the index of paths that following
//! built.

use super::touched::{Touch, Touched};
use super::why::Why;
use crate::action::Remove;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;

/// That every remove names exactly the live file, and no add a live one that stays.
pub(crate) fn check_live(ours: &Transaction, table: &Snapshot) -> Result<(), Why> {
    let touched = Touched::of(ours.removes(), ours.adds());
    if let Some(path) = touched.twice {
        return Err(Why::Unclear(path.to_owned()));
    }
    let files = table.files();
    let is_live =
        |remove: &Remove| files.find(&remove.path).is_some_and(|file| file.has_dv_id(remove.dv_id().as_deref()));
    for (path, touch) in touched.files {
        match touch {
            Touch::Gone(remove) | Touch::Changed(remove, _) if !is_live(remove) => {
                return Err(Why::FileGone(path.to_owned()));
            }
            // A live file may be added anew, with the vector that it has.
            Touch::Added(add) if files.find(path).is_some_and(|file| !file.has_dv_id(add.dv_id().as_deref())) => {
                return Err(Why::FileChanged(path.to_owned()));
            }
            _ => {}
        }
    }
    Ok(())
}
