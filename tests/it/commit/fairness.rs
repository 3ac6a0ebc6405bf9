//! Does every one of 64 handles get its turn? Eight processes with eight handles each append to one table at the same time.

use super::contention::Crowd;
use super::place::Place;
use super::{rounds, say, soaks};

/// The slowest commit takes at most so many times what the middle one takes.
const TIMES_THE_MEDIAN: f64 = 12.0;

async fn every_handle_of_eight_processes_gets_its_turn(place: Place, store: &str) {
    let crowd = Crowd { processes: 8, handles: 8, appends: u32::try_from(rounds(4, 20)).unwrap() };
    let contended = crowd.contend(&place).await;
    contended.report(&format!("64 handles in eight processes {store}"), crowd);
    let millis = contended.millis();
    let (median, slowest) = (millis[millis.len() / 2], millis[millis.len() - 1]);
    let attempts: u32 = contended.commits.iter().map(|commit| commit.attempts).max().unwrap_or(0);
    let times = slowest / median;
    say(&format!(
        "64 handles in eight processes {store}: the slowest commit took {times:.1} × the median, {attempts} attempts at most"
    ));
    assert!(attempts > 1, "they met");
    assert!(!soaks() || times <= TIMES_THE_MEDIAN, "{slowest:.0} ms is more than {TIMES_THE_MEDIAN} × {median:.0} ms");
}

#[tokio::test]
async fn every_handle_of_eight_processes_gets_its_turn_in_a_folder() {
    every_handle_of_eight_processes_gets_its_turn(Place::folder(), "in a folder").await;
}

#[tokio::test]
async fn every_handle_of_eight_processes_gets_its_turn_on_s3() {
    let Some(place) = Place::on_s3("every_handle_gets_its_turn_on_s3") else { return };
    every_handle_of_eight_processes_gets_its_turn(place, "on S3").await;
}
