//! What the process has: its ledger, and what it was asked to do.

use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use freehold_ledger::format::{Family, State};
use freehold_ledger::writer::{Birth, Ledger, Session};

use crate::objects::read_link;
use crate::releases::Releases;
use crate::thread::Threads;

/// The state of the process. It lies in pages that a forked child finds wiped,
/// and zeroed bytes are a process that has not begun.
#[repr(C, align(4096))]
pub(crate) struct Process {
    mode: AtomicU32,
    depth: AtomicU32,
    sample_bytes: UnsafeCell<u64>,
    families: UnsafeCell<u64>,
    keeps_releases: UnsafeCell<bool>,
    releases: Releases,
    ledger: UnsafeCell<Ledger>,
    threads: Threads,
}

// SAFETY: the cells are written once, before `mode` says so.
unsafe impl Sync for Process {}

/// Whether events are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Mode {
    /// Not decided yet.
    Unknown = 0,
    /// Another thread is deciding.
    Beginning = 1,
    /// They are.
    Active = 2,
    /// They are not.
    Passive = 3,
}

struct Place(UnsafeCell<core::mem::MaybeUninit<Process>>);

// SAFETY: see `Process`.
unsafe impl Sync for Place {}

static PLACE: Place = Place(UnsafeCell::new(core::mem::MaybeUninit::zeroed()));

/// What a forked child must still know: outside of the wiped pages.
struct Inherited {
    /// Length of the path, 0 while it is not known.
    session_len: AtomicU32,
    session: UnsafeCell<[u8; 256]>,
    /// One more than the number of the last ledger.
    slot: AtomicU32,
    /// Where that is mapped, and its length.
    ledger: AtomicUsize,
    ledger_len: AtomicUsize,
    /// 1 when there is no session for this program.
    none: AtomicU32,
}

// SAFETY: the path is written once, before its length.
unsafe impl Sync for Inherited {}

static INHERITED: Inherited = Inherited {
    session_len: AtomicU32::new(0),
    session: UnsafeCell::new([0; 256]),
    slot: AtomicU32::new(0),
    ledger: AtomicUsize::new(0),
    ledger_len: AtomicUsize::new(0),
    none: AtomicU32::new(0),
};

/// The process. Its ledger may be used once [`begin`] said [`Mode::Active`].
#[inline(always)]
pub(crate) fn get() -> &'static Process {
    // SAFETY: zeroed bytes are a Process.
    unsafe { &*PLACE.0.get().cast::<Process>() }
}

impl Process {
    #[inline(always)]
    pub(crate) fn ledger(&self) -> &Ledger {
        // SAFETY: only reached through a thread whose gate is open, which it is
        // after the ledger began.
        unsafe { &*self.ledger.get() }
    }

    /// Whether there is a ledger.
    pub(crate) fn is_active(&self) -> bool {
        // Acquire: the ledger was written before.
        self.mode.load(Ordering::Acquire) == Mode::Active as u32
    }

    pub(crate) fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Longest stack to record.
    #[inline(always)]
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed) as usize
    }

    /// Bytes between two samples, 0 to record every block.
    #[inline(always)]
    pub(crate) fn sample_bytes(&self) -> u64 {
        // SAFETY: written before the first gate opened.
        unsafe { *self.sample_bytes.get() }
    }

    /// Whether the stacks of releases are kept for a while.
    #[inline(always)]
    pub(crate) fn keeps_releases(&self) -> bool {
        // SAFETY: as above.
        unsafe { *self.keeps_releases.get() }
    }

    /// The stacks of releases.
    pub(crate) fn releases(&self) -> &Releases {
        &self.releases
    }

    /// Whether blocks of this family are recorded.
    #[inline(always)]
    pub(crate) fn records(&self, family: Family) -> bool {
        // SAFETY: as above.
        unsafe { *self.families.get() & 1 << family as u64 != 0 }
    }
}

/// The path by which this process found its session.
pub(crate) fn session_path() -> &'static [u8] {
    // Acquire: the path was written before its length.
    let len = INHERITED.session_len.load(Ordering::Acquire) as usize;
    // SAFETY: written once, before its length was.
    let path = unsafe { &*INHERITED.session.get() };
    &path[..len]
}

/// Whether it is known that nothing is recorded in this process.
#[inline(always)]
pub(crate) fn is_passive() -> bool {
    // Relaxed: what was decided never changes, and nothing is read behind it.
    get().mode.load(Ordering::Relaxed) == Mode::Passive as u32
}

