//! What does a workload spec ask for?
//!
//! A spec is a JSON object with a `type`. Names of fields come in `camelCase` and in `snake_case`. Types and fields that
//! aren't known here are named, never passed over: a spec with one asks for something that nothing here would look at.

use chrono::{DateTime, NaiveDateTime, Utc};
use lakebed_txlog::TimestampMs;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A spec that can be asked.
#[derive(Debug, PartialEq)]
pub(super) struct Spec {
    pub(super) at: At,
    pub(super) ask: Ask,
    /// The code of the error that it has to be answered with.
    pub(super) error: Option<String>,
}

/// Which version it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum At {
    Newest,
    /// As written: upstream's specs ask for negative ones too, which no table has.
    Version(i64),
    Time(TimestampMs),
}

/// What it asks for, and what the answer has to be where it says so.
#[derive(Debug, PartialEq)]
pub(super) enum Ask {
    /// The rows for which a condition is true, all columns or some.
    Read { predicate: Option<String>, columns: Option<Vec<String>>, expected: Option<Counts> },
    /// The live files without their rows.
    Files,
    /// Protocol and metadata.
    Snapshot { expected: Option<State> },
    /// How far an application has come.
    Txn { app_id: String, version: i64, last_updated: Option<i64> },
    /// A domain's configuration; nothing where it is removed.
    Domain { domain: String, configuration: Option<String> },
}

/// How much a read finds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) row_count: Option<u64>,
    /// Files that are left after skipping.
    pub(super) file_count: Option<u64>,
    /// Files that skipping leaves out.
    pub(super) files_skipped: Option<u64>,
}

/// The actions as the log should have them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) protocol: Option<Map<String, Value>>,
    pub(super) metadata: Option<Map<String, Value>>,
}

/// Why a spec isn't asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reject {
    /// It asks for something that nothing here answers.
    NotYet(String),
    /// It isn't a spec.
    Malformed(String),
}

/// Reads a spec.
pub(super) fn parse(text: &str) -> Result<Spec, Reject> {
    let mut fields = Fields::of(serde_json::from_str(text).map_err(|e| malformed(&e))?, "the spec")?;
    let kind: String = fields.need("type")?;
    for told in ["name", "description", "tags"] {
        fields.take::<Value>(told)?;
    }
    let at = at(&mut fields)?;
    let error = error(&mut fields)?;
    let ask = match kind.as_str() {
        "read" => read(&mut fields)?,
        "snapshot" | "snapshotConstruction" | "snapshot_construction" => {
            Ask::Snapshot { expected: fields.object("expected")?.map(state).transpose()? }
        }
        "txn" => txn(fields.needed_object("expected")?)?,
        "domainMetadata" | "domain_metadata" => domain(fields.needed_object("expected")?)?,
        other => return Err(Reject::NotYet(format!("type {other:?}"))),
    };
    fields.end()?;
    Ok(Spec { at, ask, error })
}

fn at(fields: &mut Fields) -> Result<At, Reject> {
    let (version, time): (Option<i64>, Option<String>) = (fields.take("version")?, fields.take("timestamp")?);
    match (version, time) {
        (None, None) => Ok(At::Newest),
        (Some(version), None) => Ok(At::Version(version)),
        (None, Some(time)) => match instant(&time) {
            Some(time) => Ok(At::Time(time)),
            None => Err(Reject::NotYet(format!("timestamp {time:?}"))),
        },
        (Some(_), Some(_)) => Err(Reject::Malformed("both a version and a timestamp".to_owned())),
    }
}

/// A time with its zone, or without one in UTC.
fn instant(text: &str) -> Option<TimestampMs> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc));
    let plain = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
    let time = zoned.ok().or_else(|| {
        plain.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).map(|time| time.and_utc())
    })?;
    Some(TimestampMs(time.timestamp_millis()))
}

fn error(fields: &mut Fields) -> Result<Option<String>, Reject> {
    let Some(mut error) = fields.object("error")? else { return Ok(None) };
    let code = error.need("errorCode")?;
    error.take::<Value>("errorMessage")?; // Spark's words
    error.end()?;
    Ok(Some(code))
}

