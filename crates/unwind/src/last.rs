//! The last stack that was walked, and walks that join it.
//!
//! Most stacks that were not predicted share their outer frames with the stack
//! before. A walk which comes to a frame of the last walk, in the same state,
//! must go on as that one did if every word which that one read from there on is
//! unchanged. Comparing these words needs no chain of loads: it costs a fraction
//! of the walk.
//!
//! The state of a walk is return address, stack pointer and where rbp is; the
//! last matters only if a frame further out uses it before it is restored.
//!
//! Arrays are filled from the end, innermost frame first, so that the frames of
//! the shared part stay where they are:
//!
//! ```text
//! | free … | inner frames (replaced) | outer frames (kept) |
//!                                    ^ the joint           ^ MAX_DEPTH
//! ```

use crate::memory::Memory;
use crate::trace::{SEED, Trace, mix};
use crate::walk::{Bp, End, walk_traced};
use crate::{Entry, MAX_DEPTH, Stack, StackBounds};

/// The words a walk may depend on and still be remembered: a return address for
/// each frame, and rbp or more for some.
pub(crate) const TRACED: usize = 272;

const USES_BP: u8 = 1;
const SETS_BP: u8 = 2;

/// A walk before a frame. All zero is valid.
#[derive(Clone, Copy)]
struct State {
    sp: usize,
    bp: Bp,
    /// Hash of this frame and those further out.
    hash: u64,
    /// Words read before this frame's step (fresh), or from it on (placed).
    words: u16,
    /// What the step does with rbp.
    flags: u8,
    /// Whether this step or a later one uses rbp as it is here.
    needs_bp: bool,
}

/// The last walk, and space for the next. All zero is valid, and empty.
pub(crate) struct Last {
    /// Rules and depth of the last walk.
    stamp: u64,
    /// A walk may join it.
    usable: bool,
    truncated: bool,
    complete: bool,
    count: usize,
    words: usize,
    /// Place of the outermost frame crossed by frame pointer, plus one.
    approximate: usize,
    placed: Arrays,
    fresh: Arrays,
}

struct Arrays {
    frames: [usize; MAX_DEPTH],
    states: [State; MAX_DEPTH],
    addresses: [usize; TRACED],
    values: [usize; TRACED],
}

/// What a walk was worth.
pub(crate) struct Walked {
    /// All words that decided the result are known and may be read again.
    pub(crate) provable: bool,
    pub(crate) initial_bp: bool,
}

impl Last {
    /// Walks, if possible only as far as to a joint with the last walk.
    ///
    /// # Safety
    ///
    /// As for [`walk`](crate::walk::walk); `stamp` must tell the rules' generation
    /// and the depth, and be zero for none.
    #[inline(always)]
    pub(crate) unsafe fn walk(
        &mut self,
        entry: Entry,
        depth: usize,
        bounds: StackBounds,
        stamp: u64,
    ) -> Walked {
        let first = if self.usable && self.stamp == stamp {
            MAX_DEPTH - self.count
        } else {
            MAX_DEPTH
        };
        self.usable = false;
        let mut recorder = Recorder {
            base: first,
            candidate: first,
            intact: TRACED - self.words.min(TRACED),
            depth: depth.clamp(1, MAX_DEPTH),
            last_truncated: self.truncated,
            last_complete: self.complete,
            placed: &raw const self.placed,
            states: self.fresh.states.as_mut_ptr(),
            addresses: self.fresh.addresses.as_mut_ptr(),
            values: self.fresh.values.as_mut_ptr(),
            count: 0,
            current: 0,
            flags: 0,
            initial_bp: false,
            lost: false,
        };
        // SAFETY: the caller's promise.
        let walked =
            unsafe { walk_traced(entry, depth, bounds, &mut self.fresh.frames, &mut recorder) };
        // Of the step that ended the walk. Its frame may have been taken back.
        self.fresh.states[recorder.current].flags = recorder.flags;
        let joint = if walked.end == End::Joined {
            recorder.candidate
        } else {
            MAX_DEPTH
        };
        let mut initial_bp = recorder.initial_bp;
        if let Some(state) = self.placed.states.get(joint) {
            initial_bp |= state.needs_bp && matches!(state.bp, Bp::Initial(_));
        } else {
            self.complete = walked.end == End::Complete;
            self.truncated = walked.end == End::Truncated;
            self.approximate = 0;
        }
        let traced = !recorder.lost && !walked.untraced;
        self.place(
            walked.count,
            if traced { recorder.count } else { 0 },
            joint,
            walked.approximate,
        );
        self.stamp = stamp;
        self.usable = traced && !walked.foreign;
        let complete_by_tables = self.complete && self.approximate == 0;
        Walked {
            provable: traced && (!walked.foreign || complete_by_tables),
            initial_bp,
        }
    }

