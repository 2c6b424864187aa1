//! From any word to the block that it points to.
//!
//! ```text
//! word bits   46..30        29..8           the block's place
//!             top[2^17] ->  leaf[2^22]  ->  entries[i]
//! ```
//! A leaf knows for each 256 bytes (a *granule*) the first block that starts
//! there, or else a block that covers it, where blocks start, and where short
//! ones end. That is all it takes for a pointer to the start of a short block:
//! entries are read for others only, because each place that is read at random
//! costs a cache miss. Blocks of a megabyte and more are only entered where
//! they start: one reservation of a terabyte must not fill tables.

use crate::leaf::{GRANULE_BITS, GRANULES, Granule, LEAF_BITS, LEAF_BYTES, Leaf, Words, page_of};
use crate::memory::{List, Plain, Region};
use crate::{Block, Error};

/// User addresses have this many bits.
const ADDRESS_BITS: u32 = 47;
/// Blocks from this size on are not entered in every granule.
const LARGE: u64 = 1 << 20;
/// In a word of `top`: a large block reaches into this gigabyte.
const HAS_LARGE: u64 = 1;

/// With so many blocks, leaves are worth huge pages.
const MANY: usize = 1 << 17;

/// No block.
pub(crate) const NONE: u32 = u32::MAX;

/// One block: 24 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// The address, and [`Block`] flags from bit 48 on.
    head: u64,
    pub(crate) size: u64,
    pub(crate) tag: u64,
}

// SAFETY: three integers.
unsafe impl Plain for Entry {}

const HEAD_SHIFT: u32 = 48;
const ADDRESS: u64 = (1 << HEAD_SHIFT) - 1;
/// All of the block can be read directly: our own flag, beside the caller's.
pub(crate) const DIRECT: u8 = 1 << 7;

impl Entry {
    #[inline]
    pub(crate) fn start(&self) -> u64 {
        self.head & ADDRESS
    }

    #[inline]
    pub(crate) fn end(&self) -> u64 {
        self.start() + self.size
    }

    #[inline]
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.head >> HEAD_SHIFT & u64::from(flag) != 0
    }

    pub(crate) fn set(&mut self, flag: u8) {
        self.head |= u64::from(flag) << HEAD_SHIFT;
    }
}

/// All blocks, found by address.
pub(crate) struct Index {
    pub(crate) entries: List<Entry>,
    /// For each block the nearest earlier one that reaches beyond its start;
    /// empty when no two blocks overlap.
    parents: List<u32>,
    large: List<u32>,
    top: Region,
    /// Address and size of each leaf.
    leaves: List<u64>,
    /// Read by lookups in gigabytes where only large blocks are.
    empty: Region,
    pub(crate) low: u64,
    pub(crate) span: u64,
}

impl Index {
    /// An index with no blocks yet.
    pub(crate) fn new() -> Result<Index, Error> {
        Ok(Index {
            entries: List::new(1 << 12)?,
            parents: List::new(0)?,
            large: List::new(0)?,
            top: Region::new(8 << (ADDRESS_BITS - LEAF_BITS))?,
            leaves: List::new(0)?,
            empty: Region::new(LEAF_BYTES)?,
            low: 0,
            span: 0,
        })
    }

    /// Whether a block can be judged at all.
    pub(crate) fn accepts(block: &Block) -> bool {
        let end = block.address.checked_add(block.size);
        block.address != 0 && end.is_some_and(|end| end < 1 << ADDRESS_BITS)
    }

    /// Adds a block that is accepted.
    pub(crate) fn push(&mut self, block: &Block) -> Result<(), Error> {
        if self.entries.len() as u32 >= NONE - 1 {
            return Err(Error::TooManyBlocks);
        }
        self.entries.push(Entry {
            head: block.address | u64::from(block.flags & !DIRECT) << HEAD_SHIFT,
            size: block.size,
            tag: block.tag,
        })
    }

    /// Notes a released block. A page is taken for an allocator's from the
    /// second one on: the single tombstone of a large block that went back to
    /// the kernel says nothing about what was mapped there later.
    pub(crate) fn bury(&mut self, address: u64) -> Result<(), Error> {
        let leaf = self.leaf(address)?;
        let page = page_of(address);
        let mut tombs = Words::tombs(leaf);
        if tombs.get(page) {
            Words::pages(leaf).set(page);
        }
        tombs.set(page);
        Ok(())
    }

