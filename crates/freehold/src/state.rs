//! What the process is doing: one word that every allocation looks at, and
//! behind it the table of whoever keeps the ledger.
//!
//! The word is [`DECIDED`] alone when nothing is tracked, nothing registered and
//! nothing made to fail: then an allocation or a release is that of the
//! platform, after this one load.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::io;
use std::sync::{Mutex, PoisonError};

use crate::contract::{self, Tracker};
use crate::{leaks, managed, own, system, tags};

/// It is known whether somebody keeps a ledger.
pub(crate) const DECIDED: u32 = 1;
/// There is a ledger.
pub(crate) const RECORDING: u32 = 2;
/// Blocks are registered that the platform's release function is not for.
pub(crate) const REGISTERED: u32 = 4;
/// Allocations are to fail somewhere.
pub(crate) const FAILING: u32 = 8;

static STATE: AtomicU32 = AtomicU32::new(0);
static TRACKER: AtomicPtr<Tracker> = AtomicPtr::new(core::ptr::null_mut());
/// Taken while it is decided.
static DECIDING: Mutex<()> = Mutex::new(());
/// What a ledger of our own was asked to be, for a forked child: frames and
/// bytes. No bytes: there was none.
static DEPTH: AtomicU32 = AtomicU32::new(0);
static MAX_MEMORY: AtomicU64 = AtomicU64::new(0);
/// This process was forked from one with a ledger: blocks that its own does not
/// know may be inherited.
static INHERITED: AtomicBool = AtomicBool::new(false);
/// Some block was not recorded.
static INCOMPLETE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// This thread decides: what it allocates meanwhile is not recorded.
    static STARTING: Cell<bool> = const { Cell::new(false) };
    /// How deep this thread is in code of ours whose blocks are nobody's.
    static QUIET: Cell<u32> = const { Cell::new(0) };
}

/// Whether the platform's functions are all that is needed.
#[inline(always)]
pub(crate) fn is_plain() -> bool {
    // Relaxed: what lies behind the other bits is loaded with Acquire there.
    STATE.load(Ordering::Relaxed) == DECIDED
}

/// Whether a bit is set.
pub(crate) fn has(bit: u32) -> bool {
    STATE.load(Ordering::Acquire) & bit != 0
}

/// Sets a bit.
pub(crate) fn set(bit: u32) {
    // Release: what the bit announces was written before.
    STATE.fetch_or(bit, Ordering::Release);
}

/// Clears a bit.
pub(crate) fn clear(bit: u32) {
    STATE.fetch_and(!bit, Ordering::Release);
}

/// Whoever keeps the ledger, if anybody does.
pub(crate) fn tracker() -> Option<&'static Tracker> {
    if !has(DECIDED) && !decide() {
        return None;
    }
    // Acquire: the table was there before the pointer.
    let tracker = TRACKER.load(Ordering::Acquire);
    // SAFETY: null, or a table that lives as long as the process.
    unsafe { tracker.as_ref() }
}

/// Whether the ledger is that of the preload library.
pub(crate) fn is_shared() -> bool {
    tracker().is_some_and(|t| !core::ptr::eq(t, &own::TABLE))
}

/// Whether an address that the ledger does not know may be an older block's.
pub(crate) fn is_inherited() -> bool {
    // Relaxed: set while the child had one thread.
    INHERITED.load(Ordering::Relaxed)
}

/// Whether the keeper of the ledger sees what is passed to the platform's
/// functions.
pub(crate) fn has_hooks() -> bool {
    tracker().is_some_and(|t| t.flags & contract::HOOKS != 0)
}

/// Notes that a block which `free` may be given was not recorded: memory for the
/// ledger ran out, it is sampled, or a signal handler allocated in an event.
pub(crate) fn set_incomplete() {
    INCOMPLETE.store(true, Ordering::Relaxed);
}

/// Whether there may be live blocks that the ledger does not know.
pub(crate) fn is_incomplete() -> bool {
    // Relaxed: who releases such a block has been given it by whoever set it.
    INCOMPLETE.load(Ordering::Relaxed)
}

/// Finds out who keeps the ledger; false when this thread is just doing so.
#[cold]
fn decide() -> bool {
    if STARTING.replace(true) {
        return false;
    }
    let _guard = DECIDING.lock().unwrap_or_else(PoisonError::into_inner);
    if !has(DECIDED) {
        #[cfg(unix)]
        crate::forks::watch();
        let memory = MAX_MEMORY.load(Ordering::Relaxed);
        let depth = DEPTH.load(Ordering::Relaxed);
        if let Some(shared) = find_shared() {
            connect(shared);
        } else if memory != 0 {
            // A forked child: without a ledger of its own it goes on untracked.
            let _ = begin_own(depth, memory);
        } else if wants_tracking() {
            let options = crate::track::Options::default();
            if let Err(error) = begin_own(options.depth, options.max_memory) {
                eprintln!("freehold: FREEHOLD_TRACK is set, but no ledger can begin: {error}");
            }
        }
        set(DECIDED);
    }
    STARTING.set(false);
    true
}

