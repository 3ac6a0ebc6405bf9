//! `lakebed fsck`.

use lakebed::fsck::{Finding, History, Missing, Options, Plan, Report, Sample, Severity, Step, carry_out, check, plan};
use lakebed::store::{TableStore, TableUrl};
use lakebed_txlog::error::Printable;
use lakebed_txlog::{Error, ErrorKind, Result};
use serde_json::json;

use super::restore::as_json;
use crate::args::FsckArgs;
use crate::context::Context;
use crate::render::{Form, units};

/// Findings and files that are shown to people.
const SHOWN: usize = 50;

pub(crate) async fn run(args: FsckArgs, context: &Context) -> Result<()> {
    let url = TableUrl::parse(&args.table)?;
    let hint = |error: Error| match error.kind() {
        ErrorKind::NotFound => error.table(url.to_string()).hint("check the path: there is no Delta table here"),
        _ => error.table(url.to_string()),
    };
    let store = TableStore::open(&url, &context.settings, &context.env).map_err(hint)?;
    let options = Options {
        history: if args.all_versions { History::AllVersions } else { History::Newest },
        sample: if args.full { Sample::Full } else { Sample::Files(args.sample) },
    };
    let report = checked(&store, &options, context).await.map_err(hint)?;
    let missing = if args.drop_missing_files { Missing::Drop } else { Missing::Keep };
    let planned = args.repair.then(|| plan(&report, missing));
    if context.form != Form::Json {
        context.print(report_in_words(&report))?;
        if let Some(planned) = &planned {
            context.print(plan_in_words(planned))?;
        }
    }
    let mut done = Vec::new();
    let mut after = None;
    if let Some(planned) = planned.as_ref().filter(|planned| args.apply && !planned.steps.is_empty()) {
        let spinner = context.spinner("repairing");
        let carried_out = carry_out(&store, &context.env, planned, |step| spinner.set_message(name(step))).await;
        spinner.finish_and_clear();
        done = carried_out?;
        after = Some(checked(&store, &options, context).await?);
    }
    match context.form {
        Form::Json => context.print_json(&json!({
            "report": as_json(&report)?,
            "plan": planned.as_ref().map(as_json).transpose()?,
            "done": done,
            "after": after.as_ref().map(as_json).transpose()?,
        }))?,
        Form::People | Form::Csv => {
            done.iter().try_for_each(|line| context.print(format_args!("done: {}", Printable(line))))?;
            if let Some(after) = &after {
                context.print(format!("\nafter the repair:\n{}", report_in_words(after)))?;
            }
        }
    }
    match damage(after.as_ref().unwrap_or(&report)) {
        Some(error) => Err(error.table(url.to_string())),
        None => Ok(()),
    }
}

async fn checked(store: &TableStore, options: &Options, context: &Context) -> Result<Report> {
    let bar = context.steps("listing");
    let told = bar.clone();
    let report = check(store, options, move |progress| {
        told.set_message(progress.stage.label());
        told.set_length(progress.total);
        told.set_position(progress.done);
    })
    .await;
    bar.finish_and_clear();
    report
}

/// The failure that damage is.
fn damage(report: &Report) -> Option<Error> {
    if !report.is_damaged() {
        return None;
    }
    let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error).count() as u64;
    let said = format!("the table is damaged: {}", units::counted(errors + report.num_findings_left_out, "error"));
    Some(Error::corrupt(said).hint("lakebed fsck --repair shows what can be put right"))
}

fn report_in_words(report: &Report) -> String {
    let version =
        report.version.map_or("its newest version isn't known".to_owned(), |version| format!("version {version}"));
    let mut lines = vec![format!(
        "{}: {version}, {}, {}; {}, {}; {} read and compared",
        Printable(&report.table),
        units::counted(report.num_commits, "commit"),
        units::counted(report.num_checkpoints, "checkpoint"),
        units::counted(report.num_files, "live file"),
        units::counted(report.num_vectors, "deletion vector"),
        units::counted(report.num_files_read, "file"),
    )];
    if report.orphans.num_files > 0 {
        lines.push(format!(
            "{} ({}) that no version names: vacuum deletes them once they are old enough",
            units::counted(report.orphans.num_files, "file"),
            units::bytes(report.orphans.size_bytes),
        ));
    }
    lines.extend(report.findings.iter().take(SHOWN).map(finding_in_words));
    let more = report.findings.len().saturating_sub(SHOWN) as u64 + report.num_findings_left_out;
    if more > 0 {
        lines.push(format!("… and {} more (--json has all)", units::counted(more, "finding")));
    }
    if report.findings.is_empty() {
        lines.push("clean: nothing is wrong with what was looked at".to_owned());
    }
    lines.join("\n")
}

