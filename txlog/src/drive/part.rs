//! How are the bytes of one file of a checkpoint fetched?
//!
//! | file | requests | round trips |
//! |---|---|---|
//! | JSON; Parquet of at most [`whole_bytes`] | one for the whole | 1 |
//! | larger, its end fetched ahead of the listing | the end; then the columns, close ones in one request | 1 + 1 |
//! | larger | the end; the columns | 2 |
//! | larger, with a footer longer than was guessed | the end; the rest of the footer; the columns | 3 |
//!
//! A footer is fetched and parsed once. All pieces are of one object: the later ones ask for its entity tag, so that a
//! checkpoint that another writer replaces meanwhile is read anew, never mixed.

use futures::{StreamExt, TryStreamExt, stream};
use object_store::{GetRange, ObjectMeta};

use super::PARALLEL_GETS;
use super::store::LogStore;
use crate::checkpoint::{Contents, Description, Footer, Pieces, Wanted, decode_json, footer};
use crate::error::{Error, ErrorKind, Result};
use crate::name::{CheckpointFormat, LogName};
use crate::segment::{HintedFile, ListedFile};
use crate::threads::apart;

/// What is guessed to hold the footer of a file of unknown size.
const UNKNOWN_END_BYTES: u64 = 256 * 1024;
/// The footer is guessed to be no larger than this part of its file.
const END_PART: u64 = 128;
const MIN_END_BYTES: u64 = 64 * 1024;
const MAX_END_BYTES: u64 = 4 * 1024 * 1024;
/// Where our own checkpoints have the actions of the table: their columns come first.
const BEGIN_BYTES: u64 = 64 * 1024;
/// The end, the rest of the footer, the columns, and one to spare.
const MAX_WAVES: usize = 4;

/// Files up to this size are fetched whole: another round trip would cost more than the bytes that aren't needed.
fn whole_bytes(wanted: Wanted) -> u64 {
    match wanted {
        Wanted::All => 32 * 1024 * 1024,
        Wanted::Table => 1024 * 1024,
    }
}

fn end_bytes(size: u64) -> u64 {
    (size / END_PART).clamp(MIN_END_BYTES, MAX_END_BYTES).min(size)
}

/// A file of which something has been fetched.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    name: LogName,
    pieces: Pieces,
    e_tag: Option<String>,
}

impl Begun {
    pub(super) fn name(&self) -> &LogName {
        &self.name
    }

    /// Whether it is at hand from its first to its last byte.
    pub(super) fn is_whole(&self) -> bool {
        self.pieces.all().is_some()
    }

    /// Takes in an answer, unless it is of another object under the same name.
    fn take(&mut self, start: u64, bytes: bytes::Bytes, meta: &ObjectMeta) -> Result<bool> {
        if meta.size != self.pieces.size() || meta.e_tag != self.e_tag {
            return Ok(false);
        }
        self.pieces.add(vec![(start, bytes)]).map(|()| true)
    }
}

/// Begins to fetch a file that may not be there. No answer is worth an error yet: whatever goes wrong is asked again
/// once the listing says what is there.
pub(super) async fn begin(store: &LogStore, file: HintedFile, wanted: Wanted) -> Option<Begun> {
    let HintedFile { name, about_bytes } = file;
    if format_of(&name) == CheckpointFormat::Json || about_bytes.is_some_and(|bytes| bytes <= whole_bytes(wanted)) {
        let (bytes, meta) = store.get(&name).await.ok().flatten()?;
        return Some(Begun { name, pieces: Pieces::whole(bytes), e_tag: meta.e_tag });
    }
    // From the end, whatever the hint says of the size: a wrong one costs nothing then.
    let end = GetRange::Suffix(about_bytes.map_or(UNKNOWN_END_BYTES, end_bytes));
    let end = store.get_range(&name, end, None);
    let begin = async {
        match wanted {
            Wanted::All => Ok(None),
            Wanted::Table => store.get_range(&name, GetRange::Bounded(0..BEGIN_BYTES), None).await,
        }
    };
    let (end, begin) = futures::join!(end, begin);
    let (range, bytes, meta) = end.ok().flatten()?;
    let mut begun = Begun { pieces: Pieces::new(meta.size), e_tag: meta.e_tag.clone(), name: name.clone() };
    begun.take(range.start, bytes, &meta).ok().filter(|taken| *taken)?;
    if let Ok(Some((range, bytes, meta))) = begin {
        begun.take(range.start, bytes, &meta).ok()?;
    }
    Some(begun)
}

