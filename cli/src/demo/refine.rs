//! Bronze becomes silver, silver becomes gold; a late month follows, exactly once.

use lakebed::Promoted;
use lakebed_txlog::Result;
use serde_json::json;

use super::bronze::{LATE, weather};
use super::data::{Files, Packed};
use super::lake::Lake;
use super::story::Story;
use crate::commands::promote::in_words;
use crate::commands::restore::as_json;
use crate::render::units;

const SILVER_FLIGHTS: &str = "
SELECT DISTINCT
    make_date(CAST(year AS INT), CAST(month AS INT), CAST(day AS INT)) AS day,
    time_hour, carrier, flight, tailnum, origin, dest,
    sched_dep_time, dep_time, dep_delay, arr_delay, air_time, distance,
    dep_time IS NULL AS cancelled
FROM source
WHERE tailnum IS NOT NULL AND distance > 0";

const SILVER_WEATHER: &str = "
SELECT
    origin, arrow_cast(time_hour, 'Timestamp(Microsecond, Some(\"UTC\"))') AS time_hour,
    avg(temp) AS temp, avg(wind_speed) AS wind_speed, max(wind_gust) AS wind_gust,
    sum(precip) AS precip, min(visib) AS visib
FROM source
WHERE origin IS NOT NULL AND time_hour IS NOT NULL
GROUP BY origin, time_hour";

const SILVER_PLANES: &str = "
SELECT tailnum, max(year) AS year, max(manufacturer) AS manufacturer, max(model) AS model, max(seats) AS seats
FROM source
WHERE tailnum IS NOT NULL
GROUP BY tailnum";

const GOLD_DELAYS: &str = "
SELECT
    f.day, f.carrier, max(a.name) AS airline,
    count(*) AS flights,
    sum(CASE WHEN f.cancelled THEN 1 ELSE 0 END) AS cancelled,
    count(f.arr_delay) AS arrived,
    sum(f.arr_delay) AS arr_delay_minutes,
    round(avg(f.dep_delay), 1) AS avg_dep_delay,
    round(avg(f.arr_delay), 1) AS avg_arr_delay,
    round(avg(w.wind_speed), 1) AS avg_wind_speed,
    round(avg(w.visib), 1) AS avg_visibility,
    round(avg(2013 - p.year), 1) AS avg_plane_age
FROM source f
LEFT JOIN weather w ON w.origin = f.origin AND w.time_hour = f.time_hour
LEFT JOIN planes p ON p.tailnum = f.tailnum
LEFT JOIN airlines a ON a.carrier = f.carrier
GROUP BY f.day, f.carrier";

/// What gold looks things up in.
const GOLD_LOOKUPS: &[&str] = &["silver/weather", "silver/planes", "bronze/airlines"];

/// Typed, deduplicated, validated.
pub(super) async fn silver(lake: &Lake<'_>, story: &mut Story<'_>) -> Result<()> {
    story.step(
        "Silver: typed, deduplicated, validated",
        "What is new in bronze goes through SQL and lands in one commit that also says how far it reaches.",
    )?;
    let twice = lake
        .number("SELECT count(*) - (SELECT count(*) FROM (SELECT DISTINCT * FROM bronze.flights)) FROM bronze.flights")
        .await?;
    let nameless =
        lake.number("SELECT count(*) FROM (SELECT DISTINCT * FROM bronze.flights) WHERE tailnum IS NULL").await?;
    promote(lake, story, "bronze/flights", "silver/flights", SILVER_FLIGHTS).await?;
    story.tell(
        "refused",
        [("duplicates", json!(twice)), ("withoutPlane", json!(nameless))],
        &format!(
            "  left out: {} rows that came twice, {} flights without a plane",
            units::count(twice.unsigned_abs()),
            units::count(nameless.unsigned_abs())
        ),
    )?;
    promote(lake, story, "bronze/weather", "silver/weather", SILVER_WEATHER).await?;
    promote(lake, story, "bronze/planes", "silver/planes", SILVER_PLANES).await
}

/// Delays by carrier and day, joined with weather and planes.
pub(super) async fn gold(lake: &Lake<'_>, story: &mut Story<'_>) -> Result<()> {
    story.step(
        "Gold: delays by carrier and day",
        "Joined with the weather at departure, the planes and the airlines.",
    )?;
    promote(lake, story, "silver/flights", "gold/delays", GOLD_DELAYS).await?;
    let sql = "SELECT airline, sum(flights) AS flights, sum(cancelled) AS cancelled, \
               round(CAST(sum(arr_delay_minutes) AS DOUBLE) / sum(arrived), 1) AS avg_arr_delay \
               FROM gold.delays GROUP BY airline ORDER BY avg_arr_delay DESC LIMIT 5";
    story.show(&lake.drawn(sql).await?)
}

/// December arrives, and is promoted once however often that is asked for.
pub(super) async fn late_month(lake: &Lake<'_>, story: &mut Story<'_>) -> Result<()> {
    story.step(
        "A late month arrives",
        "December goes the same way, and then again: a repeat finds that it is done, whoever asks, as often as asked.",
    )?;
    let name = format!("{LATE}.csv");
    let flights: Files = Packed::Flights.by_month()?.into_iter().filter(|(month, _)| *month == name).collect();
    lake.write("landing/flights", &flights)?;
    lake.write("landing/weather", &weather(|month| month.starts_with(LATE))?)?;
    lake.ingest(&format!("landing/flights/{LATE}.csv"), "bronze/flights").await?;
    lake.ingest(&format!("landing/weather/{LATE}.ndjson"), "bronze/weather").await?;
    for _ in 0..2 {
        promote(lake, story, "bronze/weather", "silver/weather", SILVER_WEATHER).await?;
        promote(lake, story, "bronze/flights", "silver/flights", SILVER_FLIGHTS).await?;
        promote(lake, story, "silver/flights", "gold/delays", GOLD_DELAYS).await?;
    }
    let rows = lake.number("SELECT count(*) FROM gold.delays").await?;
    let days = lake.number("SELECT count(*) FROM (SELECT DISTINCT day, carrier FROM gold.delays)").await?;
    let flights = lake.number("SELECT CAST(sum(flights) AS BIGINT) FROM gold.delays").await?;
    let silver = lake.number("SELECT count(*) FROM silver.flights").await?;
    story.tell(
        "exactly once",
        [
            ("goldRows", json!(rows)),
            ("carrierDays", json!(days)),
            ("goldFlights", json!(flights)),
            ("silverFlights", json!(silver)),
        ],
        &format!(
            "  gold has {} rows for {} days of carriers; they count {} flights, silver has {}: nothing is lost or doubled",
            units::count(rows.unsigned_abs()),
            units::count(days.unsigned_abs()),
            units::count(flights.unsigned_abs()),
            units::count(silver.unsigned_abs()),
        ),
    )
}

async fn promote(lake: &Lake<'_>, story: &Story<'_>, from: &str, to: &str, sql: &str) -> Result<()> {
    let lookups = if to.starts_with("gold") { GOLD_LOOKUPS } else { &[] };
    let promoted: Promoted = lake.promote(from, to, sql, lookups).await?;
    let (from, to) = (from.replace('/', "."), to.replace('/', "."));
    story.tell(
        "promoted",
        [("source", json!(from)), ("target", json!(to)), ("promotion", as_json(&promoted)?)],
        &format!("{from} → {to}: {}", in_words(&promoted)),
    )
}