    /// Puts fresh frames and words before those from `joint` on.
    fn place(&mut self, frames: usize, words: usize, joint: usize, approximate: usize) {
        let base = joint - frames;
        let (mut hash, mut needs_bp, kept_words) = self
            .placed
            .states
            .get(joint)
            .map_or((SEED, false, 0), |s| (s.hash, s.needs_bp, s.words.into()));
        let Last { placed, fresh, .. } = self;
        placed.frames[base..joint].copy_from_slice(&fresh.frames[..frames]);
        let into = &mut placed.states[base..joint];
        for ((into, from), frame) in into
            .iter_mut()
            .zip(&fresh.states[..frames])
            .zip(&fresh.frames[..frames])
            .rev()
        {
            hash = mix(hash, *frame as u64);
            needs_bp = from.flags & USES_BP != 0 || (from.flags & SETS_BP == 0 && needs_bp);
            let words = (words + kept_words).saturating_sub(from.words.into()) as u16;
            *into = State {
                hash,
                needs_bp,
                words,
                ..*from
            };
        }
        let word_joint = TRACED - kept_words;
        let word_base = word_joint - words;
        placed.addresses[word_base..word_joint].copy_from_slice(&fresh.addresses[..words]);
        placed.values[word_base..word_joint].copy_from_slice(&fresh.values[..words]);
        self.count = MAX_DEPTH - base;
        self.words = TRACED - word_base;
        // The outermost counts: a later walk may join anywhere.
        if self.approximate <= joint {
            self.approximate = if approximate == 0 {
                0
            } else {
                base + approximate
            };
        }
    }

    /// The stack that was walked last.
    pub(crate) fn stack(&self) -> Stack<'_> {
        let base = MAX_DEPTH - self.count;
        let hash = self.placed.states.get(base).map_or(SEED, |s| s.hash);
        Stack {
            frames: &self.placed.frames[base..],
            hash: mix(hash, self.count as u64),
            complete: self.complete,
            truncated: self.truncated,
            approximate: self.approximate != 0,
        }
    }

    /// Addresses and values of the words that decided the last walk, in order.
    pub(crate) fn words(&self) -> (&[usize], &[usize]) {
        let from = TRACED - self.words;
        (&self.placed.addresses[from..], &self.placed.values[from..])
    }

    /// Forgets the last walk.
    pub(crate) fn flush(&mut self) {
        self.usable = false;
    }
}

/// Writes a walk down, and looks for a joint with the last one.
#[derive(Clone, Copy)]
struct Recorder {
    /// Place of the last walk's innermost frame; [`MAX_DEPTH`]: there is none.
    base: usize,
    /// The next frame of the last walk where this one may join.
    candidate: usize,
    /// Words of the last walk before this one are not all unchanged.
    intact: usize,
    depth: usize,
    last_truncated: bool,
    last_complete: bool,
    placed: *const Arrays,
    /// The fresh arrays. Pointers, because the walk keeps a copy of the recorder
    /// in registers.
    states: *mut State,
    addresses: *mut usize,
    values: *mut usize,
    /// Words so far.
    count: usize,
    /// Number of the frame that is being stepped from.
    current: usize,
    /// What that step does with rbp.
    flags: u8,
    initial_bp: bool,
    /// More words than fit.
    lost: bool,
}

impl Recorder {
    /// Whether the last walk from frame `index` on is what a walk would find now.
    #[inline(never)]
    fn joins(&mut self, index: usize, count: usize, bp: Bp, memory: &mut impl Memory) -> bool {
        // SAFETY: the placed arrays are not written during a walk.
        let placed = unsafe { &*self.placed };
        let Some(state) = placed.states.get(index) else {
            return false;
        };
        let outer = MAX_DEPTH - index;
        let same_depth = if self.last_truncated {
            count == index - self.base
        } else {
            // What was no code after the last frame was one frame more.
            count + outer + usize::from(!self.last_complete) <= self.depth
        };
        let words = usize::from(state.words).min(TRACED);
        let from = TRACED - words;
        if !same_depth
            || (state.needs_bp && state.bp != bp)
            || from < self.intact
            || self.count + words > TRACED
        {
            return false;
        }
        for (i, (&address, &value)) in placed.addresses[from..]
            .iter()
            .zip(&placed.values[from..])
            .enumerate()
        {
            if memory.read(address) != Some(value) {
                self.intact = from + i + 1;
                return false;
            }
        }
        true
    }
}

impl Trace for Recorder {
    #[inline(always)]
    fn frame<M: Memory>(
        &mut self,
        count: usize,
        ra: usize,
        sp: usize,
        bp: Bp,
        memory: &mut M,
    ) -> bool {
        // SAFETY: frames are numbered from zero up to less than MAX_DEPTH, and
        // nobody else uses the fresh arrays during a walk.
        unsafe { (*self.states.add(self.current)).flags = self.flags };
        // SAFETY: the placed arrays are not written during a walk.
        let placed = unsafe { &*self.placed };
        // Both go outward: what was passed once is not looked at again.
        while self.candidate < MAX_DEPTH && placed.states[self.candidate].sp < sp {
            self.candidate += 1;
        }
        let index = self.candidate;
        if M::ALL_MAPPED
            && index < MAX_DEPTH
            && placed.states[index].sp == sp
            && placed.frames[index] == ra
            && self.joins(index, count, bp, memory)
        {
            return true;
        }
        (self.current, self.flags) = (count, 0);
        // SAFETY: as above.
        unsafe {
            self.states.add(count).write(State {
                sp,
                bp,
                hash: 0,
                words: self.count as u16,
                flags: 0,
                needs_bp: false,
            });
        }
        false
    }

    #[inline(always)]
    fn word(&mut self, address: usize, value: usize) {
        if self.count >= TRACED {
            self.lost = true;
            return;
        }
        // SAFETY: the arrays are longer than `count`, and nobody else uses them
        // during the walk.
        unsafe {
            self.addresses.add(self.count).write(address);
            self.values.add(self.count).write(value);
        }
        self.count += 1;
    }

    #[inline(always)]
    fn uses_bp(&mut self, initial: bool) {
        self.initial_bp |= initial;
        self.flags |= USES_BP;
    }

    #[inline(always)]
    fn sets_bp(&mut self) {
        self.flags |= SETS_BP;
    }
}
