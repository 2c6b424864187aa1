//! The type `Buffer`: a block of native memory and whether it still lives.
//!
//! What is not here: elements (`access`), the buffer protocol (`export`), methods (`methods`),
//! the functions that make buffers (`calls`).

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

use pyo3_ffi::*;

use crate::hooks::{self, Hook};
use crate::layout::{Layout, slot};
use crate::live::Live;
use crate::state::{Locked, state};
use crate::tracked::tracked;
use crate::{access, api, errors, export, methods};

/// Whose the block is.
#[derive(Clone, Copy, PartialEq)]
#[repr(u8)]
pub(crate) enum Owner {
    /// The buffer's: `free` releases it.
    Buffer = 0,
    /// The same, by a function that may take long or run Python: `free` lets other
    /// threads run meanwhile.
    Adopted = 1,
    /// An arena's.
    Arena = 2,
    /// Nobody's: it was released.
    Released = 3,
    /// Somebody's: it was given away.
    Given = 4,
}

/// The object. The interpreter's lock protects it.
#[repr(C)]
pub(crate) struct Buffer {
    head: PyObject,
    pub(crate) address: *mut u8,
    /// Elements.
    pub(crate) count: usize,
    pub(crate) layout: *mut Layout,
    /// Views by the buffer protocol.
    pub(crate) exports: usize,
    weak: *mut PyObject,
    pub(crate) owner: Owner,
}

static TYPE: Locked<*mut PyTypeObject> = Locked::new(null_mut());
pub(crate) static LIVE: Locked<Live> = Locked::new(Live::new());

/// `tracemalloc`'s domain of these blocks.
pub(crate) const DOMAIN: core::ffi::c_uint = 0xf4ee;

impl Buffer {
    /// Whether the memory may be used.
    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        (self.owner as u8) < Owner::Released as u8
    }

    pub(crate) fn layout(&self) -> &Layout {
        // SAFETY: a buffer that Python got holds its layout.
        unsafe { &*self.layout }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.count * self.layout().size
    }
}

/// The buffer that an object is, or null.
///
/// # Safety
/// The caller holds the interpreter's lock; `object` is an object.
#[inline]
pub(crate) unsafe fn of(object: *mut PyObject) -> *mut Buffer {
    // SAFETY: promised by the caller.
    match unsafe { Py_TYPE(object) == *TYPE.get() } {
        true => object.cast(),
        false => null_mut(),
    }
}

/// A buffer of a block. Gives null with the exception set when there is no memory for
/// the object; then the block is still the caller's.
///
/// # Safety
/// The caller holds the interpreter's lock; `layout` is one; the block has `count`
/// elements of it and belongs to `owner`.
#[inline]
pub(crate) unsafe fn new(
    address: *mut u8,
    count: usize,
    layout: *mut Layout,
    owner: Owner,
) -> *mut PyObject {
    // SAFETY: promised by the caller; the type is there as soon as the module is.
    unsafe {
        let object = PyType_GenericAlloc(*TYPE.get(), 0);
        if object.is_null() {
            return null_mut();
        }
        let buffer = object.cast::<Buffer>();
        (*buffer).address = address;
        (*buffer).count = count;
        Py_INCREF(layout.cast());
        (*buffer).layout = layout;
        begin(buffer, owner);
        object
    }
}

/// The block is the buffer's.
///
/// # Safety
/// The caller holds the interpreter's lock; `buffer` has address, count and layout, and
/// is not live.
#[inline]
pub(crate) unsafe fn begin(buffer: *mut Buffer, owner: Owner) {
    // SAFETY: promised by the caller.
    unsafe {
        (*buffer).owner = owner;
        LIVE.get().add(buffer);
        if owner != Owner::Arena
            && let Some(track) = state().newer.track
        {
            track(DOMAIN, (*buffer).address as usize, (*buffer).bytes());
        }
    }
}

/// The block is not the buffer's any more.
///
/// # Safety
/// The caller holds the interpreter's lock; `buffer` is live.
#[inline]
pub(crate) unsafe fn end(buffer: *mut Buffer, owner: Owner) {
    // SAFETY: promised by the caller.
    unsafe {
        LIVE.get().remove(buffer);
        if (*buffer).owner != Owner::Arena
            && let Some(untrack) = state().newer.untrack
        {
            untrack(DOMAIN, (*buffer).address as usize);
        }
        (*buffer).owner = owner;
    }
}

