//! Elements of a `Buffer`: bounds and life are checked at each access, after the value
//! was converted, which may run anything.

use core::ffi::{c_char, c_int};
use core::ptr::null_mut;

use pyo3_ffi::*;

use crate::api::{self, View};
use crate::buffer::{self, Buffer};
use crate::hooks::{self, Hook};
use crate::layout::Kind;
use crate::{api::PyBuffer_Release, api::PyObject_GetBuffer, errors};

/// A value that is ready to be stored.
#[derive(Clone, Copy)]
enum Value {
    Bytes([u8; 8], usize),
    /// What the package stores.
    Object(*mut PyObject),
}

/// `len(buffer)`.
pub(crate) unsafe extern "C" fn length(object: *mut PyObject) -> Py_ssize_t {
    let buffer = object.cast::<Buffer>();
    // SAFETY: the interpreter calls this with its lock and a buffer.
    unsafe {
        match (*buffer).is_live() {
            true => (*buffer).count as Py_ssize_t,
            false => {
                buffer::refuse(buffer, c"len");
                -1
            }
        }
    }
}

/// Where an element lies; null with the exception set when there is none.
///
/// # Safety
/// The caller holds the interpreter's lock; `buffer` is a buffer.
#[inline]
unsafe fn place(buffer: *mut Buffer, index: Py_ssize_t) -> *mut u8 {
    // SAFETY: promised by the caller; within bounds the sum is inside the block.
    unsafe {
        if !(*buffer).is_live() {
            buffer::refuse(buffer, c"access");
            return null_mut();
        }
        match usize::try_from(index) {
            Ok(at) if at < (*buffer).count => (*buffer).address.add(at * (*buffer).layout().size),
            _ => {
                outside(buffer, index);
                null_mut()
            }
        }
    }
}

#[cold]
unsafe fn outside(buffer: *mut Buffer, index: Py_ssize_t) {
    // SAFETY: as for `place`.
    unsafe {
        let (count, name) = ((*buffer).count, &(*buffer).layout().form().name);
        let name = name.to_string_lossy();
        let text = match count {
            0 => format!("index {index} is outside: the Buffer has no elements"),
            1 => format!("index {index} is outside: the Buffer has 1 element of {name}, at 0"),
            _ => format!(
                "index {index} is outside: the Buffer has {count} elements of {name}, 0 to {}",
                count - 1
            ),
        };
        errors::raise(PyExc_IndexError, &text);
    }
}

/// Reads an element.
///
/// # Safety
/// The caller holds the interpreter's lock; `buffer` is a buffer.
unsafe fn load(buffer: *mut Buffer, index: Py_ssize_t) -> *mut PyObject {
    // SAFETY: promised by the caller; a place that is not null has a whole element.
    unsafe {
        let at = place(buffer, index);
        if at.is_null() {
            return null_mut();
        }
        match (*buffer).layout().kind {
            Kind::Unsigned(1) => PyLong_FromLong((*at).into()),
            Kind::Signed(1) => PyLong_FromLong((*at.cast::<i8>()).into()),
            Kind::Unsigned(2) => PyLong_FromLong(at.cast::<u16>().read_unaligned().into()),
            Kind::Signed(2) => PyLong_FromLong(at.cast::<i16>().read_unaligned().into()),
            Kind::Unsigned(4) => {
                PyLong_FromUnsignedLongLong(at.cast::<u32>().read_unaligned().into())
            }
            Kind::Signed(4) => PyLong_FromLong(at.cast::<i32>().read_unaligned().into()),
            Kind::Unsigned(_) => PyLong_FromUnsignedLongLong(at.cast::<u64>().read_unaligned()),
            Kind::Signed(_) => PyLong_FromLongLong(at.cast::<i64>().read_unaligned()),
            Kind::Float => PyFloat_FromDouble(at.cast::<f32>().read_unaligned().into()),
            Kind::Double => PyFloat_FromDouble(at.cast::<f64>().read_unaligned()),
            Kind::Bool => PyBool_FromLong((*at != 0).into()),
            Kind::Char => PyBytes_FromStringAndSize(at.cast::<c_char>(), 1),
            Kind::Object => {
                let number = PyLong_FromSsize_t(index);
                if number.is_null() {
                    return null_mut();
                }
                let value = hooks::call(Hook::Load, [buffer.cast(), number]);
                Py_DECREF(number);
                value
            }
        }
    }
}

