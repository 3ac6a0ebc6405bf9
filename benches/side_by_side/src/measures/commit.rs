//! How long does an append take, on a handle that is up to date?

use std::time::Duration;

use serde_json::{Value, json};

use crate::Res;
use crate::args::Args;
use crate::measure::{Repetitions, Series};
use crate::place::Place;
use crate::table;

/// Commits after which a history has a checkpoint.
const INTERVAL: u64 = 100;
/// Appends that aren't measured.
const WARM_UP: u64 = 3;

/// A table to commit to: a history of `--history` one-file commits, or one of `--files` files that anyone may commit to.
/// Also its newest version.
pub(super) async fn target(args: &Args) -> Res<(Place, u64)> {
    let (kind, data) = (args.store()?, args.data());
    if !args.has("files") {
        let history = args.number("history", 1)?;
        let place = Place::empty(kind, &data)?;
        table::history(place.store.as_ref(), &place.root, history, INTERVAL).await?;
        return Ok((place, history));
    }
    let spec = args.table()?;
    let (folder, _) = super::table(&spec, args)?;
    let place = match kind {
        crate::place::Kind::Memory | crate::place::Kind::S3 => {
            let place = Place::empty(kind, &data)?;
            place.upload(&folder).await?;
            place
        }
        _ => Place::scratch(&folder, &data, kind)?,
    };
    Ok((place, spec.version()))
}

/// Appends in a row, every request delayed by `--latency-ms`.
pub async fn commit(args: &Args) -> Res<Value> {
    let (place, mut version) = target(args).await?;
    let (_, engine) = args.engine()?;
    let most = usize::try_from(args.number("n", 200)?)?;
    let repetitions =
        Repetitions { least: most.min(10), most, enough: Duration::from_secs(args.number("seconds", 5)?) };
    let (place, counted) = place.counted(Duration::from_millis(args.number("latency-ms", 0)?));
    let mut handle = engine.load(&place).await?;
    let mut number = 1 << 30;
    for _ in 0..WARM_UP {
        handle.append(handle.prepare(number)?).await?;
        number += 1;
        version += 1;
    }
    counted.take();
    let mut series = Series::default();
    while repetitions.more(&series) {
        let append = handle.prepare(number)?;
        series.time(handle.append(append)).await?;
        number += 1;
        version += 1;
    }
    let counts = counted.take();
    let found = handle.version()?.0;
    if found != version {
        return Err(format!("WRONG: version {found} instead of {version}").into());
    }
    let n = series.len() as f64;
    let outside = series.cpu().saturating_sub(counts.cpu);
    Ok(json!({
        "store": args.word("store", "memory"), "history": args.number("history", 1)?,
        "files": args.has("files").then(|| args.number("files", 0)).transpose()?, "time": series.json(),
        "requests_a_commit": counts.requests() as f64 / n, "by_kind": counts.json()["by_kind"],
        "cpu_us_outside_the_store": outside.as_secs_f64() * 1e6 / n,
        "bytes_a_commit": counts.written_bytes as f64 / n,
    }))
}
