//! What real functions of Windows hand out: adopted and released as Microsoft
//! documents it, named with the due release when it is forgotten, and not released
//! by another function.
//!
//! The functions are called by the crate windows-sys, as users call them.
#![cfg(windows)]

use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use freehold::strings::PWStr;
use freehold::{
    AdoptFromError, Answer, Colors, Family, Guid, LeakTracker, LeaksEmitter, Misuse, PrintEmitter,
    PropVariant, Release, ReleaseWith, Variant, adopt, adopt_from, free, free_as, track,
};
use windows_sys::Win32::Foundation::{CloseHandle, GetLastError, SetLastError, SysAllocString};
use windows_sys::Win32::NetworkManagement::NetManagement::NetWkstaGetInfo;
use windows_sys::Win32::Security::Authorization::{ConvertSidToStringSidW, ConvertStringSidToSidW};
use windows_sys::Win32::Security::Cryptography::{
    CRYPT_INTEGER_BLOB, CryptProtectData, CryptUnprotectData,
};
use windows_sys::Win32::System::Com::StructuredStorage::CreateStreamOnHGlobal;
use windows_sys::Win32::System::Com::{CoCreateGuid, StringFromCLSID};
use windows_sys::Win32::System::Diagnostics::Debug::{
    FORMAT_MESSAGE_ALLOCATE_BUFFER, FORMAT_MESSAGE_FROM_SYSTEM, FORMAT_MESSAGE_IGNORE_INSERTS,
    FormatMessageW,
};
use windows_sys::Win32::System::Environment::{FreeEnvironmentStringsW, GetEnvironmentStringsW};
use windows_sys::Win32::System::Memory::{
    GMEM_FIXED, GetProcessHeap, GlobalAlloc, HeapAlloc, LMEM_FIXED, LocalAlloc,
};
use windows_sys::Win32::System::Threading::CreateEventW;
use windows_sys::Win32::UI::Shell::{
    CommandLineToArgvW, FOLDERID_LocalAppData, SHGetKnownFolderPath,
};

