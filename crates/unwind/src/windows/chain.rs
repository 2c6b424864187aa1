//! The rule of a return address in a 32-bit program, which has no function tables:
//! the chain of frame pointers.

use super::sys::region;
use crate::calls;
use crate::rule::Rule;

/// Works out the rule for a return address, which may be anything.
///
/// Functions may use `ebp` for something else, and then what it leads to may be
/// anything, too. So a return address must lie in pages with code, behind what may be
/// a call; the walk sees to it that each frame lies above the last one, on the stack.
pub(crate) fn compute(address: usize) -> Rule {
    if region(address - 1).is_code() && calls::is_before(address) {
        Rule::FRAME_POINTER
    } else {
        Rule::NOT_CODE
    }
}

#[cfg(test)]
mod tests {
    use core::arch::naked_asm;
    use core::hint::black_box;
    use std::vec::Vec;

    use crate::{Entry, MAX_DEPTH, StackBounds, walk};

    struct Seen {
        frames: Vec<usize>,
        approximate: bool,
        bp: usize,
    }

    /// Of the numbers only the room is used, for those that `seen` is given.
    #[unsafe(naked)]
    extern "C" fn hook(result: &mut Seen, slot: usize, bp: usize) {
        naked_asm!("mov [esp + 8], esp", "mov [esp + 12], ebp", "jmp {f}", f = sym seen)
    }

    extern "C" fn seen(result: &mut Seen, slot: usize, bp: usize) {
        let mut out = [0; MAX_DEPTH];
        // Another one than the caller's, when the test says so.
        let bp = match result.bp {
            0 => bp,
            other => other,
        };
        let bounds = StackBounds::for_current_thread();
        // SAFETY: the entry is this function's, the bounds are this thread's.
        let stack = unsafe { walk(Entry { slot, bp }, MAX_DEPTH, bounds, &mut out) };
        result.frames = stack.frames.to_vec();
        result.approximate = stack.approximate;
    }

    #[inline(never)]
    fn recurse(depth: usize, result: &mut Seen) -> usize {
        if depth == 0 {
            hook(result, 0, 0);
            return 0;
        }
        black_box(recurse(depth - 1, result)) + 1
    }

    fn frames_of(depth: usize, bp: usize) -> Vec<usize> {
        let mut result = Seen {
            frames: Vec::new(),
            approximate: false,
            bp,
        };
        assert_eq!(recurse(depth, &mut result), depth);
        assert!(result.approximate || result.frames.is_empty());
        result.frames
    }

    #[test]
    fn each_level_of_a_recursion_is_a_frame() {
        let base = frames_of(0, 0).len();
        for depth in [1, 2, 7, 30] {
            let frames = frames_of(depth, 0);
            assert_eq!(frames.len(), base + depth);
            assert!(frames[2..=depth].iter().all(|&f| f == frames[1]));
        }
    }

    #[test]
    fn anything_in_the_register_ends_the_walk_softly() {
        let here = 0usize;
        let at = &raw const here as usize;
        for bp in [1, 8, at, at + 1, at + 64, at + (1 << 19), usize::MAX & !3] {
            assert!(!frames_of(3, bp).is_empty());
        }
    }
}
