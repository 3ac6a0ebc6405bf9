//! What else belongs to a data file: its deletion vector, and how many rows it has.

use lakebed_txlog::action::{Add, DeletionVectorDescriptor};
use lakebed_txlog::dv::{DeletionVector, Stored, locate};
use lakebed_txlog::limits::MAX_PARQUET_FOOTER_BYTES;
use lakebed_txlog::path::DataLocation;
use lakebed_txlog::stats::ParsedStats;
use lakebed_txlog::{Error, Result};
use object_store::ObjectStoreExt;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;

use crate::store::TableStore;

const FOOTER_GUESS_BYTES: u64 = 64 << 10;

/// Fetches and decodes a deletion vector: no request for an inline one, a ranged one for any other.
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) or [`Corrupt`](crate::ErrorKind::Corrupt) where it is missing or damaged: a
/// vector that can't be read is never taken for an empty one (pitfall D1).
pub(crate) async fn read_vector(store: &TableStore, descriptor: &DeletionVectorDescriptor) -> Result<DeletionVector> {
    match locate(descriptor)? {
        Stored::Inline(vector) => Ok(vector),
        Stored::InFile(slice) => {
            let key = store.locate(&slice.location)?;
            let bytes = store
                .data()
                .get_range(&key, slice.range.clone())
                .await
                .map_err(|e| store.error(e, "reading a deletion vector", &key))?;
            slice.decode(&bytes).map_err(|e| e.path(slice.location.to_string()))
        }
    }
}

/// How many physical rows a file has: what its statistics say, else its footer.
///
/// # Errors
/// Those of the store; [`Corrupt`](crate::ErrorKind::Corrupt) where the footer can't be read.
pub async fn row_count(store: &TableStore, add: &Add) -> Result<u64> {
    let stats = ParsedStats::from_texts([add.stats.as_deref()].into_iter(), &[]);
    if arrow::array::Array::is_valid(&stats.num_records, 0)
        && let Ok(count) = u64::try_from(stats.num_records.value(0))
    {
        return Ok(count);
    }
    footer_rows(store, add).await
}

/// How many physical rows a file has: what its footer says. One request, two for a large footer.
///
/// # Errors
/// As [`row_count`].
pub(crate) async fn footer_rows(store: &TableStore, add: &Add) -> Result<u64> {
    let key = store.locate(&DataLocation::decode(&add.path)?)?;
    let size = u64::try_from(add.size).map_err(|_| Error::corrupt("a file of negative size").path(&add.path))?;
    let damaged =
        |e: ParquetError| Error::corrupt("the footer of a data file can't be read").path(&add.path).because(e);
    let mut tail = FOOTER_GUESS_BYTES.min(size);
    loop {
        let bytes = store
            .data()
            .get_range(&key, size - tail..size)
            .await
            .map_err(|e| store.error(e, "reading the footer of a data file", &key))?;
        let mut reader = ParquetMetaDataReader::new();
        match reader.try_parse_sized(&bytes, size) {
            Ok(()) => {
                let rows = reader.finish().map_err(damaged)?.file_metadata().num_rows();
                return u64::try_from(rows)
                    .map_err(|_| Error::corrupt("a data file has a negative number of rows").path(&add.path));
            }
            Err(ParquetError::NeedMoreData(needed))
                if (needed as u64) > tail && needed as u64 <= size && needed <= MAX_PARQUET_FOOTER_BYTES =>
            {
                tail = needed as u64;
            }
            Err(e) => return Err(damaged(e)),
        }
    }
}
