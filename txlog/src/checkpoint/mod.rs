//! How is a snapshot written as a checkpoint, and read back?
//!
//! | module | question it answers |
//! |---|---|
//! | [`read`] | what does a checkpoint (or a sidecar) hold? |
//! | [`pieces`] | which bytes of its file are at hand, and which do the wanted columns still need? |
//! | `guard` | what if a decoder panics? |
//! | `leaves` | which columns of a row group are worth reading? |
//! | `decode` | how is a file decoded on several cores? |
//! | `rows` | how do its rows become actions? |
//! | `stored` | what do the statistics say that nobody has decoded yet? |
//! | [`schema`] | what are a checkpoint's columns? |
//! | `layout` | which of them does a checkpoint of this table have? |
//! | [`draft`] | what will a checkpoint of this snapshot hold, and in which order? |
//! | `columns` | what are the columns of these file actions in a checkpoint? |
//! | [`encode`] | how do rows become a Parquet file, one row group at a time? |
//! | `verify` | does a row group hold what went into it? |
//! | [`tally`] | do two sets of file actions have the same keys, counts and sizes? |
//! | [`mod@write`] | what are the parts of a checkpoint, encoded? |
//!
//! Whether a checkpoint follows the V1 or the V2 spec is told by its content, never by its name (pitfall L12). Pure:
//! bytes in, columns out, and back.

mod columns;
mod decode;
pub mod draft;
pub mod encode;
mod guard;
mod layout;
mod leaves;
pub mod pieces;
pub mod read;
mod rows;
pub mod schema;
mod stored;
pub mod tally;
mod verify;
pub mod write;

pub use draft::Draft;
pub use encode::{EncodedGroup, Encoder, FileWriter, WrittenGroup};
pub use pieces::{Description, Footer, Pieces, decode_parquet, footer};
pub use read::{Contents, Wanted, decode_json, sidecar_file};
pub use schema::{Layout, Presence};
pub use tally::Tally;

#[cfg(test)]
mod tests;
