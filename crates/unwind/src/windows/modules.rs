//! Libraries that come and go: rules of what was unloaded must be forgotten.

use core::ffi::{c_char, c_void};
use core::sync::atomic::{AtomicBool, Ordering};

use crate::table::flush_rules;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetModuleHandleA(name: *const c_char) -> *mut c_void;
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
}

type Notify = unsafe extern "system" fn(u32, *const c_void, *mut c_void);
type Register = unsafe extern "system" fn(u32, Notify, *mut c_void, *mut *mut c_void) -> i32;

unsafe extern "system" fn changed(_: u32, _: *const c_void, _: *mut c_void) {
    flush_rules();
}

/// Lets every load and unload of a library call [`flush_rules`], from now on until
/// the process ends. False when the system has no way to be told
/// (`LdrRegisterDllNotification`, which is documented as one that may go): then the
/// caller must.
///
/// The code that calls this must not be unloaded.
pub fn flush_on_changes() -> bool {
    static DONE: AtomicBool = AtomicBool::new(false);
    // Relaxed: to be told twice costs a flush, no more.
    if DONE.load(Ordering::Relaxed) {
        return true;
    }
    let mut cookie = core::ptr::null_mut();
    // SAFETY: C strings; the documented signature; a function that stays, and a place
    // for what would end it.
    let registered = unsafe {
        let name = c"LdrRegisterDllNotification".as_ptr();
        let function = GetProcAddress(GetModuleHandleA(c"ntdll.dll".as_ptr()), name);
        if function.is_null() {
            return false;
        }
        let register: Register = core::mem::transmute(function);
        register(0, changed, core::ptr::null_mut(), &mut cookie) == 0
    };
    DONE.store(registered, Ordering::Relaxed);
    registered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::generation;

    unsafe extern "system" {
        fn LoadLibraryA(name: *const c_char) -> *mut c_void;
        fn FreeLibrary(module: *mut c_void) -> i32;
    }

    #[test]
    fn rules_are_forgotten_when_a_library_goes() {
        assert!(flush_on_changes() && flush_on_changes());
        // SAFETY: a C string; the library is used by nobody else.
        unsafe {
            let before = generation();
            let library = LoadLibraryA(c"xmllite.dll".as_ptr());
            assert!(!library.is_null());
            let loaded = generation();
            assert!(loaded != before);
            FreeLibrary(library);
            assert!(generation() != loaded);
        }
    }
}
