//! Linux: see `super`.

use core::ffi::{CStr, c_void};
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Saves the thread's last error (`errno`) and gives it back when dropped: looking
/// at the caller must not be seen.
pub(crate) struct KeepErrno(i32);

impl KeepErrno {
    pub(crate) fn new() -> KeepErrno {
        KeepErrno(os_error())
    }
}

impl Drop for KeepErrno {
    fn drop(&mut self) {
        // SAFETY: the location is valid for the calling thread.
        unsafe { *libc::__errno_location() = self.0 };
    }
}

/// The thread's last error, as `std::io::Error::from_raw_os_error` takes it.
pub(crate) fn os_error() -> i32 {
    // SAFETY: the location is valid for the calling thread.
    unsafe { *libc::__errno_location() }
}

/// What is exported under a name by any object of the process, null when nothing
/// is. `accept` is asked of each that is found.
pub(crate) fn find_symbol(name: &CStr, accept: impl Fn(*mut c_void) -> bool) -> *mut c_void {
    // SAFETY: a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    match !found.is_null() && accept(found) {
        true => found,
        false => ptr::null_mut(),
    }
}

/// Number of the calling thread.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: gettid has no requirement.
    (unsafe { libc::syscall(libc::SYS_gettid) }) as u32
}

/// Its name, cut to sixteen bytes and padded with zeroes.
pub(crate) fn thread_name() -> [u64; 2] {
    let mut name = [0u64; 2];
    // SAFETY: the buffer has the sixteen bytes that the call writes.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name
}

/// One more than the key that tells of ended threads, 0 before it is made.
static KEY: AtomicU32 = AtomicU32::new(0);

/// Has `call(data)` called when the calling thread ends; with null, no longer.
/// `call` is the same at every call.
pub(crate) fn at_thread_end(data: *mut c_void, call: unsafe extern "C" fn(*mut c_void)) {
    // Acquire: the key was made before.
    let mut key = KEY.load(Ordering::Acquire);
    if key == 0 {
        let mut made = 0;
        // SAFETY: `made` is writable; the function lives as long as the program.
        if unsafe { libc::pthread_key_create(&mut made, Some(call)) } != 0 {
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
    unsafe { libc::pthread_setspecific(key - 1, data) };
}

/// Process id of the parent.
pub(crate) fn parent_pid() -> u32 {
    std::os::unix::process::parent_id()
}

/// A text of the system as the ledger has it: its bytes.
pub(crate) fn bytes_of(text: &OsStr) -> Cow<'_, [u8]> {
    text.as_bytes().into()
}

/// A path from the ledger's bytes.
pub(crate) fn path_of(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

/// Ends a mapping of the program; gives the last error when that failed.
///
/// # Safety
/// Nobody uses the range any more.
pub(crate) unsafe fn unmap(at: *mut c_void, bytes: usize) -> Result<(), i32> {
    // SAFETY: promised by the caller.
    match unsafe { libc::munmap(at, bytes) } {
        0 => Ok(()),
        _ => Err(os_error()),
    }
}

/// A file to read, in memory that is not the heap's.
pub(crate) struct Mapped {
    at: *mut c_void,
    len: usize,
}

impl Mapped {
    pub(crate) fn open(path: &str) -> Option<Mapped> {
        let file = File::open(path).ok()?;
        let len = usize::try_from(file.metadata().ok()?.len()).ok()?;
        // SAFETY: a new mapping at a place of the kernel's choice; no bytes are an
        // error.
        let at = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        (at != libc::MAP_FAILED).then_some(Mapped { at, len })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for that long; object files that are in use are replaced
        // and not written to.
        unsafe { core::slice::from_raw_parts(self.at.cast(), self.len) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped in `open`, used by nobody any more.
        unsafe { libc::munmap(self.at, self.len) };
    }
}
