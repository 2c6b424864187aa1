//! Functions of Windows are called, what they give is released by what the rows name,
//! and what becomes of it is looked at: memory by a walk over the process's heap or a
//! question to the memory manager, the rest by a function that knows it.
//!
//! The rows that are so checked are those of `data/checked.toml`.
#![cfg(windows)]

use std::collections::BTreeSet;
use std::ffi::{CString, c_void};
use std::ptr::null_mut;

use freehold_owners::{Platform, compact};

type Place = *mut c_void;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn LoadLibraryA(name: *const i8) -> Place;
    fn GetProcAddress(library: Place, name: *const i8) -> Place;
    fn GetProcessHeaps(room: u32, heaps: *mut Place) -> u32;
    fn HeapLock(heap: Place) -> i32;
    fn HeapUnlock(heap: Place) -> i32;
    fn HeapWalk(heap: Place, entry: *mut HeapEntry) -> i32;
    fn VirtualQuery(at: Place, region: *mut Region, bytes: usize) -> usize;
}

/// `PROCESS_HEAP_ENTRY`.
#[repr(C)]
struct HeapEntry {
    data: Place,
    bytes: u32,
    overhead: u8,
    region: u8,
    flags: u16,
    more: [usize; 4],
}

/// `MEMORY_BASIC_INFORMATION`.
#[repr(C)]
struct Region {
    base: Place,
    allocation: Place,
    protection: usize,
    bytes: usize,
    state: u32,
    protect: u32,
    kind: u32,
}

/// `CRYPT_INTEGER_BLOB`.
#[repr(C)]
struct Blob {
    bytes: u32,
    data: Place,
}

/// A function of a library of the system.
fn find(library: &str, name: &str) -> Place {
    let text = |text: &str| CString::new(text).expect("no NUL");
    // SAFETY: C strings; a library of the system.
    let found = unsafe {
        let library = LoadLibraryA(text(library).as_ptr());
        GetProcAddress(library, text(name).as_ptr())
    };
    assert!(!found.is_null(), "{library} has no {name}");
    found
}

/// The same by its type.
macro_rules! function {
    ($library:literal, $name:literal, $($kind:tt)*) => {
        std::mem::transmute::<Place, unsafe extern "system" $($kind)*>(find($library, $name))
    };
}

/// Whether a block of some heap is in use that the address lies in: libraries may have
/// heaps of their own.
fn is_in_heap(at: Place) -> bool {
    const BUSY: u16 = 4;
    let mut heaps = [null_mut(); 64];
    // SAFETY: room for so many.
    let count = unsafe { GetProcessHeaps(heaps.len() as u32, heaps.as_mut_ptr()) };
    let mut heaps = heaps.into_iter().take(count as usize);
    // SAFETY: zeroes begin a walk; nobody else changes the heap meanwhile.
    heaps.any(|heap| unsafe {
        assert_ne!(HeapLock(heap), 0);
        let mut entry: HeapEntry = std::mem::zeroed();
        let mut found = false;
        while !found && HeapWalk(heap, &mut entry) != 0 {
            let begin = entry.data as usize;
            let covers = (begin..begin + entry.bytes as usize).contains(&(at as usize));
            found = entry.flags & BUSY != 0 && covers;
        }
        HeapUnlock(heap);
        found
    })
}

