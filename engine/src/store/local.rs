//! A folder as an object store in which a finished write outlives a crash.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use lakebed_txlog::env::Env;
use lakebed_txlog::{Error, Result};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, UploadPart,
};

use super::durable::{self, Staged};
use super::file_error;

/// Most deletions between two syncs of the folders that they touched.
const DELETIONS_PER_SYNC: usize = 1000;

/// A folder as an object store.
///
/// Listings, and reads of one range, are `object_store`'s own. A write returns once file and folder are synced;
/// `PutMode::Create` takes its place by a hard link, which the kernel makes for one writer only. New folders are synced
/// into their parents. A future that is dropped leaves either the whole file or nothing, and perhaps a temporary file
/// ([`durable::is_temporary`]).
#[derive(Clone, Debug)]
pub struct DurableLocal {
    files: LocalFileSystem,
    folder: PathBuf,
    env: Arc<dyn Env>,
}

impl DurableLocal {
    /// The store of a folder that is there.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is none, `InvalidRequest` where it is a file.
    pub fn open(folder: &FilePath, env: Arc<dyn Env>) -> Result<DurableLocal> {
        let name = || folder.to_string_lossy().into_owned();
        match folder.metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(Error::invalid("a table is a folder, and this is a file").path(name())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::not_found("there is no such folder")
                    .path(name())
                    .hint("check the path, or create the table first")
                    .because(error));
            }
            Err(error) => return Err(file_error(error, "opening the folder", folder)),
        }
        let folder = folder.canonicalize().map_err(|error| file_error(error, "opening the folder", folder))?;
        let files = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|error| super::store_error(error, "opening the folder", &folder.to_string_lossy()))?;
        Ok(DurableLocal { files, folder, env })
    }

    /// The store of a folder, made where there is none.
    ///
    /// # Errors
    ///
    /// Those of [`DurableLocal::open`], and of making the folder.
    pub fn create(folder: &FilePath, env: Arc<dyn Env>) -> Result<DurableLocal> {
        if folder.symlink_metadata().is_err() {
            durable::make_folders(folder).map_err(|error| file_error(error, "making the folder", folder))?;
        }
        DurableLocal::open(folder, env)
    }

    fn refused(&self, operation: &str) -> object_store::Error {
        object_store::Error::NotImplemented { operation: operation.to_owned(), implementer: self.to_string() }
    }
}

impl fmt::Display for DurableLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DurableLocal({})", self.folder.display())
    }
}

