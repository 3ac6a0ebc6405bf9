//! Which rows, and which past, show that a table's history is read as it was written?

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder,
    StructArray, UInt32Array, new_null_array,
};
use arrow::datatypes::{DataType, Field, Fields};
use lakebed::table::{CreateTable, Replace};
use lakebed_txlog::protocol::Profile;

use super::Table;
use super::twin::{Place, Twin};

/// How far a table's schema has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    First,
    /// With columns `address`, a struct, and `rank`.
    Second,
    /// With a field more in `address`, and a column `notes`.
    Third,
}

/// A row for each id, with a partition value `p` of four, one of them null, and nulls elsewhere.
pub(super) fn orders(ids: Range<i64>) -> RecordBatch {
    evolved(ids, Stage::First, Stage::First)
}

/// The rows that were written at one stage as they are to be seen at a later one.
fn evolved(ids: Range<i64>, written: Stage, seen: Stage) -> RecordBatch {
    let rows = usize::try_from(ids.end - ids.start).expect("as many as fit in memory");
    let texts = |of: fn(i64) -> Option<String>| Arc::new(ids.clone().map(of).collect::<StringArray>()) as ArrayRef;
    let known = |since: Stage, array: ArrayRef| match written < since {
        true => new_null_array(array.data_type(), rows),
        false => array,
    };
    let amounts: Decimal128Array =
        ids.clone().map(|id| (id % 5 != 1).then_some(i128::from(id) * 100 - 5_000)).collect();
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(ids.clone()))),
        ("p", texts(|id| ["a", "b c", "é/=%"].get(usize::try_from(id % 4).ok()?).map(|p| (*p).to_owned()))),
        ("name", texts(|id| (id % 5 != 2).then(|| format!("name {id}")))),
        ("amount", Arc::new(amounts.with_precision_and_scale(12, 2).expect("a valid type"))),
        ("day", Arc::new(ids.clone().map(|id| (id % 7 != 3).then(|| 19_000 + id as i32)).collect::<Date32Array>())),
        ("tags", tags(ids.clone())),
    ];
    if seen >= Stage::Second {
        let mut parts = vec![("city", texts(|id| (id % 2 == 0).then(|| format!("city {id}"))))];
        if seen >= Stage::Third {
            parts.push(("zip", known(Stage::Third, texts(|id| Some(id.to_string())))));
        }
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) =
            parts.into_iter().map(|(name, array)| (Field::new(name, DataType::Utf8, true), array)).unzip();
        let address = StructArray::new(Fields::from(fields), arrays, None);
        columns.push(("address", known(Stage::Second, Arc::new(address))));
        columns.push(("rank", known(Stage::Second, Arc::new(Int64Array::from_iter_values(ids.clone())))));
    }
    if seen >= Stage::Third {
        columns.push(("notes", known(Stage::Third, texts(|id| (id % 3 == 0).then(|| "note".to_owned())))));
    }
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .expect("columns of one length")
}

fn tags(ids: Range<i64>) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for id in ids {
        (0..id % 3).for_each(|n| lists.values().append_option((n != 1).then(|| format!("tag {n}"))));
        lists.append(id % 6 != 5);
    }
    Arc::new(lists.finish())
}

/// What a table of [`orders`] is like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Plain,
    Partitioned,
    /// Of the `compat` profile: without deletion vectors.
    Compat,
    CompatPartitioned,
    /// With V2 checkpoints, and without deletion vectors.
    V2,
}

pub(super) async fn create(place: Place<'_>, name: &str, shape: Shape) -> Twin {
    let schema = orders(0..0).schema();
    let mut create = CreateTable::of_arrow(&schema).unwrap();
    if matches!(shape, Shape::Partitioned | Shape::CompatPartitioned) {
        create = create.partitioned_by(["p"]);
    }
    if matches!(shape, Shape::Compat | Shape::CompatPartitioned) {
        create = create.profile(Profile::Compat);
    }
    if matches!(shape, Shape::V2) {
        create = create.property("delta.checkpointPolicy", "v2").property("delta.enableDeletionVectors", "false");
        create = create.property("delta.checkpointInterval", "5");
    }
    Twin::create(place, name, &schema, create).await
}

/// Tables with a past of every kind, and some of their earlier versions.
pub(super) async fn all(place: Place<'_>, folder: &Path) -> Vec<Table> {
    let mut out = evolved_tables(place, folder).await;
    out.extend(long_tables(place, folder).await);
    out.extend(tables_with_vectors(place, folder).await);
    out.extend(replaced_tables(place, folder).await);
    out
}

async fn evolved_tables(place: Place<'_>, folder: &Path) -> Vec<Table> {
    use Stage::{First, Second, Third};
    let mut out = Vec::new();
    for (name, shape) in [("evolved", Shape::Plain), ("evolved_partitioned", Shape::CompatPartitioned)] {
        let mut twin = create(place, name, shape).await;
        twin.append(&orders(0..10)).await;
        let second = vec![evolved(0..10, First, Second), evolved(10..20, Second, Second)];
        twin.widen(&evolved(10..20, Second, Second), second).await;
        let third = vec![evolved(0..10, First, Third), evolved(10..20, Second, Third), evolved(20..30, Third, Third)];
        twin.widen(&evolved(20..30, Third, Third), third).await;
        out.push(twin.at(folder, 1));
        out.push(twin.newest(folder).await);
    }
    out
}

