//! Do statistics say of each file what they say of it among others, and never a wrong bound?

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::compute::kernels::cmp;
use arrow::datatypes::{DataType, TimeUnit};
use lakebed_txlog::schema::ColumnPath;
use lakebed_txlog::stats::{ParsedStats, StatsColumn, StatsStruct, loosened};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Memory, Target};

/// The text of `add.stats` of one file a line.
pub const TARGET: Target = Target { name: "statistics", run, memory: Memory { base: 8 << 20, per_byte: 16 << 10 } };

/// Most files of an input that are looked at.
const MAX_FILES: usize = 16;

type Members = BTreeMap<String, Box<RawValue>>;

fn columns() -> Vec<StatsColumn> {
    let column = |name: &str, data_type: DataType| StatsColumn::new(ColumnPath::new(name.split('.')), data_type);
    vec![
        column("l", DataType::Int64),
        column("i", DataType::Int32),
        column("y", DataType::Int8),
        column("d", DataType::Float64),
        column("f", DataType::Float32),
        column("w", DataType::Float64).widened_from(vec![DataType::Float32]),
        column("e", DataType::Decimal128(38, 18)),
        column("c", DataType::Decimal128(5, 2)),
        column("s", DataType::Utf8),
        column("n.s", DataType::Utf8),
        column("n.l", DataType::Int64),
        column("a", DataType::Date32),
        column("t", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        column("z", DataType::Timestamp(TimeUnit::Microsecond, None)),
        column("b", DataType::Boolean),
    ]
}

fn run(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let texts: Vec<&str> = input.split('\n').take(MAX_FILES).collect();
    let columns = columns();
    let among = ParsedStats::from_texts(texts.iter().map(|text| Some(*text)), &columns);
    assert_eq!(among.num_files(), texts.len());
    uncrossed(&among);
    for (row, text) in texts.iter().enumerate() {
        let alone = ParsedStats::from_texts(std::iter::once(Some(*text)), &columns);
        assert_eq!(among.num_records.slice(row, 1), alone.num_records, "{text}");
        assert_eq!(among.tight_bounds.slice(row, 1), alone.tight_bounds, "{text}");
        for (among, alone) in among.columns.iter().zip(&alone.columns) {
            assert_eq!(&among.min.slice(row, 1), &alone.min, "the min of {:?} in {text}", alone.path);
            assert_eq!(&among.max.slice(row, 1), &alone.max, "the max of {:?} in {text}", alone.path);
            assert_eq!(&among.null_count.slice(row, 1), &alone.null_count, "the nulls of {:?} in {text}", alone.path);
        }
        as_json_says(text, &alone);
        loosened_says_no_more(text, &alone, &columns);
    }
    rewritten_says_no_more(&texts, &among, columns);
}

/// The count, by another parser, where the text is JSON that says it once.
fn as_json_says(text: &str, found: &ParsedStats) {
    let Ok(Value::Object(members)) = serde_json::from_str(text) else { return };
    if text.contains('\\') || text.matches("\"numRecords\"").count() != 1 {
        return;
    }
    let Some(said) = members.get("numRecords") else { return };
    let said = said.as_i64().filter(|count| *count >= 0);
    let read = found.num_records.is_valid(0).then(|| found.num_records.value(0));
    // serde_json takes `-0` for a fraction.
    assert!(read == said || (read == Some(0) && text.contains("-0")), "{text}: {read:?}, by serde_json {said:?}");
}

/// What is said once rows are deleted is what was said, or unknown.
fn loosened_says_no_more(text: &str, before: &ParsedStats, columns: &[StatsColumn]) {
    let loose = loosened(Some(text), 7);
    // As text: a value may be a number that no type holds.
    let Ok(members) = serde_json::from_str::<Members>(&loose) else { panic!("{loose} isn't JSON") };
    assert_eq!(members.get("numRecords").map(|value| value.get()), Some("7"));
    assert_eq!(members.get("tightBounds").map(|value| value.get()), Some("false"));
    let after = ParsedStats::from_texts(std::iter::once(Some(loose.as_str())), columns);
    for (before, after) in before.columns.iter().zip(&after.columns) {
        for (before, after) in [(&before.min, &after.min), (&before.max, &after.max)] {
            assert!(after.is_null(0) || before.is_null(0) || before == after, "{text}: {before:?}, then {after:?}");
        }
    }
}

/// As a checkpoint's struct and back to text, a bound may be lost or widen, never tighten; however often that is done.
fn rewritten_says_no_more(texts: &[&str], before: &ParsedStats, columns: Vec<StatsColumn>) {
    let structure = StatsStruct::new(columns.clone());
    let mut before = before.clone();
    let mut written = StringArray::from(texts.to_vec());
    for _ in 0..3 {
        let parsed = structure.from_texts(&written).expect("columns fit the fields");
        written = structure.to_texts(&parsed).expect("a struct prints");
        let after = ParsedStats::from_json(&written, &columns);
        assert_eq!(after.num_records, before.num_records, "{texts:?}");
        uncrossed(&after);
        for (before, after) in before.columns.iter().zip(&after.columns) {
            none(&after.min, &before.min, texts);
            none(&before.max, &after.max, texts);
        }
        before = after;
    }
}

fn uncrossed(stats: &ParsedStats) {
    stats.columns.iter().for_each(|column| none(&column.min, &column.max, &[]));
}

/// That no value is above the other one.
fn none(low: &ArrayRef, high: &ArrayRef, texts: &[&str]) {
    let above = cmp::gt(low, high).expect("bounds have an order");
    assert!(!above.has_true(), "{low:?} above {high:?} of {texts:?}");
}
