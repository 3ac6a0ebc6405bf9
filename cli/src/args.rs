//! What a person types.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use lakebed::doctor::Use;
use lakebed::store::TableUrl;
use lakebed_lake::ingest;

use crate::failure::EXIT_CODES;
use crate::render::Form;

/// Lakebed: a storage engine for open Delta tables.
///
/// TABLE is a folder (`lake/silver/flights`) or a URL (`s3://bucket/lake/silver/flights`). S3 takes its credentials,
/// region and endpoint from the usual AWS variables and files.
#[derive(Debug, Parser)]
#[command(name = "lakebed", version, about, long_about, after_help = EXIT_CODES, max_term_width = 110)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = false)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct OutputArgs {
    /// Print JSON, for programs; rows as one JSON object per line
    #[arg(long, global = true, conflicts_with = "csv")]
    json: bool,
    /// Print rows as CSV
    #[arg(long, global = true)]
    csv: bool,
    /// Print no progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// A folder whose files a table elsewhere may name, as a shallow clone names its source's; repeatable
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) allow_outside: Vec<TableUrl>,
}

impl OutputArgs {
    pub(crate) fn form(&self) -> Form {
        match (self.json, self.csv) {
            (true, _) => Form::Json,
            (_, true) => Form::Csv,
            _ => Form::People,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    Sql(SqlArgs),
    Ingest(Box<IngestArgs>),
    Promote(PromoteArgs),
    #[command(subcommand)]
    Table(TableCommand),
    Vacuum(VacuumArgs),
    Doctor(DoctorArgs),
    Fsck(FsckArgs),
    Version,
}

/// Watch a medallion lake work on real data: every flight out of New York in 2013
///
/// Builds bronze, silver and gold tables in a folder, promotes a late month exactly once, deletes a plane, travels in
/// time, restores, compacts and vacuums; then suggests what to try next on what it leaves.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed demo
  lakebed demo --dir /tmp/lake --force")]
pub(crate) struct DemoArgs {
    /// Where the lake is built
    #[arg(long, default_value = "lakebed-demo")]
    pub(crate) dir: PathBuf,
    /// Empty the folder first, when an earlier demo made it
    #[arg(long)]
    pub(crate) force: bool,
}

/// Query tables with SQL, at any version; without a query, at a prompt
///
/// Tables under --lake go by their folders (lake/gold/delays is gold.delays); --table names one. Any table can be read
/// as it was: FROM t VERSION AS OF 3, FROM t TIMESTAMP AS OF '2013-02-01T00:00:00Z'.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed sql --lake lakebed-demo 'SELECT carrier, avg(arr_delay) FROM silver.flights GROUP BY carrier'
  lakebed sql --table f=s3://bucket/flights 'SELECT count(*) FROM f VERSION AS OF 0' --json
  lakebed sql --lake lakebed-demo -f report.sql --csv > report.csv
  lakebed sql --lake lakebed-demo")]
pub(crate) struct SqlArgs {
    /// The query; several are separated by semicolons
    #[arg(conflicts_with = "file")]
    pub(crate) query: Option<String>,
    /// A file of queries; - is standard input
    #[arg(long, short)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) tables: TablesArgs,
    /// Rows drawn of one result; 0 draws all. JSON and CSV always have all
    #[arg(long, default_value_t = 100)]
    pub(crate) max_rows: usize,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct TablesArgs {
    /// A folder or URL whose tables are known by their paths below it
    #[arg(long, short, env = "LAKEBED_LAKE", value_name = "FOLDER")]
    pub(crate) lake: Option<String>,
    /// A table and the name it has in queries
    #[arg(long = "table", short, value_name = "NAME=TABLE")]
    pub(crate) tables: Vec<String>,
}

/// Read CSV, NDJSON or Parquet files into a table
///
/// Every file is read to its end before anything is written: types fit all values, and a malformed file is refused with
/// its name, line and reason, with nothing of it in the table. Text may be compressed (.gz .zst .xz). Columns of an
/// existing table keep their types.
#[derive(Debug, Default, ClapArgs)]
#[command(after_help = "Examples:
  lakebed ingest flights.csv --table lake/flights --create --null NA
  lakebed ingest s3://bucket/in/2013/ --table s3://bucket/flights --merge-schema
  lakebed ingest events.ndjson.gz --dry-run")]
pub(crate) struct IngestArgs {
    /// Files, folders or URLs
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// The table that takes the rows
    #[arg(long, short, value_name = "TABLE", required_unless_present = "dry_run")]
    pub(crate) table: Option<String>,
    /// The format of all sources [default: by their extensions]
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatArg>,
    /// Make the table where there is none
    #[arg(long)]
    pub(crate) create: bool,
    /// Columns that partition a table that is made
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', requires = "create")]
    pub(crate) partition_by: Vec<String>,
    /// Add the sources' new columns to the table, and let sources differ in their columns
    #[arg(long)]
    pub(crate) merge_schema: bool,
    /// Columns of a table that is made, for example 'id long not null, name string'; others get the type that fits
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) schema: Option<String>,
    /// CSV text that means null, besides the empty one; may be repeated
    #[arg(long = "null", value_name = "TEXT")]
    pub(crate) nulls: Vec<String>,
    /// Between CSV fields: one character, or "tab" [default: by the extension, else a comma]
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) delimiter: Option<String>,
    /// The first CSV line is data; columns are column_1, column_2, …
    #[arg(long)]
    pub(crate) no_header: bool,
    /// Read the sources and print their schema, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FormatArg {
    Csv,
    #[value(alias = "json", alias = "jsonl")]
    Ndjson,
    Parquet,
}

impl From<FormatArg> for ingest::Format {
    fn from(format: FormatArg) -> ingest::Format {
        match format {
            FormatArg::Csv => ingest::Format::Csv,
            FormatArg::Ndjson => ingest::Format::Ndjson,
            FormatArg::Parquet => ingest::Format::Parquet,
        }
    }
}

/// Bring what is new in one table to another, transformed by SQL, exactly once
///
/// The new rows of the source (append-only), as the table `source`, go through the query and land in the target in one
/// commit that also says how far they reach. Promoting again does nothing until the source has something new.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed promote lake/bronze/flights lake/silver/flights --create \\
      --sql 'SELECT DISTINCT * FROM source WHERE tailnum IS NOT NULL'
  lakebed promote lake/bronze/flights lake/silver/flights -f silver.sql")]
pub(crate) struct PromoteArgs {
    /// The table that rows come from
    pub(crate) source: String,
    /// The table that takes them
    pub(crate) target: String,
    /// The query over the table `source`
    #[arg(long, required_unless_present = "file", conflicts_with = "file")]
    pub(crate) sql: Option<String>,
    /// A file with the query; - is standard input
    #[arg(long, short)]
    pub(crate) file: Option<PathBuf>,
    /// A table that the query looks things up in, and its name there; may be repeated
    #[arg(long = "lookup", value_name = "NAME=TABLE")]
    pub(crate) lookups: Vec<String>,
    /// The name of this promotion, where several go from one table to another
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// Make the target where there is none, with the columns of the query
    #[arg(long)]
    pub(crate) create: bool,
    /// Columns that partition a target that is made
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', requires = "create")]
    pub(crate) partition_by: Vec<String>,
}

/// Make, look at, read and change one table
#[derive(Debug, Subcommand)]
pub(crate) enum TableCommand {
    Create(CreateArgs),
    Describe(DescribeArgs),
    History(HistoryArgs),
    Restore(RestoreArgs),
    Files(FilesArgs),
    Read(ReadArgs),
    Delete(DeleteArgs),
    Compact(CompactArgs),
    Checkpoint(CheckpointArgs),
}

/// Make an empty table
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed table create lake/t --columns 'id long not null, name string, tags array<string>'
  lakebed table create s3://bucket/t --columns 'day date, n long' --partition-by day
  lakebed table create lake/t --columns 'id long' --property delta.appendOnly=true")]
pub(crate) struct CreateArgs {
    pub(crate) table: String,
    /// Names and types, for example 'id long not null, at timestamp, place struct<lat: double, lon: double>'
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) columns: String,
    /// Columns that partition the table
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) partition_by: Vec<String>,
    /// A table property; may be repeated
    #[arg(long = "property", value_name = "NAME=VALUE")]
    pub(crate) properties: Vec<String>,
    /// What the table carries: standard has deletion vectors, compat is for the oldest readers
    #[arg(long, value_enum, default_value_t = ProfileArg::Standard)]
    pub(crate) profile: ProfileArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileArg {
    Standard,
    Compat,
}

