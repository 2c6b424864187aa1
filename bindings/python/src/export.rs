//! The buffer protocol: `memoryview`, `ctypes`, `cffi` and `numpy` use the memory itself,
//! and keep it from being released as long as they do.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

use pyo3_ffi::*;

use crate::api::{F_CONTIGUOUS, FORMAT, ND, STRIDES, View};
use crate::buffer::{self, Buffer};
use crate::errors;

/// Lengths and strides of a view, which live as long as it does.
type Dimensions = (Vec<Py_ssize_t>, Vec<Py_ssize_t>);

/// `bf_getbuffer`.
pub(crate) unsafe extern "C" fn get(object: *mut PyObject, view: *mut View, flags: c_int) -> c_int {
    let buffer = object.cast::<Buffer>();
    // SAFETY: the interpreter calls this with its lock, a buffer and a view to fill.
    unsafe {
        if view.is_null() {
            PyErr_SetString(PyExc_BufferError, c"there is no view to fill".as_ptr());
            return -1;
        }
        (*view).obj = null_mut();
        if !(*buffer).is_live() {
            buffer::refuse(buffer, c"export");
            return -1;
        }
        let form = (*buffer).layout().form();
        let wants = |flag: c_int| flags & flag == flag;
        if wants(F_CONTIGUOUS) && !form.inner.is_empty() {
            let text = "elements that are arrays lie row by row, not column by column";
            errors::raise(PyExc_BufferError, text);
            return -1;
        }
        let mut shape = vec![(*buffer).count as Py_ssize_t];
        shape.extend(form.inner.iter().map(|length| *length as Py_ssize_t));
        let mut strides = vec![form.item as Py_ssize_t; shape.len()];
        for place in (0..shape.len() - 1).rev() {
            strides[place] = strides[place + 1] * shape[place + 1];
        }
        let dimensions: *mut Dimensions = Box::into_raw(Box::new((shape, strides)));
        let when = |is_wanted, pointer: *mut Py_ssize_t| match is_wanted {
            true => pointer,
            false => null_mut(),
        };
        *view = View {
            buf: (*buffer).address.cast::<c_void>(),
            obj: object,
            len: (*buffer).bytes() as Py_ssize_t,
            itemsize: form.item as Py_ssize_t,
            readonly: 0,
            ndim: (*dimensions).0.len() as c_int,
            format: match wants(FORMAT) {
                true => form.format.as_ptr().cast_mut(),
                false => null_mut(),
            },
            shape: when(wants(ND), (*dimensions).0.as_mut_ptr()),
            strides: when(wants(STRIDES), (*dimensions).1.as_mut_ptr()),
            suboffsets: null_mut(),
            internal: dimensions.cast(),
        };
        if !wants(ND) {
            // Plain bytes to whoever asks for no shape.
            (*view).ndim = 1;
        }
        Py_INCREF(object);
        (*buffer).exports += 1;
        0
    }
}

/// `bf_releasebuffer`.
pub(crate) unsafe extern "C" fn release(object: *mut PyObject, view: *mut View) {
    // SAFETY: the interpreter calls this with its lock, once for each view that `get`
    // filled.
    unsafe {
        drop(Box::from_raw((*view).internal.cast::<Dimensions>()));
        (*object.cast::<Buffer>()).exports -= 1;
    }
}
