//! What `add.stats` says about a file, gathered while the file is encoded.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::compute::nullif;
use arrow::datatypes::{DataType, Fields, Schema};

use super::bounds::Bounds;
use crate::schema::ColumnPath;
use crate::{Error, Result};

/// Gathers the statistics of one file from the batches that go into it.
///
/// | type | `minValues`, `maxValues` |
/// |---|---|
/// | byte, short, integer, long, decimal | exact |
/// | float, double | exact; zero as `-0.0` and `0.0`; none beside a NaN; an infinite bound is left out (S3) |
/// | string | 32 characters; a longer maximum ends in a character above what was cut off, or is left out (S2) |
/// | date | `"2024-02-29"`; left out beyond the years 1 to 9999 |
/// | timestamp, timestamp_ntz | `"2024-02-29T12:00:00.123Z"`, without `Z` for ntz; whole milliseconds, max rounded up (S1) |
/// | boolean, binary, array, map, variant, void | none |
///
/// `nullCount` is written for every chosen column. A field of a null struct is null.
///
/// Memory: some hundred bytes a column, whatever the file's size. Time: two vectorised passes over each chosen column.
#[derive(Debug)]
pub struct StatsCollector {
    root: Vec<(String, Node)>,
    leaves: Vec<Leaf>,
    num_records: usize,
}

/// The tree that `minValues`, `maxValues` and `nullCount` all have.
#[derive(Debug)]
enum Node {
    Leaf(usize),
    Struct(Vec<(String, Node)>),
}

#[derive(Debug)]
struct Leaf {
    path: ColumnPath,
    /// Where the column stands in the batch, and within each struct on the way.
    indices: Vec<usize>,
    null_count: usize,
    bounds: Bounds,
}

impl StatsCollector {
    /// Gathers statistics of `columns`, leaves of `schema`, which is that of the batches and so of the file: its names
    /// are the physical ones and become the keys. See [`super::indexed_columns`] for which columns those are.
    ///
    /// # Errors
    /// `InvalidRequest` when a path isn't in the schema, is named twice, or lies within another one.
    pub fn new(schema: &Schema, columns: &[ColumnPath]) -> Result<StatsCollector> {
        let mut collector = StatsCollector { root: Vec::new(), leaves: Vec::new(), num_records: 0 };
        for path in columns {
            let indices = resolve(schema.fields(), path)
                .ok_or_else(|| Error::invalid(format!("statistics were asked for {path}, which isn't a column")))?;
            insert(&mut collector.root, path.names(), collector.leaves.len())
                .ok_or_else(|| Error::invalid(format!("statistics were asked for {path} twice, or within it")))?;
            collector.leaves.push(Leaf { path: path.clone(), indices, null_count: 0, bounds: Bounds::Empty });
        }
        Ok(collector)
    }

    /// Takes in the next batch of the file. After an error the collector must not be used for the file.
    ///
    /// # Errors
    /// `InvalidRequest` when the batch doesn't have the columns of the schema, or their types change between batches.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        self.num_records += batch.num_rows();
        for leaf in &mut self.leaves {
            let array = column_of(batch, &leaf.indices)
                .ok_or_else(|| Error::invalid(format!("a batch of the file lacks the column {}", leaf.path)))?;
            leaf.null_count += array.logical_null_count();
            let known = std::mem::take(&mut leaf.bounds);
            leaf.bounds = match known {
                Bounds::Unbounded => known,
                _ => known
                    .and(Bounds::of(&array)?)
                    .map_err(|e| Error::invalid(format!("can't gather statistics of {}", leaf.path)).because(e))?,
            };
        }
        Ok(())
    }

    /// The rows taken in so far.
    #[must_use]
    pub fn num_records(&self) -> usize {
        self.num_records
    }

    /// The text of `add.stats`. Bounds are tight: every row of the file is live.
    #[must_use]
    pub fn finish(self) -> String {
        let (min, max): (Vec<_>, Vec<_>) = self.leaves.iter().map(|leaf| leaf.bounds.to_json()).unzip();
        let null_count: Vec<_> = self.leaves.iter().map(|leaf| Some(leaf.null_count.to_string())).collect();
        let object = |values: &[Option<String>]| render(&self.root, values).unwrap_or_else(|| "{}".to_owned());
        format!(
            r#"{{"numRecords":{},"minValues":{},"maxValues":{},"nullCount":{},"tightBounds":true}}"#,
            self.num_records,
            object(&min),
            object(&max),
            object(&null_count)
        )
    }
}

