//! The families of Win32, real. Each module has the functions of one family, or
//! of several that are alike, under the names that the emulated ones have on
//! other systems; their documentation names the function that is called and the
//! page that says what it does.
//!
//! Unlike the emulated ones, these do not know their blocks: who releases one
//! twice, or one that is another's, damages the process. So what takes a block or
//! a handle is `unsafe`, and the one `free` of the crate `freehold` asks the
//! ledger before it calls.
//!
//! A release that succeeds leaves the thread's last error as it was. Functions of
//! libraries that a small program may not have loaded are looked for when they
//! are called first (`dll.rs`); only those of `kernel32` are imported.
//!
//! What is not here: tracking; functions that are only called to get something
//! that one of these releases.

pub mod bstr;
pub mod buffers;
pub mod co_task_mem;
pub mod com;
pub mod crt;
mod dll;
pub mod handles;
pub mod heap;
pub mod hstring;
pub mod movable;
pub mod variants;
pub mod virtual_memory;

use crate::{Family, FamilyError};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetLastError() -> u32;
    fn SetLastError(error: u32);
}

/// `GetLastError`: the number of the last error on this thread.
///
/// ```
/// # use freehold_families::win32;
/// win32::set_last_error(5);
/// assert_eq!(win32::last_error(), 5);
/// ```
pub fn last_error() -> u32 {
    // SAFETY: no requirement.
    unsafe { GetLastError() }
}

/// `SetLastError`.
pub fn set_last_error(number: u32) {
    // SAFETY: no requirement.
    unsafe { SetLastError(number) };
}

/// Makes a release, and gives the thread its last error back when it went well.
#[inline(always)]
fn keeping<R>(release: impl FnOnce() -> Result<R, FamilyError>) -> Result<R, FamilyError> {
    let before = last_error();
    let result = release();
    if result.is_ok() {
        set_last_error(before);
    }
    result
}

/// What the system says of a call that failed.
fn failed(family: Family) -> FamilyError {
    FamilyError::Failed {
        family,
        code: last_error() as i32,
    }
}

/// Sizes above this are no block's anywhere.
fn check_size(family: Family, bytes: usize) -> Result<(), FamilyError> {
    if bytes > isize::MAX as usize {
        return Err(FamilyError::TooLarge { family, bytes });
    }
    Ok(())
}