fn finding_in_words(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Error => "ERROR",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let version = finding.version.map(|version| format!(" [version {version}]")).unwrap_or_default();
    let path = finding.path.as_deref().map(|path| format!(" {}", Printable(path))).unwrap_or_default();
    let mut line = format!("{severity:<8}{}{version}{path}: {}", finding.kind.label(), Printable(&finding.message));
    if let Some(hint) = &finding.what_to_do {
        line += &format!("\n          {}", Printable(hint));
    }
    line
}

fn plan_in_words(plan: &Plan) -> String {
    let mut lines = vec![match plan.steps.len() {
        0 => "\nplan: nothing can be done".to_owned(),
        _ => "\nplan (--repair --apply carries it out):".to_owned(),
    }];
    for step in &plan.steps {
        lines.push(format!("  {}", name(step)));
        if let Step::DropFiles { paths, .. } | Step::Restamp { paths } = step {
            lines.extend(paths.iter().take(SHOWN).map(|path| format!("    {}", Printable(path))));
            if paths.len() > SHOWN {
                lines.push(format!("    … and {} more (--json has all)", paths.len() - SHOWN));
            }
        }
    }
    if plan.num_errors_left > 0 {
        lines.push(format!(
            "  {} stay: restore from a backup, or the table to a version before; --drop-missing-files gives up files that are gone",
            units::counted(plan.num_errors_left, "error")
        ));
    }
    lines.join("\n")
}

fn name(step: &Step) -> String {
    match step {
        Step::RewriteCheckpoint { version, names } => {
            format!("write the checkpoint of version {version} from the commits; keep {} aside", names.join(", "))
        }
        Step::RemoveChecksum { version } => format!("delete the .crc file of version {version}, and keep it aside"),
        Step::RewriteHint => "point _last_checkpoint to the newest sound checkpoint".to_owned(),
        Step::Restamp { paths } => {
            let files = units::counted(paths.len() as u64, "file");
            format!("commit statistics of what they hold for {files}; no row changes")
        }
        Step::DropFiles { paths, num_rows, num_files_of_unknown_rows } => {
            let (files, rows) = (units::counted(paths.len() as u64, "file"), units::counted(*num_rows, "row"));
            let unknown = match num_files_of_unknown_rows {
                0 => String::new(),
                some => format!(", and those of {} that didn't say", units::counted(*some, "file")),
            };
            format!("remove {files} from the table that are gone: {rows} are LOST{unknown}")
        }
    }
}

#[cfg(test)]
mod tests {
    use lakebed::fsck::Kind;

    use super::*;

    fn report(severity: Severity) -> Report {
        let finding = Finding {
            severity,
            kind: Kind::FileMissing,
            message: "gone\u{1b}[31m".to_owned(),
            path: Some("a.parquet".to_owned()),
            version: None,
            what_to_do: Some("restore it".to_owned()),
            repair: None,
        };
        Report { table: "memory://t".to_owned(), findings: vec![finding], ..Report::default() }
    }

    #[test]
    fn people_read_what_where_and_what_to_do() {
        let told = report_in_words(&report(Severity::Error));
        assert!(told.contains("ERROR   file missing a.parquet: gone\\u{1b}[31m\n          restore it"), "{told}");
        assert!(report_in_words(&Report::default()).contains("clean"));
    }

    #[test]
    fn only_errors_are_damage() {
        assert!(damage(&report(Severity::Warning)).is_none());
        assert_eq!(damage(&report(Severity::Error)).unwrap().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_plan_says_how_many_rows_are_lost() {
        let step = Step::DropFiles { paths: vec!["a".into(), "b".into()], num_rows: 7, num_files_of_unknown_rows: 1 };
        let told = plan_in_words(&Plan { steps: vec![step], num_errors_left: 2 });
        assert!(told.contains("remove 2 files") && told.contains("7 rows are LOST, and those of 1 file"), "{told}");
        assert!(told.contains("2 errors stay"));
    }
}
