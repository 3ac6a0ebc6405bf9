//! How does a large file get into the log, a part at a time and all at once?
//!
//! What is under way can't be seen by anyone: an upload in parts makes its file when it is completed, in a store as in a
//! folder. One that is given up leaves nothing, or what the store sweeps by itself (parts; a temporary file).

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload, WriteMultipart};

use super::store::LogStore;
use crate::error::Result;
use crate::name::LogName;

/// Bytes of a part. S3 takes 10,000 parts of a file, of 5 MiB at least.
const PART_BYTES: usize = 8 << 20;
/// Parts on their way at the same time.
const PARALLEL_PARTS: usize = 2;

/// A file on its way into the log. Holds at most [`PARALLEL_PARTS`] + 1 parts.
#[derive(Debug)]
pub(super) struct Upload {
    store: LogStore,
    key: Path,
    size: u64,
    parts: Parts,
}

#[derive(Debug)]
enum Parts {
    /// Less than one part so far.
    None(Vec<Bytes>),
    Begun(WriteMultipart),
}

/// What ending an upload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// The file is there, and is ours.
    New,
    /// Another was there before; it stays.
    AlreadyThere,
}

impl Upload {
    /// An upload that has sent nothing.
    pub(super) fn new(store: &LogStore, name: &LogName) -> Upload {
        Upload { store: store.clone(), key: store.key(name), size: 0, parts: Parts::None(Vec::new()) }
    }

    /// How many bytes it has taken.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next bytes; waits while too many parts are on their way.
    ///
    /// # Errors
    /// Those of the store, of any part so far.
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        if let Parts::None(small) = &mut self.parts {
            small.push(bytes);
            if self.size < PART_BYTES as u64 {
                return Ok(());
            }
            let upload = self.store.reads().put_multipart(&self.key).await;
            let upload = upload.map_err(|e| self.store.error(e, "writing to the log", &self.key))?;
            let mut begun = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
            std::mem::take(small).into_iter().for_each(|bytes| begun.put(bytes));
            self.parts = Parts::Begun(begun);
        } else if let Parts::Begun(begun) = &mut self.parts {
            begun.put(bytes);
        }
        if let Parts::Begun(begun) = &mut self.parts {
            let waited = begun.wait_for_capacity(PARALLEL_PARTS).await;
            waited.map_err(|e| self.store.error(e, "writing to the log", &self.key))?;
        }
        Ok(())
    }

    /// Makes the file, unless one of its name is there. Parts are completed without that condition, which stores don't
    /// have for them: it is asked right before, and a file that appears in between is replaced.
    ///
    /// # Errors
    /// Those of the store; the file is then not there, or is whole.
    pub(super) async fn finish(self) -> Result<Stored> {
        match self.parts {
            Parts::None(small) => self.store.put_new(&self.key, PutPayload::from_iter(small)).await,
            Parts::Begun(begun) => {
                if self.store.is_there(&self.key).await? {
                    abort(begun).await;
                    return Ok(Stored::AlreadyThere);
                }
                let made = begun.finish().await;
                made.map_err(|e| self.store.error(e, "writing to the log", &self.key))?;
                Ok(Stored::New)
            }
        }
    }

    /// Gives it up.
    pub(super) async fn abort(self) {
        if let Parts::Begun(begun) = self.parts {
            abort(begun).await;
        }
    }
}

async fn abort(begun: WriteMultipart) {
    if let Err(error) = begun.abort().await {
        // Stores are told to sweep unfinished uploads; nothing sees them.
        tracing::debug!(%error, "an upload in parts couldn't be given up");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::drive::Landing;
    use crate::version::Version;

    const NAME: LogName = LogName::ClassicCheckpoint { version: Version(7) };

    fn store() -> (Arc<InMemory>, LogStore) {
        let memory = Arc::new(InMemory::new());
        (memory.clone(), LogStore::new(memory.clone(), memory, Path::ROOT, "test", Landing::AtOnce))
    }

    fn piece(byte: u8) -> Bytes {
        vec![byte; PART_BYTES / 2 + 1].into()
    }

    async fn content(memory: &InMemory, store: &LogStore) -> Option<Bytes> {
        Some(memory.get(&store.key(&NAME)).await.ok()?.bytes().await.unwrap())
    }

    #[tokio::test]
    async fn a_large_file_is_seen_whole_or_not_at_all() {
        let (memory, store) = store();
        let mut upload = Upload::new(&store, &NAME);
        for byte in 0..5 {
            upload.write(piece(byte)).await.unwrap();
            assert!(content(&memory, &store).await.is_none());
        }
        assert_eq!(upload.finish().await.unwrap(), Stored::New);
        let expected: Vec<u8> = (0..5).flat_map(piece).collect();
        assert!(content(&memory, &store).await.unwrap() == expected);
    }

    #[tokio::test]
    async fn l3_one_that_is_given_up_is_never_seen() {
        let (memory, store) = store();
        let mut upload = Upload::new(&store, &NAME);
        for byte in 0..3 {
            upload.write(piece(byte)).await.unwrap();
        }
        upload.abort().await;
        assert!(content(&memory, &store).await.is_none());
    }

    #[tokio::test]
    async fn what_is_there_stays_whether_the_new_file_is_small_or_large() {
        for pieces in [1, 4] {
            let (memory, store) = store();
            let mut upload = Upload::new(&store, &NAME);
            for byte in 0..pieces {
                upload.write(piece(byte)).await.unwrap();
            }
            memory.put(&store.key(&NAME), "another's".into()).await.unwrap();
            assert_eq!(upload.finish().await.unwrap(), Stored::AlreadyThere);
            assert_eq!(content(&memory, &store).await.unwrap(), "another's");
        }
    }
}
