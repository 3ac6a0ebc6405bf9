//! What does a spoiled answer look like?
//!
//! A wrong bit is only where something has to find it: in text, its high bit, so that it is no text any more; in the last
//! eight bytes of a Parquet file, which are its footer's length and its mark; anywhere in a vector, which has a checksum.
//! Pages of Parquet files carry none: a wrong bit in one is a wrong value, in every reader. What can't be flipped is cut.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use object_store::Result;

use super::fault::Fault;
use super::objects::{Objects, generic};
use super::request::{Call, End, Reply};

/// Bytes at the end of a Parquet file that every reader checks.
const CHECKED_END: u64 = 8;

pub(super) fn spoiled(objects: &mut Objects, call: &Call, now: Duration, fault: Fault, random: u64) -> Result<Reply> {
    if let (Fault::Partial, Call::Delete { keys }) = (fault, call) {
        let half = keys.iter().enumerate().map(|(at, key)| match at % 2 {
            0 if keys.len() > 1 => objects.delete(key),
            _ => Err(generic("500 InternalError for this key")),
        });
        return Ok(Reply::Deleted(half.collect()));
    }
    match objects.apply(call, now)? {
        Reply::Found { meta, range, bytes, .. } => {
            let half = bytes.slice(..bytes.len() / 2);
            let flipped = flipped(&bytes, meta.location.as_ref(), range.end == meta.size, random);
            let (bytes, end) = match (fault, flipped) {
                (Fault::Broken, _) => (half, End::Broken),
                (Fault::Flipped, Some(flipped)) => (flipped, End::Whole),
                _ => (half, End::Whole),
            };
            Ok(Reply::Found { meta, range, bytes, end })
        }
        Reply::Listed(mut objects, _) => {
            objects.truncate(objects.len() / 2);
            Ok(Reply::Listed(objects, End::Broken))
        }
        reply => Ok(reply),
    }
}

fn flipped(bytes: &Bytes, key: &str, is_end: bool, random: u64) -> Option<Bytes> {
    let length = bytes.len() as u64;
    if length == 0 {
        return None;
    }
    let (at, bit) = if key.ends_with(".parquet") {
        if !is_end || length < CHECKED_END {
            return None;
        }
        (length - 1 - random % CHECKED_END, 0x40)
    } else if key.ends_with(".bin") {
        (random % length, 1 << (random % 8))
    } else {
        (random % length, 0x80)
    };
    let mut flipped = BytesMut::from(bytes.as_ref());
    flipped[at as usize] ^= bit;
    Some(flipped.freeze())
}
