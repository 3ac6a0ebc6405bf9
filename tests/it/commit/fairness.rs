//! Does every one of 64 handles get its turn? Eight processes with eight handles each append to one table at the same time.

use super::contention::Crowd;
use super::place::Place;
use super::{rounds, say, soaks};

/// The slowest commit takes at most so many times what the middle one takes.
const TIMES_THE_MEDIAN: f64 = 12.0;

/// Three crowds in the long form, of which the middle one counts: a machine that stands still for a second is the slowest
/// commit of one of them, a handle that doesn't get its turn that of each.
async fn every_handle_of_eight_processes_gets_its_turn(places: &[Place], store: &str) {
    let crowd = Crowd { processes: 8, handles: 8, appends: u32::try_from(rounds(4, 20)).unwrap() };
    let mut all = Vec::new();
    for place in &places[..usize::try_from(rounds(1, 3)).unwrap()] {
        let contended = crowd.contend(place).await;
        contended.report(&format!("64 handles in eight processes {store}"), crowd);
        let millis = contended.millis();
        let times = millis[millis.len() - 1] / millis[millis.len() / 2];
        let attempts: u32 = contended.commits.iter().map(|commit| commit.attempts).max().unwrap_or(0);
        say(&format!(
            "64 handles in eight processes {store}: the slowest commit took {times:.1} × the median, {attempts} attempts at most"
        ));
        assert!(attempts > 1, "they met");
        all.push(times);
    }
    all.sort_by(f64::total_cmp);
    let times = all[all.len() / 2];
    assert!(
        !soaks() || times <= TIMES_THE_MEDIAN,
        "{times:.1} × the median is more than {TIMES_THE_MEDIAN}: {all:.1?}"
    );
}

#[tokio::test]
async fn every_handle_of_eight_processes_gets_its_turn_in_a_folder() {
    let places = [Place::folder(), Place::folder(), Place::folder()];
    every_handle_of_eight_processes_gets_its_turn(&places, "in a folder").await;
}

#[tokio::test]
async fn every_handle_of_eight_processes_gets_its_turn_on_s3() {
    let names = ["64_handles_on_s3", "64_handles_on_s3_again", "64_handles_on_s3_once_more"];
    let places: Vec<Place> = names.into_iter().filter_map(Place::on_s3).collect();
    if !places.is_empty() {
        every_handle_of_eight_processes_gets_its_turn(&places, "on S3").await;
    }
}