/// Reads a listed file, going on from what has been fetched of it.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) when it is gone; those of decoding and of the store.
pub(super) async fn read(
    store: &LogStore,
    file: &ListedFile,
    begun: Option<Begun>,
    wanted: Wanted,
) -> Result<Contents> {
    let begun = begun.filter(|begun| begun.name == file.name && begun.pieces.size() == file.size);
    let resumed = begun.is_some();
    match read_from(store, file, begun, wanted).await {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => read_from(store, file, None, wanted).await,
        // What the hint led to may have been the end of an object that has been replaced since.
        Err(e) if resumed && e.kind() == ErrorKind::NotFound => read_from(store, file, None, wanted).await,
        read => read,
    }
}

async fn read_from(store: &LogStore, file: &ListedFile, begun: Option<Begun>, wanted: Wanted) -> Result<Contents> {
    let json = format_of(&file.name) == CheckpointFormat::Json;
    let mut begun = match begun {
        Some(begun) => begun,
        None if json || file.size <= whole_bytes(wanted) => whole(store, &file.name).await?,
        None => {
            let end = GetRange::Suffix(end_bytes(file.size));
            let bounded = GetRange::Bounded(file.size - end_bytes(file.size)..file.size);
            let found = match store.get_range(&file.name, end, None).await {
                // Not every store takes a range that counts from the end.
                Err(e) if e.kind() == ErrorKind::Unsupported => store.get_range(&file.name, bounded, None).await?,
                found => found?,
            };
            let (range, bytes, meta) = found.ok_or_else(|| gone(&file.name))?;
            let mut begun =
                Begun { name: file.name.clone(), pieces: Pieces::new(meta.size), e_tag: meta.e_tag.clone() };
            begun.take(range.start, bytes, &meta)?;
            begun
        }
    };
    if json {
        let bytes = begun.pieces.all().ok_or_else(|| Error::bug("a JSON checkpoint was fetched in parts"))?;
        return decoded(&file.name, move || decode_json(&bytes)).await;
    }
    let mut description = None;
    for _ in 0..MAX_WAVES {
        let pieces = begun.pieces.clone();
        match decoded(&file.name, move || next(pieces, description, wanted)).await? {
            Next::Done(contents) => return Ok(contents),
            Next::Fetch(ranges, known) => {
                description = known;
                fetch(store, &mut begun, ranges).await?;
            }
        }
    }
    Err(Error::bug("a checkpoint's columns weren't all fetched").path(file.name.path()))
}

/// What comes next for a Parquet file.
enum Next {
    /// More of its bytes; the footer, where it has been parsed, so that it is parsed once.
    Fetch(Vec<std::ops::Range<u64>>, Option<Description>),
    /// Nothing: it is read.
    Done(Contents),
}

fn next(pieces: Pieces, description: Option<Description>, wanted: Wanted) -> Result<Next> {
    let description = match description {
        Some(description) => description,
        None => match footer(&pieces)? {
            Footer::Read(description) => description,
            Footer::Missing(range) => return Ok(Next::Fetch(pieces.missing(&[range]), None)),
        },
    };
    let missing = pieces.missing(&description.ranges(wanted, pieces.size())?);
    if missing.is_empty() {
        return description.decode(pieces, wanted).map(Next::Done);
    }
    Ok(Next::Fetch(missing, Some(description)))
}

async fn whole(store: &LogStore, name: &LogName) -> Result<Begun> {
    let (bytes, meta) = store.get(name).await?.ok_or_else(|| gone(name))?;
    Ok(Begun { name: name.clone(), pieces: Pieces::whole(bytes), e_tag: meta.e_tag })
}

async fn fetch(store: &LogStore, begun: &mut Begun, ranges: Vec<std::ops::Range<u64>>) -> Result<()> {
    let (name, e_tag) = (begun.name.clone(), begun.e_tag.clone());
    let answers: Vec<Option<_>> = stream::iter(ranges)
        .map(|range| store.get_range(&name, GetRange::Bounded(range), e_tag.as_deref()))
        .buffered(PARALLEL_GETS)
        .boxed()
        .try_collect()
        .await?;
    for answer in answers {
        let (range, bytes, meta) = answer.ok_or_else(|| gone(&begun.name))?;
        if !begun.take(range.start, bytes, &meta)? {
            let changed = Error::already_exists("a file of a checkpoint was replaced while it was read");
            return Err(changed.path(begun.name.path()));
        }
    }
    Ok(())
}

/// Decodes apart from the tasks that wait for the store.
async fn decoded<T, F>(name: &LogName, decode: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    match apart(decode).await {
        Ok(decoded) => decoded.map_err(|e| e.path(name.path())),
        // A decoder that panics on damaged bytes has found damage (pitfall H2).
        Err(e) => Err(Error::corrupt("a checkpoint can't be decoded").path(name.path()).because(e)),
    }
}

fn format_of(name: &LogName) -> CheckpointFormat {
    match name {
        LogName::UuidCheckpoint { format, .. } => *format,
        _ => CheckpointFormat::Parquet,
    }
}

fn gone(name: &LogName) -> Error {
    Error::not_found("a file of a checkpoint is gone").path(name.path())
}
