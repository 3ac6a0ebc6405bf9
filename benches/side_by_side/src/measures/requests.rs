//! How many requests does an operation make, and how many of them one after another?
//!
//! In memory, over a latency far above everything else, so that requests that don't wait for each other overlap.

use std::time::Duration;

use lakebed_txlog::drive::{Log, LogStore};
use lakebed_txlog::env::SystemEnv;
use object_store::ObjectStoreExt;
use serde_json::{Value, json};

use crate::Res;
use crate::args::Args;
use crate::engine::WantedStatistics;
use crate::place::{Kind, Place};
use crate::table::{self, TAIL_COMMITS};

/// Requests of `--operation` on a table of `--files`, or on a history of `--commits` that are all retained, with a
/// checkpoint by `--by ours|spark` 20 commits before its end.
pub async fn requests(args: &Args) -> Res<Value> {
    let place = Place::empty(Kind::Memory, &args.data())?;
    let mut version = if args.has("commits") {
        retained(&place, args.number("commits", 50_000)?, args.word("by", "spark")).await?
    } else {
        let spec = args.table()?;
        place.upload(&super::table(&spec, args)?.0).await?;
        spec.version()
    };
    let (_, engine) = args.engine()?;
    let (counting, counted) = place.counted(Duration::from_millis(args.number("latency-ms", 50)?));
    let operation = args.word("operation", "open");
    match operation {
        "open-schema" => {
            engine.schema(&counting).await?;
        }
        "open" => {
            engine.load(&counting).await?.files(WantedStatistics::None).await?;
        }
        "refresh" | "refresh-nothing" | "append" | "checkpoint" => {
            let mut handle = engine.load(&counting).await?;
            if operation == "append" {
                handle.append(handle.prepare(1 << 30)?).await?;
            }
            if operation == "refresh" {
                version += 1;
                place.store.put(&table::commit_key(&place.root, version), table::append(1 << 30, 1).into()).await?;
            }
            counted.take();
            match operation {
                "append" => handle.append(handle.prepare((1 << 30) + 1)?).await?,
                "checkpoint" => handle.checkpoint().await?,
                _ => handle.refresh().await?,
            }
        }
        other => return Err(format!("no operation {other:?}").into()),
    }
    let counts = counted.take();
    let mut result = counts.json();
    result["operation"] = json!(operation);
    result["commits"] = json!(args.has("commits").then(|| args.word("commits", "")));
    result["by"] = json!(args.word("by", "spark"));
    if args.has("detail") {
        result["log"] = json!(counts.log);
    }
    Ok(result)
}

/// A history of `commits`, none of them cleaned up.
async fn retained(place: &Place, commits: u64, by: &str) -> Res<u64> {
    let checkpointed = commits.saturating_sub(TAIL_COMMITS);
    if by == "spark" {
        table::history(place.store.as_ref(), &place.root, commits, checkpointed).await?;
        return Ok(commits);
    }
    table::history(place.store.as_ref(), &place.root, checkpointed, u64::MAX).await?;
    let (reads, commit_store) = (place.store.clone(), place.commits.clone());
    let store = LogStore::new(reads, commit_store, place.root.clone(), place.url.as_str(), place.landing);
    let log = Log::open(store, SystemEnv::shared()).await?;
    log.checkpoint(&log.snapshot()).await?;
    for version in checkpointed + 1..=commits {
        place.store.put(&table::commit_key(&place.root, version), table::append(version - 1, 1).into()).await?;
    }
    Ok(commits)
}
