//! What are the lines of a commit?

use serde_json::{Value, json};

use super::{CREATED_MS, File, Protocol, SCHEMA, TABLE_ID};

/// The vector that a file gets: in a file of vectors that nobody reads here.
#[derive(Clone, Copy, Debug)]
pub struct Vector {
    /// Where in that file, in bytes.
    pub offset: i32,
}

/// Rows that each vector hides.
pub const CARDINALITY: i64 = 3;

impl Vector {
    fn json(self) -> Value {
        json!({"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": self.offset, "sizeInBytes": 40,
               "cardinality": CARDINALITY})
    }
}

/// Whether a commit's file actions change rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataChange {
    Yes,
    No,
}

/// `protocol`.
pub fn protocol(protocol: Protocol) -> Value {
    match protocol {
        Protocol::Plain => json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
        Protocol::Vectors => json!({"protocol": {
            "minReaderVersion": 3, "minWriterVersion": 7,
            "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}}),
    }
}

/// `metaData`.
pub fn metadata() -> Value {
    json!({"metaData": {
        "id": TABLE_ID, "format": {"provider": "parquet", "options": {}}, "schemaString": SCHEMA,
        "partitionColumns": [], "configuration": {}, "createdTime": CREATED_MS}})
}

/// `commitInfo`.
pub fn info(operation: &str) -> Value {
    json!({"commitInfo": {"timestamp": CREATED_MS, "operation": operation, "operationParameters": {},
                          "isBlindAppend": operation == "WRITE"}})
}

/// `add`.
pub fn add(file: &File, vector: Option<Vector>, change: DataChange) -> Value {
    let mut add = json!({
        "path": file.path(), "partitionValues": {}, "size": file.size(), "modificationTime": file.modification_time(),
        "dataChange": change == DataChange::Yes, "stats": file.stats()});
    if let Some(vector) = vector {
        add["deletionVector"] = vector.json();
    }
    json!({"add": add})
}

/// `remove` of a file without a vector.
pub fn remove(file: &File, change: DataChange) -> Value {
    json!({"remove": {
        "path": file.path(), "deletionTimestamp": CREATED_MS, "dataChange": change == DataChange::Yes,
        "extendedFileMetadata": true, "partitionValues": {}, "size": file.size()}})
}

/// The bytes of a commit.
pub fn lines(actions: &[Value]) -> String {
    actions.iter().map(|action| format!("{action}\n")).collect()
}

/// An append of `count` files from the nth on.
pub fn append(first: u64, count: u64) -> String {
    let adds = (first..first + count).map(|number| add(&File::new(number), None, DataChange::Yes));
    lines(&std::iter::once(info("WRITE")).chain(adds).collect::<Vec<_>>())
}
