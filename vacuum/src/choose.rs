//! Which of the files that are there may go?
//!
//! | file | goes |
//! |---|---|
//! | a. in `_delta_log` | no, except b |
//! | b. a temporary file of ours, a day old | yes: its writer is gone |
//! | c. below a folder with a `_delta_log` of its own: another table | no |
//! | d. hidden: it, or a folder above it, begins with `_` or `.`; but not change data, nor a partition's folder | no |
//! | e. needed by a retained version | no |
//! | f. younger than the retention, by the store's clock: a writer may be about to commit it (pitfall D5) | no |
//! | g. any other | yes |

use std::collections::BTreeSet;
use std::time::Duration;

use lakebed::store::durable::is_temporary;
use lakebed_txlog::TimestampMs;
use lakebed_txlog::name::LOG_FOLDER;
use lakebed_txlog::path::partition_folder;
use serde::Serialize;

use crate::needed::Needed;

/// How old a temporary file is when its writer is surely gone.
pub const TEMPORARY_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// The folder of change data, which isn't hidden whatever its name.
const CHANGE_DATA: &str = "_change_data";
/// Where Iceberg's metadata of the table is.
const ICEBERG_FOLDER: &str = "metadata";

/// An object of the table's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path, decoded and relative to the table.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// When the store says it was written.
    pub last_modified: TimestampMs,
}

/// A file that may be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Its path, decoded and relative to the table.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// When the store says it was written.
    pub last_modified: TimestampMs,
}

/// What the decision depends on beside the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Nothing that was written at this time or later goes.
    pub cutoff: TimestampMs,
    /// Nor a temporary file that was.
    pub temporary_cutoff: TimestampMs,
    /// How the folders of partition values begin, `COLUMN=`: those aren't hidden.
    partition_prefixes: Vec<String>,
    /// Whether the table is also an Iceberg table.
    is_iceberg: bool,
}

/// Files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// How many files.
    pub num_files: u64,
    /// Their bytes together.
    pub size_bytes: u64,
}

/// What stays, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// A retained version needs it.
    pub needed: Counted,
    /// It is younger than the retention.
    pub young: Counted,
    /// It is hidden.
    pub hidden: Counted,
    /// It is the log's.
    pub log: Counted,
    /// It is another table's.
    pub other_tables: Counted,
    /// It stands behind a symbolic link to a folder, so that it may have another name that somebody needs.
    pub behind_links: Counted,
}

impl Counted {
    fn count(&mut self, file: &Listed) {
        self.add(file.size_bytes);
    }

    pub(crate) fn add(&mut self, size_bytes: u64) {
        self.num_files += 1;
        self.size_bytes = self.size_bytes.saturating_add(size_bytes);
    }
}

impl Rules {
    /// The rules of a table with these partition columns (names as they stand in folders), at a time.
    #[must_use]
    pub fn new<'a>(
        now: TimestampMs,
        retention: Duration,
        partition_columns: impl IntoIterator<Item = &'a str>,
        is_iceberg: bool,
    ) -> Rules {
        let prefix = |column: &str| {
            let mut folder = partition_folder([(column, Some("x"))]);
            folder.pop();
            folder
        };
        Rules {
            cutoff: now.minus(retention),
            temporary_cutoff: now.minus(TEMPORARY_AGE),
            partition_prefixes: partition_columns.into_iter().map(prefix).collect(),
            is_iceberg,
        }
    }

    fn is_hidden(&self, path: &str) -> bool {
        let hides = |part: &str| {
            (part.starts_with('_') || part.starts_with('.'))
                && part != CHANGE_DATA
                && !self.partition_prefixes.iter().any(|prefix| part.starts_with(prefix.as_str()))
        };
        let mut parts = path.split('/');
        (self.is_iceberg && parts.clone().next() == Some(ICEBERG_FOLDER)) || parts.any(hides)
    }
}

