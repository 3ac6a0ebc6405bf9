//! Which columns of a row group are worth reading?
//!
//! A checkpoint has dozens of columns, most of them null in most rows. A column whose footer says that it holds nothing
//! but nulls isn't read, and an action that has no row in a row group costs nothing there.

use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::read::Wanted;
use super::schema::{FILE_ACTIONS, OTHER_ACTIONS, SIDECARS, TABLE_ACTIONS};

/// Columns of one row group, by their place in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaves {
    /// Of `add` and `remove`, without lists and maps, and without statistics.
    pub(super) flat: Vec<usize>,
    /// Lists and maps of `add` and `remove`.
    pub(super) nested: Vec<usize>,
    /// `add.stats`.
    pub(super) texts: Option<usize>,
    /// `add.stats_parsed`.
    pub(super) parsed: Vec<usize>,
    /// Of the other actions: fields of each that every such action has. A row with some of them is one, whole or not.
    pub(super) keys: Vec<usize>,
    /// Every column of the other actions.
    pub(super) others: Vec<usize>,
}

impl Leaves {
    pub(super) fn of(group: &RowGroupMetaData, wanted: Wanted) -> Leaves {
        let mut leaves = Leaves::default();
        let present = |action: &str, field: &str| holds_some(group, &[action, field]);
        if wanted == Wanted::All {
            // One with a size and no path has to be found, to be refused.
            let is_there = |action: &&str| present(action, "path") || present(action, "size");
            for action in FILE_ACTIONS.into_iter().filter(is_there) {
                leaves.add_file_action(group, action);
            }
        }
        for (action, fields) in TABLE_ACTIONS.iter().chain((wanted == Wanted::All).then_some(&SIDECARS)) {
            if !OTHER_ACTIONS.contains(action) || !fields.iter().any(|field| present(action, field)) {
                continue;
            }
            for (at, column) in group.columns().iter().enumerate() {
                let path = column.column_path().parts();
                if path.first().is_some_and(|root| root == action) {
                    leaves.others.push(at);
                    if path.len() == 2 && fields.contains(&path[1].as_str()) {
                        leaves.keys.push(at);
                    }
                }
            }
        }
        leaves
    }

    fn add_file_action(&mut self, group: &RowGroupMetaData, action: &str) {
        for (at, column) in group.columns().iter().enumerate() {
            let path = column.column_path().parts();
            let Some((root, rest)) = path.split_first() else { continue };
            let field = rest.first().map_or("", String::as_str);
            if root != action || !is_wanted(action, field) {
                continue;
            }
            let nested = column.column_descr().max_rep_level() > 0;
            let empty = match (action, field) {
                // Every `add` has partition values: none known and none there are the same.
                ("add", "partitionValues") => is_field_empty(group, &path[..2]),
                _ if nested => is_field_null(group, &path[..2]),
                _ => is_empty(column),
            };
            if empty {
                continue;
            }
            match field {
                "stats" => self.texts = Some(at),
                "stats_parsed" => self.parsed.push(at),
                _ if nested => self.nested.push(at),
                _ => self.flat.push(at),
            }
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        let lists = [&self.flat, &self.nested, &self.parsed, &self.others];
        lists.into_iter().flatten().copied().chain(self.texts)
    }
}

fn is_wanted(action: &str, field: &str) -> bool {
    match action {
        "add" => !matches!(field, "partitionValues_parsed" | "dataChange"),
        _ => !matches!(field, "stats" | "stats_parsed" | "tags" | "partitionValues_parsed" | "extendedFileMetadata"),
    }
}

/// Whether the column at `path` isn't null throughout, as far as can be told; a column that isn't there is.
fn holds_some(group: &RowGroupMetaData, path: &[&str]) -> bool {
    let is_it = |column: &&ColumnChunkMetaData| column.column_path().parts() == path;
    group.columns().iter().find(is_it).is_some_and(|column| !is_empty(column))
}

/// Whether the list or map at `path` is null throughout, not only empty, as far as can be told.
fn is_field_null(group: &RowGroupMetaData, path: &[String]) -> bool {
    let mut columns = group.columns().iter().filter(|column| column.column_path().parts().starts_with(path));
    // Levels: the action is null, the field is, it is there.
    let is_null = |column: &ColumnChunkMetaData| {
        let levels = column.definition_level_histogram();
        levels.is_some_and(|levels| levels.values().iter().skip(path.len()).all(|rows| *rows == 0))
    };
    columns.all(is_null)
}

/// Whether every column of the field at `path` is null throughout: of a map, whether there is none with an entry. A map
/// whose values are all NULL has keys, and is read whole.
fn is_field_empty(group: &RowGroupMetaData, path: &[String]) -> bool {
    group.columns().iter().filter(|column| column.column_path().parts().starts_with(path)).all(is_empty)
}

fn is_empty(column: &ColumnChunkMetaData) -> bool {
    let nulls = column.statistics().and_then(|statistics| statistics.null_count_opt());
    nulls.is_some_and(|nulls| u64::try_from(column.num_values()) == Ok(nulls))
}
