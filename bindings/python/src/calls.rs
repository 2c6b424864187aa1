//! The functions of the module.
//!
//! What is not here: the methods of `Buffer` (`methods`).

use core::ffi::{CStr, c_int, c_void};
use core::ptr::null_mut;

use freehold_raw::FREEHOLD_ZEROED;
use pyo3_ffi::*;

use crate::api::METH_FASTCALL;
use crate::buffer::{self, Owner};
use crate::hooks::{self, Hook};
use crate::state::{Locked, state};
use crate::tracked::{self, tracked};
use crate::{errors, frames, layout, walk};

pub(crate) type Fast =
    unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, Py_ssize_t) -> *mut PyObject;

/// None, as a new reference.
pub(crate) unsafe fn none() -> *mut PyObject {
    // SAFETY: the caller holds the interpreter's lock.
    unsafe {
        let none = Py_None();
        Py_INCREF(none);
        none
    }
}

/// The first argument and the second, if there is one. `None`: the exception is set.
unsafe fn one_or_two(
    name: &str,
    arguments: *const *mut PyObject,
    given: Py_ssize_t,
) -> Option<(*mut PyObject, *mut PyObject)> {
    // SAFETY: the interpreter passes so many arguments.
    unsafe {
        match given {
            1 => Some((*arguments, null_mut())),
            2 => Some((*arguments, *arguments.add(1))),
            _ => {
                let text = format!("{name} takes a type, or a number of bytes, and a count");
                errors::raise(PyExc_TypeError, &text);
                None
            }
        }
    }
}

/// What is allocated: layout and count. The layout is a new reference. `None`: the
/// exception is set.
unsafe fn wanted(of: *mut PyObject, count: *mut PyObject) -> Option<(*mut layout::Layout, usize)> {
    // SAFETY: the caller holds the interpreter's lock; both are objects, or the count
    // is null.
    unsafe {
        let one = |number: *mut PyObject| match PyNumber_AsSsize_t(number, PyExc_OverflowError) {
            -1 if !PyErr_Occurred().is_null() => None,
            number if number < 0 => {
                errors::raise(
                    PyExc_ValueError,
                    &format!("{number} elements are less than none"),
                );
                None
            }
            number => Some(number as usize),
        };
        let mut number = match count.is_null() {
            true => 1,
            false => one(count)?,
        };
        if PyLong_Check(of) != 0 {
            let bytes = one(of)?;
            let Some(product) = bytes.checked_mul(number) else {
                // It fails, and says how.
                (state().raw.freehold_calloc)(number, bytes);
                errors::raise_last();
                return None;
            };
            number = product;
        }
        let layout = layout::of(of);
        if layout.is_null() {
            return None;
        }
        Py_INCREF(layout.cast());
        Some((layout, number))
    }
}

/// Allocates, and gives the buffer.
#[inline(always)]
unsafe fn allocate(of: *mut PyObject, count: *mut PyObject, flags: u32) -> *mut PyObject {
    // SAFETY: as for `wanted`; the library checks the rest, and the block is the new
    // buffer's, or is released here.
    unsafe {
        let Some((layout, count)) = wanted(of, count) else {
            return null_mut();
        };
        let (size, alignment, tag) = ((*layout).size, (*layout).alignment, (*layout).tag);
        let block = tracked(|state| match size.checked_mul(count) {
            Some(bytes) => (state.raw.freehold_alloc)(bytes, alignment, flags, tag, null_mut()),
            None => (state.raw.freehold_calloc)(count, size),
        });
        let buffer = match block {
            None => null_mut(),
            Some(block) if block.is_null() => {
                errors::raise_last();
                null_mut()
            }
            Some(block) => {
                let buffer = buffer::new(block.cast(), count, layout, Owner::Buffer);
                if buffer.is_null() {
                    (state().raw.freehold_free)(block);
                }
                buffer
            }
        };
        Py_DECREF(layout.cast());
        buffer
    }
}

unsafe extern "C" fn calloc(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    given: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock.
    unsafe {
        match one_or_two("calloc", arguments, given) {
            Some((of, count)) => allocate(of, count, FREEHOLD_ZEROED),
            None => null_mut(),
        }
    }
}

unsafe extern "C" fn malloc(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    given: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: as for `calloc`.
    unsafe {
        match one_or_two("malloc", arguments, given) {
            Some((of, count)) => allocate(of, count, 0),
            None => null_mut(),
        }
    }
}

