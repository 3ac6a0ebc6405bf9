//! What of a commit is made anew for the version that it wins, and what stays?

use super::*;
use crate::version::TimestampMs;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// A clock that is ahead.
#[derive(Debug)]
struct Ahead {
    clock: Arc<dyn Env>,
    by_ms: i64,
}

impl Env for Ahead {
    fn now(&self) -> TimestampMs {
        TimestampMs(self.clock.now().0 + self.by_ms)
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn uuid(&self) -> uuid::Uuid {
        self.clock.uuid()
    }
}

/// The table of [`Place`], with in-commit timestamps.
async fn stamped() -> Place {
    let place = Place { memory: Arc::new(InMemory::new()), env: SystemEnv::shared() };
    let schema = StructType::new([StructField::nullable("k", DataType::LONG)]);
    let mut create = Transaction::new(Kind::Metadata, "CREATE TABLE");
    create.extend([
        Action::Protocol(Protocol {
            min_reader_version: 3,
            min_writer_version: 7,
            reader_features: Some(vec![]),
            writer_features: Some(vec!["inCommitTimestamp".to_owned()]),
        }),
        Action::Metadata(Metadata {
            id: "t".into(),
            schema_string: schema.to_json(),
            configuration: [("delta.enableInCommitTimestamps".to_owned(), "true".to_owned())].into(),
            ..Metadata::default()
        }),
    ]);
    Log::create(place.store(), Arc::clone(&place.env), &create).await.unwrap();
    place
}

fn append(path: &str) -> Transaction {
    let mut append = Transaction::new(Kind::Append, "WRITE");
    append.push(Action::Add(file(path)));
    append
}

/// Pitfall L9: the clock of whoever won may be ahead, and a commit comes after it all the same.
#[tokio::test]
async fn a_commit_that_follows_is_stamped_after_what_it_follows() {
    let place = stamped().await;
    let ours = place.open().await;
    let ahead: Arc<dyn Env> = Arc::new(Ahead { clock: Arc::clone(&place.env), by_ms: HOUR_MS });
    let theirs = Log::open(place.store(), ahead).await.unwrap();
    let read = ours.snapshot();
    for path in ["a", "b"] {
        let snapshot = theirs.snapshot();
        land(&theirs, &append(path), &snapshot).await.committed().unwrap();
    }
    let outcome = land(&ours, &append("c"), &read).await;
    assert!(matches!(outcome, Outcome::Committed { attempts: 2, .. }), "{outcome:?}");
    let info = |version: u64| {
        let log = &ours;
        async move { log.commit_at(Version(version)).await.unwrap().unwrap().commit_info.unwrap() }
    };
    let (before, last) = (info(2).await, info(3).await);
    assert_eq!(last.in_commit_timestamp, before.in_commit_timestamp.map(|time| time + 1));
    assert!(last.timestamp.unwrap() < before.timestamp.unwrap(), "its own clock as it is");
    assert_eq!(last.read_version, Some(0), "what it read is what it read");
    assert_eq!(outcome.committed().unwrap().timestamp(), last.in_commit_timestamp.map(TimestampMs));
}
