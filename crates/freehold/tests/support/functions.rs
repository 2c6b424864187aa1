//! Functions of Windows by their names.

use std::ffi::{CStr, c_char, c_void};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn LoadLibraryA(name: *const c_char) -> *mut c_void;
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// A function of a library of the system.
pub(crate) fn find(library: &CStr, name: &CStr) -> *mut c_void {
    // SAFETY: C strings.
    let at = unsafe { GetProcAddress(LoadLibraryA(library.as_ptr()), name.as_ptr()) };
    assert!(!at.is_null(), "{name:?} is not there");
    at
}

/// The same by its type.
macro_rules! function {
    ($library:literal, $name:literal, $($kind:tt)*) => {{
        let at = $crate::functions::find($library, $name);
        // Where it is called in the same block.
        #[allow(unused_unsafe)]
        // SAFETY: the documented signature.
        let function = unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "system" $($kind)*>(at)
        };
        function
    }};
}
