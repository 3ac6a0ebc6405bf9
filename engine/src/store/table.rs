//! A table's place, opened: its two store clients and its root within them.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use lakebed_txlog::env::Env;
use lakebed_txlog::path::DataLocation;
use lakebed_txlog::{Error, Result};
use object_store::path::Path;
use object_store::{OBJECT_STORE_COALESCE_DEFAULT, ObjectStore, ObjectStoreExt, coalesce_ranges};

use super::local::DurableLocal;
use super::outside::{Allowed, OUTSIDE, Routed};
use super::settings::StoreSettings;
use super::store_error;
use super::url::{Place, TableUrl, key, under};
use super::{memory, s3};

/// The stores of one table. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TableStore {
    url: TableUrl,
    data: Arc<dyn ObjectStore>,
    commits: Arc<dyn ObjectStore>,
    root: Path,
    outside: Arc<[TableUrl]>,
}

impl TableStore {
    /// The stores of a place that exists. Sends no request; looks at the folder of a local place.
    ///
    /// # Errors
    ///
    /// `NotFound` for a local folder that isn't there, `InvalidRequest` where it is a file; those of the settings.
    pub fn open(url: &TableUrl, settings: &StoreSettings, env: &Arc<dyn Env>) -> Result<TableStore> {
        if let Place::Local(folder) = url.place() {
            let opened = TableStore::of_local(url, DurableLocal::open(folder, Arc::clone(env)))?;
            return opened.with_outside(settings, env);
        }
        TableStore::of_remote(url, settings)?.with_outside(settings, env)
    }

    /// The stores of a place that is to hold a table: a local folder is made, durably, where there is none.
    ///
    /// # Errors
    ///
    /// Those of [`TableStore::open`], and of making the folder.
    pub fn create(url: &TableUrl, settings: &StoreSettings, env: &Arc<dyn Env>) -> Result<TableStore> {
        if let Place::Local(folder) = url.place() {
            let created = TableStore::of_local(url, DurableLocal::create(folder, Arc::clone(env)))?;
            return created.with_outside(settings, env);
        }
        TableStore::of_remote(url, settings)?.with_outside(settings, env)
    }

    /// A table over stores that the caller made: simulators, counters, caches. `commits` must never send a request
    /// twice by itself (pitfall C19).
    #[must_use]
    pub fn over(url: TableUrl, data: Arc<dyn ObjectStore>, commits: Arc<dyn ObjectStore>, root: Path) -> TableStore {
        TableStore { url, data, commits, root, outside: Arc::new([]) }
    }

    /// The table's address.
    #[must_use]
    pub fn url(&self) -> &TableUrl {
        &self.url
    }

    /// For everything but commits: requests are sent again when they fail for a passing reason.
    #[must_use]
    pub fn data(&self) -> &Arc<dyn ObjectStore> {
        &self.data
    }

    /// Ranges of a file of data or vectors; but in a folder, near ones come in one request. What a file that was cut lacks
    /// of a range is missing: whoever asks looks at the lengths.
    ///
    /// # Errors
    /// Those of the store, which may say so where all ranges of a request lie behind the file's end.
    pub async fn ranges(&self, key: &Path, ranges: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        match self.url.place() {
            Place::Local(_) => self.data.get_ranges(key, ranges).await,
            _ => near_ranges(self.data.as_ref(), key, ranges).await,
        }
    }

    /// For commits: no request is sent twice.
    #[must_use]
    pub fn commits(&self) -> &Arc<dyn ObjectStore> {
        &self.commits
    }

    /// The table's root within both stores.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The key of `relative`, a decoded path below the table's root.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` for empty or relative segments and control characters, so that no key leaves the table.
    pub fn key(&self, relative: &str) -> Result<Path> {
        let named = |error: Error| error.table(self.url.to_string());
        let key = under(&self.root, &key(relative).map_err(named)?);
        if Routed::is_outside(&key) {
            return Err(named(Error::invalid(format!("names that begin with {OUTSIDE} are reserved")).path(relative)));
        }
        Ok(key)
    }

