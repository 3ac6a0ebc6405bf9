//! Where the prompt's history is kept.

use std::path::PathBuf;

use lakebed_txlog::env::process_variable;

/// Most entries kept.
pub(super) const MAX_ENTRIES: usize = 10_000;

/// `$XDG_STATE_HOME/lakebed/sql_history`, by default below `~/.local/state`; the folder is made. `None` where there is no
/// place that can be written.
pub(super) fn place() -> Option<PathBuf> {
    let given = |name| process_variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = given("XDG_STATE_HOME").or_else(|| Some(given("HOME")?.join(".local/state")))?;
    let folder = state.join("lakebed");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("sql_history"))
}
