//! How does a transaction become a version? The shell around [`Machine`], which decides every step.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::load;
use super::store::{Landing, LogStore, PutAnswer};
use super::{tail, vectors};
use crate::action::{Action, CommitInfo, Metadata, Protocol};
use crate::commit::Outcome;
use crate::commit::machine::{Again, End, Event, Machine, Step};
use crate::commit::turn::{Lost, Met};
use crate::conflict::{Conflict, Known, Rebase, Verdict, Why, Winner, check_live, resolve};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::protocol::{check_actions, check_write};
use crate::replay::Commit;
use crate::snapshot::Snapshot;
use crate::transaction::{Stamp, Transaction};
use crate::version::{TimestampMs, Version};

/// A put answered later than this may have landed below a checkpoint that log cleanup left: it is looked up in a fresh
/// listing before it is believed.
const SLOW_PUT: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(512);

/// How long a commit goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitOptions {
    /// After this, no further version is tried.
    pub deadline: Duration,
    /// After this long past the deadline, an outcome that still isn't known is said to be so.
    pub grace: Duration,
}

impl Default for CommitOptions {
    fn default() -> Self {
        CommitOptions { deadline: Duration::from_secs(60), grace: Duration::from_secs(30) }
    }
}

/// One commit under way.
pub(super) struct Attempt<'a> {
    store: &'a LogStore,
    env: &'a Arc<dyn Env>,
    /// What is to be committed, changed by what it followed.
    transaction: Cow<'a, Transaction>,
    options: &'a CommitOptions,
    txn_id: String,
    fence_id: String,
    /// The last error of the store, for when the commit fails.
    failure: Option<Error>,
    /// A commit read back that isn't ours, so that following begins without reading it again.
    read_back: Option<Commit>,
    bytes: Bytes,
    actions: Vec<Action>,
    puts: u32,
    /// Answers that asking again at once would only make worse.
    pauses: u32,
    races: u32,
    began: Duration,
    /// The first version that it could have been.
    first: Option<Version>,
    /// What the handle's last commit met.
    met: &'a Mutex<Option<Met>>,
    slow: bool,
}

/// What following the winners came to.
enum Followed {
    /// To this version. `may_be_more`: commits after it are likely.
    To {
        snapshot: Box<Snapshot>,
        may_be_more: bool,
    },
    Ended(Outcome),
}

