//! Windows: see `super`, and `linux.rs` for what each function promises.
//!
//! The functions of the system are declared here, as in the other crates that
//! live in other people's programs; all are in `kernel32`.
//!
//! Pages: GetModuleHandleExW, GetModuleFileNameW (libloaderapi.h),
//! K32EnumProcessModules (psapi.h), CreateToolhelp32Snapshot (tlhelp32.h),
//! RtlPcToFileHeader (winnt.h), CreateFileMappingW (memoryapi.h), GetThreadDescription
//! (processthreadsapi.h).

use core::cell::Cell;
use core::ffi::{CStr, c_char, c_void};
use core::ptr;
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::AsRawHandle;
use std::path::PathBuf;

use freehold_families::win32::{last_error, set_last_error};

/// `GET_MODULE_HANDLE_EX_FLAG_PIN` and `…_FROM_ADDRESS`.
const PIN_BY_ADDRESS: u32 = 1 | 4;
/// `TH32CS_SNAPPROCESS`.
const SNAP_PROCESSES: u32 = 2;
const PAGE_READONLY: u32 = 2;
const FILE_MAP_READ: u32 = 4;
const INVALID_HANDLE: *mut c_void = usize::MAX as *mut c_void;

/// `PROCESSENTRY32W`.
#[repr(C)]
struct ProcessEntry {
    bytes: u32,
    usage: u32,
    pid: u32,
    heap: usize,
    module: u32,
    threads: u32,
    parent: u32,
    priority: i32,
    flags: u32,
    name: [u16; 260],
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetModuleHandleExW(flags: u32, at: *const c_void, module: *mut *mut c_void) -> i32;
    fn GetModuleFileNameW(module: *mut c_void, name: *mut u16, room: u32) -> u32;
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
    fn K32EnumProcessModules(
        process: *mut c_void,
        modules: *mut *mut c_void,
        bytes: u32,
        needed: *mut u32,
    ) -> i32;
    fn GetCurrentProcess() -> *mut c_void;
    fn GetCurrentThread() -> *mut c_void;
    fn GetCurrentThreadId() -> u32;
    fn GetModuleHandleA(name: *const c_char) -> *mut c_void;
    fn LocalFree(memory: *mut c_void) -> *mut c_void;
    fn RtlPcToFileHeader(at: *const c_void, base: *mut *mut c_void) -> *mut c_void;
    fn CreateToolhelp32Snapshot(flags: u32, pid: u32) -> *mut c_void;
    fn Process32FirstW(snapshot: *mut c_void, entry: *mut ProcessEntry) -> i32;
    fn Process32NextW(snapshot: *mut c_void, entry: *mut ProcessEntry) -> i32;
    fn CloseHandle(handle: *mut c_void) -> i32;
    fn CreateFileMappingW(
        file: *mut c_void,
        security: *const c_void,
        protection: u32,
        size_high: u32,
        size_low: u32,
        name: *const u16,
    ) -> *mut c_void;
    fn MapViewOfFile(
        mapping: *mut c_void,
        access: u32,
        offset_high: u32,
        offset_low: u32,
        len: usize,
    ) -> *mut c_void;
    fn UnmapViewOfFile(at: *const c_void) -> i32;
}

/// Here it is `GetLastError`.
pub(crate) struct KeepErrno(u32);

impl KeepErrno {
    pub(crate) fn new() -> KeepErrno {
        KeepErrno(last_error())
    }
}

impl Drop for KeepErrno {
    fn drop(&mut self) {
        set_last_error(self.0);
    }
}

pub(crate) fn os_error() -> i32 {
    last_error() as i32
}

/// There is no space of names for all objects here: each is asked in turn, in the
/// order in which they were loaded.
pub(crate) fn find_symbol(name: &CStr, accept: impl Fn(*mut c_void) -> bool) -> *mut c_void {
    let mut modules = vec![ptr::null_mut(); 256];
    loop {
        let room = size_of_val(&modules[..]) as u32;
        let mut needed = 0;
        // SAFETY: as much room as is said, and a place for how much is needed.
        let known = unsafe {
            let process = GetCurrentProcess();
            K32EnumProcessModules(process, modules.as_mut_ptr(), room, &mut needed)
        };
        if known == 0 {
            return ptr::null_mut();
        }
        if needed <= room {
            modules.truncate(needed as usize / size_of::<*mut c_void>());
            break;
        }
        modules.resize(
            needed as usize / size_of::<*mut c_void>() + 16,
            ptr::null_mut(),
        );
    }
    let found = modules
        .iter()
        // SAFETY: modules of this process; one that was unloaded meanwhile is not
        // found. A C string.
        .map(|module| unsafe { GetProcAddress(*module, name.as_ptr()) })
        .find(|found| !found.is_null() && accept(*found));
    found.unwrap_or(ptr::null_mut())
}

pub(crate) fn thread_id() -> u32 {
    // SAFETY: no requirement.
    unsafe { GetCurrentThreadId() }
}

/// What `SetThreadDescription` gave it, as Rust's library does, where the system
/// has that (Windows 10, 1607); most threads have none.
pub(crate) fn thread_name() -> [u64; 2] {
    type Describe = unsafe extern "system" fn(*mut c_void, *mut *mut u16) -> i32;
    let mut bytes = [0u8; 16];
    // SAFETY: C strings; the documented signature of the function; the text that it
    // gives ends with a NUL and is released once.
    unsafe {
        let kernel = GetModuleHandleA(c"kernel32.dll".as_ptr());
        let describe = GetProcAddress(kernel, c"GetThreadDescription".as_ptr());
        if describe.is_null() {
            return [0; 2];
        }
        let describe: Describe = core::mem::transmute(describe);
        let mut text = ptr::null_mut();
        if describe(GetCurrentThread(), &mut text) < 0 || text.is_null() {
            return [0; 2];
        }
        for (at, to) in bytes[..15].iter_mut().enumerate() {
            match *text.add(at) {
                0 => break,
                unit => *to = u8::try_from(unit).unwrap_or(b'?'),
            }
        }
        LocalFree(text.cast());
    }
    let (low, high) = bytes.split_at(8);
    [low, high].map(|half| half.iter().rev().fold(0, |sum, b| sum << 8 | u64::from(*b)))
}

