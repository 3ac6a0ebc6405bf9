//! Is every file there that the log names, with its size and partition values?

use std::collections::{HashMap, HashSet};

use lakebed_txlog::action::{Add, DeletionVectorDescriptor, Remove};
use lakebed_txlog::checkpoint::Contents;
use lakebed_txlog::dv::{Stored, locate};
use lakebed_txlog::partition;
use lakebed_txlog::path::DataLocation;
use lakebed_txlog::replay::Commit;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::stats::ParsedStats;
use lakebed_txlog::{Result, Version};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::check::History;
use super::finding::{Finding, Findings, Kind, Repair, Severity};
use super::listing::Listing;

/// Objects that no retained version names. They cost storage; vacuum deletes them once they are old enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Orphans {
    /// How many there are.
    pub num_files: u64,
    /// Their bytes.
    pub size_bytes: u64,
}

/// Every file that a log names: as hashes of their paths, and, where older versions are to be checked, by name.
#[derive(Debug)]
pub(super) struct Named {
    hashes: HashSet<u64>,
    history: History,
    /// Files that aren't live in every version: size, first version, and the version that removed it.
    older: HashMap<String, Life>,
}

#[derive(Clone, Copy, Debug)]
struct Life {
    size: i64,
    from: Version,
    until: Option<Version>,
}

impl Default for Named {
    fn default() -> Self {
        Named::new(History::Newest)
    }
}

impl Named {
    pub(super) fn new(history: History) -> Named {
        Named { hashes: HashSet::new(), history, older: HashMap::new() }
    }

    pub(super) fn commit(&mut self, commit: &Commit) {
        for remove in &commit.removes {
            self.removed(remove, commit.version);
        }
        for add in &commit.adds {
            self.added(add, commit.version);
        }
        for cdc in &commit.cdc {
            self.path(&cdc.path);
        }
    }

    pub(super) fn contents(&mut self, version: Version, contents: &Contents) {
        let rows = |batches: &Vec<lakebed_txlog::files::FileColumns>| {
            batches.iter().map(lakebed_txlog::files::FileColumns::len).collect::<Vec<_>>()
        };
        for (batch, len) in contents.adds.iter().zip(rows(&contents.adds)) {
            (0..len).for_each(|row| self.added(&batch.row(row).to_add(), version));
        }
        for (batch, len) in contents.removes.iter().zip(rows(&contents.removes)) {
            for row in 0..len {
                let remove = batch.row(row).to_remove();
                self.path(&remove.path);
                self.vector(remove.deletion_vector.as_ref());
            }
        }
    }

    fn added(&mut self, add: &Add, version: Version) {
        self.path(&add.path);
        self.vector(add.deletion_vector.as_ref());
        if self.history == History::AllVersions {
            let life = self.older.entry(add.path.clone());
            let life = life.or_insert(Life { size: add.size, from: version, until: None });
            life.until = None;
        }
    }

    fn removed(&mut self, remove: &Remove, version: Version) {
        self.path(&remove.path);
        self.vector(remove.deletion_vector.as_ref());
        if let Some(life) = self.older.get_mut(&remove.path) {
            life.until = Some(version);
        }
    }

    fn path(&mut self, path: &str) {
        if let Ok(relative) = DataLocation::decode(path).and_then(DataLocation::relative) {
            self.hashes.insert(xxh3_64(relative.as_str().as_bytes()));
        }
    }

    fn vector(&mut self, vector: Option<&DeletionVectorDescriptor>) {
        if let Some(Ok(Stored::InFile(slice))) = vector.map(locate)
            && let Ok(relative) = slice.location.relative()
        {
            self.hashes.insert(xxh3_64(relative.as_str().as_bytes()));
        }
    }

    /// The objects that nothing names, those apart that aren't the table's: hidden names, but for partition folders and
    /// what writers of vectors and change feeds write.
    pub(super) fn orphans(&self, listing: &Listing) -> Orphans {
        let mut orphans = Orphans::default();
        for (path, size) in &listing.objects {
            if !is_hidden(path) && !self.hashes.contains(&xxh3_64(path.as_bytes())) {
                orphans.num_files += 1;
                orphans.size_bytes = orphans.size_bytes.saturating_add(*size);
            }
        }
        orphans
    }

    /// What of older versions can't be read any more.
    pub(super) fn older(&self, listing: &Listing) -> Option<Finding> {
        let gone: Vec<Life> = self
            .older
            .iter()
            .filter(|(path, life)| life.until.is_some() && !is_there(path, life.size, listing))
            .map(|(_, life)| *life)
            .collect();
        let last = gone.iter().filter_map(|life| life.until).max()?.previous()?;
        let first = gone.iter().map(|life| life.from).min()?;
        let said = format!(
            "{} files of older versions are gone or of another size: versions {first} to {last} can't all be read",
            gone.len()
        );
        Some(Finding::new(Severity::Note, Kind::OlderVersions, said).hint("vacuum takes them once they are old enough"))
    }
}

