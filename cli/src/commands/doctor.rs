//! `lakebed doctor`.

use lakebed::doctor::{Diagnosis, Fitness, Outcome, Use, Verdict, examine};
use lakebed::store::{TableStore, TableUrl};
use lakebed_txlog::{Error, ErrorKind, Result};

use super::restore::as_json;
use crate::args::DoctorArgs;
use crate::context::Context;
use crate::render::{Form, people};

pub(crate) async fn run(args: DoctorArgs, context: &Context) -> Result<()> {
    let url = TableUrl::parse(&args.place)?;
    let named = |error: Error| match error.kind() {
        ErrorKind::NotFound => error
            .table(url.to_string())
            .hint("check the path; to examine where a table is to be, name the folder or bucket above it"),
        _ => error.table(url.to_string()),
    };
    let store = TableStore::open(&url, &context.settings, &context.env).map_err(named)?;
    let bar = context.steps("examining");
    let told = bar.clone();
    let examined = examine(&store, &context.env, move |progress| {
        told.set_length(progress.total);
        told.set_position(progress.done);
        told.set_message(progress.check.label());
    })
    .await;
    bar.finish_and_clear();
    let diagnosis = examined.map_err(named)?;
    match context.form {
        Form::Json => context.print_json(&as_json(&diagnosis)?)?,
        Form::People | Form::Csv => context.print(for_people(&diagnosis))?,
    }
    match refused(&diagnosis, args.uses.into()) {
        Some(error) => Err(error.table(url.to_string())),
        None => Ok(()),
    }
}

fn for_people(diagnosis: &Diagnosis) -> String {
    let mut checks = people::table(["check", "", "what was found"]);
    for finding in &diagnosis.findings {
        let row = [finding.check.label().to_owned(), outcome(finding.outcome).to_owned(), text(&finding.detail)];
        checks.add_row(row);
    }
    let mut uses = people::table(["use", "", "because of"]);
    for verdict in &diagnosis.verdicts {
        uses.add_row([verdict.of.label().to_owned(), fitness(verdict.fitness).to_owned(), because(verdict)]);
    }
    let mut lines = vec![format!("{checks}\n{uses}")];
    for finding in diagnosis.findings.iter().filter(|finding| finding.outcome != Outcome::Holds) {
        if let Some(hint) = &finding.what_to_do {
            lines.push(format!("{}: {}", finding.check.label(), text(hint)));
        }
    }
    if diagnosis.num_left_behind > 0 {
        lines.push(format!("{} objects of this probe couldn't be deleted", diagnosis.num_left_behind));
    }
    lines.join("\n")
}

fn text(text: &str) -> String {
    lakebed_txlog::error::Printable(text).to_string()
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "yes",
        Outcome::Care => "care",
        Outcome::NotOffered => "not offered",
        Outcome::Unknown => "not known",
        Outcome::Fails => "NO",
    }
}

fn fitness(fitness: Fitness) -> &'static str {
    match fitness {
        Fitness::Fit => "fit",
        Fitness::WithCare => "fit, with care",
        Fitness::Unfit => "NOT FIT",
    }
}

fn because(verdict: &Verdict) -> String {
    verdict.because.iter().map(|check| check.label()).collect::<Vec<_>>().join(", ")
}

/// The failure of a store that isn't fit for what it is asked about.
fn refused(diagnosis: &Diagnosis, asked: Option<Use>) -> Option<Error> {
    let is_asked = |verdict: &&Verdict| asked.is_none_or(|of| of == verdict.of);
    let unfit = diagnosis.verdicts.iter().filter(is_asked).filter(|verdict| verdict.fitness == Fitness::Unfit);
    let unfit: Vec<String> = unfit.map(|verdict| format!("{} ({})", verdict.of.label(), because(verdict))).collect();
    if unfit.is_empty() {
        return None;
    }
    Some(
        Error::unsupported(format!("the store isn't fit for {}", unfit.join("; ")))
            .hint("see above what was found, and what to do about it"),
    )
}

#[cfg(test)]
mod tests {
    use lakebed::doctor::{Check, Finding};

    use super::*;

    fn diagnosis(fitness: Fitness) -> Diagnosis {
        let finding = Finding {
            check: Check::RacingCreates,
            outcome: Outcome::Fails,
            detail: "two \u{1b}[31mwinners".to_owned(),
            what_to_do: Some("use another".to_owned()),
        };
        let verdict = |of, fitness, because| Verdict { of, fitness, because };
        Diagnosis {
            url: "s3://b".to_owned(),
            findings: vec![finding],
            verdicts: vec![
                verdict(Use::SingleWriter, Fitness::Fit, Vec::new()),
                verdict(Use::ManyWriters, fitness, vec![Check::RacingCreates]),
            ],
            num_left_behind: 2,
        }
    }

    #[test]
    fn people_read_checks_uses_and_what_to_do() {
        let told = for_people(&diagnosis(Fitness::Unfit));
        for part in ["racing creates", "NO", "NOT FIT", "racing creates: use another", "2 objects", "\\u{1b}[31m"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains('\u{1b}'));
    }

    #[test]
    fn a_store_that_is_not_fit_for_what_was_asked_fails() {
        assert!(refused(&diagnosis(Fitness::WithCare), None).is_none());
        assert!(refused(&diagnosis(Fitness::Unfit), Some(Use::SingleWriter)).is_none());
        let error = refused(&diagnosis(Fitness::Unfit), None).unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("many writers (racing creates)"));
    }
}
