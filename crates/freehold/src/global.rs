//! The allocator that puts a whole Rust program into the ledger.

use core::alloc::{GlobalAlloc, Layout};
use std::alloc::System;

use freehold_families::Family;

use crate::contract::LIVE;
use crate::entry::enter;
use crate::ownership::Ownership;
use crate::record::{self, What};
use crate::state::{self, quietly};
use crate::system::KeepErrno;

/// A global allocator that records every block of the program while tracking is
/// on: family `rust`, with its stack. Off, it costs one load.
///
/// Set `FREEHOLD_TRACK=1`, or call [`track::start`](crate::track::start) early;
/// under `freehold run` blocks appear as Rust's instead of `malloc`'s.
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: freehold::Global = freehold::Global::new();
///
/// freehold::track::start(&Default::default()).expect("memory for a ledger");
/// let text = String::from("recorded");
/// assert!(freehold::ownership_of(text.as_ptr() as usize).is_some());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Global<A = System>(A);

impl Global {
    /// Over the system's allocator.
    ///
    /// ```
    /// #[global_allocator]
    /// static ALLOCATOR: freehold::Global = freehold::Global::new();
    /// assert_eq!(vec![1, 2].len(), 2); // tracking is off: as ever
    /// ```
    pub const fn new() -> Global {
        Global(System)
    }
}

impl<A> Global<A> {
    /// Over another allocator.
    ///
    /// ```
    /// use std::alloc::System;
    /// static ALLOCATOR: freehold::Global = freehold::Global::over(System);
    /// # let _ = &ALLOCATOR;
    /// ```
    pub const fn over(allocator: A) -> Global<A> {
        Global(allocator)
    }
}

/// Whether there is nothing to note.
#[inline(always)]
fn is_unnoted() -> bool {
    state::is_plain() || {
        // To look at what a thread has may set it.
        let _errno = KeepErrno::new();
        state::is_quiet()
    }
}

#[inline(always)]
fn noted(size: usize, allocate: impl FnOnce() -> *mut u8) -> *mut u8 {
    if is_unnoted() {
        return allocate();
    }
    enter(|entry| {
        let tracker = state::tracker();
        let block = quietly(allocate);
        if let Some(tracker) = tracker.filter(|_| !block.is_null()) {
            let what = What {
                address: block as usize,
                size,
                family: Family::Rust,
                tag: None,
                owner: Ownership::Owned,
            };
            record::allocated(tracker, &what, entry);
        }
        block
    })
}

// SAFETY: the allocator inside does it all; what notes a block allocates nothing.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Global<A> {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: promised by the caller.
        noted(layout.size(), || unsafe { self.0.alloc(layout) })
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: promised by the caller.
        noted(layout.size(), || unsafe { self.0.alloc_zeroed(layout) })
    }

    #[inline(always)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_unnoted() {
            // SAFETY: promised by the caller.
            return unsafe { self.0.dealloc(block, layout) };
        }
        let _errno = KeepErrno::new();
        if let Some(tracker) = state::tracker() {
            // No judgement: a block may be one that was not noted.
            record::released(tracker, block as usize, 0, 0);
        }
        // SAFETY: promised by the caller.
        quietly(|| unsafe { self.0.dealloc(block, layout) });
    }

    #[inline(always)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_unnoted() {
            // SAFETY: promised by the caller.
            return unsafe { self.0.realloc(block, layout, size) };
        }
        let _errno = KeepErrno::new();
        let tracker = state::tracker();
        let known = tracker.map(|t| record::released(t, block as usize, 0, 0));
        // SAFETY: promised by the caller.
        let moved = noted(size, || unsafe { self.0.realloc(block, layout, size) });
        if let (true, Some(tracker), Some((LIVE, known))) = (moved.is_null(), tracker, known) {
            record::restored(tracker, &known);
        }
        moved
    }
}
