//! Stacks with the interpreter's frames in them, remembered for each thread.
//!
//! A remembered stack is given again only when the walked stack and every frame of the
//! chain are the same: code object, instruction, and what tells a code object from
//! another one that was made at its place later.
//!
//! What is not here: the walk itself, and how it is remembered (`freehold-unwind`).

use freehold_ledger::format::{Language, MAX_DEPTH, Place as Word, Root};
use freehold_ledger::managed::PlaceText;
use freehold_ledger::writer::Ledger;

use crate::chain::{Chain, Frame, MOST, identity};
use crate::code::{Text, position};
use crate::memory::{Memory, Trusted};
use crate::{Interpreter, Layout};

/// Remembered stacks; each takes two kilobytes where it is used.
const STACKS: usize = 512;
/// Remembered places.
const PLACES: usize = 1024;

/// What a thread remembers. Zeroed bytes are nothing; pages that are not needed stay
/// untouched. It serves one thread at a time, and one ledger.
#[repr(C)]
pub struct History {
    chain: Chain,
    stacks: [Remembered; STACKS],
    places: [Known; PLACES],
    function: Text,
    file: Text,
    walked: [u64; MAX_DEPTH],
    words: [u64; MAX_DEPTH],
}

#[repr(C)]
struct Remembered {
    hash: u64,
    /// The stack as it was walked; 0: nothing is remembered here.
    walked: u32,
    /// The same with the interpreter's frames.
    stack: u32,
    len: usize,
    frames: [Frame; MOST],
}

/// A frame whose place has a number.
#[derive(Clone, Copy)]
#[repr(C)]
struct Known {
    frame: Frame,
    check: u64,
    number: u32,
}

impl History {
    /// The number of the stack `walked` with the frames of the interpreter that runs on
    /// this thread, each where the evaluation function that runs it is; `walked` itself
    /// where there are none, or no room for more.
    #[inline]
    pub fn stack(&mut self, interpreter: &Interpreter, ledger: &Ledger, walked: u32) -> u32 {
        if walked == 0 || !interpreter.read(&mut self.chain) {
            return walked;
        }
        let hash = self.chain.hash;
        let index = (hash ^ u64::from(walked).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 55;
        let known = &self.stacks[index as usize % STACKS];
        let frames = self.chain.frames();
        if known.walked == walked
            && known.hash == hash
            && known.len == frames.len()
            && known.frames[..known.len] == *frames
        {
            return known.stack;
        }
        self.combine(interpreter, ledger, walked, index as usize % STACKS)
    }

    /// Puts a new stack together, and remembers it.
    #[cold]
    #[inline(never)]
    fn combine(
        &mut self,
        interpreter: &Interpreter,
        ledger: &Ledger,
        walked: u32,
        index: usize,
    ) -> u32 {
        let Some((count, root)) = ledger.frames(walked, &mut self.walked) else {
            return walked;
        };
        let mut stack = Words {
            words: &mut self.words,
            len: 0,
            cut: self.chain.cut,
        };
        // SAFETY: the chain was read by the same layout, on this thread.
        let memory = unsafe { Trusted::new() };
        let mut names = Names {
            memory,
            layout: &interpreter.layout,
            places: &mut self.places,
            function: &mut self.function,
            file: &mut self.file,
        };
        let mut frames = self.chain.frames().iter();
        // Those of one call of the evaluation function; whether more follow.
        let mut next_call = |stack: &mut Words<'_>| {
            for frame in frames.by_ref() {
                if frame.code() != 0 {
                    stack.push(Word::word(names.number(ledger, *frame)));
                }
                if frame.is_last() {
                    break;
                }
            }
            frames.len() != 0
        };
        let is_in = |range: &core::ops::Range<usize>, address: u64| {
            range.contains(&(address as usize).wrapping_sub(1))
        };
        let walked_frames = &self.walked[..count];
        // An interpreter whose evaluation function is many has its frames where the
        // first of its own code is.
        let is_evaluation = |address: u64| is_in(&interpreter.evaluation, address);
        // Where there is no room for all, the interpreter's own are those that tell least.
        let is_long = count + self.chain.frames().len() > MAX_DEPTH;
        let has_evaluation = walked_frames.iter().any(|word| is_evaluation(*word));
        let mut more = true;
        for word in walked_frames {
            let is_next = match has_evaluation {
                true => is_evaluation(*word),
                false => is_in(&interpreter.object, *word),
            };
            while more && is_next {
                more = next_call(&mut stack);
                if has_evaluation {
                    break;
                }
            }
            if !is_long || !is_in(&interpreter.object, *word) {
                stack.push(*word);
            }
        }
        // The walk ended before the outermost of them.
        while more {
            more = next_call(&mut stack);
        }
        let root = Root {
            truncated: root.truncated || stack.cut,
            ..root
        };
        let (len, words) = (stack.len, &self.words);
        let number = match ledger.intern_words(root, &words[..len]) {
            0 => return walked,
            number => number,
        };
        let frames = self.chain.frames();
        let known = &mut self.stacks[index];
        known.frames[..frames.len()].copy_from_slice(frames);
        (known.hash, known.len) = (self.chain.hash, frames.len());
        (known.walked, known.stack) = (walked, number);
        number
    }
}

/// The frames of a stack, as long as there is room.
struct Words<'w> {
    words: &'w mut [u64; MAX_DEPTH],
    len: usize,
    cut: bool,
}

impl Words<'_> {
    fn push(&mut self, word: u64) {
        match self.words.get_mut(self.len) {
            Some(place) => {
                *place = word;
                self.len += 1;
            }
            None => self.cut = true,
        }
    }
}

/// Numbers of places.
struct Names<'n> {
    memory: Trusted,
    layout: &'n Layout,
    places: &'n mut [Known; PLACES],
    function: &'n mut Text,
    file: &'n mut Text,
}

impl Names<'_> {
    fn number(&mut self, ledger: &Ledger, frame: Frame) -> u32 {
        let (memory, layout) = (self.memory, self.layout);
        let code = frame.code();
        let field = |offset: usize| memory.word(code + offset).unwrap_or(0);
        let (file, name) = (field(layout.code_file), field(layout.code_name));
        let check = identity(memory, layout, code).unwrap_or(0);
        let mixed = (code ^ frame.instruction.rotate_left(7)) as u64;
        let index = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
        let known = &mut self.places[index as usize % PLACES];
        if known.number != 0 && known.frame == frame && known.check == check {
            return known.number;
        }
        self.function.read(memory, layout, name);
        self.file.read(memory, layout, file);
        let (line, column) = position(memory, layout, frame);
        let number = ledger.add_place(&PlaceText {
            language: Language::Python,
            function: self.function.bytes(),
            file: self.file.bytes(),
            line,
            column,
        });
        *known = Known {
            frame,
            check,
            number,
        };
        number
    }
}
