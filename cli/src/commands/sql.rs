//! `lakebed sql`.

use std::io::IsTerminal;
use std::path::Path;

use lakebed::query::Session;
use lakebed_txlog::{Error, Result};

use super::lake::Lake;
use super::promote::text_of;
use crate::args::SqlArgs;
use crate::context::Context;
use crate::failure;
use crate::render::{Form, people, rows, units};
use crate::shell::{Names, Shell, Typed, statements};

pub(crate) async fn run(args: SqlArgs, context: &Context) -> Result<()> {
    let text = match (&args.query, &args.file) {
        (Some(query), _) => Some(query.clone()),
        (None, Some(file)) => Some(text_of(file)?),
        (None, None) if !std::io::stdin().is_terminal() => Some(text_of(Path::new("-"))?),
        (None, None) => None,
    };
    let Some(text) = text else { return prompt(&args, context).await };
    let statements = statements::split(&text);
    if statements.is_empty() {
        return Err(Error::invalid("there is no query").hint("give one as an argument, or a file with -f"));
    }
    let lake = Lake::find(&args.tables, context).await?;
    let session = lake.session(|table| text.to_lowercase().contains(&table.to_lowercase()), context).await?;
    for statement in statements {
        answer(&session, statement, args.max_rows, context).await.map_err(|error| with_names(error, &lake))?;
    }
    Ok(())
}

/// Runs one query and prints its rows.
async fn answer(session: &Session, sql: &str, max_rows: usize, context: &Context) -> Result<()> {
    let began = context.env.monotonic();
    let found = session.sql(sql).await?;
    rows::print(found.schema, found.stream, context.form, max_rows).await?;
    if context.form == Form::People {
        context.print(format!("{}\n", units::duration(context.env.monotonic().saturating_sub(began))))?;
    }
    Ok(())
}

/// Says which tables there are, when one isn't.
fn with_names(error: Error, lake: &Lake) -> Error {
    match error.kind() {
        lakebed_txlog::ErrorKind::NotFound => {
            let names: Vec<&str> = lake.names().take(20).collect();
            // The session knows only the tables that the text seems to name; the lake knows all.
            Error::not_found(error.message()).hint(if names.is_empty() {
                "no table is known: name a folder of tables with --lake, or one table with --table NAME=TABLE"
                    .to_owned()
            } else {
                format!("tables: {}", names.join(", "))
            })
        }
        _ => error,
    }
}

async fn prompt(args: &SqlArgs, context: &Context) -> Result<()> {
    let lake = Lake::find(&args.tables, context).await?;
    let session = lake.session(|_| true, context).await?;
    let mut names = Names::default();
    for (table, columns) in lake.columns(context).await {
        names.add(table, columns);
    }
    context.print(format!(
        "{} known. End a query with ';'. \\tables lists tables, \\describe TABLE its columns, \\help helps, \\quit quits.",
        units::counted(lake.names().count() as u64, "table")
    ))?;
    let mut shell = Shell::new(names)?;
    loop {
        match shell.read()? {
            Typed::End => return Ok(()),
            Typed::Nothing => {}
            Typed::Command(word, rest) => command(&word, &rest, &lake, context).await?,
            Typed::Sql(text) => {
                for statement in statements::split(&text) {
                    // A mistake ends the statement, not the prompt.
                    if let Err(error) = answer(&session, statement, args.max_rows, context).await {
                        failure::report(&with_names(error, &lake), context.form);
                        break;
                    }
                }
            }
        }
    }
}

async fn command(word: &str, rest: &str, lake: &Lake, context: &Context) -> Result<()> {
    match word {
        "tables" | "dt" => {
            let mut drawn = people::table(["table", "at"]);
            for (name, url) in lake.tables() {
                drawn.add_row([people::printable(name), people::printable(&url.to_string())]);
            }
            context.print(drawn)
        }
        "describe" | "d" => match lake.columns(context).await.into_iter().find(|(table, _)| table == rest) {
            Some((_, columns)) => context.print(columns.join("\n")),
            None => context.print(format!("there is no table {rest}; \\tables lists those there are")),
        },
        _ => context.print(
            "SELECT … FROM table [VERSION AS OF n | TIMESTAMP AS OF 't'] …;   runs a query\n\
             \\tables                lists tables\n\\describe TABLE        lists a table's columns\n\\quit                  quits",
        ),
    }
}
