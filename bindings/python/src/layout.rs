//! What an element of a `Buffer` is: the type `Layout`, made once for each type of
//! `ctypes` by the package (`_layout.py`).

use core::ffi::{c_char, c_int, c_void};
use core::ptr::null_mut;
use std::ffi::{CStr, CString};

use pyo3_ffi::*;

use crate::hooks::{self, Hook};
use crate::state::{Locked, state};

/// A number that is read and written here; all else is the package's work.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Signed, of so many bytes.
    Signed(u8),
    /// Unsigned, of so many bytes.
    Unsigned(u8),
    Float,
    Double,
    Bool,
    /// `bytes` of length 1.
    Char,
    /// Anything else.
    Object,
}

impl Kind {
    /// By the letter of the `struct` module, for a type of `size` bytes.
    fn of(letter: u8, size: usize) -> Kind {
        let size = match size {
            1 | 2 | 4 | 8 => size as u8,
            _ => return Kind::Object,
        };
        match letter {
            b'b' | b'h' | b'i' | b'l' | b'q' => Kind::Signed(size),
            b'B' | b'H' | b'I' | b'L' | b'Q' | b'P' => Kind::Unsigned(size),
            b'f' if size == 4 => Kind::Float,
            b'd' if size == 8 => Kind::Double,
            b'?' if size == 1 => Kind::Bool,
            b'c' => Kind::Char,
            _ => Kind::Object,
        }
    }
}

/// The object.
#[repr(C)]
pub(crate) struct Layout {
    head: PyObject,
    pub(crate) size: usize,
    pub(crate) alignment: usize,
    /// The library's number of the type's name.
    pub(crate) tag: u32,
    pub(crate) kind: Kind,
    /// The type that it was made for.
    pub(crate) of: *mut PyObject,
    /// What is not copied into each buffer; null until `new` is done.
    pub(crate) form: *mut Form,
}

/// How an element is told to others.
pub(crate) struct Form {
    /// Its name.
    pub(crate) name: CString,
    /// As the buffer protocol has it.
    pub(crate) format: CString,
    /// Bytes of what `format` is of; less than an element where that is an array.
    pub(crate) item: usize,
    /// The lengths of such an array.
    pub(crate) inner: Vec<usize>,
}

impl Layout {
    pub(crate) fn form(&self) -> &Form {
        // SAFETY: a layout that Python got has one, until it is deallocated.
        unsafe { &*self.form }
    }
}

static TYPE: Locked<*mut PyTypeObject> = Locked::new(null_mut());

/// Layouts by type. Each holds its type, so that no other comes to the same address.
static KNOWN: Locked<*mut PyObject> = Locked::new(null_mut());
/// The last one that was asked for; borrowed from `KNOWN`.
static LAST: Locked<(*mut PyObject, *mut Layout)> = Locked::new((null_mut(), null_mut()));
/// More types than a program has, unless it makes them as it goes.
const MOST: Py_ssize_t = 4096;

/// The layout of a type, borrowed; null with the exception set.
///
/// # Safety
/// The caller holds the interpreter's lock; `of` is an object, and stays. The result
/// is used before any Python can run.
#[inline]
pub(crate) unsafe fn of(of: *mut PyObject) -> *mut Layout {
    // SAFETY: nothing runs while the cell is used.
    let (last, layout) = unsafe { *LAST.get() };
    if last == of {
        return layout;
    }
    // SAFETY: as promised by the caller.
    unsafe { look_up(of) }
}

/// # Safety
/// As for [`of`].
unsafe fn look_up(of: *mut PyObject) -> *mut Layout {
    // SAFETY: promised by the caller; the dictionary is the module's own.
    unsafe {
        let mut known = *KNOWN.get();
        // Every integer is a count of bytes: the package's word for it is None.
        let key = match PyLong_Check(of) != 0 {
            true => Py_None(),
            false => of,
        };
        let mut found = match known.is_null() {
            true => null_mut(),
            false => PyDict_GetItemWithError(known, key),
        };
        if found.is_null() {
            if !PyErr_Occurred().is_null() {
                return null_mut();
            }
            found = hooks::call(Hook::Layout, [key]);
            if found.is_null() {
                return null_mut();
            }
            if Py_TYPE(found) != *TYPE.get() {
                Py_DECREF(found);
                PyErr_SetString(PyExc_TypeError, c"the hook gave no Layout".as_ptr());
                return null_mut();
            }
            known = *KNOWN.get();
            if known.is_null() {
                known = PyDict_New();
                if known.is_null() {
                    Py_DECREF(found);
                    return null_mut();
                }
                *KNOWN.get() = known;
            }
            if PyDict_Size(known) >= MOST {
                // Before the references go, which may run anything.
                *LAST.get() = (null_mut(), null_mut());
                PyDict_Clear(known);
            }
            let failed = PyDict_SetItem(known, key, found);
            Py_DECREF(found);
            if failed != 0 {
                return null_mut();
            }
        }
        let layout = found.cast::<Layout>();
        if key == of {
            *LAST.get() = (of, layout);
        }
        layout
    }
}

