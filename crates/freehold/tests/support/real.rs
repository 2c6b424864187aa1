//! What functions of Windows give: a block or an object of each family that is only
//! there. Beside `functions`.

use std::ffi::c_void;
use std::ptr;

use freehold::Family;
use freehold_families::win32::{bstr, buffers, co_task_mem, crt, variants};

/// A live block or object: its address, its bytes (0 when nobody says), its family.
pub(crate) fn block(of: &str) -> (usize, usize, Family) {
    let text = "memory";
    let at = |block: ptr::NonNull<u8>| block.as_ptr() as usize;
    match of {
        "malloc of msvcrt" => (at(crt::MSVC.malloc(64).expect(text)), 64, Family::Msvcrt),
        "malloc of ucrtbase" => (at(crt::UNIVERSAL.malloc(64).expect(text)), 64, Family::Ucrt),
        "_aligned_malloc of msvcrt" => {
            let block = crt::MSVC.aligned_malloc(64, 64).expect(text);
            (at(block), 64, Family::MsvcrtAligned)
        }
        "_aligned_malloc of ucrtbase" => {
            let block = crt::UNIVERSAL.aligned_malloc(64, 64).expect(text);
            (at(block), 64, Family::UcrtAligned)
        }
        "NetApiBufferAllocate" => (
            at(buffers::net_api_allocate(64).expect(text)),
            64,
            Family::NetApi,
        ),
        "WTSEnumerateProcesses" => (processes(), 24, Family::Wts),
        "CredRead" => (credential(), 80, Family::Cred),
        "SafeArrayCreateVector" => {
            let array = variants::safe_array(3, 10).expect(text);
            (array.as_ptr() as usize, 32, Family::SafeArray)
        }
        "VARIANT" => {
            let value = bstr::alloc(&[97, 98]).expect(text).as_ptr() as u64;
            (variant(8, value), 24, Family::Variant)
        }
        "PROPVARIANT" => {
            let value = at(co_task_mem::alloc(4).expect(text)) as u64;
            (variant(31, value), 24, Family::PropVariant)
        }
        "COM object" => (stream(), 0, Family::Com),
        other => panic!("the table has a row of {other}"),
    }
}

/// A variant of this type that owns its value; the structure itself stays.
fn variant(kind: u64, value: u64) -> usize {
    Box::leak(Box::new([kind, value, 0])).as_mut_ptr() as usize
}

fn processes() -> usize {
    let list = function!(
        c"wtsapi32.dll",
        c"WTSEnumerateProcessesW",
        fn(usize, u32, u32, *mut usize, *mut u32) -> i32
    );
    let (mut processes, mut count) = (0, 0);
    // SAFETY: this computer, version 1, places for the results.
    assert_ne!(unsafe { list(0, 0, 1, &mut processes, &mut count) }, 0);
    processes
}

/// An object that needs no apartment, a stream on memory, with one reference.
pub(crate) fn stream() -> usize {
    let create = function!(
        c"ole32.dll",
        c"CreateStreamOnHGlobal",
        fn(usize, i32, *mut usize) -> i32
    );
    let mut stream = 0;
    // SAFETY: a place for the object.
    assert_eq!(unsafe { create(0, 1, &mut stream) }, 0);
    stream
}

/// `CREDENTIALW`.
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

/// A credential that is kept for this session only, read once.
fn credential() -> usize {
    let write = function!(
        c"advapi32.dll",
        c"CredWriteW",
        fn(*const Credential, u32) -> i32
    );
    let read = function!(
        c"advapi32.dll",
        c"CredReadW",
        fn(*const u16, u32, u32, *mut usize) -> i32
    );
    let delete = function!(
        c"advapi32.dll",
        c"CredDeleteW",
        fn(*const u16, u32, u32) -> i32
    );
    let name = format!("freehold-{}\0", std::process::id());
    let name: Vec<u16> = name.encode_utf16().collect();
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
    let mut found = 0;
    // SAFETY: a whole structure, C strings, a place for the result.
    unsafe {
        assert_ne!(write(&credential, 0), 0);
        assert_ne!(read(name.as_ptr(), 1, 0, &mut found), 0);
        delete(name.as_ptr(), 1, 0);
    }
    found
}