fn is_there(path: &str, size: i64, listing: &Listing) -> bool {
    let Ok(relative) = DataLocation::decode(path).and_then(DataLocation::relative) else { return true };
    listing.objects.get(relative.as_str()).is_some_and(|found| u64::try_from(size) == Ok(*found))
}

/// Engines pass over folders and files whose names begin with `_` or `.`; a partition folder may begin with `_`.
fn is_hidden(path: &str) -> bool {
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let is_partition = parts.peek().is_some() && part.contains('=');
        let is_change_data = part == "_change_data";
        if part.starts_with('.') || (part.starts_with('_') && !is_partition && !is_change_data) {
            return true;
        }
    }
    false
}

/// Every live file against the listing: no request.
pub(super) fn live(snapshot: &Snapshot, listing: &Listing, findings: &mut Findings) -> Result<()> {
    let columns = partition::columns(snapshot.schema(), snapshot.partition_columns(), snapshot.column_mapping())?;
    for file in snapshot.files().iter() {
        let add = file.to_add();
        findings.extend(place(&add, listing));
        findings.extend(partition_values(&add, &columns));
    }
    Ok(())
}

/// Live rows of a file, where the log says how many they are.
pub(super) fn live_rows(add: &Add) -> Option<u64> {
    let stats = ParsedStats::from_texts([add.stats.as_deref()].into_iter(), &[]);
    let records = stats.num_records.iter().next().flatten().and_then(|records| u64::try_from(records).ok())?;
    let deleted = add.deletion_vector.as_ref().map_or(0, |vector| u64::try_from(vector.cardinality).unwrap_or(0));
    records.checked_sub(deleted)
}

fn place(add: &Add, listing: &Listing) -> Option<Finding> {
    let relative = match DataLocation::decode(&add.path) {
        Ok(DataLocation::Relative(relative)) => relative,
        Ok(_) => {
            let said = "the file is outside of the table, and wasn't looked at";
            return Some(Finding::new(Severity::Note, Kind::NotChecked, said).path(&add.path));
        }
        Err(e) => return Some(Finding::of(Kind::Path, &e).path(&add.path)),
    };
    let path = relative.as_str();
    match listing.objects.get(path) {
        None => {
            let num_rows = live_rows(add);
            let rows = num_rows.map_or("an unknown number of".to_owned(), |rows| rows.to_string());
            let finding = Finding::error(Kind::FileMissing, format!("a live file is gone, and {rows} rows with it"));
            let hint = "restore the file from a backup, or the table to a version before it; or have fsck drop it";
            Some(finding.path(path).hint(hint).repair(Repair::DropFile { path: add.path.clone(), num_rows }))
        }
        Some(size) if u64::try_from(add.size) != Ok(*size) => {
            let said = format!("the file has {size} bytes where the log says {}", add.size);
            Some(
                Finding::error(Kind::FileSize, said)
                    .path(path)
                    .hint("it was cut, or replaced behind the log: restore it"),
            )
        }
        Some(_) => None,
    }
}

fn partition_values(add: &Add, columns: &[partition::PartitionColumn<'_>]) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut wrong = |said: String| {
        out.push(
            Finding::error(Kind::PartitionValues, said)
                .path(&add.path)
                .hint("engines return NULL or another value for this column, or refuse the file"),
        );
    };
    for column in columns {
        let Some(value) = add.partition_values.get(&column.physical_name) else {
            wrong(format!("the file has no value for the partition column {:?}", column.field.name));
            continue;
        };
        let Some(primitive) = column.field.data_type.primitive() else { continue };
        if let Some(text) = value
            && let Err(e) = partition::parse(primitive, text)
        {
            wrong(format!("the value of the partition column {:?}: {}", column.field.name, e.message()));
        }
        if !column.field.nullable && value.is_none() {
            wrong(format!("the partition column {:?} is NULL and must not be", column.field.name));
        }
    }
    let known = |name: &String| columns.iter().any(|column| column.physical_name == *name);
    if let Some(name) = add.partition_values.keys().find(|name| !known(name)) {
        wrong(format!("the file has a value for {name:?}, which is no partition column"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_engines_pass_over_is_no_orphan() {
        for hidden in ["_lakebed_doctor/x/y", ".hidden", "a/.part-0.crc", "_symlink_format_manifest/p=1/manifest"] {
            assert!(is_hidden(hidden), "{hidden}");
        }
        for visible in ["part-0.parquet", "_p=1/part-0.parquet", "_change_data/cdc-0.parquet", "ab/vector.bin"] {
            assert!(!is_hidden(visible), "{visible}");
        }
    }

    #[test]
    fn live_rows_are_those_that_the_vector_leaves() {
        let mut add = Add { stats: Some("{\"numRecords\":5}".into()), ..Add::default() };
        assert_eq!(live_rows(&add), Some(5));
        add.deletion_vector = Some(DeletionVectorDescriptor { cardinality: 2, ..DeletionVectorDescriptor::default() });
        assert_eq!(live_rows(&add), Some(3));
        add.stats = None;
        assert_eq!(live_rows(&add), None);
    }
}
