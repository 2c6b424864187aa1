//! The version, and the last error of each thread.

use core::ffi::c_char;

use crate::codes::freehold_code;
use crate::{codes, guard};

/// The version of the library, as "0.1.0". Static; not to be released.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_version() -> *const c_char {
    const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    TEXT.as_ptr().cast()
}

/// The code of the last call that failed on this thread; FREEHOLD_OK when there
/// was none. A call that succeeds leaves it as it is, as with `errno`.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_last_code() -> freehold_code {
    guard::with_last(|code, _| code)
}

/// The explanation of the last call that failed on this thread, in UTF-8: what
/// happened, to which block, where that was allocated and released, and what to
/// do. "" when there was none; never null.
///
/// It belongs to the library and lives until the next call that fails on this
/// thread, `freehold_clear_error`, or the end of the thread: copy what is to
/// stay.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_last_message() -> *const c_char {
    guard::with_last(|_, message| message.as_ptr())
}

/// Forgets the last error of this thread.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_clear_error() {
    guard::clear();
}

/// The name of a code, as "FREEHOLD_DOUBLE"; "unknown" for any other number.
/// Static; not to be released.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_code_name(code: freehold_code) -> *const c_char {
    codes::name(code).as_ptr()
}
