//! The operating system, as far as the ledger needs it. Contract: no function
//! here allocates from a heap, takes a lock, or fails in another way than by
//! its result. The thread's last error (`errno`, `GetLastError`) may change;
//! whoever runs inside a program saves it with [`KeepErrno`].
//!
//! Errors are numbers of the system, as `io::Error::from_raw_os_error` takes
//! them. Each system has a file with the same functions; what is the same on
//! all is here: the list of private mappings.

use core::sync::atomic::{AtomicUsize, Ordering};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(windows)]
pub(crate) mod windows;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(windows)]
use windows as system;

#[cfg(not(any(target_os = "linux", windows)))]
compile_error!("the ledger's writer is written for Linux and Windows so far");

pub use system::RawFile;
pub(crate) use system::{
    GRANULARITY, KeepErrno, NO_ROOM, NOT_A_SESSION, abort, coarse_ms, lacks_address_space,
    leave_out_of_dumps, map_shared, open, populate, unmap_shared,
};

// Only there it saves anything.
#[cfg(target_arch = "x86_64")]
pub(crate) use system::is_single_threaded;

/// Closes the file of a session that [`Session::open`](crate::writer::Session::open)
/// opened. What was mapped from it stays mapped.
///
/// # Safety
/// `file` is open, and nobody uses it any more.
pub unsafe fn close_file(file: RawFile) {
    system::close(file);
}

/// Private mappings that were made: first byte and length. What lies in them
/// must not count as the program's memory.
static PRIVATE: [(AtomicUsize, AtomicUsize); 16384] =
    [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; 16384];
static PRIVATE_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Maps `len` zeroed bytes that a forked child finds zeroed again, and that do
/// not count as memory of the program.
///
/// # Errors
/// A number of the system.
pub fn map_private(len: u64) -> Result<*mut u8, i32> {
    let at = system::map_zeroed(len)?;
    // Relaxed: read only by a scan, which can live with a missing one.
    let i = PRIVATE_COUNT.fetch_add(1, Ordering::Relaxed);
    if let Some((start, length)) = PRIVATE.get(i) {
        start.store(at as usize, Ordering::Relaxed);
        length.store(len as usize, Ordering::Relaxed);
    }
    Ok(at)
}

/// Ends a mapping that [`map_private`] made.
///
/// # Safety
/// Nobody may use the range any more.
pub unsafe fn unmap_private(at: *mut u8, len: u64) {
    for (start, length) in &PRIVATE {
        if start.load(Ordering::Relaxed) == at as usize {
            start.store(0, Ordering::Relaxed);
            length.store(0, Ordering::Relaxed);
            break;
        }
    }
    // SAFETY: promised by the caller.
    unsafe { system::unmap_zeroed(at, len) };
}

/// Ends all mappings that [`map_private`] made: for a forked child, which finds
/// them wiped and begins anew.
///
/// # Safety
/// Nobody may use any of them any more.
pub unsafe fn unmap_all_private() {
    // SAFETY: promised by the caller.
    private_ranges(|at, len| unsafe { system::unmap_zeroed(at as *mut u8, len as u64) });
    for (start, length) in &PRIVATE[..PRIVATE_COUNT.swap(0, Ordering::Relaxed).min(PRIVATE.len())] {
        start.store(0, Ordering::Relaxed);
        length.store(0, Ordering::Relaxed);
    }
}

/// All ranges that [`map_private`] made and nobody unmapped.
pub fn private_ranges(mut visit: impl FnMut(usize, usize)) {
    let count = PRIVATE_COUNT.load(Ordering::Relaxed).min(PRIVATE.len());
    for (start, length) in &PRIVATE[..count] {
        let len = length.load(Ordering::Relaxed);
        if len != 0 {
            visit(start.load(Ordering::Relaxed), len);
        }
    }
}