/// Makes ready what is to be stored, which may run Python. `None`: the exception is set.
///
/// # Safety
/// The caller holds the interpreter's lock; `value` is an object.
unsafe fn convert(kind: Kind, value: *mut PyObject) -> Option<Value> {
    // SAFETY: promised by the caller.
    unsafe {
        let ready = match kind {
            Kind::Signed(size) => {
                let number = integer(value, PyLong_AsLongLong)?;
                let bits = 64 - 8 * u32::from(size);
                if (number << bits) >> bits != number {
                    return does_not_fit(number.into(), size, true);
                }
                (number.to_ne_bytes(), size.into())
            }
            Kind::Unsigned(size) => {
                // A negative one is none of the unsigned, which Python says itself.
                let number = integer(value, PyLong_AsUnsignedLongLong)?;
                if size < 8 && number >> (8 * u32::from(size)) != 0 {
                    return does_not_fit(number.into(), size, false);
                }
                (number.to_ne_bytes(), size.into())
            }
            Kind::Float => {
                let number = PyFloat_AsDouble(value) as f32;
                let mut bytes = [0; 8];
                bytes[..4].copy_from_slice(&number.to_ne_bytes());
                (bytes, 4)
            }
            Kind::Double => (PyFloat_AsDouble(value).to_ne_bytes(), 8),
            Kind::Bool => match PyObject_IsTrue(value) {
                -1 => return None,
                is_true => ([is_true as u8; 8], 1),
            },
            Kind::Char => {
                if PyBytes_Check(value) != 0 && PyBytes_Size(value) == 1 {
                    ([*PyBytes_AsString(value) as u8; 8], 1)
                } else if PyLong_Check(value) != 0 {
                    return convert(Kind::Unsigned(1), value);
                } else {
                    let text = "an element of c_char is bytes of length 1, or an integer";
                    errors::raise(PyExc_TypeError, text);
                    return None;
                }
            }
            Kind::Object => return Some(Value::Object(value)),
        };
        if matches!(kind, Kind::Float | Kind::Double) && !PyErr_Occurred().is_null() {
            return None;
        }
        // Numbers are stored from their first byte, where the small ones are.
        const { assert!(cfg!(target_endian = "little")) };
        Some(Value::Bytes(ready.0, ready.1))
    }
}

/// An integer, also of what has `__index__`.
unsafe fn integer<N: Copy>(
    value: *mut PyObject,
    read: unsafe extern "C" fn(*mut PyObject) -> N,
) -> Option<N> {
    // SAFETY: as for `convert`.
    unsafe {
        let number = PyNumber_Index(value);
        if number.is_null() {
            return None;
        }
        let read = read(number);
        Py_DECREF(number);
        PyErr_Occurred().is_null().then_some(read)
    }
}

#[cold]
unsafe fn does_not_fit(number: i128, size: u8, is_signed: bool) -> Option<Value> {
    let bits = 8 * u32::from(size);
    let (least, most) = match is_signed {
        true => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
        false => (0, (1_i128 << bits) - 1),
    };
    let text = format!("{number} does not fit: an element is {least} to {most}");
    // SAFETY: as for `convert`.
    unsafe { errors::raise(PyExc_OverflowError, &text) };
    None
}

/// Stores an element.
///
/// # Safety
/// The caller holds the interpreter's lock; both are objects.
unsafe fn store(buffer: *mut Buffer, index: Py_ssize_t, value: *mut PyObject) -> bool {
    // SAFETY: promised by the caller; a place that is not null has a whole element.
    unsafe {
        let kind = (*buffer).layout().kind;
        let Some(ready) = convert(kind, value) else {
            return false;
        };
        let at = place(buffer, index);
        if at.is_null() {
            return false;
        }
        match ready {
            Value::Bytes(bytes, size) => {
                core::ptr::copy_nonoverlapping(bytes.as_ptr(), at, size);
                true
            }
            Value::Object(value) => {
                let number = PyLong_FromSsize_t(index);
                if number.is_null() {
                    return false;
                }
                let done = hooks::call(Hook::Store, [buffer.cast(), number, value]);
                Py_DECREF(number);
                Py_XDECREF(done);
                !done.is_null()
            }
        }
    }
}

/// `buffer[index]` by the sequence protocol, which iteration uses.
pub(crate) unsafe extern "C" fn item(object: *mut PyObject, index: Py_ssize_t) -> *mut PyObject {
    // SAFETY: the interpreter calls this with its lock and a buffer.
    unsafe { load(object.cast(), index) }
}

/// An index, counted from the end when it is negative. `None`: the exception is set.
unsafe fn index_of(buffer: *mut Buffer, key: *mut PyObject) -> Option<Py_ssize_t> {
    // SAFETY: as for `load`.
    unsafe {
        let index = PyNumber_AsSsize_t(key, PyExc_IndexError);
        if index == -1 && !PyErr_Occurred().is_null() {
            return None;
        }
        let from_end = index + (*buffer).count as Py_ssize_t;
        Some(match index < 0 && from_end >= 0 {
            true => from_end,
            false => index,
        })
    }
}

/// Start, step and number of the elements of a slice. `None`: the exception is set.
unsafe fn slice(
    buffer: *mut Buffer,
    key: *mut PyObject,
) -> Option<(Py_ssize_t, Py_ssize_t, Py_ssize_t)> {
    let (mut start, mut stop, mut step) = (0, 0, 0);
    // SAFETY: as for `load`; the key is a slice. Its numbers are read first, which may
    // run Python.
    unsafe {
        if PySlice_Unpack(key, &raw mut start, &raw mut stop, &raw mut step) != 0 {
            return None;
        }
        if !(*buffer).is_live() {
            buffer::refuse(buffer, c"access");
            return None;
        }
        let count = (*buffer).count as Py_ssize_t;
        let length = PySlice_AdjustIndices(count, &raw mut start, &raw mut stop, step);
        Some((start, step, length))
    }
}

