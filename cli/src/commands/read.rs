//! `lakebed table read`.

use lakebed::query::ScanRequest;
use lakebed_txlog::Result;
use serde_json::json;

use super::open;
use crate::args::ReadArgs;
use crate::context::Context;
use crate::render::file::FileFormat;
use crate::render::{Form, file, rows, units};

pub(crate) async fn run(args: ReadArgs, context: &Context) -> Result<()> {
    // A file that can't be written is said before anything is read.
    args.output.as_deref().map(FileFormat::of).transpose()?;
    let table = open::table(&args.table, context).await?;
    let snapshot = open::snapshot(&table, &args.at).await?;
    let request = ScanRequest {
        columns: (!args.columns.is_empty()).then_some(args.columns),
        filter: args.predicate,
        limit: args.limit,
        ..ScanRequest::default()
    };
    let named = |error: lakebed_txlog::Error| error.table(table.url().to_string()).version(snapshot.version());
    let found = table.scan(&snapshot, &request).await.map_err(named)?;
    let Some(path) = args.output else {
        rows::print(found.schema, found.stream, context.form, args.max_rows).await.map_err(named)?;
        return Ok(());
    };
    let spinner = context.spinner(&format!("writing {}", path.display()));
    let written = file::write(&path, found.schema, found.stream).await;
    spinner.finish_and_clear();
    let written = written.map_err(named)?;
    match context.form {
        Form::Json => context.print_json(&json!({
            "table": table.url().to_string(),
            "version": snapshot.version(),
            "path": path.display().to_string(),
            "rows": written.rows,
            "bytes": written.bytes,
        })),
        Form::People | Form::Csv => context.print(format!(
            "wrote {} of version {} to {} ({})",
            units::counted(written.rows, "row"),
            snapshot.version(),
            path.display(),
            units::bytes(written.bytes)
        )),
    }
}
