//! Which requests does a table make of its store? A store that remembers each, and passes it on.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use lakebed::store::TableStore;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What is asked of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A put if nothing is there.
    Create,
    /// Any other put.
    Put,
    /// The beginning of an upload in parts.
    Multipart,
    /// A read, of a range or the whole.
    Get,
    /// A read of what is known of an object.
    Head,
    /// A listing.
    List,
    /// A deletion.
    Delete,
    /// A copy.
    Copy,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What was asked.
    pub kind: Kind,
    /// Of which object, or below which prefix.
    pub key: String,
    /// Which bytes a read asked for, where it asked for some.
    pub range: Option<Range<u64>>,
}

impl Request {
    /// Its name within the log, where it is one of the log's.
    #[must_use]
    pub fn in_log(&self) -> Option<&str> {
        let (_, name) = self.key.split_once("_delta_log")?;
        Some(name.trim_start_matches('/'))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = format!("{:?}", self.kind).to_lowercase();
        write!(f, "{kind} {}", self.in_log().unwrap_or(&self.key))
    }
}

/// The requests so far, in order. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Mutex<Vec<Request>>>);

impl Requests {
    /// The requests since the last call.
    #[must_use]
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.lock())
    }

    /// How many requests of a kind the log was asked.
    #[must_use]
    pub fn count_in_log(&self, kind: Kind) -> usize {
        self.lock().iter().filter(|request| request.kind == kind && request.in_log().is_some()).count()
    }

    fn add(&self, kind: Kind, key: Option<&Path>) {
        self.add_range(kind, key, None);
    }

    fn add_range(&self, kind: Kind, key: Option<&Path>, range: Option<Range<u64>>) {
        self.lock().push(Request { kind, key: key.map(ToString::to_string).unwrap_or_default(), range });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Request>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The requests of the log as text, in order.
#[must_use]
pub fn of_log(requests: &[Request]) -> Vec<String> {
    requests.iter().filter(|request| request.in_log().is_some()).map(ToString::to_string).collect()
}

/// The requests of anything but the log, in order.
#[must_use]
pub fn beside_log(requests: &[Request]) -> Vec<&Request> {
    requests.iter().filter(|request| request.in_log().is_none()).collect()
}

/// A store that remembers its requests.
#[derive(Debug)]
struct Recording {
    inner: Arc<dyn ObjectStore>,
    requests: Requests,
}

/// The same table, with every request of either client remembered.
#[must_use]
pub fn recorded(store: &TableStore) -> (TableStore, Requests) {
    let requests = Requests::default();
    let wrap = |inner: &Arc<dyn ObjectStore>| -> Arc<dyn ObjectStore> {
        Arc::new(Recording { inner: Arc::clone(inner), requests: requests.clone() })
    };
    let (data, commits) = (wrap(store.data()), wrap(store.commits()));
    (TableStore::over(store.url().clone(), data, commits, store.root().clone()), requests)
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "recording {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Recording {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let kind = if opts.mode == PutMode::Create { Kind::Create } else { Kind::Put };
        self.requests.add(kind, Some(location));
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, at: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.requests.add(Kind::Multipart, Some(at));
        self.inner.put_multipart_opts(at, opts).await
    }

    // `get_ranges` is left as it is: it asks this for every range, so that each counts.
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let range = match &options.range {
            Some(GetRange::Bounded(range)) => Some(range.clone()),
            _ => None,
        };
        self.requests.add_range(if options.head { Kind::Head } else { Kind::Get }, Some(location), range);
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let requests = self.requests.clone();
        let remembered = locations.inspect(move |location| requests.add(Kind::Delete, location.as_ref().ok()));
        self.inner.delete_stream(remembered.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.requests.add(Kind::List, prefix);
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.requests.add(Kind::List, prefix);
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.requests.add(Kind::List, prefix);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.requests.add(Kind::Copy, Some(to));
        self.inner.copy_opts(from, to, options).await
    }
}
