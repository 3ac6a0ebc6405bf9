//! Which files a location names.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::TryStreamExt;
use lakebed::store::store_error;
use lakebed_txlog::{Error, Result};
use object_store::{ObjectStore, ObjectStoreExt};

use super::fault;
use super::format::Format;

/// Most files of one ingest.
const MAX_FILES: usize = 1_000_000;
/// Deepest folder below the one given; also what ends a loop of links.
const MAX_FOLDER_DEPTH: usize = 64;

/// One file or object to read.
#[derive(Clone)]
pub struct Source {
    pub(super) name: String,
    pub(super) size_bytes: u64,
    pub(super) place: Place,
}

#[derive(Clone)]
pub(super) enum Place {
    File(PathBuf),
    Object(Arc<dyn ObjectStore>, object_store::path::Path),
}

/// What a location holds.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The files to read, in the order of their names.
    pub sources: Vec<Source>,
    /// Files of the folder whose extension isn't one of a format: they aren't read.
    pub ignored: Vec<String>,
}

impl Source {
    /// The path or URL, as messages name it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes are stored.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The local file at `path`, or every file below it when it is a folder: names that begin with `.` or `_` left out,
    /// files whose extension isn't one of a format ignored unless `format` says what they are.
    ///
    /// # Errors
    /// What isn't there, may not be read, holds no file to read, or is a Delta table.
    pub fn find(path: &Path, format: Option<Format>) -> Result<Found> {
        let name = path.display().to_string();
        let metadata = std::fs::metadata(path).map_err(|error| fault::of_io(&name, error))?;
        let mut found = Found::default();
        if metadata.is_dir() {
            walk(path, format, 0, &mut found)?;
            found.check(&name)?;
        } else {
            found.sources.push(Source { name, size_bytes: metadata.len(), place: Place::File(path.to_owned()) });
        }
        Ok(found)
    }

    /// The object at `path` of `store`, or every object below it when there is none; otherwise as [`Source::find`].
    /// `root` is the URL of the store's top, for messages. One HEAD, and where there is no such object one LIST.
    ///
    /// # Errors
    /// As [`Source::find`]; what the store refuses or fails at.
    pub async fn find_objects(
        store: Arc<dyn ObjectStore>,
        path: &object_store::path::Path,
        root: &str,
        format: Option<Format>,
    ) -> Result<Found> {
        let named =
            |location: &object_store::path::Path| format!("{}/{location}", root.strip_suffix('/').unwrap_or(root));
        let mut found = Found::default();
        match store.head(path).await {
            Ok(meta) => {
                let place = Place::Object(store, meta.location.clone());
                found.sources.push(Source { name: named(&meta.location), size_bytes: meta.size, place });
                return Ok(found);
            }
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(of_store(&named(path), error)),
        }
        let mut objects = store.list(Some(path));
        while let Some(meta) = objects.try_next().await.map_err(|error| of_store(&named(path), error))? {
            let below: Vec<String> =
                meta.location.prefix_match(path).into_iter().flatten().map(|part| part.as_ref().to_owned()).collect();
            if below.iter().any(|part| part == "_delta_log") {
                return Err(is_a_table(&named(path)));
            }
            if below.iter().any(|part| part.starts_with(['.', '_'])) {
                continue;
            }
            let name = named(&meta.location);
            found.take(
                Source { name, size_bytes: meta.size, place: Place::Object(Arc::clone(&store), meta.location) },
                format,
            )?;
        }
        found.sources.sort_by(|a, b| a.name.cmp(&b.name));
        found.check(&named(path))?;
        Ok(found)
    }
}

impl Found {
    fn take(&mut self, source: Source, format: Option<Format>) -> Result<()> {
        if self.sources.len() >= MAX_FILES {
            return Err(Error::exhausted(format!("more than {MAX_FILES} files to ingest at once"))
                .path(source.name)
                .hint("ingest the folders one by one"));
        }
        if format.is_some() || Format::of_name(&source.name).is_some() {
            self.sources.push(source);
        } else {
            self.ignored.push(source.name);
        }
        Ok(())
    }

    fn check(&self, folder: &str) -> Result<()> {
        if !self.sources.is_empty() {
            return Ok(());
        }
        let error = if self.ignored.is_empty() {
            Error::not_found("there is nothing to ingest here").hint("check the path")
        } else {
            Error::not_found(format!("none of the {} files here has an extension of a format", self.ignored.len()))
                .hint("say what they are with --format")
        };
        Err(error.path(folder))
    }
}

fn walk(folder: &Path, format: Option<Format>, depth: usize, found: &mut Found) -> Result<()> {
    let name = folder.display().to_string();
    if depth > MAX_FOLDER_DEPTH {
        return Err(Error::exhausted(format!("folders are nested deeper than {MAX_FOLDER_DEPTH}"))
            .path(name)
            .hint("look for a link that points back up"));
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(|error| fault::of_io(&name, error))?;
    entries.sort();
    for path in entries {
        let name = path.display().to_string();
        let last = path.file_name().map(|last| last.to_string_lossy().into_owned()).unwrap_or_default();
        if last == "_delta_log" {
            return Err(is_a_table(&folder.display().to_string()));
        }
        if last.starts_with(['.', '_']) {
            continue;
        }
        let metadata = std::fs::metadata(&path).map_err(|error| fault::of_io(&name, error))?;
        if metadata.is_dir() {
            walk(&path, format, depth + 1, found)?;
        } else {
            found.take(Source { name, size_bytes: metadata.len(), place: Place::File(path) }, format)?;
        }
    }
    Ok(())
}

fn is_a_table(name: &str) -> Error {
    Error::invalid("this folder is a Delta table, whose files are not all live")
        .path(name)
        .hint("use `lakebed promote`, or `lakebed table read` to write its rows to a file")
}

/// The error of reading `name` from a store.
pub(super) fn of_store(name: &str, error: object_store::Error) -> Error {
    store_error(error, "reading what is to be ingested", name)
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("size_bytes", &self.size_bytes).finish()
    }
}
