//! Are statistics written so that no engine is misled, and read so that no writer misleads us (S1–S4, S6, S7)?

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::kernels::cmp;
use arrow::compute::{cast, concat, nullif};
use arrow::datatypes::{DataType, FieldRef, Fields, Schema, TimeUnit};
use lakebed_txlog::name::LogName;
use lakebed_txlog::path::{DataLocation, DataPath};
use lakebed_txlog::predicate::{Comparison, Literal, NanBounds, Predicate, PruneInput, may_match, must_match};
use lakebed_txlog::schema::{ColumnMappingMode, ColumnPath, StructType};
use lakebed_txlog::stats::{ParsedStats, StatsCollector, StatsColumn, loosened};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use serde_json::{Value, json};

use super::corpus::{Case, cases};

fn column() -> ColumnPath {
    ColumnPath::new(["c"])
}

/// The statistics that we write for a file of one column.
fn written(array: impl Array + 'static) -> Value {
    let batch = RecordBatch::try_from_iter_with_nullable([("c", Arc::new(array) as ArrayRef, true)]).unwrap();
    let mut collector = StatsCollector::new(&batch.schema(), &[column()]).unwrap();
    collector.update(&batch).unwrap();
    serde_json::from_str(&collector.finish()).unwrap()
}

/// Whether a file with these statistics may match, and whether all of it does.
fn judged(stats: &str, data_type: DataType, predicate: &Predicate) -> (bool, bool) {
    let texts = StringArray::from(vec![stats]);
    let stats = ParsedStats::from_json(&texts, &[StatsColumn::new(column(), data_type)]);
    let input = PruneInput::new(vec![], stats).unwrap();
    (may_match(predicate, &input).value(0), must_match(predicate, &input).value(0))
}

fn compare(op: Comparison, value: impl Into<Literal>) -> Predicate {
    Predicate::compare(column(), op, value)
}

const WALL_CLOCK: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

#[test]
fn s1_a_timestamp_cut_to_milliseconds_is_not_the_maximum() {
    let ours = written(TimestampMicrosecondArray::from(vec![1_000_001, 2_000_001]));
    assert_eq!(ours["minValues"]["c"], "1970-01-01T00:00:01.000");
    assert_eq!(ours["maxValues"]["c"], "1970-01-01T00:00:02.001");
    // Another writer cut 2.000001 s down to 2.000 s.
    let theirs = json!({"numRecords": 2, "minValues": {"c": "1970-01-01T00:00:01.000"},
        "maxValues": {"c": "1970-01-01T00:00:02.000"}, "nullCount": {"c": 0}})
    .to_string();
    let judged = |op, us| judged(&theirs, WALL_CLOCK, &compare(op, Literal::timestamp_ntz(us)));
    assert_eq!(judged(Comparison::Gt, 2_000_000), (true, false));
    assert_eq!(judged(Comparison::Eq, 2_000_999), (true, false));
    assert_eq!(judged(Comparison::LtEq, 2_000_000), (true, false));
    assert_eq!(judged(Comparison::Gt, 2_000_999), (false, false));
    assert_eq!(judged(Comparison::Lt, 2_001_000), (true, true));
}

#[test]
fn s2_a_cut_maximum_is_above_every_continuation_or_absent() {
    let head = "x".repeat(32);
    for tail in ["a", "\u{7f}", "é", "\u{fffd}\u{fffd}", "😀", "\u{10ffff}\u{10ffff}z"] {
        let value = format!("{head}{tail}");
        let stats = written(StringArray::from(vec![value.as_str()]));
        let (min, max) = (stats["minValues"]["c"].as_str().unwrap(), stats["maxValues"]["c"].as_str().unwrap());
        assert!(min.as_bytes() <= value.as_bytes() && max.as_bytes() > value.as_bytes(), "{value}: {max}");
        let found = compare(Comparison::Eq, value.as_str());
        assert_eq!(judged(&stats.to_string(), DataType::Utf8, &found), (true, false));
    }
    let without_end = written(StringArray::from(vec![head + &"\u{10ffff}".repeat(99)]));
    assert_eq!(without_end["maxValues"], json!({}));
}

