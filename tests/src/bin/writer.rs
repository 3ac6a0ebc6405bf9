//! A writer of its own process. Where steps are given it carries out a plan, and says each commit that was acknowledged;
//! else it does what its stdin tells it ([`lakebed_tests::orders`]), until that closes.
//!
//! `writer URL [FIRST_ID STEPS PLAN [PAUSE_MS]]`; `STEPS` 0: until it is killed, `10s`: for ten seconds. Pauses after each
//! step where that is asked for. A plan prints a line of JSON for each: `{"opened": version}`, `{"step": n, "version": v,
//! "attempts": a}`, `{"done": {kind: requests of the log}}`. A line is out before the next commit begins.

use std::error::Error;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{join_all, pending};
use futures::{FutureExt, stream};
use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed::{AppendOptions, OverwriteOptions, Replace, Table, Version};
use lakebed_compaction::{CompactionOptions, compact};
use lakebed_tests::faults::{Answer, Faulty};
use lakebed_tests::orders::{Commit, Done, LogRequests, Order, Outcome, Said, Start, Task};
use lakebed_tests::plan::{IDS_PER_WRITER, Plan, Step, rows, schema};
use lakebed_tests::requests::{Kind, Request, Requests, recorded};
use lakebed_txlog::action::{Action, Metadata};
use lakebed_txlog::commit;
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::{Env, SystemEnv};
use lakebed_txlog::transaction::{Kind as Does, Reads, Transaction};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

type Failed = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [url] => Server::new(url)?.serve().await,
        [url, first, steps, plan] => follow(url, first.parse()?, steps, plan.parse()?, Duration::ZERO).await,
        [url, first, steps, plan, pause] => {
            let pause = Duration::from_millis(pause.parse()?);
            follow(url, first.parse()?, steps, plan.parse()?, pause).await
        }
        _ => Err("writer URL [FIRST_ID STEPS PLAN [PAUSE_MS]]".into()),
    }
}

