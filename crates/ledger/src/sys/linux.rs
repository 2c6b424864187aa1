//! Linux: see [`super`] for what holds of every function here.

use core::ffi::CStr;

/// A file as the system names it.
pub type RawFile = i32;

/// A mapping of a file begins at a multiple of this many bytes of it.
pub(crate) const GRANULARITY: u64 = crate::format::PAGE;
/// What opening says of a file that is no session of this version.
pub(crate) const NOT_A_SESSION: i32 = libc::EPROTO;
/// What beginning says of a session that has no room for another process.
pub(crate) const NO_ROOM: i32 = libc::ENOSPC;

/// Whether a mapping failed for want of address space: a smaller one may do.
pub(crate) fn lacks_address_space(error: i32) -> bool {
    error == libc::ENOMEM
}

/// Opens a file for reading and writing.
pub(crate) fn open(path: &CStr) -> Result<RawFile, i32> {
    // A session is longer than 32-bit programs expect of a file; elsewhere the flag
    // is zero.
    let flags = libc::O_RDWR | libc::O_CLOEXEC | libc::O_LARGEFILE;
    // SAFETY: the path is a C string.
    let fd = unsafe { libc::open(path.as_ptr(), flags) };
    if fd < 0 { Err(errno()) } else { Ok(fd) }
}

/// Closes a file that [`open`] opened.
pub(crate) fn close(fd: RawFile) {
    // SAFETY: closing has no requirement on memory; the caller owns `fd`.
    unsafe { libc::close(fd) };
}

/// Maps `len` bytes of a file at `offset`, shared, readable and writable.
pub(crate) fn map_shared(fd: RawFile, offset: u64, len: u64) -> Result<*mut u8, i32> {
    map(len, libc::MAP_SHARED | libc::MAP_NORESERVE, fd, offset)
}

/// Maps `len` zeroed bytes that a forked child finds zeroed again, and that are
/// in no core dump.
pub(crate) fn map_zeroed(len: u64) -> Result<*mut u8, i32> {
    let at = map(
        len,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        -1,
        0,
    )?;
    // SAFETY: the range was just mapped and belongs to nobody else.
    unsafe { libc::madvise(at.cast(), len as usize, libc::MADV_WIPEONFORK) };
    leave_out_of_dumps(at, len);
    Ok(at)
}

/// Keeps a mapping of ours out of core dumps of the program.
pub(crate) fn leave_out_of_dumps(at: *mut u8, len: u64) {
    // SAFETY: advice changes no byte of the mapping, whatever its state.
    unsafe { libc::madvise(at.cast(), len as usize, libc::MADV_DONTDUMP) };
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
    // Of 32-bit programs a number may be too large for an argument.
    let Ok(len) = usize::try_from(len) else {
        return Err(libc::ENOMEM);
    };
    // They name the offset in pages, so as to reach all of a large file.
    #[cfg(target_pointer_width = "32")]
    let (number, offset) = match usize::try_from(offset / crate::format::PAGE) {
        Ok(pages) => (libc::SYS_mmap2, pages),
        Err(_) => return Err(libc::EOVERFLOW),
    };
    #[cfg(target_pointer_width = "64")]
    let number = libc::SYS_mmap;
    // By number: the functions of these names may be hooks that record what
    // they map.
    // SAFETY: a new mapping at an address of the kernel's choice disturbs none.
    let at = unsafe { libc::syscall(number, 0, len, protection, flags, fd, offset) };
    if at == -1 {
        Err(errno())
    } else {
        Ok(at as *mut u8)
    }
}

/// Ends a mapping that [`map_shared`] made.
///
/// # Safety
/// Nobody may use the range any more.
pub(crate) unsafe fn unmap_shared(at: *mut u8, len: u64) {
    // SAFETY: as promised by the caller.
    unsafe { libc::syscall(libc::SYS_munmap, at, len as usize) };
}

/// Ends a mapping that [`map_zeroed`] made.
///
/// # Safety
/// Nobody may use the range any more.
pub(crate) unsafe fn unmap_zeroed(at: *mut u8, len: u64) {
    // SAFETY: as promised by the caller.
    unsafe { unmap_shared(at, len) };
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
fn errno() -> i32 {
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

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    /// glibc: true while the process has one thread; set to false by the only
    /// thread before it starts another.
    static __libc_single_threaded: core::ffi::c_char;
}

/// Whether the process has one thread, so that nobody can come between two
/// instructions but a signal handler.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn is_single_threaded() -> bool {
    // SAFETY: a plain byte of glibc; it changes only by the single thread.
    unsafe { (&raw const __libc_single_threaded).read_volatile() != 0 }
}

/// Ends the process as `abort` does.
pub(crate) fn abort() -> ! {
    // SAFETY: no requirement.
    unsafe { libc::abort() }
}
