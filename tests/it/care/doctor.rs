//! What is said of stores that keep their promises, and of stores that break one?

use std::sync::Arc;

use futures::TryStreamExt;
use lakebed::doctor::{Check, Diagnosis, Fitness, Outcome, Use, examine};
use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed::{CreateTable, ErrorKind};
use lakebed_tests::liar::{Lie, lying};
use lakebed_tests::plan::schema;
use lakebed_tests::requests::{Kind, recorded};
use lakebed_txlog::env::{Env, SystemEnv};
use object_store::ObjectStore;

use crate::maintenance::Clock;
use crate::store::settings_of;

fn opened(url: &str, settings: &StoreSettings) -> TableStore {
    let env: Arc<dyn Env> = SystemEnv::shared();
    TableStore::create(&TableUrl::parse(url).unwrap(), settings, &env).unwrap()
}

fn in_memory(name: &str) -> TableStore {
    opened(&format!("memory://doctor-{name}/lake"), &StoreSettings::default())
}

async fn diagnosed(store: &TableStore) -> Diagnosis {
    let diagnosis = examine(store, &SystemEnv::shared(), |_| {}).await.unwrap();
    assert_eq!(diagnosis.num_left_behind, 0);
    diagnosis
}

async fn left(store: &TableStore) -> Vec<object_store::ObjectMeta> {
    store.data().list(Some(store.root())).try_collect().await.unwrap()
}

fn outcome(diagnosis: &Diagnosis, check: Check) -> Outcome {
    diagnosis.finding(check).unwrap_or_else(|| panic!("{check:?} was not tried")).outcome
}

