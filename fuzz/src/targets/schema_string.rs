//! Is a schema that was parsed printed as one that is the same, and within its bounds?

use lakebed_txlog::limits::{MAX_SCHEMA_DEPTH, MAX_SCHEMA_FIELDS};
use lakebed_txlog::schema::{DataType, StructType};

use super::{Memory, Target};

/// The text of `metaData.schemaString`.
pub const TARGET: Target = Target { name: "schema_string", run, memory: Memory { base: 4 << 20, per_byte: 2 << 10 } };

fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(schema) = StructType::from_json(text) else { return };
    let printed = schema.to_json();
    let again = StructType::from_json(&printed).expect("what was printed parses");
    assert_eq!(again, schema);
    assert_eq!(again.to_json(), printed);
    let mut fields = 0;
    schema.any_field(&mut |_| {
        fields += 1;
        false
    });
    assert!(fields <= MAX_SCHEMA_FIELDS);
    let whole = DataType::from(schema.clone());
    assert!(depth(&whole) <= MAX_SCHEMA_DEPTH + 1);
    let _ = whole.to_string();
    let _ = schema.check_unique_names();
    let (arrow, again) = (schema.to_arrow(), again.to_arrow());
    assert_eq!(arrow.is_ok(), again.is_ok());
    if let (Ok(arrow), Ok(again)) = (arrow, again) {
        assert_eq!(arrow, again);
        assert_eq!(arrow.fields().len(), schema.len());
    }
}

fn depth(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(inner) => 1 + inner.fields().iter().map(|field| depth(&field.data_type)).max().unwrap_or(0),
        DataType::Array(array) => 1 + depth(&array.element_type),
        DataType::Map(map) => 1 + depth(&map.key_type).max(depth(&map.value_type)),
        DataType::Primitive(_) | DataType::Unknown(_) => 1,
    }
}
