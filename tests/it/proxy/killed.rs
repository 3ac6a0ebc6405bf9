//! What is left of a process that is killed while an answer is on its way? The proxy holds its put of a commit, and the
//! process is killed there: what the server had done stays, what it hadn't heard of never happens, and what reaches it only
//! later lands where nothing is.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use lakebed::AppendOptions;
use lakebed_tests::plan::{IDS_PER_WRITER, Plan, rows};
use lakebed_tests::proxy::asked::What;
use lakebed_tests::proxy::fault::{Fault, Held};
use lakebed_txlog::env::SystemEnv;

use super::place::Place;
use super::say;

/// Longest wait for a process to come so far.
const LONGEST: Duration = Duration::from_secs(60);

/// Runs a writer until its commit number `nth` is held, and kills it there. How many commits it was told of, and the version
/// that it was about to become.
fn kill_while_held(place: &Place, first: i64, plan: Plan) -> (u32, u64) {
    let mut writer = place.writer("t", first, 0, plan).spawn().expect("the writer starts");
    let held = place.proxy.wait_held(LONGEST).expect("a commit is held");
    writer.kill().expect("the writer still runs");
    assert_eq!(writer.wait().unwrap().code(), None, "the writer waits for its answer");
    let said = BufReader::new(writer.stdout.take().expect("stdout is piped"));
    let steps = said.lines().filter(|line| line.as_ref().is_ok_and(|line| line.contains("\"step\""))).count();
    (steps as u32, held.version().expect("a commit's name is its version"))
}

#[tokio::test]
async fn a_process_killed_while_its_answer_is_on_its_way_leaves_one_commit_or_none() {
    let Some((place, script)) = Place::scripted("killed") else { return };
    let table = place.create("t").await.unwrap();
    let mut reader = place.reader("t");
    let mut expected: BTreeSet<i64> = BTreeSet::new();
    let lives = [Held::Landed, Held::Unsent, Held::Late, Held::Late].into_iter().cycle().take(12);
    for (round, held) in lives.enumerate() {
        let plan = if round % 3 == 2 { Plan::Deletes } else { Plan::Appends };
        let first = (round as i64 + 1) * IDS_PER_WRITER;
        let before = round as u32 % 5;
        (0..before).for_each(|_| script.push(What::PutCommit, Fault::None));
        script.push(What::PutCommit, Fault::Held(held));
        let (steps, version) = kill_while_held(&place, first, plan);
        assert_eq!(steps, before, "round {round}: what was answered was said");
        // A late put meets an empty place in one round, and in the other a commit of somebody else's.
        let is_taken = held == Held::Late && round % 4 == 3;
        if is_taken {
            let table = place.open("t", SystemEnv::shared()).await.unwrap();
            let written =
                table.append_batches(vec![rows(&[-(round as i64)]).unwrap()], &AppendOptions::default()).await;
            assert_eq!(written.unwrap().report().unwrap().version.0, version);
            table.settle().await;
            expected.insert(-(round as i64));
        }
        if held == Held::Late {
            place.proxy.release();
        }
        assert!(place.proxy.settle().await);
        let landed = match held {
            Held::Landed => true,
            Held::Unsent => false,
            Held::Late => !is_taken,
        };
        expected.extend(plan.ids_after(first, steps + u32::from(landed)));
        let tip = reader.refresh().await;
        assert_eq!(tip, if landed || is_taken { version } else { version - 1 }, "round {round}, {held:?}");
        let ids = reader.ids().await;
        assert_eq!(ids, expected.iter().copied().collect::<Vec<_>>(), "round {round}, {held:?}");
    }
    let seen = place.proxy.take_seen();
    let lost = seen.iter().filter(|seen| seen.is_lost()).count();
    say(&format!("12 processes killed while their put of a commit was held: {lost} landed, each once"));
    assert_eq!(lost, 6);
    // The next one goes on.
    table.refresh().await.unwrap();
    let next = table.append_batches(vec![rows(&[7]).unwrap()], &AppendOptions::default()).await.unwrap();
    assert_eq!(next.report().unwrap().version.0, reader.refresh().await);
}