type AtEnd = (*mut c_void, unsafe extern "C" fn(*mut c_void));

/// Calls what is in it when the thread ends. By the thread-local storage of Rust,
/// which the loader tells of that; a slot of fibers (`FlsAlloc`) would tell of a
/// fiber's end, on whatever thread deletes it.
struct Ends(Cell<Option<AtEnd>>);

impl Drop for Ends {
    fn drop(&mut self) {
        if let Some((data, call)) = self.0.take() {
            // SAFETY: promised by whoever set it.
            unsafe { call(data) };
        }
    }
}

thread_local! {
    static ENDS: Ends = const { Ends(Cell::new(None)) };
}

pub(crate) fn at_thread_end(data: *mut c_void, call: unsafe extern "C" fn(*mut c_void)) {
    // A thread that is over already keeps what it has.
    let _ = ENDS.try_with(|ends| ends.0.set((!data.is_null()).then_some((data, call))));
}

/// Keeps the module that this code lies in from being unloaded: the loader calls
/// back into it when libraries come and go (`flush_on_changes`).
pub(crate) fn stay_loaded() {
    let mut module = ptr::null_mut();
    let here = stay_loaded as *const c_void;
    // SAFETY: an address in this module, and a place for its handle.
    unsafe { GetModuleHandleExW(PIN_BY_ADDRESS, here, &mut module) };
}

/// Where the module begins that an address lies in; null when it lies in none.
pub(crate) fn module_of(address: usize) -> *mut c_void {
    let mut base = ptr::null_mut();
    // SAFETY: any address may be asked about; a place for the answer.
    unsafe { RtlPcToFileHeader(address as *const c_void, &mut base) };
    base
}

/// The path of a module's file; empty when the system does not say.
pub(crate) fn module_path(module: *mut c_void) -> String {
    let mut name = [0u16; 2048];
    // SAFETY: a module that code of this process lies in, and as much room as is said.
    let len = unsafe { GetModuleFileNameW(module, name.as_mut_ptr(), name.len() as u32) };
    // A path that was cut fills all the room.
    let whole = name
        .get(..len as usize)
        .filter(|path| path.len() < name.len());
    String::from_utf16_lossy(whole.unwrap_or_default())
}

pub(crate) fn parent_pid() -> u32 {
    let own = std::process::id();
    let mut entry = ProcessEntry {
        bytes: size_of::<ProcessEntry>() as u32,
        usage: 0,
        pid: 0,
        heap: 0,
        module: 0,
        threads: 0,
        parent: 0,
        priority: 0,
        flags: 0,
        name: [0; 260],
    };
    // SAFETY: a snapshot that is closed once, and an entry with its length.
    unsafe {
        let snapshot = CreateToolhelp32Snapshot(SNAP_PROCESSES, 0);
        if snapshot == INVALID_HANDLE {
            return 0;
        }
        let mut more = Process32FirstW(snapshot, &mut entry);
        while more != 0 && entry.pid != own {
            more = Process32NextW(snapshot, &mut entry);
        }
        CloseHandle(snapshot);
        if more == 0 { 0 } else { entry.parent }
    }
}

/// As UTF-8.
pub(crate) fn bytes_of(text: &OsStr) -> Cow<'_, [u8]> {
    match text.to_string_lossy() {
        Cow::Borrowed(text) => text.as_bytes().into(),
        Cow::Owned(text) => text.into_bytes().into(),
    }
}

pub(crate) fn path_of(bytes: Vec<u8>) -> PathBuf {
    let units: Vec<u16> = String::from_utf8_lossy(&bytes).encode_utf16().collect();
    OsString::from_wide(&units).into()
}

/// There is no `munmap`, nor any block of its family.
///
/// # Safety
/// None.
pub(crate) unsafe fn unmap(_: *mut c_void, _: usize) -> Result<(), i32> {
    const ERROR_CALL_NOT_IMPLEMENTED: i32 = 120;
    Err(ERROR_CALL_NOT_IMPLEMENTED)
}

pub(crate) struct Mapped {
    at: *mut c_void,
    len: usize,
}

impl Mapped {
    pub(crate) fn open(path: &str) -> Option<Mapped> {
        let file = File::open(path).ok()?;
        let len = usize::try_from(file.metadata().ok()?.len()).ok()?;
        // SAFETY: a section as long as the file, which must not be empty, and a view of
        // all of it at an address of the system's choice; the view keeps both.
        let at = unsafe {
            let handle = file.as_raw_handle();
            let section = CreateFileMappingW(handle, ptr::null(), PAGE_READONLY, 0, 0, ptr::null());
            if section.is_null() {
                return None;
            }
            let at = MapViewOfFile(section, FILE_MAP_READ, 0, 0, len);
            CloseHandle(section);
            at
        };
        (!at.is_null()).then_some(Mapped { at, len })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for that long; the system lets nobody write to a file that is
        // mapped as a program, nor cut one that has a view.
        unsafe { core::slice::from_raw_parts(self.at.cast(), self.len) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped in `open`, used by nobody any more.
        unsafe { UnmapViewOfFile(self.at) };
    }
}
