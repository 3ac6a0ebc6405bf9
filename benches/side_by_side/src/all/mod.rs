//! What is measured in one run, and how does it compare?

mod cases;
mod report;

use std::fs::File;
use std::io::Write;
use std::process::Command;

use serde_json::{Value, json};

use crate::Res;
use crate::args::Args;
use crate::server::Server;
use cases::{Case, Size};

/// Prints the table of lines that are there already, of runs of any size.
pub fn report(args: &Args) -> Res<()> {
    let text = std::fs::read_to_string(args.data().join(args.word("out", "results.jsonl")))?;
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let mut taken: Vec<(Case, Vec<Value>)> = Vec::new();
    for case in cases::all(Size::Full).into_iter().chain(cases::all(Size::Quick)) {
        let of = |line: &&Value| line["case"] == case.title.as_str();
        let by = |engine: &&str| lines.iter().filter(of).find(|line| line["engine"] == **engine).cloned();
        let lines: Vec<Value> = case.engines.iter().map(|engine| by(engine).unwrap_or(Value::Null)).collect();
        if lines.iter().any(Value::is_object) && taken.iter().all(|(known, _)| known.title != case.title) {
            taken.push((case, lines));
        }
    }
    print!("{}", report::table(&taken));
    Ok(())
}

/// Takes every measure, writes the lines, prints the table.
pub fn run(args: &Args) -> Res<()> {
    let size = match args.word("size", "quick") {
        "full" => Size::Full,
        "quick" | "" => Size::Quick,
        other => return Err(format!("--size {other:?}: there are quick, full").into()),
    };
    let only = args.word("only", "");
    let mut out = File::create(args.data().join(args.word("out", "results.jsonl")))?;
    let mut taken: Vec<(Case, Vec<Value>)> = Vec::new();
    for case in cases::all(size).into_iter().filter(|case| case.title.contains(only)) {
        if case.words.iter().any(|word| word == "s3") && !Server::is_installed() {
            eprintln!("SKIPPED: {}: needs an S3 server: run tests/setup.sh s3", case.title);
            continue;
        }
        let mut lines = Vec::new();
        for engine in case.engines {
            eprintln!("{} · {engine}", case.title);
            let line = take(&case, engine, args)?;
            writeln!(out, "{line}")?;
            lines.push(line);
        }
        taken.push((case, lines));
    }
    print!("{}", report::table(&taken));
    Ok(())
}

/// One measure of one engine in a process of its own. What fails there is what came out.
fn take(case: &Case, engine: &str, args: &Args) -> Res<Value> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(case.measure).args(["--engine", engine, "--data"]).arg(args.data()).args(&case.words);
    let ran = command.output()?;
    let said = String::from_utf8_lossy(&ran.stdout);
    let line = said.lines().last().and_then(|line| serde_json::from_str(line).ok());
    let mut line: Value = line.unwrap_or_else(|| {
        let failed = String::from_utf8_lossy(&ran.stderr);
        let failed: String = failed.trim().chars().take(400).collect();
        eprintln!("  failed: {failed}");
        json!({"measure": case.measure, "engine": engine, "error": failed})
    });
    line["case"] = json!(case.title);
    line["load"] = json!(load());
    Ok(line)
}

/// How many processes wanted a core in the last minute: what else the machine was doing.
fn load() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}
