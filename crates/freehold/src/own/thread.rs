//! What each thread has for itself: its log, its remembered stacks.
//!
//! Found through one word of thread-local storage without a destructor, so that
//! it is there in destructors of others and in a global allocator. A key of
//! `pthread` tells when the thread is over; its state is then taken over by a
//! thread that begins.

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering, compiler_fence};

use freehold_ledger::writer::{Ledger, Path, ThreadLog};
use freehold_unwind::{History, StackBounds};

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
}

thread_local! {
    static THREAD: Cell<*mut Thread> = const { Cell::new(ptr::null_mut()) };
}

/// All states that were made.
static ALL: AtomicPtr<Thread> = AtomicPtr::new(ptr::null_mut());
/// One more than the key that tells of ended threads, 0 before it is made.
static KEY: AtomicU32 = AtomicU32::new(0);

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
    // SAFETY: gettid has no requirement.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
    let mut name = [0u64; 2];
    // SAFETY: the buffer has the sixteen bytes that the call writes.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
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
    tell_end(thread);
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

/// Has [`at_end`] called when this thread ends.
fn tell_end(thread: *mut Thread) {
    let mut key = KEY.load(Ordering::Acquire);
    if key == 0 {
        let mut made = 0;
        // SAFETY: `made` is writable; the function lives as long as the program.
        if unsafe { libc::pthread_key_create(&mut made, Some(at_end)) } != 0 {
            return;
        }
        match KEY.compare_exchange(0, made + 1, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => key = made + 1,
            Err(other) => {
                // SAFETY: our key, which nobody has used.
                unsafe { libc::pthread_key_delete(made) };
                key = other;
            }
        }
    }
    // SAFETY: the key exists.
    unsafe { libc::pthread_setspecific(key - 1, thread.cast()) };
}

unsafe extern "C" fn at_end(thread: *mut libc::c_void) {
    // What this thread still allocates begins a state anew.
    THREAD.set(ptr::null_mut());
    // SAFETY: the state of this thread, listed until the process ends.
    let state = unsafe { &*thread.cast::<Thread>() };
    // Release: all that was written belongs to the next user.
    state.idle.store(true, Ordering::Release);
}

/// In a forked child, which has one thread: its states are gone.
pub(super) fn forget_all() {
    let key = KEY.load(Ordering::Relaxed);
    if key != 0 {
        // SAFETY: the key exists; the state that it leads to is about to go.
        unsafe { libc::pthread_setspecific(key - 1, ptr::null()) };
    }
    THREAD.set(ptr::null_mut());
    ALL.store(ptr::null_mut(), Ordering::Relaxed);
}
