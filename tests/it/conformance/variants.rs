//! What does a variant say, in the corpus's canonical JSON?
//!
//! Keys sorted, no spaces, numbers without a fraction that is zero, binary values as base64, dates and times as Python
//! writes them (`tests/corpus/README.md`).

use arrow::array::{Array, AsArray, StructArray};
use arrow::datatypes::DataType;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parquet_variant::Variant;

/// The canonical JSON of a row, where the structs are variants.
pub(super) fn canonical(array: &StructArray, row: usize) -> Option<String> {
    let names = ["metadata", "value"];
    let is_variant = array.fields().len() == names.len()
        && names.iter().all(|name| array.column_by_name(name).is_some_and(|c| *c.data_type() == DataType::Binary));
    is_variant.then(|| {
        let [metadata, value] = names.map(|name| array.column_by_name(name).unwrap().as_binary::<i32>().value(row));
        json(&Variant::try_new(metadata, value).unwrap())
    })
}

fn json(variant: &Variant<'_, '_>) -> String {
    match variant {
        Variant::Null => "null".to_owned(),
        Variant::BooleanTrue => "true".to_owned(),
        Variant::BooleanFalse => "false".to_owned(),
        Variant::Int8(number) => number.to_string(),
        Variant::Int16(number) => number.to_string(),
        Variant::Int32(number) => number.to_string(),
        Variant::Int64(number) => number.to_string(),
        Variant::Float(number) => f64::from(*number).to_string(),
        Variant::Double(number) => number.to_string(),
        Variant::Decimal4(decimal) => trimmed(&decimal.to_string()),
        Variant::Decimal8(decimal) => trimmed(&decimal.to_string()),
        Variant::Decimal16(decimal) => trimmed(&decimal.to_string()),
        Variant::Date(date) => quoted(&date.format("%Y-%m-%d").to_string()),
        Variant::TimestampMicros(time) | Variant::TimestampNanos(time) => {
            quoted(&time.format("%Y-%m-%d %H:%M:%S%.6f%:z").to_string())
        }
        Variant::TimestampNtzMicros(time) | Variant::TimestampNtzNanos(time) => {
            quoted(&time.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
        }
        Variant::Time(time) => quoted(&time.format("%H:%M:%S%.6f").to_string()),
        Variant::Binary(bytes) => quoted(&STANDARD.encode(bytes)),
        Variant::String(text) => quoted(text),
        Variant::ShortString(text) => quoted(text),
        Variant::Uuid(id) => quoted(&id.to_string()),
        Variant::Object(object) => {
            let mut fields: Vec<(&str, String)> = object.iter().map(|(name, value)| (name, json(&value))).collect();
            fields.sort();
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Variant::List(list) => {
            let values: Vec<String> = list.iter().map(|value| json(&value)).collect();
            format!("[{}]", values.join(","))
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn trimmed(decimal: &str) -> String {
    if decimal.contains('.') {
        decimal.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        decimal.to_owned()
    }
}