/// `buffer[key]`.
pub(crate) unsafe extern "C" fn subscript(
    object: *mut PyObject,
    key: *mut PyObject,
) -> *mut PyObject {
    let buffer = object.cast::<Buffer>();
    // SAFETY: the interpreter calls this with its lock and objects.
    unsafe {
        if Py_TYPE(key) != &raw mut PySlice_Type {
            return match index_of(buffer, key) {
                Some(index) => load(buffer, index),
                None => null_mut(),
            };
        }
        let Some((start, step, length)) = slice(buffer, key) else {
            return null_mut();
        };
        if (*buffer).layout().kind == Kind::Char {
            let bytes: Vec<u8> = (0..length)
                .map(|n| *(*buffer).address.offset(start + n * step))
                .collect();
            return PyBytes_FromStringAndSize(bytes.as_ptr().cast(), length);
        }
        let list = PyList_New(length);
        for n in 0..length {
            if list.is_null() {
                return null_mut();
            }
            let value = load(buffer, start + n * step);
            if value.is_null() {
                Py_DECREF(list);
                return null_mut();
            }
            PyList_SetItem(list, n, value);
        }
        list
    }
}

/// `buffer[key] = value`.
pub(crate) unsafe extern "C" fn set_subscript(
    object: *mut PyObject,
    key: *mut PyObject,
    value: *mut PyObject,
) -> c_int {
    let buffer = object.cast::<Buffer>();
    // SAFETY: the interpreter calls this with its lock and objects, or no value.
    unsafe {
        if value.is_null() {
            errors::raise(PyExc_TypeError, "elements of a Buffer cannot be deleted");
            return -1;
        }
        let done = if Py_TYPE(key) == &raw mut PySlice_Type {
            set_slice(buffer, key, value)
        } else {
            match index_of(buffer, key) {
                Some(index) => store(buffer, index, value),
                None => false,
            }
        };
        if done { 0 } else { -1 }
    }
}

/// Stores as many values as the slice has elements.
unsafe fn set_slice(buffer: *mut Buffer, key: *mut PyObject, value: *mut PyObject) -> bool {
    // SAFETY: as for `store`. Whatever the values run, each place is checked when it is
    // stored to.
    unsafe {
        let size = (*buffer).layout().size;
        let is_bytes = matches!(
            (*buffer).layout().kind,
            Kind::Char | Kind::Unsigned(1) | Kind::Signed(1)
        );
        let is_text = PyBytes_Check(value) != 0 || PyByteArray_Check(value) != 0;
        if is_bytes && (is_text || PyMemoryView_Check(value) != 0) && size == 1 {
            let mut view: View = core::mem::zeroed();
            if PyObject_GetBuffer(value, &raw mut view, api::SIMPLE) != 0 {
                return false;
            }
            let done = copy(buffer, key, &view);
            PyBuffer_Release(&raw mut view);
            return done;
        }
        let list = PySequence_List(value);
        if list.is_null() {
            return false;
        }
        let done = match slice(buffer, key) {
            Some((start, step, length)) => {
                has_length(PyList_Size(list), length)
                    && (0..length).all(|n| {
                        // Somebody else may have it and make it shorter.
                        let value = PyList_GetItem(list, n);
                        !value.is_null() && {
                            Py_INCREF(value);
                            let done = store(buffer, start + n * step, value);
                            Py_DECREF(value);
                            done
                        }
                    })
            }
            None => false,
        };
        Py_DECREF(list);
        done
    }
}

unsafe fn copy(buffer: *mut Buffer, key: *mut PyObject, view: &View) -> bool {
    // SAFETY: as for `set_slice`; `slice` gives places inside the block, and nothing
    // runs behind it. The two may be the same memory.
    unsafe {
        let Some((start, step, length)) = slice(buffer, key) else {
            return false;
        };
        if !has_length(view.len, length) {
            return false;
        }
        let (from, to) = (view.buf.cast::<u8>(), (*buffer).address);
        if step == 1 {
            core::ptr::copy(from, to.offset(start), length as usize);
        } else {
            let bytes = core::slice::from_raw_parts(from, length as usize).to_vec();
            for (n, byte) in bytes.into_iter().enumerate() {
                *to.offset(start + n as Py_ssize_t * step) = byte;
            }
        }
        true
    }
}

unsafe fn has_length(given: Py_ssize_t, needed: Py_ssize_t) -> bool {
    if given == needed {
        return true;
    }
    let text = format!("{given} values for {needed} elements: a Buffer does not change its size");
    // SAFETY: as for `set_slice`.
    unsafe { errors::raise(PyExc_ValueError, &text) };
    false
}