/// `free(pointer)`: a buffer, or whatever has an address.
unsafe extern "C" fn free(_: *mut PyObject, given: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and an object.
    unsafe {
        let buffer = buffer::of(given);
        if !buffer.is_null() {
            return match buffer::free(buffer) {
                true => none(),
                false => null_mut(),
            };
        }
        let Some(address) = address(given) else {
            return null_mut();
        };
        let buffer = buffer::LIVE.get().find(address);
        if !buffer.is_null() {
            Py_INCREF(buffer.cast());
            let done = buffer::free(buffer);
            Py_DECREF(buffer.cast());
            return if done { none() } else { null_mut() };
        }
        let code = tracked(|state| {
            // It may be of any family, and its function may take long.
            let saved = PyEval_SaveThread();
            let code = (state.raw.freehold_free)(address as *mut c_void);
            PyEval_RestoreThread(saved);
            code
        });
        match code {
            None => null_mut(),
            Some(0) => none(),
            Some(_) => {
                errors::raise_last();
                null_mut()
            }
        }
    }
}

/// The address of anything that has one. `None`: the exception is set.
unsafe fn address(of: *mut PyObject) -> Option<usize> {
    // SAFETY: the caller holds the interpreter's lock, and `of` is an object.
    unsafe {
        let number = match PyLong_Check(of) != 0 {
            true => {
                Py_INCREF(of);
                of
            }
            false => hooks::call(Hook::Address, [of]),
        };
        if number.is_null() {
            return None;
        }
        let address = PyLong_AsSize_t(number);
        Py_DECREF(number);
        PyErr_Occurred().is_null().then_some(address)
    }
}

/// `wrap(address, type, count, owner)`: a buffer of a block that the package got.
unsafe extern "C" fn wrap(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    given: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and so many arguments.
    unsafe {
        if given != 4 {
            errors::raise(PyExc_TypeError, "wrap takes address, type, count and owner");
            return null_mut();
        }
        let Some(address) = address(*arguments) else {
            return null_mut();
        };
        let owner = match PyLong_AsLong(*arguments.add(3)) {
            0 => Owner::Buffer,
            1 => Owner::Adopted,
            2 => Owner::Arena,
            _ => {
                errors::raise(PyExc_ValueError, "the owner is 0, 1 or 2");
                return null_mut();
            }
        };
        let Some((layout, count)) = wanted(*arguments.add(1), *arguments.add(2)) else {
            return null_mut();
        };
        let buffer = buffer::new(address as *mut u8, count, layout, owner);
        Py_DECREF(layout.cast());
        buffer
    }
}

/// `end(buffer, how)`: its block is released (3), given away (4), or the caller's own
/// from now on (0): for the package.
unsafe extern "C" fn end(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    given: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and so many arguments.
    unsafe {
        let buffer = match given {
            2 => buffer::of(*arguments),
            _ => null_mut(),
        };
        if buffer.is_null() {
            errors::raise(PyExc_TypeError, "end takes a Buffer and a number");
            return null_mut();
        }
        match PyLong_AsLong(*arguments.add(1)) {
            0 if (*buffer).is_live() => (*buffer).owner = Owner::Adopted,
            3 if (*buffer).is_live() => buffer::end(buffer, Owner::Released),
            4 if (*buffer).is_live() => buffer::end(buffer, Owner::Given),
            _ => {}
        }
        none()
    }
}

/// `exports(buffer)`.
unsafe extern "C" fn exports(_: *mut PyObject, object: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and an object.
    unsafe {
        let buffer = buffer::of(object);
        let number = if buffer.is_null() {
            0
        } else {
            (*buffer).exports
        };
        PyLong_FromSize_t(number)
    }
}

/// `live(address)`: the buffer that begins there, or None.
unsafe extern "C" fn live(_: *mut PyObject, given: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and an object.
    unsafe {
        let Some(address) = address(given) else {
            return null_mut();
        };
        let buffer = buffer::LIVE.get().find(address);
        if buffer.is_null() {
            return none();
        }
        Py_INCREF(buffer.cast());
        buffer.cast()
    }
}

/// `call(function, *arguments)`: what the library records meanwhile has the caller's
/// frames, and counts in the context's scope.
unsafe extern "C" fn call(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    given: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and so many arguments.
    unsafe {
        if given < 1 {
            errors::raise(PyExc_TypeError, "call takes a function and its arguments");
            return null_mut();
        }
        let tuple = PyTuple_New(given - 1);
        if tuple.is_null() {
            return null_mut();
        }
        for place in 1..given {
            let argument = *arguments.offset(place);
            Py_INCREF(argument);
            PyTuple_SetItem(tuple, place - 1, argument);
        }
        let result = tracked(|_| PyObject_Call(*arguments, tuple, null_mut()));
        Py_DECREF(tuple);
        result.unwrap_or(null_mut())
    }
}

