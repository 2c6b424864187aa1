//! Functions of the package that are called from here: what is seldom is written in
//! Python.

use core::ptr::null_mut;

use pyo3_ffi::*;

use crate::state::Locked;

/// Which one; its place in [`NAMES`].
#[derive(Clone, Copy)]
pub(crate) enum Hook {
    /// `(code, message)` gives the exception.
    Error,
    /// `(buffer, what)` gives the exception for a use of what was released, or for a
    /// release of what is an arena's.
    Released,
    /// `(buffer)` gives the exception for a release while it is exported.
    Exported,
    /// `(buffer)` warns that the collector releases it.
    Collected,
    /// `(type)` gives a `Layout`.
    Layout,
    /// `(buffer, index)` gives an element that is no plain number.
    Load,
    /// `(buffer, index, value)` stores one.
    Store,
    /// `(pointer)` gives the address of what is neither a `Buffer` nor an integer.
    Address,
    /// `(scope)` puts this thread into the scope of its context.
    Scope,
}

/// Their names, as the package passes them.
pub(crate) const NAMES: [&core::ffi::CStr; 9] = [
    c"error",
    c"released",
    c"exported",
    c"collected",
    c"layout",
    c"load",
    c"store",
    c"address",
    c"scope",
];

static HOOKS: Locked<[*mut PyObject; 9]> = Locked::new([null_mut(); 9]);

/// Takes all of them out of a dictionary. Gives whether they are there; if not, the
/// exception is set.
///
/// # Safety
/// The caller holds the interpreter's lock; `given` is a dictionary.
pub(crate) unsafe fn take(given: *mut PyObject) -> bool {
    for (place, name) in NAMES.iter().enumerate() {
        // SAFETY: promised by the caller; the name ends with a NUL.
        let hook = unsafe { PyDict_GetItemString(given, name.as_ptr()) };
        if hook.is_null() {
            // SAFETY: as above; the format takes one text.
            unsafe {
                PyErr_Format(
                    PyExc_TypeError,
                    c"hook %s is missing".as_ptr(),
                    name.as_ptr(),
                );
            }
            return false;
        }
        // SAFETY: as above; nothing runs while the cell is used.
        unsafe {
            Py_INCREF(hook);
            let old = core::mem::replace(&mut HOOKS.get()[place], hook);
            Py_XDECREF(old);
        }
    }
    true
}

/// Calls one of them. Gives a new reference, or null with the exception set.
///
/// # Safety
/// The caller holds the interpreter's lock; the arguments are objects.
pub(crate) unsafe fn call<const N: usize>(
    hook: Hook,
    arguments: [*mut PyObject; N],
) -> *mut PyObject {
    // SAFETY: promised by the caller; nothing runs while the cell is used.
    unsafe {
        let function = HOOKS.get()[hook as usize];
        if function.is_null() {
            let text = c"freehold._native is used before the package freehold was imported";
            PyErr_SetString(PyExc_RuntimeError, text.as_ptr());
            return null_mut();
        }
        let tuple = PyTuple_New(N as Py_ssize_t);
        if tuple.is_null() {
            return null_mut();
        }
        for (place, argument) in arguments.into_iter().enumerate() {
            Py_INCREF(argument);
            PyTuple_SetItem(tuple, place as Py_ssize_t, argument);
        }
        Py_INCREF(function);
        let result = PyObject_Call(function, tuple, null_mut());
        Py_DECREF(function);
        Py_DECREF(tuple);
        result
    }
}

/// Raises the exception that a hook gives.
///
/// # Safety
/// As for [`call`].
#[cold]
pub(crate) unsafe fn raise<const N: usize>(hook: Hook, arguments: [*mut PyObject; N]) {
    // SAFETY: promised by the caller.
    unsafe {
        let exception = call(hook, arguments);
        if !exception.is_null() {
            PyErr_SetObject(Py_TYPE(exception).cast(), exception);
            Py_DECREF(exception);
        }
    }
}
