//! What do nine engines that people use make of our tables? Each is started once per test process, on first use.
//!
//! ```ignore
//! let rows = interop::rows(folder, "plain", &batches);               // what everyone has to return
//! interop::everyone_reads("types", &[Table::newest("plain", url, rows)]);
//! let Some(spark) = interop::spark("spark_deletes_what_we_wrote") else { return };
//! spark.sql("DELETE FROM delta.`…` WHERE id = 1");
//! ```

mod demo;
mod engine;
mod history;
pub(crate) mod hold;
mod matrix;
mod refusals;
pub(crate) mod samples;
mod turns;
mod twin;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

pub(crate) use engine::{Appended, Engine};
use engine::{Failure, Level};
use refusals::Outcome;

use crate::{machine, s3};

/// A table, or one of its versions, and the rows that everyone has to return for it, in any order.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Stands in messages and in the table of refusals.
    pub(crate) name: String,
    /// `s3://…`, or the absolute path of a folder.
    pub(crate) url: String,
    pub(crate) at: At,
    /// A Parquet file that wasn't written by the engine under test: see [`rows`].
    pub(crate) rows: PathBuf,
}

/// Which version of a table is read.
#[derive(Clone, Debug)]
pub(crate) enum At {
    Newest,
    Version(u64),
    /// ISO 8601 with zone.
    Timestamp(String),
}

impl Table {
    pub(crate) fn newest(name: &str, url: impl Into<String>, rows: PathBuf) -> Table {
        Table { name: name.to_owned(), url: url.into(), at: At::Newest, rows }
    }

    fn request(&self) -> Value {
        let mut out = json!({"op": "read", "table": self.url});
        match &self.at {
            At::Newest => {}
            At::Version(version) => out["version"] = json!(version),
            At::Timestamp(timestamp) => out["timestamp"] = json!(timestamp),
        }
        reach(&mut out);
        out
    }
}

/// Says in a request how the S3 server is reached, where its `table` is there.
fn reach(request: &mut Value) {
    let is_there = request["table"].as_str().is_some_and(|table| table.starts_with("s3://"));
    if let Some(s3) = s3::running().filter(|_| is_there) {
        request["s3"] = json!({
            "endpoint": s3.endpoint,
            "access_key": s3.access_key,
            "secret_key": s3.secret_key,
            "region": s3.region,
        });
    }
}

/// Writes `batches` (at least one) as `folder/NAME.rows.parquet`, by the plain Parquet writer: a [`Table`]'s rows.
pub(crate) fn rows(folder: &Path, name: &str, batches: &[RecordBatch]) -> PathBuf {
    let path = folder.join(format!("{name}.rows.parquet"));
    let schema = batches.first().expect("at least one batch, which may be empty").schema();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), schema, None).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.close().unwrap();
    path
}

