//! Deleting, travelling in time, restoring, compacting, vacuuming.

use std::time::Duration;

use lakebed_compaction::{CompactionOptions, compact as compact_table};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::{Error, Result, Version};
use lakebed_vacuum::{ShortRetention, VacuumOptions, carry_out, plan};
use serde_json::json;

use super::lake::Lake;
use super::story::Story;
use crate::commands::restore::as_json;
use crate::commands::{compact, delete, vacuum};
use crate::render::units;

/// The plane that is deleted, and the last version that has it.
pub(super) struct Deleted {
    tailnum: String,
    flights: i64,
    last_with_it: Version,
}

/// A plane's rows are deleted, through deletion vectors.
pub(super) async fn delete(lake: &Lake<'_>, story: &mut Story<'_>) -> Result<Deleted> {
    story.step("A plane is deleted", "Its rows are marked in deletion vectors: no data file is written again.")?;
    let busiest = lake
        .ask("SELECT tailnum, count(*) AS n FROM silver.flights GROUP BY tailnum ORDER BY n DESC, tailnum LIMIT 1")
        .await?;
    let text = |column: usize| {
        let column = busiest.columns().get(column).filter(|column| column.len() == 1);
        let shown = column.map(|column| arrow::util::display::array_value_to_string(column, 0));
        shown.and_then(|shown| shown.ok()).ok_or_else(|| Error::bug("silver.flights has no plane"))
    };
    let (tailnum, flights) = (text(0)?, text(1)?.parse().map_err(|_| Error::bug("a count is no number"))?);
    let table = lake.table("silver/flights").await?;
    let last_with_it = table.snapshot().version();
    let dir = lake.path("silver/flights").display().to_string();
    story.command(&format!("lakebed table delete {dir} --where \"tailnum = '{tailnum}'\""))?;
    let deleted = table.delete(&format!("tailnum = '{tailnum}'"), &CommitOptions::default()).await?;
    table.settle().await;
    let left = lake.number(&format!("SELECT count(*) FROM silver.flights WHERE tailnum = '{tailnum}'")).await?;
    story.tell(
        "deleted",
        [
            ("tailnum", json!(tailnum)),
            ("flights", json!(flights)),
            ("left", json!(left)),
            ("delete", as_json(&deleted)?),
        ],
        &format!("{tailnum} flew most, {flights} times. {}. It has {left} flights now.", delete::in_words(&deleted)),
    )?;
    Ok(Deleted { tailnum, flights, last_with_it })
}

/// A query at an earlier version.
pub(super) async fn travel(lake: &Lake<'_>, deleted: &Deleted, story: &mut Story<'_>) -> Result<()> {
    story.step("Back in time", "Every version can be read as long as its files are there.")?;
    let Deleted { tailnum, flights, last_with_it } = deleted;
    let sql = format!("SELECT count(*) FROM silver.flights VERSION AS OF {last_with_it} WHERE tailnum = '{tailnum}'");
    story.command(&format!(
        "lakebed sql --lake {} \"{sql}\"",
        lake.path("").display().to_string().trim_end_matches('/')
    ))?;
    let then = lake.number(&sql).await?;
    if then != *flights {
        return Err(Error::bug(format!("version {last_with_it} has {then} flights of {tailnum}, not {flights}")));
    }
    story.tell(
        "travelled",
        [("version", json!(last_with_it)), ("flights", json!(then))],
        &format!("at version {last_with_it}, {tailnum} still has its {then} flights"),
    )
}

/// The table is as it was before the delete.
pub(super) async fn restore(lake: &Lake<'_>, deleted: &Deleted, story: &mut Story<'_>) -> Result<()> {
    story.step("Restored", "An earlier version becomes the newest one; the delete stays in the history.")?;
    let Deleted { tailnum, last_with_it, .. } = deleted;
    let dir = lake.path("silver/flights").display().to_string();
    story.command(&format!("lakebed table restore {dir} --version {last_with_it}"))?;
    let table = lake.table("silver/flights").await?;
    let restored = table.restore(*last_with_it, &CommitOptions::default()).await?;
    table.settle().await;
    let flights = lake.number(&format!("SELECT count(*) FROM silver.flights WHERE tailnum = '{tailnum}'")).await?;
    story.tell(
        "restored",
        [("tailnum", json!(tailnum)), ("flights", json!(flights)), ("restore", as_json(&restored)?)],
        &format!("{tailnum} has {flights} flights again"),
    )
}

/// Small files become large ones.
pub(super) async fn compact(lake: &Lake<'_>, story: &mut Story<'_>) -> Result<()> {
    story.step("Compacted", "A file for each month is small. Now they are one; no row changes, and readers go on.")?;
    story.command(&format!("lakebed table compact {}", lake.path("bronze/flights").display()))?;
    let table = lake.table("bronze/flights").await?;
    let before = lake.number("SELECT count(*) FROM bronze.flights").await?;
    let options = CompactionOptions::for_table(table.snapshot().metadata())?;
    let report = compact_table(&table, &options, |_| {}).await?;
    table.settle().await;
    let after = lake.number("SELECT count(*) FROM bronze.flights").await?;
    story.tell(
        "compacted",
        [("rowsBefore", json!(before)), ("rowsAfter", json!(after)), ("compaction", as_json(&report)?)],
        &format!(
            "{}\nbronze.flights has {} rows, as before",
            compact::in_words(&report),
            units::count(after.unsigned_abs())
        ),
    )
}

/// Files that nothing needs are deleted.
pub(super) async fn vacuum(lake: &Lake<'_>, story: &mut Story<'_>) -> Result<()> {
    story.step(
        "Vacuumed",
        "By default every version of the last seven days stays readable, so nothing goes. Here nothing is kept but the\n\
         newest version: first the plan, then the deed.",
    )?;
    let dir = lake.path("bronze/flights").display().to_string();
    let table = lake.table("bronze/flights").await?;
    story.command(&format!("lakebed vacuum {dir}"))?;
    let kept = plan(&table, &VacuumOptions::default()).await?;
    story.tell("kept", [("plan", as_json(&kept)?)], &vacuum::plan_in_words(&kept))?;
    // Only what is older than the clock's tick that the plan is made at may go.
    tokio::time::sleep(Duration::from_millis(20)).await;
    story.command(&format!("lakebed vacuum {dir} --retain-hours 0 --force --delete"))?;
    let options = VacuumOptions { retention: Some(Duration::ZERO), short_retention: ShortRetention::Allow };
    let planned = plan(&table, &options).await?;
    story.tell("planned", [("plan", as_json(&planned)?)], &vacuum::plan_in_words(&planned))?;
    let report = carry_out(&table, &planned, |_| {}).await?;
    let rows = lake.number("SELECT count(*) FROM bronze.flights").await?;
    story.tell(
        "vacuumed",
        [("rows", json!(rows)), ("vacuum", as_json(&report)?)],
        &format!(
            "{}; bronze.flights still has {} rows",
            vacuum::report_in_words(&report),
            units::count(rows.unsigned_abs())
        ),
    )
}
