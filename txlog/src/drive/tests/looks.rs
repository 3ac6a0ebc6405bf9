//! Are files that others added looked into where that decides, once each, and within the limit?

use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;
use crate::limits::MAX_LOOKED_AT_BYTES;

/// Says of each file whether its name says that it holds a match, and remembers which it was asked of.
#[derive(Default)]
struct ByName {
    asked: Mutex<Vec<String>>,
    fails: AtomicBool,
}

impl ByName {
    fn take(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.sort();
        asked
    }
}

impl Look for ByName {
    fn finds<'a>(&'a self, table: &'a Snapshot, file: &'a Add) -> BoxFuture<'a, Result<bool>> {
        async move {
            assert!(table.files().find(&file.path).is_none(), "the version before the file");
            self.asked.lock().unwrap().push(file.path.clone());
            if self.fails.load(Ordering::Relaxed) {
                return Err(Error::corrupt("it can't be read"));
            }
            Ok(file.path.starts_with("match"))
        }
        .boxed()
    }
}

/// Appends files of these names and sizes in a commit of another's.
async fn append<const N: usize>(log: &Log, files: [(&str, u64); N]) {
    let mut append = Transaction::new(Kind::Append, "WRITE");
    append.extend(files.map(|(path, size)| Action::Add(Add { size: size as i64, ..file(path) })));
    let snapshot = log.snapshot();
    land(log, &append, &snapshot).await.committed().unwrap();
}

struct Race {
    place: Place,
    ours: Log,
    theirs: Log,
    read: Snapshot,
    look: ByName,
}

impl Race {
    async fn new() -> Race {
        let place = Place::new().await;
        let (ours, theirs) = (place.open().await, place.open().await);
        let read = ours.snapshot();
        Race { place, ours, theirs, read, look: ByName::default() }
    }

    /// Deletes a row of `f` at the version from before the others.
    async fn delete(&self) -> Outcome {
        let transaction = self.place.delete(&self.read, "f", &[3]).await;
        let options = CommitOptions::default();
        self.ours.commit_looking(&transaction, Some(&self.read), &options, Some(&self.look)).await.unwrap()
    }
}

#[track_caller]
fn may_match(outcome: Outcome) -> (Version, Vec<String>) {
    let Outcome::Conflicted(Conflict { version, why: Why::MayMatch { files } }) = outcome else {
        panic!("{outcome:?}")
    };
    (version, files)
}

#[tokio::test]
async fn files_without_a_match_are_looked_into_once_and_followed() {
    let race = Race::new().await;
    append(&race.theirs, [("a", 100), ("b", 100)]).await;
    append(&race.theirs, [("c", 100)]).await;
    let snapshot = race.delete().await.committed().unwrap();
    assert_eq!((snapshot.version(), snapshot.num_files()), (Version(3), 5));
    assert_eq!(race.look.take(), ["a", "b", "c"]);
    assert_eq!(race.place.deleted().await["f"], [3]);
}

#[tokio::test]
async fn a_file_with_a_match_stands_in_the_way_and_is_named() {
    let race = Race::new().await;
    append(&race.theirs, [("a", 100), ("match", 100)]).await;
    assert_eq!(may_match(race.delete().await), (Version(1), vec!["match".to_owned()]));
    assert_eq!(race.look.take(), ["a", "match"]);
    assert!(race.place.deleted().await["f"].is_empty());
}

#[tokio::test]
async fn what_statistics_rule_out_is_not_looked_into() {
    let race = Race::new().await;
    let mut append = Transaction::new(Kind::Append, "WRITE");
    let stats = r#"{"numRecords":10,"minValues":{"k":10},"maxValues":{"k":19},"nullCount":{"k":0}}"#;
    append.push(Action::Add(Add { stats: Some(stats.into()), ..file("match") }));
    land(&race.theirs, &append, &race.read).await.committed().unwrap();
    race.delete().await.committed().unwrap();
    assert!(race.look.take().is_empty());
}

#[tokio::test]
async fn files_past_the_limit_are_not_looked_into() {
    let race = Race::new().await;
    append(&race.theirs, [("a", MAX_LOOKED_AT_BYTES), ("b", 1)]).await;
    assert_eq!(may_match(race.delete().await), (Version(1), vec!["a".to_owned(), "b".to_owned()]));
    assert!(race.look.take().is_empty());
}

/// The limit is one of the commit, not of each winner.
#[tokio::test]
async fn the_limit_is_of_all_winners_together() {
    let race = Race::new().await;
    append(&race.theirs, [("a", MAX_LOOKED_AT_BYTES)]).await;
    race.delete().await.committed().unwrap();
    assert_eq!(race.look.take(), ["a"]);
    let race = Race::new().await;
    append(&race.theirs, [("a", MAX_LOOKED_AT_BYTES)]).await;
    append(&race.theirs, [("b", 1)]).await;
    assert_eq!(may_match(race.delete().await), (Version(2), vec!["b".to_owned()]));
    assert_eq!(race.look.take(), ["a"]);
}

#[tokio::test]
async fn a_look_that_fails_leaves_the_refusal() {
    let race = Race::new().await;
    append(&race.theirs, [("a", 100)]).await;
    race.look.fails.store(true, Ordering::Relaxed);
    assert_eq!(may_match(race.delete().await), (Version(1), vec!["a".to_owned()]));
    assert_eq!(race.look.take(), ["a"]);
}
