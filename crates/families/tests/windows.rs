//! The families that only Windows has: what its functions give is released by
//! theirs, and what is no longer there is said to be so.
#![cfg(windows)]

use std::ffi::c_void;
use std::ptr;

use freehold_families::win32::{buffers, com, crt, handles, last_error, set_last_error, variants};
use freehold_families::{Family, FamilyError, resource};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn CreateEventW(security: *const c_void, manual: i32, set: i32, name: *const u16) -> usize;
    fn GetHandleInformation(handle: usize, flags: *mut u32) -> i32;
    fn LoadLibraryA(name: *const core::ffi::c_char) -> *mut c_void;
    fn GetModuleHandleA(name: *const core::ffi::c_char) -> *mut c_void;
    fn GetProcAddress(module: *mut c_void, name: *const core::ffi::c_char) -> *mut c_void;
}

/// A function of a library by its type.
macro_rules! function {
    ($library:literal, $name:literal, $kind:ty) => {{
        // SAFETY: C strings, and the documented signature.
        unsafe {
            let at = GetProcAddress(LoadLibraryA($library.as_ptr()), $name.as_ptr());
            assert!(!at.is_null(), "{:?} is not there", $name);
            core::mem::transmute::<*mut c_void, $kind>(at)
        }
    }};
}

/// Makes a release that must go well and leave the last error alone.
fn releases<R>(name: &str, release: impl FnOnce() -> Result<R, FamilyError>) {
    set_last_error(4711);
    if let Err(error) = release() {
        panic!("{name}: {error}");
    }
    assert_eq!(last_error(), 4711, "{name}");
}

#[test]
fn the_two_runtimes_have_families_of_their_own() {
    for (runtime, plain) in [(crt::MSVC, Family::Msvcrt), (crt::UNIVERSAL, Family::Ucrt)] {
        assert!(std::ptr::eq(crt::of(plain).expect("known"), runtime));
        for len in [0usize, 1, 100, 1 << 20] {
            let block = runtime.malloc(len).expect("memory").as_ptr() as usize;
            // SAFETY: live, released once.
            unsafe {
                assert!(runtime.size(block).expect("known") >= len);
                ptr::write_bytes(block as *mut u8, 1, len);
                releases("free", || runtime.free(block));
            }
        }
        for align in [1usize, 16, 64, 4096, 65536] {
            let block = runtime.aligned_malloc(100, align).expect("memory");
            let block = block.as_ptr() as usize;
            assert_eq!(block % align, 0);
            // SAFETY: live, released once.
            unsafe {
                ptr::write_bytes(block as *mut u8, 1, 100);
                releases("_aligned_free", || runtime.aligned_free(block));
            }
        }
        assert!(matches!(
            runtime.aligned_malloc(8, 24),
            Err(FamilyError::BadAlignment { .. })
        ));
        assert!(matches!(
            runtime.malloc(usize::MAX),
            Err(FamilyError::TooLarge { .. })
        ));
        // SAFETY: null is allowed.
        unsafe {
            releases("free", || runtime.free(0));
            releases("_aligned_free", || runtime.aligned_free(0));
        }
    }
}

#[test]
fn nothing_loads_a_library_that_is_not_used() {
    // This test program calls no function of the network before the next test; the
    // tests run in threads of one process, so ask in another.
    if std::env::var_os("FREEHOLD_TEST_LOADED").is_none() {
        let output = std::process::Command::new(std::env::current_exe().expect("ourselves"))
            .args(["--exact", "nothing_loads_a_library_that_is_not_used"])
            .env("FREEHOLD_TEST_LOADED", "1")
            .output()
            .expect("started");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        return;
    }
    let block = freehold_families::libc_malloc::allocate(8, 8, false).expect("memory");
    // SAFETY: live, released once.
    unsafe { freehold_families::libc_malloc::release(block) };
    for library in [
        c"netapi32.dll",
        c"wtsapi32.dll",
        c"user32.dll",
        c"gdi32.dll",
        c"oleaut32.dll",
        c"combase.dll",
    ] {
        // SAFETY: a C string.
        let module = unsafe { GetModuleHandleA(library.as_ptr()) };
        assert!(module.is_null(), "{library:?} is loaded");
    }
}

#[test]
fn buffers_of_the_network_are_released_by_its_function() {
    let buffer = buffers::net_api_allocate(100).expect("memory").as_ptr() as usize;
    // SAFETY: live, released once.
    unsafe {
        assert!(buffers::net_api_size(buffer).expect("known") >= 100);
        ptr::write_bytes(buffer as *mut u8, 1, 100);
        releases("NetApiBufferFree", || buffers::free(Family::NetApi, buffer));
        releases("NetApiBufferFree", || buffers::free(Family::NetApi, 0));
        let wrong = buffers::free(Family::Malloc, 1);
        assert!(matches!(wrong, Err(FamilyError::Absent { .. })));
    }
    // What a function of the network gives.
    let get = function!(
        c"netapi32.dll",
        c"NetWkstaGetInfo",
        unsafe extern "system" fn(*const u16, u32, *mut usize) -> u32
    );
    let mut buffer = 0;
    // SAFETY: this computer, level 100, a place for the result; released once.
    unsafe {
        assert_eq!(get(ptr::null(), 100, &mut buffer), 0);
        assert_ne!(buffer, 0);
        releases("NetApiBufferFree", || buffers::free(Family::NetApi, buffer));
    }
}

