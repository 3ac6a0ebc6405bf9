//! Which files are put together?
//!
//! First fit, in the order of the log, within a partition: a file goes into the first open bin that has room. So a
//! group's files were written at about the same time, and what statistics say of time and ingested order stays sharp.
//!
//! | file | with | chosen |
//! |---|---|---|
//! | a. small | another small one, or a purged one | yes |
//! | b. small | nothing else that fits | no: it would be copied for nothing |
//! | c. with a vector that [`Purge`] asks to be purged | anything or nothing | yes |
//! | d. anything else | | no |

use std::collections::{BTreeMap, VecDeque};

use lakebed_txlog::action::PartitionValues;
use lakebed_txlog::files::FileRef;
use lakebed_txlog::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::options::{CompactionOptions, Purge};

/// Bins of a partition that are open beside each other: with more, packing would cost a look at each for every file.
const MAX_OPEN_BINS: usize = 16;

/// A file to be replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Its path, as in the log.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// How many of its rows a vector deletes.
    pub num_deleted_rows: u64,
}

/// Files of one partition that become one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The values of the partition columns.
    pub partition_values: PartitionValues,
    /// The files, in the order of the log.
    pub files: Vec<Source>,
    /// Their bytes together.
    pub size_bytes: u64,
}

/// What a compaction would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The groups, partition by partition.
    pub groups: Vec<Group>,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many files it replaces.
    #[must_use]
    pub fn num_files(&self) -> usize {
        self.groups.iter().map(|group| group.files.len()).sum()
    }

    /// How many bytes it reads.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.groups.iter().fold(0, |sum, group| sum.saturating_add(group.size_bytes))
    }
}

/// Chooses which of a snapshot's live files are put together. Deterministic; `O(files)`.
///
/// # Errors
/// [`InvalidRequest`](lakebed::ErrorKind::InvalidRequest) for options that can't be met;
/// [`Corrupt`](lakebed::ErrorKind::Corrupt) for a file of negative size or with a vector of negative cardinality.
pub fn choose<'a>(files: impl Iterator<Item = FileRef<'a>>, options: &CompactionOptions) -> Result<Plan> {
    options.check()?;
    let mut partitions: BTreeMap<PartitionValues, Packing> = BTreeMap::new();
    for file in files {
        let Some((source, purge)) = candidate(file, options)? else { continue };
        partitions.entry(file.partition_values()).or_default().put(source, purge, options);
    }
    let groups = partitions.into_iter().flat_map(|(partition_values, packing)| packing.into_groups(&partition_values));
    Ok(Plan { groups: groups.collect() })
}

/// The file as a source, and whether it is worth rewriting by itself; `None` where it stays as it is.
fn candidate(file: FileRef<'_>, options: &CompactionOptions) -> Result<Option<(Source, bool)>> {
    let size_bytes = count(file.size(), "a size", file)?;
    let (num_deleted_rows, purge) = match file.deletion_vector() {
        None => (0, false),
        Some(vector) => {
            let deleted = count(vector.cardinality, "a deletion vector's cardinality", file)?;
            let purge = match options.purge {
                Purge::Along => false,
                Purge::AtLeast(share) => num_records(file).is_none_or(|rows| deleted as f64 >= share * rows as f64),
                Purge::All => true,
            };
            (deleted, purge)
        }
    };
    if !purge && size_bytes >= options.min_file_size_bytes {
        return Ok(None);
    }
    Ok(Some((Source { path: file.path().to_owned(), size_bytes, num_deleted_rows }, purge)))
}

fn count(value: i64, what: &str, file: FileRef<'_>) -> Result<u64> {
    u64::try_from(value).map_err(|e| {
        Error::corrupt(format!("{what} of {value}"))
            .path(file.path())
            .hint("the log's entry of this file is damaged")
            .because(e)
    })
}

fn num_records(file: FileRef<'_>) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Stats {
        num_records: Option<u64>,
    }
    serde_json::from_str::<Stats>(&file.stats()?).ok()?.num_records
}

/// The bins of one partition.
#[derive(Default)]
struct Packing {
    open: VecDeque<Bin>,
    closed: Vec<Bin>,
}

#[derive(Default)]
struct Bin {
    files: Vec<Source>,
    size_bytes: u64,
    /// Whether one of its files is worth rewriting by itself.
    purge: bool,
}

