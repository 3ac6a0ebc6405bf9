//! Do we repeat what went wrong elsewhere? One named test for each failure of other table formats that we guard.
//!
//! | module | question it answers |
//! |---|---|
//! | [`corpus`] | which tables of other writers are there, and what do they hold? |
//! | [`commits`] | does a commit land exactly once, whatever the store answers (C1–C4, C14, C19), and not after vacuum (D5)? |
//! | [`answers`] | is an answer of S3 taken for what it means, over HTTP (C2, C22)? |
//! | [`paths`] | do data paths name the right objects, and none outside the table (H1, L6, S8)? |
//! | [`outside`] | is a file outside the table's folder read only from a place that was allowed (H1)? |
//! | [`hostile`] | is hostile input an error that names it, before it costs memory or leads elsewhere (H1–H4)? |
//! | [`names`] | is every name under `_delta_log` known (L10)? |
//! | [`partitions`] | do partition strings stand for the values that other engines see (S5, S8)? |
//! | [`schemas`] | are schemas kept as they are, and column names unique (D8, L7)? |
//! | [`protocols`] | do we read and write exactly the tables whose demands we meet (H5, L14)? |
//! | [`vectors`] | do damaged or lying deletion vectors fail, and good ones delete the right rows (D1, D2, D9, D11)? |
//! | [`segments`] | is the log believed, and not the hint (L4, L5, L13)? |
//! | [`races`] | does a transaction that lost a race notice what it must, and nothing else (C7–C9, C11–C13, C15, C18, C21)? |
//! | [`logs`] | are times, sizes and oddities of a log what they have to be (L9, L11, L15, L16)? |
//! | [`instants`] | are INT96 timestamps read in their full range (S9)? |
//! | [`spark`] | what becomes of a commit of ours when Spark commits at the same moment (C17)? |
//! | [`spark_logs`] | do we read the log that Spark leaves, and leave one that Spark reads (L12, L16, L17)? |
//! | [`maintenance`] | do compaction and vacuum bring rows back, or take files away (C6, C10, D5, D6, D7, D12)? |
//! | [`statistics`] | are statistics written and read so that nobody is misled (S1–S4, S6, S7)? |

mod answers;
mod commits;
mod corpus;
mod hostile;
mod instants;
mod logs;
mod maintenance;
mod names;
mod outside;
mod partitions;
mod paths;
mod protocols;
mod races;
mod schemas;
mod segments;
mod spark;
mod spark_logs;
mod statistics;
mod vectors;
