//! The tables for one gigabyte of addresses.

use crate::memory::PAGE;
use crate::pages::Entry;

/// One leaf covers this many bits.
pub(crate) const LEAF_BITS: u32 = 30;
pub(crate) const GRANULE_BITS: u32 = 8;
pub(crate) const GRANULES: usize = 1 << (LEAF_BITS - GRANULE_BITS);
pub(crate) const LEAF_PAGES: usize = 1 << (LEAF_BITS - PAGE.trailing_zeros());

/// A leaf's parts: granules, pages that allocators use, pages with one
/// tombstone.
pub(crate) const LEAF_BYTES: usize = GRANULES * size_of::<Granule>() + 2 * (LEAF_PAGES / 8);

/// Address of a leaf, which lives as long as its index.
#[derive(Clone, Copy)]
pub(crate) struct Leaf(pub(crate) u64);

pub(crate) fn page_of(address: u64) -> usize {
    (address >> PAGE.trailing_zeros()) as usize & (LEAF_PAGES - 1)
}

/// One part of a leaf.
pub(crate) struct Words(u64);

impl Words {
    pub(crate) fn granules(leaf: Leaf) -> Words {
        Words(leaf.0)
    }

    pub(crate) fn pages(leaf: Leaf) -> Words {
        Words(leaf.0 + (GRANULES * size_of::<Granule>()) as u64)
    }

    pub(crate) fn tombs(leaf: Leaf) -> Words {
        Words(leaf.0 + (GRANULES * size_of::<Granule>()) as u64 + LEAF_PAGES as u64 / 8)
    }

    pub(crate) fn get(&self, page: usize) -> bool {
        // SAFETY: `page < LEAF_PAGES`, so the byte is within the leaf.
        unsafe { *(self.0 as *const u8).add(page / 8) >> (page % 8) & 1 != 0 }
    }

    pub(crate) fn set(&mut self, page: usize) {
        // SAFETY: as for `get`; nobody else uses the leaf meanwhile.
        unsafe { *(self.0 as *mut u8).add(page / 8) |= 1 << (page % 8) };
    }

    fn place(&self, address: u64) -> *mut Granule {
        let granule = (address >> GRANULE_BITS) as usize & (GRANULES - 1);
        (self.0 as *mut Granule).wrapping_add(granule)
    }

    /// Block `i` starts at `address`; the first in a granule is kept.
    pub(crate) fn start_here(&mut self, address: u64, i: u32, entries: &[Entry]) {
        // SAFETY: the place is within the leaf, and zeroes are a granule.
        let granule = unsafe { &mut *self.place(address) };
        let started = granule.number != 0 && {
            let other = entries[granule.number as usize - 1].start();
            other >> GRANULE_BITS == address >> GRANULE_BITS
        };
        let bit = if address.is_multiple_of(8) {
            Granule::bit(address)
        } else {
            0
        };
        if !started {
            *granule = Granule {
                number: i + 1,
                starts: bit,
                ..Granule::default()
            };
        } else if bit == 0 || granule.starts & bit != 0 {
            granule.starts = 0;
        } else if granule.starts != 0 {
            granule.starts |= bit;
        }
    }

    /// Block `i` covers the start of the granule; no block starts there yet,
    /// because blocks come in order.
    pub(crate) fn cover(&mut self, address: u64, i: u32) {
        // SAFETY: the place is within the leaf.
        unsafe {
            *self.place(address) = Granule {
                number: i + 1,
                ..Granule::default()
            };
        }
    }

