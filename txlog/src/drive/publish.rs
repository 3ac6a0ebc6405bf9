//! How is a checkpoint written? Encoded and verified first, put under its classic name, and only then pointed to.

use std::sync::Arc;

use super::store::LogStore;
use crate::checkpoint::encode;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::name::LogName;
use crate::segment::LastCheckpointHint;
use crate::snapshot::Snapshot;

pub(super) async fn checkpoint(store: &LogStore, env: &Arc<dyn Env>, snapshot: &Snapshot) -> Result<()> {
    let retention = snapshot.properties().deleted_file_retention()?;
    let since = env.now().minus(retention);
    let encoding = snapshot.clone();
    let encoded = tokio::task::spawn_blocking(move || encode(&encoding, since))
        .await
        .map_err(|e| Error::bug("the task that encodes a checkpoint ended early").because(e))?
        .map_err(|e| store.named(e).version(snapshot.version()))?;
    let version = snapshot.version();
    let size = encoded.bytes.len();
    store.put(&LogName::ClassicCheckpoint { version }, encoded.bytes).await?;
    // A hint that goes back would only cost others a longer listing; still, don't.
    if store.hint().await?.is_some_and(|hint| hint.version > version) {
        return Ok(());
    }
    let mut hint = LastCheckpointHint::new(version, i64::try_from(encoded.num_actions).unwrap_or(i64::MAX));
    hint.size_in_bytes = i64::try_from(size).ok();
    hint.num_of_add_files = i64::try_from(encoded.num_adds).ok();
    if let Ok(interval) = snapshot.properties().checkpoint_interval() {
        hint = hint.with_interval(interval);
    }
    store.put(&LogName::LastCheckpoint, hint.to_json().into()).await
}
