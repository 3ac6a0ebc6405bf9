//! `lakebed promote`.

use std::path::Path;

use lakebed::query::Session;
use lakebed::{CreateTable, Promoted, Promotion, Table, promote};
use lakebed_txlog::{Error, Result};

use super::ingest::existing;
use super::open;
use super::restore::as_json;
use crate::args::PromoteArgs;
use crate::context::Context;
use crate::render::{Form, units};

pub(crate) async fn run(args: PromoteArgs, context: &Context) -> Result<()> {
    let sql = match (&args.sql, &args.file) {
        (Some(sql), _) => sql.clone(),
        (None, Some(file)) => text_of(file)?,
        (None, None) => return Err(Error::invalid("which query?").hint("give --sql or -f")),
    };
    let source = open::table(&args.source, context).await?;
    let mut promotion = Promotion::new(&args.name, sql.trim().trim_end_matches(';'));
    for lookup in &args.lookups {
        let (name, table) = named(lookup)?;
        promotion = promotion.lookup(name, &open::table(table, context).await?);
    }
    let target = match existing(&args.target, context).await? {
        Some(target) => target,
        None if args.create => create(&args, &source, &promotion, context).await?,
        None => {
            let hint = "make it with --create, with the columns of the query";
            return Err(Error::not_found("there is no target").table(&args.target).hint(hint));
        }
    };
    let spinner = context.spinner("promoting");
    let promoted = promote(&source, &target, &promotion).await;
    spinner.finish_and_clear();
    let promoted = promoted?;
    target.settle().await;
    match context.form {
        Form::Json => context.print_json(&as_json(&promoted)?),
        Form::People | Form::Csv => context.print(in_words(&promoted)),
    }
}

/// `NAME=TABLE`.
pub(crate) fn named(text: &str) -> Result<(&str, &str)> {
    text.split_once('=').filter(|(name, table)| !name.is_empty() && !table.is_empty()).ok_or_else(|| {
        Error::invalid(format!("{text:?} names no table")).hint("write NAME=TABLE, as in planes=lake/silver/planes")
    })
}

/// The text of a file, or of standard input for `-`.
pub(crate) fn text_of(file: &Path) -> Result<String> {
    let read =
        if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    read.map_err(|error| lakebed::store::file_error(error, "reading the query", file))
}

async fn create(args: &PromoteArgs, source: &Table, promotion: &Promotion, context: &Context) -> Result<Table> {
    let session = Session::new();
    session.register("source", source.store(), &source.snapshot())?;
    for (name, table) in &promotion.lookups {
        session.register(name, table.store(), &table.snapshot())?;
    }
    let schema = session.schema_of(&promotion.sql).await?;
    let create = CreateTable::of_arrow(&schema)?.partitioned_by(args.partition_by.clone());
    open::make(&args.target, &create, context).await
}

/// How a promotion ended.
pub(crate) fn in_words(promoted: &Promoted) -> String {
    match promoted {
        Promoted::Committed { from_version, to_version, rows_in, rows_out, version } => {
            let range = if from_version == to_version {
                format!("version {from_version}")
            } else {
                format!("versions {from_version} to {to_version}")
            };
            format!(
                "{range} of the source, {}, made {} in version {version} of the target",
                units::counted(*rows_in, "row"),
                units::counted(*rows_out, "row"),
            )
        }
        Promoted::AlreadyApplied { to_version } => {
            format!("nothing to do: the target has everything up to version {to_version} of the source")
        }
    }
}