#[test]
fn buffers_of_sessions_are_released_by_their_function() {
    let list = function!(
        c"wtsapi32.dll",
        c"WTSEnumerateSessionsW",
        unsafe extern "system" fn(usize, u32, u32, *mut usize, *mut u32) -> i32
    );
    let (mut sessions, mut count) = (0, 0);
    // SAFETY: this computer, version 1, places for the results; released once.
    unsafe {
        assert_ne!(list(0, 0, 1, &mut sessions, &mut count), 0);
        releases("WTSFreeMemory", || buffers::free(Family::Wts, sessions));
    }
}

#[test]
fn buffers_of_credentials_are_released_by_their_function() {
    // CREDENTIALW with a name and a secret, kept for this session only.
    #[repr(C)]
    struct Credential {
        flags: u32,
        kind: u32,
        name: *const u16,
        comment: *const u16,
        written: u64,
        len: u32,
        secret: *const u8,
        persist: u32,
        attributes: u32,
        more: *const c_void,
        alias: *const u16,
        user: *const u16,
    }
    type Write = unsafe extern "system" fn(*const Credential, u32) -> i32;
    type Read = unsafe extern "system" fn(*const u16, u32, u32, *mut usize) -> i32;
    type Delete = unsafe extern "system" fn(*const u16, u32, u32) -> i32;
    let write = function!(c"advapi32.dll", c"CredWriteW", Write);
    let read = function!(c"advapi32.dll", c"CredReadW", Read);
    let delete = function!(c"advapi32.dll", c"CredDeleteW", Delete);
    let name: Vec<u16> = "freehold-test\0".encode_utf16().collect();
    let credential = Credential {
        flags: 0,
        kind: 1,
        name: name.as_ptr(),
        comment: ptr::null(),
        written: 0,
        len: 3,
        secret: b"abc".as_ptr(),
        persist: 1,
        attributes: 0,
        more: ptr::null(),
        alias: ptr::null(),
        user: name.as_ptr(),
    };
    // SAFETY: a whole structure, C strings, a place for the result.
    unsafe {
        assert_ne!(write(&credential, 0), 0, "{}", last_error());
        let mut found = 0;
        assert_ne!(read(name.as_ptr(), 1, 0, &mut found), 0);
        assert_eq!((*(found as *const Credential)).len, 3);
        releases("CredFree", || buffers::free(Family::Cred, found));
        delete(name.as_ptr(), 1, 0);
    }
}

#[test]
fn what_variants_hold_is_cleared() {
    let array = variants::safe_array(3, 10).expect("memory").as_ptr() as usize;
    let lock = function!(
        c"oleaut32.dll",
        c"SafeArrayLock",
        unsafe extern "system" fn(usize) -> i32
    );
    let unlock = function!(
        c"oleaut32.dll",
        c"SafeArrayUnlock",
        unsafe extern "system" fn(usize) -> i32
    );
    // SAFETY: a live array, released once; while it is locked that is refused.
    unsafe {
        assert_eq!(lock(array), 0);
        let locked = FamilyError::Failed {
            family: Family::SafeArray,
            code: 0x8002_000du32 as i32, // DISP_E_ARRAYISLOCKED
        };
        assert_eq!(variants::release(Family::SafeArray, array), Err(locked));
        assert_eq!(unlock(array), 0);
        releases("SafeArrayDestroy", || {
            variants::release(Family::SafeArray, array)
        });
    }
    // A string in a VARIANT (VT_BSTR, 8), one of task memory in a PROPVARIANT
    // (VT_LPWSTR, 31): type, padding, value.
    let text = freehold_families::win32::bstr::alloc(&[97, 98]).expect("memory");
    let other = freehold_families::win32::co_task_mem::alloc(4).expect("memory");
    let cases = [
        (Family::Variant, 8u64, text.as_ptr() as u64),
        (Family::PropVariant, 31, other.as_ptr() as u64),
    ];
    for (family, kind, value) in cases {
        let mut variant = [kind, value, 0];
        let at = variant.as_mut_ptr() as usize;
        // SAFETY: a whole variant that owns its value; empty, it is cleared again.
        unsafe {
            releases(family.name(), || variants::release(family, at));
            assert_eq!(variant[0] & 0xffff, 0, "VT_EMPTY");
            releases(family.name(), || variants::release(family, at));
        }
    }
}