/// Whether the address lies in memory that is reserved or more.
fn is_mapped(at: Place) -> bool {
    const FREE: u32 = 0x1_0000;
    // SAFETY: any address may be asked about; a place for the answer.
    unsafe {
        let mut region: Region = std::mem::zeroed();
        assert_ne!(VirtualQuery(at, &mut region, size_of::<Region>()), 0);
        region.state != FREE
    }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// What a call gave, and how to see whether it is still there.
struct Given {
    function: &'static str,
    slot: &'static str,
    value: Place,
    is_there: fn(Place) -> bool,
}

/// Calls them all.
///
/// # Safety
/// Whoever calls releases what they give.
unsafe fn call_all() -> Vec<Given> {
    let mut all = Vec::new();
    let mut give = |function, slot, value: Place, is_there: fn(Place) -> bool| {
        all.push(Given {
            function,
            slot,
            value,
            is_there,
        });
    };
    // SAFETY: each function gets what it is documented to take.
    unsafe {
        // LocalAlloc
        let format = function!(
            "kernel32.dll",
            "FormatMessageW",
            fn(u32, Place, u32, u32, *mut Place, u32, Place) -> u32
        );
        let mut text = null_mut();
        // ALLOCATE_BUFFER, FROM_SYSTEM, IGNORE_INSERTS
        assert_ne!(
            format(
                0x100 | 0x1000 | 0x200,
                null_mut(),
                2,
                0,
                &mut text,
                0,
                null_mut()
            ),
            0
        );
        give("FormatMessageW", "lpBuffer", text, is_in_heap);
        let alloc = function!("kernel32.dll", "LocalAlloc", fn(u32, usize) -> Place);
        give("LocalAlloc", "return", alloc(0, 100), is_in_heap);
        let split = function!(
            "shell32.dll",
            "CommandLineToArgvW",
            fn(*const u16, *mut i32) -> Place
        );
        give(
            "CommandLineToArgvW",
            "return",
            split(wide("a b").as_ptr(), &mut 0),
            is_in_heap,
        );
        let parse = function!(
            "advapi32.dll",
            "ConvertStringSidToSidW",
            fn(*const u16, *mut Place) -> i32
        );
        let mut sid = null_mut();
        assert_ne!(parse(wide("S-1-1-0").as_ptr(), &mut sid), 0);
        let show = function!(
            "advapi32.dll",
            "ConvertSidToStringSidW",
            fn(Place, *mut Place) -> i32
        );
        let mut text = null_mut();
        assert_ne!(show(sid, &mut text), 0);
        give("ConvertStringSidToSidW", "Sid", sid, is_in_heap);
        give("ConvertSidToStringSidW", "StringSid", text, is_in_heap);
        // GlobalAlloc
        let alloc = function!("kernel32.dll", "GlobalAlloc", fn(u32, usize) -> Place);
        give("GlobalAlloc", "return", alloc(0, 100), is_in_heap);
        // COM's
        let alloc = function!("ole32.dll", "CoTaskMemAlloc", fn(usize) -> Place);
        give("CoTaskMemAlloc", "return", alloc(100), is_in_heap);
        let show = function!(
            "ole32.dll",
            "StringFromCLSID",
            fn(*const u128, *mut Place) -> i32
        );
        let mut text = null_mut();
        assert_eq!(show(&0, &mut text), 0);
        give("StringFromCLSID", "lplpsz", text, is_in_heap);
        let alloc = function!("oleaut32.dll", "SysAllocString", fn(*const u16) -> Place);
        // Longer than what the cache of such texts keeps.
        give(
            "SysAllocString",
            "return",
            alloc(wide(&"x".repeat(70_000)).as_ptr()),
            is_in_heap,
        );
        let array = function!(
            "oleaut32.dll",
            "SafeArrayCreateVector",
            fn(u16, i32, u32) -> Place
        );
        give(
            "SafeArrayCreateVector",
            "return",
            array(3, 0, 10),
            is_in_heap,
        );
        let create = function!(
            "ole32.dll",
            "CreateStreamOnHGlobal",
            fn(Place, i32, *mut Place) -> i32
        );
        let mut stream = null_mut();
        assert_eq!(create(null_mut(), 1, &mut stream), 0);
        give("CreateStreamOnHGlobal", "ppstm", stream, is_in_heap);
        let create = function!(
            "combase.dll",
            "WindowsCreateString",
            fn(*const u16, u32, *mut Place) -> i32
        );
        let mut text = null_mut();
        assert_eq!(create(wide("four").as_ptr(), 4, &mut text), 0);
        give("WindowsCreateString", "string", text, is_in_heap);
        // Of the network, of sessions, of credentials
        let alloc = function!(
            "netapi32.dll",
            "NetApiBufferAllocate",
            fn(u32, *mut Place) -> u32
        );
        let mut buffer = null_mut();
        assert_eq!(alloc(100, &mut buffer), 0);
        give("NetApiBufferAllocate", "Buffer", buffer, is_in_heap);
        let info = function!(
            "netapi32.dll",
            "NetWkstaGetInfo",
            fn(Place, u32, *mut Place) -> u32
        );
        let mut buffer = null_mut();
        assert_eq!(info(null_mut(), 100, &mut buffer), 0);
        give("NetWkstaGetInfo", "bufptr", buffer, is_in_heap);
        let list = function!(
            "wtsapi32.dll",
            "WTSEnumerateProcessesW",
            fn(Place, u32, u32, *mut Place, *mut u32) -> i32
        );
        let mut processes = null_mut();
        assert_ne!(list(null_mut(), 0, 1, &mut processes, &mut 0), 0);
        give(
            "WTSEnumerateProcessesW",
            "ppProcessInfo",
            processes,
            is_in_heap,
        );
        let text = function!(
            "rpcrt4.dll",
            "UuidToStringW",
            fn(*const u128, *mut Place) -> i32
        );
        let mut uuid = null_mut();
        assert_eq!(text(&7, &mut uuid), 0);
        give("UuidToStringW", "StringUuid", uuid, is_in_heap);
        let environment = function!("kernel32.dll", "GetEnvironmentStringsW", fn() -> Place);
        give(
            "GetEnvironmentStringsW",
            "return",
            environment(),
            is_in_heap,
        );
        // Pages
        let pages = function!(
            "kernel32.dll",
            "VirtualAlloc",
            fn(Place, usize, u32, u32) -> Place
        );
        give(
            "VirtualAlloc",
            "return",
            pages(null_mut(), 65_536, 0x3000, 4),
            is_mapped,
        );
        // With flags, in a structure
        let path = function!(
            "shell32.dll",
            "SHGetKnownFolderPath",
            fn(*const u128, u32, Place, *mut Place) -> i32
        );
        // FOLDERID_LocalAppData, {F1B32785-6FBA-4FCF-9D55-7B8E7F157091}
        let folder = 0x9170_157f_8e7b_559d_4fcf_6fba_f1b3_2785_u128;
        let mut text = null_mut();
        assert_eq!(path(&folder, 0, null_mut(), &mut text), 0);
        give("SHGetKnownFolderPath", "ppszPath", text, is_in_heap);
        let protect = function!(
            "crypt32.dll",
            "CryptProtectData",
            fn(*const Blob, Place, Place, Place, Place, u32, *mut Blob) -> i32
        );
        let secret = Blob {
            bytes: 4,
            data: [1_u32; 1].as_mut_ptr().cast(),
        };
        let mut sealed = Blob {
            bytes: 0,
            data: null_mut(),
        };
        let null = null_mut();
        assert_ne!(protect(&secret, null, null, null, null, 1, &mut sealed), 0);
        give(
            "CryptProtectData",
            "pDataOut.pbData",
            sealed.data,
            is_in_heap,
        );
        // Handles
        let event = function!(
            "kernel32.dll",
            "CreateEventW",
            fn(Place, i32, i32, Place) -> Place
        );
        give(
            "CreateEventW",
            "return",
            event(null_mut(), 1, 0, null_mut()),
            |handle| {
                let ask = function!(
                    "kernel32.dll",
                    "GetHandleInformation",
                    fn(Place, *mut u32) -> i32
                );
                ask(handle, &mut 0) != 0
            },
        );
        let open = function!(
            "advapi32.dll",
            "RegOpenKeyExW",
            fn(usize, *const u16, u32, u32, *mut Place) -> i32
        );
        let mut key = null_mut();
        const CURRENT_USER: usize = 0x8000_0001_u32 as i32 as usize;
        assert_eq!(
            open(
                CURRENT_USER,
                wide("Software").as_ptr(),
                0,
                0x2_0019,
                &mut key
            ),
            0
        );
        give("RegOpenKeyExW", "phkResult", key, |key| {
            let ask = function!(
                "advapi32.dll",
                "RegEnumKeyW",
                fn(Place, u32, *mut u16, u32) -> i32
            );
            // ERROR_INVALID_HANDLE
            ask(key, 0, [0; 260].as_mut_ptr(), 260) != 6
        });
        let brush = function!("gdi32.dll", "CreateSolidBrush", fn(u32) -> Place);
        give("CreateSolidBrush", "return", brush(255), |object| {
            let ask = function!("gdi32.dll", "GetObjectType", fn(Place) -> u32);
            ask(object) != 0
        });
        let menu = function!("user32.dll", "CreateMenu", fn() -> Place);
        give("CreateMenu", "return", menu(), |menu| {
            let ask = function!("user32.dll", "IsMenu", fn(Place) -> i32);
            ask(menu) != 0
        });
        let load = function!("kernel32.dll", "LoadLibraryW", fn(*const u16) -> Place);
        give(
            "LoadLibraryW",
            "return",
            load(wide("cabinet.dll").as_ptr()),
            is_mapped,
        );
    }
    all
}

/// Releases a value by what its row names.
///
/// # Safety
/// The value is what the function gave in this slot, and nobody uses it any more.
unsafe fn release(given: &Given) {
    let rule = compact::rule(Platform::Win32, given.function, given.slot)
        .unwrap_or_else(|e| panic!("{} {}: {e:?}", given.function, given.slot));
    let release = rule.releases().next().expect(given.function);
    // SAFETY: the row says that it takes this value; promised by the caller.
    unsafe {
        match release.text() {
            // The third entry of every interface.
            "IUnknown::Release" => {
                let table = *given
                    .value
                    .cast::<*const unsafe extern "system" fn(Place) -> u32>();
                (*table.add(2))(given.value);
            }
            "VirtualFree(*, 0, MEM_RELEASE)" => {
                let free = find(release.library(), release.name());
                let free = std::mem::transmute::<
                    Place,
                    unsafe extern "system" fn(Place, usize, u32) -> i32,
                >(free);
                free(given.value, 0, 0x8000);
            }
            text if text.ends_with("(&*)") => {
                let free = find(release.library(), release.name());
                let free =
                    std::mem::transmute::<Place, unsafe extern "system" fn(*mut Place)>(free);
                let mut value = given.value;
                free(&mut value);
            }
            text => {
                assert!(release.takes_only_the_value(), "{text}");
                let free = find(release.library(), release.name());
                let free = std::mem::transmute::<Place, unsafe extern "system" fn(Place)>(free);
                free(given.value);
            }
        }
    }
}

/// What `data/checked.toml` says.
#[derive(serde::Deserialize)]
struct List {
    win32: BTreeSet<String>,
}

#[test]
fn what_the_rows_name_releases_what_the_functions_give() {
    let mut seen = BTreeSet::new();
    // SAFETY: each is released once, below.
    for given in unsafe { call_all() } {
        let what = format!("{} {}", given.function, given.slot);
        assert!(!given.value.is_null(), "{what}");
        assert!((given.is_there)(given.value), "{what}: it is there before");
        // SAFETY: what the function gave, used by nobody.
        unsafe { release(&given) };
        assert!(!(given.is_there)(given.value), "{what}: it is still there");
        seen.insert(what);
    }
    let list: List = toml::from_str(include_str!("../data/checked.toml")).expect("a list");
    assert_eq!(seen, list.win32);
}
