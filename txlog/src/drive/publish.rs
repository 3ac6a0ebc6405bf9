//! How is a checkpoint written? Encoded, read back and compared first, put under its name, and only then pointed to.
//!
//! | policy | what is put, in this order |
//! |---|---|
//! | classic | `N.checkpoint.parquet`, whole or in parts |
//! | V2 | the sidecars; then `N.checkpoint.UUID.parquet`, which names them; now and then as `classic` |
//!
//! A table whose policy is V2 gets a classic checkpoint where it has none yet, and every [`CLASSIC_NAMES`]th time: clients
//! that don't know the feature find it and see by the protocol in it that the table isn't for them (protocol section
//! "Handling Backward compatibility while moving to UUID-named v2 Checkpoints"). It follows the V1 spec, which is valid
//! under that name in every table: a reader that takes the spec from the name, as Trino does at older versions, would
//! pass over the sidecars of a V2 one, and lose their rows without a word (pitfall L12).

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::FuturesOrdered;
use futures::{StreamExt, TryStreamExt, stream};

use super::store::LogStore;
use super::upload::{Stored, Upload};
use super::workers::Workers;
use crate::action::Sidecar;
use crate::checkpoint::{Draft, Tally};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::name::{CheckpointFormat, LogName};
use crate::protocol::{CheckpointPolicy, supports};
use crate::segment::LastCheckpointHint;
use crate::segment::hint::V2CheckpointHint;
use crate::snapshot::Snapshot;
use crate::version::Version;

/// Threads that encode and read back.
const THREADS: usize = 2;
/// Row groups (or sidecars) that are being encoded, and as many that are being read back, at the same time.
const PARALLEL_GROUPS: usize = 2;
/// Of so many checkpoints of a table whose policy is V2, one is classic.
const CLASSIC_NAMES: u64 = 10;

/// What writing a checkpoint came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointReport {
    /// The version that it is of.
    pub version: Version,
    /// Whether it is ours.
    pub publication: Publication,
    /// Its file, relative to the table; that with the sidecars' names where it has sidecars.
    pub path: String,
    /// How many actions it holds, those in sidecars included; 0 where it isn't ours.
    pub num_actions: u64,
    /// How many of them are live files.
    pub num_files: u64,
    /// How many of them are tombstones.
    pub num_tombstones: u64,
    /// How many sidecars it has.
    pub num_sidecars: u64,
    /// Bytes of its files.
    pub size_in_bytes: u64,
}

/// Whether a checkpoint was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publication {
    /// It was.
    Written,
    /// One of this version was there, and stays as it is.
    AlreadyThere,
}

pub(super) async fn checkpoint(store: &LogStore, env: &Arc<dyn Env>, snapshot: &Snapshot) -> Result<CheckpointReport> {
    let version = snapshot.version();
    let made = write(store, env, snapshot).await.map_err(|e| store.named(e).version(version))?;
    if made.report.publication == Publication::Written {
        point_to(store, snapshot, &made).await?;
    }
    Ok(made.report)
}

/// A checkpoint, and which of a version's it is.
struct Made {
    report: CheckpointReport,
    v2: Option<V2CheckpointHint>,
}

impl Made {
    fn already_there(version: Version, name: &LogName) -> Made {
        let report = CheckpointReport {
            version,
            publication: Publication::AlreadyThere,
            path: name.path(),
            num_actions: 0,
            num_files: 0,
            num_tombstones: 0,
            num_sidecars: 0,
            size_in_bytes: 0,
        };
        Made { report, v2: None }
    }

    fn written(draft: &Draft, tally: &Tally, name: &LogName) -> Made {
        let report = CheckpointReport {
            version: draft.version(),
            publication: Publication::Written,
            path: name.path(),
            num_actions: tally.num_actions() + draft.num_table_actions() as u64,
            num_files: tally.num_adds,
            num_tombstones: tally.num_removes,
            num_sidecars: 0,
            size_in_bytes: 0,
        };
        Made { report, v2: None }
    }
}

