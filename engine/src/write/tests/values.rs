//! What is written is what is read.

use arrow::array::{
    Array, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeListArray, LargeStringArray, ListArray,
    MapBuilder, NullArray, StringArray, StringBuilder, StringViewArray, StructArray, TimestampMicrosecondArray,
    TimestampNanosecondArray, UInt8Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType as ArrowType, Field, Int8Type, Int32Type};
use lakebed_txlog::schema::{DataType, PrimitiveType};
use parquet::basic::{Compression, LogicalType, TimeUnit, Type};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::json;

use super::*;

fn nullable(name: &str, data_type: impl Into<DataType>) -> StructField {
    StructField::nullable(name, data_type)
}

/// Every type that Arrow's Parquet reader tells apart, in the representation that the engine itself uses.
fn of_every_type() -> (Vec<StructField>, RecordBatch) {
    let decimal = |precision, scale| DataType::Primitive(PrimitiveType::Decimal { precision, scale });
    let decimals = |precision, scale, values: [i128; 2]| -> ArrayRef {
        let array = Decimal128Array::from(vec![Some(values[0]), None, Some(values[1])]);
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
    };
    let micros = || TimestampMicrosecondArray::from(vec![Some(i64::MIN), None, Some(1_700_000_000_123_456)]);
    let columns: Vec<(StructField, ArrayRef)> = vec![
        (nullable("byte", DataType::BYTE), Arc::new(Int8Array::from(vec![Some(i8::MIN), None, Some(7)]))),
        (nullable("short", DataType::SHORT), Arc::new(Int16Array::from(vec![Some(i16::MIN), None, Some(7)]))),
        (nullable("int", DataType::INTEGER), Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(7)]))),
        (nullable("long", DataType::LONG), Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(7)]))),
        (nullable("float", DataType::FLOAT), Arc::new(Float32Array::from(vec![Some(f32::NAN), None, Some(-0.0)]))),
        (nullable("double", DataType::DOUBLE), Arc::new(Float64Array::from(vec![Some(1e300), None, Some(-0.0)]))),
        (nullable("boolean", DataType::BOOLEAN), Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        (nullable("string", DataType::STRING), Arc::new(StringArray::from(vec![Some(""), None, Some("ü🦆")]))),
        (
            nullable("binary", DataType::BINARY),
            Arc::new(BinaryArray::from(vec![Some(&b""[..]), None, Some(&b"\xff\0"[..])])),
        ),
        (nullable("date", DataType::DATE), Arc::new(Date32Array::from(vec![Some(i32::MIN), None, Some(20_000)]))),
        (nullable("timestamp", DataType::TIMESTAMP), Arc::new(micros().with_timezone("UTC"))),
        (nullable("ntz", DataType::TIMESTAMP_NTZ), Arc::new(micros())),
        (nullable("d9", decimal(9, 2)), decimals(9, 2, [-999_999_999, 5])),
        (nullable("d18", decimal(18, 0)), decimals(18, 0, [-999_999_999_999_999_999, 5])),
        (nullable("d38", decimal(38, 10)), decimals(38, 10, [-(10_i128.pow(38) - 1), 5])),
    ];
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let batch = batch(fields.iter().map(|field| field.name.as_str()).zip(arrays).collect());
    (fields, batch)
}

#[tokio::test]
async fn every_type_comes_back_as_it_was() {
    let (fields, given) = of_every_type();
    let table = Table::new("types", fields, &[]);
    let files = table.write(vec![given.clone()]).await.unwrap();
    let [add] = &files.adds[..] else { panic!("{files:?}") };
    let read = table.rows(add).await;
    for ((given, read), field) in given.columns().iter().zip(read.columns()).zip(given.schema().fields()) {
        assert_eq!(format!("{read:?}"), format!("{given:?}"), "{}", field.name());
        assert_eq!(read.to_data(), given.to_data(), "{}", field.name());
    }
    assert_eq!((files.num_rows, files.size_bytes), (3, add.size as u64));
    assert!(add.data_change && add.modification_time > 1_700_000_000_000);
    assert_eq!(stats(add)["numRecords"], 3);
    assert_eq!(stats(add)["nullCount"]["d38"], 1);
}

#[tokio::test]
async fn files_are_what_other_engines_expect() {
    let (fields, given) = of_every_type();
    let table = Table::new("parquet", fields, &[]);
    let files = table.write(vec![given]).await.unwrap();
    let reader = SerializedFileReader::new(table.bytes(&files.adds[0]).await).unwrap();
    let metadata = reader.metadata();
    assert!(metadata.file_metadata().created_by().unwrap().starts_with("lakebed version "));
    assert!(metadata.file_metadata().key_value_metadata().is_none(), "no Arrow schema");
    let column = |name: &str| {
        let columns = metadata.file_metadata().schema_descr().columns().iter();
        columns.clone().find(|column| column.name() == name).unwrap().clone()
    };
    for (name, utc) in [("timestamp", true), ("ntz", false)] {
        let column = column(name);
        let Some(LogicalType::Timestamp(timestamp)) = column.logical_type_ref() else { panic!("{name}") };
        assert_eq!((timestamp.is_adjusted_to_u_t_c, timestamp.unit), (utc, TimeUnit::MICROS));
        assert_eq!(column.physical_type(), Type::INT64);
    }
    assert_eq!(column("d9").physical_type(), Type::INT32);
    assert_eq!(column("d18").physical_type(), Type::INT64);
    let group = metadata.row_group(0);
    for column in group.columns() {
        assert!(matches!(column.compression(), Compression::ZSTD(_)));
        assert!(column.offset_index_offset().is_some() && column.column_index_offset().is_some());
    }
}

