//! `lakebed ingest`.

use std::sync::Arc;

use lakebed::table::{AppendOptions, CreateTable, SchemaMode, Table, Written};
use lakebed_lake::ingest::source::Found;
use lakebed_lake::ingest::{Columns, CsvOptions, Format, Header, Options, Progress, Survey, survey};
use lakebed_txlog::schema::StructType;
use lakebed_txlog::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::{open, sources};
use crate::args::IngestArgs;
use crate::context::Context;
use crate::ddl;
use crate::render::{Form, people, units};

/// What an ingest did.
pub(crate) struct Loaded {
    pub(crate) table: Table,
    pub(crate) survey: Survey,
    pub(crate) written: Written,
}

pub(crate) async fn run(args: IngestArgs, context: &Context) -> Result<()> {
    let found = sources::find(&args.sources, args.format.map(Format::from), context).await?;
    let target = match &args.table {
        Some(table) => existing(table, context).await?,
        None => None,
    };
    if target.is_none() && !args.create && !args.dry_run {
        let name = args.table.clone().unwrap_or_default();
        return Err(Error::not_found("there is no table to ingest into").table(name).hint("make it with --create"));
    }
    if args.dry_run {
        let survey = look(&found, declared(&args, target.as_ref())?, &args, context).await?;
        return told(context, &args, &found, &survey, None);
    }
    let loaded = load(found.clone(), target, &args, context).await?;
    loaded.table.settle().await;
    told(context, &args, &found, &loaded.survey, Some(&loaded))
}

/// Reads `found` into `target`, which is made from `args` where there is none.
pub(crate) async fn load(found: Found, target: Option<Table>, args: &IngestArgs, context: &Context) -> Result<Loaded> {
    let survey = look(&found, declared(args, target.as_ref())?, args, context).await?;
    let table = match target {
        Some(table) => table,
        None => create(args, &survey, context).await?,
    };
    let bar = context.bar(total_bytes(&found), "writing");
    let counter = bar.clone();
    let batches = survey.read(&Progress::new(move |bytes| counter.inc(bytes)));
    let schema_mode = if args.merge_schema { SchemaMode::Merge } else { SchemaMode::Enforce };
    let options = AppendOptions { schema_mode, ..AppendOptions::default() };
    let written = table.append(&survey.schema(), batches, &options).await;
    bar.finish_and_clear();
    Ok(Loaded { written: written?, table, survey })
}