    /// Sorts, and fills the tables.
    pub(crate) fn build(&mut self) -> Result<(), Error> {
        let order = |a: &Entry, b: &Entry| {
            (a.start(), core::cmp::Reverse(a.size)).cmp(&(b.start(), core::cmp::Reverse(b.size)))
        };
        if !self.entries.is_sorted_by(|a, b| order(a, b).is_le()) {
            self.entries.sort_unstable_by(order);
        }
        let mut reach = 0;
        let mut overlapping = false;
        for i in 0..self.entries.len() {
            let entry = self.entries[i];
            overlapping |=
                i > 0 && (entry.start() < reach || entry.start() == self.entries[i - 1].start());
            reach = reach.max(entry.end());
            self.enter(i as u32, &entry)?;
        }
        if let Some(first) = self.entries.first() {
            self.low = first.start();
            // A block of no bytes is found by its start.
            let last = self.entries.last().map_or(0, Entry::start);
            self.span = reach.max(last + 1) - self.low;
        }
        if overlapping {
            self.nest()?;
        }
        Ok(())
    }

    fn enter(&mut self, i: u32, entry: &Entry) -> Result<(), Error> {
        let start = entry.start();
        let last = start + entry.size.max(1) - 1;
        if entry.size >= LARGE {
            self.large.push(i)?;
            for gigabyte in start >> LEAF_BITS..=last >> LEAF_BITS {
                self.mark_large(gigabyte as usize);
            }
            for address in [start, last] {
                let leaf = self.leaf(address)?;
                Words::pages(leaf).set(page_of(address));
            }
            let leaf = self.leaf(start)?;
            Words::granules(leaf).start_here(start, i, &self.entries);
            return Ok(());
        }
        let leaf = self.leaf(start)?;
        Words::granules(leaf).start_here(start, i, &self.entries);
        Words::pages(leaf).set(page_of(start));
        let mut address = ((start >> GRANULE_BITS) + 1) << GRANULE_BITS;
        while address <= last {
            let leaf = self.leaf(address)?;
            Words::granules(leaf).cover(address, i);
            Words::pages(leaf).set(page_of(address));
            address += 1 << GRANULE_BITS;
        }
        Ok(())
    }

    fn top(&self) -> &[u64] {
        // SAFETY: a zeroed, page-aligned mapping of words.
        unsafe { core::slice::from_raw_parts(self.top.address() as *const u64, self.top.len() / 8) }
    }

    fn set_top(&mut self, gigabyte: usize, word: u64) {
        let bytes = &mut self.top.bytes_mut()[gigabyte * 8..gigabyte * 8 + 8];
        bytes.copy_from_slice(&word.to_le_bytes());
    }

    fn mark_large(&mut self, gigabyte: usize) {
        let word = match self.top()[gigabyte] {
            0 => self.empty.address(),
            word => word,
        };
        self.set_top(gigabyte, word | HAS_LARGE);
    }

    /// The leaf for an address, made when it is not there.
    fn leaf(&mut self, address: u64) -> Result<Leaf, Error> {
        let gigabyte = (address >> LEAF_BITS) as usize;
        let word = self.top()[gigabyte];
        if word & !HAS_LARGE != 0 && word & !HAS_LARGE != self.empty.address() {
            return Ok(Leaf(word & !HAS_LARGE));
        }
        let leaf = if self.entries.len() < MANY {
            Region::new(LEAF_BYTES)?
        } else {
            Region::dense(LEAF_BYTES)?
        };
        self.leaves.push(leaf.address())?;
        self.leaves.push(leaf.len() as u64)?;
        self.set_top(gigabyte, leaf.address() | word & HAS_LARGE);
        let address = leaf.address();
        // Given back when the index is dropped.
        core::mem::forget(leaf);
        Ok(Leaf(address))
    }

