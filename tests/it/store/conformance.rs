//! The suite, and the stores that it runs against.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lakebed::store::{S3Keys, StoreSettings, TableStore};
use lakebed::{ErrorKind, store};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::{opened, settings_of};

/// Names that some layer between us and the bytes might decode, encode or split.
const SPECIAL: [&str; 14] = [
    "a b",
    "a%20b",
    "100%",
    "a%2Fb",
    "a:b",
    "p=1",
    "a+b&c",
    "a#b",
    "a?b",
    "ünï-日本-🦆",
    "~x!$'()*,;@[]",
    "{a}^`|\"<>",
    ".hidden",
    "x.parquet",
];

macro_rules! suite {
    ($($test:ident),* $(,)?) => {
        mod folder {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                let folder = tempfile::tempdir().unwrap();
                // A folder whose own name needs care.
                let url = folder.path().join("a table %20#?/x=1");
                super::$test(&super::opened(url.to_str().unwrap(), &Default::default())).await;
            })*
        }
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                let url = concat!("memory://conformance-", stringify!($test), "/a table %20#?/x=1");
                super::$test(&super::opened(url, &Default::default())).await;
            })*
        }
        mod s3 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                let Some(s3) = crate::s3::server(concat!("store::s3::", stringify!($test))) else { return };
                let url = s3.url(concat!("conformance/", stringify!($test), "/a table %20/x=1"));
                super::$test(&super::opened(&url, &super::settings_of(s3))).await;
            })*
        }
    };
}

suite! {
    sixteen_racing_creations_have_one_winner,
    special_names_are_kept_as_they_are,
    a_listing_after_an_offset_leaves_it_out,
    an_object_is_replaced_and_read_in_ranges,
    an_upload_in_parts_is_there_when_complete_and_not_before,
    what_is_not_there_is_said_to_be_missing,
}

async fn sixteen_racing_creations_have_one_winner(table: &TableStore) {
    for round in 0..20 {
        let key = table.key(&format!("_delta_log/{round:020}.json")).unwrap();
        let create = |writer: usize| {
            let (table, key) = (table.clone(), key.clone());
            tokio::spawn(async move {
                let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
                let body = PutPayload::from(format!("{writer} {}", "x".repeat(2000)));
                (writer, table.commits().put_opts(&key, body, options).await)
            })
        };
        let racing: Vec<_> = (0..16).map(create).collect();
        let mut winners = Vec::new();
        for writer in racing {
            match writer.await.unwrap() {
                (writer, Ok(_)) => winners.push(writer),
                (_, Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. })) => {}
                (writer, Err(error)) => panic!("writer {writer}: {error}"),
            }
        }
        let [winner] = winners[..] else { panic!("round {round}: {winners:?} won") };
        let stored = table.data().get(&key).await.unwrap().bytes().await.unwrap();
        assert!(stored.starts_with(format!("{winner} ").as_bytes()) && stored.len() > 2000, "round {round}");
    }
    let log: Vec<_> = table.data().list(Some(&table.key("_delta_log").unwrap())).try_collect().await.unwrap();
    assert_eq!(log.len(), 20, "nothing but the winners is left: {log:?}");
}

async fn special_names_are_kept_as_they_are(table: &TableStore) {
    let mut expected = BTreeSet::new();
    for folder in SPECIAL {
        for name in [folder, "plain"] {
            let key = table.key(&format!("data/{folder}/{name}")).unwrap();
            table.data().put(&key, Bytes::from(key.to_string()).into()).await.unwrap_or_else(|e| panic!("{key}: {e}"));
            expected.insert(key);
        }
    }
    let prefix = table.key("data").unwrap();
    let listed: BTreeSet<Path> =
        table.data().list(Some(&prefix)).map_ok(|object| object.location).try_collect().await.unwrap();
    assert_eq!(listed, expected);
    let folders = table.data().list_with_delimiter(Some(&prefix)).await.unwrap().common_prefixes;
    assert_eq!(folders.len(), SPECIAL.len());
    for key in &expected {
        assert_eq!(table.data().get(key).await.unwrap().bytes().await.unwrap(), key.to_string());
    }
    let keys = stream::iter(expected.into_iter().map(Ok)).boxed();
    let deleted: Vec<_> = table.data().delete_stream(keys).try_collect().await.unwrap();
    assert_eq!(deleted.len(), 2 * SPECIAL.len());
    assert!(table.data().list(Some(&prefix)).next().await.is_none());
}

async fn a_listing_after_an_offset_leaves_it_out(table: &TableStore) {
    let name = |version: u64| format!("_delta_log/{version:020}.json");
    for version in 0..25 {
        table.data().put(&table.key(&name(version)).unwrap(), "x".into()).await.unwrap();
    }
    let (log, offset) = (table.key("_delta_log").unwrap(), table.key(&name(19)).unwrap());
    let listed = table.data().list_with_offset(Some(&log), &offset).map_ok(|object| object.location);
    let listed: BTreeSet<Path> = listed.try_collect().await.unwrap();
    let expected: BTreeSet<Path> = (20..25).map(|version| table.key(&name(version)).unwrap()).collect();
    assert_eq!(listed, expected);
    let none = table.data().list(Some(&table.key("_delta_lo").unwrap())).next().await;
    assert!(none.is_none(), "a prefix ends with a whole segment");
}

