//! Which rows show that a type, a name or a value survives? Samples for tables that other engines read.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int32Builder, Int64Array, Int64Builder, ListArray, ListBuilder, MapBuilder, RecordBatch,
    StringArray, StringBuilder, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, Int64Type, Schema};

/// Rows for a table, to be appended batch by batch.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) partition_by: Vec<String>,
    pub(crate) batches: Vec<RecordBatch>,
}

impl Sample {
    fn new(name: &str, partition_by: &[&str], batches: Vec<RecordBatch>) -> Sample {
        let partition_by = partition_by.iter().map(|column| (*column).to_owned()).collect();
        Sample { name: name.to_owned(), partition_by, batches }
    }
}

/// Every sample.
pub(crate) fn all() -> Vec<Sample> {
    let mut out = vec![
        Sample::new("every_type", &[], vec![every_type(), every_type().slice(0, 2)]),
        Sample::new("nothing", &[], vec![every_type().slice(0, 0)]),
        Sample::new("nested", &[], vec![nested()]),
        Sample::new("names", &["ü%p"], vec![names()]),
        Sample::new("values", &["p"], vec![values()]),
    ];
    out.extend(partitioned_by_every_type());
    out
}

const DAY_MICROS: i64 = 86_400_000_000;
/// 0001-01-01, 1969-12-31, 1970-01-01, 2024-02-29, 9999-12-31, in days since 1970.
const DAYS: [i32; 5] = [-719_162, -1, 0, 19_782, 2_932_896];

/// A column of every primitive type: extremes, zero, an ordinary value, null.
fn primitives() -> Vec<(&'static str, ArrayRef)> {
    let micros = || TimestampMicrosecondArray::from_iter(moments());
    let decimal = |values: [i128; 5], precision, scale| {
        let array = Decimal128Array::from_iter(values.map(Some).into_iter().chain([None]));
        Arc::new(array.with_precision_and_scale(precision, scale).expect("a valid type")) as ArrayRef
    };
    vec![
        (
            "boolean",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), Some(true), Some(false), Some(true), None])),
        ),
        ("byte", Arc::new(Int8Array::from(vec![Some(i8::MIN), Some(-1), Some(0), Some(42), Some(i8::MAX), None]))),
        ("short", Arc::new(Int16Array::from(vec![Some(i16::MIN), Some(-1), Some(0), Some(42), Some(i16::MAX), None]))),
        (
            "integer",
            Arc::new(Int32Array::from(vec![Some(i32::MIN), Some(-1), Some(0), Some(42), Some(i32::MAX), None])),
        ),
        ("long", Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(-1), Some(0), Some(42), Some(i64::MAX), None]))),
        (
            "float",
            Arc::new(Float32Array::from(vec![
                Some(f32::MIN),
                Some(-1.5),
                Some(0.0),
                Some(1e-30),
                Some(f32::MAX),
                None,
            ])),
        ),
        (
            "double",
            Arc::new(Float64Array::from(vec![
                Some(f64::MIN),
                Some(-1.5),
                Some(0.0),
                Some(1e-300),
                Some(f64::MAX),
                None,
            ])),
        ),
        ("decimal9", decimal([-999_999_999, -1, 0, 4_200, 999_999_999], 9, 2)),
        ("decimal18", decimal([-999_999_999_999_999_999, -1, 0, 4_200, 999_999_999_999_999_999], 18, 4)),
        ("decimal38", decimal([-10_i128.pow(38) + 1, -1, 0, 4_200, 10_i128.pow(38) - 1], 38, 10)),
        (
            "string",
            Arc::new(StringArray::from(vec![Some("a"), Some("b c"), Some("é"), Some("日本"), Some("😀"), None])),
        ),
        (
            "binary",
            Arc::new(BinaryArray::from(vec![
                Some(&b"a"[..]),
                Some(b"\0"),
                Some(b"\xff\xfe"),
                Some(b"\n"),
                Some(b"%"),
                None,
            ])),
        ),
        ("date", Arc::new(Date32Array::from_iter(DAYS.map(Some).into_iter().chain([None])))),
        ("timestamp", Arc::new(micros().with_timezone("UTC"))),
        ("timestamp_ntz", Arc::new(micros())),
    ]
}

/// Microseconds since 1970, on the days of [`DAYS`], each with a part of a second.
fn moments() -> impl Iterator<Item = Option<i64>> {
    DAYS.into_iter().map(|day| Some(i64::from(day) * DAY_MICROS + 45_296_789_012)).chain([None])
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(nullable).expect("columns of one length")
}

/// A column of every type that isn't nested.
pub(super) fn every_type() -> RecordBatch {
    let long_text = "lorem ipsum ".repeat(40); // its statistics are truncated
    let texts = ["", "'\"\\", "line\nbreak\ttab", "%41 a=b/c", &long_text].map(Some);
    let mut columns = primitives();
    columns.push(("text", Arc::new(StringArray::from_iter(texts.into_iter().chain([None])))));
    columns
        .push(("nan", Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1.0, 2.0]))));
    batch(columns)
}

