//! Is what is read what was written last, and what is missing said to be so?

use std::ops::Range;

use bytes::Bytes;
use lakebed_txlog::Result;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt};

use super::finding::{Check, Finding, Outcome};
use super::ground::Ground;

/// Objects that are missed, written, written again and deleted.
const ROUNDS: usize = 4;
/// Bytes of the object that ranges are read of.
const RANGED_BYTES: usize = 100_000;
/// Names that some layer between us and the bytes might decode, encode or split.
pub(super) const NAMES: [&str; 7] = ["a b", "a%20b", "p=1", "a:b", "a+b&c", "ünï-日本-🦆", "10%253A30"];

/// Missing, written, replaced, deleted, each read back at once: 8 requests a round.
///
/// # Errors
/// None but bugs.
pub(super) async fn after_write(ground: &Ground) -> Result<Finding> {
    for round in 0..ROUNDS {
        let key = ground.key(&format!("reads/{round}"))?;
        match follow(ground, &key, round).await {
            Ok(None) => {}
            Ok(Some(wrong)) => {
                let hint = "no table is safe here: a commit is read back to learn whether it stands";
                return Ok(Finding::fails(Check::ReadAfterWrite, wrong).hint(hint));
            }
            Err(e) => {
                let said = ground.failure(e, "reading what was written");
                return Ok(Finding::new(Check::ReadAfterWrite, Outcome::Unknown, said));
            }
        }
    }
    Ok(Finding::holds(Check::ReadAfterWrite, "every read returned what was written, or deleted, just before"))
}

async fn follow(ground: &Ground, key: &Path, round: usize) -> object_store::Result<Option<String>> {
    // Read first: some caches remember that a key was missing.
    if ground.get(key).await?.is_some() {
        return Ok(Some("a key that was never written holds an object".to_owned()));
    }
    for body in [format!("first {round}"), format!("second, and longer {round}")] {
        ground.put(key, Bytes::from(body.clone())).await?;
        match ground.get(key).await? {
            Some(found) if found == body.as_bytes() => {}
            Some(_) => return Ok(Some("a read returned what was there before the last write".to_owned())),
            None => return Ok(Some("a read didn't find an object that had been written".to_owned())),
        }
    }
    ground.delete(key).await?;
    Ok(ground.get(key).await?.map(|_| "a read returned an object that had been deleted".to_owned()))
}

/// What a missing key answers to a read, a read of a range and a question for its size: 3 requests.
///
/// # Errors
/// None but bugs.
pub(super) async fn missing_key(ground: &Ground) -> Result<Finding> {
    let key = ground.key("missing/00000000000000000001.json")?;
    let range = GetOptions { range: Some(GetRange::Bounded(0..1)), ..GetOptions::default() };
    let answers = [
        ground.store().data().get_opts(&key, GetOptions::default()).await.map(|_| ()),
        ground.store().data().get_opts(&key, range).await.map(|_| ()),
        ground.store().data().head(&key).await.map(|_| ()),
    ];
    let check = Check::MissingKey;
    for answer in answers {
        match answer {
            Err(Error::NotFound { .. }) => {}
            Ok(()) => return Ok(Finding::fails(check, "an object that was never written is said to be there")),
            Err(e @ (Error::PermissionDenied { .. } | Error::Unauthenticated { .. })) => {
                let said = ground.failure(e, "reading a missing object");
                return Ok(Finding::fails(check, format!("a missing object is said to be forbidden: {said}"))
                    .hint("allow s3:ListBucket on the bucket: without it nobody can tell whether a version is there"));
            }
            Err(e) => {
                return Ok(Finding::new(check, Outcome::Unknown, ground.failure(e, "reading a missing object")));
            }
        }
    }
    Ok(Finding::holds(check, "a missing object is said to be missing"))
}

