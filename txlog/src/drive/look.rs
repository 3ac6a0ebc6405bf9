//! Who looks into data files where statistics can't tell?
//!
//! A commit that comes in between may add files of which nothing rules out that they hold rows which ours looked for. The
//! log knows no rows; whoever planned the transaction does, and may hand in a [`Look`]. Files of at most
//! [`MAX_LOOKED_AT_BYTES`] are looked into in one commit, each once; past it, or where looking fails, the refusal stays.

use futures::future::BoxFuture;
use futures::{StreamExt, stream};

use crate::action::Add;
use crate::error::Result;
use crate::limits::MAX_LOOKED_AT_BYTES;
use crate::snapshot::Snapshot;

/// Files looked into at the same time.
const PARALLEL_LOOKS: usize = 4;

/// Tells what a transaction's conditions are true of, by reading data files.
pub trait Look: Send + Sync {
    /// Whether the file, which another commit added, has a live row that the transaction looked for: of which one of
    /// the conditions of its [`Reads`](crate::transaction::Reads) is true, or may be. `table` is the version before
    /// that commit, with every change of schema that the transaction may follow.
    ///
    /// # Errors
    /// Any: the transaction is then refused, as if there was such a row.
    fn finds<'a>(&'a self, table: &'a Snapshot, file: &'a Add) -> BoxFuture<'a, Result<bool>>;
}

/// What one commit may still look into.
pub(super) struct Looks<'a> {
    look: Option<&'a dyn Look>,
    bytes_left: u64,
}

impl<'a> Looks<'a> {
    pub(super) fn by(look: Option<&'a dyn Look>) -> Looks<'a> {
        Looks { look, bytes_left: MAX_LOOKED_AT_BYTES }
    }

    /// The paths of those files that were looked into and hold nothing that was looked for. It ends with the first
    /// that does, or can't be read.
    pub(super) async fn without_match(&mut self, table: &Snapshot, files: Vec<&Add>) -> Vec<String> {
        let Some(look) = self.look else { return Vec::new() };
        let sizes = files.iter().map(|add| u64::try_from(add.size).ok());
        let bytes = sizes
            .collect::<Option<Vec<u64>>>()
            .map(|sizes| sizes.iter().fold(0, |sum: u64, size| sum.saturating_add(*size)));
        let Some(left) = bytes.and_then(|bytes| self.bytes_left.checked_sub(bytes)) else { return Vec::new() };
        self.bytes_left = left;
        // Made before they are awaited: a closure kept across an await takes `Send` from every caller's future.
        let looks: Vec<_> = files.iter().map(|add| look.finds(table, add)).collect();
        let mut answers = stream::iter(looks).buffered(PARALLEL_LOOKS);
        let mut without = Vec::new();
        for add in files {
            match answers.next().await {
                Some(Ok(false)) => without.push(add.path.clone()),
                Some(Err(error)) => {
                    tracing::debug!(path = %add.path, %error, "an added file can't be looked into");
                    break;
                }
                Some(Ok(true)) | None => break,
            }
        }
        without
    }
}
