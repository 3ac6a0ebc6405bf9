//! Which answers of a store can a test choose? A store that does or doesn't do what a commit's put asks, and answers as
//! it was told to.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// An answer that isn't success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An error of the server, or a connection that broke.
    Server,
    /// No answer in time.
    TimedOut,
    /// "Exists already": 412, and 409 too.
    Exists,
    /// "You may not".
    Denied,
}

impl Failure {
    fn error(self, at: &Path) -> Error {
        let (store, path) = ("faulty", at.to_string());
        match self {
            Failure::Server => Error::Generic { store, source: "500 Internal Server Error".into() },
            Failure::TimedOut => {
                Error::Generic { store, source: Box::new(std::io::Error::from(std::io::ErrorKind::TimedOut)) }
            }
            Failure::Exists => Error::AlreadyExists { path, source: "409 ConditionalRequestConflict".into() },
            Failure::Denied => Error::PermissionDenied { path, source: "403 Forbidden".into() },
        }
    }
}

/// What becomes of a commit's put.
pub enum Answer {
    /// It is stored, and the answer is a failure.
    Lost(Failure),
    /// It is not stored, and the answer is a failure.
    Unsent(Failure),
    /// The answer is a failure; it is stored just before the next put of a commit is.
    Late(Failure),
    /// It is on its way, and from then on the log answers nothing, until [`Faulty::light`].
    Dark,
    /// It reaches the store after this.
    Before(BoxFuture<'static, ()>),
    /// It reaches the store, and is answered after this.
    Behind(BoxFuture<'static, ()>),
}

struct Held {
    at: Path,
    payload: PutPayload,
    options: PutOptions,
}

#[derive(Default)]
struct State {
    script: VecDeque<Answer>,
    held: Option<Held>,
    is_dark: bool,
    puts: Vec<(String, Bytes)>,
}

/// A store whose answers to puts of commits follow a script; without one it is honest.
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    state: Mutex<State>,
}

impl Faulty {
    /// Over a store that is honest.
    #[must_use]
    pub fn over(inner: Arc<dyn ObjectStore>) -> Arc<Faulty> {
        Arc::new(Faulty { inner, state: Mutex::default() })
    }

    /// Answers the next puts of commits so, one each.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.lock().script.extend(answers);
    }

    /// The puts of commits since the last call: names, and bytes.
    #[must_use]
    pub fn take_puts(&self) -> Vec<(String, Bytes)> {
        std::mem::take(&mut self.lock().puts)
    }

    /// Ends the dark: what was on its way is stored where nothing is.
    ///
    /// # Errors
    /// The store's, but for one that says that something is there.
    pub async fn light(&self) -> Result<()> {
        self.lock().is_dark = false;
        self.land().await
    }

    async fn land(&self) -> Result<()> {
        let held = self.lock().held.take();
        let Some(Held { at, payload, options }) = held else { return Ok(()) };
        match self.inner.put_opts(&at, payload, options).await {
            Ok(_) | Err(Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn check(&self, at: &Path) -> Result<()> {
        let fails = self.lock().is_dark && at.as_ref().contains("_delta_log");
        if fails { Err(Failure::TimedOut.error(at)) } else { Ok(()) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn put_commit(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let answer = {
            let mut state = self.lock();
            let name = at.filename().unwrap_or_default().to_owned();
            state.puts.push((name, payload.clone().into()));
            state.script.pop_front()
        };
        self.check(at)?;
        self.land().await?;
        match answer {
            None => self.inner.put_opts(at, payload, options).await,
            Some(Answer::Lost(failure)) => {
                self.inner.put_opts(at, payload, options).await?;
                Err(failure.error(at))
            }
            Some(Answer::Unsent(failure)) => Err(failure.error(at)),
            Some(Answer::Late(failure)) => {
                self.lock().held = Some(Held { at: at.clone(), payload, options });
                Err(failure.error(at))
            }
            Some(Answer::Dark) => {
                let mut state = self.lock();
                state.held = Some(Held { at: at.clone(), payload, options });
                state.is_dark = true;
                Err(Failure::TimedOut.error(at))
            }
            Some(Answer::Before(meanwhile)) => {
                meanwhile.await;
                self.inner.put_opts(at, payload, options).await
            }
            Some(Answer::Behind(meanwhile)) => {
                let stored = self.inner.put_opts(at, payload, options).await;
                meanwhile.await;
                stored
            }
        }
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let is_commit = location.as_ref().contains("_delta_log") && location.as_ref().ends_with(".json");
        if opts.mode == PutMode::Create && is_commit {
            return self.put_commit(location, payload, opts).await;
        }
        self.check(location)?;
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, at: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.check(at)?;
        self.inner.put_multipart_opts(at, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.check(location)?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
