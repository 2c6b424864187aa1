//! Calls of the system that a walk makes when memory may not be there.

use core::ffi::c_void;

/// `MEMORY_BASIC_INFORMATION`: pages that are alike.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Region {
    pub(crate) base: usize,
    /// First byte of the reservation that they belong to.
    pub(crate) allocation: usize,
    protection: usize,
    pub(crate) bytes: usize,
    pub(crate) state: u32,
    pub(crate) protect: u32,
    pub(crate) kind: u32,
    #[cfg(target_pointer_width = "64")]
    padding: u32,
}

pub(crate) const MEM_COMMIT: u32 = 0x1000;
/// All protections with the right to run code.
const EXECUTABLE: u32 = 0xf0;

impl Region {
    /// Whether code of it may run.
    pub(crate) fn is_code(&self) -> bool {
        self.state == MEM_COMMIT && self.protect & EXECUTABLE != 0
    }
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn VirtualQuery(at: *const u8, region: *mut Region, bytes: usize) -> usize;
    fn GetCurrentProcess() -> *mut c_void;
    fn ReadProcessMemory(
        process: *mut c_void,
        at: *const c_void,
        into: *mut c_void,
        bytes: usize,
        done: *mut usize,
    ) -> i32;
    fn GetLastError() -> u32;
    fn SetLastError(error: u32);
}

/// Copies memory of this process which may not be there. Returns whether all of
/// it could be read. Leaves the last error alone.
pub(crate) fn read_own_memory(address: usize, into: &mut [usize]) -> bool {
    // SAFETY: the system writes only into `into`, and checks the other address.
    unsafe {
        let error = GetLastError();
        let at = core::ptr::without_provenance(address);
        let (to, bytes) = (into.as_mut_ptr().cast(), size_of_val(into));
        let mut done = 0;
        let read = ReadProcessMemory(GetCurrentProcess(), at, to, bytes, &mut done);
        SetLastError(error);
        read != 0 && done == bytes
    }
}

/// The pages around an address; all zero where the system knows none.
pub(crate) fn region(address: usize) -> Region {
    let mut region = Region::default();
    let at = core::ptr::without_provenance(address);
    // SAFETY: the system writes one region; any address may be asked about. The
    // last error changes only for addresses that are the system's own.
    unsafe {
        let error = GetLastError();
        VirtualQuery(at, &mut region, size_of::<Region>());
        SetLastError(error);
    }
    region
}
