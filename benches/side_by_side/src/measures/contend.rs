//! What do many writers of one process get done at once, each with a handle of its own?

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::commit::target;
use crate::Res;
use crate::args::Args;
use crate::engine;
use crate::measure::Series;

/// What one writer did.
#[derive(Default)]
pub(super) struct Done {
    pub(super) series: Series,
    pub(super) landed: u64,
    /// Why appends failed, and how many.
    pub(super) failures: BTreeMap<String, u64>,
}

impl Done {
    /// Counts how an append ended.
    pub(super) fn count(&mut self, appended: Res<()>) {
        match appended {
            Ok(()) => self.landed += 1,
            Err(failed) => self.fail(&failed.to_string(), 1),
        }
    }

    pub(super) fn fail(&mut self, why: &str, times: u64) {
        *self.failures.entry(why.chars().take(80).collect()).or_default() += times;
    }
}

/// `--writers` that append `--commits` times each.
pub async fn contend(args: &Args) -> Res<Value> {
    let (place, before) = target(args).await?;
    let (_, engine) = args.engine()?;
    let (writers, commits) = (args.number("writers", 8)?, args.number("commits", 50)?);
    let (place, counted) = place.counted(Duration::from_millis(args.number("latency-ms", 0)?));
    let mut handles = Vec::new();
    for _ in 0..writers {
        handles.push(engine.load(&place).await?);
    }
    counted.take();
    let began = Instant::now();
    let tasks: Vec<_> = handles
        .into_iter()
        .zip(1_u64..)
        .map(|(mut handle, writer)| {
            tokio::spawn(async move {
                let mut done = Done::default();
                for nth in 0..commits {
                    let append = handle.prepare((writer << 32) + nth)?;
                    let appended = done.series.time(handle.append(append)).await;
                    done.count(appended);
                }
                Res::Ok(done)
            })
        })
        .collect();
    let mut all = Done::default();
    for task in tasks {
        let done = task.await??;
        all.series.extend(done.series);
        all.landed += done.landed;
        done.failures.into_iter().for_each(|(why, times)| *all.failures.entry(why).or_default() += times);
    }
    let seconds = began.elapsed().as_secs_f64();
    let counts = counted.take();
    let version = engine::named("kernel")?.schema(&place).await?.0;
    if version != before + all.landed {
        return Err(format!("WRONG: version {version}, and {} landed after {before}", all.landed).into());
    }
    let landed = all.landed as f64;
    Ok(json!({
        "store": args.word("store", "memory"), "writers": writers, "commits": commits, "landed": all.landed,
        "of": writers * commits, "seconds": seconds, "commits_a_second": landed / seconds, "time": all.series.json(),
        "requests_a_commit": counts.requests() as f64 / landed, "failures": all.failures,
    }))
}
