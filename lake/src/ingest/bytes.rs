//! One file as a plain byte stream: decompressed, counted, read by blocking code.

use std::io::{self, BufReader, Read};

use bytes::Bytes;
use futures::StreamExt;
use lakebed_txlog::{Error, Result};
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::sync::mpsc;

use super::fault;
use super::format::Compression;
use super::source::{Place, Source, of_store};
use super::survey::Progress;

/// Bytes that one read of a file asks for.
const READ_BYTES: usize = 256 << 10;
/// Chunks of an object that wait to be parsed.
const CHUNKS_IN_FLIGHT: usize = 4;
/// Most memory that one xz stream may ask for.
const MAX_XZ_MEMORY_BYTES: u64 = 192 << 20;
/// Largest window of a zstd frame, as the logarithm of its bytes (64 MiB).
const MAX_ZSTD_WINDOW_LOG: u32 = 26;

/// The bytes of `source`, decompressed by its extension. To be called and read on a thread that may block, inside a
/// Tokio runtime when the source is an object. What it reads of the store is told to `progress`.
pub(super) fn open(source: &Source, progress: &Progress) -> Result<Box<dyn Read + Send>> {
    let stored: Box<dyn Read + Send> = match &source.place {
        Place::File(path) => Box::new(std::fs::File::open(path).map_err(|error| fault::of_io(&source.name, error))?),
        Place::Object(store, path) => {
            Box::new(ObjectRead::start(std::sync::Arc::clone(store), path.clone(), source.name.clone()))
        }
    };
    let counted = Counted { inner: stored, progress: progress.clone() };
    let buffered = BufReader::with_capacity(READ_BYTES, counted);
    let io = |error| fault::of_io(&source.name, error);
    Ok(match Compression::of_name(&source.name).1 {
        Compression::Plain => Box::new(buffered),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered).map_err(io)?;
            decoder.window_log_max(MAX_ZSTD_WINDOW_LOG).map_err(io)?;
            Box::new(decoder)
        }
        Compression::Xz => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(MAX_XZ_MEMORY_BYTES, liblzma::stream::CONCATENATED)
                    .map_err(|error| io(error.into()))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(buffered, stream))
        }
    })
}

struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.progress.read_bytes(read as u64);
        Ok(read)
    }
}

/// An object's body, fetched by a task ahead of a blocking reader. Dropping it ends the task at its next chunk.
struct ObjectRead {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
    /// The task said that the body is complete, by an empty chunk. A closed channel alone may be a task that died.
    ended: bool,
}

impl ObjectRead {
    fn start(store: std::sync::Arc<dyn ObjectStore>, path: object_store::path::Path, name: String) -> ObjectRead {
        let (sender, chunks) = mpsc::channel(CHUNKS_IN_FLIGHT);
        tokio::runtime::Handle::current().spawn(async move {
            let failed = |error| Err(io::Error::other(of_store(&name, error)));
            let mut body = match store.get(&path).await {
                Ok(got) => got.into_stream(),
                Err(error) => {
                    let _ = sender.send(failed(error)).await;
                    return;
                }
            };
            while let Some(chunk) = body.next().await {
                let last = chunk.is_err();
                if chunk.as_ref().is_ok_and(Bytes::is_empty) {
                    continue;
                }
                if sender.send(chunk.or_else(failed)).await.is_err() || last {
                    return;
                }
            }
            let _ = sender.send(Ok(Bytes::new())).await;
        });
        ObjectRead { chunks, rest: Bytes::new(), ended: false }
    }
}

impl Read for ObjectRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !self.ended {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.rest = chunk?,
                None => return Err(io::Error::other(Error::unavailable("the fetch of this object was cut off"))),
            }
            self.ended = self.rest.is_empty();
        }
        let taken = self.rest.split_to(self.rest.len().min(buffer.len()));
        if let Some(target) = buffer.get_mut(..taken.len()) {
            target.copy_from_slice(&taken);
        }
        Ok(taken.len())
    }
}
