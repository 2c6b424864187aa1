//! The C++ runtime, which a test program has only when it asks for it.

/// Loads it, for good.
pub(crate) fn load() {
    #[cfg(unix)]
    // SAFETY: a C string.
    let library = unsafe {
        let how = libc::RTLD_NOW | libc::RTLD_GLOBAL;
        libc::dlopen(c"libstdc++.so.6".as_ptr(), how)
    };
    #[cfg(windows)]
    // SAFETY: a C string.
    let library = unsafe {
        #[link(name = "kernel32")]
        unsafe extern "system" {
            fn LoadLibraryA(name: *const std::ffi::c_char) -> *mut std::ffi::c_void;
        }
        LoadLibraryA(c"libstdc++-6.dll".as_ptr())
    };
    assert!(!library.is_null(), "the tests need libstdc++");
}
