//! What do many processes get done at once, each with a handle of its own?

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::commit::target;
use super::contend::Done;
use crate::Res;
use crate::args::Args;
use crate::engine;
use crate::measure::Series;
use crate::place::Place;

/// The measure that each of the processes takes. It isn't one by itself.
pub const WRITER: &str = "contention-writer";

/// `--writers` processes that append `--commits` times each, all of them from the same moment on.
pub async fn contention(args: &Args) -> Res<Value> {
    let (place, before) = target(args).await?;
    let (name, _) = args.engine()?;
    let (writers, commits) = (args.number("writers", 8)?, args.number("commits", 100)?);
    let mut processes = (1..=writers)
        .map(|number| Process::start(&name, args.word("store", "durable"), &place.address()?, number, commits))
        .collect::<Res<Vec<_>>>()?;
    for process in &mut processes {
        process.wait_until_ready()?;
    }
    let began = Instant::now();
    for process in &mut processes {
        process.go()?;
    }
    let mut all = Done::default();
    let mut requests = 0;
    for process in &mut processes {
        requests += process.take_in(&mut all)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let version = engine::named("kernel")?.schema(&place).await?.0;
    if version != before + all.landed {
        return Err(format!("WRONG: version {version}, and {} landed after {before}", all.landed).into());
    }
    let landed = all.landed as f64;
    Ok(json!({
        "store": args.word("store", "durable"), "writers": writers, "commits": commits, "landed": all.landed,
        "of": writers * commits, "seconds": seconds, "commits_a_second": landed / seconds, "time": all.series.json(),
        "requests_a_commit": requests as f64 / landed, "failures": all.failures,
    }))
}

/// One of the processes.
struct Process {
    child: Child,
    orders: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Process {
    fn start(engine: &str, store: &str, address: &str, number: u64, commits: u64) -> Res<Process> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([WRITER, "--engine", engine, "--store", store, "--at", address])
            .args(["--number", &number.to_string(), "--commits", &commits.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take().ok_or("a process that can't be told anything")?;
        let said = BufReader::new(child.stdout.take().ok_or("a process that can't say anything")?);
        Ok(Process { child, orders, said })
    }

    fn line(&mut self) -> Res<String> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        if line.is_empty() { Err("a writer ended early".into()) } else { Ok(line) }
    }

    fn wait_until_ready(&mut self) -> Res<()> {
        self.line().map(|_| ())
    }

    fn go(&mut self) -> Res<()> {
        Ok(self.orders.write_all(b"go\n")?)
    }

    /// What it did, and how many requests that took.
    fn take_in(&mut self, all: &mut Done) -> Res<u64> {
        let said: Value = serde_json::from_str(&self.line()?)?;
        let number = |name: &str| said[name].as_u64().ok_or(format!("a writer says no {name}"));
        let millis = said["millis"].as_array().ok_or("a writer says no times")?;
        all.series.extend(Series::of_millis(millis.iter().filter_map(Value::as_f64)));
        all.landed += number("landed")?;
        for (why, times) in said["failures"].as_object().into_iter().flatten() {
            all.fail(why, times.as_u64().unwrap_or(0));
        }
        Ok(number("requests")?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended can't be ended again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The part of one process: opens the table, says so, waits for a line, appends.
pub async fn writer(args: &Args) -> Res<Value> {
    let place = Place::reached(args.store()?, args.word("at", ""))?;
    let (_, engine) = args.engine()?;
    let (place, counted) = place.counted(Duration::ZERO);
    let mut handle = engine.load(&place).await?;
    let (number, commits) = (args.number("number", 1)?, args.number("commits", 100)?);
    println!("ready");
    std::io::stdin().lock().read_line(&mut String::new())?;
    counted.take();
    let mut done = Done::default();
    for nth in 0..commits {
        let append = handle.prepare((number << 32) + nth)?;
        let appended = done.series.time(handle.append(append)).await;
        done.count(appended);
    }
    Ok(json!({
        "landed": done.landed, "failures": done.failures, "millis": done.series.millis(),
        "requests": counted.take().requests(),
    }))
}
