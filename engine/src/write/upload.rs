//! How a file's bytes reach the store: one request where they fit one, else parts that are sent as they come.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use lakebed_txlog::{Error, Result};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::store::TableStore;

/// Bytes of every part but the last; some stores want them equal. 10,000 of them make the largest file.
pub(crate) const PART_BYTES: usize = 8 << 20;
/// Bytes that all uploads of one writer may have on their way together.
pub(crate) const BYTES_IN_FLIGHT: usize = 48 << 20;
/// What one permit of the flow stands for.
const PERMIT_BYTES: usize = 1 << 10;

/// The bytes that one writer has on their way, over all its uploads.
pub(crate) type Flow = Arc<Semaphore>;

/// A flow that nothing uses yet.
pub(crate) fn flow() -> Flow {
    Arc::new(Semaphore::new(BYTES_IN_FLIGHT / PERMIT_BYTES))
}

/// One file on its way. Dropped before it is complete, it is aborted in the background, as far as the store lets us.
#[derive(Debug)]
pub(crate) struct Upload {
    store: TableStore,
    key: Path,
    flow: Flow,
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
    total_bytes: u64,
    parts: Option<Parts>,
}

/// An upload in parts. The task that is running holds no reference to the upload.
#[derive(Debug)]
struct Parts {
    upload: Option<Box<dyn MultipartUpload>>,
    running: JoinSet<object_store::Result<()>>,
}

impl Upload {
    pub(crate) fn new(store: &TableStore, key: Path, flow: &Flow) -> Upload {
        Upload {
            store: store.clone(),
            key,
            flow: Arc::clone(flow),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            total_bytes: 0,
            parts: None,
        }
    }

    /// Takes bytes in; sends each part that is full, waiting only while too many bytes are on their way.
    pub(crate) async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        for piece in pieces {
            self.waiting_bytes += piece.len();
            self.total_bytes += piece.len() as u64;
            self.waiting.push_back(piece);
        }
        while self.waiting_bytes > PART_BYTES {
            let part = self.take(PART_BYTES);
            self.send(part).await?;
        }
        Ok(())
    }

    /// Sends what is left; the file is there, durably, once this returns its size.
    pub(crate) async fn finish(mut self) -> Result<u64> {
        let rest = self.take(self.waiting_bytes);
        if self.parts.is_none() {
            let _permit = permit(&self.flow, rest.content_length()).await?;
            self.store.data().put(&self.key, rest).await.map_err(|error| self.failed(error))?;
            return Ok(self.total_bytes);
        }
        if rest.content_length() > 0 {
            self.send(rest).await?;
        }
        while self.settle_one().await? {}
        let upload = self.parts.as_mut().and_then(|parts| parts.upload.as_mut());
        let upload = upload.ok_or_else(|| Error::bug("an upload ended before its end").path(self.key.as_ref()))?;
        let completed = upload.complete().await;
        completed.map_err(|error| self.failed(error))?;
        if let Some(parts) = &mut self.parts {
            parts.upload = None;
        }
        Ok(self.total_bytes)
    }

    /// Whether parts have been sent: a file or request stays open.
    pub(crate) fn is_in_parts(&self) -> bool {
        self.parts.is_some()
    }

    /// Bytes that wait to be sent.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    async fn send(&mut self, part: PutPayload) -> Result<()> {
        let permit = permit(&self.flow, part.content_length()).await?;
        if self.parts.is_none() {
            let upload = self.store.data().put_multipart(&self.key).await.map_err(|error| self.failed(error))?;
            self.parts = Some(Parts { upload: Some(upload), running: JoinSet::new() });
        }
        if let Some(Parts { upload: Some(upload), running }) = &mut self.parts {
            let request = upload.put_part(part);
            running.spawn(async move {
                let _permit = permit;
                request.await
            });
        }
        // A part that has failed already ends the upload before more are sent.
        while let Some(done) = self.parts.as_mut().and_then(|parts| parts.running.try_join_next()) {
            self.settled(done)?;
        }
        Ok(())
    }

    /// Waits for one part; `false` when none is running.
    async fn settle_one(&mut self) -> Result<bool> {
        let Some(parts) = &mut self.parts else { return Ok(false) };
        match parts.running.join_next().await {
            None => Ok(false),
            Some(done) => self.settled(done).map(|()| true),
        }
    }

    fn settled(&self, done: Result<object_store::Result<()>, tokio::task::JoinError>) -> Result<()> {
        match done {
            Ok(sent) => sent.map_err(|error| self.failed(error)),
            Err(error) => Err(Error::bug("the upload of a part was stopped").path(self.key.as_ref()).because(error)),
        }
    }

    /// The first `bytes` of what waits, without a copy.
    fn take(&mut self, bytes: usize) -> PutPayload {
        let mut taken = Vec::new();
        let mut missing = bytes;
        while let Some(mut piece) = self.waiting.pop_front() {
            if piece.len() > missing {
                let rest = piece.split_off(missing);
                self.waiting.push_front(rest);
            }
            missing -= piece.len();
            taken.push(piece);
            if missing == 0 {
                break;
            }
        }
        self.waiting_bytes -= bytes - missing;
        PutPayload::from_iter(taken)
    }

    fn failed(&self, error: object_store::Error) -> Error {
        self.store.error(error, "writing a data file", &self.key)
    }
}

/// Leave to have `bytes` on their way.
async fn permit(flow: &Flow, bytes: usize) -> Result<OwnedSemaphorePermit> {
    let permits = bytes.div_ceil(PERMIT_BYTES).clamp(1, BYTES_IN_FLIGHT / PERMIT_BYTES);
    let permit = Arc::clone(flow).acquire_many_owned(u32::try_from(permits).unwrap_or(u32::MAX)).await;
    permit.map_err(|error| Error::bug("the uploads have been closed").because(error))
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(Parts { upload: Some(mut upload), mut running }) = self.parts.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            running.shutdown().await;
            if let Err(error) = upload.abort().await {
                tracing::warn!(%error, "an upload couldn't be aborted; its parts stay until the store's lifecycle ends them");
            }
        });
    }
}
