//! What happens next? Time, the store, and what goes wrong, for all processes of a run.
//!
//! Time passes only when nothing else is left to do: the runtime has one thread, which does all work (`OneThread`), and
//! when no task is ready, the next event happens: a request reaches the store, an answer its process, a sleep ends. So a
//! run is decided by its seed and its script. There is no clock behind it: a task that waited for the machine's would
//! panic, and one that waits for nothing that can happen fails the run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use lakebed_txlog::threads::OneThread;
use object_store::path::Path;
use object_store::{Error, Result};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::fault::Fault;
use super::objects::{Objects, exists, generic};
use super::plan::{Plan, ProcessId};
use super::request::{Call, Reply, Verb};
use super::rng::Rng;
use super::spoil::spoiled;

type Event = Box<dyn FnOnce(&mut State) + Send>;
type Answer = oneshot::Sender<Result<Reply>>;

/// How long a client waits for an answer that doesn't come.
const TIME_OUT: Duration = Duration::from_secs(5);

/// How long requests and answers are on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Each a millisecond.
    Even,
    /// Drawn anew for each, now and then long: answers come in another order than requests were made.
    Drawn,
}

/// What is kept of one process.
#[derive(Debug, Default)]
struct Process {
    requests: Vec<Verb>,
    is_dead: bool,
    /// Requests that the storm still takes.
    storm: u32,
    /// Until when nothing reaches the store.
    dark_until: Duration,
    mourner: Option<oneshot::Sender<()>>,
}

/// The run.
pub(super) struct State {
    pub(super) now: Duration,
    ties: u64,
    events: BTreeMap<(Duration, u64), Event>,
    pub(super) objects: Objects,
    processes: BTreeMap<ProcessId, Process>,
    latency: Latency,
    rng: Rng,
    plan: Plan,
    injected: BTreeMap<&'static str, u64>,
    taken: Vec<(ProcessId, Uuid)>,
    trace: String,
    waker: Option<Waker>,
    is_stuck: bool,
}

/// A run: time, store and processes. Clones are the same run.
#[derive(Clone)]
pub struct World(Arc<Mutex<State>>);

