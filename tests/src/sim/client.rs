//! How does a process reach the store, the time and its random numbers?

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use lakebed::store::{TableStore, TableUrl};
use lakebed_txlog::TimestampMs;
use lakebed_txlog::drive::{Landing, LogStore};
use lakebed_txlog::env::Env;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use uuid::Uuid;

use super::objects::{BEGIN_MS, generic};
use super::plan::ProcessId;
use super::request::{Call, End, Reply};
use super::rng::Rng;
use super::world::World;

/// Keys that are deleted by one request.
const BULK: usize = 1_000;
/// Pieces in which a body arrives.
const PIECES: usize = 2;

/// Whether a client repeats a request that failed for a passing reason by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retries {
    /// Never, as one for commits.
    No,
    /// Up to three times, as those for everything else do.
    Three,
}

/// A process's client of the store.
#[derive(Clone)]
pub struct Client {
    world: World,
    process: ProcessId,
    retries: Retries,
}

/// The table at `root`, as a process sees it over the network.
///
/// # Panics
/// Where `root` can't be part of an address.
#[must_use]
pub fn table_store(world: &World, process: ProcessId, root: &str, retries: Retries) -> TableStore {
    let url = TableUrl::parse(&format!("s3://simulated/{root}")).expect("an address");
    let (data, commits) = clients(world, process, retries);
    TableStore::over(url, data, commits, Path::from(root))
}

/// The log of the table at `root`, as a process sees it over the network.
#[must_use]
pub fn log_store(world: &World, process: ProcessId, root: &str, retries: Retries) -> LogStore {
    let (data, commits) = clients(world, process, retries);
    LogStore::new(data, commits, Path::from(root), root, Landing::Late)
}

/// A client of a process's own.
#[must_use]
pub fn client(world: &World, process: ProcessId, retries: Retries) -> Arc<dyn ObjectStore> {
    Arc::new(Client { world: world.clone(), process, retries })
}

fn clients(world: &World, process: ProcessId, retries: Retries) -> (Arc<dyn ObjectStore>, Arc<dyn ObjectStore>) {
    (client(world, process, retries), client(world, process, Retries::No))
}

/// A process's time and random numbers.
pub struct SimEnv {
    world: World,
    process: ProcessId,
    skew_ms: i64,
    rng: Mutex<Rng>,
}

impl SimEnv {
    /// Those of a process whose clock is this much ahead of the store's.
    #[must_use]
    pub fn shared(world: &World, process: ProcessId, seed: u64, skew_ms: i64) -> Arc<dyn Env> {
        let rng = Mutex::new(Rng::of(seed, 0xe000 + u64::from(process)));
        Arc::new(SimEnv { world: world.clone(), process, skew_ms, rng })
    }
}

impl fmt::Debug for SimEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimEnv").field("skew_ms", &self.skew_ms).finish_non_exhaustive()
    }
}

impl Env for SimEnv {
    fn now(&self) -> TimestampMs {
        let since_begin = i64::try_from(self.world.now().as_millis()).unwrap_or(i64::MAX / 2);
        TimestampMs(BEGIN_MS + since_begin + self.skew_ms)
    }

    fn monotonic(&self) -> Duration {
        self.world.now()
    }

    fn uuid(&self) -> Uuid {
        let uuid = self.rng.lock().unwrap_or_else(PoisonError::into_inner).uuid();
        self.world.takes(self.process, uuid);
        uuid
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let world = self.world.clone();
        async move { world.sleep(duration).await }.boxed()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client of process {}", self.process)
    }
}

impl Client {
    async fn ask(&self, call: Call) -> Result<Reply> {
        let mut pause = Duration::from_millis(100);
        let mut left = if self.retries == Retries::Three { 3 } else { 0 };
        loop {
            match self.world.ask(self.process, call.clone()).await {
                Err(Error::Generic { .. }) if left > 0 => {
                    left -= 1;
                    self.world.sleep(pause).await;
                    pause *= 2;
                }
                answer => return answer,
            }
        }
    }

    fn delete_page(&self, page: Vec<Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let client = self.clone();
        let deleted = async move {
            let keys = match page.into_iter().collect::<Result<Vec<Path>>>() {
                Ok(keys) => keys,
                Err(error) => return vec![Err(error)],
            };
            let count = keys.len();
            match client.ask(Call::Delete { keys }).await {
                Ok(Reply::Deleted(outcomes)) => outcomes,
                Ok(_) => vec![Err(unexpected())],
                Err(error) => {
                    let said = error.to_string();
                    (0..count).map(|_| Err(generic(&said))).collect()
                }
            }
        };
        stream::once(deleted).flat_map(stream::iter).boxed()
    }

    fn listing(&self, call: Call) -> BoxStream<'static, Result<ObjectMeta>> {
        let client = self.clone();
        let listed = async move {
            let listed: Vec<Result<ObjectMeta>> = match client.ask(call).await {
                Ok(Reply::Listed(objects, end)) => {
                    let broken = (end == End::Broken).then(|| Err(generic("the listing broke off")));
                    objects.into_iter().map(Ok).chain(broken).collect()
                }
                Ok(_) => vec![Err(unexpected())],
                Err(error) => vec![Err(error)],
            };
            listed
        };
        stream::once(listed).flat_map(stream::iter).boxed()
    }
}

fn unexpected() -> Error {
    generic("an answer to another request")
}

fn stored(reply: Result<Reply>) -> Result<PutResult> {
    match reply? {
        Reply::Stored { etag } => Ok(PutResult { e_tag: Some(etag), version: None }),
        _ => Err(unexpected()),
    }
}

#[async_trait]
impl ObjectStore for Client {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let create = match opts.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            PutMode::Update(_) => return Err(generic("an update isn't simulated")),
        };
        stored(self.ask(Call::Put { key: location.clone(), bytes: payload.into(), create }).await)
    }

    async fn put_multipart_opts(&self, at: &Path, _opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        match self.ask(Call::Begin { key: at.clone() }).await? {
            Reply::Begun(upload) => Ok(Box::new(Parts { client: self.clone(), upload, next: 0 })),
            _ => Err(unexpected()),
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let Reply::Found { meta, range, bytes, end } = self.ask(Call::Get { key: location.clone(), options }).await?
        else {
            return Err(unexpected());
        };
        let size = bytes.len().div_ceil(PIECES).max(1);
        let mut pieces: Vec<Result<bytes::Bytes>> =
            (0..bytes.len()).step_by(size).map(|at| Ok(bytes.slice(at..bytes.len().min(at + size)))).collect();
        if end == End::Broken {
            pieces.push(Err(generic("the connection broke")));
        }
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter(pieces).boxed()),
            meta,
            range,
            attributes: Default::default(),
        })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let client = self.clone();
        locations.chunks(BULK).flat_map(move |page| client.delete_page(page)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(Call::List { prefix: prefix.cloned(), after: None })
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(Call::List { prefix: prefix.cloned(), after: Some(offset.clone()) })
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Path>) -> Result<ListResult> {
        Err(generic("a listing by folder isn't simulated"))
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(generic("a copy isn't simulated"))
    }
}

/// An upload in parts.
#[derive(Debug)]
struct Parts {
    client: Client,
    upload: u64,
    next: usize,
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (client, upload, number) = (self.client.clone(), self.upload, self.next);
        self.next += 1;
        async move { client.ask(Call::Part { upload, number, bytes: data.into() }).await.map(|_| ()) }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        stored(self.client.ask(Call::Complete { upload: self.upload }).await)
    }

    async fn abort(&mut self) -> Result<()> {
        self.client.ask(Call::Abort { upload: self.upload }).await.map(|_| ())
    }
}