/// Whether the memory may be released or moved now; if not, the exception is set.
///
/// # Safety
/// The caller holds the interpreter's lock; `buffer` is a buffer.
#[inline]
pub(crate) unsafe fn may_end(buffer: *mut Buffer, what: &core::ffi::CStr) -> bool {
    // SAFETY: promised by the caller.
    unsafe {
        if !(*buffer).is_live() {
            refuse(buffer, what);
            return false;
        }
        if (*buffer).owner == Owner::Arena {
            // Untracked, the library could not tell, and the arena would do it again.
            refuse(buffer, what);
            return false;
        }
        if (*buffer).exports != 0 {
            hooks::raise(Hook::Exported, [buffer.cast()]);
            return false;
        }
    }
    true
}

/// Raises what a use of a buffer raises whose block is not its own, or not any more.
///
/// # Safety
/// The caller holds the interpreter's lock; `buffer` is such a buffer.
#[cold]
pub(crate) unsafe fn refuse(buffer: *mut Buffer, what: &core::ffi::CStr) {
    // SAFETY: promised by the caller.
    unsafe {
        let what = PyUnicode_FromString(what.as_ptr());
        if !what.is_null() {
            hooks::raise(Hook::Released, [buffer.cast(), what]);
            Py_DECREF(what);
        }
    }
}

/// Releases the block. Gives whether it is done; if not, the exception is set and the
/// buffer is as it was.
///
/// # Safety
/// The caller holds the interpreter's lock; `buffer` is a buffer.
pub(crate) unsafe fn free(buffer: *mut Buffer) -> bool {
    // SAFETY: promised by the caller; the library refuses what is not to be released.
    unsafe {
        if !may_end(buffer, c"free") {
            return false;
        }
        let (address, owner) = ((*buffer).address, (*buffer).owner);
        if owner == Owner::Adopted {
            return free_adopted(buffer);
        }
        let Some(code) = tracked(|state| (state.raw.freehold_free)(address.cast())) else {
            return false;
        };
        if code != 0 {
            errors::raise_last();
            return false;
        }
        end(buffer, Owner::Released);
        true
    }
}

/// # Safety
/// As for [`free`]; the buffer is live, adopted and not exported.
unsafe fn free_adopted(buffer: *mut Buffer) -> bool {
    // SAFETY: promised by the caller. It is ended first: its function may let other
    // threads run, which must not find it live.
    unsafe {
        let address = (*buffer).address;
        end(buffer, Owner::Released);
        let code = tracked(|state| {
            let saved = PyEval_SaveThread();
            let code = (state.raw.freehold_free)(address.cast());
            PyEval_RestoreThread(saved);
            code
        });
        if code == Some(0) {
            return true;
        }
        if code.is_some() {
            errors::raise_last();
        }
        begin(buffer, Owner::Adopted);
        false
    }
}

/// `__del__`, in which the buffer is still whole: it warns, and releases the block.
unsafe extern "C" fn finalize(object: *mut PyObject) {
    let buffer = object.cast::<Buffer>();
    // SAFETY: the interpreter calls this with its lock and a buffer. The exception that
    // may be set belongs to whoever runs, and is kept.
    unsafe {
        if !(*buffer).is_live() || (*buffer).owner == Owner::Arena {
            return;
        }
        let (mut kind, mut value, mut trace) = (null_mut(), null_mut(), null_mut());
        PyErr_Fetch(&raw mut kind, &raw mut value, &raw mut trace);
        let done = hooks::call(Hook::Collected, [object]);
        if done.is_null() {
            PyErr_WriteUnraisable(object);
        }
        Py_XDECREF(done);
        // At once, as files are closed: the warning that is kept keeps its source. Only
        // what it was exported to then would keep the memory.
        if (*buffer).exports == 0 {
            leave(buffer);
        }
        PyErr_Restore(kind, value, trace);
    }
}

unsafe extern "C" fn dealloc(object: *mut PyObject) {
    let buffer = object.cast::<Buffer>();
    // SAFETY: the last reference is gone, but for what `finalize` may make of it; then
    // the object lives on. Heap types are referred to by their objects.
    unsafe {
        if (*buffer).is_live() {
            if (*buffer).owner != Owner::Arena
                && let Some(call) = state().newer.finalize
                && call(object) != 0
            {
                return;
            }
            leave(buffer);
        }
        if !(*buffer).weak.is_null() {
            PyObject_ClearWeakRefs(object);
        }
        let class = Py_TYPE(object);
        Py_XDECREF((*buffer).layout.cast());
        PyObject_Free(object.cast());
        Py_DECREF(class.cast());
    }
}

