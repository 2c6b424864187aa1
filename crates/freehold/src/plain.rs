//! The way of an allocation and a release while nothing is tracked, registered
//! or made to fail: as few instructions as there can be beside the platform's.
//!
//! One word says it. It is the address above which pointers are released by the
//! platform's function: 0 when that is so for all but null, the highest address
//! otherwise. So one comparison tells a release null and the state at once.
//!
//! The word begins closed. [`open`] is called by whoever took the long way in the
//! plain state, [`close`] by whoever has just left that state.
//!
//! What is not here: the state itself (`state`), the long way (`alloc`, `free`).

use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::state;

static FREE_ABOVE: AtomicUsize = AtomicUsize::new(usize::MAX);
/// Held while the word changes, so that nobody opens what another has closed.
static CHANGING: Mutex<()> = Mutex::new(());

// Both questions compare with memory; of an atomic load the compiler would make
// an instruction of its own. (In 32-bit programs, where the way to a variable is
// longer, that is left to it.) An aligned load is Relaxed. That is enough: whoever
// has left the plain state, and hands somebody a block, has synchronised with
// him.

/// Whether an allocation is the platform's and no more.
#[inline(always)]
pub(crate) fn allocates() -> bool {
    #[cfg(target_arch = "x86")]
    if FREE_ABOVE.load(Ordering::Relaxed) != 0 {
        return false;
    }
    // SAFETY: reads an atomic word.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!(
            "cmp qword ptr [rip + {above}], 0",
            "jne {long}",
            above = sym FREE_ABOVE,
            long = label { return false },
            options(nostack, readonly),
        );
    }
    true
}

/// Whether the release of a pointer is the platform's and no more: it is not null.
#[inline(always)]
pub(crate) fn releases(pointer: *mut c_void) -> bool {
    #[cfg(target_arch = "x86")]
    if pointer as usize <= FREE_ABOVE.load(Ordering::Relaxed) {
        return false;
    }
    // SAFETY: reads an atomic word.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!(
            "cmp {pointer}, qword ptr [rip + {above}]",
            "jbe {long}",
            pointer = in(reg) pointer,
            above = sym FREE_ABOVE,
            long = label { return false },
            options(nostack, readonly),
        );
    }
    true
}

/// Lets allocations and releases go to the platform's functions, if the state is
/// plain.
#[cold]
pub(crate) fn open() {
    let _guard = lock();
    if state::is_plain() {
        // Relaxed: see above.
        FREE_ABOVE.store(0, Ordering::Relaxed);
    }
}

/// Lets them all take the long way: the state is no longer plain.
#[cold]
pub(crate) fn close() {
    let _guard = lock();
    // Relaxed: see above.
    FREE_ABOVE.store(usize::MAX, Ordering::Relaxed);
}

/// Keeps the word as it is while held, as across a fork.
pub(crate) fn lock() -> MutexGuard<'static, ()> {
    CHANGING.lock().unwrap_or_else(PoisonError::into_inner)
}
