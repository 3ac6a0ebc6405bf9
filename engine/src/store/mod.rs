//! Where a table is, and how it is reached: local folders, S3 and its likes, memory.
//!
//! | module | question it answers |
//! |---|---|
//! | [`url`] | which place does this text name? |
//! | [`settings`] | how is a store to be reached, and with whose credentials? |
//! | [`profile`] | what do the shared AWS files say? |
//! | [`local`] | how is a folder an object store? |
//! | [`durable`] | how does a file outlive a crash? |
//! | [`s3`] | how are the S3 clients of a table built? |
//! | [`memory`] | which in-memory store does a name stand for? |
//! | `outside` | which data files outside the table's folder may be read? |

pub mod durable;
pub mod local;
pub mod memory;
mod outside;
pub mod profile;
pub mod s3;
pub mod settings;
mod table;
pub mod url;

pub use lakebed_txlog::drive::{file_error, store_error};
pub use settings::{CredentialSource, S3Keys, S3Settings, StoreSettings};
pub use table::TableStore;
pub use url::{Place, TableUrl};
