//! Are these the protocol and the metadata that a spec expects?

use lakebed_txlog::action::{Metadata, Protocol};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::check::Checked;

const PROTOCOL: [&str; 4] = ["minReaderVersion", "minWriterVersion", "readerFeatures", "writerFeatures"];
const METADATA: [&str; 8] =
    ["id", "name", "description", "format", "schemaString", "partitionColumns", "configuration", "createdTime"];

/// Notes where our protocol differs from the expected one; features are sets. The first field that nobody knows.
pub(super) fn protocol(ours: &Protocol, wanted: &Map<String, Value>, checked: &mut Checked) -> Option<String> {
    compare("protocol", &PROTOCOL, ours, wanted, checked)
}

/// Notes where our metadata differs from the expected one; schemas are JSON. The first field that nobody knows.
pub(super) fn metadata(ours: &Metadata, wanted: &Map<String, Value>, checked: &mut Checked) -> Option<String> {
    compare("metadata", &METADATA, ours, wanted, checked)
}

/// Compares the fields that are expected.
fn compare(
    what: &str,
    known: &[&str],
    ours: &impl Serialize,
    wanted: &Map<String, Value>,
    checked: &mut Checked,
) -> Option<String> {
    let ours = serde_json::to_value(ours).unwrap();
    let mut unknown = None;
    for (name, wanted) in wanted {
        if !known.contains(&name.as_str()) {
            unknown.get_or_insert_with(|| name.clone());
            continue;
        }
        let (ours, wanted) = (plain(name, ours.get(name)), plain(name, Some(wanted)));
        if ours != wanted {
            checked.wrong(format!("{name} of {what} is {ours} instead of {wanted}"));
        }
    }
    unknown
}

/// A value in the form in which it is compared: what is absent, `null` and empty says the same.
fn plain(name: &str, value: Option<&Value>) -> Value {
    match (name, value) {
        ("readerFeatures" | "writerFeatures", Some(Value::Array(features))) if !features.is_empty() => {
            let mut features = features.clone();
            features.sort_by_key(Value::to_string);
            Value::Array(features)
        }
        ("schemaString", Some(Value::String(text))) => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
        }
        ("format", Some(Value::Object(format))) => {
            let options = format.get("options").filter(|options| options.as_object().is_some_and(|o| !o.is_empty()));
            Value::Array(vec![
                format.get("provider").cloned().unwrap_or_default(),
                options.cloned().unwrap_or_default(),
            ])
        }
        (_, Some(Value::Array(values))) if values.is_empty() => Value::Null,
        (_, Some(Value::Object(values))) if values.is_empty() => Value::Null,
        (_, value) => value.cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences(wanted: Value) -> (Vec<String>, Option<String>) {
        let ours = Protocol {
            min_reader_version: 3,
            min_writer_version: 7,
            reader_features: Some(vec!["b".to_owned(), "a".to_owned()]),
            writer_features: None,
        };
        let mut checked = Checked::default();
        let Value::Object(wanted) = wanted else { panic!("{wanted}") };
        let unknown = protocol(&ours, &wanted, &mut checked);
        let texts = checked.problems.iter().map(|problem| format!("{problem:?}")).collect();
        (texts, unknown)
    }

    #[test]
    fn features_are_sets_and_an_empty_one_is_none() {
        let same = json!({"minReaderVersion": 3, "readerFeatures": ["a", "b"], "writerFeatures": []});
        assert_eq!(differences(same), (vec![], None));
        let (differ, _) = differences(json!({"minReaderVersion": 1, "readerFeatures": ["a"]}));
        assert_eq!(differ.len(), 2, "{differ:?}");
        assert_eq!(differences(json!({"minReaderVersion": 3, "era": 1})), (vec![], Some("era".to_owned())));
    }

    #[test]
    fn schemas_are_compared_as_json_and_the_rest_as_it_stands() {
        let ours = Metadata {
            id: "x".to_owned(),
            schema_string: r#"{"type":"struct","fields":[]}"#.to_owned(),
            created_time: Some(5),
            ..Metadata::default()
        };
        let differences = |wanted: Value| {
            let mut checked = Checked::default();
            let Value::Object(wanted) = wanted else { panic!("{wanted}") };
            assert_eq!(metadata(&ours, &wanted, &mut checked), None);
            checked.problems.len()
        };
        let same = json!({
            "id": "x", "schemaString": "{\"fields\": [], \"type\": \"struct\"}", "createdTime": 5, "name": null,
            "format": {"provider": "parquet"}, "partitionColumns": [], "configuration": {},
        });
        assert_eq!(differences(same), 0);
        assert_eq!(differences(json!({"schemaString": "{\"type\":\"struct\",\"fields\":[1]}"})), 1);
        assert_eq!(differences(json!({"id": "y", "createdTime": 6, "configuration": {"a": "b"}})), 3);
    }
}