fn read(fields: &mut Fields) -> Result<Ask, Reject> {
    let (predicate, columns) = (fields.take("predicate")?, fields.take("columns")?);
    let expected = fields.object("expected")?.map(counts).transpose()?;
    match fields.take::<String>("operationType")?.as_deref() {
        None | Some("read_data" | "readData") => Ok(Ask::Read { predicate, columns, expected }),
        Some("read_metadata" | "readMetadata") if (&predicate, &columns, expected) == (&None, &None, None) => {
            Ok(Ask::Files)
        }
        Some(other) => Err(Reject::NotYet(format!("operation_type {other:?}"))),
    }
}

fn counts(mut fields: Fields) -> Result<Counts, Reject> {
    let counts = Counts {
        row_count: fields.take("rowCount")?,
        file_count: fields.take("fileCount")?,
        files_skipped: fields.take("filesSkipped")?,
    };
    fields.end().map(|()| counts)
}

fn state(mut fields: Fields) -> Result<State, Reject> {
    let state = State { protocol: fields.take("protocol")?, metadata: fields.take("metadata")? };
    fields.end().map(|()| state)
}

fn txn(mut fields: Fields) -> Result<Ask, Reject> {
    let (app_id, last_updated) = (fields.need("appId")?, fields.take("lastUpdated")?);
    let txn = Ask::Txn { app_id, version: fields.need("txnVersion")?, last_updated };
    fields.end().map(|()| txn)
}

fn domain(mut fields: Fields) -> Result<Ask, Reject> {
    let domain = fields.need("domain")?;
    let configuration: Option<String> = fields.take("configuration")?;
    let removed = fields.take::<bool>("removed")?.unwrap_or(false);
    if configuration.is_none() && !removed {
        return Err(Reject::Malformed("a domain without a configuration that isn't removed".to_owned()));
    }
    let domain = Ask::Domain { domain, configuration: configuration.filter(|_| !removed) };
    fields.end().map(|()| domain)
}

/// The fields of an object that nobody has looked at, by their names in `camelCase`.
struct Fields {
    of: String,
    left: Map<String, Value>,
}

impl Fields {
    fn of(value: Value, of: &str) -> Result<Fields, Reject> {
        match value {
            Value::Object(fields) => {
                let left = fields.into_iter().map(|(name, value)| (camel(&name), value)).collect();
                Ok(Fields { of: of.to_owned(), left })
            }
            other => Err(Reject::Malformed(format!("{of} is {other} instead of an object"))),
        }
    }

    /// A field's value; nothing where it is `null` or absent.
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Reject> {
        match self.left.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value)
                .map(Some)
                .map_err(|e| Reject::Malformed(format!("field {name:?} of {}: {e}", self.of))),
        }
    }

    fn need<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Reject> {
        self.take(name)?.ok_or_else(|| Reject::Malformed(format!("{} has no field {name:?}", self.of)))
    }

    fn object(&mut self, name: &str) -> Result<Option<Fields>, Reject> {
        self.take(name)?.map(|value| Fields::of(value, name)).transpose()
    }

    fn needed_object(&mut self, name: &str) -> Result<Fields, Reject> {
        Fields::of(self.need(name)?, name)
    }

    /// Names what is left.
    fn end(&self) -> Result<(), Reject> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(Reject::NotYet(format!("field {name:?} of {}", self.of))),
        }
    }
}

fn malformed(error: &serde_json::Error) -> Reject {
    Reject::Malformed(error.to_string())
}

