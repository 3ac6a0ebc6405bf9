//! How fast is a log read, and a checkpoint of it written?

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path as FilePath;

use object_store::ObjectStoreExt;
use serde_json::{Value, json};

use crate::Res;
use crate::args::Args;
use crate::engine::{self, Handle, WantedStatistics};
use crate::measure::{Repetitions, Series, memory};
use crate::place::{Kind, Place};
use crate::table::{self, COLUMNS, Expected, File, Spec};

fn statistics(args: &Args) -> WantedStatistics {
    match args.word("stats", "json") {
        "none" => WantedStatistics::None,
        "parsed" => WantedStatistics::Parsed,
        _ => WantedStatistics::Json,
    }
}

/// Fails where an engine didn't find what is there: how fast it was doesn't matter then.
fn check<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Res<()> {
    if found == expected { Ok(()) } else { Err(format!("WRONG: found {found:?} instead of {expected:?}").into()) }
}

/// Opens until every live file has been looked at. Memory is that of the first time.
pub async fn open(args: &Args) -> Res<Value> {
    let (spec, statistics, repetitions) = (args.table()?, statistics(args), args.repetitions()?);
    let (folder, expected) = super::table(&spec, args)?;
    let (_, engine) = args.engine()?;
    let place = Place::local(&folder)?;
    memory::reset_peak();
    let bare = memory::resident();
    let mut held = None;
    let mut series = Series::default();
    let mut statistics_bytes = 0;
    while repetitions.more(&series) {
        let opened = series
            .time(async {
                let mut handle = engine.load(&place).await?;
                let found = handle.files(statistics).await?;
                Res::Ok((handle, found))
            })
            .await;
        let (handle, found) = opened?;
        check(&found.files, &expected)?;
        statistics_bytes = found.statistics_bytes;
        held.get_or_insert((memory::resident().saturating_sub(bare), memory::peak().saturating_sub(bare)));
        drop(handle);
    }
    let (held, peak) = held.unwrap_or_default();
    Ok(json!({
        "files": spec.files, "stats": args.word("stats", "json"), "time": series.json(),
        "bare_mb": memory::megabytes(bare), "held_mb": memory::megabytes(held), "peak_mb": memory::megabytes(peak),
        "statistics_bytes": statistics_bytes,
    }))
}

/// Opens until version and schema are known.
pub async fn open_schema(args: &Args) -> Res<Value> {
    let (spec, repetitions) = (args.table()?, args.repetitions()?);
    let (folder, _) = super::table(&spec, args)?;
    let (_, engine) = args.engine()?;
    let place = Place::local(&folder)?;
    memory::reset_peak();
    let bare = memory::resident();
    let mut series = Series::default();
    while repetitions.more(&series) {
        let opened = series.time(engine.schema(&place)).await?;
        check(&opened, &(spec.version(), COLUMNS))?;
    }
    let peak = memory::megabytes(memory::peak().saturating_sub(bare));
    Ok(json!({"files": spec.files, "time": series.json(), "peak_mb": peak}))
}

/// Files that a commit of [`refresh`] adds.
const REFRESHED: u64 = 10;

/// Sees one new commit, with and without adding up the sizes of all files; and that there is none.
pub async fn refresh(args: &Args) -> Res<Value> {
    let (spec, repetitions) = (args.table()?, args.repetitions()?);
    let (folder, mut expected) = super::table(&spec, args)?;
    let (_, engine) = args.engine()?;
    let place = Place::scratch(&folder, &args.data(), Kind::Local)?;
    let mut handle = engine.load(&place).await?;
    let (mut alone, mut summed, mut nothing) = (Series::default(), Series::default(), Series::default());
    let mut version = spec.version();
    // The first commit of all isn't measured: an engine may prepare something that all later ones share.
    one_more(&place, &spec, &mut version, &mut expected).await?;
    handle.refresh().await?;
    while repetitions.more(&summed) {
        one_more(&place, &spec, &mut version, &mut expected).await?;
        alone.time(handle.refresh()).await?;
        check(&handle.version()?, &(version, COLUMNS))?;
        one_more(&place, &spec, &mut version, &mut expected).await?;
        let sum = summed
            .time(async {
                handle.refresh().await?;
                handle.sum_of_sizes().await
            })
            .await?;
        check(&sum, &expected.size)?;
        nothing.time(handle.refresh()).await?;
    }
    Ok(json!({
        "files": spec.files, "refresh": alone.json(), "refresh_and_sum": summed.json(), "nothing_new": nothing.json(),
    }))
}

