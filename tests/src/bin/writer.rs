//! A writer of its own process: carries out a plan, and says each commit that was acknowledged.
//!
//! `writer URL FIRST_ID STEPS PLAN [PAUSE_MS]`; `STEPS` 0: until it is killed, `10s`: for ten seconds. Pauses after each
//! step where that is asked for. Prints a line of JSON for each: `{"opened": version}`, `{"step": n, "version": v,
//! "attempts": a}`, `{"done": {kind: requests of the log}}`. A line is out before the next commit begins.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed::{AppendOptions, Table};
use lakebed_tests::plan::{Plan, Step, rows};
use lakebed_tests::requests::{Kind, recorded};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::{Env, SystemEnv};
use serde_json::{Value, json};

type Failed = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (url, first, steps, plan, pause) = match arguments.as_slice() {
        [url, first, steps, plan] => (url, first, steps, plan, Duration::ZERO),
        [url, first, steps, plan, pause] => (url, first, steps, plan, Duration::from_millis(pause.parse()?)),
        _ => return Err("writer URL FIRST_ID STEPS PLAN [PAUSE_MS]".into()),
    };
    let (first, plan): (i64, Plan) = (first.parse()?, plan.parse()?);

    let env = SystemEnv::shared();
    let store = TableStore::open(&TableUrl::parse(url)?, &StoreSettings::from_env(), &env)?;
    let (store, requests) = recorded(&store);
    let table = Table::open_with(store, env.clone()).await?;
    say(&json!({ "opened": table.snapshot().version().0 }))?;
    let _ = requests.take();
    let end = End::parse(steps, env.as_ref())?;
    for step in (0..).take_while(|step| !end.is_reached(*step, env.as_ref())) {
        let (version, attempts) = carry_out(&table, &plan.step(first, step)).await?;
        say(&json!({ "step": step, "version": version, "attempts": attempts }))?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    table.settle().await;
    let count = |kind| requests.count_in_log(kind);
    say(&json!({ "done": {
        "create": count(Kind::Create),
        "get": count(Kind::Get),
        "list": count(Kind::List),
        "put": count(Kind::Put),
    }}))
}

/// When a writer has done enough.
enum End {
    /// After so many steps.
    Steps(u32),
    /// At this moment of the monotonic clock.
    At(Duration),
}

impl End {
    fn parse(steps: &str, env: &dyn Env) -> Result<End, Failed> {
        Ok(match steps.strip_suffix('s') {
            Some(seconds) => End::At(env.monotonic() + Duration::from_secs(seconds.parse()?)),
            None => match steps.parse::<u32>()? {
                0 => End::Steps(u32::MAX),
                steps => End::Steps(steps),
            },
        })
    }

    fn is_reached(&self, step: u32, env: &dyn Env) -> bool {
        match self {
            End::Steps(steps) => step >= *steps,
            End::At(moment) => env.monotonic() >= *moment,
        }
    }
}

/// The version that a step became, and how many log entries were put for it.
async fn carry_out(table: &Table, step: &Step) -> Result<(u64, u32), Failed> {
    match step {
        Step::Append(ids) => {
            let written = table.append_batches(vec![rows(ids)?], &AppendOptions::default()).await?;
            let report = written.report().ok_or("an append made no commit")?;
            Ok((report.version.0, report.attempts))
        }
        Step::Delete(id) => {
            let deletion = table.delete(&format!("id = {id}"), &CommitOptions::default()).await?;
            let version = deletion.version.ok_or_else(|| format!("row {id} isn't there"))?;
            Ok((version.0, 1))
        }
    }
}

/// One line, in one piece.
fn say(line: &Value) -> Result<(), Failed> {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()?;
    Ok(())
}
