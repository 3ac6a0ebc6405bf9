//! The ports through which time and randomness enter, so that a simulator can own both.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use futures::future::BoxFuture;
use uuid::Uuid;

use crate::version::TimestampMs;

/// What a running engine takes from outside itself besides its store.
pub trait Env: fmt::Debug + Send + Sync {
    /// The time of day: for `commitInfo.timestamp`, retention and nothing that orders commits.
    fn now(&self) -> TimestampMs;

    /// Time since some fixed moment, never going back: for leases and deadlines. The time that a process is stopped or its
    /// machine suspended is part of it.
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
    started_by_day: SystemTime,
    asleep: Asleep,
}

impl SystemEnv {
    /// An environment whose monotonic clock starts at zero.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the port")]
    pub fn shared() -> Arc<dyn Env> {
        Arc::new(SystemEnv { started: Instant::now(), started_by_day: SystemTime::now(), asleep: Asleep::default() })
    }
}

/// How long the machine stood still, as far as it can be told: milliseconds by which the time of day has been ahead of the
/// monotonic clock. Linux's stands still while the machine is suspended, any while a virtual machine is paused; the time of
/// day is put right afterwards.
///
/// Somebody may set the time of day, too. Back, it tells nothing; forward, leases and deadlines end early: a listing more, and a
/// commit under way that gives up as it does when it is slow.
#[derive(Debug, Default)]
struct Asleep(AtomicU64);

impl Asleep {
    /// The time since the start, of which so much passed by either clock.
    fn since_start(&self, monotonic: Duration, by_day: Duration) -> Duration {
        let ahead = u64::try_from(by_day.saturating_sub(monotonic).as_millis()).unwrap_or(u64::MAX);
        let most = self.0.fetch_max(ahead, Ordering::Relaxed).max(ahead);
        monotonic.saturating_add(Duration::from_millis(most))
    }
}

impl Env for SystemEnv {
    #[allow(clippy::disallowed_methods, reason = "this is the port")]
    fn now(&self) -> TimestampMs {
        SystemTime::now().into()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the port")]
    fn monotonic(&self) -> Duration {
        let by_day = SystemTime::now().duration_since(self.started_by_day).unwrap_or_default();
        self.asleep.since_start(self.started.elapsed(), by_day)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_a_machine_sleeps_has_passed_and_none_passes_twice_or_back() {
        let asleep = Asleep::default();
        let after = |monotonic, by_day| {
            asleep.since_start(Duration::from_secs(monotonic), Duration::from_secs(by_day)).as_secs()
        };
        assert_eq!(after(10, 10), 10);
        assert_eq!(after(11, 11 + 3600), 11 + 3600, "an hour of sleep");
        assert_eq!(after(20, 20 + 3600), 20 + 3600);
        assert_eq!(after(21, 21 + 3600 + 60), 21 + 3600 + 60, "another minute");
        assert_eq!(after(30, 0), 30 + 3600 + 60, "the time of day was set back");
        assert_eq!(after(31, 31), 31 + 3600 + 60);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the port's own clock is compared with it")]
    fn the_monotonic_clock_goes_with_the_machines_own() {
        let (env, began) = (SystemEnv::shared(), Instant::now());
        let before = env.monotonic();
        std::thread::sleep(Duration::from_millis(20));
        let passed = env.monotonic() - before;
        assert!(
            passed >= Duration::from_millis(20) && passed <= began.elapsed() + Duration::from_millis(100),
            "{passed:?}"
        );
    }
}
