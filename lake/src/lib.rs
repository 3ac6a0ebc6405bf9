//! Many tables: what stands around a single table in a medallion lake.
//!
//! | module | question it answers |
//! |---|---|
//! | [`ingest`] | what is in these files, and how do they become batches of a table? |

pub mod ingest;