/// Has every engine read every table, and demands the expected rows of each.
///
/// What an engine is known to refuse, or to get wrong, stands in `tests/interop/REFUSALS.jsonl` under `suite`; an
/// engine that does better than it says has to be struck from it.
///
/// # Panics
///
/// With every engine and table that isn't as expected. In CI also where an engine isn't set up; elsewhere that is said
/// and the others read.
pub(crate) fn everyone_reads(suite: &str, tables: &[Table]) {
    let complaints = read_by_everyone(suite, tables);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// [`everyone_reads`], with what it would panic with.
fn read_by_everyone(suite: &str, tables: &[Table]) -> Vec<String> {
    let engines = engine::set_up(suite);
    if engines.is_empty() {
        return Vec::new();
    }
    let expected: Vec<Value> = tables.iter().map(expected).collect();
    let queue = Mutex::new(engines.iter());
    let outcomes = Mutex::new(BTreeMap::new());
    // Two at a time: an engine takes its tables one by one.
    let work = || {
        loop {
            let Some(engine) = queue.lock().unwrap().next() else { return };
            for (table, expected) in tables.iter().zip(&expected) {
                let outcome = outcome(engine, table, expected);
                outcomes.lock().unwrap().insert((table.name.clone(), engine.name.to_owned()), outcome);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let outcomes = outcomes.into_inner().unwrap();
    println!("{suite}: {}", refusals::summary(&outcomes));
    refusals::judge(suite, &outcomes, &refusals::committed())
}

/// What the harness itself makes of the expected rows.
fn expected(table: &Table) -> Value {
    of_file(&table.rows)
}

fn of_file(rows: &Path) -> Value {
    let request = json!({"op": "read", "table": rows});
    engine::EXPECTED.ask(&request).unwrap_or_else(|failure| panic!("{}: {failure}", rows.display()))
}

/// The answer that an engine with these rows (at least one batch) would give; `name` is that of a file for them.
fn checksum(folder: &Path, name: &str, batches: &[RecordBatch]) -> Value {
    of_file(&rows(folder, name, batches))
}

fn outcome(engine: &Engine, table: &Table, expected: &Value) -> Outcome {
    match engine.ask(&table.request()) {
        Err(failure) => Outcome::Refused(failure.to_string()),
        Ok(answer) if engine.level.agree(&answer, expected) => Outcome::AsExpected,
        Ok(answer) => {
            let columns = |value: &Value| value["columns"].to_string();
            let differ: Vec<&String> = expected["column_checksums"]
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(name, sum)| answer["column_checksums"][name] != **sum)
                .map(|(name, _)| name)
                .collect();
            Outcome::Differs(format!(
                "{} rows of {}, expected {} of {}; differing columns {differ:?}",
                answer["rows"],
                columns(&answer),
                expected["rows"],
                columns(expected)
            ))
        }
    }
}

/// The Spark session of this test process: reads and writes, locally and on S3. `None` where it isn't set up, which was
/// said for `test` (and fails in CI).
///
/// Spark's commit isn't put-if-absent: it takes turns with other writers of a table.
pub(crate) fn spark(test: &str) -> Option<&'static Engine> {
    engine::one(test, "spark")
}

/// Demands that Spark reads a table (`s3://…`, or the absolute path of a folder) as holding `rows` (at least one batch), in
/// any order: what a test that isn't about engines leaves behind. About a second and a half, beside the session's start.
///
/// # Panics
///
/// Where Spark refuses the table or reads other rows; in CI also where Spark isn't set up, which is said elsewhere.
pub(crate) fn spark_reads(test: &str, url: &str, rows: &[RecordBatch]) {
    let (Some(spark), true) = (spark(test), engine::is_set_up(test, "readers")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let table = Table::newest(test, url, self::rows(folder.path(), "left", rows));
    let outcome = outcome(spark, &table, &expected(&table));
    assert_eq!(outcome, Outcome::AsExpected, "Spark reads what {test} leaves at {url}");
}

/// delta-rs inside Python: reads and writes in folders and on S3, and races other writers there.
pub(crate) fn deltalake(test: &str) -> Option<&'static Engine> {
    engine::one(test, "deltalake")
}

/// The Trino server of this test process: reads everywhere, writes on S3, and races other writers safely there.
pub(crate) fn trino(test: &str) -> Option<&'static Engine> {
    engine::one(test, "trino")
}

#[test]
fn the_checksum_passes_its_own_tests() {
    let test = "the_checksum_passes_its_own_tests";
    if engine::set_up(test).is_empty() {
        return;
    }
    let harness = machine::repository().join("tests/interop");
    let mut python = std::process::Command::new(machine::cache().join("interop/readers/bin/python"));
    let out = python.arg(harness.join("test_checksum.py")).output().expect("Python runs");
    assert!(out.status.success(), "{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}

/// An engine that doesn't answer in time, or dies, fails on that table and starts anew for the next.
#[test]
fn an_engine_that_hangs_or_dies_starts_anew() {
    let echo = r#"echo '{"ok": true}'; while read -r line; do case $line in
        *hang*) sleep 60 ;; *die*) echo why >&2; exit 7 ;; *) echo '{"ok": true, "rows": 1}' ;; esac; done"#;
    let engine = Engine::of_script("echo", Level::Strict, echo, std::time::Duration::from_secs(1));
    let ask = |what: &str| engine.ask(&json!({ "what": what }));
    assert_eq!(ask("read").unwrap()["rows"], 1);
    assert!(matches!(ask("hang"), Err(Failure::TimedOut(_))));
    assert_eq!(ask("read").unwrap()["rows"], 1);
    let Err(Failure::Died(why)) = ask("die") else { panic!("it died") };
    assert!(why.contains("why"), "{why}");
    assert_eq!(ask("read").unwrap()["rows"], 1);
}
