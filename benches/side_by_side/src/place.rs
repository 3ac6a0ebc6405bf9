//! Where is a table, and by which store is it reached?

use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lakebed_txlog::drive::Landing;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt, RetryConfig};
use url::Url;

use crate::Res;
use crate::durable::Durable;
use crate::server::{Access, Server};
use crate::store::Counted;

/// The kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The process's memory.
    Memory,
    /// A folder, nothing synced.
    Local,
    /// A folder, every put synced with its folder.
    Durable,
    /// A real S3 server on the loopback interface.
    S3,
}

impl Kind {
    /// By its name.
    pub fn named(name: &str) -> Res<Kind> {
        match name {
            "memory" => Ok(Kind::Memory),
            "local" => Ok(Kind::Local),
            "durable" => Ok(Kind::Durable),
            "s3" => Ok(Kind::S3),
            _ => Err(format!("no store {name:?}; there are memory, local, durable, s3").into()),
        }
    }
}

/// A table's place. Cheap to clone.
#[derive(Clone)]
pub struct Place {
    /// As the rivals want it.
    pub url: Url,
    /// The table's root in the store.
    pub root: Path,
    /// The store that everyone is given.
    pub store: Arc<dyn ObjectStore>,
    /// The store for our commits: the same, but for S3 by a client that sends nothing twice.
    pub commits: Arc<dyn ObjectStore>,
    /// Whether a put can take effect after it has failed.
    pub landing: Landing,
    /// What goes when this does.
    held: Option<Arc<Held>>,
}

/// What lives as long as a place.
enum Held {
    Folder(PathBuf),
    Server(Server),
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Held::Folder(folder) = self {
            // It is a copy below the folder of this run: what stays is swept with that.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

impl Place {
    /// A table in a folder that there is, to be read.
    pub fn local(folder: &FilePath) -> Res<Place> {
        Place::folder(folder, Arc::new(LocalFileSystem::new()))
    }

    fn folder(folder: &FilePath, store: Arc<dyn ObjectStore>) -> Res<Place> {
        let folder = folder.canonicalize()?;
        let url = Url::from_directory_path(&folder).map_err(|()| "not an absolute folder")?;
        let root = Path::from_absolute_path(&folder)?;
        Ok(Place { url, root, commits: Arc::clone(&store), store, landing: Landing::AtOnce, held: None })
    }

    /// A copy of the table in `folder`, which goes with the place. Its files are linked: none is written over.
    pub fn scratch(folder: &FilePath, data: &FilePath, kind: Kind) -> Res<Place> {
        let copy = scratch_folder(data);
        let log = copy.join("_delta_log");
        fs::create_dir_all(&log)?;
        for entry in fs::read_dir(folder.join("_delta_log"))? {
            let from = entry?.path();
            let to = log.join(from.file_name().unwrap_or_default());
            // The hint is replaced in place by some.
            if from.ends_with("_last_checkpoint") {
                fs::copy(&from, &to).map(|_| ())?
            } else {
                fs::hard_link(&from, &to)?
            }
        }
        Place::existing(copy, kind)
    }

    fn existing(folder: PathBuf, kind: Kind) -> Res<Place> {
        let store: Arc<dyn ObjectStore> = match kind {
            Kind::Durable => Arc::new(Durable::new()),
            _ => Arc::new(LocalFileSystem::new()),
        };
        let place = Place::folder(&folder, store)?;
        Ok(Place { held: Some(Arc::new(Held::Folder(folder))), ..place })
    }

    /// An empty place of this kind.
    pub fn empty(kind: Kind, data: &FilePath) -> Res<Place> {
        match kind {
            Kind::Memory => Place::memory(Arc::new(InMemory::new())),
            Kind::Local | Kind::Durable => {
                let folder = scratch_folder(data);
                fs::create_dir_all(folder.join("_delta_log"))?;
                Place::existing(folder, kind)
            }
            Kind::S3 => Place::s3(),
        }
    }

    fn memory(store: Arc<dyn ObjectStore>) -> Res<Place> {
        Ok(Place {
            url: Url::parse("memory:///t/")?,
            root: Path::from("t"),
            commits: Arc::clone(&store),
            store,
            landing: Landing::AtOnce,
            held: None,
        })
    }

    fn s3() -> Res<Place> {
        let server = Server::start()?;
        let place = Place::behind(&server.access)?;
        Ok(Place { held: Some(Arc::new(Held::Server(server))), ..place })
    }

    /// A server that runs for as long as someone else holds it.
    fn behind(access: &Access) -> Res<Place> {
        let client = |retry: RetryConfig| {
            AmazonS3Builder::new()
                .with_endpoint(&access.endpoint)
                .with_allow_http(true)
                .with_virtual_hosted_style_request(false)
                .with_access_key_id(&access.access_key)
                .with_secret_access_key(&access.secret_key)
                .with_region(&access.region)
                .with_bucket_name(&access.bucket)
                .with_retry(retry)
                .build()
        };
        let never =
            RetryConfig { max_retries: 0, retry_timeout: Duration::from_secs(30), backoff: BackoffConfig::default() };
        Ok(Place {
            // Everyone is handed the store: the URL only has to be one that delta-rs knows without its AWS crate.
            url: Url::parse("memory:///t/")?,
            root: Path::from("t"),
            store: Arc::new(client(RetryConfig::default())?),
            commits: Arc::new(client(never)?),
            landing: Landing::Late,
            held: None,
        })
    }

    /// What another process needs to know to reach it by [`Place::reached`]. A place in memory can't be.
    pub fn address(&self) -> Res<String> {
        match self.held.as_deref() {
            Some(Held::Folder(folder)) => Ok(folder.to_str().ok_or("a folder whose name isn't text")?.to_owned()),
            Some(Held::Server(server)) => Ok(server.access.text()),
            None => Err("no other process can reach this place: --store durable, local or s3".into()),
        }
    }

    /// The place at an address, which stays when this goes.
    pub fn reached(kind: Kind, address: &str) -> Res<Place> {
        match kind {
            Kind::Memory => Err("no other process can reach this place: --store durable, local or s3".into()),
            Kind::Local => Place::local(FilePath::new(address)),
            Kind::Durable => Place::folder(FilePath::new(address), Arc::new(Durable::new())),
            Kind::S3 => Place::behind(&Access::parse(address)?),
        }
    }

    /// Copies the log in `folder` here.
    pub async fn upload(&self, folder: &FilePath) -> Res<()> {
        for entry in fs::read_dir(folder.join("_delta_log"))? {
            let from = entry?.path();
            let name = from.file_name().and_then(|name| name.to_str()).ok_or("a name that isn't text")?;
            let bytes = fs::read(&from)?;
            self.store.put(&self.root.clone().join("_delta_log").join(name), bytes.into()).await?;
        }
        Ok(())
    }

    /// The same place through a layer that counts, and delays each request by `latency`.
    pub fn counted(&self, latency: Duration) -> (Place, Counted) {
        let counted = Counted::new(Arc::clone(&self.store), latency);
        let commits = Arc::new(counted.over(Arc::clone(&self.commits)));
        (Place { store: Arc::new(counted.clone()), commits, ..self.clone() }, counted)
    }
}

/// A folder of this process that isn't there yet.
fn scratch_folder(data: &FilePath) -> PathBuf {
    let taken = |n: &u32| !data.join(format!("scratch-{}-{n}", std::process::id())).exists();
    let n = (0..).find(taken).unwrap_or_default();
    data.join(format!("scratch-{}-{n}", std::process::id()))
}
