//! What each thread has for itself, and how a hook gets at it.
//!
//! The state is found through one word of initial-exec thread-local storage,
//! which needs neither a call nor an allocation, and is there before any code
//! of the program runs. The state itself lies in memory that a forked child
//! finds wiped: its gate is then closed, and the child's first event begins a
//! ledger of its own.
//!
//! States of threads that ended are taken over by threads that begin. There is
//! no destructor: a thread may allocate until its very end.

use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering, compiler_fence};

use freehold_ledger::format::Family;
use freehold_ledger::writer::{Ledger, Path, Release, ThreadLog, Tried};
use freehold_unwind::{History, StackBounds};

use crate::process::{self, Mode};
use crate::real;

global_asm!(
    ".pushsection .tbss,\"awT\",@nobits",
    ".hidden freehold_tls",
    ".globl freehold_tls",
    ".type freehold_tls,@tls_object",
    ".size freehold_tls,16",
    ".p2align 4",
    "freehold_tls: .zero 16",
    ".popsection",
);

/// The thread-local words.
#[repr(C)]
struct Local {
    thread: *mut Thread,
    /// Set while this thread sets up its state: what it allocates meanwhile is
    /// not recorded.
    starting: bool,
}

#[inline(always)]
fn local() -> *mut Local {
    let at: *mut Local;
    // SAFETY: reads the thread pointer and the offset of our own variable.
    unsafe {
        asm!(
            "mov {at}, qword ptr [rip + freehold_tls@GOTTPOFF]",
            "add {at}, qword ptr fs:[0]",
            at = out(reg) at,
            options(pure, readonly, nostack),
        );
    }
    at
}

/// Who may pass.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Gate {
    /// Not begun, or wiped by a fork.
    New = 0,
    /// All events are recorded.
    Open = 1,
    /// An event is being recorded: what comes now comes from a signal handler.
    Busy = 2,
    /// Nothing is recorded.
    Passive = 3,
    /// Samples are recorded.
    Sampling = 4,
}

impl Gate {
    /// Whether events pass.
    #[inline(always)]
    fn is_open(value: u32) -> bool {
        value == Gate::Open as u32 || value == Gate::Sampling as u32
    }
}

/// The state of a thread. Zeroed bytes are one that has not begun.
#[repr(C)]
pub(crate) struct Thread {
    gate: AtomicU32,
    /// Kernel id of the thread that uses it.
    owner: AtomicU32,
    /// Bytes until the next sample, when blocks are sampled.
    pub(crate) until_sample: i64,
    /// A block that `operator delete` released and is about to pass to `free`.
    pub(crate) passing: usize,
    /// The stack pointer at the last event, for the scan.
    pub(crate) last_slot: usize,
    /// The family that `operator new` wishes for the block that the first
    /// `malloc` in it hands out; 0 for none.
    wish: u32,
    /// The last block that was recorded by such a wish.
    granted: usize,
    pub(crate) log: ThreadLog,
    pub(crate) random: u64,
    pub(crate) bounds: StackBounds,
    /// For events that interrupt an event.
    pub(crate) nested_log: ThreadLog,
    nested: AtomicU32,
    pub(crate) last_stack: Path,
    pub(crate) history: History,
}

/// States of a process that were made so far.
const MOST: usize = 16384;

/// All states of a process. Zeroed bytes are none.
#[repr(C)]
pub(crate) struct Threads {
    made: AtomicU32,
    hand: AtomicU32,
    all: [AtomicPtr<Thread>; MOST],
}

/// An event of this thread: while it lives, the gate is closed behind it.
pub(crate) struct Event {
    thread: *mut Thread,
    /// The gate as it shall be again.
    open: Gate,
    /// It interrupted another one: only `nested_log` may be used.
    nested: bool,
}

/// The state of this thread, null before its first event.
#[inline(always)]
fn own() -> *mut Thread {
    let thread: *mut Thread;
    // SAFETY: reads our own thread-local word.
    unsafe {
        asm!(
            "mov {at}, qword ptr [rip + freehold_tls@GOTTPOFF]",
            "mov {at}, qword ptr fs:[{at}]",
            at = out(reg) thread,
            options(readonly, nostack, preserves_flags),
        );
    }
    thread
}

/// A thread that records all events and is in none: true until it begins one,
/// whatever it calls.
#[repr(transparent)]
pub(crate) struct Ready(*mut Thread);

/// Where the gate is in a state, and its value for [`Ready`]: for thunks.
pub(crate) const GATE: usize = core::mem::offset_of!(Thread, gate);
pub(crate) const OPEN: u32 = Gate::Open as u32;
pub(crate) const WISH: usize = core::mem::offset_of!(Thread, wish);

