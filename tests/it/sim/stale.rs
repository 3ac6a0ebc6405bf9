//! What becomes of a handle, and of a put, that sleep past a cleanup of the log?
//!
//! The log's first versions are gone when they wake up: a put at one of them finds nothing there, and would be acknowledged,
//! below the checkpoint, seen by nobody (pitfall C14).

use std::time::Duration;

use lakebed_tests::sim::history::{Operation, Told};
use lakebed_tests::sim::janitor::clean_up;
use lakebed_tests::sim::verdict::{Seen, is_newest, judge};
use lakebed_tests::sim::writer::{ROOT, Site, Task, Writer};
use lakebed_tests::sim::{Fault, Latency, Objects, Plan, ProcessId, Retries, World};
use lakebed_txlog::transaction::Isolation;
use object_store::path::Path;

const SEED: u64 = 11;
const SLEEPER: ProcessId = 1;
const HOUR: Duration = Duration::from_secs(3_600);

fn site() -> Site {
    let world = World::new(SEED, Objects::default(), Latency::Even, Plan::None);
    Site::new(world, SEED, Isolation::Serializable, Retries::No)
}

/// Makes the table: versions 0 to 2.
async fn begin(site: &Site) {
    let mut writer = Writer::create(site, 50, 0, 1).await.unwrap();
    writer.perform(Task::Append(0, 3)).await.unwrap();
    writer.perform(Task::Append(1, 1)).await.unwrap();
}

/// Goes on to version 6, and cleans up below it, in 51 hours; how many names are gone.
async fn meanwhile(site: &Site) -> u64 {
    let mut writer = Writer::open(site, 60, 0).await.unwrap();
    for task in [Task::Append(0, 1), Task::Delete(1), Task::Append(2, 2), Task::Configure, Task::Checkpoint] {
        writer.perform(task).await.unwrap();
    }
    site.world.sleep(51 * HOUR).await;
    let janitor = Writer::open(site, 61, 0).await.unwrap();
    clean_up(&janitor, 24 * HOUR).await.unwrap()
}

fn judged(site: &Site) -> Seen {
    site.world.drain();
    let operations: Vec<Operation> = site.history.operations();
    let seen = judge(&site.world.objects(), &Path::from(ROOT), operations, &site.files());
    let seen = seen.unwrap_or_else(|wrong| panic!("{}\n{}", wrong.join("\n"), site.world.trace()));
    let cold = site.clone();
    let opened = site.world.run(async move { Writer::open(&cold, 70, 0).await.unwrap().log().snapshot() });
    is_newest(&opened, &seen.versions).unwrap();
    seen
}

#[test]
fn a_handle_that_slept_past_a_cleanup_looks_before_it_does_anything() {
    for task in [Task::Append(2, 3), Task::Delete(0), Task::Overwrite(1), Task::Compact, Task::Progress(1), Task::Read]
    {
        let site = site();
        let all = site.clone();
        site.world.run(async move {
            begin(&all).await;
            let mut sleeper = Writer::open(&all, SLEEPER, 0).await.unwrap();
            assert_eq!(sleeper.log().snapshot().version().0, 2);
            assert!(meanwhile(&all).await >= 6, "the first versions are gone");
            sleeper.perform(task).await.unwrap();
            assert!(sleeper.log().snapshot().version().0 >= 6);
        });
        let seen = judged(&site);
        let last = seen.operations.last().unwrap();
        assert!(matches!(last.told, Told::Committed(7)) || task == Task::Read, "{task:?}: {last:?}");
    }
}

#[test]
fn a_put_that_was_held_back_past_a_cleanup_is_not_believed() {
    let site = site();
    let all = site.clone();
    site.world.run(async move {
        begin(&all).await;
        let mut sleeper = Writer::open(&all, SLEEPER, 0).await.unwrap();
        let next = all.world.requests(SLEEPER).len() as u32;
        all.world.script(Plan::one(SLEEPER, next, Fault::Stalled(60 * HOUR)));
        let (held, gone) = futures::join!(sleeper.perform(Task::Append(2, 3)), meanwhile(&all));
        assert!(gone >= 6, "the first versions are gone");
        assert_eq!(held.unwrap_err().kind(), lakebed_txlog::ErrorKind::Indeterminate);
    });
    let log = Path::from(ROOT).join("_delta_log");
    let hole = log.join(format!("{:020}.json", 3));
    assert!(site.world.objects().bytes(&hole).is_some(), "it landed where nobody looks");
    let seen = judged(&site);
    assert_eq!(seen.versions.len(), 7);
}

#[test]
fn a_put_that_was_held_back_while_others_went_on_is_where_it_says_it_is() {
    let site = site();
    let all = site.clone();
    site.world.run(async move {
        begin(&all).await;
        let mut slow = Writer::open(&all, SLEEPER, 0).await.unwrap();
        let next = all.world.requests(SLEEPER).len() as u32;
        all.world.script(Plan::one(SLEEPER, next, Fault::Slow(2 * HOUR)));
        let other = async {
            all.world.sleep(HOUR).await;
            let mut other = Writer::open(&all, 60, 0).await.unwrap();
            other.perform(Task::Append(1, 1)).await.unwrap();
            other.perform(Task::Checkpoint).await.unwrap();
        };
        // Below a checkpoint that another wrote it may also say that it doesn't know.
        let _ = futures::join!(slow.perform(Task::Append(2, 3)), other);
    });
    let seen = judged(&site);
    assert_eq!((seen.versions.len(), seen.rows.len()), (5, 8));
}