/// The table, where there is one.
pub(crate) async fn existing(table: &str, context: &Context) -> Result<Option<Table>> {
    match open::table(table, context).await {
        Ok(table) => Ok(Some(table)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first pass: what is in the files, or what is wrong with them.
async fn look(found: &Found, declared: Option<StructType>, args: &IngestArgs, context: &Context) -> Result<Survey> {
    let bar = context.bar(total_bytes(found), "reading");
    let counter = bar.clone();
    let progress = Progress::new(move |bytes| counter.inc(bytes));
    let surveyed = survey(found.sources.clone(), options(args, declared.as_ref())?, &progress).await;
    bar.finish_and_clear();
    surveyed.map_err(|error| match &args.table {
        Some(table) if error.kind() == ErrorKind::InvalidRequest => error.table(table.clone()),
        _ => error,
    })
}

fn declared(args: &IngestArgs, target: Option<&Table>) -> Result<Option<StructType>> {
    match (target, &args.schema) {
        (Some(_), Some(_)) => Err(Error::invalid("the table has a schema already")
            .table(args.table.clone().unwrap_or_default())
            .hint("leave --schema out; --merge-schema adds columns")),
        (Some(table), None) => Ok(Some(table.snapshot().schema().as_ref().clone())),
        (None, Some(text)) => Ok(Some(ddl::parse(text)?)),
        (None, None) => Ok(None),
    }
}

async fn create(args: &IngestArgs, survey: &Survey, context: &Context) -> Result<Table> {
    let create = CreateTable::of_arrow(&survey.schema())?.partitioned_by(args.partition_by.clone());
    open::make(args.table.as_deref().unwrap_or_default(), &create, context).await
}

fn options(args: &IngestArgs, declared: Option<&StructType>) -> Result<Options> {
    let csv = CsvOptions {
        header: if args.no_header { Header::Absent } else { Header::Present },
        delimiter: args.delimiter.as_deref().map(delimiter).transpose()?,
        nulls: args.nulls.clone(),
        ..CsvOptions::default()
    };
    let declared = declared.map(StructType::to_arrow).transpose()?.map(Arc::new);
    let columns = if args.merge_schema { Columns::Union } else { Columns::Same };
    Ok(Options { format: args.format.map(Format::from), csv, declared, columns, ..Options::default() })
}

fn delimiter(text: &str) -> Result<u8> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err(Error::invalid(format!("{text:?} can't be a delimiter")).hint("give one ASCII character, or \"tab\"")),
    }
}

fn total_bytes(found: &Found) -> u64 {
    found.sources.iter().map(lakebed_lake::ingest::Source::size_bytes).sum()
}

fn told(context: &Context, args: &IngestArgs, found: &Found, survey: &Survey, loaded: Option<&Loaded>) -> Result<()> {
    match context.form {
        Form::Json => context.print_json(&for_programs(args, found, survey, loaded)?),
        Form::People | Form::Csv => context.print(for_people(found, survey, loaded)?),
    }
}

fn for_programs(args: &IngestArgs, found: &Found, survey: &Survey, loaded: Option<&Loaded>) -> Result<Value> {
    let files = survey.files().iter().map(|file| {
        let renamed = file.renamed().iter().map(|renamed| json!({"from": renamed.from, "to": renamed.to}));
        json!({
            "path": file.source().name(),
            "format": file.format().to_string(),
            "rows": file.rows(),
            "renamed": renamed.collect::<Vec<_>>(),
        })
    });
    let schema = StructType::from_arrow(&survey.schema())?.to_json();
    let report = loaded.and_then(|loaded| loaded.written.report());
    Ok(json!({
        "table": loaded.map(|loaded| loaded.table.url().to_string()).or_else(|| args.table.clone()),
        "version": report.map(|report| report.version),
        "rows": survey.rows(),
        "numFilesAdded": report.map(|report| report.num_files_added),
        "bytesAdded": report.map(|report| report.bytes_added),
        "schema": serde_json::from_str::<Value>(&schema).unwrap_or(Value::String(schema)),
        "files": files.collect::<Vec<_>>(),
        "ignored": found.ignored,
    }))
}

fn for_people(found: &Found, survey: &Survey, loaded: Option<&Loaded>) -> Result<String> {
    let mut lines = vec![schema_table(survey)?];
    for file in survey.files() {
        for renamed in file.renamed() {
            let from = if renamed.from.is_empty() { "(no name)" } else { &renamed.from };
            lines.push(format!("{}: column {from} is {} in the table", file.source().name(), renamed.to));
        }
    }
    lines.extend(found.ignored.iter().map(|name| format!("{name}: not read, its extension is no format's")));
    let read =
        format!("{} in {}", units::counted(survey.rows(), "row"), units::counted(survey.files().len() as u64, "file"));
    lines.push(match loaded.map(|loaded| (&loaded.written, loaded.table.url())) {
        None => format!("{read}; nothing was written (--dry-run)"),
        Some((Written::Committed(report), url)) => format!(
            "{read} are version {} of {url} ({}, {})",
            report.version,
            units::counted(report.num_files_added as u64, "data file"),
            units::bytes(report.bytes_added),
        ),
        Some((Written::AlreadyApplied { .. } | Written::NothingToDo { .. }, url)) => {
            format!("{read}: nothing to write to {url}")
        }
    });
    Ok(lines.join("\n"))
}

/// The columns as the table has them.
fn schema_table(survey: &Survey) -> Result<String> {
    let mut columns = people::table(["column", "type", "null"]);
    for field in StructType::from_arrow(&survey.schema())?.fields() {
        columns.add_row([
            people::printable(&field.name),
            people::printable(&field.data_type.to_string()),
            if field.nullable { "yes" } else { "no" }.to_owned(),
        ]);
    }
    Ok(columns.to_string())
}
