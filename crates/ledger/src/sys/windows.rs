//! Windows: see [`super`] for what holds of every function here.
//!
//! The functions are declared here and not taken from a crate: they are few, and
//! what lives inside other people's programs shall need no outside crate and no
//! import library that the linker has to make. All are in `kernel32`, which
//! every process has.

use core::ffi::{CStr, c_void};
use core::ptr;

/// A file as the system names it.
pub type RawFile = *mut c_void;

/// A view of a file begins at a multiple of this many bytes of it
/// (`dwAllocationGranularity`, 64 KiB on every Windows).
pub(crate) const GRANULARITY: u64 = 64 << 10;
/// What opening says of a file that is no session of this version:
/// `ERROR_INVALID_DATA`.
pub(crate) const NOT_A_SESSION: i32 = 13;
/// What beginning says of a session that has no room for another process:
/// `ERROR_DISK_FULL`.
pub(crate) const NO_ROOM: i32 = 112;

const ERROR_NOT_ENOUGH_MEMORY: i32 = 8;
const ERROR_FILENAME_TOO_LONG: i32 = 206;
const ERROR_INVALID_ADDRESS: i32 = 487;
const ERROR_NO_UNICODE_TRANSLATION: i32 = 1113;
const ERROR_NO_SYSTEM_RESOURCES: i32 = 1450;
const ERROR_COMMITMENT_LIMIT: i32 = 1455;

pub(crate) const GENERIC_READ_WRITE: u32 = 0xc000_0000;
pub(crate) const SHARE_ALL: u32 = 7;
const OPEN_EXISTING: u32 = 3;
const FILE_ATTRIBUTE_NORMAL: u32 = 0x80;
const PAGE_READWRITE: u32 = 4;
pub(crate) const PAGE_READONLY: u32 = 2;
pub(crate) const FILE_MAP_READ: u32 = 4;
const FILE_MAP_READ_WRITE: u32 = 2 | FILE_MAP_READ;
const MEM_RESERVE_COMMIT: u32 = 0x3000;
const MEM_RELEASE: u32 = 0x8000;
const INVALID_HANDLE: RawFile = usize::MAX as RawFile;

#[link(name = "kernel32")]
unsafe extern "system" {
    pub(crate) fn CreateFileW(
        name: *const u16,
        access: u32,
        share: u32,
        security: *const c_void,
        disposition: u32,
        attributes: u32,
        template: RawFile,
    ) -> RawFile;
    pub(crate) fn CloseHandle(handle: RawFile) -> i32;
    pub(crate) fn CreateFileMappingW(
        file: RawFile,
        security: *const c_void,
        protection: u32,
        size_high: u32,
        size_low: u32,
        name: *const u16,
    ) -> RawFile;
    pub(crate) fn MapViewOfFile(
        mapping: RawFile,
        access: u32,
        offset_high: u32,
        offset_low: u32,
        len: usize,
    ) -> *mut c_void;
    pub(crate) fn UnmapViewOfFile(at: *const c_void) -> i32;
    fn VirtualAlloc(at: *mut c_void, len: usize, kind: u32, protection: u32) -> *mut c_void;
    fn VirtualFree(at: *mut c_void, len: usize, kind: u32) -> i32;
    fn GetLastError() -> u32;
    fn SetLastError(error: u32);
    fn GetTickCount64() -> u64;
}

/// Whether a mapping failed for want of address space or of the system's own
/// memory for it: a smaller one may do.
pub(crate) fn lacks_address_space(error: i32) -> bool {
    [
        ERROR_NOT_ENOUGH_MEMORY,
        ERROR_INVALID_ADDRESS,
        ERROR_NO_SYSTEM_RESOURCES,
        ERROR_COMMITMENT_LIMIT,
    ]
    .contains(&error)
}

/// Opens a file, whose path is UTF-8, for reading and writing. Others may write
/// to it and delete it meanwhile; children do not inherit it.
pub(crate) fn open(path: &CStr) -> Result<RawFile, i32> {
    let mut name = [0u16; 1024];
    let text = path.to_str().map_err(|_| ERROR_NO_UNICODE_TRANSLATION)?;
    let mut units = text.encode_utf16();
    // The last one stays zero.
    let room = name.len() - 1;
    for (to, unit) in name[..room].iter_mut().zip(&mut units) {
        *to = unit;
    }
    if units.next().is_some() {
        return Err(ERROR_FILENAME_TOO_LONG);
    }
    // SAFETY: the name ends with a zero; null stands for no security attributes
    // and no template.
    let file = unsafe {
        CreateFileW(
            name.as_ptr(),
            GENERIC_READ_WRITE,
            SHARE_ALL,
            ptr::null(),
            OPEN_EXISTING,
            FILE_ATTRIBUTE_NORMAL,
            ptr::null_mut(),
        )
    };
    if file == INVALID_HANDLE {
        Err(last_error())
    } else {
        Ok(file)
    }
}