/// Carries out a plan.
async fn follow(url: &str, first: i64, steps: &str, plan: Plan, pause: Duration) -> Result<(), Failed> {
    let env = SystemEnv::shared();
    let store = TableStore::open(&TableUrl::parse(url)?, &StoreSettings::from_env(), &env)?;
    let (store, requests) = recorded(&store);
    let table = Table::open_with(store, env.clone()).await?;
    say(&json!({ "opened": table.snapshot().version().0 }))?;
    let _ = requests.take();
    let end = End::parse(steps, env.as_ref())?;
    for step in (0..).take_while(|step| !end.is_reached(*step, env.as_ref())) {
        let (version, attempts) = carry_out(&table, &plan.step(first, step)).await?;
        say(&json!({ "step": step, "version": version, "attempts": attempts }))?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    table.settle().await;
    let count = |kind| requests.count_in_log(kind);
    say(&json!({ "done": {
        "create": count(Kind::Create),
        "get": count(Kind::Get),
        "list": count(Kind::List),
        "put": count(Kind::Put),
    }}))
}

/// When a writer has done enough.
enum End {
    /// After so many steps.
    Steps(u32),
    /// At this moment of the monotonic clock.
    At(Duration),
}

impl End {
    fn parse(steps: &str, env: &dyn Env) -> Result<End, Failed> {
        Ok(match steps.strip_suffix('s') {
            Some(seconds) => End::At(env.monotonic() + Duration::from_secs(seconds.parse()?)),
            None => match steps.parse::<u32>()? {
                0 => End::Steps(u32::MAX),
                steps => End::Steps(steps),
            },
        })
    }

    fn is_reached(&self, step: u32, env: &dyn Env) -> bool {
        match self {
            End::Steps(steps) => step >= *steps,
            End::At(moment) => env.monotonic() >= *moment,
        }
    }
}

/// The version that a step became, and how many log entries were put for it.
async fn carry_out(table: &Table, step: &Step) -> Result<(u64, u32), Failed> {
    match step {
        Step::Append(ids) => {
            let written = table.append_batches(vec![rows(ids)?], &AppendOptions::default()).await?;
            let report = written.report().ok_or("an append made no commit")?;
            Ok((report.version.0, report.attempts))
        }
        Step::Delete(id) => {
            let deletion = table.delete(&format!("id = {id}"), &CommitOptions::default()).await?;
            let version = deletion.version.ok_or_else(|| format!("row {id} isn't there"))?;
            Ok((version.0, 1))
        }
    }
}

/// Does what it is told.
struct Server {
    store: TableStore,
    env: Arc<dyn Env>,
    /// In front of every put of a commit.
    gate: Arc<Faulty>,
    requests: Requests,
    tables: Vec<Table>,
    orders: mpsc::UnboundedReceiver<Order>,
}

impl Server {
    fn new(url: &str) -> Result<Server, Failed> {
        let env = SystemEnv::shared();
        let store = TableStore::open(&TableUrl::parse(url)?, &StoreSettings::from_env(), &env)?;
        let (store, requests) = recorded(&store);
        let gate = Faulty::over(Arc::clone(store.commits()));
        let (data, root) = (Arc::clone(store.data()), store.root().clone());
        let store = TableStore::over(store.url().clone(), data, gate.clone(), root);
        let (sender, orders) = mpsc::unbounded_channel();
        // Reading stdin blocks: it must not end with the runtime's own threads.
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let order = line.ok().and_then(|line| serde_json::from_str(&line).ok());
                let Some(order) = order else { return };
                if sender.send(order).is_err() {
                    return;
                }
            }
        });
        Ok(Server { store, env, gate, requests, tables: Vec::new(), orders })
    }

    async fn serve(mut self) -> Result<(), Failed> {
        while let Some(order) = self.orders.recv().await {
            match order {
                Order::Open(handles) => {
                    for _ in 0..handles {
                        self.tables.push(Table::open_with(self.store.clone(), Arc::clone(&self.env)).await?);
                    }
                    say(&Said::At(self.first()?.snapshot().version().0))?;
                }
                Order::Refresh => say(&Said::At(self.first()?.refresh().await?.version().0))?,
                Order::Do(task, start) => {
                    let done = self.carry_out(&task, start).await?;
                    say(&Said::Done(done))?;
                }
                Order::Append { first, steps } => self.append(first, steps).await?,
                Order::Go => return Err("nothing is held".into()),
            }
        }
        join_all(self.tables.iter().map(Table::settle)).await;
        Ok(())
    }

    fn first(&self) -> Result<Table, Failed> {
        self.tables.first().cloned().ok_or_else(|| "no handle is open".into())
    }

    async fn carry_out(&mut self, task: &Task, start: Start) -> Result<Done, Failed> {
        let table = self.first()?;
        let _ = (self.requests.take(), self.gate.take_puts());
        let work = perform(&table, task);
        let (outcome, rows, attempts) = match start {
            Start::AtOnce => work.await?,
            Start::Held => {
                let (reached, wait) = (oneshot::channel(), oneshot::channel());
                let (at_put, go) = (reached.0, wait.1);
                let held = async move {
                    let _ = at_put.send(());
                    let _ = go.await;
                };
                self.gate.script([Answer::Before(held.boxed())]);
                tokio::select! {
                    done = work => done?,
                    failed = release(&mut self.orders, reached.1, wait.0) => return Err(failed),
                }
            }
        };
        let requests = self.requests.take();
        let is_data = |made: &&Request| made.kind == Kind::Get && made.in_log().is_none();
        let reads = requests.iter().filter(is_data).filter(|made| made.key.ends_with(".parquet")).count();
        let lists = requests.iter().filter(|made| made.kind == Kind::List && made.in_log().is_some()).count();
        Ok(Done { outcome, rows, puts: self.gate.take_puts().len(), attempts, reads, lists })
    }

    /// Appends on every handle at the same time.
    async fn append(&self, first: i64, steps: u32) -> Result<(), Failed> {
        let _ = (self.requests.take(), self.gate.take_puts());
        let tasks = self.tables.iter().cloned().zip(0_u32..).map(|(table, handle)| {
            let first = first + i64::from(handle) * IDS_PER_WRITER;
            let env = Arc::clone(&self.env);
            tokio::spawn(appends(table, env, handle, first, steps))
        });
        let mut commits = Vec::new();
        for done in join_all(tasks).await {
            commits.extend(done??);
        }
        // What is said is the end of the appends; what is done behind them goes on, and counts.
        join_all(self.tables.iter().map(Table::settle)).await;
        let count = |kind| self.requests.count_in_log(kind) as u64;
        let requests = LogRequests {
            create: count(Kind::Create),
            commit: self.gate.take_puts().len() as u64,
            get: count(Kind::Get),
            list: count(Kind::List),
            put: count(Kind::Put),
        };
        say(&Said::Appended { commits, requests })
    }
}

async fn appends(table: Table, env: Arc<dyn Env>, handle: u32, first: i64, steps: u32) -> Result<Vec<Commit>, Failed> {
    let mut commits = Vec::new();
    for step in 0..steps {
        let began = env.monotonic();
        let (version, attempts) = carry_out(&table, &Plan::Appends.step(first, step)).await?;
        let millis = (env.monotonic() - began).as_secs_f64() * 1e3;
        commits.push(Commit { handle, step, version, attempts, millis });
    }
    Ok(commits)
}