/// The version or moment that a table is looked at
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct AtArgs {
    /// As of this version [default: the latest]
    #[arg(long, value_name = "N", conflicts_with = "timestamp")]
    pub(crate) version: Option<u64>,
    /// As of this moment: 2013-02-01, 2013-02-01T12:00:00Z (UTC without an offset), or milliseconds since 1970
    #[arg(long, value_name = "T")]
    pub(crate) timestamp: Option<String>,
}

/// Say what a table is: version, size, schema, properties, and who can read and write it
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed table describe lake/silver/flights
  lakebed table describe lake/silver/flights --version 2 --json")]
pub(crate) struct DescribeArgs {
    pub(crate) table: String,
    #[command(flatten)]
    pub(crate) at: AtArgs,
}

/// List a table's versions, the newest first
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed table history lake/silver/flights
  lakebed table history lake/silver/flights --limit 1000 --json")]
pub(crate) struct HistoryArgs {
    pub(crate) table: String,
    /// Most versions listed
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
}

/// Bring a table back to an earlier version, as a new version
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed table restore lake/silver/flights --version 3
  lakebed table restore lake/silver/flights --timestamp 2013-02-01T00:00:00Z")]
pub(crate) struct RestoreArgs {
    pub(crate) table: String,
    #[command(flatten)]
    pub(crate) at: AtArgs,
}

