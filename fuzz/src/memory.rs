//! How much memory does a run hold at most?
//!
//! libFuzzer's own limits look at the process from time to time, or need a sanitizer; this one counts every allocation.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A single allocation beyond this is refused: the process ends there, with the stack of who asked for it.
const MOST_AT_ONCE: usize = 2 << 30;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counted.
#[derive(Debug)]
pub struct Counting;

// SAFETY: every call goes to the system's allocator with the layout that it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !take(size) {
            return std::ptr::null_mut();
        }
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn take(bytes: usize) -> bool {
    if bytes > MOST_AT_ONCE {
        return false;
    }
    MOST.fetch_max(HELD.fetch_add(bytes, Relaxed) + bytes, Relaxed);
    LARGEST.fetch_max(bytes, Relaxed);
    true
}

/// Runs `work`; the most bytes that it held at a time beside what was held before, and its largest allocation.
pub fn most_held(work: impl FnOnce()) -> (usize, usize) {
    let before = HELD.load(Relaxed);
    MOST.store(before, Relaxed);
    LARGEST.store(0, Relaxed);
    work();
    (MOST.load(Relaxed).saturating_sub(before), LARGEST.load(Relaxed))
}