/// Releases what the collector found, so that the ledger knows who did it.
///
/// # Safety
/// The caller holds the interpreter's lock; nobody has a reference to the buffer.
unsafe fn leave(buffer: *mut Buffer) {
    // SAFETY: promised by the caller.
    unsafe {
        if !(*buffer).is_live() {
            return; // by the hook
        }
        let (address, owner, bytes) = ((*buffer).address, (*buffer).owner, (*buffer).bytes());
        end(buffer, Owner::Released);
        if owner == Owner::Arena {
            return;
        }
        // No frames: what runs here is whatever dropped the last reference.
        let raw = &state().raw;
        if (raw.freehold_attach_finalizer)(address.cast(), bytes) == 0 {
            (raw.freehold_finalize)(address.cast());
        }
    }
}

unsafe extern "C" fn new_refused(
    _: *mut PyTypeObject,
    _: *mut PyObject,
    _: *mut PyObject,
) -> *mut PyObject {
    let text = c"a Buffer is made by freehold.calloc, malloc, adopt or an arena";
    // SAFETY: the interpreter calls this with its lock.
    unsafe { PyErr_SetString(PyExc_TypeError, text.as_ptr()) };
    null_mut()
}

/// Makes the type.
///
/// # Safety
/// The caller holds the interpreter's lock; `module` is the module that is being made.
pub(crate) unsafe fn add_to(module: *mut PyObject) -> bool {
    static MEMBERS: Locked<[PyMemberDef; 2]> = Locked::new([
        PyMemberDef {
            name: c"__weaklistoffset__".as_ptr(),
            type_code: Py_T_PYSSIZET,
            offset: core::mem::offset_of!(Buffer, weak) as Py_ssize_t,
            flags: Py_READONLY,
            doc: core::ptr::null(),
        },
        // SAFETY: all zeros end the list.
        unsafe { core::mem::zeroed() },
    ]);
    // SAFETY: promised by the caller; the functions have the types of their slots, and
    // the lists live for ever.
    unsafe {
        let mut slots = [
            slot(Py_tp_new, new_refused as *mut c_void),
            slot(Py_tp_dealloc, dealloc as *mut c_void),
            slot(Py_tp_finalize, finalize as *mut c_void),
            slot(Py_tp_repr, methods::repr as *mut c_void),
            slot(Py_tp_methods, methods::methods().cast()),
            slot(Py_tp_getset, methods::properties().cast()),
            slot(Py_tp_members, MEMBERS.get().as_mut_ptr().cast()),
            slot(Py_tp_doc, DOC.as_ptr() as *mut c_void),
            slot(Py_sq_length, access::length as *mut c_void),
            slot(Py_sq_item, access::item as *mut c_void),
            slot(Py_mp_length, access::length as *mut c_void),
            slot(Py_mp_subscript, access::subscript as *mut c_void),
            slot(Py_mp_ass_subscript, access::set_subscript as *mut c_void),
            slot(api::BF_GETBUFFER, export::get as *mut c_void),
            slot(api::BF_RELEASEBUFFER, export::release as *mut c_void),
            slot(0, null_mut()),
        ];
        let mut spec = PyType_Spec {
            name: c"freehold._native.Buffer".as_ptr(),
            basicsize: size_of::<Buffer>() as c_int,
            itemsize: 0,
            flags: Py_TPFLAGS_DEFAULT as _,
            slots: slots.as_mut_ptr(),
        };
        let class = PyType_FromSpec(&raw mut spec);
        if class.is_null() {
            return false;
        }
        *TYPE.get() = class.cast();
        Py_INCREF(class);
        PyModule_AddObject(module, c"Buffer".as_ptr(), class) == 0
    }
}

const DOC: &core::ffi::CStr = c"A block of native memory with elements of one type.

Made by `freehold.calloc`, `malloc`, `adopt` and arenas. Indexing is checked: a wrong
index is an IndexError, and a buffer that was released raises freehold.Released. It
exports the buffer protocol, so that memoryview, ctypes, cffi and numpy use the memory
itself; as long as they do, it cannot be released (freehold.InUse).";