fn resolve(fields: &Fields, path: &ColumnPath) -> Option<Vec<usize>> {
    let mut fields = Some(fields);
    let mut indices = Vec::with_capacity(path.names().len());
    for name in path.names() {
        let (index, field) = fields?.find(name)?;
        indices.push(index);
        fields = match field.data_type() {
            DataType::Struct(children) => Some(children),
            _ => None,
        };
    }
    (!indices.is_empty()).then_some(indices)
}

/// Adds the leaf at `path`; `None` when a leaf stands there, above it or below it.
fn insert(nodes: &mut Vec<(String, Node)>, path: &[String], leaf: usize) -> Option<()> {
    let (name, rest) = path.split_first()?;
    let position = nodes.iter().position(|(known, _)| known == name);
    if rest.is_empty() {
        if position.is_some() {
            return None;
        }
        nodes.push((name.clone(), Node::Leaf(leaf)));
        return Some(());
    }
    let position = position.unwrap_or_else(|| {
        nodes.push((name.clone(), Node::Struct(Vec::new())));
        nodes.len() - 1
    });
    match nodes.get_mut(position) {
        Some((_, Node::Struct(children))) => insert(children, rest, leaf),
        _ => None,
    }
}

/// The column at `indices`, null where a struct on the way is.
fn column_of(batch: &RecordBatch, indices: &[usize]) -> Option<ArrayRef> {
    let (first, rest) = indices.split_first()?;
    let mut array = batch.columns().get(*first)?.clone();
    let mut valid: Option<NullBuffer> = None;
    for index in rest {
        let parent = array.as_struct_opt()?;
        valid = NullBuffer::union(valid.as_ref(), parent.nulls());
        array = parent.columns().get(*index)?.clone();
    }
    match valid {
        Some(valid) if valid.null_count() > 0 => nullif(&array, &BooleanArray::new(!valid.inner(), None)).ok(),
        _ => Some(array),
    }
}