#[async_trait]
impl ObjectStore for DurableLocal {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        if !options.attributes.is_empty() {
            return Err(self.refused("put with attributes"));
        }
        let target = self.files.path_to_filesystem(location)?;
        let (id, key) = (self.env.uuid(), location.to_string());
        let (publish, is_new): (fn(Staged) -> io::Result<()>, bool) = match options.mode {
            PutMode::Overwrite => (Staged::publish_over, false),
            PutMode::Create => (Staged::publish_new, true),
            PutMode::Update(_) => return Err(self.refused("put where the object is unchanged")),
        };
        blocking(move || {
            let write = || {
                // Who has lost a race needn't wait for the disk to be told so.
                if is_new && target.symlink_metadata().is_ok() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                let mut staged = Staged::beside(&target, id)?;
                payload.iter().try_for_each(|bytes| staged.file().write_all(bytes))?;
                publish(staged)
            };
            write().map_err(|error| failure(key, "writing", error))
        })
        .await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        if !options.attributes.is_empty() {
            return Err(self.refused("put with attributes"));
        }
        let target = self.files.path_to_filesystem(location)?;
        let (id, key) = (self.env.uuid(), location.to_string());
        let staged = blocking({
            let key = key.clone();
            move || Staged::beside(&target, id).map_err(|error| failure(key, "opening", error))
        })
        .await?;
        Ok(Box::new(LocalUpload { staged: Arc::new(Mutex::new(Some(staged))), offset: 0, key }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        let (target, wanted) = (self.files.path_to_filesystem(location)?, ranges.to_vec());
        match blocking(move || Ok(read_ranges(&target, &wanted).ok())).await? {
            Some(read) => Ok(read),
            // `object_store` says what is wrong.
            None => self.files.get_ranges(location, ranges).await,
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let files = self.files.clone();
        locations
            .ready_chunks(DELETIONS_PER_SYNC)
            .then(move |chunk| {
                let files = files.clone();
                blocking(move || Ok(delete_all(&files, chunk)))
            })
            .flat_map(|deleted| match deleted {
                Ok(outcomes) => stream::iter(outcomes),
                Err(error) => stream::iter(vec![Err(error)]),
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.files.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.files.copy_opts(from, to, options).await?;
        let target = self.files.path_to_filesystem(to)?;
        let key = to.to_string();
        blocking(move || {
            durable::folder_of(&target).and_then(durable::sync_folder).map_err(|error| failure(key, "syncing", error))
        })
        .await
    }
}

/// Ranges of a file, as far as there are. Their memory isn't filled with zeros first: that takes a fiftieth of a full scan.
fn read_ranges(target: &FilePath, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
    let file = File::open(target)?;
    let read = |range: &Range<u64>| {
        let wanted = range.end.checked_sub(range.start).ok_or(io::ErrorKind::InvalidInput)?;
        (&file).seek(SeekFrom::Start(range.start))?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(usize::try_from(wanted).map_err(io::Error::other)?)?;
        (&file).take(wanted).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    };
    ranges.iter().map(read).collect()
}

/// Deletes each file, then syncs each folder that lost one. A folder that can't be synced fails what it lost.
fn delete_all(files: &LocalFileSystem, locations: Vec<object_store::Result<Path>>) -> Vec<object_store::Result<Path>> {
    let mut folders = BTreeSet::new();
    let mut outcomes: Vec<_> = locations
        .into_iter()
        .map(|location| {
            let location = location?;
            let target = files.path_to_filesystem(&location)?;
            durable::remove(&target).map_err(|error| failure(location.to_string(), "deleting", error))?;
            folders.extend(target.parent().map(FilePath::to_owned));
            Ok(location)
        })
        .collect();
    for folder in folders {
        let Err(error) = durable::sync_folder(&folder) else { continue };
        for outcome in &mut outcomes {
            let Ok(location) = outcome else { continue };
            let is_in = files.path_to_filesystem(location).is_ok_and(|target| target.parent() == Some(&folder));
            if is_in {
                let error = io::Error::new(error.kind(), error.to_string());
                *outcome = Err(failure(location.to_string(), "syncing", error));
            }
        }
    }
    outcomes
}

/// An upload in parts: written into one temporary file at their offsets, put in place when complete.
#[derive(Debug)]
struct LocalUpload {
    staged: Arc<Mutex<Option<Staged>>>,
    offset: u64,
    key: String,
}

impl LocalUpload {
    /// The file, out of the reach of parts that are still on their way.
    fn take(&self) -> object_store::Result<Staged> {
        let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner).take();
        staged.ok_or_else(|| failure(self.key.clone(), "writing", io::Error::other("the upload has ended already")))
    }
}

#[async_trait]
impl MultipartUpload for LocalUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let offset = self.offset;
        self.offset += data.content_length() as u64;
        let (staged, key) = (Arc::clone(&self.staged), self.key.clone());
        Box::pin(blocking(move || {
            let mut staged = staged.lock().unwrap_or_else(PoisonError::into_inner);
            let written = match staged.as_mut() {
                Some(staged) => write_at(staged.file(), offset, &data),
                None => Err(io::Error::other("the upload has ended already")),
            };
            written.map_err(|error| failure(key, "writing", error))
        }))
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        let (staged, key) = (self.take()?, self.key.clone());
        blocking(move || staged.publish_over().map_err(|error| failure(key, "writing", error))).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        let staged = self.take()?;
        blocking(move || {
            drop(staged);
            Ok(())
        })
        .await
    }
}

fn write_at(file: &mut File, offset: u64, data: &PutPayload) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    data.iter().try_for_each(|bytes| file.write_all(bytes))
}

/// Runs file operations where they hold up no other task.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> object_store::Result<T> + Send + 'static,
) -> object_store::Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await?,
        Err(_) => work(),
    }
}

fn failure(path: String, attempted: &'static str, source: io::Error) -> object_store::Error {
    match source.kind() {
        io::ErrorKind::NotFound => object_store::Error::NotFound { path, source: source.into() },
        io::ErrorKind::AlreadyExists => object_store::Error::AlreadyExists { path, source: source.into() },
        _ => object_store::Error::Generic {
            store: "DurableLocal",
            source: Box::new(FileFailure { attempted, path, source }),
        },
    }
}

/// A file operation that failed, with the operating system's reason as its source.
#[derive(Debug, thiserror::Error)]
#[error("{attempted} {path}")]
struct FileFailure {
    attempted: &'static str,
    path: String,
    source: io::Error,
}
