//! `lakebed table delete`.

use lakebed::table::Deletion;
use lakebed_txlog::Result;
use lakebed_txlog::drive::CommitOptions;

use super::open;
use super::restore::as_json;
use crate::args::DeleteArgs;
use crate::context::Context;
use crate::render::{Form, units};

pub(crate) async fn run(args: DeleteArgs, context: &Context) -> Result<()> {
    let table = open::table(&args.table, context).await?;
    let spinner = context.spinner("deleting");
    let deleted = table.delete(&args.predicate, &CommitOptions::default()).await;
    spinner.finish_and_clear();
    let deleted = deleted?;
    table.settle().await;
    match context.form {
        Form::Json => context.print_json(&as_json(&deleted)?),
        Form::People | Form::Csv => context.print(in_words(&deleted)),
    }
}

/// What a delete did.
pub(crate) fn in_words(deleted: &Deletion) -> String {
    let Some(version) = deleted.version else { return "no row matches: nothing was deleted".to_owned() };
    let ways = [
        (deleted.num_vectors, "marked in a deletion vector"),
        (deleted.num_files_rewritten, "written again without them"),
        (deleted.num_files_removed, "removed whole"),
    ];
    let ways: Vec<String> = ways
        .iter()
        .filter(|(files, _)| *files > 0)
        .map(|(files, how)| format!("{} {how}", units::counted(*files as u64, "file")))
        .collect();
    format!("version {version}: {} deleted; {}", units::counted(deleted.num_rows, "row"), ways.join(", "))
}
