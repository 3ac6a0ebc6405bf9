//! What the statistics of *n* files say, as columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBuilder, Int64Array, Int64Builder, StringArray, StructArray, new_null_array,
};

use arrow::compute::kernels::cmp;
use arrow::compute::nullif;

use super::column::StatsColumn;
use super::scan::{Kind, Values, Wanted};
use super::typed;
use super::value::{self, BoundBuilder, Side};
use crate::schema::ColumnPath;

pub(super) const NUM_RECORDS: &str = "numRecords";
pub(super) const TIGHT_BOUNDS: &str = "tightBounds";

/// Statistics of `n` files as columns of `n` values. Null is unknown, wherever it stands.
///
/// Cheap to clone. A caller that keeps columns read at different times puts them together by their public fields.
#[derive(Clone, Debug)]
pub struct ParsedStats {
    /// Physical rows of each file, those under its deletion vector included.
    pub num_records: Int64Array,
    /// What the statistics say of their bounds; null where they don't. The protocol reads that as tight, but some
    /// writers (Trino) say nothing when they add a deletion vector: null on a file with a vector is loose (S6).
    pub tight_bounds: BooleanArray,
    /// The columns asked for, in that order.
    pub columns: Vec<ColumnStats>,
}

/// Statistics of one column in `n` files.
///
/// `min` and `max` are *outer bounds* of the values in the file that aren't null, in the column's type today: rounded
/// outwards where the writer may have cut the value off (strings, timestamps in milliseconds, decimals through a
/// double, floats before a widening). They answer "may this file hold …", never "what is the smallest value" (S6).
/// In floats, `-0.0` is `0.0`, and never NaN.
#[derive(Clone, Debug)]
pub struct ColumnStats {
    /// The name that the column was asked for by.
    pub path: ColumnPath,
    /// At most every value.
    pub min: ArrayRef,
    /// At least every value.
    pub max: ArrayRef,
    /// How many physical rows are null. Once rows are deleted only 0 and the file's `num_records` say something.
    pub null_count: Int64Array,
}

impl ParsedStats {
    /// Files of which nothing is known.
    #[must_use]
    pub fn unknown(num_files: usize, columns: &[StatsColumn]) -> ParsedStats {
        ParsedStats {
            num_records: Int64Array::new_null(num_files),
            tight_bounds: BooleanArray::new_null(num_files),
            columns: columns.iter().map(|column| ColumnStats::unknown(num_files, column)).collect(),
        }
    }

    /// Reads `add.stats` of each file. Only what `columns` asks for is decoded. Whatever is absent, malformed, said
    /// twice, of another type or out of the type's range is null; this never fails.
    ///
    /// Cost: one pass over the text, no allocation per file but for strings with escapes.
    #[must_use]
    pub fn from_json(stats: &StringArray, columns: &[StatsColumn]) -> ParsedStats {
        ParsedStats::from_texts(stats.iter(), columns)
    }

    /// [`ParsedStats::from_json`] of any sequence of texts.
    pub fn from_texts<'a>(
        texts: impl ExactSizeIterator<Item = Option<&'a str>>,
        columns: &[StatsColumn],
    ) -> ParsedStats {
        let mut reader = StatsReader::new(columns, texts.len());
        texts.for_each(|text| reader.push(text));
        reader.finish()
    }

    /// Reads the `stats_parsed` column of a checkpoint: a struct of `numRecords`, `tightBounds`, `minValues`,
    /// `maxValues`, `nullCount`, each where the writer had it, in the types the columns had when it was written.
    /// Vectorised; what can't be brought into today's type without loss is null.
    #[must_use]
    pub fn from_parsed(stats: &StructArray, columns: &[StatsColumn]) -> ParsedStats {
        typed::read(stats, columns)
    }

    /// How many files these are statistics of.
    #[must_use]
    pub fn num_files(&self) -> usize {
        arrow::array::Array::len(&self.num_records)
    }

    /// The statistics of the column asked for as `path`, if it was.
    #[must_use]
    pub fn column(&self, path: &ColumnPath) -> Option<&ColumnStats> {
        self.columns.iter().find(|column| column.path == *path)
    }
}

impl ColumnStats {
    /// A column of which nothing is known.
    #[must_use]
    pub fn unknown(num_files: usize, column: &StatsColumn) -> ColumnStats {
        let bounds = new_null_array(&column.data_type, num_files);
        ColumnStats {
            path: column.path.clone(),
            min: Arc::clone(&bounds),
            max: bounds,
            null_count: Int64Array::new_null(num_files),
        }
    }
}

