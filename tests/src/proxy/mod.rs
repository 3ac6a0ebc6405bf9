//! What can happen to a request between a client and an S3 server? A proxy that passes requests on, and does to each what a
//! test chooses, over real connections.
//!
//! Signatures hold: method, path, query, headers (`Host` among them) and body reach the server as the client sent them.
//!
//! | module | question it answers |
//! |---|---|
//! | [`asked`] | what does a request want? |
//! | [`fault`] | what is done to a request, or to its answer? |
//! | [`mix`] | which fault meets which request, by a seed? |
//! | [`seen`] | what became of a request? |
//! | `serve` | how is a request passed on, and its answer lost? |
//! | `wire` | how does an answer end in its midst? |

pub mod asked;
pub mod fault;
pub mod mix;
pub mod seen;
mod serve;
mod wire;

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use asked::Asked;
use fault::Fault;
use seen::Seen;
use serve::Server;

/// Longest wait for what is still on its way to the server.
const LONGEST_SETTLING: Duration = Duration::from_secs(60);

/// A running proxy, on a thread of its own. It ends when dropped.
pub struct Proxy {
    endpoint: String,
    server: Arc<Server>,
    held: Mutex<Receiver<Asked>>,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// Begins to pass requests on to `upstream` (`http://HOST:PORT`); `faults` says what is done to each.
    ///
    /// # Errors
    /// No free port, or no thread.
    pub fn start(upstream: &str, faults: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> io::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let (holds, held) = mpsc::channel();
        let address = upstream.strip_prefix("http://").unwrap_or(upstream).trim_end_matches('/');
        let server = Arc::new(Server::new(address, Box::new(faults), holds));
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("proxy").enable_all().build()?;
        let accepting = Arc::clone(&server);
        let _in_runtime = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        runtime.spawn(serve::accept(listener, accepting));
        drop(_in_runtime);
        Ok(Proxy { endpoint, server, held: Mutex::new(held), runtime: Some(runtime) })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The requests since the last call, in the order in which it was known what became of them.
    #[must_use]
    pub fn take_seen(&self) -> Vec<Seen> {
        self.server.take_seen()
    }

    /// Answers lost so far to requests that wrote something: the server did what was asked, and the client wasn't told.
    #[must_use]
    pub fn lost_writes(&self) -> u64 {
        self.server.lost_writes()
    }

    /// Waits for a request that is held, at most so long; blocks the thread.
    #[must_use]
    pub fn wait_held(&self, longest: Duration) -> Option<Asked> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(longest).ok()
    }

    /// Lets one request go on that is held before it reached the server ([`fault::Held::Late`]).
    pub fn release(&self) {
        self.server.release();
    }

    /// Waits until nothing is on its way to the server any more; false where that takes too long.
    pub async fn settle(&self) -> bool {
        let waited = async {
            while self.server.is_busy() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(LONGEST_SETTLING, waited).await.is_ok()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
