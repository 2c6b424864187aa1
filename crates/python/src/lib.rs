//! The frames of CPython's interpreter, 3.9 to 3.14 on x86-64 Linux, without a change to
//! the program: the interpreter links its frames in memory, and they are read there when
//! a block is recorded.
//!
//! Nothing here takes a lock, allocates or calls into the interpreter but to ask for the
//! calling thread's state. A thread reads its own frames only, so nobody changes them
//! meanwhile.
//!
//! | file | what is there |
//! | --- | --- |
//! | `elf` | symbols of a loaded object |
//! | `layout` | where each version has what |
//! | `memory` | reads, checked or trusted |
//! | `chain` | the frames of a thread |
//! | `code` | function, file, line and column of one |
//! | `history` | stacks with them, remembered |
//!
//! What is not here: other interpreters, interpreters without a global lock, other
//! systems, how reports show the frames.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod chain;
mod code;
mod elf;
mod history;
mod layout;
mod memory;

use core::ffi::c_void;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};

pub use elf::{Dynamic, Object};
pub use history::History;

use chain::Chain;
use elf::Symbols;
use layout::{Layout, TABLE_WORDS, Version};
use memory::{Checked, Memory, Trusted};

type ThisThread = unsafe extern "C" fn() -> *mut c_void;

/// A CPython interpreter in this process.
pub struct Interpreter {
    layout: Layout,
    this_thread: ThisThread,
    /// The type of code objects, and that of texts.
    code_type: usize,
    text_type: usize,
    /// The evaluation function.
    evaluation: Range<usize>,
    /// The object it lies in.
    object: Range<usize>,
}

/// There is none, or none that is known.
const NONE: u32 = 0;
/// Somebody writes down what he has found.
const WRITING: u32 = 1;
/// There is one; whether it is laid out as it should be is not known.
const FOUND: u32 = 2;
/// There is one, and it is.
const TRUSTED: u32 = 3;
/// There is one, and it is not.
const UNKNOWN: u32 = 4;

static STATE: AtomicU32 = AtomicU32::new(NONE);
/// Looks at an interpreter that did not show a frame.
static LOOKS: AtomicU32 = AtomicU32::new(0);
/// After so many it is not looked at any more.
const MOST_LOOKS: u32 = 1000;

struct Place(core::cell::UnsafeCell<Option<Interpreter>>);

// SAFETY: written by whoever moved the state from NONE to WRITING, read by others after
// it was FOUND; an Interpreter is made of numbers.
unsafe impl Sync for Place {}

static PLACE: Place = Place(core::cell::UnsafeCell::new(None));

/// The interpreter of this process, if its frames can be read.
#[inline(always)]
pub fn interpreter() -> Option<&'static Interpreter> {
    // Relaxed: the usual answer is none; `seen` looks again.
    match STATE.load(Ordering::Relaxed) {
        FOUND | TRUSTED => seen(),
        _ => None,
    }
}

#[inline(always)]
fn seen() -> Option<&'static Interpreter> {
    // Acquire: pairs with the release in `look_at`.
    match STATE.load(Ordering::Acquire) {
        // SAFETY: written before, and not again until everybody has forgotten it.
        FOUND | TRUSTED => unsafe { (*PLACE.0.get()).as_ref() },
        _ => None,
    }
}

/// Looks for an interpreter in a loaded object, by what it exports.
///
/// # Safety
/// The object is loaded, and stays so until [`forget`] was called.
pub unsafe fn look_at(object: &Object) {
    // SAFETY: promised by the caller.
    let Some(found) = (unsafe { find(object) }) else {
        return;
    };
    let order = (Ordering::Acquire, Ordering::Relaxed);
    if STATE
        .compare_exchange(NONE, WRITING, order.0, order.1)
        .is_ok()
    {
        // SAFETY: see `Place`.
        unsafe { *PLACE.0.get() = Some(found) };
        LOOKS.store(0, Ordering::Relaxed);
        // Release: it is written.
        STATE.store(FOUND, Ordering::Release);
    }
}

