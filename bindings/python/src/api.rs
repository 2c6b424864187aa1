//! What pyo3-ffi does not declare for the stable ABI of Python 3.9, and what only some
//! versions have, found at run time.
//!
//! The buffer protocol is in the stable ABI from 3.11 on; its structure and the numbers
//! of its slots have been the same since 3.3, and types made by `PyType_FromSpec` may
//! have it from 3.9 on, which is the oldest version here.

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};

use pyo3_ffi::{Py_ssize_t, PyObject};

/// `Py_buffer`.
#[repr(C)]
pub(crate) struct View {
    pub(crate) buf: *mut c_void,
    pub(crate) obj: *mut PyObject,
    pub(crate) len: Py_ssize_t,
    pub(crate) itemsize: Py_ssize_t,
    pub(crate) readonly: c_int,
    pub(crate) ndim: c_int,
    pub(crate) format: *mut c_char,
    pub(crate) shape: *mut Py_ssize_t,
    pub(crate) strides: *mut Py_ssize_t,
    pub(crate) suboffsets: *mut Py_ssize_t,
    pub(crate) internal: *mut c_void,
}

pub(crate) const BF_GETBUFFER: c_int = 1;
pub(crate) const BF_RELEASEBUFFER: c_int = 2;

/// `PyBUF_SIMPLE`: one run of bytes.
pub(crate) const SIMPLE: c_int = 0;
pub(crate) const FORMAT: c_int = 0x4;
pub(crate) const ND: c_int = 0x8;
pub(crate) const STRIDES: c_int = 0x10 | ND;
pub(crate) const F_CONTIGUOUS: c_int = 0x40 | STRIDES;

pub(crate) const METH_FASTCALL: c_int = 0x80;

unsafe extern "C" {
    pub(crate) fn PyObject_GetBuffer(object: *mut PyObject, view: *mut View, flags: c_int)
    -> c_int;
    pub(crate) fn PyBuffer_Release(view: *mut View);
}

/// A frame of Python.
pub(crate) type Frame = *mut PyObject;

/// Functions that are no part of the stable ABI of 3.9.
#[derive(Clone, Copy)]
pub(crate) struct Newer {
    /// From 3.9; gives a new reference, or null for the outermost.
    pub(crate) back: Option<unsafe extern "C" fn(Frame) -> Frame>,
    /// From 3.9; gives a new reference.
    pub(crate) code: Option<unsafe extern "C" fn(Frame) -> *mut PyObject>,
    /// From 3.11; before, the attribute `f_lasti` has the same number.
    pub(crate) instruction: Option<unsafe extern "C" fn(Frame) -> c_int>,
    /// In all versions.
    pub(crate) line: Option<unsafe extern "C" fn(*mut PyObject, c_int) -> c_int>,
    /// From 3.11: first line and column, last line and column.
    pub(crate) location: Option<
        unsafe extern "C" fn(
            *mut PyObject,
            c_int,
            *mut c_int,
            *mut c_int,
            *mut c_int,
            *mut c_int,
        ) -> c_int,
    >,
    /// In all versions: `tracemalloc`'s.
    pub(crate) track: Option<unsafe extern "C" fn(c_uint, usize, usize) -> c_int>,
    pub(crate) untrack: Option<unsafe extern "C" fn(c_uint, usize) -> c_int>,
    /// In all versions: `__del__` for what is being deallocated. Not 0: it lives again.
    pub(crate) finalize: Option<unsafe extern "C" fn(*mut PyObject) -> c_int>,
    /// From 3.7: the value in this context, or the default.
    pub(crate) context:
        Option<unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut *mut PyObject) -> c_int>,
}

impl Newer {
    pub(crate) fn find() -> Newer {
        // SAFETY: the types are those of CPython's headers, which none of the versions
        // that have the functions has changed.
        unsafe {
            Newer {
                back: symbol(c"PyFrame_GetBack"),
                code: symbol(c"PyFrame_GetCode"),
                instruction: symbol(c"PyFrame_GetLasti"),
                line: symbol(c"PyCode_Addr2Line"),
                location: symbol(c"PyCode_Addr2Location"),
                track: symbol(c"PyTraceMalloc_Track"),
                untrack: symbol(c"PyTraceMalloc_Untrack"),
                finalize: symbol(c"PyObject_CallFinalizerFromDealloc"),
                context: symbol(c"PyContextVar_Get"),
            }
        }
    }
}

/// # Safety
/// `F` is the type of the function of that name.
unsafe fn symbol<F: Copy>(name: &CStr) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: the name ends with a NUL.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    // SAFETY: promised by the caller; both are one pointer.
    (!found.is_null()).then(|| unsafe { core::mem::transmute_copy(&found) })
}
