//! Does the demo's lake hold what the records say? The figures are counts of the CSV files by other means.

use serde_json::{Value, json};

use super::Desk;

/// Flights of 2013, and those without a plane.
const FLIGHTS: u64 = 336_776;
const WITHOUT_PLANE: u64 = 2_512;
/// Flights of June, which are delivered twice.
const JUNE: u64 = 28_243;
/// The plane that flew most, and how often.
const BUSIEST: (&str, u64) = ("N725MQ", 575);

#[test]
fn the_demo_loses_and_doubles_nothing() {
    let desk = Desk::new();
    let told = desk.json(["demo", "--dir", "lake", "--json"]);
    let event = |name: &str| told.iter().filter(|line| line["event"] == name).cloned().collect::<Vec<Value>>();
    assert_eq!(event("refused")[0]["duplicates"], JUNE);
    let promoted = event("promoted");
    assert!(promoted.iter().rev().take(3).all(|line| line["promotion"]["outcome"] == "alreadyApplied"), "{promoted:?}");
    let deleted = &event("deleted")[0];
    assert_eq!(
        (&deleted["tailnum"], &deleted["flights"], &deleted["left"]),
        (&json!(BUSIEST.0), &json!(BUSIEST.1), &json!(0))
    );
    assert_eq!(event("travelled")[0]["flights"], BUSIEST.1);
    assert_eq!(event("restored")[0]["flights"], BUSIEST.1);
    let compacted = &event("compacted")[0];
    assert_eq!(compacted["rowsBefore"], compacted["rowsAfter"]);
    assert_eq!(event("vacuumed")[0]["vacuum"]["numFailed"], 0);

    let number = |sql: &str| desk.json(["sql", "--lake", "lake", sql, "--json"])[0]["n"].as_u64().unwrap();
    assert_eq!(number("SELECT count(*) AS n FROM bronze.flights"), FLIGHTS + JUNE);
    assert_eq!(number("SELECT count(*) AS n FROM silver.flights"), FLIGHTS - WITHOUT_PLANE);
    assert_eq!(number("SELECT sum(flights) AS n FROM gold.delays"), FLIGHTS - WITHOUT_PLANE);
    assert_eq!(
        number("SELECT count(*) AS n FROM (SELECT DISTINCT day, carrier FROM gold.delays)"),
        number("SELECT count(*) AS n FROM gold.delays")
    );
    // The mean arrival delay of 2013, over all flights that arrived: 6.895 minutes.
    let mean = desk.json([
        "sql",
        "--lake",
        "lake",
        "SELECT round(sum(arr_delay_minutes) * 1000.0 / sum(arrived)) AS n FROM gold.delays",
        "--json",
    ]);
    assert_eq!(mean[0]["n"], 6895.0);

    desk.run(["demo", "--dir", "lake"]).refused(3, &["an earlier demo's lake", "--force"]);
}