/// Chooses what may go. `O(files · depth)`.
#[must_use]
pub fn choose(listing: &[Listed], needed: &Needed, rules: &Rules) -> (Vec<Candidate>, Kept) {
    let others = other_tables(listing);
    let mut kept = Kept::default();
    let mut delete = Vec::new();
    for file in listing {
        match fate(file, needed, rules, &others) {
            Fate::Goes => delete.push(Candidate {
                path: file.path.clone(),
                size_bytes: file.size_bytes,
                last_modified: file.last_modified,
            }),
            Fate::Log => kept.log.count(file),
            Fate::OtherTable => kept.other_tables.count(file),
            Fate::Hidden => kept.hidden.count(file),
            Fate::Needed => kept.needed.count(file),
            Fate::Young => kept.young.count(file),
        }
    }
    for candidate in &delete {
        assert!(!needed.contains(&candidate.path), "a needed file was to be deleted: {}", candidate.path);
    }
    (delete, kept)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Goes,
    Log,
    OtherTable,
    Hidden,
    Needed,
    Young,
}

fn fate(file: &Listed, needed: &Needed, rules: &Rules, others: &BTreeSet<&str>) -> Fate {
    let path = file.path.as_str();
    if needed.contains(path) {
        return Fate::Needed; // e, before all else: no rule about names outweighs it
    }
    if is_other_tables(path, others) {
        return Fate::OtherTable; // c
    }
    let in_log = path.split('/').next() == Some(LOG_FOLDER);
    if is_temporary(path.rsplit('/').next().unwrap_or_default()) {
        return if file.last_modified < rules.temporary_cutoff { Fate::Goes } else { Fate::Young }; // b
    }
    if in_log {
        return Fate::Log; // a
    }
    if rules.is_hidden(path) {
        return Fate::Hidden; // d
    }
    if file.last_modified >= rules.cutoff {
        return Fate::Young; // f
    }
    Fate::Goes // g
}

/// Folders of the table that have a log of their own.
fn other_tables(listing: &[Listed]) -> BTreeSet<&str> {
    listing.iter().filter_map(|file| file.path.get(..file.path.find("/_delta_log/")?)).collect()
}

