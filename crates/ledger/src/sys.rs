//! The operating system, as far as the ledger needs it. Contract: no function
//! here allocates from a heap, takes a lock, or fails in another way than by
//! its result. `errno` may change; whoever runs inside a program saves it.

#[cfg(not(target_os = "linux"))]
compile_error!("the ledger's writer is written for Linux so far");

use core::ffi::CStr;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Opens a file for reading and writing.
pub(crate) fn open(path: &CStr) -> Result<i32, i32> {
    // SAFETY: the path is a C string.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
    if fd < 0 { Err(errno()) } else { Ok(fd) }
}

/// Closes a file that [`open`] opened.
pub(crate) fn close(fd: i32) {
    // SAFETY: closing has no requirement on memory; the caller owns `fd`.
    unsafe { libc::close(fd) };
}

/// Maps `len` bytes of a file at `offset`, shared, readable and writable.
pub(crate) fn map_shared(fd: i32, offset: u64, len: u64) -> Result<*mut u8, i32> {
    map(len, libc::MAP_SHARED | libc::MAP_NORESERVE, fd, offset)
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
/// An errno.
pub fn map_private(len: u64) -> Result<*mut u8, i32> {
    let at = map(
        len,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        -1,
        0,
    )?;
    // SAFETY: the range was just mapped and belongs to nobody else.
    unsafe {
        libc::madvise(at.cast(), len as usize, libc::MADV_WIPEONFORK);
        libc::madvise(at.cast(), len as usize, libc::MADV_DONTDUMP);
    }
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
    unsafe { unmap(at, len) };
}

/// Ends all mappings that [`map_private`] made: for a forked child, which finds
/// them wiped and begins anew.
///
/// # Safety
/// Nobody may use any of them any more.
pub unsafe fn unmap_all_private() {
    // SAFETY: promised by the caller.
    private_ranges(|at, len| unsafe { unmap(at as *mut u8, len as u64) });
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

/// Saves `errno` and gives it back when dropped.
pub(crate) struct KeepErrno(i32);

impl KeepErrno {
    pub(crate) fn new() -> KeepErrno {
        KeepErrno(errno())
    }
}

impl Drop for KeepErrno {
    fn drop(&mut self) {
        // SAFETY: the location is valid for the calling thread.
        unsafe { *libc::__errno_location() = self.0 };
    }
}

fn map(len: u64, flags: i32, fd: i32, offset: u64) -> Result<*mut u8, i32> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // By number: the functions of these names may be hooks that record what
    // they map.
    // SAFETY: a new mapping at an address of the kernel's choice disturbs none.
    let at = unsafe { libc::syscall(libc::SYS_mmap, 0, len, protection, flags, fd, offset) };
    if at == -1 {
        Err(errno())
    } else {
        Ok(at as *mut u8)
    }
}

/// Ends a mapping.
///
/// # Safety
/// Nobody may use the range any more.
pub(crate) unsafe fn unmap(at: *mut u8, len: u64) {
    // SAFETY: as promised by the caller.
    unsafe { libc::syscall(libc::SYS_munmap, at, len) };
}

/// Makes a file system hand out the pages of a mapping now, so that touching
/// them later cannot fail. `at` and `len` are multiples of the page size.
pub(crate) fn populate(at: *mut u8, len: u64) -> Result<(), i32> {
    const MADV_POPULATE_WRITE: i32 = 23;
    // SAFETY: populating changes no byte of the mapping, whatever its state.
    let failed = unsafe { libc::madvise(at.cast(), len as usize, MADV_POPULATE_WRITE) } != 0;
    if failed { Err(errno()) } else { Ok(()) }
}

/// The last error of the calling thread.
pub(crate) fn errno() -> i32 {
    // SAFETY: the location is valid for the calling thread.
    unsafe { *libc::__errno_location() }
}

/// Milliseconds of the monotonic clock, as coarse as the kernel's tick.
pub(crate) fn coarse_ms() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut time) };
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}
