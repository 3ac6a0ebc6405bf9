//! On which threads is a checkpoint encoded?
//!
//! On few that stay: an allocator keeps memory apart for every thread that has ever used some, so that a pool which runs
//! each group on another thread would hold several times what is under way.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::threads::{apart, is_alone};

type Job = Box<dyn FnOnce() + Send>;

/// Threads that take work in the order in which it is given, until this is dropped and it is done.
#[derive(Debug)]
pub(super) struct Workers(Option<Sender<Job>>);

impl Workers {
    /// So many threads, of the runtime's for blocking work; or none, where this thread is to do it all.
    pub(super) fn new(count: usize) -> Workers {
        if is_alone() {
            return Workers(None);
        }
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
        Workers(Some(sender))
    }

    /// Gives work; the future waits for it, and dropping that doesn't stop it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let (answer, answered) = oneshot::channel();
        // Where nobody waits any more, the outcome matters to nobody.
        let job: Job = Box::new(move || drop(answer.send(work())));
        let is_given = match &self.0 {
            Some(threads) => threads.send(job).is_ok(),
            None => {
                drop(apart(job));
                true
            }
        };
        Box::pin(async move {
            let early = || Error::bug("a thread that encodes a checkpoint ended early");
            if !is_given {
                return Err(early());
            }
            answered.await.map_err(|e| early().because(e))?
        })
    }
}

fn next(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
