//! `lakebed vacuum`.

use std::time::Duration;

use lakebed_txlog::{Error, Result};
use lakebed_vacuum::{Plan, Report, ShortRetention, VacuumOptions, carry_out, plan};
use serde_json::json;

use super::open;
use super::restore::as_json;
use crate::args::VacuumArgs;
use crate::context::Context;
use crate::render::{Form, people, units};

/// Files of a plan that are shown to people.
const SHOWN: usize = 20;

pub(crate) async fn run(args: VacuumArgs, context: &Context) -> Result<()> {
    let table = open::table(&args.table, context).await?;
    let retention = match args.retain_hours {
        None => None,
        Some(hours) => {
            let seconds = hours.checked_mul(3600).ok_or_else(|| Error::invalid("--retain-hours is out of range"))?;
            Some(Duration::from_secs(seconds))
        }
    };
    let short_retention = if args.force { ShortRetention::Allow } else { ShortRetention::Refuse };
    let spinner = context.spinner("listing");
    let planned = plan(&table, &VacuumOptions { retention, short_retention }).await;
    spinner.finish_and_clear();
    let planned = planned.map_err(|error| match error.kind() {
        lakebed_txlog::ErrorKind::InvalidRequest if !args.force && retention.is_some() => {
            Error::invalid(error.message())
                .table(table.url().to_string())
                .hint("--force takes it: older versions become unreadable, and running writers may lose files")
        }
        _ => error,
    })?;
    let report = if args.delete {
        let bar = context.bar(planned.delete.len() as u64, "deleting");
        let told = bar.clone();
        let report = carry_out(&table, &planned, move |progress| told.set_position(progress.done)).await;
        bar.finish_and_clear();
        Some(report?)
    } else {
        None
    };
    match context.form {
        Form::Json => context.print_json(&json!({
            "table": table.url().to_string(),
            "plan": as_json(&planned)?,
            "report": report.as_ref().map(as_json).transpose()?,
        }))?,
        Form::People | Form::Csv => {
            context.print(plan_in_words(&planned))?;
            match &report {
                Some(report) => context.print(report_in_words(report))?,
                None if planned.delete.is_empty() => {}
                None => context.print("nothing was deleted: --delete carries the plan out")?,
            }
        }
    }
    match report {
        Some(report) if report.num_failed > 0 => Err(failed(&report).table(table.url().to_string())),
        _ => Ok(()),
    }
}

fn failed(report: &Report) -> Error {
    let first = report.failures.first().map(|failure| format!(": {}", failure.error)).unwrap_or_default();
    let files = units::counted(report.num_failed, "file");
    Error::unavailable(format!("{files} of the plan couldn't be deleted{first}"))
        .hint("the next vacuum tries again; check that these credentials may delete")
}

/// What a plan says, with the first of its files.
pub(crate) fn plan_in_words(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for file in plan.delete.iter().take(SHOWN) {
        lines.push(format!("  {:>10}  {}", units::bytes(file.size_bytes), people::printable(&file.path)));
    }
    if plan.delete.len() > SHOWN {
        lines.push(format!("  … and {} more (--json lists all)", units::count((plan.delete.len() - SHOWN) as u64)));
    }
    let (files, bytes) = (units::counted(plan.delete.len() as u64, "file"), units::bytes(plan.size_bytes));
    let (cutoff, needed) = (plan.cutoff, units::counted(plan.kept.needed.num_files, "file"));
    lines.insert(0, format!("{files} ({bytes}) can go: versions since {cutoff} need {needed} and none of these"));
    if plan.kept.behind_links.num_files > 0 {
        let linked = units::counted(plan.kept.behind_links.num_files, "file");
        lines.push(format!("{linked} behind symbolic links stay: they may have another name that is needed"));
    }
    lines.join("\n")
}

/// What carrying a plan out did.
pub(crate) fn report_in_words(report: &Report) -> String {
    let spared = match report.num_spared {
        0 => String::new(),
        spared => format!("; {} spared, a commit since needs them", units::counted(spared, "file")),
    };
    format!("{} ({}) deleted{spared}", units::counted(report.num_deleted, "file"), units::bytes(report.bytes_deleted))
}
