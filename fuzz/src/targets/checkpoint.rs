//! Is a hostile checkpoint an error, and does one that is read say the same however it is fetched and written again?

use std::sync::Arc;

use bytes::Bytes;
use lakebed_txlog::checkpoint::{Contents, Footer, Pieces, Wanted, decode_parquet, footer};
use lakebed_txlog::files::{FileColumns, Files};
use lakebed_txlog::replay::State;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::version::Version;
use lakebed_txlog::{Error, ErrorKind, Result};

use super::log_replay::{described, written_and_read};
use super::{Memory, Target};

/// The bytes of a Parquet file. What they may expand to is bounded by `txlog/src/limits.rs`, not by their number.
pub const TARGET: Target = Target { name: "checkpoint", run, memory: Memory { base: 512 << 20, per_byte: 16 << 10 } };

/// Most steps in which a file is fetched: its end, its footer, its columns.
const MAX_WAVES: usize = 8;

fn run(input: &[u8]) {
    let bytes = Bytes::copy_from_slice(input);
    let whole = decode_parquet(bytes.clone());
    let table = in_pieces(&bytes, Wanted::Table);
    let contents = match (whole, in_pieces(&bytes, Wanted::All)) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(format!("{:?}", pieces.actions), format!("{:?}", whole.actions));
            assert_eq!((rows(&pieces.adds), rows(&pieces.removes)), (rows(&whole.adds), rows(&whole.removes)));
            whole
        }
        (Err(whole), Err(pieces)) => return [whole, pieces].iter().for_each(of_the_input),
        (Err(whole), Ok(_)) => panic!("in pieces it is read, at once {whole}"),
        // A range outside of the file is found before what lies in it is decoded.
        (Ok(_), Err(pieces)) => return of_the_input(&pieces),
    };
    if let Err(e) = table {
        of_the_input(&e);
    }
    contents.adds.iter().for_each(statistics);
    match snapshot_of(Version(3), contents) {
        Ok(snapshot) => {
            assert!(!described(&snapshot).is_empty());
            if once_each(&snapshot) {
                written_and_read(&snapshot);
            }
        }
        Err(e) => of_the_input(&e),
    }
}

/// An error that doesn't blame us.
fn of_the_input(error: &Error) {
    assert_ne!(
        error.kind(),
        ErrorKind::Bug,
        "{error}: {:?}",
        std::error::Error::source(error).map(ToString::to_string)
    );
}

fn rows(batches: &[FileColumns]) -> Vec<String> {
    let rows = batches.iter().flat_map(|batch| (0..batch.len()).map(|row| batch.row(row)));
    rows.map(|row| format!("{} {:?} {:?}", row.path(), row.deletion_vector(), row.partition_values())).collect()
}

/// That the statistics, which nobody has decoded yet, can be read or refused.
fn statistics(batch: &FileColumns) {
    let (texts, parsed) = (batch.stats.texts(), batch.stats.parsed(None));
    texts.as_ref().err().into_iter().chain(parsed.as_ref().err()).for_each(of_the_input);
    if let Ok(Some(texts)) = texts {
        assert_eq!(arrow::array::Array::len(&texts), batch.len());
    }
    if let Ok(Some(parsed)) = parsed {
        assert_eq!(arrow::array::Array::len(&parsed), batch.len());
    }
}

/// The table that a checkpoint makes.
pub(super) fn snapshot_of(version: Version, contents: Contents) -> Result<Snapshot> {
    let mut state = State { files: Files::from_batches(contents.adds)?, ..State::default() };
    contents.actions.into_iter().for_each(|action| state.take(action));
    state.tombstones = contents.removes.into_iter().map(Arc::new).collect();
    Snapshot::from_checkpoint(version, state)
}

/// Whether no path stands twice: a checkpoint that has one is damaged, and what it comes to isn't promised.
fn once_each(snapshot: &Snapshot) -> bool {
    let mut paths: Vec<&str> = snapshot.files().iter().map(|file| file.path()).collect();
    paths.sort_unstable();
    paths.windows(2).all(|pair| pair[0] != pair[1])
}

/// Reads the file as a store would give it, a range at a time.
fn in_pieces(file: &Bytes, wanted: Wanted) -> Result<Contents> {
    let mut pieces = Pieces::new(file.len() as u64);
    let mut description = None;
    for _ in 0..MAX_WAVES {
        let ranges = match &description {
            None => match footer(&pieces)? {
                Footer::Missing(range) => pieces.missing(&[range]),
                Footer::Read(read) => {
                    description = Some(read);
                    continue;
                }
            },
            Some(description) => pieces.missing(&description.ranges(wanted, pieces.size())?),
        };
        match &description {
            Some(description) if ranges.is_empty() => return description.decode(pieces, wanted),
            _ => {}
        }
        let fetched =
            ranges.into_iter().map(|range| (range.start, file.slice(range.start as usize..range.end as usize)));
        pieces.add(fetched.collect())?;
    }
    panic!("more than {MAX_WAVES} steps");
}
