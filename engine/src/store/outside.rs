//! Which data files outside the table's folder may be read, and through which store?
//!
//! A shallow clone names the files of its source by absolute paths. Nothing but the caller's allow-list makes such a file
//! readable, and nothing makes it writable: a log must not lead its reader, or vacuum, anywhere else (pitfall H1).

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};

use super::table::near_ranges;

/// The first part of keys that stand for files outside. No key of the table itself begins with it.
pub(super) const OUTSIDE: &str = "_lakebed_outside";

/// A place that may be read, opened.
#[derive(Clone, Debug)]
pub(super) struct Allowed {
    pub(super) store: Arc<dyn ObjectStore>,
    /// The place's root within the store.
    pub(super) root: Path,
}

/// The table's own store, and for keys below [`OUTSIDE`] the places that may be read.
#[derive(Debug)]
pub(super) struct Routed {
    table: Arc<dyn ObjectStore>,
    allowed: Vec<Allowed>,
}

impl Routed {
    pub(super) fn new(table: Arc<dyn ObjectStore>, allowed: Vec<Allowed>) -> Routed {
        Routed { table, allowed }
    }

    /// The key of `below` in the allowed place at `index`.
    pub(super) fn key(index: usize, below: &Path) -> Path {
        super::url::under(&Path::from_iter([OUTSIDE.to_owned(), index.to_string()]), below)
    }

    /// The store and key that `location` stands for; `None` for one of the table.
    fn outside(&self, location: &Path) -> Option<(&Arc<dyn ObjectStore>, Path)> {
        let mut parts = location.parts();
        if parts.next()?.as_ref() != OUTSIDE {
            return None;
        }
        let allowed = self.allowed.get(parts.next()?.as_ref().parse::<usize>().ok()?)?;
        Some((&allowed.store, parts.fold(allowed.root.clone(), Path::join)))
    }

    pub(super) fn is_outside(location: &Path) -> bool {
        location.parts().next().is_some_and(|first| first.as_ref() == OUTSIDE)
    }

    fn check_inside(location: &Path) -> object_store::Result<()> {
        if Routed::is_outside(location) {
            return Err(object_store::Error::PermissionDenied {
                path: location.to_string(),
                source: "files outside the table's folder are never written or deleted".into(),
            });
        }
        Ok(())
    }
}

impl fmt::Display for Routed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, and {} places to read from", self.table, self.allowed.len())
    }
}

#[async_trait]
impl ObjectStore for Routed {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        Routed::check_inside(location)?;
        self.table.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        Routed::check_inside(location)?;
        self.table.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        match self.outside(location) {
            Some((store, key)) => store.get_opts(&key, options).await,
            None => self.table.get_opts(location, options).await,
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        match self.outside(location) {
            Some((store, key)) => near_ranges(store.as_ref(), &key, ranges).await,
            None => self.table.get_ranges(location, ranges).await,
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let checked = locations.map(|location| location.and_then(|path| Routed::check_inside(&path).map(|()| path)));
        self.table.delete_stream(checked.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.table.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.table.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.table.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        Routed::check_inside(from)?;
        Routed::check_inside(to)?;
        self.table.copy_opts(from, to, options).await
    }
}
