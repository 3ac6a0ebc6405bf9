//! Scans: what is read of files, and what of them is live.

use std::collections::BTreeMap;

use arrow::array::{Float64Array, Int32Array, Int64Array, StructArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType as ArrowType, Field};
use lakebed_txlog::ErrorKind;
use lakebed_txlog::dv::{DeletionVector, inline};
use lakebed_txlog::predicate::Predicate;
use lakebed_txlog::schema::PrimitiveType;
use object_store::{ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;

use super::super::{Filter, matching_rows, remaining_rows};
use super::*;

async fn with_vector(table: &Table, add: &Add, deleted: impl IntoIterator<Item = u64>) -> Snapshot {
    let vector: DeletionVector = deleted.into_iter().collect();
    let next = Add { deletion_vector: Some(inline(&vector).unwrap()), ..add.clone() };
    change(table, vec![Action::Remove(add.removed(1, true)), Action::Add(next)]).await
}

/// Puts a Parquet file into the table's folder, as another engine would.
async fn put(table: &Table, path: &str, batch: &RecordBatch) -> Add {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    let size = bytes.len() as i64;
    let key = table.store().key(path).unwrap();
    table.store().data().put(&key, PutPayload::from(bytes)).await.unwrap();
    Add { path: path.to_owned(), size, data_change: true, ..Add::default() }
}

#[tokio::test]
async fn columns_filter_and_limit_narrow_a_scan() {
    let table = numbers(20).await;
    let all = scanned(&table, ScanRequest::default()).await;
    assert_eq!(all.schema().fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>(), ["id", "Name", "part"]);
    assert_eq!(ids(&all), (0..20).collect::<Vec<_>>());
    let request = ScanRequest {
        columns: Some(vec!["part".into(), "ID".into()]),
        filter: Some("name = 'n7' or id >= 18".into()),
        ..ScanRequest::default()
    };
    assert_eq!(shown(&scanned(&table, request).await), ["a|18", "b|19", "b|7"]);
    let limited = ScanRequest { limit: Some(3), ..filtered("part = 'b'") };
    assert_eq!(scanned(&table, limited).await.num_rows(), 3);
    let error = scan(
        table.store(),
        &table.snapshot(),
        &ScanRequest { columns: Some(vec!["x".into()]), ..ScanRequest::default() },
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.what_to_do().unwrap().contains("id, Name, part"));
}

#[tokio::test]
async fn deleted_rows_are_in_no_answer() {
    let table = numbers(20).await;
    let add = live(&table.snapshot()).into_iter().find(|add| add.path.contains("part=a")).unwrap();
    // Even ids in order: positions 0, 3 and 9 are 0, 6 and 18.
    with_vector(&table, &add, [0, 3, 9]).await;
    let kept: Vec<i64> = (0..20).filter(|id| ![0, 6, 18].contains(id)).collect();
    assert_eq!(ids(&scanned(&table, ScanRequest::default()).await), kept);
    assert_eq!(ids(&scanned(&table, filtered("id <= 6 and part = 'a'")).await), [2, 4]);
    let session = Session::new();
    session.register("t", table.store(), &table.snapshot()).unwrap();
    assert_eq!(sql(&session, "SELECT count(*), max(id) FROM t WHERE part = 'a'").await, ["7|16"]);
    assert_eq!(sql(&session, "SELECT count(*) FROM t").await, ["17"]);
    assert_eq!(sql(&session, "SELECT id FROM t WHERE part = 'a' ORDER BY id DESC LIMIT 1").await, ["16"]);
}

#[tokio::test]
async fn a_vector_needs_the_number_of_rows_and_reads_it_where_the_log_is_silent() {
    let table = numbers(10).await;
    let add = live(&table.snapshot()).into_iter().find(|add| add.path.contains("part=a")).unwrap();
    let silent = Add { stats: None, ..add.clone() };
    change(&table, vec![Action::Remove(add.removed(1, true)), Action::Add(silent.clone())]).await;
    with_vector(&table, &silent, [1, 4]).await;
    assert_eq!(ids(&scanned(&table, filtered("part = 'a'")).await), [0, 4, 6]);
    let wrong = live(&table.snapshot()).into_iter().find(|add| add.path.contains("part=a")).unwrap();
    let lying = Add { stats: Some(r#"{"numRecords":6}"#.into()), ..wrong.clone() };
    change(&table, vec![Action::Remove(wrong.removed(1, true)), Action::Add(lying)]).await;
    let rows = scan(table.store(), &table.snapshot(), &ScanRequest::default()).await.unwrap();
    let error = rows.collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("5 rows where the log says 6"), "{error}");
}

#[tokio::test]
async fn a_vector_that_is_lost_or_too_long_is_an_error() {
    let table = numbers(10).await;
    let add = live(&table.snapshot()).remove(0);
    with_vector(&table, &add, [7]).await;
    let error = scan(table.store(), &table.snapshot(), &ScanRequest::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.at_path().unwrap().contains("part="), "{error}");
    assert!(error.at_version().is_some() && error.table_name().is_some(), "{error}");
}

#[tokio::test]
async fn conditions_find_positions_of_live_rows_and_their_complement_keeps_the_rest() {
    let table = numbers(20).await;
    let add = live(&table.snapshot()).into_iter().find(|add| add.path.contains("part=a")).unwrap();
    let snapshot = with_vector(&table, &add, [0, 3]).await;
    let add = live(&snapshot).into_iter().find(|add| add.path.contains("part=a")).unwrap();
    let filter = Filter::parse(&snapshot, "id < 10 and part = 'a'").unwrap();
    let found = matching_rows(table.store(), &snapshot, &add, &filter).await.unwrap();
    assert_eq!(found.iter().collect::<Vec<_>>(), [1, 2, 4]);
    let kept = collect(remaining_rows(table.store(), &snapshot, &add, &filter).await.unwrap()).await;
    let order: Vec<i64> = kept.column(0).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(order, [10, 12, 14, 16, 18]);
    let none = Filter::parse(&snapshot, "part = 'b'").unwrap();
    assert!(matching_rows(table.store(), &snapshot, &add, &none).await.unwrap().is_empty());
    let null = Filter::parse(&snapshot, "id = NULL").unwrap();
    assert!(matching_rows(table.store(), &snapshot, &add, &null).await.unwrap().is_empty());
    assert_eq!(collect(remaining_rows(table.store(), &snapshot, &add, &null).await.unwrap()).await.num_rows(), 8);
    let all = Filter::parse(&snapshot, "TRUE").unwrap();
    assert_eq!(matching_rows(table.store(), &snapshot, &add, &all).await.unwrap().cardinality(), 8);
}

#[tokio::test]
async fn conditions_say_what_files_can_be_judged_by() {
    let table = numbers(2).await;
    let snapshot = table.snapshot();
    for (sql, predicate) in [
        ("id = 3", "id = 3"),
        ("3 > ID", "id < 3"),
        ("id BETWEEN 1 AND 2 AND name LIKE 'n%'", "id >= 1 AND id <= 2 AND startswith(Name, 'n')"),
        ("id IN (1, 2, 3, 4, 5)", "id IN (1, 2, 3, 4, 5)"),
        ("NOT (part IS NULL)", "part IS NOT NULL"),
        ("id <=> 3", "id <=> 3"),
        ("random() < 0.5", "?"),
        ("id = 1 AND now() > TIMESTAMP '2020-01-01'", "?"),
        ("length(name) = 2", "?"),
    ] {
        let filter = Filter::parse(&snapshot, sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        assert_eq!(flat(filter.predicate()), predicate, "{sql}");
    }
    for sql in ["id", "sum(id) > 1", "id IN (SELECT 1)", "nothing = 1", "id = ", "id = 1; drop", "id > ?"] {
        let error = Filter::parse(&snapshot, sql).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{sql}: {error}");
    }
}

fn flat(predicate: &Predicate) -> String {
    predicate
        .to_string()
        .replace(['(', ')'], "")
        .replace("startswithName, 'n'", "startswith(Name, 'n')")
        .replace("IN 1, 2, 3, 4, 5", "IN (1, 2, 3, 4, 5)")
}

#[tokio::test]
async fn files_of_another_time_are_read_as_the_table_is_now() {
    let inner =
        StructType::new([StructField::nullable("x", DataType::LONG), StructField::nullable("later", DataType::STRING)]);
    let schema = StructType::new([
        StructField::nullable("id", DataType::LONG),
        StructField::nullable("s", DataType::Struct(inner)),
        StructField::nullable("added", DataType::DOUBLE),
        StructField::nullable("wide", DataType::DOUBLE),
    ]);
    let table = table(CreateTable::new(schema)).await;
    let x: ArrayRef = Arc::new(Int32Array::from(vec![Some(7), None]));
    let s = StructArray::from(vec![(Arc::new(Field::new("X", ArrowType::Int32, true)), x)]);
    let old = batch(vec![
        ("s", Arc::new(s)),
        ("ID", Arc::new(Int32Array::from(vec![1, 2]))),
        ("wide", Arc::new(arrow::array::Float32Array::from(vec![0.5f32, 1.5]))),
    ]);
    let add = put(&table, "old.parquet", &old).await;
    change(&table, vec![Action::Add(add)]).await;
    assert_eq!(
        shown(&scanned(&table, ScanRequest::default()).await),
        ["1|{x: 7, later: NULL}|NULL|0.5", "2|{x: NULL, later: NULL}|NULL|1.5"]
    );
    assert_eq!(ids(&scanned(&table, filtered("s.x = 7")).await), [1]);
    assert_eq!(ids(&scanned(&table, filtered("s.later IS NULL AND wide > 1")).await), [2]);
    assert_eq!(scanned(&table, filtered("added = 1.0")).await.num_rows(), 0);
    assert_eq!(ids(&scanned(&table, filtered("added IS NULL AND id > 1")).await), [2]);
    let text = batch(vec![("id", Arc::new(StringArray::from(vec!["1"])))]);
    let add = put(&table, "other.parquet", &text).await;
    change(&table, vec![Action::Add(add)]).await;
    let error =
        scan(table.store(), &table.snapshot(), &ScanRequest::default()).await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("\"id\""), "{error}");
}

#[tokio::test]
async fn partition_values_come_from_the_log_in_every_type() {
    let types = [
        ("b", PrimitiveType::Byte, "-3"),
        ("s", PrimitiveType::Short, "300"),
        ("i", PrimitiveType::Integer, "70000"),
        ("f", PrimitiveType::Float, "1.5"),
        ("d", PrimitiveType::Double, "1.0E100"),
        ("dec", PrimitiveType::Decimal { precision: 5, scale: 2 }, "1.5"),
        ("bool", PrimitiveType::Boolean, "true"),
        ("bin", PrimitiveType::Binary, "ab"),
        ("date", PrimitiveType::Date, "2024-02-29"),
        ("ts", PrimitiveType::Timestamp, "2024-01-01T00:00:00.000001Z"),
        ("ntz", PrimitiveType::TimestampNtz, "2024-01-01 00:00:00"),
    ];
    let fields = types.iter().map(|(name, of, _)| StructField::nullable(*name, *of));
    let schema = StructType::new(fields.chain([StructField::nullable("id", DataType::LONG)]));
    let names: Vec<&str> = types.iter().map(|(name, ..)| *name).collect();
    let table = table(CreateTable::new(schema).partitioned_by(names)).await;
    let file = put(&table, "b=99/x.parquet", &batch(vec![("id", Arc::new(Int64Array::from(vec![1])))])).await;
    let values: BTreeMap<_, _> =
        types.iter().map(|(name, _, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect();
    let nulls = put(&table, "y.parquet", &batch(vec![("id", Arc::new(Int64Array::from(vec![2])))])).await;
    let of_null = types.iter().map(|(name, ..)| ((*name).to_owned(), None)).collect();
    change(
        &table,
        vec![
            Action::Add(Add { partition_values: values, ..file }),
            Action::Add(Add { partition_values: of_null, ..nulls }),
        ],
    )
    .await;
    let rows = shown(&scanned(&table, ScanRequest::default()).await);
    assert_eq!(
        rows,
        [
            "-3|300|70000|1.5|1e100|1.50|true|6162|2024-02-29|2024-01-01T00:00:00.000001Z|2024-01-01T00:00:00|1",
            "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|2"
        ]
    );
    for matching in ["b = -3", "dec = 1.5", "d = 1e100", "date = DATE '2024-02-29'", "bool", "s + 1 = 301"] {
        assert_eq!(ids(&scanned(&table, filtered(matching)).await), [1], "{matching}");
    }
    assert_eq!(ids(&scanned(&table, filtered("ntz IS NULL AND ts IS NULL")).await), [2]);
}

#[tokio::test]
async fn files_that_are_gone_damaged_or_elsewhere_are_named() {
    let table = numbers(4).await;
    let add = live(&table.snapshot()).into_iter().find(|add| add.path.contains("part=a")).unwrap();
    let key = table.store().key(&lakebed_txlog::path::DataPath::new(add.path.clone()).unwrap().to_string()).unwrap();
    let read = || async {
        let rows = scan(table.store(), &table.snapshot(), &ScanRequest::default()).await?;
        rows.collect().await
    };
    table.store().data().put(&key, PutPayload::from(vec![7u8; add.size as usize])).await.unwrap();
    let damaged = read().await.unwrap_err();
    assert_eq!(damaged.kind(), ErrorKind::Corrupt, "{damaged}");
    table.store().data().delete(&key).await.unwrap();
    let gone = read().await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone}");
    for error in [damaged, gone] {
        assert!(error.at_path().unwrap().contains("part=a"), "{error}");
        assert!(error.at_version().is_some() && error.table_name().is_some(), "{error}");
    }
    let elsewhere = Add { path: "s3://other/x.parquet".into(), ..add.clone() };
    change(&table, vec![Action::Remove(add.removed(1, true)), Action::Add(elsewhere)]).await;
    let refused = read().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert_eq!(refused.at_path(), Some("s3://other/x.parquet"));
}

/// As pandas and Spark write them on request. DataFusion takes the cast to microseconds away and cuts the constant instead.
#[tokio::test]
async fn times_of_milliseconds_are_compared_with_microseconds_as_they_are() {
    let schema = StructType::new([
        StructField::nullable("id", DataType::LONG),
        StructField::nullable("at", DataType::TIMESTAMP_NTZ),
    ]);
    let table = table(CreateTable::new(schema)).await;
    let at = TimestampMillisecondArray::from(vec![Some(-1), Some(0), Some(999), Some(1000), None]);
    let rows = batch(vec![("id", Arc::new(Int64Array::from_iter_values(0..5))), ("at", Arc::new(at))]);
    let add = put(&table, "ms.parquet", &rows).await;
    change(&table, vec![Action::Add(add)]).await;
    for (filter, found) in [
        ("at < TIMESTAMP '1970-01-01 00:00:00.999999'", vec![0, 1, 2]),
        ("at >= TIMESTAMP '1970-01-01 00:00:00.999999'", vec![3]),
        ("at = TIMESTAMP '1970-01-01 00:00:00.999999'", vec![]),
        ("at <> TIMESTAMP '1970-01-01 00:00:00.999999'", vec![0, 1, 2, 3]),
        ("at > TIMESTAMP '1969-12-31 23:59:59.999500'", vec![1, 2, 3]),
        ("at <= TIMESTAMP '1969-12-31 23:59:59.999500'", vec![0]),
        ("at = TIMESTAMP '1970-01-01 00:00:00.999'", vec![2]),
    ] {
        assert_eq!(ids(&scanned(&table, filtered(filter)).await), found, "{filter}");
    }
    let late = "at >= TIMESTAMP '1970-01-01 00:00:00.999999'";
    assert_eq!(table.delete(late, &CommitOptions::default()).await.unwrap().num_rows, 1);
    assert_eq!(ids(&scanned(&table, ScanRequest::default()).await), [0, 1, 2, 4]);
}

/// Filters that a join or a sort makes of what it has met keep the bits of NaN, as it does.
#[tokio::test]
async fn a_join_finds_what_it_compares() {
    let schema =
        StructType::new([StructField::nullable("id", DataType::LONG), StructField::nullable("x", DataType::DOUBLE)]);
    let table = table(CreateTable::new(schema)).await;
    let x = Float64Array::from(vec![1.0, f64::NAN.copysign(-1.0), 5.0]);
    append(&table, batch(vec![("id", Arc::new(Int64Array::from_iter_values(0..3))), ("x", Arc::new(x))])).await;
    let session = Session::new();
    session.register("t", table.store(), &table.snapshot()).unwrap();
    let joined = session.sql("SELECT a.id FROM t a JOIN t b ON a.x = b.x WHERE b.id > 0").await.unwrap();
    assert_eq!(ids(&collect(joined).await), [1, 2]);
}

#[tokio::test]
async fn zeros_are_one_value_and_nan_is_above_all() {
    let schema =
        StructType::new([StructField::nullable("id", DataType::LONG), StructField::nullable("x", DataType::DOUBLE)]);
    let table = table(CreateTable::new(schema)).await;
    // What `0.0 / 0.0` is on x86 has its sign set.
    let x = [
        Some(-1.0),
        Some(-0.0),
        Some(0.0),
        Some(1.0),
        Some(f64::NAN.copysign(1.0)),
        None,
        Some(f64::NAN.copysign(-1.0)),
    ];
    let x = Float64Array::from(x.to_vec());
    append(&table, batch(vec![("id", Arc::new(Int64Array::from_iter_values(0..7))), ("x", Arc::new(x))])).await;
    for (filter, found) in [
        ("x = 0", vec![1, 2]),
        ("x = -0.0", vec![1, 2]),
        ("x <> 0", vec![0, 3, 4, 6]),
        ("x < 0.0", vec![0]),
        ("x >= 0", vec![1, 2, 3, 4, 6]),
        ("0 < x", vec![3, 4, 6]),
        ("x <= 0e0", vec![0, 1, 2]),
        ("x > 1", vec![4, 6]),
        ("x IN (0, 1)", vec![1, 2, 3]),
        ("x BETWEEN 0 AND 1", vec![1, 2, 3]),
        ("x BETWEEN -1 AND 0", vec![0, 1, 2]),
        ("x NOT BETWEEN 0 AND 1", vec![0, 4, 6]),
        ("x = CAST('NaN' AS DOUBLE)", vec![4, 6]),
    ] {
        assert_eq!(ids(&scanned(&table, filtered(filter)).await), found, "{filter}");
    }
}