/// Begins the process, once.
#[cold]
pub(crate) fn begin() -> Mode {
    let process = get();
    let order = (Ordering::Acquire, Ordering::Acquire);
    let begun = process.mode.compare_exchange(
        Mode::Unknown as u32,
        Mode::Beginning as u32,
        order.0,
        order.1,
    );
    if begun.is_ok() {
        // First of all, or a child that forks between would write here.
        let wiped = wipe_on_fork();
        crate::objects::forget();
        leave_parent();
        let mode = match wiped && find_session() && begin_ledger(process) {
            true => Mode::Active,
            false => Mode::Passive,
        };
        // Release: all that was written belongs to it.
        process.mode.store(mode as u32, Ordering::Release);
        return mode;
    }
    loop {
        match process.mode.load(Ordering::Acquire) {
            mode if mode == Mode::Active as u32 => return Mode::Active,
            mode if mode == Mode::Passive as u32 => return Mode::Passive,
            _ => core::hint::spin_loop(),
        }
    }
}

/// Ends what a forked child has of its parent's ledger: it must not count as
/// memory of the program.
fn leave_parent() {
    let len = INHERITED.ledger_len.swap(0, Ordering::Relaxed);
    if len != 0 {
        let at = INHERITED.ledger.load(Ordering::Relaxed);
        // SAFETY: the child has one thread, whose state is about to be made
        // anew; all that led to these mappings has been wiped.
        unsafe {
            libc::syscall(libc::SYS_munmap, at, len);
            freehold_ledger::unmap_all_private();
        }
    }
}

fn wipe_on_fork() -> bool {
    // SAFETY: whole pages of our own that hold nothing else.
    unsafe {
        libc::madvise(
            PLACE.0.get().cast(),
            size_of::<Process>(),
            libc::MADV_WIPEONFORK,
        ) == 0
    }
}

/// Reads a small file of `/proc`.
fn read(path: &CStr, out: &mut [u8]) -> usize {
    // SAFETY: the buffer has the length that is given; the descriptor is ours.
    unsafe {
        let fd = libc::syscall(
            libc::SYS_openat,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC,
        );
        if fd < 0 {
            return 0;
        }
        let mut len = 0;
        while len < out.len() {
            let rest = &mut out[len..];
            match libc::syscall(libc::SYS_read, fd, rest.as_mut_ptr(), rest.len()) {
                n if n > 0 => len += n as usize,
                _ => break,
            }
        }
        libc::syscall(libc::SYS_close, fd);
        len
    }
}

/// Finds the session in the environment that the program was started with. A
/// program may write over it later, so a forked child goes by our copy.
fn find_session() -> bool {
    const NAME: &[u8] = b"FREEHOLD_SESSION=";
    if INHERITED.session_len.load(Ordering::Acquire) != 0 {
        return true;
    }
    if INHERITED.none.load(Ordering::Relaxed) != 0 {
        return false;
    }
    let size = 2 << 20;
    let Ok(buffer) = freehold_ledger::map_private(size) else {
        return false;
    };
    // SAFETY: just mapped, for us alone, until it is unmapped below.
    let bytes = unsafe { core::slice::from_raw_parts_mut(buffer, size as usize) };
    let len = read(c"/proc/self/environ", bytes);
    let value = bytes[..len]
        .split(|b| *b == 0)
        .find_map(|v| v.strip_prefix(NAME));
    let found = value.filter(|v| !v.is_empty() && v.len() < 256);
    if let Some(value) = found {
        // SAFETY: written once, by the thread that begins the process.
        unsafe { (&mut *INHERITED.session.get())[..value.len()].copy_from_slice(value) };
        let len = value.len() as u32;
        INHERITED.session_len.store(len, Ordering::Release);
    } else {
        INHERITED.none.store(1, Ordering::Relaxed);
    }
    let found = found.is_some();
    // SAFETY: the slice is not used any more.
    unsafe { freehold_ledger::unmap_private(buffer, size) };
    found
}