/// List a table's live files
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed table files lake/silver/flights
  lakebed table files lake/silver/flights --version 2 --csv")]
pub(crate) struct FilesArgs {
    pub(crate) table: String,
    #[command(flatten)]
    pub(crate) at: AtArgs,
    /// Most files listed; 0 lists all. JSON and CSV always have all
    #[arg(long, default_value_t = 100)]
    pub(crate) max_rows: usize,
}

/// Read a table's rows, to the terminal or to a file
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed table read lake/silver/flights --limit 10
  lakebed table read lake/silver/flights --version 2 --columns carrier,arr_delay --where \"origin = 'JFK'\" -o jfk.parquet
  lakebed table read s3://bucket/t --timestamp 2013-02-01 -o t.ndjson

The extension of FILE says the format: .parquet, .arrow (or .feather, .ipc), .csv, .ndjson (or .jsonl, .json).")]
pub(crate) struct ReadArgs {
    pub(crate) table: String,
    #[command(flatten)]
    pub(crate) at: AtArgs,
    /// Only these columns, in this order
    #[arg(long, value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// Only rows for which this SQL expression is true
    #[arg(long = "where", value_name = "EXPR")]
    pub(crate) predicate: Option<String>,
    /// Most rows
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// The file to write; appears once it is complete
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Rows drawn on a terminal; 0 draws all
    #[arg(long, default_value_t = 100)]
    pub(crate) max_rows: usize,
}

/// Delete the rows for which an expression is true
///
/// Rows are marked in deletion vectors; the files stay until they are compacted and vacuumed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed table delete lake/silver/flights --where \"tailnum = 'N14228'\"")]
pub(crate) struct DeleteArgs {
    pub(crate) table: String,
    /// An SQL expression; rows for which it is false or null stay
    #[arg(long = "where", value_name = "EXPR")]
    pub(crate) predicate: String,
}

/// Merge small files into larger ones; no row changes
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed table compact lake/silver/flights
  lakebed table compact lake/silver/flights --target-mib 256")]
