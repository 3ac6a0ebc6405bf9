//! How are the bytes of data files fetched?
//!
//! A footer is fetched once for all the pieces in which a file is read, with the end of the file before it: page indexes are
//! there mostly, and the whole of a small file. What lies in it isn't fetched again.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use lakebed_txlog::limits::MAX_PARQUET_FOOTER_BYTES;
use lakebed_txlog::pages::Chunks;
use lakebed_txlog::{Error, ErrorKind, Version};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::FOOTER_SIZE;
use parquet::file::metadata::{
    FileMetaData, FooterTail, ParquetMetaData, ParquetMetaDataBuilder, ParquetMetaDataReader,
};
use tokio::sync::OnceCell;

use crate::store::TableStore;

/// Fetched at the end of a file in the hope that the footer is in it, and page indexes.
const FOOTER_GUESS_BYTES: u64 = 64 << 10;
/// Ends of files kept, for those that are read in several pieces.
const KEPT_ENDS: usize = 32;

/// How many rows the log says that a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedRows {
    /// The footer must agree: deleted rows are told by position.
    Exactly(u64),
    /// The footer may not say more (pitfall H2).
    AtMost(u64),
}

/// The end of a file.
#[derive(Clone, Debug)]
struct End {
    footer: Arc<ParquetMetaData>,
    chunks: Chunks,
    /// Where `bytes`, at most [`FOOTER_GUESS_BYTES`], begin in the file.
    start: u64,
    bytes: Bytes,
}

impl End {
    /// Bytes of the file, where they lie in its end.
    fn slice(&self, range: &Range<u64>) -> Option<Bytes> {
        let from = usize::try_from(range.start.checked_sub(self.start)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(self.start)?).ok()?;
        (from <= to && to <= self.bytes.len()).then(|| self.bytes.slice(from..to))
    }
}

/// Ends kept, the oldest first. Who asks for one that is being fetched waits for it.
type Ends = VecDeque<(Path, Arc<OnceCell<End>>)>;

/// Reads the data files of one version of a table.
#[derive(Clone)]
pub(super) struct DataFiles {
    store: TableStore,
    version: Version,
    ends: Arc<Mutex<Ends>>,
}

impl fmt::Debug for DataFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataFiles").field("store", &self.store).field("version", &self.version).finish()
    }
}

impl ParquetFileReaderFactory for DataFiles {
    fn create_reader(
        &self,
        _partition_index: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> datafusion::common::Result<Box<dyn AsyncFileReader + Send>> {
        let expected = file.extension::<ExpectedRows>().copied();
        Ok(Box::new(DataFile {
            files: self.clone(),
            path: file.object_meta.location,
            size: file.object_meta.size,
            expected,
        }))
    }
}

impl DataFiles {
    pub(super) fn new(store: &TableStore, version: Version) -> DataFiles {
        DataFiles { store: store.clone(), version, ends: Arc::default() }
    }

    /// The footer of a file: one request, two where it is larger than usual.
    pub(super) async fn footer(&self, path: &Path, size: u64) -> Result<Arc<ParquetMetaData>, Error> {
        Ok(self.end(path, size).await?.footer)
    }

    async fn end(&self, path: &Path, size: u64) -> Result<End, Error> {
        let named = |e: Error| e.path(path.as_ref()).version(self.version).table(self.store.url().to_string());
        let cell = self.kept(path);
        cell.get_or_try_init(|| self.read_end(path, size)).await.cloned().map_err(named)
    }

    /// Where the end of a file is kept, or will be.
    fn kept(&self, path: &Path) -> Arc<OnceCell<End>> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = ends.iter().find(|(kept, _)| kept == path) {
            return Arc::clone(cell);
        }
        if ends.len() >= KEPT_ENDS {
            ends.pop_front();
        }
        let cell = Arc::default();
        ends.push_back((path.clone(), Arc::clone(&cell)));
        cell
    }

    async fn read_end(&self, path: &Path, size: u64) -> Result<End, Error> {
        let no_parquet = |why: &str| {
            Error::corrupt(format!("a data file isn't Parquet: {why}"))
                .hint("restore the file, or an earlier version of the table")
        };
        let tail_size = FOOTER_SIZE as u64;
        if size < tail_size {
            return Err(no_parquet(&format!("it has {size} bytes")));
        }
        let mut end = self.bytes(path, size.saturating_sub(FOOTER_GUESS_BYTES)..size).await?;
        let tail = end.last_chunk::<FOOTER_SIZE>().ok_or_else(|| no_parquet("it is too short"))?;
        let tail = FooterTail::try_new(tail).map_err(|e| no_parquet("it has no footer").because(e))?;
        let length = tail.metadata_length();
        if length > MAX_PARQUET_FOOTER_BYTES {
            return Err(Error::exhausted(format!(
                "a footer of {length} bytes is larger than the limit of {MAX_PARQUET_FOOTER_BYTES}"
            )));
        }
        let needed = length as u64 + tail_size;
        if needed > size {
            return Err(no_parquet("its footer is longer than the file"));
        }
        if needed > end.len() as u64 {
            end = self.bytes(path, size - needed..size).await?;
        }
        let start = end.len() - length - FOOTER_SIZE;
        let encoded = end.slice(start..end.len() - FOOTER_SIZE);
        // A decoder that panics on damaged bytes has found damage.
        let decoded = std::panic::catch_unwind(|| ParquetMetaDataReader::decode_metadata(&encoded));
        let decoded = decoded.map_err(|_| no_parquet("its footer is damaged"))?;
        let decoded = decoded.map_err(|e| no_parquet("its footer is damaged").because(e))?;
        let footer = Arc::new(without_arrow_schema(decoded));
        // The bytes of a larger footer are of no more use.
        let kept = if end.len() as u64 <= FOOTER_GUESS_BYTES { end } else { Bytes::new() };
        Ok(End { chunks: Chunks::of(&footer)?, footer, start: size - kept.len() as u64, bytes: kept })
    }

