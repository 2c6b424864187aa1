//! The ledger of a process that nobody else tracks: a session in memory without
//! a name, written to by this library alone.
//!
//! It is reached by the same table as that of the preload library (`contract`),
//! so that there is one way through the rest of the library.
//!
//! A forked child begins a ledger of its own with its first event.

mod objects;
mod table;
mod thread;

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU32, Ordering};
use std::io;
use std::sync::{Mutex, PoisonError};

use freehold_ledger::session::{Backing, Config, NewSession, path_for_environment};
use freehold_ledger::writer::{Birth, Ledger, Session};

use crate::system;

pub(crate) use objects::changed;
pub(crate) use table::{TABLE, VALUE as TABLE_VALUE};

struct Place(UnsafeCell<MaybeUninit<Ledger>>);

// SAFETY: written once before `ACTIVE` says so; a Ledger is Sync.
unsafe impl Sync for Place {}

static PLACE: Place = Place(UnsafeCell::new(MaybeUninit::zeroed()));
/// 1 while there is a ledger.
static ACTIVE: AtomicU32 = AtomicU32::new(0);
/// Longest stack to record.
static DEPTH: AtomicU32 = AtomicU32::new(0);
/// The session, held open for readers.
static SESSION: Mutex<Option<NewSession>> = Mutex::new(None);

/// The ledger, when there is one.
#[inline(always)]
fn ledger() -> Option<&'static Ledger> {
    // Acquire: pairs with the release in `begin`.
    match ACTIVE.load(Ordering::Acquire) {
        0 => None,
        // SAFETY: begun before the flag was set.
        _ => Some(unsafe { &*PLACE.0.get().cast::<Ledger>() }),
    }
}

/// Begins a ledger with stacks of at most `depth` frames, and memory of at most
/// `max_memory` bytes. Call with nobody else at it.
pub(crate) fn begin(depth: u32, max_memory: u64) -> io::Result<()> {
    if ledger().is_some() {
        return Ok(());
    }
    let config = Config {
        max_memory,
        depth,
        scan_at_exit: false,
        follow: false,
        ..Config::default()
    };
    let session = NewSession::create(&config, &Backing::Memfd)?;
    let path = path_for_environment(session.path())?;
    let (opened, file) = Session::open(&path).map_err(io::Error::from_raw_os_error)?;
    let exe = std::env::current_exe().unwrap_or_default();
    let mut argv = Vec::new();
    for argument in std::env::args_os() {
        argv.extend_from_slice(&system::bytes_of(&argument));
        argv.push(0);
    }
    let birth = Birth {
        pid: std::process::id(),
        parent_pid: system::parent_pid(),
        parent_slot: None,
        argv: &argv,
        exe: &system::bytes_of(exe.as_os_str()),
    };
    // SAFETY: the place is zero (never used, or wiped by `leave`), and nobody
    // uses it before the flag is set; the file is the session's.
    let begun = unsafe { Ledger::begin(PLACE.0.get().cast(), opened, file, &birth) };
    // SAFETY: opened above, known to nobody else.
    unsafe { freehold_ledger::close_file(file) };
    begun.map_err(io::Error::from_raw_os_error)?;
    objects::watch();
    DEPTH.store(depth, Ordering::Relaxed);
    *SESSION.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    // Release: the ledger was written before.
    ACTIVE.store(1, Ordering::Release);
    Ok(())
}

/// In a forked child: leaves the parent's ledger.
#[cfg(unix)]
pub(crate) fn leave() {
    if ACTIVE.swap(0, Ordering::AcqRel) == 0 {
        return;
    }
    // SAFETY: begun, as the flag said; the child has one thread, this one.
    unsafe {
        let (at, len) = (*PLACE.0.get().cast::<Ledger>()).memory().range();
        libc::munmap(at as *mut libc::c_void, len);
        thread::forget_all();
        freehold_ledger::unmap_all_private();
        PLACE.0.get().write_bytes(0, 1);
    }
    objects::forget();
    // Another thread of the parent may have held the lock, and dropping the
    // session would stop its clock: the child's copy stays as it is.
    if let Ok(mut session) = SESSION.try_lock() {
        core::mem::forget(session.take());
    }
}

/// How the ledger keeps its lock over a fork.
pub(crate) fn with_session<R>(run: impl FnOnce(Option<&NewSession>) -> R) -> R {
    run(SESSION
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ref())
}