impl<'a> Attempt<'a> {
    pub(super) fn new(
        store: &'a LogStore,
        env: &'a Arc<dyn Env>,
        transaction: &'a Transaction,
        options: &'a CommitOptions,
        met: &'a Mutex<Option<Met>>,
    ) -> Attempt<'a> {
        Attempt {
            store,
            env,
            transaction: Cow::Borrowed(transaction),
            options,
            txn_id: env.uuid().to_string(),
            fence_id: env.uuid().to_string(),
            failure: None,
            read_back: None,
            bytes: Bytes::new(),
            actions: Vec::new(),
            puts: 0,
            pauses: 0,
            races: 0,
            began: env.monotonic(),
            first: None,
            met,
            slow: false,
        }
    }

    /// Commits on top of `read`, knowing that versions up to `tip` are there.
    pub(super) async fn run(mut self, read: &Snapshot, tip: Version) -> Result<Outcome> {
        if let Some(outcome) = self.check_txns(read) {
            return Ok(outcome);
        }
        check_write(read.protocol(), read.metadata()).map_err(|e| self.named(e, read.version()))?;
        let read_version = read.version();
        self.first = Some(tip.next());
        let deadline = self.env.monotonic() + self.options.deadline;
        let mut current = read.clone();
        let mut machine = Machine::new(read_version.next(), deadline, self.options.grace);
        let mut step = if tip > read_version { Step::Follow(read_version.next()) } else { machine.start() };
        self.let_others_go_first().await;
        loop {
            let event = match step {
                Step::Put { version, again } => {
                    if again == Again::No {
                        self.stamp(&current, version, read_version)?;
                    }
                    self.put(version).await
                }
                Step::Fence(version) => self.fence(&current, version).await?,
                Step::ReadBack(version) => self.read_back(version).await,
                Step::Follow(version) => {
                    if let Some(outcome) = self.follow_all(&mut current, version, tip, deadline).await? {
                        return Ok(outcome);
                    }
                    Event::Followed(current.version().next())
                }
                Step::Done(end) => return self.end(end, &current).await,
            };
            step = machine.next(event, self.env.monotonic());
            self.pause(event, step).await;
        }
    }

    /// Whether an application's progress is there already, or isn't where the transaction took it to be.
    fn check_txns(&self, read: &Snapshot) -> Option<Outcome> {
        for update in &self.transaction.txns {
            let found = read.txn(&update.app_id).map(|txn| txn.version);
            match found {
                Some(found) if found >= update.version => {
                    return Some(Outcome::AlreadyApplied { app_id: update.app_id.clone(), version: found });
                }
                found if found != update.base => {
                    let why = Why::TxnMoved {
                        app_id: update.app_id.clone(),
                        base: update.base,
                        found: found.unwrap_or(i64::MIN),
                    };
                    return Some(Outcome::Conflicted(Conflict { version: read.version(), why }));
                }
                _ => {}
            }
        }
        None
    }

    fn stamp(&mut self, current: &Snapshot, version: Version, read_version: Version) -> Result<()> {
        let stamp = self.stamp_after(Some(current), Some(read_version), self.txn_id.clone())?;
        self.actions = self.transaction.stamped(&stamp);
        check_actions(current.protocol(), current.metadata(), &self.actions).map_err(|e| self.named(e, version))?;
        self.bytes = crate::action::to_lines(&self.actions)?.into();
        Ok(())
    }

    fn stamp_after(&self, before: Option<&Snapshot>, read: Option<Version>, txn_id: String) -> Result<Stamp> {
        let now = self.env.now();
        let (protocol, metadata) = effective(&self.transaction, before);
        let in_commit = match (protocol, metadata) {
            (Some(protocol), Some(metadata)) => crate::protocol::in_commit_timestamps_enabled(protocol, metadata)?,
            _ => false,
        };
        let last = before.and_then(Snapshot::timestamp);
        let in_commit_timestamp =
            in_commit.then(|| TimestampMs(now.0.max(last.map_or(i64::MIN, |last| last.0.saturating_add(1)))));
        Ok(Stamp { txn_id, now, in_commit_timestamp, read_version: read })
    }

    async fn put(&mut self, version: Version) -> Event {
        self.puts += 1;
        let began = self.env.monotonic();
        let answer = self.store.put_commit(version, self.bytes.clone()).await;
        self.slow |= self.env.monotonic().saturating_sub(began) > SLOW_PUT;
        self.answered(answer, version).await
    }

    async fn answered(&mut self, answer: PutAnswer, version: Version) -> Event {
        match answer {
            PutAnswer::Stored => Event::Stored,
            PutAnswer::Unclear(e) => {
                self.failure = Some(e);
                Event::Unclear
            }
            PutAnswer::Refused(e) => {
                self.failure = Some(e);
                // Where nothing can land late, a look settles whether the refusal is the whole truth.
                let settled =
                    self.store.landing() == Landing::Late || matches!(self.store.commit(version).await, Ok(None));
                if settled { Event::Refused } else { Event::Unclear }
            }
        }
    }

    async fn fence(&mut self, current: &Snapshot, version: Version) -> Result<Event> {
        let fence = Transaction::fence();
        let mut stamp = self.stamp_after(Some(current), None, self.fence_id.clone())?;
        stamp.read_version = version.previous();
        let bytes = fence.bytes(&stamp)?;
        let answer = self.store.put_commit(version, bytes.into()).await;
        Ok(self.answered(answer, version).await)
    }

    async fn read_back(&mut self, version: Version) -> Event {
        match self.store.commit(version).await {
            Ok(None) => Event::FoundNothing,
            Ok(Some(commit)) if commit.txn_id() == Some(&self.txn_id) => Event::FoundOurs,
            Ok(Some(commit)) if commit.txn_id() == Some(&self.fence_id) => Event::FoundFence,
            Ok(Some(commit)) => {
                self.read_back = Some(commit);
                Event::FoundAnother
            }
            Err(e) if e.kind() == crate::ErrorKind::Unavailable => {
                self.failure = Some(e);
                Event::NoAnswer
            }
            // It is there and can't be parsed: not ours, which parses. Following it says what is wrong with it.
            Err(e) if e.kind() == crate::ErrorKind::Corrupt => {
                self.failure = Some(e);
                Event::FoundAnother
            }
            Err(e) => {
                self.failure = Some(e);
                Event::NoAnswer
            }
        }
    }

    /// Follows every commit from `from` on, a bounded number of them at a time, and makes the last one `current`. An
    /// outcome where it ends with that.
    async fn follow_all(
        &mut self,
        current: &mut Snapshot,
        mut from: Version,
        tip: Version,
        deadline: Duration,
    ) -> Result<Option<Outcome>> {
        let mut window = tail::FIRST_WINDOW;
        loop {
            let (snapshot, may_be_more) = match self.follow(current, from, tip, window).await? {
                Followed::To { snapshot, may_be_more } => (*snapshot, may_be_more),
                Followed::Ended(outcome) => return Ok(Some(outcome)),
            };
            *current = snapshot;
            if !may_be_more || self.env.monotonic() >= deadline {
                return Ok(None);
            }
            (from, window) = (current.version().next(), tail::NEXT_WINDOW);
        }
    }

    /// Resolves commits from `from` on and rebases on them.
    async fn follow(&mut self, current: &Snapshot, from: Version, tip: Version, window: u64) -> Result<Followed> {
        let mut winners = Vec::new();
        if let Some(commit) = self.read_back.take().filter(|commit| commit.version == from) {
            winners.push(commit);
        }
        let next = Version(from.0 + winners.len() as u64);
        let (fetched, may_be_more) = tail::fetch(self.store, next, window).await?;
        winners.extend(fetched);
        let reached = winners.last().map_or(current.version(), |winner| winner.version);
        // What is missing below the tip isn't free: a put there would land in a hole (pitfall C14).
        if reached < tip && !may_be_more {
            return Err(self.named(
                Error::conflict("the log was cleaned up past the version that the transaction read")
                    .hint("read the table again and retry"),
                from,
            ));
        }
        let mut snapshot = current.clone();
        let mut touched = false;
        for winner in &winners {
            match self.resolved(winner, &snapshot).await? {
                Verdict::Accept(rebase) => self.rebase(&rebase).await?,
                Verdict::AlreadyApplied { app_id, version } => {
                    return Ok(Followed::Ended(Outcome::AlreadyApplied { app_id, version }));
                }
                Verdict::Reject(why) => {
                    return Ok(Followed::Ended(Outcome::Conflicted(Conflict { version: winner.version, why })));
                }
            }
            snapshot = Snapshot::follow(Some(&snapshot), std::slice::from_ref(winner))
                .map_err(|e| self.named(e, winner.version))?;
            touched |= !(winner.adds.is_empty() && winner.removes.is_empty());
        }
        if touched && let Err(why) = check_live(&self.transaction, &snapshot) {
            return Ok(Followed::Ended(Outcome::Conflicted(Conflict { version: snapshot.version(), why })));
        }
        check_write(snapshot.protocol(), snapshot.metadata()).map_err(|e| self.named(e, snapshot.version()))?;
        Ok(Followed::To { snapshot: Box::new(snapshot), may_be_more })
    }

    /// Resolves one commit, reading the vectors that decide.
    async fn resolved(&self, winner: &Commit, before: &Snapshot) -> Result<Verdict> {
        let mut known = Known::default();
        loop {
            let verdict = resolve(&self.transaction, &Winner { commit: winner, before, known: &known });
            let Verdict::Reject(Why::Unread { vectors: unread }) = &verdict else { return Ok(verdict) };
            // What was read isn't asked for again.
            let fresh = unread.iter().all(|descriptor| known.vectors.find(descriptor).is_none());
            let read = fresh && vectors::read(self.store, unread, &mut known.vectors).await?;
            if !read {
                return Ok(verdict);
            }
        }
    }

    async fn rebase(&mut self, rebase: &Rebase) -> Result<()> {
        if rebase.is_empty() {
            return Ok(());
        }
        let stored = vectors::store(self.store, self.env, rebase.vectors()).await?;
        self.transaction = Cow::Owned(rebase.apply(&self.transaction, &stored)?);
        Ok(())
    }

    async fn end(mut self, end: End, current: &Snapshot) -> Result<Outcome> {
        match end {
            End::Committed(version) => {
                if self.slow {
                    return self.verify(version).await;
                }
                self.remember(version);
                let mut commit = Commit::from_actions(version, self.actions)?;
                commit.size_in_bytes = self.bytes.len() as u64;
                let snapshot = Snapshot::follow(Some(current), &[commit]).map_err(|e| self.store.named(e))?;
                Ok(Outcome::Committed { snapshot, attempts: self.puts })
            }
            End::Failed => Err(self.failed(current.version().next())),
            End::Indeterminate(version) => Ok(Outcome::Indeterminate { version, txn_id: self.txn_id }),
        }
    }

    fn failed(&mut self, version: Version) -> Error {
        let error = match self.failure.take() {
            Some(e) if e.kind() != crate::ErrorKind::AlreadyExists => e,
            other => {
                let late = Error::unavailable("the deadline passed before the commit won a version");
                match other {
                    Some(e) => late.because(e),
                    None => late,
                }
            }
        };
        self.named(error.hint("nothing was committed: try again"), version)
    }

    /// A slow success is believed when a fresh listing reaches it.
    async fn verify(&self, version: Version) -> Result<Outcome> {
        let unknown = || Outcome::Indeterminate { version, txn_id: self.txn_id.clone() };
        let Ok(newest) = load::load::<Snapshot>(self.store, None).await else { return Ok(unknown()) };
        let ours = matches!(self.store.commit(version).await, Ok(Some(found)) if found.txn_id() == Some(&self.txn_id));
        let below = newest.replayed().checkpoint.is_some_and(|checkpoint| checkpoint >= version);
        if !ours || newest.version() < version || below {
            return Ok(unknown());
        }
        if newest.version() == version {
            return Ok(Outcome::Committed { snapshot: newest, attempts: self.puts });
        }
        // Others have gone on meanwhile: the caller gets the version that is its own.
        match load::load(self.store, Some(version)).await {
            Ok(snapshot) => Ok(Outcome::Committed { snapshot, attempts: self.puts }),
            Err(_) => Ok(unknown()),
        }
    }

    /// Waits where asking again at once would only add to a storm, jittered and doubling, or where it is another's turn.
    async fn pause(&mut self, event: Event, step: Step) {
        let longest = match (event, step) {
            (_, Step::Done(_)) => return,
            (Event::FoundAnother, Step::Follow(lost)) => {
                self.races += 1;
                return self.wait_for_turn(lost).await;
            }
            (Event::NoAnswer | Event::FoundNothing, _) => {
                self.pauses += 1;
                (FIRST_PAUSE * 2u32.saturating_pow(self.pauses.min(16))).min(LONGEST_PAUSE)
            }
            _ => return,
        };
        self.sleep(longest.mul_f64(self.random())).await;
    }

    /// Waits behind those who have waited longer, after a race for a version was lost.
    async fn wait_for_turn(&self, version: Version) {
        let passed = |since: Version| version.0.saturating_sub(since.0);
        let info = self.read_back.as_ref().and_then(|winner| winner.commit_info.as_ref());
        let read = info.and_then(|info| info.read_version).and_then(|read| u64::try_from(read).ok());
        let lost = Lost {
            races: self.races,
            age: self.first.map_or(0, passed) + 1,
            winner_age: read.map_or(0, |read| passed(Version(read).next())),
            waited: self.env.monotonic().saturating_sub(self.began),
        };
        self.sleep(lost.pause(self.random())).await;
    }

    /// Waits where the handle's last commit came behind a crowd, which should come before it comes again.
    async fn let_others_go_first(&self) {
        let met = *self.met.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleep(met.map_or(Duration::ZERO, |met| met.pause(self.began, self.random()))).await;
    }

    fn remember(&self, version: Version) {
        let now = self.env.monotonic();
        // One race tells of a handle that was behind, not of a crowd.
        let first = self.first.filter(|_| self.races > 1);
        let others = first.map_or(0, |first| version.0.saturating_sub(first.0));
        let met = Met { others, waited: now.saturating_sub(self.began), ended: now };
        *self.met.lock().unwrap_or_else(PoisonError::into_inner) = Some(met);
    }

    async fn sleep(&self, pause: Duration) {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }

    /// Between 0 and 1.
    fn random(&self) -> f64 {
        f64::from(self.env.uuid().as_u128() as u32) / f64::from(u32::MAX)
    }

    fn named(&self, error: Error, version: Version) -> Error {
        self.store.named(error.version(version))
    }
}

