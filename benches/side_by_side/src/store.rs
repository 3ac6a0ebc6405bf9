//! What does an operation ask of its store? A layer that counts requests, delays them, and meters the store's own CPU.
//!
//! It answers as S3 does: a listing is one request for each thousand keys, and `get_ranges` stays at the trait's default,
//! so that it is coalesced into the ranged GETs that the S3 client would send.
//!
//! **Depth** is the length of the longest chain of requests of which each began after the one before it was answered. With
//! a latency far above the time between two requests that don't wait for each other, it is the number of dependent round
//! trips.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use serde_json::{Value, json};

use crate::measure::clock;

/// Keys that S3 answers a LIST with.
const KEYS_A_PAGE: usize = 1000;

/// The layer. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct Counted {
    inner: Arc<dyn ObjectStore>,
    latency: Duration,
    counts: Arc<Mutex<Counts>>,
}

/// What was asked since the last [`Counted::take`].
#[derive(Clone, Debug, Default)]
pub struct Counts {
    by_kind: BTreeMap<&'static str, u64>,
    /// Bytes of answers to GETs, as far as their ranges say.
    pub read_bytes: u64,
    /// Bytes of PUTs.
    pub written_bytes: u64,
    /// The longest chain of dependent requests.
    pub depth: u64,
    /// CPU time spent inside the store, by threads that asked it.
    pub cpu: Duration,
    /// Kind and key of each request, in the order of their beginning.
    pub log: Vec<String>,
}

impl Counts {
    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.by_kind.values().sum()
    }

    /// As a JSON object.
    pub fn json(&self) -> Value {
        json!({
            "requests": self.requests(), "by_kind": self.by_kind, "depth": self.depth,
            "read_bytes": self.read_bytes, "written_bytes": self.written_bytes,
        })
    }
}

impl Counted {
    /// A layer over `inner` that delays every request by `latency`.
    pub fn new(inner: Arc<dyn ObjectStore>, latency: Duration) -> Counted {
        Counted { inner, latency, counts: Arc::default() }
    }

    /// A layer over another store that counts together with this one.
    pub fn over(&self, inner: Arc<dyn ObjectStore>) -> Counted {
        Counted { inner, ..self.clone() }
    }

    /// What was asked since the last call.
    pub fn take(&self) -> Counts {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a request begins, and how deep it is.
    fn begin(&self, kind: &'static str, key: &Path) -> u64 {
        let mut counts = self.lock();
        *counts.by_kind.entry(kind).or_default() += 1;
        counts.log.push(format!("{kind} {}", key.filename().unwrap_or_default()));
        counts.depth + 1
    }

    /// Notes that a request of this depth is answered.
    fn end(&self, depth: u64) {
        let mut counts = self.lock();
        counts.depth = counts.depth.max(depth);
    }

    /// One request: counted, delayed, metered.
    async fn request<T>(&self, kind: &'static str, key: &Path, asked: impl Future<Output = T> + Send) -> T {
        let depth = self.begin(kind, key);
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        let answer = Metered { inner: Box::pin(asked), counts: Arc::clone(&self.counts) }.await;
        self.end(depth);
        answer
    }

    /// A listing in pages, each a request.
    fn pages(
        &self,
        prefix: Option<&Path>,
        listed: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let this = self.clone();
        let key = prefix.cloned().unwrap_or_default();
        let pages = listed.chunks(KEYS_A_PAGE).boxed();
        futures::stream::unfold((this, key, pages, false), |(this, key, mut pages, done)| async move {
            if done {
                return None;
            }
            let page = this.request("LIST", &key, pages.next()).await.unwrap_or_default();
            let last = page.len() < KEYS_A_PAGE;
            Some((futures::stream::iter(page), (this, key, pages, last)))
        })
        .flatten()
        .boxed()
    }
}

/// A future whose polls' CPU time is added up.
struct Metered<'a, T> {
    inner: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    counts: Arc<Mutex<Counts>>,
}

impl<T> Future for Metered<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let began = clock::thread_cpu();
        let polled = self.inner.as_mut().poll(context);
        let spent = clock::thread_cpu().saturating_sub(began);
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).cpu += spent;
        polled
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counted({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Counted {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let kind = if matches!(options.mode, PutMode::Create) { "PUT-IF-ABSENT" } else { "PUT" };
        self.lock().written_bytes += payload.content_length() as u64;
        self.request(kind, location, self.inner.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let asked = self.inner.put_multipart_opts(location, options);
        let inner = self.request("MULTIPART", location, asked).await?;
        Ok(Box::new(Parts { inner, store: self.clone(), key: location.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let kind = match &options {
            o if o.head => "HEAD",
            o if o.range.is_some() => "GET-RANGE",
            _ => "GET",
        };
        let answer = self.request(kind, location, self.inner.get_opts(location, options)).await;
        if let (Ok(found), true) = (&answer, kind != "HEAD") {
            self.lock().read_bytes += found.range.end - found.range.start;
        }
        answer
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let counted = locations.inspect_ok(move |key| {
            let depth = this.begin("DELETE", key);
            this.end(depth);
        });
        self.inner.delete_stream(counted.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(prefix, self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(prefix, self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let key = prefix.cloned().unwrap_or_default();
        let listed = self.request("LIST", &key, self.inner.list_with_delimiter(prefix)).await?;
        for _ in 1..(listed.objects.len() + listed.common_prefixes.len()).div_ceil(KEYS_A_PAGE) {
            self.request("LIST", &key, std::future::ready(())).await;
        }
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.request("COPY", to, self.inner.copy_opts(from, to, options)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.request("RENAME", to, self.inner.rename_opts(from, to, options)).await
    }
}

/// An upload in parts, each a request.
#[derive(Debug)]
struct Parts {
    inner: Box<dyn MultipartUpload>,
    store: Counted,
    key: Path,
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (store, key) = (self.store.clone(), self.key.clone());
        store.lock().written_bytes += data.content_length() as u64;
        let part = self.inner.put_part(data);
        Box::pin(async move { store.request("PART", &key, part).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let (store, key) = (self.store.clone(), self.key.clone());
        store.request("COMPLETE", &key, self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
