//! A library in Rust that allocates and releases by freehold: for the test that it has
//! one ledger with Python.

use core::ffi::{c_int, c_void};

/// A block of so many bytes.
#[unsafe(no_mangle)]
pub extern "C" fn rust_make(size: usize) -> *mut c_void {
    let block = freehold::diagnostic_calloc::<u8>(size);
    block.map_or(core::ptr::null_mut(), |block| block.into_raw().cast())
}

/// 0 when it is released.
///
/// # Safety
/// Nobody uses the block any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rust_free(block: *mut c_void) -> c_int {
    // SAFETY: promised by the caller; what is wrong is refused while it is tracked.
    unsafe { freehold::free(block) }.is_err().into()
}
