//! Walks over the frames of Python that run: by the C API, and by where the fields are
//! in versions whose form is known, which is several times as fast.
//!
//! A key is a frame's code object and a word that tells its instruction: the same for
//! the same instruction of the same code object, by one of the two ways. The layouts of
//! a released version do not change; all the same, each chain that is new is compared
//! with what the API says, and the first difference ends the fast walk for good.
//!
//! What is not here: what is made of the keys (`frames`).

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::ptr::null_mut;

use freehold_raw::FREEHOLD_MAX_FRAMES;
use pyo3_ffi::*;

use crate::state::{Locked, State};

/// A code object and what tells the instruction.
pub(crate) type Key = (*mut PyObject, usize);
/// A code object and the instruction, in bytes from its first.
pub(crate) type Point = (*mut PyObject, c_int);

/// One more than is kept, so that the library knows that a stack is cut.
pub(crate) const MOST: usize = FREEHOLD_MAX_FRAMES as usize + 1;

/// Where the fields of a frame are.
#[derive(Clone, Copy)]
struct Fields {
    /// From the frame object to what the interpreter runs; `None` where it runs the
    /// object itself.
    inner: Option<usize>,
    back: usize,
    code: usize,
    /// The instruction: a word, or 32 bits.
    instruction: usize,
    is_word: bool,
    /// One byte, which is 3 in frames that are no functions'.
    owner: Option<usize>,
}

/// By minor version; of the headers of CPython, `cpython/frameobject.h` to 3.10 and
/// `internal/pycore_frame.h` from 3.11 on, on 64-bit machines.
fn fields(minor: u32) -> Option<Fields> {
    let (inner, back, code, instruction, is_word, owner) = match minor {
        9 => (None, 24, 32, 104, false, None),
        10 => (None, 24, 32, 96, false, None),
        11 => (Some(24), 48, 32, 56, true, None),
        12 | 13 => (Some(24), 8, 0, 56, true, Some(70)),
        _ => return None,
    };
    Some(Fields {
        inner,
        back,
        code,
        instruction,
        is_word,
        owner,
    })
}

static FIELDS: Locked<Option<Fields>> = Locked::new(None);
/// The code of frames that the interpreter puts between `__init__` and its caller, from
/// 3.12 on; null until one was met. It is the interpreter's, and never goes.
static SHIM: Locked<*mut PyObject> = Locked::new(null_mut());

/// Begins to walk by the fields, if those of this Python are known.
///
/// # Safety
/// The caller holds the interpreter's lock.
pub(crate) unsafe fn begin() {
    // SAFETY: promised by the caller; the version is a text, and other things are
    // asked of `sys`, whose objects are borrowed.
    unsafe {
        let version = core::ffi::CStr::from_ptr(Py_GetVersion()).to_bytes();
        let minor = version.strip_prefix(b"3.").map(|rest| {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
            digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
        });
        // Builds for debugging have objects of another form, and not all releases are.
        let is_debug = !PySys_GetObject(c"gettotalrefcount".as_ptr()).is_null();
        let is_release = !version
            .iter()
            .take_while(|byte| **byte != b' ')
            .any(u8::is_ascii_alphabetic);
        let known = minor.and_then(fields);
        *FIELDS.get() =
            known.filter(|_| cfg!(target_pointer_width = "64") && !is_debug && is_release);
    }
}

/// Whether the fast walk is made, for tests.
///
/// # Safety
/// The caller holds the interpreter's lock.
pub(crate) unsafe fn is_fast() -> bool {
    // SAFETY: promised by the caller; nothing runs while the cell is used.
    unsafe { FIELDS.get().is_some() }
}

