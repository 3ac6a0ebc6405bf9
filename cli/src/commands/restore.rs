//! `lakebed table restore`.

use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::{Error, Result};

use super::open;
use crate::args::RestoreArgs;
use crate::context::Context;
use crate::render::{Form, units};

pub(crate) async fn run(args: RestoreArgs, context: &Context) -> Result<()> {
    if args.at.version.is_none() && args.at.timestamp.is_none() {
        return Err(Error::invalid("which version is to be restored?").hint("give --version N or --timestamp T"));
    }
    let table = open::table(&args.table, context).await?;
    let version = open::snapshot(&table, &args.at).await?.version();
    let restored = table.restore(version, &CommitOptions::default()).await?;
    table.settle().await;
    match context.form {
        Form::Json => context.print_json(&as_json(&restored)?),
        Form::People | Form::Csv => context.print(match restored.version {
            Some(made) => format!(
                "version {made} is what version {version} was: {} came back, {} left",
                units::counted(restored.num_files_restored as u64, "file"),
                units::counted(restored.num_files_removed as u64, "file"),
            ),
            None => format!("nothing to do: the table is as it was at version {version}"),
        }),
    }
}

/// A report as JSON.
pub(crate) fn as_json(report: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(report).map_err(|error| Error::bug("a report is no JSON").because(error))
}