/// `Layout(type, size, alignment, name, letter, format, item, inner)`.
unsafe extern "C" fn new(
    class: *mut PyTypeObject,
    arguments: *mut PyObject,
    _: *mut PyObject,
) -> *mut PyObject {
    let mut of = null_mut();
    let (mut size, mut alignment, mut item): (Py_ssize_t, Py_ssize_t, Py_ssize_t) = (0, 1, 1);
    let (mut name, mut letter, mut format): (*const c_char, *const c_char, *const c_char) =
        (core::ptr::null(), core::ptr::null(), core::ptr::null());
    let mut inner = null_mut();
    // SAFETY: the interpreter calls this with its lock and a tuple; the format has a
    // place for each argument, of its type.
    unsafe {
        let parsed = PyArg_ParseTuple(
            arguments,
            c"OnnsssnO".as_ptr(),
            &raw mut of,
            &raw mut size,
            &raw mut alignment,
            &raw mut name,
            &raw mut letter,
            &raw mut format,
            &raw mut item,
            &raw mut inner,
        );
        if parsed == 0 {
            return null_mut();
        }
        let mut lengths = Vec::new();
        for place in 0..PySequence_Size(inner) {
            let length = PySequence_GetItem(inner, place);
            lengths.push(PyLong_AsSsize_t(length) as usize);
            Py_XDECREF(length);
        }
        if !PyErr_Occurred().is_null() {
            return null_mut();
        }
        let object = PyType_GenericAlloc(class, 0);
        if object.is_null() {
            return null_mut();
        }
        let form = Form {
            name: CStr::from_ptr(name).to_owned(),
            format: CStr::from_ptr(format).to_owned(),
            item: item as usize,
            inner: lengths,
        };
        let layout = object.cast::<Layout>();
        (*layout).size = size as usize;
        (*layout).alignment = alignment as usize;
        // 0 where there are too many names: then it is "void".
        (*layout).tag = (state().raw.freehold_tag)(form.name.as_ptr());
        (*layout).kind = Kind::of(*letter.cast(), size as usize);
        Py_INCREF(of);
        (*layout).of = of;
        (*layout).form = Box::into_raw(Box::new(form));
        object
    }
}

unsafe extern "C" fn dealloc(object: *mut PyObject) {
    // SAFETY: the last reference to a layout is gone, so nobody uses its fields; heap
    // types are referred to by their objects.
    unsafe {
        let class = Py_TYPE(object);
        let layout = object.cast::<Layout>();
        Py_XDECREF((*layout).of);
        if !(*layout).form.is_null() {
            drop(Box::from_raw((*layout).form));
        }
        PyObject_Free(object.cast::<c_void>());
        Py_DECREF(class.cast());
    }
}

/// Makes the type.
///
/// # Safety
/// The caller holds the interpreter's lock; `module` is the module that is being made.
pub(crate) unsafe fn add_to(module: *mut PyObject) -> bool {
    let mut slots = [
        slot(Py_tp_new, new as *mut c_void),
        slot(Py_tp_dealloc, dealloc as *mut c_void),
        slot(
            Py_tp_doc,
            c"What an element of a Buffer is; made by the package.".as_ptr() as *mut c_void,
        ),
        slot(0, null_mut()),
    ];
    let mut spec = PyType_Spec {
        name: c"freehold._native.Layout".as_ptr(),
        basicsize: size_of::<Layout>() as c_int,
        itemsize: 0,
        flags: Py_TPFLAGS_DEFAULT as _,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: promised by the caller; the specification lives during the call, and the
    // functions have the types of their slots.
    unsafe {
        let class = PyType_FromSpec(&raw mut spec);
        if class.is_null() {
            return false;
        }
        *TYPE.get() = class.cast();
        Py_INCREF(class);
        PyModule_AddObject(module, c"Layout".as_ptr(), class) == 0
    }
}

pub(crate) fn slot(number: c_int, what: *mut c_void) -> PyType_Slot {
    PyType_Slot {
        slot: number,
        pfunc: what,
    }
}
