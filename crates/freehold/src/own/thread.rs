//! What each thread has for itself: its log, its remembered stacks.
//!
//! Found through one word of thread-local storage without a destructor, so that
//! it is there in destructors of others and in a global allocator. The system
//! tells when the thread is over; its state is then taken over by a
//! thread that begins.

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering, compiler_fence};

use freehold_ledger::writer::{Ledger, Path, ThreadLog};
use freehold_unwind::{History, StackBounds};

use crate::system;

/// The state of a thread, in pages of its own. Zeroed bytes are one that has
/// not begun.
#[repr(C)]
pub(super) struct Thread {
    /// No thread uses it.
    idle: AtomicBool,
    /// An event is being recorded: what comes now comes from a signal handler.
    busy: Cell<bool>,
    next: AtomicPtr<Thread>,
    pub(super) log: ThreadLog,
    pub(super) bounds: StackBounds,
    pub(super) last: Path,
    pub(super) history: History,
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    pub(super) python: freehold_python::History,
}

thread_local! {
    static THREAD: Cell<*mut Thread> = const { Cell::new(ptr::null_mut()) };
}

/// All states that were made.
static ALL: AtomicPtr<Thread> = AtomicPtr::new(ptr::null_mut());

/// Begins an event of this thread, which [`Thread::leave`] ends. `None` when it
/// interrupts another, or there is no memory for a state.
#[inline]
pub(super) fn enter(ledger: &Ledger) -> Option<&'static mut Thread> {
    let mut thread = THREAD.get();
    if thread.is_null() {
        thread = begin(ledger)?;
    }
    // SAFETY: the state of this thread, which is never unmapped while the thread
    // lives; `busy` keeps a second user out.
    unsafe {
        if (*thread).busy.get() {
            ledger.note_drop();
            return None;
        }
        (*thread).busy.set(true);
        // Signal handlers of this thread see the flag before what it guards.
        compiler_fence(Ordering::SeqCst);
        Some(&mut *thread)
    }
}

impl Thread {
    /// Ends an event.
    #[inline(always)]
    pub(super) fn leave(&mut self) {
        self.busy.set(false);
    }
}

#[cold]
fn begin(ledger: &Ledger) -> Option<*mut Thread> {
    let (tid, name) = (system::thread_id(), system::thread_name());
    let (thread, old) = match take_idle() {
        Some(thread) => (thread, true),
        None => (make()?, false),
    };
    // SAFETY: made for us or taken over: nobody else uses it.
    let state = unsafe { &mut *thread };
    match old {
        true => {
            state.log.take_over(ledger, tid, name);
            state.history.flush();
        }
        false => state.log.begin(ledger, tid, name),
    }
    state.bounds = StackBounds::for_current_thread();
    THREAD.set(thread);
    system::at_thread_end(thread.cast(), at_end);
    Some(thread)
}

fn take_idle() -> Option<*mut Thread> {
    // Acquire: the state behind the pointer.
    let mut at = ALL.load(Ordering::Acquire);
    while !at.is_null() {
        // SAFETY: states are never unmapped while they are listed.
        let state = unsafe { &*at };
        let order = (Ordering::Acquire, Ordering::Relaxed);
        // Acquire: all that its last user wrote.
        if state
            .idle
            .compare_exchange(true, false, order.0, order.1)
            .is_ok()
        {
            return Some(at);
        }
        at = state.next.load(Ordering::Relaxed);
    }
    None
}

fn make() -> Option<*mut Thread> {
    let bytes = size_of::<Thread>() as u64;
    let thread = freehold_ledger::map_private(bytes).ok()?.cast::<Thread>();
    let mut first = ALL.load(Ordering::Relaxed);
    loop {
        // SAFETY: just mapped, known to nobody else.
        unsafe { (*thread).next.store(first, Ordering::Relaxed) };
        // Release: the state is complete.
        match ALL.compare_exchange(first, thread, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return Some(thread),
            Err(now) => first = now,
        }
    }
}

unsafe extern "C" fn at_end(thread: *mut core::ffi::c_void) {
    // What this thread still allocates begins a state anew.
    THREAD.set(ptr::null_mut());
    // SAFETY: the state of this thread, listed until the process ends.
    let state = unsafe { &*thread.cast::<Thread>() };
    // Release: all that was written belongs to the next user.
    state.idle.store(true, Ordering::Release);
}

/// In a forked child, which has one thread: its states are gone.
#[cfg(unix)]
pub(super) fn forget_all() {
    system::at_thread_end(ptr::null_mut(), at_end);
    THREAD.set(ptr::null_mut());
    ALL.store(ptr::null_mut(), Ordering::Relaxed);
}
