//! The methods and properties of `Buffer`.

use core::ffi::{CStr, c_void};
use core::ptr::null_mut;

use pyo3_ffi::*;

use crate::buffer::{self, Buffer, Owner};
use crate::calls::{fast, keep, last, method, none};
use crate::errors;
use crate::hooks::{self, Hook};
use crate::state::state;
use crate::tracked::tracked;

/// `buffer.free()`.
unsafe extern "C" fn method_free(object: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and a buffer.
    unsafe {
        match buffer::free(object.cast()) {
            true => none(),
            false => null_mut(),
        }
    }
}

/// `buffer.release()`: as `free`, and nothing when that is done already.
unsafe extern "C" fn method_release(object: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let buffer = object.cast::<Buffer>();
    // SAFETY: the interpreter calls this with its lock and a buffer.
    unsafe {
        if !(*buffer).is_live() {
            return none();
        }
        method_free(object, null_mut())
    }
}

unsafe extern "C" fn method_enter(object: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let buffer = object.cast::<Buffer>();
    // SAFETY: the interpreter calls this with its lock and a buffer.
    unsafe {
        if !(*buffer).is_live() {
            buffer::refuse(buffer, c"enter");
            return null_mut();
        }
        Py_INCREF(object);
        object
    }
}

unsafe extern "C" fn method_exit(
    object: *mut PyObject,
    _: *const *mut PyObject,
    _: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and a buffer.
    unsafe { method_release(object, null_mut()) }
}

/// `buffer.transfer()`: gives the block away, and its address.
unsafe extern "C" fn method_transfer(object: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let buffer = object.cast::<Buffer>();
    // SAFETY: the interpreter calls this with its lock and a buffer. What nobody
    // tracks, nobody need be told of.
    unsafe {
        if !buffer::may_end(buffer, c"transfer") {
            return null_mut();
        }
        let address = (*buffer).address;
        let tracks = (state().raw.freehold_tracking_is_on)();
        if tracks || (*buffer).owner != Owner::Buffer {
            match tracked(|state| (state.raw.freehold_transfer)(address.cast())) {
                None => return null_mut(),
                Some(0) => {}
                Some(_) => {
                    errors::raise_last();
                    return null_mut();
                }
            }
        }
        buffer::end(buffer, Owner::Given);
        PyLong_FromSize_t(address as usize)
    }
}

/// `buffer.resize(count)`.
unsafe extern "C" fn method_resize(object: *mut PyObject, count: *mut PyObject) -> *mut PyObject {
    let buffer = object.cast::<Buffer>();
    // SAFETY: the interpreter calls this with its lock and objects. The number is read
    // first, which may run Python.
    unsafe {
        let count = PyNumber_AsSsize_t(count, PyExc_OverflowError);
        if count < 0 {
            if PyErr_Occurred().is_null() {
                errors::raise(PyExc_ValueError, "less than no elements");
            }
            return null_mut();
        }
        if !buffer::may_end(buffer, c"resize") {
            return null_mut();
        }
        let (old, size) = ((*buffer).bytes(), (*buffer).layout().size);
        let (owner, address) = ((*buffer).owner, (*buffer).address);
        let new = (count as usize).saturating_mul(size);
        let Some(block) = tracked(|state| (state.raw.freehold_realloc)(address.cast(), new)) else {
            return null_mut();
        };
        if block.is_null() {
            errors::raise_last();
            return null_mut();
        }
        // Under its new address; the new part is zeroed as that of `calloc`.
        buffer::end(buffer, Owner::Released);
        if new > old {
            block.cast::<u8>().add(old).write_bytes(0, new - old);
        }
        (*buffer).address = block.cast();
        (*buffer).count = count as usize;
        buffer::begin(buffer, owner);
        none()
    }
}

/// `Buffer.from_param(value)`: for `argtypes`.
unsafe extern "C" fn from_param(_: *mut PyObject, given: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and an object.
    unsafe {
        if buffer::of(given).is_null() {
            errors::raise(PyExc_TypeError, "the argument is no freehold.Buffer");
            return null_mut();
        }
        property(given, Property::AsParameter as usize as *mut c_void)
    }
}

/// What a property gives.
#[derive(Clone, Copy)]
#[repr(usize)]
enum Property {
    Address,
    Bytes,
    ItemSize,
    Format,
    Type,
    Released,
    AsParameter,
    Owner,
}