/// Closes a file that [`open`] opened.
pub(crate) fn close(file: RawFile) {
    // SAFETY: closing has no requirement on memory; the caller owns `file`.
    unsafe { CloseHandle(file) };
}

/// Maps `len` bytes of a file at `offset`, shared, readable and writable. The
/// view holds the file: nothing else need stay open.
pub(crate) fn map_shared(file: RawFile, offset: u64, len: u64) -> Result<*mut u8, i32> {
    // SAFETY: a section as long as the file, and a view at an address of the
    // system's choice, disturb nobody. The view keeps the section
    // (CreateFileMapping, "Remarks").
    unsafe {
        let section = CreateFileMappingW(file, ptr::null(), PAGE_READWRITE, 0, 0, ptr::null());
        if section.is_null() {
            return Err(last_error());
        }
        let (high, low) = ((offset >> 32) as u32, offset as u32);
        let at = MapViewOfFile(section, FILE_MAP_READ_WRITE, high, low, len as usize);
        let error = last_error();
        CloseHandle(section);
        if at.is_null() {
            Err(error)
        } else {
            Ok(at.cast())
        }
    }
}

/// Maps `len` zeroed bytes. They take commit charge at once, and memory when they
/// are touched.
pub(crate) fn map_zeroed(len: u64) -> Result<*mut u8, i32> {
    // SAFETY: new pages at an address of the system's choice disturb nobody.
    let at = unsafe {
        VirtualAlloc(
            ptr::null_mut(),
            len as usize,
            MEM_RESERVE_COMMIT,
            PAGE_READWRITE,
        )
    };
    if at.is_null() {
        Err(last_error())
    } else {
        Ok(at.cast())
    }
}

/// Nothing to do: mapped files are not in the small dumps that programs send,
/// and a full one is made by somebody who asked for all.
pub(crate) fn leave_out_of_dumps(_: *mut u8, _: u64) {}

/// Saves the last error of the thread and gives it back when dropped.
pub(crate) struct KeepErrno(u32);

impl KeepErrno {
    pub(crate) fn new() -> KeepErrno {
        // SAFETY: no requirement.
        KeepErrno(unsafe { GetLastError() })
    }
}

impl Drop for KeepErrno {
    fn drop(&mut self) {
        // SAFETY: no requirement.
        unsafe { SetLastError(self.0) };
    }
}

/// Ends a mapping that [`map_shared`] made.
///
/// # Safety
/// Nobody may use the range any more.
pub(crate) unsafe fn unmap_shared(at: *mut u8, _: u64) {
    // SAFETY: as promised by the caller; the whole view goes.
    unsafe { UnmapViewOfFile(at.cast()) };
}

/// Ends a mapping that [`map_zeroed`] made.
///
/// # Safety
/// Nobody may use the range any more.
pub(crate) unsafe fn unmap_zeroed(at: *mut u8, _: u64) {
    // SAFETY: as promised by the caller; a release takes the whole range.
    unsafe { VirtualFree(at.cast(), 0, MEM_RELEASE) };
}

/// Nothing to do: a page of a file is touched in memory, whatever room the disk
/// has; a full one makes the later writing fail, not the program.
pub(crate) fn populate(_: *mut u8, _: u64) -> Result<(), i32> {
    Ok(())
}

/// The last error of the calling thread.
pub(crate) fn last_error() -> i32 {
    // SAFETY: no requirement.
    unsafe { GetLastError() as i32 }
}

/// Milliseconds since the system started, as coarse as its timer.
pub(crate) fn coarse_ms() -> u64 {
    // SAFETY: no requirement.
    unsafe { GetTickCount64() }
}

/// Not known here, so never: the system itself starts threads in a process (the
/// loader's, thread pools).
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn is_single_threaded() -> bool {
    false
}

/// Ends the process as `abort` does.
pub(crate) fn abort() -> ! {
    std::process::abort()
}
