//! Where did a rearrangement put the rows?
//!
//! Who puts the live rows of files into others, in their order, says so in the commit: which files in which order, with the
//! vector that each had when it was read, and how many rows each file made of them has. So the place of a row in the new
//! files follows from its place in the old one, and a delete of that row can follow the rearrangement, or be taken along by
//! it. It stands in `commitInfo`, under [`MOVES_TAG`]: with the files themselves every checkpoint and every snapshot would
//! carry it for as long as they live, and nobody needs it who has seen the commit.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::DeletionVectorDescriptor;
use crate::dv::DeletionVector;
use crate::limits::MAX_MOVED_ROWS;

/// The key of `commitInfo.tags` under which a commit says where it put rows: a JSON list of [`Moves`].
pub const MOVES_TAG: &str = "lakebed.moves";

/// Files whose live rows, one file after the other and each in its order, are the rows of others, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moves {
    /// The files that the rows were in.
    pub from: Vec<MovedFrom>,
    /// The files that they are in.
    pub to: Vec<MovedTo>,
}

/// A file whose rows were put into others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MovedFrom {
    /// Its path, as in the log.
    pub path: String,
    /// Its physical rows, deleted ones included.
    pub num_records: u64,
    /// The vector that it had when it was read. The commit may remove it with a larger one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_vector: Option<DeletionVectorDescriptor>,
}

/// A file made of the rows of others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MovedTo {
    /// Its path, as in the log.
    pub path: String,
    /// Its physical rows.
    pub num_records: u64,
}

/// As it stands in a commit; `None` for none.
pub(crate) fn to_tag(moves: &[Moves]) -> Option<String> {
    if moves.is_empty() { None } else { serde_json::to_string(moves).ok() }
}

/// What a commit says of it; `None` where it isn't understood.
pub(crate) fn of_tag(text: &str) -> Option<Vec<Moves>> {
    serde_json::from_str(text).ok()
}

/// Positions of rows by the path of the file that they are in.
pub(crate) type Positions = BTreeMap<String, DeletionVector>;

/// Where each row of each file went.
#[derive(Debug)]
pub(crate) struct Places {
    from: HashMap<String, Place>,
    to: HashMap<String, u64>,
}

#[derive(Debug)]
struct Place {
    source: MovedFrom,
    /// Where its first live row stands among those of its group.
    start: u64,
    to: Arc<[MovedTo]>,
}

impl Places {
    /// `None` where the numbers don't add up, are more than [`MAX_MOVED_ROWS`], or a file is named twice.
    pub(crate) fn of(moves: Vec<Moves>) -> Option<Places> {
        let mut places = Places { from: HashMap::new(), to: HashMap::new() };
        for Moves { from, to } in moves {
            let (mut rows, mut given) = (0_u64, 0_u64);
            let made = to.iter().try_fold(0_u64, |sum, to| sum.checked_add(to.num_records))?;
            let to: Arc<[MovedTo]> = to.into();
            for source in from {
                let start = rows;
                rows = rows.checked_add(source.num_live()?)?;
                given = given.checked_add(source.num_records)?;
                let path = source.path.clone();
                if places.from.insert(path, Place { source, start, to: Arc::clone(&to) }).is_some() {
                    return None;
                }
            }
            if rows != made || given > MAX_MOVED_ROWS {
                return None;
            }
            for to in to.iter() {
                if places.to.insert(to.path.clone(), to.num_records).is_some() {
                    return None;
                }
            }
        }
        Some(places)
    }

    /// A file whose rows were put into others.
    pub(crate) fn source(&self, path: &str) -> Option<&MovedFrom> {
        self.from.get(path).map(|place| &place.source)
    }

    /// How many physical rows each file made has.
    pub(crate) fn made(&self) -> impl Iterator<Item = (&str, u64)> {
        self.to.iter().map(|(path, rows)| (path.as_str(), *rows))
    }

