//! What are the parts of a checkpoint, encoded?
//!
//! `benches/examples/checkpoint_cost.rs` measures the whole.
//!
//! | step | CPU | memory |
//! |---|---|---|
//! | rows of a group | slices of the snapshot's columns; a copy where some rows are gone | none; the copy |
//! | encoding | zstd, level 1, few rows snappy; groups in parallel | the encoded group, under 16 MiB of text before |
//! | reading back | decode and compare; groups in parallel | the decoded group |
//!
//! At most four groups are under way, so memory is bounded by the size of a group ([`draft`](super::draft)).

use super::draft::{Draft, rows_of};
use super::encode::{EncodedGroup, Encoder};
use super::rows::take_others;
use crate::action::{Action, CheckpointMetadata, Sidecar, Tags};
use crate::error::{Error, Result};

impl Draft {
    /// Encodes a group of file actions, below [`num_groups`](Self::num_groups); `encoder` is one of the
    /// [`layout`](Self::layout)'s.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when the rows don't fit the columns;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for a partition value that isn't one of its column's type.
    pub fn encode_group(&self, encoder: &Encoder, group: usize) -> Result<EncodedGroup> {
        let group = self.groups.get(group).ok_or_else(|| Error::bug("a group that the checkpoint doesn't have"))?;
        encoder.encode(group.batches(encoder.schema(), self.layout())?)
    }

    /// Encodes the actions that aren't about files.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when the rows say something else than the actions.
    pub fn encode_table_actions(&self, encoder: &Encoder) -> Result<EncodedGroup> {
        encode_actions(&self.others, encoder)
    }

    /// Encodes the file that names the sidecars: all of the checkpoint that isn't in them.
    ///
    /// # Errors
    /// As [`encode_table_actions`](Self::encode_table_actions).
    pub fn encode_manifest(&self, encoder: &Encoder, sidecars: &[Sidecar]) -> Result<EncodedGroup> {
        let size: i64 = sidecars.iter().map(|sidecar| sidecar.size_in_bytes).sum();
        let tag = |name: &str, value: String| (name.to_owned(), Some(value));
        let tags: Tags = [
            tag("sidecarNumActions", self.expected.num_actions().to_string()),
            tag("sidecarSizeInBytes", size.to_string()),
            tag("numOfAddFiles", self.expected.num_adds.to_string()),
        ]
        .into();
        let version = i64::try_from(self.version.0).unwrap_or(i64::MAX);
        let mut actions = vec![Action::CheckpointMetadata(CheckpointMetadata { version, tags: Some(tags) })];
        actions.extend(self.others.iter().cloned());
        actions.extend(sidecars.iter().cloned().map(Action::Sidecar));
        encode_actions(&actions, encoder)
    }
}