impl Ready {
    /// The calling thread, as nearly always.
    #[inline(always)]
    pub(crate) fn own() -> Option<Ready> {
        let thread = own();
        if thread.is_null() {
            return None;
        }
        // SAFETY: once set it points to a state that is never unmapped.
        // Relaxed: see `Event::begin`.
        let gate = unsafe { &(*thread).gate }.load(Ordering::Relaxed);
        (gate == Gate::Open as u32).then_some(Ready(thread))
    }

    /// The family of a block that `malloc` hands out.
    #[inline(always)]
    pub(crate) fn family_of(&self, block: *mut u8) -> Family {
        // SAFETY: the state of this thread.
        let state = unsafe { &mut *self.0 };
        if state.wish == 0 {
            return Family::Malloc;
        }
        let family = Family::from_number(state.wish.into());
        state.wish = 0;
        state.granted = block as usize;
        family
    }

    /// Begins an event.
    #[inline(always)]
    pub(crate) fn event(self) -> Event {
        // SAFETY: as above. Signal handlers leave the gate as they find it.
        unsafe { &(*self.0).gate }.store(Gate::Busy as u32, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        Event {
            thread: self.0,
            open: Gate::Open,
            nested: false,
        }
    }
}

/// Whether an allocation of `size` bytes is nothing to note: nothing is
/// recorded, or blocks are sampled and this is none of the samples. False for
/// threads whose state has not begun.
#[inline(always)]
pub(crate) fn ignores(size: usize) -> bool {
    let thread = own();
    if thread.is_null() {
        return false;
    }
    // SAFETY: once set it points to a state that is never unmapped.
    let gate = unsafe { &(*thread).gate }.load(Ordering::Relaxed);
    // SAFETY: a gate says so only in a state of a thread's own. A signal handler
    // that counts in between makes the distance a little wrong, no more.
    gate == Gate::Passive as u32
        || gate == Gate::Sampling as u32 && unsafe { is_between_samples(thread, size) }
}

/// # Safety
/// The state of this thread.
#[inline(always)]
unsafe fn is_between_samples(thread: *mut Thread, size: usize) -> bool {
    // SAFETY: promised by the caller.
    unsafe {
        let left = (*thread).until_sample;
        let between = left > size as i64;
        if between {
            (*thread).until_sample = left - size as i64;
        }
        between
    }
}

/// Notes the release of `block` in the usual case. When it is done, the real
/// function is all that is left to be called.
#[inline(always)]
pub(crate) fn try_released(block: *mut u8) -> Tried {
    match Ready::own() {
        Some(ready) => ready.try_released(block),
        None => Tried::Nothing,
    }
}

impl Ready {
    /// The same by a thread of which it is known.
    #[inline(always)]
    pub(crate) fn try_released(self, block: *mut u8) -> Tried {
        // SAFETY: the state of this thread.
        let passing = unsafe { &mut (*self.0).passing };
        if *passing == block as usize {
            *passing = 0;
            return Tried::Done;
        }
        self.event().log().try_released(block as u64)
    }
}

/// Whether `block`, which `operator new` hands out, was recorded as it wished.
pub(crate) fn was_granted(block: *mut u8) -> bool {
    Ready::own().is_some_and(|ready| {
        // SAFETY: the state of this thread.
        let state = unsafe { &mut *ready.0 };
        state.wish = 0;
        core::mem::take(&mut state.granted) == block as usize
    })
}

/// Notes the release of a block that `operator delete` is about to pass on,
/// mostly to `free`, which must not wonder. One that is not live is left to it.
pub(crate) fn pass_on(block: *mut u8) {
    if ignores_release(block) {
        return;
    }
    let done = match try_released(block) {
        Tried::Done => true,
        Tried::Home(segment) => Ready::own()
            .is_some_and(|ready| ready.event().log().try_released_in(segment, block as u64)),
        Tried::Nothing => false,
    };
    if let (true, Some(ready)) = (done, Ready::own()) {
        // SAFETY: the state of this thread.
        unsafe { (*ready.0).passing = block as usize };
    } else if let Some(mut event) = Event::begin() {
        let ledger = event.ledger();
        if event.log().released(ledger, block as u64) == Release::Live {
            event.thread().passing = block as usize;
        }
    }
}

/// Whether a release of `block` is nothing to note: nothing is recorded, or
/// blocks are sampled and it is none of the samples.
#[inline(always)]
pub(crate) fn ignores_release(block: *mut u8) -> bool {
    let thread = own();
    if thread.is_null() {
        return false;
    }
    // SAFETY: once set it points to a state that is never unmapped.
    let gate = unsafe { &(*thread).gate }.load(Ordering::Relaxed);
    // SAFETY: a gate says so only in a state of a thread's own.
    gate == Gate::Passive as u32
        || gate == Gate::Sampling as u32
            && unsafe { (*thread).log.is_surely_not_live(block as u64) }
}

impl Event {
    /// Begins an event, unless nothing is recorded. What runs until it is
    /// dropped must not call anything that the program could have replaced.
    pub(crate) fn begin() -> Option<Event> {
        // SAFETY: the word belongs to this thread.
        let thread = unsafe { (*local()).thread };
        if thread.is_null() {
            return Event::begin_slowly();
        }
        // SAFETY: once set it points to a state that is never unmapped.
        let gate = unsafe { &(*thread).gate };
        // Relaxed, here and below: only this thread and its signal handlers
        // look at the gate; the compiler fences order it for them.
        let value = gate.load(Ordering::Relaxed);
        if Gate::is_open(value) {
            gate.store(Gate::Busy as u32, Ordering::Relaxed);
            compiler_fence(Ordering::SeqCst);
            Some(Event {
                thread,
                open: match value == Gate::Sampling as u32 {
                    true => Gate::Sampling,
                    false => Gate::Open,
                },
                nested: false,
            })
        } else if value == Gate::Passive as u32 {
            None
        } else {
            Event::begin_slowly()
        }
    }

