//! Do bounds stay bounds when other writers cut and round them as they do?

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, StringArray, TimestampMicrosecondArray};
use arrow::compute::kernels::cmp;
use arrow::datatypes::{DataType, TimeUnit};
use lakebed_txlog::schema::ColumnPath;
use lakebed_txlog::stats::{ParsedStats, StatsColumn};
use proptest::prelude::*;

/// The bounds that a file gets which holds one value, written as `json` by another engine.
fn bounds(json: &str, column: &StatsColumn) -> (ArrayRef, ArrayRef) {
    let text =
        format!(r#"{{"numRecords":1,"minValues":{{"c":{json}}},"maxValues":{{"c":{json}}},"nullCount":{{"c":0}}}}"#);
    bounds_of(&text, column)
}

fn bounds_of(text: &str, column: &StatsColumn) -> (ArrayRef, ArrayRef) {
    let parsed = ParsedStats::from_json(&StringArray::from(vec![text]), std::slice::from_ref(column));
    (Arc::clone(&parsed.columns[0].min), Arc::clone(&parsed.columns[0].max))
}

fn column(data_type: DataType) -> StatsColumn {
    StatsColumn::new(ColumnPath::new(["c"]), data_type)
}

/// Both bounds are known and hold the value.
fn hold(bounds: &(ArrayRef, ArrayRef), value: &dyn Array) {
    let ((min, max), value) = (bounds, value.slice(0, 1));
    assert!(min.is_valid(0) && max.is_valid(0), "unknown: {min:?} {max:?}");
    assert!(cmp::lt_eq(min, &value).unwrap().value(0), "{min:?} is above {value:?}");
    assert!(cmp::gt_eq(max, &value).unwrap().value(0), "{max:?} is below {value:?}");
}

/// As Spark cuts strings before Delta 2: 32 UTF-16 units, then what is at least U+FFFD, then U+FFFD. A lone surrogate
/// becomes `?` on the way to UTF-8.
fn cut_by_old_spark(text: &str) -> (String, String) {
    let units: Vec<u16> = text.encode_utf16().collect();
    if units.len() <= 32 {
        return (text.to_owned(), text.to_owned());
    }
    let (head, tail) = units.split_at(32);
    let mut max = head.to_vec();
    max.extend(tail.iter().take_while(|unit| **unit >= 0xfffd));
    max.push(0xfffd);
    let written = |units: &[u16]| char::decode_utf16(units.iter().copied()).map(|c| c.unwrap_or('?')).collect();
    (written(head), written(&max))
}

/// Without U+10FFFF, which isn't a character that texts hold: no string is above all that start with it.
fn text() -> impl Strategy<Value = String> {
    let char = prop_oneof![Just('a'), Just('?'), Just('\u{7f}'), Just('\u{fffd}'), Just('😀'), any::<char>()];
    prop::collection::vec(char, 0..70).prop_map(|chars| chars.into_iter().filter(|c| *c != char::MAX).collect())
}

proptest! {
    #[test]
    fn strings_cut_by_old_spark_stay_bounds(text in text()) {
        let (min, max) = cut_by_old_spark(&text);
        let json = serde_json::json!({"minValues": {"c": min}, "maxValues": {"c": max}}).to_string();
        hold(&bounds_of(&json, &column(DataType::Utf8)), &StringArray::from(vec![text]));
    }

    #[test]
    fn strings_cut_without_a_tie_breaker_stay_bounds(text in text(), length in 32_usize..64) {
        let cut = serde_json::Value::from(text.chars().take(length).collect::<String>()).to_string();
        hold(&bounds(&cut, &column(DataType::Utf8View)), &arrow::array::StringViewArray::from(vec![text]));
    }

    #[test]
    fn decimals_through_a_double_stay_bounds(unscaled in any::<i128>(), digits in 1_u32..=38, scale in 0_u8..=22) {
        let precision = u8::try_from(digits).unwrap().max(scale).max(1);
        let unscaled = unscaled % 10_i128.pow(precision.into());
        let data_type = DataType::Decimal128(precision, i8::try_from(scale).unwrap());
        #[expect(clippy::cast_precision_loss, reason = "what delta-rs does")]
        let double = unscaled as f64 / 10_f64.powi(scale.into());
        let json = serde_json::Value::from(double).to_string();
        let array = Decimal128Array::from(vec![unscaled]).with_data_type(data_type.clone());
        hold(&bounds(&json, &column(data_type)), &array);
    }

    #[test]
    fn timestamps_cut_to_milliseconds_stay_bounds(us in -62_135_596_800_000_000..253_402_300_800_000_000_i64) {
        let time = chrono::DateTime::from_timestamp_micros(us).unwrap();
        let ntz = column(DataType::Timestamp(TimeUnit::Microsecond, None));
        let value = TimestampMicrosecondArray::from(vec![us]);
        for format in ["\"%Y-%m-%dT%H:%M:%S%.3f\"", "\"%Y-%m-%d %H:%M:%S%.3f\"", "\"%Y-%m-%dT%H:%M:%S%.6fZ\""] {
            hold(&bounds(&time.format(format).to_string(), &ntz), &value);
        }
        let zoned = column(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
        let value = value.with_timezone("UTC");
        hold(&bounds(&time.format("\"%Y-%m-%dT%H:%M:%S%.3fZ\"").to_string(), &zoned), &value);
        let tokyo = time.with_timezone(&chrono::FixedOffset::east_opt(9 * 3_600).unwrap());
        hold(&bounds(&tokyo.format("\"%Y-%m-%dT%H:%M:%S%.3f%:z\"").to_string(), &zoned), &value);
    }

    #[test]
    fn floats_printed_before_the_column_became_double_stay_bounds(value in any::<f32>()) {
        prop_assume!(value.is_finite());
        let json = format!("{value:?}");
        let widened = column(DataType::Float64).widened_from(vec![DataType::Float32]);
        hold(&bounds(&json, &widened), &Float64Array::from(vec![f64::from(value) + 0.0]));
    }

    #[test]
    fn damaged_statistics_do_no_harm(mut text in text(), at in any::<prop::sample::Index>(), byte in any::<char>()) {
        let whole = r#"{"numRecords":1,"minValues":{"c":1e5,"t":"2024-01-01T00:00:00.000Z"},"maxValues":{"c":-12.5,"t":"x\u00"}}"#;
        let columns = [column(DataType::Int32), column(DataType::Decimal128(5, 2)), column(DataType::Date32),
            column(DataType::Timestamp(TimeUnit::Microsecond, None)), column(DataType::Utf8), column(DataType::Binary)];
        let mut damaged: Vec<char> = whole.chars().collect();
        *at.get_mut(&mut damaged) = byte;
        let damaged: String = damaged.into_iter().collect();
        let cut: String = damaged.chars().take(at.index(whole.len())).collect();
        text.push_str(&cut);
        for stats in [damaged.as_str(), cut.as_str(), text.as_str()] {
            let parsed = ParsedStats::from_json(&StringArray::from(vec![stats]), &columns);
            prop_assert_eq!(parsed.num_files(), 1);
        }
        // A text that breaks off says nothing at all.
        let parsed = ParsedStats::from_json(&StringArray::from(vec![cut.as_str()]), &columns);
        prop_assert!(parsed.num_records.is_null(0));
        prop_assert!(parsed.columns.iter().all(|c| c.min.is_null(0) && c.max.is_null(0)));
        prop_assert!(parsed.columns[4].min.as_string::<i32>().is_null(0));
    }
}
