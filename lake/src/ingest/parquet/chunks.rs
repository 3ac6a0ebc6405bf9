//! The bytes of a Parquet file by position, from a file or an object, for blocking code.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::Handle;

use crate::ingest::source::of_store;
use crate::ingest::survey::Progress;

/// Largest piece that is read at once: a page, a dictionary or a footer (pitfall H2).
const MAX_CHUNK_BYTES: usize = 256 << 20;
/// How an object is fetched: pages of a column lie far apart, their headers close before them.
const BLOCK_BYTES: u64 = 2 << 20;
/// Blocks kept: one or two for each column that is being read.
const BLOCKS_KEPT: usize = 64;
/// What a reader of a local file holds in memory.
const BUFFER_BYTES: usize = 64 << 10;

/// A Parquet file, read by position.
pub(super) struct Chunks {
    at: At,
    size_bytes: u64,
    progress: Progress,
}

enum At {
    File(File),
    Object(Arc<Blocks>),
}

struct Blocks {
    store: Arc<dyn ObjectStore>,
    path: object_store::path::Path,
    name: String,
    size_bytes: u64,
    runtime: Handle,
    /// The latest used last.
    kept: Mutex<VecDeque<(u64, Bytes)>>,
}

impl Chunks {
    pub(super) fn of_file(file: File, size_bytes: u64, progress: Progress) -> Chunks {
        Chunks { at: At::File(file), size_bytes, progress }
    }

    /// To be made inside a Tokio runtime.
    pub(super) fn of_object(
        store: Arc<dyn ObjectStore>,
        path: object_store::path::Path,
        name: &str,
        size_bytes: u64,
        progress: Progress,
    ) -> Chunks {
        let (runtime, name) = (Handle::current(), name.to_owned());
        let blocks = Blocks { store, path, name, size_bytes, runtime, kept: Mutex::default() };
        Chunks { at: At::Object(Arc::new(blocks)), size_bytes, progress }
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.size_bytes
    }
}

impl ChunkReader for Chunks {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> ParquetResult<Box<dyn Read + Send>> {
        match &self.at {
            At::File(file) => {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(start))?;
                Ok(Box::new(io::BufReader::with_capacity(BUFFER_BYTES, file)))
            }
            At::Object(blocks) => {
                Ok(Box::new(BlockRead { blocks: Arc::clone(blocks), position: start, rest: Bytes::new() }))
            }
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if length > MAX_CHUNK_BYTES {
            return Err(ParquetError::General(format!(
                "a piece of {length} bytes is larger than {} MiB",
                MAX_CHUNK_BYTES >> 20
            )));
        }
        let mut bytes = Vec::with_capacity(length);
        self.get_read(start)?.take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!("expected {length} bytes at {start}, found {}", bytes.len())));
        }
        self.progress.read_bytes(length as u64);
        Ok(bytes.into())
    }
}

struct BlockRead {
    blocks: Arc<Blocks>,
    position: u64,
    rest: Bytes,
}

impl Read for BlockRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = self.blocks.from(self.position)?;
        }
        let taken = self.rest.len().min(buffer.len());
        if let Some(target) = buffer.get_mut(..taken) {
            self.rest.copy_to_slice(target);
        }
        self.position += taken as u64;
        Ok(taken)
    }
}

impl Blocks {
    /// The bytes from `position` to the end of its block; none at the end of the object.
    fn from(&self, position: u64) -> io::Result<Bytes> {
        if position >= self.size_bytes {
            return Ok(Bytes::new());
        }
        let number = position / BLOCK_BYTES;
        let within = usize::try_from(position % BLOCK_BYTES).unwrap_or(usize::MAX);
        let block = self.block(number)?;
        Ok(if within < block.len() { block.slice(within..) } else { Bytes::new() })
    }

    fn block(&self, number: u64) -> io::Result<Bytes> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.iter().position(|(kept, _)| *kept == number)
            && let Some((_, block)) = kept.remove(place)
        {
            kept.push_back((number, block.clone()));
            return Ok(block);
        }
        let start = number * BLOCK_BYTES;
        let range = start..(start + BLOCK_BYTES).min(self.size_bytes);
        let fetched = self.runtime.block_on(self.store.get_range(&self.path, range));
        let block = fetched.map_err(|error| io::Error::other(of_store(&self.name, error)))?;
        if kept.len() >= BLOCKS_KEPT {
            kept.pop_front();
        }
        kept.push_back((number, block.clone()));
        Ok(block)
    }
}
