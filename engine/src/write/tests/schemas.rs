//! What doesn't fit the table is refused, all of it, by name.

use arrow::array::{BooleanArray, Int32Array, Int64Array, StringArray, StructArray};
use arrow::datatypes::{DataType as ArrowType, Field};
use lakebed_txlog::ErrorKind;
use lakebed_txlog::schema::DataType;

use super::*;

#[tokio::test]
async fn every_difference_is_listed() {
    let fields = [
        StructField::not_null("id", DataType::LONG),
        StructField::nullable("name", DataType::STRING),
        StructField::nullable("n", DataType::INTEGER),
    ];
    let table = Table::new("differences", fields, &[]);
    let given = batch(vec![
        ("name", Arc::new(BooleanArray::from(vec![true]))),
        ("n", Arc::new(Int64Array::from(vec![1]))),
        ("extra", Arc::new(Int64Array::from(vec![1]))),
    ]);
    let error = table.refused(vec![given]).await;
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    for part in ["id is missing", "name is boolean", "n is long", "extra"] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    assert_eq!(error.table_name(), Some(table.store.url().to_string().as_str()));
}

#[tokio::test]
async fn nulls_in_required_columns_are_counted_by_column() {
    let inner = StructType::new([StructField::not_null("y", DataType::LONG)]);
    let fields = [
        StructField::not_null("id", DataType::LONG),
        StructField::nullable("s", DataType::from(inner)),
        StructField::not_null("p", DataType::STRING),
    ];
    let table = Table::new("required", fields, &["p"]);
    let rows = |ids: Vec<Option<i64>>, ys: Vec<Option<i32>>, ps: Vec<Option<&str>>| {
        let y: ArrayRef = Arc::new(Int32Array::from(ys));
        let s = StructArray::from(vec![(Arc::new(Field::new("y", ArrowType::Int32, true)), y)]);
        batch(vec![
            ("id", Arc::new(Int64Array::from(ids)) as ArrayRef),
            ("s", Arc::new(s)),
            ("p", Arc::new(StringArray::from(ps))),
        ])
    };
    let good = rows(vec![Some(1), Some(2)], vec![Some(1), Some(2)], vec![Some("a"), Some("b")]);
    let bad = rows(vec![None, Some(2), None], vec![Some(1), None, Some(1)], vec![Some("a"), Some("a"), None]);
    let error = table.refused(vec![good, bad]).await;
    for part in [
        "column id can't be null, and 2 of the 3 values are null",
        "column s.y can't be null, and 1 of the 3 values is null",
        "column p can't be null, and 1 of the 3 values is null",
    ] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    assert!(error.what_to_do().unwrap().contains("row 2"), "{error:?}");
}

#[tokio::test]
async fn an_empty_partition_value_is_refused() {
    let fields = [StructField::nullable("n", DataType::LONG), StructField::nullable("p", DataType::STRING)];
    let table = Table::new("empty", fields, &["p"]);
    let given = batch(vec![("n", Arc::new(Int64Array::from(vec![1]))), ("p", Arc::new(StringArray::from(vec![""])))]);
    let error = table.refused(vec![given]).await;
    assert!(error.message().contains("partition column p"), "{error}");
}