/// The object of the leaves that have a value; `None` when none has.
fn render(nodes: &[(String, Node)], values: &[Option<String>]) -> Option<String> {
    let mut text = String::new();
    for (name, node) in nodes {
        let value = match node {
            Node::Leaf(leaf) => values.get(*leaf).cloned().flatten(),
            Node::Struct(children) => render(children, values),
        };
        if let (Some(value), Ok(key)) = (value, serde_json::to_string(name)) {
            text.push(if text.is_empty() { '{' } else { ',' });
            text.push_str(&key);
            text.push(':');
            text.push_str(&value);
        }
    }
    (!text.is_empty()).then(|| text + "}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
        Int8Array, Int32Array, Int64Array, ListArray, StringArray, StringViewArray, StructArray,
        TimestampMicrosecondArray, TimestampNanosecondArray,
    };
    use arrow::datatypes::{Field, Int32Type};

    use super::*;

    /// The statistics of a file of one column `c`, written in two batches.
    fn stats_of(array: impl Array + 'static) -> String {
        let batch = RecordBatch::try_from_iter_with_nullable([("c", Arc::new(array) as ArrayRef, true)]).unwrap();
        let mut collector = StatsCollector::new(&batch.schema(), &[ColumnPath::new(["c"])]).unwrap();
        collector.update(&batch.slice(0, 1)).unwrap();
        collector.update(&batch.slice(1, batch.num_rows() - 1)).unwrap();
        collector.finish()
    }

    #[track_caller]
    fn check(array: impl Array + 'static, min: &str, max: &str) {
        let bound = |value: &str| if value.is_empty() { "{}".to_owned() } else { format!(r#"{{"c":{value}}}"#) };
        let (rows, nulls) = (array.len(), array.logical_null_count());
        let expected = format!(
            r#"{{"numRecords":{rows},"minValues":{},"maxValues":{},"nullCount":{{"c":{nulls}}},"tightBounds":true}}"#,
            bound(min),
            bound(max)
        );
        assert_eq!(stats_of(array), expected);
    }

    #[test]
    fn whole_numbers_and_decimals_are_exact() {
        check(Int8Array::from(vec![Some(-128), None, Some(127)]), "-128", "127");
        check(Int64Array::from(vec![i64::MIN, i64::MAX]), "-9223372036854775808", "9223372036854775807");
        let decimals = |values: Vec<i128>, scale| Decimal128Array::from(values).with_precision_and_scale(38, scale);
        let wide = 12_345_678_901_234_567_890_123_456_789_012_345_678;
        check(
            decimals(vec![-wide, wide - 1], 18).unwrap(),
            "-12345678901234567890.123456789012345678",
            "12345678901234567890.123456789012345677",
        );
        check(decimals(vec![1, -5], 3).unwrap(), "-0.005", "0.001");
        check(decimals(vec![7, 7], 0).unwrap(), "7", "7");
        // Sail would take equal bounds for the value, through a double.
        check(decimals(vec![wide, wide], 18).unwrap(), "", "");
    }

    #[test]
    fn floats_go_out_as_doubles_and_never_beside_nan() {
        check(Float64Array::from(vec![1.5, -2.25e300]), "-2.25e+300", "1.5");
        check(Float32Array::from(vec![1.1, 2.0]), "1.100000023841858", "2.0");
        check(Float64Array::from(vec![0.0, -0.0]), "-0.0", "0.0");
        check(Float64Array::from(vec![-0.0, 3.0]), "-0.0", "3.0");
        check(Float64Array::from(vec![f64::NEG_INFINITY, 3.0]), "", "3.0");
        check(Float64Array::from(vec![f64::INFINITY, 3.0]), "3.0", "");
        check(Float64Array::from(vec![f64::NAN, 3.0]), "", "");
        check(Float64Array::from(vec![3.0, -f64::NAN, 4.0]), "", "");
    }

    #[test]
    fn strings_are_cut_to_32_characters_with_a_tie_breaker() {
        let long = "é".repeat(32);
        check(StringArray::from(vec!["b", "", "a\"\u{0}"]), r#""""#, r#""b""#);
        check(StringViewArray::from(vec![long.as_str()]), &format!("\"{long}\""), &format!("\"{long}\""));
        let cut =
            |tail: &str| StringArray::from(vec![format!("{long}{tail}"), "zz".to_owned(), format!("{long}{tail}")]);
        check(cut("x"), r#""zz""#, &format!("\"{long}\u{7f}\""));
        check(cut("\u{7f}"), r#""zz""#, &format!("\"{long}\u{10ffff}\""));
        check(cut("😀"), r#""zz""#, &format!("\"{long}\u{10ffff}\""));
        check(cut("\u{10ffff}a"), r#""zz""#, &format!("\"{long}\u{10ffff}\u{7f}\""));
        check(cut(&"\u{10ffff}".repeat(40)), r#""zz""#, "");
        check(
            StringArray::from(vec![format!("{long}x"), format!("{long}y")]),
            &format!("\"{long}\""),
            &format!("\"{long}\u{7f}\""),
        );
    }

    #[test]
    fn dates_and_timestamps_are_iso_text_and_max_is_rounded_up() {
        check(Date32Array::from(vec![19_782, -719_162]), r#""0001-01-01""#, r#""2024-02-29""#);
        check(Date32Array::from(vec![3_000_000, 0]), r#""1970-01-01""#, "");
        let us = TimestampMicrosecondArray::from(vec![-1, 1_709_208_000_123_001]);
        check(us.clone(), r#""1969-12-31T23:59:59.999""#, r#""2024-02-29T12:00:00.124""#);
        check(us.with_timezone("UTC"), r#""1969-12-31T23:59:59.999Z""#, r#""2024-02-29T12:00:00.124Z""#);
        check(
            TimestampMicrosecondArray::from(vec![1_000, 1_000]),
            r#""1970-01-01T00:00:00.001""#,
            r#""1970-01-01T00:00:00.001""#,
        );
        check(TimestampMicrosecondArray::from(vec![i64::MIN, i64::MAX]), "", "");
        check(
            TimestampNanosecondArray::from(vec![1, 2]),
            r#""1970-01-01T00:00:00.000""#,
            r#""1970-01-01T00:00:00.001""#,
        );
    }

    #[test]
    fn types_without_an_order_have_a_null_count_only() {
        check(BooleanArray::from(vec![Some(true), None]), "", "");
        check(BinaryArray::from(vec![Some(b"a".as_slice()), None]), "", "");
        let lists = vec![Some(vec![Some(1), None]), None];
        check(ListArray::from_iter_primitive::<Int32Type, _, _>(lists), "", "");
        check(Int32Array::from(vec![None, None]), "", "");
    }

    #[test]
    fn dictionaries_are_looked_into() {
        let keys: DictionaryArray<Int32Type> = vec![Some("b"), None, Some("a"), Some("b")].into_iter().collect();
        check(keys, r#""a""#, r#""b""#);
    }

    #[test]
    fn fields_of_a_null_struct_are_null() {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(-9), Some(2), None, Some(3)]));
        let inner = StructArray::new(
            vec![Field::new("x", DataType::Int32, true)].into(),
            vec![numbers],
            Some(NullBuffer::from(vec![true, true, true, false])),
        );
        let outer = StructArray::new(
            vec![Field::new("in\"ner", inner.data_type().clone(), true)].into(),
            vec![Arc::new(inner)],
            Some(NullBuffer::from(vec![false, true, true, true])),
        );
        let batch = RecordBatch::try_from_iter_with_nullable([("s", Arc::new(outer) as ArrayRef, true)]).unwrap();
        let mut collector = StatsCollector::new(&batch.schema(), &[ColumnPath::new(["s", "in\"ner", "x"])]).unwrap();
        collector.update(&batch).unwrap();
        assert_eq!(collector.num_records(), 4);
        assert_eq!(
            collector.finish(),
            r#"{"numRecords":4,"minValues":{"s":{"in\"ner":{"x":2}}},"maxValues":{"s":{"in\"ner":{"x":2}}},"#
                .to_owned()
                + r#""nullCount":{"s":{"in\"ner":{"x":3}}},"tightBounds":true}"#
        );
    }

    #[test]
    fn columns_that_are_not_there_or_twice_are_an_error() {
        let schema = Schema::new(vec![
            Field::new("a", DataType::Int32, true),
            Field::new("s", DataType::Struct(vec![Field::new("x", DataType::Int32, true)].into()), true),
        ]);
        let new = |paths: &[&[&str]]| {
            let paths: Vec<_> = paths.iter().map(|names| ColumnPath::new(names.iter().copied())).collect();
            StatsCollector::new(&schema, &paths)
        };
        assert!(new(&[&["a"], &["s", "x"]]).is_ok());
        for wrong in [[["b"].as_slice()].as_slice(), &[&["a", "x"]], &[&[]], &[&["a"], &["a"]], &[&["s"], &["s", "x"]]]
        {
            assert!(new(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_type_that_changes_between_batches_is_an_error() {
        let batch = |array: ArrayRef| RecordBatch::try_from_iter([("c", array)]).unwrap();
        let first = batch(Arc::new(Int32Array::from(vec![1])));
        let mut collector = StatsCollector::new(&first.schema(), &[ColumnPath::new(["c"])]).unwrap();
        collector.update(&first).unwrap();
        assert!(collector.update(&batch(Arc::new(StringArray::from(vec!["1"])))).is_err());
    }

    #[test]
    fn a_file_without_rows_has_empty_bounds() {
        let schema = Schema::new(vec![Field::new("c", DataType::Int32, true)]);
        let collector = StatsCollector::new(&schema, &[ColumnPath::new(["c"])]).unwrap();
        assert_eq!(
            collector.finish(),
            r#"{"numRecords":0,"minValues":{},"maxValues":{},"nullCount":{"c":0},"tightBounds":true}"#
        );
    }
}
