//! What was reached, and the reading of memory for words that might be
//! pointers. Which blocks they point to is found in `lookup`.

use crate::Error;
use crate::copy::Copier;
use crate::far::Far;
use crate::follow::ROUND;
use crate::memory::{Bits, List, Plain, Region, ones};
use crate::pages::Index;
use crate::python::PythonLong;
use crate::residency::Run;

/// Words gathered before they are looked up.
pub(crate) const BATCH: usize = 64;
/// Words scanned between two looks at how many were gathered.
pub(crate) const STRIDE: usize = 32;
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

/// A block that is read for what it points to beside itself.
#[derive(Clone, Copy)]
pub(crate) struct Own {
    start: u64,
    end: u64,
    /// Words gathered from here on are its own.
    from: usize,
}

/// A word, and where to look for its block.
#[derive(Clone, Copy)]
pub(crate) struct Near {
    pub(crate) word: u64,
    /// The address of a granule; later, the number of a block.
    pub(crate) place: u64,
}

// SAFETY: two integers.
unsafe impl Plain for Near {}

/// A block to be read: where its words are, or else its number.
#[derive(Clone, Copy)]
pub(crate) struct Item(pub(crate) u64);

// SAFETY: an integer.
unsafe impl Plain for Item {}

impl Item {
    const WORDS_SHIFT: u32 = 48;

    pub(crate) fn number(block: u32) -> Item {
        Item(u64::from(block))
    }

    /// `words` is not 0, and below 64.
    pub(crate) fn words(start: u64, words: u64) -> Item {
        Item(start | words << Item::WORDS_SHIFT)
    }

    /// Its start and count of words, or its number.
    #[inline]
    pub(crate) fn place(self) -> Result<(u64, u64), u32> {
        match self.0 >> Item::WORDS_SHIFT {
            0 => Err(self.0 as u32),
            words => Ok((self.0 & ((1 << Item::WORDS_SHIFT) - 1), words)),
        }
    }
}

/// The state of a scan. It leaves its notes in the index, which then serves no
/// other.
pub(crate) struct Marker<'a> {
    pub(crate) index: &'a Index,
    pub(crate) runs: &'a [Run],
    pub(crate) python: Option<PythonLong>,
    pub(crate) interior: Interior,
    /// Blocks that were reached.
    pub(crate) marked: Bits,
    /// Blocks with a pointer into their middle.
    pub(crate) noted: Bits,
    /// Reached, and not yet read. Room for all blocks from the start: a block
    /// gets here once.
    pub(crate) work: List<Item>,
    /// Those of them that are read next.
    pub(crate) round: List<Item>,
    /// Words in the range of the blocks; later, items. Not on the stack, which is the program's and may be small.
    pub(crate) batch: List<u64>,
    pub(crate) gathered: usize,
    pub(crate) near: List<Near>,
    /// The block whose own words do not count, when one is read for that.
    pub(crate) own: Option<Own>,
    /// Words that are looked up later.
    pub(crate) far: Option<Far>,
    /// Whether words are set aside now.
    pub(crate) later: bool,
    /// Whether some may be left there.
    pub(crate) set_aside: bool,
    /// The region that is looked up next.
    pub(crate) region: usize,
    /// Another batch, for words that were set aside.
    pub(crate) taken: List<u64>,
    /// Of those, what does not point to a start.
    pub(crate) others: List<Near>,
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
            round: List::zeroed(ROUND)?,
            batch: List::zeroed(BATCH + STRIDE)?,
            gathered: 0,
            near: List::zeroed(BATCH + STRIDE)?,
            far: Far::new(index.entries.iter().map(|entry| entry.size).sum())?,
            own: None,
            later: false,
            set_aside: false,
            region: 0,
            taken: List::zeroed(BATCH + STRIDE)?,
            others: List::zeroed(BATCH + STRIDE)?,
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
            self.push(Item::number(block));
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, item: Item) {
        // Room was made for all blocks.
        let pushed = self.work.push(item);
        debug_assert!(pushed.is_ok());
    }

    /// Takes all for unreached but those in `kept`, which must all be marked.
    pub(crate) fn unmark(&mut self, kept: &Bits) {
        for word in 0..kept.words() {
            for bit in ones(self.marked.word(word) & !kept.word(word)) {
                self.index.forget(word * 64 + bit as usize);
            }
        }
        self.marked.copy_from(kept);
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
    pub(crate) unsafe fn plain_words(&mut self, at: *const u64, count: usize) {
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

    /// Marks everything that the blocks `word * 64 + bit` point to, but for
    /// pointers of a block to itself. Nothing is followed. No block may lie in
    /// another.
    pub(crate) fn point_from(&mut self, word: usize, bits: u64) {
        for bit in ones(bits) {
            let i = (word * 64) as u32 + bit;
            let entry = &self.index.entries[i as usize];
            let own = Own {
                start: entry.start(),
                end: entry.end(),
                from: self.gathered,
            };
            self.own = Some(own);
            self.block(i);
            if let Some(own) = self.own.take() {
                self.drop_own(own);
            }
        }
    }

    /// Ends that: what it marked is in [`Marker::marked`].
    pub(crate) fn points_end(&mut self) {
        self.look_up();
        while self.look_up_far() {}
        self.work.truncate(0);
    }

    /// Forgets what was gathered from a block and points into it.
    pub(crate) fn drop_own(&mut self, own: Own) {
        let mut kept = own.from;
        for i in own.from..self.gathered {
            let word = self.batch[i];
            self.batch[kept] = word;
            kept += usize::from(!(own.start..own.end).contains(&word));
        }
        self.gathered = kept;
        self.own = self.own.map(|own| Own { from: 0, ..own });
    }
}

#[cfg(test)]
#[path = "mark_tests.rs"]
mod tests;