#[tokio::test]
async fn other_representations_are_written_as_the_tables() {
    let fields = [
        nullable("a", DataType::STRING),
        nullable("b", DataType::STRING),
        nullable("c", DataType::STRING),
        nullable("d", DataType::LONG),
        nullable("e", DataType::TIMESTAMP),
        nullable("f", DataType::array(DataType::STRING)),
        nullable("Missing", DataType::array(DataType::LONG)),
        nullable("g", DataType::DOUBLE),
    ];
    let table = Table::new("forms", fields, &[]);
    let texts = vec![Some("x"), None, Some("y")];
    let list = LargeListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    let list = cast(&list, &ArrowType::LargeList(Arc::new(Field::new("item", ArrowType::LargeUtf8, true)))).unwrap();
    let given = batch(vec![
        ("g", Arc::new(NullArray::new(3))),
        ("f", list),
        ("E", Arc::new(TimestampNanosecondArray::from(vec![Some(1000), None, Some(-2000)]).with_timezone("+01:00"))),
        ("d", Arc::new(UInt8Array::from(vec![Some(255), None, Some(0)]))),
        ("a", Arc::new(LargeStringArray::from(texts.clone()))),
        ("b", Arc::new(StringViewArray::from(texts.clone()))),
        ("c", Arc::new(texts.clone().into_iter().collect::<DictionaryArray<Int8Type>>())),
    ]);
    let files = table.write(vec![given]).await.unwrap();
    let read = table.rows(&files.adds[0]).await;
    let expected: ArrayRef = Arc::new(StringArray::from(texts));
    for index in 0..3 {
        assert_eq!(read.column(index), &expected);
    }
    assert_eq!(read.column(3).as_ref(), &Int64Array::from(vec![Some(255), None, Some(0)]) as &dyn Array);
    let micros = TimestampMicrosecondArray::from(vec![Some(1), None, Some(-2)]).with_timezone("UTC");
    assert_eq!(read.column(4).as_ref(), &micros as &dyn Array);
    let lists = read.column(5).as_list::<i32>();
    assert_eq!(lists.value(0).as_ref(), &StringArray::from(vec![Some("1"), None]) as &dyn Array);
    assert!(lists.is_null(1) && lists.value(2).is_empty());
    assert_eq!(read.column(6).null_count(), 3);
    assert_eq!(read.column(7).null_count(), 3);
}

#[tokio::test]
async fn nested_values_come_back_though_slices_and_nulls_hide_others() {
    let inner = StructType::new([nullable("x", DataType::LONG), StructField::not_null("y", DataType::STRING)]);
    let fields = [
        nullable("s", DataType::from(inner.clone())),
        nullable("l", DataType::array(DataType::from(inner))),
        nullable("m", DataType::map(DataType::STRING, DataType::LONG)),
    ];
    let table = Table::new("nested", fields, &[]);
    let struct_fields = vec![Field::new("y", ArrowType::LargeUtf8, true), Field::new("x", ArrowType::Int32, true)];
    let structs = |valid: Vec<bool>, y: Vec<Option<&str>>, x: Vec<Option<i32>>| {
        let children: Vec<ArrayRef> = vec![Arc::new(LargeStringArray::from(y)), Arc::new(Int32Array::from(x))];
        StructArray::new(struct_fields.clone().into(), children, Some(valid.into()))
    };
    // The required `y` is null only where the struct is null, or where no list reaches.
    let s = structs(vec![true, false, true], vec![Some("a"), None, Some("c")], vec![Some(1), Some(2), None]);
    let elements = structs(
        vec![true; 5],
        vec![None, Some("p"), None, Some("q"), None],
        vec![Some(0), Some(1), Some(2), Some(3), Some(4)],
    );
    let element = Arc::new(Field::new("item", elements.data_type().clone(), true));
    // Rows: [unreached by the slice], [p], null that covers one element, [q].
    let offsets = OffsetBuffer::new(vec![0, 1, 2, 3, 4].into());
    let l =
        ListArray::new(element, offsets, Arc::new(elements), Some(vec![true, true, false, true].into())).slice(1, 3);
    let mut m = MapBuilder::new(None, StringBuilder::new(), arrow::array::Int16Builder::new());
    m.keys().append_value("k");
    m.values().append_null();
    m.append(true).unwrap();
    m.append(false).unwrap();
    m.append(true).unwrap();
    let given = batch(vec![("l", Arc::new(l)), ("m", Arc::new(m.finish())), ("s", Arc::new(s))]);

    let files = table.write(vec![given.slice(0, 1), given.slice(1, 2)]).await.unwrap();
    let read = table.rows(&files.adds[0]).await;
    let s = read.column(0).as_struct();
    assert_eq!(s.column_names(), ["x", "y"]);
    assert!(s.is_null(1));
    assert_eq!(s.column(0).as_ref(), &Int64Array::from(vec![Some(1), None, None]) as &dyn Array);
    assert_eq!((s.column(1).as_string::<i32>().value(0), s.column(1).as_string::<i32>().value(2)), ("a", "c"));
    let l = read.column(1).as_list::<i32>();
    assert!(l.is_null(1));
    let y = |row: usize| l.value(row).as_struct().column(1).as_string::<i32>().value(0).to_owned();
    assert_eq!((y(0), y(2), l.values().len()), ("p".to_owned(), "q".to_owned(), 2));
    let m = read.column(2).as_map();
    assert_eq!((m.value_length(0), m.is_null(1), m.value_length(2)), (1, true, 0));
    assert_eq!(stats(&files.adds[0])["nullCount"]["s"], json!({"x": 2, "y": 1}));
}

