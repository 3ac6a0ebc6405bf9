//! What is measured? Each measure in a process of its own, so that its memory is its own.
//!
//! | measure | question it answers |
//! |---|---|
//! | `open` | how long until every live file has been looked at, and what does that hold? |
//! | `open-schema` | how long until version and schema are known? |
//! | `refresh` | how long until a new commit is seen, and its files counted? |
//! | `prune` | how long until the files of an id range are known? |
//! | `checkpoint` | how long, and in how much memory, is a checkpoint written? |
//! | `commit` | how long does an append take, with what requests, and how much CPU outside of the store? |
//! | `contend` | what do many writers of one process get done at once? |
//! | `contention` | what do many processes get done at once? |
//! | `requests` | how many requests does an operation make, and how many of them one after another? |

mod commit;
mod contend;
mod contention;
mod log;
mod requests;

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::Res;
use crate::args::Args;
use crate::table::{self, Expected, Spec, Statistics, Tail};

/// The measures' names.
pub const NAMES: [&str; 9] =
    ["open", "open-schema", "refresh", "prune", "checkpoint", "commit", "contend", "contention", "requests"];

/// Takes one measure and says what came out, as one JSON object.
pub async fn take(measure: &str, args: &Args) -> Res<Value> {
    let result = match measure {
        "open" => log::open(args).await?,
        "open-schema" => log::open_schema(args).await?,
        "refresh" => log::refresh(args).await?,
        "prune" => log::prune(args).await?,
        "checkpoint" => log::checkpoint(args).await?,
        "commit" => commit::commit(args).await?,
        "contend" => contend::contend(args).await?,
        "contention" => contention::contention(args).await?,
        contention::WRITER => contention::writer(args).await?,
        "requests" => requests::requests(args).await?,
        _ => return Err(format!("no measure {measure:?}; there are {NAMES:?}").into()),
    };
    let mut line = json!({"measure": measure, "engine": args.engine()?.0});
    if let (Value::Object(line), Value::Object(result)) = (&mut line, result) {
        line.extend(result);
    }
    Ok(line)
}

/// A table and what is in it. Where it isn't written yet, another process writes it: what that allocates and frees would
/// hide what an engine holds.
fn table(spec: &Spec, args: &Args) -> Res<(PathBuf, Expected)> {
    if let Some(found) = table::find(spec, &args.data())? {
        return Ok(found);
    }
    let stats = if spec.statistics == Statistics::Json { "json" } else { "parsed" };
    let tail = if spec.tail == Tail::Mixed { "mixed" } else { "appends" };
    let written = Command::new(std::env::current_exe()?)
        .args(["write-table", "--files", &spec.files.to_string(), "--stats", stats, "--tail", tail, "--data"])
        .arg(args.data())
        .status()?;
    if !written.success() {
        return Err("the table couldn't be written".into());
    }
    Ok(table::find(spec, &args.data())?.ok_or("the table that was just written isn't there")?)
}
