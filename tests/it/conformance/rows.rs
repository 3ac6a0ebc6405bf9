//! Are these the rows that the writer's table holds?

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Schema,
    SchemaRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use lakebed::query::{ScanRequest, scan as rows_of};
use lakebed::store::TableStore;
use lakebed_txlog::Result;
use lakebed_txlog::snapshot::Snapshot;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::check::Checked;
use super::variants::canonical;

/// Rows of each side that a difference shows.
const MAX_SHOWN: usize = 3;

/// How often each row is there more than it should be, negative where it is missing.
#[derive(Default)]
struct Difference(HashMap<String, i64>);

impl Difference {
    fn add(&mut self, batch: &RecordBatch, names: &BTreeSet<String>, sign: i64) {
        let schema = batch.schema();
        let named = schema.fields().iter().map(|field| field.name()).zip(batch.columns());
        let mut columns: Vec<_> = named.filter(|(name, _)| names.contains(*name)).collect();
        columns.sort_by_key(|(name, _)| *name);
        for row in 0..batch.num_rows() {
            let mut text = String::new();
            for (name, column) in &columns {
                text.push_str(name);
                text.push('=');
                value(column.as_ref(), row, &mut text);
                text.push(' ');
            }
            *self.0.entry(text).or_default() += sign;
        }
    }

    fn shown(&self, wanted: impl Fn(i64) -> bool) -> (i64, String) {
        let mut rows: Vec<(&String, i64)> =
            self.0.iter().map(|(row, n)| (row, *n)).filter(|(_, n)| wanted(*n)).collect();
        rows.sort();
        let total = rows.iter().map(|(_, n)| n.abs()).sum();
        let cut = |row: &str| row.chars().take(300).collect::<String>();
        let shown: Vec<String> =
            rows.iter().take(MAX_SHOWN).map(|(row, _)| format!("\n        {}", cut(row))).collect();
        (total, shown.concat())
    }
}

/// Rows of a snapshot, and their schema.
pub(super) async fn scan(
    store: &TableStore,
    snapshot: &Snapshot,
    request: &ScanRequest,
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let rows = rows_of(store, snapshot, request).await?;
    let schema = rows.schema.clone();
    Ok((schema, rows.collect().await?))
}

/// Scans a snapshot and compares its rows with an expectation.
pub(super) async fn check(what: &str, store: &TableStore, snapshot: &Snapshot, expected: &Path, checked: &mut Checked) {
    match scan(store, snapshot, &ScanRequest::default()).await {
        Ok((schema, batches)) => compare(what, &[expected.to_owned()], &schema, &batches, checked),
        Err(error) => checked.refused(&format!("scanning {what}"), &error),
    }
}

/// Compares rows with an expectation in Parquet files, as multisets.
pub(super) fn compare(what: &str, expected: &[PathBuf], schema: &Schema, got: &[RecordBatch], checked: &mut Checked) {
    let names = |schema: &Schema| schema.fields().iter().map(|f| f.name().clone()).collect::<BTreeSet<_>>();
    // Void columns may be left out of an expectation: they hold nothing.
    let is_void = |name: &String| schema.field_with_name(name).is_ok_and(|f| *f.data_type() == DataType::Null);
    let mut difference = Difference::default();
    let mut compared = BTreeSet::new();
    for path in expected {
        let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let (mut ours, theirs) = (names(schema), names(reader.schema()));
        ours.retain(|name| theirs.contains(name) || !is_void(name));
        if ours != theirs {
            return checked.wrong(format!("{what} has the columns {ours:?} instead of {theirs:?}"));
        }
        for batch in reader.build().unwrap() {
            difference.add(&batch.unwrap(), &theirs, -1);
        }
        compared = theirs;
    }
    for batch in got {
        difference.add(batch, &compared, 1);
    }
    let (missing, rows_missing) = difference.shown(|n| n < 0);
    let (extra, rows_extra) = difference.shown(|n| n > 0);
    if missing + extra > 0 {
        checked.wrong(format!(
            "{what} lacks {missing} rows:{rows_missing}\n      and has {extra} it shouldn't:{rows_extra}"
        ));
    }
}

