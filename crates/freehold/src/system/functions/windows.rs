//! Windows: see `super`.
//!
//! Pages: GetModuleHandleExA, GetProcAddress (libloaderapi.h).

use core::ffi::{CStr, c_char, c_void};
use core::ptr;

use super::NotFound;

/// `GET_MODULE_HANDLE_EX_FLAG_PIN`: as long as blocks can come back, the library must
/// stay.
const PIN: u32 = 1;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetModuleHandleExA(flags: u32, name: *const c_char, module: *mut *mut c_void) -> i32;
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// A library's name stands for one and the same as long as it stays.
pub(super) fn changes() -> u64 {
    0
}

pub(super) fn find(name: &CStr, library: &CStr) -> Result<*const c_void, NotFound> {
    let mut module = ptr::null_mut();
    // SAFETY: C strings, a place for the answer, and a module that stays.
    let found = unsafe {
        match GetModuleHandleExA(PIN, library.as_ptr(), &mut module) {
            0 => ptr::null_mut(),
            _ => GetProcAddress(module, name.as_ptr()),
        }
    };
    match found.is_null() {
        true => Err(NotFound::Nowhere),
        false => Ok(found),
    }
}
