//! How are deletion vectors read and stored while a commit follows others?
//!
//! Cost: one range request for each vector of a file that both changed, up to three a file, [`PARALLEL_READS`] at a
//! time; and one put for all that are united. No request where no file was changed by both.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use super::store::LogStore;
use crate::action::DeletionVectorDescriptor;
use crate::dv::{DecodedVectors, DeletionVector, DeletionVectorFile, Stored, locate};
use crate::env::Env;
use crate::error::Result;
use crate::path::{DataLocation, DataPath};

/// Vectors that are read to follow one winner. Past it, planning anew costs less.
const MAX_VECTORS: usize = 1_024;
const PARALLEL_READS: usize = 8;

/// Reads these vectors into `known`. `false` where they are too many, or one isn't in the table's folder: then none is
/// kept.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt) for one that is damaged; those of the store,
/// [`NotFound`](crate::ErrorKind::NotFound) for one that isn't there.
pub(super) async fn read(
    store: &LogStore,
    wanted: &[DeletionVectorDescriptor],
    known: &mut DecodedVectors,
) -> Result<bool> {
    let at_home = |descriptor: &DeletionVectorDescriptor| match locate(descriptor)? {
        Stored::InFile(slice) => Ok(matches!(slice.location, DataLocation::Relative(_))),
        Stored::Inline(_) => Ok(true),
    };
    if wanted.len() > MAX_VECTORS
        || !wanted.iter().map(at_home).collect::<Result<Vec<bool>>>()?.iter().all(|home| *home)
    {
        return Ok(false);
    }
    // Made before they are awaited: a closure kept across an await takes `Send` from every caller's future.
    let reads: Vec<_> = wanted.iter().map(|descriptor| read_one(store, descriptor)).collect();
    let vectors: Vec<DeletionVector> = stream::iter(reads).buffered(PARALLEL_READS).try_collect().await?;
    for (descriptor, vector) in wanted.iter().zip(vectors) {
        known.insert(descriptor, vector);
    }
    Ok(true)
}

async fn read_one(store: &LogStore, descriptor: &DeletionVectorDescriptor) -> Result<DeletionVector> {
    match locate(descriptor)? {
        Stored::Inline(vector) => Ok(vector),
        Stored::InFile(slice) => {
            let key = key(store, &slice.location.clone().relative()?);
            let bytes = store.reads().get_range(&key, slice.range.clone()).await;
            let bytes = bytes.map_err(|e| store.error(e, "reading a deletion vector", &key))?;
            slice.decode(&bytes)
        }
    }
}

/// Stores vectors in one new file; their descriptors, in order. No request for none.
///
/// # Errors
/// Those of the store; [`Exhausted`](crate::ErrorKind::Exhausted) for more than a file can hold.
pub(super) async fn store(
    store: &LogStore,
    env: &Arc<dyn Env>,
    vectors: impl Iterator<Item = &DeletionVector>,
) -> Result<Vec<DeletionVectorDescriptor>> {
    let mut file = DeletionVectorFile::new(env.uuid())?;
    let stored = vectors.map(|vector| file.push(vector)).collect::<Result<Vec<_>>>()?;
    if !file.is_empty() {
        let key = key(store, file.path());
        let put = store.reads().put(&key, PutPayload::from(file.into_bytes())).await;
        put.map_err(|e| store.error(e, "writing deletion vectors", &key))?;
    }
    Ok(stored)
}

fn key(store: &LogStore, path: &DataPath) -> Path {
    path.parts().fold(store.root().clone(), |key, part| key.join(part))
}