    #[cold]
    #[inline(never)]
    fn begin_slowly() -> Option<Event> {
        let thread = current()?;
        // SAFETY: as in `begin`.
        let (gate, nested) = unsafe { (&(*thread).gate, &(*thread).nested) };
        let value = gate.load(Ordering::Relaxed);
        if Gate::is_open(value) {
            return Event::begin();
        }
        if value != Gate::Busy as u32 {
            return None;
        }
        // A signal handler that interrupted an event of the same thread.
        if nested.swap(1, Ordering::Relaxed) != 0 {
            // And one that interrupted the first: count what is lost.
            process::get().ledger().note_drop();
            return None;
        }
        compiler_fence(Ordering::SeqCst);
        Some(Event {
            thread,
            open: Gate::Busy,
            nested: true,
        })
    }

    /// Whether it interrupted another event: then history and last stack of the
    /// thread may be half changed.
    #[inline(always)]
    pub(crate) fn is_nested(&self) -> bool {
        self.nested
    }

    /// The state of the thread.
    #[inline(always)]
    pub(crate) fn thread(&mut self) -> &mut Thread {
        // SAFETY: the gate keeps everybody else out; a nested event uses only
        // the parts that the interrupted one does not.
        unsafe { &mut *self.thread }
    }

    /// The log to write to.
    #[inline(always)]
    pub(crate) fn log(&mut self) -> &mut ThreadLog {
        // SAFETY: as above.
        unsafe {
            match self.nested {
                false => &mut (*self.thread).log,
                true => &mut (*self.thread).nested_log,
            }
        }
    }

    /// The process.
    #[inline(always)]
    pub(crate) fn process(&self) -> &'static process::Process {
        process::get()
    }

    /// The ledger.
    #[inline(always)]
    pub(crate) fn ledger(&self) -> &'static Ledger {
        process::get().ledger()
    }
}

impl Drop for Event {
    #[inline(always)]
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        // SAFETY: as in `begin`.
        unsafe {
            match self.nested {
                false => (*self.thread)
                    .gate
                    .store(self.open as u32, Ordering::Relaxed),
                true => (*self.thread).nested.store(0, Ordering::Relaxed),
            }
        }
    }
}

/// The state of this thread, begun if need be; `None` while it begins.
pub(crate) fn current() -> Option<*mut Thread> {
    let local = local();
    // SAFETY: the words belong to this thread.
    unsafe {
        let thread = (*local).thread;
        if !thread.is_null() && (*thread).gate.load(Ordering::Relaxed) != Gate::New as u32 {
            return Some(thread);
        }
        if (*local).starting {
            return None;
        }
        (*local).starting = true;
        let errno = *libc::__errno_location();
        real::resolve();
        (*local).thread = begin();
        *libc::__errno_location() = errno;
        (*local).starting = false;
        Some((*local).thread)
    }
}

