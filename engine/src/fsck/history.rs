//! Does every commit follow the one before, and is every checkpoint what they come to?
//!
//! Versions are walked upwards, commits fetched ahead in parallel. What is known of the table at a version comes from the
//! commits since version 0, or from the first checkpoint that can be read; after a gap or a commit that can't be applied
//! nothing is known until the next readable checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use lakebed_txlog::action::{Action, Sidecar};
use lakebed_txlog::checkpoint::{Contents, decode_json, decode_parquet, sidecar_file};
use lakebed_txlog::files::Files;
use lakebed_txlog::name::{CheckpointFormat, LogName};
use lakebed_txlog::protocol::in_commit_timestamps_enabled;
use lakebed_txlog::replay::{Commit, State};
use lakebed_txlog::threads::apart;
use lakebed_txlog::{Error, ErrorKind, Result, TimestampMs, Version};

use super::compare::differences;
use super::files::Named;
use super::finding::{Finding, Findings, Kind, Repair, Severity};
use super::listing::{Candidate, Listing, read_listed};
use super::sums;
use crate::store::TableStore;

/// Commits fetched ahead.
const PARALLEL_GETS: usize = 16;

/// What the table is known to be at a version.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) version: Version,
    pub(super) state: State,
    /// The checkpoint that it is based on; `None`: version 0 and every commit since.
    pub(super) base: Option<Version>,
}

/// What a walk through the log came to.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The newest version, where it is known what the table is then.
    pub(super) newest: Option<Known>,
    /// Checkpoints that are complete and hold what they should, the number of their actions each.
    pub(super) sound: BTreeMap<Version, u64>,
    /// Every file that any retained version names.
    pub(super) named: Named,
    pub(super) num_commits: u64,
    pub(super) num_checkpoints: u64,
}

/// A commit and its checksum file, as they are stored.
struct Fetched {
    version: Version,
    commit: Result<Bytes>,
    checksum: Option<Result<Bytes>>,
}

/// The walk under way.
struct Walk<'a> {
    store: &'a TableStore,
    findings: &'a mut Findings,
    known: Option<Known>,
    /// `commitInfo.txnId` of the version's commit.
    txn_id: Option<String>,
    last_timestamp: Option<TimestampMs>,
    walked: Walked,
}

/// Reads every commit, checkpoint and `.crc` file: a request each, and one for each sidecar.
///
/// # Errors
/// Those of the store but for what is missing; damage is a finding.
pub(super) async fn walk(
    store: &TableStore,
    listing: &Listing,
    named: Named,
    findings: &mut Findings,
    told: &impl Fn(u64, u64),
) -> Result<Walked> {
    let commits: BTreeSet<Version> = listing.commits().into_keys().collect();
    let checkpoints = listing.checkpoints();
    gaps(&commits, &checkpoints, findings);
    let versions: BTreeSet<Version> = commits.iter().chain(checkpoints.keys()).copied().collect();
    let checksums: BTreeSet<Version> = listing.checksums().into_iter().collect();
    let mut fetched = fetch(store, commits.clone(), checksums);
    let walked = Walked { named, ..Walked::default() };
    let mut walk = Walk { store, findings, known: None, txn_id: None, last_timestamp: None, walked };
    let total = versions.len() as u64;
    for (done, version) in versions.iter().enumerate() {
        told(done as u64, total);
        let own = if commits.contains(version) { fetched.next().await } else { None };
        let checksum = match own {
            Some(Fetched { version, commit, checksum }) => {
                walk.commit(version, commit)?;
                checksum
            }
            None => {
                walk.known = None;
                None
            }
        };
        for candidate in checkpoints.get(version).into_iter().flatten() {
            walk.checkpoint(candidate, listing).await?;
        }
        if let Some(checksum) = checksum {
            walk.checksum(*version, checksum)?;
        }
    }
    let newest = versions.last().copied();
    walk.walked.newest = walk.known.filter(|known| Some(known.version) == newest);
    Ok(walk.walked)
}