fn is_other_tables(path: &str, others: &BTreeSet<&str>) -> bool {
    !others.is_empty() && path.match_indices('/').any(|(end, _)| path.get(..end).is_some_and(|f| others.contains(f)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1000;
    const NOW: TimestampMs = TimestampMs(1_000 * DAY);

    fn file(path: &str, days_old: i64) -> Listed {
        Listed { path: path.into(), size_bytes: 10, last_modified: TimestampMs(NOW.0 - days_old * DAY) }
    }

    fn rules(columns: &[&str]) -> Rules {
        Rules::new(NOW, Duration::from_secs(7 * 24 * 60 * 60), columns.iter().copied(), false)
    }

    fn needed(paths: &[&str]) -> Needed {
        let mut needed = Needed::default();
        paths.iter().for_each(|path| needed.add(path, None).unwrap());
        needed
    }

    fn goes(listing: &[Listed], needed: &Needed, rules: &Rules) -> Vec<String> {
        choose(listing, needed, rules).0.into_iter().map(|candidate| candidate.path).collect()
    }

    #[test]
    fn an_old_file_that_nothing_needs_goes_and_every_other_stays_for_its_reason() {
        let listing = [
            file("_delta_log/00000000000000000000.json", 900),
            file("_delta_log/.00000000000000000000.json.crc", 900),
            file("live.parquet", 900),
            file("orphan.parquet", 8),
            file("young.parquet", 6),
            file("exactly.parquet", 7),
            file("_hidden/x.parquet", 900),
            file(".orphan.parquet.crc", 900),
            file("_change_data/old.parquet", 900),
            file("deletion_vector_x.bin", 900),
        ];
        let (delete, kept) = choose(&listing, &needed(&["live.parquet"]), &rules(&[]));
        let paths: Vec<_> = delete.iter().map(|candidate| candidate.path.as_str()).collect();
        assert_eq!(paths, ["orphan.parquet", "_change_data/old.parquet", "deletion_vector_x.bin"]);
        let counted = |num_files| Counted { num_files, size_bytes: 10 * num_files };
        let expected = Kept {
            needed: counted(1),
            young: counted(2),
            hidden: counted(2),
            log: counted(2),
            other_tables: counted(0),
            behind_links: Counted::default(),
        };
        assert_eq!(kept, expected);
    }

    #[test]
    fn temporary_files_go_after_a_day_wherever_they_are() {
        let listing = [
            file("_delta_log/.lakebed-1.tmp", 2),
            file("_delta_log/.lakebed-2.tmp", 0),
            file("p=1/.lakebed-3.tmp", 2),
            file("_delta_log/.00000000000000000001.json.1.tmp", 2),
        ];
        assert_eq!(
            goes(&listing, &Needed::default(), &rules(&[])),
            ["_delta_log/.lakebed-1.tmp", "p=1/.lakebed-3.tmp"]
        );
    }

    #[test]
    fn a_partition_column_may_begin_with_an_underscore() {
        let listing = [file("_p=1/x.parquet", 9), file("_q=1/x.parquet", 9), file("_a%2Fb=1/x.parquet", 9)];
        assert_eq!(
            goes(&listing, &Needed::default(), &rules(&["_p", "_a/b"])),
            ["_p=1/x.parquet", "_a%2Fb=1/x.parquet"]
        );
    }

    #[test]
    fn a_table_below_the_table_is_left_alone() {
        let listing = [
            file("inner/_delta_log/00000000000000000000.json", 9),
            file("inner/x.parquet", 9),
            file("inner/p=1/y.parquet", 9),
            file("innermost/z.parquet", 9),
        ];
        let (delete, kept) = choose(&listing, &Needed::default(), &rules(&[]));
        assert_eq!(delete.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(), ["innermost/z.parquet"]);
        assert_eq!(kept.other_tables.num_files, 3);
    }

    #[test]
    fn the_metadata_of_an_iceberg_table_is_left_alone() {
        let listing = [file("metadata/v1.json", 9), file("x.parquet", 9)];
        let rules = Rules { is_iceberg: true, ..rules(&[]) };
        assert_eq!(goes(&listing, &Needed::default(), &rules), ["x.parquet"]);
    }

    fn any_path() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("_delta_log"),
            Just("_change_data"),
            Just("p=1"),
            Just("_x"),
            Just(".y"),
            Just("a"),
            Just("b.parquet"),
            Just(".lakebed-1.tmp")
        ];
        proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"))
    }

    proptest! {
        /// Against the table above, read as a person would read it.
        #[test]
        fn nothing_needed_young_hidden_or_of_a_log_is_ever_chosen(
            files in proptest::collection::vec((any_path(), 0..20i64, any::<bool>()), 0..40)
        ) {
            let listing: Vec<_> = files.iter().map(|(path, days, _)| file(path, *days)).collect();
            let live: Vec<&str> = files.iter().filter(|(_, _, live)| *live).map(|(path, _, _)| path.as_str()).collect();
            let (delete, kept) = choose(&listing, &needed(&live), &rules(&["p"]));
            let counts = [kept.needed, kept.young, kept.hidden, kept.log, kept.other_tables];
            let counted: u64 = counts.iter().map(|counted| counted.num_files).sum();
            prop_assert_eq!(counted + delete.len() as u64, listing.len() as u64);
            let bytes: u64 = counts.iter().map(|counted| counted.size_bytes).sum();
            prop_assert_eq!(bytes + 10 * delete.len() as u64, 10 * listing.len() as u64);
            for gone in &delete {
                prop_assert!(!live.contains(&gone.path.as_str()));
                let days = (NOW.0 - gone.last_modified.0) / DAY;
                if gone.path.ends_with(".lakebed-1.tmp") {
                    prop_assert!(days > 1);
                    continue;
                }
                prop_assert!(days > 7);
                let parts: Vec<&str> = gone.path.split('/').collect();
                prop_assert!(parts.iter().all(|p| *p == "_change_data" || !p.starts_with(['_', '.'])), "{}", gone.path);
                for (at, _) in gone.path.match_indices('/') {
                    let log = format!("{}/_delta_log/", &gone.path[..at]);
                    prop_assert!(!listing.iter().any(|other| other.path.starts_with(&log)));
                }
            }
        }
    }
}