/// Ranges at the beginning, in the middle, at the end, several at once: 6 requests, 100 KB written.
///
/// # Errors
/// None but bugs.
pub(super) async fn ranges(ground: &Ground) -> Result<Finding> {
    let key = ground.key("ranged")?;
    let body: Bytes = (0..RANGED_BYTES).map(|at| (at % 251) as u8).collect();
    let check = Check::RangedReads;
    Ok(match compare_ranges(ground, &key, &body).await {
        Ok(None) => {
            Finding::holds(check, "ranges at the beginning, in the middle and at the end are the object's bytes")
        }
        Ok(Some(wrong)) => Finding::fails(check, wrong).hint("no Parquet file can be read here"),
        Err(e) => Finding::new(check, Outcome::Unknown, ground.failure(e, "reading a range of an object")),
    })
}

async fn compare_ranges(ground: &Ground, key: &Path, body: &Bytes) -> object_store::Result<Option<String>> {
    ground.put(key, body.clone()).await?;
    let end = body.len();
    let bounded: [Range<usize>; 3] = [0..10, end / 2..end / 2 + 333, end - 10..end];
    let mut wanted: Vec<(GetRange, Range<usize>)> =
        bounded.iter().map(|range| (GetRange::Bounded(range.start as u64..range.end as u64), range.clone())).collect();
    wanted.push((GetRange::Suffix(8), end - 8..end));
    for (range, expected) in wanted {
        let said = format!("{range}");
        let options = GetOptions { range: Some(range), ..GetOptions::default() };
        let found = ground.store().data().get_opts(key, options).await?.bytes().await?;
        if found != body.slice(expected) {
            return Ok(Some(format!("the range {said} of an object of {end} bytes came back as other bytes")));
        }
    }
    let several: Vec<Range<u64>> = bounded.iter().map(|range| range.start as u64..range.end as u64).collect();
    let found = ground.store().ranges(key, &several).await?;
    let expected: Vec<Bytes> = bounded.iter().map(|range| body.slice(range.clone())).collect();
    Ok((found != expected).then(|| "several ranges of an object came back as other bytes".to_owned()))
}

/// Names that need care are written, listed and read: 2 requests a name, and a listing.
///
/// # Errors
/// None but bugs.
pub(super) async fn names(ground: &Ground) -> Result<Finding> {
    let check = Check::Names;
    let folder = ground.key("names")?;
    let mut wrong = Vec::new();
    let mut expected = Vec::new();
    for name in NAMES {
        let key = ground.key(&format!("names/{name}/{name}"))?;
        let kept = match ground.put(&key, Bytes::from(name)).await {
            Ok(_) => matches!(ground.get(&key).await, Ok(Some(found)) if found == name.as_bytes()),
            Err(_) => false,
        };
        if !kept {
            wrong.push(format!("{name:?}"));
        }
        expected.push(key);
    }
    let listed = match ground.list(&folder).await {
        Ok(listed) => listed,
        Err(e) => return Ok(Finding::new(check, Outcome::Unknown, ground.failure(e, "listing names"))),
    };
    if let Some(other) = listed.iter().find(|meta| !expected.contains(&meta.location)) {
        let name = other.location.filename().unwrap_or_default();
        return Ok(Finding::fails(check, format!("a listing says {name:?}, which was never written")));
    }
    if wrong.is_empty() {
        let said = "spaces, escapes, signs and letters of any script stay what they are";
        return Ok(Finding::holds(check, said));
    }
    let said = format!("names that aren't kept: {}", wrong.join(", "));
    Ok(Finding::fails(check, said).hint("partition folders have such names: don't partition by such values here"))
}

/// Whether `Case` and `case` are two objects: 2 requests.
///
/// # Errors
/// None but bugs.
pub(super) async fn case_of_names(ground: &Ground) -> Result<Finding> {
    let check = Check::CaseSensitive;
    let (upper, lower) = (ground.key("case/Part=A")?, ground.key("case/part=a")?);
    let found = match ground.put(&upper, Bytes::from_static(b"upper")).await {
        Ok(_) => ground.get(&lower).await,
        Err(e) => Err(e),
    };
    Ok(match found {
        Ok(None) => Finding::holds(check, "names that differ in case alone are two objects"),
        Ok(Some(_)) => Finding::new(check, Outcome::Care, "names that differ in case alone are one object")
            .hint("partitions whose values differ in case alone share a folder; its files stay apart by their UUIDs"),
        Err(e) => Finding::new(check, Outcome::Unknown, ground.failure(e, "reading a name in another case")),
    })
}