/// Every check but those of the machine's disk and of the store's extras.
fn assert_trusted(diagnosis: &Diagnosis) {
    for finding in &diagnosis.findings {
        let extra = matches!(finding.check, Check::FreeSpace | Check::FileSystem | Check::ConditionalReplace);
        assert!(extra || finding.outcome == Outcome::Holds, "{finding:?}");
    }
    for of in Use::ALL {
        assert_ne!(diagnosis.fitness(of), Fitness::Unfit, "{of:?}: {diagnosis:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_folder_is_trusted_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine"), "x").unwrap();
    let diagnosis = diagnosed(&opened(folder.path().to_str().unwrap(), &StoreSettings::default())).await;
    assert_trusted(&diagnosis);
    assert!(diagnosis.finding(Check::FileSystem).is_some() && diagnosis.finding(Check::FreeSpace).is_some());
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["mine"], "neither files nor folders of the probe are left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_is_trusted_and_left_as_it_was() {
    let (store, requests) = recorded(&in_memory("honest"));
    let diagnosis = diagnosed(&store).await;
    assert_trusted(&diagnosis);
    assert_eq!(outcome(&diagnosis, Check::ConditionalReplace), Outcome::Holds);
    assert!(diagnosis.finding(Check::FileSystem).is_none(), "memory has no file system");
    let made = requests.take();
    assert_eq!(made.iter().filter(|request| request.kind == Kind::Create).count(), 320 + 3);
    assert!((450..520).contains(&made.iter().filter(|request| request.kind != Kind::Delete).count()));
    assert!(left(&store).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_real_s3_server_is_trusted_and_left_as_it_was() {
    let Some(s3) = crate::s3::server("doctor::a_real_s3_server_is_trusted_and_left_as_it_was") else { return };
    let store = opened(&s3.url("doctor/here"), &settings_of(s3));
    let diagnosis = diagnosed(&store).await;
    assert_trusted(&diagnosis);
    assert!(left(&store).await.is_empty());
}

#[tokio::test]
async fn a_missing_bucket_and_wrong_keys_are_said_to_be_so() {
    let Some(s3) = crate::s3::server("doctor::a_missing_bucket_and_wrong_keys_are_said_to_be_so") else { return };
    let store = opened("s3://no-such-bucket-here/t", &settings_of(s3));
    let error = examine(&store, &SystemEnv::shared(), |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.message().contains("no such bucket"), "{error}");
}

/// (the lie, the check that finds it, whether many writers and maintenance are still fit)
const LIES: [(Lie, Check, Outcome, [Fitness; 3]); 10] = {
    use Fitness::{Fit, Unfit, WithCare};
    [
        (Lie::IgnoresCreate, Check::RepeatedCreate, Outcome::Fails, [Unfit, Unfit, Unfit]),
        (Lie::LooksThenPuts, Check::RacingCreates, Outcome::Fails, [Fit, Unfit, Unfit]),
        (Lie::LacksCreate, Check::RepeatedCreate, Outcome::NotOffered, [Unfit, Unfit, Unfit]),
        (Lie::ListsLate, Check::ListAfterWrite, Outcome::Fails, [WithCare, Unfit, Unfit]),
        (Lie::ListsDeleted, Check::ListAfterDelete, Outcome::Fails, [Fit, Fit, WithCare]),
        (Lie::LosesTheLast, Check::ListOffset, Outcome::Fails, [WithCare, Unfit, Unfit]),
        (Lie::ForbidsMissing, Check::MissingKey, Outcome::Fails, [Unfit, Unfit, Unfit]),
        (Lie::ReadsStale, Check::ReadAfterWrite, Outcome::Fails, [Unfit, Unfit, Unfit]),
        (Lie::ShiftsRanges, Check::RangedReads, Outcome::Fails, [Unfit, Unfit, Unfit]),
        (Lie::FoldsCase, Check::CaseSensitive, Outcome::Care, [Unfit, Unfit, Unfit]),
    ]
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_lie_is_found_and_named() {
    for (lie, check, expected, fitness) in LIES {
        let honest = in_memory(&format!("{lie:?}").to_lowercase());
        let diagnosis = diagnosed(&lying(&honest, lie)).await;
        let finding = diagnosis.finding(check).unwrap();
        assert_eq!(finding.outcome, expected, "{lie:?}: {finding:?}");
        if lie != Lie::FoldsCase {
            assert_eq!(Use::ALL.map(|of| diagnosis.fitness(of)), fitness, "{lie:?}: {diagnosis:?}");
        }
        assert!(left(&honest).await.is_empty(), "{lie:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c5_a_store_that_ignores_the_condition_loses_every_race() {
    let diagnosis = diagnosed(&lying(&in_memory("ignores"), Lie::IgnoresCreate)).await;
    assert_eq!(outcome(&diagnosis, Check::RacingCreates), Outcome::Fails);
    assert!(diagnosis.finding(Check::RacingCreates).unwrap().detail.contains("several writers"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_clock_that_is_off_is_told() {
    for (days, expected) in [(0, Outcome::Holds), (2, Outcome::Fails)] {
        let clock = Clock::of_machine();
        clock.set_days(days);
        let env: Arc<dyn Env> = clock;
        let diagnosis = examine(&in_memory("clock"), &env, |_| {}).await.unwrap();
        let finding = diagnosis.finding(Check::Clock).unwrap();
        assert_eq!(finding.outcome, expected, "{finding:?}");
        assert_eq!(diagnosis.fitness(Use::Maintenance) == Fitness::Unfit, days > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_an_earlier_probe_left_is_counted_and_kept() {
    let store = in_memory("leftovers");
    let key = store.key("_lakebed_doctor/of-another/alive").unwrap();
    object_store::ObjectStoreExt::put(&**store.data(), &key, "x".into()).await.unwrap();
    let diagnosis = diagnosed(&store).await;
    assert_eq!(outcome(&diagnosis, Check::Leftovers), Outcome::Care);
    assert_eq!(left(&store).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c5_a_table_is_not_created_where_creates_are_not_kept_apart() {
    let create = CreateTable::of_arrow(&schema()).unwrap();
    for lie in [Lie::IgnoresCreate, Lie::LacksCreate] {
        let store = lying(&in_memory(&format!("create-{lie:?}").to_lowercase()), lie);
        let error = create.create_in(store, SystemEnv::shared()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{lie:?}: {error}");
    }
    create.create_in(in_memory("create-honest"), SystemEnv::shared()).await.unwrap();
}