/// `snake_case` in `camelCase`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut out, word| {
        let mut letters = word.chars();
        out.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        out.push_str(letters.as_str());
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Spec {
        parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"))
    }

    fn not_yet(text: &str) -> String {
        match parse(text) {
            Err(Reject::NotYet(what)) => what,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_read_says_where_and_what() {
        let read = |predicate, columns, expected| Ask::Read { predicate, columns, expected };
        let plain = asked(r#"{"type": "read"}"#);
        assert_eq!(plain, Spec { at: At::Newest, ask: read(None, None, None), error: None });
        let full = asked(
            r#"{"type": "read", "name": "x", "version": 5, "predicate": "id > 1", "columns": ["id", "name"],
                "expected": {"rowCount": 3, "fileCount": 2, "filesSkipped": 1}}"#,
        );
        let counts = Counts { row_count: Some(3), file_count: Some(2), files_skipped: Some(1) };
        let columns = Some(vec!["id".to_owned(), "name".to_owned()]);
        assert_eq!(
            full,
            Spec { at: At::Version(5), ask: read(Some("id > 1".to_owned()), columns, Some(counts)), error: None }
        );
        let snake = asked(r#"{"type": "read", "expected": {"row_count": 3}, "version": null}"#);
        let counts = Counts { row_count: Some(3), ..Counts::default() };
        assert_eq!(snake, Spec { at: At::Newest, ask: read(None, None, Some(counts)), error: None });
        assert_eq!(asked(r#"{"type": "read", "operation_type": "read_metadata"}"#).ask, Ask::Files);
        let error = asked(r#"{"type": "read", "version": -1, "error": {"error_code": "X", "error_message": "no"}}"#);
        assert_eq!((error.at, error.error.as_deref()), (At::Version(-1), Some("X")));
    }

    #[test]
    fn a_time_is_in_utc_unless_it_says_so() {
        let time = |text: &str| asked(&format!(r#"{{"type": "snapshot", "timestamp": "{text}"}}"#)).at;
        // 2024-02-29 00:00 in UTC is day 19782.
        let at = |ms: i64| At::Time(TimestampMs(19_782 * 86_400_000 + ms));
        assert_eq!(time("2024-02-29 00:00:01"), at(1000));
        assert_eq!(time("2024-02-29 00:00:01.25"), at(1250));
        assert_eq!(time("2024-02-29T00:00:01.250"), at(1250));
        assert_eq!(time("2024-02-29T00:00:01.250Z"), at(1250));
        assert_eq!(time("2024-02-29T01:00:01+01:00"), at(1000));
        assert_eq!(not_yet(r#"{"type": "read", "timestamp": "yesterday"}"#), "timestamp \"yesterday\"");
    }

    #[test]
    fn a_snapshot_goes_by_three_names() {
        for name in ["snapshot", "snapshotConstruction", "snapshot_construction"] {
            let spec = asked(&format!(
                r#"{{"type": "{name}", "expected": {{"protocol": {{"minReaderVersion": 1}}, "metadata": {{}}}}}}"#
            ));
            let Ask::Snapshot { expected: Some(state) } = spec.ask else { panic!("{spec:?}") };
            assert_eq!(state.protocol.unwrap()["minReaderVersion"], 1);
            assert!(state.metadata.unwrap().is_empty());
        }
    }

    #[test]
    fn a_txn_and_a_domain_say_what_they_expect() {
        let txn = asked(r#"{"type": "txn", "version": 2, "expected": {"appId": "a", "txn_version": 7}}"#);
        assert_eq!(txn.ask, Ask::Txn { app_id: "a".to_owned(), version: 7, last_updated: None });
        let domain =
            |rest: &str| asked(&format!(r#"{{"type": "domain_metadata", "expected": {{"domain": "d"{rest}}}}}"#));
        let is = |configuration: Option<&str>| Ask::Domain {
            domain: "d".to_owned(),
            configuration: configuration.map(str::to_owned),
        };
        assert_eq!(domain(r#", "configuration": "c", "removed": false"#).ask, is(Some("c")));
        assert_eq!(domain(r#", "configuration": "", "removed": true"#).ask, is(None));
    }

    #[test]
    fn what_nobody_would_look_at_is_named() {
        assert_eq!(not_yet(r#"{"type": "write", "commits": []}"#), "type \"write\"");
        assert_eq!(not_yet(r#"{"type": "cdf", "startVersion": 0}"#), "type \"cdf\"");
        assert_eq!(not_yet(r#"{"type": "read", "limit_to": 3}"#), "field \"limitTo\" of the spec");
        assert_eq!(not_yet(r#"{"type": "read", "expected": {"rowCount": 1, "sum": 2}}"#), "field \"sum\" of expected");
        assert_eq!(not_yet(r#"{"type": "read", "error": {"errorCode": "X", "at": 1}}"#), "field \"at\" of error");
        assert_eq!(not_yet(r#"{"type": "read", "operation_type": "warm"}"#), "operation_type \"warm\"");
    }

    #[test]
    fn what_is_no_spec_is_malformed() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"type": 1}"#,
            r#"{"type": "read", "version": "one"}"#,
            r#"{"type": "read", "version": 1, "timestamp": "2024-02-29 00:00:01"}"#,
            r#"{"type": "read", "expected": 3}"#,
            r#"{"type": "read", "error": {}}"#,
            r#"{"type": "txn", "expected": {"appId": "a"}}"#,
            r#"{"type": "txn"}"#,
            r#"{"type": "domainMetadata", "expected": {"domain": "d"}}"#,
        ] {
            assert!(matches!(parse(text), Err(Reject::Malformed(_))), "{text}: {:?}", parse(text));
        }
    }
}
