//! How does a transaction become a version? The shell around [`Machine`], which decides every step.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::look::{Look, Looks};
use super::store::{Landing, LogStore, PutAnswer, is_refusal};
use super::{load, tail, vectors};
use crate::action::{Action, CommitInfo, Metadata, Protocol};
use crate::commit::Outcome;
use crate::commit::machine::{Again, End, Event, Machine, Step};
use crate::commit::trust::{self, MAX_HANDLE_AGE};
use crate::commit::turn::{Lost, Met};
use crate::conflict::{self, Conflict, Rebase, Verdict, Why, Winner, check_live, check_progress, resolve};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::name::LogName;
use crate::protocol::{check_actions, check_write};
use crate::replay::Commit;
use crate::snapshot::Snapshot;
use crate::transaction::{Stamp, Transaction};
use crate::version::{TimestampMs, Version};

const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(512);
/// How often a store that refused a put is asked what is there, where it refuses that too.
const MAX_LOOKS: u32 = 3;
/// How often in a row a version that can't be read is read back.
const MAX_UNREADABLE: u32 = 6;

/// How long a commit goes on. Of each, no more than [`MAX_HANDLE_AGE`] counts: what the handle knew holds no longer.
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
    looks: Looks<'a>,
    txn_id: String,
    fence_id: String,
    /// The last error of the store, for when the commit fails.
    failure: Option<Error>,
    /// A commit read back that isn't ours, so that following begins without reading it again.
    read_back: Option<Commit>,
    /// What was read back and says nothing.
    garbled: Option<(Version, Bytes)>,
    bytes: Bytes,
    /// The table once `bytes` are committed.
    next: Option<Snapshot>,
    puts: u32,
    /// Answers that asking again at once would only make worse.
    pauses: u32,
    races: u32,
    began: Duration,
    /// The first version that it could have been.
    first: Option<Version>,
    /// What the handle's last commits met.
    met: &'a Mutex<Option<Met>>,
    /// How often in a row the version that was read back couldn't be read.
    unreadable: u32,
    known: Known,
}

