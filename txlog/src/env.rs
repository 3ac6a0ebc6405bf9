//! The ports through which time and randomness enter, so that a simulator can own both.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures::future::BoxFuture;
use uuid::Uuid;

use crate::version::TimestampMs;

/// What a running engine takes from outside itself besides its store.
pub trait Env: fmt::Debug + Send + Sync {
    /// The time of day: for `commitInfo.timestamp`, retention and nothing that orders commits.
    fn now(&self) -> TimestampMs;

    /// Time since some fixed moment, never going back: for leases and deadlines.
    fn monotonic(&self) -> Duration;

    /// A fresh random identifier (UUID version 4).
    fn uuid(&self) -> Uuid;

    /// Waits until so much of the monotonic time has passed; by the runtime's clock, unless the environment has its own.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The machine's own clock and random numbers.
#[derive(Debug)]
pub struct SystemEnv {
    started: Instant,
}

impl SystemEnv {
    /// An environment whose monotonic clock starts at zero.
    #[must_use]
    pub fn shared() -> Arc<dyn Env> {
        #[allow(clippy::disallowed_methods, reason = "this is the port")]
        Arc::new(SystemEnv { started: Instant::now() })
    }
}

impl Env for SystemEnv {
    #[allow(clippy::disallowed_methods, reason = "this is the port")]
    fn now(&self) -> TimestampMs {
        SystemTime::now().into()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the port")]
    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// A variable of this process's environment, where it is set and is text: for settings that a caller asks to be taken
/// from there.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the port")]
pub fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
