//! What surrounds a call of the library that is recorded: the stack of Python's frames,
//! and the scope of the context that runs.

use core::cell::Cell;
use core::ptr::{null, null_mut};

use pyo3_ffi::*;

use crate::frames;
use crate::hooks::{self, Hook};
use crate::state::{Locked, State, state};

/// The context variable that has the scope; null until a scope was begun.
static SCOPE: Locked<*mut PyObject> = Locked::new(null_mut());

/// How many scopes have begun.
static BEGUN: Locked<u64> = Locked::new(0);

thread_local! {
    /// The value that this thread's scope was made for, and how many scopes had begun
    /// by then: another value may come to the address, but not before another scope
    /// begins. No reference is held, which an ending thread could not give back.
    static CURRENT: Cell<(*const PyObject, u64)> = const { Cell::new((null(), 0)) };
}

/// Runs a call of the library so that what it records has Python's frames and counts
/// in the context's scope. `None` with an exception set when the scope cannot be
/// entered.
///
/// # Safety
/// The caller holds the interpreter's lock.
#[inline(always)]
pub(crate) unsafe fn tracked<R>(call: impl FnOnce(&State) -> R) -> Option<R> {
    let state = state();
    // SAFETY: asked at any time.
    if !unsafe { (state.raw.freehold_tracking_is_on)() } {
        return Some(call(state));
    }
    // SAFETY: promised by the caller; nothing runs while the cell is used.
    let variable = unsafe { *SCOPE.get() };
    // SAFETY: promised by the caller.
    if !variable.is_null() && !unsafe { follow(state, variable) } {
        return None;
    }
    // SAFETY: promised by the caller.
    unsafe { frames::set(state) };
    let result = call(state);
    frames::clear(state);
    Some(result)
}

/// Puts this thread into the scope of the context that runs, if it is not there.
///
/// # Safety
/// The caller holds the interpreter's lock; `variable` is a context variable.
unsafe fn follow(state: &State, variable: *mut PyObject) -> bool {
    let Some(context) = state.newer.context else {
        return true;
    };
    let mut value = null_mut();
    // SAFETY: promised by the caller; the result is a new reference or null.
    unsafe {
        if context(variable, Py_None(), &raw mut value) != 0 || value.is_null() {
            return false;
        }
        let wanted = (value.cast_const(), *BEGUN.get());
        if CURRENT.get() == wanted {
            Py_DECREF(value);
            return true;
        }
        let done = hooks::call(Hook::Scope, [value]);
        if !done.is_null() {
            CURRENT.set(wanted);
        }
        Py_DECREF(value);
        Py_XDECREF(done);
        !done.is_null()
    }
}

/// A scope has begun: the scopes of this context variable are followed from now on.
///
/// # Safety
/// The caller holds the interpreter's lock; `variable` is a context variable.
pub(crate) unsafe fn set_variable(variable: *mut PyObject) {
    // SAFETY: promised by the caller; nothing runs while the cell is used.
    unsafe {
        *BEGUN.get() += 1;
        Py_INCREF(variable);
        let old = core::mem::replace(SCOPE.get(), variable);
        Py_XDECREF(old);
    }
}