fn fetch<'a>(
    store: &'a TableStore,
    commits: BTreeSet<Version>,
    checksums: BTreeSet<Version>,
) -> Pin<Box<dyn Stream<Item = Fetched> + Send + 'a>> {
    let one = move |version: Version| {
        let has_checksum = checksums.contains(&version);
        async move {
            let commit = read_listed(store, &LogName::Commit { version }).await;
            let checksum = if has_checksum { Some(read_listed(store, &LogName::Crc { version }).await) } else { None };
            Fetched { version, commit, checksum }
        }
    };
    stream::iter(commits).map(one).buffered(PARALLEL_GETS).boxed()
}

/// Versions without a commit that should have one, and a log that begins nowhere.
fn gaps(commits: &BTreeSet<Version>, checkpoints: &BTreeMap<Version, Vec<Candidate>>, findings: &mut Findings) {
    let complete: BTreeSet<Version> = checkpoints
        .iter()
        .filter(|(_, candidates)| candidates.iter().any(|candidate| candidate.is_complete))
        .map(|(version, _)| *version)
        .collect();
    for (before, after) in commits.iter().zip(commits.iter().skip(1)).filter(|(a, b)| a.next() != **b) {
        let last = after.previous().unwrap_or_default();
        let which = if before.next() == last {
            format!("version {last} is")
        } else {
            format!("versions {} to {last} are", before.next())
        };
        let finding = Finding::error(Kind::Gap, format!("{which} missing from the log")).version(last);
        findings.add(match complete.range(last..).next() {
            Some(base) => finding.hint(format!(
                "the table can be read from the checkpoint of version {base} on; restore \
                the commits from a backup to read what was before"
            )),
            None => finding.hint("the table can't be opened past the gap: restore the missing commits from a backup"),
        });
    }
    let Some(first) = commits.first().or(complete.first()).copied() else {
        findings.add(Finding::error(Kind::Gap, "the log holds neither a commit nor a complete checkpoint"));
        return;
    };
    if first > Version::ZERO && complete.is_empty() {
        let said = format!("the log begins at version {first}, and no complete checkpoint holds what was before");
        findings.add(Finding::error(Kind::Gap, said).version(first).hint("restore the log from a backup"));
    }
    if let (Some(last), Some(checkpoint)) = (commits.last(), complete.last())
        && checkpoint > last
    {
        let said = format!("version {checkpoint} stands in a checkpoint alone, without its commit");
        findings.add(Finding::warning(Kind::Gap, said).version(*checkpoint).hint("Spark refuses such a log"));
    }
}

