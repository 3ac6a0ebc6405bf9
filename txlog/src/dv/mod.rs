//! Which rows of a file are deleted? Deletion vectors: read, united, written.
//!
//! | module | question it answers |
//! |---|---|
//! | [`vector`] | which positions are deleted, and which runs of rows are left? |
//! | [`stored`] | where does a descriptor say that its vector is, and what is in those bytes? |
//! | [`mod@file`] | how are many vectors packed into one file? |
//! | [`decoded`] | which vectors have been decoded already? |
//! | `portable` | how is a set of positions serialised? |
//! | [`z85`] | how are bytes written as JSON-friendly text? |
//!
//! Reading takes two steps, because the module does no I/O: [`locate`] says whether the vector is in the descriptor or
//! which bytes of which file to fetch; [`FileSlice::decode`] checks those bytes. A vector that is missing, damaged or
//! says something else than its descriptor is an error, never "no deletes" (pitfall D1).
//!
//! ```text
//! file:    version(1)=1  { size(4, BE)  vector(size)  crc32(4, BE) }*
//! vector:  magic(4, LE)=1681511377  buckets(8, LE)  { key(4, LE)  32-bit roaring bitmap }*    keys ascending
//! ```
//!
//! Protocol sections "Deletion Vectors" and "Deletion Vector Format".

pub mod decoded;
pub mod file;
mod portable;
pub mod stored;
pub mod vector;
pub mod z85;

pub use decoded::DecodedVectors;
pub use file::{DeletionVectorFile, inline};
pub use stored::{FileSlice, Stored, locate};
pub use vector::{DeletionVector, RowRun};

#[cfg(test)]
mod tests;