/// Protocol and metadata as they are once the transaction is committed.
fn effective<'a>(
    transaction: &'a Transaction,
    before: Option<&'a Snapshot>,
) -> (Option<&'a Protocol>, Option<&'a Metadata>) {
    let mut protocol = before.map(Snapshot::protocol);
    let mut metadata = before.map(Snapshot::metadata);
    for action in transaction.actions() {
        match action {
            Action::Protocol(set) => protocol = Some(set),
            Action::Metadata(set) => metadata = Some(set),
            _ => {}
        }
    }
    (protocol, metadata)
}

/// Commits version 0.
pub(super) async fn create(store: &LogStore, env: &Arc<dyn Env>, transaction: &Transaction) -> Result<Snapshot> {
    let options = CommitOptions::default();
    let met = Mutex::new(None);
    let mut attempt = Attempt::new(store, env, transaction, &options, &met);
    let stamp = attempt.stamp_after(None, None, attempt.txn_id.clone())?;
    attempt.actions = transaction.stamped(&stamp);
    if let (Some(protocol), Some(metadata)) = effective(transaction, None) {
        check_write(protocol, metadata).map_err(|e| store.named(e))?;
        check_actions(protocol, metadata, &attempt.actions).map_err(|e| store.named(e))?;
    }
    attempt.bytes = crate::action::to_lines(&attempt.actions)?.into();
    let deadline = env.monotonic() + options.deadline;
    let mut machine = Machine::new(Version::ZERO, deadline, options.grace);
    let mut step = machine.start();
    loop {
        let event = match step {
            Step::Put { version, .. } => attempt.put(version).await,
            Step::ReadBack(version) => attempt.read_back(version).await,
            Step::Follow(_) => {
                return Err(store.named(
                    Error::already_exists("a table is there already").hint("open it, or choose another place"),
                ));
            }
            Step::Fence(_) => return Err(Error::bug("version 0 is never fenced")),
            Step::Done(End::Committed(version)) => {
                prove_create(store, version, attempt.bytes.clone()).await?;
                let mut commit = Commit::from_actions(version, attempt.actions)?;
                commit.size_in_bytes = attempt.bytes.len() as u64;
                return Snapshot::follow(None, &[commit]).map_err(|e| store.named(e));
            }
            Step::Done(End::Failed) => return Err(attempt.failed(Version::ZERO)),
            Step::Done(End::Indeterminate(version)) => {
                return Err(attempt.named(
                    Error::indeterminate(format!(
                        "the table may or may not have been created (txnId {})",
                        attempt.txn_id
                    ))
                    .hint("open it to find out"),
                    version,
                ));
            }
        };
        step = machine.next(event, env.monotonic());
        attempt.pause(event, step).await;
    }
}

