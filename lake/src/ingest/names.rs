//! Column names that a table can hold, for whatever names a file has.

use std::collections::HashSet;

use super::survey::Renamed;

/// Characters that a Delta table without column mapping can't have in a column name.
const REFUSED: &[char] = &[' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '=', '\r'];

/// Names for the columns of a file, in order, and which of them differ from what the file says.
///
/// An empty name becomes `column_N` (N counted from 1); characters that a table refuses become `_`; a name that stands
/// there already, whatever its case (pitfall D8), gets `_2`, `_3`, …
pub(super) fn settle<'a>(given: impl IntoIterator<Item = &'a str>) -> (Vec<String>, Vec<Renamed>) {
    let given: Vec<&str> = given.into_iter().collect();
    let wanted: Vec<String> = given.iter().enumerate().map(|(i, name)| clean(i, name)).collect();
    // Names that a file spells out keep themselves; only what clashes with an earlier one moves.
    let spelt: HashSet<String> = wanted.iter().map(|name| name.to_lowercase()).collect();
    let mut taken: HashSet<String> = HashSet::new();
    let mut settled = Vec::with_capacity(given.len());
    let mut renamed = Vec::new();
    for (from, want) in given.iter().zip(wanted) {
        let mut name = want.clone();
        let mut number = 2_usize;
        while !taken.insert(name.to_lowercase()) {
            name = format!("{want}_{number}");
            while spelt.contains(&name.to_lowercase()) {
                number += 1;
                name = format!("{want}_{number}");
            }
            number += 1;
        }
        if name != *from {
            renamed.push(Renamed { from: (*from).to_owned(), to: name.clone() });
        }
        settled.push(name);
    }
    (settled, renamed)
}

fn clean(index: usize, name: &str) -> String {
    let trimmed = name.trim();
    if trimmed.is_empty() { format!("column_{}", index + 1) } else { trimmed.replace(REFUSED, "_") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[&str]) -> Vec<String> {
        settle(given.iter().copied()).0
    }

    #[test]
    fn good_names_stay() {
        let (names, renamed) = settle(["a", "B", "ü"]);
        assert_eq!(names, ["a", "B", "ü"]);
        assert!(renamed.is_empty());
    }

    #[test]
    fn empty_duplicate_and_refused_names_are_replaced() {
        assert_eq!(names(&["", "a", "A", "dep time", "a_2", "a"]), ["column_1", "a", "A_3", "dep_time", "a_2", "a_4"]);
    }

    #[test]
    fn renames_are_told() {
        let (_, renamed) = settle(["x", "x"]);
        assert_eq!(renamed, [Renamed { from: "x".into(), to: "x_2".into() }]);
    }
}