impl Walk<'_> {
    fn commit(&mut self, version: Version, bytes: Result<Bytes>) -> Result<()> {
        let path = LogName::Commit { version }.path();
        self.walked.num_commits += 1;
        self.txn_id = None;
        let known = self.known.take();
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        let commit = match Commit::parse(version, &bytes, None) {
            Ok(commit) => commit,
            Err(e) => {
                let finding = Finding::of(Kind::CommitUnreadable, &e).version(version).path(path);
                self.findings.add(finding.hint(
                    "restore this file from a backup; versions from this one to the next checkpoint can't be read",
                ));
                return Ok(());
            }
        };
        self.walked.named.commit(&commit);
        self.txn_id = commit.txn_id().map(str::to_owned);
        let before = match known {
            Some(known) if known.version.next() == version => known,
            _ if version == Version::ZERO => Known { version, state: State::default(), base: None },
            _ => return Ok(()),
        };
        let Known { mut state, base, .. } = before;
        if let Err(e) = state.apply(&commit) {
            let finding = Finding::of(Kind::CommitContradicts, &e).version(version);
            self.findings.add(finding.hint("every reader of this version returns wrong rows, or refuses it"));
            return Ok(());
        }
        self.timestamp(&state, &commit);
        self.known = Some(Known { version, state, base });
        Ok(())
    }

    /// In-commit timestamps increase, where the table has them.
    fn timestamp(&mut self, state: &State, commit: &Commit) {
        let (Some(protocol), Some(metadata)) = (&state.protocol, &state.metadata) else { return };
        if !matches!(in_commit_timestamps_enabled(protocol, metadata), Ok(true)) {
            self.last_timestamp = None;
            return;
        }
        let own = commit.in_commit_timestamp();
        let wrong = match (own, self.last_timestamp) {
            (None, _) => Some("the commit has no inCommitTimestamp, which the table promises".to_owned()),
            (Some(own), Some(last)) if own <= last => {
                Some(format!("the commit's inCommitTimestamp {} isn't after the one before, {}", own.0, last.0))
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            let finding = Finding::error(Kind::Timestamps, wrong).version(commit.version);
            self.findings.add(finding.hint("time travel by timestamp may open another version than it should"));
        }
        self.last_timestamp = own.or(self.last_timestamp);
    }

    async fn checkpoint(&mut self, candidate: &Candidate, listing: &Listing) -> Result<()> {
        let version = candidate.version;
        if !candidate.is_complete {
            let said = format!("{} parts of a checkpoint are there, and not all", candidate.files.len());
            let finding = Finding::warning(Kind::CheckpointIncomplete, said).version(version).path(candidate.path());
            self.findings.add(finding.hint("readers pass over it; its parts may be deleted"));
            return Ok(());
        }
        self.walked.num_checkpoints += 1;
        let repair = || Repair::RewriteCheckpoint { version, names: candidate.names() };
        let read = read_contents(self.store, candidate, listing).await;
        let contents = match read {
            Ok(contents) => contents,
            Err(e) if matches!(e.kind(), ErrorKind::Unavailable | ErrorKind::PermissionDenied) => return Err(e),
            Err(e) => {
                let mut finding = Finding::of(Kind::CheckpointUnreadable, &e).version(version);
                finding.path.get_or_insert_with(|| candidate.path());
                self.findings.add(match self.known {
                    Some(_) => finding.hint("readers begin at an older one; it can be written anew").repair(repair()),
                    None => finding.hint("readers begin at an older one, if there is one"),
                });
                return Ok(());
            }
        };
        let num_actions = contents.actions.len() as u64
            + [&contents.adds, &contents.removes].into_iter().flatten().map(|batch| batch.len() as u64).sum::<u64>();
        match &self.known {
            Some(known) => {
                let different = differences(&contents, &known.state);
                if different.is_empty() {
                    self.walked.sound.insert(version, num_actions);
                    return Ok(());
                }
                let base = known.base;
                let said = format!("the checkpoint isn't what the commits come to: {}", different.join("; "));
                let finding = Finding::error(Kind::CheckpointDiffers, said).version(version).path(candidate.path());
                self.findings.add(match base {
                    None => finding.hint("readers return wrong rows; it can be written anew").repair(repair()),
                    Some(base) => finding.hint(format!(
                        "this checkpoint or that of version {base}, from which the commits were followed, is wrong: \
                         the commits before are gone, so nothing tells which"
                    )),
                });
            }
            None => self.adopt(candidate, contents, num_actions),
        }
        Ok(())
    }

    /// Goes on from a checkpoint, where nothing better is known.
    fn adopt(&mut self, candidate: &Candidate, contents: Contents, num_actions: u64) {
        self.walked.named.contents(candidate.version, &contents);
        match state_of(contents) {
            Ok(state) => {
                self.walked.sound.insert(candidate.version, num_actions);
                self.known = Some(Known { version: candidate.version, state, base: Some(candidate.version) });
            }
            Err(e) => {
                let finding = Finding::of(Kind::CheckpointUnreadable, &e).version(candidate.version);
                self.findings.add(finding.path(candidate.path()));
            }
        }
    }

    fn checksum(&mut self, version: Version, bytes: Result<Bytes>) -> Result<()> {
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        if let (Some(ours), Some(theirs)) = (&self.txn_id, sums::transaction(&bytes))
            && *ours != theirs
        {
            let said = format!(
                "transaction {ours} stands here, and the checksum file was written for {theirs}: the commit was replaced, and                  what the first one did is lost"
            );
            let finding = Finding::error(Kind::CommitReplaced, said).version(version);
            let finding = finding.path(LogName::Commit { version }.path()).hint(
                "find the writer that puts commits over others', as Spark does beside any other writer (docs/OPERATIONS.md); rows                  that were lost are in files that no version names, until vacuum takes them",
            );
            self.findings.add(finding.repair(Repair::RemoveChecksum { version }));
            return Ok(());
        }
        let state = self.known.as_ref().map(|known| &known.state);
        if let Some(wrong) = sums::checksum(&bytes, state) {
            let finding = Finding::new(Severity::Warning, Kind::Checksum, wrong)
                .version(version)
                .path(LogName::Crc { version }.path())
                .hint("engines that check it refuse this version, or log a warning; it can be deleted");
            self.findings.add(finding.repair(Repair::RemoveChecksum { version }));
        }
        Ok(())
    }
}

