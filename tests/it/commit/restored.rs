//! What does a restore do when others come first? Follow those who leave it alone, undo what came, or leave it to be decided.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed::store::TableStore;
use lakebed::table::Restored;
use lakebed::{
    AppendOptions, CreateTable, ErrorKind, Promoted, Promotion, Result, SchemaMode, Table, Version, promote,
};
use lakebed_compaction::{CompactionOptions, Purge, compact};
use lakebed_tests::faults::{Answer, Faulty};
use lakebed_tests::plan::rows;
use lakebed_txlog::action::{Action, Metadata, Protocol};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::schema::{DataType, StructField, StructType};
use lakebed_txlog::transaction::{Kind, Transaction};
use object_store::ObjectStore;

use super::place::Place;

/// Versions 1 and 2 append, 3 deletes a row of what 1 appended, 4 appends. Then others come, and then a restore of 3.
async fn restored_after(
    place: &Place,
    others: impl FnOnce(Table) -> BoxFuture<'static, ()>,
) -> (Result<Restored>, usize) {
    let table = place.create().await;
    for ids in [[1, 2, 3], [4, 5, 6]] {
        append(&table, &ids).await;
    }
    table.delete("id = 2", &CommitOptions::default()).await.unwrap();
    append(&table, &[7, 8]).await;
    table.settle().await;
    let store = place.store();
    let faulty = Faulty::over(Arc::clone(store.commits()));
    let over: Arc<dyn ObjectStore> = Arc::clone(&faulty) as Arc<dyn ObjectStore>;
    let store = TableStore::over(store.url().clone(), Arc::clone(&over), over, store.root().clone());
    let ours = Table::open_with(store, SystemEnv::shared()).await.unwrap();
    faulty.script([Answer::Before(others(place.open().await))]);
    let restored = ours.restore(Version(3), &CommitOptions::default()).await;
    (restored, faulty.take_puts().len())
}

async fn append(table: &Table, ids: &[i64]) {
    table.append_batches(vec![rows(ids).unwrap()], &AppendOptions::default()).await.unwrap();
}

async fn ids(place: &Place) -> Vec<i64> {
    let mut reader = place.reader();
    reader.refresh().await;
    reader.ids().await
}

#[tokio::test]
async fn what_was_appended_meanwhile_is_taken_back_as_well() {
    let place = Place::memory("restore-append");
    let (restored, _) = restored_after(&place, |other| async move { append(&other, &[9]).await }.boxed()).await;
    let restored = restored.unwrap();
    assert_eq!((restored.version, restored.num_files_removed), (Some(Version(6)), 2));
    assert_eq!(ids(&place).await, [1, 3, 4, 5, 6]);
}

