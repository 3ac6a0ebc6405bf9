//! `lakebed`: the binary.
//!
//! | module | question it answers |
//! |---|---|
//! | `args` | what does a person type? |
//! | `commands` | one command each: what happens then? |
//! | `demo` | the medallion lake that `lakebed demo` builds |
//! | `shell` | the interactive SQL prompt |
//! | `render` | how do results look, to people and to programs? |
//! | `failure` | how does an error look, and which exit code has it? |
//! | `context` | what every command shares: output, clock, runtime |
//! | `ddl` | a schema as a person writes it |

mod args;
mod commands;
mod context;
mod ddl;
mod demo;
mod failure;
mod render;
mod shell;

use std::process::ExitCode;
use std::time::Duration;

use args::{Args, Command, TableCommand};
use clap::Parser;
use context::Context;
use lakebed_txlog::env::process_variable;
use lakebed_txlog::{Error, Result};
use tracing_subscriber::filter::LevelFilter;

/// The stack of each thread that runs futures: deep queries are planned recursively.
const STACK_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    let args = Args::parse();
    let level = process_variable("LAKEBED_LOG").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::ERROR);
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
    let context = Context::new(&args.output);
    match run(args.command, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if failure::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error, context.form),
    }
}

fn run(command: Command, context: &Context) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Error::exhausted("the runtime's threads couldn't be started").because(error))?;
    let result = runtime.block_on(dispatch(command, context));
    // A thread that is blocked on a pipe or a slow store must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

async fn dispatch(command: Command, context: &Context) -> Result<()> {
    match command {
        Command::Demo(args) => demo::run(args, context).await,
        Command::Sql(args) => commands::sql::run(args, context).await,
        Command::Ingest(args) => commands::ingest::run(*args, context).await,
        Command::Promote(args) => commands::promote::run(args, context).await,
        Command::Table(TableCommand::Create(args)) => commands::create::run(args, context).await,
        Command::Table(TableCommand::Describe(args)) => commands::describe::run(args, context).await,
        Command::Table(TableCommand::History(args)) => commands::history::run(args, context).await,
        Command::Table(TableCommand::Restore(args)) => commands::restore::run(args, context).await,
        Command::Table(TableCommand::Files(args)) => commands::files::run(args, context).await,
        Command::Table(TableCommand::Read(args)) => commands::read::run(args, context).await,
        Command::Table(TableCommand::Delete(args)) => commands::delete::run(args, context).await,
        Command::Table(TableCommand::Compact(args)) => commands::compact::run(args, context).await,
        Command::Table(TableCommand::Checkpoint(args)) => commands::checkpoint::run(args, context).await,
        Command::Doctor(args) => commands::doctor::run(args, context).await,
        Command::Fsck(args) => commands::fsck::run(args, context).await,
        Command::Vacuum(args) => commands::vacuum::run(args, context).await,
        Command::Version => commands::version::run(context),
    }
}