unsafe extern "C" fn property(object: *mut PyObject, which: *mut c_void) -> *mut PyObject {
    let buffer = object.cast::<Buffer>();
    let which = which as usize;
    let is = |property: Property| which == property as usize;
    // SAFETY: the interpreter calls this with its lock and a buffer.
    unsafe {
        if is(Property::Released) {
            return PyBool_FromLong((!(*buffer).is_live()).into());
        }
        if is(Property::Owner) {
            return PyLong_FromLong((*buffer).owner as core::ffi::c_long);
        }
        if is(Property::Type) {
            let of = (*buffer).layout().of;
            Py_INCREF(of);
            return of;
        }
        if is(Property::Format) {
            return PyUnicode_FromString((*buffer).layout().form().format.as_ptr());
        }
        if is(Property::ItemSize) {
            return PyLong_FromSize_t((*buffer).layout().size);
        }
        if !(*buffer).is_live() {
            buffer::refuse(buffer, c"use");
            return null_mut();
        }
        if is(Property::Address) {
            return PyLong_FromSize_t((*buffer).address as usize);
        }
        if is(Property::AsParameter) {
            // None for the index: a pointer to all of it, which exports it as long as
            // the call runs.
            return hooks::call(Hook::Load, [object, Py_None()]);
        }
        PyLong_FromSize_t((*buffer).bytes())
    }
}

/// `repr(buffer)`.
pub(crate) unsafe extern "C" fn repr(object: *mut PyObject) -> *mut PyObject {
    let buffer = object.cast::<Buffer>();
    // SAFETY: the interpreter calls this with its lock and a buffer.
    unsafe {
        let name = (*buffer).layout().form().name.to_string_lossy();
        let name = if name == "void" { "bytes".into() } else { name };
        let state = match (*buffer).owner {
            Owner::Buffer | Owner::Adopted => "",
            Owner::Arena => ", in an arena",
            Owner::Released => ", released",
            Owner::Given => ", given away",
        };
        let (count, at) = ((*buffer).count, (*buffer).address as usize);
        let text = format!("<freehold.Buffer {name}[{count}] at {at:#x}{state}>");
        PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as Py_ssize_t)
    }
}

/// The methods of `Buffer`. Called once.
pub(crate) fn methods() -> *mut PyMethodDef {
    let plain = |name, function: *mut c_void, doc| method(name, function, METH_NOARGS, doc);
    keep(vec![
        plain(c"free", method_free as *mut c_void, METHOD_FREE),
        plain(c"release", method_release as *mut c_void, METHOD_RELEASE),
        plain(c"transfer", method_transfer as *mut c_void, METHOD_TRANSFER),
        method(
            c"resize",
            method_resize as *mut c_void,
            METH_O,
            METHOD_RESIZE,
        ),
        plain(
            c"__enter__",
            method_enter as *mut c_void,
            c"The buffer itself.",
        ),
        fast(c"__exit__", method_exit, c"Releases it."),
        method(
            c"from_param",
            from_param as *mut c_void,
            METH_O | METH_CLASS,
            c"from_param(value, /)\n--\n\nFor argtypes of ctypes: takes buffers only.",
        ),
        last(),
    ])
}

/// The properties of `Buffer`. Called once.
pub(crate) fn properties() -> *mut PyGetSetDef {
    let of = |name: &'static CStr, which: Property, doc: &'static CStr| PyGetSetDef {
        name: name.as_ptr(),
        get: Some(property),
        set: None,
        doc: doc.as_ptr(),
        closure: which as usize as *mut c_void,
    };
    keep(vec![
        of(
            c"address",
            Property::Address,
            c"Where it begins, as an integer.",
        ),
        of(c"nbytes", Property::Bytes, c"Its bytes."),
        of(c"itemsize", Property::ItemSize, c"The bytes of an element."),
        of(
            c"format",
            Property::Format,
            c"An element, as the buffer protocol has it.",
        ),
        of(
            c"type",
            Property::Type,
            c"The type of its elements; None for bytes.",
        ),
        of(
            c"released",
            Property::Released,
            c"Whether its memory is gone, or somebody else's.",
        ),
        of(
            c"_as_parameter_",
            Property::AsParameter,
            c"As ctypes passes it.",
        ),
        of(c"_owner", Property::Owner, c"For the package."),
        PyGetSetDef::default(),
    ])
}

const METHOD_FREE: &CStr = c"free($self, /)
--

Releases the block. A second time is freehold.DoubleFree; while a view exports it,
freehold.InUse.";
const METHOD_RELEASE: &CStr = c"release($self, /)
--

As `free`; does nothing when the block is released already.";
const METHOD_TRANSFER: &CStr = c"transfer($self, /)
--

Gives the block away: whoever gets the address that this returns releases it.";
const METHOD_RESIZE: &CStr = c"resize($self, count, /)
--

Changes the number of elements. The block may move; new elements are zero.";