/// What was known when, by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// When the version that is put was known to be the next.
    pub(super) since: Duration,
    /// A time after which everything was committed that has to be followed.
    pub(super) read_at: Duration,
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
        look: Option<&'a dyn Look>,
    ) -> Attempt<'a> {
        Attempt {
            store,
            env,
            transaction: Cow::Borrowed(transaction),
            options,
            looks: Looks::by(look),
            txn_id: env.uuid().to_string(),
            fence_id: env.uuid().to_string(),
            failure: None,
            read_back: None,
            garbled: None,
            bytes: Bytes::new(),
            next: None,
            puts: 0,
            pauses: 0,
            races: 0,
            began: env.monotonic(),
            first: None,
            met,
            known: Known { since: Duration::ZERO, read_at: Duration::ZERO },
            unreadable: 0,
        }
    }

    /// Commits on top of `read`, knowing that versions up to `tip` are there.
    pub(super) async fn run(mut self, read: &Snapshot, tip: Version, known: Known) -> Result<Outcome> {
        self.known = known;
        if let Err(outcome) = accepted(check_progress(&self.transaction, read), read.version()) {
            return Ok(outcome);
        }
        check_write(read.protocol(), read.metadata()).map_err(|e| self.named(e, read.version()))?;
        let read_version = read.version();
        self.first = Some(tip.next());
        let deadline = self.env.monotonic() + self.options.deadline.min(MAX_HANDLE_AGE);
        let grace = self.options.grace.min(MAX_HANDLE_AGE);
        let mut current = read.clone();
        let mut machine = Machine::new(read_version.next(), deadline, grace);
        let mut step = if tip > read_version { Step::Follow(read_version.next()) } else { machine.start() };
        self.let_others_go_first().await;
        loop {
            let event = match step {
                Step::Put { version, again } => {
                    if again == Again::No {
                        let stamp = self.stamp_after(Some(&current), Some(read_version), self.txn_id.clone())?;
                        self.prepare(Some(&current), version, &stamp)?;
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
            step = self.unless_unreadable(machine.next(event, self.env.monotonic()));
            self.pause(event, step).await;
        }
    }

    /// What is put, and what comes of it. A commit that can't be replayed is refused here: once it is in the log, nobody can
    /// read the table.
    fn prepare(&mut self, current: Option<&Snapshot>, version: Version, stamp: &Stamp) -> Result<()> {
        self.check_age(current, version)?;
        let actions = self.transaction.stamped(stamp);
        let before = match current {
            Some(current) => (Some(current.protocol()), Some(current.metadata())),
            None => effective(&self.transaction, None),
        };
        if let (Some(protocol), Some(metadata)) = before {
            check_actions(protocol, metadata, &actions).map_err(|e| self.named(e, version))?;
        }
        self.bytes = crate::action::to_lines(&actions)?.into();
        let size_in_bytes = self.bytes.len() as u64;
        let next = Commit::from_actions(version, actions)
            .and_then(|commit| Snapshot::follow(current, &[Commit { size_in_bytes, ..commit }]));
        self.next = Some(next.map_err(|e| {
            let contradicts = Error::invalid("the table can't be read with what is to be committed");
            self.named(contradicts.because(e).hint("nothing was committed"), version)
        })?);
        Ok(())
    }

    /// That vacuum can't have taken the files yet, and won't until they are committed.
    fn check_age(&self, current: Option<&Snapshot>, version: Version) -> Result<()> {
        let (Some(since), Some(current)) = (self.transaction.uploaded_since, current) else { return Ok(()) };
        let age = self.env.monotonic().saturating_sub(since);
        // One that can't be read is no reason not to append: vacuum doesn't run then.
        let Ok(retention) = current.properties().deleted_file_retention() else { return Ok(()) };
        if trust::may_commit(age, retention) {
            return Ok(());
        }
        let hours = |span: Duration| span.as_secs() / 3600;
        let too_old = format!(
            "files of this commit were uploaded {} hours ago, and are committed within {}: vacuum takes what no commit names",
            hours(age),
            hours(trust::longest_wait(retention))
        );
        Err(self.named(
            Error::conflict(too_old).hint("nothing was committed: write the rows again, in smaller commits"),
            version,
        ))
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
        let answer = self.store.put_commit(version, self.bytes.clone()).await;
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
                self.refused(version).await
            }
        }
    }

    /// What a refusal is worth. Whoever is told that a commit failed may delete the files that it names, so it is believed
    /// only where nothing is there, or where a store behind a network keeps refusing to say.
    async fn refused(&self, version: Version) -> Event {
        for _ in 0..MAX_LOOKS {
            match self.store.commit(version).await {
                Ok(None) => return Event::Refused,
                Err(e) if self.store.landing() == Landing::Late && is_refusal(&e) => {}
                _ => return Event::Unclear,
            }
        }
        Event::Refused
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
        let found = match self.store.commit_bytes(version).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                self.unreadable = 0;
                return Event::FoundNothing;
            }
            Err(e) => {
                self.failure = Some(e);
                return Event::NoAnswer;
            }
        };
        match self.store.parsed(version, &found) {
            Ok(commit) if commit.size_in_bytes > 0 || self.store.landing() == Landing::AtOnce => {
                self.unreadable = 0;
                let event = Event::read_back(Some(&commit), &self.txn_id, &self.fence_id);
                self.read_back = Some(commit).filter(|_| event == Event::FoundAnother);
                event
            }
            read => self.garbage(version, found.0, read.err()),
        }
    }

    /// What can't be parsed isn't ours where it is what is there, and not what became of it on its way: behind a network
    /// that can't be told. Elsewhere it is where it is the same twice, and following it says what is wrong with it.
    fn garbage(&mut self, version: Version, bytes: Bytes, error: Option<Error>) -> Event {
        self.failure = error.or(self.failure.take());
        self.unreadable += 1;
        let garbled = Some((version, bytes));
        let is_there = self.garbled == garbled && self.store.landing() == Landing::AtOnce;
        self.garbled = garbled;
        if is_there { Event::FoundAnother } else { Event::NoAnswer }
    }

    /// The step, but for reading back once more what is there and can't be read: whose it is stays unknown.
    fn unless_unreadable(&self, step: Step) -> Step {
        match step {
            Step::ReadBack(version) if self.unreadable >= MAX_UNREADABLE => Step::Done(End::Indeterminate(version)),
            step => step,
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
        let began = self.env.monotonic();
        let age = began.saturating_sub(self.known.read_at);
        if trust::is_too_old_to_follow(age, current.properties().log_retention().ok()) {
            return Err(self.named(
                Error::conflict("the transaction read the table too long ago to follow what was committed since")
                    .hint("read the table again and retry"),
                from,
            ));
        }
        let mut winners = Vec::new();
        if let Some(commit) = self.read_back.take().filter(|commit| commit.version == from) {
            winners.push(commit);
        }
        let next = Version(from.0 + winners.len() as u64);
        let (fetched, may_be_more) = tail::fetch(self.store, next, window).await?;
        winners.extend(fetched);
        let reached = winners.last().map_or(current.version(), |winner| winner.version);
        // What is missing below the tip isn't free: a put there would land in a hole (pitfall C14).
        if trust::ends_in_hole(reached, tip) && !may_be_more {
            return Err(self.named(
                Error::conflict("the log was cleaned up past the version that the transaction read")
                    .hint("read the table again and retry"),
                from,
            ));
        }
        let mut snapshot = current.clone();
        let mut touched = false;
        for winner in &winners {
            match accepted(self.resolved(winner, &snapshot).await?, winner.version) {
                Ok(rebase) => self.rebase(&rebase).await?,
                Err(outcome) => return Ok(Followed::Ended(outcome)),
            }
            snapshot = Snapshot::follow(Some(&snapshot), std::slice::from_ref(winner))
                .map_err(|e| self.named(e, winner.version))?;
            touched |= !(winner.adds.is_empty() && winner.removes.is_empty());
        }
        if touched && let Err(why) = check_live(&self.transaction, &snapshot) {
            return Ok(Followed::Ended(Outcome::Conflicted(Conflict { version: snapshot.version(), why })));
        }
        check_write(snapshot.protocol(), snapshot.metadata()).map_err(|e| self.named(e, snapshot.version()))?;
        self.known = Known { since: began, read_at: began };
        Ok(Followed::To { snapshot: Box::new(snapshot), may_be_more })
    }

    /// Resolves one commit, reading the vectors and files that decide.
    async fn resolved(&mut self, winner: &Commit, before: &Snapshot) -> Result<Verdict> {
        let mut known = conflict::Known::default();
        let mut looked = false;
        loop {
            let verdict = resolve(&self.transaction, &Winner { commit: winner, before, known: &known });
            match &verdict {
                Verdict::Reject(Why::Unread { vectors: unread }) => {
                    // What was read isn't asked for again.
                    let fresh = unread.iter().all(|descriptor| known.vectors.find(descriptor).is_none());
                    let read = fresh && vectors::read(self.store, unread, &mut known.vectors).await?;
                    if !read {
                        return Ok(verdict);
                    }
                }
                Verdict::Reject(Why::MayMatch { files }) if !looked => {
                    looked = true;
                    let adds = winner.adds.iter().filter(|add| files.contains(&add.path)).collect();
                    let without_match = self.looks.without_match(before, adds).await;
                    if without_match.is_empty() {
                        return Ok(verdict);
                    }
                    known.without_match.extend(without_match);
                }
                _ => return Ok(verdict),
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
                if trust::is_slow(self.env.monotonic().saturating_sub(self.known.since)) {
                    return self.verify(version).await;
                }
                self.remember(version);
                match self.next.take() {
                    Some(snapshot) => Ok(Outcome::Committed { snapshot, attempts: self.puts }),
                    None => self.verify(version).await,
                }
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
        if !ours || !trust::is_reached(version, newest.version(), newest.replayed().checkpoint) {
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

    /// Waits where the handle's last commits came behind a crowd, which should come before it comes again.
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
        let mut last = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(met.or_half_of(*last));
    }

    async fn sleep(&self, pause: Duration) {
        if !pause.is_zero() {
            self.env.sleep(pause).await;
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

/// How to follow, or how the commit ends.
fn accepted(verdict: Verdict, version: Version) -> std::result::Result<Rebase, Outcome> {
    match verdict {
        Verdict::Accept(rebase) => Ok(rebase),
        Verdict::AlreadyApplied { app_id, version } => Err(Outcome::AlreadyApplied { app_id, version }),
        Verdict::Reject(why) => Err(Outcome::Conflicted(Conflict { version, why })),
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

/// That there is no table: one whose first versions were cleaned up would not refuse another version 0, which stands below
/// its checkpoint, where nobody looks (pitfall C14).
pub(super) async fn check_empty(store: &LogStore) -> Result<()> {
    let is_of_table =
        |name: &LogName| name.is_checkpoint() || matches!(name, LogName::Commit { .. } | LogName::Compacted { .. });
    let listed = store.list(Version::ZERO).await?;
    match listed.iter().find(|file| is_of_table(&file.name)) {
        None => Ok(()),
        Some(found) => Err(store.named(there_already().path(found.name.path()))),
    }
}

fn there_already() -> Error {
    Error::already_exists("a table is there already").hint("open it, or choose another place")
}

/// Commits version 0.
pub(super) async fn create(store: &LogStore, env: &Arc<dyn Env>, transaction: &Transaction) -> Result<Snapshot> {
    let options = CommitOptions::default();
    let met = Mutex::new(None);
    let mut attempt = Attempt::new(store, env, transaction, &options, &met, None);
    let stamp = attempt.stamp_after(None, None, attempt.txn_id.clone())?;
    if let (Some(protocol), Some(metadata)) = effective(transaction, None) {
        check_write(protocol, metadata).map_err(|e| store.named(e))?;
    }
    attempt.prepare(None, Version::ZERO, &stamp)?;
    let deadline = env.monotonic() + options.deadline;
    let mut machine = Machine::new(Version::ZERO, deadline, options.grace);
    let mut step = machine.start();
    loop {
        let event = match step {
            Step::Put { version, .. } => attempt.put(version).await,
            Step::ReadBack(version) => attempt.read_back(version).await,
            Step::Follow(_) => {
                return Err(store.named(there_already()));
            }
            Step::Fence(_) => return Err(Error::bug("version 0 is never fenced")),
            Step::Done(End::Committed(version)) => {
                prove_create(store, version, attempt.bytes.clone()).await?;
                return attempt.next.ok_or_else(|| store.named(Error::bug("what was put wasn't prepared")));
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
        step = attempt.unless_unreadable(machine.next(event, env.monotonic()));
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
                "it could not be found out from the store whether transaction {txn_id} landed"
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