    /// Where rows of a file are. `dropped` is what its vector held when it was read: rows that went nowhere. `None` where
    /// one of `rows` is among them or isn't in the file, or the vector is another. O(rows + dropped).
    pub(crate) fn find(&self, path: &str, rows: &DeletionVector, dropped: &DeletionVector) -> Option<Positions> {
        let Place { source, start, to } = self.from.get(path)?;
        let fits = |vector: &DeletionVector| vector.last().is_none_or(|last| last < source.num_records);
        let told = source.num_records - source.num_live()?;
        if !fits(rows) || !fits(dropped) || rows.intersects(dropped) || dropped.cardinality() != told {
            return None;
        }
        let mut found = Positions::new();
        let mut files = to.iter();
        let mut file: Option<&MovedTo> = None;
        let (mut begins, mut ends) = (0, 0);
        let mut positions = DeletionVector::new();
        let mut dropped = dropped.iter().peekable();
        let mut before = 0;
        for row in rows.iter() {
            while dropped.next_if(|gone| *gone < row).is_some() {
                before += 1;
            }
            let at = start + (row - before);
            while at >= ends {
                keep(&mut found, file, std::mem::take(&mut positions));
                let next = files.next()?;
                (begins, ends, file) = (ends, ends + next.num_records, Some(next));
            }
            positions.insert(at - begins);
        }
        keep(&mut found, file, positions);
        Some(found)
    }
}

fn keep(found: &mut Positions, file: Option<&MovedTo>, positions: DeletionVector) {
    if let Some(file) = file.filter(|_| !positions.is_empty()) {
        found.insert(file.path.clone(), positions);
    }
}