#[test]
fn handles_are_closed_once() {
    // SAFETY: an event without name; a handle that is open or not.
    unsafe {
        let event = CreateEventW(ptr::null(), 0, 0, ptr::null());
        assert!(handles::is_owned(Family::Handle, event));
        // Smaller programs have no room for keys.
        let key = resource::key(Family::Handle, event);
        assert_eq!(key.is_some(), usize::BITS == 64);
        assert_eq!(key.and_then(resource::handle), key.map(|_| event));
        assert_ne!(GetHandleInformation(event, &mut 0), 0);
        releases("CloseHandle", || handles::release(Family::Handle, event));
        // Not the number of the event, which another thread may have got again, but
        // one that no process gets to.
        let never = FamilyError::Failed {
            family: Family::Handle,
            code: 6,
        };
        assert_eq!(handles::release(Family::Handle, 0x00ff_fff4), Err(never));
        let none = handles::release(Family::Malloc, event);
        assert!(matches!(none, Err(FamilyError::Absent { .. })));
    }
}

#[test]
fn keys_are_closed_by_their_function() {
    type Open = unsafe extern "system" fn(usize, *const u16, u32, u32, *mut usize) -> i32;
    let open = function!(c"advapi32.dll", c"RegOpenKeyExW", Open);
    let name: Vec<u16> = "Software\0".encode_utf16().collect();
    let mut key = 0;
    const CURRENT_USER: usize = 0x8000_0001u32 as i32 as usize;
    assert!(!handles::is_owned(Family::RegKey, CURRENT_USER));
    // SAFETY: a C string, a place for the key; closed once.
    unsafe {
        assert_eq!(open(CURRENT_USER, name.as_ptr(), 0, 0x2_0019, &mut key), 0);
        assert!(handles::is_owned(Family::RegKey, key));
        releases("RegCloseKey", || handles::release(Family::RegKey, key));
    }
}

#[test]
fn objects_of_gdi_and_user_are_destroyed_by_theirs() {
    type Make = unsafe extern "system" fn() -> usize;
    type Brush = unsafe extern "system" fn(u32) -> usize;
    type Context = unsafe extern "system" fn(usize) -> usize;
    type Table = unsafe extern "system" fn(*const u16, i32) -> usize;
    type Icon = unsafe extern "system" fn(usize, i32, i32, u8, u8, *const u8, *const u8) -> usize;
    type IsMenu = unsafe extern "system" fn(usize) -> i32;
    let menu = function!(c"user32.dll", c"CreatePopupMenu", Make);
    let is_menu = function!(c"user32.dll", c"IsMenu", IsMenu);
    let brush = function!(c"gdi32.dll", c"CreateSolidBrush", Brush);
    let context = function!(c"gdi32.dll", c"CreateCompatibleDC", Context);
    let table = function!(c"user32.dll", c"CreateAcceleratorTableW", Table);
    let icon = function!(c"user32.dll", c"CreateIcon", Icon);
    let mask = [0u8; 32];
    let (one, other) = (mask.as_ptr(), mask.as_ptr());
    // SAFETY: each gets what it is documented to take, and is released once.
    let made = unsafe {
        [
            (Family::Menu, menu()),
            (Family::GdiObject, brush(0x00ff_0000)),
            (Family::GdiDc, context(0)),
            // ACCEL: flags, key, command.
            (Family::Accelerators, table([0u16, 65, 1].as_ptr(), 1)),
            (Family::Icon, icon(0, 16, 16, 1, 1, one, other)),
        ]
    };
    for (family, handle) in made {
        assert!(handles::is_owned(family, handle), "{family:?}");
        // Only the lower half counts; the upper one is its sign.
        let key = resource::key(family, handle);
        let lower = key.map(|_| handle & 0xffff_ffff);
        assert_eq!(key.and_then(resource::handle), lower);
        if family == Family::Menu {
            // SAFETY: any number may be asked about.
            assert_ne!(unsafe { is_menu(handle) }, 0);
        }
        // SAFETY: live, used by nobody.
        unsafe { releases(family.name(), || handles::release(family, handle)) };
        if family == Family::Menu {
            // SAFETY: as above; the second release is documented to fail.
            unsafe {
                assert_eq!(is_menu(handle), 0);
                assert!(matches!(
                    handles::release(family, handle),
                    Err(FamilyError::Failed { .. })
                ));
            }
        }
    }
}

#[test]
fn references_of_com_objects_count() {
    type Create = unsafe extern "system" fn(usize, i32, *mut usize) -> i32;
    // An object that needs no apartment: a stream on memory.
    let create = function!(c"ole32.dll", c"CreateStreamOnHGlobal", Create);
    let mut stream = 0;
    // SAFETY: a place for the object; as many releases as references.
    unsafe {
        assert_eq!(create(0, 1, &mut stream), 0);
        assert_eq!(com::add_ref(stream), 2);
        set_last_error(4711);
        assert_eq!(com::release(stream), Ok(1));
        assert_eq!(com::release(stream), Ok(0));
        assert_eq!(com::release(0), Ok(0));
        assert_eq!(last_error(), 4711);
    }
}
