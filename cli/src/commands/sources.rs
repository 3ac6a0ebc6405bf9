//! Files to ingest, as a person names them: paths, folders, URLs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakebed::store::{Place, TableStore, TableUrl};
use lakebed_lake::ingest::{Format, Source, source::Found};
use lakebed_txlog::{Error, Result};

use crate::context::Context;

/// The files that `locations` name, in order. Local paths: what the file system says; objects: a HEAD, perhaps a LIST.
///
/// # Errors
/// A location that isn't there, may not be read, or holds nothing to ingest.
pub(super) async fn find(locations: &[String], format: Option<Format>, context: &Context) -> Result<Found> {
    let mut all = Found::default();
    for location in locations {
        let found = match local(location)? {
            Some(path) => Source::find(&path, format)?,
            None => remote(location, format, context).await?,
        };
        all.sources.extend(found.sources);
        all.ignored.extend(found.ignored);
    }
    Ok(all)
}

/// The path that `location` names as it was typed, so that messages say the same; `None` for what is elsewhere.
fn local(location: &str) -> Result<Option<PathBuf>> {
    if !location.contains("://") && !location.starts_with("file:") {
        return Ok(Some(Path::new(location).to_owned()));
    }
    match TableUrl::parse(location)?.place() {
        Place::Local(path) => Ok(Some(path.clone())),
        Place::S3 { .. } | Place::Memory { .. } => Ok(None),
    }
}

async fn remote(location: &str, format: Option<Format>, context: &Context) -> Result<Found> {
    let url = TableUrl::parse(location)?;
    let store = TableStore::open(&url, &context.settings, &context.env)?;
    let top = match url.place() {
        Place::S3 { bucket, .. } => format!("s3://{bucket}"),
        Place::Memory { name, .. } => format!("memory://{name}"),
        Place::Local(_) => return Err(Error::bug("a local path is no object").path(location)),
    };
    Source::find_objects(Arc::clone(store.data()), store.root(), &top, format).await
}
