//! How is a snapshot written as one file, and read back?
//!
//! | module | question it answers |
//! |---|---|
//! | [`read`] | what does a checkpoint (or a sidecar) hold? |
//! | [`pieces`] | which bytes of its file are at hand, and which do the wanted columns still need? |
//! | [`schema`] | what are a checkpoint's columns? |
//! | [`mod@write`] | what are the bytes of a snapshot's checkpoint? |
//!
//! Whether a checkpoint follows the V1 or the V2 spec is told by its content, never by its name (pitfall L12). Pure:
//! bytes in, columns out, and back.

pub mod pieces;
pub mod read;
pub mod schema;
pub mod write;

pub use pieces::{Description, Footer, Pieces, decode_parquet, footer};
pub use read::{Contents, Wanted, decode_json};
pub use write::{Encoded, encode};
