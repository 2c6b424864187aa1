//! Following pointers.
//!
//! A lookup is three dependent loads that mostly miss the cache. So words that
//! might be pointers are gathered, and each step is taken for all of them
//! before the next: the processor then waits for many loads at once.

use crate::Error;
use crate::copy::Copier;
use crate::leaf::{Granule, Place};
use crate::memory::{Bits, List, Plain, Region};
use crate::pages::{Index, NONE};
use crate::python::PythonLong;
use crate::residency::Run;
use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Words gathered before they are looked up.
const BATCH: usize = 32;
/// Words scanned between two looks at how many were gathered.
const STRIDE: usize = 32;
/// Bytes copied at a time where reading could fault.
const CHUNK: usize = 64 << 10;

/// What a pointer to the middle of a block is worth.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interior {
    /// It is noted, and its block is not followed.
    Noted,
    /// As much as a pointer to the start.
    Followed,
}

/// A word, and a block near it.
#[derive(Clone, Copy)]
struct Near {
    word: u64,
    block: u32,
    #[expect(dead_code, reason = "no byte may be undefined")]
    zero: u32,
}

// SAFETY: integers, without padding.
unsafe impl Plain for Near {}

impl Near {
    fn new(word: u64, block: u32) -> Near {
        Near {
            word,
            block,
            zero: 0,
        }
    }
}

/// The state of a scan.
pub(crate) struct Marker<'a> {
    pub(crate) index: &'a Index,
    pub(crate) runs: &'a [Run],
    python: Option<PythonLong>,
    interior: Interior,
    /// Blocks that were reached.
    pub(crate) marked: Bits,
    /// Blocks with a pointer into their middle.
    pub(crate) noted: Bits,
    /// Reached, and not yet read. Room for all blocks from the start: a block
    /// gets here once.
    pub(crate) work: List<u32>,
    /// Words in the range of the blocks; later, their granules. Not on the
    /// stack, which is the program's and may be small.
    batch: List<u64>,
    pub(crate) gathered: usize,
    near: List<Near>,
    copier: Copier,
    buffer: Option<Region>,
    /// Bytes read of blocks.
    pub(crate) block_bytes: u64,
    /// Bytes that could not be read.
    pub(crate) unreadable_bytes: u64,
}

