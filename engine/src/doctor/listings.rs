//! Does a listing hold what is there, and nothing else?

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::try_join_all;
use lakebed_txlog::Result;
use lakebed_txlog::name::{LogName, listing_offset};
use lakebed_txlog::version::Version;
use object_store::ObjectStore;
use object_store::path::Path;

use super::finding::{Check, Finding, Outcome};
use super::ground::Ground;

/// Objects that are listed: named as commits are, the way the log is listed.
const OBJECTS: u64 = 24;
/// The version that listings begin at.
const FROM: u64 = 17;
/// Between two looks at a late listing.
const PAUSE: Duration = Duration::from_millis(200);
/// Looks at a late listing.
const LOOKS: u32 = 25;

/// Objects are written and listed, listed from an offset, deleted and listed again: 24 puts, 24 deletions, 27 to 52
/// listings.
///
/// # Errors
/// None but bugs.
pub(super) async fn all(ground: &Ground) -> Result<Vec<Finding>> {
    let folder = ground.key("listed")?;
    let mut written = BTreeMap::new();
    let mut findings = Vec::new();
    match after_write(ground, &folder, &mut written).await? {
        Ok(finding) => findings.push(finding),
        Err(e) => {
            let said = ground.failure(e, "listing what was written");
            let unknown = |check| Finding::new(check, Outcome::Unknown, said.clone());
            return Ok([Check::ListAfterWrite, Check::ListOffset, Check::ListAfterDelete].map(unknown).into());
        }
    }
    let unknown = |check: Check, e| Finding::new(check, Outcome::Unknown, ground.failure(e, "listing"));
    findings.push(after_offset(ground, &folder, &written).await.unwrap_or_else(|e| unknown(Check::ListOffset, e)));
    findings.push(order(ground, &folder).await.unwrap_or_else(|e| unknown(Check::ListOrder, e)));
    let deleted = after_delete(ground, &folder, &written).await;
    findings.push(deleted.unwrap_or_else(|e| unknown(Check::ListAfterDelete, e)));
    Ok(findings)
}

/// Each object is listed right after it is written: a listing that is late is seen to be.
async fn after_write(
    ground: &Ground,
    folder: &Path,
    written: &mut BTreeMap<Path, u64>,
) -> Result<object_store::Result<Finding>> {
    for version in 0..OBJECTS {
        let name = LogName::Commit { version: Version(version) };
        let key = ground.key(&format!("listed/{name}"))?;
        // Sizes differ, so that a listing that says another's is told.
        let size = 10 + version;
        if let Err(e) = ground.put(&key, Bytes::from(vec![b'x'; size as usize])).await {
            return Ok(Err(e));
        }
        written.insert(key, size);
        match missing(ground, folder, written).await {
            Ok(0) => {}
            Ok(missed) => return Ok(lateness(ground, folder, written, missed).await),
            Err(e) => return Ok(Err(e)),
        }
    }
    Ok(Ok(Finding::holds(Check::ListAfterWrite, "every listing held all that had been written, with its size")))
}

/// How many of `written` a listing lacks, or has with another size.
async fn missing(ground: &Ground, folder: &Path, written: &BTreeMap<Path, u64>) -> object_store::Result<usize> {
    let listed: BTreeMap<Path, u64> =
        ground.list(folder).await?.into_iter().map(|meta| (meta.location, meta.size)).collect();
    Ok(written.iter().filter(|(key, size)| listed.get(*key) != Some(*size)).count())
}

async fn lateness(
    ground: &Ground,
    folder: &Path,
    written: &BTreeMap<Path, u64>,
    missed: usize,
) -> object_store::Result<Finding> {
    let began = ground.env().monotonic();
    let mut waited = None;
    for _ in 0..LOOKS {
        tokio::time::sleep(PAUSE).await;
        if missing(ground, folder, written).await? == 0 {
            waited = Some(ground.env().monotonic().saturating_sub(began));
            break;
        }
    }
    let when = match waited {
        Some(waited) => format!("listed after {} ms more", waited.as_millis()),
        None => format!("not listed within {} s either", (PAUSE * LOOKS).as_secs()),
    };
    let of = written.len();
    Ok(Finding::fails(Check::ListAfterWrite, format!("a listing lacked {missed} of {of} objects; {when}"))
        .hint("a table opened here may be an old version, and vacuum may miss or misjudge files"))
}

async fn after_offset(ground: &Ground, folder: &Path, written: &BTreeMap<Path, u64>) -> object_store::Result<Finding> {
    let offset = folder.clone().join(listing_offset(Version(FROM)).as_str());
    let listed = ground.store().data().list_with_offset(Some(folder), &offset);
    let listed: Vec<Path> = listed.map_ok(|meta| meta.location).try_collect().await?;
    let lacks = written.keys().filter(|key| **key > offset && !listed.contains(key)).count();
    let before = listed.iter().filter(|key| **key <= offset).count();
    Ok(if lacks > 0 {
        Finding::fails(Check::ListOffset, format!("a listing after an offset lacked {lacks} names behind it"))
            .hint("the newest versions of a table may not be seen here")
    } else if before > 0 {
        Finding::new(
            Check::ListOffset,
            Outcome::Care,
            format!("a listing after an offset held {before} names before it: opening a table lists more than it must"),
        )
    } else {
        Finding::holds(Check::ListOffset, "a listing after an offset held every name behind it, and no other")
    })
}

async fn order(ground: &Ground, folder: &Path) -> object_store::Result<Finding> {
    let listed: Vec<Path> = ground.list(folder).await?.into_iter().map(|meta| meta.location).collect();
    let said = if listed.is_sorted() { "by name" } else { "in no order; the engine sorts for itself" };
    Ok(Finding::holds(Check::ListOrder, format!("listings come {said}")))
}

async fn after_delete(ground: &Ground, folder: &Path, written: &BTreeMap<Path, u64>) -> object_store::Result<Finding> {
    try_join_all(written.keys().map(|key| ground.delete(key))).await?;
    let left = ground.list(folder).await?.len();
    if left == 0 {
        return Ok(Finding::holds(Check::ListAfterDelete, "a listing held nothing that had been deleted"));
    }
    let said = format!("a listing held {left} of {} objects that had been deleted", written.len());
    Ok(Finding::fails(Check::ListAfterDelete, said).hint("vacuum may count files that are gone as orphans"))
}