    /// Notes which words are in the block `start..end`, which is in no other
    /// and has no other in it, when it is so short that two granules tell.
    /// Only after all blocks are entered.
    pub(crate) fn hold(&mut self, start: u64, end: u64) {
        let first = (start >> 3) as usize & 31;
        let count = ((end - start) >> 3) as usize;
        let granule = self.place(start);
        // SAFETY: a place within the leaf.
        let starts = unsafe { (*granule).starts };
        if !start.is_multiple_of(8) || starts & Granule::bit(start) == 0 {
            return;
        }
        let beyond = (first + count).saturating_sub(32);
        // What lies in another leaf is not asked for.
        let is_last = start >> GRANULE_BITS & (GRANULES as u64 - 1) == GRANULES as u64 - 1;
        if beyond >= 32 || (first + count >= 32 && is_last) {
            return;
        }
        let ones = |count: usize| ((1u64 << count) - 1) as u32;
        // SAFETY: places within the leaf; the second only when it is one.
        unsafe {
            (*granule).held |= ones(count.min(32 - first)) << first;
            if beyond > 0 {
                (*granule.add(1)).held |= ones(beyond);
            }
        }
    }

    /// Forgets which blocks of the granule were reached.
    pub(crate) fn forget(&mut self, address: u64) {
        // SAFETY: the place is within the leaf.
        unsafe { (*self.place(address)).seen = 0 };
    }
}

/// What is known about 256 bytes of addresses.
///
/// All of it is in one line of the cache, so that a pointer to a short block
/// costs no other miss than this one and that of the block's contents.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(crate) struct Granule {
    /// One more than the first block that starts here, or else than a block
    /// that covers the granule; 0 for none.
    pub(crate) number: u32,
    /// Bit `n`: a block starts `8 * n` bytes in. No bits at all when that does
    /// not tell everything: a start that is not aligned, or two at one address.
    starts: u32,
    /// Bit `n`: word `n` is wholly in a short block that [`Words::hold`] noted.
    held: u32,
    /// Bit `n`: the block that starts there is known to be reached. A clear bit
    /// says nothing.
    seen: u32,
}

/// Where a word points to.
pub(crate) enum Place {
    /// To the start of this block.
    Start(u32),
    /// Not to a start; this is the last block before, if any.
    After(u32),
    /// The granule does not tell.
    Open,
}

impl Granule {
    fn bit(address: u64) -> u32 {
        1 << (address >> 3 & 31)
    }

    /// Whether `word`, which is in this granule, points to the start of a
    /// block.
    #[inline]
    pub(crate) fn is_start(&self, word: u64) -> bool {
        self.starts & Granule::bit(word) != 0 && word.is_multiple_of(8)
    }

    /// Notes that the block that starts at `word` is reached; whether that is
    /// new.
    #[inline]
    pub(crate) fn reach(&mut self, word: u64) -> bool {
        let fresh = self.seen & Granule::bit(word) == 0;
        self.seen |= Granule::bit(word);
        fresh
    }

    /// The block that starts at `word`.
    #[inline]
    pub(crate) fn block(&self, word: u64) -> u32 {
        let earlier = self.starts & (Granule::bit(word) - 1);
        self.number - 1 + earlier.count_ones()
    }

    /// How many words the block that starts at `word` has, if that is known
    /// here; 0 when it is not. `next` is the granule behind this one.
    #[inline]
    pub(crate) fn words(&self, word: u64, next: *const Granule) -> u64 {
        let at = word >> 3 & 31;
        // What is shifted in is not held.
        let held = u64::from(self.held) >> at;
        let starts = u64::from(self.starts) >> at & !1;
        let count = (!held | starts).trailing_zeros();
        if u64::from(count) + at < 32 || count == 0 {
            return u64::from(count);
        }
        // SAFETY: `hold` notes no block that reaches the end of a leaf.
        let next = unsafe { next.read() };
        u64::from(count + (!next.held | next.starts).trailing_zeros())
    }

    /// Finds `word`, which is in this granule.
    #[inline]
    pub(crate) fn find(self, word: u64) -> Place {
        if self.starts == 0 {
            return Place::Open;
        }
        if self.is_start(word) {
            return Place::Start(self.block(word));
        }
        let bit = Granule::bit(word);
        // Without any before, it is the block in front of the first, which for
        // block 0 wraps to none.
        let count = (self.starts & (bit | (bit - 1))).count_ones();
        Place::After(self.number.wrapping_sub(2).wrapping_add(count))
    }
}
