//! How is a set of positions serialised? Delta's magic number, then the portable 64-bit roaring format.
//!
//! The 32-bit bitmaps inside are read by `roaring`, which checks order, counts and lengths; the outer level is read
//! here, because `roaring` would let a later bucket replace an earlier one of the same key (pitfall D2).

use std::io;

use roaring::{RoaringBitmap, RoaringTreemap};

const MAGIC: u32 = 1_681_511_377;
const MAGIC_BYTES: usize = 4;
/// The count of buckets.
const COUNT_BYTES: usize = 8;
/// A key and the shortest bitmap: cookie and a count of zero.
const SHORTEST_BUCKET_BYTES: u64 = 12;

/// Keys have a zero as their highest bit, so that Java never reads a negative one.
const MAX_KEY: u32 = i32::MAX as u32;
/// The largest position that the format takes.
pub(crate) const MAX_POSITION: u64 = i64::MAX as u64;

/// Why bytes aren't a serialised set of positions.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PortableError {
    #[error("it ends inside its header, after {0} bytes")]
    Short(usize),
    #[error("it starts with {0} instead of {MAGIC}, the number of the one format that the protocol defines")]
    Magic(u32),
    #[error("it says it has {0} buckets, more than its bytes can hold")]
    Buckets(u64),
    #[error("bucket {0} is damaged")]
    Bucket(u64, #[source] io::Error),
    #[error("bucket {0} has the key {1}, which doesn't follow the one before")]
    KeyOrder(u64, u32),
    #[error("bucket {0} has the key {1}, beyond {MAX_KEY}")]
    KeyRange(u64, u32),
    #[error("{0} bytes are left after its last bucket")]
    Trailing(usize),
}

/// Reads a set of positions. Memory is bounded by a small multiple of `bytes.len()`, whatever they say.
pub(crate) fn decode(bytes: &[u8]) -> Result<RoaringTreemap, PortableError> {
    let short = || PortableError::Short(bytes.len());
    let (magic, rest) = bytes.split_first_chunk::<MAGIC_BYTES>().ok_or_else(short)?;
    let magic = u32::from_le_bytes(*magic);
    if magic != MAGIC {
        return Err(PortableError::Magic(magic));
    }
    let (count, mut rest) = rest.split_first_chunk::<COUNT_BYTES>().ok_or_else(short)?;
    let count = u64::from_le_bytes(*count);
    if count > rest.len() as u64 / SHORTEST_BUCKET_BYTES {
        return Err(PortableError::Buckets(count));
    }

    let mut buckets: Vec<(u32, RoaringBitmap)> = Vec::new();
    let mut last_key = None;
    for bucket in 0..count {
        let damaged = |error| PortableError::Bucket(bucket, error);
        let ends = || damaged(io::ErrorKind::UnexpectedEof.into());
        let (key, after_key) = rest.split_first_chunk::<4>().ok_or_else(ends)?;
        let key = u32::from_le_bytes(*key);
        if key > MAX_KEY {
            return Err(PortableError::KeyRange(bucket, key));
        }
        if last_key.is_some_and(|last| key <= last) {
            return Err(PortableError::KeyOrder(bucket, key));
        }
        last_key = Some(key);
        rest = after_key;
        let bitmap = RoaringBitmap::deserialize_from(&mut rest).map_err(damaged)?;
        // Spark writes an empty bucket for every key below the last.
        if !bitmap.is_empty() {
            buckets.push((key, bitmap));
        }
    }
    if !rest.is_empty() {
        return Err(PortableError::Trailing(rest.len()));
    }
    Ok(RoaringTreemap::from_bitmaps(buckets))
}

/// Serialises `positions`, run-length encoded where that is shorter. Each is at most [`MAX_POSITION`].
pub(crate) fn encode(positions: &RoaringTreemap) -> io::Result<Vec<u8>> {
    let mut shortest = positions.clone();
    shortest.optimize();
    let mut bytes = Vec::with_capacity(MAGIC_BYTES + shortest.serialized_size());
    bytes.extend_from_slice(&MAGIC.to_le_bytes());
    shortest.serialize_into(&mut bytes)?;
    Ok(bytes)
}
