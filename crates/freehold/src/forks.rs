//! What a fork does to the state of the process: nobody is half through, and the
//! child begins anew with its first event.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::registry::{self, Guards};
use crate::state;

/// Sees to it, once.
pub(crate) fn watch() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.swap(true, Ordering::Relaxed) {
        // SAFETY: the functions live as long as the program.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(in_child)) };
    }
}

struct Held(UnsafeCell<Option<Guards>>);

// SAFETY: used only between the two halves of a fork, which the C library keeps
// apart by a lock of its own.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

unsafe extern "C" fn before_fork() {
    let guards = registry::hold();
    // SAFETY: see `Held`.
    unsafe { *HELD.0.get() = Some(guards) };
}

unsafe extern "C" fn after_fork() {
    // SAFETY: see `Held`.
    unsafe { *HELD.0.get() = None };
}

unsafe extern "C" fn in_child() {
    // SAFETY: as for it.
    unsafe { after_fork() };
    state::begin_again();
}
