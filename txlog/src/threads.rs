//! On which thread does work run that would hold up other tasks?
//!
//! On one of the runtime's for blocking work. A simulator, whose runs must not depend on which thread is quicker, has it done
//! by the thread that gives it, task after task: [`OneThread`].

use std::cell::Cell;
use std::marker::PhantomData;

use tokio::task::JoinHandle;

thread_local! {
    static IS_ALONE: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, this thread does itself what it would give to others: as tasks of the runtime that it runs, in the order
/// in which they were given. Holds up every other task meanwhile.
#[derive(Debug)]
pub struct OneThread {
    before: bool,
    /// It ends on the thread on which it began.
    _here: PhantomData<*const ()>,
}

impl OneThread {
    /// From now on, until it is dropped.
    #[must_use]
    pub fn begin() -> OneThread {
        OneThread { before: IS_ALONE.replace(true), _here: PhantomData }
    }
}

impl Drop for OneThread {
    fn drop(&mut self) {
        IS_ALONE.set(self.before);
    }
}

/// Whether this thread gives no work to others.
pub(crate) fn is_alone() -> bool {
    IS_ALONE.get()
}

/// Does work apart from the tasks that wait for a store. Dropping the handle doesn't stop it.
///
/// # Panics
/// Outside of a runtime.
pub fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    if is_alone() { tokio::spawn(async move { work() }) } else { tokio::task::spawn_blocking(work) }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn work_goes_to_another_thread_unless_there_is_to_be_one() {
        let here = thread::current().id();
        let of = || run(async { apart(|| thread::current().id()).await.unwrap() });
        assert_ne!(of(), here);
        let alone = OneThread::begin();
        assert_eq!(of(), here);
        drop(alone);
        assert_ne!(of(), here);
    }

    #[test]
    fn a_panic_is_an_outcome_either_way() {
        assert!(run(async { apart::<()>(|| panic!("of another thread")).await }).is_err());
        let _alone = OneThread::begin();
        assert!(run(async { apart::<()>(|| panic!("of this thread")).await }).is_err());
    }
}
