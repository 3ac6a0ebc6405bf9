//! Does a partition value's canonical text stand for the same value?

use lakebed_txlog::partition::{Value, format, parse, to_array, to_repeated_array};
use lakebed_txlog::schema::{DataType, PrimitiveType};

use super::{Memory, Target};

/// A byte that says which type, for decimals two more (precision, scale), and the text.
pub const TARGET: Target = Target { name: "partition_value", run, memory: Memory { base: 1 << 20, per_byte: 256 } };

const TYPES: [PrimitiveType; 12] = [
    PrimitiveType::String,
    PrimitiveType::Long,
    PrimitiveType::Integer,
    PrimitiveType::Short,
    PrimitiveType::Byte,
    PrimitiveType::Float,
    PrimitiveType::Double,
    PrimitiveType::Boolean,
    PrimitiveType::Binary,
    PrimitiveType::Date,
    PrimitiveType::Timestamp,
    PrimitiveType::TimestampNtz,
];

fn run(input: &[u8]) {
    let Some((data_type, text)) = typed(input) else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let column = DataType::Primitive(data_type);
    let parsed = parse(data_type, text);
    let array = to_array(&column, [Some(text), None, Some(text)]);
    assert_eq!(parsed.is_ok(), array.is_ok(), "{data_type} {text:?}: as a value and as a column");
    let (Ok(parsed), Ok(array)) = (parsed, array) else { return };
    assert_eq!(array.data_type(), &data_type.to_arrow());
    assert!(array.is_null(1) && array.is_null(0) == parsed.is_none());
    let repeated = to_repeated_array(&column, Some(text), 3).expect("as one");
    assert_eq!(repeated.null_count(), if parsed.is_none() { 3 } else { 0 });
    let Some(value) = parsed else { return };
    let canonical = format(&array, 2).expect("what was read can be written").expect("it isn't null");
    let again = parse(data_type, &canonical).expect("what was written can be read").expect("it isn't null");
    assert!(same(&again, &value), "{data_type} {text:?}: {value:?}, and as {canonical:?} {again:?}");
    let array = to_array(&column, [Some(canonical.as_str())]).expect("as a value");
    assert_eq!(format(&array, 0).expect("again").as_deref(), Some(canonical.as_str()), "{data_type} {text:?}");
}

fn typed(input: &[u8]) -> Option<(PrimitiveType, &[u8])> {
    let (kind, rest) = input.split_first()?;
    if let Some(data_type) = TYPES.get(usize::from(*kind)) {
        return Some((*data_type, rest));
    }
    let ([precision, scale], text) = rest.split_first_chunk::<2>()?;
    let precision = 1 + precision % 38;
    Some((PrimitiveType::Decimal { precision, scale: scale % (precision + 1) }, text))
}

/// Every NaN is one.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
        (Value::Double(a), Value::Double(b)) => a == b || (a.is_nan() && b.is_nan()),
        _ => a == b,
    }
}