#[test]
fn s3_nan_zeros_and_infinities_mislead_nobody() {
    for nan in [f64::NAN, -f64::NAN] {
        let stats = written(Float64Array::from(vec![1.0, nan, 2.0]));
        assert_eq!((&stats["minValues"], &stats["maxValues"]), (&json!({}), &json!({})));
        for predicate in [compare(Comparison::Gt, 5.0), compare(Comparison::Eq, f64::NAN)] {
            assert_eq!(judged(&stats.to_string(), DataType::Float64, &predicate), (true, false));
        }
    }
    for zeros in [vec![0.0], vec![-0.0], vec![0.0, -0.0]] {
        let stats = written(Float64Array::from(zeros)).to_string();
        assert!(stats.contains(r#""minValues":{"c":-0.0}"#) && stats.contains(r#""maxValues":{"c":0.0}"#), "{stats}");
        for zero in [0.0, -0.0] {
            assert!(judged(&stats, DataType::Float64, &compare(Comparison::Eq, zero)).0);
        }
    }
    let infinite = written(Float64Array::from(vec![f64::NEG_INFINITY, f64::INFINITY]));
    assert_eq!((&infinite["minValues"], &infinite["maxValues"]), (&json!({}), &json!({})));
}

#[test]
fn s3_a_maximum_that_others_took_beside_a_nan_deletes_nothing() {
    let theirs = r#"{"numRecords":2,"minValues":{"c":1.0},"maxValues":{"c":1.0},"nullCount":{"c":0}}"#;
    let at_most = compare(Comparison::LtEq, 5.0);
    assert_eq!(judged(theirs, DataType::Float64, &at_most), (true, false));
    let stats =
        ParsedStats::from_json(&StringArray::from(vec![theirs]), &[StatsColumn::new(column(), DataType::Float64)]);
    let careful = PruneInput::new(vec![], stats).unwrap().with_nan_bounds(NanBounds::MaybeOmitted);
    assert!(may_match(&compare(Comparison::Gt, 5.0), &careful).value(0));
    assert!(!may_match(&compare(Comparison::Lt, 1.0), &careful).value(0));
    // So is every table read.
    assert_eq!(judged(theirs, DataType::Float64, &compare(Comparison::Gt, 5.0)), (true, false));
}

#[test]
fn s4_absent_statistics_mean_unknown() {
    let asked = [
        compare(Comparison::Eq, 1),
        Predicate::IsNull(column()),
        Predicate::IsNotNull(column()),
        compare(Comparison::NotEq, 0).negated(),
    ];
    for stats in ["", "{}", r#"{"numRecords":3}"#, r#"{"numRecords":3,"minValues":{},"maxValues":{},"nullCount":{}}"#] {
        for predicate in &asked {
            assert_eq!(judged(stats, DataType::Int64, predicate), (true, false), "{predicate} on {stats}");
        }
    }
    let no_count = r#"{"numRecords":3,"minValues":{"c":1},"maxValues":{"c":1}}"#;
    assert_eq!(judged(no_count, DataType::Int64, &compare(Comparison::Eq, 1)), (true, false));
}

#[test]
fn s6_loose_bounds_skip_and_say_no_more_than_outer_bounds_do() {
    let stats = written(Int64Array::from(vec![Some(1), Some(5), None]));
    let loose = loosened(Some(&stats.to_string()), 3);
    let texts = StringArray::from(vec![loose.as_str(), r#"{"numRecords":3}"#]);
    let parsed = ParsedStats::from_json(&texts, &[StatsColumn::new(column(), DataType::Int64)]);
    // Trino says nothing: neither do we, as only the vector can tell.
    assert_eq!(parsed.tight_bounds, BooleanArray::from(vec![Some(false), None]));
    assert_eq!(judged(&loose, DataType::Int64, &compare(Comparison::Gt, 5)), (false, false));
    // Which rows are deleted isn't known: perhaps the NULL, perhaps all the others.
    for predicate in [Predicate::IsNull(column()), Predicate::IsNotNull(column()), compare(Comparison::Lt, 9)] {
        assert_eq!(judged(&loose, DataType::Int64, &predicate), (true, false), "{predicate}");
    }
    let no_nulls = loosened(Some(&written(Int64Array::from(vec![1, 5])).to_string()), 2);
    assert_eq!(judged(&no_nulls, DataType::Int64, &compare(Comparison::Lt, 9)), (true, true));
}

#[test]
fn s7_what_spark_writes_is_read() {
    let stats = |value: &str| {
        format!(r#"{{"numRecords":1,"minValues":{{"c":{value}}},"maxValues":{{"c":{value}}},"nullCount":{{"c":0}}}}"#)
    };
    let decimal = |unscaled| Literal::decimal(unscaled, 38, 18).unwrap();
    let tiny = stats("1E-18");
    assert_eq!(judged(&tiny, DataType::Decimal128(38, 18), &compare(Comparison::Gt, decimal(0))), (true, true));
    assert_eq!(judged(&tiny, DataType::Decimal128(38, 18), &compare(Comparison::Gt, decimal(1))), (false, false));
    assert_eq!(judged(&stats("-0.0"), DataType::Float64, &compare(Comparison::Lt, 0.0)), (false, false));
    let expected = [
        (r#""NaN""#, [(true, false); 3]),
        // Above a maximum there may be a NaN.
        (r#""-Infinity""#, [(true, false), (false, false), (true, false)]),
        (r#""Infinity""#, [(false, false), (false, false), (true, true)]),
    ];
    for (text, expected) in expected {
        for (op, expected) in [Comparison::Lt, Comparison::Eq, Comparison::Gt].into_iter().zip(expected) {
            assert_eq!(judged(&stats(text), DataType::Float64, &compare(op, 0.0)), expected, "{text} {op:?}");
        }
    }
    let cut = format!("{}\u{7f}", "g".repeat(32));
    let theirs =
        json!({"minValues": {"c": "g".repeat(32)}, "maxValues": {"c": cut}, "nullCount": {"c": 0}}).to_string();
    assert!(judged(&theirs, DataType::Utf8, &compare(Comparison::Eq, "g".repeat(40))).0);
    assert!(!judged(&theirs, DataType::Utf8, &compare(Comparison::Gt, "gh")).0);
}

/// A test table of delta-rs, the minima of which were edited: one is null, one is the maximum.
const EDITED_BY_HAND: &str = "delta-rs/issue_1374";

/// Every file of the corpus that has statistics is read, and its values are held against its bounds.
#[test]
fn s1_s2_s3_s7_bounds_hold_for_every_file_of_every_writer() {
    let mut checked = BTreeMap::new();
    let honest = |case: &&Case| case.about.expect == "rows" && case.name != EDITED_BY_HAND;
    for case in cases("s1").iter().filter(honest) {
        *checked.entry("tables").or_default() += usize::from(check_table(case, &mut checked));
    }
    println!("{checked:?}");
    if let Some(tables) = checked.get("tables") {
        assert!(*tables > 200 && checked["bounds"] > 2_000, "{checked:?}");
    }
}

type Counts = BTreeMap<&'static str, usize>;

fn check_table(case: &Case, checked: &mut Counts) -> bool {
    let actions = log_actions(case);
    let schemas = actions.iter().filter(|(kind, _)| kind == "metaData");
    let schemas: Vec<Vec<StatsColumn>> = schemas.map(|(_, metadata)| columns_of(metadata)).collect();
    let widened = schemas.last().into_iter().flatten().filter(|column| !column.widened_from.is_empty());
    let widened: Vec<StatsColumn> = widened.cloned().collect();
    let mut seen = 0;
    let mut any = false;
    for (kind, action) in &actions {
        seen += usize::from(kind == "metaData");
        if let ("add", Some(stats), 1..) = (kind.as_str(), action["stats"].as_str(), seen) {
            // As the column was when the file was written, and as it is today.
            let columns: Vec<_> = schemas[seen - 1].iter().chain(&widened).cloned().collect();
            any |= check_file(case, &columns, action["path"].as_str().unwrap(), stats, checked);
        }
    }
    any
}

fn columns_of(metadata: &Value) -> Vec<StatsColumn> {
    let mapping = metadata["configuration"]["delta.columnMapping.mode"].as_str().unwrap_or("none");
    let mode = ColumnMappingMode::parse(mapping).unwrap();
    let Ok(schema) = StructType::from_json(metadata["schemaString"].as_str().unwrap()) else { return Vec::new() };
    let leaves = schema.leaves(mode).unwrap();
    leaves.iter().filter_map(|leaf| StatsColumn::of_leaf(leaf).ok()).collect()
}

/// Every action of every commit, in order.
fn log_actions(case: &Case) -> Vec<(String, Value)> {
    let mut names = case.log_names();
    names.sort();
    let commits = names.iter().filter(|name| matches!(LogName::parse(name), LogName::Commit { .. }));
    let texts = commits.filter_map(|name| std::fs::read_to_string(case.table().join("_delta_log").join(name)).ok());
    let lines = texts.flat_map(|text| {
        let actions = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Map<String, Value>>(line).ok());
        actions.flatten().collect::<Vec<_>>()
    });
    lines.collect()
}

fn check_file(case: &Case, columns: &[StatsColumn], path: &str, stats: &str, checked: &mut Counts) -> bool {
    let path = match DataLocation::decode(&case.rebased(path)) {
        Ok(DataLocation::Relative(path)) => case.table().join(DataPath::as_str(&path)),
        Ok(DataLocation::Absolute(url)) => url.to_file_path().unwrap_or_default(),
        Err(_) => return false,
    };
    let Some(batch) = File::open(path).ok().and_then(read) else { return false };
    let parsed = ParsedStats::from_json(&StringArray::from(vec![stats]), columns);
    for (column, found) in columns.iter().zip(&parsed.columns) {
        let Some(values) = leaf(&batch, column.stored.names()).filter(|v| v.data_type() != &DataType::Null) else {
            continue;
        };
        let of = || format!("{} {}: {}", case.name, column.path, stats);
        let Ok(values) = cast(&values, &column.data_type) else { continue };
        if found.null_count.is_valid(0) && found.null_count.value(0) != i64::try_from(values.null_count()).unwrap() {
            panic!("{} nulls, not {}: {}", values.null_count(), found.null_count.value(0), of());
        }
        for (bound, outside) in [(&found.min, cmp::lt as Compare), (&found.max, cmp::gt)] {
            if bound.is_null(0) {
                continue;
            }
            let values = without_signs(&values);
            let outside = outside(&values, &arrow::array::Scalar::new(Arc::clone(bound))).unwrap();
            assert!(!outside.has_true(), "{bound:?} is no bound of {}", of());
            *checked.entry("bounds").or_default() += 1;
        }
    }
    if parsed.num_records.is_valid(0) {
        assert_eq!(parsed.num_records.value(0), i64::try_from(batch.num_rows()).unwrap(), "{} {stats}", case.name);
    }
    true
}

type Compare = fn(&dyn arrow::array::Datum, &dyn arrow::array::Datum) -> Result<BooleanArray, arrow::error::ArrowError>;

/// Zero has no sign for SQL, while Arrow's order tells them apart.
fn without_signs(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Float64 => {
            let settled: Float64Array = values.as_primitive::<arrow::datatypes::Float64Type>().unary(|v| v + 0.0);
            Arc::new(settled)
        }
        DataType::Float32 => {
            let settled: arrow::array::Float32Array =
                values.as_primitive::<arrow::datatypes::Float32Type>().unary(|v| v + 0.0);
            Arc::new(settled)
        }
        _ => Arc::clone(values),
    }
}

/// All rows of a Parquet file. INT96 is asked for in microseconds: as nanoseconds, far days wrap (S9).
fn read(file: File) -> Option<RecordBatch> {
    let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).ok()?;
    let fields: Fields = plain.schema().fields().iter().map(in_microseconds).collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).ok()?.build().ok()?;
    let batches: Vec<_> = reader.collect::<Result<_, _>>().ok()?;
    let schema = batches.first()?.schema();
    arrow::compute::concat_batches(&schema, &batches).ok()
}

fn in_microseconds(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, None) => WALL_CLOCK,
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(in_microseconds).collect()),
        DataType::List(element) => DataType::List(in_microseconds(element)),
        other => other.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// The column at a path, null where a struct on the way is.
fn leaf(batch: &RecordBatch, names: &[String]) -> Option<ArrayRef> {
    let (first, rest) = names.split_first()?;
    let mut array = Arc::clone(batch.column_by_name(first)?);
    for name in rest {
        let parent = array.as_struct_opt()?;
        let child = Arc::clone(parent.column_by_name(name)?);
        array = match parent.nulls() {
            Some(valid) => nullif(&child, &BooleanArray::new(!NullBuffer::inner(valid), None)).ok()?,
            None => child,
        };
    }
    concat(&[&array]).ok()
}