/// The actions as a row group, once their rows have been seen to say the same.
fn encode_actions(actions: &[Action], encoder: &Encoder) -> Result<EncodedGroup> {
    let batches = rows_of(actions, encoder.schema())?;
    let mut said = Vec::with_capacity(actions.len());
    batches.iter().try_for_each(|batch| take_others(batch, &mut said))?;
    let sorted = |actions: &[Action]| {
        let mut texts: Vec<String> = actions.iter().map(|action| format!("{action:?}")).collect();
        texts.sort();
        texts
    };
    if sorted(&said) != sorted(actions) {
        return Err(Error::bug("the actions of a checkpoint change when they become rows; it was not published"));
    }
    encoder.encode(batches)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::action::{Add, DeletionVectorDescriptor, DomainMetadata, Metadata, Protocol, Txn};
    use crate::checkpoint::decode_parquet;
    use crate::files::Files;
    use crate::replay::{Commit, State};
    use crate::snapshot::Snapshot;
    use crate::version::{TimestampMs, Version};

    fn snapshot() -> Snapshot {
        let schema = r#"{"type":"struct","fields":[{"name":"p","type":"string","nullable":true,"metadata":{}},{"name":"x","type":"long","nullable":true,"metadata":{}}]}"#;
        let vector = DeletionVectorDescriptor {
            storage_type: "u".into(),
            path_or_inline_dv: "ab^-aqEH.-t@S}K{vb[*k^".into(),
            offset: Some(4),
            size_in_bytes: 40,
            cardinality: 2,
        };
        let add = |name: &str, vector: Option<DeletionVectorDescriptor>| Add {
            path: format!("p=a%20b/{name}"),
            partition_values: [("p".to_owned(), Some("a b".to_owned()))].into(),
            size: 100,
            modification_time: 7,
            data_change: true,
            stats: Some("{\"numRecords\":3}".into()),
            tags: Some([("k".to_owned(), Some("v".to_owned()))].into()),
            deletion_vector: vector,
            ..Add::default()
        };
        let first = Commit {
            protocol: Some(Protocol {
                min_reader_version: 3,
                min_writer_version: 7,
                reader_features: Some(vec!["deletionVectors".into()]),
                writer_features: Some(vec!["deletionVectors".into(), "domainMetadata".into()]),
            }),
            metadata: Some(Metadata {
                id: "id".into(),
                schema_string: schema.into(),
                partition_columns: vec!["p".into()],
                configuration: [("delta.enableDeletionVectors".to_owned(), "true".to_owned())].into(),
                created_time: Some(999_999_999_999_999_999),
                ..Metadata::default()
            }),
            txns: vec![Txn { app_id: "a".into(), version: i64::MAX, last_updated: None }],
            domains: vec![DomainMetadata { domain: "d".into(), configuration: "{}".into(), removed: false }],
            adds: vec![add("1", None), add("2", None), add("3", None)],
            ..Commit::default()
        };
        let second = Commit {
            version: Version(1),
            removes: vec![add("1", None).removed(50, true), add("2", None).removed(60, true)],
            adds: vec![add("2", Some(vector))],
            ..Commit::default()
        };
        Snapshot::follow(None, &[first, second]).unwrap()
    }

    /// A checkpoint of the V1 spec in one piece.
    fn encode(snapshot: &Snapshot, since: TimestampMs) -> Bytes {
        let draft = Draft::of(snapshot, since).unwrap();
        let encoder = draft.encoder(draft.layout().v1().unwrap()).unwrap();
        let groups = (0..draft.num_groups()).map(|group| draft.encode_group(&encoder, group).unwrap());
        let groups = std::iter::once(draft.encode_table_actions(&encoder).unwrap()).chain(groups);
        let (bytes, tally) = encoder.whole(groups).unwrap();
        draft.check(&tally).unwrap();
        bytes
    }

    fn reread(bytes: Bytes) -> Snapshot {
        let contents = decode_parquet(bytes).unwrap();
        let mut state = State { files: Files::from_batches(contents.adds).unwrap(), ..State::default() };
        contents.actions.into_iter().for_each(|action| state.take(action));
        state.tombstones = contents.removes.into_iter().map(Arc::new).collect();
        Snapshot::from_checkpoint(Version(1), state).unwrap()
    }

    #[test]
    fn a_checkpoint_reads_back_as_the_snapshot_it_was_written_of() {
        let snapshot = snapshot();
        let again = reread(encode(&snapshot, TimestampMs(0)));
        let adds = |snapshot: &Snapshot| {
            let mut adds: Vec<_> = snapshot.files().iter().map(|file| file.to_add()).collect();
            adds.sort_by(|a, b| a.path.cmp(&b.path));
            adds
        };
        assert_eq!(adds(&again), adds(&snapshot));
        assert_eq!(again.protocol(), snapshot.protocol());
        assert_eq!(again.metadata(), snapshot.metadata());
        assert_eq!(again.txn("a").unwrap().version, i64::MAX);
        assert_eq!(again.domain("d"), Some("{}"));
        assert_eq!(again.size_in_bytes(), 200);
        let removed: Vec<_> = again.tombstones().map(|file| file.to_remove().path).collect();
        assert_eq!(removed.len(), 2, "{removed:?}");
    }

    #[test]
    fn expired_tombstones_are_left_out() {
        let again = reread(encode(&snapshot(), TimestampMs(55)));
        let removed: Vec<_> = again.tombstones().map(|file| file.deletion_timestamp()).collect();
        assert_eq!(removed, [Some(60)]);
    }

    #[test]
    fn l3_truncated_or_foreign_bytes_are_an_error() {
        let bytes = encode(&snapshot(), TimestampMs(0));
        for cut in [0, 4, 7, 8, 100, bytes.len() - 1] {
            assert!(decode_parquet(bytes.slice(..cut)).is_err(), "{cut} bytes");
        }
        assert!(decode_parquet(Bytes::from_static(b"PAR1\xff\xff\xff\xffPAR1")).is_err());
    }
}