impl ColumnStats {
    /// Bounds that cross bound nothing.
    pub(super) fn uncrossed(mut self) -> ColumnStats {
        if let Ok(crossed) = cmp::gt(&self.min, &self.max)
            && crossed.has_true()
            && let (Ok(min), Ok(max)) = (nullif(&self.min, &crossed), nullif(&self.max, &crossed))
        {
            (self.min, self.max) = (min, max);
        }
        self
    }
}

/// Reads texts one after the other, as [`ParsedStats::from_json`] does.
#[derive(Debug)]
pub struct StatsReader<'a> {
    columns: &'a [StatsColumn],
    wanted: Wanted,
    values: Values,
    num_records: Int64Builder,
    tight_bounds: BooleanBuilder,
    building: Vec<ColumnBuilder>,
}

impl<'a> StatsReader<'a> {
    /// A reader of about `num_files` texts.
    #[must_use]
    pub fn new(columns: &'a [StatsColumn], num_files: usize) -> StatsReader<'a> {
        StatsReader {
            columns,
            wanted: Wanted::new(columns.iter().map(|column| &column.stored)),
            values: Values::new(columns.len()),
            num_records: Int64Builder::with_capacity(num_files),
            tight_bounds: BooleanBuilder::with_capacity(num_files),
            building: columns.iter().map(|column| ColumnBuilder::new(num_files, column)).collect(),
        }
    }

    /// Reads the next file's text.
    pub fn push(&mut self, text: Option<&str>) {
        let (text, values) = (text.unwrap_or_default(), &mut self.values);
        values.locate(text, &self.wanted);
        self.num_records.append_option(values.num_records(text).and_then(value::count));
        self.tight_bounds.append_option(values.tight_bounds(text).and_then(value::boolean));
        for (at, column) in self.building.iter_mut().enumerate() {
            column.min.push(values.column(text, at, Kind::Min));
            column.max.push(values.column(text, at, Kind::Max));
            column.null_count.append_option(values.column(text, at, Kind::NullCount).and_then(value::count));
        }
    }

    /// What the texts said.
    #[must_use]
    pub fn finish(mut self) -> ParsedStats {
        ParsedStats {
            num_records: self.num_records.finish(),
            tight_bounds: self.tight_bounds.finish(),
            columns: self.columns.iter().zip(self.building).map(|(column, built)| built.finish(column)).collect(),
        }
    }
}

#[derive(Debug)]
struct ColumnBuilder {
    min: Box<dyn BoundBuilder>,
    max: Box<dyn BoundBuilder>,
    null_count: Int64Builder,
}

impl ColumnBuilder {
    fn new(num_files: usize, column: &StatsColumn) -> ColumnBuilder {
        ColumnBuilder {
            min: value::builder(column, Side::Min, num_files),
            max: value::builder(column, Side::Max, num_files),
            null_count: Int64Builder::with_capacity(num_files),
        }
    }

    fn finish(mut self, column: &StatsColumn) -> ColumnStats {
        ColumnStats {
            path: column.path.clone(),
            min: self.min.finish(),
            max: self.max.finish(),
            null_count: self.null_count.finish(),
        }
        .uncrossed()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Array, AsArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array, Int32Array,
    };
    use arrow::array::{StringViewArray, TimestampMicrosecondArray};
    use arrow::datatypes::{DataType, TimeUnit};

    use super::*;

    fn column(data_type: DataType) -> StatsColumn {
        StatsColumn::new(ColumnPath::new(["c"]), data_type)
    }

    fn parse(text: &str, column: &StatsColumn) -> ParsedStats {
        ParsedStats::from_json(&StringArray::from(vec![text]), std::slice::from_ref(column))
    }