impl World {
    /// A run that begins with these objects.
    #[must_use]
    pub fn new(seed: u64, objects: Objects, latency: Latency, plan: Plan) -> World {
        World(Arc::new(Mutex::new(State {
            now: Duration::ZERO,
            ties: 0,
            events: BTreeMap::new(),
            objects,
            processes: BTreeMap::new(),
            latency,
            rng: Rng::of(seed, 0x5107),
            plan,
            injected: BTreeMap::new(),
            taken: Vec::new(),
            trace: String::new(),
            waker: None,
            is_stuck: false,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `main`, and all that it gives to the runtime, until it is done.
    ///
    /// # Panics
    /// Where `main` does, or nothing is left that could happen before it is done.
    pub fn run<T: Send + 'static>(&self, main: impl Future<Output = T> + Send + 'static) -> T {
        let _alone = OneThread::begin();
        let world = self.clone();
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.on_thread_park(move || world.lock().turn()).build().expect("a runtime of one thread");
        let mut main = runtime.spawn(main);
        let done = runtime.block_on(poll_fn(|context| {
            {
                let mut state = self.lock();
                assert!(!state.is_stuck, "nothing is left that could happen\n{}", state.trace);
                state.waker = Some(context.waker().clone());
            }
            std::pin::Pin::new(&mut main).poll(context)
        }));
        self.lock().waker = None;
        match done {
            Ok(done) => done,
            Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
        }
    }

    /// Lets everything happen that is still on its way.
    pub fn drain(&self) {
        let mut state = self.lock();
        while state.happens() {}
    }

    /// From now on, nothing goes wrong any more.
    pub fn heal(&self) {
        let mut state = self.lock();
        state.plan = Plan::None;
        for process in state.processes.values_mut() {
            process.storm = 0;
            process.dark_until = Duration::ZERO;
        }
    }

    /// From now on, this goes wrong.
    pub fn script(&self, plan: Plan) {
        self.lock().plan = plan;
    }

    /// Time since the run began.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.lock().now
    }

    /// What the store holds.
    #[must_use]
    pub fn objects(&self) -> Objects {
        self.lock().objects.clone()
    }

    /// The requests that a process has made, by kind.
    #[must_use]
    pub fn requests(&self, process: ProcessId) -> Vec<Verb> {
        self.lock().processes.get(&process).map(|process| process.requests.clone()).unwrap_or_default()
    }

    /// How often which fault happened.
    #[must_use]
    pub fn injected(&self) -> BTreeMap<&'static str, u64> {
        self.lock().injected.clone()
    }

    /// Writes down what became of something.
    pub fn note(&self, what: &str) {
        let mut state = self.lock();
        let now = state.now;
        let _ = writeln!(state.trace, "{} {what}", now.as_micros());
    }

    /// Requests, answers and outcomes, in the order in which they happened.
    #[must_use]
    pub fn trace(&self) -> String {
        self.lock().trace.clone()
    }

    /// The identifiers that processes have drawn so far, in that order: a commit's `txnId` is one of them.
    #[must_use]
    pub fn taken(&self) -> Vec<(ProcessId, Uuid)> {
        self.lock().taken.clone()
    }

    /// How many they are.
    #[must_use]
    pub fn num_taken(&self) -> usize {
        self.lock().taken.len()
    }

    pub(super) fn takes(&self, process: ProcessId, uuid: Uuid) {
        self.lock().taken.push((process, uuid));
    }

    /// Ends a process: no request of it reaches the store any more but those that are on their way.
    pub fn kill(&self, process: ProcessId) {
        self.lock().kill(process);
    }

    /// Is done when the process is dead.
    pub async fn death(&self, process: ProcessId) {
        let told = {
            let mut state = self.lock();
            let process = state.processes.entry(process).or_default();
            if process.is_dead {
                return;
            }
            let (mourner, told) = oneshot::channel();
            process.mourner = Some(mourner);
            told
        };
        let _ = told.await;
    }

    /// Is done when so much time has passed.
    pub async fn sleep(&self, duration: Duration) {
        let (wake, woken) = oneshot::channel();
        let wakes = move |_: &mut State| {
            let _ = wake.send(());
        };
        self.lock().after(duration, Box::new(wakes));
        let _ = woken.await;
    }

    pub(super) async fn ask(&self, process: ProcessId, call: Call) -> Result<Reply> {
        let (answer, answered) = oneshot::channel();
        self.lock().begin(process, call, answer);
        answered.await.unwrap_or_else(|_| Err(generic("the run is over")))
    }
}

impl State {
    /// The next event happens, and `main` looks whether it is done.
    fn turn(&mut self) {
        if !self.happens() {
            self.is_stuck = true;
        }
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    fn happens(&mut self) -> bool {
        let Some(((at, _), event)) = self.events.pop_first() else { return false };
        self.now = at;
        event(self);
        true
    }

    fn after(&mut self, wait: Duration, event: Event) {
        self.ties += 1;
        self.events.insert((self.now + wait, self.ties), event);
    }

    fn kill(&mut self, process: ProcessId) {
        let now = self.now;
        let process_state = self.processes.entry(process).or_default();
        process_state.is_dead = true;
        if let Some(mourner) = process_state.mourner.take() {
            let _ = mourner.send(());
        }
        let _ = writeln!(self.trace, "{} p{process} is dead", now.as_micros());
    }

    fn way(&mut self) -> Duration {
        match self.latency {
            Latency::Even => Duration::from_millis(1),
            Latency::Drawn if self.rng.chance(15) => Duration::from_micros(50_000 + self.rng.below(400_000)),
            Latency::Drawn => Duration::from_micros(500 + self.rng.below(9_500)),
        }
    }

    fn begin(&mut self, id: ProcessId, call: Call, answer: Answer) {
        let now = self.now;
        let process = self.processes.entry(id).or_default();
        if process.is_dead {
            let _ = answer.send(Err(generic("this process is dead")));
            return;
        }
        let (number, verb) = (process.requests.len() as u32, call.verb());
        process.requests.push(verb);
        let name = format!("p{id}#{number}");
        let _ = writeln!(self.trace, "{} {name} {call}", now.as_micros());
        if process.dark_until > now {
            return self.answers(&name, TIME_OUT, answer, Err(timed_out()));
        }
        if process.storm > 0 {
            process.storm -= 1;
            let way = self.way();
            return self.answers(&name, way, answer, Err(throttled(number)));
        }
        let fault = self.plan.choose(id, number, verb, &mut self.rng);
        if let Some(fault) = fault {
            *self.injected.entry(fault.label()).or_default() += 1;
            let _ = writeln!(self.trace, "{} {name} {fault:?}", now.as_micros());
        }
        match fault {
            Some(fault) if fault.is_death() => self.dies(id, fault, call),
            Some(fault) => self.fails(&name, id, fault, call, answer),
            None => {
                let way = (self.way(), self.way());
                self.does(&name, way, answer, call, |done| done);
            }
        }
    }

    fn answers(&mut self, name: &str, wait: Duration, answer: Answer, what: Result<Reply>) {
        let name = name.to_owned();
        let told = move |state: &mut State| {
            let said = match &what {
                Ok(reply) => reply.to_string(),
                Err(error) => error.to_string(),
            };
            let now = state.now;
            let _ = writeln!(state.trace, "{} {name} -> {said}", now.as_micros());
            let _ = answer.send(what);
        };
        self.after(wait, Box::new(told));
    }

    /// When it is there, `what` makes the answer.
    fn arrives(
        &mut self,
        name: &str,
        (there, back): (Duration, Duration),
        answer: Answer,
        what: impl FnOnce(&mut State) -> Result<Reply> + Send + 'static,
    ) {
        let name = name.to_owned();
        let arrives = move |state: &mut State| {
            let done = what(state);
            state.answers(&name, back, answer, done);
        };
        self.after(there, Box::new(arrives));
    }

    /// Done when it is there, and answered as `told` makes it.
    fn does(
        &mut self,
        name: &str,
        way: (Duration, Duration),
        answer: Answer,
        call: Call,
        told: impl FnOnce(Result<Reply>) -> Result<Reply> + Send + 'static,
    ) {
        self.arrives(name, way, answer, move |state| {
            let now = state.now;
            told(state.objects.apply(&call, now))
        });
    }

    /// Done without anybody to tell.
    fn lands(&mut self, wait: Duration, call: Call) {
        let arrives = move |state: &mut State| {
            let now = state.now;
            let said = if state.objects.apply(&call, now).is_ok() { "landed" } else { "did not land" };
            let _ = writeln!(state.trace, "{} {said}: {call}", now.as_micros());
        };
        self.after(wait, Box::new(arrives));
    }

    fn dies(&mut self, process: ProcessId, fault: Fault, call: Call) {
        let way = self.way();
        match fault {
            Fault::DieAfter => self.lands(way, call),
            Fault::DieLate(wait) => self.lands(wait, call),
            _ => {}
        }
        self.kill(process);
    }

    fn fails(&mut self, name: &str, id: ProcessId, fault: Fault, call: Call, answer: Answer) {
        let (there, back) = (self.way(), self.way());
        let key = match &call {
            Call::Put { key, .. } | Call::Get { key, .. } | Call::Begin { key } => key.clone(),
            _ => Path::ROOT,
        };
        let both = there + back;
        match fault {
            Fault::Before => self.answers(name, both, answer, Err(generic("500 Internal Server Error"))),
            Fault::Refused => self.answers(name, both, answer, Err(denied(&key))),
            Fault::Conflict => self.answers(name, both, answer, Err(exists(&key, "409 ConditionalRequestConflict"))),
            Fault::Storm(count) => {
                self.processes.entry(id).or_default().storm = count;
                self.answers(name, both, answer, Err(throttled(count)));
            }
            Fault::Lost => self.does(name, (there, TIME_OUT), answer, call, lost),
            Fault::Late(wait) => {
                // It lands after its answer where that is late enough, else behind the next request.
                let patience = if wait < TIME_OUT { Duration::ZERO } else { TIME_OUT };
                self.lands(patience + wait, call);
                self.answers(name, patience, answer, Err(timed_out()));
            }
            Fault::Slow(wait) => self.does(name, (there, wait), answer, call, |done| done),
            Fault::Stalled(wait) => self.does(name, (wait, back), answer, call, |done| done),
            Fault::OwnExists => self.does(name, (there, back), answer, call, move |done| {
                done.and_then(|_| Err(exists(&key, "412 PreconditionFailed")))
            }),
            Fault::Forbidden => self.does(name, (there, back), answer, call, move |done| match done {
                Err(Error::NotFound { .. }) => Err(denied(&key)),
                done => done,
            }),
            Fault::Outage(wait) => {
                self.processes.entry(id).or_default().dark_until = self.now + wait;
                self.does(name, (there, TIME_OUT), answer, call, lost);
            }
            Fault::OutageBefore(wait) => {
                self.processes.entry(id).or_default().dark_until = self.now + wait;
                self.answers(name, TIME_OUT, answer, Err(timed_out()));
            }
            Fault::Cut | Fault::Broken | Fault::Flipped | Fault::Partial => {
                let random = self.rng.draw();
                self.arrives(name, (there, back), answer, move |state| {
                    let now = state.now;
                    spoiled(&mut state.objects, &call, now, fault, random)
                });
            }
            Fault::DieBefore | Fault::DieAfter | Fault::DieLate(_) => self.dies(id, fault, call),
        }
    }
}

/// The answer doesn't come.
fn lost(_: Result<Reply>) -> Result<Reply> {
    Err(timed_out())
}

fn timed_out() -> Error {
    Error::Generic { store: "simulated", source: Box::new(std::io::Error::from(std::io::ErrorKind::TimedOut)) }
}

fn throttled(number: u32) -> Error {
    generic(if number.is_multiple_of(2) { "503 SlowDown" } else { "429 TooManyRequests" })
}

fn denied(key: &Path) -> Error {
    Error::PermissionDenied { path: key.to_string(), source: "403 AccessDenied".into() }
}