/// A value as text that is the same for the same value, whatever array it is in.
fn value(array: &dyn Array, row: usize, out: &mut String) {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        out.push('∅');
        return;
    }
    let result = match array.data_type() {
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(row)),
        DataType::Int8 => write!(out, "{}", array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => write!(out, "{}", array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => write!(out, "{}", array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => write!(out, "{}", array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => match array.as_primitive::<Float32Type>().value(row) {
            nan if nan.is_nan() => write!(out, "NaN"),
            float => write!(out, "f{:08x}({float})", float.to_bits()),
        },
        DataType::Float64 => match array.as_primitive::<Float64Type>().value(row) {
            nan if nan.is_nan() => write!(out, "NaN"),
            float => write!(out, "d{:016x}({float})", float.to_bits()),
        },
        DataType::Decimal128(_, scale) => {
            write!(out, "{}e-{scale}", array.as_primitive::<Decimal128Type>().value(row))
        }
        DataType::Date32 => write!(out, "day {}", array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(unit, zone) => {
            // Nanoseconds are Parquet's INT96, in which Spark writes instants, and nothing else.
            let kind = if zone.is_some() || *unit == TimeUnit::Nanosecond { "at" } else { "ntz" };
            write!(out, "{kind} {}", micros(array, row, *unit))
        }
        DataType::Utf8 => text(array.as_string::<i32>().value(row), out),
        DataType::LargeUtf8 => text(array.as_string::<i64>().value(row), out),
        DataType::Utf8View => text(array.as_string_view().value(row), out),
        DataType::Binary => bytes(array.as_binary::<i32>().value(row), out),
        DataType::LargeBinary => bytes(array.as_binary::<i64>().value(row), out),
        DataType::BinaryView => bytes(array.as_binary_view().value(row), out),
        DataType::FixedSizeBinary(_) => bytes(array.as_fixed_size_binary().value(row), out),
        _ => {
            nested(array, row, out);
            Ok(())
        }
    };
    result.unwrap();
}

/// A list, map or struct, or a value in a dictionary.
fn nested(array: &dyn Array, row: usize, out: &mut String) {
    match array.data_type() {
        DataType::List(_) => list(array.as_list::<i32>().value(row).as_ref(), out),
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row).as_ref(), out),
        DataType::ListView(_) => list(array.as_list_view::<i32>().value(row).as_ref(), out),
        DataType::FixedSizeList(_, _) => list(array.as_fixed_size_list().value(row).as_ref(), out),
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let mut texts: Vec<String> = (0..entries.len())
                .map(|at| {
                    let mut entry = String::new();
                    value(entries.column(0).as_ref(), at, &mut entry);
                    entry.push('→');
                    value(entries.column(1).as_ref(), at, &mut entry);
                    entry
                })
                .collect();
            texts.sort();
            out.push_str(&format!("{{{}}}", texts.join(", ")));
        }
        DataType::Struct(fields) => {
            if let Some(json) = canonical(array.as_struct(), row) {
                return text(&json, out).unwrap();
            }
            let mut fields: Vec<_> = fields.iter().enumerate().map(|(at, field)| (field.name(), at)).collect();
            fields.sort();
            out.push('(');
            for (name, at) in fields {
                out.push_str(&format!("{name}="));
                value(array.as_struct().column(at).as_ref(), row, out);
                out.push(' ');
            }
            out.push(')');
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            value(dictionary.values().as_ref(), dictionary.normalized_keys()[row], out);
        }
        other => panic!("no column of a table is of type {other}"),
    }
}

fn list(items: &dyn Array, out: &mut String) {
    out.push('[');
    for at in 0..items.len() {
        value(items, at, out);
        out.push_str(", ");
    }
    out.push(']');
}

fn text(value: &str, out: &mut String) -> std::fmt::Result {
    write!(out, "{}:{value}", value.len())
}

fn bytes(value: &[u8], out: &mut String) -> std::fmt::Result {
    write!(out, "x")?;
    value.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

fn micros(array: &dyn Array, row: usize, unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row) * 1_000_000,
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row) * 1000,
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1000),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int32Array, StringArray};

    use super::*;

    fn difference(columns: Vec<(&str, ArrayRef)>, other: Vec<(&str, ArrayRef)>) -> (i64, i64) {
        let mut difference = Difference::default();
        let names = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        difference.add(&RecordBatch::try_from_iter(columns).unwrap(), &names, 1);
        difference.add(&RecordBatch::try_from_iter(other).unwrap(), &names, -1);
        (difference.shown(|n| n > 0).0, difference.shown(|n| n < 0).0)
    }

    #[test]
    fn rows_are_a_multiset() {
        let column = |values: Vec<i32>| vec![("a", Arc::new(Int32Array::from(values)) as ArrayRef)];
        assert_eq!(difference(column(vec![1, 2, 2]), column(vec![2, 1, 2])), (0, 0));
        assert_eq!(difference(column(vec![1, 2, 2]), column(vec![2, 1])), (1, 0));
        assert_eq!(difference(column(vec![1]), column(vec![2])), (1, 1));
    }

    #[test]
    fn columns_go_by_name_and_floats_by_their_bits() {
        let a: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, 0.0]));
        let b: ArrayRef = Arc::new(StringArray::from(vec![None, Some("")]));
        let quiet: ArrayRef = Arc::new(Float64Array::from(vec![-f64::NAN, 0.0]));
        let minus: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, -0.0]));
        let row = vec![("a", Arc::clone(&a)), ("b", Arc::clone(&b))];
        assert_eq!(difference(row.clone(), vec![("b", Arc::clone(&b)), ("a", quiet)]), (0, 0));
        assert_eq!(difference(row, vec![("a", minus), ("b", b)]), (1, 1));
    }
}