#[tokio::test]
async fn a_batch_that_differs_from_what_was_announced_is_an_error() {
    let table = Table::new("announced", [StructField::nullable("n", DataType::LONG)], &[]);
    let good = batch(vec![("n", Arc::new(Int64Array::from(vec![1])))]);
    let other = batch(vec![("n", Arc::new(StringArray::from(vec!["x"])))]);
    let error = table.refused(vec![good.clone(), other]).await;
    assert!(error.message().contains("column n"), "{error}");
    let wider = batch(vec![("n", Arc::clone(good.column(0))), ("m", Arc::clone(good.column(0)))]);
    assert_eq!(table.refused(vec![good, wider]).await.kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn mapped_columns_are_written_under_their_physical_names_and_ids() {
    let mapped = |name: &str, data_type: DataType, id: i64| {
        let mut field = StructField::nullable(name, data_type);
        field.metadata.insert("delta.columnMapping.id", id);
        field.metadata.insert("delta.columnMapping.physicalName", format!("col-{id}"));
        field
    };
    let inner = StructType::new([mapped("x", DataType::LONG, 2)]);
    let metadata = Metadata {
        schema_string: StructType::new([
            mapped("s", DataType::from(inner), 1),
            mapped("p", DataType::STRING, 3),
            mapped("n", DataType::LONG, 4),
        ])
        .to_json(),
        partition_columns: vec!["p".to_owned()],
        configuration: [("delta.dataSkippingStatsColumns".to_owned(), "s.x".to_owned())].into(),
        ..Metadata::default()
    };
    let table = Table::of("mapped", &metadata, ColumnMappingMode::Name);
    let x: ArrayRef = Arc::new(Int64Array::from(vec![5]));
    let given = batch(vec![
        ("p", Arc::new(StringArray::from(vec!["v"])) as ArrayRef),
        ("n", Arc::clone(&x)),
        ("s", Arc::new(StructArray::from(vec![(Arc::new(Field::new("x", ArrowType::Int64, true)), x)]))),
    ]);
    let files = table.write(vec![given]).await.unwrap();
    let [add] = &files.adds[..] else { panic!() };
    assert_eq!(add.partition_values, partition_values(&[("col-3", Some("v"))]));
    assert!(add.path.starts_with("col-3=v/"), "{}", add.path);
    assert_eq!(stats(add)["minValues"], serde_json::json!({"col-1": {"col-2": 5}}));
    let schema = table.rows(add).await.schema();
    let id = |field: &Field| field.metadata().get("PARQUET:field_id").cloned();
    assert_eq!((schema.field(0).name().as_str(), id(schema.field(0)).as_deref()), ("col-1", Some("1")));
    assert_eq!((schema.field(1).name().as_str(), id(schema.field(1)).as_deref()), ("col-4", Some("4")));
    let ArrowType::Struct(inner) = schema.field(0).data_type() else { panic!() };
    assert_eq!((inner[0].name().as_str(), id(&inner[0]).as_deref()), ("col-2", Some("2")));
}

#[test]
fn columns_that_would_go_unchecked_are_refused_by_name() {
    let with = |key: &str, value: &str| {
        let mut field = StructField::nullable("n", DataType::LONG);
        field.metadata.insert(key, value);
        let metadata = Metadata { schema_string: StructType::new([field]).to_json(), ..Metadata::default() };
        TableLayout::new(&metadata, ColumnMappingMode::None).unwrap_err()
    };
    for (key, value) in [
        ("delta.invariants", "x > 3"),
        ("delta.generationExpression", "x > 3"),
        ("__CHAR_VARCHAR_TYPE_STRING", "char(3)"),
        ("__CHAR_VARCHAR_TYPE_STRING", "array<varchar(3)>"),
    ] {
        let error = with(key, value);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("column n"), "{error}");
    }
}

#[tokio::test]
async fn a_varchar_takes_values_of_its_length_and_refuses_longer_ones() {
    let mut field = StructField::nullable("v", DataType::STRING);
    field.metadata.insert("__CHAR_VARCHAR_TYPE_STRING", "varchar(5)");
    let table = Table::new("varchar", [field], &[]);
    let rows = |values: Vec<Option<&str>>| vec![batch(vec![("v", Arc::new(StringArray::from(values)) as ArrayRef)])];
    let error = table.refused(rows(vec![Some("a"), Some("sixsix")])).await;
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.message().contains("column v is a varchar(5), and a value has 6 characters"), "{error}");
    assert_eq!(table.write(rows(vec![Some("äöüßé"), None, Some("")])).await.unwrap().adds.len(), 1);
}
