//! The frames of Python that call, as a stack of the ledger.
//!
//! A chain of frames is the list of their code objects and instructions. Each chain
//! that was seen keeps its stack: to know it again costs a walk, and no text. The
//! caches hold references to the code objects, so that an address is never another
//! one's; both are bounded.
//!
//! What is not here: how frames are walked (`walk`); frames of machine code. A record
//! has either.

use core::ffi::{CStr, c_int};
use core::mem::MaybeUninit;
use core::ptr::{null, null_mut};
use std::collections::HashMap;
use std::ffi::CString;

use freehold_raw::{FREEHOLD_PYTHON, freehold_frame, freehold_stack};
use pyo3_ffi::*;

use crate::state::{Locked, State};
use crate::walk::{self, Key, MOST, Point};

/// Chains that are remembered: one for each value of that many bits of their hash.
const CHAINS: usize = 4096;
/// Places that are remembered before all are forgotten.
const PLACES: usize = 16384;

/// Where a chain with this hash is.
#[inline(always)]
fn place_of(hash: u64) -> usize {
    (hash >> 32) as usize % CHAINS
}

struct Chain {
    hash: u64,
    keys: Box<[Key]>,
    stack: freehold_stack,
}

/// Where a point is, as text.
struct Place {
    function: CString,
    file: CString,
    line: u32,
    column: u32,
    /// Whether it is in this package, which nobody wants to see.
    is_own: bool,
}

struct Caches {
    chains: Vec<Option<Chain>>,
    places: Option<HashMap<Point, Place>>,
    /// The folder of the package, with a separator behind it.
    own: Vec<u8>,
}

static CACHES: Locked<Caches> = Locked::new(Caches {
    chains: Vec::new(),
    places: None,
    own: Vec::new(),
});

/// Names the folder whose functions are left out at the inner end of stacks.
///
/// # Safety
/// The caller holds the interpreter's lock.
pub(crate) unsafe fn set_own(folder: &[u8]) {
    // SAFETY: promised by the caller; nothing runs meanwhile.
    unsafe { CACHES.get().own = folder.to_vec() };
}

/// Sets the stack of the frames that run now, for what the library records next on
/// this thread. [`clear`] ends that.
///
/// # Safety
/// The caller holds the interpreter's lock.
#[inline]
pub(crate) unsafe fn set(state: &State) {
    // SAFETY: promised by the caller.
    unsafe {
        // Twice in the life of a process a walk is made again, another way.
        let _ = attempt(state) || attempt(state) || attempt(state);
    }
}

/// [`set`]; false when the walk is to be made again.
///
/// # Safety
/// As for [`set`].
#[inline(always)]
unsafe fn attempt(state: &State) -> bool {
    // Written before they are read.
    let mut keys = [const { MaybeUninit::<Key>::uninit() }; MOST];
    // SAFETY: promised by the caller.
    let (count, hash) = unsafe { walk::keys(state, &mut keys) };
    // SAFETY: that many were written.
    let keys = unsafe { core::slice::from_raw_parts(keys.as_ptr().cast::<Key>(), count) };
    if keys.is_empty() {
        return true;
    }
    // SAFETY: promised by the caller; nothing runs while the cell is used.
    let known = unsafe { CACHES.get().chains.get(place_of(hash)) };
    if let Some(Some(chain)) = known
        && chain.hash == hash
        && *chain.keys == *keys
        // SAFETY: any number may be passed; a stale one is refused.
        && unsafe { (state.raw.freehold_stack_set)(chain.stack) }
    {
        return true;
    }
    // SAFETY: promised by the caller.
    unsafe { set_new(state, keys, hash) }
}

/// Ends [`set`].
#[inline]
pub(crate) fn clear(state: &State) {
    // SAFETY: 0 is none.
    unsafe { (state.raw.freehold_stack_set)(0) };
}