impl MovedFrom {
    fn num_live(&self) -> Option<u64> {
        let deleted = self.deletion_vector.as_ref().map_or(Ok(0), |vector| u64::try_from(vector.cardinality));
        self.num_records.checked_sub(deleted.ok()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dv::inline;

    fn vector(rows: &[u64]) -> DeletionVector {
        rows.iter().copied().collect()
    }

    fn from(path: &str, num_records: u64, dropped: &[u64]) -> MovedFrom {
        let deletion_vector = (!dropped.is_empty()).then(|| inline(&vector(dropped)).unwrap());
        MovedFrom { path: path.into(), num_records, deletion_vector }
    }

    fn to(path: &str, num_records: u64) -> MovedTo {
        MovedTo { path: path.into(), num_records }
    }

    fn found(places: &Places, path: &str, rows: &[u64], dropped: &[u64]) -> Option<Vec<(String, Vec<u64>)>> {
        let found = places.find(path, &vector(rows), &vector(dropped))?;
        Some(found.into_iter().map(|(path, rows)| (path, rows.iter().collect())).collect())
    }

    /// `a` 0 1 2 3 without 1, `b` 0 1 2 without 0: 0 2 3 | 1 2 in files of 2 and 3 rows.
    fn places() -> Places {
        let moves = Moves { from: vec![from("a", 4, &[1]), from("b", 3, &[0])], to: vec![to("x", 2), to("y", 3)] };
        Places::of(vec![moves]).unwrap()
    }

    #[test]
    fn rows_are_found_by_hand() {
        let places = places();
        let at = |path: &str, rows: &[u64]| (path.to_owned(), rows.to_vec());
        assert_eq!(found(&places, "a", &[0, 2, 3], &[1]), Some(vec![at("x", &[0, 1]), at("y", &[0])]));
        assert_eq!(found(&places, "a", &[3], &[1]), Some(vec![at("y", &[0])]));
        assert_eq!(found(&places, "b", &[1, 2], &[0]), Some(vec![at("y", &[1, 2])]));
        assert_eq!(found(&places, "b", &[], &[0]), Some(vec![]));
    }

    #[test]
    fn what_went_nowhere_is_not_found() {
        let places = places();
        assert_eq!(found(&places, "a", &[1], &[1]), None);
        assert_eq!(found(&places, "a", &[4], &[1]), None);
        assert_eq!(found(&places, "c", &[0], &[]), None);
        // Another vector than the one that it was read with.
        assert_eq!(found(&places, "a", &[0], &[]), None);
        assert_eq!(found(&places, "a", &[0], &[1, 2]), None);
    }

    #[test]
    fn numbers_that_do_not_add_up_are_no_map() {
        let of = |from, to| Places::of(vec![Moves { from, to }]).is_some();
        assert!(of(vec![from("a", 4, &[1])], vec![to("x", 3)]));
        assert!(!of(vec![from("a", 4, &[1])], vec![to("x", 4)]));
        assert!(!of(vec![from("a", 1, &[0, 1])], vec![]));
        assert!(!of(vec![from("a", u64::MAX, &[]), from("b", 2, &[])], vec![to("x", 1)]));
        assert!(!of(vec![from("a", 1, &[]), from("a", 1, &[])], vec![to("x", 2)]));
        assert!(!of(vec![from("a", 2, &[])], vec![to("x", 1), to("x", 1)]));
    }

    #[test]
    fn a_tag_reads_as_it_was_written_and_anything_else_as_none() {
        let moves = vec![Moves { from: vec![from("a", 4, &[1]), from("b", 3, &[])], to: vec![to("x", 6)] }];
        let text = to_tag(&moves).unwrap();
        assert!(
            text.starts_with(r#"[{"from":[{"path":"a","numRecords":4,"deletionVector":{"storageType":"i","#),
            "{text}"
        );
        assert!(text.ends_with(r#"{"path":"b","numRecords":3}],"to":[{"path":"x","numRecords":6}]}]"#), "{text}");
        assert_eq!(of_tag(&text), Some(moves));
        assert_eq!(to_tag(&[]), None);
        for other in ["", "{}", "[1]", r#"[{"from":[]}]"#, r#"[{"from":[{"path":"a","numRecords":-1}],"to":[]}]"#] {
            assert_eq!(of_tag(other), None, "{other}");
        }
    }

    proptest! {
        /// Against lists of rows, put one behind the other and cut.
        #[test]
        fn it_is_the_place_in_a_list(
            files in prop::collection::vec((1..12_u64, prop::collection::btree_set(0..12_u64, 0..6)), 1..5),
            cuts in prop::collection::vec(0..9_usize, 0..4),
            of in 0..5_usize,
            asked in prop::collection::btree_set(0..12_u64, 0..12),
        ) {
            let files: Vec<(u64, Vec<u64>)> = files
                .into_iter()
                .map(|(rows, dropped)| (rows, dropped.into_iter().filter(|row| *row < rows).collect()))
                .collect();
            let live = |at: usize| -> Vec<u64> { (0..files[at].0).filter(|row| !files[at].1.contains(row)).collect() };
            let mut list: Vec<(usize, u64)> =
                (0..files.len()).flat_map(|at| live(at).into_iter().map(move |row| (at, row))).collect();
            let mut made: Vec<Vec<(usize, u64)>> = Vec::new();
            for cut in cuts {
                let rest = list.split_off(cut.min(list.len()));
                made.push(std::mem::replace(&mut list, rest));
            }
            made.push(list);
            let moves = Moves {
                from: files.iter().enumerate().map(|(at, (rows, gone))| from(&format!("f{at}"), *rows, gone)).collect(),
                to: made.iter().enumerate().map(|(at, rows)| to(&format!("t{at}"), rows.len() as u64)).collect(),
            };
            let places = Places::of(vec![moves]).unwrap();
            let of = of % files.len();
            let asked: Vec<u64> = live(of).into_iter().filter(|row| asked.contains(row)).collect();
            let mut expected = Positions::new();
            for (at, rows) in made.iter().enumerate() {
                let here = rows.iter().enumerate().filter(|(_, (file, row))| *file == of && asked.contains(row));
                let here: DeletionVector = here.map(|(position, _)| position as u64).collect();
                if !here.is_empty() {
                    expected.insert(format!("t{at}"), here);
                }
            }
            prop_assert_eq!(places.find(&format!("f{of}"), &vector(&asked), &vector(&files[of].1)), Some(expected));
        }
    }
}
