//! One command each.

pub(crate) mod checkpoint;
pub(crate) mod compact;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod doctor;
pub(crate) mod files;
pub(crate) mod fsck;
pub(crate) mod history;
pub(crate) mod ingest;
mod lake;
pub(crate) mod open;
pub(crate) mod promote;
pub(crate) mod read;
pub(crate) mod restore;
mod sources;
pub(crate) mod sql;
pub(crate) mod vacuum;
pub(crate) mod version;
