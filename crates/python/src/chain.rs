//! The frames of a thread, as the interpreter has linked them.
//!
//! What is not here: what they are called (`code`).

use crate::layout::{Frames, Layout};
use crate::memory::Memory;

/// Most entries of a chain.
pub(crate) const MOST: usize = 128;

/// Owners from this number on are the evaluation function itself.
const OF_INTERPRETER: u8 = 3;
/// Pointers to objects may have marks in these bits, and ours have.
const MASK: usize = !3;

/// A frame of Python code: which code, where in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Frame {
    /// The code object, with [`Frame::LAST`] for the outermost that one call of the
    /// evaluation function runs. That alone: such a call runs nothing yet.
    code: usize,
    /// The instruction, as the layout has it.
    pub(crate) instruction: usize,
}

impl Frame {
    const LAST: usize = 1;

    /// The code object, 0 for none.
    pub(crate) fn code(self) -> usize {
        self.code & MASK
    }

    /// Whether it is the outermost that one call of the evaluation function runs.
    pub(crate) fn is_last(self) -> bool {
        self.code & Frame::LAST != 0
    }
}

/// What tells a code object from another one that was made at its place later: its file,
/// its name and its first line. Code that comes from no file, as what `exec` is given,
/// may have all three in common; then the table of its lines counts, too.
#[inline]
pub(crate) fn identity<M: Memory>(memory: M, layout: &Layout, code: usize) -> Option<u64> {
    let file = memory.word(code + layout.code_file)?;
    let name = memory.word(code + layout.code_name)?;
    let line = memory.half(code + layout.code_first_line)? as usize;
    let identity = mix(mix(0, file ^ line), name);
    // `<string>`, `<stdin>` …
    match memory.byte(file + layout.ascii_head)? {
        b'<' => with_lines(memory, layout, code, identity),
        _ => Some(identity),
    }
}

#[cold]
#[inline(never)]
fn with_lines<M: Memory>(memory: M, layout: &Layout, code: usize, mut hash: u64) -> Option<u64> {
    // A `bytes`, in whole words: it ends with a zero, and so does its memory.
    let table = memory.word(code + layout.code_lines)?;
    let len = memory.word(table + 16)?;
    for at in (0..len / 8 * 8).step_by(8) {
        hash = mix(hash, memory.word(table + 32 + at)?);
    }
    for at in len / 8 * 8..len {
        hash = mix(hash, memory.byte(table + 32 + at)?.into());
    }
    Some(mix(hash, len))
}

/// The frames of a thread, innermost first. Zeroed bytes are an empty one.
#[repr(C)]
pub(crate) struct Chain {
    len: usize,
    /// Over the frames, and what tells one code object from a later one at its place.
    pub(crate) hash: u64,
    pub(crate) cut: bool,
    frames: [Frame; MOST],
}

fn mix(hash: u64, word: usize) -> u64 {
    (hash.rotate_left(5) ^ word as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Chain {
    pub(crate) fn frames(&self) -> &[Frame] {
        &self.frames[..self.len]
    }

    fn push(&mut self, frame: Frame) -> bool {
        let Some(place) = self.frames.get_mut(self.len) else {
            self.cut = true;
            return false;
        };
        *place = frame;
        self.len += 1;
        true
    }

    /// Here ends what one call of the evaluation function runs.
    #[inline]
    fn end(&mut self) -> bool {
        match self.frames[..self.len].last_mut() {
            Some(last) if !last.is_last() => {
                last.code |= Frame::LAST;
                true
            }
            _ => self.push(Frame {
                code: Frame::LAST,
                instruction: 0,
            }),
        }
    }

    /// Reads the chain of the thread with this state. False when something cannot be
    /// read: then the chain is as far as it went.
    #[inline]
    pub(crate) fn read<M: Memory>(&mut self, memory: M, layout: &Layout, state: usize) -> bool {
        (self.len, self.hash, self.cut) = (0, 0, false);
        self.try_read(memory, layout, state).is_some()
    }

    #[inline]
    fn try_read<M: Memory>(&mut self, memory: M, layout: &Layout, state: usize) -> Option<()> {
        let mut frame = memory.word(state + layout.thread_frame)?;
        if let Some(offset) = layout.holder_frame {
            frame = memory.word(frame + offset)?;
        }
        while frame != 0 {
            let mut ends = layout.frames == Frames::Objects;
            let owner = match layout.frames {
                Frames::Objects => 0,
                _ => memory.byte(frame + layout.frame_owner)?,
            };
            let is_code = layout.frames != Frames::Separated || owner < OF_INTERPRETER;
            if is_code {
                let code = memory.word(frame + layout.frame_code)? & MASK;
                let at = frame + layout.frame_instruction;
                let instruction = match layout.frames {
                    Frames::Objects => memory.half(at)? as usize,
                    _ => memory.word(at)?,
                };
                let identity = identity(memory, layout, code)?;
                self.hash = mix(mix(self.hash, code), instruction);
                self.hash = mix(self.hash, identity as usize);
                ends |= layout.frames == Frames::Marked && owner != 0;
                if !self.push(Frame { code, instruction }) {
                    return Some(());
                }
            }
            if (ends || !is_code) && !self.end() {
                return Some(());
            }
            frame = memory.word(frame + layout.frame_previous)?;
        }
        Some(())
    }
}
