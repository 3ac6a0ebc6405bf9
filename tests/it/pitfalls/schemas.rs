//! Are schemas kept as they are, and column names unique (D8, L7)?

use std::fs;

use lakebed_txlog::ErrorKind;
use lakebed_txlog::action::{Action, Metadata, Protocol, parse_lines};
use lakebed_txlog::name::LogName;
use lakebed_txlog::protocol::{Profile, for_new_table};
use lakebed_txlog::schema::{DataType, StructField, StructType, merge};
use serde_json::Value;

use super::corpus::{Case, cases};

/// Every `metaData` and `protocol` in the commits that can be read.
pub(super) fn table_actions(case: &Case) -> (Vec<Metadata>, Vec<Protocol>) {
    let (mut metadata, mut protocols) = (Vec::new(), Vec::new());
    for name in case.log_names() {
        if !matches!(LogName::parse(&name), LogName::Commit { .. }) {
            continue;
        }
        let bytes = fs::read(case.table().join("_delta_log").join(name)).unwrap();
        for action in parse_lines(&bytes).unwrap_or_default() {
            match action {
                Action::Metadata(found) => metadata.push(found),
                Action::Protocol(found) => protocols.push(found),
                _ => {}
            }
        }
    }
    (metadata, protocols)
}

#[test]
fn l7_every_schema_of_every_writer_survives_to_the_last_digit() {
    let mut read = 0;
    for case in cases("l7") {
        for metadata in table_actions(&case).0 {
            let schema =
                StructType::from_json(&metadata.schema_string).unwrap_or_else(|e| panic!("{}: {e}", case.name));
            let written = schema.to_json();
            let as_value = |json: &str| serde_json::from_str::<Value>(json).unwrap();
            assert_eq!(as_value(&written), as_value(&metadata.schema_string), "{}", case.name);
            assert_eq!(StructType::from_json(&written).unwrap(), schema, "{}", case.name);
            if let Ok(arrow) = schema.to_arrow() {
                assert_eq!(StructType::from_arrow(&arrow).unwrap(), schema, "{}", case.name);
            }
            read += 1;
        }
    }
    assert!(read == 0 || read > 500, "only {read} schemas");
}

#[test]
fn l7_a_number_of_the_metadata_does_not_pass_through_a_float() {
    let json = concat!(
        r#"{"type":"struct","fields":[{"name":"a","type":"long","nullable":true,"#,
        r#""metadata":{"delta.identity.highWaterMark":999999999999999999,"n":12345678901234567890123}}]}"#
    );
    let schema = StructType::from_json(json).unwrap();
    assert_eq!(schema.to_json(), json);
    assert_eq!(schema.fields()[0].metadata.integer("delta.identity.highWaterMark"), Some(999_999_999_999_999_999));
}

#[test]
fn d8_names_that_differ_in_case_only_are_refused_on_every_change() {
    let columns =
        |names: &[&str]| StructType::new(names.iter().map(|name| StructField::nullable(*name, DataType::LONG)));
    let nested = |names: &[&str]| StructType::new([StructField::nullable("s", DataType::array(columns(names).into()))]);
    for schema in [columns(&["a", "A"]), nested(&["Straße", "STRAßE"])] {
        let refused = for_new_table(Profile::Standard, &schema, &Default::default()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidRequest);
        assert!(merge(&columns(&["x"]), &schema).is_err());
        assert!(StructType::from_json(&schema.to_json()).is_ok(), "what another left so stays readable");
    }
    // The same name in another case is the same column.
    assert_eq!(merge(&columns(&["a"]), &columns(&["A"])).unwrap(), columns(&["a"]));
}
