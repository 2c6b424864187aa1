//! Reading stack words that may not be there.

use crate::{WORD, sys};

/// A way to read words of the own process without ever faulting.
pub(crate) trait Memory {
    /// Whether what can be read is known to stay mapped.
    const ALL_MAPPED: bool;
    /// The aligned word at `address`, if it may be read.
    fn read(&mut self, address: usize) -> Option<usize>;
}

/// The thread's own stack between two addresses, all of it mapped.
#[derive(Clone, Copy)]
pub(crate) struct Direct {
    low: usize,
    length: usize,
}

impl Direct {
    /// # Safety
    ///
    /// All bytes from `low` to `high` must stay readable while the value is used.
    #[inline(always)]
    pub(crate) unsafe fn new(low: usize, high: usize) -> Direct {
        // A word must fit: no byte of it lies behind the end.
        Direct {
            low,
            length: high.saturating_sub(WORD - 1).saturating_sub(low),
        }
    }
}

impl Memory for Direct {
    const ALL_MAPPED: bool = true;

    #[inline(always)]
    fn read(&mut self, address: usize) -> Option<usize> {
        if address.wrapping_sub(self.low) >= self.length || address & (WORD - 1) != 0 {
            return None;
        }
        // SAFETY: inside the readable range by the promise given to `new`, aligned.
        Some(unsafe { load(address) })
    }
}

/// Loads a stack word.
///
/// # Safety
///
/// `address` must be aligned and readable.
#[inline(always)]
pub(crate) unsafe fn load(address: usize) -> usize {
    // SAFETY: the caller's promise. The word belongs to some frame of this very
    // thread, which does not run now; volatile, because what the compiler knows
    // of those frames' variables must not answer for it.
    unsafe { core::ptr::with_exposed_provenance::<usize>(address).read_volatile() }
}

const CHUNK: usize = 64;

/// Any memory of the process, through the kernel, a chunk at a time.
pub(crate) struct Kernel {
    base: usize,
    words: [usize; CHUNK],
}

impl Kernel {
    pub(crate) fn new() -> Kernel {
        Kernel {
            base: usize::MAX,
            words: [0; CHUNK],
        }
    }
}

impl Memory for Kernel {
    const ALL_MAPPED: bool = false;

    fn read(&mut self, address: usize) -> Option<usize> {
        if address & (WORD - 1) != 0 {
            return None;
        }
        // Chunks are aligned to their size, so none straddles a page.
        let base = address & !(CHUNK * WORD - 1);
        if base != self.base {
            self.base = usize::MAX;
            if !sys::read_own_memory(base, &mut self.words) {
                return None;
            }
            self.base = base;
        }
        Some(self.words[(address - base) / WORD])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direct_reads_stay_inside() {
        let words = [1usize, 2, 3, 4];
        let at = words.as_ptr() as usize;
        // SAFETY: the array outlives the reads.
        let mut memory = unsafe { Direct::new(at, at + 3 * WORD) };
        assert_eq!(
            [0, 1, 2].map(|i| memory.read(at + i * WORD)),
            [Some(1), Some(2), Some(3)]
        );
        for outside in [at - WORD, at + 3 * WORD, at + WORD / 2, 0, usize::MAX - 7] {
            assert_eq!(memory.read(outside), None, "{outside:x}");
        }
        // SAFETY: an empty range.
        assert_eq!(unsafe { Direct::new(at, at) }.read(at), None);
    }

    #[test]
    fn kernel_reads_agree_and_fail_softly() {
        let words = [7usize; 300];
        let mut memory = Kernel::new();
        assert!((0..300).all(|i| memory.read(words.as_ptr() as usize + i * WORD) == Some(7)));
        for nowhere in [
            0,
            8,
            4096,
            // Nobody's, or the kernel's.
            if WORD == 8 { 1 << 46 } else { 3 << 13 },
            usize::MAX & !7,
            (words.as_ptr() as usize) + 1,
        ] {
            assert_eq!(memory.read(nowhere), None);
        }
    }
}
