//! The calls of Windows, and handles that are closed. All are in `kernel32`.

use core::ffi::c_void;
use std::io;

pub(super) type RawHandle = *mut c_void;

/// Protection is by page of this size on x86-64.
pub(super) const PAGE: u64 = 4096;

const PROCESS_VM_READ: u32 = 0x10;
const PROCESS_QUERY_INFORMATION: u32 = 0x400;
const SYNCHRONIZE: u32 = 0x10_0000;
const WAIT_OBJECT_0: u32 = 0;

/// `MEMORY_BASIC_INFORMATION` of a 64-bit process.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Region {
    pub(super) base: u64,
    pub(super) allocation: u64,
    allocation_protection: u32,
    partition: u16,
    pub(super) size: u64,
    pub(super) state: u32,
    pub(super) protection: u32,
    pub(super) kind: u32,
}

const _: () = assert!(size_of::<Region>() == 48);

/// `THREADENTRY32`.
#[repr(C)]
pub(super) struct ThreadEntry {
    size: u32,
    usage: u32,
    pub(super) thread: u32,
    pub(super) process: u32,
    base_priority: i32,
    delta_priority: i32,
    flags: u32,
}

impl ThreadEntry {
    /// One to be filled, which says its size.
    pub(super) fn empty() -> ThreadEntry {
        ThreadEntry {
            size: size_of::<ThreadEntry>() as u32,
            usage: 0,
            thread: 0,
            process: 0,
            base_priority: 0,
            delta_priority: 0,
            flags: 0,
        }
    }
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn OpenProcess(access: u32, inherit: i32, pid: u32) -> RawHandle;
    fn CloseHandle(handle: RawHandle) -> i32;
    fn WaitForSingleObject(handle: RawHandle, ms: u32) -> u32;
    fn IsWow64Process(process: RawHandle, is: *mut i32) -> i32;
    fn ReadProcessMemory(
        process: RawHandle,
        at: *const c_void,
        into: *mut c_void,
        len: usize,
        read: *mut usize,
    ) -> i32;
    fn VirtualQueryEx(
        process: RawHandle,
        at: *const c_void,
        region: *mut Region,
        len: usize,
    ) -> usize;
    // `GetMappedFileNameW` since Windows 7.
    fn K32GetMappedFileNameW(
        process: RawHandle,
        at: *const c_void,
        name: *mut u16,
        len: u32,
    ) -> u32;
    fn GetCurrentProcess() -> RawHandle;
    pub(super) fn CreateToolhelp32Snapshot(flags: u32, pid: u32) -> RawHandle;
    pub(super) fn Thread32First(snapshot: RawHandle, entry: *mut ThreadEntry) -> i32;
    pub(super) fn Thread32Next(snapshot: RawHandle, entry: *mut ThreadEntry) -> i32;
    pub(super) fn OpenThread(access: u32, inherit: i32, thread: u32) -> RawHandle;
    pub(super) fn GetProcessIdOfThread(thread: RawHandle) -> u32;
    pub(super) fn SuspendThread(thread: RawHandle) -> u32;
    pub(super) fn ResumeThread(thread: RawHandle) -> u32;
    pub(super) fn GetThreadContext(thread: RawHandle, context: *mut c_void) -> i32;
}

/// A handle that is closed when it is dropped.
pub(super) struct Handle(pub(super) RawHandle);

// SAFETY: a handle is a number, good in every thread; it is closed by the last owner.
unsafe impl Send for Handle {}
// SAFETY: as above; no call here changes what a handle stands for.
unsafe impl Sync for Handle {}

impl Handle {
    /// A process that may be read.
    pub(super) fn of_process(pid: u32) -> io::Result<Handle> {
        let access = PROCESS_VM_READ | PROCESS_QUERY_INFORMATION | SYNCHRONIZE;
        // SAFETY: no pointers.
        let handle = unsafe { OpenProcess(access, 0, pid) };
        match handle.is_null() {
            true => Err(io::Error::last_os_error()),
            false => Ok(Handle(handle)),
        }
    }

    /// Whether the process or thread has ended.
    pub(super) fn has_ended(&self) -> bool {
        // SAFETY: an open handle, which may be waited for.
        unsafe { WaitForSingleObject(self.0, 0) == WAIT_OBJECT_0 }
    }

    /// Whether a process runs as this one does: this one is for x86-64.
    pub(super) fn is_x86_64(&self) -> io::Result<bool> {
        let mut is_other = 0;
        // SAFETY: an open handle, a place for the answer.
        match unsafe { IsWow64Process(self.0, &mut is_other) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(is_other == 0),
        }
    }

    /// Fills `into` from the memory of a process; whether all of it could be read.
    pub(super) fn read_all(&self, at: u64, into: &mut [u8]) -> bool {
        let mut read = 0;
        let len = into.len();
        // SAFETY: the buffer is ours; an address that cannot be read fails.
        let result = unsafe {
            ReadProcessMemory(
                self.0,
                at as *const c_void,
                into.as_mut_ptr().cast(),
                len,
                &mut read,
            )
        };
        result != 0 && read == len
    }

    /// The region of a process's memory that holds `at`; none beyond the last one.
    pub(super) fn region(&self, at: u64) -> Option<Region> {
        let mut region = Region::default();
        // SAFETY: the call fills the structure, or nothing.
        let filled = unsafe {
            VirtualQueryEx(
                self.0,
                at as *const c_void,
                &mut region,
                size_of::<Region>(),
            )
        };
        (filled == size_of::<Region>()).then_some(region)
    }

    /// The file that is mapped at `at`, as the system names it: by device, not drive.
    pub(super) fn mapped_file(&self, at: u64) -> Option<Vec<u16>> {
        mapped_file(self.0, at as *const c_void)
    }
}

/// The file that is mapped at `at` in this process.
pub(super) fn own_mapped_file(at: *const c_void) -> Option<Vec<u16>> {
    // SAFETY: gives a constant, which need not be closed.
    mapped_file(unsafe { GetCurrentProcess() }, at)
}

fn mapped_file(process: RawHandle, at: *const c_void) -> Option<Vec<u16>> {
    /// As long as paths can become.
    const MOST: usize = 1 << 15;
    let mut name = vec![0; MOST];
    // SAFETY: the buffer is as long as is said.
    let len = unsafe { K32GetMappedFileNameW(process, at, name.as_mut_ptr(), MOST as u32) };
    name.truncate(len as usize);
    // One that was cut is no name.
    (len > 0 && (len as usize) < MOST - 1).then_some(name)
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: opened by us, and closed here only.
        unsafe { CloseHandle(self.0) };
    }
}