pub(crate) struct CompactArgs {
    pub(crate) table: String,
    /// Size of the files that are made, in MiB [default: the table's delta.targetFileSize, else 128]
    #[arg(long, value_name = "MIB")]
    pub(crate) target_mib: Option<u64>,
}

/// Write down what a table's newest version comes to, so that readers replay no older commit
///
/// Commits do so by themselves, by the table's delta.checkpointInterval and delta.checkpointPolicy (classic or v2). One that
/// is there stays as it is.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed table checkpoint lake/silver/flights
  lakebed table checkpoint s3://bucket/flights --json")]
pub(crate) struct CheckpointArgs {
    pub(crate) table: String,
}

/// Delete files that no retained version of a table needs
///
/// Without --delete, only says what would go. A version can be read as long as its files are there.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed vacuum lake/silver/flights
  lakebed vacuum lake/silver/flights --retain-hours 168 --delete")]
pub(crate) struct VacuumArgs {
    pub(crate) table: String,
    /// How long files stay after the last version that needs them [default: the table's property, else 168]
    #[arg(long, value_name = "HOURS")]
    pub(crate) retain_hours: Option<u64>,
    /// Delete what the plan names
    #[arg(long)]
    pub(crate) delete: bool,
    /// Allow a retention below the table's: running readers and older versions lose their files
    #[arg(long)]
    pub(crate) force: bool,
}

/// Find out what a store can be trusted with: one writer, many writers, maintenance
///
/// Writes, reads, lists and deletes below _lakebed_doctor/ in the place named, and leaves nothing there: 16 writers race
/// for each of 20 objects, and about 150 other requests. Ends with exit code 8 where the store isn't fit for what --for
/// asks.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed doctor s3://bucket/lake
  lakebed doctor /data/lake --for single-writer
  lakebed doctor s3://bucket/lake --json")]
pub(crate) struct DoctorArgs {
    /// A folder, bucket or prefix, with or without tables
    #[arg(value_name = "PLACE")]
    pub(crate) place: String,
    /// What the store has to be fit for
    #[arg(long = "for", value_enum, default_value_t = UseArg::All)]
    pub(crate) uses: UseArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UseArg {
    /// One process writes to a table
    SingleWriter,
    /// Any number of processes do
    ManyWriters,
    /// Compaction, vacuum and log cleanup run beside them
    Maintenance,
    /// All of these
    All,
}

impl From<UseArg> for Option<Use> {
    fn from(uses: UseArg) -> Option<Use> {
        match uses {
            UseArg::SingleWriter => Some(Use::SingleWriter),
            UseArg::ManyWriters => Some(Use::ManyWriters),
            UseArg::Maintenance => Some(Use::Maintenance),
            UseArg::All => None,
        }
    }
}

/// Check a table: its log, its checkpoints, every file and vector, and statistics against rows
///
/// Nothing is written without --apply. Ends with exit code 5 where the table is damaged; warnings and notes don't count.
/// Costs a listing of the table, every file of its log and of its deletion vectors, and the data files of the sample.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  lakebed fsck lake/silver/flights
  lakebed fsck s3://bucket/flights --full --all-versions --json
  lakebed fsck lake/silver/flights --repair
  lakebed fsck lake/silver/flights --repair --apply --drop-missing-files")]
pub(crate) struct FsckArgs {
    pub(crate) table: String,
    /// Read every data file, and compare its rows with its statistics
    #[arg(long, conflicts_with = "sample")]
    pub(crate) full: bool,
    /// Read so many data files, spread over the table
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) sample: usize,
    /// Also look for the files of every older version that the log still has
    #[arg(long)]
    pub(crate) all_versions: bool,
    /// Print what can be put right, and how
    #[arg(long)]
    pub(crate) repair: bool,
    /// Carry the plan out; damaged files of the log are kept below _lakebed_damaged/
    #[arg(long, requires = "repair")]
    pub(crate) apply: bool,
    /// Let the plan remove files that are gone from the table: their rows are lost
    #[arg(long, requires = "repair")]
    pub(crate) drop_missing_files: bool,
}