/// Says when the put is held, and lets it go when it is told to. Returns only where that fails.
async fn release(
    orders: &mut mpsc::UnboundedReceiver<Order>,
    reached: oneshot::Receiver<()>,
    go: oneshot::Sender<()>,
) -> Failed {
    if reached.await.is_err() {
        return "the put that was to be held is gone".into();
    }
    if let Err(failed) = say(&Said::Waiting) {
        return failed;
    }
    match orders.recv().await {
        Some(Order::Go) if go.send(()).is_ok() => pending().await,
        other => format!("{other:?} while a put is held").into(),
    }
}

/// How a task ended, how many rows it deleted, and how many log entries the attempt that landed has put.
type Ended = (Outcome, u64, Option<u32>);

async fn perform(table: &Table, task: &Task) -> Result<Ended, Failed> {
    let ended = match task {
        Task::Append(ids) => {
            let written = table.append_batches(vec![rows(ids)?], &AppendOptions::default()).await;
            written.map(|written| of_written(&written))
        }
        Task::Delete(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let deleted = table.delete(&format!("id IN ({})", ids.join(", ")), &CommitOptions::default()).await;
            deleted.map(|deletion| (landed(deletion.version), deletion.num_rows, None))
        }
        Task::Overwrite(ids) => {
            let batches = stream::iter([Ok(rows(ids)?)]);
            let written = table.overwrite(Replace::Table, &schema(), batches, &OverwriteOptions::default()).await;
            written.map(|written| of_written(&written))
        }
        Task::Compact => {
            let report = compact(table, &CompactionOptions::default(), |_| ()).await;
            report.map(|report| (landed(report.versions.last().copied()), 0, None))
        }
        Task::Restore(version) => {
            let restored = table.restore(Version(*version), &CommitOptions::default()).await;
            restored.map(|restored| (landed(restored.version), 0, None))
        }
        Task::Interval(commits) => {
            return change(table, |metadata| {
                metadata.configuration.insert("delta.checkpointInterval".to_owned(), commits.to_string());
                Ok(())
            })
            .await;
        }
        Task::Nullable(nullable) => return change(table, |metadata| set_nullable(metadata, *nullable)).await,
    };
    match ended {
        Err(error) if error.kind() == lakebed::ErrorKind::Conflict => {
            Ok((Outcome::Conflict(error.to_string()), 0, None))
        }
        ended => Ok(ended?),
    }
}

fn landed(version: Option<Version>) -> Outcome {
    version.map_or(Outcome::Nothing, |version| Outcome::Landed(version.0))
}

fn of_written(written: &lakebed::Written) -> Ended {
    let report = written.report();
    (landed(report.map(|report| report.version)), 0, report.map(|report| report.attempts))
}

/// Changes what the table says of itself, by a transaction as an engine would make it. A conflict is told and not tried again.
async fn change(table: &Table, edit: impl Fn(&mut Metadata) -> Result<(), Failed>) -> Result<Ended, Failed> {
    let snapshot = table.refresh().await?;
    let mut metadata = snapshot.metadata().clone();
    edit(&mut metadata)?;
    if metadata == *snapshot.metadata() {
        return Ok((Outcome::Nothing, 0, None));
    }
    let mut transaction = Transaction::new(Does::Metadata, "ALTER TABLE");
    transaction.reads = Some(Reads::nothing());
    transaction.push(Action::Metadata(metadata));
    match table.commit(&transaction, Some(&snapshot), &CommitOptions::default()).await? {
        commit::Outcome::Conflicted(conflict) => Ok((Outcome::Conflict(conflict.why.to_string()), 0, None)),
        commit::Outcome::Committed { snapshot, attempts } => {
            Ok((Outcome::Landed(snapshot.version().0), 0, Some(attempts)))
        }
        other => Err(format!("{other:?}").into()),
    }
}

fn set_nullable(metadata: &mut Metadata, nullable: bool) -> Result<(), Failed> {
    let mut schema: Value = serde_json::from_str(&metadata.schema_string)?;
    let fields = schema["fields"].as_array_mut().ok_or("a schema without fields")?;
    let note = fields.iter_mut().find(|field| field["name"] == "note").ok_or("no column note")?;
    if note["nullable"] != json!(nullable) {
        note["nullable"] = json!(nullable);
        metadata.schema_string = schema.to_string();
    }
    Ok(())
}

/// One line, in one piece.
fn say(line: &impl Serialize) -> Result<(), Failed> {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{}\n", serde_json::to_string(line)?).as_bytes())?;
    out.flush()?;
    Ok(())
}
