//! Which promises of a store can a test break? A store that is honest but for one lie.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use lakebed::store::TableStore;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Listings that a late one leaves a new object out of.
const LATE_LISTINGS: u32 = 3;

/// What a store gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A put-if-absent replaces what is there.
    IgnoresCreate,
    /// A put-if-absent looks first and puts then: two at once both succeed.
    LooksThenPuts,
    /// A put-if-absent isn't implemented.
    LacksCreate,
    /// A new object isn't in the next three listings.
    ListsLate,
    /// What was deleted is still listed.
    ListsDeleted,
    /// A listing after an offset leaves out the last name.
    LosesTheLast,
    /// What is missing is forbidden, as on S3 without permission to list.
    ForbidsMissing,
    /// A read returns what the first write of that key wrote.
    ReadsStale,
    /// A range of an object begins one byte late.
    ShiftsRanges,
    /// Names are lower-cased.
    FoldsCase,
}

#[derive(Default)]
struct State {
    unlisted: HashMap<Path, u32>,
    deleted: HashMap<Path, ObjectMeta>,
    first: HashMap<Path, PutPayload>,
}

/// A store that lies in one way.
pub struct Liar {
    inner: Arc<dyn ObjectStore>,
    lie: Lie,
    state: Arc<Mutex<State>>,
}

/// The same table over a store that lies.
#[must_use]
pub fn lying(store: &TableStore, lie: Lie) -> TableStore {
    let liar: Arc<dyn ObjectStore> = Arc::new(Liar { inner: Arc::clone(store.commits()), lie, state: Arc::default() });
    TableStore::over(store.url().clone(), Arc::clone(&liar), liar, store.root().clone())
}

impl Liar {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, location: &Path) -> Path {
        if self.lie == Lie::FoldsCase { Path::from(location.as_ref().to_lowercase()) } else { location.clone() }
    }

    async fn create(&self, at: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        match self.lie {
            Lie::IgnoresCreate => options.mode = PutMode::Overwrite,
            Lie::LooksThenPuts => {
                let found = self.inner.head(at).await;
                // As long as a round trip takes: whoever asks meanwhile finds nothing either.
                tokio::time::sleep(Duration::from_millis(2)).await;
                if found.is_ok() {
                    return Err(Error::AlreadyExists { path: at.to_string(), source: "found".into() });
                }
                options.mode = PutMode::Overwrite;
            }
            Lie::LacksCreate => {
                return Err(Error::NotImplemented { operation: "put if absent".into(), implementer: "liar".into() });
            }
            _ => {}
        }
        self.inner.put_opts(at, payload, options).await
    }

    /// What a listing makes of the objects that are there.
    fn listed(&self, objects: Vec<ObjectMeta>) -> Vec<ObjectMeta> {
        let mut state = self.lock();
        match self.lie {
            Lie::ListsLate => objects
                .into_iter()
                .filter(|meta| match state.unlisted.get_mut(&meta.location) {
                    Some(left) if *left > 0 => {
                        *left -= 1;
                        false
                    }
                    _ => true,
                })
                .collect(),
            Lie::ListsDeleted => objects.into_iter().chain(state.deleted.drain().map(|(_, meta)| meta)).collect(),
            _ => objects,
        }
    }
}

impl fmt::Debug for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} that lies: {:?}", self.inner, self.lie)
    }
}

#[async_trait]
impl ObjectStore for Liar {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let at = self.at(location);
        let stored = match opts.mode {
            PutMode::Create => self.create(&at, payload.clone(), opts).await?,
            _ => self.inner.put_opts(&at, payload.clone(), opts).await?,
        };
        let mut state = self.lock();
        state.unlisted.entry(at.clone()).or_insert(LATE_LISTINGS);
        state.first.entry(at).or_insert(payload);
        Ok(stored)
    }

    async fn put_multipart_opts(&self, at: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(&self.at(at), opts).await
    }

    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        let at = self.at(location);
        if self.lie == Lie::ShiftsRanges
            && let Some(GetRange::Bounded(range)) = &mut options.range
        {
            range.start += 1;
        }
        let found = self.inner.get_opts(&at, options).await;
        match (self.lie, found) {
            (Lie::ForbidsMissing, Err(Error::NotFound { path, source })) => {
                Err(Error::PermissionDenied { path, source })
            }
            (Lie::ReadsStale, Ok(mut found)) if found.range == (0..found.meta.size) => {
                let first = self.lock().first.get(&at).cloned();
                if let Some(first) = first {
                    let bytes = bytes::Bytes::from(first);
                    found.range = 0..bytes.len() as u64;
                    found.payload = object_store::GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed());
                }
                Ok(found)
            }
            (_, found) => found,
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.lie != Lie::ListsDeleted {
            return self.inner.delete_stream(locations);
        }
        let (inner, state) = (Arc::clone(&self.inner), Arc::clone(&self.state));
        let remembered = locations.then(move |location| {
            let (inner, state) = (Arc::clone(&inner), Arc::clone(&state));
            async move {
                let location = location?;
                if let Ok(meta) = inner.head(&location).await {
                    state.lock().unwrap_or_else(PoisonError::into_inner).deleted.insert(location.clone(), meta);
                }
                Ok(location)
            }
        });
        self.inner.delete_stream(remembered.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let objects = self.inner.list(prefix);
        let liar = Liar { inner: Arc::clone(&self.inner), lie: self.lie, state: Arc::clone(&self.state) };
        let listed = async move {
            let objects: Vec<ObjectMeta> = objects.try_collect().await?;
            Ok::<_, Error>(stream::iter(liar.listed(objects).into_iter().map(Ok)))
        };
        stream::once(listed).try_flatten().boxed()
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let objects = self.inner.list_with_offset(prefix, offset);
        let loses = self.lie == Lie::LosesTheLast;
        let listed = async move {
            let mut objects: Vec<ObjectMeta> = objects.try_collect().await?;
            objects.sort_by(|a, b| a.location.cmp(&b.location));
            if loses {
                objects.pop();
            }
            Ok::<_, Error>(stream::iter(objects.into_iter().map(Ok)))
        };
        stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(&self.at(from), &self.at(to), options).await
    }
}
