//! Files arrive, and become bronze tables as they are.

use lakebed_txlog::Result;
use serde_json::json;

use super::data::{Files, Packed, as_ndjson};
use super::lake::Lake;
use super::story::Story;
use crate::render::units;

/// The month whose files come late.
pub(super) const LATE: &str = "2013-12";
/// The month that is delivered twice.
const TWICE: &str = "2013-06";

/// Writes what senders deliver from January to November.
pub(super) fn deliver(lake: &Lake<'_>, story: &mut Story<'_>) -> Result<()> {
    story.step(
        "Files arrive",
        "Every flight that left New York in 2013, month by month: flights as CSV, weather as JSON. June comes twice,\n\
         by mistake; December isn't there yet.",
    )?;
    let mut flights = Packed::Flights.by_month()?;
    flights.remove(&format!("{LATE}.csv"));
    if let Some(again) = flights.get(&format!("{TWICE}.csv")).cloned() {
        flights.insert(format!("{TWICE}-again.csv"), again);
    }
    let weather = weather(|month| !month.starts_with(LATE))?;
    let mut registers = Files::new();
    for packed in [Packed::Planes, Packed::Airlines, Packed::Airports] {
        registers.insert(format!("{}.csv", packed.name()), packed.unpack()?.into_bytes());
    }
    let files = flights.len() + weather.len() + registers.len();
    let bytes = lake.write("landing/flights", &flights)?
        + lake.write("landing/weather", &weather)?
        + lake.write("landing/registers", &registers)?;
    story.tell(
        "delivered",
        [("files", json!(files)), ("bytes", json!(bytes))],
        &format!(
            "{} with {} in {}",
            units::counted(files as u64, "file"),
            units::bytes(bytes),
            lake.path("landing").display()
        ),
    )
}

/// The monthly weather files whose name is `wanted`, as NDJSON.
pub(super) fn weather(wanted: impl Fn(&str) -> bool) -> Result<Files> {
    let mut files = Files::new();
    for (name, csv) in Packed::Weather.by_month()? {
        if wanted(&name) {
            files.insert(name.replace(".csv", ".ndjson"), as_ndjson(&csv)?);
        }
    }
    Ok(files)
}

/// Ingests every file as it is: one commit for each month of flights.
pub(super) async fn ingest(lake: &Lake<'_>, story: &mut Story<'_>) -> Result<()> {
    story.step(
        "Bronze: the files as they are",
        "Types are those that fit every value of a file. Nothing of a malformed file would get in.",
    )?;
    let dir = lake.path("").display().to_string();
    let dir = dir.trim_end_matches('/');
    story.command(&format!(
        "lakebed ingest {dir}/landing/flights/2013-01.csv --table {dir}/bronze/flights --create --null NA"
    ))?;
    story.command("…")?;
    let folder = lake.path("landing/flights");
    let read = std::fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>());
    let mut months = read.map_err(|error| lakebed::store::file_error(error, "listing the delivered files", &folder))?;
    months.sort();
    for month in months {
        lake.ingest(&format!("landing/flights/{}", month.to_string_lossy()), "bronze/flights").await?;
    }
    lake.ingest("landing/weather", "bronze/weather").await?;
    for name in ["planes", "airlines", "airports"] {
        lake.ingest(&format!("landing/registers/{name}.csv"), &format!("bronze/{name}")).await?;
    }
    for name in ["flights", "weather", "planes", "airlines", "airports"] {
        let table = lake.table(&format!("bronze/{name}")).await?;
        let (version, files) = (table.snapshot().version(), table.snapshot().num_files());
        let bytes = u64::try_from(table.snapshot().size_in_bytes()).unwrap_or(0);
        let rows = lake.number(&format!("SELECT count(*) FROM bronze.{name}")).await?;
        story.tell(
            "bronze",
            [
                ("table", json!(format!("bronze.{name}"))),
                ("version", json!(version)),
                ("rows", json!(rows)),
                ("numFiles", json!(files)),
                ("sizeInBytes", json!(bytes)),
            ],
            &format!(
                "bronze.{name:<9}{:>9} rows   version {version:<3} {:>2} files  {:>9}",
                units::count(rows.unsigned_abs()),
                files,
                units::bytes(bytes)
            ),
        )?;
    }
    Ok(())
}