impl Packing {
    fn put(&mut self, source: Source, purge: bool, options: &CompactionOptions) {
        let fits = |bin: &Bin| {
            bin.files.len() < options.max_files_per_group
                && bin.size_bytes.saturating_add(source.size_bytes) <= options.target_size_bytes
        };
        let place = match self.open.iter().position(fits) {
            Some(place) => place,
            None => {
                if self.open.len() == MAX_OPEN_BINS {
                    self.closed.extend(self.open.pop_front());
                }
                self.open.push_back(Bin::default());
                self.open.len() - 1
            }
        };
        if let Some(bin) = self.open.get_mut(place) {
            bin.size_bytes = bin.size_bytes.saturating_add(source.size_bytes);
            bin.files.push(source);
            bin.purge |= purge;
        }
    }

    fn into_groups(self, partition_values: &PartitionValues) -> Vec<Group> {
        let worth = |bin: &Bin| bin.files.len() > 1 || bin.purge;
        let group = |bin: Bin| Group {
            partition_values: partition_values.clone(),
            files: bin.files,
            size_bytes: bin.size_bytes,
        };
        self.closed.into_iter().chain(self.open).filter(worth).map(group).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use lakebed_txlog::action::{Add, DeletionVectorDescriptor};
    use lakebed_txlog::files::FileColumns;
    use proptest::prelude::*;

    use super::*;

    fn options(target: u64, small: u64) -> CompactionOptions {
        CompactionOptions { target_size_bytes: target, min_file_size_bytes: small, ..CompactionOptions::default() }
    }

    fn add(path: &str, partition: &str, size: i64) -> Add {
        let partition_values = [("p".to_owned(), Some(partition.to_owned()))].into();
        Add { path: path.into(), partition_values, size, ..Add::default() }
    }

    fn deleted(add: Add, rows: i64, of: Option<u64>) -> Add {
        let deletion_vector = Some(DeletionVectorDescriptor {
            storage_type: "u".into(),
            path_or_inline_dv: "ab^-aqEH.-t@S}K{vb[*k^".into(),
            offset: Some(1),
            size_in_bytes: 40,
            cardinality: rows,
        });
        Add { deletion_vector, stats: of.map(|rows| format!("{{\"numRecords\":{rows}}}")), ..add }
    }

    fn chosen(adds: &[Add], options: &CompactionOptions) -> Plan {
        let columns = FileColumns::from_adds(adds);
        choose((0..columns.len()).map(|row| columns.row(row)), options).unwrap()
    }

    fn paths(plan: &Plan) -> Vec<Vec<&str>> {
        plan.groups.iter().map(|group| group.files.iter().map(|file| file.path.as_str()).collect()).collect()
    }

    #[test]
    fn small_files_of_a_partition_are_put_together_in_the_order_of_the_log() {
        let adds = [add("a", "1", 10), add("b", "2", 10), add("c", "1", 20), add("big", "1", 90), add("d", "1", 30)];
        assert_eq!(paths(&chosen(&adds, &options(100, 80))), [["a", "c", "d"]]);
    }

    #[test]
    fn a_file_goes_into_the_first_bin_that_has_room() {
        let adds = [add("a", "", 70), add("b", "", 60), add("c", "", 30), add("d", "", 40)];
        assert_eq!(paths(&chosen(&adds, &options(100, 80))), [["a", "c"], ["b", "d"]]);
    }

    #[test]
    fn a_lone_small_file_stays() {
        assert!(chosen(&[add("a", "1", 10), add("b", "2", 10)], &options(100, 80)).is_empty());
        assert!(chosen(&[], &options(100, 80)).is_empty());
    }

    #[test]
    fn what_a_group_holds_is_bounded_in_number() {
        let adds: Vec<_> = (0..5).map(|number| add(&number.to_string(), "", 1)).collect();
        let options = CompactionOptions { max_files_per_group: 2, ..options(100, 80) };
        assert_eq!(paths(&chosen(&adds, &options)), [["0", "1"], ["2", "3"]]);
    }

    #[test]
    fn a_vector_is_purged_along_by_itself_or_by_its_share_as_asked() {
        let adds = [
            deleted(add("a", "1", 500), 10, Some(100)),
            deleted(add("b", "1", 500), 9, Some(100)),
            deleted(add("c", "1", 500), 1, None),
            deleted(add("d", "2", 10), 1, Some(100)),
        ];
        let purge = |purge| CompactionOptions { purge, ..options(100, 80) };
        assert!(chosen(&adds, &purge(Purge::Along)).is_empty());
        assert_eq!(paths(&chosen(&adds, &purge(Purge::AtLeast(0.1)))), [["a"], ["c"]]);
        assert_eq!(paths(&chosen(&adds, &purge(Purge::All))), [["a"], ["b"], ["c"], ["d"]]);
        let small = [adds[3].clone(), add("e", "2", 10)];
        assert_eq!(paths(&chosen(&small, &purge(Purge::Along))), [["d", "e"]]);
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        for bad in [
            options(0, 0),
            options(10, 11),
            CompactionOptions { max_files_per_group: 1, ..options(10, 5) },
            CompactionOptions { groups_per_commit: 0, ..options(10, 5) },
            CompactionOptions { purge: Purge::AtLeast(f64::NAN), ..options(10, 5) },
        ] {
            assert_eq!(choose(std::iter::empty(), &bad).unwrap_err().kind(), lakebed::ErrorKind::InvalidRequest);
        }
    }

    #[test]
    fn a_negative_size_is_an_error_that_names_the_file() {
        let columns = FileColumns::from_adds(&[add("a", "", -1)]);
        let error = choose(std::iter::once(columns.row(0)), &options(100, 80)).unwrap_err();
        assert_eq!((error.kind(), error.at_path()), (lakebed::ErrorKind::Corrupt, Some("a")));
    }

    fn any_files() -> impl Strategy<Value = Vec<Add>> {
        let file = (0..4u8, 0..200i64, proptest::option::of((0..50i64, proptest::option::of(50..100u64))));
        proptest::collection::vec(file, 0..120).prop_map(|files| {
            let files = files.into_iter().enumerate();
            files
                .map(|(number, (partition, size, vector))| {
                    let add = add(&number.to_string(), &partition.to_string(), size);
                    match vector {
                        Some((rows, of)) => deleted(add, rows, of),
                        None => add,
                    }
                })
                .collect()
        })
    }

    fn any_options() -> impl Strategy<Value = CompactionOptions> {
        let purge = prop_oneof![Just(Purge::Along), Just(Purge::All), (0.0..=1.0).prop_map(Purge::AtLeast)];
        (1..300u64, 0..300u64, 2..20usize, purge).prop_map(|(target, small, max_files_per_group, purge)| {
            CompactionOptions { max_files_per_group, purge, ..options(target, small.min(target)) }
        })
    }

    proptest! {
        #[test]
        fn every_group_is_of_one_partition_bounded_in_order_and_worth_it(adds in any_files(), options in any_options()) {
            let plan = chosen(&adds, &options);
            let by_path: BTreeMap<&str, (usize, &Add)> =
                adds.iter().enumerate().map(|(at, add)| (add.path.as_str(), (at, add))).collect();
            let mut seen = BTreeSet::new();
            for group in &plan.groups {
                let mut last = None;
                let mut bytes = 0;
                for file in &group.files {
                    let (at, add) = by_path[file.path.as_str()];
                    prop_assert!(seen.insert(at), "a file in two groups");
                    prop_assert!(last < Some(at));
                    prop_assert_eq!(&add.partition_values, &group.partition_values);
                    let small = file.size_bytes < options.min_file_size_bytes;
                    prop_assert!(small || (add.deletion_vector.is_some() && options.purge != Purge::Along));
                    bytes += file.size_bytes;
                    last = Some(at);
                }
                prop_assert_eq!(bytes, group.size_bytes);
                prop_assert!(bytes <= options.target_size_bytes || group.files.len() == 1);
                prop_assert!(group.files.len() <= options.max_files_per_group);
                prop_assert!(group.files.len() > 1 || (group.files.len() == 1 && options.purge != Purge::Along));
            }
            prop_assert_eq!(chosen(&adds, &options), plan);
        }

        /// Nothing that could have been put together is left, as far as bins stay open.
        #[test]
        fn of_the_small_files_left_in_a_partition_no_two_fit_together(adds in any_files(), target in 1..300u64) {
            let options = CompactionOptions { max_files_per_group: 1000, ..options(target, target) };
            let adds = &adds[..adds.len().min(MAX_OPEN_BINS)];
            let plan = chosen(adds, &options);
            let taken: BTreeSet<&str> = plan.groups.iter().flat_map(|g| &g.files).map(|f| f.path.as_str()).collect();
            let left: Vec<&Add> =
                adds.iter().filter(|a| a.size.unsigned_abs() < target && !taken.contains(a.path.as_str())).collect();
            for (at, one) in left.iter().enumerate() {
                for other in &left[at + 1..] {
                    let together = (one.size + other.size).unsigned_abs();
                    prop_assert!(one.partition_values != other.partition_values || together > target);
                }
            }
        }
    }
}