/// Writes the keys of the frames that run, the innermost first; gives their number and
/// a hash, of which the upper bits are the best.
///
/// # Safety
/// The caller holds the interpreter's lock.
#[inline]
pub(crate) unsafe fn keys(state: &State, keys: &mut [MaybeUninit<Key>; MOST]) -> (usize, u64) {
    // SAFETY: promised by the caller; nothing runs while the cell is used.
    let (count, sum) = match unsafe { *FIELDS.get() } {
        // SAFETY: promised by the caller; the fields are those of this version.
        Some(fields) => unsafe { by_fields(&fields, keys) },
        None => {
            let (mut count, mut hash) = (0, 0);
            // SAFETY: promised by the caller.
            unsafe {
                by_api(state, |(code, instruction)| {
                    hash = mixed(hash, code, instruction as usize);
                    keys[count].write((code, instruction as usize));
                    count += 1;
                });
            }
            (count, hash)
        }
    };
    // For each frame as little as will do, since each waits for the one before it.
    (count, sum.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[inline(always)]
fn mixed(hash: u64, code: *mut PyObject, instruction: usize) -> u64 {
    let word = code as u64 ^ (instruction as u64).rotate_left(40);
    hash.rotate_left(5).wrapping_add(word)
}

/// # Safety
/// The caller holds the interpreter's lock, and frames of this Python have these fields.
#[inline]
unsafe fn by_fields(fields: &Fields, keys: &mut [MaybeUninit<Key>; MOST]) -> (usize, u64) {
    let (mut count, mut hash) = (0, 0);
    // SAFETY: promised by the caller; frames that run stay until they return, and lead
    // to such frames.
    unsafe {
        let shim = *SHIM.get();
        let top: *mut u8 = PyEval_GetFrame().cast();
        let mut frame = match fields.inner {
            Some(at) if !top.is_null() => top.add(at).cast::<*mut u8>().read(),
            _ => top,
        };
        while !frame.is_null() && count < MOST {
            if fields.owner.is_none_or(|at| frame.add(at).read() != 3) {
                let code = frame.add(fields.code).cast::<*mut PyObject>().read();
                if code == shim {
                    frame = frame.add(fields.back).cast::<*mut u8>().read();
                    continue;
                }
                let at = frame.add(fields.instruction);
                let instruction = match fields.is_word {
                    true => at.cast::<usize>().read(),
                    false => at.cast::<u32>().read() as usize,
                };
                keys[count].write((code, instruction));
                hash = mixed(hash, code, instruction);
                count += 1;
            }
            frame = frame.add(fields.back).cast::<*mut u8>().read();
        }
    }
    (count, hash)
}

/// The points of the frames that run, by the API. `None` when the fast walk did not find
/// the same code objects: then the keys are of no use, and the next walk is another one,
/// without what it met, or by the API.
///
/// # Safety
/// The caller holds the interpreter's lock, and has run nothing since the keys were
/// written.
pub(crate) unsafe fn points(state: &State, keys: &[Key]) -> Option<Vec<Point>> {
    let mut points = Vec::with_capacity(keys.len());
    // SAFETY: promised by the caller; nothing runs while the cell is used.
    unsafe {
        by_api(state, |point| points.push(point));
        let same = points.len() == keys.len()
            && core::iter::zip(&points, keys).all(|(point, key)| point.0 == key.0);
        if !same {
            learn(&points, keys);
            return None;
        }
    }
    Some(points)
}

/// Finds out why the two walks differ. But for the one known reason the fast walk ends.
///
/// # Safety
/// As for [`points`].
#[cold]
unsafe fn learn(points: &[Point], keys: &[Key]) {
    let same = core::iter::zip(points, keys).take_while(|(point, key)| point.0 == key.0);
    let met = keys.get(same.count()).map(|key| key.0);
    // SAFETY: promised by the caller. The code of the shim is a code object whose file is
    // no file: nobody set it (3.12), or it is the name of the function (3.13).
    // Attributes of code are read in C.
    unsafe {
        let is_shim = |code: *mut PyObject| {
            let file = PyObject_GetAttrString(code, c"co_filename".as_ptr());
            PyErr_Clear();
            let is_shim = !file.is_null()
                && (PyUnicode_Check(file) == 0
                    || PyUnicode_CompareWithASCIIString(file, c"__init__".as_ptr()) == 0);
            Py_XDECREF(file);
            is_shim
        };
        match (met, points.first()) {
            (Some(code), Some(point))
                if SHIM.get().is_null() && Py_TYPE(code) == Py_TYPE(point.0) && is_shim(code) =>
            {
                *SHIM.get() = code;
            }
            _ => *FIELDS.get() = None,
        }
    }
}

/// # Safety
/// The caller holds the interpreter's lock.
unsafe fn by_api(state: &State, mut each: impl FnMut(Point)) {
    let newer = &state.newer;
    let (Some(back), Some(code)) = (newer.back, newer.code) else {
        return;
    };
    // SAFETY: promised by the caller. Frames that run, and their code, are held by the
    // interpreter until they return, which none of them does meanwhile: so references
    // are given back at once.
    unsafe {
        let mut frame: *mut PyObject = PyEval_GetFrame().cast();
        for _ in 0..MOST {
            if frame.is_null() {
                break;
            }
            let of = code(frame);
            Py_DECREF(of);
            let instruction = match newer.instruction {
                Some(instruction) => instruction(frame),
                None => instruction_of_old(frame),
            };
            each((of, instruction));
            frame = back(frame);
            if !frame.is_null() {
                Py_DECREF(frame);
            }
        }
    }
}

/// The instruction in Python 3.9 and 3.10.
///
/// # Safety
/// The caller holds the interpreter's lock; `frame` is a frame.
#[cold]
unsafe fn instruction_of_old(frame: *mut PyObject) -> c_int {
    static NAME: Locked<*mut PyObject> = Locked::new(null_mut());
    // SAFETY: promised by the caller; an attribute in C, so no Python runs.
    unsafe {
        if NAME.get().is_null() {
            *NAME.get() = PyUnicode_InternFromString(c"f_lasti".as_ptr());
        }
        let number = PyObject_GetAttr(frame, *NAME.get());
        if number.is_null() {
            PyErr_Clear();
            return -1;
        }
        let instruction = PyLong_AsLong(number) as c_int;
        Py_DECREF(number);
        instruction
    }
}
