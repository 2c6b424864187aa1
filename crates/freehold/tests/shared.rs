//! One ledger for a process: when a library in it keeps one, this copy of the
//! library records there.

use std::ffi::{CStr, CString, c_void};

use freehold::alloc::FAMILY;
use freehold::contract::{Block, LIVE, SYMBOL, Tracker};
use freehold::{
    LeakTracker, Misuse, Ownership, ReleaseWith, adopt, attach_finalizer, calloc, detach_finalizer,
    diagnostic_calloc, free, track,
};

/// Loads the library that keeps a ledger; before the first use of this one.
fn load() -> *mut c_void {
    let exe = std::env::current_exe().expect("known");
    let build = exe.parent().and_then(|p| p.parent()).expect("in a folder");
    let name = if cfg!(windows) {
        "keeper.dll"
    } else {
        "libkeeper.so"
    };
    let path = build.join("examples").join(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build -p freehold --example keeper",
        path.display()
    );
    let path = CString::new(path.to_str().expect("text")).expect("no NUL");
    let handle = open(&path);
    assert!(!handle.is_null());
    handle
}

#[cfg(unix)]
fn open(path: &CStr) -> *mut c_void {
    // SAFETY: a C string.
    unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) }
}

#[cfg(unix)]
fn symbol(library: *mut c_void, name: &CStr) -> *mut c_void {
    // SAFETY: a library that is loaded, and a C string.
    unsafe { libc::dlsym(library, name.as_ptr()) }
}

#[cfg(windows)]
#[link(name = "kernel32")]
unsafe extern "system" {
    fn LoadLibraryA(name: *const std::ffi::c_char) -> *mut c_void;
    fn GetProcAddress(library: *mut c_void, name: *const std::ffi::c_char) -> *mut c_void;
}

#[cfg(windows)]
fn open(path: &CStr) -> *mut c_void {
    // SAFETY: a C string.
    unsafe { LoadLibraryA(path.as_ptr()) }
}

#[cfg(windows)]
fn symbol(library: *mut c_void, name: &CStr) -> *mut c_void {
    // SAFETY: a library that is loaded, and a C string.
    unsafe { GetProcAddress(library, name.as_ptr()) }
}

/// Asks the keeper itself.
fn ask(handle: *mut c_void, address: u64, block: &mut Block) -> u32 {
    // SAFETY: by the contract the symbol is such a table, in a library that stays.
    unsafe {
        let table = symbol(handle, SYMBOL).cast::<Tracker>();
        ((*table).find)(address, block)
    }
}

#[test]
fn the_ledger_of_the_process_is_the_one_that_is_kept() {
    let handle = load();
    // SAFETY: a function of this signature, in a library that stays.
    let quiet: extern "C" fn() -> i32 =
        unsafe { std::mem::transmute(symbol(handle, c"keeper_quiet")) };
    assert!(track::is_on() && track::is_shared());
    LeakTracker::enable();
    let block = diagnostic_calloc::<u32>(10).expect("memory");
    let leaks = LeakTracker::snapshot();
    assert_eq!(
        (leaks.len(), leaks[0].size, leaks[0].type_name.as_str()),
        (1, 40, "u32")
    );
    assert!(leaks[0].stack.contains("shared"), "{}", leaks[0].stack);
    assert_eq!(block.ownership(), Some(Ownership::Owned));
    drop(block);
    assert!(!LeakTracker::has_leaks());
    let raw = calloc::<u8>(8).expect("memory").into_raw();
    // SAFETY: live, then refused.
    let error = unsafe {
        free(raw.cast()).expect("was live");
        free(raw.cast()).unwrap_err()
    };
    assert_eq!(error.misuse(), Misuse::Double);
    assert!(!error.allocated().is_empty());
    // A block that hooks recorded, as this one stands for, counts when it is
    // adopted; its record is theirs to take out when they see it go.
    let raw = calloc::<u8>(8).expect("memory").into_raw().cast();
    assert!(!LeakTracker::has_leaks());
    // SAFETY: a block of malloc that nobody else releases.
    unsafe {
        let with = ReleaseWith::Family(FAMILY);
        adopt(raw, 8, with).expect("not registered");
        assert_eq!(LeakTracker::snapshot()[0].type_name, "adopted");
        attach_finalizer(raw, 8);
        assert!(!LeakTracker::has_leaks());
        detach_finalizer(raw);
        free(raw).expect("live");
    }
    let mut left = Block::default();
    let found = ask(handle, raw as u64, &mut left);
    assert_eq!((found, left.family, left.owner), (LIVE, FAMILY as u8, 0));
    let (path, slot) = track::session().expect("on");
    let file = freehold_ledger::reader::SessionFile::open(&path).expect("readable");
    assert!(file.read_ledger(slot).expect("readable").is_some());
    assert_eq!(quiet(), 0);
}