/// Begins a test. One at a time: an address that one releases must not be given
/// to another before it is released again.
fn start() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    track::start(&track::Options::default()).expect("memory for a ledger");
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a function handed out, and how it is documented to be released.
struct Given {
    /// Whose page says so.
    function: &'static str,
    slot: &'static str,
    address: *mut c_void,
    size: usize,
    family: Family,
    /// The function that the page names.
    due: &'static str,
    /// One that looks as if it would do.
    wrong: Family,
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

fn format_message() -> Given {
    let flags =
        FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
    let mut text: *mut u16 = null_mut();
    // SAFETY: with this flag the buffer is a place for a pointer.
    let units = unsafe {
        let place = (&raw mut text).cast::<u16>();
        FormatMessageW(flags, null(), 2, 0, place, 0, null())
    };
    assert_ne!(units, 0, "file not found has a text");
    // SAFETY: a text of that many units.
    let read = unsafe { PWStr::new(text).text(Some(units as usize)) }.expect("UTF-16");
    assert!(!read.trim().is_empty());
    Given {
        function: "FormatMessageW",
        slot: "lpBuffer",
        address: text.cast(),
        size: (units as usize + 1) * 2,
        family: Family::Local,
        due: "LocalFree",
        wrong: Family::CoTaskMem,
    }
}

fn known_folder() -> Given {
    let mut path = null_mut();
    // SAFETY: a folder, and a place for its path.
    let code = unsafe { SHGetKnownFolderPath(&FOLDERID_LocalAppData, 0, null_mut(), &mut path) };
    assert_eq!(code, 0);
    Given {
        function: "SHGetKnownFolderPath",
        slot: "ppszPath",
        address: path.cast(),
        size: 0,
        family: Family::CoTaskMem,
        due: "CoTaskMemFree",
        wrong: Family::Local,
    }
}

fn arguments() -> Given {
    let mut count = 0;
    let line = wide("program \"first argument\" second");
    // SAFETY: a text, and a place for the count.
    let list = unsafe { CommandLineToArgvW(line.as_ptr(), &mut count) };
    assert_eq!(count, 3);
    // SAFETY: three texts.
    let second = unsafe { PWStr::new((*list.add(1)).cast()).text(None) };
    assert_eq!(second.as_deref(), Ok("first argument"));
    Given {
        function: "CommandLineToArgvW",
        slot: "return",
        address: list.cast(),
        size: 0,
        family: Family::Local,
        due: "LocalFree",
        wrong: Family::Global,
    }
}

fn sid_text() -> Given {
    let (mut sid, mut text) = (null_mut(), null_mut());
    // SAFETY: everybody's SID, and places for results.
    unsafe {
        let everybody = wide("S-1-1-0");
        assert_ne!(ConvertStringSidToSidW(everybody.as_ptr(), &mut sid), 0);
        adopt(sid, 0, ReleaseWith::Family(Family::Local)).expect("given");
        assert_ne!(ConvertSidToStringSidW(sid, &mut text), 0);
        free(sid).expect("by LocalFree");
    }
    Given {
        function: "ConvertSidToStringSidW",
        slot: "StringSid",
        address: text.cast(),
        size: 16,
        family: Family::Local,
        due: "LocalFree",
        wrong: Family::Virtual,
    }
}

fn workstation() -> Given {
    let mut info = null_mut();
    // SAFETY: this computer, and a place for what is known of it.
    let code = unsafe { NetWkstaGetInfo(null(), 100, &mut info) };
    assert_eq!(code, 0);
    Given {
        function: "NetWkstaGetInfo",
        slot: "bufptr",
        address: info.cast(),
        size: 0,
        family: Family::NetApi,
        due: "NetApiBufferFree",
        wrong: Family::Local,
    }
}

fn protected() -> Given {
    let mut secret = *b"nobody may read this";
    let plain = CRYPT_INTEGER_BLOB {
        cbData: secret.len() as u32,
        pbData: secret.as_mut_ptr(),
    };
    let mut hidden = CRYPT_INTEGER_BLOB {
        cbData: 0,
        pbData: null_mut(),
    };
    // SAFETY: a block with its length, and places for what comes out.
    unsafe {
        let done = CryptProtectData(&plain, null(), null(), null(), null(), 0, &mut hidden);
        assert_ne!(done, 0);
        let mut again = CRYPT_INTEGER_BLOB {
            cbData: 0,
            pbData: null_mut(),
        };
        let none = null_mut();
        let done = CryptUnprotectData(&hidden, none, null(), null(), null(), 0, &mut again);
        assert_ne!(done, 0);
        let (at, len) = (again.pbData, again.cbData as usize);
        adopt(at.cast(), len, ReleaseWith::Family(Family::Local)).expect("given");
        assert_eq!(std::slice::from_raw_parts(at, len), secret);
        free(at.cast()).expect("by LocalFree");
    }
    Given {
        function: "CryptProtectData",
        slot: "pDataOut.pbData",
        address: hidden.pbData.cast(),
        size: hidden.cbData as usize,
        family: Family::Local,
        due: "LocalFree",
        wrong: Family::CoTaskMem,
    }
}

fn class_text() -> Given {
    let (mut guid, mut text) = (Guid::ZERO.into(), null_mut());
    // SAFETY: places for the results.
    unsafe {
        assert_eq!(CoCreateGuid(&mut guid), 0);
        assert_eq!(StringFromCLSID(&guid, &mut text), 0);
    }
    // SAFETY: a text that ends with a NUL.
    let read = unsafe { PWStr::new(text).text(None) }.expect("UTF-16");
    assert_eq!(read.parse(), Ok(Guid::from(guid)));
    Given {
        function: "StringFromCLSID",
        slot: "lplpsz",
        address: text.cast(),
        size: 39 * 2,
        family: Family::CoTaskMem,
        due: "CoTaskMemFree",
        wrong: Family::Bstr,
    }
}

fn automation_text() -> Given {
    let text = wide("grüße");
    // SAFETY: ends with a NUL.
    let bstr = unsafe { SysAllocString(text.as_ptr()) };
    Given {
        function: "SysAllocString",
        slot: "return",
        address: bstr.cast_mut().cast(),
        size: 10,
        family: Family::Bstr,
        due: "SysFreeString",
        wrong: Family::CoTaskMem,
    }
}

fn stream() -> Given {
    let mut stream = null_mut();
    // SAFETY: a stream over memory of its own, and a place for it.
    let code = unsafe { CreateStreamOnHGlobal(null_mut(), 1, &mut stream) };
    assert_eq!(code, 0);
    Given {
        function: "CreateStreamOnHGlobal",
        slot: "ppstm",
        address: stream,
        size: 0,
        family: Family::Com,
        due: "IUnknown::Release",
        wrong: Family::CoTaskMem,
    }
}

const ALL: [fn() -> Given; 9] = [
    format_message,
    known_folder,
    arguments,
    sid_text,
    workstation,
    protected,
    class_text,
    automation_text,
    stream,
];

impl Given {
    fn adopt(&self) {
        let with = ReleaseWith::Family(self.family);
        // SAFETY: handed out by the system to be released so.
        unsafe { adopt(self.address, self.size, with) }.expect(self.due);
    }
}

/// The text of a leak report about what `run` left behind.
fn report(run: impl FnOnce()) -> String {
    let scoped = LeakTracker::run_scoped_verified("calls", run);
    let error = scoped.expect_err("something stays");
    let mut text = Vec::new();
    let mut emitter = PrintEmitter::to(&mut text, Colors::Never);
    emitter.emit(error.leaks()).expect("memory");
    String::from_utf8(text).expect("text")
}

#[test]
fn each_is_adopted_and_released_as_documented() {
    let _alone = start();
    for give in ALL {
        let given = give();
        given.adopt();
        // SAFETY: the last error of this thread; a live block, used by nobody.
        unsafe {
            SetLastError(4711);
            free(given.address).expect(given.due);
            assert_eq!(GetLastError(), 4711, "{}", given.due);
        }
    }
}

#[test]
fn what_is_forgotten_is_reported_with_the_due_release() {
    let _alone = start();
    for give in ALL {
        let mut address = null_mut();
        let text = report(|| {
            let given = give();
            given.adopt();
            address = given.address;
        });
        let given = give();
        if given.family != freehold::alloc::FAMILY {
            let line = format!("release   : {}", given.due);
            assert!(text.contains(&line), "{}: {text}", given.due);
        }
        // SAFETY: both are live, used by nobody.
        unsafe {
            free(address).expect(given.due);
            given.adopt();
            free(given.address).expect(given.due);
        }
    }
}

#[test]
fn the_name_of_its_function_is_enough_to_adopt_it() {
    let _alone = start();
    for give in ALL {
        let given = give();
        let adopted = || {
            // SAFETY: handed out by the system in this slot.
            unsafe { adopt_from(given.function, given.slot, given.address, given.size) }
        };
        let text = report(|| {
            adopted().expect(given.function);
        });
        assert!(text.contains(given.function), "{text}");
        match freehold::query(given.address as usize) {
            Answer::Live(known) => assert_eq!(known.family, given.family, "{}", given.function),
            other => panic!("{}: {other:?}", given.function),
        }
        // SAFETY: live, used by nobody.
        unsafe { free(given.address) }.expect(given.due);
    }
}

#[test]
fn functions_with_a_release_of_their_own_are_adopted_by_name() {
    let _alone = start();
    // SAFETY: what the functions give, used by nobody.
    unsafe {
        let block = GetEnvironmentStringsW();
        let text = report(|| {
            adopt_from("GetEnvironmentStringsW", "return", block.cast(), 0).expect("given");
        });
        assert!(
            text.contains("release   : FreeEnvironmentStringsW"),
            "{text}"
        );
        let error = free_as(Family::Local, block.cast()).unwrap_err();
        assert!(
            error.to_string().contains("FreeEnvironmentStringsW"),
            "{error}"
        );
        free(block.cast()).expect("live");

        // There are no addresses to spare for handles in smaller programs.
        #[cfg(target_pointer_width = "32")]
        {
            let event = CreateEventW(null(), 1, 0, null());
            let error = adopt_from("CreateEventW", "return", event, 0).unwrap_err();
            assert!(matches!(error, AdoptFromError::NoAddress { .. }), "{error}");
            assert_ne!(CloseHandle(event), 0, "it is open");
        }

        let process = GetProcessHeap();
        let error = adopt_from("GetProcessHeap", "return", process, 0).unwrap_err();
        assert!(matches!(error, AdoptFromError::NotYours { .. }), "{error}");
    }
}

#[test]
fn the_wrong_function_is_refused_and_the_right_one_named() {
    let _alone = start();
    for give in ALL {
        let given = give();
        given.adopt();
        // SAFETY: refused, then released once.
        unsafe {
            let error = free_as(given.wrong, given.address).unwrap_err();
            let family = given.family;
            assert_eq!(error.misuse(), Misuse::WrongFamily { family });
            assert!(error.to_string().contains(given.due), "{error}");
            free_as(given.family, given.address).expect(given.due);
            let error = free(given.address).unwrap_err();
            assert_eq!(error.misuse(), Misuse::Double, "{}", given.due);
        }
    }
}

/// `FreeEnvironmentStringsW` in the form of a release with a context.
unsafe extern "C" fn free_environment(block: *mut c_void, _: *mut c_void) -> i32 {
    // SAFETY: adopted from `GetEnvironmentStringsW`.
    let done = unsafe { FreeEnvironmentStringsW(block.cast_const().cast()) };
    i32::from(done == 0)
}

#[test]
fn the_environment_has_a_release_of_its_own() {
    let _alone = start();
    // SAFETY: any thread may call the function; the block is live.
    unsafe {
        let block = GetEnvironmentStringsW();
        let release = Release::new(free_environment, null_mut());
        adopt(block.cast(), 0, ReleaseWith::Custom(release)).expect("given");
        let error = free_as(Family::Local, block.cast()).unwrap_err();
        let family = Family::Custom;
        assert_eq!(error.misuse(), Misuse::WrongFamily { family });
        free(block.cast()).expect("by FreeEnvironmentStringsW");
    }
}

#[test]
fn what_windows_documents_as_the_same_is_not_refused() {
    let _alone = start();
    // SAFETY: live blocks, each released once. "Global and Local Functions": they
    // are those of the process's heap; of Global with Local the pages say no.
    unsafe {
        let local = LocalAlloc(LMEM_FIXED, 24);
        adopt(local, 24, ReleaseWith::Family(Family::Local)).expect("given");
        free_as(Family::Local, local).expect("its own");
        let heap = HeapAlloc(GetProcessHeap(), 0, 24);
        adopt(heap, 24, ReleaseWith::Family(Family::Heap)).expect("given");
        free_as(Family::Heap, heap).expect("its own");
        let fixed = LocalAlloc(LMEM_FIXED, 24);
        adopt(fixed, 24, ReleaseWith::Family(Family::Local)).expect("given");
        free_as(Family::Heap, fixed).expect("documented as the same");
        let global = GlobalAlloc(GMEM_FIXED, 24);
        adopt(global, 24, ReleaseWith::Family(Family::Global)).expect("given");
        let error = free_as(Family::Local, global).unwrap_err();
        let family = Family::Global;
        assert_eq!(error.misuse(), Misuse::WrongFamily { family });
        free(global).expect("by GlobalFree");
    }
}

#[test]
fn a_forgotten_variant_is_a_leak_and_a_copy_is_its_own() {
    let _alone = start();
    let mut kept = None;
    let text = report(|| kept = Some(Variant::text("kept").expect("memory")));
    assert!(text.contains("release   : VariantClear"), "{text}");
    let kept = kept.expect("made");
    let copy = kept.copy().expect("memory");
    kept.clear().expect("not locked");
    assert_eq!(copy.to_text().as_deref(), Some("kept"));
    // The kind is that of the type: 5 is VT_R8, 4 would be VT_R4.
    let number = PropVariant::try_from(1.5_f64).expect("memory");
    assert_eq!((number.kind(), number.to_f64()), (5, Some(1.5)));
    assert_eq!(
        PropVariant::text("").expect("memory").to_text().as_deref(),
        Some("")
    );
    drop((copy, number));
    LeakTracker::run_scoped_verified("variants", || {
        for value in [true, false] {
            let variant = Variant::try_from(value).expect("memory");
            assert_eq!((variant.kind(), variant.to_bool()), (11, Some(value)));
        }
        let _ = PropVariant::text("gone").expect("memory");
    })
    .expect("nothing stays");
}

/// Handles that are no memory, which only programs of 64 bits have.
#[cfg(target_pointer_width = "64")]
mod without_memory {
    use freehold::{AdoptError, handles};
    use windows_sys::Win32::Foundation::{ERROR_SUCCESS, INVALID_HANDLE_VALUE};
    use windows_sys::Win32::System::Registry::{HKEY, HKEY_CURRENT_USER, KEY_READ, RegOpenKeyExW};
    use windows_sys::Win32::UI::WindowsAndMessaging::CreateMenu;

