//! Is this snapshot the one that the writer's log means?

use std::collections::BTreeMap;
use std::fmt::Debug;

use lakebed_txlog::action::{DeletionVectorDescriptor, Protocol};
use lakebed_txlog::snapshot::Snapshot;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::case::{Case, read};
use super::check::Checked;

/// `expected/snapshot.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expected {
    version: u64,
    protocol: Protocol,
    metadata: Metadata,
    num_files: u64,
    size_in_bytes: i64,
    txns: BTreeMap<String, i64>,
    domain_metadata: BTreeMap<String, String>,
    /// Absent where there are too many.
    files: Option<Vec<File>>,
    #[serde(rename = "files_sha256")]
    files_sha256: String,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metadata {
    id: String,
    name: Option<String>,
    schema: Value,
    partition_columns: Vec<String>,
    configuration: BTreeMap<String, String>,
    created_time: Option<i64>,
}

/// A live file. Tables without row tracking don't say their row ids.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    path: String,
    size: i64,
    partition_values: BTreeMap<String, Option<String>>,
    deletion_vector: Option<Vector>,
    base_row_id: Option<i64>,
    default_row_commit_version: Option<i64>,
    clustering_provider: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Vector {
    storage_type: String,
    path_or_inline_dv: String,
    offset: Option<i32>,
    size_in_bytes: i32,
    cardinality: i64,
}

impl From<DeletionVectorDescriptor> for Vector {
    fn from(vector: DeletionVectorDescriptor) -> Vector {
        Vector {
            storage_type: vector.storage_type,
            path_or_inline_dv: vector.path_or_inline_dv,
            offset: vector.offset,
            size_in_bytes: vector.size_in_bytes,
            cardinality: vector.cardinality,
        }
    }
}

/// Notes every difference between the snapshot and the expected one.
pub(super) fn compare(case: &Case, snapshot: &Snapshot, checked: &mut Checked) {
    let expected: Expected = read(&case.expected("snapshot.json"));
    let mut same = Same { checked };
    same.same("expected_version", &snapshot.version(), &case.newest());
    same.same("version", &snapshot.version().0, &expected.version);
    same.same("protocol", &sorted(snapshot.protocol()), &sorted(&expected.protocol));
    same.same("metadata", &metadata(snapshot), &expected.metadata);
    same.same("numFiles", &snapshot.num_files(), &expected.num_files);
    same.same("sizeInBytes", &snapshot.size_in_bytes(), &expected.size_in_bytes);
    let txns = snapshot.txns().map(|txn| (txn.app_id.clone(), txn.version)).collect();
    same.same("txns", &txns, &expected.txns);
    let domains = snapshot.domains().map(|domain| (domain.domain.clone(), domain.configuration.clone())).collect();
    same.same("domainMetadata", &domains, &expected.domain_metadata);
    let files = files(snapshot);
    if case.absolute_prefix.is_some() {
        // Its paths were changed for this machine.
        return;
    }
    same.same("files_sha256", &digest(&files), &expected.files_sha256);
    if let Some(mut expected) = expected.files {
        expected.sort_by(|a, b| a.path.cmp(&b.path));
        for (ours, theirs) in files.into_iter().zip(expected) {
            same.file(ours, theirs);
        }
    }
}

struct Same<'a> {
    checked: &'a mut Checked,
}

impl Same<'_> {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, ours: &T, theirs: &T) {
        if ours != theirs {
            self.checked.wrong(format!("{what} is {ours:?} instead of {theirs:?}"));
        }
    }

    fn file(&mut self, mut ours: File, theirs: File) {
        if theirs.base_row_id.is_none() {
            ours.base_row_id = None;
        }
        if theirs.default_row_commit_version.is_none() {
            ours.default_row_commit_version = None;
        }
        if theirs.clustering_provider.is_none() {
            ours.clustering_provider = None;
        }
        self.same("a file", &ours, &theirs);
    }
}

/// The order of features says nothing.
fn sorted(protocol: &Protocol) -> Protocol {
    let mut protocol = protocol.clone();
    for features in [&mut protocol.reader_features, &mut protocol.writer_features].into_iter().flatten() {
        features.sort();
    }
    protocol
}

fn metadata(snapshot: &Snapshot) -> Metadata {
    let metadata = snapshot.metadata();
    Metadata {
        id: metadata.id.clone(),
        name: metadata.name.clone(),
        schema: serde_json::from_str(&metadata.schema_string).unwrap(),
        partition_columns: metadata.partition_columns.clone(),
        configuration: metadata.configuration.clone(),
        created_time: metadata.created_time,
    }
}

/// The live files by path.
fn files(snapshot: &Snapshot) -> Vec<File> {
    let mut files: Vec<File> = snapshot
        .files()
        .iter()
        .map(|file| {
            let add = file.to_add();
            File {
                path: add.path,
                size: add.size,
                partition_values: add.partition_values,
                deletion_vector: add.deletion_vector.map(Vector::from),
                base_row_id: add.base_row_id,
                default_row_commit_version: add.default_row_commit_version,
                clustering_provider: add.clustering_provider,
            }
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// `files_sha256` of the corpus: which files, with which vectors.
fn digest(files: &[File]) -> String {
    let line = |file: &File| {
        let vector = file.deletion_vector.as_ref().map_or("None".to_owned(), |vector| {
            let offset = vector.offset.map_or(String::new(), |offset| format!("@{offset}"));
            format!("{}{}{offset}", vector.storage_type, vector.path_or_inline_dv)
        });
        format!("{}|{vector}", file.path)
    };
    let mut lines: Vec<String> = files.iter().map(line).collect();
    lines.sort();
    Sha256::digest(lines.join("\n")).iter().map(|byte| format!("{byte:02x}")).collect()
}
