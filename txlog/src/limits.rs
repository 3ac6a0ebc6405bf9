//! Bounds on everything read from outside. Reaching one is an error that names it.

/// Longest line of a commit, in bytes (pitfall H3).
pub const MAX_LOG_LINE_BYTES: usize = 64 << 20;
/// Most actions in one commit.
pub const MAX_ACTIONS_PER_COMMIT: usize = 10_000_000;
/// Deepest nesting of a schema.
pub const MAX_SCHEMA_DEPTH: usize = 64;
/// Most fields of a schema, nested ones counted.
pub const MAX_SCHEMA_FIELDS: usize = 10_000;
/// Largest Parquet footer that is decoded.
pub const MAX_PARQUET_FOOTER_BYTES: usize = 64 << 20;
/// Largest page of a Parquet file, decompressed, in bytes (pitfall H2).
pub const MAX_PARQUET_PAGE_BYTES: usize = 256 << 20;
/// Most bytes that a stored byte of Parquet columns becomes, by what their pages say.
pub const MAX_PARQUET_EXPANSION: u64 = 10_000;
/// Columns that become no more bytes than this are decoded, however few are stored: a million equal values take a handful.
pub const UNDOUBTED_PARQUET_BYTES: u64 = 64 << 20;
/// Largest serialised deletion vector, in bytes.
pub const MAX_DELETION_VECTOR_BYTES: usize = 1 << 30;
/// Largest version checksum that is parsed, in bytes: others embed the files of small tables in it.
pub const MAX_CHECKSUM_BYTES: usize = 64 << 20;
/// Most bytes of data files that others added which are read to find out whether a commit may follow them.
pub const MAX_LOOKED_AT_BYTES: u64 = 64 << 20;
/// Most rows of one compaction group that are followed to where they were put.
pub const MAX_MOVED_ROWS: u64 = 1 << 30;