/// A purge of the file with the vector, which stays: the same rows in another file.
#[tokio::test]
async fn a_compaction_of_what_stays_is_followed() {
    let place = Place::memory("restore-compaction");
    let purge = |other: Table| {
        async move {
            let options =
                CompactionOptions { purge: Purge::All, min_file_size_bytes: 1, ..CompactionOptions::default() };
            assert_eq!(compact(&other, &options, |_| ()).await.unwrap().num_rows_purged, 1);
        }
        .boxed()
    };
    let (restored, puts) = restored_after(&place, purge).await;
    assert_eq!((restored.unwrap().version, puts), (Some(Version(6)), 2), "planned once, and put after it");
    assert_eq!(ids(&place).await, [1, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_column_that_was_added_meanwhile_is_not_taken_back_unasked() {
    let place = Place::memory("restore-column");
    let widen = |other: Table| {
        async move {
            let column = Arc::new(Int64Array::from(vec![1])) as ArrayRef;
            let id = Arc::new(Int64Array::from(vec![9])) as ArrayRef;
            let batch = RecordBatch::try_from_iter([("id", id), ("size", column)]).unwrap();
            let options = AppendOptions { schema_mode: SchemaMode::Merge, ..AppendOptions::default() };
            other.append_batches(vec![batch], &options).await.unwrap();
        }
        .boxed()
    };
    let (restored, puts) = restored_after(&place, widen).await;
    let error = restored.unwrap_err();
    assert_eq!((error.kind(), puts), (ErrorKind::Conflict, 1), "{error}");
    assert_eq!(ids(&place).await, [1, 3, 4, 5, 6, 7, 8, 9]);
    // Who asks again has seen it.
    let table = place.open().await;
    table.restore(Version(3), &CommitOptions::default()).await.unwrap();
    assert_eq!((ids(&place).await, table.snapshot().schema().len()), (vec![1, 3, 4, 5, 6], 2));
}

/// What a restore takes away of a promotion's rows is promoted again, once, and what it leaves isn't; so is it where another
/// engine has let the `txn` expire.
#[tokio::test]
async fn what_a_restore_took_of_a_promotion_is_promoted_again() {
    let (from, into) = (Place::memory("restore-source"), Place::memory("restore-target"));
    let (source, target) = (from.create().await, into.create().await);
    let promotion = Promotion::new("all", "SELECT * FROM source");
    let promoted = async || promote(&source, &target, &promotion).await.unwrap();
    append(&source, &[1, 2]).await;
    promoted().await;
    append(&source, &[3]).await;
    promoted().await;
    append(&source, &[4]).await;
    promoted().await;
    assert_eq!(ids(&into).await, [1, 2, 3, 4]);
    let app_id = target.snapshot().txns().next().unwrap().app_id.clone();
    let stands = |table: &Table| table.snapshot().txn(&app_id).map(|txn| txn.version);

    target.restore(Version(1), &CommitOptions::default()).await.unwrap();
    assert_eq!((ids(&into).await, stands(&into.open().await)), (vec![1, 2], Some(1)));
    assert!(matches!(promoted().await, Promoted::Committed { from_version: Version(2), to_version: Version(3), .. }));
    assert_eq!(ids(&into).await, [1, 2, 3, 4]);
    assert!(matches!(promoted().await, Promoted::AlreadyApplied { .. }));

    // Before the first of them, and forth again.
    target.restore(Version(0), &CommitOptions::default()).await.unwrap();
    assert_eq!((ids(&into).await, stands(&target)), (vec![], Some(-1)));
    target.restore(Version(3), &CommitOptions::default()).await.unwrap();
    assert_eq!((ids(&into).await, stands(&target)), (vec![1, 2, 3, 4], Some(3)));
    assert!(matches!(promoted().await, Promoted::AlreadyApplied { .. }));
    target.restore(Version(0), &CommitOptions::default()).await.unwrap();
    assert!(matches!(promoted().await, Promoted::Committed { from_version: Version(0), .. }));
    assert_eq!(ids(&into).await, [1, 2, 3, 4]);
}

/// Pitfall L16: another engine has dropped a column, and the feature that its type needed.
#[tokio::test]
async fn a_restore_brings_the_feature_back_that_its_schema_needs() {
    let place = Place::memory("restore-feature");
    let id = StructField::nullable("id", DataType::LONG);
    let at = StructField::nullable("at", DataType::TIMESTAMP_NTZ);
    let create = CreateTable::new(StructType::new([id.clone(), at]));
    let table = create.create_in(place.store(), SystemEnv::shared()).await.unwrap();
    let before = table.snapshot();
    let without = |names: &Option<Vec<String>>| {
        names.as_ref().map(|names| names.iter().filter(|name| *name != "timestampNtz").cloned().collect::<Vec<_>>())
    };
    let (readers, writers) = (&before.protocol().reader_features, &before.protocol().writer_features);
    assert_ne!(without(writers), *writers);
    let mut drop = Transaction::new(Kind::Metadata, "DROP FEATURE");
    drop.push(Action::Protocol(Protocol {
        reader_features: without(readers),
        writer_features: without(writers),
        ..before.protocol().clone()
    }));
    let schema_string = StructType::new([id]).to_json();
    drop.push(Action::Metadata(Metadata { schema_string, ..before.metadata().clone() }));
    table.commit(&drop, Some(&before), &CommitOptions::default()).await.unwrap().committed().unwrap();
    let restored = table.restore(Version(0), &CommitOptions::default()).await.unwrap().snapshot;
    assert_eq!(restored.schema(), before.schema());
    let named = |names: &Option<Vec<String>>| names.iter().flatten().any(|name| name == "timestampNtz");
    assert!(named(&restored.protocol().reader_features) && named(&restored.protocol().writer_features));
}