/// `set_up(hooks, folder)`: what the package gives when it is imported.
unsafe extern "C" fn set_up(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    given: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and so many arguments; the
    // bytes live as long as their object.
    unsafe {
        if given != 2 || PyDict_Check(*arguments) == 0 || PyBytes_Check(*arguments.add(1)) == 0 {
            errors::raise(PyExc_TypeError, "set_up takes a dict and bytes");
            return null_mut();
        }
        let folder = *arguments.add(1);
        let length = PyBytes_Size(folder) as usize;
        let bytes = core::slice::from_raw_parts(PyBytes_AsString(folder).cast(), length);
        frames::set_own(bytes);
        match hooks::take(*arguments) {
            true => none(),
            false => null_mut(),
        }
    }
}

/// `walks_fast()`: whether frames are read where they are, not by the API.
unsafe extern "C" fn walks_fast(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock.
    unsafe { PyBool_FromLong(walk::is_fast().into()) }
}

/// `follow(variable)`: the context variable with the scope.
unsafe extern "C" fn follow(_: *mut PyObject, variable: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and an object.
    unsafe {
        tracked::set_variable(variable);
        none()
    }
}

/// Where it was, also of what is released: for messages.
unsafe extern "C" fn was(_: *mut PyObject, object: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and an object.
    unsafe {
        let buffer = buffer::of(object);
        if buffer.is_null() {
            errors::raise(PyExc_TypeError, "was takes a Buffer");
            return null_mut();
        }
        let tuple = PyTuple_New(2);
        if !tuple.is_null() {
            PyTuple_SetItem(tuple, 0, PyLong_FromSize_t((*buffer).address as usize));
            PyTuple_SetItem(tuple, 1, PyLong_FromSize_t((*buffer).count));
        }
        tuple
    }
}

pub(crate) fn fast(name: &'static CStr, function: Fast, doc: &'static CStr) -> PyMethodDef {
    method(name, function as *mut c_void, METH_FASTCALL, doc)
}

pub(crate) fn method(
    name: &'static CStr,
    function: *mut c_void,
    flags: c_int,
    doc: &'static CStr,
) -> PyMethodDef {
    PyMethodDef {
        ml_name: name.as_ptr(),
        // SAFETY: a union of pointers to functions; the flags say which one it is.
        ml_meth: unsafe { core::mem::transmute::<*mut c_void, PyMethodDefPointer>(function) },
        ml_flags: flags,
        ml_doc: doc.as_ptr(),
    }
}

pub(crate) fn last() -> PyMethodDef {
    PyMethodDef::zeroed()
}

/// A list that lives as long as the process.
pub(crate) fn keep<T>(list: Vec<T>) -> *mut T {
    Box::leak(list.into_boxed_slice()).as_mut_ptr()
}

/// The functions of the module. Called once.
pub(crate) fn functions() -> *mut PyMethodDef {
    let one = |name, function: *mut c_void, doc| method(name, function, METH_O, doc);
    keep(vec![
        fast(c"calloc", calloc, CALLOC),
        fast(c"malloc", malloc, MALLOC),
        one(c"free", free as *mut c_void, FREE),
        fast(c"wrap", wrap, c"For the package."),
        fast(c"end", end, c"For the package."),
        one(c"exports", exports as *mut c_void, c"For the package."),
        one(c"live", live as *mut c_void, c"For the package."),
        one(c"was", was as *mut c_void, c"For the package."),
        fast(c"call", call, c"For the package."),
        fast(c"set_up", set_up, c"For the package."),
        method(
            c"walks_fast",
            walks_fast as *mut c_void,
            METH_NOARGS,
            c"For the package.",
        ),
        one(c"follow", follow as *mut c_void, c"For the package."),
        last(),
    ])
}

/// The definition of the module, which Python keeps.
pub(crate) fn lists() -> &'static Locked<Option<*mut PyMethodDef>> {
    static LISTS: Locked<Option<*mut PyMethodDef>> = Locked::new(None);
    &LISTS
}

const CALLOC: &CStr = c"calloc(type, count=1, /)
--

A zeroed Buffer of `count` elements of a ctypes type; of that many bytes when `type` is
an integer.

Raises freehold.OutOfMemory, freehold.TooLarge or freehold.CountOverflow.";
const MALLOC: &CStr = c"malloc(type, count=1, /)
--

As `calloc`, with anything in it.";
const FREE: &CStr = c"free(pointer, /)
--

Releases a block of any family: a Buffer, a pointer of ctypes or cffi, or an address.

Raises a subclass of freehold.Error for every misuse: DoubleFree, Foreign, Interior, ...";
