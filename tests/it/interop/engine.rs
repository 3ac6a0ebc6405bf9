//! How is an engine spoken to? As a process that answers JSON lines with JSON lines, and ends when its stdin closes.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::hold;
use crate::{machine, s3};

/// The longest that a start or an answer may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// How closely an engine's rows can be compared; each level passes over what the one before it sees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Level {
    /// Every value as it is.
    Strict,
    /// A null struct, list or map is an empty one (ClickHouse).
    Lenient,
    /// Also `A` is `a`, and timestamps are all alike (Trino lower-cases and rounds).
    Coarse,
}

impl Level {
    /// True when two answers hold the same rows, as closely as this level sees.
    pub(super) fn agree(self, left: &Value, right: &Value) -> bool {
        let field = match self {
            Level::Strict => "checksum",
            Level::Lenient => "checksum_lenient",
            Level::Coarse => "checksum_coarse",
        };
        left[field].is_string() && left[field] == right[field]
    }
}

/// Why an engine gave no rows.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine's own error.
    Refused(String),
    /// The process ended without an answer: the end of what it printed.
    Died(String),
    TimedOut(Duration),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused(error) => f.write_str(error),
            Failure::Died(last) => write!(f, "its process died: {last}"),
            Failure::TimedOut(after) => write!(f, "no answer for {after:?}"),
        }
    }
}

/// What became of the rows that an engine appended, one a commit.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Appended {
    /// Ids of rows that are in the table, as it was told.
    pub(crate) acknowledged: Vec<i64>,
    /// Ids of rows whose append failed: they may be there or not.
    pub(crate) failed: Vec<i64>,
    /// The errors, and how often each came.
    pub(crate) errors: BTreeMap<String, u64>,
}

/// An engine of the harness: at most one process, started when first asked and again after it died.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(super) level: Level,
    start: Start,
    patience: Duration,
    process: Mutex<Option<Process>>,
}

#[derive(Clone, Copy, Debug)]
enum Start {
    /// A Python package in the harness's environment.
    Readers,
    /// A program of the harness with an environment of its own.
    Apart,
    /// `sh -c`.
    Script(&'static str),
}

#[derive(Debug)]
struct Process {
    child: Child,
    answers: Receiver<String>,
}

const fn engine(name: &'static str, level: Level, start: Start) -> Engine {
    Engine { name, level, start, patience: PATIENCE, process: Mutex::new(None) }
}

/// Not an engine: reads the plain Parquet file of expected rows.
pub(super) static EXPECTED: Engine = engine("expected", Level::Strict, Start::Readers);

/// The slow starters first.
static ENGINES: [Engine; 9] = [
    engine("spark", Level::Strict, Start::Apart),
    engine("trino", Level::Coarse, Start::Apart),
    engine("chdb", Level::Lenient, Start::Readers),
    engine("daft", Level::Strict, Start::Readers),
    engine("deltalake", Level::Strict, Start::Readers),
    engine("duckdb", Level::Strict, Start::Readers),
    engine("kernel", Level::Strict, Start::Readers),
    engine("polars", Level::Strict, Start::Readers),
    engine("sail", Level::Strict, Start::Readers),
];

/// The engines that are set up; of the others it is said, for `test`, that they are missing.
pub(super) fn set_up(test: &str) -> Vec<&'static Engine> {
    let missing: Vec<&str> = ["readers", "spark", "trino"].into_iter().filter(|part| !done(part)).collect();
    for part in &missing {
        let what = if *part == "readers" { "the engines inside Python" } else { part };
        machine::skip(test, what, &format!("run tests/setup.sh {part}"));
    }
    if missing.contains(&"readers") {
        return Vec::new(); // the expected rows are read there too
    }
    ENGINES.iter().filter(|engine| !missing.contains(&engine.name)).collect()
}

/// The engine of this name if it is set up; else that is said for `test`.
pub(super) fn one(test: &str, name: &str) -> Option<&'static Engine> {
    let engine = ENGINES.iter().find(|engine| engine.name == name)?;
    let part = if matches!(engine.start, Start::Readers) { "readers" } else { name };
    is_set_up(test, part).then_some(engine)
}

/// Whether a part of `tests/setup.sh` is set up; if it isn't, that is said for `test`.
pub(super) fn is_set_up(test: &str, part: &str) -> bool {
    if !done(part) {
        machine::skip(test, part, &format!("run tests/setup.sh {part}"));
    }
    done(part)
}

fn home(part: &str) -> PathBuf {
    machine::cache().join("interop").join(part)
}

fn done(part: &str) -> bool {
    home(part).join(".done").is_file()
}

impl Engine {
    pub(super) fn of_script(name: &'static str, level: Level, script: &'static str, patience: Duration) -> Engine {
        Engine { patience, ..engine(name, level, Start::Script(script)) }
    }