/// Forgets an interpreter whose object may be gone: `is_there` tells of an address in it
/// whether it is. To be called after each `dlclose`, by one thread at a time.
pub fn forget(is_there: impl FnOnce(usize) -> bool) {
    let gone = seen().is_some_and(|known| !is_there(known.evaluation.start));
    if gone || STATE.load(Ordering::Relaxed) == UNKNOWN {
        STATE.store(NONE, Ordering::Release);
    }
}

/// # Safety
/// As for [`look_at`].
unsafe fn find(object: &Object) -> Option<Interpreter> {
    // SAFETY: promised by the caller.
    let symbols = unsafe { Symbols::of(object)? };
    let memory = symbols.memory;
    let (evaluation, length) = symbols.find(c"_PyEval_EvalFrameDefault")?;
    let (this_thread, _) = symbols.find(c"PyGILState_GetThisThreadState")?;
    let (code_type, _) = symbols.find(c"PyCode_Type")?;
    let (text_type, _) = symbols.find(c"PyUnicode_Type")?;
    let (runtime, _) = symbols.find(c"_PyRuntime")?;
    let is_there = |name| symbols.find(name).is_some();
    let hex = symbols
        .find(c"Py_Version")
        .and_then(|(at, _)| memory.word(at));
    let layout = match hex.unwrap_or(0) >> 16 {
        0x030b => Version::V311.layout(),
        0x030c => Version::V312.layout(),
        0 if is_there(c"PyIter_Send") => Version::V310.layout(),
        0 if is_there(c"PyFrame_GetBack") => Version::V39.layout(),
        0 => return None,
        _ => {
            let mut table = [0; TABLE_WORDS];
            for (i, word) in table.iter_mut().enumerate() {
                *word = memory.word(runtime + i * 8)? as u64;
            }
            layout::from_table(&table)?
        }
    };
    Some(Interpreter {
        layout,
        // SAFETY: the function of this name has this type, in all versions.
        this_thread: unsafe { core::mem::transmute::<usize, ThisThread>(this_thread) },
        code_type,
        text_type,
        evaluation: evaluation..evaluation + length.max(1),
        object: object.start..object.end,
    })
}

impl Interpreter {
    /// The state of the calling thread, 0 for a thread of which Python does not know.
    fn state(&self) -> usize {
        // SAFETY: it may be called at any time, on any thread: it reads a word of
        // thread-specific storage.
        unsafe { (self.this_thread)() as usize }
    }

    /// Reads the calling thread's frames. False when there are none.
    #[inline]
    fn read(&self, chain: &mut Chain) -> bool {
        let state = self.state();
        if state == 0 {
            return false;
        }
        // Relaxed: either answer is right.
        if STATE.load(Ordering::Relaxed) != TRUSTED && !self.look(chain, state) {
            return false;
        }
        // SAFETY: the layout was checked, the state is the calling thread's own.
        let memory = unsafe { Trusted::new() };
        chain.read(memory, &self.layout, state) && !chain.frames().is_empty()
    }

    /// Whether the frames of a thread are what they should be, all of them. An
    /// interpreter that has none yet is looked at again later.
    #[cold]
    #[inline(never)]
    fn look(&self, chain: &mut Chain, state: usize) -> bool {
        let is = |object: usize, of: usize| Checked.word(object + 8) == Some(of);
        let is_whole = chain.read(Checked, &self.layout, state);
        let mut frames = chain
            .frames()
            .iter()
            .filter(|frame| frame.code() != 0)
            .peekable();
        if is_whole && frames.peek().is_none() {
            return false;
        }
        let text = |at: usize| {
            Checked
                .word(at)
                .is_some_and(|text| is(text, self.text_type))
        };
        let is_right = is_whole
            && frames.all(|frame| {
                is(frame.code(), self.code_type)
                    && text(frame.code() + self.layout.code_file)
                    && text(frame.code() + self.layout.code_name)
            });
        // A thread may be in the middle of making a frame: what is wrong once is looked
        // at again.
        // Relaxed, all of them: what is found out stands in the code.
        let looks = LOOKS.fetch_add(1, Ordering::Relaxed);
        match is_right {
            true => STATE.store(TRUSTED, Ordering::Relaxed),
            false if looks >= MOST_LOOKS => STATE.store(UNKNOWN, Ordering::Relaxed),
            false => {}
        }
        is_right
    }
}