    use super::*;

    #[test]
    fn what_is_adopted_by_its_function_is_closed_by_its_own() {
        let _alone = start();
        // SAFETY: an event of nobody else.
        unsafe {
            let event = CreateEventW(null(), 1, 0, null());
            adopt_from("CreateEventW", "return", event, 0).expect("given");
            handles::close(Family::Handle, event as usize).expect("open");
            assert_eq!(CloseHandle(event), 0, "it was closed");
        }
    }

    #[test]
    fn handles_are_closed_by_their_own_functions() {
        let _alone = start();
        let path = wide("Environment");
        let mut key: HKEY = null_mut();
        // SAFETY: a key that there is, a menu and an event of nobody else.
        unsafe {
            let opened = RegOpenKeyExW(HKEY_CURRENT_USER, path.as_ptr(), 0, KEY_READ, &mut key);
            assert_eq!(opened, ERROR_SUCCESS);
            let menu = CreateMenu();
            let event = CreateEventW(null(), 1, 0, null());
            let mut text = String::new();
            for (family, handle, due, wrong) in [
                (Family::RegKey, key, "RegCloseKey", Family::Handle),
                (Family::Menu, menu, "DestroyMenu", Family::Window),
                (Family::Handle, event, "CloseHandle", Family::RegKey),
            ] {
                let handle = handle as usize;
                assert_ne!(handle, 0, "{due}");
                text = report(|| handles::adopt(family, handle).expect(due));
                assert!(text.contains(&format!("release   : {due}")), "{text}");
                let error = handles::close(wrong, handle).unwrap_err();
                assert!(error.to_string().contains("was given"), "{error}");
                handles::close(family, handle).expect(due);
                let error = handles::close(family, handle).unwrap_err();
                assert_eq!(error.misuse(), Misuse::Double, "{due}");
            }
            assert!(!text.is_empty());
            let predefined = handles::adopt(Family::RegKey, HKEY_CURRENT_USER as usize);
            assert!(matches!(predefined, Err(AdoptError::Unowned { .. })));
            let failed = handles::adopt(Family::Handle, INVALID_HANDLE_VALUE as usize);
            assert_eq!(failed, Err(AdoptError::Null));
            // Closed above: the system says the same.
            assert_eq!(CloseHandle(event), 0);
        }
    }
}