/// Whether the environment asks for a ledger.
fn wants_tracking() -> bool {
    std::env::var_os("FREEHOLD_TRACK").is_some_and(|v| !v.is_empty() && v != "0")
}

/// The table of another keeper in this process.
fn find_shared() -> Option<&'static Tracker> {
    let usable = |found: *mut core::ffi::c_void| {
        // SAFETY: by the contract a symbol of this name is such a table, whose first
        // two fields are the same in all versions.
        is_usable(unsafe { &*found.cast::<Tracker>() })
    };
    let found = system::find_symbol(contract::SYMBOL, usable);
    // SAFETY: as above; null, or accepted.
    unsafe { found.cast::<Tracker>().as_ref() }
}

/// Whether a table keeps the contract and a ledger.
pub(crate) fn is_usable(table: &Tracker) -> bool {
    table.version == contract::VERSION
        && table.bytes as usize >= size_of::<Tracker>()
        // SAFETY: by the contract it may be called at any time.
        && unsafe { (table.is_active)() } == 1
}

fn connect(table: &'static Tracker) {
    tags::forget();
    managed::forget();
    leaks::begin_again(table);
    // Release: pairs with the acquire in `tracker`.
    TRACKER.store(core::ptr::from_ref(table).cast_mut(), Ordering::Release);
    set(RECORDING);
}

fn begin_own(depth: u32, max_memory: u64) -> io::Result<()> {
    own::begin(depth, max_memory)?;
    DEPTH.store(depth, Ordering::Relaxed);
    MAX_MEMORY.store(max_memory, Ordering::Relaxed);
    connect(&own::TABLE);
    Ok(())
}

/// Begins a ledger of our own, unless there is one.
pub(crate) fn start(depth: u32, max_memory: u64) -> io::Result<()> {
    if tracker().is_some() {
        return Ok(());
    }
    let _guard = DECIDING.lock().unwrap_or_else(PoisonError::into_inner);
    match has(RECORDING) {
        true => Ok(()),
        false => begin_own(depth, max_memory),
    }
}

/// Begins a ledger of our own without looking for another.
pub(crate) fn keep(depth: u32, max_memory: u64) -> io::Result<()> {
    static KEEPING: Mutex<()> = Mutex::new(());
    let _guard = KEEPING.lock().unwrap_or_else(PoisonError::into_inner);
    // What is allocated meanwhile must not ask who keeps the ledger.
    let before = STARTING.replace(true);
    let begun = own::begin(depth, max_memory);
    STARTING.set(before);
    begun
}

/// In a forked child: the next event finds out who keeps its ledger.
#[cfg(unix)]
pub(crate) fn begin_again() {
    let tracker = TRACKER.load(Ordering::Relaxed);
    if tracker.is_null() {
        return;
    }
    if core::ptr::eq(tracker, &own::TABLE) {
        own::leave();
    }
    INHERITED.store(true, Ordering::Relaxed);
    TRACKER.store(core::ptr::null_mut(), Ordering::Relaxed);
    // It is another one, with other numbers for names, whoever keeps it.
    clear(RECORDING | DECIDED);
}

/// While one lives, neither hooks nor the global allocator record what this
/// thread allocates and releases.
pub(crate) struct Quiet(Option<&'static Tracker>);

impl Quiet {
    pub(crate) fn new() -> Quiet {
        QUIET.set(QUIET.get() + 1);
        let tracker = TRACKER.load(Ordering::Acquire);
        // SAFETY: null, or a table that lives as long as the process.
        let tracker = unsafe { tracker.as_ref() };
        if let Some(table) = tracker {
            // SAFETY: by the contract it may be called at any time.
            unsafe { (table.quiet)(1) };
        }
        Quiet(tracker)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        QUIET.set(QUIET.get() - 1);
        if let Some(table) = self.0 {
            // SAFETY: as above; it was begun with the same table.
            unsafe { (table.quiet)(0) };
        }
    }
}

/// Runs the real function of a block that we tell of ourselves, and nothing else:
/// what is allocated in it must be released in it, or by such a call.
pub(crate) fn quietly<R>(run: impl FnOnce() -> R) -> R {
    let _quiet = Quiet::new();
    run()
}

/// The same for a function of the system, in which no Rust code allocates: only
/// hooks have to be told.
#[inline]
pub(crate) fn unseen<R>(run: impl FnOnce() -> R) -> R {
    let table = TRACKER.load(Ordering::Acquire);
    // SAFETY: null, or a table that lives as long as the process.
    match unsafe { table.as_ref() }.filter(|table| table.flags & contract::HOOKS != 0) {
        None => run(),
        Some(_) => quietly(run),
    }
}

/// Whether this thread runs code of ours.
pub(crate) fn is_quiet() -> bool {
    QUIET.get() != 0 || STARTING.get()
}