    /// Finds for each block the one around it, where blocks overlap.
    fn nest(&mut self) -> Result<(), Error> {
        self.parents = List::new(self.entries.len())?;
        for i in 0..self.entries.len() {
            let start = self.entries[i].start();
            let mut parent = (i as u32).wrapping_sub(1);
            while parent != NONE {
                let other = &self.entries[parent as usize];
                if other.end() > start || other.start() == start {
                    break;
                }
                parent = self.parents[parent as usize];
            }
            self.parents.push(parent)?;
        }
        Ok(())
    }

    /// Notes the words of block `i` where lookups see them, when all of it can
    /// be read directly. Only after [`Index::build`].
    pub(crate) fn hold(&self, i: usize) {
        let entry = &self.entries[i];
        if !self.nested() && entry.size < LARGE {
            self.granules(entry.start())
                .hold(entry.start(), entry.end());
        }
    }

    /// Forgets in the granules that block `i` was reached.
    pub(crate) fn forget(&self, i: usize) {
        let start = self.entries[i].start();
        self.granules(start).forget(start);
    }

    /// The granules for the start of a block.
    fn granules(&self, start: u64) -> Words {
        let top = self.top()[(start >> LEAF_BITS) as usize];
        Words::granules(Leaf(top & !HAS_LARGE))
    }

    /// Whether some blocks lie in others.
    #[inline]
    pub(crate) fn nested(&self) -> bool {
        !self.parents.is_empty()
    }

    /// The block around block `i`, if [`Index::nested`].
    pub(crate) fn parent(&self, i: u32) -> u32 {
        self.parents.get(i as usize).copied().unwrap_or(NONE)
    }

    /// First step of a lookup: the place in the granules, to be prefetched;
    /// null when no block is near. `word - low < span` must hold.
    #[inline]
    pub(crate) fn granule(&self, word: u64) -> *const Granule {
        debug_assert!(word >> ADDRESS_BITS == 0);
        // SAFETY: `word` is within `low..low + span`, below 2^47.
        let top = unsafe { *(self.top.address() as *const u64).add((word >> LEAF_BITS) as usize) };
        if top == 0 {
            return core::ptr::null();
        }
        let leaf = (top & !HAS_LARGE) as *const Granule;
        leaf.wrapping_add((word >> GRANULE_BITS) as usize & (GRANULES - 1))
    }

    /// Second step: some block near, to be prefetched. `number` is what the
    /// granule holds.
    #[inline]
    pub(crate) fn near(&self, word: u64, number: u32) -> u32 {
        if number != 0 {
            return number - 1;
        }
        let after = self
            .large
            .partition_point(|&i| self.entries[i as usize].start() <= word);
        match after.checked_sub(1) {
            Some(i) => self.large[i],
            None => NONE,
        }
    }

    /// Third step: the last block that starts at or before `word`.
    #[inline]
    pub(crate) fn before(&self, word: u64, near: u32) -> u32 {
        let mut i = near as usize;
        if self.entries[i].start() > word {
            return (i as u32).wrapping_sub(1);
        }
        while let Some(next) = self.entries.get(i + 1)
            && next.start() <= word
        {
            i += 1;
        }
        i as u32
    }

    /// The innermost block that holds `address`.
    pub(crate) fn holder(&self, address: u64) -> Option<u32> {
        let after = self.entries.partition_point(|e| e.start() <= address);
        let mut i = (after as u32).wrapping_sub(1);
        while i != NONE {
            if address < self.entries[i as usize].end() {
                return Some(i);
            }
            i = self.parent(i);
        }
        None
    }

    /// Whether an allocator uses the page.
    #[inline]
    pub(crate) fn is_allocator_page(&self, address: u64) -> bool {
        let Some(&top) = self.top().get((address >> LEAF_BITS) as usize) else {
            return false;
        };
        top != 0 && Words::pages(Leaf(top & !HAS_LARGE)).get(page_of(address))
    }

    /// The blocks that are not entered page by page.
    pub(crate) fn large(&self) -> impl Iterator<Item = &Entry> {
        self.large.iter().map(|&i| &self.entries[i as usize])
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        for leaf in self.leaves.chunks_exact(2) {
            let arguments = [leaf[0] as usize, leaf[1] as usize, 0, 0, 0, 0];
            // SAFETY: each was mapped by `leaf` with this size.
            let _ = unsafe { crate::sys::call(libc::SYS_munmap, arguments) };
        }
    }
}
