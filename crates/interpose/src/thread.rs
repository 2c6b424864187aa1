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

use freehold_ledger::writer::{Path, ThreadLog};
use freehold_unwind::{History, StackBounds};

use crate::process::{self, Mode};
use crate::real;

mod event;

pub(crate) use event::{
    CLOSED, Event, GATE, OPEN, Ready, SAMPLES, Sampling, WISH, ignores, ignores_release, pass_on,
    try_released, was_granted,
};

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
    /// All events are recorded, and none takes the short way.
    Careful = 5,
}

impl Gate {
    /// Whether events pass.
    #[inline(always)]
    fn is_open(value: u32) -> bool {
        Gate::open(value).is_some()
    }

    /// The gate with this number, if events pass it.
    #[inline(always)]
    fn open(value: u32) -> Option<Gate> {
        match value {
            _ if value == Gate::Open as u32 => Some(Gate::Open),
            _ if value == Gate::Sampling as u32 => Some(Gate::Sampling),
            _ if value == Gate::Careful as u32 => Some(Gate::Careful),
            _ => None,
        }
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
    /// How many calls of [`quiet`] wait for their end.
    quiet: AtomicU32,
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
    pub(crate) python: freehold_python::History,
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

/// From now on hooks of this thread do nothing, because its caller tells of what
/// it does; or that is over. Nests.
pub(crate) fn quiet(begin: bool) {
    let Some(thread) = current() else { return };
    // SAFETY: a state that is never unmapped, or the front of a closed one, which
    // is as long as to hold these two.
    let (gate, quiet) = unsafe { (&(*thread).gate, &(*thread).quiet) };
    // Relaxed, all of them: only this thread and its signal handlers look at
    // these; the compiler fence orders them.
    let before = quiet.load(Ordering::Relaxed);
    let value = gate.load(Ordering::Relaxed);
    if begin && (before != 0 || value != Gate::Passive as u32) {
        quiet.store(before + 1, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        // A signal handler in an event finds it busy, and leaves it so.
        if Gate::is_open(value) {
            gate.store(Gate::Passive as u32, Ordering::Relaxed);
        }
    } else if !begin && before != 0 {
        // First the count: a signal handler that came in between with a count of
        // its own would leave the gate closed.
        quiet.store(before - 1, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        if before == 1 && value == Gate::Passive as u32 {
            gate.store(open_gate() as u32, Ordering::Relaxed);
        }
    }
}

/// The gate of a thread that is in no event.
fn open_gate() -> Gate {
    let process = process::get();
    match process.sample_bytes() {
        0 if process.keeps_releases() => Gate::Careful,
        0 => Gate::Open,
        _ => Gate::Sampling,
    }
}

/// A closed state for threads that are not tracked.
static PASSIVE: Passive = Passive(Gate::Passive as u32, [0; 31]);

/// The front of a state, of which only the gate is read.
#[repr(C, align(64))]
struct Passive(u32, [u32; 31]);

const _: () = assert!(core::mem::offset_of!(Thread, quiet) < size_of::<Passive>());

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
    state.quiet.store(0, Ordering::Relaxed);
    crate::capture::first_sample(state, process);
    compiler_fence(Ordering::SeqCst);
    state.gate.store(open_gate() as u32, Ordering::Relaxed);
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