/// The types that a table of the `compat` profile can have.
pub(super) fn types_without_feature() -> Sample {
    let rows = every_type();
    let schema = rows.schema();
    let kept = schema.fields().iter().enumerate().filter(|(_, field)| field.name() != "timestamp_ntz");
    let kept: Vec<usize> = kept.map(|(index, _)| index).collect();
    Sample::new("types", &[], vec![rows.project(&kept).expect("columns that are there")])
}

/// Structs, lists and maps in each other, with nulls at every depth.
fn nested() -> RecordBatch {
    let ids = Int32Array::from(vec![1, 2, 3, 4]);
    let present = NullBuffer::from(vec![true, true, false, true]);
    let x: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, None, Some(4)]));
    let y: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("b"), None, None]));
    let fields = Fields::from(vec![Field::new("x", DataType::Int32, true), Field::new("y", DataType::Utf8, true)]);
    let structs = StructArray::new(fields, vec![x, y], Some(present.clone()));
    let inner: ArrayRef = Arc::new(structs.clone());
    let outer =
        StructArray::new(Fields::from(vec![Field::new("inner", inner.data_type().clone(), true)]), vec![inner], None);
    let longs = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(1), None, Some(3)]),
        Some(vec![]),
        None,
        Some(vec![Some(i64::MAX)]),
    ]);
    batch(vec![
        ("id", Arc::new(ids)),
        ("struct", Arc::new(structs)),
        ("deep", Arc::new(outer)),
        ("list", Arc::new(longs)),
        ("lists", lists_of_lists()),
        ("map", map()),
    ])
}

fn lists_of_lists() -> ArrayRef {
    let mut lists = ListBuilder::new(ListBuilder::new(StringBuilder::new()));
    for row in [Some(vec![Some(vec!["a", "b"]), None]), Some(vec![]), None, Some(vec![Some(vec![])])] {
        let present = row.is_some();
        for inner in row.into_iter().flatten() {
            let inner_present = inner.is_some();
            inner.into_iter().flatten().for_each(|text| lists.values().values().append_value(text));
            lists.values().append(inner_present);
        }
        lists.append(present);
    }
    Arc::new(lists.finish())
}

fn map() -> ArrayRef {
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for row in [Some(vec![("a", Some(1)), ("b", None)]), Some(vec![]), None, Some(vec![("é", Some(-1))])] {
        let present = row.is_some();
        for (key, value) in row.into_iter().flatten() {
            map.keys().append_value(key);
            map.values().append_option(value);
        }
        map.append(present).expect("as many keys as values");
    }
    Arc::new(map.finish())
}

/// Column names that need quoting, encoding or neither; Delta forbids ` ,;{}()\n\t=` where columns aren't mapped.
fn names() -> RecordBatch {
    let names = ["a.b", "SELECT", "ü", "日本", "a-b", "a%41b", "a'b", "a\"b", "a:b", "a/b", "a&b", "a#b", "1"];
    let mut columns: Vec<(&str, ArrayRef)> =
        names.iter().map(|name| (*name, Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef)).collect();
    columns.push(("ü%p", Arc::new(StringArray::from(vec![Some("x"), Some("y"), None]))));
    batch(columns)
}

/// Partition values that are awkward in a path.
fn values() -> RecordBatch {
    let mut texts: Vec<Option<String>> = [
        " ",
        "a b",
        "a/b",
        "a=b",
        "a%2Fb",
        "%",
        "a:b",
        "..",
        "é",
        "日本",
        "😀",
        "__HIVE_DEFAULT_PARTITION__",
        "x\ny",
        "~",
    ]
    .map(|text| Some(text.to_owned()))
    .into();
    texts.extend("'\"#?&+,;@!$^*()[]{}|\\<>`".chars().map(|c| Some(format!("a{c}"))));
    texts.push(None);
    let ids = Int32Array::from_iter_values(0..i32::try_from(texts.len()).expect("few"));
    batch(vec![("id", Arc::new(ids)), ("p", Arc::new(StringArray::from(texts)))])
}

/// A table for each type that may partition one, with a row for each of its values.
fn partitioned_by_every_type() -> Vec<Sample> {
    let sample = |(name, array): (&str, ArrayRef)| {
        let mut ids = Int32Builder::new();
        (0..6).for_each(|id| ids.append_value(id));
        Sample::new(&format!("by_{name}"), &["p"], vec![batch(vec![("id", Arc::new(ids.finish())), ("p", array)])])
    };
    let mut types = primitives();
    for (name, array) in &mut types {
        if *name == "binary" {
            // As a partition value it has to be text: the log is JSON.
            let texts = [&b"a"[..], b"\x01", "\u{fffd}\u{e9}".as_bytes(), b"\n", b"%"].map(Some);
            *array = Arc::new(BinaryArray::from_iter(texts.into_iter().chain([None])));
        }
    }
    types.into_iter().map(sample).collect()
}

/// The schema of a sample, which has at least one batch.
pub(crate) fn schema(sample: &Sample) -> Arc<Schema> {
    sample.batches[0].schema()
}