    /// Carries out one statement; its rows, each a list of JSON values as `spark.py` and `trino.py` describe them.
    ///
    /// # Panics
    ///
    /// With the engine's error.
    pub(crate) fn sql(&self, statement: &str) -> Vec<Vec<Value>> {
        self.try_sql(statement).unwrap_or_else(|failure| panic!("{}: {statement}: {failure}", self.name))
    }

    /// [`Engine::sql`] for statements that may fail.
    pub(crate) fn try_sql(&self, statement: &str) -> Result<Vec<Vec<Value>>, Failure> {
        let mut answer = self.ask(&json!({"op": "sql", "sql": statement}))?;
        Ok(serde_json::from_value(answer["rows"].take()).expect("rows are lists of values"))
    }

    /// Attaches tables under names of Trino's schema, which knows tables by name only: (name, url).
    pub(crate) fn attach(&self, tables: &[(&str, &str)]) -> Result<(), Failure> {
        let tables: serde_json::Map<String, Value> =
            tables.iter().map(|(n, url)| ((*n).to_owned(), json!(url))).collect();
        self.ask(&json!({"op": "sql", "sql": "SELECT 1", "tables": tables})).map(|_| ())
    }

    /// Appends rows of a plan's columns with the ids `first`, `first + 1`, …, each in a commit of its own, for so long.
    /// Only delta-rs and Trino can be asked to.
    pub(crate) fn append(&self, table: &str, first: i64, seconds: u64) -> Result<Appended, Failure> {
        let mut request = json!({"op": "append", "table": table, "first": first, "seconds": seconds});
        super::reach(&mut request);
        self.ask(&request).map(|answer| serde_json::from_value(answer).expect("an answer of the harness"))
    }

    /// One request's answer, of which `ok` is true.
    pub(super) fn ask(&self, request: &Value) -> Result<Value, Failure> {
        let mut process = self.process.lock().unwrap();
        if process.is_none() {
            *process = Some(self.start());
            self.answer(&mut process)?;
        }
        // A process that died is noticed by its missing answer.
        let _ = process.as_mut().and_then(|p| writeln!(p.child.stdin.as_mut()?, "{request}").ok());
        self.answer(&mut process)
    }

    fn answer(&self, process: &mut Option<Process>) -> Result<Value, Failure> {
        let Some(running) = process.as_mut() else { return Err(Failure::Died(String::new())) };
        let failure = match running.answers.recv_timeout(self.patience) {
            Ok(line) => {
                let answer: Value = serde_json::from_str(&line).expect("answers are JSON");
                if answer["ok"] == true {
                    return Ok(answer);
                }
                return Err(Failure::Refused(answer["error"].as_str().unwrap_or_default().to_owned()));
            }
            Err(RecvTimeoutError::Timeout) => Failure::TimedOut(self.patience),
            Err(RecvTimeoutError::Disconnected) => Failure::Died(String::new()),
        };
        if let Some(ended) = process.take() {
            ended.end();
        }
        match failure {
            Failure::Died(_) => {
                let log = std::fs::read(self.log()).unwrap_or_default();
                let last = &log[log.len().saturating_sub(1500)..];
                Err(Failure::Died(String::from_utf8_lossy(last).into_owned()))
            }
            other => Err(other),
        }
    }

    fn start(&self) -> Process {
        let log = File::create(self.log()).expect("the engine's log can be written");
        let mut child = self
            .command()
            .current_dir("/") // chdb opens files below its working directory only
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{} starts: {error}", self.name));
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let (send, answers) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
        Process { child, answers }
    }

    fn command(&self) -> Command {
        let harness = machine::repository().join("tests/interop");
        let python = |part: &str, program: PathBuf| {
            let mut out = Command::new(home(part).join("bin/python"));
            out.arg(program);
            out
        };
        match self.start {
            Start::Script(script) => {
                let mut out = Command::new("sh");
                out.args(["-c", script]);
                out
            }
            Start::Readers => {
                let mut out = python("readers", harness.join("readers.py"));
                out.arg(self.name);
                out
            }
            Start::Apart => {
                let mut out = python(self.name, harness.join(self.name).join(format!("{}.py", self.name)));
                if self.name == "spark" {
                    out.envs(hold::environment());
                }
                if let Some(s3) = s3::running() {
                    out.args(["--s3-endpoint", &s3.endpoint, "--s3-region", &s3.region]);
                    out.args(["--s3-access-key", &s3.access_key, "--s3-secret-key", &s3.secret_key]);
                }
                out
            }
        }
    }

    /// What the process prints beside its answers.
    fn log(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("interop-{}.log", self.name))
    }
}

impl Process {
    /// Kills the process and those that it started.
    fn end(mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}
