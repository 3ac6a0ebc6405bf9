//! How is a log cleaned up, by the protocol's rules?
//!
//! The newest checkpoint at or before the cutoff stays, with every commit from its version on; older commits, checkpoints and
//! checksums go, as far as the store deletes them. Nothing goes that is younger than a day.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use lakebed_txlog::Result;
use object_store::path::Path;

use super::objects::BEGIN_MS;
use super::writer::Writer;

/// What a name of the log begins with, where it is of a version.
fn version_of(key: &Path) -> Option<u64> {
    let name = key.filename()?;
    let (version, rest) = name.split_once('.')?;
    let is_known = rest == "json" || rest == "crc" || (rest.starts_with("checkpoint") && rest.ends_with("parquet"));
    (is_known && version.len() == 20).then(|| version.parse().ok())?
}

/// Cleans up what is older than this; how many names are gone.
///
/// # Errors
/// Those of the store, when the log can't be listed.
pub async fn clean_up(writer: &Writer, older_than: Duration) -> Result<u64> {
    let listed = writer.listing().await?;
    let cutoff_ms = BEGIN_MS + writer.world().now().saturating_sub(older_than).as_millis() as i64;
    let is_old = |meta: &object_store::ObjectMeta| meta.last_modified.timestamp_millis() < cutoff_ms;
    let checkpoints = listed.iter().filter(|meta| is_old(meta) && meta.location.as_ref().ends_with(".parquet"));
    let Some(kept) = checkpoints.filter_map(|meta| version_of(&meta.location)).max() else { return Ok(0) };
    let below = |meta: &&object_store::ObjectMeta| {
        is_old(meta) && version_of(&meta.location).is_some_and(|version| version < kept)
    };
    let keys: Vec<_> = listed.iter().filter(below).map(|meta| Ok(meta.location.clone())).collect();
    let mut gone = 0;
    let mut outcomes = writer.store().delete_stream(stream::iter(keys).boxed());
    while let Some(outcome) = outcomes.next().await {
        gone += u64::from(outcome.is_ok());
    }
    writer.world().note(&format!("cleaned up below version {kept}: {gone} names"));
    Ok(gone)
}
