//! `lakebed table compact`.

use lakebed_compaction::{CompactionOptions, Report, compact};
use lakebed_txlog::{Error, Result};

use super::open;
use super::restore::as_json;
use crate::args::CompactArgs;
use crate::context::Context;
use crate::render::{Form, units};

pub(crate) async fn run(args: CompactArgs, context: &Context) -> Result<()> {
    let table = open::table(&args.table, context).await?;
    let mut options = CompactionOptions::for_table(table.snapshot().metadata())?;
    if let Some(mib) = args.target_mib {
        let bytes = mib.checked_mul(1 << 20).filter(|bytes| *bytes > 0);
        options = options.with_target(bytes.ok_or_else(|| Error::invalid("--target-mib is out of range"))?);
    }
    let bar = context.bar(0, "compacting");
    let told = bar.clone();
    let report = compact(&table, &options, move |progress| {
        told.set_length(progress.bytes);
        told.set_position(progress.bytes_done);
    })
    .await;
    bar.finish_and_clear();
    let report = report?;
    table.settle().await;
    match context.form {
        Form::Json => context.print_json(&as_json(&report)?),
        Form::People | Form::Csv => context.print(in_words(&report)),
    }
}

/// What a compaction did.
pub(crate) fn in_words(report: &Report) -> String {
    let left = match report.num_groups_left {
        0 => String::new(),
        left => format!("; {} lost to other writers, run it again", units::counted(left as u64, "group of files")),
    };
    let Some(version) = report.versions.last() else {
        return format!("nothing to do: no files are small enough to be put together{left}");
    };
    let purged = match report.num_rows_purged {
        0 => String::new(),
        purged => format!(", {} deleted before now also gone from the files", units::counted(purged, "row")),
    };
    format!(
        "version {version}: {} ({}) became {} ({}) with the same {}{purged}{left}",
        units::counted(report.num_files_removed as u64, "file"),
        units::bytes(report.bytes_removed),
        units::count(report.num_files_added as u64),
        units::bytes(report.bytes_added),
        units::counted(report.num_rows, "row"),
    )
}