    async fn bytes(&self, path: &Path, range: Range<u64>) -> Result<Bytes, Error> {
        let wanted = range.end - range.start;
        let got = self.store.data().get_range(path, range).await.map_err(|e| self.error(e, path))?;
        if got.len() as u64 != wanted {
            return Err(self.cut(path, got.len(), wanted));
        }
        Ok(got)
    }

    fn cut(&self, path: &Path, got: usize, wanted: u64) -> Error {
        Error::corrupt(format!("a data file ends early: {got} bytes instead of {wanted}"))
            .path(path.as_ref())
            .version(self.version)
            .table(self.store.url().to_string())
    }

    /// Names file, table and version.
    fn error(&self, error: object_store::Error, path: &Path) -> Error {
        let error = self.store.error(error, "reading a data file", path).version(self.version);
        match error.kind() {
            ErrorKind::NotFound => error.hint(
                "the version names a file that isn't there: vacuum may have taken it, or it was deleted by hand; \
                 read a newer version, or restore the file",
            ),
            _ => error,
        }
    }
}

/// The metadata without the Arrow schema that a writer left in it: the types of the file are Parquet's alone, whoever
/// wrote it, and so are its field ids.
fn without_arrow_schema(metadata: ParquetMetaData) -> ParquetMetaData {
    let file = metadata.file_metadata();
    let entries = file
        .key_value_metadata()
        .map(|entries| entries.iter().filter(|entry| entry.key != ARROW_SCHEMA_META_KEY).cloned().collect::<Vec<_>>());
    let file = FileMetaData::new(
        file.version(),
        file.num_rows(),
        file.created_by().map(str::to_owned),
        entries,
        file.schema_descr_ptr(),
        file.column_orders().cloned(),
    );
    let mut builder = metadata.into_builder();
    let row_groups = builder.take_row_groups();
    ParquetMetaDataBuilder::new(file).set_row_groups(row_groups).build()
}

struct DataFile {
    files: DataFiles,
    path: Path,
    size: u64,
    expected: Option<ExpectedRows>,
}

impl DataFile {
    async fn end(&self) -> parquet::errors::Result<End> {
        self.files.end(&self.path, self.size).await.map_err(external)
    }

    fn named(&self, error: Error) -> Error {
        error.path(self.path.as_ref()).version(self.files.version).table(self.files.store.url().to_string())
    }

    /// Bytes that a decoder may be given (pitfall H2).
    fn checked(&self, end: &End, start: u64, bytes: Bytes) -> parquet::errors::Result<Bytes> {
        end.chunks.check(start, &bytes).map_err(|e| external(self.named(e)))?;
        Ok(bytes)
    }

    async fn metadata(&self) -> Result<Arc<ParquetMetaData>, Error> {
        let footer = self.files.footer(&self.path, self.size).await?;
        let rows = footer.file_metadata().num_rows();
        let found = u64::try_from(rows);
        let why = match self.expected {
            Some(ExpectedRows::Exactly(expected)) if found != Ok(expected) => {
                format!("a data file has {rows} rows where the log says {expected}: its deleted rows can't be told")
            }
            Some(ExpectedRows::AtMost(expected)) if found.is_ok_and(|found| found > expected) => {
                format!("a data file has {rows} rows where the log says {expected}")
            }
            _ => return Ok(footer),
        };
        Err(self.named(Error::corrupt(why)))
    }
}

fn external(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for DataFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        if range.end > self.size || range.start > range.end {
            let error = Error::corrupt("the footer of a data file points outside of it").path(self.path.as_ref());
            return std::future::ready(Err(external(error.version(self.files.version)))).boxed();
        }
        async move {
            let end = self.end().await?;
            let start = range.start;
            let bytes = match end.slice(&range) {
                Some(bytes) => bytes,
                None => self.files.bytes(&self.path, range).await.map_err(external)?,
            };
            self.checked(&end, start, bytes)
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        async move {
            if ranges.iter().any(|range| range.end > self.size || range.start > range.end) {
                let error = Error::corrupt("the footer of a data file points outside of it").path(self.path.as_ref());
                return Err(external(error.version(self.files.version)));
            }
            let end = self.end().await?;
            let kept: Option<Vec<Bytes>> = ranges.iter().map(|range| end.slice(range)).collect();
            if let Some(kept) = kept {
                let kept = ranges.iter().zip(kept);
                return kept.map(|(range, bytes)| self.checked(&end, range.start, bytes)).collect();
            }
            let got = self.files.store.ranges(&self.path, &ranges).await;
            let got = got.map_err(|e| external(self.files.error(e, &self.path)))?;
            for (range, bytes) in ranges.iter().zip(&got) {
                if bytes.len() as u64 != range.end - range.start {
                    return Err(external(self.files.cut(&self.path, bytes.len(), range.end - range.start)));
                }
            }
            ranges.iter().zip(got).map(|(range, bytes)| self.checked(&end, range.start, bytes)).collect()
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        self.metadata().map_err(external).boxed()
    }
}