async fn write(store: &LogStore, env: &Arc<dyn Env>, snapshot: &Snapshot) -> Result<Made> {
    let version = snapshot.version();
    let name = name_of(snapshot, env)?;
    if snapshot.replayed().checkpoint == Some(version) {
        return Ok(Made::already_there(version, &name));
    }
    let workers = Workers::new(THREADS);
    let since = env.now().minus(snapshot.properties().deleted_file_retention()?);
    let drafting = snapshot.clone();
    let draft = Arc::new(workers.run(move || Draft::of(&drafting, since)).await?);
    // A small one is put only where none is; before much work is done for nothing, that is asked.
    if draft.num_groups() > 1 && store.is_there(&store.key(&name)).await? {
        return Ok(Made::already_there(version, &name));
    }
    let job = Job { store, env, draft, workers, name };
    match job.name {
        LogName::ClassicCheckpoint { .. } => job.write_classic().await,
        _ => job.write_v2().await,
    }
}

/// The V2 spec needs the feature, whatever the property says.
fn policy_of(snapshot: &Snapshot) -> Result<CheckpointPolicy> {
    match supports(snapshot.protocol(), "v2Checkpoint") {
        true => snapshot.properties().checkpoint_policy(),
        false => Ok(CheckpointPolicy::Classic),
    }
}

fn name_of(snapshot: &Snapshot, env: &Arc<dyn Env>) -> Result<LogName> {
    let version = snapshot.version();
    let often = snapshot.properties().checkpoint_interval()?.saturating_mul(CLASSIC_NAMES);
    let classic = policy_of(snapshot)? == CheckpointPolicy::Classic
        || snapshot.replayed().checkpoint.is_none()
        || version.0.is_multiple_of(often);
    Ok(match classic {
        true => LogName::ClassicCheckpoint { version },
        false => LogName::new_checkpoint(version, env.uuid(), CheckpointFormat::Parquet),
    })
}

/// A checkpoint being written.
struct Job<'a> {
    store: &'a LogStore,
    env: &'a Arc<dyn Env>,
    draft: Arc<Draft>,
    workers: Workers,
    name: LogName,
}