async fn an_object_is_replaced_and_read_in_ranges(table: &TableStore) {
    let key = table.key("x/object").unwrap();
    for body in ["first, and longer", "0123456789"] {
        table.data().put(&key, body.into()).await.unwrap();
        assert_eq!(table.data().get(&key).await.unwrap().bytes().await.unwrap(), body);
    }
    assert_eq!(table.data().head(&key).await.unwrap().size, 10);
    assert_eq!(table.data().get_range(&key, 2..5).await.unwrap(), "234");
    let ranges = table.ranges(&key, &[0..1, 8..10]).await.unwrap();
    assert_eq!(ranges, ["0", "89"]);
    let cut = table.ranges(&key, &[0..1, 8..12, 20..30]).await.unwrap();
    assert_eq!(cut, ["0", "89", ""], "what there is");
    let tail = GetOptions { range: Some(object_store::GetRange::Suffix(3)), ..GetOptions::default() };
    assert_eq!(table.data().get_opts(&key, tail).await.unwrap().bytes().await.unwrap(), "789");
}

async fn an_upload_in_parts_is_there_when_complete_and_not_before(table: &TableStore) {
    const PART: usize = 5 << 20;
    let part = |byte: u8| PutPayload::from(vec![byte; PART]);
    let key = table.key("x/large").unwrap();
    let mut upload = table.data().put_multipart(&key).await.unwrap();
    // Parts may arrive in any order; they stand in that of the calls.
    let (first, second) = (upload.put_part(part(1)), upload.put_part(part(2)));
    second.await.unwrap();
    first.await.unwrap();
    upload.put_part("end".into()).await.unwrap();
    assert!(matches!(table.data().head(&key).await, Err(object_store::Error::NotFound { .. })));
    upload.complete().await.unwrap();
    let stored = table.data().get(&key).await.unwrap().bytes().await.unwrap();
    assert_eq!(stored.len(), 2 * PART + 3);
    assert!(stored[..PART].iter().all(|b| *b == 1) && stored[PART..2 * PART].iter().all(|b| *b == 2));

    let key = table.key("y/aborted").unwrap();
    let mut upload = table.data().put_multipart(&key).await.unwrap();
    upload.put_part(part(1)).await.unwrap();
    upload.abort().await.unwrap();
    assert!(table.data().list(Some(&table.key("y").unwrap())).next().await.is_none(), "an abort leaves nothing");
}

async fn what_is_not_there_is_said_to_be_missing(table: &TableStore) {
    let key = table.key("no/such object").unwrap();
    let missing = table.data().get(&key).await.unwrap_err();
    let error = table.error(missing, "reading a data file", &key);
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let ranges = table.ranges(&key, &[0..1, 2..3]).await;
    assert!(matches!(ranges, Err(object_store::Error::NotFound { .. })), "{ranges:?}");
    assert_eq!(error.at_path(), Some(key.as_ref()));
    assert_eq!(error.table_name(), Some(table.url().to_string().as_str()));
    assert!(table.data().list(Some(&table.key("no").unwrap())).next().await.is_none());
}

async fn refused(url: &str, settings: &StoreSettings) -> lakebed::Error {
    let table = opened(url, settings);
    let key = table.key("_delta_log/00000000000000000000.json").unwrap();
    table.error(table.data().get(&key).await.unwrap_err(), "reading the log", &key)
}

#[tokio::test]
async fn a_missing_bucket_is_told_from_a_missing_object() {
    let Some(s3) = crate::s3::server("a_missing_bucket_is_told_from_a_missing_object") else { return };
    let error = refused("s3://no-such-bucket-here/t", &settings_of(s3)).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("no such bucket") && error.what_to_do().is_some(), "{error}");
}

#[tokio::test]
async fn a_bad_credential_is_told_at_once() {
    let Some(s3) = crate::s3::server("a_bad_credential_is_told_at_once") else { return };
    for (id, secret) in [("nobody", "x"), (s3.access_key.as_str(), "wrong")] {
        let mut settings = settings_of(s3);
        settings.s3.credentials = vec![store::CredentialSource::Keys(S3Keys {
            access_key_id: id.to_owned(),
            secret_access_key: secret.to_owned(),
            session_token: None,
        })];
        let error = refused(&s3.url("t"), &settings).await;
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(error.what_to_do().is_some());
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let mut settings = StoreSettings { max_retries: 0, ..StoreSettings::default() };
    settings.s3.endpoint = Some("http://127.0.0.1:9".to_owned());
    settings.s3.credentials = vec![store::CredentialSource::Anonymous];
    let error = refused("s3://b/t", &settings).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.message().contains("can't be reached"), "{error}");
}