async fn one_more(place: &Place, spec: &Spec, version: &mut u64, expected: &mut Expected) -> Res<()> {
    *version += 1;
    let first = 2 * spec.files + *version * REFRESHED;
    place.store.put(&table::commit_key(&place.root, *version), table::append(first, REFRESHED).into()).await?;
    expected.size += (first..first + REFRESHED).map(|number| File::new(number).size()).sum::<i64>();
    Ok(())
}

/// Finds the files of an id range: the first time on a handle, again, and from nothing.
pub async fn prune(args: &Args) -> Res<Value> {
    let (spec, repetitions) = (args.table()?, args.repetitions()?);
    let (folder, _) = super::table(&spec, args)?;
    let (_, engine) = args.engine()?;
    let place = Place::local(&folder)?;
    let (ids, matching) = spec.one_percent();
    let (mut first, mut warm, mut cold) = (Series::default(), Series::default(), Series::default());
    memory::reset_peak();
    let bare = memory::resident();
    while repetitions.more(&cold) {
        let pruned = cold
            .time(async {
                let mut handle = engine.load(&place).await?;
                let count = handle.prune(ids.clone()).await?;
                Res::Ok((handle, count))
            })
            .await;
        check(&pruned?.1, &matching)?;
        let mut handle = engine.load(&place).await?;
        check(&first.time(handle.prune(ids.clone())).await?, &matching)?;
        let mut again = Series::default();
        let several = Repetitions { least: 1, ..repetitions };
        while several.more(&again) {
            check(&again.time(handle.prune(ids.clone())).await?, &matching)?;
        }
        warm.extend(again);
    }
    let peak = memory::megabytes(memory::peak().saturating_sub(bare));
    Ok(json!({
        "files": spec.files, "stats": args.word("stats", "json"), "matching": matching, "first": first.json(),
        "warm": warm.json(), "open_and_first": cold.json(), "peak_mb": peak,
    }))
}

/// Writes a checkpoint of the newest version from an open handle. Memory is that of the first, above the handle's.
pub async fn checkpoint(args: &Args) -> Res<Value> {
    let (spec, repetitions) = (args.table()?, args.repetitions()?);
    let (folder, expected) = super::table(&spec, args)?;
    let (_, engine) = args.engine()?;
    let place = Place::scratch(&folder, &args.data(), Kind::Local)?;
    let log = place.url.to_file_path().map_err(|()| "not a folder")?.join("_delta_log");
    let hint = fs::read(log.join("_last_checkpoint"))?;
    let before = names(&log)?;
    let mut handle: Box<dyn Handle> = engine.load(&place).await?;
    memory::reset_peak();
    let loaded = memory::resident();
    let mut peak = None;
    let mut series = Series::default();
    let mut bytes = 0;
    while repetitions.more(&series) {
        if series.len() > 0 {
            clear(&log, &before, &hint)?;
            // A handle may know that it has written one.
            handle = engine.load(&place).await?;
        }
        series.time(handle.checkpoint()).await?;
        peak.get_or_insert(memory::peak().saturating_sub(loaded));
    }
    for name in names(&log)?.difference(&before) {
        bytes += fs::metadata(log.join(name))?.len();
    }
    if bytes == 0 {
        return Err("no checkpoint was written".into());
    }
    // A rival reads it.
    let reader = engine::named(if args.word("engine", "lakebed") == "kernel" { "delta-rs" } else { "kernel" })?;
    let found = reader.load(&place).await?.files(WantedStatistics::None).await?;
    check(&found.files, &expected)?;
    let peak = memory::megabytes(peak.unwrap_or_default());
    Ok(json!({"files": spec.files, "time": series.json(), "peak_mb": peak, "bytes": bytes}))
}

fn names(folder: &FilePath) -> Res<HashSet<OsString>> {
    Ok(fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>()?)
}

/// Takes away what a checkpoint has left.
fn clear(log: &FilePath, before: &HashSet<OsString>, hint: &[u8]) -> Res<()> {
    for name in names(log)?.difference(before) {
        let path = log.join(name);
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    Ok(fs::write(log.join("_last_checkpoint"), hint)?)
}
