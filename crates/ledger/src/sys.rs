//! The operating system, as far as the ledger needs it. Contract: no function
//! here allocates from a heap, takes a lock, or fails in another way than by
//! its result. `errno` may change; whoever runs inside a program saves it.

#[cfg(not(target_os = "linux"))]
compile_error!("the ledger's writer is written for Linux so far");

use core::ffi::CStr;

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

/// Maps `len` zeroed bytes that a forked child finds zeroed again.
pub(crate) fn map_private(len: u64) -> Result<*mut u8, i32> {
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
    Ok(at)
}

fn map(len: u64, flags: i32, fd: i32, offset: u64) -> Result<*mut u8, i32> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice disturbs none.
    let at = unsafe {
        libc::mmap(
            core::ptr::null_mut(),
            len as usize,
            protection,
            flags,
            fd,
            offset as i64,
        )
    };
    if at == libc::MAP_FAILED {
        Err(errno())
    } else {
        Ok(at.cast())
    }
}

/// Ends a mapping.
///
/// # Safety
/// Nobody may use the range any more.
pub(crate) unsafe fn unmap(at: *mut u8, len: u64) {
    // SAFETY: as promised by the caller.
    unsafe { libc::munmap(at.cast(), len as usize) };
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