/// The table that a checkpoint holds.
///
/// # Errors
/// `Exhausted` for more files than can be counted.
pub(super) fn state_of(contents: Contents) -> Result<State> {
    let mut state = State { files: Files::from_batches(contents.adds)?, ..State::default() };
    contents.actions.into_iter().for_each(|action| state.take(action));
    state.tombstones = contents.removes.into_iter().map(Arc::new).collect();
    Ok(state)
}

/// All parts and sidecars of a checkpoint.
///
/// # Errors
/// `Corrupt` and `NotFound` for damage; those of the store.
pub(super) async fn read_contents(store: &TableStore, candidate: &Candidate, listing: &Listing) -> Result<Contents> {
    let mut contents = Contents::default();
    for name in &candidate.files {
        contents.merge(read_file(store, name).await?);
    }
    let mut sidecars = Vec::new();
    for action in &contents.actions {
        match action {
            Action::Sidecar(sidecar) => sidecars.push(sidecar.clone()),
            Action::CheckpointMetadata(metadata) if u64::try_from(metadata.version) != Ok(candidate.version.0) => {
                return Err(Error::corrupt(format!("the checkpoint says that it is of version {}", metadata.version)));
            }
            _ => {}
        }
    }
    for sidecar in sidecars {
        contents.merge(read_sidecar(store, &sidecar, listing).await?);
    }
    Ok(contents)
}

async fn read_sidecar(store: &TableStore, sidecar: &Sidecar, listing: &Listing) -> Result<Contents> {
    let name = sidecar_file(sidecar)?;
    match listing.size_of(&name) {
        None => return Err(Error::not_found("a sidecar of the checkpoint is gone").path(name.path())),
        Some(size) if u64::try_from(sidecar.size_in_bytes) != Ok(size) => {
            let said = format!("a sidecar has {size} bytes where the checkpoint says {}", sidecar.size_in_bytes);
            return Err(Error::corrupt(said).path(name.path()));
        }
        Some(_) => {}
    }
    read_file(store, &name).await
}

async fn read_file(store: &TableStore, name: &LogName) -> Result<Contents> {
    let bytes = read_listed(store, name).await?;
    let is_json = matches!(name, LogName::UuidCheckpoint { format: CheckpointFormat::Json, .. });
    let decode = move || if is_json { decode_json(&bytes) } else { decode_parquet(bytes) };
    let path = name.path();
    match apart(decode).await {
        Ok(contents) => contents.map_err(|e| e.path(path)),
        // A decoder that panics on damaged bytes has found damage (pitfall H2).
        Err(e) => Err(Error::corrupt("a checkpoint can't be decoded").path(path).because(e)),
    }
}
