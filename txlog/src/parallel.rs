//! How is work on independent parts spread over the processor's cores?

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use crate::error::Result;
use crate::threads::is_alone;

/// More threads than this find no memory bandwidth to use.
const MAX_THREADS: usize = 8;

/// What `work` gives for each of `0..count`, in that order; the error of the lowest part that failed. Parts are taken
/// in ascending order, so that a part's data is near that of the one before. One part, or one core: no thread is made.
///
/// # Errors
/// Those of `work`.
///
/// # Panics
/// Where `work` does, with its words.
pub(crate) fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    if count <= 1 || is_alone() {
        return (0..count).map(work).collect();
    }
    // Asking takes a dozen system calls.
    static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));
    let threads = (*CORES).min(MAX_THREADS).min(count);
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Result<T>>>> = Mutex::new((0..count).map(|_| None).collect());
    let take_parts = || {
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= count {
                return;
            }
            let result = work(part);
            let failed = result.is_err();
            if let Some(slot) = done.lock().unwrap_or_else(PoisonError::into_inner).get_mut(part) {
                *slot = Some(result);
            }
            if failed {
                next.store(count, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(take_parts)).collect();
        take_parts();
        for other in others {
            // A scope would panic too, and not say why.
            other.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    // Parts behind a failed one may be missing: every part before it was taken, and has ended.
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().map_while(|part| part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn parts_come_back_in_order() {
        let squares = in_parallel(1000, |part| Ok(part * part)).unwrap();
        assert_eq!(squares, (0..1000).map(|part| part * part).collect::<Vec<_>>());
        assert!(in_parallel(0, Ok).unwrap().is_empty());
    }

    #[test]
    fn the_lowest_failure_is_the_answer() {
        let failing = |part: usize| if part % 10 == 7 { Err(Error::invalid(format!("part {part}"))) } else { Ok(part) };
        for _ in 0..50 {
            assert!(in_parallel(100, failing).unwrap_err().to_string().contains("part 7"));
        }
    }

    #[test]
    fn a_panic_keeps_its_words_whichever_thread_it_is_on() {
        let said = |part: usize| -> Result<usize> {
            if part == 7 {
                panic!("no such level: {part}");
            }
            Ok(part)
        };
        for _ in 0..50 {
            let panic = std::panic::catch_unwind(|| in_parallel(100, said)).unwrap_err();
            assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("no such level: 7"));
        }
    }
}