/// Runs something of ours that allocates: what it does is not recorded.
pub(crate) fn unrecorded(run: impl FnOnce()) {
    let gate = match current() {
        // SAFETY: as in `Event::begin`.
        Some(thread) => unsafe { &(*thread).gate },
        None => return run(),
    };
    // Relaxed: see `Event::begin`.
    let before = gate.load(Ordering::Relaxed);
    if Gate::is_open(before) {
        gate.store(Gate::Passive as u32, Ordering::Relaxed);
    }
    run();
    if Gate::is_open(before) {
        gate.store(before, Ordering::Relaxed);
    }
}

/// A closed state for threads that are not tracked.
static PASSIVE: Passive = Passive(Gate::Passive as u32, [0; 31]);

/// The front of a state, of which only the gate is read.
#[repr(C, align(64))]
struct Passive(u32, [u32; 31]);

fn begin() -> *mut Thread {
    let passive = (&raw const PASSIVE).cast_mut().cast::<Thread>();
    if process::begin() == Mode::Passive {
        return passive;
    }
    let process = process::get();
    // SAFETY: gettid has no requirement.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
    let Some((thread, old)) = process.threads().take(tid) else {
        return passive;
    };
    // SAFETY: just made or taken over: nobody else uses it.
    let state = unsafe { &mut *thread };
    if old {
        state.log.take_over(process.ledger(), tid, name());
        state.history.flush();
    } else {
        state.log.begin(process.ledger(), tid, name());
    }
    state.nested_log.begin_nested(&state.log);
    state.bounds = StackBounds::for_current_thread();
    state.random = u64::from(tid) << 32 | 0x9e37_79b9;
    state.passing = 0;
    (state.wish, state.granted) = (0, 0);
    state.nested.store(0, Ordering::Relaxed);
    crate::capture::first_sample(state, process);
    compiler_fence(Ordering::SeqCst);
    let gate = match process.sample_bytes() {
        0 => Gate::Open,
        _ => Gate::Sampling,
    };
    state.gate.store(gate as u32, Ordering::Relaxed);
    thread
}

/// The name of the calling thread.
fn name() -> [u64; 2] {
    let mut name = [0u64; 2];
    // SAFETY: the buffer has the sixteen bytes that the call writes.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name
}

impl Threads {
    /// A state for the thread `tid`, and whether another one used it before.
    fn take(&self, tid: u32) -> Option<(*mut Thread, bool)> {
        // Acquire: pairs with the release below.
        let made = self.made.load(Ordering::Acquire).min(MOST as u32);
        // A few of those known, a different few each time: cheap, and in the
        // long run each is looked at.
        for _ in 0..made.min(8) {
            let i = self.hand.fetch_add(1, Ordering::Relaxed) % made;
            let thread = self.all[i as usize].load(Ordering::Acquire);
            // SAFETY: null, or a state that is never unmapped.
            let Some(state) = (unsafe { thread.as_ref() }) else {
                continue;
            };
            let owner = state.owner.load(Ordering::Relaxed);
            let idle = Gate::is_open(state.gate.load(Ordering::Relaxed));
            // A state with our own number is that of a thread that ended, too.
            if idle
                && (owner == tid || is_gone(owner))
                // Acquire: all that the last owner wrote.
                && state
                    .owner
                    .compare_exchange(owner, tid, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                return Some((thread, true));
            }
        }
        let at = freehold_ledger::map_private(size_of::<Thread>() as u64).ok()?;
        let thread = at.cast::<Thread>();
        // SAFETY: just mapped, zeroed.
        unsafe { (*thread).owner.store(tid, Ordering::Relaxed) };
        let i = self.made.fetch_add(1, Ordering::AcqRel) as usize;
        if let Some(place) = self.all.get(i) {
            place.store(thread, Ordering::Release);
        }
        Some((thread, false))
    }

    /// All states, with the kernel id of their owners.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u32, &Thread)) {
        let made = self.made.load(Ordering::Acquire).min(MOST as u32);
        for place in &self.all[..made as usize] {
            // SAFETY: null, or a state that is never unmapped.
            if let Some(state) = unsafe { place.load(Ordering::Acquire).as_ref() } {
                visit(state.owner.load(Ordering::Relaxed), state);
            }
        }
    }
}

/// Whether no thread of this process has the kernel id `tid`.
pub(crate) fn is_gone(tid: u32) -> bool {
    // SAFETY: signal 0 is never sent.
    unsafe {
        let pid = libc::syscall(libc::SYS_getpid);
        libc::syscall(libc::SYS_tgkill, pid, tid, 0) != 0
            && *libc::__errno_location() == libc::ESRCH
    }
}