fn begin_ledger(process: &Process) -> bool {
    // SAFETY: written before its length was; the last byte stays zero.
    let path = unsafe { &*INHERITED.session.get() };
    let Ok(path) = CStr::from_bytes_until_nul(path) else {
        return false;
    };
    let Ok((session, fd)) = Session::open(path) else {
        return false;
    };
    let header = session.header();
    let parent = INHERITED.slot.load(Ordering::Relaxed);
    let first = header.slots.load(Ordering::Relaxed) == 0;
    let wanted = header.enabled.load(Ordering::Relaxed) != 0
        && (first || header.follow.load(Ordering::Relaxed) != 0);
    let begun = wanted && {
        let mut text = [0; 8192];
        let (argv, exe) = text.split_at_mut(4096);
        let argv_len = read(c"/proc/self/cmdline", argv);
        let exe_len = read_link(c"/proc/self/exe", exe);
        // SAFETY: neither call has a requirement.
        let (pid, parent_pid) = unsafe {
            (
                libc::syscall(libc::SYS_getpid),
                libc::syscall(libc::SYS_getppid),
            )
        };
        let birth = Birth {
            pid: pid as u32,
            parent_pid: parent_pid as u32,
            parent_slot: parent.checked_sub(1),
            argv: &argv[..argv_len],
            exe: &exe[..exe_len],
        };
        // SAFETY: zeroed, and nobody uses it before the mode is set.
        let result = unsafe { Ledger::begin(process.ledger.get(), session, fd, &birth) };
        if result.is_err() {
            header.untracked.fetch_add(1, Ordering::Relaxed);
        }
        result.is_ok()
    };
    // SAFETY: opened by us; nobody else knows it.
    unsafe { libc::syscall(libc::SYS_close, fd) };
    if begun {
        // SAFETY: nobody reads them before the mode is set.
        unsafe {
            *process.sample_bytes.get() = header.sample_bytes.load(Ordering::Relaxed);
            *process.families.get() = header.families.load(Ordering::Relaxed);
            *process.keeps_releases.get() = header.release_stacks.load(Ordering::Relaxed) != 0;
        }
        let depth = header.depth.load(Ordering::Relaxed);
        process.depth.store(depth, Ordering::Relaxed);
        let slot = process.ledger().slot();
        INHERITED.slot.store(slot + 1, Ordering::Relaxed);
        let (at, len) = process.ledger().memory().range();
        INHERITED.ledger.store(at, Ordering::Relaxed);
        INHERITED.ledger_len.store(len, Ordering::Relaxed);
    }
    begun
}

/// Whether the caller is the process that the ledger belongs to, and not a
/// `vfork` child that runs in its memory.
fn is_own() -> bool {
    // SAFETY: no requirement.
    let pid = unsafe { libc::syscall(libc::SYS_getpid) } as u32;
    get().ledger().memory().header().pid.load(Ordering::Relaxed) == pid
}

/// The process is about to end with this status.
#[cold]
pub(crate) fn end(status: i32) {
    let process = get();
    if !process.is_active() || !is_own() {
        return;
    }
    // SAFETY: the location is valid for this thread.
    let errno = unsafe { *libc::__errno_location() };
    let header = process.ledger().memory().header();
    // Relaxed: the same thread, or another that ends the process, too. One that
    // calls `exec` meanwhile has not come that far.
    let state = header.state.load(Ordering::Relaxed);
    if state == State::Running as u32 || state == State::Replaced as u32 {
        crate::verdict::at_exit(process);
        process.ledger().end(State::Exited, status as u32 & 0xff);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// The process is about to become another program. Whether the ledger says so:
/// then [`not_replaced`] must follow if it does not.
pub(crate) fn replaced() -> bool {
    let process = get();
    if !process.is_active() || !is_own() {
        return false;
    }
    let state = &process.ledger().memory().header().state;
    // Relaxed: of threads that call `exec` at once, one says so.
    let is_running = state.load(Ordering::Relaxed) == State::Running as u32;
    if is_running {
        process.ledger().end(State::Replaced, 0);
    }
    is_running
}

/// The process did not become another program.
pub(crate) fn not_replaced() {
    let state = &get().ledger().memory().header().state;
    let (from, to) = (State::Replaced as u32, State::Running as u32);
    // Relaxed: whoever reads it looks at nothing else that changed. Where
    // another thread ended the process meanwhile, it stays ended.
    let _ = state.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
}

/// Whether children of this process are tracked.
pub(crate) fn follows() -> bool {
    let process = get();
    !process.is_active() || {
        let session = process.ledger().memory().session();
        session.follow.load(Ordering::Relaxed) != 0
    }
}