#[tokio::test]
async fn partition_values_of_special_characters_name_one_file_each() {
    let values = ["a/b", "a=b", "100%", "a%2Fb", "x y", "10:30", "ü🦆", "..", ".", "#?", "it's \"q\"", "a\\b", "\u{1}"];
    let fields = [StructField::not_null("n", DataType::LONG), nullable("p q", DataType::STRING)];
    let table = Table::new("special", fields, &["p q"]);
    let given: Vec<Option<&str>> = values.iter().copied().map(Some).chain([None]).collect();
    let rows = Int64Array::from_iter_values(0..given.len() as i64);
    let given_batch = batch(vec![("p q", Arc::new(StringArray::from(given.clone()))), ("n", Arc::new(rows))]);
    let files = table.write(vec![given_batch]).await.unwrap();
    assert_eq!(files.adds.len(), given.len());
    for (row, (value, add)) in given.iter().zip(&files.adds).enumerate() {
        assert_eq!(add.partition_values, partition_values(&[("p q", *value)]));
        let read = table.rows(add).await;
        assert_eq!(read.num_columns(), 1, "partition columns aren't stored");
        assert_eq!(read.column(0).as_ref(), &Int64Array::from(vec![row as i64]) as &dyn Array);
        assert!(!add.path.contains([' ', ':', '#', '?', '\\', '"']), "{}", add.path);
    }
    // Hive's escape, then the URI's (pitfalls L6, S8).
    let path_of = |value: &str| {
        let of_value = |add: &&Add| add.partition_values == partition_values(&[("p q", Some(value))]);
        files.adds.iter().find(of_value).unwrap().path.rsplit_once('/').unwrap().0.to_owned()
    };
    assert_eq!(path_of("10:30"), "p%20q=10%253A30");
    assert_eq!(path_of("100%"), "p%20q=100%2525");
    let last = files.adds.last().unwrap();
    assert!(last.path.starts_with("p%20q=__HIVE_DEFAULT_PARTITION__/part-"), "{}", last.path);
    assert!(last.path.ends_with(".zstd.parquet"));
}

#[tokio::test]
async fn rows_of_several_partition_columns_are_grouped_by_value() {
    let fields = [nullable("n", DataType::LONG), nullable("d", DataType::DATE), nullable("f", DataType::DOUBLE)];
    let table = Table::new("two", fields, &["f", "d"]);
    let given = batch(vec![
        ("n", Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5]))),
        ("d", Arc::new(Date32Array::from(vec![Some(0), None, Some(0), Some(0), None]))),
        ("f", Arc::new(Float64Array::from(vec![1.0, 1.0, 1.0, 1e100, 1.0]))),
    ]);
    let files = table.write(vec![given]).await.unwrap();
    let mut found = Vec::new();
    for add in &files.adds {
        let rows = table.rows(add).await;
        found.push((
            add.partition_values.clone(),
            rows.column(0).as_primitive::<arrow::datatypes::Int64Type>().values().to_vec(),
        ));
    }
    let expected = [
        (partition_values(&[("d", Some("1970-01-01")), ("f", Some("1.0"))]), vec![1, 3]),
        (partition_values(&[("d", None), ("f", Some("1.0"))]), vec![2, 5]),
        (partition_values(&[("d", Some("1970-01-01")), ("f", Some("1.0E100"))]), vec![4]),
    ];
    assert_eq!(found, expected);
    assert!(files.adds[0].path.starts_with("f=1.0/d=1970-01-01/part-"), "{}", files.adds[0].path);
}