impl Job<'_> {
    async fn write_classic(&self) -> Result<Made> {
        let mut upload = Upload::new(self.store, &self.name);
        let tally = match self.stream_into(&mut upload).await {
            Ok(tally) => tally,
            Err(e) => {
                upload.abort().await;
                return Err(e);
            }
        };
        let size_in_bytes = upload.size();
        match upload.finish().await? {
            Stored::New => {
                let mut made = Made::written(&self.draft, &tally, &self.name);
                made.report.size_in_bytes = size_in_bytes;
                Ok(made)
            }
            Stored::AlreadyThere => Ok(Made::already_there(self.draft.version(), &self.name)),
        }
    }

    /// Encodes group after group, reads each back, and sends what was read.
    async fn stream_into(&self, upload: &mut Upload) -> Result<Tally> {
        let encoder = Arc::new(self.draft.encoder(self.draft.layout().v1()?)?);
        let mut file = encoder.file()?;
        let encode = |part: usize| {
            let (draft, encoder) = (Arc::clone(&self.draft), Arc::clone(&encoder));
            self.workers.run(move || match part.checked_sub(1) {
                None => draft.encode_table_actions(&encoder),
                Some(group) => draft.encode_group(&encoder, group),
            })
        };
        let mut encoded = stream::iter(0..=self.draft.num_groups()).map(encode).buffered(PARALLEL_GROUPS).boxed();
        let mut reading = FuturesOrdered::new();
        let mut tally = Tally::default();
        while let Some(group) = encoded.try_next().await? {
            let group = file.append(group)?;
            reading.push_back(self.workers.run(move || group.verify()));
            if reading.len() >= PARALLEL_GROUPS {
                send_next(&mut reading, &mut tally, upload).await?;
            }
        }
        while !reading.is_empty() {
            send_next(&mut reading, &mut tally, upload).await?;
        }
        self.draft.check(&tally)?;
        upload.write(file.finish()?).await?;
        Ok(tally)
    }

    async fn write_v2(&self) -> Result<Made> {
        let draft = &self.draft;
        let encoder = Arc::new(draft.encoder(draft.layout().sidecar()?)?);
        let put = |group: usize| {
            let (draft, encoder) = (Arc::clone(draft), Arc::clone(&encoder));
            let encoded = self.workers.run(move || encoder.whole([draft.encode_group(&encoder, group)?]));
            async move {
                let (bytes, tally) = encoded.await?;
                Ok::<_, Error>((self.put_sidecar(bytes).await?, tally))
            }
        };
        let groups = stream::iter(0..draft.num_groups()).map(put).buffered(PARALLEL_GROUPS + 1).boxed();
        let put: Vec<(Sidecar, Tally)> = groups.try_collect().await?;
        let mut tally = Tally::default();
        put.iter().for_each(|(_, part)| tally.add(*part));
        draft.check(&tally)?;
        let sidecars: Vec<Sidecar> = put.into_iter().map(|(sidecar, _)| sidecar).collect();
        self.name_sidecars(&sidecars, &tally).await
    }

    async fn put_sidecar(&self, bytes: Bytes) -> Result<Sidecar> {
        let name = LogName::new_sidecar(self.env.uuid());
        let size_in_bytes = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        if self.store.put_new(&self.store.key(&name), bytes.into()).await? == Stored::AlreadyThere {
            return Err(Error::bug("a sidecar of a fresh UUID is there already").path(name.path()));
        }
        let text = name.to_string();
        let path = text.rsplit('/').next().unwrap_or(&text).to_owned();
        Ok(Sidecar { path, size_in_bytes, modification_time: self.env.now().0, tags: None })
    }

    /// Puts the file that names the sidecars: from then on there is a checkpoint.
    async fn name_sidecars(&self, sidecars: &[Sidecar], tally: &Tally) -> Result<Made> {
        let encoder = self.draft.encoder(self.draft.layout().v2()?)?;
        let (manifest, _) = encoder.whole([self.draft.encode_manifest(&encoder, sidecars)?])?;
        let manifest_size = manifest.len() as u64;
        if self.store.put_new(&self.store.key(&self.name), manifest.into()).await? == Stored::AlreadyThere {
            return Ok(Made::already_there(self.draft.version(), &self.name));
        }
        let of_sidecars: u64 = sidecars.iter().map(|sidecar| sidecar.size_in_bytes.unsigned_abs()).sum();
        let mut made = Made::written(&self.draft, tally, &self.name);
        made.report.num_sidecars = sidecars.len() as u64;
        made.report.size_in_bytes = manifest_size + of_sidecars;
        // Beside the table's own actions the file holds `checkpointMetadata` and a `sidecar` each.
        made.report.num_actions += 1 + made.report.num_sidecars;
        made.v2 = Some(V2CheckpointHint {
            path: self.name.to_string(),
            size_in_bytes: i64::try_from(manifest_size).ok(),
            modification_time: Some(self.env.now().0),
        });
        Ok(made)
    }
}

/// Waits for the next group that was read back, and sends it.
async fn send_next(
    reading: &mut FuturesOrdered<impl Future<Output = Result<(Bytes, Tally)>>>,
    tally: &mut Tally,
    upload: &mut Upload,
) -> Result<()> {
    let Some((bytes, read)) = reading.try_next().await? else { return Ok(()) };
    tally.add(read);
    upload.write(bytes).await
}

async fn point_to(store: &LogStore, snapshot: &Snapshot, made: &Made) -> Result<()> {
    let report = &made.report;
    // A hint that goes back would only cost others a longer listing; still, don't.
    if store.hint().await?.is_some_and(|hint| hint.version > report.version) {
        return Ok(());
    }
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mut hint = LastCheckpointHint::new(report.version, signed(report.num_actions));
    hint.size_in_bytes = Some(signed(report.size_in_bytes));
    hint.num_of_add_files = Some(signed(report.num_files));
    hint.v2_checkpoint = made.v2.clone();
    if let Ok(interval) = snapshot.properties().checkpoint_interval() {
        hint = hint.with_interval(interval);
    }
    store.put(&LogName::LastCheckpoint, hint.to_json().into()).await
}