impl<'a> Marker<'a> {
    pub(crate) fn new(
        index: &'a Index,
        runs: &'a [Run],
        python: Option<PythonLong>,
    ) -> Result<Marker<'a>, Error> {
        let len = index.entries.len();
        Ok(Marker {
            index,
            runs,
            python,
            interior: Interior::Noted,
            marked: Bits::new(len)?,
            noted: Bits::new(len)?,
            work: List::new(len)?,
            batch: List::zeroed(BATCH + STRIDE)?,
            gathered: 0,
            near: List::zeroed(BATCH + STRIDE)?,
            copier: Copier::new(),
            buffer: Some(Region::new(CHUNK + 8)?),
            block_bytes: 0,
            unreadable_bytes: 0,
        })
    }

    /// Sets what interior pointers are worth from now on. Nothing may be left
    /// to follow.
    pub(crate) fn interior(&mut self, interior: Interior) {
        debug_assert!(self.gathered == 0 && self.work.is_empty());
        self.interior = interior;
    }

    /// Takes a block for reached.
    pub(crate) fn mark(&mut self, block: u32) {
        if self.marked.set(block as usize) {
            // Room was made for all blocks.
            let pushed = self.work.push(block);
            debug_assert!(pushed.is_ok());
        }
    }

    /// Looks at a word that is not in memory, such as a register.
    pub(crate) fn word(&mut self, word: u64) {
        if word.wrapping_sub(self.index.low) < self.index.span {
            self.batch[self.gathered] = word;
            self.gathered += 1;
            self.look_up();
        }
    }

    /// Scans memory. With `copy`, it may be gone.
    ///
    /// # Safety
    /// Without `copy`, all of `start..end` must be readable.
    pub(crate) unsafe fn memory(&mut self, start: u64, end: u64, copy: bool) {
        if !copy {
            // SAFETY: promised by the caller.
            unsafe { self.words(start, end) };
            return;
        }
        let Some(mut buffer) = self.buffer.take() else {
            return;
        };
        let mut copier = core::mem::replace(&mut self.copier, Copier::new());
        let start = start.next_multiple_of(8);
        let bytes = &mut buffer.bytes_mut()[..CHUNK];
        self.unreadable_bytes += copier.chunks(start, end, bytes, &mut |chunk| {
            let from = chunk.as_ptr() as u64;
            // SAFETY: the chunk lies in our buffer, which has 8 bytes more.
            unsafe { self.words(from, from + chunk.len() as u64) };
        });
        self.copier = copier;
        self.buffer = Some(buffer);
    }

    /// Scans the aligned words of `start..end`.
    ///
    /// # Safety
    /// All of it must be readable.
    pub(crate) unsafe fn words(&mut self, start: u64, end: u64) {
        let start = start.next_multiple_of(8);
        if start >= end {
            return;
        }
        let count = (end - start) as usize / 8;
        // SAFETY: promised by the caller; an aligned word that begins in
        // readable memory is on one page.
        unsafe {
            match self.python {
                Some(python) => self.words_and_integers(start, count, end, python),
                None => self.plain_words(start as *const u64, count),
            }
        }
    }

    /// # Safety
    /// `count` words from `at` on must be readable.
    #[inline]
    unsafe fn plain_words(&mut self, at: *const u64, count: usize) {
        let (low, span) = (self.index.low, self.index.span);
        let batch = self.batch.as_mut_ptr();
        let mut i = 0;
        while i < count {
            let stop = (i + STRIDE).min(count);
            let mut gathered = self.gathered;
            while i < stop {
                // SAFETY: `i < count`. Volatile, because the program may use
                // this memory in ways that the compiler must not reason about.
                let word = unsafe { at.add(i).read_volatile() };
                // SAFETY: `gathered < BATCH` at the start of a stride, which
                // adds at most `STRIDE`.
                unsafe { *batch.add(gathered) = word };
                gathered += usize::from(word.wrapping_sub(low) < span);
                i += 1;
            }
            self.gathered = gathered;
            if gathered >= BATCH {
                self.look_up();
            }
        }
    }

    /// As [`Marker::plain_words`], and integers of CPython too.
    ///
    /// # Safety
    /// `start..end` must be readable.
    #[cold]
    unsafe fn words_and_integers(
        &mut self,
        start: u64,
        count: usize,
        end: u64,
        python: PythonLong,
    ) {
        // The last digit can be half a word at the end of a block of 28 bytes.
        let halves = (end - start) as usize / 4;
        let at = start as *const u64;
        let mut done = 0;
        for i in 0..count.saturating_sub(1) {
            // SAFETY: within the words that the caller promised.
            let words = unsafe { [at.add(i).read_volatile(), at.add(i + 1).read_volatile()] };
            if words[0] != python.type_address {
                continue;
            }
            let digit = i * 2 + 4;
            if let Some(digits) = python.digits(words[1])
                && digit + digits as usize <= halves
            {
                // SAFETY: the digits end at or before `end`.
                let value = unsafe {
                    let at = at.cast::<u32>();
                    let low = at.add(digit).read_volatile();
                    let high = if digits == 2 {
                        at.add(digit + 1).read_volatile()
                    } else {
                        0
                    };
                    PythonLong::value([low, high], digits)
                };
                self.word(value);
            }
            // Keep what `plain_words` reads in the cache it is in now.
            if i - done >= 512 {
                // SAFETY: a part of the promised words.
                unsafe { self.plain_words(at.add(done), i - done) };
                done = i;
            }
        }
        // SAFETY: the rest of them.
        unsafe { self.plain_words(at.add(done), count - done) };
    }

    /// Looks up all words gathered.
    pub(crate) fn look_up(&mut self) {
        let index = self.index;
        let gathered = self.gathered.min(BATCH + STRIDE);
        self.gathered = 0;
        let mut found = 0;
        for i in 0..gathered {
            let word = self.batch[i];
            let granule = index.granule(word);
            self.near[found] = Near::new(word, 0);
            self.batch[found] = granule as u64;
            found += usize::from(!granule.is_null());
            prefetch(granule.cast());
        }
        let granules = found;
        found = 0;
        let nested = index.nested();
        for i in 0..granules {
            let word = self.near[i].word;
            // SAFETY: `granule` gave a place in a leaf of the index.
            let granule = unsafe { *(self.batch[i] as *const Granule) };
            let near = match granule.find(word) {
                Place::Start(block) if !nested => {
                    self.follow(block, word);
                    continue;
                }
                Place::Start(block) | Place::After(block) => block,
                Place::Open => index.near(word, granule.number),
            };
            if near != NONE {
                self.near[found] = Near::new(word, near);
                found += 1;
                prefetch(index.entries.as_ptr().wrapping_add(near as usize).cast());
            }
        }
        for i in 0..found {
            let Near { word, block, .. } = self.near[i];
            let block = index.before(word, block);
            if block != NONE {
                self.points_at(word, block);
            }
        }
    }

    /// `word` points to block `i`, the last that starts at or before it, or to
    /// one around that.
    #[inline]
    fn points_at(&mut self, word: u64, mut i: u32) {
        loop {
            let entry = &self.index.entries[i as usize];
            let start = entry.start();
            if word == start {
                self.follow(i, start);
            } else if word < entry.end() {
                match self.interior {
                    Interior::Noted => {
                        self.noted.set(i as usize);
                    }
                    Interior::Followed => self.follow(i, start),
                }
            }
            if !self.index.nested() {
                return;
            }
            i = self.index.parent(i);
            if i == NONE {
                return;
            }
        }
    }

    #[inline]
    fn follow(&mut self, i: u32, start: u64) {
        if !self.marked.get(i as usize) {
            prefetch(start as *const u8);
            prefetch(self.index.entries.as_ptr().wrapping_add(i as usize).cast());
            self.mark(i);
        }
    }
}

#[inline]
pub(crate) fn prefetch(address: *const u8) {
    // SAFETY: a prefetch of any address is without effect on the program.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}

#[cfg(test)]
#[path = "mark_tests.rs"]
mod tests;
