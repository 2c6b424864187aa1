//! Scopes: regions whose blocks are counted apart, with a verdict at their end.

use core::cell::RefCell;
use core::ffi::c_char;
use std::sync::Arc;

use freehold::{Entered, Scope};

use crate::arguments::{self, Place};
use crate::codes::{
    FREEHOLD_BAD_HANDLE, FREEHOLD_LEAKS, FREEHOLD_NOT_INNERMOST, FREEHOLD_NOT_TRACKED, Failure,
    freehold_code,
};
use crate::{guard, tables, track};

/// A scope. Checked: one that was ended is an error, not undefined. 0 is never
/// one.
pub type freehold_scope = u64;

/// The scopes that this thread is in, the innermost last.
struct Inside(Vec<(freehold_scope, Entered)>);

impl Drop for Inside {
    /// A thread that ends leaves them, the innermost first.
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

thread_local! {
    static INSIDE: RefCell<Inside> = const { RefCell::new(Inside(Vec::new())) };
}

fn inside<R>(run: impl FnOnce(&mut Vec<(freehold_scope, Entered)>) -> R) -> Result<R, Failure> {
    let result = INSIDE.try_with(|inside| run(&mut inside.borrow_mut().0));
    result.map_err(|_| {
        let message = "this thread is ending, and has left all scopes";
        Failure::new(FREEHOLD_BAD_HANDLE, message)
    })
}

fn enter(scope: freehold_scope, there: &Scope) -> Result<(), Failure> {
    let entered = there.handle().entered();
    inside(|inside| inside.push((scope, entered)))
}

fn leave(scope: freehold_scope) -> Result<bool, Failure> {
    let left = inside(|inside| match inside.last() {
        Some((innermost, _)) if *innermost == scope => Ok(inside.pop()),
        _ if inside.iter().any(|(other, _)| *other == scope) => Err(()),
        _ => Ok(None),
    })?;
    match left {
        Ok(left) => Ok(left.is_some()),
        Err(()) => Err(Failure::new(
            FREEHOLD_NOT_INNERMOST,
            format!("this thread entered other scopes after {scope:#x}: leave or end them first"),
        )),
    }
}

/// Begins a scope inside the one that this thread is in, and puts this thread
/// into it: what it allocates from now on counts there, whoever releases it.
/// Begins tracking when it is off. `name` is for reports.
///
/// The caller ends it with `freehold_scope_end`. Scopes of a thread nest: the
/// last begun or entered is the first ended or left.
///
/// Errors: FREEHOLD_NULL, FREEHOLD_BAD_TEXT, FREEHOLD_BAD_ALIGNMENT.
///
/// # Safety
/// `name` is null or ends with a NUL; `scope` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_scope_begin(
    name: *const c_char,
    scope: *mut freehold_scope,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        let place = unsafe { Place::new(scope, "scope")? };
        // SAFETY: as above.
        let name = unsafe { arguments::text(name, "name")? };
        let begun = Arc::new(Scope::begin(name));
        let handle = tables::add(Arc::clone(&begun));
        if let Err(failure) = enter(handle, &begun) {
            drop(tables::take::<Arc<Scope>>(handle));
            return Err(failure);
        }
        place.set(handle);
        Ok(())
    })
}

/// Puts another thread into a scope, until it calls `freehold_scope_leave` or
/// ends.
///
/// Errors: FREEHOLD_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_scope_enter(scope: freehold_scope) -> freehold_code {
    guard::code(|| enter(scope, &*tables::get::<Arc<Scope>>(scope)?))
}

/// Takes this thread out of a scope that it is in: it is then in the one before.
/// May be called when the scope has been ended by another thread.
///
/// Errors: FREEHOLD_NOT_INNERMOST; FREEHOLD_BAD_HANDLE when it is not in it.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_scope_leave(scope: freehold_scope) -> freehold_code {
    guard::code(|| match leave(scope)? {
        true => Ok(()),
        false => Err(Failure::new(
            FREEHOLD_BAD_HANDLE,
            format!("this thread is not in the scope {scope:#x}: it never entered it, or left it"),
        )),
    })
}

/// Ends a scope, takes this thread out of it, and gives the verdict. What stays
/// counts from now on for the scope around it. The handle is none any more,
/// unless this gives FREEHOLD_NOT_INNERMOST.
///
/// `blocks` and `bytes`, when they are not null, get what stays.
///
/// Errors: FREEHOLD_LEAKS when something stays: the message has each block with
/// its stack; FREEHOLD_NOT_TRACKED when the scope could not be counted;
/// FREEHOLD_BAD_HANDLE; FREEHOLD_NOT_INNERMOST.
///
/// # Safety
/// `blocks` and `bytes` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_scope_end(
    scope: freehold_scope,
    blocks: *mut usize,
    bytes: *mut u64,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        unsafe { arguments::set_if(blocks, "blocks", 0)? };
        // SAFETY: as above.
        unsafe { arguments::set_if(bytes, "bytes", 0)? };
        drop(tables::get::<Arc<Scope>>(scope)?);
        leave(scope)?;
        let mut shared = tables::take::<Arc<Scope>>(scope)?;
        let ended = loop {
            // Another thread may just be looking at it; it gets no new ones.
            match Arc::try_unwrap(shared) {
                Ok(alone) => break alone,
                Err(again) => shared = again,
            }
            std::thread::yield_now();
        };
        let Err(error) = ended.end() else {
            return Ok(());
        };
        // SAFETY: as above.
        unsafe { arguments::set_if(blocks, "blocks", error.count())? };
        // SAFETY: as above.
        unsafe { arguments::set_if(bytes, "bytes", error.total_bytes())? };
        let code = match error.count() {
            0 => FREEHOLD_NOT_TRACKED,
            _ => FREEHOLD_LEAKS,
        };
        Err(Failure::new(code, error.to_string()))
    })
}

/// The live blocks of a scope and those inside it, as `freehold_leaks` writes
/// them.
///
/// Errors: FREEHOLD_BAD_HANDLE; those of `freehold_leaks`.
///
/// # Safety
/// As for `freehold_leaks`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_scope_leaks(
    scope: freehold_scope,
    format: u32,
    buffer: *mut c_char,
    room: usize,
    needed: *mut usize,
) -> freehold_code {
    guard::code(|| {
        let scope = tables::get::<Arc<Scope>>(scope)?;
        let text = track::written(format, &scope.leaks())?;
        // SAFETY: as promised by the caller.
        unsafe { arguments::fill(&text, buffer, room, needed) }
    })
}
