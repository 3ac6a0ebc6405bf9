//! What does a person meet at the command line? The binary itself, run as they run it.
//!
//! | module | question it answers |
//! |---|---|
//! | `refused` | is bad input refused with what, where, why and what to do, with the table as it was? |
//! | `tables` | does each command do what it says? |
//! | `care` | are damage and unfit stores told, and is what can be repaired repaired? |
//! | `demo` | does the demo's lake hold what the records say? |

mod care;
mod demo;
mod refused;
mod tables;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::s3::S3;

/// The binary that stands beside this test's own folder: `make test` builds it first.
fn binary() -> PathBuf {
    let mut folder = std::env::current_exe().expect("a test has a path");
    while folder.pop() {
        let binary = folder.join("lakebed");
        if binary.is_file() {
            return binary;
        }
    }
    panic!("the binary isn't built: cargo build -p lakebed-cli");
}

/// A folder of its own, in which the binary is run.
struct Desk {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Desk {
        Desk { folder: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    fn with_s3(server: &S3) -> Desk {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Desk { environment: server.environment().map(own).into(), ..Desk::new() }
    }

    fn variable(mut self, name: &str, value: &str) -> Desk {
        self.environment.retain(|(given, _)| given != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Desk {
        std::fs::write(self.path(name), content).unwrap();
        self
    }

    fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("HOME", self.folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs what has to succeed; its output.
    fn ok<const N: usize>(&self, arguments: [&str; N]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        ran.out
    }

    /// Runs what has to succeed; its output as JSON, one value for each line.
    fn json<const N: usize>(&self, arguments: [&str; N]) -> Vec<Value> {
        let out = self.ok(arguments);
        out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
    }

    /// The rows of a table, as NDJSON, sorted.
    fn rows(&self, table: &str) -> Vec<String> {
        let mut rows: Vec<String> = self.ok(["table", "read", table, "--json"]).lines().map(str::to_owned).collect();
        rows.sort();
        rows
    }

    fn version(&self, table: &str) -> u64 {
        self.json(["table", "describe", table, "--json"])[0]["version"].as_u64().unwrap()
    }

    /// Every file below a table, to see that nothing was left there.
    fn files_below(&self, table: &str) -> Vec<PathBuf> {
        fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, files) } else { files.push(path) }
            }
        }
        let mut files = Vec::new();
        walk(&self.path(table), &mut files);
        files.sort();
        files
    }
}

impl Ran {
    fn of(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// That it failed with this exit code, said all of this, and didn't panic.
    #[track_caller]
    fn refused(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for part in said {
            assert!(self.err.contains(part), "{part:?} isn't in: {}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }
}