    /// Both bounds of a file whose only value is written as `json`.
    fn bounds(json: &str, column: &StatsColumn) -> (ArrayRef, ArrayRef) {
        let text = format!(r#"{{"minValues":{{"c":{json}}},"maxValues":{{"c":{json}}}}}"#);
        let stats = parse(&text, column);
        (Arc::clone(&stats.columns[0].min), Arc::clone(&stats.columns[0].max))
    }

    #[track_caller]
    fn check(json: &str, column: &StatsColumn, min: impl Array, max: impl Array) {
        let (read_min, read_max) = bounds(json, column);
        assert_eq!((read_min.as_ref(), read_max.as_ref()), (&min as &dyn Array, &max as &dyn Array), "{json}");
    }

    #[track_caller]
    fn unknown(data_type: &DataType, texts: &[&str]) {
        for json in texts {
            let (min, max) = bounds(json, &column(data_type.clone()));
            assert!(min.is_null(0) && max.is_null(0), "{json} was read as {data_type}: {min:?} {max:?}");
            assert_eq!((min.data_type(), max.data_type()), (data_type, data_type));
        }
    }

    const MICROSECONDS: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

    fn instants() -> DataType {
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    }

    #[test]
    fn the_counts_are_read_and_absence_is_unknown() {
        let texts = StringArray::from(vec![
            Some(r#" { "numRecords" : 3 , "tightBounds" : false , "nullCount" : { "c" : 1 } } "#),
            Some(r#"{"numRecords":-1,"tightBounds":"yes","nullCount":{"c":-1}}"#),
            Some(r#"{"numRecords":1.5,"nullCount":{"c":{"d":1}}}"#),
            Some("{}"),
            Some(""),
            None,
            Some(r#"{"numRecords":7,"tightBounds":true,"nullCount":{"c":7},"other":[{"}":"\"]"},[]],"x":null}"#),
        ]);
        let stats = ParsedStats::from_json(&texts, &[column(DataType::Int32)]);
        let none = [None; 5];
        let (first, last) = (|v| [&[Some(v)], none.as_slice()].concat(), |v| Some(v));
        assert_eq!(stats.num_records.iter().collect::<Vec<_>>(), [first(3), vec![last(7)]].concat());
        assert_eq!(stats.columns[0].null_count.iter().collect::<Vec<_>>(), [first(1), vec![last(7)]].concat());
        let tight: Vec<_> = stats.tight_bounds.iter().collect();
        assert_eq!(tight, [Some(false), None, None, None, None, None, Some(true)]);
        assert_eq!(stats.num_files(), 7);
    }

    #[test]
    fn a_text_that_is_not_one_object_says_nothing() {
        for text in [
            "[]",
            "1",
            "null",
            "{",
            r#"{"numRecords":1"#,
            r#"{"numRecords":1}x"#,
            r#"{"numRecords":1,}"#,
            r#"{"numRecords":1 2}"#,
            r#"{"numRecords":1}{}"#,
            r#"{numRecords:1}"#,
            r#"{"numRecords":}"#,
            r#"{"numRecords":1,"x":"\"}"#,
            r#"{"numRecords":1,"x":[}"#,
            r#"{"numRecords":1,"minValues":{"c":1}"#,
            r#"{"numRecords":1,"minValues":{"c":1"#,
            r#"{"numRecords":1,"minValues":{"c"#,
            "{\"numRecords\":1,\"x\":\"\\",
        ] {
            let stats = parse(text, &column(DataType::Int32));
            assert!(stats.num_records.is_null(0) && stats.columns[0].min.is_null(0), "{text}");
        }
    }

    #[test]
    fn what_is_said_twice_or_crosses_is_not_believed() {
        let text =
            r#"{"numRecords":1,"numRecords":2,"minValues":{"c":1,"c":2},"maxValues":{"c":9},"maxValues":{"c":8}}"#;
        let stats = parse(text, &column(DataType::Int32));
        assert!(stats.num_records.is_null(0));
        assert!(stats.columns[0].min.is_null(0) && stats.columns[0].max.is_null(0));
        let crossed = parse(r#"{"minValues":{"c":2},"maxValues":{"c":1}}"#, &column(DataType::Int32));
        assert!(crossed.columns[0].min.is_null(0) && crossed.columns[0].max.is_null(0));
    }

    #[test]
    fn names_are_matched_as_json_writes_them_and_by_the_stored_path() {
        let odd = StatsColumn::new(ColumnPath::new(["shown"]), DataType::Int32)
            .stored_as(ColumnPath::new(["col-1", "a.b\"é"]));
        let text =
            r#"{"minValues":{"a.b":1,"col-1":{"a":2,"a.b\"\u00e9":3,"x":{"a.b\"é":4}}},"maxValues":{"col-1":5}}"#;
        let stats = parse(text, &odd);
        let found = stats.column(&ColumnPath::new(["shown"])).unwrap();
        assert_eq!(found.min.as_ref(), &Int32Array::from(vec![3]) as &dyn Array);
        assert!(found.max.is_null(0));
        assert!(stats.column(&ColumnPath::new(["col-1"])).is_none());
    }

    #[test]
    fn a_column_and_its_field_can_both_be_asked_for() {
        let columns = [
            StatsColumn::new(ColumnPath::new(["v"]), DataType::Utf8),
            StatsColumn::new(ColumnPath::new(["v", "x"]), DataType::Int32),
        ];
        let texts = StringArray::from(vec![
            r#"{"minValues":{"v":{"x":1}},"nullCount":{"v":{"x":2}}}"#,
            r#"{"minValues":{"v":"z"},"nullCount":{"v":3}}"#,
        ]);
        let stats = ParsedStats::from_json(&texts, &columns);
        assert_eq!(stats.columns[0].null_count.iter().collect::<Vec<_>>(), [None, Some(3)]);
        assert_eq!(stats.columns[0].min.as_string::<i32>().iter().collect::<Vec<_>>(), [None, Some("z")]);
        assert_eq!(stats.columns[1].null_count.iter().collect::<Vec<_>>(), [Some(2), None]);
    }

    #[test]
    fn integers_are_exact_or_rounded_outwards() {
        let bytes = column(DataType::Int8);
        check("-128", &bytes, Int8Array::from(vec![-128]), Int8Array::from(vec![-128]));
        check("1.2E1", &bytes, Int8Array::from(vec![12]), Int8Array::from(vec![12]));
        check("-1.5", &bytes, Int8Array::from(vec![-2]), Int8Array::from(vec![-1]));
        let (max, longs) = (Int64Array::from(vec![i64::MAX]), column(DataType::Int64));
        check("9223372036854775807", &longs, max.clone(), max);
        unknown(
            &DataType::Int8,
            &["128", "-129", "\"1\"", "true", "null", "[1]", "{}", "1e99", "1e-", "+1", ".5", "1.", "0x1"],
        );
        unknown(&DataType::Int64, &["9223372036854775808", "99999999999999999999999999999999999999999999"]);
    }

    #[test]
    fn decimals_are_exact_or_rounded_outwards() {
        let type_of = |precision, scale| DataType::Decimal128(precision, scale);
        let value =
            |v: i128, precision, scale| Decimal128Array::from(vec![v]).with_data_type(type_of(precision, scale));
        let exact = |json: &str, v, precision, scale| {
            check(json, &column(type_of(precision, scale)), value(v, precision, scale), value(v, precision, scale));
        };
        exact("1E-18", 1, 38, 18);
        exact("-0.0", 0, 10, 2);
        exact("12.3", 1230, 10, 2);
        exact("-12345678901234567890.123456789012345678", -12_345_678_901_234_567_890_123_456_789_012_345_678, 38, 18);
        check("0.001", &column(type_of(5, 2)), value(0, 5, 2), value(1, 5, 2));
        check("-1e-60", &column(type_of(5, 2)), value(-1, 5, 2), value(0, 5, 2));
        unknown(&type_of(5, 2), &["1000.01", "1e99999999999", "\"1\"", "--1", "1e", "1.2.3", "-"]);
    }

    #[test]
    fn floats_have_one_zero_and_no_nan() {
        let (zero, tiny) = (Float64Array::from(vec![0.0]), Float64Array::from(vec![1e-18]));
        let (min, max) = bounds("-0.0", &column(DataType::Float64));
        for bound in [min, max] {
            assert_eq!(
                bound.as_primitive::<arrow::datatypes::Float64Type>().value(0).to_bits(),
                zero.value(0).to_bits()
            );
        }
        check("1E-18", &column(DataType::Float64), tiny.clone(), tiny);
        let float = Float32Array::from(vec![1.1]);
        check("1.100000023841858", &column(DataType::Float32), float.clone(), float.clone());
        check("1.1", &column(DataType::Float32), float.clone(), float);
        for (text, infinity) in [("\"Infinity\"", f64::INFINITY), ("\"-Infinity\"", f64::NEG_INFINITY)] {
            let (double, float) = (Float64Array::from(vec![infinity]), Float32Array::from(vec![infinity as f32]));
            check(text, &column(DataType::Float64), double.clone(), double);
            check(text, &column(DataType::Float32), float.clone(), float);
            unknown(&DataType::Int64, &[text]);
        }
        let none = ["\"NaN\"", "\"infinity\"", "\"+Infinity\"", "1e999", "NaN", "inf", "-inf", "1_0", "\"1\""];
        unknown(&DataType::Float64, &none);
        unknown(&DataType::Float32, &[none.as_slice(), &["3.5e38"]].concat());
    }

    #[test]
    fn float_digits_in_a_column_that_became_double_give_the_hull() {
        let widened = column(DataType::Float64).widened_from(vec![DataType::Float32]);
        check("1.1", &widened, Float64Array::from(vec![1.1]), Float64Array::from(vec![f64::from(1.1_f32)]));
        check("1e300", &widened, Float64Array::from(vec![1e300]), Float64Array::from(vec![1e300]));
    }

    #[test]
    fn dates_are_dates_only() {
        let day = |days| Date32Array::from(vec![days]);
        for (json, days) in [(r#""1970-01-02""#, 1), (r#""1582-10-15""#, -141_427), (r#""+10000-01-01""#, 2_932_897)] {
            check(json, &column(DataType::Date32), day(days), day(days));
        }
        check(r#""0001-01-01""#, &column(DataType::Date32), day(-719_175), day(-719_149));
        unknown(
            &DataType::Date32,
            &[
                "1",
                "\"1970-1-2\"",
                "\"1970-02-30\"",
                "\"1970-01-02T00:00:00\"",
                "\"70-01-01\"",
                "\"0000-12-31\"",
                "\"\"",
                "\"é\"",
            ],
        );
    }

    #[test]
    fn timestamps_need_the_zone_that_their_type_has() {
        let at = |us| TimestampMicrosecondArray::from(vec![us]);
        let zoned = |us| at(us).with_timezone("UTC");
        check("\"1970-01-01T00:00:01.001Z\"", &column(instants()), zoned(1_001_000), zoned(1_001_999));
        check("\"1970-01-01T09:00:01.001001+09:00\"", &column(instants()), zoned(1_001_001), zoned(1_001_001));
        check(
            "\"1970-01-01T00:00:00.0000015-0800\"",
            &column(instants()),
            zoned(28_800_000_001),
            zoned(28_800_000_002),
        );
        check("\"1969-12-31 23:59:59\"", &column(MICROSECONDS), at(-1_000_000), at(-999_001));
        check("\"1970-01-02\"", &column(MICROSECONDS), at(86_400_000_000), at(86_400_000_999));
        check("\"1970-01-01T00:00Z\"", &column(MICROSECONDS), at(0), at(999));
        unknown(&instants(), &["\"1970-01-01T00:00:00\"", "\"1970-01-01\"", "0", "\"1970-01-01T00:00:00+99:00\""]);
        unknown(
            &MICROSECONDS,
            &[
                "\"1970-01-01T00:00:00+01:00\"",
                "\"1970-01-01T24:00:00\"",
                "\"1970-01-01T00:00:60\"",
                "\"1970-01-01T1:00\"",
                "\"1970-01-01T00:00:00.\"",
                "\"1970-01-01T00:00:00 x\"",
                "\"294248-01-01T00:00:00\"",
                "\"1970-01-01X00:00\"",
            ],
        );
    }

    #[test]
    fn strings_are_unescaped_and_cut_ones_are_widened() {
        let text = |value: &str| StringViewArray::from(vec![value]);
        let strings = column(DataType::Utf8View);
        check(r#""a\"\u00e9\n""#, &strings, text("a\"é\n"), text("a\"é\n"));
        let long = "a".repeat(32);
        let json = |text: &str| serde_json::Value::from(text).to_string();
        check(&json(&long), &strings, text(&long), text(&(long.clone() + "\u{10ffff}")));
        check(&json("a\u{fffd}"), &strings, text("a\u{fffd}"), text("a\u{10ffff}"));
        check(&json("a?\u{fffd}"), &strings, text("a?\u{fffd}"), text("a\u{10ffff}"));
        unknown(&DataType::Utf8View, &["1", r#""\ud83d""#, r#""\x""#, "null"]);
    }

    #[test]
    fn types_without_an_order_are_unknown_but_counted() {
        unknown(&DataType::Binary, &["\"a\"", "1"]);
        let stats = parse(r#"{"minValues":{"c":"a"},"nullCount":{"c":2}}"#, &column(DataType::Binary));
        assert_eq!(stats.columns[0].null_count.value(0), 2);
    }
}
