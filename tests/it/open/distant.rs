//! A store whose every answer takes one unit of time, and time that passes only when nothing else is left to do.
//!
//! So the time that something takes is its number of dependent round trips, whatever the machine does meanwhile. A listing
//! takes one unit for each page of 1,000 keys.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use async_trait::async_trait;
use futures::future::ready;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use lakebed_txlog::drive::{Landing, LogStore};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

const PAGE_KEYS: usize = 1_000;

/// What something took.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    /// Dependent round trips.
    pub(crate) depth: u32,
    /// Requests in the order in which they were made: `get NAME`, `get NAME a..b`, `list N`, with `?` where nothing was.
    pub(crate) requests: Vec<String>,
}

impl Cost {
    /// How many requests begin so.
    pub(crate) fn count(&self, begin: &str) -> usize {
        self.requests.iter().filter(|request| request.starts_with(begin)).count()
    }

    /// How many requests name a file.
    pub(crate) fn of(&self, name: &str) -> usize {
        self.requests.iter().filter(|request| request.contains(name)).count()
    }
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<oneshot::Sender<()>>,
    requests: Vec<String>,
}

/// The store.
#[derive(Debug)]
pub(crate) struct Distant {
    inner: InMemory,
    state: Arc<Mutex<State>>,
}

/// Does `what` with a log behind such a store, and says what it took.
pub(crate) fn measured<T, F: Future<Output = T>>(objects: &InMemory, what: impl FnOnce(LogStore) -> F) -> (T, Cost) {
    let far = Far::new(objects);
    let (done, depth) = far.run(what(far.log()));
    (done, far.cost(depth))
}

/// A store of its own, begun as a copy of another, and a runtime that knows no other time.
pub(crate) struct Far {
    store: Arc<Distant>,
    runtime: Runtime,
}

impl Far {
    pub(crate) fn new(objects: &InMemory) -> Far {
        let store = Arc::new(Distant { inner: objects.fork(), state: Arc::default() });
        // One thread for blocking work: when a task queued behind it has run, so has all of it.
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        Far { store, runtime }
    }

    /// The log behind it.
    pub(crate) fn log(&self) -> LogStore {
        let store: Arc<dyn ObjectStore> = self.store.clone();
        LogStore::new(Arc::clone(&store), store, Path::from("t"), "memory://t", Landing::Late)
    }

    /// What is in it, for others who are near.
    pub(crate) fn objects(&self) -> &InMemory {
        &self.store.inner
    }

    /// What `future` comes to, and its dependent round trips.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> (T, u32) {
        self.runtime.block_on(until_done(future, &self.store.state))
    }

    /// With the requests since the last call.
    pub(crate) fn cost(&self, depth: u32) -> Cost {
        Cost { depth, requests: std::mem::take(&mut self.store.state.lock().unwrap().requests) }
    }
}

async fn until_done<T>(future: impl Future<Output = T>, state: &Mutex<State>) -> (T, u32) {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut depth = 0;
    loop {
        if woken.0.swap(false, Ordering::SeqCst) {
            if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return (done, depth);
            }
            continue;
        }
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        if woken.0.load(Ordering::SeqCst) {
            continue;
        }
        let waiting = std::mem::take(&mut state.lock().unwrap().waiting);
        assert!(!waiting.is_empty(), "it waits for something that isn't the store");
        depth += 1;
        // A request that was given up has no receiver any more.
        for request in waiting {
            let _ = request.send(());
        }
    }
}

impl Distant {
    async fn answer(state: &Mutex<State>) {
        let (send, receive) = oneshot::channel();
        state.lock().unwrap().waiting.push(send);
        receive.await.unwrap();
    }

    fn note(state: &Mutex<State>, request: String) -> usize {
        let requests = &mut state.lock().unwrap().requests;
        requests.push(request);
        requests.len() - 1
    }

    /// The pages of a listing, each asked for when the one before is used up.
    fn pages(&self, all: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
        let state = Arc::clone(&self.state);
        let pages = stream::unfold(Some((all.ready_chunks(PAGE_KEYS), state)), |from| async {
            let (mut all, state) = from?;
            let at = Distant::note(&state, "list".to_owned());
            Distant::answer(&state).await;
            let page = all.next().await.unwrap_or_default();
            state.lock().unwrap().requests[at] = format!("list {}", page.len());
            let last = page.len() < PAGE_KEYS;
            Some((stream::iter(page), (!last).then_some((all, state))))
        });
        pages.flatten().boxed()
    }
}

impl fmt::Display for Distant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "distant {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Distant {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        Distant::note(&self.state, format!("put {}", location.filename().unwrap_or_default()));
        Distant::answer(&self.state).await;
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, at: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let range = match &options.range {
            None => String::new(),
            Some(GetRange::Bounded(range)) => format!(" {}..{}", range.start, range.end),
            Some(GetRange::Suffix(bytes)) => format!(" -{bytes}"),
            Some(GetRange::Offset(from)) => format!(" {from}.."),
        };
        let request = format!("get {}{range}", location.filename().unwrap_or_default());
        let at = Distant::note(&self.state, request);
        Distant::answer(&self.state).await;
        let found = self.inner.get_opts(location, options).await;
        if found.is_err() {
            self.state.lock().unwrap().requests[at].push('?');
        }
        found
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let offset = offset.clone();
        let after = self.inner.list(prefix).try_filter(move |meta| ready(meta.location > offset));
        self.pages(after.boxed())
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
