//! On which threads is a checkpoint encoded?
//!
//! On few that stay: an allocator keeps memory apart for every thread that has ever used some, so that a pool which runs
//! each group on another thread would hold several times what is under way.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::error::{Error, Result};

type Job = Box<dyn FnOnce() + Send>;

/// Threads that take work in the order in which it is given, until this is dropped and it is done.
#[derive(Debug)]
pub(super) struct Workers(Sender<Job>);

impl Workers {
    /// So many threads, of the runtime's for blocking work.
    pub(super) fn new(count: usize) -> Workers {
        let (sender, jobs) = channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..count {
            let jobs = Arc::clone(&jobs);
            tokio::task::spawn_blocking(move || {
                while let Some(job) = next(&jobs) {
                    job();
                }
            });
        }
        Workers(sender)
    }

    /// Gives work; the future waits for it, and dropping that doesn't stop it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let (answer, answered) = oneshot::channel();
        // Where nobody waits any more, the outcome matters to nobody.
        let given = self.0.send(Box::new(move || drop(answer.send(work()))));
        Box::pin(async move {
            let early = || Error::bug("a thread that encodes a checkpoint ended early");
            given.map_err(|_| early())?;
            answered.await.map_err(|e| early().because(e))?
        })
    }
}

fn next(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