/// Makes a chain's stack, remembers it and sets it; false when its keys are wrong.
///
/// # Safety
/// The caller holds the interpreter's lock; the keys are those of the frames that run.
#[cold]
unsafe fn set_new(state: &State, keys: &[Key], hash: u64) -> bool {
    // SAFETY: promised by the caller.
    let Some(points) = (unsafe { walk::points(state, keys) }) else {
        return false;
    };
    let mut gone = Vec::new();
    // SAFETY: promised by the caller.
    unsafe {
        for point in &points {
            place(state, *point, &mut gone);
        }
    }
    // SAFETY: promised by the caller; nothing runs until the references in `gone` go.
    let caches = unsafe { CACHES.get() };
    let places = caches.places.get_or_insert_default();
    let mut frames: Vec<freehold_frame> = Vec::with_capacity(points.len());
    for point in &points {
        let Some(place) = places.get(point) else {
            continue;
        };
        if place.is_own && frames.is_empty() {
            continue;
        }
        frames.push(freehold_frame {
            function: place.function.as_ptr(),
            file: place.file.as_ptr(),
            line: place.line,
            column: place.column,
            language: FREEHOLD_PYTHON,
        });
    }
    // SAFETY: the texts are those of the places, which stay until the cell is used again.
    let stack = unsafe { (state.raw.freehold_stack_new)(frames.as_ptr(), frames.len()) };
    // SAFETY: any number may be passed.
    if stack != 0 && unsafe { (state.raw.freehold_stack_set)(stack) } {
        if caches.chains.is_empty() {
            caches.chains.resize_with(CHAINS, || None);
        }
        let keys: Box<[Key]> = keys.into();
        for (code, _) in &keys {
            // SAFETY: code of a frame that runs.
            unsafe { Py_INCREF(*code) };
        }
        let chain = Some(Chain { hash, keys, stack });
        let old = core::mem::replace(&mut caches.chains[place_of(hash)], chain);
        gone.extend(
            old.into_iter()
                .flat_map(|old| old.keys)
                .map(|(code, _)| code),
        );
    }
    for code in gone {
        // SAFETY: these references were the caches'. Whatever runs now may use them.
        unsafe { Py_DECREF(code) };
    }
    true
}

/// Sees to it that a point's place is known. References that are to go come to `gone`.
///
/// # Safety
/// The caller holds the interpreter's lock; the code is that of a frame that runs.
unsafe fn place(state: &State, point: Point, gone: &mut Vec<*mut PyObject>) {
    // SAFETY: promised by the caller; nothing runs while the cell is used.
    let caches = unsafe { CACHES.get() };
    let places = caches.places.get_or_insert_default();
    if places.contains_key(&point) {
        return;
    }
    if places.len() >= PLACES {
        gone.extend(places.drain().map(|((code, _), _)| code));
    }
    let (code, instruction) = point;
    // SAFETY: promised by the caller. These attributes of code objects are texts, and
    // read in C: nothing runs.
    let (function, file, (line, column)) = unsafe {
        let function = text(code, c"co_qualname").or_else(|| text(code, c"co_name"));
        let file = text(code, c"co_filename").unwrap_or_default();
        (
            function.unwrap_or_default(),
            file,
            location(state, code, instruction),
        )
    };
    let is_own = !caches.own.is_empty() && file.as_bytes().starts_with(&caches.own);
    // SAFETY: the cache refers to the code of all its places.
    unsafe { Py_INCREF(code) };
    let place = Place {
        function,
        file,
        line,
        column,
        is_own,
    };
    caches.places.get_or_insert_default().insert(point, place);
}

/// An attribute as text for C; what has a NUL in it is cut there.
///
/// # Safety
/// The caller holds the interpreter's lock; `code` is a code object.
unsafe fn text(code: *mut PyObject, name: &CStr) -> Option<CString> {
    // SAFETY: promised by the caller; the name ends with a NUL, and so do the bytes.
    unsafe {
        let attribute = PyObject_GetAttrString(code, name.as_ptr());
        let bytes = match attribute.is_null() {
            true => null_mut(),
            false => PyUnicode_AsEncodedString(attribute, c"utf-8".as_ptr(), c"replace".as_ptr()),
        };
        Py_XDECREF(attribute);
        if bytes.is_null() {
            PyErr_Clear();
            return None;
        }
        let start = PyBytes_AsString(bytes);
        let text = match start == null::<core::ffi::c_char>().cast_mut() {
            true => None,
            false => Some(CStr::from_ptr(start).to_owned()),
        };
        Py_DECREF(bytes);
        text
    }
}

/// Line and column of an instruction, counted from 1; 0 where they are not known.
///
/// # Safety
/// As for [`text`].
unsafe fn location(state: &State, code: *mut PyObject, instruction: c_int) -> (u32, u32) {
    let known = |number: c_int| u32::try_from(number).unwrap_or(0);
    if let Some(location) = state.newer.location {
        let (mut line, mut column, mut end, mut end_column) = (0, -1, 0, -1);
        // SAFETY: promised by the caller; each result has a place.
        let found = unsafe {
            location(
                code,
                instruction,
                &raw mut line,
                &raw mut column,
                &raw mut end,
                &raw mut end_column,
            )
        };
        if found != 0 {
            return (known(line), known(column.saturating_add(1)));
        }
    }
    // In 3.10 the function takes bytes as the attribute has them, too.
    let line = state.newer.line.map_or(0, |line| {
        // SAFETY: promised by the caller.
        unsafe { line(code, instruction) }
    });
    (known(line), 0)
}