/// More commits than a checkpoint's interval, ending behind a checkpoint and at one.
async fn long_tables(place: Place<'_>, folder: &Path) -> Vec<Table> {
    let mut out = Vec::new();
    for (name, shape, commits) in [
        ("long", Shape::Plain, 14),
        ("long_partitioned", Shape::Partitioned, 12),
        ("long_compat", Shape::CompatPartitioned, 13),
        ("long_v2", Shape::V2, 12),
    ] {
        let mut twin = create(place, name, shape).await;
        for commit in 0..commits {
            twin.append(&orders(commit * 5..commit * 5 + 5)).await;
            twin.table.settle().await; // so that the due checkpoint is there
        }
        if name == "long_v2" {
            // The first checkpoint, of version 5, is classic; that of version 10 has a UUID and sidecars.
            out.push(twin.at(folder, 6));
            out.push(twin.at(folder, 11));
        }
        if name == "long" {
            out.push(twin.at(folder, 7));
            out.push(twin.at(folder, 12));
        }
        if name == "long_partitioned" {
            twin.table.checkpoint().await.unwrap();
        }
        out.push(twin.newest(folder).await);
    }
    out
}

async fn tables_with_vectors(place: Place<'_>, folder: &Path) -> Vec<Table> {
    let mut out = Vec::new();

    let mut once = create(place, "vector", Shape::Plain).await;
    once.append(&orders(0..50)).await;
    let deletion = once.delete(10..20).await;
    assert_eq!((deletion.num_vectors, deletion.num_files_rewritten), (1, 0));
    out.push(once.at(folder, 1));
    out.push(once.newest(folder).await);

    let mut repeated = create(place, "vector_repeated", Shape::Plain).await;
    repeated.append(&orders(0..50)).await;
    repeated.append(&orders(50..100)).await;
    for gone in [0..1, 40..60, 99..100, 20..21] {
        repeated.delete(gone).await;
    }
    repeated.append(&orders(100..110)).await;
    repeated.table.checkpoint().await.unwrap();
    repeated.delete(105..200).await;
    out.push(repeated.newest(folder).await);

    let mut partitioned = create(place, "vector_partitioned", Shape::Partitioned).await;
    partitioned.append(&orders(0..40)).await;
    assert_eq!(partitioned.delete(4..21).await.num_vectors, 4);
    partitioned.delete(1..2).await;
    out.push(partitioned.newest(folder).await);

    let mut whole = create(place, "vector_of_all_rows", Shape::Plain).await;
    whole.append(&orders(0..20)).await;
    whole.append(&orders(20..40)).await;
    whole.delete(5..10).await;
    assert_eq!(whole.delete(0..20).await.num_files_removed, 1);
    out.push(whole.at(folder, 3));
    out.push(whole.newest(folder).await);

    let mut nothing = create(place, "vector_of_everything", Shape::Partitioned).await;
    nothing.append(&orders(0..20)).await;
    nothing.delete(0..20).await;
    out.push(nothing.newest(folder).await);

    let mut compat = create(place, "compat_deleted", Shape::Compat).await;
    compat.append(&orders(0..20)).await;
    assert_eq!(compat.delete(3..8).await.num_files_rewritten, 1);
    out.push(compat.newest(folder).await);

    let mut compat = create(place, "compat_deleted_partitioned", Shape::CompatPartitioned).await;
    compat.append(&orders(0..20)).await;
    assert_eq!(compat.delete(3..12).await.num_files_rewritten, 4);
    out.push(compat.newest(folder).await);
    out
}

async fn replaced_tables(place: Place<'_>, folder: &Path) -> Vec<Table> {
    let mut out = Vec::new();

    let mut restored = create(place, "restored", Shape::Partitioned).await;
    restored.append(&orders(0..10)).await;
    restored.append(&orders(10..20)).await;
    restored.overwrite(Replace::Table, &orders(90..95)).await;
    restored.restore(2).await;
    restored.append(&orders(20..25)).await;
    out.push(restored.at(folder, 3));
    out.push(restored.newest(folder).await);

    let mut narrowed = create(place, "restored_schema", Shape::Plain).await;
    narrowed.append(&orders(0..10)).await;
    let second = vec![evolved(0..10, Stage::First, Stage::Second), evolved(10..20, Stage::Second, Stage::Second)];
    narrowed.widen(&evolved(10..20, Stage::Second, Stage::Second), second).await;
    narrowed.restore(1).await;
    out.push(narrowed.newest(folder).await);

    let mut undeleted = create(place, "restored_vector", Shape::Plain).await;
    undeleted.append(&orders(0..20)).await;
    undeleted.delete(0..5).await;
    undeleted.delete(5..10).await;
    undeleted.restore(2).await;
    out.push(undeleted.newest(folder).await);

    for (name, replace) in [("overwritten", Replace::Table), ("overwritten_partitions", Replace::Partitions)] {
        let mut twin = create(place, name, Shape::Partitioned).await;
        twin.append(&orders(0..20)).await;
        twin.append(&orders(20..40)).await;
        twin.overwrite(replace, &of_partitions(orders(100..120))).await;
        out.push(twin.newest(folder).await);
    }
    out
}

/// The rows of two partitions, one of them null's.
fn of_partitions(rows: RecordBatch) -> RecordBatch {
    let chosen: Vec<u32> = (0..u32::try_from(rows.num_rows()).expect("few")).filter(|row| row % 4 > 1).collect();
    arrow::compute::take_record_batch(&rows, &UInt32Array::from(chosen)).expect("rows that are there")
}
