//! Where the current thread's stack is.

use core::arch::asm;

use super::sys;

/// What may be read directly: the stack of one thread.
///
/// From any live frame inside the bounds up to `high`, all memory is mapped. The
/// part of the stack below its deepest frame so far need not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackBounds {
    /// The lowest address that the stack can reach.
    pub low: usize,
    /// The address behind the outermost frame.
    pub high: usize,
}

impl StackBounds {
    /// Bounds that hold nothing: every stack is read through the system.
    pub const NONE: StackBounds = StackBounds { low: 0, high: 0 };

    /// Whether a return address slot lies on this stack.
    #[inline(always)]
    pub fn contains(&self, slot: usize) -> bool {
        // Subtracting folds the two comparisons into one.
        slot.wrapping_sub(self.low) < self.high - self.low
    }

    /// The stack of the calling thread, or of the fiber that it runs now; call it
    /// once for each thread. Makes one system call, allocates nothing.
    ///
    /// The end is `StackBase` of the thread's `NT_TIB` (winnt.h), which lies where `gs`
    /// points, in 32-bit programs `fs`; the beginning that of the reservation which holds the present frame
    /// (VirtualQuery), of which the system commits pages as the stack grows.
    #[inline(never)]
    pub fn for_current_thread() -> StackBounds {
        let high: usize;
        // SAFETY: the second word of the block that each thread has.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            asm!("mov {}, gs:[8]", out(reg) high, options(pure, readonly, nostack, preserves_flags));
            #[cfg(target_arch = "x86")]
            asm!("mov {}, fs:[4]", out(reg) high, options(pure, readonly, nostack, preserves_flags));
        }
        let marker = 0u8;
        let sp = &raw const marker as usize;
        let low = sys::region(sp).allocation;
        if low == 0 || low > sp || sp >= high {
            return StackBounds::NONE;
        }
        StackBounds { low, high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_the_present_frame_and_differ_between_threads() {
        let look = || {
            let here = 0u8;
            let bounds = StackBounds::for_current_thread();
            assert!(bounds.contains(&raw const here as usize));
            assert!(!bounds.contains(bounds.high) && !bounds.contains(bounds.low - 1));
            bounds
        };
        let own = look();
        let other = std::thread::spawn(look).join().expect("no panic");
        assert!(own.high <= other.low || other.high <= own.low);
        assert!(!StackBounds::NONE.contains(0));
    }
}
