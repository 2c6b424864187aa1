//! What stands between C and everything else: a panic becomes a code, and the
//! last error of each thread is kept.

use core::cell::{OnceCell, RefCell};
use core::ffi::CStr;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::codes::{FREEHOLD_INTERNAL, FREEHOLD_OK, Failure, freehold_code};

struct Last {
    failure: Failure,
    /// Made when it is asked for.
    message: OnceCell<CString>,
}

impl Last {
    fn message(&self) -> &CStr {
        self.message.get_or_init(|| {
            let text = match &self.failure.misuse {
                Some(misuse) => misuse.to_string(),
                None => self.failure.message.clone(),
            };
            let mut bytes = text.into_bytes();
            // A name in it may come from a damaged object file.
            bytes.retain(|byte| *byte != 0);
            CString::new(bytes).unwrap_or_default()
        })
    }
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// Runs a function that C called. Whatever happens in it, this returns; `None`
/// when it failed, and then the last error says why.
#[inline(always)]
pub(crate) fn value<R>(run: impl FnOnce() -> Result<R, Failure>) -> Option<R> {
    match attempt(run) {
        Ok(value) => Some(value),
        Err(failure) => {
            note(failure);
            None
        }
    }
}

/// The same for a function that gives a code.
#[inline(always)]
pub(crate) fn code(run: impl FnOnce() -> Result<(), Failure>) -> freehold_code {
    match attempt(run) {
        Ok(()) => FREEHOLD_OK,
        Err(failure) => note(failure),
    }
}

#[inline(always)]
fn attempt<R>(run: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    // What is shared is behind locks that outlive a panic whole.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(panic) => Err(internal(&*panic)),
    }
}

#[cold]
fn internal(panic: &(dyn core::any::Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("no message");
    let message = format!("an error of freehold itself, please report it: {text}");
    Failure::new(FREEHOLD_INTERNAL, message)
}

/// Keeps a failure for the thread; gives its code.
#[cold]
fn note(failure: Failure) -> freehold_code {
    let errno = errno();
    let code = failure.code;
    let message = OnceCell::new();
    // A thread that is ending keeps nothing.
    let _ = LAST.try_with(|last| {
        // Dropped after the borrow: freeing may come back here.
        let before = last.replace(Some(Last { failure, message }));
        drop(before);
    });
    set_errno(errno);
    code
}

/// The code and the message of the thread's last failure.
pub(crate) fn with_last<R>(run: impl FnOnce(freehold_code, &CStr) -> R) -> R {
    let mut run = Some(run);
    let found = LAST.try_with(|last| {
        let last = last.borrow();
        let last = last.as_ref()?;
        run.take().map(|run| run(last.failure.code, last.message()))
    });
    match (found, run) {
        (Ok(Some(result)), _) => result,
        (_, Some(run)) => run(FREEHOLD_OK, c""),
        // The closure was called, so there is a result.
        (_, None) => unreachable!(),
    }
}

/// Forgets the thread's last failure.
pub(crate) fn clear() {
    let _ = LAST.try_with(|last| drop(last.take()));
}

/// The thread's last error of the system: `errno`, on Windows `GetLastError`.
#[cfg(unix)]
fn errno() -> i32 {
    // SAFETY: the location is valid for the calling thread.
    unsafe { *libc::__errno_location() }
}

#[cfg(unix)]
fn set_errno(value: i32) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = value };
}

#[cfg(windows)]
#[link(name = "kernel32")]
unsafe extern "system" {
    safe fn GetLastError() -> i32;
    safe fn SetLastError(error: i32);
}

#[cfg(windows)]
fn errno() -> i32 {
    GetLastError()
}

#[cfg(windows)]
fn set_errno(value: i32) {
    SetLastError(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_code() {
        let numbers = [1, 2];
        let beyond = core::hint::black_box(2);
        let given = code(|| {
            assert_eq!(numbers[beyond], 3);
            Ok(())
        });
        assert_eq!(given, FREEHOLD_INTERNAL);
        with_last(|code, message| {
            assert_eq!(code, FREEHOLD_INTERNAL);
            let text = message.to_string_lossy();
            assert!(text.contains("index out of bounds"), "{text}");
        });
        assert!(value(|| -> Result<(), Failure> { panic!("{}", "words") }).is_none());
        clear();
        with_last(|code, message| assert_eq!((code, message), (FREEHOLD_OK, c"")));
    }

    #[test]
    fn errno_stays() {
        set_errno(7);
        assert_eq!(code(|| Err(Failure::new(5, "a\0b"))), 5);
        assert_eq!(errno(), 7);
        with_last(|_, message| assert_eq!(message, c"ab"));
    }
}
