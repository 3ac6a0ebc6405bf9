//! What does a log say, read without the engine? Line by line as JSON, and vectors as roaring bitmaps, as PROTOCOL.md has
//! them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use object_store::path::Path;
use roaring::RoaringTreemap;
use serde_json::Value;

use super::history::{Key, Row};
use super::objects::Objects;

/// The alphabet of Z85, in which the log writes identifiers of vectors.
const Z85: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const MAGIC: [u8; 4] = 1_681_511_377_u32.to_le_bytes();

/// The rows of each data file, in their order.
pub type Rows = BTreeMap<String, Vec<(Row, Key)>>;
/// The live files of a version, each with the positions of its deleted rows.
pub type Live = BTreeMap<String, BTreeSet<u64>>;

/// One version.
#[derive(Clone, Debug)]
pub struct Version {
    /// `commitInfo.userMetadata`.
    pub marker: Option<String>,
    /// `commitInfo.txnId`.
    pub txn_id: Option<String>,
    /// `commitInfo.operation`.
    pub operation: String,
    /// What is live.
    pub live: Live,
    /// In-commit time, where the commit has one.
    pub time: Option<i64>,
}

/// Every version that the table at `root` ever had; of a version that was put twice, what was put first: whoever read it
/// meanwhile has that.
///
/// # Errors
/// What is wrong, by version.
pub fn versions(objects: &Objects, root: &Path) -> Result<Vec<Version>, String> {
    let mut versions: Vec<Version> = Vec::new();
    for (at, puts) in objects.commits(root) {
        if at != versions.len() as u64 {
            return Err(format!("version {at} follows version {}", versions.len() as i64 - 1));
        }
        let bytes = puts.first().cloned().unwrap_or_default();
        let before = versions.last().map(|version| version.live.clone()).unwrap_or_default();
        let version = version(objects, root, &bytes, before).map_err(|e| format!("version {at}: {e}"))?;
        if let (Some(last), Some(time)) = (versions.last().and_then(|last| last.time), version.time)
            && time <= last
        {
            return Err(format!("version {at} is of {time}, the one before of {last}"));
        }
        versions.push(version);
    }
    Ok(versions)
}

fn version(objects: &Objects, root: &Path, bytes: &Bytes, mut live: Live) -> Result<Version, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| e.to_string())?;
    let actions: Vec<Value> =
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    let info = actions.iter().find_map(|action| action.get("commitInfo")).ok_or("no commitInfo")?;
    for remove in actions.iter().filter_map(|action| action.get("remove")) {
        let found = live.remove(path_of(remove)?).ok_or_else(|| format!("removes what isn't there: {remove}"))?;
        if found != deleted(objects, root, remove)? {
            return Err(format!("removes another vector's file: {remove}"));
        }
    }
    for add in actions.iter().filter_map(|action| action.get("add")) {
        if live.insert(path_of(add)?.to_owned(), deleted(objects, root, add)?).is_some() {
            return Err(format!("adds a live file: {add}"));
        }
    }
    Ok(Version {
        marker: info["userMetadata"].as_str().map(str::to_owned),
        txn_id: info["txnId"].as_str().map(str::to_owned),
        operation: info["operation"].as_str().unwrap_or_default().to_owned(),
        live,
        time: info["inCommitTimestamp"].as_i64(),
    })
}

/// The rows of a version.
///
/// # Errors
/// A row that is there twice; a file whose rows aren't known.
pub fn rows(live: &Live, files: &Rows) -> Result<BTreeMap<Row, Key>, String> {
    let mut rows = BTreeMap::new();
    for (path, deleted) in live {
        let file = files.get(path).ok_or_else(|| format!("nobody wrote {path}"))?;
        for (at, (row, key)) in file.iter().enumerate() {
            if !deleted.contains(&(at as u64)) && rows.insert(*row, *key).is_some() {
                return Err(format!("row {row} is there twice"));
            }
        }
    }
    Ok(rows)
}

fn path_of(action: &Value) -> Result<&str, String> {
    action["path"].as_str().ok_or_else(|| format!("no path: {action}"))
}

fn deleted(objects: &Objects, root: &Path, action: &Value) -> Result<BTreeSet<u64>, String> {
    let Some(vector) = action.get("deletionVector").filter(|vector| !vector.is_null()) else {
        return Ok(BTreeSet::new());
    };
    let text = vector["pathOrInlineDv"].as_str().unwrap_or_default();
    if vector["storageType"] != "u" || text.len() != 20 {
        return Err(format!("a vector of another kind: {vector}"));
    }
    let mut id = Vec::new();
    for group in text.as_bytes().chunks(5) {
        let digit = |c: &u8| Z85.bytes().position(|z| z == *c).unwrap_or_default() as u32;
        id.extend(group.iter().fold(0_u32, |number, c| number * 85 + digit(c)).to_be_bytes());
    }
    let name = format!("deletion_vector_{}.bin", uuid::Uuid::from_slice(&id).map_err(|e| e.to_string())?);
    let file = objects.bytes(&root.clone().join(name.as_str())).ok_or_else(|| format!("{name} isn't there"))?;
    let at = vector["offset"].as_u64().unwrap_or_default() as usize;
    let size = vector["sizeInBytes"].as_u64().unwrap_or_default() as usize;
    let bytes = file.get(at + 4..at + 4 + size).ok_or_else(|| format!("{name} is short"))?;
    if bytes.get(..4) != Some(&MAGIC) {
        return Err(format!("{name} has another mark"));
    }
    let rows = RoaringTreemap::deserialize_from(&bytes[4..]).map_err(|e| e.to_string())?;
    if Some(rows.len()) != vector["cardinality"].as_u64() {
        return Err(format!("{vector} has {} rows", rows.len()));
    }
    Ok(rows.iter().collect())
}