/// That the store refuses to create what is there: one that doesn't keeps no two writers apart (pitfall C5). The bytes are
/// those that are there, so that nothing changes either way.
async fn prove_create(store: &LogStore, version: Version, bytes: Bytes) -> Result<()> {
    match store.put_commit(version, bytes).await {
        PutAnswer::Stored => Err(store.named(
            Error::unsupported("the store creates an object where one is: it can't keep two writers apart")
                .hint("see what else it can't be trusted with: lakebed doctor; version 0 of the table may be deleted"),
        )),
        PutAnswer::Refused(_) | PutAnswer::Unclear(_) => Ok(()),
    }
}

impl Outcome {
    /// The snapshot of a commit that landed; anything else as an error that says what to do.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict), [`Indeterminate`](crate::ErrorKind::Indeterminate), and
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) for a transaction that had been applied before.
    pub fn committed(self) -> Result<Snapshot> {
        match self {
            Outcome::Committed { snapshot, .. } => Ok(snapshot),
            Outcome::AlreadyApplied { app_id, version } => {
                Err(Error::already_exists(format!("application {app_id:?} has already come to {version}")))
            }
            Outcome::Conflicted(Conflict { version, why }) => {
                Err(Error::conflict(why.to_string()).version(version).hint("read the table again and retry"))
            }
            Outcome::Indeterminate { version, txn_id } => Err(Error::indeterminate(format!(
                "the store could not be reached to find out whether transaction {txn_id} landed"
            ))
            .version(version)
            .hint("look for the txnId in that version's commitInfo; don't delete the data files")),
        }
    }
}

/// `commitInfo` of a commit, for those who list them.
pub(super) fn info(commit: &Commit) -> CommitInfo {
    commit.commit_info.clone().unwrap_or_default()
}