    /// The key of a file that the log names, wherever it lies.
    ///
    /// # Errors
    ///
    /// `Unsupported` where it lies outside the table's folder and the settings don't allow its place; those of
    /// [`TableStore::key`].
    pub fn locate(&self, location: &DataLocation) -> Result<Path> {
        let url = match location {
            DataLocation::Relative(path) => return self.key(path.as_str()),
            DataLocation::Absolute(url) => url,
        };
        let named = TableUrl::of_location(url.as_str())?;
        if let Some(below) = self.url.leads_to(&named) {
            return self.key(below.as_ref());
        }
        let mut found = self.outside.iter().enumerate().filter_map(|(at, place)| Some((at, place.leads_to(&named)?)));
        found.next().map(|(at, below)| Routed::key(at, &below)).ok_or_else(|| {
            Error::unsupported("a file of the table lies outside its folder, in a place that isn't allowed")
                .path(url.as_str())
                .table(self.url.to_string())
                .hint("if the table is a clone that you trust, allow the folder that its source lies in (--allow-outside)")
        })
    }

    /// The same stores, with the places that the settings allow to be read.
    fn with_outside(self, settings: &StoreSettings, env: &Arc<dyn Env>) -> Result<TableStore> {
        if settings.outside.is_empty() {
            return Ok(self);
        }
        let only = StoreSettings { outside: Vec::new(), ..settings.clone() };
        let open = |url: &TableUrl| {
            let opened = TableStore::open(url, &only, env)?;
            Ok(Allowed { store: opened.data, root: opened.root })
        };
        let allowed = settings.outside.iter().map(open).collect::<Result<Vec<_>>>()?;
        let data = Arc::new(Routed::new(self.data, allowed));
        Ok(TableStore { data, outside: settings.outside.clone().into(), ..self })
    }

    /// The error of a request to this table's stores; see [`store_error`].
    #[must_use]
    pub fn error(&self, error: object_store::Error, attempted: &str, path: &Path) -> Error {
        store_error(error, attempted, path.as_ref()).table(self.url.to_string())
    }

    fn of_local(url: &TableUrl, opened: Result<DurableLocal>) -> Result<TableStore> {
        let store: Arc<dyn ObjectStore> = Arc::new(opened.map_err(|error| error.table(url.to_string()))?);
        Ok(TableStore::over(url.clone(), Arc::clone(&store), store, Path::ROOT))
    }

    fn of_remote(url: &TableUrl, settings: &StoreSettings) -> Result<TableStore> {
        let (data, commits, prefix) = match url.place() {
            Place::S3 { bucket, prefix } => {
                let clients = s3::clients(bucket, settings).map_err(|error| error.table(url.to_string()))?;
                (clients.data, clients.commits, prefix)
            }
            Place::Memory { name, prefix } => {
                let store: Arc<dyn ObjectStore> = memory::named(name);
                (Arc::clone(&store), store, prefix)
            }
            Place::Local(_) => return Err(Error::bug("a local place has no remote store").table(url.to_string())),
        };
        Ok(TableStore::over(url.clone(), data, commits, prefix.clone()))
    }
}

/// Ranges of an object; near ones come in one request. `object_store`'s own way of it panics where an object ends before
/// a range begins that came in one request with others.
pub(super) async fn near_ranges(
    store: &dyn ObjectStore,
    key: &Path,
    ranges: &[Range<u64>],
) -> object_store::Result<Vec<Bytes>> {
    let whole = |range: Range<u64>| async move {
        let wanted = range.end - range.start;
        match store.get_range(key, range).await {
            Ok(bytes) if bytes.len() as u64 == wanted => Ok(bytes),
            Ok(_) => Err(None),
            Err(error) => Err(Some(error)),
        }
    };
    match coalesce_ranges(ranges, whole, OBJECT_STORE_COALESCE_DEFAULT).await {
        Ok(fetched) => Ok(fetched),
        Err(Some(error)) => Err(error),
        Err(None) => {
            let size = store.head(key).await?.size;
            let mut each = Vec::with_capacity(ranges.len());
            for range in ranges {
                let there = range.start..range.end.min(size);
                each.push(if there.is_empty() { Bytes::new() } else { store.get_range(key, there).await? });
            }
            Ok(each)
        }
    }
}
