//! The same work done by Lakebed, delta-rs and kernel, on the same tables, in one binary.
//!
//!     side-by-side all [--size quick|full] [--data DIR] [--out FILE] [--only TEXT]
//!     side-by-side report [--data DIR] [--out FILE]
//!     side-by-side write-table --files N [--stats json|parsed] [--tail mixed|appends] [--data DIR]
//!     side-by-side MEASURE --engine lakebed|delta-rs|delta-rs-lazy|kernel [options]
//!
//! A measure prints one JSON line. `all` takes one after another, each in a process of its own, writes their lines to FILE,
//! and prints a table; `report` prints it again. [`measures`] lists them; `docs/BENCHMARKS.md` says how to read what comes
//! out.
//!
//! | module | question it answers |
//! |---|---|
//! | [`table`] | which tables are measured? |
//! | [`place`] | where is a table, and by which store is it reached? |
//! | [`store`] | what does an operation ask of its store? |
//! | [`durable`] | how is a local commit made to outlive a power cut? |
//! | [`server`] | which S3 server is measured against? |
//! | [`engine`] | what is asked of each engine? |
//! | [`measure`] | what did it take? |
//! | [`measures`] | what is measured? |
//! | [`all`] | what is measured in one run, and how does it compare? |

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a measure needs the clock, and a person's settings")]

mod all;
mod args;
mod durable;
mod engine;
mod measure;
mod measures;
mod place;
mod server;
mod store;
mod table;

use std::process::ExitCode;

/// Every failure is a message for whoever runs this.
type Res<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("{failed}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Res<()> {
    let mut words = std::env::args().skip(1);
    let usage =
        || format!("usage: side-by-side all | {} (see the first lines of main.rs)", measures::NAMES.join(" | "));
    let measure = words.next().ok_or_else(usage)?;
    let args = args::Args::parse(words)?;
    std::fs::create_dir_all(args.data())?;
    match measure.as_str() {
        "all" => return all::run(&args),
        "report" => return all::report(&args),
        "write-table" => return table::write(&args.table()?, &args.data()),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let line = runtime.block_on(measures::take(&measure, &args))?;
    println!("{line}");
    Ok(())
}
