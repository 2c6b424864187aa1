//! Errors of the library as exceptions.

use pyo3_ffi::*;

use crate::hooks::{self, Hook};
use crate::state::state;

/// Raises what the library said last on this thread.
///
/// # Safety
/// The caller holds the interpreter's lock, and a call of the library has just failed
/// on this thread.
#[cold]
pub(crate) unsafe fn raise_last() {
    let raw = &state().raw;
    // SAFETY: promised by the caller; the message lives until the next failure.
    unsafe {
        let code = PyLong_FromLong((raw.freehold_last_code)().into());
        let message = (raw.freehold_last_message)();
        let length = libc::strlen(message) as Py_ssize_t;
        let message = PyUnicode_DecodeUTF8(message, length, c"replace".as_ptr());
        if !code.is_null() && !message.is_null() {
            hooks::raise(Hook::Error, [code, message]);
        }
        Py_XDECREF(code);
        Py_XDECREF(message);
    }
}

/// Raises an exception of Python's own with a text.
///
/// # Safety
/// The caller holds the interpreter's lock; `kind` is an exception's type.
#[cold]
pub(crate) unsafe fn raise(kind: *mut PyObject, text: &str) {
    // SAFETY: promised by the caller; the text is UTF-8 of that length.
    unsafe {
        let text = PyUnicode_DecodeUTF8(
            text.as_ptr().cast(),
            text.len() as Py_ssize_t,
            c"replace".as_ptr(),
        );
        if !text.is_null() {
            PyErr_SetObject(kind, text);
            Py_DECREF(text);
        }
    }
}
