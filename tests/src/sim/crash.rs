//! What is left of an operation that ends at any await? Its future is dropped after so many polls, or with its process.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::{BoxFuture, Either, select};

use super::plan::ProcessId;
use super::world::World;

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended<T> {
    /// With this.
    With(T),
    /// It didn't: it was dropped.
    Dropped,
}

/// Counts the polls of a future, and drops it in place of one.
pub struct Polled<T> {
    inner: Option<BoxFuture<'static, T>>,
    left: Option<u32>,
    /// Polls so far.
    count: u32,
}

impl<T> Polled<T> {
    /// A future that is dropped after so many polls; `None`: never.
    pub fn new(inner: impl Future<Output = T> + Send + 'static, polls: Option<u32>) -> Polled<T> {
        Polled { inner: Some(inner.boxed()), left: polls, count: 0 }
    }
}

impl<T> Future for Polled<T> {
    type Output = (Ended<T>, u32);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some(inner) = this.inner.as_mut().filter(|_| this.left != Some(0)) {
            this.count += 1;
            if let Poll::Ready(done) = inner.as_mut().poll(context) {
                return Poll::Ready((Ended::With(done), this.count));
            }
            if this.left != Some(this.count) {
                return Poll::Pending;
            }
        }
        // The last poll allowed has been: it is dropped at once, with what it asked for on its way.
        this.inner = None;
        Poll::Ready((Ended::Dropped, this.count))
    }
}

/// Does something as long as the process lives.
pub async fn while_alive<T>(world: &World, process: ProcessId, what: impl Future<Output = T> + Send) -> Ended<T> {
    let death = world.death(process).boxed();
    match select(what.boxed(), death).await {
        Either::Left((done, _)) => Ended::With(done),
        Either::Right(((), _)) => Ended::Dropped,
    }
}
