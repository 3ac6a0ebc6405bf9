//! What is in a table, read without the engine? The log as JSON, data files as plain Parquet, vectors as roaring bitmaps,
//! as PROTOCOL.md has them; every rule broken on the way fails the test.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use roaring::RoaringTreemap;
use serde_json::Value;

/// The alphabet of Z85, in which the log writes identifiers of vectors.
const Z85: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const MAGIC: [u8; 4] = 1_681_511_377_u32.to_le_bytes();

/// Reads one table. Keeps what it has fetched, none of which may change.
pub(crate) struct Reader {
    store: Arc<dyn ObjectStore>,
    root: Path,
    commits: Vec<Vec<Value>>,
    files: HashMap<String, Vec<i64>>,
    vectors: HashMap<String, RoaringTreemap>,
}

impl Reader {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, root: Path) -> Reader {
        Reader { store, root, commits: Vec::new(), files: HashMap::new(), vectors: HashMap::new() }
    }

    /// Reads the commits that are new, of which none may be missing, and returns the newest version.
    pub(crate) async fn refresh(&mut self) -> u64 {
        let log: Vec<_> = self.store.list(Some(&self.root.clone().join("_delta_log"))).try_collect().await.unwrap();
        let mut versions: Vec<u64> = log.iter().filter_map(|file| version_of(file.location.filename()?)).collect();
        versions.sort_unstable();
        let expected: Vec<u64> = (0..versions.len() as u64).collect();
        assert_eq!(versions, expected, "versions follow each other");
        for version in self.commits.len() as u64..versions.len() as u64 {
            let bytes = self.get(&format!("_delta_log/{version:020}.json")).await;
            let text = std::str::from_utf8(&bytes).unwrap();
            assert!(!text.is_empty(), "version {version} says nothing");
            let actions = text.lines().map(serde_json::from_str);
            self.commits.push(actions.collect::<Result<_, _>>().unwrap_or_else(|e| panic!("version {version}: {e}")));
        }
        versions.last().copied().expect("a table has a version")
    }

    /// `commitInfo.operation` of a version.
    pub(crate) fn operation(&self, version: u64) -> &str {
        let info = self.commits[version as usize].iter().find_map(|action| action.get("commitInfo"));
        info.and_then(|info| info["operation"].as_str()).expect("every commit says what it does")
    }

    /// `commitInfo.txnId` of a version.
    pub(crate) fn txn_id(&self, version: u64) -> &str {
        let info = self.commits[version as usize].iter().find_map(|action| action.get("commitInfo"));
        info.and_then(|info| info["txnId"].as_str()).expect("every commit names its transaction")
    }

    /// The ids of the rows that a version brought and that it took away, sorted; one that it only moved is in neither.
    /// Versions have to be asked for in order.
    pub(crate) async fn change(&mut self, version: u64) -> (Vec<i64>, Vec<i64>) {
        let mut difference: BTreeMap<i64, i64> = BTreeMap::new();
        for action in self.commits[version as usize].clone() {
            for (kind, by) in [("remove", -1), ("add", 1)] {
                let Some(file) = action.get(kind) else { continue };
                for id in self.left(file).await {
                    *difference.entry(id).or_default() += by;
                }
            }
        }
        let of = |sign: i64| {
            let times = difference.iter().map(move |(id, by)| (*id, (by * sign).max(0) as usize));
            times.flat_map(|(id, times)| std::iter::repeat_n(id, times)).collect()
        };
        (of(1), of(-1))
    }

    /// The ids of a file's rows that its vector leaves.
    async fn left(&mut self, file: &Value) -> Vec<i64> {
        let rows = self.rows(file).await;
        let deleted = self.deleted(file).await;
        assert!(deleted.max().is_none_or(|row| row < rows.len() as u64), "a vector ends with its file: {file}");
        let left = rows.iter().enumerate().filter(|(row, _)| !deleted.contains(*row as u64));
        left.map(|(_, id)| *id).collect()
    }

    /// Who wrote each version: `commitInfo.engineInfo`, or Trino's `clusterId`.
    pub(crate) fn writers(&self) -> impl Iterator<Item = &str> {
        self.commits.iter().map(|commit| {
            let info = commit.iter().find_map(|action| action.get("commitInfo"));
            let who = info.and_then(|info| info["engineInfo"].as_str().or(info["clusterId"].as_str()));
            who.unwrap_or("who doesn't say")
        })
    }

    /// The ids that a version appended, sorted: those of its data files without a vector.
    pub(crate) async fn appended(&mut self, version: u64) -> Vec<i64> {
        let adds = self.commits[version as usize].iter().filter_map(|action| action.get("add")).cloned();
        let adds: Vec<Value> = adds.filter(|add| add.get("deletionVector").is_none_or(Value::is_null)).collect();
        let mut ids = Vec::new();
        for add in adds {
            ids.extend(self.rows(&add).await);
        }
        ids.sort_unstable();
        ids
    }

    /// The ids of the newest version's rows, sorted; one that is there twice is here twice.
    pub(crate) async fn ids(&mut self) -> Vec<i64> {
        let mut ids = Vec::new();
        for add in self.live().values() {
            ids.extend(self.left(add).await);
        }
        ids.sort_unstable();
        ids
    }

    /// Of each live file the rows that its vector deletes, by their number.
    pub(crate) async fn deleted_rows(&mut self) -> Vec<u64> {
        let mut deleted = Vec::new();
        for add in self.live().values() {
            deleted.push(self.deleted(add).await.len());
        }
        deleted
    }

    /// The adds that no later remove has named.
    fn live(&self) -> BTreeMap<String, Value> {
        let mut live: BTreeMap<String, Value> = BTreeMap::new();
        for (version, actions) in self.commits.iter().enumerate() {
            for remove in actions.iter().filter_map(|action| action.get("remove")) {
                let found = live.remove(path_of(remove));
                let found = found.unwrap_or_else(|| panic!("version {version} removes what isn't there: {remove}"));
                assert_eq!(vector_of(&found), vector_of(remove), "version {version} removes another vector's file");
            }
            for add in actions.iter().filter_map(|action| action.get("add")) {
                let before = live.insert(path_of(add).to_owned(), add.clone());
                assert!(before.is_none(), "version {version} adds a file twice: {add}");
            }
        }
        live
    }

    /// The ids in a data file, in the order of its rows.
    async fn rows(&mut self, add: &Value) -> Vec<i64> {
        let path = path_of(add);
        if let Some(rows) = self.files.get(path) {
            return rows.clone();
        }
        let bytes = self.get(path).await;
        assert_eq!(Some(bytes.len() as u64), add["size"].as_u64(), "{add}");
        let mut ids = Vec::new();
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            ids.extend_from_slice(batch.column_by_name("id").unwrap().as_primitive::<Int64Type>().values());
        }
        self.files.insert(path.to_owned(), ids.clone());
        ids
    }

    /// The rows of a live file that its vector deletes.
    async fn deleted(&mut self, add: &Value) -> RoaringTreemap {
        let Some(descriptor) = vector_of(add) else { return RoaringTreemap::new() };
        let key = descriptor.to_string();
        if let Some(rows) = self.vectors.get(&key) {
            return rows.clone();
        }
        assert_eq!(descriptor["storageType"], "u", "{descriptor}");
        let file = self.get(&vector_file(descriptor["pathOrInlineDv"].as_str().unwrap())).await;
        let offset = descriptor["offset"].as_u64().unwrap() as usize;
        let size = u32::from_be_bytes(file[offset..offset + 4].try_into().unwrap()) as usize;
        assert_eq!(Some(size as u64), descriptor["sizeInBytes"].as_u64(), "{descriptor}");
        let bytes = &file[offset + 4..offset + 4 + size];
        assert_eq!(bytes[..4], MAGIC, "{descriptor}");
        let rows = RoaringTreemap::deserialize_from(&bytes[4..]).unwrap();
        assert_eq!(Some(rows.len()), descriptor["cardinality"].as_u64(), "{descriptor}");
        self.vectors.insert(key, rows.clone());
        rows
    }

    async fn get(&self, relative: &str) -> bytes::Bytes {
        let key = relative.split('/').fold(self.root.clone(), |key, part| key.join(part));
        let found = self.store.get(&key).await.unwrap_or_else(|e| panic!("{key}: {e}"));
        found.bytes().await.unwrap_or_else(|e| panic!("{key}: {e}"))
    }
}

/// The version whose commit has this name.
fn version_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    let whole = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    whole.then(|| digits.parse().unwrap())
}

/// Paths of tables without partitions hold nothing that is escaped.
fn path_of(action: &Value) -> &str {
    let path = action["path"].as_str().unwrap();
    assert!(!path.contains(['%', ':']), "{path}");
    path
}

fn vector_of(action: &Value) -> Option<&Value> {
    action.get("deletionVector").filter(|vector| !vector.is_null())
}

/// The file that `pathOrInlineDv` of storage type `u` names: a prefix, then an identifier of 20 characters.
fn vector_file(text: &str) -> String {
    let (prefix, encoded) = text.split_at(text.len() - 20);
    let mut bytes = Vec::new();
    for group in encoded.as_bytes().chunks(5) {
        let digit = |c: &u8| Z85.bytes().position(|z| z == *c).unwrap() as u32;
        bytes.extend(group.iter().fold(0_u32, |number, c| number * 85 + digit(c)).to_be_bytes());
    }
    let name = format!("deletion_vector_{}.bin", uuid::Uuid::from_slice(&bytes).unwrap());
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}
