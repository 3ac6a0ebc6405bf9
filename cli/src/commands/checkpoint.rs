//! `lakebed table checkpoint`.

use lakebed::{CheckpointReport, Publication};
use lakebed_txlog::Result;
use serde_json::json;

use super::open;
use crate::args::CheckpointArgs;
use crate::context::Context;
use crate::render::{Form, units};

pub(crate) async fn run(args: CheckpointArgs, context: &Context) -> Result<()> {
    let table = open::table(&args.table, context).await?;
    let spinner = context.spinner("writing");
    let report = table.checkpoint().await;
    spinner.finish_and_clear();
    let report = report?;
    match context.form {
        Form::Json => context.print_json(&json!({
            "table": table.url().to_string(),
            "version": report.version.0,
            "written": report.publication == Publication::Written,
            "path": report.path,
            "num_actions": report.num_actions,
            "num_files": report.num_files,
            "num_tombstones": report.num_tombstones,
            "num_sidecars": report.num_sidecars,
            "size_in_bytes": report.size_in_bytes,
        })),
        Form::People | Form::Csv => context.print(in_words(&report)),
    }
}

/// What a checkpoint holds.
fn in_words(report: &CheckpointReport) -> String {
    let version = report.version;
    if report.publication == Publication::AlreadyThere {
        return format!("version {version} has a checkpoint already; it stays as it is");
    }
    let sidecars = match report.num_sidecars {
        0 => String::new(),
        sidecars => format!(" and {}", units::counted(sidecars, "sidecar")),
    };
    format!(
        "version {version}: {} and {} in {} ({}{sidecars})",
        units::counted(report.num_files, "live file"),
        units::counted(report.num_tombstones, "removed one"),
        units::bytes(report.size_in_bytes),
        report.path,
    )
}
